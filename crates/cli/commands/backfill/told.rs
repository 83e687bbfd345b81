//! The plan and the final account, for people and for jobs.

use std::io::{Write, stdout};

use serde::Serialize;
use shelltrail_core::sanitize::printable;
use shelltrail_index::Vanished;
use shelltrail_ingest::source::ListedObject;
use shelltrail_ingest::{Plan, Quantity, Row, Summary, Tally};

use crate::args::AccountFormat;
use crate::commands::summary;
use crate::json;
use crate::log::{self, LogFormat};

/// Most objects that are named in text.
const MAX_NAMED: usize = 20;

/// Most objects of a kind that are named in JSON.
const MOST_NAMED: usize = 1000;

/// The final account.
#[derive(Debug, Serialize)]
pub struct Account {
    /// The source, as it was given.
    pub source: String,
    /// Whether everything that was meant is stored, sent, or no longer there.
    pub complete: bool,
    /// Whether the source was listed to its end.
    pub ended: bool,
    /// `seen` and the columns that add up to it, over all runs of the same command.
    #[serde(flatten)]
    pub tally: Tally,
    /// Objects that this run listed and the filters left out.
    pub filtered: u64,
    /// Messages that this run sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Not indexed in this run, by reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<std::collections::BTreeMap<String, u64>>,
    /// What the index and the bucket do not have in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// What index and bucket do not have in common.
#[derive(Debug, Default, Serialize)]
pub struct Difference {
    /// Objects that were not indexed although their notifications were due.
    pub missed_notifications: u64,
    /// The first of them.
    pub missed: Vec<Name>,
    /// Indexed objects that the bucket no longer has. `null`: nobody looked, as the listing did not end or was too long.
    pub no_longer_in_bucket: Option<u64>,
    /// Those of them that were told to be removed. `null`: nobody looked, or it cannot be read.
    pub removed_known: Option<u64>,
    /// Those whose removal nobody told: a notification that was missed, or a rule that sends none.
    pub vanished_untold: Option<u64>,
    /// The first of them, those that nobody told before the others.
    pub gone: Vec<Name>,
    /// Why it is not known which removals were told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removals_unreadable: Option<String>,
}

/// An object by its name.
#[derive(Debug, Serialize)]
pub struct Name {
    /// Its bucket.
    pub bucket: Option<String>,
    /// Its key.
    pub key: String,
    /// When it was modified last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<jiff::Timestamp>,
    /// Of an object that the bucket no longer has: whether its removal was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<bool>,
}

impl From<ListedObject> for Name {
    fn from(listed: ListedObject) -> Self {
        let ListedObject { object, last_modified, .. } = listed;
        Self { bucket: object.bucket, key: object.key, last_modified, removed: None }
    }
}

/// The equation in words. Columns of other modes are left out.
pub fn equation(tally: &Tally) -> String {
    let Tally { seen, indexed, enqueued, already_indexed, gone, archived, denied, failed, unstarted } =
        *tally;
    let mut columns = vec![(indexed, "indexed")];
    if enqueued > 0 {
        columns.push((enqueued, "enqueued"));
    }
    columns.extend([
        (already_indexed, "already indexed"),
        (gone, "gone"),
        (archived, "archived"),
        (denied, "denied"),
        (failed, "failed"),
    ]);
    if unstarted > 0 {
        columns.push((unstarted, "not begun"));
    }
    let columns: Vec<String> = columns.iter().map(|(count, name)| format!("{count} {name}")).collect();
    format!("{seen} seen = {}", columns.join(" + "))
}

/// Prints the final account.
///
/// # Errors
/// Standard output cannot be written.
pub fn account(account: &Account, format: AccountFormat, done: Option<&Summary>) -> anyhow::Result<()> {
    if format == AccountFormat::Json {
        let mut out = stdout().lock();
        json::write_line(&mut out, account)?;
        return Ok(out.flush()?);
    }
    log::say(&format!("objects: {}", equation(&account.tally)));
    if account.filtered > 0 {
        log::say(&format!("{} objects were left out by the filters", account.filtered));
    }
    if let Some(messages) = account.messages {
        log::say(&format!("{messages} messages sent"));
    }
    match done {
        Some(done) if log::format() == LogFormat::Json => summary::report(done),
        Some(done) => summary::details(done),
        None => {}
    }
    if let Some(difference) = &account.difference {
        difference.print();
    }
    if !account.ended {
        log::say("stopped before the end: the same command goes on from here");
    }
    Ok(())
}

impl Difference {
    /// Adds what is stored and not in the bucket any more.
    pub fn tell(&mut self, bucket: &str, vanished: &Vanished) {
        let counts = vanished.counts();
        self.no_longer_in_bucket = Some(vanished.keys.len() as u64);
        self.removed_known = counts.map(|(told, _)| told);
        self.vanished_untold = counts.map(|(_, untold)| untold);
        self.removals_unreadable.clone_from(&vanished.unreadable);
        for told in [false, true] {
            let keys = vanished.keys.iter().filter(|(_, is_told)| **is_told == told).map(|(key, _)| key);
            let names = keys.map(|key| Name {
                bucket: Some(bucket.to_owned()),
                key: key.clone(),
                last_modified: None,
                removed: counts.map(|_| told),
            });
            let room = MOST_NAMED - self.gone.len();
            self.gone.extend(names.take(room));
        }
    }

