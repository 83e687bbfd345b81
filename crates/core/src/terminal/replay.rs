//! Replays an edited line, and finds the width of the terminal that it was edited on.
//!
//! No field of a transcript gives the width, but a line that wrapped was moved about by row and column, so a wrong
//! width shows: the cursor leaves the line upwards, a soft wrap falls in the middle of a row, the prompt is damaged.

mod finder;
mod newer_prompt;
mod once;
mod prompt;
mod rows;
mod way_back;
mod ways;
mod window;

pub(crate) use self::newer_prompt::PAINTING;
use self::once::replay_at;
pub(super) use self::prompt::PROMPT_SIGNS;
use self::prompt::{own_prompt_columns, prompt_columns};
pub(crate) use self::rows::{
    MAX_RETURNS, begins_with_return, is_soft_wrap, returns_before, wraps_before_wide,
};
use self::way_back::way_back_widths;
pub(crate) use self::ways::{aside_end, detour_end, right_text_end};
use super::screen::Screen;

/// Most bytes of one edited text that are replayed.
pub(crate) const MAX_EDIT_BYTES: usize = 64 * 1024;

/// Least columns that a soft wrap is believed at.
const MIN_WIDTH: usize = 20;

/// Widths that terminals often have, for lines that do not betray theirs.
const COMMON_WIDTHS: [usize; 10] = [80, 100, 120, 132, 140, 158, 160, 200, 237, 300];

/// The widest terminal that all widths up to are tried for.
const MAX_RARE_WIDTH: usize = 320;

/// Most bytes that are replayed to find a rare width for one line.
const MAX_RARE_BYTES: usize = 256 * 1024;

/// Least columns of a prompt that are no coincidence.
const MIN_PROMPT_COLUMNS: usize = 4;

/// What it counts when the cursor leaves the line upwards.
const ABOVE_TOP: usize = 100;

/// A line after its last edit.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    /// The screen as it was left.
    pub screen: Screen,
    /// How many bytes were used.
    pub consumed: usize,
    /// Whether the last token was the newline that submits.
    pub submitted: bool,
    /// How many signs of a wrong width were met; 0 is a clean replay.
    pub penalty: usize,
    /// The width is not sure.
    pub guessed: bool,
    /// The cursor was not left behind the text, as it is when the text was not moved about in.
    strays: bool,
    /// The cursor was moved along a row beyond its text, which no line editor does that knows the width.
    overreaches: bool,
    /// Where the first row ends, if the cursor went up behind a blank: a line editor prints it to wrap at the edge.
    edge: Option<usize>,
    /// How many columns behind the start of the line something was printed first after the cursor had gone up.
    landing: Option<usize>,
    /// How often something was printed on a lower row after the cursor had gone up.
    low_landings: usize,
    /// The last time that the cursor went up, all was painted anew from the prompt on: what stands there is sure at any width
    /// that fits.
    anew: bool,
    /// Some of its rows are below the last one of the window.
    pub below_window: bool,
    /// The width that they tell.
    told_below: Option<usize>,
}

/// Where rows end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrap {
    /// After so many columns.
    At(usize),
    /// Where the first soft wrap shows it.
    Learned,
    /// Wherever a soft wrap stands. A shell that miscounts its prompt wraps its first row too early.
    Soft,
}

impl Wrap {
    fn known(width: Option<usize>) -> Self {
        width.map_or(Self::Learned, Self::At)
    }
}

/// When a replay ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// At the end of the bytes: the shell has marked where the line ends.
    End,
    /// At a newline below which nothing stands, because that is what submits.
    Newline {
        /// Behind more returns than these a newline only leads to the next row of the line.
        returns: usize,
    },
}

/// What is known about a line before it is replayed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints<'a> {
    /// Other widths may be tried.
    pub search: bool,
    /// How the line before it started.
    pub last: &'a [u8],
}

