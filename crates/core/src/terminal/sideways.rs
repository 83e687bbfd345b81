//! Lines that are longer than their row in editors that show a part of them: mksh, ksh93 without `multiline`, and their kin
//! print the part that the cursor is in over the row, with a mark at its end that tells on which side there is more.
//!
//! Such a part shows nothing new: it moves the cursor. So a line is written as if its row had no end.

use super::row::plain_len;
use super::token::{Csi, Token, token_at};

/// Marks at the end of a part: more on the left, on the right, on both sides.
const MARKS: [u8; 3] = [b'<', b'>', b'*'];

/// Least characters of a part that is known again.
const MIN_PART: usize = 8;

/// Most characters of a part that were not printed before.
const MAX_NEW: usize = 4;

/// Longest line that is straightened; a longer one shows its last part, and what it showed before is lost text of it.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// Most bytes that are written for one line: each part may move the cursor over all of it.
const MAX_WRITTEN: usize = 4 * MAX_BYTES;

/// Most parts of one line, and most that are looked for in other lines.
const MAX_PARTS: usize = 256;
const MAX_RECALLS: usize = 8;

/// Most parts that are shown up to their mark without a return.
const MAX_WHOLES: usize = 32;

/// Widest row that is shown anew without its mark.
const MAX_ROW: usize = 512;

/// Longest line that others may be recalled from.
pub(super) const MAX_LONG_BYTES: usize = 2 * 1024;

/// Most ends of a prompt that an editor may keep in front of the part.
const MAX_KEPT: usize = 8;

/// Whether a line may show parts of itself: a mark with the cursor left of it, and something that is printed behind a
/// return, or lines that it may have been `recalled` from.
pub(super) fn may_be_sideways(line: &[u8], recalled: bool) -> bool {
    let mut returns = memchr::memchr_iter(b'\r', line);
    let over = recalled || returns.any(|at| line.get(at + 1).is_some_and(|&next| next >= b' '));
    let back = memchr::memchr2_iter(0x08, b'\r', line);
    over && back.into_iter().any(|at| at > 0 && MARKS.contains(&line[at - 1]))
}

/// The same line as if its row had no end; `None` if it is no such line. `before` are lines that one may have been recalled
/// from, the last one first.
pub(super) fn straightened<'b>(
    line: &[u8],
    before: impl Iterator<Item = &'b LongLine> + Clone,
) -> Option<Straight> {
    let mut straight = Straight::default();
    let (mut at, mut parts, mut wholes, mut recalls) = (0, 0, 0, 0);
    while let Some((token, next)) = token_at(line, at) {
        let start = at;
        at = next;
        if straight.bytes.len() > MAX_WRITTEN {
            return None;
        }
        match token {
            Token::Text(text) if plain_len(text) == text.len() => {
                let back = backspaces(line, at);
                let is_part = text.last().is_some_and(|last| MARKS.contains(last)) && back > 0;
                if straight.text.is_empty() && is_part {
                    recalls += 1;
                    // Its mark stands where those of that line stood.
                    let as_wide = before.clone().filter(|long| long.columns + 1 == text.len());
                    straight.recall(text, back, as_wide)?;
                    at += back;
                } else if is_part && wholes < MAX_WHOLES && straight.show_whole(text, back) {
                    (at, wholes) = (at + back, wholes + 1);
                } else {
                    let shown = straight.show_erased(text);
                    straight.print(&text[shown..]);
                }
            }
            Token::Control(b'\r') if line[at..].iter().all(|&byte| byte == b'\r') => break,
            Token::Control(b'\r') if parts < MAX_PARTS => {
                parts += 1;
                let (shown, next) = part(line, at)?;
                let back = backspaces(line, next);
                at = next + back;
                if straight.show(&shown, back).is_none() {
                    recalls += 1;
                    straight.recall(&shown, back, before.clone().filter(|_| recalls <= MAX_RECALLS))?;
                }
            }
            Token::Control(0x08) => straight.go_to(straight.cursor.checked_sub(1)?),
            Token::Control(0x07) | Token::Csi(Csi { command: b'm', marker: 0, .. }) => {
                straight.bytes.extend_from_slice(&line[start..at]);
            }
            _ => return None,
        }
    }
    straight.columns.is_some().then_some(straight)
}

/// A line that was longer than its row.
pub(super) struct LongLine {
    pub(super) text: Vec<u8>,
    /// How many characters its row had room for.
    pub(super) columns: usize,
}

