//! Which session somebody means who names one.

use std::path::Path;

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

/// A beginning that fits several sessions.
#[derive(Debug)]
pub struct Ambiguous {
    beginning: String,
    ids: Vec<String>,
}

impl Ambiguous {
    /// The session IDs that are told.
    pub fn told(&self) -> &[String] {
        &self.ids[..self.ids.len().min(MAX_NAMED)]
    }

    /// Tells them, as commands to copy.
    pub fn tell(&self, index: &Path) {
        let told = self.told();
        eprintln!("shelltrail: {} sessions begin with {}:", self.ids.len(), printable(&self.beginning));
        for id in told {
            eprintln!("  {}", follow::line(index, "show", &["--".to_owned(), id.clone()]));
        }
        if self.ids.len() > told.len() {
            eprintln!("  … {} more", self.ids.len() - told.len());
        }
    }
}

/// Finds the session with an ID, with the unique beginning of an ID, or of `SESSION@SEQ`. An ID wins over a reference,
/// and that over a beginning: IDs may hold an `@` themselves.
///
/// # Errors
/// The beginning fits several sessions.
pub fn find(searcher: &Searcher, name: &str) -> Result<Found, Ambiguous> {
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
        let mut ids: Vec<String> = longer.iter().map(|found| found.session.session.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > 1 {
            return Err(Ambiguous { beginning: id.to_owned(), ids });
        }
        if !longer.is_empty() {
            return Ok(Found { transcripts: longer, seq, coverage });
        }
    }
    Ok(Found { transcripts: Vec::new(), seq: None, coverage })
}
