//! User metadata as S3 returns them, back to what was written.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Decodes a value of user metadata.
///
/// S3 returns values that are not ASCII as encoded words (RFC 2047, section 2): `=?UTF-8?B?w6Q=?=`.
/// It also takes the UTF-8 of a request for ISO-8859-1 and encodes that once more (Amazon S3 user guide,
/// "Working with object metadata", has an example), so words that hold the bytes of UTF-8 as characters
/// are read as UTF-8 again. Text that is no encoded word stays as it is.
#[must_use]
pub fn decode_metadata_value(value: &str) -> Cow<'_, str> {
    if !value.contains("=?") {
        return Cow::Borrowed(value);
    }
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value;
    let mut after_word = false;
    let mut words = 0;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let Some((text, length)) = encoded_word(from) else {
            let (kept, later) = rest.split_at(start + 2);
            decoded.push_str(kept);
            rest = later;
            after_word = false;
            continue;
        };
        // White space between two words only keeps lines short.
        if !(after_word && before.bytes().all(|byte| byte.is_ascii_whitespace())) {
            decoded.push_str(before);
        }
        decoded.push_str(&text);
        rest = &from[length..];
        after_word = true;
        words += 1;
    }
    if words == 0 {
        return Cow::Borrowed(value);
    }
    decoded.push_str(rest);
    Cow::Owned(utf8_in_latin1(&decoded).unwrap_or(decoded))
}

/// Decodes the word at the start of a text: `=?charset?encoding?text?=`. Gives its length, too.
fn encoded_word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.strip_prefix("=?")?.splitn(4, '?');
    let (charset, encoding, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    if !parts.next()?.starts_with('=') {
        return None;
    }
    let length = "=????=".len() + charset.len() + encoding.len() + encoded.len();
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(encoded).ok()?,
        "Q" | "q" => decode_q(encoded)?,
        _ => return None,
    };
    let decoded = if charset.eq_ignore_ascii_case("UTF-8") || charset.eq_ignore_ascii_case("US-ASCII") {
        String::from_utf8(bytes).ok()?
    } else if charset.eq_ignore_ascii_case("ISO-8859-1") {
        bytes.into_iter().map(char::from).collect()
    } else {
        return None;
    };
    Some((decoded, length))
}

/// Decodes the Q encoding (RFC 2047, section 4.2): `_` is a space, `=` starts two hexadecimal digits.
fn decode_q(encoded: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            plain => plain,
        });
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The text whose UTF-8 bytes are the characters of this one; `None` if it is ordinary text.
fn utf8_in_latin1(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (value, want) in [
            ("=?UTF-8?B?w6TDtvCflJE=?=", "äö🔑"),
            ("=?utf-8?q?caf=C3=A9_=e2=82=ac?=", "café €"),
            ("=?ISO-8859-1?Q?a=E4b?=", "aäb"),
            ("=?US-ASCII?Q?a_b?=", "a b"),
            ("=?UTF-8?Q??=x", "x"),
            ("{\"k\":\"=?UTF-8?Q?=C4=85?=\"}", "{\"k\":\"ą\"}"),
            ("=?UTF-8?Q?=C4=85?= =?UTF-8?B?xIU=?=\t=?UTF-8?Q?z?= z", "ąąz z"),
            ("a =?UTF-8?Q?b?=  c", "a b  c"),
            ("=?=?UTF-8?Q?x?=", "=?x"),
        ] {
            assert_eq!(decode_metadata_value(value), want, "{value}");
        }
    }

    #[test]
    fn what_s3_encoded_twice_is_decoded_twice() {
        let from_the_user_guide = "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=";
        assert_eq!(decode_metadata_value(from_the_user_guide), "ÄMÄZÕÑ S3");
        // Not the bytes of UTF-8, so it is what it is.
        assert_eq!(decode_metadata_value("=?UTF-8?Q?=C3=A4b?="), "äb");
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for value in [
            "",
            "{\"aws:x-amz-cek-alg\": \"115\"}",
            "ä without a word",
            "=?",
            "=??=",
            "=?UTF-8?B?w6Q=",
            "=?UTF-8?B?w6Q=?",
            "=?UTF-8?B?*?=",
            "=?UTF-8?B?/w==?=",
            "=?UTF-8?Q?=4?=",
            "=?UTF-8?Q?=+1?=",
            "=?UTF-8?X?a?=",
            "=?KOI8-R?Q?a?=",
            "=?=?=?=?=?",
        ] {
            assert!(matches!(decode_metadata_value(value), Cow::Borrowed(same) if same == value), "{value}");
        }
    }
}
