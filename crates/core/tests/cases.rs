//! The cases of `fixtures/transcripts`: the bytes of a session in, its records out.
//!
//! `fixtures/transcripts/README.md` says what the files of a case are and how its expectations are compared.
//! `UPDATE_EXPECT=1` rewrites the expectations of cases that fail, `CASE=h12` runs those whose names start so.

#![allow(clippy::unwrap_used, missing_docs)]

mod shared;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use shelltrail_core::document::RecordDocument;
use shelltrail_core::session::Session;
use shelltrail_core::{notification, sanitize};

/// The key of a case that brings none.
const KEY: &str = "session/111122223333/eu-west-1/alice-05ba181f37a0fb8d2.log";

/// Most bytes of one line of a report.
const MAX_LINE_BYTES: usize = 1_000;

/// The fields that an updated expectation shows, in this order; the command even where it is null.
const SHOWN: [&str; 16] = [
    "command",
    "output",
    "status",
    "confidence",
    "reason",
    "boundary",
    "flags",
    "context",
    "origin",
    "prompt",
    "expanded",
    "command_as_sent",
    "output_as_sent",
    "here_documents",
    "programs",
    "at",
];

/// The fields that hold text of the transcript, for `any_contains`.
const TEXTS: [&str; 7] =
    ["command", "output", "prompt", "expanded", "command_as_sent", "output_as_sent", "here_documents"];

struct Case {
    name: String,
    folder: PathBuf,
    bytes: Vec<u8>,
    expected: Vec<Value>,
}

/// From the bytes of an object to its sessions.
fn sessions(key: &str, body: &[u8]) -> Vec<Session> {
    shared::sessions(key, body).unwrap().0
}

#[test]
fn every_case_gives_the_expected_records() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut failures = Vec::new();
    let cases = cases();
    for case in &cases {
        let found = sessions(&case.key(), &case.bytes);
        let mut failure = case.compare_records(&found);
        failure.push_str(&case.compare_sessions(&found));
        if failure.is_empty() {
            continue;
        }
        if update {
            case.update(&found);
        } else {
            failures.push(format!("== {}\n{failure}", case.name));
        }
    }
    assert!(!cases.is_empty(), "no case was found");
    let (failed, all) = (failures.len(), cases.len());
    assert!(failures.is_empty(), "{failed} of {all} cases fail:\n{}", failures.join("\n"));
}

#[test]
fn what_is_shown_of_a_case_holds_no_control_character() {
    for case in cases() {
        for document in sessions(&case.key(), &case.bytes).iter().flat_map(documents) {
            for text in TEXTS.iter().flat_map(|name| texts(&document[*name])) {
                let shown = sanitize::printable_lines(text);
                let bad = shown.chars().find(|c| c.is_control() && *c != '\n');
                assert_eq!(bad, None, "{}: {shown:?}", case.name);
                assert_eq!(sanitize::printable_lines(&shown), shown, "{}: twice is once", case.name);
            }
        }
    }
}

#[test]
fn stacked_marks_are_shown_in_one_short_line() {
    let case = cases().into_iter().find(|case| case.name.starts_with("d09")).unwrap();
    for document in sessions(&case.key(), &case.bytes).iter().flat_map(documents) {
        let shown = sanitize::printable_lines(document["output"].as_str().unwrap()).into_owned();
        assert!(shown.len() < 1_000, "{} bytes are shown", shown.len());
    }
}

impl Case {
    /// The key of its object: as it is, or as a notification names it.
    fn key(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).ok();
        if let Some(encoded) = read("event-key") {
            let record = json!({
                "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "awsRegion": "eu-west-1",
                "s3": { "bucket": { "name": "central" }, "object": { "key": encoded.trim_end() } },
            });
            let message = json!({ "Records": [record] }).to_string();
            return notification::parse(&message).unwrap().announcements[0].object.key.clone();
        }
        read("key").map_or_else(|| KEY.to_owned(), |key| key.trim_end().to_owned())
    }

    /// Says what differs between the expected records and those found; nothing if they agree.
    fn compare_records(&self, found: &[Session]) -> String {
        let found: Vec<Value> = found.iter().flat_map(documents).collect();
        let pairs = align(&self.expected, &found);
        let mut report = String::new();
        let mut fails = false;
        for (expected, record) in &pairs {
            match (expected.map(|at| &self.expected[at]), record.map(|at| &found[at])) {
                (Some(_), Some(record)) => writeln!(report, "  {}", clipped(&shown(record))).unwrap(),
                (Some(expected), None) if is_optional(expected) => {}
                (Some(expected), None) => {
                    fails = true;
                    writeln!(report, "- {}", clipped(&expected.to_string())).unwrap();
                }
                (None, Some(record)) => {
                    fails = true;
                    writeln!(report, "+ {}", clipped(&shown(record))).unwrap();
                }
                (None, None) => {}
            }
        }
        for window in pairs.windows(2) {
            if let [(Some(expected), None), (None, Some(record))] = window {
                report.push_str(&differences(&self.expected[*expected], &found[*record]));
            }
        }
        if fails { report } else { String::new() }
    }

    /// The same for `expected-session.json`: an object for the only session, or an array.
    fn compare_sessions(&self, found: &[Session]) -> String {
        let Ok(text) = fs::read_to_string(self.folder.join("expected-session.json")) else {
            return String::new();
        };
        let expected = match serde_json::from_str(&text).unwrap() {
            Value::Array(list) => list,
            one => vec![one],
        };
        if expected.len() != found.len() {
            return format!("{} sessions, expected {}\n", found.len(), expected.len());
        }
        let pairs = expected.iter().zip(found);
        pairs.map(|(expected, session)| differences(expected, &session_document(session))).collect()
    }

    /// Writes what was found as the expectation.
    fn update(&self, found: &[Session]) {
        let lines: String = found.iter().flat_map(documents).map(|record| shown(&record) + "\n").collect();
        fs::write(self.folder.join("expected.jsonl"), lines).unwrap();
        let path = self.folder.join("expected-session.json");
        if path.exists() {
            let sessions: Vec<Value> = found.iter().map(session_document).collect();
            let text = match &sessions[..] {
                [one] => serde_json::to_string_pretty(one).unwrap(),
                list => serde_json::to_string_pretty(list).unwrap(),
            };
            fs::write(path, text + "\n").unwrap();
        }
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/transcripts");
    let wanted = std::env::var("CASE").unwrap_or_default();
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&wanted))
        .collect();
    folders.sort();
    folders.into_iter().map(case).collect()
}

