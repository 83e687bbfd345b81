//! One walk over the bytes of a transcript: plain lines are copied, edited ones replayed, full-screen programs flattened.

mod rows;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Range;

use self::rows::returns_from_below;
use super::colour::Colours;
use super::page::{Heads, LineMark, Mark, MarkKind, Page};
use super::replay::{Hints, Replay, Until, replay, returns_before, wraps_before_wide};
use super::run::copy_run;
use super::screen::Screen;
use super::sideways::LongLine;
use super::strip::Strip;
use super::token::{Csi, Token, colour_len, token_at};
use full_screen::ScreenSwitch;
use hidden::{BOTTOM, Place};

mod again;
mod blanks;
mod console;
mod edit;
mod full_screen;
mod glued;
mod hidden;
mod instant;
mod menu;
mod overprint;
mod repaint;

/// Most columns of one overprinted line of output before it is flushed.
const MAX_LINE_COLUMNS: usize = 32 * 1024;

/// Bytes printed between two looks at the length of an overprinted line.
const PRINT_STEP_BYTES: usize = 16 * 1024;

/// How often the source may be replayed before other widths are no longer tried, in multiples of its size; more is a
/// hostile transcript.
const MAX_REPLAYED_SHARE: usize = 2;

/// How much may be replayed in any case.
const MIN_REPLAYED_BYTES: usize = 1024 * 1024;

/// Least blanks after which the mark of an unfinished line is recognised.
const MIN_MARK_BLANKS: usize = 19;

/// How much of the start of a line is kept, to know its prompt again.
const MAX_START_BYTES: usize = 128;

/// How many lines of an edit are kept so.
const MAX_START_LINES: usize = 3;

/// Most marks of a page. A line with the shape of a prompt has four bytes at least, its mark 64; lines beyond them are
/// output, which costs nothing.
pub(crate) const MAX_MARKS: usize = 250_000;

/// Most of them that are edits. An edit has some twenty bytes at least, and takes some 700 until it is a command; the
/// text of those beyond is output.
pub(crate) const MAX_EDITS: usize = 100_000;

/// How much of the end of a long line is searched for a prompt.
const TAIL_BYTES: usize = 200;

/// How often a mark is met in usual transcripts.
const USUAL_MARK_BYTES: usize = 512;

/// Room for the bytes that are copied before it is known how many are wanted.
const COPIED_BYTES: usize = 64;

/// Most bytes of a prompt that is painted before its edit is marked.
const MAX_PAINTED_BYTES: usize = 4 * 1024;

/// What is on the screen besides lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Lines,
    /// The alternate screen.
    Alternate,
    /// Cursor addressing while the keypad is in application mode, without the alternate screen.
    Addressed,
}

/// Renders `source`. `width` is the width in columns, if it is known at the start; `H` tells which lines have the shape
/// of a prompt.
pub(crate) fn render<H: Heads>(source: &[u8], width: Option<usize>) -> Page {
    let mut renderer = Renderer::<H> {
        source,
        at: 0,
        page: Page::default(),
        edits: 0,
        line_text: 0,
        line_source: 0,
        line: LineMark::default(),
        painted: None,
        painted_prompt: String::new(),
        mode: Mode::Lines,
        application_keys: false,
        program: 0..0,
        keypad_given_back: None,
        asked_returns: None,
        returns_ahead: None,
        next_switch: ScreenSwitch::default(),
        stray_to: 0,
        painted_to: None,
        width,
        replayed: 0,
        last_start: Vec::new(),
        spare: Screen::new(None),
        strip: Strip::default(),
        long_lines: VecDeque::new(),
        suspect: false,
        looks: 0,
        console_row: None,
        colours: Colours::default(),
        line_colours: Colours::default(),
        place: BOTTOM,
        wiped: 0,
        sent_bytes: 0,
        skipped: 0,
        heads: PhantomData,
    };
    renderer.page.marks.reserve(source.len() / USUAL_MARK_BYTES);
    renderer.page.text.reserve(source.len() + COPIED_BYTES);
    while renderer.at < source.len() {
        match renderer.mode {
            Mode::Lines => renderer.plain(),
            Mode::Alternate | Mode::Addressed => renderer.full_screen(),
        }
    }
    if renderer.mode == Mode::Lines {
        renderer.note_line(false);
    }
    renderer.page
}

