//! What a prompt looks like, and when two prompts are the same prompt.

/// Most bytes of a line that a prompt is looked for in.
const MAX_PROMPT_BYTES: usize = 200;

/// Most blanks within a prompt that proves anything.
const MAX_PROMPT_BLANKS: usize = 6;

/// Most places of one line where a prompt may end.
const MAX_ENDS: usize = 8;

/// Characters that prompts end with, besides `$`, `#`, `%` and `>`.
const ENDINGS: [char; 7] = ['❯', '➜', 'λ', '»', '›', '▶', '⟩'];

/// Prompts of programs that do not end like those of shells.
const PROGRAM_PROMPTS: [&str; 3] = ["(gdb) ", "(Pdb) ", "(lldb) "];

/// What stands behind a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A shell.
    Shell,
    /// An interpreter or a client.
    Program,
}

/// Whether a line of output may start with a prompt. This is asked about every line, so it only looks.
pub(crate) fn is_head(line: &[u8]) -> bool {
    let window = &line[..line.len().min(MAX_PROMPT_BYTES)];
    let suspect =
        |byte: u8| (byte == b'$') | (byte == b'#') | (byte == b'%') | (byte == b'>') | (byte >= 0x80);
    if !window.iter().fold(false, |any, &byte| any | suspect(byte)) {
        return line.starts_with(b"(")
            && PROGRAM_PROMPTS.iter().any(|prompt| line.starts_with(prompt.as_bytes()))
            || line.starts_with(b"In [")
            || line.starts_with(b"... ")
            || line == b"...";
    }
    let ascii = window.iter().enumerate().any(|(at, &byte)| {
        matches!(byte, b'$' | b'#' | b'%' | b'>') && matches!(window.get(at + 1), None | Some(b' '))
    });
    ascii || (window.iter().any(|&byte| byte >= 0x80) && !ends(&String::from_utf8_lossy(window)).is_empty())
}

/// Where a prompt may end in `line`: behind an ending and its blank, or at the end of the line.
pub(crate) fn ends(line: &str) -> Vec<usize> {
    let mut found = Vec::new();
    if let Some(prompt) = PROGRAM_PROMPTS.iter().find(|prompt| line.starts_with(**prompt)) {
        found.push(prompt.len());
    }
    if line.starts_with("In [") {
        found.extend(line.find("]: ").map(|at| at + 3));
    }
    if line.starts_with("... ") {
        found.push(4);
    } else if line == "..." {
        found.push(3);
    }
    let bytes = line.as_bytes();
    for (at, &byte) in bytes.iter().enumerate().take(MAX_PROMPT_BYTES) {
        let length = match byte {
            b'$' | b'#' | b'%' | b'>' => 1,
            0xc0.. => match line[at..].chars().next() {
                Some(character) if ENDINGS.contains(&character) => character.len_utf8(),
                _ => continue,
            },
            _ => continue,
        };
        match bytes.get(at + length) {
            None => found.push(line.len()),
            Some(b' ') => found.push(at + length + 1),
            Some(_) => continue,
        }
        if found.len() >= MAX_ENDS {
            break;
        }
    }
    found
}

/// What stays the same when a prompt comes back: user and host, or the words that are no path and no number.
pub(crate) fn key(prompt: &str) -> String {
    let prompt = prompt.trim();
    let Some(ending) = prompt.chars().next_back() else { return String::new() };
    let body = prompt[..prompt.len() - ending.len_utf8()].trim_end();
    if let Some(word) = user_and_host(body) {
        return format!("{word}{ending}");
    }
    if body.starts_with("PS ") && ending == '>' {
        return "PS>".to_owned();
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
    let prompt = prompt.trim();
    let Some(ending) = prompt.chars().next_back() else { return Proof::None };
    let body = prompt[..prompt.len() - ending.len_utf8()].trim();
    let blanks = body.bytes().filter(|&byte| byte == b' ').count();
    if blanks > MAX_PROMPT_BLANKS {
        return Proof::None;
    }
    if body.is_empty() {
        return Proof::Bare;
    }
    if reader(prompt) == Reader::Program {
        return Proof::Strict;
    }
    let version = body.split_once('-').is_some_and(|(shell, version)| {
        matches!(shell, "sh" | "bash" | "ash" | "ksh" | "mksh" | "zsh" | "dash")
            && version.starts_with(|character: char| character.is_ascii_digit())
    });
    if version || body.starts_with("PS ") {
        return Proof::Strict;
    }
    if user_and_host(body).is_some() && !body.contains(['"', '\'', '`', ';', '|']) {
        return Proof::Strict;
    }
    let path = |word: &str| word.starts_with('/') || word.starts_with('~');
    if blanks <= 3
        && body.split([' ', ':']).any(path)
        && !body.contains(['"', '\'', ';', '|', '$', '=', '<', '>'])
    {
        return Proof::Path;
    }
    if blanks == 0 && body.len() <= 40 && body.chars().any(char::is_alphanumeric) {
        Proof::Word
    } else {
        Proof::None
    }
}

/// Who reads what is typed behind this prompt.
pub(crate) fn reader(prompt: &str) -> Reader {
    let prompt = prompt.trim();
    let program =
        matches!(
            prompt,
            ">>>" | "..." | "sqlite>" | "mysql>" | "SQL>" | "sftp>" | "ftp>" | "(gdb)" | "(Pdb)"
        ) || matches!(prompt, "(lldb)" | "mongo>" | "test>" | "lftp>" | "telnet>" | "gnuplot>" | "octave>")
            || prompt.starts_with("MariaDB [")
            || prompt.starts_with("irb(")
            || prompt.starts_with("In [") && prompt.ends_with("]:")
            || prompt.starts_with("redis ") && prompt.ends_with('>')
            || prompt.starts_with("127.0.0.1:6379")
            || is_psql(prompt);
    if program { Reader::Program } else { Reader::Shell }
}

/// Whether a prompt asks for more of the same command.
pub(crate) fn is_continuation(prompt: &str) -> bool {
    let prompt = prompt.trim();
    if matches!(prompt, ">" | "..." | "...>" | "->" | "'>" | "\">" | "`>" | ">>") {
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
    !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "_-.".contains(character))
}

fn psql_state(prompt: &str) -> Option<&str> {
    let name = prompt.find(|character: char| !(character.is_alphanumeric() || "_.".contains(character)))?;
    Some(&prompt[name..])
}

/// The word `user@host` of a prompt, if there is one.
fn user_and_host(body: &str) -> Option<&str> {
    let legal = |character: char| character.is_alphanumeric() || "._-+".contains(character);
    let at = body.find('@')?;
    let user = body[..at]
        .rfind(|character: char| !legal(character))
        .map_or(0, |before| before + body[before..].chars().next().map_or(1, char::len_utf8));
    let host =
        body[at + 1..].find(|character: char| !legal(character)).map_or(body.len(), |end| at + 1 + end);
    (user < at && host > at + 1).then(|| &body[user..host])
}
