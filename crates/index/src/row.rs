//! A session and its records as documents of tantivy, which reads their texts where they are.

use std::array;
use std::iter::{Empty, Flatten};
use std::sync::Arc;

use shelltrail_core::{AccountId, Session};
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf};
use tantivy::schema::{Document, Field, Value};

use crate::pack::BlockAt;
use crate::schema::{Fields, SESSION};

/// Most values of one document.
const MAX_CELLS: usize = 11;

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
    /// A record by its place.
    Record(usize),
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
        let records = (0..self.session.records.len()).map(Subject::Record);
        let stored = Arc::new(self);
        std::iter::once(session)
            .chain(records)
            .map(move |subject| Row { stored: Arc::clone(&stored), subject })
    }
}

impl Row {
    fn of_session<'a>(&'a self, id: &'a str) -> [Option<(Field, Cell<'a>)>; MAX_CELLS] {
        let Stored { fields, session, at, .. } = &*self.stored;
        let text = |field, text| Some((field, Cell::Text(text)));
        let number = |field, number| Some((field, Cell::Unsigned(number)));
        [
            text(fields.kind, SESSION),
            text(fields.transcript, id),
            text(fields.session, &session.session),
            session.account.as_ref().map(AccountId::as_str).and_then(|account| text(fields.account, account)),
            session.region.as_deref().and_then(|region| text(fields.region, region)),
            session.principal.as_deref().and_then(|principal| text(fields.principal, principal)),
            session.ended_at.map(|ended_at| (fields.ended_at, Cell::Signed(ended_at.as_millisecond()))),
            number(fields.pack, at.pack),
            number(fields.bytes, session.bytes),
            number(fields.records, session.records.len() as u64),
            number(fields.block, at.offset),
        ]
    }

    fn of_record(&self, place: usize) -> [Option<(Field, Cell<'_>)>; MAX_CELLS] {
        let Stored { fields, session, at, offsets } = &*self.stored;
        let record = &session.records[place];
        let mut cells = [None; MAX_CELLS];
        cells[0] = Some((fields.block, Cell::Unsigned(at.offset + offsets[place])));
        let texts = [
            (fields.command, record.command.as_deref()),
            (fields.command, record.command_as_sent.as_deref()),
            (fields.command, record.expanded.as_deref()),
            (fields.output, Some(record.output.as_str())),
            (fields.output, record.output_as_sent.as_deref()),
        ];
        for (cell, (field, text)) in cells[1..].iter_mut().zip(texts) {
            *cell = text.map(|text| (field, Cell::Text(text)));
        }
        cells
    }
}

impl Document for Row {
    type Value<'a> = Cell<'a>;
    type FieldsValuesIter<'a> = Flatten<array::IntoIter<Option<(Field, Cell<'a>)>, MAX_CELLS>>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let cells = match &self.subject {
            Subject::Session { id } => self.of_session(id),
            Subject::Record(place) => self.of_record(*place),
        };
        cells.into_iter().flatten()
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
