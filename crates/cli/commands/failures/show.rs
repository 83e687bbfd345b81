//! `shelltrail failures show`

use std::io::Write;

use shelltrail_core::AccountId;
use shelltrail_core::sanitize::{printable, printable_lines};
use shelltrail_core::sink::{FailedMessage, Failure};
use shelltrail_index::IndexRoot;

use super::{Document, hints, list, select};
use crate::args::{FailuresShowArgs, StatusFormat};
use crate::config::Config;
use crate::exit::Exit;
use crate::json;
use crate::screen::{Output, Screen};
use crate::times;

/// In front of every line of a message: none of them begins where our own lines do.
const INDENT: &str = "    ";

/// Tells all fields of an entry and the way out.
pub fn run(config: &Config, root: &IndexRoot, command: &FailuresShowArgs) -> anyhow::Result<Exit> {
    let screen = Screen::for_stdout(&command.screen, config)?;
    let entries = select::all(root)?;
    let entry = select::one(&entries, &command.id)?;
    if command.format == StatusFormat::Jsonl {
        let mut out = screen.open_for_programs();
        json::write_line(&mut out, &Document::of(entry))?;
        out.finish()?;
    } else {
        let mut out = screen.open();
        row(&mut out, "id", &entry.id)?;
        row(&mut out, "reason", entry.reason())?;
        if let Some(failure) = &entry.failure {
            fields(&mut out, failure, &command.screen.tz)?;
        }
        row(&mut out, "way out", hints::hint(entry.reason()))?;
        if let Some(message) = entry.failure.as_ref().and_then(|failure| failure.message.as_ref()) {
            self::message(&mut out, message, &command.screen.tz)?;
        }
        out.finish()?;
    }
    Ok(if entry.failure.is_some() { Exit::Done } else { Exit::Incomplete })
}

fn row(out: &mut Output, name: &str, value: &str) -> std::io::Result<()> {
    writeln!(out, "{name:<12}{}", printable(value))
}

fn fields(out: &mut Output, failure: &Failure, zone: &jiff::tz::TimeZone) -> std::io::Result<()> {
    let Failure { object, account, reason: _, detail, attempts, failed_at, size, sequencer, message: _ } =
        failure;
    row(out, "object", &list::object(failure))?;
    let named = [("version", &object.version), ("etag", &object.etag), ("sequencer", sequencer)];
    for (name, value) in named {
        row(out, name, value.as_deref().unwrap_or("unknown"))?;
    }
    row(out, "size", &size.map_or_else(|| "unknown".to_owned(), |size| format!("{size} bytes")))?;
    row(out, "account", account.as_ref().map_or("unknown", AccountId::as_str))?;
    row(out, "tries", &attempts.to_string())?;
    row(out, "last failed", &times::shown(*failed_at, zone))?;
    row(out, "error", detail)
}

fn message(out: &mut Output, message: &FailedMessage, zone: &jiff::tz::TimeZone) -> std::io::Result<()> {
    let FailedMessage { id, sent_at, receive_count, envelope, body, body_cut } = message;
    row(out, "message", id)?;
    row(out, "sent", &sent_at.map_or_else(|| "unknown".to_owned(), |at| times::shown(at, zone)))?;
    row(out, "received", &format!("{receive_count} times"))?;
    row(out, "envelope", envelope.as_deref().unwrap_or("none is recognised"))?;
    row(out, "body", if *body_cut { "cut" } else { "whole" })?;
    for line in printable_lines(body).split('\n') {
        writeln!(out, "{INDENT}{line}")?;
    }
    Ok(())
}
