//! Hits as lines for people: a head per session, a head per hit, the command, and the lines of output that match.
//!
//! ```text
//! 2026-11-20T21:02:14Z ended (transcript header)  account 111122223333  eu-west-1  i-0123456789abcdef0  alice
//!   alice-05ba181f37a0fb8d2@3  4 of 7  medium confidence  overwritten
//!   >    3 sh-5.2$ cat /var/log/messages
//!         Nov 20 21:02:13 h1 sshd[1]: Accepted publickey
//!         … 12 lines
//! ```
//!
//! A line of a transcript never starts where our own lines start.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use shelltrail_core::session::{Marks, Origin, Reason};
use shelltrail_core::sink::RemovalKind;
use shelltrail_core::{AccountId, CommandRecord, Confidence, Session, SessionKind, Status, TimeSource};
use unicode_width::UnicodeWidthStr;

use crate::lens::{Lens, View};
use crate::paint::Paint;
use crate::screen::Screen;
use crate::text::{Line, Text};
use crate::times;
use crate::words::{count, words};

/// In front of every line of output.
const INDENT: &str = "        ";
/// Columns in front of a command: the mark, the number, a blank.
const COMMAND_INDENT: usize = 9;
/// Most rows that one line of a command takes.
const MAX_COMMAND_ROWS: usize = 12;
/// Most lines of one command that are shown; `show` has the rest.
const MAX_COMMAND_LINES: usize = 40;

/// Prints hits, one after the other.
#[derive(Debug)]
pub struct HitPrinter<'s> {
    screen: &'s Screen,
    zone: &'s TimeZone,
    /// Lines around a matching line.
    context_lines: usize,
    /// Matching lines of one text; `None` shows all.
    max_lines: Option<usize>,
    begun: bool,
}

impl<'s> HitPrinter<'s> {
    /// A printer that shows `context_lines` around each matching line, and `max_lines` matching lines of a text, or all
    /// if that is 0.
    #[must_use]
    pub fn new(screen: &'s Screen, zone: &'s TimeZone, context_lines: u32, max_lines: u32) -> Self {
        let max_lines = (max_lines > 0).then_some(max_lines as usize);
        Self { screen, zone, context_lines: context_lines as usize, max_lines, begun: false }
    }

