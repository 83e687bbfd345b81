//! Lines that were printed over: the cursor went back on them, or part of them was erased.

use super::hidden::BOTTOM;
use super::menu::{Menu, menu};
use super::{
    MAX_LINE_COLUMNS, MIN_MARK_BLANKS, Mode, PRINT_STEP_BYTES, Renderer, Switch, returns_before,
    returns_from_below,
};
use crate::terminal::page::Heads;
use crate::terminal::replay::{Until, aside_end, detour_end, is_soft_wrap, wraps_before_wide};
use crate::terminal::screen::Screen;
use crate::terminal::sent::Lost;
use crate::terminal::sideways::{
    MAX_BYTES as MAX_SIDEWAYS_BYTES, MAX_LONG_BYTES, may_be_sideways, straightened,
};
use crate::terminal::strip::Strip;
use crate::terminal::token::{Csi, Token, token_at};

/// How an editor that has the terminal as it is begins the row below a line that was submitted (reline, the editor of irb).
const FRESH_ROW: &[u8] = b"\x1b[1G\x1b[K";

/// Where it begins to paint a row.
const FIRST_COLUMN: &[u8] = b"\x1b[1G";

/// How it goes on with a line that is longer than its row.
const NEXT_ROW: &[u8] = b"\x1b[1G\x1b[1G";

/// Most lines that are remembered because they were longer than their row.
const MAX_LONG_LINES: usize = 16;

