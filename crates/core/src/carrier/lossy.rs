//! Lines that the agent streamed, made readable again.
//!
//! Before it sends a line the agent strips control sequences and carriage returns, but keeps the backspaces between
//! them; a line with a sequence that it does not know is sent as it is. What an editor did to a line can then only be
//! guessed, and mostly can be: what is erased is typed anew, and what is inserted is printed with all that follows it.

use unicode_width::UnicodeWidthChar;

use super::order::{Mark, Ordered};
use super::raw::{self, Edit};

/// Longest line whose editing is guessed; a longer one stays as it is.
const MAX_EDITED_BYTES: usize = 4 * 1024;

/// Most lines of a session that are guessed; a real session has one per typing mistake.
const MAX_ROUGH: usize = 1_000_000;
/// How many marked commands there are at least for each that is not marked, where marks are believed.
const MIN_MARKED: usize = 4;

const BACKSPACE: u8 = 8;
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
const FENCE_ON: &[u8] = b"\x1b[?2004h";

/// Lines as a terminal would have had them.
#[derive(Debug, Default)]
pub(super) struct Clean {
    pub text: Vec<u8>,
    /// The events, by their place in this text.
    pub marks: Vec<Mark>,
    /// The lines that are a guess or hold characters that were damaged, in order.
    pub rough: Vec<Rough>,
    /// Where there were more than [`MAX_ROUGH`] of them: what follows is not edited and all of it is a guess.
    pub rough_from: Option<usize>,
}

/// A line that is a guess.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rough {
    /// Where it begins and ends in the clean text.
    pub start: usize,
    pub end: usize,
    /// Where it begins and ends as it was sent, if it lost text.
    pub sent: Option<(usize, usize)>,
}

/// Cleans the lines of a session.
pub(super) fn clean(ordered: &Ordered) -> Clean {
    let mut clean = Clean { text: Vec::with_capacity(ordered.text.len()), ..Clean::default() };
    let mut marks = ordered.marks.iter().peekable();
    let mut edit = Edit::default();
    let fenced = is_fenced(&ordered.text);
    let mut start = 0;
    for newline in memchr::memchr_iter(b'\n', &ordered.text) {
        while let Some(mark) = marks.next_if(|mark| mark.start <= start) {
            clean.marks.push(Mark { start: clean.text.len(), ..*mark });
        }
        let line = &ordered.text[start..newline];
        edit.end(line, &mut clean.text);
        let begin = clean.text.len();
        let raw = raw::is_raw(line);
        let edited = !raw && clean.rough_from.is_none() && memchr::memchr(BACKSPACE, line).is_some();
        let tidied = edited.then(|| tidy(line)).flatten();
        match &tidied {
            Some(tidied) => clean.text.extend_from_slice(tidied.as_bytes()),
            None if raw => raw::restore(line, &mut clean.text),
            None => clean.text.extend_from_slice(line),
        }
        if raw && !fenced {
            let plain = without_fences(&clean.text[begin..]);
            clean.text.truncate(begin);
            clean.text.extend_from_slice(&plain);
        }
        if fenced {
            edit.follow(line);
        }
        if clean.rough.len() == MAX_ROUGH {
            clean.rough_from.get_or_insert(begin);
        } else if edited || memchr::memmem::find(line, REPLACEMENT).is_some() {
            let lost = tidied.is_some_and(|tidied| !same_text(line, tidied.as_bytes()));
            let sent = lost.then_some((start, newline));
            clean.rough.push(Rough { start: begin, end: clean.text.len(), sent });
        }
        clean.text.extend_from_slice(b"\r\n");
        start = newline + 1;
    }
    clean
}