    fn print(&self) {
        log::say(&format!(
            "missed notifications: {} objects were due and not indexed",
            self.missed_notifications
        ));
        names(&self.missed.iter().collect::<Vec<_>>(), self.missed_notifications);
        match self.no_longer_in_bucket {
            Some(count) => log::say(&format!("indexed and no longer in the bucket: {count} objects")),
            None => log::say("what is indexed and no longer in the bucket is not known"),
        }
        if let Some(((removed, vanished), 1..)) =
            self.removed_known.zip(self.vanished_untold).zip(self.no_longer_in_bucket)
        {
            log::say(&format!("removed (known): {removed}, vanished without a removal event: {vanished}"));
        }
        if let Some(why) = &self.removals_unreadable {
            let why = printable(why);
            log::say(&format!(
                "which of them were told to be removed is not known: {why}; see `shelltrail index check`"
            ));
        }
        // What is known to be removed is no finding.
        let found: Vec<&Name> = self.gone.iter().filter(|name| name.removed != Some(true)).collect();
        names(&found, self.vanished_untold.or(self.no_longer_in_bucket).unwrap_or_default());
    }
}

/// An event names no object.
fn names(names: &[&Name], count: u64) {
    if log::format() == LogFormat::Json {
        return;
    }
    for name in names.iter().take(MAX_NAMED) {
        log::say(&format!("  {}", printable(&name.key)));
    }
    let left = count.saturating_sub(MAX_NAMED as u64);
    if left > 0 {
        log::say(&format!("  and {left} more"));
    }
}

/// A plan, and what comparing adds to it.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// The source, as it was given.
    pub source: String,
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// What the index and the bucket do not have in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// Prints a plan.
///
/// # Errors
/// Standard output cannot be written.
pub fn plan(planned: &Planned, format: AccountFormat, in_s3: bool) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    if format == AccountFormat::Json {
        json::write_line(&mut out, planned)?;
        return Ok(out.flush()?);
    }
    drop(out);
    let plan = &planned.plan;
    table(plan, in_s3)?;
    // An event names no object.
    for named in plan.unreadable_named.iter().filter(|_| log::format() != LogFormat::Json) {
        log::say(&format!("cannot be read: {}", printable(named)));
    }
    if let Some(difference) = &planned.difference {
        difference.print();
    }
    if !plan.ended {
        log::say("stopped before the end of the source: the plan is of what was listed");
    }
    Ok(())
}

fn table(plan: &Plan, in_s3: bool) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    let header = |title: &str| format!("{title:<24}  {:>12}  {:>16}", "objects", "bytes");
    let row = |name: &str, quantity: &Quantity| {
        format!("{:<24}  {:>12}  {:>16}", printable(name), quantity.objects, quantity.bytes)
    };
    let mut section = |title: &str, rows: &[Row]| -> anyhow::Result<()> {
        writeln!(out, "{}", header(title))?;
        for Row { name, quantity } in rows {
            writeln!(out, "{}", row(name.as_deref().unwrap_or("unknown"), quantity))?;
        }
        Ok(writeln!(out)?)
    };
    section("account", &plan.by_account)?;
    section("encryption", &plan.by_encryption)?;
    section("storage class", &plan.by_storage_class)?;
    writeln!(out, "{}", header("plan"))?;
    for (name, quantity) in [
        ("all", &plan.objects),
        ("already indexed", &plan.already_indexed),
        ("archived", &plan.archived),
        ("to read", &plan.to_read),
    ] {
        writeln!(out, "{}", row(name, quantity))?;
    }
    if plan.unreadable > 0 {
        writeln!(out, "{:<24}  {:>12}", "unreadable", plan.unreadable)?;
    }
    if plan.not_known_before_read > 0 {
        writeln!(
            out,
            "\n{} objects show only when read whether they are indexed",
            plan.not_known_before_read
        )?;
    }
    if in_s3 {
        let kms = match plan.requests.kms_at_most {
            Some(kms) => format!("at most {kms}"),
            None => "unknown: the source does not tell how objects are encrypted".to_owned(),
        };
        writeln!(
            out,
            "\nrequests to expect: {} GET, {} pages of the source, KMS {kms}",
            plan.requests.get, plan.requests.list
        )?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equation_names_every_column_that_counts() {
        let tally = Tally { seen: 9, indexed: 2, already_indexed: 3, archived: 4, ..Tally::default() };
        let expected = "9 seen = 2 indexed + 3 already indexed + 0 gone + 4 archived + 0 denied + 0 failed";
        assert_eq!(equation(&tally), expected);
        let stopped = Tally { seen: 3, enqueued: 2, unstarted: 1, ..Tally::default() };
        assert!(
            equation(&stopped).contains(" + 2 enqueued + ") && equation(&stopped).ends_with("1 not begun")
        );
    }
}
