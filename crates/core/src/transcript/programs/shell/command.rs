//! What the words of a command mean: grammar, names, and the arguments in which other names stand.

use super::Lexer;
use crate::transcript::programs::Grammar;
use crate::transcript::programs::starters::{Effect, Starter, is_shell, starter};
use crate::transcript::words::base_name;

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A name comes.
    Start,
    /// Arguments come.
    Arguments,
    /// Options and operands of a program that starts another come, then that program.
    Starts(Starting),
    /// Arguments of a shell come; one may be its command line.
    Shell { command: bool, value: bool },
    /// Arguments of `find` come.
    Find,
    /// A word that is code for the shell.
    Eval,
    /// The name of a function comes, then its body.
    Function,
    /// The words of a loop come; they run nothing. In csh they stand in brackets.
    Words { csh: bool },
    /// What `case` looks at.
    Subject,
    /// Patterns of `case` come, up to `)`.
    Pattern,
    /// A condition in double brackets.
    Test,
}

/// How far the arguments of a starter were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Starting {
    pub(super) starter: &'static Starter,
    pub(super) operands: u8,
    pub(super) next: Effect,
    pub(super) options: bool,
}

/// A piece of code.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) state: State,
    /// Cases that are open.
    pub(super) cases: usize,
    /// The words belong to `find -exec`, so that `;` ends a command without ending the list of arguments.
    pub(super) find: bool,
    /// The next word is the target of a redirection.
    pub(super) target: bool,
    /// The last word was `=` (csh sets lists so).
    pub(super) equals: bool,
    /// The last word was a name that was taken.
    pub(super) alone: bool,
    pub(super) word: Word,
}

/// A word as the program would get it.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) text: String,
    /// It has begun, though it may be empty.
    pub(super) begun: bool,
    /// Some of it is quoted, so that it is no word of the grammar.
    pub(super) quoted: bool,
}

impl Default for Code {
    fn default() -> Self {
        Self {
            state: State::Start,
            cases: 0,
            find: false,
            target: false,
            equals: false,
            alone: false,
            word: Word::default(),
        }
    }
}

/// Whether the words behind the first one of a line may name programs or belong to the grammar. `name` is its last part.
pub(super) fn says_more(first: &str, name: &str) -> bool {
    memchr::memchr(b'=', first.as_bytes()).is_some()
        || matches!(name, "find" | "eval")
        || is_shell(name)
        || starter(name).is_some()
        || Code::default().grammar(first)
}

impl Code {
    /// Words that the shell takes for itself.
    fn grammar(&mut self, text: &str) -> bool {
        // Nearly all names are longer or begin otherwise.
        match text {
            "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "!" | "{" | "coproc" | "begin"
            | "and" | "or" | "not" | "noglob" | "nocorrect" => {}
            "fi" | "done" | "}" | "end" | "endif" | "endsw" | "switch" => self.state = State::Arguments,
            "esac" => {
                self.cases = self.cases.saturating_sub(1);
                self.state = State::Arguments;
            }
            "for" | "select" => self.state = State::Words { csh: false },
            "foreach" => self.state = State::Words { csh: true },
            "case" => {
                self.cases += 1;
                self.state = State::Subject;
            }
            "function" => self.state = State::Function,
            "[[" => self.state = State::Test,
            _ => return false,
        }
        true
    }
}

impl Lexer<'_> {
    /// Takes a whole word.
    pub(super) fn word(&mut self, word: &Word) {
        let text = word.text.as_str();
        let Some(code) = self.codes.last_mut() else { return };
        code.alone = false;
        if code.find && matches!(text, ";" | "+") {
            code.state = State::Find;
            return;
        }
        match code.state {
            State::Start => self.first(word),
            State::Arguments => {}
            State::Starts(starting) => self.starting(word, starting),
            State::Shell { command, value } => self.shell(text, command, value),
            State::Find => {
                if matches!(text, "-exec" | "-execdir" | "-ok" | "-okdir") {
                    code.find = true;
                    code.state = State::Start;
                }
            }
            State::Eval => self.reading.line(text, Grammar::Unix, self.depth + 1),
            State::Function => code.state = State::Start,
            State::Words { .. } => {}
            State::Subject => {
                if text == "in" && !word.quoted {
                    code.state = State::Pattern;
                }
            }
            State::Pattern => {
                if text == "esac" && !word.quoted {
                    code.cases = code.cases.saturating_sub(1);
                    code.state = State::Arguments;
                }
            }
            State::Test => {
                if text == "]]" {
                    code.state = State::Arguments;
                }
            }
        }
    }

