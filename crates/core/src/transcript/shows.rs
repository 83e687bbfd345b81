//! Commands that show texts and lists, in which prompts and commands may stand that nobody typed.

use super::words::{Words, last_command};

/// Commands that show texts and lists in which command lines may stand.
const SHOW_LINES: [&str; 26] = [
    "alias", "awk", "bat", "cat", "crontab", "cut", "diff", "egrep", "fgrep", "find", "grep", "head",
    "history", "last", "ls", "more", "nl", "printenv", "ps", "sed", "sort", "strings", "tac", "type",
    "which", "zcat",
];

/// Commands that show the text of files, in which anything may stand.
const SHOW_TEXT: [&str; 18] = [
    "awk", "bat", "cat", "crontab", "curl", "diff", "egrep", "git", "grep", "head", "less", "more", "nl",
    "sed", "tac", "tail", "zcat", "zgrep",
];

/// Commands that print the commands that they run.
const PRINT_COMMANDS: [&str; 10] =
    ["ansible-playbook", "cargo", "docker", "gmake", "make", "ninja", "npm", "pnpm", "set", "yarn"];

/// Those that number its lines.
const NUMBER_LINES: [&str; 9] = ["ack", "ag", "cat", "egrep", "git", "grep", "nl", "rg", "zgrep"];

/// Whether what a command prints may be command lines.
pub(crate) fn shows_lines(command: &str) -> bool {
    is_one_of(command, &SHOW_LINES)
}

/// Whether a command shows a text.
pub(crate) fn shows_text(command: &str) -> bool {
    is_one_of(command, &SHOW_TEXT)
}

/// Whether a command prints the commands that it runs.
pub(crate) fn prints_commands(command: &str) -> bool {
    is_one_of(command, &PRINT_COMMANDS)
}

/// Whether a command of PowerShell or cmd.exe shows a file.
pub(crate) fn shows_file_on_windows(command: &str) -> bool {
    // Nothing else is done, such as going to another folder.
    let alone = !command.contains([';', '|', '&', '(', '{', '\n']);
    let name = command.split_whitespace().next().unwrap_or_default();
    alone && ["type", "cat", "gc", "Get-Content", "more"].iter().any(|shows| shows.eq_ignore_ascii_case(name))
}

/// Whether a command shows the lines of a text with their numbers.
pub(crate) fn numbers_lines(command: &str) -> bool {
    is_one_of(command, &NUMBER_LINES)
}

/// Whether the last command of a line is one of these.
fn is_one_of(command: &str, names: &[&str]) -> bool {
    let words = last_command(command);
    let mut words = Words::new(&words);
    let first = words.next();
    let name = if first == Some("sudo") { words.operand(&["-u"]) } else { first };
    name.is_some_and(|name| names.contains(&name))
}
