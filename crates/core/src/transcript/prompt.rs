//! What a prompt looks like, and when two prompts are the same prompt.

use std::borrow::Cow;

use super::windows::prompt as windows;
use crate::terminal::block::{Block, Kind, any, places};
use crate::terminal::page::Heads;

/// Most bytes of a line that a prompt is looked for in.
const MAX_PROMPT_BYTES: usize = 200;

/// Most blanks within a prompt that proves anything.
const MAX_PROMPT_BLANKS: usize = 6;

/// Most places of one line where a prompt may end.
const MAX_ENDS: usize = 8;

/// Characters that prompts end with, besides `$`, `#`, `%` and `>`.
const ENDINGS: [char; 18] =
    ['❯', '➜', 'λ', '»', '›', '▶', '⟩', '➤', '►', '▸', '⟫', '❱', '➔', '➞', '⇒', '⚡', '\u{e0b0}', '\u{e0b1}'];

/// The same as text.
const ENDING_TEXTS: [&str; 18] =
    ["❯", "➜", "λ", "»", "›", "▶", "⟩", "➤", "►", "▸", "⟫", "❱", "➔", "➞", "⇒", "⚡", "\u{e0b0}", "\u{e0b1}"];

/// The glyph between the fields of a prompt.
const SEPARATOR: char = '\u{e0b0}';

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
    blanks.filter(|&at| at > 0 && line[at - 1] >= 0x80).any(|at| {
        let end = &line[at.saturating_sub(3)..at];
        ENDING_TEXTS
            .iter()
            .any(|ending| end.last() == ending.as_bytes().last() && end.ends_with(ending.as_bytes()))
    })
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
                Some(SEPARATOR) if line[at + SEPARATOR.len_utf8()..].contains(SEPARATOR) => continue,
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
    found
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

/// Whether `prompt` has this key.
pub(crate) fn has_key(prompt: &str, known: &str) -> bool {
    // A key ends as its prompt does, which settles nearly all cases.
    prompt.trim_end().chars().next_back() == known.chars().next_back() && key(prompt) == known
}

/// What stays the same when a prompt comes back: user and host, or the words that are no path and no number.
pub(crate) fn key(prompt: &str) -> String {
    let prompt = prompt.trim();
    let Some(ending) = prompt.chars().next_back() else { return String::new() };
    let body = prompt[..prompt.len() - ending.len_utf8()].trim_end();
    if let Some(word) = user_and_host(body) {
        let mut key = String::with_capacity(word.len() + ending.len_utf8());
        key.push_str(word);
        key.push(ending);
        return key;
    }
    if let Some(key) = windows::key(body).filter(|_| ending == '>') {
        return key.to_owned();
    }
    let mut key = String::new();
    for word in body.split_inclusive([' ', ':', '[', ']', '(', ')']) {
        let path = word.starts_with(['/', '~']) || word.contains('/');
        if path {
            key.push('*');
            key.extend(word.chars().next_back().filter(|last| ":])".contains(*last)));
            continue;
        }
        let mut number = false;
        for character in word.chars() {
            let digit = character.is_ascii_digit();
            if !digit {
                key.push(character);
            } else if !number {
                key.push('0');
            }
            number = digit;
        }
    }
    // psql shows the state of its transaction between the name and the ending.
    let trimmed = key.trim_end_matches(['*', '!', '^', '=', '-', '\'', '"', '(']).len();
    if trimmed < key.len() && key[trimmed..].contains(['=', '-']) && trimmed > 0 {
        key.truncate(trimmed);
        key.push('=');
    }
    key.push(ending);
    key
}

/// A coarser form, in which all words are alike: it tells whether a longer prompt recurs as well.
pub(crate) fn shape(prompt: &str) -> String {
    let mut shape = String::new();
    for character in prompt.chars() {
        let word = character.is_alphanumeric() || "/~._-@".contains(character);
        if !word {
            shape.push(character);
        } else if !shape.ends_with('w') {
            shape.push('w');
        }
    }
    shape
}

/// Whether two prompts are made alike: the same signs between words, one word the same, and signs of shells at the end,
/// such as `$` for a user and `#` for root.
pub(crate) fn is_sister(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    let (Some(first), Some(second)) = (one.chars().next_back(), other.chars().next_back()) else {
        return false;
    };
    let (body, others) = (&one[..one.len() - first.len_utf8()], &other[..other.len() - second.len_utf8()]);
    let words = |text: &'_ str| -> Vec<String> {
        let split = text.split(|sign: char| !sign.is_alphanumeric() && sign != '-');
        split.filter(|word| word.len() > 1).map(str::to_owned).collect()
    };
    let known = words(others);
    "$#%>".contains(first)
        && "$#%>".contains(second)
        && shape(body) == shape(others)
        && words(body).iter().any(|word| known.contains(word))
}

/// How much the text of a prompt alone proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    /// It could be any text.
    None,
    /// One word and an ending.
    Word,
    /// Nothing but an ending.
    Bare,
    /// A path among few words.
    Path,
    /// User and host, a shell and its version, a path, an interpreter.
    Strict,
}

