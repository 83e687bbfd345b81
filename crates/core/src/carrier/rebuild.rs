//! From ordered lines to sessions.

use jiff::Timestamp;

use super::lossy::{self, Clean};
use super::order::{self, Mark, Ordered};
use super::place::Origin;
use super::streams::{Stream, Streams};
use super::typed;
use crate::ids::TranscriptId;
use crate::layout;
use crate::session::{CommandRecord, Confidence, Defect, Reason, Session, Span, TimeSource};
use crate::transcript::{self, ParseLimits, Parsed};

/// Makes one session of each stream, and one of what belongs to none.
pub(super) fn sessions(
    streams: Streams,
    bytes: &[u8],
    origin: &Origin<'_>,
    limits: &ParseLimits,
) -> Vec<Session> {
    let Streams { list, text, too_many, .. } = streams;
    let mut sessions = Vec::with_capacity(list.len() + 1);
    // All sessions of an object wait together until they are indexed.
    let mut left = limits.clone();
    for stream in list {
        let limits = &left;
        let part = if stream.streamed { "streamed" } else { "transcript" };
        let session =
            if stream.streamed { streamed(stream, origin, limits) } else { whole(stream, origin, limits) };
        left.max_records = left.max_records.saturating_sub(session.records.len());
        add(&mut sessions, session, part);
    }
    if !text.is_empty() || sessions.is_empty() {
        let mut session = remains(&text, bytes, origin, &left);
        if too_many {
            session.defects.push(Defect::TooManySessions);
        }
        add(&mut sessions, session, "text");
    }
    sessions
}

/// The first session has the identity of the object; from it follow those of the others.
fn add(sessions: &mut Vec<Session>, mut session: Session, part: &str) {
    if !sessions.is_empty() {
        session.id = TranscriptId::of_part(&session.id, session.account.as_ref(), &session.session, part);
    }
    sessions.push(session);
}

/// A session whose lines the agent sent while it ran.
fn streamed(mut stream: Stream, origin: &Origin<'_>, limits: &ParseLimits) -> Session {
    let mut session = placed(&mut stream, origin);
    let ordered = order::order(&mut stream);
    let clean = lossy::clean(&ordered);
    let mut parsed = transcript::parse(&clean.text, limits);
    typed::mend(&mut parsed.records);
    for record in &mut parsed.records {
        qualify(record, &clean, &ordered);
        (record.at, record.span) = carried(record.span, &clean.marks);
    }
    session.bytes = ordered.text.len() as u64;
    session.ended_at = ordered.marks.iter().filter_map(|mark| mark.at).max();
    session.time_source = session.ended_at.map(|_| TimeSource::CloudwatchEvent);
    finish(session, parsed, &ordered)
}

/// A session whose transcript was sent when it had ended.
fn whole(mut stream: Stream, origin: &Origin<'_>, limits: &ParseLimits) -> Session {
    let mut session = placed(&mut stream, origin);
    let ordered = order::order(&mut stream);
    let mut parsed = transcript::parse(&ordered.text, limits);
    for record in &mut parsed.records {
        (_, record.span) = carried(record.span, &ordered.marks);
    }
    session.bytes = ordered.text.len() as u64;
    let sent = ordered.marks.iter().filter_map(|mark| mark.at).max();
    (session.ended_at, session.time_source) = match (parsed.ended_at, sent) {
        (Some(header), _) => (Some(header), Some(TimeSource::TranscriptHeader)),
        (None, Some(sent)) => (Some(sent), Some(TimeSource::CloudwatchEvent)),
        (None, None) => (session.ended_at, session.time_source),
    };
    finish(session, parsed, &ordered)
}

fn placed(stream: &mut Stream, origin: &Origin<'_>) -> Session {
    let mut session = origin.named(stream.name.take());
    session.account = stream.account.or(session.account);
    let region = stream.region.take().filter(|region| layout::is_region(region));
    session.region = region.or(session.region);
    session.target = stream.target.take();
    session
}

