//! The fields of a row by name, for CSV and templates.

use std::borrow::Cow;

use serde::Serialize;
use shelltrail_core::session::Marks;
use shelltrail_core::{AccountId, CommandRecord, Session};
use shelltrail_index::FoundSession;

use crate::commands::MAX_OUTPUT_BYTES;
use crate::words::name;

/// A session, or a record of it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The session, without its records.
    pub session: &'a Session,
    /// How many records it has.
    pub records: u64,
    /// What became of its object.
    pub marks: &'a Marks,
    /// The record, secrets masked.
    pub record: Option<&'a CommandRecord>,
    /// What the records of the session have, if the row is a session.
    pub found: Option<&'a FoundSession>,
    /// Size of the record's output, before secrets in it were masked.
    pub output_bytes: u64,
    /// Whether it is no hit, and stands beside one.
    pub neighbour: bool,
    /// What the record's command holds encoded, secrets masked.
    pub decoded: Option<&'a str>,
}

/// What stands in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text, which may be hostile.
    Text(Cow<'a, str>),
    /// A number that we counted.
    Number(u64),
    /// Nothing is known.
    Unknown,
}

/// The fields of a session.
pub const SESSION_FIELDS: [&str; 20] = [
    "ended_at",
    "day",
    "time_source",
    "kind",
    "account",
    "region",
    "principal",
    "target",
    "session",
    "records",
    "bytes",
    "defects",
    "transcript",
    "bucket",
    "key",
    "version",
    "etag",
    "source_deleted",
    "source_deleted_at",
    "overwritten",
];

/// The fields that a session has beside them where it is a row itself: what its records have.
pub const FOUND_FIELDS: [&str; 2] = ["flags", "confidence_floor"];

/// The fields that a record has beside those of its session.
pub const RECORD_FIELDS: [&str; 19] = [
    "ref",
    "seq",
    "at",
    "command",
    "status",
    "confidence",
    "reason",
    "boundary",
    "flags",
    "programs",
    "context",
    "origin",
    "prompt",
    "expanded",
    "decoded",
    "command_as_sent",
    "output",
    "output_bytes",
    "neighbour",
];

impl<'a> Row<'a> {
    /// The field with this name; `None` if there is none of the kind.
    #[must_use]
    pub fn field(&self, field: &str) -> Option<Value<'a>> {
        self.session_field(field)
            .or_else(|| self.record.and_then(|record| self.record_field(record, field)))
            .or_else(|| self.found.and_then(|found| found_field(found, field)))
    }

    fn session_field(&self, field: &str) -> Option<Value<'a>> {
        let Session { object, .. } = self.session;
        Some(match field {
            "ended_at" => owned(self.session.ended_at),
            "day" => owned(self.session.ended_at.map(|time| time.strftime("%Y-%m-%d"))),
            "time_source" => word(self.session.time_source.as_ref()),
            "kind" => word(Some(&self.session.kind)),
            "account" => text(self.session.account.as_ref().map(AccountId::as_str)),
            "region" => text(self.session.region.as_deref()),
            "principal" => text(self.session.principal.as_deref()),
            "target" => text(self.session.target.as_deref()),
            "session" => text(Some(&self.session.session)),
            "records" => Value::Number(self.records),
            "bytes" => Value::Number(self.session.bytes),
            "defects" => list(&self.session.defects),
            "transcript" => owned(Some(self.session.id)),
            "bucket" => text(object.bucket.as_deref()),
            "key" => text(Some(&object.key)),
            "version" => text(object.version.as_deref()),
            "etag" => text(object.etag.as_deref()),
            "source_deleted" => word(self.marks.source_deleted.as_ref().map(|deleted| &deleted.kind)),
            "source_deleted_at" => owned(self.marks.source_deleted.and_then(|deleted| deleted.at)),
            "overwritten" => owned(self.marks.overwritten),
            _ => return None,
        })
    }

    fn record_field(&self, record: &'a CommandRecord, field: &str) -> Option<Value<'a>> {
        Some(match field {
            "ref" => owned(Some(format!("{}@{}", self.session.session, record.seq))),
            "seq" => Value::Number(u64::from(record.seq)),
            "at" => owned(record.at),
            "command" => text(record.command.as_deref()),
            "status" => word(record.status.as_ref()),
            "confidence" => word(Some(&record.confidence)),
            "reason" => word(record.reason.as_ref()),
            "boundary" => word(Some(&record.boundary)),
            "flags" => list(&record.flags),
            "programs" => joined(&record.programs, " "),
            "context" => joined(&record.context, " > "),
            "origin" => word(Some(&record.origin)),
            "prompt" => text(record.prompt.as_deref()),
            "expanded" => text(record.expanded.as_deref()),
            "decoded" => text(self.decoded),
            "command_as_sent" => text(record.command_as_sent.as_deref()),
            "output" => text(Some(&record.output[..record.output.floor_char_boundary(MAX_OUTPUT_BYTES)])),
            "neighbour" => text(self.neighbour.then_some("true")),
            "output_bytes" => Value::Number(self.output_bytes),
            _ => return None,
        })
    }
}

fn found_field<'a>(found: &FoundSession, field: &str) -> Option<Value<'a>> {
    Some(match field {
        "flags" => list(&found.flags),
        "confidence_floor" => word(found.confidence_floor.as_ref()),
        _ => return None,
    })
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Unknown, |text| Value::Text(Cow::Borrowed(text)))
}

fn owned<'a>(value: Option<impl ToString>) -> Value<'a> {
    value.map_or(Value::Unknown, |value| Value::Text(Cow::Owned(value.to_string())))
}

fn word<'a>(value: Option<&impl Serialize>) -> Value<'a> {
    owned(value.map(name))
}

fn list<'a>(values: &[impl Serialize]) -> Value<'a> {
    owned(Some(values.iter().map(name).collect::<Vec<_>>().join(" ")))
}

fn joined<'a>(values: &[String], between: &str) -> Value<'a> {
    owned(Some(values.join(between)))
}
