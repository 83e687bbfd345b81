//! What is not a secret although it stands where one would: variables, options, blanks, examples, code.

use std::ops::Range;

use super::rules::{Guard, Rule};

/// What every mask holds; a value that holds it has been masked, here or by the program that wrote it.
pub(super) const MASKED: &str = "****";

/// Shorter values beside a name are more often a count, a flag or the end of a sentence.
const MIN_ASSIGNED_BYTES: usize = 3;
const MIN_SUGGESTED_BYTES: usize = 6;

/// The part of a captured text that is the secret, or nothing if it is none.
pub(super) fn secret_in(
    rule: &Rule,
    line: &str,
    start: usize,
    captured: Range<usize>,
) -> Option<Range<usize>> {
    if comes_after(rule, &line[..start]) {
        return None;
    }
    let range = match rule.guard {
        Guard::Token => captured,
        Guard::Value => unquoted(line, captured),
        Guard::Assigned | Guard::Suggested => without_punctuation(line, unquoted(line, captured)),
    };
    let value = &line[range.clone()];
    let found = match rule.guard {
        Guard::Token => !is_blanked(rule, value),
        Guard::Value => is_value(value),
        Guard::Assigned => {
            is_value(value) && value.len() >= MIN_ASSIGNED_BYTES && !is_code_or_prose(line, &range)
        }
        Guard::Suggested => {
            is_value(value)
                && value.len() >= MIN_SUGGESTED_BYTES
                && !value.bytes().all(|byte| byte.is_ascii_digit())
                && !is_code_or_prose(line, &range)
        }
    };
    (found && !value.contains(MASKED)).then_some(range)
}

fn comes_after(rule: &Rule, before: &str) -> bool {
    let before = before.trim_end_matches(['_', '-', '.']).as_bytes();
    rule.not_after.iter().any(|word| {
        before.len() >= word.len()
            && before[before.len() - word.len()..]
                .eq_ignore_ascii_case(word.trim_end_matches(['_', '-']).as_bytes())
    })
}

/// Takes off one pair of quotes, so that a secret has the same fingerprint with and without them.
fn unquoted(line: &str, range: Range<usize>) -> Range<usize> {
    let value = &line.as_bytes()[range.clone()];
    match value {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last && !inner.contains(first) => {
            range.start + 1..range.end - 1
        }
        [b'\'' | b'"', inner @ ..] if !inner.iter().any(|byte| matches!(byte, b'\'' | b'"')) => {
            range.start + 1..range.end
        }
        _ => range,
    }
}

fn without_punctuation(line: &str, range: Range<usize>) -> Range<usize> {
    if line.as_bytes().get(range.end).is_some_and(|byte| matches!(byte, b'"' | b'\'')) {
        return range;
    }
    let kept = line[range.clone()].trim_end_matches([',', '}', ']', '\\']);
    range.start..range.start + kept.len()
}

/// A token whose variable part is one or two characters over and over, or says that it is an example.
fn is_blanked(rule: &Rule, value: &str) -> bool {
    let prefix = rule
        .keywords
        .iter()
        .filter(|keyword| value.starts_with(**keyword))
        .map(|keyword| keyword.len())
        .max();
    let body = &value[prefix.unwrap_or(0)..];
    // The characters of a secret access key are never hexadecimal throughout, those of a commit are.
    let is_digest = matches!(body.len(), 40 | 64)
        && rule.rejects_digests
        && body.bytes().all(|byte| byte.is_ascii_hexdigit());
    distinct(body.bytes()) < 4 || is_digest || (prefix.is_some() && body.ends_with("EXAMPLE"))
}

fn distinct(bytes: impl Iterator<Item = u8>) -> u32 {
    let mut seen = [0u64; 4];
    for byte in bytes {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|bits| bits.count_ones()).sum()
}

fn is_value(value: &str) -> bool {
    !(value.is_empty() || is_option(value) || is_placeholder(value) || is_substitution(value))
}

/// `--verbose` after an option that was to take a value, and `env:NAME`, which says where the value is.
fn is_option(value: &str) -> bool {
    let bytes = value.as_bytes();
    (bytes[0] == b'-' && bytes.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'-'))
        || ["env:", "file:", "fd:", "stdin", "prompt", "vault:", "arn:aws", "ssm:", "op://"].iter().any(
            |start| value.len() >= start.len() && bytes[..start.len()].eq_ignore_ascii_case(start.as_bytes()),
        )
}

/// `<redacted>`, `[hidden]`, `…`, `xxxx`, `your-password-here`.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let bracketed = |open, close| value.starts_with(open) && value.ends_with(close);
    if bracketed('<', '>') || bracketed('[', ']') || value.starts_with(['<', '…']) {
        return true;
    }
    let only = |set: &[char]| value.len() >= 3 && value.chars().all(|c| set.contains(&c));
    if value.bytes().all(|byte| byte == b'*')
        || only(&['x', 'X'])
        || only(&['.', '-', '_', '•', '●', '#', '?', '='])
    {
        return true;
    }
    ["your", "my-secret", "example-", "insert", "redacted", "(redacted", "(hidden", "changeme-please"]
        .iter()
        .any(|start| lower.starts_with(start))
        || matches!(lower.as_str(), "redacted" | "hidden" | "masked" | "sensitive" | "(sensitive" | "noecho")
}

