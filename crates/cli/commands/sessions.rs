//! `shelltrail sessions`

use std::io::{BufWriter, Write, stdout};

use shelltrail_core::document::{SCHEMA, SessionDocument};
use shelltrail_index::{SearchOptions, Searcher};

use crate::args::{Args, Format, SessionsArgs};
use crate::commands::{filter, report_coverage};
use crate::config::Config;
use crate::exit::Exit;
use crate::json;
use crate::render::{self, Paint};

/// Lists stored transcripts.
///
/// # Errors
/// The filter makes no sense, or there is no index.
pub fn run(args: &Args, command: &SessionsArgs) -> anyhow::Result<Exit> {
    let filter = filter(&command.filter)?;
    let index = Config::load(args)?.index(&command.index)?;
    let all = SearchOptions { limit: usize::MAX, ..SearchOptions::default() };
    let answer = Searcher::open(&index)?.sessions(&filter, &all);
    let (sessions, coverage) = (answer.sessions, answer.coverage);
    let mut out = BufWriter::new(stdout().lock());
    let paint = Paint::for_stdout();
    for meta in sessions.iter().map(|found| &found.session) {
        match command.format {
            Format::Text => render::session_line(&mut out, &meta.to_session(), meta.record_count, paint)?,
            Format::Jsonl => {
                let document = SessionDocument {
                    schema: SCHEMA,
                    kind: meta.kind,
                    session: &meta.session,
                    account: meta.account,
                    region: meta.region.as_deref(),
                    principal: meta.principal.as_deref(),
                    target: meta.target.as_deref(),
                    transcript: meta.id,
                    records: meta.record_count,
                    bytes: meta.bytes,
                    ended_at: meta.ended_at,
                    time_source: meta.time_source,
                    object: &meta.object,
                    defects: &meta.defects,
                };
                json::write_line(&mut out, &document)?;
            }
        }
    }
    out.flush()?;
    report_coverage(&coverage);
    Ok(match (coverage.is_complete(), sessions.is_empty()) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::NothingFound,
        (true, false) => Exit::Done,
    })
}
