//! Cuts terminal output into printable runs, control characters and control sequences.
//!
//! Every byte belongs to exactly one token. A sequence that is broken off, or whose terminator does not come before
//! the end of the line, hides no text: only its introducer is taken away.

use memchr::{memchr2, memchr3};

use super::run::text_len;

/// Longest CSI or escape sequence that is obeyed.
pub(crate) const MAX_SEQUENCE_BYTES: usize = 4 * 1024;

/// Longest control string (OSC, DCS, APC, PM, SOS) that is looked at.
pub(crate) const MAX_STRING_BYTES: usize = 64 * 1024;

/// Longest control sequence that is read without a look at the general rules.
const SHORT_SEQUENCE_BYTES: usize = 32;

/// Longest parameters of a colour that are not left to the general rules.
const MAX_COLOUR_BYTES: usize = 64;

/// The unit of terminal output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Bytes from 0x20 on, and tabs.
    Text(&'a [u8]),
    /// A C0 control character other than tab and escape, or DEL.
    Control(u8),
    /// A control sequence, `ESC [ ... final`.
    Csi(Csi<'a>),
    /// `ESC final`.
    Escape(u8),
    /// The payload of an operating system command.
    Osc(&'a [u8]),
    /// A sequence without meaning for text: a character set, a device string, a broken sequence.
    Ignored,
    /// A sequence beyond its limit; it was skipped up to its end.
    TooLong,
}

/// The parts of a control sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Csi<'a> {
    /// The private marker (`?`, `>`, `<`, `=`) or 0.
    pub marker: u8,
    /// The digits and separators.
    pub params: &'a [u8],
    /// The last intermediate byte or 0.
    pub intermediate: u8,
    /// What to do.
    pub command: u8,
}

impl Csi<'_> {
    /// The numeric parameter at `index`, `default` if it is missing or 0, never more than `u16::MAX`.
    pub(crate) fn param(&self, index: usize, default: usize) -> usize {
        match self.number(index) {
            None | Some(0) => default,
            Some(number) => number,
        }
    }

    /// The numeric parameter at `index` as it stands.
    pub(crate) fn number(&self, index: usize) -> Option<usize> {
        let field = self.params.split(|&byte| byte == b';').nth(index)?;
        let digits = field.split(|&byte| byte == b':').next()?;
        if digits.is_empty() {
            return None;
        }
        let number = digits.iter().fold(0_usize, |sum, &byte| {
            let digit = usize::from(byte.wrapping_sub(b'0').min(9));
            sum.saturating_mul(10).saturating_add(digit).min(usize::from(u16::MAX))
        });
        Some(number)
    }

    /// Whether this sets (`h`) or resets (`l`) the private mode `mode`, alone or among others.
    pub(crate) fn private_mode(&self, mode: &[u8]) -> Option<bool> {
        if self.marker != b'?' || !matches!(self.command, b'h' | b'l') {
            return None;
        }
        self.params.split(|&byte| byte == b';').any(|field| field == mode).then_some(self.command == b'h')
    }
}

impl Csi<'_> {
    /// Whether the alternate screen is switched on or off.
    pub(crate) fn alternate_screen(&self) -> Option<bool> {
        if self.marker != b'?' || !matches!(self.command, b'h' | b'l') {
            return None;
        }
        let alternate = |mode: &[u8]| matches!(mode, b"1049" | b"1047" | b"47");
        self.params.split(|&byte| byte == b';').any(alternate).then_some(self.command == b'h')
    }

    /// Whether the cursor leaves its line, or the screen is wiped.
    pub(crate) fn is_vertical(&self) -> bool {
        self.marker == 0
            && match self.command {
                b'A' | b'B' | b'E' | b'F' | b'H' | b'f' | b'd' | b'e' | b'L' | b'M' | b'S' | b'T' => true,
                b'J' => self.param(0, 0) != 0,
                _ => false,
            }
    }
}

/// The length of a sequence at the start of `bytes` that changes nothing but colours, or erases from a cursor that
/// stands at the end; 0 if there is none. These are nearly all the sequences of plain output.
#[inline]
pub(crate) fn colour_len(bytes: &[u8]) -> usize {
    let Some(body) = bytes.strip_prefix(b"\x1b[") else { return 0 };
    if body.first() == Some(&b'K') {
        return 3;
    }
    let params = body.iter().take(MAX_COLOUR_BYTES).take_while(|byte| matches!(byte, b'0'..=b';')).count();
    if body.get(params) == Some(&b'm') { 2 + params + 1 } else { 0 }
}

