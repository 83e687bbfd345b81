//! Prompts that zsh paints anew within an edit: before anything is typed, because it knows more now (the state of a repository,
//! what was set while an instant prompt stood there), and at the end, in a shorter form.

use std::ops::Range;

use crate::terminal::replay::PAINTING;
use crate::terminal::token::{Csi, Token, token_at};

/// The last prompt that is painted in an edit before anything is typed: where it begins, and where the line begins behind it.
pub(super) fn prompt_painted_anew(edit: &[u8]) -> Option<Range<usize>> {
    let mut found = None;
    let mut at = 0;
    while let Some((token, next)) = token_at(edit, at) {
        match token {
            Token::Csi(Csi { command: b'J', marker: 0, .. }) if edit[..next].ends_with(PAINTING) => {
                let end = painting_end(edit, next)?;
                found = Some(next..end);
                at = end;
                continue;
            }
            Token::Csi(Csi { command: b'A' | b'J' | b'm' | b'h' | b'l' | b'n', .. })
            | Token::Control(b'\r')
            | Token::Escape(b'8')
            | Token::Osc(_)
            | Token::Ignored => {}
            _ => return found,
        }
        at = next;
    }
    found
}

/// Where the last prompt begins that is painted in an edit.
pub(super) fn last_painting(edit: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(edit, PAINTING).map(|at| at + PAINTING.len())
}

/// Where a prompt ends whose painting begins at `at`: zsh erases the rest of its row, and may paint another prompt at the right edge
/// before it comes back.
fn painting_end(edit: &[u8], mut at: usize) -> Option<usize> {
    let mut shown = false;
    loop {
        let (token, next) = token_at(edit, at)?;
        at = next;
        match token {
            Token::Csi(Csi { command: b'K', marker: 0, params: b"", .. }) if shown => break,
            Token::Text(_) => shown = true,
            Token::Csi(Csi { command: b'm' | b'K', .. })
            | Token::Control(b'\r' | b'\n')
            | Token::Osc(_)
            | Token::Ignored => {}
            // Some make room below first.
            Token::Csi(Csi { command: b'A', .. }) if !shown => {}
            _ => return None,
        }
    }
    let Some((Token::Csi(Csi { command: b'C', marker: 0, .. }), next)) = token_at(edit, at) else {
        return Some(at);
    };
    let mut end = next;
    while let Some((token, next)) = token_at(edit, end) {
        end = next;
        match token {
            Token::Csi(Csi { command: b'D', marker: 0, .. }) => return Some(end),
            Token::Text(_) | Token::Csi(Csi { command: b'm', .. }) | Token::Osc(_) | Token::Ignored => {}
            _ => break,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_painted_anew_before_anything_is_typed() {
        let painted = |edit: &str| {
            prompt_painted_anew(edit.as_bytes())
                .map(|range| (edit[range.clone()].to_owned(), edit[range.end..].to_owned()))
        };
        let paint = "\r\r\x1b[A\x1b[0m\x1b[27m\x1b[24m\x1b[J";
        let of = |prompt: &str, rest: &str| Some((prompt.to_owned(), rest.to_owned()));
        assert_eq!(painted(&format!("{paint}~/r\r\nmain > \x1b[Kls")), of("~/r\r\nmain > \x1b[K", "ls"));
        let right = "> \x1b[K\x1b[70C10:00\x1b[75D";
        assert_eq!(painted(&format!("{paint}{right}ls")), of(right, "ls"));
        assert_eq!(painted(&format!("{paint}> \x1b[K{paint}main > \x1b[Kls")), of("main > \x1b[K", "ls"));
        assert_eq!(painted(&format!("l{paint}> l\x1b[K")), None);
        assert_eq!(painted("ls"), None);
    }
}
