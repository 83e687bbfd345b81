//! Which entries are meant.

use anyhow::{Context, bail};
use shelltrail_core::AccountId;
use shelltrail_core::sanitize::printable;
use shelltrail_index::IndexRoot;
use shelltrail_index::failures;

use super::Entry;
use crate::args::{FailuresFilter, FailuresWhich};

/// Most entries that are named if a beginning fits several.
const MAX_NAMED: usize = 10;

/// All entries: the last failure first, those that cannot be read behind them.
pub fn all(root: &IndexRoot) -> anyhow::Result<Vec<Entry>> {
    let list = failures::list(&root.failures_dir()).context("read the list of failures")?;
    let mut failures = list.failures;
    failures.sort_by(|a, b| b.failed_at.cmp(&a.failed_at).then_with(|| a.object.cmp(&b.object)));
    let readable = failures
        .into_iter()
        .map(|failure| Entry { id: failures::id(&failure.object), failure: Some(failure) });
    let unreadable = list.unreadable.into_iter().map(|id| Entry { id, failure: None });
    Ok(readable.chain(unreadable).collect())
}

/// Those that pass a filter.
pub fn filtered(root: &IndexRoot, filter: &FailuresFilter) -> anyhow::Result<Vec<Entry>> {
    let mut entries = all(root)?;
    entries.retain(|entry| passes(entry, &filter.reason, &filter.account));
    Ok(entries)
}

/// Those that are named, one way or another; each once.
pub fn which(root: &IndexRoot, which: &FailuresWhich) -> anyhow::Result<Vec<Entry>> {
    let mut entries = all(root)?;
    if which.ids.is_empty() {
        entries.retain(|entry| passes(entry, &which.reason, &which.account));
        return Ok(entries);
    }
    let mut chosen: Vec<Entry> = Vec::new();
    for id in &which.ids {
        let entry = one(&entries, id)?;
        if !chosen.contains(entry) {
            chosen.push(entry.clone());
        }
    }
    Ok(chosen)
}

/// The entry whose ID this is or begins with.
///
/// # Errors
/// There is none, or there are several.
pub fn one<'a>(entries: &'a [Entry], id: &str) -> anyhow::Result<&'a Entry> {
    let wanted = id.to_ascii_lowercase();
    let fitting: Vec<&Entry> =
        entries.iter().filter(|entry| !wanted.is_empty() && entry.id.starts_with(&wanted)).collect();
    match fitting[..] {
        [entry] => Ok(entry),
        [] => bail!("no entry has the ID {}; `shelltrail failures list` tells all", printable(id)),
        _ => {
            let named: Vec<&str> = fitting.iter().take(MAX_NAMED).map(|entry| entry.id.as_str()).collect();
            let more = fitting.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            bail!(
                "{} entries begin with {}: {}{more}",
                fitting.len(),
                printable(id),
                printable(&named.join(", "))
            )
        }
    }
}

fn passes(entry: &Entry, reasons: &[String], accounts: &[String]) -> bool {
    let account = entry.failure.as_ref().and_then(|failure| failure.account.as_ref());
    let account = account.map_or("unknown", AccountId::as_str);
    let is_among = |list: &[String], value: &str| list.is_empty() || list.iter().any(|other| other == value);
    is_among(reasons, entry.reason()) && is_among(accounts, account)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_by_a_beginning_that_fits_no_other() {
        let entries: Vec<Entry> =
            ["ab12", "ab34", "cd56"].map(|id| Entry { id: id.to_owned(), failure: None }).into();
        assert_eq!(one(&entries, "C").unwrap().id, "cd56");
        assert_eq!(one(&entries, "ab3").unwrap().id, "ab34");
        for bad in ["", "x", "ab", "cd567", "\x1b[2J"] {
            let error = one(&entries, bad).unwrap_err().to_string();
            assert!(!error.contains('\x1b'), "{error}");
        }
    }
}
