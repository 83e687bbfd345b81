//! What a prompt looks like, and where it may end.

mod colour;
mod irb;
mod names;
mod program;
mod proof;
mod same;

use std::borrow::Cow;

pub(crate) use self::colour::{coloured_end, plain_sign_len};
pub(crate) use self::irb::{Irb, irb};
pub(crate) use self::names::user_and_host;
use self::program::program_of;
pub(crate) use self::program::{is_continuation, is_dollar_quoted, program};
pub(crate) use self::proof::{Proof, proof, proof_of_first};
pub(crate) use self::same::{has_key, is_same_but_status, is_sister, key, shape};
use super::windows::prompt as windows;
use crate::terminal::block::{Block, Kind, any, places};
use crate::terminal::page::Heads;

/// Most bytes of a line that a prompt is looked for in.
const MAX_PROMPT_BYTES: usize = 200;

/// Most places of one line where a prompt may end.
const MAX_ENDS: usize = 8;

/// Characters that prompts end with, besides `$`, `#`, `%` and `>`.
const ENDINGS: [char; 19] = [
    '❯', '➜', 'λ', '»', '›', '▶', '⟩', '➤', '►', '▸', '⟫', '❱', '➔', '➞', '⇒', '⚡', '±', '\u{e0b0}',
    '\u{e0b1}',
];

/// The glyph between the fields of a prompt.
const SEPARATOR: char = '\u{e0b0}';

/// The glyph between the parts of one field, such as directories.
const THIN_SEPARATOR: char = '\u{e0b1}';

/// The blank that prompts made of glyphs end with, lest the terminal breaks there.
const GLYPH_BLANK: &str = "\u{a0}";

/// Prompts of programs that do not end like those of shells.
const PROGRAM_PROMPTS: [&str; 4] = ["(gdb) ", "(Pdb) ", "(lldb) ", "(parted) "];

/// What stands behind a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A shell.
    Shell,
    /// An interpreter or a client.
    Program,
}

/// Places in a line where a prompt may end, in order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    at: [usize; MAX_ENDS],
    count: usize,
}

impl Ends {
    /// One place alone.
    pub(crate) fn one(end: usize) -> Self {
        let mut ends = Self::default();
        ends.push(end);
        ends
    }

    /// Keeps the places that `keep` is true for.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let all = *self;
        self.count = 0;
        all.iter().filter(|&&end| keep(end)).for_each(|&end| self.push(end));
    }

    fn push(&mut self, end: usize) {
        if let Some(place) = self.at.get_mut(self.count) {
            *place = end;
            self.count += 1;
        }
    }
}

impl std::ops::Deref for Ends {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.at[..self.count]
    }
}

/// Lines of output that may start with a prompt.
pub(crate) struct PromptHeads;

impl Heads for PromptHeads {
    fn suspects(block: Block) -> Kind {
        ascii_endings(block).or(block.is_foreign())
    }

    fn is_start(byte: u8) -> bool {
        matches!(byte, b'(' | b'I' | b'.' | b'M')
    }

    fn is_head(line: &[u8], suspect: bool, _: usize) -> bool {
        if suspect && has_ending(&line[..line.len().min(MAX_PROMPT_BYTES)]) {
            return true;
        }
        match line.first() {
            Some(b'(') => PROGRAM_PROMPTS.iter().any(|prompt| line.starts_with(prompt.as_bytes())),
            Some(b'I') => line.starts_with(b"In ["),
            Some(b'.') => line.starts_with(b"... ") || line == b"...",
            Some(b'M') => line.starts_with(windows::MORE.as_bytes()),
            _ => false,
        }
    }
}

/// Whether the start of a line may hold a prompt that ends with a known character.
fn has_ending(window: &[u8]) -> bool {
    if windows::cmd_end(window).is_some() {
        return true;
    }
    let mut met = false;
    for at in places(window, ascii_endings) {
        if window.get(at + 1).is_none_or(|&next| next == b' ') {
            return true;
        }
        met = true;
    }
    if met && memchr::memchr(b'@', window).is_some() && glued_end(&text_of(window)).is_some() {
        return true;
    }
    !window.is_ascii() && has_foreign_ending(window) && !ends(&text_of(window)).is_empty()
}

