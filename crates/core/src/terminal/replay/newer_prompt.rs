//! A prompt that zsh paints anew within an edit because it knows more now, such as the state of a repository: where it ends.
//!
//! zsh paints a prompt behind attributes reset and all below erased, then what was typed, and erases the rest of the row.

use super::super::screen::Screen;
use super::super::token::{Csi, Token};

/// What zsh sends before it paints a prompt.
pub(crate) const PAINTING: &[u8] = b"\x1b[24m\x1b[J";

/// Follows the painting of a prompt.
#[derive(Debug, Default)]
pub(super) struct NewerPrompt {
    /// What had been typed before the painting that goes on.
    typed: Option<String>,
}

impl NewerPrompt {
    /// Looks at a token before the screen obeys it; `so_far` ends with it.
    pub(super) fn watch(&mut self, token: Token<'_>, so_far: &[u8], screen: &mut Screen) {
        match token {
            Token::Csi(Csi { command: b'J', marker: 0, .. }) if so_far.ends_with(PAINTING) => {
                self.typed = screen.typed();
            }
            Token::Csi(Csi { command: b'K', marker: 0, params: b"", .. }) => {
                if let Some(typed) = self.typed.take() {
                    screen.move_prompt_end(&typed);
                }
            }
            Token::Text(_) | Token::Csi(Csi { command: b'm', .. }) | Token::Control(b'\r' | b'\n') => {}
            _ => self.typed = None,
        }
    }
}