    /// Says which session the next hits are in.
    ///
    /// # Errors
    /// As the writer.
    pub fn session(&mut self, out: &mut impl Write, session: &Session, marks: &Marks) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            writeln!(out)?;
        }
        let mut fields = vec![time(session, self.zone)];
        fields.extend(identity(session));
        fields.extend(self::marks(marks, self.zone));
        self::fields(
            out,
            self.screen,
            "",
            &fields,
            |at, paint, text| if at == 0 { paint.bold(text) } else { text.to_owned() },
        )
    }

    /// Says which record the next hit is.
    ///
    /// # Errors
    /// As the writer.
    pub fn head(
        &self,
        out: &mut impl Write,
        session: &Session,
        records: u64,
        record: &CommandRecord,
        lens: &Lens<'_>,
    ) -> io::Result<()> {
        let mut fields = vec![
            format!("{}@{}", session.session, record.seq),
            format!("{} of {records}", u64::from(record.seq) + 1),
        ];
        fields.extend(record.at.map(|at| format!("at {}", times::shown(at, self.zone))));
        fields.push(format!("{} confidence", words(&record.confidence)));
        fields.extend(notes(record));
        if record.context.len() > 1 {
            fields.push(format!("in {}", lens.context(record)));
        }
        self::fields(out, self.screen, "  ", &fields, |at, paint, text| {
            if at == 0 { paint.bold(text) } else { paint.dim(text) }
        })
    }

    /// A hit: the command with the match marked, and the lines that match.
    ///
    /// # Errors
    /// As the writer.
    pub fn hit(&self, out: &mut impl Write, view: &View<'_>) -> io::Result<()> {
        self.command(out, view, ">")?;
        let shown = view.command.as_ref().is_some_and(Text::has_matches);
        if !shown {
            self.reading(out, "expanded to", view.expanded.as_ref())?;
            self.reading(out, "decoded", view.decoded.as_ref())?;
            self.reading(out, "line as sent", view.command_as_sent.as_ref())?;
        }
        if view.output.has_matches() {
            self.matching_lines(out, &view.output)?;
        } else {
            self.reading(out, "output as sent", view.output_as_sent.as_ref())?;
            match view.output.lines().count() as u64 {
                _ if view.output.as_str().is_empty() => {}
                lines => self.note(out, &format!("… {} of output", count(lines, "line")))?,
            }
        }
        if view.cut {
            self.note(out, "(there are more matches than are marked)")?;
        }
        Ok(())
    }

    /// A record as context of a hit: the command alone.
    ///
    /// # Errors
    /// As the writer.
    pub fn neighbour(&self, out: &mut impl Write, view: &View<'_>) -> io::Result<()> {
        self.command(out, view, " ")
    }

    fn command(&self, out: &mut impl Write, view: &View<'_>, mark: &str) -> io::Result<()> {
        let paint = self.screen.paint;
        let head = paint.dim(&format!("  {mark} {:>4} ", view.record.seq));
        let most = self.screen.columns_for_cut(COMMAND_INDENT) / 2;
        let Some(command) = &view.command else {
            let prompt = prompt(view, paint, most);
            return writeln!(out, "{head}{prompt}{}", paint.dim("(output without a command)"));
        };
        let prompt_columns = prompt(view, Paint::none(), most).width();
        for (at, line) in command.lines().enumerate() {
            if at == MAX_COMMAND_LINES {
                let more = command.lines().count() - at;
                self.note(out, &format!("… {} of the command", count(more as u64, "more line")))?;
                break;
            }
            if at == 0 {
                self.first_line(out, &line, &head, &prompt(view, paint, most), prompt_columns)?;
            } else {
                for row in self.rows(&line, COMMAND_INDENT + 2) {
                    writeln!(out, "{:COMMAND_INDENT$}{}{row}", "", paint.dim("> "))?;
                }
            }
        }
        Ok(())
    }

    /// The first line of a command behind its prompt; what does not fit stands below.
    fn first_line(
        &self,
        out: &mut impl Write,
        line: &Line<'_>,
        head: &str,
        prompt: &str,
        prompt_columns: usize,
    ) -> io::Result<()> {
        let Some(columns) = self.screen.columns() else {
            return writeln!(out, "{head}{prompt}{}", line.whole(self.screen.paint));
        };
        let indent = COMMAND_INDENT + prompt_columns;
        if indent + 20 > columns {
            writeln!(out, "{head}{prompt}")?;
            for row in self.rows(line, COMMAND_INDENT) {
                writeln!(out, "{:COMMAND_INDENT$}{row}", "")?;
            }
            return Ok(());
        }
        for (at, row) in self.rows(line, indent).into_iter().enumerate() {
            if at == 0 {
                writeln!(out, "{head}{prompt}{row}")?;
            } else {
                writeln!(out, "{:indent$}{row}", "")?;
            }
        }
        Ok(())
    }

    fn rows(&self, line: &Line<'_>, indent: usize) -> Vec<String> {
        match self.screen.columns() {
            None => vec![line.whole(self.screen.paint)],
            Some(columns) => {
                line.rows(columns.saturating_sub(indent).max(20), MAX_COMMAND_ROWS, self.screen.paint)
            }
        }
    }

    /// Another reading of the command or the output, if the match stands in it.
    fn reading(&self, out: &mut impl Write, name: &str, text: Option<&Text>) -> io::Result<()> {
        let Some(text) = text.filter(|text| text.has_matches()) else { return Ok(()) };
        writeln!(out, "      {}", self.screen.paint.warning(&format!("{name}:")))?;
        self.matching_lines(out, text)
    }

    /// The lines of a text that match, with lines around them; what lies between is counted.
    fn matching_lines(&self, out: &mut impl Write, text: &Text) -> io::Result<()> {
        let lines: Vec<Line<'_>> = text.lines().collect();
        let matching: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].has_matches()).collect();
        let most = self.max_lines.unwrap_or(usize::MAX).min(matching.len());
        let mut next = 0;
        for (number, &at) in matching[..most].iter().enumerate() {
            let following = matching.get(number + 1).copied().filter(|_| number + 1 < most);
            let start = at.saturating_sub(self.context_lines).max(next);
            let end = (at + self.context_lines + 1).min(lines.len()).min(following.unwrap_or(lines.len()));
            if start > next {
                self.note(out, &format!("… {}", count((start - next) as u64, "line")))?;
            }
            for line in &lines[start..end] {
                let columns = self.screen.columns_for_cut(INDENT.len());
                let shown = line.cut(columns, self.screen.paint);
                if line.has_matches() {
                    writeln!(out, "{INDENT}{shown}")?;
                } else {
                    writeln!(out, "{INDENT}{}", self.screen.paint.dim(&shown))?;
                }
            }
            next = end;
        }
        let left = (lines.len() - next) as u64;
        match (matching.len() - most, left) {
            (_, 0) => Ok(()),
            (0, left) => self.note(out, &format!("… {}", count(left, "line"))),
            (more, left) => {
                self.note(out, &format!("… {}, {} more of them with a match", count(left, "line"), more))
            }
        }
    }

    fn note(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        writeln!(out, "{INDENT}{}", self.screen.paint.dim(text))
    }
}