/// Whether the marks of edits tell where commands are. The agent strips them from every line that it understands, so
/// that they may be left on the odd line only; then the prompts themselves are better guides.
fn is_fenced(text: &[u8]) -> bool {
    let (mut with, mut without) = (0_usize, 0_usize);
    let mut prompt: Option<Vec<u8>> = None;
    for line in text.split(|&byte| byte == b'\n') {
        if let Some(on) = memchr::memmem::rfind(line, FENCE_ON) {
            let shown = &line[on + FENCE_ON.len()..];
            if !shown.is_empty() {
                with += 1;
                prompt.get_or_insert_with(|| first_word(shown).to_vec());
            }
        } else if !raw::is_raw(line) && prompt.as_deref() == Some(first_word(line)) {
            without += 1;
        }
    }
    with > MIN_MARKED * without
}

fn first_word(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b' ').next().unwrap_or_default()
}

fn without_fences(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(line, b"\x1b[?2004") {
        if matches!(line.get(at + FENCE_ON.len() - 1), Some(b'h' | b'l')) {
            plain.extend_from_slice(&line[from..at]);
            from = at + FENCE_ON.len();
        }
    }
    plain.extend_from_slice(&line[from..]);
    plain
}

/// Whether a line without its backspaces is the same text.
fn same_text(line: &[u8], tidied: &[u8]) -> bool {
    line.iter().filter(|&&byte| byte != BACKSPACE).eq(tidied.iter())
}

/// Guesses what stood on a line at its end; `None` if it is too long.
fn tidy(line: &[u8]) -> Option<String> {
    if line.len() > MAX_EDITED_BYTES {
        return None;
    }
    let text = String::from_utf8_lossy(line);
    let mut row = Row::default();
    let mut rest = text.as_ref();
    while !rest.is_empty() {
        let after = rest.trim_start_matches('\u{8}');
        let backs = rest.len() - after.len();
        let end = after.find('\u{8}').unwrap_or(after.len());
        let next = after[end..].bytes().take_while(|&byte| byte == BACKSPACE).count();
        row.step(backs, &after[..end], next);
        rest = &after[end..];
    }
    Some(row.text())
}

/// A line and the cursor in it. A wide character takes two cells, the second of them empty.
#[derive(Debug, Default)]
struct Row {
    cells: Vec<char>,
    cursor: usize,
    /// How many cells the cursor still has to go back to the place of an insertion.
    owed: usize,
}

/// How many characters at the end of a line may be erased inside a word.
const MAX_SLIP: usize = 2;
/// The second cell of a wide character.
const FILLER: char = '\0';

impl Row {
    /// Goes back so many cells and prints a text; `next` more go back after it.
    fn step(&mut self, backs: usize, text: &str, next: usize) {
        let mut backs = backs.min(self.cursor);
        let due = backs.min(self.owed);
        self.cursor -= due;
        self.owed -= due;
        backs -= due;
        if text.is_empty() {
            return self.leave(backs);
        }
        let printed = cells(text);
        let target = self.cursor - backs;
        let right = &self.cells[target..];
        let comes_back = next >= printed.len().min(right.len());
        if !right.is_empty() && printed.len() > right.len() && comes_back && printed.ends_with(right) {
            // An insertion is printed with what follows it, and the cursor goes back over that.
            self.owed = right.len();
            self.replace(target, &printed);
        } else if printed.len() < right.len() && comes_back && right.ends_with(&printed) && text != " " {
            // So is what is left when something before it was deleted.
            self.owed = printed.len();
            self.replace(target, &printed);
        } else if self.cursor == self.cells.len() && !(next == 0 && self.begins_command(target, &printed)) {
            self.replace(target, &printed);
        } else {
            self.cells.splice(target..target, printed.iter().copied());
            self.cursor = target + printed.len();
        }
    }

    /// Whether a text is put in front of a command rather than typed in place of it: it would be no command by
    /// itself, or what is there would be none without it.
    fn begins_command(&self, at: usize, printed: &[char]) -> bool {
        let (before, right) = self.cells.split_at(at);
        matches!(before, [.., '$' | '#' | '%' | '>', ' '])
            && match (printed, right) {
                (_, []) => false,
                ([letter], _) => *letter != 'w',
                ([word @ .., ' '], _) => !word.contains(&' ') && !right.starts_with(word),
                (word, [' ', ..]) => !word.contains(&' '),
                _ => false,
            }
    }

