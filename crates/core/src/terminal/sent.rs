//! What stood on a line before it was erased or overwritten: the reading of a line "as sent", besides the one as shown.
//!
//! Text is lost in passes: the cursor goes back, and then cells are erased or printed over. What the line showed before
//! a pass is a state. Most states are worth nothing, because people correct what they type; a state is kept where words
//! of it are lost as a whole, or where output was printed over.

use std::collections::HashMap;

use unicode_width::UnicodeWidthChar;

use super::row::{plain_len, text_of};
use crate::session::Flag;

/// Fewest characters of lost words that are worth keeping; less is a slip of the fingers.
const MIN_LOST_CHARACTERS: usize = 4;

/// Most bytes of the states of one line.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Most states whose memory is kept for others.
const MAX_SPARE: usize = 32;

/// Most states of one line that differ in figures and signs only, as the states of a progress bar do.
const MAX_ALIKE: usize = 16;

/// How many bytes of states may be looked at for each byte that was printed; more is a hostile line.
const MAX_WORK_SHARE: usize = 16;

/// How many bytes may be looked at in any case.
const MIN_WORK_BYTES: usize = 4 * 1024;

/// What a line showed before a part of it was lost.
#[derive(Clone, Debug)]
struct State {
    text: Vec<u8>,
    /// The columns that were lost.
    low: usize,
    high: usize,
    flag: Flag,
    /// The cursor was sent to the start of the line.
    jumped: bool,
}

/// The states of a line, as they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    /// States that may be worth keeping.
    done: Vec<State>,
    /// The state whose loss goes on.
    open: Option<State>,
    /// Memory of states that are gone.
    spare: Vec<Vec<u8>>,
    /// Something visible was printed since the last state.
    fresh: bool,
    /// The cursor went back since the last state.
    back: bool,
    jumped: bool,
    printed: usize,
    work: usize,
    cut: bool,
    /// How many states with the same letters were met.
    alike: HashMap<u64, usize>,
}

/// What was lost on a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The states in which it stood, one a line.
    pub text: String,
    /// How it was lost.
    pub flags: Vec<Flag>,
    /// A limit was met: there were more states.
    pub cut: bool,
}

impl Lost {
    /// Keeps one more state; `false` if there is no room for it.
    pub(crate) fn keep(&mut self, state: &str) -> bool {
        let fits = self.text.len() + state.len() <= MAX_LINE_BYTES;
        self.cut |= !fits;
        if fits {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text.push_str(state);
        }
        fits
    }
}