/// Tells how much the text of a prompt proves.
pub(crate) fn proof(prompt: &str) -> Proof {
    let prompt = trimmed(prompt);
    let Some(ending) = prompt.chars().next_back() else { return Proof::None };
    let before = &prompt[..prompt.len() - ending.len_utf8()];
    let body = trimmed(before);
    // A sign made of two characters.
    let body = if ending == '>' { trimmed(body.strip_suffix('|').unwrap_or(body)) } else { body };
    let blanks = body.bytes().filter(|&byte| byte == b' ').count();
    if blanks > MAX_PROMPT_BLANKS {
        return Proof::None;
    }
    if body.is_empty() {
        return Proof::Bare;
    }
    if ending == '?' {
        return Proof::None;
    }
    if is_corner(body) {
        return Proof::Path;
    }
    if reader(prompt) == Reader::Program {
        return Proof::Strict;
    }
    // Each of these needs a byte that most texts do not have.
    let has = |wanted: fn(u8) -> bool| body.bytes().fold(false, |any, byte| any | wanted(byte));
    let version = has(|byte| byte == b'-')
        && body.split_once('-').is_some_and(|(shell, version)| {
            matches!(shell, "sh" | "bash" | "ash" | "ksh" | "mksh" | "zsh" | "dash")
                && version.starts_with(|character: char| character.is_ascii_digit())
        });
    if version || (ending == '>' && windows::key(body).is_some()) {
        return Proof::Strict;
    }
    if has(|byte| byte == b'\\') && is_unexpanded(body) {
        return Proof::Strict;
    }
    if has(|byte| byte == b'@') && user_and_host(body).is_some() && !body.contains(['"', '\'', '`', ';', '|'])
    {
        return Proof::Strict;
    }
    let path = |word: &str| word.starts_with('/') || word.starts_with('~');
    if blanks <= 3
        && has(|byte| (byte == b'/') | (byte == b'~'))
        && body.split([' ', ':']).any(path)
        && !body.contains(['"', '\'', ';', '|', '$', '=', '<', '>'])
    {
        return Proof::Path;
    }
    // More blanks than one stand between the columns of a table.
    let is_cell = before.ends_with("  ");
    if blanks == 0 && !is_cell && body.len() <= 40 && body.chars().any(char::is_alphanumeric) {
        Proof::Word
    } else {
        Proof::None
    }
}

/// Whether a prompt is the corner of a frame whose upper line stands above it.
fn is_corner(body: &str) -> bool {
    body.starts_with(['└', '╰', '╚']) && body.chars().all(|shown| matches!(shown, '\u{2500}'..='\u{257f}'))
}

/// Whether a prompt shows the escapes that only another shell knows: dash prints the `PS1` that bash left to it as it is.
fn is_unexpanded(body: &str) -> bool {
    let escapes = ["\\u", "\\h", "\\H", "\\w", "\\W"];
    escapes.iter().any(|escape| body.contains(escape))
        && !body.contains(['"', '\'', '`', ';', '|', '=', '<', '>'])
}

/// Whether a character is the last one of prompts that use no sign of ASCII.
pub(crate) fn is_foreign_ending(character: char) -> bool {
    ENDINGS.contains(&character)
}

/// Where the prompt at `start..end` of a line that no shell marked ends really, if it is coloured further, up to `styled`:
/// neither the kernel nor readline colours what is typed, so the last colour is the prompt's. Themes put their sign first
/// and the directory behind it. Shells that colour the command as well colour something that is one.
pub(crate) fn coloured_end(line: &str, start: usize, end: usize, styled: usize) -> Option<usize> {
    if styled <= end || start > 0 || !line.is_char_boundary(styled) || styled > MAX_PROMPT_BYTES {
        return None;
    }
    let field = line[end..styled].trim();
    if field.is_empty() || super::syntax::looks_like_command(field) {
        return None;
    }
    let rest = &line[styled..];
    let blank = rest.starts_with(' ') || line[..styled].ends_with(' ');
    let path = field.starts_with(['~', '/']);
    // A line that is coloured to its end may be a command that is.
    let ends = if rest.trim().is_empty() { path } else { blank };
    let end = styled + (rest.len() - rest.trim_start_matches(' ').len());
    ends.then(|| end + plain_sign_len(&line[..end], &line[end..]))
}

/// How long the sign is, with its blank, that stands without colour behind the coloured rest of a prompt: no command begins
/// with one. That of root could be a comment.
pub(crate) fn plain_sign_len(prompt: &str, behind: &str) -> usize {
    let Some((sign, typed)) = behind.split_once(' ') else { return 0 };
    let mut signs = sign.chars();
    let is_sign = match (signs.next(), signs.next()) {
        (Some('$' | '%' | '>'), None) => true,
        (Some('#'), None) => prompt.contains("root"),
        (Some(sign), None) => is_foreign_ending(sign),
        _ => false,
    };
    let more = typed.len() - typed.trim_start_matches(' ').len();
    if is_sign { sign.len() + 1 + more } else { 0 }
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

/// The name of the program that has this prompt.
pub(crate) fn program(prompt: &str) -> &'static str {
    program_of(trimmed(prompt)).unwrap_or("program")
}

