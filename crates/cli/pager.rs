//! The built-in pager: it shows text and moves in it. It runs no program, opens no file and forwards no key.

mod external;

use std::io::{self, Write};
use std::ops::Range;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub use external::External;

use crate::screen::{COLUMNS, ROWS};

const HELP: &str = "q quit  space/b page  j/k line  d/u half  g/G ends  / find  n/N next, previous";

/// How many rows a text takes, as far as the limit.
#[must_use]
pub fn rows_of(text: &str, columns: usize, limit: usize) -> usize {
    let mut rows = 0;
    for line in text.lines() {
        rows += wrap(line, columns).len();
        if rows >= limit {
            break;
        }
    }
    rows
}

/// Shows a text until the user has seen enough.
///
/// # Errors
/// The terminal cannot be read or written.
pub fn show(text: &str) -> io::Result<()> {
    let mut view = View::new(text.lines().collect());
    let terminal = RawTerminal::enter()?;
    view.resize(terminal::size()?);
    loop {
        view.draw(&mut io::stdout().lock())?;
        match event::read()? {
            Event::Resize(columns, rows) => view.resize((columns, rows)),
            Event::Key(key) if key.kind != KeyEventKind::Release && view.press(key) == Reaction::Quit => {
                break;
            }
            _ => {}
        }
    }
    drop(terminal);
    Ok(())
}

/// The terminal in the state of a pager, until dropped.
struct RawTerminal;

impl RawTerminal {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let entered = Self;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(entered)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nothing better can be done about a terminal that does not take these.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Reaction {
    Stay,
    Quit,
}

/// What is shown, and where in it the screen begins.
struct View<'a> {
    lines: Vec<&'a str>,
    columns: usize,
    /// Rows for text; the last one of the screen is ours.
    height: usize,
    /// The row of each line, and of the end.
    starts: Vec<usize>,
    /// The first row on the screen.
    top: usize,
    /// What was looked for last.
    needle: String,
    /// What is being typed after `/`.
    typing: Option<String>,
    note: Option<String>,
}

impl<'a> View<'a> {
    fn new(lines: Vec<&'a str>) -> Self {
        let (needle, typing, note) = (String::new(), None, None);
        Self { lines, columns: 80, height: 23, starts: Vec::new(), top: 0, needle, typing, note }
    }

    fn resize(&mut self, (columns, rows): (u16, u16)) {
        let line = self.line_at(self.top);
        let known = |number: u16, unknown| if number == 0 { unknown } else { usize::from(number) };
        self.columns = known(columns, COLUMNS);
        self.height = known(rows, ROWS).saturating_sub(1).max(1);
        let mut row = 0;
        self.starts.clear();
        for text in &self.lines {
            self.starts.push(row);
            row += wrap(text, self.columns).len();
        }
        self.starts.push(row);
        self.top = self.starts[line];
        self.go_to(self.top);
    }

    fn rows(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn line_at(&self, row: usize) -> usize {
        self.starts.partition_point(|&start| start <= row).saturating_sub(1)
    }

    fn go_to(&mut self, row: usize) {
        self.top = row.min(self.rows().saturating_sub(self.height));
    }

    fn press(&mut self, key: KeyEvent) -> Reaction {
        self.note = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Reaction::Quit;
        }
        if let Some(typed) = self.typing.take() {
            self.type_key(typed, key.code);
            return Reaction::Stay;
        }
        let page = self.height.saturating_sub(1).max(1);
        match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => return Reaction::Quit,
            KeyCode::Char(' ' | 'f') | KeyCode::PageDown => self.go_to(self.top + page),
            KeyCode::Char('b') | KeyCode::PageUp => self.go_to(self.top.saturating_sub(page)),
            KeyCode::Char('d') => self.go_to(self.top + page / 2),
            KeyCode::Char('u') => self.go_to(self.top.saturating_sub(page / 2)),
            KeyCode::Char('j') | KeyCode::Down | KeyCode::Enter => self.go_to(self.top + 1),
            KeyCode::Char('k') | KeyCode::Up => self.go_to(self.top.saturating_sub(1)),
            KeyCode::Char('g') | KeyCode::Home => self.go_to(0),
            KeyCode::Char('G') | KeyCode::End => self.go_to(self.rows()),
            KeyCode::Char('/') => self.typing = Some(String::new()),
            KeyCode::Char('n') => self.find(true),
            KeyCode::Char('N') => self.find(false),
            KeyCode::Char('h' | '?') => self.note = Some(HELP.to_owned()),
            _ => {}
        }
        Reaction::Stay
    }

    fn type_key(&mut self, mut typed: String, code: KeyCode) {
        match code {
            KeyCode::Enter => {
                if !typed.is_empty() {
                    self.needle = typed;
                }
                return self.find(true);
            }
            KeyCode::Esc => return,
            KeyCode::Backspace if typed.pop().is_none() => return,
            KeyCode::Char(c) if !c.is_control() => typed.push(c),
            _ => {}
        }
        self.typing = Some(typed);
    }

    /// Goes to the next line with the needle, after or before the first on the screen.
    fn find(&mut self, forward: bool) {
        if self.needle.is_empty() {
            return;
        }
        let here = self.line_at(self.top);
        let ignore_case = !self.needle.chars().any(char::is_uppercase);
        let holds = |&line: &usize| {
            let text = without_colours(self.lines[line]);
            if ignore_case { text.to_lowercase().contains(&self.needle) } else { text.contains(&self.needle) }
        };
        let found =
            if forward { (here + 1..self.lines.len()).find(holds) } else { (0..here).rev().find(holds) };
        match found {
            Some(line) => self.top = self.starts[line].min(self.rows().saturating_sub(1)),
            None => self.note = Some("not found".to_owned()),
        }
    }

    fn draw(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line = self.line_at(self.top);
        let mut skip = self.top - self.starts.get(line).copied().unwrap_or(0);
        let mut row = 0;
        while row < self.height {
            let rows = self.lines.get(line).map_or_else(Vec::new, |text| wrap(text, self.columns));
            for text in rows.iter().skip(skip).take(self.height - row) {
                queue!(out, MoveTo(0, row as u16))?;
                write!(out, "{text}")?;
                queue!(out, Clear(ClearType::UntilNewLine))?;
                row += 1;
            }
            skip = 0;
            line += 1;
            if line >= self.lines.len() {
                break;
            }
        }
        for empty in row..self.height {
            queue!(out, MoveTo(0, empty as u16), Clear(ClearType::CurrentLine))?;
        }
        queue!(out, MoveTo(0, self.height as u16), Clear(ClearType::CurrentLine))?;
        let status = self.status();
        let end = status.floor_char_boundary(self.columns.saturating_sub(1));
        write!(out, "\x1b[7m{}\x1b[0m", &status[..end])?;
        out.flush()
    }

    fn status(&self) -> String {
        if let Some(typed) = &self.typing {
            return format!("/{typed}");
        }
        if let Some(note) = &self.note {
            return format!(" {note} ");
        }
        let last = (self.top + self.height).min(self.rows());
        let percent = last * 100 / self.rows().max(1);
        format!(
            " {percent}%  {} of {} lines  q quits, h helps ",
            self.line_at(last.saturating_sub(1)) + 1,
            self.lines.len()
        )
    }
}

