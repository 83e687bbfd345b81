//! The fields of the query language by name.

use crate::query::Within;

/// What may stand in front of a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // `meaning` says it
pub enum Field {
    Cmd,
    Out,
    Any,
    Raw,
    Prompt,
    Account,
    Region,
    Principal,
    Target,
    Session,
    Program,
    Context,
    Kind,
    Status,
    Flag,
    Confidence,
    Origin,
    Record,
    Bytes,
    Records,
    After,
    Before,
    Ended,
}

impl Field {
    /// All fields, in the order in which help lists them.
    pub const ALL: [Self; 23] = [
        Self::Cmd,
        Self::Out,
        Self::Any,
        Self::Raw,
        Self::Prompt,
        Self::Account,
        Self::Region,
        Self::Principal,
        Self::Target,
        Self::Session,
        Self::Program,
        Self::Context,
        Self::Kind,
        Self::Status,
        Self::Flag,
        Self::Confidence,
        Self::Origin,
        Self::Record,
        Self::Bytes,
        Self::Records,
        Self::After,
        Self::Before,
        Self::Ended,
    ];

    /// The name in front of the colon.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// What the value says, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.entry().1
    }

    /// The values that there are, if they can be listed.
    #[must_use]
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Kind => &["transcript", "agent_error", "command_output"],
            Self::Status => &["executed", "aborted", "eof", "unsubmitted", "echo_only", "program_input"],
            Self::Flag => {
                &["erased", "overwritten", "concealed", "alternate_screen", "blind", "mixed_script"]
            }
            Self::Confidence => &["low", "medium", "high"],
            Self::Origin => crate::query::fact::ORIGINS,
            _ => &[],
        }
    }

    /// The field with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The texts of a text field.
    #[must_use]
    pub fn within(self) -> Option<Within> {
        match self {
            Self::Cmd => Some(Within::Command),
            Self::Out => Some(Within::Output),
            Self::Any => Some(Within::Any),
            Self::Raw => Some(Within::Raw),
            Self::Prompt => Some(Within::Prompt),
            _ => None,
        }
    }

    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::Cmd => ("cmd", "text in the command: as shown, as sent, expanded, decoded"),
            Self::Out => ("out", "text in the output: as shown, as sent"),
            Self::Any => ("any", "text in the command or the output"),
            Self::Raw => ("raw", "text as it was sent to the terminal"),
            Self::Prompt => ("prompt", "text in the prompt"),
            Self::Account => ("account", "account ID; * stands for any digits"),
            Self::Region => ("region", "AWS region; * stands for anything"),
            Self::Principal => ("principal", "who started the session; * stands for anything"),
            Self::Target => ("target", "managed node; * stands for anything"),
            Self::Session => ("session", "session ID; * stands for anything"),
            Self::Program => ("program", "a program that the command names; * stands for anything"),
            Self::Context => {
                ("context", "a shell or program in which the line was typed; * stands for anything")
            }
            Self::Kind => ("kind", "what the object holds"),
            Self::Status => ("status", "what became of the line"),
            Self::Flag => ("flag", "what a plain look at the terminal would not have told"),
            Self::Confidence => ("confidence", "how sure the cut is; >=medium is possible"),
            Self::Origin => ("origin", "who typed the line"),
            Self::Record => ("record", "position in the session, from 0: N, N..M, >N, >=N, <N, <=N"),
            Self::Bytes => ("bytes", "size of the transcript: N, N..M, >N, >=N, <N, <=N"),
            Self::Records => ("records", "how many records the session has: N, N..M, >N, >=N, <N, <=N"),
            Self::After => {
                ("after", "the session ended at this time or later: RFC 3339, a date, 36h, 7d, 2w")
            }
            Self::Before => ("before", "the session ended before this time: RFC 3339, a date, 36h, 7d, 2w"),
            Self::Ended => ("ended", "the session ended in A..B"),
        }
    }
}