fn program_of(prompt: &str) -> Option<&'static str> {
    Some(match prompt {
        ">>>" | "..." => "python",
        "sqlite>" => "sqlite3",
        "mysql>" => "mysql",
        "SQL>" => "sqlplus",
        "sftp>" => "sftp",
        "ftp>" => "ftp",
        "lftp>" => "lftp",
        "telnet>" => "telnet",
        "(gdb)" => "gdb",
        "(lldb)" => "lldb",
        "(Pdb)" | "ipdb>" => "pdb",
        "mongo>" | "test>" => "mongo",
        "gnuplot>" => "gnuplot",
        "octave>" => "octave",
        "php >" => "php",
        "cqlsh>" => "cqlsh",
        "julia>" => "julia",
        "jshell>" => "jshell",
        "ghci>" | "Prelude>" => "ghci",
        "OpenSSL>" => "openssl",
        "(parted)" => "parted",
        _ if prompt.starts_with("MariaDB [") => "mariadb",
        _ if prompt.starts_with("irb(") => "irb",
        _ if prompt.starts_with("In [") && prompt.ends_with("]:") => "ipython",
        _ if prompt.starts_with("redis ") && prompt.ends_with('>') => "redis-cli",
        _ if prompt.starts_with("127.0.0.1:6379") => "redis-cli",
        _ if is_psql(prompt) => "psql",
        _ => return None,
    })
}

/// Whether a prompt asks for more of the same command.
pub(crate) fn is_continuation(prompt: &str) -> bool {
    let prompt = prompt.trim();
    if matches!(prompt, ">" | "More?" | "..." | "...>" | "->" | "'>" | "\">" | "`>" | ">>") {
        return true;
    }
    // zsh names the open constructs; psql the kind of what is open.
    let Some(body) = prompt.strip_suffix('>') else {
        return is_psql(prompt) && psql_state(prompt).is_some_and(|state| !state.contains('='));
    };
    let zsh = |word: &str| {
        matches!(
            word,
            "quote"
                | "dquote"
                | "bquote"
                | "heredoc"
                | "for"
                | "while"
                | "until"
                | "if"
                | "then"
                | "else"
                | "elif"
        ) || matches!(
            word,
            "case" | "select" | "function" | "subsh" | "cursh" | "pipe" | "cmdand" | "cmdor" | "cmdsubst"
        ) || matches!(
            word,
            "repeat" | "braceparam" | "mathsubst" | "math" | "cond" | "array" | "foreach" | "try"
        )
    };
    (!body.is_empty() && body.split(' ').all(zsh))
        || is_psql(prompt) && psql_state(prompt).is_some_and(|state| !state.contains('='))
}

/// `db=>`, `db=#`, `db-#`, `db'>`, `db=*#` and so on.
fn is_psql(prompt: &str) -> bool {
    let Some(body) = prompt.strip_suffix(['#', '>']) else { return false };
    let body = body.trim_end_matches(['*', '!', '?']);
    let Some(name) = body.strip_suffix(['=', '-', '\'', '"', '(', '^']) else { return false };
    name.contains(char::is_alphanumeric)
        && name.chars().all(|character| character.is_alphanumeric() || "_-.".contains(character))
}

fn psql_state(prompt: &str) -> Option<&str> {
    let name = prompt.find(|character: char| !(character.is_alphanumeric() || "_.".contains(character)))?;
    Some(&prompt[name..])
}

/// The word `user@host` of a prompt, if there is one.
pub(crate) fn user_and_host(body: &str) -> Option<&str> {
    let at = memchr::memchr(b'@', body.as_bytes())?;
    let user = at - name_before(&body[..at]);
    let end = at + 1 + name_behind(&body[at + 1..]);
    (user < at && end > at + 1).then(|| &body[user..end])
}

/// Whether a name of a user or a host may hold this.
fn is_legal(character: char) -> bool {
    character.is_alphanumeric() || "._-+".contains(character)
}

/// The same for a byte of ASCII.
fn is_legal_ascii(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+')
}

/// How many bytes at the end of a text are a name.
fn name_before(text: &str) -> usize {
    let ascii = text.bytes().rev().take_while(|&byte| is_legal_ascii(byte)).count();
    match text.as_bytes()[..text.len() - ascii].last() {
        Some(0x80..) => {
            text.chars().rev().take_while(|&character| is_legal(character)).map(char::len_utf8).sum()
        }
        _ => ascii,
    }
}

/// How many bytes at the start of a text are a name.
fn name_behind(text: &str) -> usize {
    let ascii = text.bytes().take_while(|&byte| is_legal_ascii(byte)).count();
    match text.as_bytes().get(ascii) {
        Some(0x80..) => text.chars().take_while(|&character| is_legal(character)).map(char::len_utf8).sum(),
        _ => ascii,
    }
}
