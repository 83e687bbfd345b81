//! Rows in the format that the user asked for, unless that is text.

use std::io::Write;

use anyhow::anyhow;
use serde::Serialize;
use shelltrail_core::document::{RecordDocument, SCHEMA, SessionDocument};
use shelltrail_core::session::Marks;
use shelltrail_core::{CommandRecord, Confidence, Flag, Session};
use shelltrail_index::{Coverage, FoundSession};

use super::csv::{self, RECORD_COLUMNS, SESSION_COLUMNS};
use super::fields::{FOUND_FIELDS, RECORD_FIELDS, SESSION_FIELDS};
use super::template::Template;
use super::{Row, timesketch};
use crate::args::Format;
use crate::commands::coverage::{Extent, write_summary};
use crate::json;
use crate::lens::Lens;

/// Prints rows for programs.
#[derive(Clone, Debug)]
pub struct Printer {
    shape: Shape,
    /// Output beyond this is cut in JSON.
    max_output_bytes: usize,
}

#[derive(Clone, Debug)]
enum Shape {
    Jsonl,
    Csv,
    Timesketch,
    Template(Template),
}

/// The session of a record.
#[derive(Clone, Copy, Debug)]
pub struct InSession<'a> {
    /// The session, without its records.
    pub session: &'a Session,
    /// How many records it has.
    pub records: u64,
    /// What became of its object.
    pub marks: &'a Marks,
}

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Records with their sessions.
    Records,
    /// Sessions.
    Sessions,
}

impl Printer {
    /// The printer of a format; `None` for text.
    ///
    /// # Errors
    /// The template makes no sense.
    pub fn new(
        format: Format,
        template: Option<&str>,
        rows: Of,
        max_output_bytes: usize,
    ) -> anyhow::Result<Option<Self>> {
        let shape = match (template, format) {
            (Some(template), _) => {
                let mut fields = SESSION_FIELDS.to_vec();
                match rows {
                    Of::Records => fields.extend(RECORD_FIELDS),
                    Of::Sessions => fields.extend(FOUND_FIELDS),
                }
                let template =
                    Template::parse(template, &fields).map_err(|error| anyhow!("--template: {error}"))?;
                Shape::Template(template)
            }
            (None, Format::Text) => return Ok(None),
            (None, Format::Jsonl) => Shape::Jsonl,
            (None, Format::Csv) => Shape::Csv,
            (None, Format::Timesketch) => Shape::Timesketch,
        };
        Ok(Some(Self { shape, max_output_bytes }))
    }

    /// What stands in front of all rows.
    ///
    /// # Errors
    /// As the writer.
    pub fn begin(&self, out: &mut impl Write, rows: Of) -> anyhow::Result<()> {
        match (&self.shape, rows) {
            (Shape::Csv, Of::Records) => Ok(csv::header(out, &RECORD_COLUMNS)?),
            (Shape::Csv, Of::Sessions) => Ok(csv::header(out, &SESSION_COLUMNS)?),
            _ => Ok(()),
        }
    }

    /// A record of a session, as a lens shows it. `neighbour` tells that it is no hit.
    ///
    /// # Errors
    /// As the writer.
    pub fn record(
        &self,
        out: &mut impl Write,
        of: &InSession<'_>,
        record: &CommandRecord,
        lens: &Lens<'_>,
        neighbour: bool,
    ) -> anyhow::Result<()> {
        let InSession { session, records, marks } = *of;
        let output_bytes = record.output.len() as u64;
        let decoded = lens.decoded(record);
        let record = &lens.record(record);
        let row = Row {
            session,
            records,
            marks,
            record: Some(record),
            found: None,
            output_bytes,
            neighbour,
            decoded: decoded.as_deref(),
        };
        let document = || RecordDocument {
            output_bytes,
            neighbour,
            decoded: decoded.clone(),
            source_deleted: marks.source_deleted,
            overwritten: marks.overwritten,
            ..RecordDocument::new(session, record, self.max_output_bytes)
        };
        match &self.shape {
            Shape::Jsonl => json::write_line(out, &document()),
            Shape::Timesketch => timesketch::record(out, &document()),
            Shape::Csv => Ok(csv::row(out, &RECORD_COLUMNS, &row)?),
            Shape::Template(template) => Ok(out.write_all(template.line(&row).as_bytes())?),
        }
    }

    /// A session.
    ///
    /// # Errors
    /// As the writer.
    pub fn session(&self, out: &mut impl Write, found: &FoundSession, marks: &Marks) -> anyhow::Result<()> {
        let (session, records) = (&found.session.to_session(), found.session.record_count);
        let row = Row {
            session,
            records,
            marks,
            record: None,
            found: Some(found),
            output_bytes: 0,
            neighbour: false,
            decoded: None,
        };
        let document = || FoundDocument {
            document: SessionDocument {
                schema: SCHEMA,
                kind: session.kind,
                session: &session.session,
                account: session.account,
                region: session.region.as_deref(),
                principal: session.principal.as_deref(),
                target: session.target.as_deref(),
                transcript: session.id,
                records,
                bytes: session.bytes,
                unread_bytes: session.unread_bytes,
                ended_at: session.ended_at,
                time_source: session.time_source,
                object: &session.object,
                defects: &session.defects,
                source_deleted: marks.source_deleted,
                overwritten: marks.overwritten,
            },
            flags: &found.flags,
            confidence_floor: found.confidence_floor,
        };
        match &self.shape {
            Shape::Jsonl => json::write_line(out, &document()),
            Shape::Timesketch => timesketch::session(out, &document().document),
            Shape::Csv => Ok(csv::row(out, &SESSION_COLUMNS, &row)?),
            Shape::Template(template) => Ok(out.write_all(template.line(&row).as_bytes())?),
        }
    }

    /// What stands behind all rows, if the format has room for it.
    ///
    /// # Errors
    /// As the writer.
    pub fn end(&self, out: &mut impl Write, coverage: &Coverage, extent: &Extent) -> anyhow::Result<()> {
        match self.shape {
            Shape::Jsonl => write_summary(out, coverage, extent),
            _ => Ok(()),
        }
    }
}

/// A line of `sessions`: the session, and what its records have.
#[derive(Debug, Serialize)]
struct FoundDocument<'a> {
    #[serde(flatten)]
    document: SessionDocument<'a>,
    /// The flags of any of its records.
    flags: &'a [Flag],
    /// The least confidence of any of its records, or null.
    confidence_floor: Option<Confidence>,
}
