//! Reads the command lines of PowerShell.
//!
//! A command begins where a statement may: behind a separator, an opening bracket, an assignment or a word like
//! `return`. What begins with a variable, a number or a string there is an expression and names nothing, unless `&` or
//! `.` calls it.

use super::{Grammar, Reading, starters, windows_base};

/// How deep brackets are followed; what is deeper counts as part of the bracket around it.
const MAX_DEPTH: usize = 64;

/// How far a statement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A command may begin.
    Start,
    /// A command is called by what comes, whatever it looks like.
    Call,
    /// Arguments.
    Rest,
    /// An expression, which may be the left side of an assignment.
    Expression,
    /// The key of a hash table, or the name of a function.
    Key,
}

/// A bracket that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    close: u8,
    /// The state when it is closed.
    back: State,
    /// Its statements begin with keys.
    table: bool,
}

struct Lexer<'a> {
    reading: &'a mut Reading,
    text: &'a str,
    at: usize,
    depth: usize,
    state: State,
    frames: Vec<Frame>,
}

/// Reads one command line into `reading`.
pub(super) fn read(reading: &mut Reading, text: &str, depth: usize) {
    Lexer { reading, text, at: 0, depth, state: State::Start, frames: Vec::new() }.run();
}

/// Reads what a program is given that reads command lines itself.
pub(super) fn started(reading: &mut Reading, name: &str, rest: &str, depth: usize, grammar: Grammar) {
    let stem = name.strip_suffix(".exe").or_else(|| name.strip_suffix(".EXE")).unwrap_or(name);
    let is = |other: &str| stem.eq_ignore_ascii_case(other);
    let inner = if is("cmd") {
        Grammar::Cmd
    } else if is("powershell") || is("pwsh") {
        Grammar::PowerShell
    } else if starters::is_shell(stem) || is("wsl") {
        Grammar::Unix
    } else {
        return;
    };
    // An end of the statement ends the arguments.
    let statement = if grammar == Grammar::PowerShell { end_of_statement(rest) } else { rest.len() };
    let lower = rest[..statement].to_ascii_lowercase();
    let switches: &[&str] = match inner {
        Grammar::Cmd => &["/c", "/k", "/r"],
        Grammar::PowerShell => &["-command", "-c"],
        Grammar::Unix => &["-c", "--", "-e"],
    };
    let Some(from) = switches.iter().find_map(|switch| {
        lower.match_indices(switch).map(|(at, _)| (at, at + switch.len())).find_map(|(at, end)| {
            let blank = |byte: Option<&u8>| byte.is_none_or(|byte| b" \t\"".contains(byte));
            let before = at == 0 || blank(lower.as_bytes().get(at - 1));
            (before && blank(lower.as_bytes().get(end))).then_some(end)
        })
    }) else {
        return;
    };
    let line = rest[from..statement].trim();
    let quote = line.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let line = match quote {
        Some(quote) => line[1..].split(quote).next().unwrap_or_default(),
        None => line,
    };
    reading.line(line, inner, depth + 1);
}

/// Where the statement ends, quotes respected.
fn end_of_statement(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if open == byte => quote = None,
            (b';' | b'|' | b'\n' | b'(' | b')' | b'{' | b'}', None) => return at,
            _ => {}
        }
    }
    text.len()
}

/// Words that the language takes for itself; a statement goes on behind them.
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 17] = [
        "if", "elseif", "else", "while", "do", "until", "for", "foreach", "switch", "try", "catch",
        "finally", "return", "throw", "begin", "process", "end",
    ];
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