/// Cuts a line into rows. Colours of ours take no room; one that is open at the end of a row goes on in the next.
fn wrap(line: &str, columns: usize) -> Vec<String> {
    if line.len() <= columns {
        return vec![line.to_owned()];
    }
    let mut rows = vec![String::new()];
    let (mut used, mut colour) = (0, "");
    for piece in pieces(line) {
        let text = &line[piece.clone()];
        if text.starts_with('\x1b') {
            colour = if text == "\x1b[0m" { "" } else { text };
            if let Some(row) = rows.last_mut() {
                row.push_str(text);
            }
            continue;
        }
        for cluster in text.graphemes(true) {
            let width = cluster.width();
            if used + width > columns && used > 0 {
                if let Some(row) = rows.last_mut().filter(|_| !colour.is_empty()) {
                    row.push_str("\x1b[0m");
                }
                rows.push(colour.to_owned());
                used = 0;
            }
            if let Some(row) = rows.last_mut() {
                row.push_str(cluster);
            }
            used += width;
        }
    }
    rows
}

/// The colours of a line, which are ours, and the text between them.
fn pieces(line: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = line.get(at..).filter(|rest| !rest.is_empty())?;
        let len = if rest.starts_with('\x1b') {
            rest.find('m').map_or(rest.len(), |end| end + 1)
        } else {
            rest.find('\x1b').unwrap_or(rest.len())
        };
        at += len;
        Some(at - len..at)
    })
}

fn without_colours(line: &str) -> String {
    pieces(line).map(|piece| &line[piece]).filter(|text| !text.starts_with('\x1b')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_colours_and_borders_of_characters() {
        assert_eq!(wrap("abc", 3), ["abc"]);
        assert_eq!(wrap("abcd", 3), ["abc", "d"]);
        assert_eq!(wrap("a\x1b[1mbcd\x1b[0me", 3), ["a\x1b[1mbc\x1b[0m", "\x1b[1md\x1b[0me"]);
        assert_eq!(wrap("漢漢", 3), ["漢", "漢"]);
        assert_eq!(without_colours("a\x1b[1;31mb\x1b[0mc"), "abc");
    }

    #[test]
    fn a_terminal_without_a_size_is_not_one_column_wide() {
        let mut view = View::new(vec!["a line of words"; 100]);
        view.resize((0, 0));
        assert_eq!((view.columns, view.height, view.starts.last()), (COLUMNS, ROWS - 1, Some(&100)));
    }

    #[test]
    fn keys_move_within_the_text() {
        let text: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        let mut view = View::new(text.iter().map(String::as_str).collect());
        view.resize((80, 11));
        let press = |view: &mut View<'_>, keys: &str| {
            for c in keys.chars() {
                let code = if c == '\r' { KeyCode::Enter } else { KeyCode::Char(c) };
                assert_eq!(view.press(KeyEvent::new(code, KeyModifiers::NONE)), Reaction::Stay);
            }
            view.top
        };
        assert_eq!(press(&mut view, "jj"), 2);
        assert_eq!(press(&mut view, " "), 11);
        assert_eq!(press(&mut view, "G"), 90);
        assert_eq!(press(&mut view, "g/line 42\r"), 42);
        assert_eq!(press(&mut view, "/9\r"), 49);
        assert_eq!(press(&mut view, "N"), 39);
        assert!(view.note.is_none() && press(&mut view, "/absent\r") == 39 && view.note.is_some());
        let quit = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(view.press(quit), Reaction::Quit);
        let mut drawn = Vec::new();
        view.draw(&mut drawn).expect("a vector takes everything");
        let drawn = String::from_utf8(drawn).expect("text");
        assert!(drawn.contains("line 39") && drawn.contains("line 48") && !drawn.contains("line 49"));
    }
}