/// Replays `bytes` on a screen that shows `before`, with the width that fits best. `known` is what earlier lines or the
/// header told; what this line tells is written back to it. Also returns how many bytes were looked at in all.
pub(crate) fn replay(
    bytes: &[u8],
    before: &Screen,
    until: Until,
    known: &mut Option<usize>,
    hints: Hints<'_>,
) -> (Replay, usize) {
    let bytes = &bytes[..bytes.len().min(MAX_EDIT_BYTES)];
    let mut best = replay_at(bytes, before, until, Wrap::known(*known));
    let mut used = best.consumed;
    if let Some(width) = best.told_below.filter(|_| best.screen.width().is_none()) {
        best = replay_at(bytes, before, until, Wrap::At(width));
        used += best.consumed;
    }
    let mut rare = false;
    let mut tried = false;
    let searched = best.penalty > 0 && hints.search;
    let columns = || prompt_columns(hints.last, bytes).or_else(|| own_prompt_columns(bytes));
    // The terminal may have another width than before: then a recalled line is printed behind the prompt's columns, but on
    // what would be a lower row.
    let row = |(landing, width): (usize, usize)| (landing >= width).then(|| landing % width);
    let lower = best.landing.zip(best.screen.width()).and_then(row);
    let lower = lower.filter(|&column| !searched && hints.search && column >= MIN_PROMPT_COLUMNS);
    let told = if searched { way_back_widths(bytes) } else { Vec::new() };
    let told = told.into_iter().find_map(|width| {
        let other = replay_at(bytes, before, until, Wrap::At(width));
        used += other.consumed;
        (other.penalty == 0 && !other.overreaches).then_some(other)
    });
    if let Some(told) = told {
        *known = told.screen.width();
        return (told, used);
    }
    let prompt = if searched || lower.is_some() { columns() } else { None };
    let prompt = prompt.filter(|&prompt| lower.is_none_or(|column| column == prompt));
    let proven = prompt.and_then(|prompt| {
        let (proven, looked) = replay_at_prompt(bytes, before, until, prompt);
        used += looked;
        proven
    });
    if let Some(proven) = proven {
        best = proven;
    } else if searched {
        let learned = [Wrap::Learned, Wrap::Soft].into_iter();
        let edge = best.edge.filter(|&edge| edge >= MIN_WIDTH);
        let others =
            edge.into_iter().map(Wrap::At).chain(learned).chain(COMMON_WIDTHS.into_iter().map(Wrap::At));
        for wrap in others.filter(|wrap| *wrap != Wrap::known(*known)) {
            let other = replay_at(bytes, before, until, wrap);
            used += other.consumed;
            if (other.penalty, other.overreaches) < (best.penalty, best.overreaches) {
                best = other;
                tried = matches!(wrap, Wrap::At(width) if Some(width) != edge);
            }
            if best.penalty == 0 && !best.overreaches {
                break;
            }
        }
        // A cursor that leaves the line upwards whatever the usual width tells that the width is another one.
        // More than one may fit, so it tells nothing about other lines.
        rare = best.penalty >= ABOVE_TOP || (best.penalty == 0 && best.overreaches);
        if rare {
            for width in MIN_WIDTH..=MAX_RARE_WIDTH {
                let other = replay_at(bytes, before, until, Wrap::At(width));
                used += other.consumed;
                if (other.penalty, other.strays) < (best.penalty, best.strays) {
                    best = other;
                }
                if (best.penalty == 0 && !best.strays) || used > MAX_RARE_BYTES {
                    break;
                }
            }
        }
    }
    // That one of the usual widths is not contradicted proves nothing: more than one may fit.
    best.guessed = best.penalty > 0 || (!best.anew && ((searched && best.strays) || tried));
    if best.penalty == 0 && !rare && !tried && best.screen.width().is_some() {
        *known = best.screen.width();
    }
    (best, used)
}

/// Replays with the width at which a recalled line is printed right behind the prompt, once the cursor has gone up to it.
/// Also returns how many bytes were looked at.
fn replay_at_prompt(bytes: &[u8], before: &Screen, until: Until, prompt: usize) -> (Option<Replay>, usize) {
    let mut used = 0;
    let mut fits: Option<Replay> = None;
    // Where something is inserted above, readline prints a row anew, with the first character of the next one, and inserts
    // behind that: this tells more than what merely fits.
    let tells = |replay: &Replay| replay.screen.row_starts > 0;
    let inserts = memchr::memmem::find(bytes, b"\x1b[1@").is_some();
    // Several may fit: the usual ones are likelier.
    for width in COMMON_WIDTHS.into_iter().chain(MIN_WIDTH..=MAX_RARE_WIDTH) {
        let replay = replay_at(bytes, before, until, Wrap::At(width));
        used += replay.consumed;
        // It never goes up, or the line is too long for so many tries.
        let hopeless = replay.landing.is_none() && width == COMMON_WIDTHS[0] || used > MAX_RARE_BYTES;
        if replay.penalty == 0 && !replay.overreaches && replay.landing == Some(prompt) {
            let last = replay.low_landings == 0 && (!inserts || tells(&replay));
            let better =
                |best: &Replay| (replay.low_landings, !tells(&replay)) < (best.low_landings, !tells(best));
            if fits.as_ref().is_none_or(better) {
                fits = Some(replay);
            }
            if last {
                break;
            }
        }
        if hopeless {
            break;
        }
    }
    (fits, used)
}
