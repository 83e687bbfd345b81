//! In which shells and programs each line was typed, as far as the bytes show it.
//!
//! A command that opens a shell or a program says so (`openings`); that it did shows in the prompt that comes next. It
//! is left by a command that leaves, or when the prompt of an outer one comes back.

use super::command::Command;
use super::openings::{Kind, Opening, opening};
use super::prompt::{self, Proof, Reader};
use super::syntax;
use crate::context::Context;
use crate::session::Status;
use crate::terminal::page::Page;

/// Most shells and programs inside one another; deeper ones are not told apart.
const MAX_DEPTH: usize = 32;

/// Most forms of the prompt of one shell that are remembered.
const MAX_FORMS: usize = 16;

/// How much of the end of an output is searched for the words of a shell that was left.
const TAIL_BYTES: usize = 512;

/// A shell or program that reads commands.
#[derive(Clone, Debug)]
struct Frame {
    name: String,
    kind: Kind,
    /// The forms of its prompt.
    forms: Vec<String>,
}

impl Frame {
    fn knows(&self, form: &str) -> bool {
        self.forms.iter().any(|known| known == form)
    }

    fn learn(&mut self, form: String) {
        if self.knows(&form) {
            return;
        }
        if self.forms.len() == MAX_FORMS {
            self.forms.remove(0);
        }
        self.forms.push(form);
    }
}

/// Fills in the context of all commands, and tells lines given to a program from those given to a shell.
pub(crate) fn assign(page: &Page, commands: &mut [Command]) {
    let mut stack = Stack::default();
    let mut last = Context::default();
    let mut from = 0;
    for command in commands {
        let output = page.text.get(from..command.text).unwrap_or_default();
        from = command.after;
        if let Some(prompt) = command.prompt.as_deref() {
            stack.enter(prompt, output);
        }
        let names = stack.frames.iter().map(|frame| &frame.name);
        if !last.iter().eq(names.clone()) {
            last = names.cloned().collect();
        }
        command.context = last.clone();
        let program = stack.frames.last().is_some_and(|frame| frame.kind == Kind::Program);
        if program && command.status == Status::Executed {
            command.status = Status::ProgramInput;
        }
        stack.note(command);
    }
}

#[derive(Debug, Default)]
struct Stack {
    /// From the outermost in.
    frames: Vec<Frame>,
    /// What the last command opens.
    pending: Option<Opening>,
    /// The last command leaves what reads it.
    left: bool,
    /// The last prompt, which the innermost shell knows.
    last: String,
}

impl Stack {
    /// Finds whose prompt this is. `output` is what the last command printed.
    fn enter(&mut self, prompt: &str, output: &[u8]) {
        // Mostly the same prompt comes back, and nothing was opened or left.
        if prompt == self.last && self.pending.is_none() && !self.left {
            return;
        }
        prompt.clone_into(&mut self.last);
        self.find(prompt, output);
    }

    fn find(&mut self, prompt: &str, output: &[u8]) {
        let form = form(prompt);
        let pending = self.pending.take();
        let left = std::mem::take(&mut self.left) && !says_jobs(output);
        let Some(top) = self.frames.last() else {
            let kind = if prompt::reader(last_line(prompt)) == Reader::Program {
                Kind::Program
            } else {
                Kind::Shell
            };
            let name = named(prompt).unwrap_or("shell").to_owned();
            self.frames.push(Frame { name, kind, forms: vec![form] });
            return;
        };
        if left && self.frames.len() > 1 {
            self.frames.pop();
            return self.return_to(form);
        }
        let known = top.knows(&form);
        if let Some(opening) = pending {
            let outer = self.frames.iter().rev().skip(1).any(|frame| frame.knows(&form));
            let opened = match (known, opening.kind) {
                (true, Kind::Program | Kind::Painter) => false,
                (true, _) => is_blank(output) || memchr::memmem::find(output, b"Last login").is_some(),
                (false, _) => !(outer && says_left(output)),
            };
            if opened {
                return self.push(opening, form);
            }
        }
        if !known {
            self.become_known(prompt, form, output);
        }
    }

