//! What `--fold` sees: text without the characters that nobody sees, and with the letters that others look like.
//!
//! Zero-width and bidirectional characters are left out. A character beyond ASCII that Unicode lists as confusable with
//! an ASCII letter or digit becomes that letter (UTS 39, `confusables.txt`, through the crate `unicode-security`). ASCII
//! itself is never changed: `l` and `1` stay different, as they are in every other search.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_security::confusable_detection::skeleton;

/// What becomes of a character; `None` if nobody sees it.
pub fn look_alike(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    if is_invisible(c) {
        return None;
    }
    Some(TABLE.get(&c).copied().unwrap_or(c))
}

/// A text as `--fold` sees it.
pub fn folded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() { text.into() } else { text.chars().filter_map(look_alike).collect::<String>().into() }
}

/// Characters without width or ink: joiners, spaces of no width, bidirectional controls, tags, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Last character that is asked for: the tables of confusables end with the mathematical and the enclosed letters.
const LAST: char = '\u{1fbf9}';

static TABLE: LazyLock<HashMap<char, char>> =
    LazyLock::new(|| ('\u{80}'..=LAST).filter_map(|c| ascii_of(c).map(|ascii| (c, ascii))).collect());

fn ascii_of(c: char) -> Option<char> {
    if ('\u{ff01}'..='\u{ff5e}').contains(&c) {
        return char::from_u32(u32::from(c) - 0xfee0);
    }
    let mut buffer = [0; 4];
    let mut prototype = skeleton(c.encode_utf8(&mut buffer));
    let (first, second, third) = (prototype.next()?, prototype.next(), prototype.next());
    match (first, second, third) {
        // Unicode takes I, 1 and l for one, 0 and O for one, and m for rn; the case and kind of the character tell more.
        ('l', None, _) if c.is_numeric() => Some('1'),
        ('l', None, _) if c.is_uppercase() => Some('I'),
        ('O', None, _) if c.is_numeric() => Some('0'),
        ('O', None, _) if c.is_lowercase() => Some('o'),
        ('r', Some('n'), None) => Some('m'),
        (ascii, None, _) if ascii.is_ascii_alphanumeric() => Some(ascii),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_ascii_becomes_ascii_and_ascii_stays() {
        for (text, expected) in [
            ("сurl evil", "curl evil"),
            ("cu\u{200b}rl\u{202e} e\u{feff}vil", "curl evil"),
            ("ｃｕｒｌ　", "curl　"),
            ("𝐜𝐮𝐫𝐥", "curl"),
            ("ѕudο", "sudo"),
            ("ІD ＩＤ", "ID ID"),
            ("l1IO0 rn m", "l1IO0 rn m"),
            ("日本", "日本"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
        assert!((0..128u8).all(|byte| look_alike(char::from(byte)) == Some(char::from(byte))));
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for c in ('\0'..=char::MAX).filter_map(look_alike) {
            assert_eq!(look_alike(c), Some(c), "{c:?}");
        }
    }
}
