//! `shelltrail sessions`

use std::cmp::Ordering;
use std::io::Write;

use jiff::tz::TimeZone;
use shelltrail_core::Confidence;
use shelltrail_core::session::Marks;
use shelltrail_index::{FoundSession, SearchOptions, Searcher, SessionAnswer};

use super::coverage::{self, Extent};
use super::opened::Opened;
use super::{deadline, exit, follow};
use crate::args::{Args, Floor, SessionsArgs, Sort};
use crate::audit;
use crate::exit::Exit;
use crate::formats::{Of, Printer};
use crate::hits;
use crate::question::Question;
use crate::screen::{Screen, while_read};
use crate::words::{count, words};

/// Lists stored transcripts.
///
/// # Errors
/// The query makes no sense, or there is no index.
pub fn run(args: &Args, command: &SessionsArgs) -> anyhow::Result<Exit> {
    let question = Question::new(command.query.as_deref(), &command.how, &command.filter)?;
    let output = &command.output;
    coverage::check_summary(command.summary, output)?;
    let printer = Printer::new(output.format, output.template.as_deref(), Of::Sessions, 0)?;
    let opened = Opened::new(args, &command.read, &output.screen)?;
    // Another order than that of the index needs all of them, and so does what the index does not look up.
    let natural =
        command.sort == Sort::Ended && !command.reverse && command.floor.is_none() && !command.source_deleted;
    let limit = command.limit.map_or(usize::MAX, |limit| limit as usize);
    let options = SearchOptions {
        limit: if natural { limit } else { usize::MAX },
        cursor: None,
        deadline: deadline(command.budget.budget),
    };
    let mut answer = opened.searcher.sessions(&question.query, &options);
    if !natural {
        sort(&mut answer.sessions, command.sort, command.reverse);
    }
    if let Some(floor) = command.floor {
        let floor = match floor {
            Floor::Medium => Confidence::Medium,
            Floor::High => Confidence::High,
        };
        // A session without records has none that is below.
        answer.sessions.retain(|found| found.confidence_floor.is_none_or(|least| least >= floor));
    }
    if command.source_deleted {
        let marks = marks_of(&opened.searcher, &mut answer);
        let mut deleted = marks.iter().map(|marks| marks.source_deleted.is_some());
        answer.sessions.retain(|_| deleted.next().unwrap_or(true));
    }
    let cut = answer.sessions.len().saturating_sub(limit) as u64;
    answer.sessions.truncate(limit);
    let marks = marks_of(&opened.searcher, &mut answer);
    let extent = Extent {
        hits: answer.sessions.len() as u64,
        more: answer.more || cut > 0,
        left_at_most: answer.left_at_most.saturating_add(cut),
        cursor: None,
    };
    let coverage = &answer.coverage;
    opened.audit.write(&audit::Entry {
        command: "sessions",
        query: question.text,
        scope: scope_of(command, question.scope),
        format: super::format_name(output),
        hits: extent.hits,
        complete: coverage.is_complete(),
        revealed: output.reveal,
        ..audit::Entry::default()
    })?;
    while_read(|| match &printer {
        Some(printer) => {
            let mut out = opened.screen.open_for_programs();
            printer.begin(&mut out, Of::Sessions)?;
            for (found, marks) in answer.sessions.iter().zip(&marks) {
                printer.session(&mut out, found, marks)?;
            }
            if command.summary {
                printer.end(&mut out, coverage, &extent)?;
            }
            out.finish()
        }
        None => {
            let mut out = opened.screen.open();
            for (found, marks) in answer.sessions.iter().zip(&marks) {
                session_line(&mut out, found, marks, &opened.screen, &output.screen.tz)?;
            }
            out.finish()
        }
    })?;
    if extent.more {
        eprintln!(
            "shelltrail: {} of at most {} sessions (--limit)",
            extent.hits,
            extent.hits + extent.left_at_most
        );
    }
    coverage::report_notes(&question.notes);
    if question.query.asks_for_times() {
        let unknown = answer.sessions.iter().filter(|found| found.session.ended_at.is_none()).count();
        coverage::report_unknown_times(unknown as u64, "session");
    }
    let found = !answer.sessions.is_empty();
    if !found {
        coverage::report_empty(&opened.searcher, &opened.index);
    }
    coverage::report(coverage, found);
    if let Some(first) = answer.sessions.first() {
        let words = vec!["--".to_owned(), first.session.session.clone()];
        follow::suggest(&opened.screen, &opened.index, &[("read the first", "show", words)]);
    }
    Ok(exit(coverage.is_complete(), found))
}

fn scope_of(command: &SessionsArgs, mut scope: Vec<String>) -> Vec<String> {
    scope.extend(command.floor.map(|floor| format!("--floor={}", super::value_name(&floor))));
    scope.extend(command.source_deleted.then(|| "--source-deleted".to_owned()));
    scope
}

/// What became of the objects of the sessions that are left.
fn marks_of(searcher: &Searcher, answer: &mut SessionAnswer) -> Vec<Marks> {
    let metas: Vec<_> = answer.sessions.iter().map(|found| &found.session).collect();
    searcher.marks(&metas, &mut answer.coverage)
}

/// What is known of a session, on one line; on a narrow terminal on as many as it takes, for nothing of it is left out.
fn session_line(
    out: &mut impl Write,
    found: &FoundSession,
    marks: &Marks,
    screen: &Screen,
    zone: &TimeZone,
) -> std::io::Result<()> {
    let meta = &found.session;
    let session = meta.to_session();
    let mut fields = vec![session.session.clone(), hits::time(&session, zone)];
    fields.extend(hits::identity(&session));
    fields.push(format!("{}, {}", count(meta.record_count, "record"), count(session.bytes, "byte")));
    if let Some(floor @ (Confidence::Low | Confidence::Medium)) = found.confidence_floor {
        fields.push(format!("from {} confidence", words(&floor)));
    }
    if !found.flags.is_empty() {
        fields.push(found.flags.iter().map(words).collect::<Vec<_>>().join(", "));
    }
    if !session.defects.is_empty() {
        fields.push(session.defects.iter().map(words).collect::<Vec<_>>().join(", "));
    }
    fields.extend(hits::marks(marks, zone));
    hits::fields(
        out,
        screen,
        "",
        &fields,
        |at, paint, text| {
            if at == 0 { paint.bold(text) } else { text.to_owned() }
        },
    )
}

/// Sorts; sessions that are equal keep the order of the index, newest first. Unknown values stand last either way.
fn sort(sessions: &mut [FoundSession], by: Sort, reverse: bool) {
    let turned = |ordering: Ordering| if reverse { ordering.reverse() } else { ordering };
    sessions.sort_by(|FoundSession { session: a, .. }, FoundSession { session: b, .. }| match by {
        Sort::Ended => known(&a.ended_at, &b.ended_at, |a, b| turned(b.cmp(a))),
        Sort::Account => known(&a.account, &b.account, |a, b| turned(a.cmp(b))),
        Sort::Principal => known(&a.principal, &b.principal, |a, b| turned(a.cmp(b))),
        Sort::Target => known(&a.target, &b.target, |a, b| turned(a.cmp(b))),
        Sort::Session => turned(a.session.cmp(&b.session)),
        Sort::Records => turned(b.record_count.cmp(&a.record_count)),
        Sort::Bytes => turned(b.bytes.cmp(&a.bytes)),
    });
}

fn known<T>(a: &Option<T>, b: &Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}
