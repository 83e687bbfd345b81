//! Comma-separated values (RFC 4180) that no spreadsheet takes for formulas.
//!
//! Every field is quoted, lines end with CR LF. Text is sanitised as for a terminal, line feeds stay. A text that a
//! spreadsheet might take for a formula gets an apostrophe in front; numbers that we counted do not. JSON is exact.

use std::io::{self, Write};

use shelltrail_core::sanitize::printable_lines;

use super::{Row, Value};

/// The columns of `sessions`.
pub const SESSION_COLUMNS: [&str; 20] = [
    "ended_at",
    "time_source",
    "kind",
    "account",
    "region",
    "principal",
    "target",
    "session",
    "records",
    "bytes",
    "flags",
    "confidence_floor",
    "defects",
    "transcript",
    "bucket",
    "key",
    "version",
    "source_deleted",
    "source_deleted_at",
    "overwritten",
];

/// The columns of `search`, `show` and `parse`.
pub const RECORD_COLUMNS: [&str; 27] = [
    "ended_at",
    "time_source",
    "at",
    "account",
    "region",
    "principal",
    "target",
    "session",
    "seq",
    "command",
    "status",
    "confidence",
    "flags",
    "programs",
    "context",
    "origin",
    "output",
    "output_bytes",
    "neighbour",
    "kind",
    "transcript",
    "bucket",
    "key",
    "version",
    "source_deleted",
    "source_deleted_at",
    "overwritten",
];

/// The names of the columns.
///
/// # Errors
/// As the writer.
pub fn header(out: &mut impl Write, columns: &[&str]) -> io::Result<()> {
    line(out, columns.iter().map(|&column| Value::Text(column.into())))
}

/// One row.
///
/// # Errors
/// As the writer.
pub fn row(out: &mut impl Write, columns: &[&str], row: &Row<'_>) -> io::Result<()> {
    line(out, columns.iter().map(|column| row.field(column).unwrap_or(Value::Unknown)))
}

/// One line of fields.
///
/// # Errors
/// As the writer.
pub fn line<'a>(out: &mut impl Write, fields: impl Iterator<Item = Value<'a>>) -> io::Result<()> {
    for (at, field) in fields.enumerate() {
        let comma = if at > 0 { "," } else { "" };
        match field {
            Value::Unknown => write!(out, "{comma}\"\"")?,
            Value::Number(number) => write!(out, "{comma}\"{number}\"")?,
            Value::Text(text) => {
                let guard = if may_be_formula(&text) { "'" } else { "" };
                write!(out, "{comma}\"{guard}{}\"", printable_lines(&text).replace('"', "\"\""))?;
            }
        }
    }
    write!(out, "\r\n")
}

/// Whether a spreadsheet might compute a cell, or a reader of one drop what stands in front.
fn may_be_formula(text: &str) -> bool {
    let begins = |text: &str| text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    text.starts_with(['\t', '\r', '\n', '\0']) || begins(text.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let mut out = Vec::new();
        line(&mut out, [Value::Text(text.into()), Value::Number(7)].into_iter()).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn formulas_become_text() {
        for text in [
            "=cmd|'/c calc'!A1",
            "+1",
            "-rf",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            " =1",
            "＝1",
            "=HYPERLINK(\"x\")",
            "\0",
        ] {
            assert!(of(text).starts_with("\"'"), "{text:?}: {}", of(text));
        }
        assert_eq!(of("ls -la"), "\"ls -la\",\"7\"\r\n");
    }

    #[test]
    fn a_row_is_one_row() {
        assert_eq!(of("a\",\"b\r\nc"), "\"a\"\",\"\"b^M\nc\",\"7\"\r\n");
        assert_eq!(of("\u{feff}x\x1b[2J\u{202e}"), "\"<U+FEFF>x^[[2J<U+202E>\",\"7\"\r\n");
    }
}