/// What a mode switch asks for.
enum Switch {
    None,
    OpenEdit,
    FullScreen(Mode),
}

struct Renderer<'a, H> {
    source: &'a [u8],
    at: usize,
    page: Page,
    /// How many marks of the page are edits.
    edits: usize,
    /// Where the line being printed starts in the text.
    line_text: usize,
    /// Where it starts in the source.
    line_source: usize,
    line: LineMark,
    /// Where a prompt was begun by resetting all attributes and erasing the screen below: zsh does so before it marks
    /// its edit. Text and source.
    painted: Option<(usize, usize)>,
    /// The last prompt that was painted so, as far as it stands on the row of the cursor.
    painted_prompt: String,
    mode: Mode,
    application_keys: bool,
    /// Where a program has the keypad that is not a line editor: no shell prints a prompt there.
    program: Range<usize>,
    /// Whether some edit of the source ends with the keypad in its usual mode; none if nobody asked.
    keypad_given_back: Option<bool>,
    /// How many returns stand before the newline of a line whose editor has asked for the cursor.
    asked_returns: Option<usize>,
    /// How many stand before those of most such lines, if the first one had to ask.
    returns_ahead: Option<usize>,
    /// Where the alternate screen is switched next; a place that is passed tells nothing.
    next_switch: ScreenSwitch,
    /// Up to here no shell marks its edits, whatever is switched on.
    stray_to: usize,
    /// Where a full-screen program painted last, if it does not leave its screen.
    painted_to: Option<usize>,
    width: Option<usize>,
    replayed: usize,
    /// How the last line started that may hold a prompt.
    last_start: Vec<u8>,
    /// An empty screen for the next overprinted line, so that its memory is used again.
    spare: Screen,
    /// The same for lines that a row of bytes is enough for.
    strip: Strip,
    /// The last lines that were longer than their row and shown in parts.
    long_lines: VecDeque<LongLine>,
    /// The line being printed may have a byte that a prompt has.
    suspect: bool,
    /// How often it was looked at as a whole.
    looks: usize,
    /// The number of its row, if a Windows console told it.
    console_row: Option<usize>,
    colours: Colours,
    /// The colours at the start of the line.
    line_colours: Colours,
    /// The row of the cursor.
    place: Place,
    /// Where in the source the screen was wiped last.
    wiped: usize,
    /// Bytes of lost text that were met.
    sent_bytes: usize,
    /// By how many bytes texts are longer than what they stand for.
    skipped: usize,
    heads: PhantomData<H>,
}

