//! What the tests of `crates/core/tests` and the targets of `fuzz/` have in common.

#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::{Fetched, ObjectRef};
use shelltrail_core::session::{CommandRecord, Defect, Session};
use shelltrail_core::transcript::{ParseLimits, Parsed, parse};
use shelltrail_core::{TranscriptId, decode, sanitize};

/// When S3 stored the object of a test.
pub const LAST_MODIFIED: &str = "2026-11-20T21:10:00Z";

/// Most clear bytes of the object of a test.
pub const MAX_BYTES: u64 = 1 << 24;

/// Fewest letters and digits in a row that must be found again.
const MIN_RUN: usize = 4;

/// What may be missing of a run at one place: what somebody mistyped and took back at once.
pub const MAX_SLIP: usize = 3;

/// What a line editor says while it searches its history; nobody typed it, and no command printed it.
const SEARCH: [&str; 4] = ["failed", "reverse", "forward", "search"];

/// From the bytes of an object to its sessions, and how many clear bytes they were read from.
pub fn sessions(key: &str, body: &[u8]) -> Result<(Vec<Session>, u64), decode::DecodeError> {
    let fetched = Fetched {
        object: ObjectRef { key: key.to_owned(), ..ObjectRef::default() },
        id: TranscriptId::of_file(key, body),
        metadata: BTreeMap::new(),
        last_modified: Some(LAST_MODIFIED.parse().unwrap()),
        body: body.to_vec(),
    };
    let transcript = decode::open(fetched, None, MAX_BYTES)?;
    let sessions = decode::sessions(&transcript, &KeyLayout::default(), &ParseLimits::default());
    Ok((sessions, transcript.bytes.len() as u64))
}

/// Parses, and checks what every reader of records relies on.
pub fn check(bytes: &[u8], name: &str) -> Parsed {
    let parsed = parse(bytes, &ParseLimits::default());
    let input = || format!("{name}: {:?}", shown(bytes));
    check_records(&parsed.records, bytes.len() as u64, &input);
    let mut end = 0;
    for record in &parsed.records {
        assert!(end <= record.span.start, "{:?} after {end} in {}", record.span, input());
        end = record.span.end;
    }
    parsed
}

/// The same for the records of an object, whose parts need not stand in the order of its sessions; `input` describes it.
pub fn check_records(records: &[CommandRecord], bytes: u64, input: &dyn Fn() -> String) {
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record.seq as usize, index, "{}", input());
        let lies_within = record.span.start <= record.span.end && record.span.end <= bytes;
        assert!(lies_within, "{:?} of {bytes} bytes in {}", record.span, input());
        assert_eq!(record.command.is_some(), record.status.is_some(), "{record:?} of {}", input());
        for text in texts(record) {
            let clean = sanitize::printable_lines(text);
            let control = clean.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(control, None, "{clean:?} of {}", input());
        }
    }
}

pub fn texts(record: &CommandRecord) -> Vec<&str> {
    let optional = [
        record.command.as_deref(),
        record.prompt.as_deref(),
        record.expanded.as_deref(),
        record.command_as_sent.as_deref(),
        record.output_as_sent.as_deref(),
    ];
    let lists = record.here_documents.iter().chain(&record.programs).chain(record.context.iter());
    let lists = lists.map(String::as_str);
    [record.output.as_str()].into_iter().chain(optional.into_iter().flatten()).chain(lists).collect()
}

/// Runs of letters and digits in lines of the input, with `wanted` lines only, that are in no record and that no defect
/// accounts for. Of a run, up to `slip` characters in a row may be missing.
pub fn missing(bytes: &[u8], slip: usize, wanted: impl Fn(&[u8]) -> bool) -> BTreeSet<String> {
    let parsed = check(bytes, "");
    let limits = [Defect::LineTooLong, Defect::SequenceTooLong, Defect::TooManyRecords];
    if parsed.defects.iter().any(|defect| limits.contains(defect)) {
        return BTreeSet::new();
    }
    let all: String = parsed.records.iter().flat_map(texts).flat_map(|text| [text, "\n"]).collect();
    let found = |text: &str| all.contains(text) || SEARCH.contains(&text);
    let text = uncontrolled(body(bytes));
    let lines = text.split(|&byte| byte == b'\n').zip(body(bytes).split(|&byte| byte == b'\n'));
    let runs = lines.filter(|(_, source)| wanted(source)).flat_map(|(line, _)| runs(line));
    runs.filter(|run| {
        let prefix = (0..=run.len()).rev().find(|&end| found(&run[..end])).unwrap_or(0);
        let suffix = (0..=run.len()).find(|&start| found(&run[start..])).unwrap_or(run.len());
        prefix + slip < suffix
    })
    .collect()
}

/// The input without the frame that `script` wrote, whose lines end in no CR.
fn body(bytes: &[u8]) -> &[u8] {
    let mut body = bytes;
    for _ in 0..2 {
        let end = body.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if end > 1 && body[end - 2] != b'\r' {
            body = &body[end..];
        }
    }
    for _ in 0..2 {
        let Some(rest) = body.strip_suffix(b"\n") else { break };
        let start = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        if rest.last().is_some_and(|&byte| byte != b'\r') {
            body = &body[..start];
        }
    }
    body
}

/// The input with all that may be part of a control sequence blanked, whatever it is taken for. Newlines stay.
fn uncontrolled(bytes: &[u8]) -> Vec<u8> {
    let mut text = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != 0x1b {
            at += 1;
            continue;
        }
        let rest = &bytes[at..];
        let length = match rest.get(1) {
            Some(b'[') => {
                let inner = rest[2..].iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
                2 + inner + usize::from(rest.get(2 + inner).is_some_and(|byte| (0x40..0x7f).contains(byte)))
            }
            Some(b']' | b'P' | b'X' | b'^' | b'_' | b'k') => {
                rest.iter().position(|byte| matches!(byte, 0x07 | b'\n')).map_or(rest.len(), |end| end + 1)
            }
            Some(0x20..=0x2f) => 3,
            Some(0x30..=0x7e) => 2,
            _ => 1,
        };
        let end = (at + length).min(bytes.len());
        text[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = 0);
        at = end;
    }
    text
}

/// Runs of letters and digits that are long enough to be looked for.
fn runs(line: &[u8]) -> Vec<String> {
    let words = line.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| word.len() >= MIN_RUN);
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// Whether a line holds more than text, colours and its end.
pub fn is_edited(line: &[u8]) -> bool {
    let text = line.trim_ascii_end();
    text.iter().any(|byte| matches!(byte, 0x1b | 0x08 | b'\r' | 0x7f))
}

pub fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
