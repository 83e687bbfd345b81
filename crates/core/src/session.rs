//! The nouns: a session, its command records, and what is odd about them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::ids::{AccountId, TranscriptId};
use crate::object::ObjectRef;
use crate::sequencer::Sequencer;
use crate::sink::RemovalKind;

/// What an object of the bucket holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// The transcript of a session.
    #[default]
    Transcript,
    /// Messages of the agent about a session that it could not run or record (`…/Standard_Stream/stderr`).
    AgentError,
    /// Output of a Run Command invocation, which is no session.
    CommandOutput,
}

/// One parsed session: all of a transcript, or a part of an object that carries many. Unknown is `None`, never a
/// guess.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// What the object holds.
    pub kind: SessionKind,
    /// The identity of the transcript: that of its object, or one derived from it if the object holds more.
    pub id: TranscriptId,
    /// The bytes it came from.
    pub object: ObjectRef,
    /// The account that the content tells (CloudWatch Logs) or the key claims; `None` if neither names one.
    pub account: Option<AccountId>,
    /// The AWS region that the content tells or the key names.
    pub region: Option<String>,
    /// The session ID: told by the content, else the file name without its suffix.
    pub session: String,
    /// Who started the session: the session ID without its last hyphen-part, if that has the form AWS gives it.
    pub principal: Option<String>,
    /// The managed node, if the transcript tells it.
    pub target: Option<String>,
    /// When the session ended (UTC).
    pub ended_at: Option<Timestamp>,
    /// Where `ended_at` comes from.
    pub time_source: Option<TimeSource>,
    /// Size of the decrypted, inflated transcript; of a session among others, size of its lines.
    pub bytes: u64,
    /// Compressed bytes of the object that were set aside: those behind damage, and those that follow the last
    /// member; `defects` says which. Of what is missing because the object breaks off nobody knows the size.
    pub unread_bytes: u64,
    /// Command records in the order of the transcript; `seq` is the position.
    pub records: Vec<CommandRecord>,
    /// Oddities that were met and survived.
    pub defects: Vec<Defect>,
    /// Where the write of the object stands among the events of its key, if a notification told it.
    pub sequencer: Option<Sequencer>,
    /// When S3 stored the object (`Last-Modified`).
    pub last_modified: Option<Timestamp>,
}

/// What became of the object behind a session since it was stored in its bucket. The session stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// That the object was removed from the bucket; `None` as long as nobody tells that.
    pub source_deleted: Option<SourceDeleted>,
    /// Whether the key was overwritten with content that is stored as well. `None` outside S3, and where several contents
    /// of the key are stored and nothing tells whether a later one is among the others.
    pub overwritten: Option<bool>,
    /// How many contents of the key are stored, this one included; 0 outside S3.
    pub contents: u64,
}

/// When and how an object was removed from its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SourceDeleted {
    /// When S3 finished the request (UTC); `None` if it was not told.
    pub at: Option<Timestamp>,
    /// How.
    pub kind: RemovalKind,
}

/// Who says when a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The header line of the typescript, which is written when the session has ended.
    TranscriptHeader,
    /// `Last-Modified` of the object, which is uploaded when the session has ended.
    ObjectLastModified,
    /// The events of CloudWatch Logs, which are sent a second or two after the lines appeared.
    CloudwatchEvent,
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
    /// Bytes of the decrypted, inflated object (of its UTF-8 form, if it is UTF-16): from the prompt to the end of the
    /// output, or the JSON that carried both.
    pub span: Span,
    /// Why the cut is not sure; none if it is.
    pub reason: Option<Reason>,
    /// What a plain look at the terminal would not have told; ascending, each once.
    pub flags: Vec<Flag>,
    /// The shells and programs in which the line was typed, outermost first, as far as the bytes show them.
    pub context: Context,
    /// Who typed the line.
    pub origin: Origin,
    /// The command's line as it was sent to the terminal, control sequences stripped: each state of which words were
    /// lost, and the accepted text. Present only where it holds text that `command` does not.
    pub command_as_sent: Option<String>,
    /// The lines of the output that held text which `output` does not, as they were sent to the terminal: each state of
    /// such a line, control sequences stripped, and what it showed in the end.
    pub output_as_sent: Option<String>,
    /// What the shell made of the command before it ran it, where it printed that (`!!`).
    pub expanded: Option<String>,
    /// Bodies of the command's here-documents, in order, without their delimiters: data, not commands.
    pub here_documents: Vec<String>,
    /// The programs that the command names, in order, through `sudo`, `env`, `xargs` and the like.
    pub programs: Vec<String>,
    /// When the line was recorded; only CloudWatch Logs tells it, to a second or two.
    pub at: Option<Timestamp>,
}

