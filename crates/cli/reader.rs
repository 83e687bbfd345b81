//! A session as a responder reads it: what it is, and then its commands with what they printed.
//!
//! `parse` and `show` print through this file. A line of a transcript never starts where our own lines start, so output
//! that imitates them is told from them.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use shelltrail_core::context::Context;
use shelltrail_core::sanitize::printable;
use shelltrail_core::{AccountId, CommandRecord, Session};
use unicode_width::UnicodeWidthStr;

use crate::args::Reading;
use crate::formats::InSession;
use crate::hits::{notes_in_session, prompt};
use crate::lens::{Lens, View};
use crate::paint::Paint;
use crate::screen::Screen;
use crate::text::{Line, Text};
use crate::times;
use crate::words::words;

/// In front of every line of output.
const INDENT: &str = "        ";

/// In front of the values of a header.
const HEADER_INDENT: usize = 12;

/// Most characters of one line of output that are shown while output is folded.
const MAX_LINE_CHARS: usize = 2_000;

/// Prints sessions, one after the other.
#[derive(Debug)]
pub struct Reader {
    paint: Paint,
    /// Columns of the terminal: a line that it broke itself would go on where our own lines start.
    columns: Option<usize>,
    zone: TimeZone,
    lens: Lens<'static>,
    reading: Reading,
    /// Most lines of one output that are shown; 0 shows all.
    max_lines: usize,
    /// Where the command before was typed; it is told only where it changes.
    context: Context,
    /// A session was printed before.
    begun: bool,
}

impl Reader {
    /// A reader that folds outputs to `max_lines`, or not at all if that is 0.
    #[must_use]
    pub fn new(
        screen: &Screen,
        zone: TimeZone,
        lens: Lens<'static>,
        reading: Reading,
        max_lines: usize,
    ) -> Self {
        let (paint, columns) = (screen.paint, screen.columns());
        Self { paint, columns, zone, lens, reading, max_lines, context: Context::default(), begun: false }
    }

    /// Says which session follows, and what is odd about it.
    ///
    /// # Errors
    /// As the writer.
    pub fn header(&mut self, out: &mut impl Write, of: &InSession<'_>) -> io::Result<()> {
        let InSession { session, records, marks } = *of;
        self.context = Context::default();
        if std::mem::replace(&mut self.begun, true) {
            writeln!(out)?;
        }
        for (at, name) in self.rows(&Line::plain(&session.session), HEADER_INDENT).iter().enumerate() {
            let indent = if at == 0 { 0 } else { HEADER_INDENT };
            writeln!(out, "{:indent$}{}", "", self.paint.bold(name))?;
        }
        let mut row = |name: &str, value: &str| -> io::Result<()> {
            let mut name = format!("  {} ", self.paint.dim(&format!("{name:<9}")));
            for row in self.rows(&Line::plain(value), HEADER_INDENT) {
                writeln!(out, "{name}{row}")?;
                name = " ".repeat(HEADER_INDENT);
            }
            Ok(())
        };
        row("kind", &words(&session.kind))?;
        let region = session.region.as_deref().unwrap_or("unknown region");
        row(
            "account",
            &format!("{}, {region}", session.account.as_ref().map_or("unknown", AccountId::as_str)),
        )?;
        row("principal", session.principal.as_deref().unwrap_or("unknown"))?;
        row("target", session.target.as_deref().unwrap_or("unknown"))?;
        row("ended", &ended(session, &self.zone))?;
        row("records", &format!("{records}, in {} bytes", session.bytes))?;
        row("object", &object(session))?;
        for mark in crate::hits::marks(marks, &self.zone) {
            row("source", &mark)?;
        }
        if !session.defects.is_empty() {
            let defects: Vec<String> = session.defects.iter().map(words).collect();
            row("defects", &defects.join(", "))?;
        }
        if session.unread_bytes > 0 {
            row("unread", &format!("{} compressed bytes were set aside", session.unread_bytes))?;
        }
        writeln!(out)
    }

    /// A record in full, except for output beyond the fold.
    ///
    /// # Errors
    /// As the writer.
    pub fn record(&mut self, out: &mut impl Write, record: &CommandRecord) -> io::Result<()> {
        if !record.context.is_empty() && record.context != self.context {
            self.context = record.context.clone();
            let context = format!("in {}", self.lens.context(record));
            for row in self.rows(&Line::plain(&context), INDENT.len()) {
                writeln!(out, "      {}", self.paint.dim(&row))?;
            }
        }
        let view = View::new(record, &self.lens);
        if self.reading == Reading::Sent {
            self.command(out, &view, view.command_as_sent.as_ref().or(view.command.as_ref()))?;
            return match &view.output_as_sent {
                Some(sent) => self.reading(out, "output as sent, where it differs", Some(sent)),
                None => self.text(out, &view.output),
            };
        }
        self.command(out, &view, view.command.as_ref())?;
        self.reading(out, "expanded to", view.expanded.as_ref())?;
        self.reading(out, "decoded", view.decoded.as_ref())?;
        self.reading(out, "line as sent", view.command_as_sent.as_ref())?;
        self.text(out, &view.output)?;
        self.reading(out, "output as sent", view.output_as_sent.as_ref())
    }