/// A line that is longer than its row.
#[derive(Default)]
pub(super) struct Straight {
    /// The whole line.
    pub(super) text: Vec<u8>,
    /// What is written for it.
    pub(super) bytes: Vec<u8>,
    /// Its start was not shown; it is that of another line.
    pub(super) recalled: bool,
    /// Where in the line the cursor stands.
    cursor: usize,
    /// What the row shows: so many characters from the start of the line, and behind them those from `start` on.
    kept: usize,
    start: usize,
    /// How many characters it has room for, once that is known.
    columns: Option<usize>,
}

impl Straight {
    /// What is remembered of it.
    pub(super) fn into_long_line(self) -> LongLine {
        LongLine { columns: self.columns.unwrap_or_default(), text: self.text }
    }

    fn of(text: &[u8]) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    fn print(&mut self, shown: &[u8]) {
        let right =
            self.columns.map_or(usize::MAX, |columns| (self.start + columns).saturating_sub(self.kept));
        let behind = &self.text[self.cursor..];
        // What the row does not show stays behind what it shows.
        if self.text.len() > right && shown.len() > 1 && behind.len() > shown.len() {
            let (first, rest) = (shown[0], &shown[1..]);
            if behind.starts_with(rest) && !behind.starts_with(shown) {
                self.bytes.extend_from_slice(b"\x1b[@");
                self.text.insert(self.cursor, first);
                return self.go_to(self.cursor + shown.len());
            }
            if behind[1..].starts_with(shown) && !behind.starts_with(shown) {
                self.bytes.extend_from_slice(b"\x1b[P");
                self.text.remove(self.cursor);
                return self.go_to(self.cursor + shown.len());
            }
        }
        let over = shown.len().min(behind.len());
        self.text[self.cursor..self.cursor + over].copy_from_slice(&shown[..over]);
        self.text.extend_from_slice(&shown[over..]);
        self.cursor += shown.len();
        self.bytes.extend_from_slice(shown);
    }

    fn go_to(&mut self, cursor: usize) {
        self.bytes.extend((cursor..self.cursor).map(|_| 0x08));
        if cursor > self.cursor {
            self.bytes.extend_from_slice(&self.text[self.cursor..cursor]);
        }
        self.cursor = cursor;
    }

