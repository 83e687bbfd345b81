//! `shelltrail show`

use std::io::{BufWriter, Write, stdout};

use shelltrail_core::document::RecordDocument;
use shelltrail_core::sanitize::printable;
use shelltrail_index::search::with_causes;
use shelltrail_index::{Query, SearchOptions, Searcher};

use crate::args::{Args, Format, ShowArgs};
use crate::commands::report_coverage;
use crate::config::Config;
use crate::exit::Exit;
use crate::json;
use crate::reader::Reader;
use crate::render::Paint;

/// Prints every transcript of a session ID, or a window of each.
///
/// # Errors
/// There is no index.
pub fn run(args: &Args, command: &ShowArgs) -> anyhow::Result<Exit> {
    let index = Config::load(args)?.index(&command.index)?;
    let searcher = Searcher::open(&index)?;
    let all = SearchOptions { limit: usize::MAX, ..SearchOptions::default() };
    let answer = searcher.sessions(&Query::session(&command.session), &all);
    let (transcripts, mut coverage) = (answer.sessions, answer.coverage);
    // Whether objects of other sessions could not be indexed says nothing about one that is stored.
    if !transcripts.is_empty() {
        coverage.not_indexed.clear();
    }
    if transcripts.len() > 1 {
        eprintln!(
            "shelltrail: {} transcripts claim the session ID {}; all are shown",
            transcripts.len(),
            printable(&command.session)
        );
    }
    let (first, last) = match command.around {
        Some(seq) => (seq.saturating_sub(command.context), seq.saturating_add(command.context)),
        None => (0, u32::MAX),
    };
    let mut out = BufWriter::new(stdout().lock());
    let mut reader = Reader::new(Paint::for_stdout(), command.fold.output_lines);
    let mut printed = 0;
    for (meta, place) in transcripts.iter().map(|found| (&found.session, &found.place)) {
        let session = meta.to_session();
        let records = match searcher.records(place, first, last) {
            Ok(records) => records,
            Err(error) => {
                coverage.unreadable_records += 1;
                coverage.unreadable_reason.get_or_insert(with_causes(&error));
                continue;
            }
        };
        if command.format == Format::Text {
            reader.header(&mut out, &session, meta.record_count)?;
        }
        for record in &records {
            match command.format {
                Format::Jsonl => {
                    json::write_line(&mut out, &RecordDocument::new(&session, record, usize::MAX))?
                }
                Format::Text => reader.record(&mut out, record)?,
            }
        }
        printed += records.len();
    }
    out.flush()?;
    if transcripts.is_empty() {
        eprintln!("shelltrail: no transcript of session {} is stored", printable(&command.session));
    } else if printed == 0 && command.around.is_some() {
        let records = transcripts.iter().map(|found| found.session.record_count).max().unwrap_or(0);
        eprintln!("shelltrail: the session has {records} records, none of them around that position");
    }
    report_coverage(&coverage);
    let nothing = transcripts.is_empty() || (printed == 0 && command.around.is_some());
    Ok(match (coverage.is_complete(), nothing) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::NothingFound,
        (true, false) => Exit::Done,
    })
}
