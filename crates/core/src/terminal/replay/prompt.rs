//! How many columns the prompt in front of an edited line takes, and whether it was left as it was.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::super::screen::Screen;
use super::super::token::{Csi, Token, token_at};

/// Characters that most prompts end with.
pub(crate) const PROMPT_SIGNS: &str = "$#%>❯➜λ";

/// The columns of the prompt that a line and the one before it, which started with `last`, have in common: up to the blank
/// behind a sign that prompts end with, or else up to the last blank.
pub(super) fn prompt_columns(last: &[u8], bytes: &[u8]) -> Option<usize> {
    let mut same = 0;
    let mut at = 0;
    while let Some((token, next)) = token_at(bytes, at) {
        match token {
            Token::Text(text) => {
                // Times and numbers differ from line to line, and have as many digits.
                let alike = |(one, other): &(&u8, &u8)| {
                    one == other || (one.is_ascii_digit() && other.is_ascii_digit())
                };
                let alike = text.iter().zip(&last[same..]).take_while(alike).count();
                same += alike;
                if alike < text.len() {
                    break;
                }
            }
            Token::Csi(Csi { command: b'm', .. }) | Token::Csi(Csi { marker: 1.., .. }) | Token::Osc(_) => {}
            Token::Control(b'\r') => {}
            Token::Control(b'\n') if last.get(same) == Some(&b'\n') => same += 1,
            _ => break,
        }
        at = next;
    }
    // The line of the command is the last one.
    let same = &last[..same];
    let line = &same[memchr::memrchr(b'\n', same).map_or(0, |at| at + 1)..];
    let start = line.utf8_chunks().next()?.valid();
    let mut blanks = start.match_indices(' ').map(|(at, _)| at);
    let signed = blanks.find(|&at| start[..at].ends_with(|sign| PROMPT_SIGNS.contains(sign)));
    let end = signed.or_else(|| start.rfind(' '))? + 1;
    Some(UnicodeWidthStr::width(&start[..end]))
}

/// The columns of the prompt of a line that is like none before: up to the blank behind the first sign that prompts end
/// with, if that stands in what is printed before the cursor moves.
pub(super) fn own_prompt_columns(bytes: &[u8]) -> Option<usize> {
    let mut columns = 0;
    let mut sign = false;
    let mut at = 0;
    while let Some((token, next)) = token_at(bytes, at) {
        match token {
            Token::Text(text) => {
                for character in text.utf8_chunks().next()?.valid().chars() {
                    columns += UnicodeWidthChar::width(character).unwrap_or(0);
                    if sign && character == ' ' {
                        return Some(columns);
                    }
                    sign = PROMPT_SIGNS.contains(character);
                }
            }
            Token::Csi(Csi { command: b'm', .. }) | Token::Csi(Csi { marker: 1.., .. }) | Token::Osc(_) => {}
            Token::Control(b'\r') => columns = 0,
            Token::Control(b'\n') if columns == 0 => {}
            _ => break,
        }
        at = next;
    }
    None
}

/// Whether the first row still starts as it was first printed; a line editor never changes its prompt.
pub(super) fn screen_keeps_start(screen: &Screen) -> bool {
    let first = screen.first_text();
    let end = first.char_indices().nth(8).map_or(first.len(), |(at, _)| at);
    // Behind a short prompt stands the line itself, in front of which anything may be put.
    let signs = first
        .char_indices()
        .filter(|(_, sign)| PROMPT_SIGNS.contains(*sign))
        .map(|(at, sign)| at + sign.len_utf8());
    let prompt = signs.filter(|&at| first[at..].starts_with(' ')).min();
    let start = &first[..prompt.unwrap_or(end).min(end)];
    !screen.cleared.is_empty() || screen.has_line_starting(start.trim_end())
}
