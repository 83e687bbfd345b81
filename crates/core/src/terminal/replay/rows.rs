//! How line editors go from row to row: soft wraps at the right edge, and newlines that only lead down.

use unicode_width::UnicodeWidthChar;

use super::super::screen::Screen;
use super::super::token::{Csi, Token, token_at};
use super::prompt::PROMPT_SIGNS;

/// Most returns before a newline that are counted.
pub(crate) const MAX_RETURNS: usize = 8;

/// Narrowest terminal that a wide character is told to be too wide for.
const MIN_FULL_COLUMNS: usize = 40;

/// Longest preview that is printed below a line.
const MAX_PREVIEW_BYTES: usize = 1_024;

/// Whether a carriage return after a blank is a line editor's way to force the wrap at the right edge.
pub(crate) fn is_soft_wrap(screen: &Screen, after: &[u8]) -> bool {
    // Where it has the next row at hand, it prints that row's first character instead of a blank, and once more behind the
    // return.
    let next = after.first().copied().filter(u8::is_ascii_graphic).map(char::from);
    if !screen.last_was_blank() && (next.is_none() || next != screen.last()) {
        return false;
    }
    match token_at(after, 0) {
        Some((Token::Text(text), _)) => {
            // Not the search prompt of a line editor, nor the prompt painted once more.
            let start: Vec<u8> = screen.first_text().bytes().take(text.len().min(6)).collect();
            let edge = screen.width() == Some(screen.column());
            let mark = text.starts_with("⏎".as_bytes());
            let repainted = start.len() >= 2 && text.starts_with(&start);
            !(edge || mark || repainted || text.first() == Some(&b'('))
        }
        Some((Token::Csi(Csi { command: b'A', .. }), _)) => true,
        // zsh erases the row, sometimes twice, prints its first character, and goes back to print it again.
        Some((Token::Csi(Csi { command: b'K', params: b"", .. }), next)) => {
            let row = &after[next..];
            let row = row.strip_prefix(b"\x1b[K").unwrap_or(row);
            let first = row.first().filter(|first| first.is_ascii_graphic());
            // Or it goes up again to change the colours of the row above.
            first.is_some_and(|&first| row[1..].starts_with(&[b'\r', first]))
                || row.starts_with(b"\x1b[A\x1b[")
        }
        _ => false,
    }
}

/// Whether the cursor goes up again before the next newline: then this one was only a way down.
pub(super) fn goes_back_up(bytes: &[u8], first: &str) -> bool {
    let mut at = 0;
    let prompt = &first.as_bytes()[..first.len().min(4)];
    let returns = begins_with_return(bytes);
    while let Some((token, next)) = token_at(bytes, at) {
        match token {
            Token::Csi(Csi { command: b'A', .. }) => return true,
            // The next line may be edited over several rows; it starts with the prompt again.
            Token::Text(text) if !prompt.is_empty() && text.starts_with(prompt) => return false,
            // Readline begins each line of a command that has several with a return.
            Token::Control(b'\n') if returns && begins_with_return(&bytes[next..]) => {}
            Token::Control(b'\n') => return false,
            _ if next > MAX_PREVIEW_BYTES => return false,
            _ => {}
        }
        at = next;
    }
    false
}

/// How many returns stand before the last newline.
pub(crate) fn returns_before(bytes: &[u8]) -> usize {
    let end = memchr::memrchr(b'\n', bytes).unwrap_or(0);
    bytes[..end].iter().rev().take_while(|&&byte| byte == b'\r').take(MAX_RETURNS).count()
}

/// Whether a return stands in front of some text.
pub(crate) fn begins_with_return(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\r', text, ..] if *text >= b' ' || *text == 0x1b)
}

/// Whether an editor has gone to the next row at `at`, because the next character has two columns and the row has room for one:
/// it prints a blank there, and erases what may stand behind it.
pub(crate) fn wraps_before_wide(source: &[u8], at: usize, column: usize) -> bool {
    let Some(before) = source[..at].strip_suffix(b" \x1b[K") else { return false };
    // Behind its prompt an editor may erase as well.
    let near = String::from_utf8_lossy(&before[before.len().saturating_sub(4)..]);
    column >= MIN_FULL_COLUMNS
        && starts_wide(&source[at..])
        && !near.ends_with(|last| PROMPT_SIGNS.contains(last))
}

/// Whether a character of two columns comes next.
fn starts_wide(bytes: &[u8]) -> bool {
    let window = &bytes[..bytes.len().min(4)];
    let first = window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    first.and_then(UnicodeWidthChar::width) == Some(2)
}
