//! Private keys in their armor of `-----BEGIN …-----` and `-----END …-----`, also cut off at either end.
//!
//! What is masked is what stands between: the labels and the headers tell the kind of key. A block that
//! lacks its end is followed as long as lines are as long as such blocks write them, one that lacks its
//! beginning back from its end likewise, so that other output beside them stays readable.

use std::ops::Range;

use memchr::memmem;

/// The words that both labels of every private key hold.
const LABEL: &str = "PRIVATE KEY";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// The longest kind of key a label names.
const MAX_KIND_BYTES: usize = 40;

/// A line of a block without its other label has at least so many characters.
const MIN_OPEN_LINE_BYTES: usize = 40;

/// Bodies of private keys, in ascending order.
pub(super) fn bodies(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut done = 0;
    for at in memmem::find_iter(text.as_bytes(), LABEL) {
        if at < done {
            continue;
        }
        let Some(after) = label_end(text, at) else { continue };
        let body = if label_start(text, done, at, BEGIN).is_some() {
            after_begin(text, after)
        } else if let Some(start) = label_start(text, done, at, END) {
            before_end(text, done, start)
        } else {
            None
        };
        done = body.as_ref().map_or(after, |body| body.end.max(after));
        found.extend(body);
    }
    found
}

/// The key without what lines and quotes put between its characters, the same however it was printed.
pub(super) fn key_of(body: &str) -> String {
    let plain = body.replace("\\n", "").replace("\\r", "");
    plain.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')).collect()
}

/// The place after the five dashes that close a label.
fn label_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at + LABEL.len()..];
    let kind = if rest.starts_with(" BLOCK") { " BLOCK".len() } else { 0 };
    rest[kind..].starts_with("-----").then_some(at + LABEL.len() + kind + "-----".len())
}

fn label_start(text: &str, from: usize, at: usize, mark: &str) -> Option<usize> {
    let near = at.saturating_sub(MAX_KIND_BYTES + mark.len()).max(from);
    let before = &text.as_bytes()[near..at];
    let start = memmem::rfind(before, mark.as_bytes())?;
    let kind = &before[start + mark.len()..];
    let is_kind = kind.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ');
    is_kind.then_some(near + start)
}

fn after_begin(text: &str, from: usize) -> Option<Range<usize>> {
    // No key holds five dashes: they are the end, or another label, which has its own turn.
    let stop = memmem::find(&text.as_bytes()[from..], b"-----").map_or(text.len(), |length| from + length);
    let is_closed = text[stop..].starts_with(END);
    // Where the lines that can be nothing but a key end, and those that an end label must vouch for.
    let (mut start, mut sure, mut likely) = (None, from, from);
    let mut at = from;
    loop {
        let line_end = memchr::memchr(b'\n', &text.as_bytes()[at..stop]).map_or(stop, |length| at + length);
        let token = token_in(text, at..line_end);
        let is_key = is_base64(&text[token.clone()]);
        if token.is_empty() {
            if !text[at..line_end].trim().is_empty() && line_end < stop && at != from {
                break;
            }
        } else if is_key {
            start.get_or_insert(token.start);
            likely = token.end;
            let is_whole = token.len() >= MIN_OPEN_LINE_BYTES || line_end == text.len();
            if is_whole && (sure == from || at_next_line(text, sure, at)) {
                sure = token.end;
            }
        } else if start.is_some() || !is_header(&text[at..line_end]) {
            break;
        }
        if line_end == stop {
            if is_closed {
                return start.map(|start| start..likely);
            }
            break;
        }
        at = line_end + 1;
    }
    start.filter(|start| *start < sure).map(|start| start..sure)
}

/// True if only the rest of a line lies between the end of one token and the line of the next.
fn at_next_line(text: &str, end: usize, line: usize) -> bool {
    text[end..line].bytes().filter(|byte| *byte == b'\n').count() <= 1
}

fn before_end(text: &str, from: usize, label: usize) -> Option<Range<usize>> {
    let mut body: Option<Range<usize>> = None;
    let mut line_end = label;
    loop {
        let start = memchr::memrchr(b'\n', &text.as_bytes()[from..line_end]).map_or(from, |at| from + at + 1);
        let token = token_in(text, start..line_end);
        let is_first = line_end == label;
        if !token.is_empty() {
            let long = token.len() >= MIN_OPEN_LINE_BYTES;
            // The last line of a key may be short; alone it is not known for one.
            let short = body.is_none() && !text[token.clone()].contains('/');
            if !is_base64(&text[token.clone()]) || !(long || short) {
                break;
            }
            let end = body.as_ref().map_or(token.end, |body| body.end);
            body = Some(token.start..end);
        } else if !is_first {
            break;
        }
        if start == from {
            break;
        }
        line_end = start - 1;
    }
    body.filter(|body| body.len() >= MIN_OPEN_LINE_BYTES)
}

/// A line without its indent, its number and quotes, and the line ends that JSON writes out.
fn token_in(text: &str, line: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (line.start, line.end);
    loop {
        let rest = &text[start..end];
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '"', '\'', '>', '|', ',']);
        let trimmed = trimmed.strip_prefix("\\n").or_else(|| trimmed.strip_prefix("\\r")).unwrap_or(trimmed);
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let numbered = (1..7).contains(&digits) && trimmed[digits..].starts_with([':', '\t', ' ']);
        let trimmed = if numbered { &trimmed[digits + 1..] } else { trimmed };
        if trimmed.len() == rest.len() {
            break;
        }
        start = end - trimmed.len();
    }
    loop {
        let rest = &text[start..end];
        let trimmed = rest.trim_end_matches([' ', '\t', '\r', '"', '\'', ',', '\\', ';', ')']);
        let trimmed = trimmed.strip_suffix("\\n").or_else(|| trimmed.strip_suffix("\\r")).unwrap_or(trimmed);
        if trimmed.len() == rest.len() {
            return start..end;
        }
        end = start + trimmed.len();
    }
}

fn is_base64(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\'))
}

/// `Proc-Type: 4,ENCRYPTED`, `Version: …`.
fn is_header(line: &str) -> bool {
    line.trim_start().split_once(": ").is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    })
}
