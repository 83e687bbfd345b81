//! `shelltrail search`

use std::io::{BufWriter, Write, stdout};

use anyhow::bail;
use shelltrail_core::CommandRecord;
use shelltrail_core::document::RecordDocument;
use shelltrail_index::search::with_causes;
use shelltrail_index::{Hit, Literal, Query, SearchOptions, Searcher};

use crate::args::{Args, Format, SearchArgs};
use crate::commands::{MAX_OUTPUT_BYTES, filter, report_coverage};
use crate::config::Config;
use crate::exit::Exit;
use crate::json;
use crate::render::{self, Paint};

/// Searches and prints.
///
/// # Errors
/// The question makes no sense, or there is no index.
pub fn run(args: &Args, command: &SearchArgs) -> anyhow::Result<Exit> {
    let query = unquoted(&command.query);
    if query.is_empty() {
        bail!("the query is empty; every record would match");
    }
    let filter = filter(&command.filter)?;
    let literal = Literal::new(query);
    let index = Config::load(args)?.index(&command.index)?;
    let searcher = Searcher::open(&index)?;
    let asks_for_times = filter.asks_for_times();
    let options = SearchOptions { limit: command.limit as usize, ..SearchOptions::default() };
    let mut answer = searcher.search(&filter.and(Query::literal(query)), &options);

    let mut out = BufWriter::new(stdout().lock());
    let paint = Paint::for_stdout();
    let mut shown = Shown::default();
    for (at, hit) in answer.hits.iter().enumerate() {
        let around = match context(&searcher, &answer.hits, at, command.context, &mut shown) {
            Ok(around) => around,
            Err(error) => {
                answer.coverage.unreadable_records += 1;
                answer.coverage.unreadable_reason.get_or_insert(with_causes(&error));
                vec![hit.record()]
            }
        };
        print(&mut out, hit, &around, command.format, &literal, paint, shown.new_session)?;
    }
    out.flush()?;
    if answer.more {
        eprintln!("shelltrail: more records match; the newest {} are shown (--limit)", command.limit);
    }
    if asks_for_times {
        let unknown = answer.hits.iter().filter(|hit| hit.session().ended_at.is_none()).count();
        if unknown > 0 {
            eprintln!("shelltrail: {unknown} hits are in sessions whose time is unknown; they were kept");
        }
    }
    report_coverage(&answer.coverage);
    Ok(match (answer.coverage.is_complete(), answer.hits.is_empty()) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::NothingFound,
        (true, false) => Exit::Done,
    })
}

/// A query may be quoted once more than the shell needs.
fn unquoted(query: &str) -> &str {
    match query.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.is_empty() => inner,
        _ => query,
    }
}

/// How far the current session is printed, so that windows around neighbouring hits are printed once.
#[derive(Default)]
struct Shown {
    next_seq: u32,
    new_session: bool,
}

/// The hit with its neighbours that are not printed yet. The next hit of the same session is left to itself.
fn context(
    searcher: &Searcher,
    hits: &[Hit],
    at: usize,
    context: u32,
    shown: &mut Shown,
) -> Result<Vec<CommandRecord>, shelltrail_index::pack::PackError> {
    let hit = &hits[at];
    let same_session = |other: &&Hit| other.place == hit.place;
    let before = at.checked_sub(1).and_then(|before| hits.get(before)).filter(same_session);
    shown.new_session = before.is_none();
    if shown.new_session {
        shown.next_seq = 0;
    }
    if context == 0 {
        return Ok(vec![hit.record()]);
    }
    let first = hit.seq.saturating_sub(context).max(shown.next_seq);
    let mut last = hit.seq.saturating_add(context);
    if let Some(next) = hits.get(at + 1).filter(same_session) {
        last = last.min(next.seq.saturating_sub(1));
    }
    shown.next_seq = last.saturating_add(1);
    searcher.records(&hit.place, first, last)
}

fn print(
    out: &mut impl Write,
    hit: &Hit,
    around: &[CommandRecord],
    format: Format,
    literal: &Literal,
    paint: Paint,
    new_session: bool,
) -> anyhow::Result<()> {
    let session = hit.session().to_session();
    if format == Format::Text && new_session {
        render::session_line(out, &session, hit.session().record_count, paint)?;
    }
    for record in around {
        let is_hit = record.seq == hit.seq;
        match format {
            Format::Jsonl => {
                let document = RecordDocument::new(&session, record, MAX_OUTPUT_BYTES).as_neighbour(!is_hit);
                json::write_line(out, &document)?;
            }
            Format::Text if is_hit => render::hit(out, record, literal, paint)?,
            Format::Text => render::neighbour(out, record, paint)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pair_of_quotes_is_taken_off() {
        for (query, expected) in [
            ("\"a b\"", "a b"),
            ("a b", "a b"),
            ("\"a", "\"a"),
            ("\"", "\""),
            ("\"\"", "\"\""),
            ("\"\"x\"\"", "\"x\""),
        ] {
            assert_eq!(unquoted(query), expected, "{query}");
        }
    }
}
