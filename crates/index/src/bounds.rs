//! Which documents of a segment a query can be true of, by terms and columns alone.

use tantivy::schema::Field;
use tantivy::schema::IndexRecordOption;

use crate::candidates::{Bounds, Segment};
use crate::dictionary::Dictionary;
use crate::docset::Docs;
use crate::facts;
use crate::partition::{PartitionError, tantivy_error};
use crate::query::{Fact, Glob, Identifier, Need, Query, TextLeaf, Within};
use crate::schema::column;
use crate::sessions::SessionDocs;

impl Bounds {
    fn exactly(docs: Docs) -> Self {
        Self { upper: docs.clone(), lower: docs }
    }

    fn at_most(docs: Docs) -> Self {
        let lower = Docs::none(docs.max_doc());
        Self { upper: docs, lower }
    }

    fn complement(self) -> Self {
        Self { upper: self.lower.complement(), lower: self.upper.complement() }
    }
}

impl Segment {
    /// The documents of sessions and of records that a query may be true of. A session's own document stands for what
    /// is asked of the session.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub(crate) fn bounds(&self, query: &Query) -> Result<Bounds, PartitionError> {
        match query {
            Query::All => Ok(Bounds::exactly(Docs::all(self.max_doc()))),
            Query::And(queries) => {
                let mut all = Bounds::exactly(Docs::all(self.max_doc()));
                for query in in_order_of_cost(queries) {
                    if all.upper.is_empty() {
                        return Ok(Bounds::exactly(all.upper));
                    }
                    let bounds = self.bounds(query)?;
                    all.upper.intersect(&bounds.upper);
                    all.lower.intersect(&bounds.lower);
                }
                Ok(all)
            }
            Query::Or(queries) => {
                let mut any = Bounds::exactly(Docs::none(self.max_doc()));
                for query in queries {
                    let bounds = self.bounds(query)?;
                    any.upper.union(&bounds.upper);
                    any.lower.union(&bounds.lower);
                }
                Ok(any)
            }
            Query::Not(query) => Ok(self.bounds(query)?.complement()),
            Query::Text(leaf) => Ok(Bounds::at_most(self.with_text(leaf)?)),
            Query::Is(leaf) => self.with_fact(&leaf.fact),
        }
    }

    /// The same, were nothing known of the texts and records: which sessions are in scope; `None` if all are.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub(crate) fn scope(&self, query: &Query) -> Result<Option<Docs>, PartitionError> {
        match query {
            Query::All | Query::Text(_) => Ok(None),
            query if query.is_about_sessions() => Ok(Some(self.bounds(query)?.upper)),
            Query::And(queries) => {
                let mut all: Option<Docs> = None;
                for query in queries {
                    match (&mut all, self.scope(query)?) {
                        (_, None) => {}
                        (None, scope) => all = scope,
                        (Some(all), Some(scope)) => all.intersect(&scope),
                    }
                }
                Ok(all)
            }
            Query::Or(queries) => {
                let mut any = Docs::none(self.max_doc());
                for query in queries {
                    let Some(scope) = self.scope(query)? else { return Ok(None) };
                    any.union(&scope);
                }
                Ok(Some(any))
            }
            // What is asked of records may be so of any, and may not.
            Query::Not(_) | Query::Is(_) => Ok(None),
        }
    }

    fn with_text(&self, leaf: &TextLeaf) -> Result<Docs, PartitionError> {
        let need = leaf.pattern.need();
        let command = |docs: &mut Docs| self.add_needed(need, self.fields.command, &self.command, docs);
        let output = |docs: &mut Docs| self.add_needed(need, self.fields.output, &self.output, docs);
        let mut docs = Docs::none(self.max_doc());
        match leaf.within {
            Within::Command => command(&mut docs)?,
            Within::Output => output(&mut docs)?,
            Within::Any | Within::Raw => {
                command(&mut docs)?;
                output(&mut docs)?;
            }
            // Prompts have no terms.
            Within::Prompt => docs = Docs::all(self.max_doc()),
        }
        Ok(docs)
    }

    fn add_needed(
        &self,
        need: &Need,
        field: Field,
        dictionary: &Dictionary,
        docs: &mut Docs,
    ) -> Result<(), PartitionError> {
        match self.needed(need, field, dictionary)? {
            Some(needed) => docs.union(&needed),
            None => *docs = Docs::all(self.max_doc()),
        }
        Ok(())
    }

    /// The documents with a text that fulfils a need; `None` if nothing is known.
    fn needed(
        &self,
        need: &Need,
        field: Field,
        dictionary: &Dictionary,
    ) -> Result<Option<Docs>, PartitionError> {
        match need {
            Need::Nothing => Ok(None),
            Need::NonAscii => Ok(Some(self.with_any(self.fields.fact, [facts::NON_ASCII])?)),
            Need::Terms(conditions) => {
                let inverted = self.reader.inverted_index(field).map_err(tantivy_error("read"))?;
                dictionary.select(&inverted, conditions, self.max_doc()).map_err(tantivy_error("search"))
            }
            Need::All(needs) => {
                let mut all: Option<Docs> = None;
                for need in needs {
                    match (&mut all, self.needed(need, field, dictionary)?) {
                        (_, None) => {}
                        (None, found) => all = found,
                        (Some(all), Some(found)) => all.intersect(&found),
                    }
                    if all.as_ref().is_some_and(Docs::is_empty) {
                        break;
                    }
                }
                Ok(all)
            }
            Need::Either(needs) => {
                let mut any = Docs::none(self.max_doc());
                for need in needs {
                    let Some(found) = self.needed(need, field, dictionary)? else { return Ok(None) };
                    any.union(&found);
                }
                Ok(Some(any))
            }
        }
    }

    fn with_fact(&self, fact: &Fact) -> Result<Bounds, PartitionError> {
        let of_record = |term: &str| self.with_any(self.fields.fact, [term]);
        Ok(match fact {
            Fact::Identifier(name, glob) => return self.with_identifier(*name, glob),
            Fact::Kind(kind) => {
                let docs = self.with_any(self.fields.session_kind, [facts::kind(*kind)])?;
                Bounds::exactly(self.whole_sessions(&docs)?)
            }
            Fact::Status(status) => Bounds::exactly(of_record(facts::status(*status))?),
            Fact::Flag(flag) => Bounds::exactly(of_record(facts::flag(*flag))?),
            Fact::Confidence(values) => Bounds::exactly(
                self.with_any(self.fields.fact, values.iter().map(|value| facts::confidence(*value)))?,
            ),
            Fact::Origin(origin) => match facts::origin(*origin) {
                Some(term) => Bounds::exactly(of_record(term)?),
                None => {
                    let others = crate::query::ORIGINS.into_iter().filter_map(facts::origin);
                    Bounds::exactly(self.with_any(self.fields.fact, others)?).complement()
                }
            },
            Fact::Record(numbers) => {
                let mut docs = Docs::none(self.max_doc());
                for session in self.in_order()?.from(0) {
                    let records = session.records();
                    let at = |seq: u64| records.start.saturating_add(u32::try_from(seq).unwrap_or(u32::MAX));
                    docs.insert_range(at(numbers.min)..at(numbers.max).saturating_add(1).min(records.end));
                }
                Bounds::exactly(docs)
            }
            Fact::Bytes(numbers) => {
                let bytes = self.number(column::BYTES)?;
                self.sessions_where(|session| bytes(session).is_some_and(|bytes| numbers.contain(bytes)))?
            }
            Fact::Records(numbers) => {
                let records = self.number(column::RECORDS)?;
                self.sessions_where(|session| {
                    records(session).is_some_and(|records| numbers.contain(records))
                })?
            }
            Fact::Ended(times) => {
                let mut bounds =
                    self.sessions_where(|session| session.ended_at.is_some_and(|at| times.contain(at)))?;
                let unknown = self.sessions_where(|session| session.ended_at.is_none())?;
                bounds.upper.union(&unknown.upper);
                bounds
            }
        })
    }

    fn number(&self, name: &str) -> Result<impl Fn(&SessionDocs) -> Option<u64> + use<>, PartitionError> {
        let column = self.reader.fast_fields().u64(name).map_err(tantivy_error("read a column of"))?;
        Ok(move |session: &SessionDocs| column.first(session.doc))
    }

    fn sessions_where(&self, holds: impl Fn(&SessionDocs) -> bool) -> Result<Bounds, PartitionError> {
        let mut docs = Docs::none(self.max_doc());
        for session in self.in_order()?.from(0).iter().filter(|session| holds(session)) {
            docs.insert_range(session.doc..session.records().end);
        }
        Ok(Bounds::exactly(docs))
    }

    /// The documents of some sessions, those of their records included.
    fn whole_sessions(&self, session_docs: &Docs) -> Result<Docs, PartitionError> {
        Ok(self.sessions_where(|session| session_docs.contains(session.doc))?.upper)
    }

    fn with_identifier(&self, name: Identifier, glob: &Glob) -> Result<Bounds, PartitionError> {
        let field = self.field_of(name);
        let of_session = !matches!(name, Identifier::Program | Identifier::Context);
        let docs = match glob.only() {
            Some(value) => self.with_any(field, [value])?,
            None => self.with_matching(field, glob)?,
        };
        let unlisted = self.with_any(self.fields.fact, [facts::UNLISTED])?;
        let mut bounds = Bounds::exactly(docs);
        bounds.upper.union(&unlisted);
        if of_session {
            bounds = Bounds {
                upper: self.whole_sessions(&bounds.upper)?,
                lower: self.whole_sessions(&bounds.lower)?,
            };
        }
        Ok(bounds)
    }

    fn field_of(&self, name: Identifier) -> Field {
        match name {
            Identifier::Account => self.fields.account,
            Identifier::Region => self.fields.region,
            Identifier::Principal => self.fields.principal,
            Identifier::Target => self.fields.target,
            Identifier::Session => self.fields.session,
            Identifier::Program => self.fields.program,
            Identifier::Context => self.fields.context,
        }
    }

    /// The documents of the sessions of which an identifier is not known; none of an identifier that all have.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub(crate) fn lacking(&self, name: Identifier) -> Result<&Docs, PartitionError> {
        let known = match name {
            Identifier::Account => &self.lacking[0],
            Identifier::Region => &self.lacking[1],
            Identifier::Principal => &self.lacking[2],
            _ => &self.lacking[3],
        };
        if let Some(docs) = known.get() {
            return Ok(docs);
        }
        let mut with = self.with_matching(self.field_of(name), &Glob::beginning_with(""))?;
        with.union(&self.with_any(self.fields.fact, [facts::UNLISTED])?);
        let mut docs = with.complement();
        docs.intersect(self.in_order()?.documents());
        Ok(known.get_or_init(|| docs))
    }

    /// The documents with a value that matches. There are few values: they are looked at one by one.
    fn with_matching(&self, field: Field, glob: &Glob) -> Result<Docs, PartitionError> {
        let read = tantivy_error::<std::io::Error>;
        let inverted = self.reader.inverted_index(field).map_err(tantivy_error("read"))?;
        let mut docs = Docs::none(self.max_doc());
        let mut terms = inverted.terms().range().ge(glob.prefix()).into_stream().map_err(read("read"))?;
        while terms.advance() {
            let Ok(value) = std::str::from_utf8(terms.key()) else { continue };
            if !value.starts_with(glob.prefix()) {
                break;
            }
            if glob.is_match(value) {
                let postings = inverted.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic);
                docs.add(postings.map_err(read("read"))?);
            }
        }
        Ok(docs)
    }
}

/// What is told without a look at a dictionary of texts comes first: if it leaves nothing, that look is spared.
fn in_order_of_cost(queries: &[Query]) -> impl Iterator<Item = &Query> {
    let is_fact = |query: &&Query| matches!(query, Query::Is(_));
    queries.iter().filter(is_fact).chain(queries.iter().filter(move |query| !is_fact(query)))
}
