//! A prompt that is shown at once and painted anew when the shell is ready, within one edit, as Powerlevel10k's instant
//! prompt is: what comes first is no part of the line.

use std::collections::HashSet;

use super::MIN_MARK_BLANKS;
use crate::session::Flag;
use crate::terminal::screen::Logical;
use crate::terminal::sent::Lost;
use crate::terminal::token::{Csi, Token, token_at};

/// How zsh marks the end of output that has no newline.
const MARKS: [&[u8]; 3] = [b"%", b"#", "⏎".as_bytes()];

/// Where an edit begins anew, and on how many columns: behind the last mark of an unfinished line in it, which zsh prints
/// in reverse video with as many blanks as fill the row, before it paints a prompt.
pub(super) fn begins_anew(edit: &[u8]) -> Option<(usize, usize)> {
    let mut found = None;
    // How many blanks stand behind a mark.
    let (mut marked, mut blanks) = (false, 0);
    let mut at = 0;
    while let Some((token, next)) = token_at(edit, at) {
        match token {
            Token::Text(text) => {
                let before = text.trim_ascii_end();
                if !before.is_empty() {
                    (marked, blanks) = (MARKS.contains(&before), 0);
                }
                blanks += text.len() - before.len();
            }
            Token::Control(b'\r') if marked && blanks >= MIN_MARK_BLANKS => {
                found = Some((next, blanks + 1));
                marked = false;
            }
            Token::Csi(Csi { command: b'm', .. }) => {}
            _ => marked = false,
        }
        at = next;
    }
    found
}

/// What was shown before an edit began anew, if words of it do not stand in its `lines`.
pub(super) fn lost(before: &[u8], lines: &[Logical]) -> Option<Lost> {
    let shown: HashSet<&str> = lines.iter().flat_map(|line| line.text.split_whitespace()).collect();
    let mut sent = Vec::new();
    let mut at = 0;
    while let Some((token, next)) = token_at(before, at) {
        match token {
            Token::Text(text) => sent.extend_from_slice(text),
            Token::Control(b'\r' | b'\n') => sent.push(b'\n'),
            _ => {}
        }
        at = next;
    }
    let sent = String::from_utf8_lossy(&sent);
    let missing = |line: &&str| {
        line.split_whitespace().any(|word| word.contains(char::is_alphanumeric) && !shown.contains(word))
    };
    let mut lost = Lost { flags: vec![Flag::Overwritten], ..Lost::default() };
    for line in sent.lines().map(str::trim).filter(missing) {
        if !lost.keep(line) {
            break;
        }
    }
    (!lost.text.is_empty() || lost.cut).then_some(lost)
}