fn finish(mut session: Session, parsed: Parsed, ordered: &Ordered) -> Session {
    session.target = session.target.or(parsed.target);
    session.records = parsed.records;
    session.defects.extend(parsed.defects);
    if ordered.repeated {
        session.defects.push(Defect::RepeatedLines);
    }
    session
}

/// What belongs to no session: one record without a command, so that it can be found.
fn remains(text: &[Span], bytes: &[u8], origin: &Origin<'_>, limits: &ParseLimits) -> Session {
    let mut session = origin.session(crate::session::SessionKind::Transcript);
    session.ended_at = origin.transcript.last_modified;
    session.time_source = session.ended_at.map(|_| TimeSource::ObjectLastModified);
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return session };
    let mut joined = Vec::new();
    for span in text {
        joined.extend_from_slice(part(bytes, *span).trim_ascii_end());
        joined.push(b'\n');
    }
    let parsed = transcript::parse_output(&joined, limits);
    session.bytes = joined.len() as u64;
    session.records = parsed.records;
    for record in &mut session.records {
        record.span = Span { start: first.start, end: last.end };
    }
    session.defects.extend(parsed.defects);
    session.defects.push(Defect::UnreadableEvent);
    session
}

fn part(bytes: &[u8], span: Span) -> &[u8] {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.get(at(span.start)..at(span.end)).unwrap_or_default()
}

/// When the first line of a record was recorded, and the part of the object that carried the record.
fn carried(span: Span, marks: &[Mark]) -> (Option<Timestamp>, Span) {
    let event = |offset: u64| {
        let next = marks.partition_point(|mark| mark.start as u64 <= offset);
        marks.get(next.saturating_sub(1))
    };
    let Some(first) = event(span.start) else { return (None, Span::default()) };
    let last = event(span.end.saturating_sub(1).max(span.start)).unwrap_or(first);
    // Events that came out of order do not enclose the record.
    let end = if last.span.start >= first.span.start { last.span.end } else { first.span.end };
    (first.at, Span { start: first.span.start, end })
}

/// Says of a record that it is a guess, where it is, and keeps what its lines were before.
fn qualify(record: &mut CommandRecord, clean: &Clean, ordered: &Ordered) {
    let start = usize::try_from(record.span.start).unwrap_or(usize::MAX).min(clean.text.len());
    let end = usize::try_from(record.span.end).unwrap_or(usize::MAX).min(clean.text.len());
    let lines = |text: &Option<String>| {
        text.as_deref().map_or(0, |text| memchr::memchr_iter(b'\n', text.as_bytes()).count())
    };
    let command_lines = record.command.is_some().then(|| lines(&record.prompt) + lines(&record.command));
    let command_end = command_lines.map_or(start, |lines| {
        memchr::memchr_iter(b'\n', &clean.text[start..end]).nth(lines).map_or(end, |at| start + at)
    });
    if record.command.is_some() && clean.rough_from.is_some_and(|from| end > from) {
        record.confidence = Confidence::Low;
        record.reason = Some(Reason::LossyCarrier);
    }
    let from = clean.rough.partition_point(|rough| rough.end < start);
    let (mut typed, mut printed) = (String::new(), String::new());
    for rough in clean.rough[from..].iter().take_while(|rough| rough.start < end) {
        let in_command = record.command.is_some() && rough.start < command_end.max(start + 1);
        if in_command {
            record.confidence = Confidence::Low;
            record.reason = Some(Reason::LossyCarrier);
        }
        let Some((start, end)) = rough.sent else { continue };
        let sent = String::from_utf8_lossy(&ordered.text[start..end]);
        let before = if in_command { &mut typed } else { &mut printed };
        before.extend(sent.chars().filter(|&character| character == '\t' || !character.is_control()));
        before.push('\n');
    }
    for (sent, kept) in [(typed, &mut record.command_as_sent), (printed, &mut record.output_as_sent)] {
        if !sent.is_empty() {
            *kept = Some(sent.trim_end_matches('\n').to_owned());
        }
    }
}
