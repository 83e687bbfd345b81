//! The programs that a command line names.
//!
//! What people type is broken as often as not: cut off, in the grammar of another shell, with a quote left open. So a
//! small reader of our own stands here. It never refuses a line, it reads fish and csh well enough, and it costs a
//! fraction of what the parsers of shell grammar cost: of those, one refuses every line that is not complete, another
//! takes ten times as long and still leaves options and nested command lines to be read.

mod cmd;
mod powershell;
mod shell;
mod starters;

/// Most bytes of a command that are read.
const MAX_COMMAND_BYTES: usize = 256 * 1024;

/// Most names that are kept of one command.
const MAX_NAMES: usize = 256;

/// Longest name that is taken for one, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// How deep command lines may be quoted in command lines (`sh -c "sh -c …"`).
const MAX_LINES_DEEP: usize = 4;

/// Whose grammar a command line has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grammar {
    /// The shells of Unix.
    #[default]
    Unix,
    /// PowerShell.
    PowerShell,
    /// cmd.exe.
    Cmd,
}

impl Grammar {
    /// The grammar of what is typed behind a prompt.
    #[must_use]
    pub fn behind(prompt: &str) -> Self {
        let prompt = prompt.trim_end();
        if !prompt.ends_with('>') {
            return Self::Unix;
        }
        let prompt = prompt.lines().next_back().unwrap_or_default().trim();
        let drive = |text: &str| {
            let bytes = text.as_bytes();
            bytes.len() >= 3 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":\\"
        };
        if prompt.starts_with("PS ") || (prompt.starts_with('[') && prompt.contains("]: PS ")) {
            Self::PowerShell
        } else if drive(prompt) {
            Self::Cmd
        } else {
            Self::Unix
        }
    }
}

/// The names of the programs in a command line of a Unix shell, in order and without their folders: through pipelines,
/// lists, subshells and substitutions, through programs that start another (`sudo`, `env`, `xargs`; these stand in the
/// list only where they start nothing), and into the command lines that shells are given (`sh -c`).
///
/// What a variable, an alias or a here-document names is not known.
#[must_use]
pub fn programs(command: &str) -> Vec<String> {
    programs_in(command, Grammar::Unix)
}

/// The same for the grammar that is asked for.
#[must_use]
pub fn programs_in(command: &str, grammar: Grammar) -> Vec<String> {
    read_in(command, grammar).programs
}

/// What a command names and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The programs.
    pub programs: Vec<String>,
    /// The bodies of its here-documents.
    pub here_documents: Vec<String>,
}

/// Reads a command line of a Unix shell.
pub(crate) fn read(command: &str) -> Reading {
    read_in(command, Grammar::Unix)
}

/// Reads a command line.
pub(crate) fn read_in(command: &str, grammar: Grammar) -> Reading {
    let mut reading = Reading::default();
    reading.line(&command[..command.floor_char_boundary(MAX_COMMAND_BYTES)], grammar, 0);
    reading
}

impl Reading {
    /// Reads a command line that stands `depth` deep in others.
    fn line(&mut self, line: &str, grammar: Grammar, depth: usize) {
        if depth >= MAX_LINES_DEEP || self.programs.len() >= MAX_NAMES {
            return;
        }
        match grammar {
            Grammar::Unix => shell::read(self, line, depth),
            Grammar::PowerShell => powershell::read(self, line, depth),
            Grammar::Cmd => cmd::read(self, line, depth),
        }
    }

    /// Takes a name, unless the shell would make another one of it.
    fn name(&mut self, name: &str) {
        let Some(first) = name.bytes().next() else { return };
        let known = name.len() <= MAX_NAME_BYTES
            && !matches!(first, b'-' | b'%' | b'!' | b'{' | b'}' | b')' | b'~')
            && !name.bytes().any(|byte| byte < b' ' || matches!(byte, b'$' | b'`' | b'*'))
            && !name.bytes().all(|byte| byte.is_ascii_digit());
        if known && self.programs.len() < MAX_NAMES {
            self.programs.push(name.to_owned());
        }
    }
}

/// The last part of a path, as Windows writes it.
fn windows_base(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
