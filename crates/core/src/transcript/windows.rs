//! Transcripts of Windows: the banner of `Start-Transcript`, rows as the console cut them, logs that old agents cleaned.
//!
//! What the agent uploads from Windows is what a console showed, row by row: a command that is longer than a row is cut
//! where the row was full, and old agents delete the escape characters but not what follows them. Both is put right
//! before the text is read, and the spans of the records are given back their places in the bytes as they were.

pub(crate) mod prompt;

use std::borrow::Cow;

use memchr::memmem;
use unicode_width::UnicodeWidthStr;

use super::expect::is_logger;
use super::frame::{Frame, target_in};
use crate::session::{CommandRecord, Confidence, Reason};

/// Asterisks in the lines around a banner.
const STARS: usize = 22;

/// Most bytes that a banner may have. Its longest line holds a path.
const MAX_BANNER_BYTES: usize = 8 * 1024;

/// Digits of the times in a banner.
const TIME_DIGITS: usize = 14;

/// Columns of the console in which agents print the transcript.
const USUAL_COLUMNS: usize = 200;

/// Narrowest console that is told from the rows, and how many full rows that takes.
const MIN_COLUMNS: usize = 80;
const MIN_FULL_ROWS: usize = 3;

/// Most bytes of a row that are measured.
const MAX_ROW_BYTES: usize = 16 * 1024;

/// What stands around a transcript that PowerShell made. The banner at the start tells things that nothing else does,
/// so it stays as text in front of the first command; the one at the end tells a time only, and is left out.
pub(crate) fn frame(bytes: &[u8], start: usize) -> Option<Frame> {
    let head = &bytes[start..bytes.len().min(start + MAX_BANNER_BYTES)];
    let mut lines = lines(head);
    if !is_stars(lines.next()?) || lines.next().is_none_or(|line| is_stars(line) || line.is_empty()) {
        return None;
    }
    // The second line of asterisks; the path behind it names the node.
    let banner = lines.by_ref().position(is_stars);
    let target = lines.take(2).find_map(|line| target_in(&super::prompt::text_of(line)));
    let footer = footer(&bytes[start..]);
    let mut frame =
        Frame { start, end: bytes.len(), header: true, footer: footer.is_some(), ..Frame::default() };
    frame.end = footer.map_or(frame.end, |footer| start + footer);
    frame.target = target;
    frame.windows = match banner {
        Some(_) if memmem::find(head, b"Windows NT 6.").is_some() => Windows::Cleaned,
        _ => Windows::Console,
    };
    Some(frame)
}

/// Which kind of Windows transcript this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Windows {
    /// None, as far as one can see.
    #[default]
    No,
    /// Rows of a console.
    Console,
    /// The same, or the bytes of a terminal, and an old agent has deleted the escape characters.
    Cleaned,
}

/// Where the banner at the end begins: two lines of asterisks, between them a line and a time.
fn footer(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(1024);
    let mut places: Vec<(usize, &[u8])> = Vec::new();
    let mut at = from;
    for line in bytes[from..].split_inclusive(|&byte| byte == b'\n') {
        if !trimmed(line).is_empty() {
            places.push((at, trimmed(line)));
        }
        at += line.len();
    }
    let [.., (start, first), (_, title), (_, time), (_, last)] = places[..] else { return None };
    let digits = time.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    (is_stars(first) && !is_stars(title) && digits == TIME_DIGITS && is_stars(last)).then_some(start)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n').map(trimmed)
}

fn trimmed(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &line[..end]
}

fn is_stars(line: &[u8]) -> bool {
    line.len() == STARS && line.iter().all(|&byte| byte == b'*')
}

/// The bytes to be read, and what was taken out of them.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    /// What is left.
    pub bytes: Cow<'a, [u8]>,
    /// Places in `bytes`, ascending, and how many bytes are missing in front of each.
    cuts: Vec<(usize, usize)>,
    lossy: bool,
}

/// Puts the recording in a frame right.
pub(crate) fn rows<'a>(bytes: &'a [u8], frame: &Frame) -> Rows<'a> {
    let body = &bytes[frame.start..frame.end];
    let mut rows = Rows { bytes: Cow::Borrowed(body), cuts: Vec::new(), lossy: false };
    let kind = match frame.windows {
        Windows::No if !frame.header && is_cleaned(body) => Windows::Cleaned,
        kind => kind,
    };
    let mut taken = match kind {
        Windows::No => return rows,
        Windows::Console => full_rows(body),
        Windows::Cleaned => {
            rows.lossy = true;
            let mut taken = full_rows(body);
            taken.extend(remnants(body));
            taken
        }
    };
    taken.sort_unstable();
    rows.take(body, &taken);
    rows
}