impl<H: Heads> Renderer<'_, H> {
    /// Replays the current line from its start, because it was overprinted.
    pub(super) fn overprinted(&mut self) {
        if self.place == BOTTOM
            && self.line.prompt_end.is_none()
            && (self.overprint_sideways() || self.overprint_strip())
        {
            return;
        }
        let mut screen = std::mem::replace(&mut self.spare, Screen::new(None));
        self.overprint(&mut screen);
        screen.reset();
        self.spare = screen;
    }

    /// Replays the current line as if its row had no end; `false` if it is no line that is shown in parts.
    fn overprint_sideways(&mut self) -> bool {
        let rest = &self.source[self.line_source..];
        let rest = &rest[..rest.len().min(MAX_SIDEWAYS_BYTES)];
        let recalled = !self.long_lines.is_empty();
        let length = memchr::memchr(b'\n', rest);
        let Some(length) = length.filter(|&length| may_be_sideways(&rest[..length], recalled)) else {
            return false;
        };
        let Some(straight) = straightened(&rest[..length], self.long_lines.iter().rev()) else {
            return false;
        };
        if self.long_lines.len() == MAX_LONG_LINES {
            self.long_lines.pop_front();
        }
        self.line.recalled = straight.recalled;
        self.page.text.truncate(self.line_text);
        let mut screen = std::mem::replace(&mut self.spare, Screen::new(None));
        let mut at = 0;
        while let Some((token, next)) = token_at(&straight.bytes, at) {
            if let Token::Csi(Csi { command: b'm', params, .. }) = token {
                self.colours.apply(params);
            }
            screen.apply(token);
            at = next;
        }
        if straight.text.len() <= MAX_LONG_BYTES {
            self.long_lines.push_back(straight.into_long_line());
        }
        self.at = self.line_source + length + 1;
        self.flush(&mut screen);
        self.spare = screen;
        self.end_line();
        true
    }

    /// Replays the current line on a row of bytes; `false` if that is not enough for it.
    fn overprint_strip(&mut self) -> bool {
        let mut row = std::mem::take(&mut self.strip);
        row.reset();
        let done = self.overprint_row(&mut row);
        self.strip = row;
        done
    }

    fn overprint_row(&mut self, row: &mut Strip) -> bool {
        let mut at = self.line_source;
        let mut colours = self.line_colours;
        let mut bell = false;
        let mut head = None;
        let (mut styled, mut edited) = (0, false);
        let mut asks_anew = false;
        while let Some((token, next)) = token_at(self.source, at) {
            match token {
                Token::Text(text) if !colours.hide() && row.print(text, usize::MAX) => {}
                Token::Control(b'\r') => {
                    let rest = &self.source[next..];
                    let head = *head.get_or_insert_with(|| H::is_head(&row.bytes, true, styled));
                    // Such a line may be a prompt, or the mark of an unfinished line. A line editor wraps with a blank, or
                    // with the first character of the next row, which it then prints once more.
                    let last = row.last().filter(|&last| last == b' ' || rest.first() == Some(&last));
                    let wraps = row.column > MIN_MARK_BLANKS && last.is_some();
                    if wraps && (head || rest.starts_with(b" \r") || rest.starts_with("⏎".as_bytes())) {
                        return false;
                    }
                    let line = || String::from_utf8(row.bytes.clone()).ok();
                    if self.glued_prompt(line, next).is_some()
                        || (row.column > 0 && self.prompt_over_output(line, next))
                    {
                        return false;
                    }
                    row.carriage_return();
                    asks_anew = true;
                }
                Token::Control(0x08) => {
                    edited = true;
                    row.backspace(1);
                }
                Token::Control(0x07) => bell = true,
                Token::Csi(Csi { command: b'm', marker: 0, intermediate: 0, params }) => {
                    colours.apply(params);
                    if !edited {
                        styled = row.column;
                    }
                }
                _ if wraps_before_wide(self.source, next, row.column) => return false,
                Token::Csi(Csi { command: b'K', marker: 0, intermediate: 0, params: b"" | b"0" }) => {
                    row.erase_from(row.column);
                    asks_anew = true;
                }
                Token::Csi(Csi { command: b'K', marker: 0, intermediate: 0, params: b"2" }) => {
                    row.erase_from(0);
                    asks_anew = true;
                }
                Token::Osc(payload) if !matches!(payload, [b'1' | b'6', b'3', b'3', ..]) => {}
                // Only a screen knows what lies below the line.
                Token::Control(b'\n')
                    if returns_from_below(&self.source[next..]) && H::is_head(&row.bytes, true, styled) =>
                {
                    return false;
                }
                Token::Control(b'\n') => {
                    self.page.text.truncate(self.line_text);
                    self.page.text.extend_from_slice(&row.bytes);
                    self.suspect = true;
                    self.line.bell = bell;
                    self.line.styled = styled.min(row.bytes.len());
                    self.colours = colours;
                    self.at = next;
                    if !row.trail.is_empty() {
                        let lost = row.trail.lost(&row.bytes, false);
                        self.note_line_lost(lost, self.line_text);
                    }
                    self.end_line();
                    return true;
                }
                _ => return false,
            }
            // What stands on an emptied row is another line.
            let asks = std::mem::take(&mut asks_anew) && head == Some(false);
            if asks && row.is_blank() && (row.bytes.is_empty() || self.may_look()) {
                head = None;
            }
            at = next;
        }
        false
    }

    fn overprint(&mut self, screen: &mut Screen) {
        self.page.text.truncate(self.line_text);
        self.line.bell = false;
        self.at = self.line_source;
        self.colours = self.line_colours;
        let mut head = None;
        // Where what stands on the row begins, if the row was emptied.
        let mut row_start = None;
        // Up to here there is no menu that ends.
        let mut no_menu_to = 0;
        // How many rows of the line lie above the cursor.
        let mut wrapped_rows = 0;
        while let Some((token, next)) = token_at(self.source, self.at) {
            let start = self.at;
            self.at = next;
            self.watch(token, start);
            if matches!(token, Token::Csi(Csi { command: b'B', .. })) && next > no_menu_to {
                match menu(token, self.source, next) {
                    Ok(Menu { end, column }) => {
                        self.take_detour(end);
                        if let Some(column) = column {
                            screen.go_to_column(column);
                        }
                        continue;
                    }
                    Err(looked) => no_menu_to = looked,
                }
            }
            if let Some(end) = detour_end(token, self.source, next)
                .or_else(|| aside_end(token, self.source, next).filter(|_| screen.is_at_end()))
            {
                self.take_detour(end);
                continue;
            }
            match token {
                Token::Text(text) => self.print_in_steps(screen, text),
                Token::Control(b'\n') => {
                    self.line.prompt_end = self.line.prompt_end.or(screen.prompt_column());
                    if self.wraps(returns_before(&self.source[..next])) {
                        continue;
                    }
                    // A preview below the line ends with the cursor back on it.
                    let previews = head.unwrap_or_else(|| self.shows_head(screen))
                        && returns_from_below(&self.source[next..]);
                    if previews && self.replay_line(screen, row_start) {
                        return;
                    }
                    self.flush(screen);
                    return self.end_line();
                }
                Token::Control(b'\r')
                    if self.line.prompt_end.or(screen.prompt_column()).is_some() && self.ends_row(next) => {}
                Token::Control(b'\r') => {
                    if self.unfinished_line_mark(screen) {
                        continue;
                    }
                    if screen.column() > 0
                        && let Some(glued) = self.glued_prompt(|| screen.only_line(), next)
                    {
                        self.split_before_prompt(screen, &glued);
                        (head, row_start) = (None, None);
                    }
                    if screen.column() > 0 && self.prompt_over_output(|| screen.only_line(), next) {
                        self.flush(screen);
                        self.break_line();
                        (head, row_start) = (None, None);
                        continue;
                    }
                    let shows = screen.column() > 0 && *head.get_or_insert_with(|| self.shows_head(screen));
                    if shows
                        && screen.column() > MIN_MARK_BLANKS
                        && is_soft_wrap(screen, &self.source[next..])
                        && self.replay_line(screen, row_start)
                    {
                        return;
                    }
                    screen.apply(token);
                    if head == Some(false) && self.is_emptied(screen) {
                        (head, row_start) = (None, Some(next));
                    }
                }
                _ if wraps_before_wide(self.source, next, screen.column())
                    && self.may_look()
                    && self.shows_head(screen) =>
                {
                    screen.wrap_softly();
                }
                // Reline asks first how wide a character is, erases it, and asks once more.
                Token::Csi(Csi { command: b'n', params: b"6", .. })
                    if screen.column() == 0
                        && screen.is_empty()
                        && self.source[next..].starts_with(FIRST_COLUMN) =>
                {
                    screen.forget_prompt();
                }
                Token::Csi(Csi { command: b'B', .. })
                    if self.source[next..].starts_with(NEXT_ROW) && self.is_painted_from_start() =>
                {
                    screen.wrap_here();
                    wrapped_rows += 1;
                }
                Token::Csi(csi @ Csi { command: b'A', .. })
                    if (1..=wrapped_rows).contains(&csi.param(0, 1)) =>
                {
                    wrapped_rows -= csi.param(0, 1);
                    screen.apply(token);
                }
                Token::Csi(csi)
                    if let Some(column) = self.column_in_row(csi, screen, next)
                        && head.unwrap_or_else(|| self.shows_head(screen)) =>
                {
                    screen.go_to_column(column);
                }
                Token::Csi(csi) if csi.is_vertical() => {
                    wrapped_rows = 0;
                    let up = csi.command == b'A'
                        && !self.is_below()
                        && head.unwrap_or_else(|| self.shows_head(screen));
                    if up && self.replay_line(screen, row_start) {
                        return;
                    }
                    (head, row_start) = (None, None);
                    self.flush(screen);
                    if csi.command == b'B' && self.source[next..].starts_with(FRESH_ROW) {
                        return self.end_line();
                    }
                    self.break_line();
                    if self.application_keys && matches!(csi.command, b'H' | b'f' | b'J') {
                        // What stood on the screen is painted over from its first row on.
                        self.wipe(start);
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
                        Switch::None => {
                            screen.apply(token);
                            let erases = matches!(token, Token::Csi(Csi { command: b'K', .. }));
                            if erases && head == Some(false) && self.is_emptied(screen) {
                                (head, row_start) = (None, Some(next));
                            }
                        }
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

    /// Whether the editor went to the first column before it painted the line.
    fn is_painted_from_start(&self) -> bool {
        let mut at = self.line_source;
        while let Some((token, next)) = token_at(self.source, at) {
            match token {
                Token::Csi(Csi { command: b'G', params: b"1", .. }) => return true,
                Token::Csi(Csi { command: b'm' | b'n', .. }) => at = next,
                _ => return false,
            }
        }
        false
    }

    /// Whether the cursor went down to the row of this line: the editor paints the rows above anew as it goes back up.
    fn is_below(&self) -> bool {
        self.source[..self.line_source].ends_with(b"\x1b[1B")
    }

    /// Whether the row was emptied: what follows is a line of its own. A pager and a progress bar leave it so to the next
    /// prompt.
    fn is_emptied(&mut self, screen: &Screen) -> bool {
        screen.is_empty() && (screen.has_no_cells() || self.may_look())
    }

    /// Keeps what is painted elsewhere on the screen, up to `end`, as lines above the current one.
    fn take_detour(&mut self, end: usize) {
        let place = self.place;
        let mut start = self.page.text.len();
        while let Some((token, next)) = token_at(&self.source[..end], self.at) {
            self.watch(token, self.at);
            match token {
                Token::Text(text) => self.page.text.extend_from_slice(text),
                Token::Csi(Csi { command: b'B', .. }) => start = self.end_detour(start),
                _ => {}
            }
            self.at = next;
        }
        self.line_text = self.end_detour(start);
        self.place = place;
    }

    /// Ends a line of a detour that began at `start` of the text. What blanks erase is no line.
    fn end_detour(&mut self, start: usize) -> usize {
        if self.page.text[start..].trim_ascii().is_empty() {
            self.page.text.truncate(start);
        } else {
            self.page.text.push(b'\n');
        }
        self.page.text.len()
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
    pub(super) fn flush(&mut self, screen: &mut Screen) {
        self.line.bell |= screen.bell;
        self.suspect = true;
        self.page.invalid_utf8 |= screen.invalid_utf8;
        let text = self.page.text.len();
        self.line.styled = screen.styled_bytes();
        self.line.prompt_end = screen.write_to(&mut self.page.text).or(self.line.prompt_end);
        self.bound_blanks(text, self.at.saturating_sub(self.line_source));
        self.note_lost(screen, text);
        if screen.overflow {
            self.page.line_too_long = true;
            self.line.cut = true;
        }
        screen.reset();
    }

    /// Keeps what was lost on the line whose text starts at `text`.
    pub(super) fn note_lost(&mut self, screen: &mut Screen, text: usize) {
        if !screen.lost_nothing() {
            let lost = screen.lost(&self.page.text[text..], false);
            self.note_line_lost(lost, text);
        }
    }

    fn note_line_lost(&mut self, lost: Option<Lost>, text: usize) {
        if let Some(mut lost) = lost {
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
            && screen.lines().first().is_some_and(|line| H::is_head(line.text.as_bytes(), true, 0))
    }

    /// Replays the current line, which has the shape of a prompt, as one that was edited over several rows. It begins at
    /// `row_start` if the row was emptied there; `screen` knows what stood before.
    fn replay_line(&mut self, screen: &mut Screen, row_start: Option<usize>) -> bool {
        if !self.may_search() {
            return false;
        }
        let start = row_start.unwrap_or(self.line_source);
        let returns = self.returns_of_end();
        let replay = self.replay(&self.source[start..], &Screen::new(None), Until::Newline { returns });
        if replay.penalty >= 100 || start + replay.consumed < self.at {
            return false;
        }
        if row_start.is_some() {
            self.note_lost(screen, self.page.text.len());
            self.line_source = start;
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
}