fn case(folder: PathBuf) -> Case {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let read = |file: &str| {
        fs::read(folder.join(file)).unwrap_or_else(|error| panic!("read {file} of case {name}: {error}"))
    };
    assert!(!read("about.md").is_empty(), "case {name} does not say what it is");
    let expected = String::from_utf8(read("expected.jsonl")).unwrap();
    let expected = expected
        .lines()
        .map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("case {name}: {error} in {line}"))
        })
        .collect();
    Case { bytes: read("transcript.log"), name, folder, expected }
}

/// The records of a session as `shelltrail parse` prints them.
fn documents(session: &Session) -> Vec<Value> {
    let document = |record| serde_json::to_value(RecordDocument::new(session, record, usize::MAX)).unwrap();
    session.records.iter().map(document).collect()
}

fn session_document(session: &Session) -> Value {
    json!({
        "kind": session.kind,
        "session": session.session,
        "account": session.account,
        "region": session.region,
        "principal": session.principal,
        "target": session.target,
        "records": session.records.len(),
        "ended_at": session.ended_at,
        "time_source": session.time_source,
        "defects": session.defects,
    })
}

/// Pairs expectations with records in order: as many as possible, those that must be there before the optional ones.
fn align(expected: &[Value], found: &[Value]) -> Vec<(Option<usize>, Option<usize>)> {
    let weight = |e: usize, f: usize| {
        let pair = differences(&expected[e], &found[f]).is_empty();
        if !pair {
            0
        } else if is_optional(&expected[e]) {
            1
        } else {
            2
        }
    };
    let (rows, columns) = (expected.len(), found.len());
    let weights: Vec<Vec<u32>> = (0..rows).map(|e| (0..columns).map(|f| weight(e, f)).collect()).collect();
    let mut best = vec![vec![0_u32; columns + 1]; rows + 1];
    for e in (0..rows).rev() {
        for f in (0..columns).rev() {
            let paired = if weights[e][f] > 0 { weights[e][f] + best[e + 1][f + 1] } else { 0 };
            best[e][f] = paired.max(best[e + 1][f]).max(best[e][f + 1]);
        }
    }
    let (mut e, mut f) = (0, 0);
    let mut pairs = Vec::new();
    while e < rows || f < columns {
        if e < rows && f < columns && weights[e][f] > 0 && best[e][f] == weights[e][f] + best[e + 1][f + 1] {
            pairs.push((Some(e), Some(f)));
            (e, f) = (e + 1, f + 1);
        } else if e < rows && best[e][f] == best[e + 1][f] {
            pairs.push((Some(e), None));
            e += 1;
        } else {
            pairs.push((None, Some(f)));
            f += 1;
        }
    }
    pairs
}

fn is_optional(expected: &Value) -> bool {
    expected["optional"] == true
}

/// A line for each expected key that the record does not meet.
fn differences(expected: &Value, record: &Value) -> String {
    let mut report = String::new();
    let keys = expected.as_object().unwrap_or_else(|| panic!("{expected} is no object"));
    for (key, value) in keys.iter().filter(|(key, _)| *key != "optional") {
        let met = match key.strip_suffix("_contains") {
            Some("any") => {
                let all: Vec<&str> = TEXTS.iter().flat_map(|name| texts(&record[*name])).collect();
                texts(value).iter().all(|part| all.iter().any(|text| text.contains(part)))
            }
            Some(name) => {
                texts(value).iter().all(|part| texts(&record[name]).iter().any(|text| text.contains(part)))
            }
            None => is_empty(value) && is_empty(&record[key]) || *value == record[key],
        };
        if !met {
            let name = key.strip_suffix("_contains").unwrap_or(key);
            let (value, found) = (value.to_string(), record[name].to_string());
            writeln!(report, "  {key}: expected {}, found {}", clipped(&value), clipped(&found)).unwrap();
        }
    }
    report
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The start of a long line; a report is for reading.
fn clipped(line: &str) -> &str {
    &line[..line.floor_char_boundary(MAX_LINE_BYTES)]
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// A record as one line of an expectation.
fn shown(record: &Value) -> String {
    let none = Map::new();
    let fields = record.as_object().unwrap_or(&none);
    let shown: Vec<String> = SHOWN
        .iter()
        .filter(|name| **name == "command" || fields.get(**name).is_some_and(|value| !is_empty(value)))
        .map(|name| format!("\"{name}\": {}", record[*name]))
        .collect();
    format!("{{{}}}", shown.join(", "))
}