impl Trail {
    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        self.forget_states();
        self.alike.clear();
        self.open = None;
        (self.fresh, self.back, self.jumped, self.cut) = (false, false, false, false);
        (self.printed, self.work) = (0, 0);
    }

    /// Whether nothing can have been lost.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_none() && self.done.is_empty() && !self.cut
    }

    /// Something was printed.
    pub(crate) fn printed(&mut self, bytes: usize, visible: bool) {
        self.printed += bytes;
        self.fresh |= visible;
    }

    /// The cursor goes back, maybe to the start of the line.
    pub(crate) fn goes_back(&mut self, jumps: bool) {
        self.back = true;
        self.jumped |= jumps;
    }

    /// Whether a loss would begin a new state.
    pub(crate) fn begins(&self) -> bool {
        self.fresh && self.back
    }

    /// What is lost next begins a new state, because it stands on another line.
    pub(crate) fn begin(&mut self) {
        (self.fresh, self.back) = (true, true);
    }

    /// What stands in the columns `low..high` is lost now. `line` writes what the whole line shows.
    pub(crate) fn lose(&mut self, low: usize, high: usize, flag: Flag, line: impl FnOnce(&mut Vec<u8>)) {
        // A line editor prints over the first of the old characters and erases the rest.
        let goes_on = self.open.as_ref().is_some_and(|open| open.high == low);
        if goes_on || !self.begins() {
            if let Some(open) = &mut self.open {
                open.low = open.low.min(low);
                open.high = open.high.max(high);
            }
            return;
        }
        self.close();
        let jumped = std::mem::take(&mut self.jumped);
        (self.fresh, self.back) = (false, false);
        if self.work > self.printed.saturating_mul(MAX_WORK_SHARE) + MIN_WORK_BYTES {
            self.cut = true;
            return;
        }
        let mut text = self.spare.pop().unwrap_or_default();
        text.clear();
        line(&mut text);
        self.work += text.len();
        self.open = Some(State { text, low, high, flag, jumped });
    }

    /// Cells are taken out of the line, so that the rest moves up.
    pub(crate) fn delete(&mut self, column: usize, count: usize, line: impl FnOnce(&mut Vec<u8>)) {
        let high = match &self.open {
            // The cells behind those that went before now stand where those stood.
            Some(open) if !self.fresh && column >= open.low => open.high + count,
            _ => column + count,
        };
        self.back = true;
        self.lose(column, high, Flag::Erased, line);
    }

    /// The loss of the open state ends.
    fn close(&mut self) {
        let Some(mut state) = self.open.take() else { return };
        let lost = state.high.min(state.text.len()).saturating_sub(state.low);
        // Without a wide character a column is at least a byte.
        if !state.jumped && lost < MIN_LOST_CHARACTERS {
            self.spare.push(state.text);
            return;
        }
        if self.done.last().is_some_and(|other| other.text == state.text) {
            return;
        }
        if state.jumped {
            let count = self.alike.entry(letters(&state.text)).or_default();
            *count += 1;
            if *count > MAX_ALIKE {
                self.cut = true;
                self.spare.push(state.text);
                return;
            }
        }
        state.text.truncate(MAX_LINE_BYTES);
        self.done.push(state);
    }

    /// What was lost, `shown` being what the line shows in the end. `edited` says that a line editor did it, which goes
    /// to the start of the line for the smallest change.
    pub(crate) fn lost(&mut self, shown: &[u8], edited: bool) -> Option<Lost> {
        self.close();
        if self.done.is_empty() && !self.cut {
            return None;
        }
        let mut lost = Lost { cut: self.cut, ..Lost::default() };
        let mut work = self.printed.saturating_mul(MAX_WORK_SHARE) + MIN_WORK_BYTES;
        let mut bytes: usize = self.done.iter().map(|state| state.text.len() + 1).sum();
        for state in &self.done {
            let own_bytes = state.text.len() + 1;
            let text = text_of(&state.text);
            if is_search(&text) || !is_lost(state, &text, shown, edited, &mut work) {
                bytes -= own_bytes;
                continue;
            }
            if lost.text.is_empty() {
                lost.text.reserve(bytes.min(MAX_LINE_BYTES));
            }
            if lost.keep(text.trim_end()) && !lost.flags.contains(&state.flag) {
                lost.flags.push(state.flag);
            }
        }
        self.forget_states();
        (!lost.text.is_empty() || lost.cut).then_some(lost)
    }

    /// Forgets the states that are done, but not their memory.
    fn forget_states(&mut self) {
        let room = MAX_SPARE.saturating_sub(self.spare.len());
        self.spare.extend(self.done.drain(..).map(|state| state.text).take(room));
    }
}

/// Whether words of a state are lost that the line does not show in the end. `work` is how many bytes may be compared.
fn is_lost(state: &State, text: &str, shown: &[u8], edited: bool, work: &mut usize) -> bool {
    let replaced = state.jumped && !edited;
    let mut characters = 0;
    let mut column = 0;
    for word in text.as_bytes().split(|&byte| byte == b' ') {
        let start = column;
        // The widths of ASCII need no table.
        column += if plain_len(word) == word.len() {
            word.len()
        } else {
            text_of(word).chars().map(|character| character.width().unwrap_or(0)).sum()
        };
        let end = column;
        column += 1;
        let touched = if replaced { end > state.low } else { start >= state.low };
        if word.is_empty() || !touched || start >= state.high {
            continue;
        }
        let counts = !replaced
            || word.iter().any(u8::is_ascii_alphanumeric)
            || text_of(word).chars().any(char::is_alphanumeric);
        if !counts {
            continue;
        }
        // Beyond the limit a word passes for lost: text kept twice does no harm.
        if *work < shown.len() || !holds(shown, word) {
            characters += text_of(word).chars().count() + usize::from(replaced) * MIN_LOST_CHARACTERS;
        }
        *work = work.saturating_sub(shown.len());
        if characters >= MIN_LOST_CHARACTERS {
            return true;
        }
    }
    false
}