/// Fields side by side, in as many rows as they need.
///
/// # Errors
/// As the writer.
pub fn fields(
    out: &mut impl Write,
    screen: &Screen,
    indent: &str,
    fields: &[String],
    paint: impl Fn(usize, Paint, &str) -> String,
) -> io::Result<()> {
    let columns = screen.columns().unwrap_or(usize::MAX);
    let mut used = indent.len();
    write!(out, "{indent}")?;
    for (at, field) in fields.iter().enumerate() {
        let room = columns.saturating_sub(indent.len() + 2).clamp(10, 1_000);
        // What stands first is there to be copied, so it is broken and not cut.
        let mut rows = if at == 0 {
            Line::plain(field).rows(room, 20, Paint::none())
        } else {
            vec![Line::plain(field).cut(room, Paint::none())]
        };
        let shown = rows.pop().unwrap_or_default();
        for row in rows {
            write!(out, "{}\n{indent}  ", paint(at, screen.paint, &row))?;
            used = indent.len() + 2;
        }
        let width = shown.width();
        if at > 0 && used + 2 + width > columns {
            write!(out, "\n{indent}  ")?;
            used = indent.len() + 2;
        } else if at > 0 {
            write!(out, "  ")?;
            used += 2;
        }
        write!(out, "{}", paint(at, screen.paint, &shown))?;
        used += width;
    }
    writeln!(out)
}

/// The prompt, in at most so many columns: nobody looks for what is left out of a long one.
#[must_use]
pub fn prompt(view: &View<'_>, paint: Paint, columns: usize) -> String {
    let Some(line) = view.prompt.lines().last() else { return String::new() };
    if line.has_matches() { line.cut(columns, paint) } else { paint.dim(&line.cut(columns, Paint::none())) }
}

/// When a session ended and who says so.
#[must_use]
pub fn time(session: &Session, zone: &TimeZone) -> String {
    let Some(time) = session.ended_at else { return "end unknown".to_owned() };
    let time = times::shown(time, zone);
    match session.time_source {
        Some(TimeSource::ObjectLastModified) => format!("{time} stored (object last modified)"),
        Some(source) => format!("{time} ended ({})", words(&source)),
        None => format!("{time} ended"),
    }
}

/// Where a session was and who it was, each with its name where it is unknown.
#[must_use]
pub fn identity(session: &Session) -> Vec<String> {
    let or = |value: Option<&str>, name: &str| value.map_or_else(|| format!("{name} unknown"), str::to_owned);
    let account = session.account.as_ref().map_or("unknown", AccountId::as_str);
    let mut fields = vec![
        format!("account {account}"),
        or(session.region.as_deref(), "region"),
        or(session.target.as_deref(), "target"),
        or(session.principal.as_deref(), "principal"),
    ];
    if session.kind != SessionKind::Transcript {
        fields.push(words(&session.kind));
    }
    fields
}

/// What became of the object of a session, if anything did.
#[must_use]
pub fn marks(marks: &Marks, zone: &TimeZone) -> Vec<String> {
    let deleted = marks.source_deleted.map(|deleted| {
        let at = deleted.at.map_or_else(String::new, |at| format!(" at {}", times::shown(at, zone)));
        let how = match deleted.kind {
            RemovalKind::Deleted => "source deleted",
            RemovalKind::Expired => "source expired",
            RemovalKind::DeleteMarker => "source deleted (a delete marker; its versions remain)",
            RemovalKind::ExpiryMarker => "source expired (a delete marker; its versions remain)",
        };
        format!("{how}{at}")
    });
    let overwritten = match (marks.overwritten, marks.contents) {
        (Some(true), contents) => {
            Some(format!("overwritten: not the last of {contents} stored contents of its key"))
        }
        (None, contents @ 2..) => {
            Some(format!("one of {contents} stored contents of its key, order unknown"))
        }
        _ => None,
    };
    deleted.into_iter().chain(overwritten).collect()
}

/// What a reader must know beside the text and the confidence: anything but "executed".
#[must_use]
pub fn notes(record: &CommandRecord) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(record.status.filter(|status| *status != Status::Executed).map(|status| words(&status)));
    // Most shells mark nothing, so a learned prompt is the rule.
    notes
        .extend(record.reason.filter(|reason| *reason != Reason::LearnedPrompt).map(|reason| words(&reason)));
    notes.extend(record.flags.iter().map(words));
    if record.origin != Origin::User {
        notes.push(format!("origin {}", words(&record.origin)));
    }
    notes
}