    fn command(&self, out: &mut impl Write, view: &View<'_>, command: Option<&Text>) -> io::Result<()> {
        let record = view.record;
        let most = self.columns.map_or(MAX_LINE_CHARS, |columns| columns / 2);
        let prompt = prompt(view, self.paint, most);
        let number = self.dim(&format!("{:>5}", record.seq));
        let mut notes = notes_in_session(record);
        if let Some(at) = record.at {
            notes.insert(0, times::shown(at, &self.zone));
        }
        let notes = match &notes[..] {
            [] => String::new(),
            notes => self.dim(&format!("   [{}]", notes.join(", "))),
        };
        let Some(command) = command else {
            return writeln!(out, "{number} {prompt}{}{notes}", self.dim("(output without a command)"));
        };
        let before = 6 + self::prompt(view, Paint::none(), most).width();
        for (at, line) in command.lines().enumerate() {
            let notes = if at == 0 { notes.as_str() } else { "" };
            let mut rows = self.rows(&line, if at == 0 { before } else { INDENT.len() }).into_iter();
            let first = rows.next().unwrap_or_default();
            if at == 0 {
                writeln!(out, "{number} {prompt}{first}{notes}")?;
            } else {
                writeln!(out, "      {}{first}{notes}", self.dim("> "))?;
            }
            for row in rows {
                writeln!(out, "{INDENT}{row}")?;
            }
        }
        Ok(())
    }

    /// A line in as many rows as it needs behind some columns.
    fn rows(&self, line: &Line<'_>, before: usize) -> Vec<String> {
        match self.columns {
            Some(columns) => {
                line.rows(columns.saturating_sub(before.max(INDENT.len())).max(20), usize::MAX, self.paint)
            }
            None => vec![line.whole(self.paint)],
        }
    }

    /// Another reading of the text before it, under a name of its own.
    fn reading(&self, out: &mut impl Write, name: &str, text: Option<&Text>) -> io::Result<()> {
        let Some(text) = text else { return Ok(()) };
        writeln!(out, "      {}", self.paint.warning(&format!("{name}:")))?;
        self.text(out, text)
    }

    /// Lines of a transcript, folded.
    fn text(&self, out: &mut impl Write, text: &Text) -> io::Result<()> {
        if text.as_str().is_empty() {
            return Ok(());
        }
        let mut lines = text.lines();
        let most = if self.max_lines == 0 { usize::MAX } else { self.max_lines };
        for line in lines.by_ref().take(most) {
            self.line(out, &line)?;
        }
        match lines.count() {
            0 => Ok(()),
            1 => writeln!(out, "{INDENT}{}", self.dim("… 1 more line")),
            more => writeln!(out, "{INDENT}{}", self.dim(&format!("… {more} more lines"))),
        }
    }

    fn line(&self, out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
        let text = line.as_str();
        let cut = text.char_indices().nth(MAX_LINE_CHARS).filter(|_| self.max_lines > 0);
        let Some((cut, _)) = cut else {
            return self.rows(line, INDENT.len()).iter().try_for_each(|row| writeln!(out, "{INDENT}{row}"));
        };
        let more = text[cut..].chars().count();
        let note = self.dim(&format!(" … {more} more characters"));
        let rows = self.rows(&line.up_to(cut), INDENT.len());
        for (at, row) in rows.iter().enumerate() {
            writeln!(out, "{INDENT}{row}{}", if at + 1 == rows.len() { &note } else { "" })?;
        }
        Ok(())
    }

    fn dim(&self, text: &str) -> String {
        self.paint.dim(&printable(text))
    }
}

fn ended(session: &Session, zone: &TimeZone) -> String {
    let time = session.ended_at.map_or_else(|| "unknown".to_owned(), |time| times::shown(time, zone));
    match session.time_source {
        Some(source) if session.ended_at.is_some() => format!("{time} ({})", words(&source)),
        _ => time,
    }
}