    /// A prompt that neither belongs to the innermost shell nor was announced.
    fn become_known(&mut self, prompt: &str, form: String, output: &[u8]) {
        let line = last_line(prompt);
        let program = self.frames.last().is_some_and(|frame| frame.kind == Kind::Program);
        if self.frames.iter().any(|frame| frame.knows(&form)) {
            return self.return_to(form);
        }
        let reader = prompt::reader(line);
        if !program && reader == Reader::Program {
            let name = named(prompt).unwrap_or("program").to_owned();
            return self.push(Opening { name, kind: Kind::Program, replaces: false }, form);
        }
        let shell = reader == Reader::Shell && prompt::proof(line) == Proof::Strict;
        if self.frames.len() > 1 && (says_left(output) || (program && shell)) {
            self.frames.pop();
        }
        if let Some(top) = self.frames.last_mut() {
            top.learn(form);
        }
    }

    /// Goes back to the shell that this prompt belongs to; an unknown one is a new form of the innermost.
    fn return_to(&mut self, form: String) {
        if let Some(at) = self.frames.iter().rposition(|frame| frame.knows(&form)) {
            self.frames.truncate(at + 1);
        }
        if let Some(top) = self.frames.last_mut() {
            top.learn(form);
        }
    }

    fn push(&mut self, opening: Opening, form: String) {
        let full = self.frames.len() >= MAX_DEPTH;
        if let Some(top) = self.frames.last_mut().filter(|_| full || opening.replaces) {
            if opening.replaces {
                top.name = opening.name;
                top.kind = opening.kind;
            }
            return top.learn(form);
        }
        self.frames.push(Frame { name: opening.name, kind: opening.kind, forms: vec![form] });
    }

    /// Notes what a command lets one expect.
    fn note(&mut self, command: &Command) {
        self.left = command.status == Status::Eof
            || (!command.command.trim().is_empty() && syntax::leaves(&command.command));
        let ran = matches!(command.status, Status::Executed | Status::EchoOnly | Status::ProgramInput);
        self.pending = if ran { opening(&command.command) } else { None };
    }
}

/// What stays the same when a prompt comes back.
fn form(prompt: &str) -> String {
    let line = last_line(prompt);
    let key = prompt::key(line);
    let above = &prompt[..prompt.len() - line.len()];
    match above.lines().find_map(prompt::user_and_host) {
        Some(who) => format!("{who} {key}"),
        None => key,
    }
}

fn last_line(prompt: &str) -> &str {
    memchr::memrchr(b'\n', prompt.as_bytes()).map_or(prompt, |at| &prompt[at + 1..])
}

/// The shell or program that a prompt names.
fn named(prompt: &str) -> Option<&'static str> {
    let line = last_line(prompt).trim();
    if prompt::reader(line) == Reader::Program {
        return Some(prompt::program(line));
    }
    let shell = |(name, rest): (&str, &str)| {
        let version = rest.starts_with(|character: char| character.is_ascii_digit());
        ["sh", "bash", "ash", "dash", "ksh", "mksh", "zsh"]
            .into_iter()
            .find(|shell| version && *shell == name)
    };
    if line.starts_with("PS ") && line.ends_with('>') {
        return Some("powershell");
    }
    line.split_once('-').and_then(shell)
}

fn is_blank(output: &[u8]) -> bool {
    output.iter().all(u8::is_ascii_whitespace)
}

/// Whether a shell refused to be left.
fn says_jobs(output: &[u8]) -> bool {
    let text = &output[output.len().saturating_sub(TAIL_BYTES)..];
    [&b"stopped jobs"[..], b"running jobs", b"suspended jobs"]
        .iter()
        .any(|words| memchr::memmem::find(text, words).is_some())
}

/// Whether an output ends with the words of a shell that was left.
pub(crate) fn says_left(output: &[u8]) -> bool {
    let tail = prompt::text_of(&output[output.len().saturating_sub(TAIL_BYTES)..]);
    let Some(line) = tail.lines().rev().find(|line| !line.trim().is_empty()) else { return false };
    matches!(line.trim(), "exit" | "logout")
        || (line.starts_with("Connection to ") && line.contains("closed"))
        || line.starts_with("Connection closed by")
        || line.trim_end().ends_with("terminated with exit code 0")
}
