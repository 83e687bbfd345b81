//! The one JSON shape of a record and of a session, for every command that prints them.

use jiff::Timestamp;
use serde::Serialize;

use crate::encoded::decoded;
use crate::ids::{AccountId, TranscriptId};
use crate::object::ObjectRef;
use crate::session::{
    Boundary, CommandRecord, Confidence, Defect, Flag, Origin, Reason, Session, SessionKind, SourceDeleted,
    Span, Status, TimeSource,
};

/// The version of the two shapes below; it grows when a field changes its meaning.
pub const SCHEMA: u32 = 1;

/// One command record with the session around it: a line of `search`, `show` and `parse --format jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct RecordDocument<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What the object holds.
    pub kind: SessionKind,
    /// The account that the key claims, or null.
    pub account: Option<AccountId>,
    /// The region that the key names, or null.
    pub region: Option<&'a str>,
    /// The session ID.
    pub session: &'a str,
    /// Who started the session, or null.
    pub principal: Option<&'a str>,
    /// The managed node, or null.
    pub target: Option<&'a str>,
    /// The identity of the transcript.
    pub transcript: TranscriptId,
    /// Position in the session, from 0.
    pub seq: u32,
    /// The text that the shell accepted; null for text that no command printed.
    pub command: Option<&'a str>,
    /// What was printed, perhaps cut.
    pub output: &'a str,
    /// Present and true if `output` is cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub output_truncated: bool,
    /// Size of the whole output in bytes of UTF-8.
    pub output_bytes: u64,
    /// The prompt as shown, or null.
    pub prompt: Option<&'a str>,
    /// What became of the line, or null.
    pub status: Option<Status>,
    /// How sure the cut is.
    pub confidence: Confidence,
    /// What the cut rests on.
    pub boundary: Boundary,
    /// When the session ended, or null.
    pub ended_at: Option<Timestamp>,
    /// Where `ended_at` and `at` come from, or null.
    pub time_source: Option<TimeSource>,
    /// The object version.
    pub object: &'a ObjectRef,
    /// Bytes of the decrypted, inflated transcript.
    pub span: Span,
    /// Why the cut is not sure, or null.
    pub reason: Option<Reason>,
    /// What a plain look at the terminal would not have told.
    pub flags: &'a [Flag],
    /// The shells and programs in which the line was typed, outermost first.
    pub context: &'a [String],
    /// Who typed the line.
    pub origin: Origin,
    /// The command's line as sent, where it holds text that `command` does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_as_sent: Option<&'a str>,
    /// The output as sent, where it holds text that `output` does not; perhaps cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_as_sent: Option<&'a str>,
    /// What the shell made of the command, where it printed that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expanded: Option<&'a str>,
    /// What the command holds encoded ([`crate::encoded`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded: Option<String>,
    /// Bodies of the command's here-documents.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub here_documents: &'a [String],
    /// The programs that the command names, in order.
    pub programs: &'a [String],
    /// When the line was recorded, or null; only CloudWatch Logs tells it.
    pub at: Option<Timestamp>,
    /// Present and true if the record is no hit but a neighbour of one (`search -C`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub neighbour: bool,
    /// When and how the object was removed from its bucket, or null.
    pub source_deleted: Option<SourceDeleted>,
    /// Whether a later content of the key is stored, or null.
    pub overwritten: Option<bool>,
}

impl<'a> RecordDocument<'a> {
    /// Joins a record to its session. Output beyond `max_output_bytes` is cut at a character border.
    #[must_use]
    pub fn new(session: &'a Session, record: &'a CommandRecord, max_output_bytes: usize) -> Self {
        let output = cut(&record.output, max_output_bytes);
        Self {
            schema: SCHEMA,
            kind: session.kind,
            account: session.account,
            region: session.region.as_deref(),
            session: &session.session,
            principal: session.principal.as_deref(),
            target: session.target.as_deref(),
            transcript: session.id,
            seq: record.seq,
            command: record.command.as_deref(),
            output,
            output_truncated: output.len() < record.output.len(),
            output_bytes: record.output.len() as u64,
            prompt: record.prompt.as_deref(),
            status: record.status,
            confidence: record.confidence,
            boundary: record.boundary,
            ended_at: session.ended_at,
            time_source: session.time_source,
            object: &session.object,
            span: record.span,
            reason: record.reason,
            flags: &record.flags,
            context: &record.context,
            origin: record.origin,
            command_as_sent: record.command_as_sent.as_deref(),
            output_as_sent: record.output_as_sent.as_deref().map(|sent| cut(sent, max_output_bytes)),
            expanded: record.expanded.as_deref(),
            decoded: record.command.as_deref().and_then(decoded),
            here_documents: &record.here_documents,
            programs: &record.programs,
            at: record.at,
            neighbour: false,
            source_deleted: None,
            overwritten: None,
        }
    }

    /// Marks the record as a neighbour of a hit, or not.
    #[must_use]
    pub fn as_neighbour(self, neighbour: bool) -> Self {
        Self { neighbour, ..self }
    }
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// One stored transcript: a line of `sessions --format jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct SessionDocument<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What the object holds.
    pub kind: SessionKind,
    /// The session ID.
    pub session: &'a str,
    /// The account that the key claims, or null.
    pub account: Option<AccountId>,
    /// The region that the key names, or null.
    pub region: Option<&'a str>,
    /// Who started the session, or null.
    pub principal: Option<&'a str>,
    /// The managed node, or null.
    pub target: Option<&'a str>,
    /// The identity of the transcript.
    pub transcript: TranscriptId,
    /// How many records it was cut into.
    pub records: u64,
    /// Size of the decrypted, inflated transcript.
    pub bytes: u64,
    /// Compressed bytes that were set aside; left out if there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub unread_bytes: u64,
    /// When the session ended, or null.
    pub ended_at: Option<Timestamp>,
    /// Where `ended_at` comes from, or null.
    pub time_source: Option<TimeSource>,
    /// The object version.
    pub object: &'a ObjectRef,
    /// Oddities that were met and survived.
    pub defects: &'a [Defect],
    /// When and how the object was removed from its bucket, or null.
    pub source_deleted: Option<SourceDeleted>,
    /// Whether a later content of the key is stored, or null.
    pub overwritten: Option<bool>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde asks for it
fn is_zero(number: &u64) -> bool {
    *number == 0
}
