//! Replays an edited line, and finds the width of the terminal that it was edited on.
//!
//! No field of a transcript gives the width, but a line that wrapped was moved about by row and column, so a wrong
//! width shows: the cursor leaves the line upwards, a soft wrap falls in the middle of a row, the prompt is damaged.

use super::screen::Screen;
use super::token::{Csi, Token, token_at};

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

/// Characters that most prompts end with.
const PROMPT_SIGNS: &str = "$#%>❯➜λ";

/// Most bytes that are painted at a fixed place before the cursor comes back.
const MAX_DETOUR_BYTES: usize = 256;

/// Longest preview that is printed below a line.
const MAX_PREVIEW_BYTES: usize = 1_024;

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
    Newline,
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
    let mut rare = false;
    let mut tried = false;
    let searched = best.penalty > 0 && hints.search;
    let columns = || prompt_columns(hints.last, bytes).or_else(|| own_prompt_columns(bytes));
    // The terminal may have another width than before: then a recalled line is printed behind the prompt's columns, but on
    // what would be a lower row.
    let row = |(landing, width): (usize, usize)| (landing >= width).then(|| landing % width);
    let lower = best.landing.zip(best.screen.width()).and_then(row);
    let lower = lower.filter(|&column| !searched && hints.search && column >= MIN_PROMPT_COLUMNS);
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
    best.guessed = best.penalty > 0 || (searched && best.strays) || tried;
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

/// Replays with one idea of where rows end.
fn replay_at(bytes: &[u8], before: &Screen, until: Until, wrap: Wrap) -> Replay {
    let mut screen = before.clone();
    screen.set_width(if let Wrap::At(width) = wrap { Some(width) } else { None });
    let mut at = 0;
    let mut submitted = false;
    let mut broken_wraps = 0;
    let mut edge = None;
    let mut landing = None;
    let (mut lands, mut low_landings) = (false, 0);
    let mut no_repaint_to = 0;
    let last_up = memchr::memmem::rfind(bytes, b"\x1b[A").unwrap_or(0);
    while let Some((token, next)) = token_at(bytes, at) {
        if until == Until::Newline && starts_something_else(token) {
            break;
        }
        at = next;
        submitted = false;
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
        lands |= matches!(token, Token::Csi(Csi { command: b'A', marker: 0, .. }));
        if lands && matches!(token, Token::Text(_)) {
            lands = false;
            low_landings += usize::from(screen.width().is_some_and(|width| screen.offset() >= width));
            landing = landing.or_else(|| Some(screen.offset()));
        }
        match token {
            Token::Control(b'\n') => {
                submitted = screen.blank_below()
                    && !(until == Until::Newline && goes_back_up(&bytes[at..], screen.first_text()));
                if until == Until::Newline && submitted {
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
            Token::Csi(Csi { command: b'K', params: b"", .. })
                if screen.width().is_none()
                    && screen.column() > MIN_WIDTH
                    && screen.last_was_blank()
                    && starts_wide(&bytes[at..]) =>
            {
                screen.adopt_edge();
            }
            Token::Osc(payload) if is_prompt_end(payload) => screen.end_prompt(),
            _ => {}
        }
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
    }
}

/// Where a text ends that is painted at a fixed place of the screen, such as a clock in a corner, if `token` begins it by
/// keeping the place of the cursor, up to the sequence that brings the cursor back. `at` is where it goes on.
pub(crate) fn detour_end(token: Token<'_>, source: &[u8], at: usize) -> Option<usize> {
    let keeps = matches!(
        token,
        Token::Escape(b'7') | Token::Csi(Csi { command: b's', marker: 0, intermediate: 0, params: b"" })
    );
    if !keeps {
        return None;
    }
    let near = &source[..source.len().min(at + MAX_DETOUR_BYTES)];
    let (mut at, mut goes) = (at, false);
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Escape(b'8') | Token::Csi(Csi { command: b'u', marker: 0, .. }) => {
                return goes.then_some(next);
            }
            Token::Csi(Csi { command: b'H' | b'f' | b'd', marker: 0, .. }) => goes = true,
            Token::Text(_)
            | Token::Csi(Csi { command: b'm' | b'K' | b'G' | b'C' | b'D', .. })
            | Token::Ignored => {}
            _ => return None,
        }
        at = next;
    }
    None
}

