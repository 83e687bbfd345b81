//! One replay of an edited line, with one idea of where rows end.

use super::super::screen::Screen;
use super::super::token::{Csi, Token, token_at};
use super::finder::{asks_for_finder, finder_end, shown_by_finder};
use super::newer_prompt::NewerPrompt;
use super::prompt::screen_keeps_start;
use super::rows::{goes_back_up, is_soft_wrap, returns_before, wraps_before_wide};
use super::ways::{detour_end, repainted};
use super::window::Window;
use super::{ABOVE_TOP, MIN_WIDTH, Replay, Until, Wrap};

/// Least bytes of a start that are no coincidence.
const MIN_START_BYTES: usize = 4;

/// Replays with one idea of where rows end.
pub(super) fn replay_at(bytes: &[u8], before: &Screen, until: Until, wrap: Wrap) -> Replay {
    let mut screen = before.clone();
    screen.set_width(if let Wrap::At(width) = wrap { Some(width) } else { None });
    let mut at = 0;
    let mut submitted = false;
    let mut broken_wraps = 0;
    let mut edge = None;
    let mut landing = None;
    let (mut lands, mut low_landings, mut anew) = (false, 0, false);
    let mut no_repaint_to = 0;
    let mut newer_prompt = NewerPrompt::default();
    let mut window = Window::default();
    let mut finders = true;
    let last_up = memchr::memmem::rfind(bytes, b"\x1b[A").unwrap_or(0);
    while let Some((token, next)) = token_at(bytes, at) {
        if until != Until::End && starts_something_else(token) {
            break;
        }
        at = next;
        submitted = false;
        if screen.is_on_top() && is_up_and_down(token, &bytes[at..]) {
            at += memchr::memchr(b'\n', &bytes[at..]).map_or(0, |length| length + 1);
            continue;
        }
        if until == Until::End && window.leads_below(token, &bytes[at..], &mut screen) {
            continue;
        }
        let asks = until == Until::End && finders && asks_for_finder(token, &bytes[..at]);
        let finder = if asks { finder_end(bytes, at) } else { None };
        // Where one has no end, those that follow have none.
        finders &= !asks || finder.is_some();
        if let Some(end) = finder {
            let shown = shown_by_finder(&bytes[at..end], screen.width());
            screen.clear_line(shown);
            screen.invalid_utf8 |= std::str::from_utf8(&bytes[at..end]).is_err();
            at = end;
            continue;
        }
        if let Some(end) = detour_end(token, bytes, at) {
            screen.note_elsewhere(&bytes[at..end]);
            at = end;
            continue;
        }
        let repaint = if at > no_repaint_to { repainted(token, &screen, &bytes[at..]) } else { Ok(None) };
        // What was looked at in vain is not looked at again from each return in it.
        no_repaint_to = no_repaint_to.max(repaint.as_ref().err().map_or(0, |looked| at + looked));
        if let Ok(Some((row, skipped))) = repaint {
            // The terminal has another size than before, so what was met up to here tells nothing.
            screen.repaint_from(row);
            at += skipped;
            (broken_wraps, edge, landing) = (0, None, None);
            (lands, low_landings) = (false, 0);
            continue;
        }
        if matches!(token, Token::Csi(Csi { command: b'A', marker: 0, .. })) {
            (lands, anew) = (true, false);
        }
        if let Token::Text(text) = token
            && lands
        {
            lands = false;
            if screen.column() == 0 && is_start_again(text, screen.first_text()) {
                anew = true;
                broken_wraps += usize::from(screen.offset() > 0);
            } else {
                low_landings += usize::from(screen.width().is_some_and(|width| screen.offset() >= width));
                landing = landing.or_else(|| Some(screen.offset()));
            }
        }
        match token {
            Token::Control(b'\n') if matches!(until, Until::Newline { returns } if returns_before(&bytes[..at]) > returns) =>
            {
                screen.wrap_here();
                continue;
            }
            Token::Control(b'\n') => {
                submitted = screen.blank_below()
                    && !(until != Until::End && goes_back_up(&bytes[at..], screen.first_text()));
                if until != Until::End && submitted {
                    break;
                }
                // Readline goes to the start of the next row with a return behind the newline; other line editors go up
                // again.
                let returns = bytes[..at].ends_with(b"\r\n")
                    && bytes.get(at).is_some_and(|&next| next >= b' ' || next == b'\n');
                if until == Until::End && returns && at > last_up {
                    screen.note_foreign_break();
                }
            }
            Token::Control(b'\r') if is_soft_wrap(&screen, &bytes[at..]) => {
                let column = screen.column();
                match (wrap, screen.width()) {
                    (Wrap::Soft, _) if column > MIN_WIDTH => screen.wrap_softly(),
                    (Wrap::Learned, None) if column > MIN_WIDTH => screen.adopt_width(column - 1),
                    (_, Some(_)) if column > 1 => broken_wraps += 1,
                    _ => {}
                }
                if screen.column() == 0 {
                    continue;
                }
            }
            Token::Csi(Csi { command: b'A', .. })
                if edge.is_none() && screen.width().is_none() && screen.last_was_blank() =>
            {
                edge = screen.column().checked_sub(1);
            }
            _ if screen.width().is_none() && wraps_before_wide(bytes, at, screen.column()) => {
                screen.adopt_edge();
            }
            Token::Osc(payload) if is_prompt_end(payload) => screen.end_prompt(),
            _ => {}
        }
        newer_prompt.watch(token, &bytes[..at], &mut screen);
        screen.apply(token);
    }
    let damaged = !screen_keeps_start(&screen);
    let soft = usize::from(wrap == Wrap::Soft);
    let penalty = screen.above_top * ABOVE_TOP + broken_wraps * 20 + usize::from(damaged) * 5 + soft;
    let strays = screen.cursor_strays();
    let overreaches = screen.overreaches;
    Replay {
        screen,
        consumed: at,
        submitted,
        penalty,
        guessed: false,
        strays,
        overreaches,
        edge,
        landing,
        low_landings,
        anew,
        below_window: window.is_left(),
        told_below: window.told_width(),
    }
}

/// Whether the cursor goes up a row only to come down again: so an editor makes room below, and learns nothing.
fn is_up_and_down(token: Token<'_>, after: &[u8]) -> bool {
    let up = matches!(token, Token::Csi(csi @ Csi { command: b'A', marker: 0, .. }) if csi.param(0, 1) == 1);
    up && after.iter().find(|&&byte| byte != b'\r') == Some(&b'\n')
}

/// Whether a line editor that marks its edits, or a full-screen program, takes over.
fn starts_something_else(token: Token<'_>) -> bool {
    let Token::Csi(csi) = token else { return false };
    csi.private_mode(b"2004") == Some(true) || csi.alternate_screen() == Some(true)
}

/// Whether an OSC says that the prompt ends here.
fn is_prompt_end(payload: &[u8]) -> bool {
    matches!(payload, [b'1', b'3', b'3', b';', b'B', ..] | [b'6', b'3', b'3', b';', b'B', ..])
}

/// Whether a line is painted again from the start of its prompt.
fn is_start_again(text: &[u8], first: &str) -> bool {
    first.len() >= MIN_START_BYTES && text.starts_with(first.as_bytes())
}
