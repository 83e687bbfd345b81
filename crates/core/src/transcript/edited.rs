//! Commands that were finished in a text editor: `fc`, the key of readline that edits and executes, `v` in the mode of vi.
//!
//! The shell writes the line to a file, starts the editor, and runs what the file holds then. No prompt comes back before
//! that: the shell prints each line that it takes from the file, and then what the line prints. What tells is the name of
//! the file, which editors show on their screen, or the command that asked for the editor. Where an editor shows no screen,
//! a line that is the one before with a few other words tells it, in a session that has named its editor.

use foldhash::HashSet;

use super::command::Command;
use super::prompt::{self, Reader};
use super::syntax::{self, Scan};
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::page::{LineFile, Page};

/// Most bytes of an edited command.
const MAX_COMMAND_BYTES: usize = 16 * 1024;

/// Most commands that are taken from one file.
const MAX_COMMANDS: usize = 64;

/// Most lines of an output that are looked at for more of them.
const MAX_LINES: usize = 1_000;

/// Most words of a line that are compared with the words of another.
const MAX_WORDS: usize = 64;

/// Variables that name the editor.
const NAMES: [&str; 3] = ["EDITOR", "VISUAL", "FCEDIT"];

/// How it is known that a line was edited.
#[derive(Clone, Copy)]
enum Sign<'p> {
    /// The screen of an editor shows the name of the file.
    File(&'p LineFile),
    /// The command asks for an editor.
    Asked,
    /// The session has named its editor, and the line looks like one that was edited.
    Named,
}

/// Adds the commands that shells printed before they ran them. `source` is what the page was rendered from.
pub(crate) fn assign(page: &Page, source: &[u8], commands: Vec<Command>) -> Vec<Command> {
    let names_editor = |command: &Command| {
        let line = command.command.as_bytes();
        memchr::memchr_iter(b'=', line)
            .any(|at| NAMES.iter().any(|name| line[..at].ends_with(name.as_bytes())))
    };
    let asks = |command: &Command| command.command == "fc" || command.command.starts_with("fc ");
    // Hardly any session has an editor for its lines.
    if page.line_files.is_empty() && !commands.iter().any(|command| names_editor(command) || asks(command)) {
        return commands;
    }
    let mut files = page.line_files.iter().peekable();
    let mut named = false;
    let mut done = Vec::with_capacity(commands.len() + 1);
    let mut rest = commands.into_iter();
    while let Some(mut command) = rest.next() {
        let next = rest.as_slice().first();
        let end = next.map_or(page.text.len(), |next| next.text);
        while files.next_if(|file| file.text.end <= command.after.min(end)).is_some() {}
        let file = files.next_if(|file| file.text.end <= end);
        named = named || names_editor(&command);
        let shell = command.prompt.as_deref().is_some_and(|prompt| prompt::reader(prompt) == Reader::Shell)
            && command.status == Status::Executed
            && !command.command.contains('\n');
        let sign = match file {
            Some(file) => Some(Sign::File(file)),
            None if asks(&command) => Some(Sign::Asked),
            None => named.then_some(Sign::Named),
        };
        let source_end = next.map_or(source.len(), |next| next.source);
        let edited = match sign.filter(|_| shell) {
            Some(sign) => edited(page, &source[..source_end.min(source.len())], &command, end, sign),
            None => Vec::new(),
        };
        // It was not run itself, if nobody gives that name to a file of his own.
        if !edited.is_empty() && file.is_some() && !asks(&command) {
            command.doubt(Confidence::Medium, Reason::EditedInFile);
        }
        done.push(command);
        done.extend(edited);
    }
    done
}