/// Whether `token` begins what a line editor sends when the size of the terminal has changed: it goes up to the row of its
/// prompt, erases on the way, and paints prompt and line anew. Returns that row and how many of the bytes `after` it come
/// before the prompt; as an error how many were looked at, none of which begins it.
fn repainted(token: Token<'_>, screen: &Screen, after: &[u8]) -> Result<Option<(usize, usize)>, usize> {
    if token != Token::Control(b'\r') || !matches!(after.first(), Some(0x1b | b'\r')) {
        return Ok(None);
    }
    let (mut goes_up, mut erases) = (false, false);
    let mut at = 0;
    while let Some((token, next)) = token_at(after, at) {
        match token {
            Token::Control(b'\r') | Token::Csi(Csi { command: b'm', .. }) | Token::Osc(_) => {}
            // What is erased below tells nothing: the row of the prompt may be painted over in part.
            Token::Csi(Csi { command: b'A', marker: 0, .. }) => (goes_up, erases) = (true, false),
            Token::Csi(Csi { command: b'K' | b'J', marker: 0, params: b"", .. }) => erases = true,
            Token::Text(text) if goes_up && erases => {
                return screen.row_painted_like(text).map(|row| Some((row, at))).ok_or(at);
            }
            _ => return Err(at),
        }
        at = next;
    }
    Err(at)
}

/// The columns of the prompt that a line and the one before it, which started with `last`, have in common: up to the blank
/// behind a sign that prompts end with, or else up to the last blank.
fn prompt_columns(last: &[u8], bytes: &[u8]) -> Option<usize> {
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
    Some(unicode_width::UnicodeWidthStr::width(&start[..end]))
}

/// The columns of the prompt of a line that is like none before: up to the blank behind the first sign that prompts end
/// with, if that stands in what is printed before the cursor moves.
fn own_prompt_columns(bytes: &[u8]) -> Option<usize> {
    let mut columns = 0;
    let mut sign = false;
    let mut at = 0;
    while let Some((token, next)) = token_at(bytes, at) {
        match token {
            Token::Text(text) => {
                for character in text.utf8_chunks().next()?.valid().chars() {
                    columns += unicode_width::UnicodeWidthChar::width(character).unwrap_or(0);
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

/// Whether the cursor goes up again before the next newline: then this one was only a way down.
fn goes_back_up(bytes: &[u8], first: &str) -> bool {
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

/// Whether a return stands in front of some text.
pub(crate) fn begins_with_return(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\r', text, ..] if *text >= b' ' || *text == 0x1b)
}

/// Whether a character of two columns comes next.
fn starts_wide(bytes: &[u8]) -> bool {
    let window = &bytes[..bytes.len().min(4)];
    let first = window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    first.and_then(unicode_width::UnicodeWidthChar::width) == Some(2)
}

/// Whether a line editor that marks its edits, or a full-screen program, takes over.
fn starts_something_else(token: Token<'_>) -> bool {
    let Token::Csi(csi) = token else { return false };
    csi.private_mode(b"2004") == Some(true) || csi.alternate_screen() == Some(true)
}

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

/// Whether an OSC says that the prompt ends here.
fn is_prompt_end(payload: &[u8]) -> bool {
    matches!(payload, [b'1', b'3', b'3', b';', b'B', ..] | [b'6', b'3', b'3', b';', b'B', ..])
}

/// Whether the first row still starts as it was first printed; a line editor never changes its prompt.
fn screen_keeps_start(screen: &Screen) -> bool {
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
