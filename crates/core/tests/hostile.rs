//! What holds for bytes that nobody expected: mutations of every fixture, the same ones in every run.
//!
//! `fuzz/` looks further for the same promises; what it finds becomes a case of `fixtures/transcripts`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

mod shared;

use shared::{MAX_SLIP, check, is_edited, missing, shown};

/// How many mutations of each fixture are tried.
const MUTATIONS: usize = 24;

/// Longest part of a fixture that is mutated.
const MAX_BYTES: usize = 12 * 1024;

/// The share of mutations of which text may be missing: one in so many. What is put into the midst of an edit is edited
/// like all else there, and a second reading keeps words that were lost, not every letter.
const LACKING_SHARE: usize = 100;

/// What is put into mutations: what terminals obey, and what prompts look like.
const PIECES: [&[u8]; 34] = [
    b"\r",
    b"\n",
    b"\r\r\n",
    b"\x08",
    b"\x08 \x08",
    b"\x07",
    b"\x1b",
    b"\x1b[",
    b"\x1b[K",
    b"\x1b[2K",
    b"\x1b[A",
    b"\x1b[5C",
    b"\x1b[4P",
    b"\x1b[4@",
    b"\x1b[H",
    b"\x1b[2J",
    b"\x1b[3;7H",
    b"\x1b[99999999999999999999B",
    b"\x1b[8m",
    b"\x1b[0m",
    b"\x1b[?2004h",
    b"\x1b[?2004l",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b]0;title\x07",
    b"\x1b]112;",
    b"\x1b]133;A\x07",
    b"\x1b]133;C\x07",
    b"\x1bP",
    b"\x9b",
    b"\xff\xfe",
    "\u{65e5}".as_bytes(),
    b"$ ",
    b"^C",
];

#[test]
fn every_fixture_keeps_the_promises() {
    for (path, bytes) in fixtures() {
        check(&bytes, &path.to_string_lossy());
    }
}

#[test]
fn every_mutation_keeps_the_promises() {
    let mut random = Random(0x5eed_1e55);
    let fixtures = fixtures();
    for (path, bytes) in &fixtures {
        for round in 0..MUTATIONS {
            let other = &fixtures[random.below(fixtures.len())].1;
            let mutation = random.mutation(bytes, other);
            check(&mutation, &format!("mutation {round} of {}", path.display()));
        }
    }
}

/// Text that nothing moved over is shown somewhere.
#[test]
fn plain_text_is_found() {
    let inputs = fixtures().into_iter().map(|(path, bytes)| (path.display().to_string(), bytes));
    assert_found(inputs, 0, 0, |line| !is_edited(line));
}

/// Text that was erased or overwritten is in a second reading.
#[test]
fn text_that_is_not_shown_any_more_is_found() {
    let inputs = fixtures().into_iter().map(|(path, bytes)| (path.display().to_string(), bytes));
    assert_found(inputs, MAX_SLIP, 0, |_| true);
}

#[test]
fn text_of_mutations_is_found() {
    let mut random = Random(0xf00d_cafe);
    let fixtures = fixtures();
    let mut inputs = Vec::new();
    for (path, bytes) in &fixtures {
        for round in 0..MUTATIONS {
            let other = &fixtures[random.below(fixtures.len())].1;
            inputs.push((format!("mutation {round} of {}", path.display()), random.mutation(bytes, other)));
        }
    }
    let most = inputs.len() / LACKING_SHARE;
    assert_found(inputs.into_iter(), MAX_SLIP, most, |_| true);
}

/// Names the inputs of which text is missing, if they are more than `most`, and shows the shortest one.
fn assert_found(
    inputs: impl Iterator<Item = (String, Vec<u8>)>,
    slip: usize,
    most: usize,
    wanted: impl Fn(&[u8]) -> bool,
) {
    let mut failures = Vec::new();
    let mut shortest: Option<Vec<u8>> = None;
    for (name, bytes) in inputs {
        let missing = missing(&bytes, slip, &wanted);
        if !missing.is_empty() {
            failures.push(format!("{name} lacks {missing:?}"));
            shortest = shortest.filter(|shortest| shortest.len() <= bytes.len()).or(Some(bytes));
        }
    }
    let (count, shortest) = (failures.len(), shown(&shortest.unwrap_or_default()));
    assert!(count <= most, "{}\n{count} inputs; the shortest is {shortest}", failures.join("\n"));
}

/// The fixtures that are transcripts of a terminal as they stand, which other carriers are not, and those in which the
/// carrier left remnants of control sequences.
fn fixtures() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut folders = vec![root.join("bucket"), root.join("transcripts")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "log") {
                found.push(path);
            }
        }
    }
    found.retain(|path| !path.parent().unwrap().ends_with("h55-cleaned"));
    found.sort();
    let read = found.into_iter().map(|path| (fs::read(&path).unwrap(), path));
    let other = |bytes: &[u8]| {
        let banner = b"PowerShell transcript start";
        bytes.starts_with(b"{")
            || bytes.starts_with(b"\xff\xfe")
            || bytes.windows(banner.len()).any(|w| w == banner)
    };
    let fixtures: Vec<_> =
        read.filter(|(bytes, _)| !other(bytes)).map(|(bytes, path)| (path, bytes)).collect();
    assert!(fixtures.len() > 100, "{} fixtures", fixtures.len());
    fixtures
}

/// A generator of numbers that is the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit.max(1)
    }

    /// A part of `bytes` with up to eight changes.
    fn mutation(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let start = if bytes.len() > MAX_BYTES { self.below(bytes.len() - MAX_BYTES) } else { 0 };
        let mut text = bytes[start..bytes.len().min(start + MAX_BYTES)].to_vec();
        for _ in 0..1 + self.below(8) {
            let at = self.below(text.len() + 1);
            let end = (at + self.below(64)).min(text.len());
            match self.below(8) {
                0 if at < text.len() => text[at] = self.next().to_le_bytes()[0],
                1 => text.truncate(at),
                2 => drop(text.drain(at..end)),
                3 => drop(text.splice(at..at, bytes[..bytes.len().min(64)].to_vec())),
                4 => {
                    let from = self.below(other.len());
                    let until = (from + self.below(256)).min(other.len());
                    drop(text.splice(at..at, other[from..until].to_vec()));
                }
                5 => {
                    let part = text[at..end].to_vec();
                    drop(text.splice(at..at, part));
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    let times = 1 + self.below(3);
                    drop(text.splice(at..at, piece.repeat(times)));
                }
            }
        }
        text
    }
}