/// What a reader of a whole session must know beside the text: as [`notes`], and a low confidence.
#[must_use]
pub fn notes_in_session(record: &CommandRecord) -> Vec<String> {
    let mut notes = notes(record);
    if record.confidence == Confidence::Low {
        let at = usize::from(record.status.is_some_and(|status| status != Status::Executed));
        notes.insert(at, "low confidence".to_owned());
    }
    notes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::session::SourceDeleted;
    use shelltrail_core::{Flag, ObjectRef, TranscriptId};
    use shelltrail_index::Query;

    use super::*;

    fn session(id: &str) -> Session {
        Session {
            kind: SessionKind::Transcript,
            id: TranscriptId::of_file("k", b"x"),
            object: ObjectRef { bucket: None, key: "k".into(), version: None, etag: None },
            account: None,
            region: Some("eu-west-1".into()),
            session: id.into(),
            principal: Some("漢".repeat(30)),
            target: None,
            ended_at: None,
            time_source: None,
            bytes: 12,
            unread_bytes: 0,
            records: Vec::new(),
            defects: Vec::new(),
            sequencer: None,
            last_modified: None,
        }
    }

    fn printed(columns: Option<usize>, context: u32, id: &str, record: &CommandRecord) -> String {
        let (screen, zone) = (Screen::of_columns(columns), TimeZone::UTC);
        let mut printer = HitPrinter::new(&screen, &zone, context, 2);
        let query = Query::literal("needle");
        let mut out = Vec::new();
        printer.session(&mut out, &session(id), &Marks::default()).unwrap();
        printer.head(&mut out, &session(id), 7, record, &Lens::new(false)).unwrap();
        printer.hit(&mut out, &View::new(record, &Lens::new(false).marking(&query))).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_became_of_the_object_is_told() {
        let told = |source_deleted, overwritten, contents| {
            marks(&Marks { source_deleted, overwritten, contents }, &TimeZone::UTC).join("; ")
        };
        let at = "2026-03-05T10:00:00Z".parse().ok();
        let deleted = |kind| Some(SourceDeleted { at, kind });
        assert_eq!(told(None, Some(false), 1), "");
        assert_eq!(told(None, None, 0), "");
        assert_eq!(told(None, Some(false), 2), "", "the last one is what is expected");
        assert_eq!(
            told(deleted(RemovalKind::Expired), Some(true), 2),
            "source expired at 2026-03-05T10:00:00Z; overwritten: not the last of 2 stored contents of its key"
        );
        let unknown = Some(SourceDeleted { at: None, kind: RemovalKind::DeleteMarker });
        assert_eq!(
            told(unknown, None, 3),
            "source deleted (a delete marker; its versions remain); one of 3 stored contents of its key, order unknown"
        );
    }

    #[test]
    fn a_hit_is_headed_and_its_output_is_folded_around_the_matches() {
        let lines: Vec<String> =
            (0..30).map(|n| if n % 10 == 5 { format!("needle {n}") } else { format!("line {n}") }).collect();
        let record = CommandRecord {
            seq: 3,
            command: Some("cat f".into()),
            output: lines.join("\n"),
            prompt: Some("$ ".into()),
            flags: vec![Flag::Erased],
            ..CommandRecord::default()
        };
        assert_eq!(
            printed(None, 1, "alice-0", &record),
            format!(
                "end unknown  account unknown  eu-west-1  target unknown  {}\n  \
                 alice-0@3  4 of 7  high confidence  erased\n  >    3 $ cat f\n        … 4 lines\n        line 4\n        \
                 needle 5\n        line 6\n        … 7 lines\n        line 14\n        needle 15\n        line 16\n        \
                 … 13 lines, 1 more of them with a match\n",
                "漢".repeat(30)
            )
        );
    }

    #[test]
    fn no_line_is_wider_than_the_screen_and_none_of_theirs_begins_where_ours_do() {
        let hostile = format!("{}  alice-0@1  2 of 7\n  >    1 $ needle", "x".repeat(200));
        let record = CommandRecord {
            command: Some(hostile.clone()),
            output: hostile.clone(),
            prompt: Some("p".repeat(100)),
            ..CommandRecord::default()
        };
        let id = format!("{}  >    1 $ x", "i".repeat(76));
        for columns in [20, 40, 80, 200] {
            let text = printed(Some(columns), 5, &id, &record);
            let narrow = |line: &&str| line.width() > columns.max(40);
            assert_eq!(text.lines().find(narrow), None, "{columns}: {text}");
            let ours = text.lines().filter(|line| line.starts_with("  >    "));
            assert_eq!(ours.count(), 1, "{columns}: {text}");
        }
    }
}
