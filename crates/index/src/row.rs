//! A session and its records as documents of tantivy, which reads their texts where they are.

use std::iter::Empty;
use std::sync::Arc;
use std::vec;

use shelltrail_core::encoded::decoded;
use shelltrail_core::{AccountId, Session};
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf};
use tantivy::schema::{Document, Field, Value};

use crate::facts;
use crate::pack::BlockAt;
use crate::schema::{Fields, SESSION, key_column};

/// Room for the values of most documents.
const USUAL_CELLS: usize = 16;

/// A session and where its text went: all that its documents say.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) fields: Fields,
    pub(crate) session: Session,
    pub(crate) at: BlockAt,
    /// For each record the offset of its block from the first.
    pub(crate) offsets: Vec<u64>,
}

/// One document.
#[derive(Debug)]
pub(crate) struct Row {
    stored: Arc<Stored>,
    subject: Subject,
}

#[derive(Debug)]
enum Subject {
    /// The session; its identity as a term.
    Session { id: String },
    /// A record by its place, and what its command holds encoded.
    Record(usize, Option<String>),
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    Signed(i64),
    Unsigned(u64),
}

impl Stored {
    /// The documents in their order.
    pub(crate) fn rows(self) -> impl Iterator<Item = Row> {
        let session = Subject::Session { id: self.session.id.to_string() };
        let stored = Arc::new(self);
        let of_records = Arc::clone(&stored);
        let records = (0..stored.session.records.len()).map(move |place| {
            let command = of_records.session.records[place].command.as_deref();
            Subject::Record(place, command.and_then(decoded))
        });
        std::iter::once(session)
            .chain(records)
            .map(move |subject| Row { stored: Arc::clone(&stored), subject })
    }
}

impl Row {
    fn of_session<'a>(&'a self, id: &'a str) -> Vec<(Field, Cell<'a>)> {
        let Stored { fields, session, at, .. } = &*self.stored;
        let mut cells = Vec::with_capacity(USUAL_CELLS);
        let terms = [
            (fields.kind, SESSION),
            (fields.transcript, id),
            (fields.session_kind, facts::kind(session.kind)),
        ];
        cells.extend(terms.map(|(field, text)| (field, Cell::Text(text))));
        let identifiers = [
            (fields.session, Some(session.session.as_str())),
            (fields.account, session.account.as_ref().map(AccountId::as_str)),
            (fields.region, session.region.as_deref()),
            (fields.principal, session.principal.as_deref()),
            (fields.target, session.target.as_deref()),
        ];
        for (field, value) in identifiers {
            cells.extend(
                facts::identifiers(fields, field, value).map(|(field, text)| (field, Cell::Text(text))),
            );
        }
        cells.extend(session.ended_at.map(|at| (fields.ended_at, Cell::Signed(at.as_millisecond()))));
        let numbers = [
            (fields.pack, at.pack),
            (fields.bytes, session.bytes),
            (fields.records, session.records.len() as u64),
            (fields.block, at.offset),
        ];
        cells.extend(numbers.map(|(field, number)| (field, Cell::Unsigned(number))));
        // One session stands for all of an object.
        if session.object.transcript_id() == Some(session.id) {
            let key = session.object.key_hash().map(key_column);
            cells.extend(key.map(|key| (fields.key, Cell::Unsigned(key))));
        }
        cells
    }

    fn of_record<'a>(&'a self, place: usize, decoded: Option<&'a str>) -> Vec<(Field, Cell<'a>)> {
        let Stored { fields, session, at, offsets } = &*self.stored;
        let record = &session.records[place];
        let mut cells = Vec::with_capacity(USUAL_CELLS);
        cells.push((fields.block, Cell::Unsigned(at.offset + offsets[place])));
        let texts = [
            (fields.command, record.command.as_deref()),
            (fields.command, record.command_as_sent.as_deref()),
            (fields.command, record.expanded.as_deref()),
            (fields.command, decoded),
            (fields.output, Some(record.output.as_str())),
            (fields.output, record.output_as_sent.as_deref()),
        ];
        let texts = texts.into_iter().filter_map(|(field, text)| Some((field, text?)));
        cells.extend(
            texts
                .chain(facts::of_record(fields, record, decoded))
                .map(|(field, text)| (field, Cell::Text(text))),
        );
        cells
    }
}

impl Document for Row {
    type Value<'a> = Cell<'a>;
    type FieldsValuesIter<'a> = vec::IntoIter<(Field, Cell<'a>)>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let cells = match &self.subject {
            Subject::Session { id } => self.of_session(id),
            Subject::Record(place, decoded) => self.of_record(*place, decoded.as_deref()),
        };
        cells.into_iter()
    }
}

impl<'a> Value<'a> for Cell<'a> {
    type ArrayIter = Empty<Self>;
    type ObjectIter = Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(match *self {
            Self::Text(text) => ReferenceValueLeaf::Str(text),
            Self::Signed(number) => ReferenceValueLeaf::I64(number),
            Self::Unsigned(number) => ReferenceValueLeaf::U64(number),
        })
    }
}
