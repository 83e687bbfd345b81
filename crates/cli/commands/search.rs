//! `shelltrail search`

use std::collections::HashMap;

use anyhow::bail;
use shelltrail_core::session::Marks;
use shelltrail_core::{CommandRecord, TranscriptId};
use shelltrail_index::block::SessionMeta;
use shelltrail_index::pack::PackError;
use shelltrail_index::search::with_causes;
use shelltrail_index::{Coverage, Hit, Query, SearchOptions, Searcher};

use super::coverage::{self, Extent};
use super::opened::Opened;
use super::stack::{self, Layout};
use super::stats::Stats;
use super::{MAX_OUTPUT_BYTES, deadline, exit, follow};
use crate::args::{Args, AroundArgs, Format, SearchArgs, StackFormat};
use crate::audit;
use crate::exit::Exit;
use crate::formats::{InSession, Of, Printer};
use crate::hits::HitPrinter;
use crate::lens::{Lens, View};
use crate::question::Question;
use crate::screen::{Output, while_read};
use crate::words::count;

/// Searches and prints.
///
/// # Errors
/// The question makes no sense, or there is no index.
pub fn run(args: &Args, command: &SearchArgs) -> anyhow::Result<Exit> {
    let question = Question::narrowed(command.query.as_deref(), &command.how, &command.filter)?;
    if command.mode.count || command.mode.group_by.is_some() {
        return counts(args, command, question);
    }
    if command.mode.list {
        return list(args, command, question);
    }
    hits(args, command, question)
}

/// Hits, and what became of the objects that they come from, by transcript.
struct Marked<'a> {
    hits: &'a [Hit],
    marks: &'a HashMap<TranscriptId, Marks>,
}

impl<'a> Marked<'a> {
    fn marks(&self, hit: &Hit) -> &'a Marks {
        const NONE: Marks = Marks { source_deleted: None, overwritten: None, contents: 0 };
        self.marks.get(&hit.session().id).unwrap_or(&NONE)
    }
}

fn marks_of(searcher: &Searcher, hits: &[Hit], coverage: &mut Coverage) -> HashMap<TranscriptId, Marks> {
    let sessions: HashMap<TranscriptId, &SessionMeta> =
        hits.iter().map(|hit| (hit.session().id, hit.session())).collect();
    let (ids, sessions): (Vec<_>, Vec<_>) = sessions.into_iter().unzip();
    ids.into_iter().zip(searcher.marks(&sessions, coverage)).collect()
}

fn options(command: &SearchArgs) -> SearchOptions {
    SearchOptions {
        limit: command.page.limit as usize,
        cursor: command.page.cursor.clone(),
        deadline: deadline(command.page.budget.budget),
    }
}

fn entry(command: &SearchArgs, question: Question, hits: u64, complete: bool) -> audit::Entry {
    audit::Entry {
        command: "search",
        query: question.text,
        scope: question.scope,
        sessions: Vec::new(),
        format: super::format_name(&command.output),
        hits,
        complete,
        revealed: command.output.reveal,
    }
}