    /// Goes back at the end of the line: to erase, or to stay there.
    fn leave(&mut self, backs: usize) {
        let target = self.cursor - backs;
        let separates =
            |at: usize| self.cells.get(at).is_some_and(|cell| matches!(cell, ' ' | ';' | '|' | '&'));
        // A few characters are a slip, words are taken back as a whole; elsewhere inside a word the cursor was left.
        let erased = backs <= MAX_SLIP || separates(target) || target.checked_sub(1).is_some_and(separates);
        if self.cursor == self.cells.len() && erased {
            self.cells.truncate(target);
        }
        self.cursor = target;
    }

    fn replace(&mut self, from: usize, printed: &[char]) {
        self.cells.truncate(from);
        self.cells.extend_from_slice(printed);
        self.cursor = self.cells.len();
    }

    fn text(&self) -> String {
        self.cells.iter().filter(|&&cell| cell != FILLER).collect()
    }
}

fn cells(text: &str) -> Vec<char> {
    let mut cells = Vec::with_capacity(text.len());
    for character in text.chars() {
        cells.push(character);
        if character.width() == Some(2) {
            cells.push(FILLER);
        }
    }
    cells
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_guessed() {
        let cases = [
            ("sh-5.2$ ls -d /etcc\u{8}", "sh-5.2$ ls -d /etc"),
            ("$ ls -d /etcc\u{8} \u{8}", "$ ls -d /etc"),
            ("$ echo two three\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}oneX", "$ echo oneX"),
            ("$ cat /etc/hostnme\u{8}\u{8}ame\u{8}\u{8}", "$ cat /etc/hostname"),
            ("$ aws sts get-caller-idey\u{8}ny\u{8}ty\u{8}iy\u{8}ty\u{8}", "$ aws sts get-caller-identity"),
            ("$ cd a\u{8}/rnp\u{8}\u{8}\u{8}tno\u{8}\u{8}mp", "$ cd /tmp"),
            ("$ echo 日本語\u{8}\u{8}", "$ echo 日本"),
            ("N\u{8}NA\u{8}AM\u{8}ME\u{8}E", "NAME"),
            ("$ ocker ps\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}d", "$ docker ps"),
            ("$ cat x\u{8}\u{8}\u{8}\u{8}\u{8}sudo ", "$ sudo cat x"),
            ("$  -l\u{8}\u{8}\u{8}ls", "$ ls -l"),
            ("$ cd /\u{8}\u{8}\u{8}\u{8}id", "$ id"),
            ("$ docker xps\u{8}\u{8}\u{8}ps\u{8}\u{8}", "$ docker ps"),
            ("$ ps aux --all\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}", "$ ps aux"),
            ("$ kubectl\u{8}\u{8}\u{8}", "$ kubectl"),
            ("\u{8}\u{8}\u{8}x", "x"),
        ];
        for (sent, wanted) in cases {
            assert_eq!(tidy(sent.as_bytes()).unwrap(), wanted, "{sent:?}");
        }
    }

    #[test]
    fn a_very_long_line_stays() {
        let line = "a\u{8}".repeat(MAX_EDITED_BYTES);
        let text = [line.as_bytes(), b"\n"].concat();
        let clean = clean(&Ordered { text: text.clone(), ..Ordered::default() });
        assert_eq!(clean.text.trim_ascii_end(), text.trim_ascii_end());
        assert_eq!((clean.rough.len(), clean.rough[0].sent), (1, None));
    }

    #[test]
    fn an_edit_whose_end_was_stripped_is_closed() {
        let text = b"\x1b]0;t\x07\x1b[?2004h[u@h ~]$ id\nuid=0\n".to_vec();
        let clean = clean(&Ordered { text, ..Ordered::default() });
        assert_eq!(clean.text, b"\x1b]0;t\x07\x1b[?2004h[u@h ~]$ id\r\n\x1b[?2004luid=0\r\n");
    }
}