impl<H: Heads> Renderer<'_, H> {
    /// Copies lines until one needs more than copying.
    fn plain(&mut self) {
        if self.place != BOTTOM {
            return self.overprinted();
        }
        while self.at < self.source.len() && self.mode == Mode::Lines {
            let rest = &self.source[self.at..];
            let (run, suspect) = copy_run(rest, &mut self.page.text, H::suspects);
            self.suspect |= suspect;
            if self.colours.hide() {
                self.conceal(&rest[..run], self.at);
            }
            self.at += run;
            // Nearly all lines end like this: `script` records one return more than the terminal was sent.
            if rest[run..].starts_with(b"\r\r\n") {
                self.at += 3;
                self.page.newlines[2] += 1;
                if !self.wraps(2) {
                    self.end_line();
                }
                continue;
            }
            let Some(&byte) = self.source.get(self.at) else { break };
            match byte {
                b'\n' => {
                    self.at += 1;
                    if !self.wraps(returns_before(&self.source[..self.at])) {
                        self.end_line();
                    }
                }
                b'\r' => {
                    let returns = self.source[self.at..].iter().take_while(|&&byte| byte == b'\r').count();
                    let ends = matches!(self.source.get(self.at + returns), None | Some(b'\n'));
                    if !ends && self.page.text.len() > self.line_text {
                        return self.overprinted();
                    }
                    self.at += returns;
                    if ends && let Some(count) = self.page.newlines.get_mut(returns) {
                        *count += 1;
                    }
                }
                0x08 => {
                    if self.page.text.len() > self.line_text {
                        return self.overprinted();
                    }
                    self.at += 1;
                }
                0x1b => {
                    let colour = colour_len(&self.source[self.at..]);
                    if colour > 0 {
                        let sequence = &self.source[self.at..self.at + colour];
                        if sequence.ends_with(b"m") {
                            self.colours.apply(&sequence[2..colour - 1]);
                            self.line.styled = self.page.text.len() - self.line_text;
                        } else if wraps_before_wide(
                            self.source,
                            self.at + colour,
                            self.page.text.len() - self.line_text,
                        ) {
                            return self.overprinted();
                        }
                        self.at += colour;
                        continue;
                    }
                    let Some((token, next)) = token_at(self.source, self.at) else { break };
                    if !self.plain_sequence(token, next) {
                        return self.overprinted();
                    }
                }
                _ => {
                    self.line.bell |= byte == 0x07;
                    self.at += 1;
                }
            }
        }
    }

    /// Handles a sequence that leaves the cursor at the end of the line; `false` if it does not.
    fn plain_sequence(&mut self, token: Token<'_>, next: usize) -> bool {
        let column = self.page.text.len() - self.line_text;
        match token {
            Token::Csi(Csi { command: b'm' | b'c' | b'q' | b't' | b'r' | b'l' | b'h' | b'n', .. })
            | Token::Osc(_) => {
                if matches!(token, Token::Csi(Csi { command: b'n', params: b"6", .. })) {
                    self.line.prompt_end = Some(column);
                }
                let start = self.at;
                self.at = next;
                if let Token::Osc([b'8', b';', link @ ..]) = token {
                    self.note_link(link, start);
                }
                match self.switch(token) {
                    Switch::None => {}
                    Switch::OpenEdit => self.open_edit(start, next, None),
                    Switch::FullScreen(mode) => self.enter(mode),
                }
                true
            }
            // The cursor stands at the end, so there is nothing to erase.
            Token::Csi(Csi { command: b'K', marker: 0, .. }) if column == 0 || token_is_default(token) => {
                self.at = next;
                true
            }
            Token::Csi(Csi { command: b'J', marker: 0, .. }) if token_is_default(token) => {
                if column == 0 {
                    self.note_painting(next);
                }
                self.at = next;
                true
            }
            Token::TooLong => {
                self.page.sequence_too_long = true;
                self.at = next;
                true
            }
            Token::Escape(b'7' | b'8' | b'D' | b'E' | b'M' | b'c') | Token::Csi(_) => false,
            _ => {
                self.at = next;
                true
            }
        }
    }

    fn replay(&mut self, bytes: &[u8], before: &Screen, until: Until) -> Replay {
        let hints = Hints { search: self.may_search(), last: &self.last_start };
        let (replay, used) = replay(bytes, before, until, &mut self.width, hints);
        self.replayed += used;
        replay
    }

    /// Whether the effort so far is in proportion to the source.
    fn may_search(&self) -> bool {
        self.replayed <= self.source.len().saturating_mul(MAX_REPLAYED_SHARE) + MIN_REPLAYED_BYTES
    }

    /// Looks at modes that decide what follows.
    fn switch(&mut self, token: Token<'_>) -> Switch {
        match token {
            Token::Csi(csi) => {
                if let Some(on) = csi.private_mode(b"1") {
                    self.application_keys = on;
                    let start =
                        if self.page.text.len() > self.line_text { self.at } else { self.line_source };
                    self.program = if on { start..self.keypad_end() } else { 0..0 };
                }
                if csi.private_mode(b"2004") == Some(true) && self.at > self.stray_to {
                    return Switch::OpenEdit;
                }
                if csi.alternate_screen() == Some(true) && !self.stays_line_by_line() {
                    return Switch::FullScreen(Mode::Alternate);
                }
                Switch::None
            }
            Token::Osc([b'1' | b'6', b'3', b'3', b';', b'A', ..]) => Switch::OpenEdit,
            _ => Switch::None,
        }
    }

    fn enter(&mut self, mode: Mode) {
        self.break_line();
        self.mode = mode;
        self.painted_to = self.last_painting();
    }

    fn break_text(&mut self) {
        if self.page.text.last().is_some_and(|&byte| byte != b'\n') {
            self.page.text.push(b'\n');
        }
    }

    /// Ends the line where a program moved the cursor away.
    fn break_line(&mut self) {
        if self.page.text.len() > self.line_text {
            self.note_line(false);
            self.page.text.push(b'\n');
        }
        self.start_line();
    }

    /// Ends the line with a newline.
    fn end_line(&mut self) {
        if self.line.prompt_end.is_some() && self.source[..self.at].ends_with(b"\n") {
            let returns = returns_before(&self.source[..self.at]);
            self.asked_returns = Some(self.asked_returns.map_or(returns, |usual| usual.min(returns)));
        }
        self.note_line(true);
        self.page.text.push(b'\n');
        self.start_line();
    }

    fn start_line(&mut self) {
        self.line_text = self.page.text.len();
        self.line_source = self.at;
        self.line_colours = self.colours;
        self.line = LineMark::default();
        self.suspect = false;
        self.looks = 0;
        self.console_row = None;
        if self.painted.is_some_and(|(_, source)| self.at - source > MAX_PAINTED_BYTES) {
            self.painted = None;
        }
    }

    /// Remembers the line if it may hold a prompt.
    #[inline]
    fn note_line(&mut self, newline: bool) {
        let line = &self.page.text[self.line_text..];
        // Nearly all lines of output end here.
        if !self.suspect && line.len() <= TAIL_BYTES && !line.first().is_some_and(|&first| H::is_start(first))
        {
            return;
        }
        self.note_suspect(newline);
    }

    fn note_suspect(&mut self, newline: bool) {
        if self.program.contains(&self.line_source) && self.at <= self.program.end {
            return;
        }
        let line = &self.page.text[self.line_text..];
        // Behind output without a newline, a prompt stands far from the start.
        let tail = &line[line.len().saturating_sub(TAIL_BYTES)..];
        let styled = self.line.styled;
        if H::is_head(line, self.suspect, styled)
            || (line.len() > TAIL_BYTES && H::is_head(tail, self.suspect, 0))
        {
            if self.page.marks.len() >= MAX_MARKS {
                self.page.too_many_marks = true;
                return;
            }
            self.last_start.clear();
            self.last_start.extend_from_slice(&line[..line.len().min(MAX_START_BYTES)]);
            let source = &self.source[..self.at];
            // Some editors go down a row instead, and to its start.
            let returns = match newline {
                true if source.ends_with(b"\n") => returns_before(source),
                went_down => usize::from(went_down),
            };
            let interrupted = newline && ends_with_interrupt(source);
            let mark = LineMark { end: self.page.text.len(), newline, interrupted, returns, ..self.line };
            self.page.marks.push(Mark {
                text: self.line_text,
                source: self.line_source,
                kind: MarkKind::Line(mark),
            });
        }
    }
}

/// Whether the kernel or a line editor has shown that the interrupt key was pressed: no text follows but the newline.
pub(super) fn ends_with_interrupt(bytes: &[u8]) -> bool {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    bytes[..end].ends_with(b"^C")
}

/// Whether the sequence has no parameter, or 0.
fn token_is_default(token: Token<'_>) -> bool {
    matches!(token, Token::Csi(csi) if csi.param(0, 0) == 0)
}
