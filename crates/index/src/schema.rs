//! The fields of a partition's tantivy index.
//!
//! A session is one session document directly followed by one document per record, in their order. What is true of the
//! whole session stands on its own document alone; the documents of the records hold the terms of their text. Merging
//! segments keeps the order of documents, and none is ever deleted. No text is stored here: `pack` and `block` say where
//! it lies.

use tantivy::schema::{
    Field, IndexRecordOption, NumericOptions, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::{Index, IndexSettings};

use crate::tokens::TermTokenizer;

/// The name under which [`TermTokenizer`] is registered.
const TERMS: &str = "terms";
/// The value of [`Fields::kind`].
pub const SESSION: &str = "session";

/// The fields by name.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// [`SESSION`] on session documents, absent on records.
    pub kind: Field,
    /// Identity of the transcript, on session documents: a term to look it up, a column to order results by.
    pub transcript: Field,
    /// Session ID, on session documents.
    pub session: Field,
    /// Account ID, on session documents.
    pub account: Field,
    /// Region, on session documents.
    pub region: Field,
    /// Principal, on session documents.
    pub principal: Field,
    /// Managed node, on session documents.
    pub target: Field,
    /// What the object holds, on session documents.
    pub session_kind: Field,
    /// Milliseconds since 1970 (UTC), on session documents; absent if unknown.
    pub ended_at: Field,
    /// Number of the pack, on session documents.
    pub pack: Field,
    /// Size of the clear transcript, on session documents.
    pub bytes: Field,
    /// How many records the session has, on session documents.
    pub records: Field,
    /// Half of the hash of bucket and key, on the session document that stands for an object of a bucket.
    pub key: Field,
    /// Offset of the block in the pack; of a session, its first block.
    pub block: Field,
    /// The programs that the command names.
    pub program: Field,
    /// The shells and programs in which the line was typed.
    pub context: Field,
    /// What else is so (see `facts.rs`); that identifiers are not listed, on session documents too.
    pub fact: Field,
    /// Terms of the command.
    pub command: Field,
    /// Terms of the output.
    pub output: Field,
}

/// Names of the columns, as tantivy's column readers want them.
pub mod column {
    #![allow(missing_docs)]
    pub const TRANSCRIPT: &str = "transcript";
    pub const ENDED_AT: &str = "ended_at";
    pub const PACK: &str = "pack";
    pub const BYTES: &str = "bytes";
    pub const RECORDS: &str = "records";
    pub const KEY: &str = "key";
    pub const BLOCK: &str = "block";
}

/// The schema and its fields.
#[must_use]
pub fn schema() -> (Schema, Fields) {
    // Documents only: no frequencies, no positions, no norms. Results are ordered by time, and
    // phrases are verified on the text.
    let indexing = |tokenizer: &str| {
        TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false)
    };
    let identifier = || TextOptions::default().set_indexing_options(indexing("raw"));
    let text = || TextOptions::default().set_indexing_options(indexing(TERMS));
    let number = || NumericOptions::default().set_fast();

    let mut builder = SchemaBuilder::default();
    let fields = Fields {
        kind: builder.add_text_field("kind", identifier()),
        transcript: builder.add_text_field(column::TRANSCRIPT, identifier().set_fast("raw")),
        session: builder.add_text_field("session", identifier()),
        account: builder.add_text_field("account", identifier()),
        region: builder.add_text_field("region", identifier()),
        principal: builder.add_text_field("principal", identifier()),
        target: builder.add_text_field("target", identifier()),
        session_kind: builder.add_text_field("session_kind", identifier()),
        ended_at: builder.add_i64_field(column::ENDED_AT, number()),
        pack: builder.add_u64_field(column::PACK, number()),
        bytes: builder.add_u64_field(column::BYTES, number()),
        records: builder.add_u64_field(column::RECORDS, number()),
        key: builder.add_u64_field(column::KEY, number()),
        block: builder.add_u64_field(column::BLOCK, number()),
        program: builder.add_text_field("program", identifier()),
        context: builder.add_text_field("context", identifier()),
        fact: builder.add_text_field("fact", identifier()),
        command: builder.add_text_field("command", text()),
        output: builder.add_text_field("output", text()),
    };
    (builder.build(), fields)
}

/// What of the hash of a key stands in a column: half of it. Whoever finds something by it compares the rest.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // that is what half of it means
pub fn key_column(key_hash: u128) -> u64 {
    (key_hash >> 64) as u64
}

/// Makes the tokenizer known to an index; every index needs it before it is read or written.
pub fn register(index: &Index) {
    index.tokenizers().register(TERMS, TermTokenizer::default());
}

/// Settings of a new index: no document store to speak of, so nothing to compress.
#[must_use]
pub fn settings() -> IndexSettings {
    IndexSettings { docstore_compression: tantivy::store::Compressor::None, ..IndexSettings::default() }
}
