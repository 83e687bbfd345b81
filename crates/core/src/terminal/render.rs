//! One walk over the bytes of a transcript: plain lines are copied, edited ones replayed, full-screen programs flattened.

use std::marker::PhantomData;

use super::colour::Colours;
use super::fence::{edit_span, is_visible};
use super::page::{Close, Edit, Heads, LineMark, Mark, MarkKind, Page};
use super::replay::{Replay, Until, is_soft_wrap, replay};
use super::screen::Screen;
use super::strip::replay_strip;
use super::token::{Csi, Token, colour_len, text_run, token_at};
use crate::session::Flag;
use hidden::{BOTTOM, Place};

mod hidden;

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

/// How much of the end of a long line is searched for a prompt.
const TAIL_BYTES: usize = 200;

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
        line_text: 0,
        line_source: 0,
        line: LineMark::default(),
        painted: None,
        mode: Mode::Lines,
        application_keys: false,
        width,
        replayed: 0,
        spare: Screen::new(None),
        suspect: false,
        colours: Colours::default(),
        line_colours: Colours::default(),
        place: BOTTOM,
        wiped: 0,
        sent_bytes: 0,
        heads: PhantomData,
    };
    renderer.page.text.reserve(source.len());
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
    /// Where the line being printed starts in the text.
    line_text: usize,
    /// Where it starts in the source.
    line_source: usize,
    line: LineMark,
    /// Where a prompt was begun by resetting all attributes and erasing the screen below: zsh does so before it marks
    /// its edit. Text and source.
    painted: Option<(usize, usize)>,
    mode: Mode,
    application_keys: bool,
    width: Option<usize>,
    replayed: usize,
    /// An empty screen for the next overprinted line, so that its memory is used again.
    spare: Screen,
    /// The line being printed may have a byte that a prompt has.
    suspect: bool,
    colours: Colours,
    /// The colours at the start of the line.
    line_colours: Colours,
    /// The row of the cursor.
    place: Place,
    /// Where in the source the screen was wiped last.
    wiped: usize,
    /// Bytes of lost text that were met.
    sent_bytes: usize,
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
            let (run, suspect) = text_run(rest, H::is_suspect);
            self.page.text.extend_from_slice(&rest[..run]);
            self.suspect |= suspect;
            if self.colours.hide() {
                self.conceal(&rest[..run], self.at);
            }
            self.at += run;
            // Nearly all lines end like this: `script` records one return more than the terminal was sent.
            if rest[run..].starts_with(b"\r\r\n") {
                self.at += 3;
                self.end_line();
                continue;
            }
            let Some(&byte) = self.source.get(self.at) else { break };
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.end_line();
                }
                b'\r' => {
                    let returns = self.source[self.at..].iter().take_while(|&&byte| byte == b'\r').count();
                    let ends = matches!(self.source.get(self.at + returns), None | Some(b'\n'));
                    if !ends && self.page.text.len() > self.line_text {
                        return self.overprinted();
                    }
                    self.at += returns;
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

    /// Replays the current line from its start, because it was overprinted.
    fn overprinted(&mut self) {
        let mut screen = std::mem::replace(&mut self.spare, Screen::new(None));
        self.overprint(&mut screen);
        screen.reset();
        self.spare = screen;
    }

    fn overprint(&mut self, screen: &mut Screen) {
        self.page.text.truncate(self.line_text);
        self.line.bell = false;
        self.at = self.line_source;
        self.colours = self.line_colours;
        let mut head = None;
        while let Some((token, next)) = token_at(self.source, self.at) {
            let start = self.at;
            self.at = next;
            self.watch(token, start);
            match token {
                Token::Text(text) => self.print_in_steps(screen, text),
                Token::Control(b'\n') => {
                    self.flush(screen);
                    return self.end_line();
                }
                Token::Control(b'\r') => {
                    if self.unfinished_line_mark(screen) {
                        continue;
                    }
                    let head = *head.get_or_insert_with(|| self.shows_head(screen));
                    if head
                        && screen.column() > MIN_MARK_BLANKS
                        && is_soft_wrap(screen, &self.source[next..])
                        && self.replay_line()
                    {
                        return;
                    }
                    screen.apply(token);
                }
                Token::Csi(csi) if csi.is_vertical() => {
                    let up = csi.command == b'A' && head.unwrap_or_else(|| self.shows_head(screen));
                    if up && self.replay_line() {
                        return;
                    }
                    head = None;
                    self.flush(screen);
                    self.break_line();
                    if self.application_keys && matches!(csi.command, b'H' | b'f' | b'J') {
                        return self.enter(Mode::Addressed);
                    }
                }
                Token::Escape(b'8' | b'D' | b'E' | b'M' | b'c') => {
                    self.flush(screen);
                    self.break_line();
                }
                Token::Csi(Csi { command: b'J', .. }) if screen.column() == 0 => {
                    screen.apply(token);
                    self.note_painting(next);
                }
                _ => {
                    self.page.sequence_too_long |= token == Token::TooLong;
                    match self.switch(token) {
                        Switch::None => screen.apply(token),
                        Switch::OpenEdit => return self.open_edit(start, next, Some(screen)),
                        Switch::FullScreen(mode) => {
                            self.flush(screen);
                            return self.enter(mode);
                        }
                    }
                }
            }
        }
        self.flush(screen);
    }

    /// Prints a run that may be long, flushing the line when it grows beyond its limit.
    fn print_in_steps(&mut self, screen: &mut Screen, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            let mut step = rest.len().min(PRINT_STEP_BYTES);
            // A step ends before a character, never inside one.
            while step < rest.len() && step > PRINT_STEP_BYTES - 4 && rest[step] & 0xc0 == 0x80 {
                step -= 1;
            }
            screen.print(&rest[..step]);
            rest = &rest[step..];
            if screen.column() > MAX_LINE_COLUMNS || screen.overflow {
                self.page.line_too_long = true;
                self.line.cut = true;
                self.flush(screen);
            }
        }
    }

    /// Moves what the screen shows to the text.
    fn flush(&mut self, screen: &mut Screen) {
        self.line.bell |= screen.bell;
        self.suspect = true;
        self.page.invalid_utf8 |= screen.invalid_utf8;
        let text = self.page.text.len();
        self.line.prompt_end = screen.write_to(&mut self.page.text).or(self.line.prompt_end);
        self.note_lost(screen, text);
        if screen.overflow {
            self.page.line_too_long = true;
            self.line.cut = true;
        }
        screen.reset();
    }

    /// Keeps what was lost on the line whose text starts at `text`.
    fn note_lost(&mut self, screen: &mut Screen, text: usize) {
        if !screen.lost_nothing()
            && let Some(mut lost) = screen.lost(&self.page.text[text..], false)
        {
            // The reading ends with what is shown.
            let shown = String::from_utf8_lossy(&self.page.text[text..]);
            if !shown.trim().is_empty() && !lost.text.is_empty() {
                lost.text.push('\n');
                lost.text.push_str(shown.trim_end());
            }
            self.keep_lost(lost, self.line_source, self.line_text, false);
        }
    }

    /// zsh and fish fill a line with blanks after a mark, so that the prompt starts on a fresh line whether or not the
    /// output ended with a newline. The number of blanks is the width.
    fn unfinished_line_mark(&mut self, screen: &mut Screen) -> bool {
        if screen.column() <= MIN_MARK_BLANKS || !screen.last_was_blank() {
            return false;
        }
        let after = &self.source[self.at..];
        if !after.starts_with(b" \r") && !after.starts_with("⏎ \r".as_bytes()) {
            return false;
        }
        let text: String = screen.lines().into_iter().map(|line| line.text).collect();
        let before = text.trim_end_matches(' ');
        let blanks = text.len() - before.len();
        let Some(output) = ["%", "#", "⏎"].iter().find_map(|mark| before.strip_suffix(mark)) else {
            return false;
        };
        if blanks < MIN_MARK_BLANKS {
            return false;
        }
        self.width = Some(blanks + 1);
        let start = self.page.text.len();
        if !output.is_empty() {
            self.page.text.extend_from_slice(output.as_bytes());
            self.suspect = true;
        }
        self.note_lost(screen, start);
        if !output.is_empty() {
            self.break_line();
        }
        screen.reset();
        true
    }

    /// Whether the screen shows a line with the shape of a prompt.
    fn shows_head(&self, screen: &Screen) -> bool {
        screen.column() > 0
            && screen.lines().first().is_some_and(|line| H::is_head(line.text.as_bytes(), true))
    }

    /// Replays the current line, which has the shape of a prompt, as one that was edited over several rows.
    fn replay_line(&mut self) -> bool {
        if !self.may_search() {
            return false;
        }
        let start = self.line_source;
        let replay = self.replay(&self.source[start..], &Screen::new(None), Until::Newline);
        if replay.penalty >= 100 || start + replay.consumed < self.at {
            return false;
        }
        let mut at = self.at;
        self.at = start + replay.consumed;
        while let Some((token, next)) = token_at(&self.source[..self.at], at) {
            self.watch(token, at);
            at = next;
        }
        self.place = BOTTOM;
        let mut screen = replay.screen;
        while !screen.cleared.is_empty() {
            let line = screen.cleared.remove(0);
            self.page.text.extend_from_slice(line.as_bytes());
            self.suspect = true;
            self.break_line();
        }
        self.flush(&mut screen);
        if replay.submitted {
            self.end_line();
        }
        true
    }

    fn replay(&mut self, bytes: &[u8], before: &Screen, until: Until) -> Replay {
        let search = self.may_search();
        let (replay, used) = replay(bytes, before, until, &mut self.width, search);
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
                }
                if csi.private_mode(b"2004") == Some(true) {
                    return Switch::OpenEdit;
                }
                if csi.alternate_screen() == Some(true) {
                    return Switch::FullScreen(Mode::Alternate);
                }
                Switch::None
            }
            Token::Osc([b'1' | b'6', b'3', b'3', b';', b'A', ..]) => Switch::OpenEdit,
            _ => Switch::None,
        }
    }

    /// Notes that a prompt may begin here.
    fn note_painting(&mut self, next: usize) {
        let erase = self.source[..next].strip_suffix(b"\x1b[J");
        if erase.is_some_and(|before| before.ends_with(b"\x1b[24m")) {
            self.painted = Some((self.line_text, next));
        }
    }

    /// Reads an edit whose opening mark lies at `mark..start`. `line` is the current line if it was overprinted.
    fn open_edit(&mut self, mark: usize, start: usize, line: Option<&mut Screen>) {
        let integration = self.source[mark..start].starts_with(b"\x1b]");
        let painted = self.painted.take();
        let mut before = Screen::new(None);
        let mut aside = String::new();
        let mut source = mark;
        if let Some((text, at)) = painted.filter(|_| !integration) {
            source = at;
            self.page.text.truncate(text);
            // No edit was opened since the painting began, so what it marked is at the end.
            while self
                .page
                .marks
                .pop_if(|mark| mark.text >= text && matches!(mark.kind, MarkKind::Line(_)))
                .is_some()
            {}
            let mut place = at;
            while let Some((token, next)) = token_at(&self.source[..mark], place) {
                before.apply(token);
                place = next;
            }
            aside = before.begin_edit();
        } else {
            if let Some(screen) = line {
                self.flush(screen);
            }
            if self.page.text.len() > self.line_text {
                self.note_line(false);
            }
        }
        let span = edit_span(self.source, start, integration, self.application_keys, &mut self.colours);
        self.application_keys = span.application_keys;
        self.at = span.next;
        if !span.newline && span.close == Close::Fence {
            self.skip_newline();
        }
        let painted = painted.is_some() && !integration;
        let bytes = &self.source[start..span.end];
        let strip = if painted { None } else { replay_strip(bytes, self.width) };
        let shown = match strip {
            Some(strip) => {
                self.replayed += bytes.len();
                Edit::of_strip(strip)
            }
            None => Edit::of_replay(self.replay(bytes, &before, Until::End)),
        };
        self.place = BOTTOM;
        if span.concealed {
            self.hide(source, span.end, Flag::Concealed);
        }
        if shown.wiped {
            self.wipe(start);
        }
        let mut shown = shown;
        if let Some(lost) = shown.lost.take() {
            self.keep_lost(lost, source, self.page.text.len(), true);
        }
        let overflow = shown.cut;
        let cut = overflow || span.close == Close::TooLong;
        self.page.line_too_long |= cut;
        self.page.invalid_utf8 |= shown.invalid_utf8;
        let edit =
            Edit { close: span.close, newline: span.newline, painted, aside, integration, cut, ..shown };
        if overflow {
            // What does not fit the screen is kept as it came.
            self.push_stripped(start, span.end);
        }
        let blank = |text: &str| text.trim().is_empty();
        if !edit.lines.iter().all(|line| blank(&line.text)) || !edit.cleared.is_empty() {
            let text = self.page.text.len();
            self.page.marks.push(Mark { text, source, kind: MarkKind::Edit(Box::new(edit)) });
        }
        self.start_line();
    }

    /// Copies the text of a part of the source, one line for each of its lines.
    fn push_stripped(&mut self, start: usize, end: usize) {
        let mut at = start;
        while let Some((token, next)) = token_at(&self.source[..end], at) {
            match token {
                Token::Text(text) => self.page.text.extend_from_slice(text),
                Token::Control(b'\n' | b'\r') => self.break_text(),
                _ => {}
            }
            at = next;
        }
        self.break_text();
    }

    fn skip_newline(&mut self) {
        let returns = self.source[self.at..].iter().take_while(|&&byte| byte == b'\r').count();
        if self.source.get(self.at + returns) == Some(&b'\n') {
            self.at += returns + 1;
        }
    }

    fn enter(&mut self, mode: Mode) {
        self.break_line();
        self.mode = mode;
    }

    /// Flattens a full-screen program: each place that it prints at gives a line.
    fn full_screen(&mut self) {
        let start = self.at;
        let mut visible = false;
        while let Some((token, next)) = token_at(self.source, self.at) {
            self.at = next;
            match token {
                Token::Text(text) => {
                    visible = visible || is_visible(text);
                    self.page.text.extend_from_slice(text);
                }
                Token::Control(b'\n' | b'\r') => self.break_text(),
                Token::Csi(Csi { command: b'm', marker: 0, params, .. }) => self.colours.apply(params),
                Token::Csi(csi) if csi.alternate_screen() == Some(false) => break,
                Token::Csi(csi) if self.mode == Mode::Addressed && csi.private_mode(b"1") == Some(false) => {
                    self.application_keys = false;
                    break;
                }
                Token::Csi(csi) if self.mode == Mode::Addressed && csi.alternate_screen() == Some(true) => {
                    self.mode = Mode::Alternate;
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
        self.mode = Mode::Lines;
        self.start_line();
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
        if self.painted.is_some_and(|(_, source)| self.at - source > MAX_PAINTED_BYTES) {
            self.painted = None;
        }
    }

    /// Remembers the line if it may hold a prompt.
    fn note_line(&mut self, newline: bool) {
        let line = &self.page.text[self.line_text..];
        // Behind output without a newline, a prompt stands far from the start.
        let tail = &line[line.len().saturating_sub(TAIL_BYTES)..];
        if H::is_head(line, self.suspect) || (line.len() > TAIL_BYTES && H::is_head(tail, self.suspect)) {
            let mark = LineMark { end: self.page.text.len(), newline, ..self.line };
            self.page.marks.push(Mark {
                text: self.line_text,
                source: self.line_source,
                kind: MarkKind::Line(mark),
            });
        }
    }
}

/// Whether the sequence has no parameter, or 0.
fn token_is_default(token: Token<'_>) -> bool {
    matches!(token, Token::Csi(csi) if csi.param(0, 0) == 0)
}