impl Rows<'_> {
    /// Leaves out the ranges, which ascend.
    fn take(&mut self, body: &[u8], ranges: &[(usize, usize)]) {
        if ranges.is_empty() {
            return;
        }
        let mut kept = Vec::with_capacity(body.len());
        let (mut at, mut missing) = (0, 0);
        for &(start, end) in ranges {
            if start < at {
                continue;
            }
            kept.extend_from_slice(&body[at..start]);
            missing += end - start;
            self.cuts.push((kept.len(), missing));
            at = end;
        }
        kept.extend_from_slice(&body[at..]);
        self.bytes = Cow::Owned(kept);
    }

    /// Gives records their places in the bytes as they were, and says where characters are missing.
    pub(crate) fn restore(&self, records: &mut [CommandRecord], frame: &Frame) {
        let (start, end) = (frame.start as u64, frame.end as u64);
        let mut cuts = self.cuts.iter().peekable();
        let mut missing = 0;
        // Spans ascend as the cuts do, and one begins where the last one ends.
        let mut place = |at: u64| {
            while let Some((_, more)) = cuts.next_if(|(cut, _)| *cut as u64 + start < at) {
                missing = *more as u64;
            }
            (at + missing).min(end)
        };
        let count = records.len();
        for (index, record) in records.iter_mut().enumerate() {
            if !self.cuts.is_empty() {
                record.span.start = place(record.span.start);
                record.span.end = if index + 1 == count { end } else { place(record.span.end) };
            }
            if self.lossy && record.command.is_some() {
                record.confidence = Confidence::Low;
                record.reason = Some(Reason::LossyCarrier);
            }
        }
    }
}

/// Line ends that stand only because the row was full, in commands.
fn full_rows(body: &[u8]) -> Vec<(usize, usize)> {
    // What the agent typed is in the transcript in one piece; what the user saw follows.
    let from = logger_end(body);
    let Some(columns) = from.and_then(|from| columns(&body[from..])) else { return Vec::new() };
    let mut ends = Vec::new();
    let mut at = from.unwrap_or_default();
    let mut joined = false;
    while let Some(newline) = memchr::memchr(b'\n', &body[at..]) {
        let line = trimmed(&body[at..at + newline]);
        let command = joined || prompt::starts_line(line);
        joined = command && width(line) == columns && !prompt::starts_line(&body[at + newline + 1..]);
        if joined {
            ends.push((at + line.len(), at + newline + 1));
        }
        at += newline + 1;
    }
    ends
}

/// Where the line ends with which the agent printed what the user saw.
fn logger_end(body: &[u8]) -> Option<usize> {
    let at = memmem::find(&body[..body.len().min(2 * MAX_BANNER_BYTES)], b"ssm-session-logger")?;
    let end = at + memchr::memchr(b'\n', &body[at..])?;
    is_logger(&super::prompt::text_of(&body[at..end])).then_some(end + 1)
}

/// The width of the console, where its rows tell.
fn columns(body: &[u8]) -> Option<usize> {
    let (mut widest, mut count) = (0, 0);
    for line in body.split(|&byte| byte == b'\n') {
        let line = trimmed(line);
        // A character takes at least a byte for each of its columns.
        if line.len() < widest.max(MIN_COLUMNS) {
            continue;
        }
        let width = width(line);
        if width > widest {
            (widest, count) = (width, 0);
        }
        count += usize::from(width == widest);
    }
    (widest == USUAL_COLUMNS || (widest >= MIN_COLUMNS && count >= MIN_FULL_ROWS)).then_some(widest)
}

fn width(line: &[u8]) -> usize {
    if line.len() > MAX_ROW_BYTES || line.is_ascii() {
        return line.len();
    }
    super::prompt::text_of(line).width()
}

/// Whether an old agent has cleaned these bytes: no escape character is left, but what followed one is, in a line with
/// a prompt of Windows.
fn is_cleaned(body: &[u8]) -> bool {
    memchr::memchr(0x1b, body).is_none()
        && memmem::find(body, b":\\").is_some()
        && body.split(|&byte| byte == b'\n').any(|line| {
            let first = remnants(&line[..line.len().min(MAX_BANNER_BYTES)]);
            !first.is_empty() && {
                let mut rows = Rows { bytes: Cow::Borrowed(line), cuts: Vec::new(), lossy: true };
                rows.take(line, &first);
                prompt::starts_line(&rows.bytes)
            }
        })
}

/// What is left of control sequences without their escape character: `[0m`, `[32;1m`, `[1;1H`.
fn remnants(body: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut after = 0;
    for at in memchr::memchr_iter(b'[', body) {
        if at < after {
            continue;
        }
        let digits = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
        let parameters = body[at + 1..].iter().take(16).take_while(digits).count();
        let end = at + 1 + parameters;
        if parameters > 0 && body.get(end).is_some_and(|byte| b"mHfJKGABCDXhl".contains(byte)) {
            found.push((at, end + 1));
            after = end + 1;
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