impl Lexer<'_> {
    fn run(mut self) {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' | b';' | b'|' => {
                    self.at += 1;
                    self.begin();
                }
                b'&' => {
                    let doubled = self.text.as_bytes().get(self.at + 1) == Some(&b'&');
                    self.at += 1 + usize::from(doubled);
                    self.state = if doubled || matches!(self.state, State::Rest | State::Expression) {
                        State::Start
                    } else {
                        State::Call
                    };
                }
                b'#' => self.at = self.find_from(self.at, "\n").unwrap_or(self.text.len()),
                b'<' if self.text[self.at..].starts_with("<#") => {
                    self.at = self.find_from(self.at + 2, "#>").map_or(self.text.len(), |at| at + 2);
                }
                b'(' => self.open(b')', false),
                b'{' => self.open(b'}', false),
                b'@' => self.at_sign(),
                b')' | b'}' => self.close(byte),
                b'"' | b'\'' => self.string(byte),
                b'>' | b'<' => {
                    self.at += 1;
                    self.state = State::Rest;
                }
                _ => self.word(),
            }
        }
    }

    fn find_from(&self, from: usize, text: &str) -> Option<usize> {
        memchr::memmem::find(self.text.as_bytes().get(from..)?, text.as_bytes()).map(|at| from + at)
    }

    /// Begins a statement.
    fn begin(&mut self) {
        let table = self.frames.last().is_some_and(|frame| frame.table);
        self.state = if table { State::Key } else { State::Start };
    }

    fn open(&mut self, close: u8, table: bool) {
        self.at += 1;
        if self.frames.len() < MAX_DEPTH {
            // A block begins another statement; brackets are part of theirs.
            let back = if close == b'}' && self.state == State::Start { State::Start } else { State::Rest };
            let back = if close == b')' && self.state == State::Start { State::Rest } else { back };
            self.frames.push(Frame { close, back, table });
        }
        self.begin();
    }

    fn close(&mut self, byte: u8) {
        self.at += 1;
        if let Some(open) = self.frames.iter().rposition(|frame| frame.close == byte) {
            self.state = self.frames[open].back;
            self.frames.truncate(open);
        }
        // The block of `if (…)` follows a bracket, the next statement a block.
        if byte == b'}' && self.state == State::Key {
            self.begin();
        }
    }

    /// `@(…)`, `@{…}`, and strings over several lines.
    fn at_sign(&mut self) {
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'(') => {
                self.at += 1;
                self.open(b')', false);
            }
            Some(b'{') => {
                self.at += 1;
                self.state = State::Rest;
                self.open(b'}', true);
            }
            Some(&quote @ (b'"' | b'\'')) => {
                let end = if quote == b'"' { "\n\"@" } else { "\n'@" };
                self.at = self.find_from(self.at + 2, end).map_or(self.text.len(), |at| at + end.len());
                self.state = State::Rest;
            }
            _ => {
                self.at += 1;
                self.state = State::Rest;
            }
        }
    }

    /// A string. In double quotes `$(…)` runs commands.
    fn string(&mut self, quote: u8) {
        let call = self.state == State::Call;
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        self.at = start;
        let mut end = bytes.len();
        while let Some(&byte) = bytes.get(self.at) {
            if byte == quote && bytes.get(self.at + 1) == Some(&quote) {
                self.at += 2;
            } else if byte == quote {
                end = self.at;
                self.at += 1;
                break;
            } else if byte == b'`' && quote == b'"' {
                self.at = self.text.ceil_char_boundary((self.at + 2).min(bytes.len()));
            } else if quote == b'"' && byte == b'$' && bytes.get(self.at + 1) == Some(&b'(') {
                self.substitution();
            } else {
                self.at += 1;
            }
        }
        self.at = self.at.min(bytes.len());
        if call {
            self.named(start, end.min(self.at));
        } else {
            self.state = State::Rest;
        }
    }

    /// `$(…)` in a string: read as a line of its own.
    fn substitution(&mut self) {
        let start = self.at + 2;
        let mut open = 1_usize;
        let bytes = self.text.as_bytes();
        self.at = start;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {}
            }
            if open == 0 {
                break;
            }
            self.at += 1;
        }
        let line = &self.text[start..self.at];
        self.reading.line(line, Grammar::PowerShell, self.depth + 1);
        self.at = (self.at + 1).min(bytes.len());
    }

    fn word(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        let mut length = rest.len();
        let mut escaped = false;
        for (at, byte) in rest.bytes().enumerate() {
            let ends = b" \t\r\n;|&(){}\"'<>,".contains(&byte);
            if ends && !escaped {
                length = at;
                break;
            }
            escaped = byte == b'`' && !escaped;
        }
        // A byte that only ends words is passed over.
        self.at = start + length.max(1);
        let word = &rest[..length];
        match self.state {
            State::Call => return self.named(start, self.at),
            State::Rest | State::Expression => {
                let bracket = self.frames.last().is_some_and(|frame| frame.close == b')');
                let assigns = self.state == State::Expression && word.ends_with('=');
                if assigns || (bracket && word.eq_ignore_ascii_case("in")) {
                    self.state = State::Start;
                }
                return;
            }
            State::Key => {
                self.state = if word.ends_with('=') { State::Start } else { State::Expression };
                return;
            }
            State::Start => {}
        }
        if word == "." {
            self.state = State::Call;
        } else if is_keyword(word) {
            // What follows begins where this did.
        } else if ["function", "filter", "class", "param", "enum"]
            .iter()
            .any(|key| key.eq_ignore_ascii_case(word))
        {
            self.state = State::Key;
        } else if word.starts_with(['$', '[', '-', '+', '!', '"', '\'', ':', ',']) || word.is_empty() {
            // `$x=command` is an assignment without blanks.
            let assigned = word.split_once('=').map(|(_, value)| value);
            self.state =
                if word.starts_with('!') || assigned == Some("") { State::Start } else { State::Expression };
            if let Some(value) = assigned
                && value.starts_with(|character: char| character.is_ascii_alphabetic())
            {
                self.named(self.at - value.len(), self.at);
            }
        } else if word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            self.state = State::Rest;
        } else {
            self.named(start, start + length);
        }
    }

    /// Takes a name and reads what it is given, if that is a command line.
    fn named(&mut self, start: usize, end: usize) {
        self.state = State::Rest;
        let text = self.text.get(start..end).unwrap_or_default();
        let name = windows_base(text);
        if matches!(name, "%" | "?") {
            self.reading.programs.push(name.to_owned());
            return;
        }
        self.reading.name(name);
        let rest = self.text.get(self.at..).unwrap_or_default();
        started(self.reading, name, rest, self.depth, Grammar::PowerShell);
    }
}
