//! Edits that a shell marked.

use unicode_width::UnicodeWidthStr;

use super::glued::shows_sign;
use super::hidden::BOTTOM;
use super::repaint::{last_painting, prompt_painted_anew};
use super::{
    MAX_EDITS, MAX_MARKS, MAX_PAINTED_BYTES, MAX_START_BYTES, MAX_START_LINES, Renderer, ends_with_interrupt,
    instant, returns_before,
};
use crate::session::Flag;
use crate::terminal::fence::{CLOSED, Keypad, edit_span};
use crate::terminal::page::{Close, Edit, Heads, Mark, MarkKind};
use crate::terminal::replay::{Until, right_text_end};
use crate::terminal::screen::Screen;
use crate::terminal::strip::EditStrip;
use crate::terminal::token::{Csi, Token, token_at};

/// What zsh sends before it opens an edit, where a distribution or a framework has it ask for the keypad (`smkx`).
const KEYPAD_ASKED: &[u8] = b"\x1b[?1h\x1b=";

/// What it sends where the line is submitted (`rmkx`).
const KEYPAD_GIVEN_BACK: &[u8] = b"\x1b[?1l\x1b>";

/// How far behind that the edit is closed: the cursor may get its usual shape before.
const MAX_CLOSING_BYTES: usize = 64;