    /// A part of another line is shown.
    fn recall<'b>(
        &mut self,
        shown: &[u8],
        back: usize,
        mut before: impl Iterator<Item = &'b LongLine>,
    ) -> Option<()> {
        let line = before.find(|line| Straight::of(&line.text).show(shown, back).is_some())?;
        self.replace(&line.text);
        self.show(shown, back)
    }

    /// Shows a part from where the cursor stands up to its mark: some editors go there without a return. `false` if it is
    /// none.
    fn show_whole(&mut self, shown: &[u8], back: usize) -> bool {
        let mark = shown.last().is_some_and(|last| MARKS.contains(last));
        let column = self.kept + self.cursor.saturating_sub(self.start);
        if !mark
            || self.cursor < self.start
            || self.columns.is_none_or(|columns| column + shown.len() != columns + 1)
        {
            return false;
        }
        let before = self.text[..self.kept].iter().chain(&self.text[self.start..]).take(column);
        let row: Vec<u8> = before.chain(shown).copied().collect();
        self.show(&row, back).is_some()
    }

    /// Shows the end of the line anew, as all that the part before had of it was erased; the mark stands already, and the
    /// place of what was erased last is not cleared. Tells how many of the characters do so; others were typed.
    fn show_erased(&mut self, shown: &[u8]) -> usize {
        let (text, behind) = self.text.split_at(self.cursor);
        let is_left = self.start > 0 && self.cursor == self.start;
        if !is_left || !behind.iter().skip(1).all(|&byte| byte == b' ') {
            return 0;
        }
        let longest = shown.len().min(self.columns.unwrap_or_default()).min(MAX_ROW);
        let Some(length) = (MIN_PART..=longest).rev().find(|&length| text.ends_with(&shown[..length])) else {
            return 0;
        };
        self.bytes.extend_from_slice(b"\x1b[K");
        self.text.truncate(self.cursor);
        self.start = self.cursor - length;
        length
    }

    /// Another line stands here instead.
    fn replace(&mut self, text: &[u8]) {
        self.go_to(0);
        self.bytes.extend_from_slice(b"\x1b[K");
        self.bytes.extend_from_slice(text);
        self.text = text.to_owned();
        self.cursor = text.len();
        self.recalled = true;
    }

    /// Shows a part of the line behind a return, with the cursor so many columns back from its end.
    fn show(&mut self, shown: &[u8], back: usize) -> Option<()> {
        let column = shown.len().checked_sub(back)?;
        let part = match shown.split_last() {
            Some((mark, part)) if MARKS.contains(mark) && part.len() >= MIN_PART => {
                self.columns.get_or_insert(part.len());
                part
            }
            // The mark is not printed again where it stands already.
            _ if self.columns.is_some() && back > 0 => shown,
            _ => return self.show_again(shown, column),
        };
        let Some((kept, start)) = self.place(part) else { return self.show_again(shown, column) };
        // Blanks in front of the cursor were typed, those behind it clear the row.
        let end = (kept + part[kept..].trim_ascii_end().len()).max(column.min(part.len()));
        let new = part[kept..end].get(self.text.len() - start..).unwrap_or_default();
        let cursor = if column < kept { column } else { start + column - kept };
        if cursor > self.text.len() + new.len() {
            return None;
        }
        (self.kept, self.start) = (kept, start);
        if !new.is_empty() {
            self.go_to(self.text.len());
            self.print(new);
        }
        self.go_to(cursor);
        Some(())
    }

    /// What the row shows is printed once more, up to the cursor or beyond it; or all of the line, as it has room again.
    fn show_again(&mut self, shown: &[u8], column: usize) -> Option<()> {
        let columns = self.columns?;
        if shown.trim_ascii_end() == self.text.trim_ascii_end() && column <= self.text.len() {
            (self.kept, self.start) = (0, 0);
            self.go_to(column);
            return Some(());
        }
        // The mark is gone, so this is all that is left of the line.
        if shown.len() > columns && shown.ends_with(b" ") {
            let common = self.text.iter().zip(shown).take_while(|(one, other)| one == other).count();
            self.go_to(common);
            self.text.truncate(common);
            self.bytes.extend_from_slice(b"\x1b[K");
            (self.kept, self.start) = (0, 0);
            let rest = shown.trim_ascii_end().len().max(column);
            self.print(shown.get(common..rest).unwrap_or_default());
            self.go_to(column.min(self.text.len()));
            return Some(());
        }
        let row = self.text[..self.kept].iter().chain(self.text.get(self.start..)?);
        let same = row.zip(shown).take_while(|(one, other)| one == other).count();
        if same < self.kept.max(1) || column < shown.len() {
            return None;
        }
        self.go_to(self.start + same - self.kept);
        if same < shown.len() {
            self.print(&shown[same..]);
        }
        Some(())
    }

    /// Where in the line a part stands: how much of it is the line's start, and where the rest begins.
    fn place(&self, part: &[u8]) -> Option<(usize, usize)> {
        let common = self.text.iter().zip(part).take_while(|(one, other)| one == other).count();
        if common == part.len() {
            return Some((0, 0));
        }
        // Some editors keep the prompt.
        let prompts = memchr::memchr_iter(b' ', &part[..common]).map(|at| at + 1).take(MAX_KEPT);
        [0].into_iter().chain(prompts).find_map(|kept| Some((kept, self.find(&part[kept..])?)))
    }

    /// Where in the line something stands that may be followed by blanks that clear the row. What was typed last may be in it
    /// that was not printed before.
    fn find(&self, part: &[u8]) -> Option<usize> {
        let visible = part.trim_ascii_end();
        let text = self.text.trim_ascii_end();
        let cleared = visible.len() < part.len();
        let known = (0..=MAX_NEW).filter(|_| cleared).filter_map(|new| visible.len().checked_sub(new));
        let mut known = known.filter(|&known| (MIN_PART..text.len()).contains(&known));
        let at_end = known.find(|&known| text.ends_with(visible[..known].trim_ascii_end()));
        let at_end = at_end.map(|known| text.len() - visible[..known].trim_ascii_end().len());
        at_end
            .or_else(|| memchr::memmem::find(&self.text, part).filter(|&at| at > 0 && part.len() >= MIN_PART))
    }
}

/// How many columns the cursor goes back.
fn backspaces(line: &[u8], at: usize) -> usize {
    line[at..].iter().take_while(|&&byte| byte == 0x08).count()
}

