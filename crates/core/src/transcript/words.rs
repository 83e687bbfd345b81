//! The words of the command that is left in front of the terminal when a line is submitted: the last one of its list.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

/// Stands for input that does not come from the terminal.
const FED: &str = "<";

/// Most words of usual commands.
const USUAL_WORDS: usize = 8;

/// Most bytes of a line that are looked at, from its end.
const MAX_LINE_BYTES: usize = 4 * 1024;

/// Bytes that do more than to stand in a word or between two.
static SIGNS: [bool; 256] = {
    let mut table = [false; 256];
    let signs = b"'\"\\;|&\n()`#<";
    let mut at = 0;
    while at < signs.len() {
        table[signs[at] as usize] = true;
        at += 1;
    }
    table
};

/// The words of the last command of a line, without quotes. A pipe or a redirection into it shows as [`FED`] at the end.
pub(crate) fn last_command(line: &str) -> SmallVec<[Cow<'_, str>; USUAL_WORDS]> {
    let line = &line[line.ceil_char_boundary(line.len().saturating_sub(MAX_LINE_BYTES))..];
    let bytes = line.as_bytes();
    if !bytes.iter().fold(false, |any, &byte| any | SIGNS[usize::from(byte)]) {
        return line.split([' ', '\t']).filter(|word| !word.is_empty()).map(Cow::Borrowed).collect();
    }
    let mut words = SmallVec::new();
    let mut word: Option<Cow<'_, str>> = None;
    let mut fed = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\'' | b'"' => at = quoted(line, at, unquote(&mut word)),
            b'\\' => {
                let next = line[at + 1..].chars().next();
                unquote(&mut word).extend(next.filter(|next| *next != '\n'));
                at += 1 + next.map_or(0, char::len_utf8);
            }
            b' ' | b'\t' => {
                words.extend(word.take());
                at += 1;
            }
            b';' | b'|' | b'&' | b'\n' | b'(' | b')' | b'`' => {
                at += 1;
                let and = byte == b'&' && bytes.get(at) == Some(&b'>');
                let last = byte != b'&' && line[at..].chars().all(char::is_whitespace);
                if and || last {
                    words.extend(word.take());
                    continue;
                }
                let doubled = bytes.get(at) == Some(&byte);
                at += usize::from(doubled);
                fed = byte == b'|' && !doubled;
                words.clear();
                word = None;
            }
            b'#' if word.is_none() => break,
            b'<' => {
                words.extend(word.take());
                fed = true;
                at += 1;
            }
            _ => {
                let ends = |&byte: &u8| SIGNS[usize::from(byte)] || matches!(byte, b' ' | b'\t');
                let more = bytes[at + 1..].iter().position(ends).unwrap_or(bytes.len() - at - 1);
                push(&mut word, line, at..at + 1 + more);
                at += 1 + more;
            }
        }
    }
    words.extend(word);
    if fed {
        words.push(FED.into());
    }
    words
}

/// Adds what is quoted from `start` of a line on to a word; returns where it ends.
fn quoted(line: &str, start: usize, word: &mut String) -> usize {
    let single = line.as_bytes()[start] == b'\'';
    let mut rest = &line[start + 1..];
    loop {
        let bytes = rest.as_bytes();
        let end = if single { memchr::memchr(b'\'', bytes) } else { memchr::memchr2(b'"', b'\\', bytes) };
        let Some(end) = end else {
            word.push_str(rest);
            return line.len();
        };
        word.push_str(&rest[..end]);
        let mut behind = rest[end + 1..].chars();
        if bytes[end] == b'\\' {
            word.extend(behind.next());
            rest = behind.as_str();
        } else {
            return line.len() - behind.as_str().len();
        }
    }
}

/// Adds a piece of `line`. A word without quotes is a piece of it as well.
fn push<'a>(word: &mut Option<Cow<'a, str>>, line: &'a str, piece: Range<usize>) {
    match word {
        None => *word = Some(Cow::Borrowed(&line[piece])),
        Some(Cow::Borrowed(text)) => *text = &line[piece.start - text.len()..piece.end],
        Some(Cow::Owned(text)) => text.push_str(&line[piece]),
    }
}

