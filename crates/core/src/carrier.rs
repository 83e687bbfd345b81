//! What an object holds, told from its content and its key, and the sessions in it.
//!
//! A bucket of transcripts also receives what is written beside them (messages of the agent, output of Run Command)
//! and what CloudWatch Logs made of sessions: JSON lines of the agent, records of a subscription, export files. Those
//! hold many sessions, in pieces, out of order, and without most control characters. Any bytes give sessions; what is
//! not understood is kept as text, and a defect says so.

mod events;
mod export;
mod key;
mod lossy;
mod order;
mod place;
mod raw;
mod rebuild;
mod streams;
mod typed;
mod values;

use crate::session::Session;
use crate::transcript::ParseLimits;

pub(crate) use place::Origin;

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// What a terminal showed: a typescript, a PowerShell transcript, or the bare bytes.
    Transcript,
    /// What a command printed that had no terminal, so that nothing in it was typed.
    Output,
    /// Messages of the agent about a session that it could not run or record.
    AgentError,
    /// Output of a Run Command invocation.
    CommandOutput,
    /// JSON values: events that the agent streams to CloudWatch Logs, or records of a subscription to them.
    Events,
    /// An export of CloudWatch Logs: messages with a time in front.
    Export,
}

/// How far into an object the fields are looked for that tell JSON of CloudWatch Logs from other JSON. They follow
/// fields of a few hundred bytes together.
const PROBE_BYTES: usize = 16 * 1024;

impl Carrier {
    /// Tells what clear bytes are that lie under a key.
    #[must_use]
    pub fn of(bytes: &[u8], object_key: &str) -> Self {
        if key::is_command_output(object_key) {
            return Self::CommandOutput;
        }
        let content = &bytes[bom(bytes)..];
        if is_events(content) {
            return Self::Events;
        }
        if export::time(content).is_some() {
            return Self::Export;
        }
        if key::is_agent_output(object_key) && !content.starts_with(b"Script started on ") {
            return Self::AgentError;
        }
        if key::runs_without_terminal(content) {
            return Self::Output;
        }
        Self::Transcript
    }

    /// Whether the content names the accounts of its sessions, whatever the key says. Nobody can tell from the key in
    /// which partition such sessions would have to lie, so they lie where those without an account do.
    #[must_use]
    pub fn names_its_accounts(self) -> bool {
        matches!(self, Self::Events | Self::Export)
    }
}

/// The sessions of an object that CloudWatch Logs carried, at least one.
pub(crate) fn sessions(
    carrier: Carrier,
    bytes: &[u8],
    origin: &Origin<'_>,
    limits: &ParseLimits,
) -> Vec<Session> {
    let mut streams = streams::Streams::default();
    let start = bom(bytes);
    match carrier {
        Carrier::Export => export::read(bytes, start, &origin.stream_name(), &mut streams),
        _ => values::read(bytes, start, &mut streams),
    }
    rebuild::sessions(streams, bytes, origin, limits)
}

/// The length of a byte order mark.
fn bom(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// Whether JSON of CloudWatch Logs begins here. It is not parsed for that: the first value may be damaged.
fn is_events(content: &[u8]) -> bool {
    let content = content.trim_ascii_start();
    let head = &content[..content.len().min(PROBE_BYTES)];
    let has = |name: &str| memchr::memmem::find(head, name.as_bytes()).is_some();
    head.first() == Some(&b'{')
        && ((has("\"messageType\"") && (has("\"logEvents\"") || has("CONTROL_MESSAGE")))
            || (has("\"eventVersion\"") && has("\"sessionData\"")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