impl Default for CommandRecord {
    /// Text that no command printed.
    fn default() -> Self {
        Self {
            seq: 0,
            command: None,
            output: String::new(),
            prompt: None,
            status: None,
            confidence: Confidence::High,
            boundary: Boundary::Banner,
            span: Span::default(),
            reason: None,
            flags: Vec::new(),
            context: Context::default(),
            origin: Origin::User,
            command_as_sent: None,
            output_as_sent: None,
            expanded: None,
            here_documents: Vec::new(),
            programs: Vec::new(),
            at: None,
        }
    }
}

/// Why a cut is not sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The prompt was learned from the session; the shell marked nothing.
    LearnedPrompt,
    /// The prompt stands behind output that did not end with a newline.
    PromptInLine,
    /// The line was echoed before its prompt was printed.
    TypedAhead,
    /// Output of something else stands in the edited line.
    Interrupted,
    /// The edited line was replayed at a width that had to be guessed.
    GuessedWidth,
    /// The edited line exceeded a limit; its editing was not replayed to the end.
    TooLong,
    /// The text looks like a prompt that is not the current one: it may be output.
    LookAlike,
    /// It was painted by a program that draws its own screen (tmux, screen).
    Painted,
    /// The shell printed it when it came back from a text editor, and ran it: no prompt stands before it.
    EditedInFile,
    /// The carrier dropped control characters on the way (CloudWatch Logs, old Windows).
    LossyCarrier,
    // An index stores these by their place: new ones come last.
    /// The line editor showed its end alone; its start is that of the last line that ends alike.
    Recalled,
    /// Some of its lines stood beyond the window, where editors do not paint all: readline no empty ones, zsh none.
    BeyondWindow,
}

/// What a plain look at the terminal would not have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Text of this record was wiped from the screen after it was shown.
    Erased,
    /// Text of this record was overwritten by other text.
    Overwritten,
    /// Text was printed with the conceal attribute.
    Concealed,
    /// Text was written on the alternate screen.
    AlternateScreen,
    /// Echo was off: input in this record is not in the transcript.
    Blind,
    /// A word mixes letters of scripts that look alike.
    MixedScript,
}

/// Who typed a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The user of the session.
    #[default]
    User,
    /// The shell profile of the session document, which the agent types ahead.
    Profile,
    /// The agent itself, to make the transcript.
    Agent,
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

/// Something odd in a transcript. It is counted and shown, and the rest of the transcript stays. Indexes hold these, reasons, flags
/// and the like by their place in the list: new ones come last.
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
    /// The transcript was UTF-16; its size and the spans of its records count in the bytes of its UTF-8 form.
    Utf16,
    /// More text was erased or overwritten than is kept: some of it is found in the transcript only.
    SentTextCut,
    /// A part of the object cannot be read as what the rest is (a damaged event); it is kept as text.
    UnreadableEvent,
    /// Lines that were sent twice are kept once.
    RepeatedLines,
    /// The object holds more sessions than the limit; the text of the others is kept as it is.
    TooManySessions,
    /// The gzip data are damaged: what was inflated before the damage was noticed is kept, and its end may be wrong.
    GzipDamaged,
    /// As [`Defect::GzipTruncated`], of Zstandard.
    ZstdTruncated,
    /// As [`Defect::GzipTrailingBytes`], of Zstandard.
    ZstdTrailingBytes,
    /// As [`Defect::GzipDamaged`], of Zstandard.
    ZstdDamaged,
    /// Columns that the cursor skipped would have been shown by more blanks than four times the transcript's bytes; long runs of
    /// blanks are cut from there on.
    BlanksCut,
}

#[cfg(test)]
mod tests {
    use super::{Boundary, Confidence, Defect, Flag, Origin, Reason, Status};

    /// An index that was written before must be read as it was meant.
    #[test]
    fn what_indexes_hold_by_its_place_stays_there() {
        let defects = [Defect::FooterMissing, Defect::SentTextCut, Defect::GzipDamaged, Defect::BlanksCut];
        assert_eq!(defects.map(|defect| defect as u8), [0, 8, 12, 16]);
        let reasons = [Reason::LearnedPrompt, Reason::TooLong, Reason::LossyCarrier, Reason::BeyondWindow];
        assert_eq!(reasons.map(|reason| reason as u8), [0, 5, 9, 11]);
        assert_eq!(
            [Flag::Erased, Flag::AlternateScreen, Flag::MixedScript].map(|flag| flag as u8),
            [0, 3, 5]
        );
        assert_eq!([Boundary::Osc133, Boundary::Prompt, Boundary::Banner].map(|told| told as u8), [0, 2, 4]);
        assert_eq!(
            [Status::Executed, Status::Eof, Status::ProgramInput].map(|status| status as u8),
            [0, 2, 5]
        );
        assert_eq!([Confidence::Low, Confidence::High].map(|sure| sure as u8), [0, 2]);
        assert_eq!([Origin::User, Origin::Agent].map(|origin| origin as u8), [0, 2]);
    }
}
