//! A program that a key of the line editor starts and that paints its lists below the line, such as fzf.

use super::super::screen::Screen;
use super::super::token::{Csi, Token, token_at};

/// How it asks for the cursor: from there on it paints.
const ASKS: &[u8] = b"\x1b[J\x1b[6n";

/// How it takes away what it has painted, once the cursor is back at the start of the line.
const CLEARS: &[u8] = b"\x1b[J";

/// What follows then: it shows the cursor again, or gives the mouse back.
const GIVES_BACK: &[u8] = b"\x1b[J\x1b[?";

/// Whether such a program begins with a token, at the end of `so_far`.
pub(super) fn asks_for_finder(token: Token<'_>, so_far: &[u8]) -> bool {
    matches!(token, Token::Csi(Csi { command: b'n', params: b"6", .. })) && so_far.ends_with(ASKS)
}

/// Where the last thing ends that it sends, if it began to paint at `at`.
pub(super) fn finder_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at + memchr::memmem::find(&bytes[at..], GIVES_BACK)? + CLEARS.len();
    while let Some((Token::Csi(Csi { marker: b'?', .. }), next)) = token_at(bytes, end) {
        end = next;
    }
    Some(end)
}

/// What it has shown, a line each, and no more bytes than it has sent. `width` is that of the terminal.
pub(super) fn shown_by_finder(bytes: &[u8], width: Option<usize>) -> Vec<String> {
    let mut screen = Screen::new(width);
    let mut sent = Vec::new();
    let mut at = 0;
    while let Some((token, next)) = token_at(bytes, at) {
        // The end wipes what the last state shows.
        if !bytes[at..].starts_with(GIVES_BACK) {
            screen.apply(token);
        }
        if let Token::Text(text) = token {
            sent.push(String::from_utf8_lossy(text).into_owned());
        }
        at = next;
    }
    let mut lines: Vec<String> = screen.lines().into_iter().map(|line| line.text).collect();
    let lost = screen.lost(lines.join("\n").as_bytes(), true);
    let cut = screen.overflow || lost.as_ref().is_some_and(|lost| lost.cut);
    lines.extend(lost.iter().flat_map(|lost| lost.text.lines()).map(str::to_owned));
    // Blanks that nobody has sent cost nothing to ask for, and a screen has bounds: then the text is kept as it came.
    if cut || lines.iter().map(String::len).sum::<usize>() > bytes.len() {
        lines = sent;
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_costs_no_more_than_what_was_sent() {
        assert_eq!(shown_by_finder(b"> a\x1b[1B\r  one\x1b[J\x1b[?25h", Some(80)), ["> a", "  one"]);
        let wide = b"\x1b[1000Cone\r\n".repeat(400);
        let shown = shown_by_finder(&wide, None);
        assert!(shown.iter().all(|line| line == "one") && shown.len() == 400, "{}", shown.len());
    }
}