    /// The first word of a command: grammar, an assignment, or a name.
    fn first(&mut self, word: &Word) {
        let text = word.text.as_str();
        if !word.quoted && self.code().is_some_and(|code| code.grammar(text)) {
            return;
        }
        if !is_assignment(text) {
            let known = self.named(text);
            if let Some(code) = self.codes.last_mut() {
                code.alone = known && code.state == State::Arguments;
            }
        }
    }

    /// Takes a name, and with it how its arguments are read. Whether the name is known.
    fn named(&mut self, text: &str) -> bool {
        let name = base_name(text);
        let before = self.reading.programs.len();
        let state = if let Some(starter) = starter(name) {
            if starter.listed {
                self.reading.name(name);
            }
            State::Starts(Starting { starter, operands: starter.operands, next: Effect::None, options: true })
        } else {
            self.reading.name(name);
            match name {
                _ if self.reading.programs.len() == before => State::Arguments,
                "find" => State::Find,
                "eval" => State::Eval,
                _ if is_shell(name) => State::Shell { command: false, value: false },
                _ => State::Arguments,
            }
        };
        self.set(state);
        matches!(state, State::Starts(_)) || self.reading.programs.len() > before
    }

    fn starting(&mut self, word: &Word, mut starting: Starting) {
        let text = word.text.as_str();
        let starter = starting.starter;
        match std::mem::replace(&mut starting.next, Effect::None) {
            Effect::None | Effect::Inline(_) | Effect::Stop => {}
            Effect::Value => return self.set(State::Starts(starting)),
            Effect::Command => {
                self.started();
                return self.reading.line(text, Grammar::Unix, self.depth + 1);
            }
        }
        if starting.options && text.starts_with('-') {
            if text == "--" {
                starting.options = false;
            } else {
                match starter.option(text) {
                    Effect::Inline(from) => {
                        self.started();
                        return self.reading.line(&text[from..], Grammar::Unix, self.depth + 1);
                    }
                    Effect::Stop => {
                        if !starter.listed {
                            self.reading.name(starter.name);
                        }
                        return self.started();
                    }
                    effect => starting.next = effect,
                }
            }
        } else if starter.assignments && is_assignment(text) {
            starting.options = false;
        } else if starting.operands > 0 {
            // Where all operands are its own, none of them is a program.
            starting.operands -= u8::from(starting.operands < u8::MAX);
        } else if starter.line && text.contains(' ') {
            self.started();
            return self.reading.line(text, Grammar::Unix, self.depth + 1);
        } else {
            if !self.named(text) && !starter.listed {
                self.reading.name(starter.name);
            }
            return;
        }
        self.set(State::Starts(starting));
    }

    /// What a starter starts is known.
    fn started(&mut self) {
        self.set(State::Arguments);
    }

    fn shell(&mut self, text: &str, command: bool, value: bool) {
        if value {
            return self.set(State::Shell { command, value: false });
        }
        if text.starts_with(['-', '+']) && text.len() > 1 {
            let short = text.starts_with('-') && !text.starts_with("--");
            let value = matches!(text, "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file");
            let command = command || text == "--command" || (short && text.contains('c'));
            return self.set(State::Shell { command, value });
        }
        self.set(State::Arguments);
        if command {
            self.reading.line(text, Grammar::Unix, self.depth + 1);
        }
    }
}

/// `NAME=`, `NAME+=`, `NAME[…]=`
fn is_assignment(text: &str) -> bool {
    let Some(at) = memchr::memchr(b'=', text.as_bytes()) else { return false };
    let name = text[..at].strip_suffix('+').unwrap_or(&text[..at]);
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}
