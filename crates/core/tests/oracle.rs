//! The text of records against an independent terminal emulator (`avt`), over the transcripts of `fixtures/bucket`.
//!
//! The emulator is told the width and keeps all lines; ours has to find the width and keeps no screen. Both must show
//! the same text where ours claims to know what was shown: every command with its prompt and every line of output, in
//! order. Records whose flags say that the screen does not show them any more are left out, and so are lines that the
//! kernel echoed before their prompt came.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shelltrail_core::inflate::inflate;
use shelltrail_core::session::{CommandRecord, Status};
use shelltrail_core::transcript::{ParseLimits, parse};

const ROWS: usize = 24;
const MAX_BYTES: u64 = 1 << 24;

/// Lines that a terminal shows otherwise, because the shell did not know where on its row the prompt stands: it follows
/// output without a newline. Ours shows what the shell meant, and accepted.
const MEANT_OTHERWISE: [(&str, &str); 1] =
    [("ssmlogs/bob-rcgmuq6yl72ww5dg2r3gpt5l3f.log", "sh-5.2$ tar tzf /tmp/none.tgz")];

/// Least bytes that must be compared, so that the test cannot pass by leaving everything out.
const MIN_COMPARED_BYTES: usize = 50_000;

/// Most of what the emulator shows, in percent, that no record holds: frames, prompts at which nothing was entered, the
/// prompts of continuation lines, what was left out on purpose.
const MAX_SKIPPED_PERCENT: usize = 10;

#[test]
fn records_show_what_a_terminal_shows() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let columns = columns(&fs::read_to_string(fixtures.join("README.md")).unwrap());
    let (mut compared, mut skipped) = (0, 0);
    let mut failures = Vec::new();
    for (key, &columns) in &columns {
        let bytes = fs::read(fixtures.join("bucket").join(key)).unwrap();
        let bytes = inflate(bytes, MAX_BYTES.into()).unwrap().bytes;
        let shown = solid(&shown(&bytes, columns));
        let mut at = 0;
        for text in expected(&parse(&bytes, &ParseLimits::default()).records) {
            let wanted = solid(&text);
            if MEANT_OTHERWISE.contains(&(key.as_str(), text.as_str())) {
                assert!(!shown.contains(&wanted), "{text} is shown by now: no exception is needed");
                continue;
            }
            let Some(found) = shown[at..].find(&wanted) else {
                let near: String = shown[at..].chars().take(200).collect();
                failures.push(format!("{key}, {columns} columns: {text:?} is not shown behind {near:?}"));
                continue;
            };
            skipped += found;
            compared += wanted.len();
            at += found + wanted.len();
        }
        skipped += shown.len() - at;
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(compared >= MIN_COMPARED_BYTES, "{compared} bytes compared");
    assert!(skipped * 100 <= compared * MAX_SKIPPED_PERCENT, "{skipped} of {compared} bytes skipped");
}

/// The transcripts and their widths, as the table in the README of the fixtures tells them.
fn columns(readme: &str) -> BTreeMap<String, usize> {
    let rows = readme.lines().filter_map(|line| {
        let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
        let key = cells.nth(1).filter(|key| key.ends_with(".log") || key.ends_with(".log.gz"))?;
        Some((key.to_owned(), cells.find_map(|cell| cell.parse().ok())?))
    });
    rows.collect()
}

/// All lines that a terminal of this width shows in the end, wrapped rows joined. The lines of `script` are not its own.
fn shown(bytes: &[u8], columns: usize) -> String {
    let header =
        if bytes.starts_with(b"Script started") { memchr::memchr(b'\n', bytes).unwrap() + 1 } else { 0 };
    let footer = memchr::memmem::rfind(bytes, b"\nScript done").unwrap_or(bytes.len());
    let bytes = &bytes[header..footer];
    let mut terminal = avt::Terminal::with_scrollback(columns, ROWS, None).unwrap();
    terminal.feed(String::from_utf8_lossy(bytes).as_ref());
    terminal.primary_screen().text().join("\n")
}

/// What records claim that the terminal showed, in order.
fn expected(records: &[CommandRecord]) -> Vec<String> {
    let mut texts = Vec::new();
    for record in records {
        let first = record.command.as_deref().and_then(|command| command.lines().next());
        if let (Some(command), Some(prompt)) = (first, &record.prompt)
            && record.status != Some(Status::EchoOnly)
            && (record.flags.is_empty() || record.command_as_sent.is_some())
        {
            texts.push(format!("{prompt}{command}"));
        }
        if record.flags.is_empty() {
            texts.extend(record.output.lines().map(str::to_owned));
        }
    }
    texts
}

/// Text without white space: tabs, padding and line ends are shown in more than one way.
fn solid(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace() && !character.is_control()).collect()
}