/// The word as a text of its own, which it is from its first quote on.
fn unquote<'w>(word: &'w mut Option<Cow<'_, str>>) -> &'w mut String {
    word.get_or_insert_default().to_mut()
}

/// The last part of a path, as Unix writes it.
pub(crate) fn base_name(path: &str) -> &str {
    path.bytes().rposition(|byte| byte == b'/').map_or(path, |at| &path[at + 1..])
}

/// Whether a word sets a variable for the command behind it.
pub(crate) fn is_assignment(word: &str) -> bool {
    word.bytes().position(|byte| byte == b'=').is_some_and(|end| {
        end > 0 && word.bytes().take(end).all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// The words that are not yet read.
#[derive(Clone, Debug)]
pub(crate) struct Words<'a> {
    rest: &'a [Cow<'a, str>],
}

impl<'a> Words<'a> {
    pub(crate) fn new(words: &'a [Cow<'a, str>]) -> Self {
        Self { rest: words }
    }

    /// The next word.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.any(|other| other == word)
    }

    pub(crate) fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.rest.iter().any(|word| is(word))
    }

    /// Whether the input comes from a pipe or a file.
    pub(crate) fn is_fed(&self) -> bool {
        self.has(FED)
    }

    /// Passes over options; those in `valued` take the next word with them.
    pub(crate) fn skip_options(&mut self, valued: &[&str]) {
        while let Some(word) = self.rest.first() {
            if !(word.starts_with('-') || is_assignment(word)) || word == "-" {
                return;
            }
            self.next();
            if word == "--" {
                return;
            }
            if valued.contains(&word.as_ref()) {
                self.next();
            }
        }
    }

    /// The next word that is no option.
    pub(crate) fn operand(&mut self, valued: &[&str]) -> Option<&'a str> {
        self.skip_options(valued);
        self.next().filter(|word| *word != FED)
    }

    /// How many words are no options.
    pub(crate) fn operands(&mut self, valued: &[&str]) -> usize {
        let mut count = 0;
        while self.operand(valued).is_some() {
            count += 1;
        }
        count
    }

    /// Whether some short option, alone or among others, is this letter.
    fn has_letter(&self, letter: char) -> bool {
        self.any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
    }

    /// Reads the options of `sudo` and its like; tells whether they ask for a shell.
    pub(crate) fn sudo(&mut self, user: &mut Option<String>) -> bool {
        let mut shell = false;
        while let Some(word) = self.rest.first() {
            if is_assignment(word) {
                self.next();
                continue;
            }
            let Some(option) = word.strip_prefix('-') else { break };
            self.next();
            match option {
                "-" => break,
                "-login" | "-shell" => shell = true,
                "-user" => *user = self.next().map(str::to_owned),
                _ if option.starts_with('-') => {
                    if let Some(name) = option.strip_prefix("-user=") {
                        *user = Some(name.to_owned());
                    }
                }
                _ => {
                    let letters = option
                        .find(['u', 'g', 'h', 'p', 'C', 'D', 'R', 'T', 'r', 't'])
                        .unwrap_or(option.len());
                    let (flags, valued) = option.split_at(letters);
                    shell |= flags.contains(['i', 's']);
                    let mut valued = valued.chars();
                    let Some(letter) = valued.next() else { continue };
                    let value = match valued.as_str() {
                        "" => self.next().map(str::to_owned),
                        glued => Some(glued.to_owned()),
                    };
                    if letter == 'u' {
                        *user = value;
                    }
                }
            }
        }
        shell
    }

    /// The user that `su` becomes, if it starts a shell.
    pub(crate) fn su(&mut self) -> Option<String> {
        if self.has("-c") || self.any(|word| word.starts_with("--command")) || self.is_fed() {
            return None;
        }
        let mut user = None;
        while let Some(word) = self.next() {
            match word {
                "-s" | "-g" | "-G" | "-w" | "--shell" | "--group" => drop(self.next()),
                "-u" | "--user" => user = self.next(),
                "--" => break,
                _ if word.starts_with('-') => {}
                _ => user = user.or(Some(word)),
            }
        }
        Some(user.unwrap_or("root").to_owned())
    }

    /// The host that `ssh` and its like open a terminal on.
    pub(crate) fn ssh(&mut self) -> Option<String> {
        const VALUED: [&str; 21] = [
            "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-Q",
            "-R", "-S", "-W", "-w", "-B",
        ];
        let (terminal, silent) =
            (self.has_flag("-t"), self.any(|word| matches!(word, "-N" | "-W" | "-O" | "-Q" | "-V" | "-f")));
        let host = self.operand(&VALUED)?;
        let alone = self.operand(&VALUED).is_none();
        if silent || (!alone && !terminal) {
            return None;
        }
        let host = host.trim_start_matches("ssh://");
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        Some(host.split([':', '/']).next().unwrap_or(host).to_owned())
    }

    fn has_flag(&self, flag: &str) -> bool {
        let letter = flag.chars().last().unwrap_or('-');
        self.rest.iter().take_while(|word| word.starts_with('-')).any(|word| {
            !word.starts_with("--")
                && word[1..].chars().all(|other| other.is_ascii_alphabetic())
                && word.contains(letter)
        })
    }

    /// Whether a shell is started that reads the terminal: it is given no file and no line.
    pub(crate) fn is_interactive_shell(&self) -> bool {
        if self.is_fed() {
            return false;
        }
        let mut words = self.clone();
        while let Some(word) = words.next() {
            match word {
                "-c" | "--version" | "--help" => return false,
                "--rcfile" | "--init-file" | "-o" | "+o" | "-O" | "-NoProfile" | "-NoLogo" => {
                    if word.starts_with("-o") || word.starts_with("--") {
                        words.next();
                    }
                }
                "-i" | "-s" => return true,
                _ if word.starts_with("--") => {}
                _ if word.starts_with('-') => {
                    if word.contains('c') && word.len() < 6 {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        true
    }

    /// Whether a container tool opens a terminal in a container.
    pub(crate) fn opens_container(&self) -> bool {
        let verb = |word: &str| {
            matches!(
                word,
                "exec" | "run" | "attach" | "start" | "debug" | "rsh" | "shell" | "create" | "node-shell"
            )
        };
        if !self.any(verb) || self.is_fed() {
            return false;
        }
        let compose = self.has("compose") || self.has("rsh") || self.has("node-shell");
        compose
            || self.has("--interactive")
            || self.has("--tty")
            || self.has("--stdin")
            || self.has_letter('i')
            || self.has("attach")
    }

    /// Whether a tool that enters a root or a namespace starts a shell there.
    pub(crate) fn opens_inside(&self, shells: &[&str]) -> bool {
        if self.is_fed() {
            return false;
        }
        let runs: Vec<_> = self.rest.iter().filter(|word| !word.starts_with('-')).collect();
        let shell = runs.iter().any(|word| shells.contains(&word.rsplit('/').next().unwrap_or(word)));
        shell && !self.has("-c") || runs.len() <= 1
    }

    /// Whether `tmux` or `screen` paints a session.
    pub(crate) fn paints(&self) -> bool {
        let silent = |word: &str| {
            matches!(
                word,
                "ls" | "list-sessions"
                    | "-ls"
                    | "-list"
                    | "kill-session"
                    | "kill-server"
                    | "-V"
                    | "-v"
                    | "send-keys"
                    | "-X"
                    | "-dm"
                    | "-d"
                    | "-dmS"
                    | "-wipe"
                    | "list-keys"
                    | "source-file"
                    | "-L"
                    | "kill-all-sessions"
            ) || word.starts_with("-dm")
        };
        !self.any(silent)
            || self.any(|word| {
                matches!(word, "attach" | "a" | "at" | "attach-session" | "-r" | "-x" | "-D" | "-R" | "-RR")
            })
    }
}
