//! Programs that paint a screen: their text is flattened, and it is found where the lines of a shell go on.
//!
//! A program that is killed does not leave its screen. Then the shell goes on where it painted, and nothing but the
//! manner of what follows tells: a shell prints lines and does not send the cursor to rows by number.

use super::hidden::BOTTOM;
use super::{Mode, Renderer};
use crate::session::Flag;
use crate::terminal::fence::is_visible;
use crate::terminal::page::{Heads, LineFile};
use crate::terminal::token::{Csi, Token, token_at};

/// How much behind a switch to the alternate screen is searched for what a program paints.
const MAX_PREVIEW_BYTES: usize = 1_024;

/// What the file of bash is named in which it gives a command line to an editor (seen of bash 5.2).
const LINE_FILE: &str = "bash-fc.";

/// Those of other shells: what they begin with in `/tmp/`, how many letters and digits follow at least, and what comes
/// behind (seen of zsh 5.9, yash 2.5x, mksh R59, ksh93u+m).
const LINE_FILES: [(&str, usize, &str); 4] =
    [("zsh", 6, ""), ("yash-", 6, ".sh"), ("sh", 6, ".tmp"), ("ast", 1, ".")];

/// How much of the text of a screen is searched for such a name: editors show it first.
const MAX_NAME_BYTES: usize = 2 * 1024;

/// A switch of the alternate screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScreenSwitch {
    /// Where it stands; the end of the source if there is none.
    at: usize,
    /// The alternate screen is left there.
    leaves: bool,
}

