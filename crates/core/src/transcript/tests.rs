//! Transcripts as bytes, and what must come out of them.

mod editing;
mod editors;
mod evidence;
mod frame;
mod habits;
mod line_files;
mod output;
mod prompt_lines;
mod prompts;
mod properties;
mod questions;
mod reading;
mod sessions;
mod shown_texts;
mod typed_ahead;
mod window;

use super::{ParseLimits, Parsed, parse};
use crate::session::Status;

/// Parses with the default limits.
fn parsed(bytes: &[u8]) -> Parsed {
    parse(bytes, &ParseLimits::default())
}

/// The commands of a transcript and what became of them.
fn commands(bytes: &[u8]) -> Vec<(String, Status)> {
    let records = parsed(bytes).records;
    records.into_iter().filter_map(|record| Some((record.command?, record.status?))).collect()
}

/// Command lines that were executed.
fn executed(lines: &[&str]) -> Vec<(String, Status)> {
    lines.iter().map(|line| ((*line).to_owned(), Status::Executed)).collect()
}

/// Checks a table of transcripts whose commands were all executed.
fn check(table: &[(&str, &[u8], &[&str])]) {
    for (name, bytes, expected) in table {
        assert_eq!(commands(bytes), executed(expected), "{name}");
    }
}

/// `count` steps of the cursor to the right.
fn right(count: usize) -> String {
    "\x1b[C".repeat(count)
}