/// `$`, `#`, `%` and `>`.
#[inline]
pub(crate) fn ascii_endings(block: Block) -> Kind {
    block.is_within(b'#', b'%').or(block.is(b'>'))
}

/// Whether one of [`ENDINGS`] stands in a line, with a blank or nothing behind it.
fn has_foreign_ending(line: &[u8]) -> bool {
    let glyphs = memchr::memmem::find_iter(line, GLYPH_BLANK);
    let blanks = memchr::memchr_iter(b' ', line).chain([line.len()]).chain(glyphs);
    blanks
        .filter(|&at| at > 0 && line[at - 1] >= 0x80)
        .any(|at| last_character(&line[..at]).is_some_and(is_foreign_ending))
}

/// The character that ends with the last byte.
fn last_character(bytes: &[u8]) -> Option<char> {
    let start = bytes.iter().rposition(|byte| byte & 0xc0 != 0x80)?;
    std::str::from_utf8(&bytes[start..]).ok()?.chars().next()
}

/// Where a prompt may end in `line`: behind an ending and its blank, or at the end of the line.
pub(crate) fn ends(line: &str) -> Ends {
    let mut found = Ends::default();
    if let Some(prompt) = PROGRAM_PROMPTS.iter().find(|prompt| line.starts_with(**prompt)) {
        found.push(prompt.len());
    }
    if line.starts_with("In [")
        && let Some(at) = line.find("]: ")
    {
        found.push(at + 3);
    }
    if line.starts_with("... ") {
        found.push(4);
    } else if line == "..." {
        found.push(3);
    }
    let bytes = line.as_bytes();
    if line.starts_with(windows::MORE) {
        found.push(windows::MORE.len());
    }
    let cmd = windows::cmd_end(bytes);
    for at in places(&bytes[..bytes.len().min(MAX_PROMPT_BYTES)], PromptHeads::suspects) {
        let length = match bytes[at] {
            b'$' | b'#' | b'%' | b'>' => 1,
            0xc0.. => match line[at..].chars().next() {
                // Nobody types these: they stand between the fields of a prompt, and the last one ends it.
                Some(SEPARATOR | THIN_SEPARATOR) if line[at + SEPARATOR.len_utf8()..].contains(SEPARATOR) => {
                    continue;
                }
                Some(character) if ENDINGS.contains(&character) => character.len_utf8(),
                _ => continue,
            },
            _ => continue,
        };
        match bytes.get(at + length) {
            None => found.push(line.len()),
            Some(b' ') => found.push(at + length + 1),
            Some(_) if length > 1 && line[at + length..].starts_with(GLYPH_BLANK) => {
                found.push(at + length + GLYPH_BLANK.len());
            }
            Some(_) if cmd == Some(at + 1) => found.push(at + 1),
            Some(_) => {}
        }
    }
    if memchr::memchr(b'@', bytes).is_some()
        && let Some(end) = glued_end(line)
        && found.first().is_none_or(|&first| end < first)
    {
        return Ends::one(end);
    }
    if found.len() > 1 {
        // A field in angle brackets does not end a prompt that has it in brackets, up to the sign behind those.
        let (first, second) = (found[0], found[1]);
        // Those of programs stand in front, in any order.
        if line.get(first..second).is_some_and(|behind| is_field(&line[..first], behind)) {
            found.retain(|end| end > first);
        }
    }
    found
}