/// What is printed from `at` on, and where it ends. Colours are left out.
fn part(line: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut shown, mut at) = (Vec::new(), at);
    while let Some((token, next)) = token_at(line, at) {
        match token {
            Token::Text(text) if plain_len(text) == text.len() => shown.extend_from_slice(text),
            Token::Text(_) => return None,
            Token::Csi(Csi { command: b'm', marker: 0, .. }) => {}
            _ => break,
        }
        at = next;
    }
    Some((shown, at))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(line: &str, before: &[&str]) -> Option<String> {
        let long = |line: &&str| LongLine { text: line.as_bytes().to_vec(), columns: 29 };
        let before: Vec<LongLine> = before.iter().map(long).collect();
        let straight = straightened(line.as_bytes(), before.iter())?;
        assert_eq!(straight.recalled, !before.is_empty());
        String::from_utf8(straight.text).ok()
    }

    #[test]
    fn a_part_moves_the_cursor_and_shows_nothing_new() {
        let typed = "$ echo aaaa bbbb cccc dddd";
        let part = "\rbb cccc dddd     <\x08\x08\x08\x08\x08\x08";
        let straight = "$ echo aaaa bbbb cccc dddd eeee";
        assert_eq!(shown(&format!("{typed}{part} eeee"), &[]).unwrap(), straight);
        assert_eq!(shown(&format!("{typed}{part}x\x08 \x08 eeee"), &[]).unwrap(), format!("{straight}"));
        // The prompt is kept.
        let part = "\r$ bb cccc dddd     <\x08\x08\x08\x08\x08\x08";
        assert_eq!(shown(&format!("{typed}{part} eeee"), &[]).unwrap(), straight);
        // What was typed last stands in the part alone, and the mark is not printed again.
        let parts = "\r$ bb cccc dddd e    <\x08\x08\x08\x08\x08eee\r$ ddd eeee ffff       \x08\x08\x08\x08\x08\x08\x08 g";
        assert_eq!(shown(&format!("{typed} {parts}"), &[]).unwrap(), format!("{straight} ffff g"));
        // All is erased.
        let part = "\rbb cccc dddd     <\x08\x08\x08\x08\x08\x08";
        let erased = format!("\r${}{}id", " ".repeat(18), "\x08".repeat(17));
        assert_eq!(shown(&format!("{typed}{part}{erased}"), &[]).unwrap(), "$ id");
        let part = "\r$ bb cccc dddd     <\x08\x08\x08\x08\x08\x08";
        // Back to its start, where something is typed before what the row has no more room for.
        let start = "\r$ echo aaaa bbbb>".to_owned() + &"\x08".repeat(15);
        let typed = format!("{typed}{part} eeee{start}techo aaaa bbb");
        assert_eq!(shown(&typed, &[]).unwrap(), "$ techo aaaa bbbb cccc dddd eeee");
    }

    #[test]
    fn a_part_of_another_line_was_recalled() {
        let before = "$ echo aaaa bbbb cccc dddd";
        let part = "$ \rbb cccc dddd     <\x08\x08\x08\x08\x08\x08 more";
        assert_eq!(shown(part, &["$ id", before]).unwrap(), format!("{before} more"));
        assert_eq!(shown(part, &["$ id"]), None);
    }

    #[test]
    fn the_cursor_may_go_to_a_part_without_a_return() {
        let back = |count: usize| "\x08".repeat(count);
        let typed = "$ echo aaaa bbbb cccc dddd";
        // A blank was typed last, which looks like those that clear the row.
        let part = format!("\r$ b cccc dddd                <{}", back(16));
        assert_eq!(shown(&format!("{typed}{part}eeee"), &[]).unwrap(), format!("{typed} eeee"));
        // To the left of what the row shows, and the row is printed up to its mark.
        let left = format!("{}echo aaaa bbbb cccc dddd ee*{}", back(21), back(28));
        let inserted = "techo aaaa bbbb cccc dddd e";
        let expected = "$ techo aaaa bbbb cccc dddd eeee ffff";
        assert_eq!(shown(&format!("{typed}{part}eeee ffff{left}{inserted}"), &[]).unwrap(), expected);
        // All that the row shows is erased.
        let erased = format!("{}\x08echo aaaa bbb", "\x08 \x08".repeat(11));
        assert_eq!(shown(&format!("{typed}{part}{erased}x"), &[]).unwrap(), "$ echo aaaa bbbx");
        // What was recalled is shown at once.
        let recalled = format!("$ b cccc dddd                <{} more", back(17));
        assert_eq!(shown(&recalled, &["$ id", typed]).unwrap(), format!("{typed} more"));
        assert_eq!(shown(&recalled, &["$ id"]), None);
    }

    #[test]
    fn what_is_printed_over_is_no_part() {
        for line in ["10 %\r20 % <\x08", "$ make all the things\rok          >\x08", "a\rb"] {
            assert_eq!(shown(line, &[]), None, "{line:?}");
        }
    }
}
