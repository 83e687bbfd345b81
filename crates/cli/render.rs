//! Sessions and hits as lines for people. Everything that we did not write passes the sanitiser
//! first; colours are added after it, by this file alone.

use std::io::{self, IsTerminal, Write};
use std::ops::Range;

use jiff::Timestamp;
use serde::Serialize;
use shelltrail_core::sanitize::printable;
use shelltrail_core::session::{Origin, Reason};
use shelltrail_core::{AccountId, CommandRecord, Confidence, Session, Status, TimeSource};
use shelltrail_index::Literal;

/// How many matching output lines of one hit are shown; `show` has the rest.
const MAX_MATCHING_LINES: usize = 5;
/// How much of a long line is shown around a match.
const MAX_LINE_CHARS: usize = 400;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// Colours if standard output is a terminal and nobody objects (<https://no-color.org>).
    #[must_use]
    pub fn for_stdout() -> Self {
        let objection = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(io::stdout().is_terminal() && !objection && !dumb)
    }

    /// No colours.
    #[cfg(test)]
    pub fn none() -> Self {
        Self(false)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Text that is there to be overlooked.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Text that is there to be found.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn matched(self, text: &str) -> String {
        self.with("1;31", text)
    }
}

/// One line that says which session this is.
pub fn session_line(out: &mut impl Write, session: &Session, records: u64, paint: Paint) -> io::Result<()> {
    let who = session.principal.as_deref().unwrap_or("unknown principal");
    writeln!(
        out,
        "{}  {}  account {}  {}  {}  {}",
        paint.bold(&printable(&session.session)),
        time(session.ended_at, session.time_source),
        session.account.as_ref().map_or("unknown", AccountId::as_str),
        printable(session.region.as_deref().unwrap_or("unknown region")),
        printable(who),
        paint.dim(&format!("{records} records, {} bytes", session.bytes)),
    )
}

fn time(ended_at: Option<Timestamp>, source: Option<TimeSource>) -> String {
    match (ended_at, source) {
        (None, _) => "end unknown".to_owned(),
        (Some(time), Some(TimeSource::ObjectLastModified)) => format!("stored {time}"),
        (Some(time), _) => format!("ended {time}"),
    }
}

/// A record as a hit: the command with the match marked, and the output lines that match.
pub fn hit(out: &mut impl Write, record: &CommandRecord, literal: &Literal, paint: Paint) -> io::Result<()> {
    write_command(out, record, Some(literal), paint)?;
    matching_lines(out, &record.output, "the output", literal, paint)?;
    let shown = record.command.as_deref().is_some_and(|command| literal.is_in(command));
    if shown || literal.is_in(&record.output) {
        return Ok(());
    }
    // The match stands in none of the texts that are shown otherwise.
    let others = [
        ("the line as sent", &record.command_as_sent),
        ("the output as sent", &record.output_as_sent),
        ("what the command was expanded to", &record.expanded),
    ];
    for (name, text) in others {
        if let Some(text) = text.as_deref().filter(|text| literal.is_in(text)) {
            writeln!(out, "      {}", paint.dim(&format!("in {name}:")))?;
            matching_lines(out, text, name, literal, paint)?;
        }
    }
    Ok(())
}

/// The lines of a text that contain the literal, as many as are shown of one.
fn matching_lines(
    out: &mut impl Write,
    text: &str,
    name: &str,
    literal: &Literal,
    paint: Paint,
) -> io::Result<()> {
    let matching: Vec<&str> = text.split('\n').filter(|line| literal.is_in(line)).collect();
    for line in matching.iter().take(MAX_MATCHING_LINES) {
        writeln!(out, "      {}", marked(line, literal, paint))?;
    }
    if matching.is_empty() && literal.is_in(text) {
        writeln!(out, "      {}", paint.dim(&format!("(the match spans lines of {name})")))?;
    }
    if let more @ 1.. = matching.len().saturating_sub(MAX_MATCHING_LINES) {
        writeln!(out, "      {}", paint.dim(&format!("… {more} more matching lines")))?;
    }
    Ok(())
}

