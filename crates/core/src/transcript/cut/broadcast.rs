//! Messages to all users (`wall`, rsyslog), which the system prints into the line that is being typed. They begin with a newline
//! of their own; what is typed then goes on below them.

use super::{Cutter, MAX_SEARCH_BYTES, text_of};
use crate::terminal::page::LineMark;
use crate::transcript::prompt::{self, Proof};
use crate::transcript::syntax::Scan;

/// How such messages begin: those of wall and of systemd, and those of rsyslog.
const TO_ALL: &str = "Broadcast message from ";
const FROM_SYSLOG: &str = "Message from syslogd@";

/// Most rows of a message.
const MAX_ROWS: usize = 32;

impl Cutter<'_> {
    /// Takes such a message out of a line without marks, whose newline is none of the shell's. `after` is where the output
    /// starts.
    pub(super) fn take_broadcast(
        &self,
        line: LineMark,
        typed: &mut String,
        after: &mut usize,
    ) -> Option<Vec<String>> {
        if self.line_returns.is_none_or(|usual| line.returns <= usual) {
            return None;
        }
        let rest = self.page.text.get(*after..).unwrap_or_default();
        if !is_broadcast(rest) {
            return None;
        }
        let rows = rest.split_inclusive(|&byte| byte == b'\n').take(MAX_ROWS);
        let rows: Vec<&[u8]> = rows.take_while(|row| row.len() < MAX_SEARCH_BYTES).collect();
        let texts: Vec<String> = rows.iter().map(|row| prompt::text_of(row).trim_end().to_owned()).collect();
        let length = message_rows(&texts)?;
        let current = self.current.as_ref().map_or("", |current| current.text.trim_end());
        // Then the message was output.
        let is_prompt = |row: &String| {
            let proves = |&end: &usize| prompt::proof(&row[..end]) >= Proof::Path;
            prompt::ends(row).iter().any(proves) || (!current.is_empty() && row.starts_with(current))
        };
        if texts.get(..=length)?.iter().any(is_prompt) {
            return None;
        }
        let more = prompt::text_of(rows[length]);
        typed.push_str(&text_of(&more));
        typed.truncate(typed.trim_end().len());
        *after += rows[..=length].iter().map(|row| row.len()).sum::<usize>();
        Some(texts[..length].to_vec())
    }
}

/// Takes such a message out of the rows of an edit. A quote that is open may hold anything. The newlines of so many rows are
/// `foreign`: they have more returns than that of the edit; where an editor paints all rows itself, this is not known.
pub(super) fn without_broadcast(command: &mut Vec<String>, foreign: Option<usize>) -> Option<Vec<String>> {
    if command.len() < 2 || !is_broadcast(command[1].as_bytes()) {
        return None;
    }
    if foreign.map_or(!command[0].is_empty(), |rows| rows < 2) {
        return None;
    }
    let mut scan = Scan::default();
    scan.feed(&command[0]);
    if scan.is_open() {
        return None;
    }
    let length = message_rows(&command[1..])?;
    if foreign.is_some_and(|rows| rows < length.min(command.len() - 2)) {
        return None;
    }
    let taken: Vec<String> = command.drain(1..=length).collect();
    if command.len() > 1 {
        let rest = command.remove(1);
        command[0] += &rest;
    }
    Some(taken)
}

fn is_broadcast(text: &[u8]) -> bool {
    text.starts_with(TO_ALL.as_bytes()) || text.starts_with(FROM_SYSLOG.as_bytes())
}

/// How many rows a message has, of which these are the first ones: its head, and a paragraph between empty rows, or for rsyslog a
/// row.
fn message_rows(rows: &[String]) -> Option<usize> {
    let head = rows.first()?.trim_end();
    if head.starts_with(FROM_SYSLOG) {
        return (head.contains(" at ") && head.ends_with(" ...") && rows.len() > 1).then_some(2);
    }
    let told = head.strip_prefix(TO_ALL).and_then(|from| from.strip_suffix("):"));
    if !told.is_some_and(|from| from.contains('@') && from.contains(" (")) || !rows.get(1)?.is_empty() {
        return None;
    }
    let text = 1 + rows[1..].iter().take_while(|row| row.is_empty()).count();
    let length =
        rows.get(text..)?.iter().position(String::is_empty).map_or(rows.len(), |length| text + length + 1);
    Some(length)
}
