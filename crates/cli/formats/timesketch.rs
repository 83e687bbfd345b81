//! JSON Lines as Timesketch imports them: `message`, `datetime`, `timestamp`, `timestamp_desc`, and our own fields.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;
use shelltrail_core::TimeSource;
use shelltrail_core::document::{RecordDocument, SessionDocument};

use crate::json;
use crate::words::words;

/// Most characters of a message.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// What Timesketch needs of an entry.
#[derive(Debug, Serialize)]
struct Entry<'a, D> {
    message: String,
    datetime: String,
    /// Microseconds since 1970.
    timestamp: i64,
    timestamp_desc: String,
    data_type: &'static str,
    #[serde(flatten)]
    document: &'a D,
}

/// A record as an entry of a timeline. An unknown time is that of 1970, and said to be unknown: an entry without a time
/// would be refused.
///
/// # Errors
/// As the writer.
pub fn record(out: &mut impl Write, document: &RecordDocument<'_>) -> anyhow::Result<()> {
    let (time, description) = match document.at {
        Some(at) => (Some(at), "Line recorded".to_owned()),
        None => time_of_session(document.ended_at, document.time_source),
    };
    let who = document.principal.unwrap_or("unknown");
    let what = document.command.unwrap_or(document.output);
    entry(
        out,
        &format!("{who}@{}: {what}", document.target.unwrap_or("unknown")),
        time,
        description,
        "shelltrail:record",
        document,
    )
}

/// A session as an entry of a timeline.
///
/// # Errors
/// As the writer.
pub fn session(out: &mut impl Write, document: &SessionDocument<'_>) -> anyhow::Result<()> {
    let (time, description) = time_of_session(document.ended_at, document.time_source);
    let who = document.principal.unwrap_or("unknown");
    let message = format!(
        "session {} of {who}@{}: {} records",
        document.session,
        document.target.unwrap_or("unknown"),
        document.records
    );
    entry(out, &message, time, description, "shelltrail:session", document)
}

fn entry(
    out: &mut impl Write,
    message: &str,
    time: Option<Timestamp>,
    timestamp_desc: String,
    data_type: &'static str,
    document: &impl Serialize,
) -> anyhow::Result<()> {
    let time = time.unwrap_or(Timestamp::UNIX_EPOCH);
    let entry = Entry {
        message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
        datetime: time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
        timestamp: time.as_microsecond(),
        timestamp_desc,
        data_type,
        document,
    };
    json::write_line(out, &entry)
}

fn time_of_session(ended_at: Option<Timestamp>, source: Option<TimeSource>) -> (Option<Timestamp>, String) {
    match (ended_at, source) {
        (None, _) => (None, "Time unknown".to_owned()),
        (Some(time), Some(TimeSource::ObjectLastModified)) => {
            (Some(time), "Session stored (object last modified)".to_owned())
        }
        (Some(time), source) => {
            let source = source.map(|source| format!(" ({})", words(&source))).unwrap_or_default();
            (Some(time), format!("Session ended{source}"))
        }
    }
}
