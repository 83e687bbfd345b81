//! Lines that the agent sent with their control sequences, but without carriage returns.
//!
//! Where an editor had sent one can be told from what follows it, and what a line switches on it switches off again:
//! the sequence that did it may be stripped from a later line.

use unicode_width::UnicodeWidthChar;

const FENCE_ON: &[u8] = b"\x1b[?2004h";
const FENCE_OFF: &[u8] = b"\x1b[?2004l";
/// Modes in which text is not what a shell shows: the alternate screens, and the keys of full-screen programs.
const SCREENS: [(&[u8], &[u8]); 4] = [
    (b"\x1b[?1049h", b"\x1b[?1049l"),
    (b"\x1b[?1047h", b"\x1b[?1047l"),
    (b"\x1b[?47h", b"\x1b[?47l"),
    (b"\x1b[?1h", b"\x1b[?1l"),
];
/// The mark with which an editor asks for something to search for.
const SEARCH: [&[u8]; 2] = [b"(reverse-i-search)`", b"(i-search)`"];
/// Most lines of one paste.
const MAX_PASTED_LINES: usize = 1_000;

/// Whether a line holds control sequences.
pub(super) fn is_raw(line: &[u8]) -> bool {
    memchr::memchr(0x1b, line).is_some()
}

/// The edit that was begun on a line and not ended there.
#[derive(Debug, Default)]
pub(super) struct Edit {
    open: bool,
    /// A pasted text was shown, which will be printed again.
    pasted: bool,
    /// Lines that this takes, when it has begun.
    left: usize,
}

impl Edit {
    /// Prints what ends the edit of the line before, if the agent has stripped it from this one.
    pub(super) fn end(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.open && !self.pasted && memchr::memmem::find(line, FENCE_OFF).is_none() {
            out.extend_from_slice(FENCE_OFF);
            self.open = false;
        }
    }

    /// Looks at a line that was printed.
    pub(super) fn follow(&mut self, line: &[u8]) {
        let on = memchr::memmem::rfind(line, FENCE_ON);
        let off = memchr::memmem::rfind(line, FENCE_OFF);
        if on.is_some() || off.is_some() {
            *self = Self { open: on > off, ..Self::default() };
        }
        if !self.open {
            return;
        }
        let up = memchr::memmem::find_iter(line, b"\x1b[A").count();
        if self.pasted && up > 0 {
            self.left = up;
        } else if self.pasted {
            self.left = self.left.saturating_sub(1);
        } else if line.ends_with(b"\x1b[27m") {
            self.left = MAX_PASTED_LINES;
        }
        self.pasted = self.left > 0;
    }
}

/// Copies a line, with what it lacks.
pub(super) fn restore(line: &[u8], out: &mut Vec<u8>) {
    let mut cursor = Cursor::default();
    let mut at = 0;
    while at < line.len() {
        let (steps, length) = steps_right(&line[at..]);
        if steps > 0 {
            cursor.step_right(steps, &line[at..at + length], out);
            at += length;
            continue;
        }
        let end = at + token(&line[at..]);
        let part = &line[at..end];
        if cursor.returns_before(part, &line[at..]) {
            out.push(b'\r');
            cursor.column = 0;
        }
        cursor.follow(part);
        out.extend_from_slice(part);
        at = end;
    }
    for (on, off) in SCREENS {
        if memchr::memmem::rfind(line, on) > memchr::memmem::rfind(line, off) {
            out.extend_from_slice(off);
        }
    }
    if memchr::memmem::rfind(line, b"\x1b(0") > memchr::memmem::rfind(line, b"\x1b(B") {
        out.extend_from_slice(b"\x1b(B");
    }
}

/// Where a terminal would be on a line that never wraps.
#[derive(Debug, Default)]
struct Cursor {
    column: usize,
    cells: usize,
    titles: usize,
    searches: bool,
    went_up: bool,
}

impl Cursor {
    /// Copies steps to the right. Nobody goes to the right of what is printed: where they would lead there, a return
    /// stood in front of them, or of as many as the line has cells.
    fn step_right(&mut self, mut steps: usize, run: &[u8], out: &mut Vec<u8>) {
        self.went_up = false;
        let mut at = 0;
        if self.column.saturating_add(steps) > self.cells {
            while steps > self.cells && at < run.len() {
                let length = token(&run[at..]);
                steps -= parameter(&run[at..at + length]).min(steps);
                at += length;
            }
            out.extend_from_slice(&run[..at]);
            out.push(b'\r');
            self.column = 0;
        }
        out.extend_from_slice(&run[at..]);
        self.column = self.column.saturating_add(steps).min(self.cells);
    }

