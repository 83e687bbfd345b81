//! JSON that is safe on a terminal and loses nothing.
//!
//! serde_json escapes the C0 controls; this writer also escapes DEL, C1, bidirectional and invisible
//! characters as `\uXXXX`, so that a line can be shown anywhere and still decodes to the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use shelltrail_core::sanitize::printable;

/// Writes one value and a line feed.
///
/// # Errors
/// As the writer.
pub fn write_line(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = Vec::with_capacity(512);
    value.serialize(&mut Serializer::with_formatter(&mut line, PrintableFormatter))?;
    line.push(b'\n');
    out.write_all(&line)?;
    Ok(())
}

struct PrintableFormatter;

impl Formatter for PrintableFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut buffer = [0; 4];
        for c in fragment.chars() {
            let text: &str = c.encode_utf8(&mut buffer);
            if c.is_ascii_graphic() || c == ' ' || printable(text) == text {
                writer.write_all(text.as_bytes())?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_printable_and_decodes_to_the_same_text() {
        let text = "a\x1b[2J\u{9b}2J\u{7f}\u{202e}\u{200b}é日\u{10ffff}\n\t\"\\";
        let mut line = Vec::new();
        write_line(&mut line, &text).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        assert_eq!(printable(line.trim_end()), line.trim_end());
        assert!(line.contains("é日"));
    }
}
