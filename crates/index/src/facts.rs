//! What is so of a record beside its texts, as terms of the index.

use shelltrail_core::session::Origin;
use shelltrail_core::{CommandRecord, Confidence, Flag, SessionKind, Status};
use tantivy::schema::Field;

use crate::schema::Fields;

/// A text of the record has a character beyond ASCII.
pub const NON_ASCII: &str = "non_ascii";
/// A record or a session has an identifier that is too long to be a term.
pub const UNLISTED: &str = "unlisted";
/// The longest identifier that is a term; tantivy drops terms of 64 KiB without a word. Longer ones are read.
const MAX_LISTED_BYTES: usize = 1024;

/// The term of a kind of session.
#[must_use]
pub fn kind(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::Transcript => "transcript",
        SessionKind::AgentError => "agent_error",
        SessionKind::CommandOutput => "command_output",
    }
}

/// The term of a status.
#[must_use]
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Executed => "status=executed",
        Status::Aborted => "status=aborted",
        Status::Eof => "status=eof",
        Status::Unsubmitted => "status=unsubmitted",
        Status::EchoOnly => "status=echo_only",
        Status::ProgramInput => "status=program_input",
    }
}

/// The term of a flag.
#[must_use]
pub fn flag(flag: Flag) -> &'static str {
    match flag {
        Flag::Erased => "flag=erased",
        Flag::Overwritten => "flag=overwritten",
        Flag::Concealed => "flag=concealed",
        Flag::AlternateScreen => "flag=alternate_screen",
        Flag::Blind => "flag=blind",
        Flag::MixedScript => "flag=mixed_script",
    }
}

/// The term of a confidence.
#[must_use]
pub fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "confidence=low",
        Confidence::Medium => "confidence=medium",
        Confidence::High => "confidence=high",
    }
}

/// The term of an origin; nearly all lines are typed by users, so that has none.
#[must_use]
pub fn origin(origin: Origin) -> Option<&'static str> {
    match origin {
        Origin::User => None,
        Origin::Profile => Some("origin=profile"),
        Origin::Agent => Some("origin=agent"),
    }
}

/// The values of an identifier as terms; one that is too long makes the document one whose identifiers are read.
pub fn identifiers<'a>(
    fields: &Fields,
    field: Field,
    values: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = (Field, &'a str)> {
    let fact = fields.fact;
    values.into_iter().map(
        move |value| {
            if value.len() <= MAX_LISTED_BYTES { (field, value) } else { (fact, UNLISTED) }
        },
    )
}

/// What is so of a record, as terms. `decoded` is what its command holds encoded.
pub fn of_record<'a>(
    fields: &Fields,
    record: &'a CommandRecord,
    decoded: Option<&str>,
) -> impl Iterator<Item = (Field, &'a str)> {
    let fact = fields.fact;
    let texts = [
        record.command.as_deref(),
        Some(record.output.as_str()),
        record.command_as_sent.as_deref(),
        record.output_as_sent.as_deref(),
        record.expanded.as_deref(),
        decoded,
    ];
    let non_ascii = texts.into_iter().flatten().any(|text| !text.is_ascii()).then_some(NON_ASCII);
    let terms = non_ascii
        .into_iter()
        .chain(record.status.map(status))
        .chain(origin(record.origin))
        .chain(record.flags.iter().map(|&value| flag(value)))
        .chain([confidence(record.confidence)]);
    identifiers(fields, fields.program, record.programs.iter().map(String::as_str))
        .chain(identifiers(fields, fields.context, record.context.iter().map(String::as_str)))
        .chain(terms.map(move |term| (fact, term)))
}