impl<H: Heads> Renderer<'_, H> {
    /// Flattens a full-screen program: each place that it prints at gives a line.
    pub(super) fn full_screen(&mut self) {
        let (start, text) = (self.at, self.page.text.len());
        let mut visible = false;
        while let Some((token, next)) = token_at(self.source, self.at) {
            if matches!(token, Token::Csi(csi) if csi.private_mode(b"2004") == Some(true))
                && (self.painted_to.is_some() || self.mode == Mode::Addressed)
                && self.is_shell_edit(next)
            {
                self.application_keys = false;
                break;
            }
            self.at = next;
            match token {
                Token::Text(text) => {
                    visible = visible || is_visible(text);
                    self.page.text.extend_from_slice(text);
                }
                Token::Control(b'\n') if self.painted_to.is_some_and(|last| self.at > last) => {
                    self.application_keys = false;
                    break;
                }
                Token::Control(b'\n' | b'\r') => self.break_text(),
                Token::Csi(Csi { command: b'm', marker: 0, params, .. }) => self.colours.apply(params),
                Token::Csi(csi) if csi.alternate_screen() == Some(false) => break,
                Token::Csi(csi) if self.mode == Mode::Addressed && csi.private_mode(b"1") == Some(false) => {
                    self.application_keys = false;
                    break;
                }
                Token::Csi(csi) if csi.alternate_screen() == Some(true) => {
                    self.mode = Mode::Alternate;
                    self.painted_to = self.last_painting();
                }
                Token::Csi(Csi { command: b'C', marker: 0, .. }) => self.page.text.push(b' '),
                Token::Csi(csi) if csi.is_vertical() || matches!(csi.command, b'G' | b'`' | b'D') => {
                    self.break_text()
                }
                Token::Escape(b'c') => break,
                Token::TooLong => self.page.sequence_too_long = true,
                _ => {}
            }
        }
        if visible {
            let alternate = self.mode == Mode::Alternate;
            let flag = if alternate { Flag::AlternateScreen } else { Flag::Overwritten };
            self.hide(start, self.at, flag);
        }
        self.place = BOTTOM;
        self.break_text();
        if visible {
            self.page.painted.push(text..self.page.text.len());
        }
        if visible && let Some(name) = line_file(&self.page.text[text..]) {
            let text = text..self.page.text.len();
            self.page.line_files.push(LineFile { text, source: self.at, name });
        }
        self.mode = Mode::Lines;
        self.start_line();
    }

    /// Whether the alternate screen that begins here is never left and nothing is painted on it: then it is a screen like
    /// the other, on which the session goes on.
    pub(super) fn stays_line_by_line(&mut self) -> bool {
        let near = &self.source[self.at..self.source.len().min(self.at + MAX_PREVIEW_BYTES)];
        let paints = |at: usize| match token_at(near, at) {
            Some((Token::Csi(csi), _)) => paints(csi) || csi.private_mode(b"1") == Some(true),
            _ => false,
        };
        !memchr::memchr_iter(0x1b, near).any(paints) && !self.switch_ahead().leaves
    }

    /// Where the program that begins here paints last, if it does not leave its screen before another one begins or the
    /// transcript ends.
    pub(super) fn last_painting(&mut self) -> Option<usize> {
        if self.mode == Mode::Addressed {
            return self.last_addressed();
        }
        let end = self.switch_ahead();
        if self.mode != Mode::Alternate || end.leaves {
            return None;
        }
        let source = &self.source[..end.at];
        let painting = |&at: &usize| {
            matches!(token_at(source, at), Some((Token::Csi(csi), _)) if paints(csi))
                && !comes_back(source, at)
        };
        let last = memchr::memrchr_iter(0x1b, &source[self.at..]).map(|at| self.at + at).find(painting);
        Some(last.unwrap_or(self.at))
    }

    /// The same without the alternate screen: there the keypad tells that the program is left.
    fn last_addressed(&self) -> Option<usize> {
        let mut last = self.at;
        for at in memchr::memchr_iter(0x1b, &self.source[self.at..]).map(|at| self.at + at) {
            let Some((Token::Csi(csi), _)) = token_at(self.source, at) else { continue };
            match csi.private_mode(b"1") {
                Some(false) => return None,
                Some(true) => break,
                None if csi.private_mode(b"2004").or(csi.alternate_screen()).is_some() => break,
                None if paints(csi) && !comes_back(self.source, at) => last = at,
                None => {}
            }
        }
        Some(last)
    }

    /// Where the keypad that was switched on before is given back, if nothing else comes before that takes the terminal: a pager
    /// has shown its text among the lines. The place itself if something does.
    pub(super) fn keypad_end(&self) -> usize {
        let rest = &self.source[self.at..];
        let modes = memchr::memmem::find_iter(rest, b"\x1b[?");
        let mut switches = modes.filter_map(|at| match token_at(rest, at) {
            Some((Token::Csi(csi), _)) => {
                let other = csi.private_mode(b"2004").or(csi.alternate_screen()).is_some();
                let keypad = csi.private_mode(b"1");
                (other || keypad.is_some()).then_some((at, !other && keypad == Some(false)))
            }
            _ => None,
        });
        // A pager wipes its last row first; a line editor has it after each line.
        let ends = |&(at, off): &(usize, bool)| off && rest[..at].ends_with(b"\r\x1b[K");
        switches.next().filter(ends).map_or(self.at, |(at, _)| self.at + at)
    }

    /// The next switch of the alternate screen. What was found is kept, so that all is read once.
    fn switch_ahead(&mut self) -> ScreenSwitch {
        if self.next_switch.at < self.at {
            let rest = &self.source[self.at..];
            let switch = |at: usize| {
                let mode = ["1049", "1047", "47"]
                    .iter()
                    .find_map(|mode| rest[at + 3..].strip_prefix(mode.as_bytes()));
                match mode?.first()? {
                    b'h' => Some(ScreenSwitch { at: self.at + at, leaves: false }),
                    b'l' => Some(ScreenSwitch { at: self.at + at, leaves: true }),
                    _ => None,
                }
            };
            let found = memchr::memmem::find_iter(rest, b"\x1b[?").find_map(switch);
            let none = ScreenSwitch { at: self.source.len(), leaves: false };
            self.next_switch = found.unwrap_or(none);
        }
        self.next_switch
    }

    /// Whether the bracketed paste that was switched on before `start` is that of a shell's line editor: it is switched off
    /// again where a line ends, and nothing in between was sent to a row by number. Programs that paint switch it on as
    /// well.
    fn is_shell_edit(&self, start: usize) -> bool {
        let mut at = start;
        let mut newline = false;
        while let Some((token, next)) = token_at(self.source, at) {
            match token {
                Token::Csi(csi) if csi.private_mode(b"2004") == Some(false) => {
                    return newline || self.ends_row(next);
                }
                Token::Csi(csi) if paints(csi) && !comes_back(self.source, at) => return false,
                Token::Csi(csi) if csi.private_mode(b"2004").or(csi.alternate_screen()).is_some() => {
                    return false;
                }
                Token::Control(b'\n') => newline = true,
                Token::Text(_) => newline = false,
                _ => {}
            }
            at = next;
        }
        false
    }
}

/// Whether the place of the cursor was kept right before a sequence that sends it elsewhere, as prompts do that show a clock
/// in a corner.
fn comes_back(source: &[u8], at: usize) -> bool {
    source[..at].ends_with(b"\x1b[s") || source[..at].ends_with(b"\x1b7")
}

/// What the name of a file begins with in which a shell gave a command line to an editor, if a screen shows one.
fn line_file(text: &[u8]) -> Option<&'static str> {
    let text = &text[..text.len().min(MAX_NAME_BYTES)];
    let letters = |name: &[u8]| name.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let fits = |name: &[u8], (start, length, end): (&str, usize, &str)| {
        let name = name.strip_prefix(start.as_bytes()).unwrap_or_default();
        let letters = letters(name);
        letters >= length && name[letters..].starts_with(end.as_bytes())
    };
    memchr::memmem::find_iter(text, b"/tmp/").find_map(|at| {
        let name = &text[at + b"/tmp/".len()..];
        if fits(name, (LINE_FILE, 6, "")) {
            return Some(LINE_FILE);
        }
        LINE_FILES.into_iter().find(|&form| fits(name, form)).map(|(start, ..)| start)
    })
}

/// Whether a sequence is one with which programs paint a screen.
fn paints(csi: Csi<'_>) -> bool {
    csi.marker == 0 && matches!(csi.command, b'H' | b'f' | b'J' | b'r')
}
