//! The nouns: a session, its command records, and what is odd about them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, TranscriptId};
use crate::object::ObjectRef;

/// One parsed transcript. Unknown is `None`, never a guess.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The identity of the transcript.
    pub id: TranscriptId,
    /// The bytes it came from.
    pub object: ObjectRef,
    /// The account that the key claims; `None` if the key names none.
    pub account: Option<AccountId>,
    /// The AWS region that the key names.
    pub region: Option<String>,
    /// The session ID: the file name without its suffix.
    pub session: String,
    /// Who started the session: the session ID without its last hyphen-part, if that has the form AWS gives it.
    pub principal: Option<String>,
    /// The managed node, if the transcript tells it.
    pub target: Option<String>,
    /// When the session ended (UTC).
    pub ended_at: Option<Timestamp>,
    /// Where `ended_at` comes from.
    pub time_source: Option<TimeSource>,
    /// Size of the decrypted, inflated transcript.
    pub bytes: u64,
    /// Command records in the order of the transcript; `seq` is the position.
    pub records: Vec<CommandRecord>,
    /// Oddities that were met and survived.
    pub defects: Vec<Defect>,
}

/// Who says when a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The header line of the typescript, which is written when the session has ended.
    TranscriptHeader,
    /// `Last-Modified` of the object, which is uploaded when the session has ended.
    ObjectLastModified,
}

/// A command that stood at a prompt, and what was printed until the next one.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// Position in the session, from 0.
    pub seq: u32,
    /// The text as the shell accepted it, continuation lines joined by `\n`, without prompts.
    /// `None` for text that no command of this transcript printed (a banner, a session without prompts).
    pub command: Option<String>,
    /// What was printed, as the terminal showed it, lines joined by `\n`; empty if nothing was.
    pub output: String,
    /// The prompt in front of the command, as shown; `None` where the bytes show none.
    pub prompt: Option<String>,
    /// What became of the line; `None` where there is no command.
    pub status: Option<Status>,
    /// How sure the cut is.
    pub confidence: Confidence,
    /// What the cut rests on.
    pub boundary: Boundary,
    /// Bytes of the decrypted, inflated transcript: from the prompt to the end of the output.
    pub span: Span,
}

/// A half-open range of byte offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// What became of a line at a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Submitted to a shell.
    Executed,
    /// Broken off with ^C.
    Aborted,
    /// The shell was left with ^D.
    Eof,
    /// The transcript ends before the line was submitted.
    Unsubmitted,
    /// Typed ahead and echoed without a prompt; that it ran is likely but not shown.
    EchoOnly,
    /// A line given to a program (an interpreter, a database client), not to a shell.
    ProgramInput,
}

/// How sure a cut is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The bytes allow other readings that are as likely.
    Low,
    /// Learned from the session, not marked by the shell.
    Medium,
    /// Marked by the shell itself.
    High,
}

/// What a cut rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// Shell-integration marks (OSC 133).
    Osc133,
    /// Bracketed-paste mode switched on and off by the line editor.
    BracketedPaste,
    /// A prompt, by its recurrence or its shape.
    Prompt,
    /// An echo without a prompt.
    Echo,
    /// No command: text before the first prompt, or a transcript without any.
    Banner,
}

/// Something odd in a transcript. It is counted and shown, and the rest of the transcript stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// The frame that `script` writes is missing its footer: the transcript may be cut.
    FooterMissing,
    /// The compressed object ends early; what could be inflated is kept.
    GzipTruncated,
    /// Bytes follow the last gzip member; they are not part of the transcript.
    GzipTrailingBytes,
    /// Bytes that are not UTF-8 are shown as U+FFFD.
    InvalidUtf8,
    /// A control sequence exceeded its limit and was skipped.
    SequenceTooLong,
    /// An edited line exceeded its limit; its editing was not replayed to the end.
    LineTooLong,
    /// More commands than the limit: the remaining text is kept as the output of the last record.
    TooManyRecords,
}
