//! What an index holds: sessions, records, bytes, accounts, failures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use shelltrail_core::Partition;
use shelltrail_core::sink::RemovalKind;

use crate::candidates::Segment;
use crate::dictionary::FlatBudget;
use crate::failures;
use crate::guard::guarded;
use crate::partition::{PartitionError, PartitionIndex};
use crate::removals::RemovalReader;
use crate::root::{IndexRoot, RootError};
use crate::search::with_causes;

/// What an index holds.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// Version of the layout on disk.
    pub schema: u32,
    /// How many digits of the account ID name a partition.
    pub partition_digits: u8,
    /// The partitions that hold something, by name.
    pub partitions: Vec<PartitionInventory>,
    /// Partitions that cannot be read, and why.
    pub unreadable_partitions: BTreeMap<String, String>,
    /// Stored transcripts.
    pub sessions: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of clear transcript.
    pub transcript_bytes: u64,
    /// Bytes on disk of terms and columns.
    pub index_bytes: u64,
    /// Bytes on disk of the stored text.
    pub pack_bytes: u64,
    /// Stored transcripts by account; `null` stands for keys without an account.
    pub accounts: Vec<AccountInventory>,
    /// When a partition was committed last.
    pub last_commit: Option<Timestamp>,
    /// Objects that could not be indexed, by reason.
    pub failures: BTreeMap<String, u64>,
    /// Objects that could not be indexed and that somebody dropped from the list.
    pub dropped: u64,
    /// How often it was told that an object was removed from its bucket, by kind; what was told twice counts twice.
    pub removals: BTreeMap<RemovalKind, u64>,
    /// Sources of backfills that were begun and did not end; until they do, answers are incomplete.
    pub unfinished_backfills: Vec<String>,
}

/// What one partition holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PartitionInventory {
    /// Its name.
    pub partition: String,
    /// tantivy segments.
    pub segments: u64,
    /// Stored transcripts.
    pub sessions: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of clear transcript.
    pub transcript_bytes: u64,
    /// Bytes on disk of terms and columns.
    pub index_bytes: u64,
    /// Bytes on disk of the stored text.
    pub pack_bytes: u64,
    /// When it was committed last.
    pub last_commit: Option<Timestamp>,
}

/// How many transcripts an account has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountInventory {
    /// The account, or null.
    pub account: Option<String>,
    /// Stored transcripts.
    pub sessions: u64,
}

/// Takes the inventory of an index. Reads no transcript text.
///
/// # Errors
/// There is no index root here that this program understands.
pub fn inventory(path: &Path) -> Result<Inventory, RootError> {
    let root = IndexRoot::open(path)?;
    let mut inventory = Inventory {
        schema: root.manifest().schema,
        partition_digits: root.manifest().partition_digits,
        partitions: Vec::new(),
        unreadable_partitions: BTreeMap::new(),
        sessions: 0,
        records: 0,
        transcript_bytes: 0,
        index_bytes: 0,
        pack_bytes: 0,
        accounts: Vec::new(),
        last_commit: None,
        failures: BTreeMap::new(),
        dropped: 0,
        removals: BTreeMap::new(),
        unfinished_backfills: Vec::new(),
    };
    let mut accounts = BTreeMap::new();
    let listed = root.listed_partitions()?;
    let mut missing: BTreeSet<Partition> = listed.into_iter().collect();
    for partition in root.partitions()? {
        match guarded(|| take(&root, &partition, &mut accounts)) {
            Ok(Some(part)) => {
                missing.remove(&partition);
                inventory.add(part);
            }
            Ok(None) => {}
            Err(error) => {
                inventory.unreadable_partitions.insert(partition.to_string(), with_causes(&error));
            }
        }
    }
    for partition in missing {
        let unreadable = &mut inventory.unreadable_partitions;
        unreadable.entry(partition.to_string()).or_insert_with(|| root.missing(&partition).to_string());
    }
    inventory.accounts =
        accounts.into_iter().map(|(account, sessions)| AccountInventory { account, sessions }).collect();
    match failures::list(&root.failures_dir()) {
        Ok(list) => inventory.failures = list.by_reason(),
        Err(error) => {
            inventory.unreadable_partitions.insert("failures".to_owned(), with_causes(&error));
        }
    }
    match failures::dropped::count(&root.failures_dir(), |_| true) {
        Ok(dropped) => inventory.dropped = dropped,
        Err(error) => {
            inventory.unreadable_partitions.insert("failures".to_owned(), with_causes(&error));
        }
    }
    let removals = guarded(|| {
        let reader = RemovalReader::open(&root.removals_dir())?;
        reader.map_or(Ok(BTreeMap::new()), |reader| reader.count())
    });
    match removals {
        Ok(removals) => inventory.removals = removals,
        Err(error) => {
            inventory.unreadable_partitions.insert("removals".to_owned(), with_causes(&error));
        }
    }
    match root.unfinished_backfills() {
        Ok(sources) => inventory.unfinished_backfills = sources,
        Err(error) => {
            inventory.unreadable_partitions.insert("backfills".to_owned(), with_causes(&error));
        }
    }
    Ok(inventory)
}

impl Inventory {
    fn add(&mut self, part: PartitionInventory) {
        self.sessions += part.sessions;
        self.records += part.records;
        self.transcript_bytes += part.transcript_bytes;
        self.index_bytes += part.index_bytes;
        self.pack_bytes += part.pack_bytes;
        self.last_commit = self.last_commit.max(part.last_commit);
        self.partitions.push(part);
    }
}

fn take(
    root: &IndexRoot,
    partition: &Partition,
    accounts: &mut BTreeMap<Option<String>, u64>,
) -> Result<Option<PartitionInventory>, PartitionError> {
    let dir = root.partition_dir(partition);
    let Some(index) = PartitionIndex::open(&dir)? else { return Ok(None) };
    let mut part = PartitionInventory {
        partition: partition.to_string(),
        index_bytes: bytes_in(&dir.join("tantivy")),
        pack_bytes: bytes_in(&index.packs_dir),
        last_commit: index.payload()?.committed_at,
        ..PartitionInventory::default()
    };
    for reader in index.searcher().segment_readers() {
        let segment = Segment::new(reader.clone(), index.fields, &FlatBudget::new());
        let totals = segment.totals()?;
        part.segments += 1;
        part.sessions += totals.sessions;
        part.records += totals.records;
        part.transcript_bytes += totals.bytes;
        for (account, sessions) in totals.accounts {
            *accounts.entry(account).or_default() += sessions;
        }
    }
    Ok(Some(part))
}

/// The size of the files in a directory; one that vanishes meanwhile (a merge) does not count.
fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|meta| meta.is_file())
        .map(|meta| meta.len())
        .sum()
}