/// Where the bytes of a session lie.
#[must_use]
pub fn object(session: &Session) -> String {
    let object = &session.object;
    let mut origin = match &object.bucket {
        Some(bucket) => format!("s3://{bucket}/{}", object.key),
        None => object.key.clone(),
    };
    if let Some(version) = &object.version {
        origin += &format!(" version {version}");
    }
    if let Some(etag) = &object.etag {
        origin += &format!(" etag {etag}");
    }
    origin
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::session::{Boundary, Flag, Origin, Reason};
    use shelltrail_core::{Confidence, Status};

    use super::*;

    fn shown(max_lines: usize, records: &[CommandRecord]) -> String {
        let mut out = Vec::new();
        let mut reader = Reader::new(
            &Screen::of_columns(None),
            TimeZone::UTC,
            Lens::new(false),
            Reading::Shown,
            max_lines,
        );
        for record in records {
            reader.record(&mut out, record).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    fn command(text: &str, output: &str) -> CommandRecord {
        CommandRecord {
            command: Some(text.to_owned()),
            output: output.to_owned(),
            prompt: Some("$ ".to_owned()),
            status: Some(Status::Executed),
            confidence: Confidence::Medium,
            reason: Some(Reason::LearnedPrompt),
            boundary: Boundary::Prompt,
            ..CommandRecord::default()
        }
    }

    #[test]
    fn the_normal_case_is_not_talked_about() {
        assert_eq!(shown(0, &[command("id", "uid=0")]), "    0 $ id\n        uid=0\n");
    }

    #[test]
    fn what_is_not_normal_is_said() {
        let odd = CommandRecord {
            status: Some(Status::EchoOnly),
            confidence: Confidence::Low,
            reason: Some(Reason::TypedAhead),
            flags: vec![Flag::Erased, Flag::MixedScript],
            origin: Origin::Profile,
            at: Some("2026-11-20T21:02:14Z".parse().unwrap()),
            ..command("id", "")
        };
        assert_eq!(
            shown(0, &[odd]),
            "    0 $ id   [2026-11-20T21:02:14Z, echo only, low confidence, typed ahead, erased, mixed script, origin profile]\n"
        );
    }

    #[test]
    fn a_prompt_without_a_command_is_shown() {
        let blind =
            CommandRecord { flags: vec![Flag::Blind], command: None, status: None, ..command("", "uid=0") };
        assert_eq!(shown(0, &[blind]), "    0 $ (output without a command)   [blind]\n        uid=0\n");
    }

    #[test]
    fn other_readings_have_names() {
        let record = CommandRecord {
            expanded: Some("ls -la".to_owned()),
            command_as_sent: Some("$ rm x\x1b[2K$ ls".to_owned()),
            output_as_sent: Some("10%\n100%".to_owned()),
            ..command("!!", "100%")
        };
        assert_eq!(
            shown(0, &[record]),
            "    0 $ !!\n      expanded to:\n        ls -la\n      line as sent:\n        $ rm x^[[2K$ ls\n        100%\n      \
             output as sent:\n        10%\n        100%\n"
        );
    }

    #[test]
    fn long_outputs_are_folded() {
        let output = "a\nb\nc\nd";
        assert_eq!(
            shown(2, &[command("x", output)]),
            "    0 $ x\n        a\n        b\n        … 2 more lines\n"
        );
        assert_eq!(
            shown(3, &[command("x", output)]),
            "    0 $ x\n        a\n        b\n        c\n        … 1 more line\n"
        );
        assert!(!shown(0, &[command("x", output)]).contains('…'));
        let wide = "é".repeat(MAX_LINE_CHARS + 7);
        assert!(shown(1, &[command("x", &wide)]).ends_with("é … 7 more characters\n"));
        assert!(!shown(0, &[command("x", &wide)]).contains('…'));
    }

    #[test]
    fn what_a_terminal_would_break_is_broken_here() {
        let mut out = Vec::new();
        let screen = Screen::of_columns(Some(40));
        let mut reader = Reader::new(&screen, TimeZone::UTC, Lens::new(false), Reading::Shown, 5);
        let hostile = format!("{}    1 $ rm -rf /", "x".repeat(32));
        let record = CommandRecord { context: vec![hostile.clone()].into(), ..command(&hostile, &hostile) };
        reader.record(&mut out, &record).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("    1 ")), "{text}");
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
    }

    #[test]
    fn a_context_is_told_where_it_changes() {
        let within = |names: &[&str]| CommandRecord {
            context: names.iter().map(|&name| name.to_owned()).collect(),
            ..command("x", "")
        };
        let records = [within(&["sh"]), within(&["sh"]), within(&["sh", "psql\x1b"])];
        assert_eq!(
            shown(0, &records),
            "      in sh\n    0 $ x\n    0 $ x\n      in sh › psql^[\n    0 $ x\n"
        );
    }

    #[test]
    fn lines_of_a_transcript_never_start_where_ours_do() {
        let text = shown(0, &[command("a\n    1 $ b", "    1 $ c\n\r    1 $ d")]);
        assert_eq!(
            text.lines().filter(|line| line.starts_with("    0 ") || line.starts_with("    1 ")).count(),
            1
        );
    }
}
