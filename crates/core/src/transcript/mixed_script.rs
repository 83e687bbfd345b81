//! Words whose letters come from scripts that look alike: `сurl`, of which the first letter is Cyrillic.

use unicode_script::{Script, UnicodeScript};

/// Whether a word of the text mixes letters of Latin, Cyrillic, Greek and the few other scripts with the same shapes.
///
/// A word ends at whatever is neither letter, digit nor mark, so that names put together from words of two languages
/// (`log-файл`) are none.
pub(crate) fn is_mixed(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let mut word = None;
    for character in text.chars() {
        let script = if character.is_ascii_alphabetic() { Script::Latin } else { character.script() };
        match script {
            Script::Latin
            | Script::Cyrillic
            | Script::Greek
            | Script::Armenian
            | Script::Cherokee
            | Script::Coptic => {
                if word.is_some_and(|word| word != script) {
                    return true;
                }
                word = Some(script);
            }
            // Marks take the script of their letter; digits are in all of them.
            Script::Inherited => {}
            _ if character.is_numeric() => {}
            _ => word = None,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_mixed;

    #[test]
    fn words_of_two_scripts_that_look_alike() {
        for text in [
            "сurl evil",
            "echo раypal.com",
            "ls /tmp/ѕecret",
            "Αdmin",
            "su\u{301}dо",
            "a1б",
            "a\u{301}б",
            "x=pаss",
        ] {
            assert!(is_mixed(text), "{text}");
        }
    }

    #[test]
    fn words_of_one_script() {
        for text in [
            "",
            "curl x",
            "echo привет",
            "log-файл файл.txt a=б",
            "café naïve",
            "日本語file",
            "αβγ δ",
            "10µs",
            "λ x",
            "é1ñ",
        ] {
            assert!(!is_mixed(text), "{text}");
        }
    }
}