impl<H: Heads> Renderer<'_, H> {
    /// Notes that a prompt may begin here.
    pub(super) fn note_painting(&mut self, next: usize) {
        let erase = self.source[..next].strip_suffix(b"\x1b[J");
        if erase.is_some_and(|before| before.ends_with(b"\x1b[24m")) {
            self.painted = Some((self.line_text, next));
        }
    }

    /// Reads an edit whose opening mark lies at `mark..start`. `line` is the current line if it was overprinted.
    pub(super) fn open_edit(&mut self, mark: usize, start: usize, line: Option<&mut Screen>) {
        let integration = self.source[mark..start].starts_with(b"\x1b]");
        let painted = self.painted.take();
        let on_empty_line = line.as_ref().is_none_or(|screen| screen.is_empty());
        let fresh = painted.is_none() && on_empty_line && !integration;
        // What stands on the screen when the edit begins.
        let mut before = None;
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
            let mut screen = Screen::new(None);
            let mut place = at;
            while let Some((token, next)) = token_at(&self.source[..mark], place) {
                screen.apply(token);
                place = next;
            }
            aside = screen.begin_edit();
            // A line may be painted together with its prompt, as one that `hist_verify` or `print -z` gives to the editor.
            if !screen.begins_behind(&self.painted_prompt) {
                self.painted_prompt = screen.painted_prompt();
            }
            before = Some(screen);
        } else if let Some(screen) = line {
            self.flush(screen);
        }
        let painted = painted.is_some() && !integration;
        let mut row = std::mem::take(&mut self.strip);
        let mut strip = EditStrip::new(&mut row, self.width);
        let feeds = if painted { None } else { Some(&mut strip) };
        let application = self.application_keys;
        let is_given_back = application && self.gives_keypad_back(mark);
        let keypad = Keypad { application, is_given_back };
        let mut colours = self.colours;
        let span = edit_span(self.source, start, integration, keypad, &mut colours, feeds);
        if fresh && (span.is_stray(self.source, start) || self.goes_on_unmarked(start, span.end)) {
            self.strip = row;
            self.at = start;
            // What stands up to there was looked at once.
            self.stray_to = span.end;
            return;
        }
        self.colours = colours;
        if !painted && self.page.text.len() > self.line_text {
            self.note_line(false);
        }
        self.application_keys = span.application_keys;
        self.at = span.next;
        let mut rows_below = 0;
        if !span.newline && span.close == Close::Fence {
            rows_below = self.skip_rows();
            self.skip_newline();
        }
        let mut bytes = &self.source[start..span.end];
        // What a prompt prints, and not what stood at an empty one.
        let right =
            if painted { None } else { right_text_end(bytes).filter(|(end, _)| shows_sign(&bytes[*end..])) };
        let strip = if painted || right.is_some() { None } else { strip.finish() };
        self.strip = row;
        if let Some((end, text)) = right {
            bytes = &bytes[end..];
            aside = text;
        }
        let prompt = if integration { None } else { prompt_painted_anew(bytes) };
        let painted = painted || prompt.is_some();
        let strip = strip.filter(|_| prompt.is_none());
        if let Some(prompt) = prompt {
            let mut screen = Screen::new(None);
            let mut place = prompt.start;
            while let Some((token, next)) = token_at(&bytes[..prompt.end], place) {
                screen.apply(token);
                place = next;
            }
            aside = screen.begin_edit();
            self.painted_prompt = screen.painted_prompt();
            before = Some(screen);
            bytes = &bytes[prompt.end..];
        }
        let mut shown = match strip {
            Some(strip) => {
                self.replayed += bytes.len();
                Edit::of_strip(strip)
            }
            None => {
                let before = before.unwrap_or_else(|| Screen::new(None));
                let (anew, before) = match instant::begins_anew(bytes) {
                    Some((anew, width)) => {
                        self.width = Some(width);
                        (anew, Screen::new(None))
                    }
                    None => (0, before),
                };
                let mut edit = Edit::of_replay(self.replay(&bytes[anew..], &before, Until::End));
                let mut shown = anew;
                // What zsh painted last, with a prompt of its own, is the whole line.
                if let Some(start) = last_painting(&bytes[anew..]).filter(|_| edit.doubtful && !integration) {
                    let start = anew + start;
                    let last = Edit::of_replay(self.replay(&bytes[start..], &Screen::new(None), Until::End));
                    if !last.doubtful {
                        (edit, shown) = (last, start);
                    }
                }
                if let Some(lost) = instant::lost(&bytes[..shown], &edit.lines) {
                    self.keep_lost(lost, source, self.page.text.len(), true);
                }
                edit
            }
        };
        self.bound_blanks_of_edit(&mut shown, span.end - start);
        if painted && span.close == Close::Fence && !span.newline && self.at == span.next {
            self.skip_repaint(&shown);
        }
        self.place = BOTTOM;
        if span.concealed {
            self.hide(source, span.end, Flag::Concealed);
        }
        if shown.wiped {
            self.wipe(start);
        }
        if let Some(lost) = shown.lost.take() {
            self.keep_lost(lost, source, self.page.text.len(), true);
        }
        let overflow = shown.cut;
        let cut = overflow || span.close == Close::TooLong;
        self.page.line_too_long |= cut;
        self.page.invalid_utf8 |= shown.invalid_utf8;
        let aside = if aside.is_empty() { std::mem::take(&mut shown.aside) } else { aside };
        let returns = if span.newline { returns_at_end(bytes) } else { 0 };
        let cursor_line = (shown.cursor_line + rows_below).min(shown.lines.len().saturating_sub(1));
        let above = if span.newline && shown.lines.len() > 2 { newlines_above(bytes, returns) } else { 0 };
        let edit = Edit {
            above,
            cursor_line,
            close: span.close,
            newline: span.newline,
            painted,
            aside,
            returns,
            interrupted: ends_with_interrupt(bytes),
            raw: span.newline && !bytes.ends_with(b"\n"),
            integration,
            cut,
            ..shown
        };
        let room = self.edits < MAX_EDITS && self.page.marks.len() < MAX_MARKS;
        if overflow || !room {
            // What does not fit the screen, or is beyond what is marked, is kept as it came.
            self.push_stripped(start, span.end);
        }
        if !room {
            self.page.too_many_marks = true;
            return self.start_line();
        }
        self.last_start.clear();
        for line in edit.lines.iter().take(MAX_START_LINES) {
            let text = line.text.as_bytes();
            self.last_start.extend_from_slice(&text[..text.len().min(MAX_START_BYTES)]);
            self.last_start.push(b'\n');
        }
        let blank = |text: &str| text.trim().is_empty();
        if !edit.lines.iter().all(|line| blank(&line.text)) || !edit.cleared.is_empty() {
            let text = self.page.text.len();
            self.edits += 1;
            self.page.marks.push(Mark { text, source, kind: MarkKind::Edit(Box::new(edit)) });
        }
        self.start_line();
    }

    /// Whether the edit that is marked at `mark` asked for the keypad, and some edit gave it back at its end. A shell that was
    /// left and a program that was killed do not, nor does one whose user has something else done at the end of a line: there
    /// the keypad tells nothing.
    fn gives_keypad_back(&mut self, mark: usize) -> bool {
        let source = self.source;
        let closes = |at: usize| {
            let rest = &source[at + KEYPAD_GIVEN_BACK.len()..];
            let rest = &rest[..rest.len().min(MAX_CLOSING_BYTES)];
            memchr::memmem::find(rest, b"\x1b[?2004")
                .is_some_and(|mode| rest[mode..].starts_with(CLOSED) && !rest[..mode].contains(&b'\n'))
        };
        let any = || memchr::memmem::find_iter(source, KEYPAD_GIVEN_BACK).any(closes);
        source[..mark].ends_with(KEYPAD_ASKED) && *self.keypad_given_back.get_or_insert_with(any)
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

    /// zsh closes its edit with the cursor where it is, and goes down to the last row of the line afterwards: how many rows.
    fn skip_rows(&mut self) -> usize {
        match token_at(self.source, self.at) {
            Some((Token::Csi(csi @ Csi { command: b'B', marker: 0, .. }), next)) if self.ends_row(next) => {
                self.at = next;
                csi.param(0, 1)
            }
            _ => 0,
        }
    }

    /// zsh may paint its prompt and the line once more when the edit is closed, with a prompt that is shorter or newer: it
    /// says nothing new, and a newline ends it.
    fn skip_repaint(&mut self, edit: &Edit) {
        let rest = &self.source[self.at..self.source.len().min(self.at + MAX_PAINTED_BYTES)];
        // The next edit is no repaint of this one.
        let rest = &rest[..memchr::memmem::find(rest, b"\x1b[?2004h").unwrap_or(rest.len())];
        if let Some(length) = repainted_end(rest, edit) {
            self.at += length;
            return;
        }
        let Some(start) = repaint_start(rest) else { return };
        let own = edit.lines.iter().skip_while(|line| line.prompt_end.is_none());
        let typed = own.map(|line| line.text.get(line.prompt_end.unwrap_or(0)..).unwrap_or_default());
        let typed: String =
            typed.flat_map(|text| text.chars().filter(|shown| !shown.is_whitespace())).collect();
        for newline in memchr::memchr_iter(b'\n', rest).take(edit.lines.len() + 1) {
            if newline < start || typed.is_empty() || !self.may_search() {
                continue;
            }
            let mut screen = self.replay(&rest[start..newline], &Screen::new(None), Until::End).screen;
            // The prompt at the right edge may be painted once more, too.
            screen.set_aside();
            let lines = screen.lines();
            let shown: String = lines
                .iter()
                .flat_map(|line| line.text.chars().filter(|shown| !shown.is_whitespace()))
                .collect();
            if shown.ends_with(&typed) && shown.len() < typed.len() + MAX_PAINTED_BYTES {
                self.at += newline + 1;
                return;
            }
        }
    }

    fn skip_newline(&mut self) {
        let returns = self.source[self.at..].iter().take_while(|&&byte| byte == b'\r').count();
        if self.source.get(self.at + returns) == Some(&b'\n') {
            self.at += returns + 1;
        }
    }
}