fn hits(args: &Args, command: &SearchArgs, question: Question) -> anyhow::Result<Exit> {
    let output = &command.output;
    coverage::check_summary(command.page.summary, output)?;
    let printer = Printer::new(output.format, output.template.as_deref(), Of::Records, MAX_OUTPUT_BYTES)?;
    let (query, notes) = (question.query.clone(), question.notes.clone());
    let opened = Opened::new(args, &command.read, &output.screen)?;
    let mut answer = opened.searcher.search(&query, &options(command));

    let mut windows = Vec::with_capacity(answer.hits.len());
    let mut next_seq = 0;
    for at in 0..answer.hits.len() {
        match context(&opened.searcher, &answer.hits, at, &command.around, &mut next_seq) {
            Ok(window) => windows.push(window),
            Err(error) => {
                answer.coverage.unreadable_records += 1;
                answer.coverage.unreadable_reason.get_or_insert(with_causes(&error));
                windows.push(vec![answer.hits[at].record()]);
            }
        }
    }
    let marks = marks_of(&opened.searcher, &answer.hits, &mut answer.coverage);
    let coverage = &answer.coverage;
    let extent = Extent {
        hits: answer.hits.len() as u64,
        more: answer.more,
        left_at_most: answer.left_at_most,
        cursor: answer.cursor.as_ref().map(ToString::to_string),
    };
    opened.audit.write(&entry(command, question, extent.hits, coverage.is_complete()))?;
    let lens = Lens::new(output.reveal).keyed(opened.mask_key);
    let hits = Marked { hits: &answer.hits, marks: &marks };
    while_read(|| match &printer {
        Some(printer) => {
            let mut out = opened.screen.open_for_programs();
            print_rows(&mut out, printer, &lens, &hits, &windows)?;
            if command.page.summary {
                printer.end(&mut out, coverage, &extent)?;
            }
            out.finish()
        }
        None => {
            let mut out = opened.screen.open();
            let around = &command.around;
            let mut hit_printer =
                HitPrinter::new(&opened.screen, &output.screen.tz, around.context_lines, around.output_lines);
            print_text(&mut out, &mut hit_printer, &lens, &query, &hits, &windows)?;
            out.finish()
        }
    })?;
    lens.report();
    if command.mode.stats {
        Stats::of(&answer.hits).report(extent.more);
    }
    coverage::report_more(&extent, coverage);
    coverage::report_notes(&notes);
    let unknown = answer.hits.iter().filter(|hit| hit.session().ended_at.is_none()).count() as u64;
    if query.asks_for_times() {
        coverage::report_unknown_times(unknown, "hit");
    }
    if output.format == Format::Timesketch && unknown > 0 {
        eprintln!("shelltrail: {} without a time stand at 1970-01-01", count(unknown, "entry"));
    }
    if answer.hits.is_empty() {
        coverage::report_empty(&opened.searcher, &opened.index);
    }
    coverage::report(coverage, !answer.hits.is_empty());
    if let Some(hit) = answer.hits.first() {
        let reference = format!("{}@{}", hit.session().session, hit.seq);
        let words = vec!["-C".to_owned(), "5".to_owned(), "--".to_owned(), reference];
        follow::suggest(&opened.screen, &opened.index, &[("around the first hit", "show", words)]);
    }
    Ok(exit(coverage.is_complete(), !answer.hits.is_empty()))
}

/// `-l`: the sessions with a hit.
fn list(args: &Args, command: &SearchArgs, question: Question) -> anyhow::Result<Exit> {
    let output = &command.output;
    coverage::check_summary(command.page.summary, output)?;
    let printer = Printer::new(output.format, output.template.as_deref(), Of::Sessions, 0)?;
    let opened = Opened::new(args, &command.read, &output.screen)?;
    let mut answer = opened.searcher.sessions(&question.query, &options(command));
    let metas: Vec<_> = answer.sessions.iter().map(|found| &found.session).collect();
    let marks = opened.searcher.marks(&metas, &mut answer.coverage);
    let coverage = &answer.coverage;
    let extent = Extent {
        hits: answer.sessions.len() as u64,
        more: answer.more,
        left_at_most: answer.left_at_most,
        cursor: answer.cursor.as_ref().map(ToString::to_string),
    };
    coverage::report_notes(&question.notes);
    if question.query.asks_for_times() {
        let unknown = answer.sessions.iter().filter(|found| found.session.ended_at.is_none()).count();
        coverage::report_unknown_times(unknown as u64, "session");
    }
    opened.audit.write(&entry(command, question, extent.hits, coverage.is_complete()))?;
    while_read(|| {
        let mut out =
            if printer.is_some() { opened.screen.open_for_programs() } else { opened.screen.open() };
        if let Some(printer) = &printer {
            printer.begin(&mut out, Of::Sessions)?;
        }
        for (found, marks) in answer.sessions.iter().zip(&marks) {
            match &printer {
                Some(printer) => printer.session(&mut out, found, marks)?,
                None => {
                    use std::io::Write as _;
                    writeln!(out, "{}", shelltrail_core::sanitize::printable(&found.session.session))?;
                }
            }
        }
        if let Some(printer) = printer.as_ref().filter(|_| command.page.summary) {
            printer.end(&mut out, coverage, &extent)?;
        }
        out.finish()
    })?;
    coverage::report_more(&extent, coverage);
    if extent.hits == 0 {
        coverage::report_empty(&opened.searcher, &opened.index);
    }
    coverage::report(coverage, extent.hits > 0);
    Ok(exit(coverage.is_complete(), extent.hits > 0))
}