/// A record as context: the command alone.
pub fn neighbour(out: &mut impl Write, record: &CommandRecord, paint: Paint) -> io::Result<()> {
    write_command(out, record, None, paint)
}

fn write_command(
    out: &mut impl Write,
    record: &CommandRecord,
    literal: Option<&Literal>,
    paint: Paint,
) -> io::Result<()> {
    let prompt = record.prompt.as_deref().map_or("", |prompt| prompt.rsplit('\n').next().unwrap_or(""));
    let mark = if literal.is_some() { ">" } else { " " };
    let head = format!("{mark}{:>4}", record.seq);
    let notes = match &notes(record)[..] {
        [] => String::new(),
        notes => format!("   [{}]", notes.join(", ")),
    };
    let Some(command) = &record.command else {
        return writeln!(out, "{} {}", paint.dim(&head), paint.dim("(output without a command)"));
    };
    for (i, line) in command.split('\n').enumerate() {
        let text =
            literal.map_or_else(|| printable(line).into_owned(), |literal| marked(line, literal, paint));
        if i == 0 {
            writeln!(
                out,
                "{} {}{}{}",
                paint.dim(&head),
                paint.dim(&printable(prompt)),
                text,
                paint.dim(&notes)
            )?;
        } else {
            writeln!(out, "      {}{}", paint.dim("> "), text)?;
        }
    }
    Ok(())
}

/// What a reader must know beside the text: anything but "executed, and cut with some certainty".
pub fn notes(record: &CommandRecord) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(record.status.filter(|status| *status != Status::Executed).map(|status| words(&status)));
    if record.confidence == Confidence::Low {
        notes.push("low confidence".to_owned());
    }
    // Most shells mark nothing, so a learned prompt is the rule.
    notes
        .extend(record.reason.filter(|reason| *reason != Reason::LearnedPrompt).map(|reason| words(&reason)));
    notes.extend(record.flags.iter().map(words));
    if record.origin != Origin::User {
        notes.push(format!("origin {}", words(&record.origin)));
    }
    notes
}

/// The name of a value in the JSON, as words.
pub fn words(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name.replace('_', " "),
        _ => String::new(),
    }
}

/// A line with its matches marked, and cut around the first match if it is very long.
fn marked(line: &str, literal: &Literal, paint: Paint) -> String {
    let matches = literal.matches_in(line);
    let window = window(line, matches.first());
    let mut text = String::new();
    if window.start > 0 {
        text.push('…');
    }
    let mut at = window.start;
    for found in matches.iter().filter(|found| found.start >= window.start && found.end <= window.end) {
        text += &printable(&line[at..found.start]);
        text += &paint.matched(&printable(&line[found.clone()]));
        at = found.end;
    }
    text += &printable(&line[at..window.end]);
    if window.end < line.len() {
        text.push('…');
    }
    text
}

/// The part of a line to show: all of it, or a stretch that begins shortly before the first match.
fn window(line: &str, first: Option<&Range<usize>>) -> Range<usize> {
    let lead = MAX_LINE_CHARS / 4;
    let from = first.map_or(0, |first| first.start);
    let needed = first.map_or(0, ExactSizeIterator::len);
    if line.len() <= MAX_LINE_CHARS {
        return 0..line.len();
    }
    let start = line.floor_char_boundary(from.saturating_sub(lead));
    start..line.ceil_char_boundary((from + needed + MAX_LINE_CHARS - lead).min(line.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_marked_and_hostile_bytes_are_not() {
        let literal = Literal::new("curl");
        assert_eq!(marked("a\x1b[2Jcurl x", &literal, Paint(true)), "a^[[2J\x1b[1;31mcurl\x1b[0m x");
        assert_eq!(marked("a\x1b[2Jcurl x", &literal, Paint(false)), "a^[[2Jcurl x");
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_match() {
        let line = format!("{}needle{}", "é".repeat(100_000), "漢".repeat(100_000));
        let text = marked(&line, &Literal::new("needle"), Paint(false));
        assert!(text.starts_with('…') && text.ends_with('…') && text.contains("needle"));
        assert!(text.chars().count() < MAX_LINE_CHARS + 10);
    }
}