/// The token at `start`, and where the next one begins; `None` at the end.
#[inline]
pub(crate) fn token_at(bytes: &[u8], start: usize) -> Option<(Token<'_>, usize)> {
    let rest = bytes.get(start..)?;
    let &first = rest.first()?;
    let (token, length) = match first {
        // Most of what line editors send.
        0x1b if rest.starts_with(b"\x1b[K") => {
            (Token::Csi(Csi { marker: 0, params: b"", intermediate: 0, command: b'K' }), 3)
        }
        0x1b => escape(rest),
        b'\t' | 0x20..=0x7e | 0x80.. => {
            let length = text_len(rest);
            (Token::Text(&rest[..length]), length)
        }
        _ => (Token::Control(first), 1),
    };
    Some((token, start + length))
}

/// A sequence at the start of `rest`, and its length.
#[inline]
fn escape(rest: &[u8]) -> (Token<'_>, usize) {
    match rest.get(1) {
        None => (Token::Ignored, 1),
        Some(b'[') => control_sequence(rest),
        Some(b']') => control_string(rest, true),
        Some(b'P' | b'X' | b'^' | b'_' | b'k') => control_string(rest, false),
        Some(0x20..=0x2f) => charset(rest),
        Some(&byte @ 0x30..=0x7e) => (Token::Escape(byte), 2),
        Some(_) => (Token::Ignored, 1),
    }
}

/// `ESC [ params intermediates final`.
#[inline]
fn control_sequence(rest: &[u8]) -> (Token<'_>, usize) {
    // Most have neither marker nor intermediates.
    let mut at = 2;
    while let Some(b'0'..=b';') = rest.get(at)
        && at < SHORT_SEQUENCE_BYTES
    {
        at += 1;
    }
    match rest.get(at) {
        Some(&command @ 0x40..=0x7e) => {
            (Token::Csi(Csi { marker: 0, params: &rest[2..at], intermediate: 0, command }), at + 1)
        }
        _ => any_control_sequence(rest),
    }
}

fn any_control_sequence(rest: &[u8]) -> (Token<'_>, usize) {
    let body = &rest[2..];
    let marker = body.first().copied().filter(|byte| (0x3c..=0x3f).contains(byte)).unwrap_or(0);
    let from = usize::from(marker != 0);
    let params = body[from..].iter().take_while(|byte| (0x30..=0x3f).contains(*byte)).count();
    let after = from + params;
    let between = body[after..].iter().take_while(|byte| (0x20..=0x2f).contains(*byte)).count();
    let at = after + between;
    match body.get(at) {
        Some(0x40..=0x7e) if at > MAX_SEQUENCE_BYTES => (Token::TooLong, 2 + at + 1),
        Some(&command @ 0x40..=0x7e) => {
            let intermediate = if between == 0 { 0 } else { body[at - 1] };
            let csi = Csi { marker, params: &body[from..after], intermediate, command };
            (Token::Csi(csi), 2 + at + 1)
        }
        _ if at > MAX_SEQUENCE_BYTES => (Token::TooLong, 2 + at),
        _ => (Token::Ignored, 2 + at),
    }
}

/// A string up to `ESC \`, for OSC also up to BEL. Without a terminator on its line it is no string.
fn control_string(rest: &[u8], bell_ends: bool) -> (Token<'_>, usize) {
    let body = &rest[2..];
    let found = if bell_ends { memchr3(0x07, 0x1b, b'\n', body) } else { memchr2(0x1b, b'\n', body) };
    let Some(at) = found else { return (Token::Ignored, 2) };
    let end = match body[at] {
        0x07 => 2 + at + 1,
        0x1b if body.get(at + 1) == Some(&b'\\') => 2 + at + 2,
        _ => return (Token::Ignored, 2),
    };
    if at > MAX_STRING_BYTES {
        (Token::TooLong, end)
    } else if bell_ends {
        (Token::Osc(&body[..at]), end)
    } else {
        (Token::Ignored, end)
    }
}

/// `ESC intermediates final`, such as the choice of a character set.
fn charset(rest: &[u8]) -> (Token<'_>, usize) {
    let between = rest[1..].iter().take_while(|byte| (0x20..=0x2f).contains(*byte)).count();
    let at = 1 + between;
    let length = if rest.get(at).is_some_and(|byte| (0x30..=0x7e).contains(byte)) { at + 1 } else { at };
    (if length > MAX_SEQUENCE_BYTES { Token::TooLong } else { Token::Ignored }, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_and_erasing_behind_the_cursor_are_skipped() {
        for (bytes, length) in [
            (&b"\x1b[m"[..], 3),
            (b"\x1b[01;31mred", 8),
            (b"\x1b[38:5:1m", 9),
            (b"\x1b[K", 3),
            (b"\x1b[2K", 0),
            (b"\x1b[?1m", 0),
            (b"\x1b[3", 0),
            (b"text", 0),
        ] {
            assert_eq!(colour_len(bytes), length, "{bytes:?}");
        }
    }
}
