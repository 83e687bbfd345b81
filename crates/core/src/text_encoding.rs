//! Text that announces itself as UTF-16 becomes UTF-8.
//!
//! PowerShell writes its transcripts as UTF-8 or UTF-16, each with a byte order mark. The mark of UTF-8 stays, so that
//! such bytes are not copied; nothing else announces UTF-16, so without a mark nothing is changed. A mark alone is no
//! proof: a program may print these two bytes first, and the commands behind them must not become other characters.

/// Units at the start among which there must be an ASCII character.
const LOOKED_AT: usize = 64;

/// The bytes as UTF-8 if they begin with a byte order mark of UTF-16, which is left out.
///
/// What is no character (half a surrogate pair, half a unit at the end) becomes U+FFFD.
#[must_use]
pub fn from_utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let unit = match bytes.get(..2)? {
        b"\xff\xfe" => u16::from_le_bytes,
        b"\xfe\xff" => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, rest) = bytes[2..].as_chunks::<2>();
    if bytes.len() > 2 && !pairs.iter().take(LOOKED_AT).any(|&pair| unit(pair) < 0x80) {
        return None;
    }
    let mut text = String::with_capacity(pairs.len());
    let characters = char::decode_utf16(pairs.iter().map(|&pair| unit(pair)));
    text.extend(characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)));
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::from_utf16;

    #[test]
    fn utf16_with_a_mark_becomes_utf8() {
        let text = "PS C:\\> echo é 日本 🦀\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(from_utf16(&[b"\xff\xfe", little.as_slice()].concat()).as_deref(), Some(text.as_bytes()));
        assert_eq!(from_utf16(&[b"\xfe\xff", big.as_slice()].concat()).as_deref(), Some(text.as_bytes()));
    }

    #[test]
    fn damaged_utf16_keeps_what_is_readable() {
        let table: [(&[u8], &str); 4] = [
            (b"\xff\xfe", ""),
            (b"\xff\xfea\0b", "a\u{fffd}"),
            (b"\xff\xfe\x3d\xd8a\0", "\u{fffd}a"),
            (b"\xfe\xff\xdc\x00\0a", "\u{fffd}a"),
        ];
        for (bytes, expected) in table {
            assert_eq!(from_utf16(bytes).as_deref(), Some(expected.as_bytes()), "{bytes:?}");
        }
    }

    #[test]
    fn other_bytes_stay() {
        for bytes in [&b""[..], b"\xff", b"a", b"\xef\xbb\xbfa", b"a\0b\0", b"\xff\xfesh-4.2$ id\r\n"] {
            assert_eq!(from_utf16(bytes), None, "{bytes:?}");
        }
    }
}