    /// Whether a carriage return must have stood before a token.
    fn returns_before(&self, token: &[u8], rest: &[u8]) -> bool {
        if is_title(token) {
            // The prompt is printed once more, from its beginning.
            return self.column > 0 && (self.titles > 0 || self.went_up);
        }
        !self.searches && SEARCH.iter().any(|search| rest.starts_with(search))
    }

    fn follow(&mut self, token: &[u8]) {
        let printed = match token {
            [0x1b, b'[', .., last] => {
                self.sequence(*last, parameter(token));
                0
            }
            [0x1b, ..] => {
                self.titles += usize::from(is_title(token));
                0
            }
            [8] => {
                self.column = self.column.saturating_sub(1);
                0
            }
            [0..0x20 | 0x7f] => 0,
            _ => std::str::from_utf8(token)
                .ok()
                .and_then(|text| text.chars().next())
                .map_or(1, |character| character.width().unwrap_or(0)),
        };
        self.searches |= token == b"`";
        self.column += printed;
        self.cells = self.cells.max(self.column);
    }

    fn sequence(&mut self, last: u8, count: usize) {
        self.went_up = last == b'A';
        match last {
            b'D' => self.column = self.column.saturating_sub(count),
            b'G' => self.column = count.saturating_sub(1).min(self.cells),
            b'P' => self.cells = self.cells.saturating_sub(count).max(self.column),
            b'@' => self.cells = self.cells.saturating_add(count),
            b'K' => self.cells = self.column,
            b'H' | b'J' => (self.column, self.cells) = (0, 0),
            _ => {}
        }
    }
}

/// How far the steps to the right lead that stand here one after the other, and how many bytes they take.
fn steps_right(rest: &[u8]) -> (usize, usize) {
    let (mut at, mut steps) = (0, 0_usize);
    while rest[at..].starts_with(b"\x1b[") {
        let length = token(&rest[at..]);
        let sequence = &rest[at..at + length];
        if !sequence.ends_with(b"C") {
            break;
        }
        steps = steps.saturating_add(parameter(sequence));
        at += length;
    }
    (steps, at)
}

/// The first parameter of a sequence, 1 if there is none.
fn parameter(sequence: &[u8]) -> usize {
    let digits = sequence.iter().skip(2).take_while(|byte| byte.is_ascii_digit()).take(4);
    let number = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    number.max(1)
}

fn is_title(token: &[u8]) -> bool {
    matches!(token, [0x1b, b']', b'0' | b'2', b';', ..])
}

/// The length of the sequence or character that begins here, at least 1.
fn token(rest: &[u8]) -> usize {
    let length = match rest {
        [0x1b, b'[', parameters @ ..] => {
            let last = parameters.iter().take(64).position(|byte| (0x40..=0x7e).contains(byte));
            last.map_or(2, |last| last + 3)
        }
        [0x1b, b']', text @ ..] => {
            memchr::memchr2(7, 0x1b, &text[..text.len().min(4096)]).map_or(2, |end| end + 3)
        }
        [0x1b, b'(' | b')', _, ..] => 3,
        [0x1b, _, ..] => 2,
        [0xc0..=0xff, ..] => rest.iter().skip(1).take(3).take_while(|&&byte| byte & 0xc0 == 0x80).count() + 1,
        _ => 1,
    };
    length.min(rest.len())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_found() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"$ \x1b[7mls\x1b[27m\x1b[C\x1b[Cls", b"$ \x1b[7mls\x1b[27m\r\x1b[C\x1b[Cls"),
            (b"ab\x08\x08\x1b[C\x1b[Cc", b"ab\x08\x08\x1b[C\x1b[Cc"),
            (b"\x1b]0;t\x07$ ls\x1b]0;t\x07$ ls -l", b"\x1b]0;t\x07$ ls\r\x1b]0;t\x07$ ls -l"),
            (b"\x1b[m$ (reverse-i-search)`': ", b"\x1b[m$ \r(reverse-i-search)`': "),
        ];
        for (sent, wanted) in cases {
            let mut out = Vec::new();
            restore(sent, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(wanted));
        }
    }

    #[test]
    fn screens_are_left_on_the_line_on_which_they_are_entered() {
        let mut out = Vec::new();
        restore(b"\x1b[?1049hLS(1)\x1b(0", &mut out);
        assert_eq!(out, b"\x1b[?1049hLS(1)\x1b(0\x1b[?1049l\x1b(B");
    }

    #[test]
    fn any_bytes_are_copied() {
        for bytes in [b"\x1b".as_slice(), b"\x1b[", b"\x1b]", b"\xff\xfe\x1b[9999999C", b"\x1b[\x1b[C"] {
            let mut out = Vec::new();
            restore(bytes, &mut out);
            out.retain(|&byte| byte != b'\r');
            assert_eq!(out, bytes);
        }
    }
}
