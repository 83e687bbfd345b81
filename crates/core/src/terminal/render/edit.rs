//! Edits that a shell marked.

use super::hidden::BOTTOM;
use super::{MAX_EDITS, MAX_MARKS, MAX_START_BYTES, MAX_START_LINES, Renderer, returns_before};
use crate::session::Flag;
use crate::terminal::fence::edit_span;
use crate::terminal::page::{Close, Edit, Heads, Mark, MarkKind};
use crate::terminal::replay::Until;
use crate::terminal::screen::Screen;
use crate::terminal::strip::EditStrip;
use crate::terminal::token::{Csi, Token, token_at};

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
        let fresh = painted.is_none() && line.is_none() && !integration;
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
            before = Some(screen);
        } else if let Some(screen) = line {
            self.flush(screen);
        }
        let painted = painted.is_some() && !integration;
        let mut row = std::mem::take(&mut self.strip);
        let mut strip = EditStrip::new(&mut row, self.width);
        let feeds = if painted { None } else { Some(&mut strip) };
        let keys = self.application_keys;
        let mut colours = self.colours;
        let span = edit_span(self.source, start, integration, keys, &mut colours, feeds);
        if fresh && span.is_stray(self.source, start) {
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
        let bytes = &self.source[start..span.end];
        let strip = if painted { None } else { strip.finish() };
        self.strip = row;
        let mut shown = match strip {
            Some(strip) => {
                self.replayed += bytes.len();
                Edit::of_strip(strip)
            }
            None => {
                let before = before.unwrap_or_else(|| Screen::new(None));
                Edit::of_replay(self.replay(bytes, &before, Until::End))
            }
        };
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
        let returns = if span.newline { returns_before(bytes) } else { 0 };
        let cursor_line = (shown.cursor_line + rows_below).min(shown.lines.len().saturating_sub(1));
        let edit = Edit {
            cursor_line,
            close: span.close,
            newline: span.newline,
            painted,
            aside,
            returns,
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

    fn skip_newline(&mut self) {
        let returns = self.source[self.at..].iter().take_while(|&&byte| byte == b'\r').count();
        if self.source.get(self.at + returns) == Some(&b'\n') {
            self.at += returns + 1;
        }
    }
}
