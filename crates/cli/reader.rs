//! A session as a responder reads it: what it is, and then its commands with what they printed.
//!
//! `parse` and `show` print through this file. A line of a transcript never starts where our own lines start, so output
//! that imitates them is told from them.

use std::io::{self, Write};

use shelltrail_core::sanitize::printable;
use shelltrail_core::{AccountId, CommandRecord, Session};

use crate::render::{Paint, notes, words};

/// In front of every line of output.
const INDENT: &str = "        ";

/// Most characters of one line of output that are shown while output is folded.
const MAX_LINE_CHARS: usize = 2_000;

/// Prints sessions, one after the other.
#[derive(Debug)]
pub struct Reader {
    paint: Paint,
    /// Most lines of one output that are shown; 0 shows all.
    max_lines: usize,
    /// Where the command before was typed; it is told only where it changes.
    context: Vec<String>,
    /// A session was printed before.
    begun: bool,
}

impl Reader {
    /// A reader that folds outputs to `max_lines`, or not at all if that is 0.
    #[must_use]
    pub fn new(paint: Paint, max_lines: usize) -> Self {
        Self { paint, max_lines, context: Vec::new(), begun: false }
    }

    /// Says which session follows, and what is odd about it.
    ///
    /// # Errors
    /// As the writer.
    pub fn header(&mut self, out: &mut impl Write, session: &Session, records: u64) -> io::Result<()> {
        self.context.clear();
        if std::mem::replace(&mut self.begun, true) {
            writeln!(out)?;
        }
        writeln!(out, "{}", self.paint.bold(&printable(&session.session)))?;
        let mut row = |name: &str, value: &str| -> io::Result<()> {
            writeln!(out, "  {} {}", self.paint.dim(&format!("{name:<9}")), printable(value))
        };
        row("kind", &words(&session.kind))?;
        let region = session.region.as_deref().unwrap_or("unknown region");
        row(
            "account",
            &format!("{}, {region}", session.account.as_ref().map_or("unknown", AccountId::as_str)),
        )?;
        row("principal", session.principal.as_deref().unwrap_or("unknown"))?;
        row("target", session.target.as_deref().unwrap_or("unknown"))?;
        row("ended", &ended(session))?;
        row("records", &format!("{records}, in {} bytes", session.bytes))?;
        row("object", &object(session))?;
        if !session.defects.is_empty() {
            let defects: Vec<String> = session.defects.iter().map(words).collect();
            row("defects", &defects.join(", "))?;
        }
        writeln!(out)
    }

    /// A record in full, except for output beyond the fold.
    ///
    /// # Errors
    /// As the writer.
    pub fn record(&mut self, out: &mut impl Write, record: &CommandRecord) -> io::Result<()> {
        if !record.context.is_empty() && record.context != self.context {
            self.context.clone_from(&record.context);
            writeln!(out, "      {}", self.dim(&format!("in {}", record.context.join(" › "))))?;
        }
        self.command(out, record)?;
        if let Some(expanded) = &record.expanded {
            self.reading(out, "expanded to", expanded)?;
        }
        if let Some(sent) = &record.command_as_sent {
            self.reading(out, "line as sent", sent)?;
        }
        if !record.output.is_empty() {
            self.text(out, &record.output)?;
        }
        if let Some(sent) = &record.output_as_sent {
            self.reading(out, "output as sent", sent)?;
        }
        Ok(())
    }

    fn command(&self, out: &mut impl Write, record: &CommandRecord) -> io::Result<()> {
        let prompt = record.prompt.as_deref().map_or("", |prompt| prompt.rsplit('\n').next().unwrap_or(""));
        let number = self.dim(&format!("{:>5}", record.seq));
        let mut notes = notes(record);
        if let Some(at) = record.at {
            notes.insert(0, at.to_string());
        }
        let notes = match &notes[..] {
            [] => String::new(),
            notes => self.dim(&format!("   [{}]", notes.join(", "))),
        };
        let Some(command) = &record.command else {
            let text = format!("{prompt}(output without a command)");
            return writeln!(out, "{number} {}{notes}", self.dim(&text));
        };
        let mut lines = command.split('\n');
        let first = lines.next().unwrap_or_default();
        writeln!(out, "{number} {}{}{notes}", self.dim(prompt), printable(first))?;
        for line in lines {
            writeln!(out, "      {}{}", self.dim("> "), printable(line))?;
        }
        Ok(())
    }

    /// Another reading of the text before it, under a name of its own.
    fn reading(&self, out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
        writeln!(out, "      {}", self.dim(&format!("{name}:")))?;
        self.text(out, text)
    }

    /// Lines of a transcript, folded.
    fn text(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        let mut lines = text.split('\n');
        let most = if self.max_lines == 0 { usize::MAX } else { self.max_lines };
        for line in lines.by_ref().take(most) {
            self.line(out, line)?;
        }
        match lines.count() {
            0 => Ok(()),
            1 => writeln!(out, "{INDENT}{}", self.dim("… 1 more line")),
            more => writeln!(out, "{INDENT}{}", self.dim(&format!("… {more} more lines"))),
        }
    }

    fn line(&self, out: &mut impl Write, line: &str) -> io::Result<()> {
        let cut = line.char_indices().nth(MAX_LINE_CHARS).filter(|_| self.max_lines > 0);
        let Some((cut, _)) = cut else {
            return writeln!(out, "{INDENT}{}", printable(line));
        };
        let more = line[cut..].chars().count();
        let note = self.dim(&format!(" … {more} more characters"));
        writeln!(out, "{INDENT}{}{note}", printable(&line[..cut]))
    }

    fn dim(&self, text: &str) -> String {
        self.paint.dim(&printable(text))
    }
}

fn ended(session: &Session) -> String {
    match (session.ended_at, session.time_source) {
        (None, _) => "unknown".to_owned(),
        (Some(time), None) => time.to_string(),
        (Some(time), Some(source)) => format!("{time} ({})", words(&source)),
    }
}

/// Where the bytes of a session lie.
fn object(session: &Session) -> String {
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
        let mut reader = Reader::new(Paint::none(), max_lines);
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
