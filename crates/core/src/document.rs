//! The one JSON shape of a record and of a session, for every command that prints them.

use jiff::Timestamp;
use serde::Serialize;

use crate::ids::{AccountId, TranscriptId};
use crate::object::ObjectRef;
use crate::session::{Boundary, CommandRecord, Confidence, Defect, Session, Span, Status, TimeSource};

/// The version of the two shapes below; it grows when a field changes its meaning.
pub const SCHEMA: u32 = 1;

/// One command record with the session around it: a line of `search`, `show` and `parse --format jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct RecordDocument<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
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
    /// When the session ended, or null. There is no time per command in a transcript.
    pub ended_at: Option<Timestamp>,
    /// Where `ended_at` comes from, or null.
    pub time_source: Option<TimeSource>,
    /// The object version.
    pub object: &'a ObjectRef,
    /// Bytes of the decrypted, inflated transcript.
    pub span: Span,
    /// Present and true if the record is no hit but a neighbour of one (`search -C`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub context: bool,
}

impl<'a> RecordDocument<'a> {
    /// Joins a record to its session. Output beyond `max_output_bytes` is cut at a character border.
    #[must_use]
    pub fn new(session: &'a Session, record: &'a CommandRecord, max_output_bytes: usize) -> Self {
        let output = &record.output[..record.output.floor_char_boundary(max_output_bytes)];
        Self {
            schema: SCHEMA,
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
            context: false,
        }
    }

    /// Marks the record as a neighbour of a hit, or not.
    #[must_use]
    pub fn as_context(self, context: bool) -> Self {
        Self { context, ..self }
    }
}

/// One stored transcript: a line of `sessions --format jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct SessionDocument<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
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
    /// When the session ended, or null.
    pub ended_at: Option<Timestamp>,
    /// Where `ended_at` comes from, or null.
    pub time_source: Option<TimeSource>,
    /// The object version.
    pub object: &'a ObjectRef,
    /// Oddities that were met and survived.
    pub defects: &'a [Defect],
}
