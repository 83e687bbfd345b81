//! Entries of the list of failures that somebody took off it: who, when, why, and the entry as it was.
//!
//! They lie in `dropped.jsonl` beside the entries, one line each, synced before the entry goes. A dropped object is told with
//! every answer and makes none incomplete; if it is indexed later, its line stays.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_core::AccountId;
use shelltrail_core::sink::Failure;

use crate::durable;

/// The file beside the entries.
const FILE_NAME: &str = "dropped.jsonl";

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// The name of the entry ([`super::id`]).
    pub id: String,
    /// When it was dropped (UTC).
    pub dropped_at: Timestamp,
    /// Why, in the words of whoever did it.
    pub why: String,
    /// Who did it, as far as the system knows.
    pub user: serde_json::Value,
    /// The entry; `None` if it could not be read.
    pub entry: Option<Failure>,
}

/// Takes an entry off the list: first its line is durable, then the entry goes. No writer lock is needed; whatever the
/// worker writes down about the object afterwards is a new entry.
///
/// # Errors
/// The entry is still there, perhaps with a line already.
pub fn drop_entry(dir: &Path, dropped: &Dropped) -> io::Result<()> {
    append(&dir.join(FILE_NAME), dropped)?;
    durable::remove(&dir.join(format!("{}.json", dropped.id)))
}

fn append(path: &Path, dropped: &Dropped) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    file.lock()?;
    let mut line = Vec::new();
    // What a crash left of a line must not swallow this one.
    if ends_within_a_line(&mut file)? {
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, dropped)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_all()?;
    if is_new { durable::sync_dir_of(path) } else { Ok(()) }
}

fn ends_within_a_line(file: &mut fs::File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// What must be read of a line to count it.
#[derive(Deserialize)]
struct Brief {
    id: String,
    entry: Option<BriefEntry>,
}

#[derive(Deserialize)]
struct BriefEntry {
    account: Option<AccountId>,
}

/// Counts the objects that were dropped, each once, whose account is one of those asked for. An account that is not known
/// may be any. What is left of a line that a crash cut is passed over: its entry is still on the list.
///
/// # Errors
/// The file is there and cannot be read.
pub fn count(dir: &Path, mut wanted: impl FnMut(Option<&AccountId>) -> bool) -> io::Result<u64> {
    let lines = match fs::read(dir.join(FILE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        lines => lines?,
    };
    let mut seen = HashSet::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(Brief { id, entry }) = serde_json::from_slice::<Brief>(line) else { continue };
        if wanted(entry.and_then(|entry| entry.account).as_ref()) {
            seen.insert(id);
        }
    }
    Ok(seen.len() as u64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::ObjectRef;

    use super::*;
    use crate::failures::{FailureWriter, id, list};

    fn failure(key: &str, account: &str) -> Failure {
        Failure {
            object: ObjectRef { bucket: Some("b".into()), key: key.into(), ..ObjectRef::default() },
            account: account.parse().ok(),
            reason: "archived".into(),
            detail: "no".into(),
            attempts: 1,
            failed_at: Timestamp::UNIX_EPOCH,
            size: None,
            sequencer: None,
            message: None,
        }
    }

    fn dropped(failure: &Failure) -> Dropped {
        Dropped {
            id: id(&failure.object),
            dropped_at: Timestamp::UNIX_EPOCH,
            why: "a test\nof lines".into(),
            user: serde_json::json!({"uid": 0}),
            entry: Some(failure.clone()),
        }
    }

    #[test]
    fn a_dropped_entry_leaves_the_list_and_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let all = |_: Option<&AccountId>| true;
        assert_eq!(count(dir.path(), all).unwrap(), 0);
        let (a, b) = (failure("a", "111122223333"), failure("b", ""));
        let writer = FailureWriter::new(dir.path().to_owned());
        for failure in [&a, &b] {
            writer.record(failure).unwrap();
        }
        drop_entry(dir.path(), &dropped(&a)).unwrap();
        assert_eq!(list(dir.path()).unwrap().failures, std::slice::from_ref(&b));
        // It failed again, and was dropped again.
        writer.record(&a).unwrap();
        drop_entry(dir.path(), &dropped(&a)).unwrap();
        assert_eq!(count(dir.path(), all).unwrap(), 1, "an object counts once");

        let path = dir.path().join(FILE_NAME);
        let mut torn = fs::read(&path).unwrap();
        assert_eq!(torn.iter().filter(|byte| **byte == b'\n').count(), 2);
        torn.extend_from_slice(b"{\"id\":\"torn");
        fs::write(&path, torn).unwrap();
        drop_entry(dir.path(), &dropped(&b)).unwrap();
        assert_eq!(count(dir.path(), all).unwrap(), 2);
        assert_eq!(count(dir.path(), |account| account.is_none()).unwrap(), 1);
        assert!(list(dir.path()).unwrap().failures.is_empty());
    }
}