/// Whether a line editor shows a search in what was entered before: all that it finds was recorded when it was entered.
fn is_search(text: &str) -> bool {
    if memchr::memchr(b':', text.as_bytes()).is_none() && !text.starts_with('(') {
        return false;
    }
    let bash = ["(reverse-i-search)`", "(i-search)`", "(failed reverse-i-search)`", "(failed i-search)`"];
    let zsh = ["bck-i-search: ", "fwd-i-search: "];
    bash.iter().any(|start| text.starts_with(start))
        || text.trim_end().ends_with('_') && zsh.iter().any(|sign| text.contains(sign))
}

/// A number for the letters of a text, without figures and signs. Their order does not matter, so that many bytes can be
/// added at once.
fn letters(text: &[u8]) -> u64 {
    let (sum, squares) = text.iter().fold((0_u32, 0_u32), |(sum, squares), &byte| {
        let letter = ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte >= 0x80);
        // The baseline of the architecture multiplies vectors of 16 bits, which the squares of bytes fit.
        let value = u16::from(byte) * u16::from(letter);
        (sum.wrapping_add(value.into()), squares.wrapping_add((value * value).into()))
    });
    u64::from(sum) << 32 | u64::from(squares)
}

/// Whether a text holds a word.
fn holds(text: &[u8], word: &[u8]) -> bool {
    // For short words setting up a search takes longer than the search.
    const SHORT: usize = 32;
    if word.len() > SHORT {
        return memchr::memmem::find(text, word).is_some();
    }
    let Some(&first) = word.first() else { return true };
    memchr::memchr_iter(first, text).any(|at| text[at..].starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prints, goes back and prints on, on a row of bytes.
    fn lost(steps: &[&str], edited: bool) -> Option<Lost> {
        let mut trail = Trail::default();
        let (mut row, mut column): (Vec<u8>, usize) = (Vec::new(), 0);
        for step in steps {
            match *step {
                "<" => {
                    column -= 1;
                    trail.goes_back(false);
                }
                "|" => {
                    column = 0;
                    trail.goes_back(true);
                }
                "K" => {
                    if column < row.len() {
                        trail.lose(column, row.len(), Flag::Erased, |out| out.extend_from_slice(&row));
                    }
                    row.truncate(column);
                }
                text => {
                    let end = (column + text.len()).min(row.len());
                    if column < end && row[column..end] != text.as_bytes()[..end - column] {
                        trail.lose(column, end, Flag::Overwritten, |out| out.extend_from_slice(&row));
                    }
                    row.truncate(column);
                    row.extend_from_slice(text.as_bytes());
                    column = row.len();
                    trail.printed(text.len(), text.trim() != "");
                }
            }
        }
        trail.lost(&row, edited)
    }

    #[test]
    fn words_are_kept_and_slips_are_not() {
        let text = |steps: &[&str]| lost(steps, true).map(|lost| lost.text);
        assert_eq!(text(&["$ ls -x", "<", "K", "l"]), None);
        assert_eq!(text(&["$ sl", "<", "<", "K", "ls"]), None);
        assert_eq!(text(&["$ cat hostnme", "<", "<", "ame"]), None);
        assert_eq!(text(&["$ rm x/y", "<", "<", "<", "<", "<", "<", "K", "ls"]), Some("$ rm x/y".to_owned()));
        assert_eq!(text(&["$ rm x/y", "|", "K", "$ rm x/y z"]), None, "what is shown in the end is not lost");
    }

    #[test]
    fn states_of_a_progress_bar_are_bounded() {
        let mut steps = Vec::new();
        let states: Vec<String> = (10..1_000).map(|number| format!("{number} KB done")).collect();
        for state in &states {
            steps.extend([state.as_str(), "|"]);
        }
        let kept = lost(&steps, false).unwrap_or_default();
        assert_eq!((kept.text.lines().count(), kept.cut), (MAX_ALIKE, true), "the limit shows when it acts");
        assert_eq!(kept.flags, [Flag::Overwritten]);
    }
}
