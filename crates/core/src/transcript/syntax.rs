//! As much of the shell's grammar as tells whether a line asks for another, what it starts, and whether it leaves.

mod known;

use self::known::{KNOWN, NEST};
use super::here_document::Pending;
use super::words::base_name;

/// Whether a command may lead to another prompt: a shell inside the shell, or a new prompt text.
pub(crate) fn brings_prompt(command: &str) -> bool {
    // What they list has words that are programs.
    let environments = ["conda ", "mamba ", "micromamba "].iter().any(|name| command.starts_with(name));
    if environments && !command.contains("activate") {
        return false;
    }
    words(command).any(|word| {
        let name = base_name(word);
        NEST.contains(name)
            || name.starts_with("python")
            || ["PS1=", "PS2=", "PROMPT=", "prompt="].iter().any(|start| word.starts_with(start))
    }) || memchr::memmem::find(command.as_bytes(), b"start-session").is_some()
}

/// What programs print behind their prompt when ^D ends them.
pub(crate) const FAREWELLS: [&str; 3] = ["Bye", "^D", "^DBye"];

/// Whether a line leaves the shell or program that reads it.
pub(crate) fn leaves(command: &str) -> bool {
    let command = command.trim().trim_end_matches(';');
    matches!(
        command,
        "" | "exit"
            | "logout"
            | "exit()"
            | "quit"
            | "quit()"
            | "\\q"
            | ".quit"
            | ".exit"
            | "bye"
            | "q"
            | ".q"
            | ".ex"
    ) || FAREWELLS.contains(&command)
        || command.starts_with("exit ")
        || command.ends_with("; exit")
}

/// Whether a line starts with a program that is known, or with something only a command line starts with.
pub(crate) fn looks_like_command(line: &str) -> bool {
    if line.starts_with([' ', '\t']) {
        return false;
    }
    let ends = |byte: u8| matches!(byte, b' ' | b'\t' | b';' | b'|' | b'&' | b'>' | b'<' | b'(');
    let first = &line[..line.bytes().position(ends).unwrap_or(line.len())];
    let name = base_name(first);
    let known = KNOWN.contains(name);
    let assigns = first.bytes().position(|byte| byte == b'=').is_some_and(|end| {
        let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        end > 0 && first.bytes().take(end).all(legal)
    });
    let file = name.len() < first.len();
    (known && !line.ends_with(':') && !(file && !line.contains(' ') && !first.starts_with("./")))
        || (assigns && super::words::last_command(line).len() == 1)
        || first.starts_with("./")
}

/// Whether a line is words alone, of which none opens a block: the first one is not of the grammar.
pub(crate) fn opens_nothing(line: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            | matches!(byte, b' ' | b'-' | b'.' | b'/' | b'_' | b':' | b',' | b'=' | b'@' | b'+' | b'%')
    };
    let first = &line[..memchr::memchr(b' ', line.as_bytes()).unwrap_or(line.len())];
    line.bytes().fold(true, |all, byte| all & plain(byte))
        && !first.is_empty()
        && !matches!(
            first,
            "if" | "then"
                | "else"
                | "elif"
                | "fi"
                | "for"
                | "select"
                | "while"
                | "until"
                | "do"
                | "done"
                | "case"
                | "esac"
                | "time"
                | "function"
                | "coproc"
        )
}

/// The words of a command, separators of the shell removed.
fn words(command: &str) -> impl Iterator<Item = &str> {
    let separates = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b'(' | b')' | b'`');
    let mut rest = command;
    std::iter::from_fn(move || {
        let start = rest.bytes().position(|byte| !separates(byte))?;
        rest = &rest[start..];
        let (word, behind) = rest.split_at(rest.bytes().position(separates).unwrap_or(rest.len()));
        rest = behind;
        Some(word)
    })
}

/// What is open after the lines so far. It is fed line by line, so that a long here-document costs no more than its text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    quote: Option<char>,
    /// Blocks that are open.
    depth: usize,
    /// Brackets that are open. Those of `case` patterns are closed only.
    brackets: usize,
    /// The last line ended in something that needs more.
    dangling: bool,
    /// The here-documents still to come.
    here: Pending,
}

impl Scan {
    /// Reads more lines of the command.
    pub(crate) fn feed(&mut self, text: &str) {
        for line in text.split('\n') {
            if self.here.line(line).is_none() {
                self.line(line);
            }
        }
    }

    /// Whether the shell would ask for another line.
    pub(crate) fn is_open(&self) -> bool {
        self.quote.is_some() || self.depth > 0 || self.brackets > 0 || self.dangling || self.here.is_open()
    }

    /// Whether the next line is one of a here-document.
    pub(crate) fn is_in_here_document(&self) -> bool {
        self.here.is_open()
    }

    fn line(&mut self, line: &str) {
        self.dangling = false;
        if self.quote.is_none() && opens_nothing(line) {
            return;
        }
        let mut word = String::new();
        let mut first = true;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            if let Some(quote) = self.quote {
                match character {
                    '\\' if quote == '"' => drop(characters.next()),
                    _ if character == quote => self.quote = None,
                    _ => {}
                }
                continue;
            }
            match character {
                '\\' => {
                    self.dangling = characters.next().is_none();
                    word.push('\\');
                }
                '\'' | '"' => {
                    self.quote = Some(character);
                    word.push(character);
                }
                '#' if word.is_empty() => break,
                // Within two brackets it shifts a number.
                '<' if characters.as_str().starts_with('<') && self.brackets < 2 => {
                    characters.next();
                    if characters.as_str().starts_with('<') {
                        characters.next();
                    } else {
                        let rest = characters.as_str();
                        characters = rest[self.here.open(rest)..].chars();
                    }
                }
                '(' => {
                    self.brackets += 1;
                    self.end_word(&mut word, &mut first);
                    first = true;
                }
                ')' => {
                    self.end_word(&mut word, &mut first);
                    self.brackets = self.brackets.saturating_sub(1);
                }
                ' ' | '\t' => self.end_word(&mut word, &mut first),
                ';' | '|' | '&' => {
                    self.end_word(&mut word, &mut first);
                    first = true;
                    let doubled = characters.as_str().starts_with(character);
                    if doubled {
                        characters.next();
                    }
                    let rest_blank = characters.clone().all(|rest| rest == ' ' || rest == '\t');
                    self.dangling = rest_blank && (character == '|' || (character == '&' && doubled));
                }
                _ => word.push(character),
            }
        }
        self.end_word(&mut word, &mut first);
    }

    fn end_word(&mut self, word: &mut String, first: &mut bool) {
        if word.is_empty() {
            return;
        }
        if *first {
            *first = false;
            match word.as_str() {
                "if" | "case" | "do" | "{" => self.depth += 1,
                "for" | "select" => self.depth += 1,
                "fi" | "esac" | "}" => self.depth = self.depth.saturating_sub(1),
                "done" => self.depth = self.depth.saturating_sub(2),
                "while" | "until" => self.depth += 1,
                _ => {}
            }
            *first = matches!(
                word.as_str(),
                "if" | "then" | "else" | "elif" | "do" | "{" | "while" | "until" | "!" | "time"
            );
        } else if word == "{" {
            self.depth += 1;
        }
        word.clear();
    }
}
