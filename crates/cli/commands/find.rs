//! Which session somebody means who names one.

use std::path::Path;

use anyhow::bail;
use shelltrail_core::sanitize::printable;
use shelltrail_index::{Coverage, FoundSession, SearchOptions, Searcher};

use super::follow;

/// Most sessions that are named if a beginning fits several.
const MAX_NAMED: usize = 10;

/// The transcripts of a session, and the record that was named with it.
#[derive(Debug)]
pub struct Found {
    /// All that claim the same session ID.
    pub transcripts: Vec<FoundSession>,
    /// The position behind `@`.
    pub seq: Option<u32>,
    /// What was seen.
    pub coverage: Coverage,
}

/// Finds the session with an ID, with the unique beginning of an ID, or of `SESSION@SEQ`. An ID wins over a reference,
/// and that over a beginning: IDs may hold an `@` themselves.
///
/// # Errors
/// The beginning fits several sessions.
pub fn find(searcher: &Searcher, index: &Path, name: &str) -> anyhow::Result<Found> {
    let reference = name.rsplit_once('@').and_then(|(id, seq)| {
        let digits = !seq.is_empty() && seq.bytes().all(|b| b.is_ascii_digit());
        Some((id, seq.parse::<u32>().ok().filter(|_| digits)?))
    });
    let all = SearchOptions { limit: usize::MAX, ..SearchOptions::default() };
    let mut coverage = Coverage::default();
    let mut beginnings = Vec::new();
    for (id, seq) in [Some((name, None)), reference.map(|(id, seq)| (id, Some(seq)))].into_iter().flatten() {
        if id.is_empty() {
            continue;
        }
        let answer = searcher.find_session(id, &all);
        coverage = answer.coverage.clone();
        let (exact, longer): (Vec<_>, Vec<_>) =
            answer.sessions.into_iter().partition(|found| found.session.session == id);
        if !exact.is_empty() {
            return Ok(Found { transcripts: exact, seq, coverage: answer.coverage });
        }
        beginnings.push((id, seq, longer, answer.coverage));
    }
    for (id, seq, longer, coverage) in beginnings {
        let mut ids: Vec<&str> = longer.iter().map(|found| found.session.session.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > 1 {
            bail!("{}", ambiguous(index, id, &ids));
        }
        if !longer.is_empty() {
            return Ok(Found { transcripts: longer, seq, coverage });
        }
    }
    Ok(Found { transcripts: Vec::new(), seq: None, coverage })
}

fn ambiguous(index: &Path, beginning: &str, ids: &[&str]) -> String {
    eprintln!("shelltrail: {} sessions begin with {}:", ids.len(), printable(beginning));
    for id in ids.iter().take(MAX_NAMED) {
        eprintln!("  {}", follow::line(index, "show", &["--".to_owned(), (*id).to_owned()]));
    }
    if ids.len() > MAX_NAMED {
        eprintln!("  … {} more", ids.len() - MAX_NAMED);
    }
    "name one session".to_owned()
}