/// Whether a text ends with `<…> ` within brackets, and `behind` it these are closed by one word and a sign. A bracket alone
/// tells nothing: who is typed at may have forgotten to close it.
fn is_field(text: &str, behind: &str) -> bool {
    if !text.ends_with("> ") {
        return false;
    }
    let count = |sign: u8| memchr::memchr_iter(sign, text.as_bytes()).count();
    let word = behind.trim_end().strip_suffix(['$', '#', '%', '>']).and_then(|word| word.strip_suffix(']'));
    count(b'<') == count(b'>')
        && count(b'[') > count(b']')
        && word.is_some_and(|word| !word.is_empty() && !word.contains([' ', '[', ']']))
}

/// Whether the ends of `line` are those of a prompt that it starts with, because nothing behind that can end a prompt.
/// Prompts come back with nearly every command, so this spares most of the work of [`ends`].
pub(crate) fn ends_like(line: &[u8], prompt: &str) -> bool {
    if prompt.is_empty() || !line.starts_with(prompt.as_bytes()) {
        return false;
    }
    let rest = &line[prompt.len()..line.len().min(MAX_PROMPT_BYTES).max(prompt.len())];
    !any(rest, PromptHeads::suspects)
}

/// The start of a line up to the last of its ends, if [`ends_like`] may be asked about it.
pub(crate) fn known_start<'l>(line: &'l str, ends: &[usize]) -> Option<&'l str> {
    // Without the blank, it depends on the next byte whether a prompt ends; the prompt of IPython has no ending at all.
    let start = &line[..*ends.last()?];
    (start.ends_with(' ') && start.len() <= MAX_PROMPT_BYTES && !start.starts_with("In [")).then_some(start)
}

/// Where a prompt with user, host and path ends that leaves no blank before the command.
fn glued_end(line: &str) -> Option<usize> {
    let near = &line[..line.floor_char_boundary(MAX_PROMPT_BYTES)];
    let end = places(near.as_bytes(), ascii_endings).next()?;
    // This is settled fastest, and mostly settles it.
    if line.as_bytes().get(end + 1).is_none_or(|&next| next == b' ') {
        return None;
    }
    let body = &near[..end];
    let who = user_and_host(body)?;
    let path = &body[body.find(who)? + who.len()..];
    let place = path.starts_with([':', ' '])
        && !path[1..].contains(' ')
        && (path.ends_with([']', ')']) || path[1..].starts_with(['~', '/']));
    place.then_some(end + 1)
}

/// Output as text. Nearly all of it is UTF-8, which is checked faster than it is mended.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Whether a character is the last one of prompts that use no sign of ASCII.
pub(crate) fn is_foreign_ending(character: char) -> bool {
    ENDINGS.contains(&character)
}

/// Where a prompt that ends at `end` of a line ends really, if it or the one in force stands there once more: a transcript
/// that was printed ended with a prompt, and the shell's own came behind it. One that is little more than a sign is not
/// known again so.
pub(crate) fn repeated_end(line: &str, end: usize, prompts: [&str; 2]) -> usize {
    let telling = |prompt: &&str| prompt.trim_end().len() > 2;
    let again = |end: usize| {
        let mut found = prompts.iter().filter(|prompt| telling(prompt) && line[end..].starts_with(**prompt));
        found.next().map(|prompt| end + prompt.len())
    };
    std::iter::successors(Some(end), |&end| again(end)).last().unwrap_or(end)
}

/// The text without white space around it, found quickly where there is at most a blank.
fn trimmed(text: &str) -> &str {
    let text = text.strip_suffix(' ').unwrap_or(text);
    let visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if visible(bytes.first()) && visible(bytes.last()) { text } else { text.trim() }
}

/// The last line of a prompt, which is where the command stands.
pub(crate) fn last_line(prompt: &str) -> &str {
    let prompt = prompt.strip_suffix('\n').unwrap_or(prompt);
    memchr::memrchr(b'\n', prompt.as_bytes()).map_or(prompt, |at| &prompt[at + 1..])
}

/// Who reads what is typed behind this prompt.
pub(crate) fn reader(prompt: &str) -> Reader {
    if program_of(trimmed(prompt)).is_some() { Reader::Program } else { Reader::Shell }
}
