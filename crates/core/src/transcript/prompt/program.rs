//! The prompts of interpreters and clients, and those that ask for more of a command.

use super::{irb, trimmed};

/// The name of the program that has this prompt.
pub(crate) fn program(prompt: &str) -> &'static str {
    program_of(trimmed(prompt)).unwrap_or("program")
}

pub(super) fn program_of(prompt: &str) -> Option<&'static str> {
    Some(match prompt {
        ">>>" | "..." => "python",
        "sqlite>" | "...>" => "sqlite3",
        "mysql>" => "mysql",
        "SQL>" => "sqlplus",
        "sftp>" => "sftp",
        "ftp>" => "ftp",
        "lftp>" => "lftp",
        "telnet>" => "telnet",
        "(gdb)" => "gdb",
        "(lldb)" => "lldb",
        "(Pdb)" | "ipdb>" => "pdb",
        "mongo>" | "test>" => "mongo",
        "gnuplot>" => "gnuplot",
        "octave>" => "octave",
        "php >" => "php",
        "cqlsh>" => "cqlsh",
        "julia>" => "julia",
        "scala>" => "scala",
        "meterpreter >" => "meterpreter",
        "jshell>" => "jshell",
        "ghci>" | "Prelude>" => "ghci",
        "OpenSSL>" => "openssl",
        "(parted)" => "parted",
        _ if prompt.starts_with("MariaDB [") => "mariadb",
        _ if is_msf(prompt) => "msfconsole",
        _ if prompt.starts_with("irb(") || (prompt.ends_with('>') && irb(prompt).is_some()) => "irb",
        _ if prompt.starts_with("In [") && prompt.ends_with("]:") => "ipython",
        _ if prompt.starts_with("redis ") && prompt.ends_with('>') => "redis-cli",
        _ if prompt.starts_with("127.0.0.1:6379") => "redis-cli",
        _ if is_psql(prompt) => "psql",
        _ if is_mongosh(prompt) => "mongosh",
        _ => return None,
    })
}

/// Whether a prompt asks for more of the same command.
pub(crate) fn is_continuation(prompt: &str) -> bool {
    let prompt = prompt.trim();
    if matches!(prompt, ">" | "More?" | "..." | "...>" | "->" | "'>" | "\">" | "`>" | ">>") {
        return true;
    }
    if let Some(irb) = irb(prompt) {
        return irb.open;
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

/// Whether a prompt asks for more of what psql reads behind the prompt `before`, within dollar quotes: `db$#` behind `db=#`.
/// By itself it may be that of a shell.
pub(crate) fn is_dollar_quoted(prompt: &str, before: &str) -> bool {
    let (prompt, before) = (prompt.trim(), before.trim());
    if !is_psql(before) {
        return false;
    }
    let state = ['=', '-', '\'', '"', '(', '^', '$', '*', '!', '?', '#', '>'];
    let name = before.trim_end_matches(state);
    prompt.strip_prefix(name).is_some_and(|rest| {
        let sign = rest.strip_prefix('$').map(|rest| rest.trim_start_matches(['*', '!', '?']));
        matches!(sign, Some("#" | ">"))
    })
}

/// `msf6 >`, and with the module in use `msf6 exploit(multi/handler) >`.
fn is_msf(prompt: &str) -> bool {
    let body = prompt.strip_prefix("msf").and_then(|body| body.strip_suffix(" >"));
    body.is_some_and(|body| body.bytes().next().is_none_or(|next| next.is_ascii_digit() || next == b' '))
}

/// `rs0 [direct: primary] test>`, `Atlas atlas-x-shard-0 [primary] test>`, `[direct: mongos] test>`.
fn is_mongosh(prompt: &str) -> bool {
    let parts = prompt.strip_suffix('>').and_then(|body| body.rsplit_once("] "));
    let Some((before, database)) = parts else { return false };
    let Some((server, role)) = before.rsplit_once('[') else { return false };
    let direct = role.strip_prefix("direct: ");
    let known = matches!(
        direct.unwrap_or(role),
        "primary" | "secondary" | "arbiter" | "mongos" | "other" | "unknown"
    );
    // MongoDB allows none of these in the name of a database.
    let named = !database.is_empty() && !database.contains([' ', '/', '\\', '.', '"', '$', '~', '@']);
    known && named && !server.contains('@') && (direct.is_some() || server.ends_with(' '))
}

/// `db=>`, `db=#`, `db-#`, `db'>`, `db=*#` and so on.
fn is_psql(prompt: &str) -> bool {
    let Some(body) = prompt.strip_suffix(['#', '>']) else { return false };
    let body = body.trim_end_matches(['*', '!', '?']);
    let Some(name) = body.strip_suffix(['=', '-', '\'', '"', '(', '^']) else { return false };
    name.contains(char::is_alphanumeric)
        && name.chars().all(|character| character.is_alphanumeric() || "_-.".contains(character))
}

fn psql_state(prompt: &str) -> Option<&str> {
    let name = prompt.find(|character: char| !(character.is_alphanumeric() || "_.".contains(character)))?;
    Some(&prompt[name..])
}
