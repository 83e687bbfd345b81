//! What the text behind a prompt says about the line that may have been typed ahead for it.

use crate::transcript::shows::shows_text;
use crate::transcript::syntax::{leaves, looks_like_command};

/// Commands that print nothing unless they fail.
const SILENT: [&str; 16] = [
    "cd", "chmod", "chown", "cp", "export", "kill", "ln", "mkdir", "mv", "rm", "rmdir", "set", "sleep",
    "touch", "unalias", "unset",
];

/// Commands that print one word, without arguments.
const ONE_WORD: [&str; 8] = ["arch", "hostname", "logname", "nproc", "pwd", "tty", "uname", "whoami"];

/// Least digits of a digest.
const MIN_DIGEST_BYTES: usize = 12;

/// Least words of a sentence, and in how many of the first words of a line of a log its time stands.
const MIN_SENTENCE_WORDS: usize = 4;
const MAX_CLOCK_WORDS: usize = 3;

/// How what is shown behind a prompt and a line that was typed before go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    /// The line prints something else.
    None,
    /// It may print that, and it may have been typed there.
    Possible,
    /// It prints one word, as this is.
    Word,
    /// Nobody types that.
    Output,
    /// It is what this line prints.
    Certain,
}

/// Compares a line with what is shown behind its prompt. `again` says that the prompt stands there once more: nothing was
/// printed, and nothing typed.
pub(super) fn compare(command: &str, shown: &str, again: bool) -> Match {
    if let Some(text) = command.strip_prefix("echo ")
        && text.chars().all(|character| character.is_alphanumeric() || character == ' ')
    {
        let same = shown.split_whitespace().eq(text.split_whitespace());
        return if same { Match::Certain } else { Match::None };
    }
    let first = command.split(' ').next().unwrap_or_default();
    if shown.ends_with("not found") && !first.is_empty() && shown.contains(&format!("{first}: ")) {
        return Match::Certain;
    }
    // What goes wrong is told behind the name of the program.
    let teller = shown.split_once(": ").map(|(name, _)| name).filter(|name| name.len() > 1);
    let named = teller.is_some_and(|name| command.split(' ').any(|word| word == name));
    if named && looks_like_command(command) {
        return Match::Certain;
    }
    if command.is_empty() {
        return if again && shown.is_empty() { Match::Certain } else { Match::None };
    }
    match shown {
        "" if again && (looks_like_command(command) || command.starts_with('#')) => Match::Certain,
        _ if is_silent(command) && !(shown.is_empty() || shown.contains(": ")) => Match::None,
        _ if prints(command, shown) || is_count(shown) => Match::Certain,
        _ if is_output(shown) || (shown.starts_with('#') && shows_text(command)) => Match::Output,
        _ if (ONE_WORD.contains(&command) || command == "cd -") && !shown.contains(' ') => Match::Word,
        _ => Match::Possible,
    }
}

/// Whether a command prints such a line, and no other does.
fn prints(command: &str, shown: &str) -> bool {
    // A version is told behind the name of the program.
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let version = matches!(rest, "--version" | "-V" | "-v" | "version");
    if version && shown.strip_prefix(name).is_some_and(|rest| rest.bytes().any(|byte| byte.is_ascii_digit()))
    {
        return true;
    }
    match (name, rest) {
        ("id", "") => shown.starts_with("uid="),
        _ => false,
    }
}

/// Whether a line begins with a number that is set to the right, as in counts and tables.
fn is_count(shown: &str) -> bool {
    let number = shown.trim_start_matches(' ');
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    shown.len() >= number.len() + 3 && digits > 0 && number[digits..].starts_with(' ')
}

/// Whether nobody types such a line: it begins as no command does that sets no variable, or tells something behind a colon.
pub(super) fn is_output(shown: &str) -> bool {
    let bytes = shown.as_bytes();
    let first = bytes.iter().take_while(|&&byte| byte != b' ');
    let begins = |first: &u8| !first.is_ascii_lowercase() && !b"#./_~[(:{!\"'$\\<>".contains(first);
    let tells = || {
        memchr::memchr_iter(b' ', bytes)
            .any(|at| at > 0 && bytes[at - 1] == b':' || bytes.get(at + 1) == Some(&b' '))
    };
    // A bracket ends no value without quotes.
    let has = |sign: u8| first.clone().any(|&byte| byte == sign);
    let sets = || has(b'=') && !has(b'(');
    (bytes.first().is_none_or(begins) || tells()) && !sets()
}

/// Whether nobody types a line: the heading of a table, what is told behind a name and a colon, a line of a log, columns, figures,
/// a sentence, the start of a structure.
pub(super) fn is_surely_output(shown: &str) -> bool {
    let line = shown.trim();
    let mut words = line.split_whitespace();
    let count = words.clone().count();
    let first = words.next().unwrap_or_default();
    let capital = first.starts_with(|first: char| first.is_ascii_uppercase());
    let capitals =
        |word: &str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let columns = line.contains("  ") && count > 1;
    let heading = columns && capitals(first) && words.clone().all(capitals);
    let options = words.clone().any(|word| word.starts_with('-')) || looks_like_command(line);
    let tells = first.len() > 1
        && first.ends_with(':')
        && first[..first.len() - 1].bytes().all(|byte| byte.is_ascii_alphabetic());
    let sentence = capital && count >= MIN_SENTENCE_WORDS && line.ends_with(['.', ':', '!']);
    let sign = first.starts_with(|first: char| !first.is_ascii() && !first.is_alphanumeric());
    let tag = first.starts_with('<') && first.ends_with('>');
    heading
        || (columns && !options)
        || tells
        || sentence
        || sign
        || tag
        || matches!(line, "{" | "[")
        || line.split_whitespace().take(MAX_CLOCK_WORDS).any(is_clock)
        || is_figures(line)
}

/// Whether a word is a time of the day.
fn is_clock(word: &str) -> bool {
    let word = word.trim_matches(['[', ']', ',']);
    word.len() == "00:00:00".len()
        && word
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at % 3 == 2 { byte == b':' } else { byte.is_ascii_digit() })
}

/// Whether a text is one word of figures, or one that is made of them: a count, a share, a digest.
fn is_figures(word: &str) -> bool {
    let figures = word.bytes().all(|byte| byte.is_ascii_digit() || b"/.,:%+-".contains(&byte));
    let digest = word.len() >= MIN_DIGEST_BYTES && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.bytes().any(|byte| byte.is_ascii_digit()) && (figures || digest)
}

/// Whether a line prints nothing but what went wrong. A shell that was left prints no prompt any more.
fn is_silent(line: &str) -> bool {
    if line.starts_with('#') {
        return true;
    }
    let alone = memchr::memchr3(b';', b'|', b'&', line.as_bytes()).is_none();
    // `cd -` and the options for that make them talk.
    let talks = |word: &str| word == "-" || (word.starts_with('-') && word.contains(['v', 'p']));
    let silent = |(first, rest): (&str, &str)| SILENT.contains(&first) && !rest.split(' ').any(talks);
    leaves(line) || (alone && line.split_once(' ').is_some_and(silent))
}

/// Whether a line may be a command whose program is not known.
pub(super) fn is_plausible(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-+=".contains(&byte);
    looks_like_command(line)
        || (first.starts_with(|first: char| first.is_ascii_lowercase() || "./_".contains(first))
            && first.bytes().all(named)
            && !line.contains("  ")
            && !line.contains(": "))
}
