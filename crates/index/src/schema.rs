//! The fields of a partition's tantivy index.
//!
//! A session is one session document followed by one document per record. No text is stored here:
//! `pack` and `block` say where it lies.

use tantivy::schema::{
    Field, IndexRecordOption, NumericOptions, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::{Index, IndexSettings};

use crate::tokens::TermTokenizer;

/// The name under which [`TermTokenizer`] is registered.
const TERMS: &str = "terms";
/// Values of [`Fields::kind`].
pub const SESSION: &str = "session";
/// Values of [`Fields::kind`].
pub const RECORD: &str = "record";

/// The fields by name.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// [`SESSION`] or [`RECORD`].
    pub kind: Field,
    /// Identity of the transcript; on session documents only, where it is looked up.
    pub transcript: Field,
    /// The same on every document, as a column: part of the order of results.
    pub transcript_column: Field,
    /// Session ID.
    pub session: Field,
    /// Account ID.
    pub account: Field,
    /// Region.
    pub region: Field,
    /// Principal.
    pub principal: Field,
    /// Terms of the command.
    pub command: Field,
    /// Terms of the output.
    pub output: Field,
    /// Milliseconds since 1970 (UTC); absent if unknown.
    pub ended_at: Field,
    /// Position of the record in its session; absent on session documents.
    pub seq: Field,
    /// Number of the pack.
    pub pack: Field,
    /// Offset of the block in the pack; of a session, its first block.
    pub block: Field,
    /// Size of the clear transcript; on session documents.
    pub bytes: Field,
    /// How many records the session has; on session documents.
    pub records: Field,
}

/// Names of the columns, as tantivy's column readers want them.
pub mod column {
    #![allow(missing_docs)]
    pub const TRANSCRIPT: &str = "transcript_column";
    pub const ENDED_AT: &str = "ended_at";
    pub const SEQ: &str = "seq";
    pub const PACK: &str = "pack";
    pub const BLOCK: &str = "block";
    pub const BYTES: &str = "bytes";
    pub const RECORDS: &str = "records";
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
        transcript: builder.add_text_field("transcript", identifier()),
        transcript_column: builder.add_text_field(column::TRANSCRIPT, TextOptions::default().set_fast("raw")),
        session: builder.add_text_field("session", identifier()),
        account: builder.add_text_field("account", identifier()),
        region: builder.add_text_field("region", identifier()),
        principal: builder.add_text_field("principal", identifier()),
        command: builder.add_text_field("command", text()),
        output: builder.add_text_field("output", text()),
        ended_at: builder.add_i64_field(column::ENDED_AT, number()),
        seq: builder.add_u64_field(column::SEQ, number()),
        pack: builder.add_u64_field(column::PACK, number()),
        block: builder.add_u64_field(column::BLOCK, number()),
        bytes: builder.add_u64_field(column::BYTES, number()),
        records: builder.add_u64_field(column::RECORDS, number()),
    };
    (builder.build(), fields)
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
