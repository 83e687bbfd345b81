//! The name of a user and of a host in a prompt.

/// The word `user@host` of a prompt, if there is one.
pub(crate) fn user_and_host(body: &str) -> Option<&str> {
    let at = memchr::memchr(b'@', body.as_bytes())?;
    let user = at - name_before(&body[..at]);
    let end = at + 1 + name_behind(&body[at + 1..]);
    (user < at && end > at + 1).then(|| &body[user..end])
}

/// Whether a name of a user or a host may hold this.
fn is_legal(character: char) -> bool {
    character.is_alphanumeric() || "._-+".contains(character)
}

/// The same for a byte of ASCII.
fn is_legal_ascii(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+')
}

/// How many bytes at the end of a text are a name.
fn name_before(text: &str) -> usize {
    let ascii = text.bytes().rev().take_while(|&byte| is_legal_ascii(byte)).count();
    match text.as_bytes()[..text.len() - ascii].last() {
        Some(0x80..) => {
            text.chars().rev().take_while(|&character| is_legal(character)).map(char::len_utf8).sum()
        }
        _ => ascii,
    }
}

/// How many bytes at the start of a text are a name.
fn name_behind(text: &str) -> usize {
    let ascii = text.bytes().take_while(|&byte| is_legal_ascii(byte)).count();
    match text.as_bytes().get(ascii) {
        Some(0x80..) => text.chars().take_while(|&character| is_legal(character)).map(char::len_utf8).sum(),
        _ => ascii,
    }
}