/// `-c` and `--group-by`: all of them, whatever the limit.
fn counts(args: &Args, command: &SearchArgs, question: Question) -> anyhow::Result<Exit> {
    let output = &command.output;
    if output.template.is_some() {
        bail!("--template prints a line per record; it does not go with --count and --group-by");
    }
    if command.page.cursor.is_some() {
        bail!("--count and --group-by count everything; they do not go with --cursor");
    }
    let format = match output.format {
        Format::Text => StackFormat::Text,
        Format::Jsonl => StackFormat::Jsonl,
        Format::Csv => StackFormat::Csv,
        Format::Timesketch => {
            bail!("--format timesketch prints records; it does not go with --count and --group-by")
        }
    };
    let opened = Opened::new(args, &command.read, &output.screen)?;
    let by = command.mode.group_by;
    let counts = opened.searcher.count(&question.query, by.map(Into::into), &options(command));
    let complete = counts.coverage.is_complete();
    coverage::report_notes(&question.notes);
    let asks_for_times = question.query.asks_for_times();
    opened.audit.write(&entry(command, question, counts.records, complete))?;
    let layout = Layout { by, format, limit: command.page.limit as usize, bars: true };
    let lens = Lens::new(output.reveal).keyed(opened.mask_key);
    stack::write(&counts, &layout, &opened.screen, &lens, &output.screen.tz)?;
    lens.report();
    if asks_for_times {
        coverage::report_unknown_times(counts.sessions_of_unknown_end, "session");
    }
    if counts.records == 0 {
        coverage::report_empty(&opened.searcher, &opened.index);
    }
    coverage::report(&counts.coverage, counts.records > 0);
    Ok(exit(complete, counts.records > 0))
}

/// The hit with its neighbours that are not printed yet, so that windows of neighbouring hits are printed once. The
/// next hit of the same session is left to itself.
fn context(
    searcher: &Searcher,
    hits: &[Hit],
    at: usize,
    around: &AroundArgs,
    next_seq: &mut u32,
) -> Result<Vec<CommandRecord>, PackError> {
    let hit = &hits[at];
    if is_new_session(hits, at) {
        *next_seq = 0;
    }
    if around.before() == 0 && around.after() == 0 {
        return Ok(vec![hit.record()]);
    }
    let first = hit.seq.saturating_sub(around.before()).max(*next_seq);
    let mut last = hit.seq.saturating_add(around.after());
    if let Some(next) = hits.get(at + 1).filter(|next| next.place == hit.place) {
        last = last.min(next.seq.saturating_sub(1));
    }
    *next_seq = last.saturating_add(1);
    searcher.records(&hit.place, first, last)
}

fn is_new_session(hits: &[Hit], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| hits.get(before)).is_none_or(|before| before.place != hits[at].place)
}

fn print_rows(
    out: &mut Output,
    printer: &Printer,
    lens: &Lens<'_>,
    hits: &Marked<'_>,
    windows: &[Vec<CommandRecord>],
) -> anyhow::Result<()> {
    printer.begin(out, Of::Records)?;
    for (hit, window) in hits.hits.iter().zip(windows) {
        let session = &hit.session().to_session();
        let of = InSession { session, records: hit.session().record_count, marks: hits.marks(hit) };
        for record in window {
            printer.record(out, &of, record, lens, record.seq != hit.seq)?;
        }
    }
    Ok(())
}

fn print_text(
    out: &mut Output,
    printer: &mut HitPrinter<'_>,
    lens: &Lens<'_>,
    query: &Query,
    hits: &Marked<'_>,
    windows: &[Vec<CommandRecord>],
) -> anyhow::Result<()> {
    let marking = lens.marking(query);
    for (at, (hit, window)) in hits.hits.iter().zip(windows).enumerate() {
        let session = hit.session().to_session();
        if is_new_session(hits.hits, at) {
            printer.session(out, &session, hits.marks(hit))?;
        }
        if let Some(record) = window.iter().find(|record| record.seq == hit.seq) {
            printer.head(out, &session, hit.session().record_count, record, lens)?;
        }
        for record in window {
            if record.seq == hit.seq {
                printer.hit(out, &View::new(record, &marking))?;
            } else {
                printer.neighbour(out, &View::new(record, &lens.plain()))?;
            }
        }
    }
    Ok(())
}