/// A value that a shell, a template or a format will put there.
fn is_substitution(value: &str) -> bool {
    if value.starts_with("$(")
        || value.starts_with('`')
        || value.starts_with("{{")
        || value.starts_with("${{")
    {
        return true;
    }
    if value.len() > 2
        && ((value.starts_with('%') && value.ends_with('%'))
            || (value.starts_with('@') && value.ends_with('@')))
    {
        return true;
    }
    if matches!(value, "%s" | "%d" | "%v" | "%q" | "{}" | "$" | "?" | "!" | "%(password)s") {
        return true;
    }
    only_variables(value)
}

/// True if nothing but variables and what joins them is there: `$A`, `${A}:$B`, `$env:A`, `{name}`.
fn only_variables(value: &str) -> bool {
    let mut rest = value;
    let mut variables = 0;
    while let Some(first) = rest.chars().next() {
        let name = |text: &str| {
            text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
        };
        let taken = match first {
            '$' if rest[1..].starts_with(['{', '(']) => {
                rest.find(['}', ')']).map_or(rest.len(), |end| end + 1)
            }
            '$' => {
                let after = rest[1..].strip_prefix("env:").map_or(1, |_| 5);
                let length = name(&rest[after..]);
                if length == 0 && !rest[after..].starts_with(['@', '*', '#']) {
                    return false;
                }
                after + length.max(1)
            }
            '{' => match rest.find('}') {
                Some(end) if name(&rest[1..end]) == end - 1 => end + 1,
                _ => return false,
            },
            ':' | '/' | '@' | '-' | '_' | '.' | '}' | ')' | '"' | '*' | '#' | '%' | '?' => {
                rest = &rest[1..];
                continue;
            }
            _ => return false,
        };
        variables += 1;
        rest = &rest[taken..];
    }
    variables > 0
}

/// What source code, manuals and messages put after `password:` or `token =`.
fn is_code_or_prose(line: &str, range: &Range<usize>) -> bool {
    let value = &line[range.clone()];
    let after = &line[range.end..];
    is_word_of_code(value)
        || is_path(value)
        || value.starts_with([':', '=', '{', '['])
        || after.starts_with('(')
        || (after.starts_with([']', '<']) && !after.starts_with("</"))
        || is_member(value)
        || is_prose(&line[..range.start], value, after)
}

fn is_word_of_code(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "yes",
        "no",
        "on",
        "off",
        "str",
        "string",
        "text",
        "int",
        "bytes",
        "bool",
        "any",
        "object",
        "optional",
        "required",
        "empty",
        "unset",
        "blank",
        "set",
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "bearer",
        "basic",
        "files",
        "compat",
        "systemd",
        "option",
        "request",
        "read",
        "write",
        "unchanged",
        "changed",
        "invalid",
        "valid",
        "expired",
        "incorrect",
        "ok",
        "enabled",
        "disabled",
        "default",
        "unknown",
        "interactive",
        "value",
        "example",
        "opaque",
        "varchar",
        "char",
        "input",
        "hidden",
    ];
    let word = value.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_path(value: &str) -> bool {
    const ROOTS: &[&str] = &[
        "bin", "boot", "data", "dev", "etc", "home", "lib", "media", "mnt", "opt", "proc", "root", "run",
        "sbin", "srv", "sys", "tmp", "usr", "var", "Users", "",
    ];
    let Some(rest) = value.strip_prefix('/') else {
        return value.starts_with("./")
            || value.starts_with("../")
            || value.starts_with("~/")
            || value.contains("://")
            || (value.starts_with('$') && value.contains('/'));
    };
    value == "/" || ROOTS.contains(&rest.split('/').next().unwrap_or_default())
}

/// `self.password`, `os.environ`, `config.db.token`: read from somewhere, not written here.
fn is_member(value: &str) -> bool {
    const HOLDERS: &[&str] = &[
        "self",
        "this",
        "os",
        "process",
        "config",
        "cfg",
        "conf",
        "settings",
        "req",
        "request",
        "ctx",
        "context",
        "env",
        "args",
        "params",
        "opts",
        "options",
        "data",
        "var",
        "local",
        "module",
        "secrets",
        "user",
        "credentials",
        "state",
        "values",
        "app",
        "props",
        "event",
        "form",
        "body",
        "response",
        "resp",
        "result",
        "each",
        "input",
    ];
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let value = value.split(['[', '(']).next().unwrap_or_default();
    value.split_once('.').is_some_and(|(holder, rest)| HOLDERS.contains(&holder) && rest.split('.').all(word))
}

/// A plain word after a blank that a further word follows: a sentence, not a value.
fn is_prose(before: &str, value: &str, after: &str) -> bool {
    before.ends_with([' ', '\t'])
        && value.bytes().all(|byte| byte.is_ascii_alphabetic())
        && after.trim_start_matches([',', '.']).trim_start().starts_with(|c: char| c.is_ascii_lowercase())
        && after.starts_with([' ', ',', '.'])
}
