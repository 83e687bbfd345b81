//! `docs/records.md` names every field and every word of the JSON, and nothing else.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;

use serde_json::Value;
use shelltrail_core::TranscriptId;
use shelltrail_core::document::{RecordDocument, SCHEMA, SessionDocument};
use shelltrail_core::object::ObjectRef;
use shelltrail_core::session::{CommandRecord, Session, SessionKind};

const PAGE: &str = include_str!("../../../docs/records.md");

/// Where the words are defined.
const WORDS: &str = include_str!("../src/session.rs");

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The part of the page under a heading.
fn section(heading: &str) -> &'static str {
    let start = PAGE.find(heading).unwrap_or_else(|| panic!("the page has no {heading:?}"));
    let body = &PAGE[start + heading.len()..];
    body.find("\n## ").map_or(body, |end| &body[..end])
}

/// The names in the first column of the first table of a section.
fn described(section: &'static str) -> BTreeSet<String> {
    let rows = section.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
    let cells = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    names(cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)))
}

fn fields(document: &Value) -> BTreeSet<String> {
    names(document.as_object().unwrap().keys().map(String::as_str))
}

/// A session and a record of it in which no field is left out.
fn complete() -> (Session, CommandRecord) {
    let text = || Some("x".to_owned());
    let record = CommandRecord {
        command: Some("echo Y3VybCBldmlsLmV4YW1wbGU= | base64 -d".to_owned()),
        output: "xx".to_owned(),
        command_as_sent: text(),
        output_as_sent: text(),
        expanded: text(),
        here_documents: vec!["x".to_owned()],
        ..CommandRecord::default()
    };
    let session = Session {
        kind: SessionKind::Transcript,
        id: TranscriptId::of_file("x", b"x"),
        object: ObjectRef::default(),
        account: None,
        region: None,
        session: "x".to_owned(),
        principal: None,
        target: None,
        ended_at: None,
        time_source: None,
        bytes: 1,
        unread_bytes: 1,
        records: Vec::new(),
        defects: Vec::new(),
        sequencer: None,
        last_modified: None,
    };
    (session, record)
}

#[test]
fn every_field_of_a_record_is_described() {
    let (session, record) = complete();
    // A record that is cut, and a neighbour, has all fields.
    let document = RecordDocument::new(&session, &record, 1).as_neighbour(true);
    assert_eq!(described(section("## A record")), fields(&serde_json::to_value(document).unwrap()));
}

#[test]
fn every_field_of_a_session_is_described() {
    let (session, _) = complete();
    let document = SessionDocument {
        schema: SCHEMA,
        kind: session.kind,
        session: &session.session,
        account: session.account,
        region: session.region.as_deref(),
        principal: session.principal.as_deref(),
        target: session.target.as_deref(),
        transcript: session.id,
        records: 0,
        bytes: session.bytes,
        unread_bytes: session.unread_bytes,
        ended_at: session.ended_at,
        time_source: session.time_source,
        object: &session.object,
        defects: &session.defects,
        source_deleted: None,
        overwritten: None,
    };
    assert_eq!(described(section("## A session")), fields(&serde_json::to_value(document).unwrap()));
}

#[test]
fn every_word_is_described() {
    let described = names(PAGE.split('`').skip(1).step_by(2));
    let mut words = 0;
    for definition in WORDS.split("\npub enum ").skip(1) {
        let body = &definition[..definition.find("\n}").unwrap()];
        let variants = body
            .lines()
            .skip(1)
            .map(str::trim)
            .filter(|line| !line.starts_with("//") && !line.starts_with('#'));
        for variant in variants {
            let name = snake_case(variant.trim_end_matches(','));
            assert!(described.contains(&name), "docs/records.md does not say what {name} means");
            words += 1;
        }
    }
    assert!(words > 40, "only {words} words were found in the definitions");
}

/// As serde renames variants.
fn snake_case(variant: &str) -> String {
    let mut name = String::new();
    for (index, letter) in variant.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