/// The commands that the shell took from the file that `command` was edited in. Its output ends at `end`, and `source` does so.
fn edited(page: &Page, source: &[u8], command: &Command, end: usize, sign: Sign<'_>) -> Vec<Command> {
    if matches!(sign, Sign::Asked) && !starts_editor(&command.command) {
        return Vec::new();
    }
    let (start, from) = match sign {
        Sign::File(file) => (file.text.end, file.source),
        Sign::Asked | Sign::Named => (command.after, command.source + command.command.len()),
    };
    let Some(output) = page.text.get(start..end) else { return Vec::new() };
    let painted: HashSet<&[u8]> = match sign {
        Sign::File(file) => {
            let text = page.text.get(file.text.clone()).unwrap_or_default();
            text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).collect()
        }
        Sign::Asked | Sign::Named => HashSet::default(),
    };
    let shows = |line: &str| painted.contains(line.as_bytes());
    let mut found: Vec<Command> = Vec::new();
    let mut scan = Scan::default();
    let mut open = false;
    let (mut at, mut from) = (start, from);
    for line in output.split_inclusive(|&byte| byte == b'\n').take(MAX_LINES) {
        let text = prompt::text_of(line);
        let text = text.trim_end();
        let place = at;
        at += line.len();
        if open {
            scan.feed(text);
            open = scan.is_open();
            if let Some(last) =
                found.last_mut().filter(|last| last.command.len() + text.len() < MAX_COMMAND_BYTES)
            {
                last.command.push('\n');
                last.command.push_str(text);
                last.after = at;
            }
            continue;
        }
        if text.is_empty() && found.is_empty() {
            continue;
        }
        if found.len() == MAX_COMMANDS || text.len() > MAX_COMMAND_BYTES {
            break;
        }
        let is_command = match (&sign, found.is_empty()) {
            // Other files may have names like these.
            (Sign::File(file), true) => {
                let own = file.name.contains('-') || syntax::looks_like_command(text) || shows(text);
                own && !command.command.contains(&format!("/{}", file.name))
            }
            // Further lines of the file stood on the screen as they are. What a command of the file says stood there, too.
            (Sign::File(_), false) => {
                let says = |command: &Command| {
                    let says = ["echo ", "printf "].iter().any(|says| command.command.starts_with(says));
                    says && command.command.contains(text)
                };
                let said = || found.iter().any(says);
                text.len() > 1 && shows(text) && (syntax::looks_like_command(text) || !said())
            }
            (Sign::Asked, true) => syntax::looks_like_command(text),
            (Sign::Named, true) => is_edit_of(text, &command.command),
            (_, false) => false,
        };
        if is_command {
            let Some(offset) = find_line(source, from, text) else { break };
            from = offset + text.len();
            scan = Scan::default();
            scan.feed(text);
            open = scan.is_open();
            let low = !matches!(sign, Sign::File(_));
            found.push(Command {
                text: place,
                after: at,
                source: offset,
                command: text.to_owned(),
                confidence: if low { Confidence::Low } else { Confidence::Medium },
                reason: Some(Reason::EditedInFile),
                boundary: Boundary::Echo,
                dropped: false,
                submitted: true,
                ..Command::nothing()
            });
        } else if found.is_empty() || painted.is_empty() {
            break;
        }
    }
    if open {
        // What the shell takes from a file is complete.
        found.pop();
    }
    found
}

/// Whether a command asks for an editor, and neither lists lines nor runs one without it.
fn starts_editor(command: &str) -> bool {
    let mut words = command.split_whitespace();
    words.next() == Some("fc")
        && !command.contains([';', '|', '&', '>', '<'])
        && words.all(|word| {
            let options = word.strip_prefix('-').unwrap_or_default();
            !options.contains(['l', 's', 'p', 'P', 'R', 'W', 'A', 'I']) && word != "-"
        })
}

/// Whether a line may be another one after a few words of it were edited, and is not what the other one prints: it starts with
/// the same program, and most of its words are the same.
fn is_edit_of(line: &str, other: &str) -> bool {
    // What the shell makes of references to its history it prints as well.
    if line == other
        || other.contains(line)
        || other.contains(['!', '^'])
        || !syntax::looks_like_command(line)
    {
        return false;
    }
    let words =
        |text: &'_ str| text.split_whitespace().take(MAX_WORDS).map(str::to_owned).collect::<Vec<_>>();
    let (one, two) = (words(line), words(other));
    if one.first() != two.first() || !says_nothing(&one, &two) {
        return false;
    }
    let same = one.iter().filter(|word| two.contains(word)).count();
    same > 1 && same * 2 >= one.len().max(two.len())
}

/// Whether a program prints no lines of scripts, nor what the shell would read again: then a line that starts with its name
/// is no output of it. `echo` says its words, unless the shell puts others there.
fn says_nothing(one: &[String], two: &[String]) -> bool {
    const PRINT: [&str; 26] = [
        "alias", "trap", "complete", "umask", "declare", "typeset", "shopt", "bind", "hash", "ulimit", "set",
        "export", "readonly", "type", "cat", "head", "tail", "less", "more", "grep", "egrep", "sed", "awk",
        "history", "make", "bash",
    ];
    let first = one.first().map_or("", String::as_str);
    let plain = |word: &String| {
        !word.contains(['$', '`', '\\', '*', '?', '[', '{', '~', '!', '|', '<', '>', ';', '&'])
    };
    match first {
        "echo" | "printf" => two.iter().all(plain),
        _ => !PRINT.contains(&first),
    }
}

/// Where a line stands in the source, not before `from`.
fn find_line(source: &[u8], from: usize, line: &str) -> Option<usize> {
    let near = source.get(from..)?;
    let at = memchr::memmem::find_iter(near, line.as_bytes()).find(|&at| {
        let before = near[..at].last();
        before.is_none_or(|&byte| !(b' '..=b'~').contains(&byte))
            || near[..at].ends_with(b"l")
            || near[..at].ends_with(b"m")
    })?;
    Some(from + at)
}