/// How many returns stand before the newline that ends an edit. From a row above the last one readline goes down by newlines of
/// which the last has a return of its own; all of them have more in a transcript that is printed.
fn returns_at_end(bytes: &[u8]) -> usize {
    let mut least = returns_before(bytes);
    let mut rest = without_newline(bytes);
    while rest.ends_with(b"\n") {
        least = least.min(returns_before(rest));
        rest = without_newline(rest);
    }
    least
}

/// What stands before the returns of the last newline.
fn without_newline(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..memchr::memrchr(b'\n', bytes).unwrap_or(0)];
    &bytes[..bytes.len() - bytes.iter().rev().take_while(|&&byte| byte == b'\r').count()]
}

/// How many newlines from the first on have more than `returns` returns before them.
fn newlines_above(bytes: &[u8], returns: usize) -> usize {
    memchr::memchr_iter(b'\n', bytes).take_while(|&at| returns_before(&bytes[..=at]) > returns).count()
}

/// How much of `bytes` paints the end of a line once more, up to its newline: zsh takes away the colours of what is no longer
/// edited.
fn repainted_end(bytes: &[u8], edit: &Edit) -> Option<usize> {
    let (mut back, mut at) = (0, 0);
    let mut painted = String::new();
    while let Some((token, next)) = token_at(bytes, at) {
        at = next;
        match token {
            Token::Control(0x08) if painted.is_empty() => back += 1,
            Token::Csi(csi @ Csi { command: b'D', marker: 0, .. }) if painted.is_empty() => {
                back += csi.param(0, 1)
            }
            Token::Csi(Csi { command: b'm' | b'K', marker: 0, .. }) => {}
            Token::Text(text) => painted.push_str(std::str::from_utf8(text).ok()?),
            Token::Control(b'\r') => {}
            Token::Control(b'\n') => {
                let line =
                    edit.lines.iter().rev().map(|line| line.text.trim_end()).find(|line| !line.is_empty())?;
                let same = back == painted.width() && line.ends_with(&painted);
                return same.then_some(at);
            }
            _ => return None,
        }
    }
    None
}

/// Where a line editor paints anew what stands at the start of `bytes`: behind the erasing of all below its first row.
fn repaint_start(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some((token, next)) = token_at(bytes, at) {
        match token {
            Token::Control(b'\r') | Token::Csi(Csi { command: b'A' | b'm', marker: 0, .. }) => at = next,
            // Modes, such as whether the cursor is shown.
            Token::Csi(Csi { command: b'h' | b'l', marker: 1.., .. }) => at = next,
            Token::Csi(Csi { command: b'J', marker: 0, params: b"", .. }) => return Some(next),
            _ => return None,
        }
    }
    None
}
