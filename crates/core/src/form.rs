//! Form encoding of object keys (`application/x-www-form-urlencoded`), as S3 uses it in notifications, listings
//! and inventory reports: a space is `+`, what is not plain is `%XX` of its UTF-8 bytes.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What S3 leaves as it is in the keys of notifications.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

/// Decodes a key: first `+` to space, then percent signs, then UTF-8. `None` if it is none of that.
#[must_use]
pub fn decode(encoded: &str) -> Option<String> {
    percent_decode(&encoded.replace('+', " "))
}

/// Decodes percent signs alone; `+` stays. `None` for a broken escape or bytes that are not UTF-8.
#[must_use]
pub fn percent_decode(encoded: &str) -> Option<String> {
    let escapes_are_whole = encoded.split('%').skip(1).all(|after| {
        after.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !escapes_are_whole {
        return None;
    }
    percent_decode_str(encoded).decode_utf8().ok().map(Cow::into_owned)
}

/// Encodes a key so that [`decode`] gives it back.
#[must_use]
pub fn encode(key: &str) -> String {
    utf8_percent_encode(key, ENCODED).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        for (key, encoded) in [
            ("a/b-c_d.log", "a/b-c_d.log"),
            ("red flower+.log", "red+flower%2B.log"),
            ("100 %", "100+%25"),
            ("日本/é", "%E6%97%A5%E6%9C%AC/%C3%A9"),
            ("\u{1}\n\"&", "%01%0A%22%26"),
        ] {
            assert_eq!(encode(key), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(key));
        }
        assert_eq!(percent_decode("a+b%20c").as_deref(), Some("a+b c"));
        for broken in ["%", "%zz", "%2", "%ff", "a%+1"] {
            assert_eq!(decode(broken), None, "{broken}");
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }
}
