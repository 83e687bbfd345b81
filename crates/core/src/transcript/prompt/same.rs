//! When two prompts are the same prompt, or made alike.

use super::super::windows::prompt as windows;
use super::is_foreign_ending;
use super::names::user_and_host;

/// Most digits of what a command returns.
const MAX_STATUS_DIGITS: usize = 3;

/// Whether `prompt` has this key.
pub(crate) fn has_key(prompt: &str, known: &str) -> bool {
    // A key ends as its prompt does, which settles nearly all cases.
    prompt.trim_end().chars().next_back() == known.chars().next_back() && key(prompt) == known
}

/// What stays the same when a prompt comes back: user and host, or the words that are no path and no number.
pub(crate) fn key(prompt: &str) -> String {
    let prompt = without_status(prompt.trim());
    let Some(ending) = prompt.chars().next_back() else { return String::new() };
    let body = prompt[..prompt.len() - ending.len_utf8()].trim_end();
    if let Some(word) = user_and_host(body) {
        let mut key = String::with_capacity(word.len() + ending.len_utf8());
        key.push_str(word);
        key.push(ending);
        // Each field of such a prompt may be its last one.
        if ending == '|' {
            key.extend(body.bytes().filter(|&byte| byte == b'|').map(char::from));
        }
        return key;
    }
    if ending == '>'
        && let Some(key) = windows::key(body)
    {
        return key.to_owned();
    }
    let mut key = String::with_capacity(prompt.len());
    for word in body.split_inclusive([' ', ':', '[', ']', '(', ')']) {
        if word.starts_with('~') || word.as_bytes().contains(&b'/') {
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

/// A prompt without what tells at its start how the last command ended: glyphs, numbers.
pub(super) fn without_status(prompt: &str) -> &str {
    // Nearly no prompt begins so.
    if !prompt.starts_with(|first: char| !first.is_ascii() || matches!(first, '[' | '(')) {
        return prompt;
    }
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let bracketed = |word: &str| {
        let inner = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
        inner
            .or_else(|| word.strip_prefix('(').and_then(|word| word.strip_suffix(')')))
            .is_some_and(is_number)
    };
    let is_glyph = |character: char| {
        let frame = matches!(character, '\u{2500}'..='\u{257f}');
        !character.is_ascii() && !character.is_alphanumeric() && !is_foreign_ending(character) && !frame
    };
    let (mut rest, mut glyph) = (prompt, false);
    while let Some((word, next)) = rest.split_once(' ') {
        let glyphs = !word.is_empty() && word.chars().all(is_glyph);
        // A number alone is that of a line.
        if !(glyphs || bracketed(word) || (glyph && is_number(word))) {
            break;
        }
        glyph |= glyphs;
        rest = next.trim_start();
    }
    // A prompt that has nothing else is known by that.
    if rest.contains(|character: char| character.is_alphabetic()) { rest } else { prompt }
}

/// Whether two prompts are the same, but that one tells before its sign how the last command ended: `[ops:/tmp] # ` and
/// `[ops:/tmp] 127 # `.
pub(crate) fn is_same_but_status(one: &str, other: &str) -> bool {
    // Hardly any prompt has a number there.
    if has_number_at_end(one) == has_number_at_end(other) {
        return false;
    }
    let (Some(first), Some(second)) = (without_status_at_end(one), without_status_at_end(other)) else {
        return false;
    };
    first.told != second.told && first.sign == second.sign && first.body == second.body
}

fn has_number_at_end(prompt: &str) -> bool {
    matches!(prompt.as_bytes(), [.., digit, b' ', _] | [.., digit, b' ', _, b' '] if digit.is_ascii_digit())
}

/// A prompt without what tells before its sign how the last command ended.
struct Statusless<'p> {
    body: &'p str,
    sign: char,
    told: bool,
}

fn without_status_at_end(prompt: &str) -> Option<Statusless<'_>> {
    let sign = prompt.trim_end().chars().next_back().filter(|sign| "$#%>".contains(*sign))?;
    let body = prompt.trim().strip_suffix(sign)?.strip_suffix(' ')?;
    let before = body.trim_end_matches(|last: char| last.is_ascii_digit());
    let digits = body.len() - before.len();
    let told = (1..=MAX_STATUS_DIGITS).contains(&digits) && before.ends_with(' ');
    let body = if told { before.trim_end() } else { body };
    body.contains(['/', '~', '@']).then_some(Statusless { body, sign, told })
}

/// A coarser form, in which all words are alike: it tells whether a longer prompt recurs as well.
pub(crate) fn shape(prompt: &str) -> String {
    let mut shape = String::with_capacity(prompt.len());
    let mut in_word = false;
    for character in prompt.chars() {
        let word = character.is_alphanumeric() || matches!(character, '/' | '~' | '.' | '_' | '-' | '@');
        if !(word && in_word) {
            shape.push(if word { 'w' } else { character });
        }
        in_word = word;
    }
    shape
}

/// Whether two prompts are made alike: the same signs between words, one word the same, and signs of shells at the end,
/// such as `$` for a user and `#` for root.
pub(crate) fn is_sister(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    let (Some(first), Some(second)) = (one.chars().next_back(), other.chars().next_back()) else {
        return false;
    };
    let (body, others) = (&one[..one.len() - first.len_utf8()], &other[..other.len() - second.len_utf8()]);
    let words = |text: &'_ str| -> Vec<String> {
        let split = text.split(|sign: char| !sign.is_alphanumeric() && sign != '-');
        split.filter(|word| word.len() > 1).map(str::to_owned).collect()
    };
    let known = words(others);
    "$#%>".contains(first)
        && "$#%>".contains(second)
        && shape(body) == shape(others)
        && words(body).iter().any(|word| known.contains(word))
}
