//! What happened to keys of buckets after their objects were stored there: deleted, expired, hidden by a delete marker, or
//! written again.
//!
//! Nothing is hidden or removed for it: an answer looks up what it shows, and marks it ([`crate::marks`]). The events lie in
//! a tantivy index of their own that has columns and no terms. A key is found by a walk through one column, so a million
//! events cost a search nothing before it has something to show, and a few milliseconds then.

mod writer;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_core::Sequencer;
use shelltrail_core::sink::{KeyEvent, KeyEventKind, RemovalKind};
use tantivy::columnar::BytesColumn;
use tantivy::columnar::Column;
use tantivy::schema::{BytesOptions, Field, NumericOptions, Schema, SchemaBuilder};
use tantivy::{DocId, Index, ReloadPolicy, Searcher, SegmentReader};

use crate::directory::{META, PartitionDirectory, names_in};
use crate::partition::{PartitionError, tantivy_error};
use crate::schema::key_column;

pub(crate) use writer::RemovalWriter;

/// Most bytes of a version or an ETag that are kept; those of S3 have at most 1,024. What is cut names no version.
const MAX_NAME_BYTES: usize = 1_024;

/// Values of a column that are looked at in one go.
const CHUNK: usize = 1_024;

const KEY: &str = "key";
const KIND: &str = "kind";
const EVENT: &str = "event";

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredEvent {
    /// [`shelltrail_core::ObjectRef::key_hash`].
    pub(crate) key_hash: u128,
    pub(crate) kind: KeyEventKind,
    pub(crate) version: Option<String>,
    /// Of content that was written again.
    pub(crate) etag: Option<String>,
    pub(crate) sequencer: Option<Sequencer>,
    pub(crate) at: Option<Timestamp>,
}

impl StoredEvent {
    /// `None` for what is in no bucket: nobody tells of it.
    fn of(event: &KeyEvent) -> Option<Self> {
        let KeyEvent { object, sequencer, at, kind } = event;
        let bounded = |name: &Option<String>| {
            name.as_deref().map(|n| n[..n.floor_char_boundary(MAX_NAME_BYTES)].to_owned())
        };
        Some(Self {
            key_hash: object.key_hash()?,
            kind: *kind,
            version: bounded(&object.version),
            etag: bounded(&object.etag).filter(|_| *kind == KeyEventKind::WrittenAgain),
            sequencer: sequencer.clone(),
            at: *at,
        })
    }
}

/// Where a kind stands in its column.
fn number_of(kind: KeyEventKind) -> u64 {
    match kind {
        KeyEventKind::Removed(RemovalKind::Deleted) => 0,
        KeyEventKind::Removed(RemovalKind::Expired) => 1,
        KeyEventKind::Removed(RemovalKind::DeleteMarker) => 2,
        KeyEventKind::Removed(RemovalKind::ExpiryMarker) => 3,
        KeyEventKind::WrittenAgain => 4,
    }
}

const REMOVAL_KINDS: [RemovalKind; 4] =
    [RemovalKind::Deleted, RemovalKind::Expired, RemovalKind::DeleteMarker, RemovalKind::ExpiryMarker];

#[derive(Clone, Copy)]
struct Fields {
    key: Field,
    kind: Field,
    event: Field,
}

fn schema() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::default();
    let number = || NumericOptions::default().set_fast();
    let fields = Fields {
        key: builder.add_u64_field(KEY, number()),
        kind: builder.add_u64_field(KIND, number()),
        event: builder.add_bytes_field(EVENT, BytesOptions::default().set_fast()),
    };
    (builder.build(), fields)
}

/// Whether events were ever written down here.
///
/// # Errors
/// [`PartitionError::NoRemovals`]: there were some.
pub(crate) fn exist(dir: &Path) -> Result<bool, PartitionError> {
    let io = |action| {
        let path = dir.to_owned();
        move |source| PartitionError::Io { action, path, source }
    };
    // A writer makes `meta.json` durable before it begins a segment, so segments are looked for first.
    let names = match names_in(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        names => names.map_err(io("list"))?,
    };
    let exists = dir.join(META).try_exists().map_err(io("look into"))?;
    let is_segments = |name: &PathBuf| name.extension().is_some_and(|e| e != "tmp" && e != "json");
    if !exists && names.iter().any(is_segments) {
        return Err(PartitionError::NoRemovals(dir.to_owned()));
    }
    Ok(exists)
}

/// Opens the tantivy index of events that were written down.
///
/// # Errors
/// It cannot be opened.
pub(crate) fn open_index(dir: &Path) -> Result<(Index, PartitionDirectory), PartitionError> {
    let directory = PartitionDirectory::open(dir).map_err(tantivy_error("open"))?;
    let index = Index::open(directory.clone()).map_err(tantivy_error("open"))?;
    Ok((index, directory))
}

/// The events of one segment.
struct Events {
    keys: Column<u64>,
    kinds: Column<u64>,
    events: BytesColumn,
    bytes: Vec<u8>,
}

impl Events {
    /// `None` if there are none.
    fn of(segment: &SegmentReader) -> Result<Option<Self>, PartitionError> {
        let columns = segment.fast_fields();
        let read = tantivy_error::<tantivy::TantivyError>;
        let keys = columns.u64(KEY).map_err(read("read a column of"))?;
        let kinds = columns.u64(KIND).map_err(read("read a column of"))?;
        let events = columns.bytes(EVENT).map_err(read("read a column of"))?;
        Ok(events.map(|events| Self { keys, kinds, events, bytes: Vec::new() }))
    }

    fn get(&mut self, doc: DocId) -> Result<Option<StoredEvent>, PartitionError> {
        let Some(ordinal) = self.events.ords().first(doc) else { return Ok(None) };
        let io = |source| PartitionError::Io { action: "read", path: PathBuf::from(EVENT), source };
        self.events.ord_to_bytes(ordinal, &mut self.bytes).map_err(io)?;
        postcard::from_bytes(&self.bytes).map(Some).map_err(|_| PartitionError::BadPayload)
    }
}

/// Reads every event of a segment and holds it to its columns; tells how many there are.
///
/// # Errors
/// One of them cannot be read, or is not what its columns say.
pub(crate) fn verify(segment: &SegmentReader) -> Result<u64, PartitionError> {
    let wrong = |doc| PartitionError::Order(format!("event {doc} is not what its columns say"));
    let Some(mut events) = Events::of(segment)? else {
        return if segment.max_doc() == 0 { Ok(0) } else { Err(wrong(0)) };
    };
    for doc in 0..segment.max_doc() {
        let event = events.get(doc)?.ok_or_else(|| wrong(doc))?;
        let said = (events.keys.first(doc), events.kinds.first(doc));
        if said != (Some(key_column(event.key_hash)), Some(number_of(event.kind))) {
            return Err(wrong(doc));
        }
    }
    Ok(u64::from(segment.max_doc()))
}

/// Reads the events as they are now.
pub(crate) struct RemovalReader(Searcher);

impl RemovalReader {
    /// Opens the events; `None` if none was ever written down.
    ///
    /// # Errors
    /// They are there and cannot be opened, or were there.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>, PartitionError> {
        if !exist(dir)? {
            return Ok(None);
        }
        let (index, _) = open_index(dir)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into();
        let reader: tantivy::IndexReader = reader.map_err(tantivy_error("open"))?;
        Ok(Some(Self(reader.searcher())))
    }

    /// The events of keys, by [`key_column`].
    ///
    /// # Errors
    /// The events cannot be read.
    pub(crate) fn find(
        &self,
        wanted: &HashSet<u64>,
    ) -> Result<HashMap<u128, Vec<StoredEvent>>, PartitionError> {
        let mut found: HashMap<u128, Vec<StoredEvent>> = HashMap::new();
        for segment in self.0.segment_readers() {
            let Some(mut events) = Events::of(segment)? else { continue };
            for doc in rows_with(&events.keys, |key| wanted.contains(&key)) {
                if let Some(event) = events.get(doc)? {
                    found.entry(event.key_hash).or_default().push(event);
                }
            }
        }
        Ok(found)
    }

    /// How many removals were told, by kind; one that was told twice counts twice.
    ///
    /// # Errors
    /// The events cannot be read.
    pub(crate) fn count(&self) -> Result<BTreeMap<RemovalKind, u64>, PartitionError> {
        let mut counts = BTreeMap::new();
        for segment in self.0.segment_readers() {
            let kinds = segment.fast_fields().u64(KIND).map_err(tantivy_error("read a column of"))?;
            for kind in REMOVAL_KINDS {
                let number = number_of(KeyEventKind::Removed(kind));
                let count = rows_with(&kinds, |other| other == number).len() as u64;
                if count > 0 {
                    *counts.entry(kind).or_default() += count;
                }
            }
        }
        Ok(counts)
    }
}

/// The documents that have a wanted value in a column with at most one value each.
pub(crate) fn rows_with(column: &Column<u64>, wanted: impl Fn(u64) -> bool) -> Vec<DocId> {
    let count = column.values.num_vals();
    let mut rows = Vec::new();
    let mut values = [0; CHUNK];
    let mut start = 0;
    while start < count {
        let length = (count - start).min(CHUNK as u32);
        let chunk = &mut values[..length as usize];
        column.values.get_range(u64::from(start), chunk);
        rows.extend((start..).zip(chunk.iter()).filter(|(_, value)| wanted(**value)).map(|(row, _)| row));
        start += length;
    }
    column.index.select_batch_in_place(0, &mut rows);
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::ObjectRef;

    use super::*;

    fn event(key: &str, kind: KeyEventKind, version: Option<&str>) -> KeyEvent {
        KeyEvent {
            object: ObjectRef {
                bucket: Some("b".into()),
                key: key.into(),
                version: version.map(str::to_owned),
                etag: Some("e".into()),
            },
            sequencer: "00AB".parse().ok(),
            at: Some(Timestamp::UNIX_EPOCH),
            kind,
        }
    }

    fn read(dir: &Path, keys: &[&str]) -> HashMap<u128, Vec<StoredEvent>> {
        let hash = |key: &&str| event(key, KeyEventKind::WrittenAgain, None).object.key_hash().unwrap();
        let wanted = keys.iter().map(|key| key_column(hash(key))).collect();
        RemovalReader::open(dir).unwrap().map(|reader| reader.find(&wanted).unwrap()).unwrap_or_default()
    }

    #[test]
    fn events_are_found_by_their_keys_after_any_number_of_commits() {
        let deleted = KeyEventKind::Removed(RemovalKind::Deleted);
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("removals");
        assert!(read(&dir, &["a"]).is_empty());
        let writer = RemovalWriter::new(dir.clone());
        writer.record(&[]).unwrap();
        assert!(!dir.exists(), "nothing happened");
        for number in 0..30 {
            let name = format!("key-{number}");
            let twice = event(&name, deleted, Some("v"));
            let again = event("again", KeyEventKind::WrittenAgain, None);
            writer.record(&[twice.clone(), twice, again]).unwrap();
        }
        drop(writer);
        let writer = RemovalWriter::new(dir.clone());
        let marker = KeyEventKind::Removed(RemovalKind::DeleteMarker);
        writer.record(&[event("key-7", marker, Some("m"))]).unwrap();

        let found = read(&dir, &["key-7", "no such key"]);
        let of_seven = found.values().next().unwrap();
        assert_eq!((found.len(), of_seven.len()), (1, 2));
        let first = of_seven.iter().find(|event| event.kind == deleted).unwrap();
        assert_eq!((first.version.as_deref(), first.etag.as_deref()), (Some("v"), None));
        assert_eq!(first.sequencer, "00AB".parse().ok());
        assert_eq!(read(&dir, &["again"]).values().next().unwrap()[0].etag.as_deref(), Some("e"));
        let counts = RemovalReader::open(&dir).unwrap().unwrap().count().unwrap();
        assert_eq!(counts, [(RemovalKind::Deleted, 30), (RemovalKind::DeleteMarker, 1)].into());
    }

    /// Merges run beside the commits. Whatever fails, what was acknowledged is there, and the rest can be done again.
    #[test]
    fn any_step_may_fail_and_nothing_acknowledged_is_lost() {
        use crate::disk::faults::{EIO, Fault, Watch};
        let names: Vec<String> = (0..10).map(|number| format!("key-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let life = |at: usize| {
            let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let dir = root.path().join("removals");
            let watch = Watch::new(root.path());
            watch.fail(Some(Fault { at, errno: EIO, once: at.is_multiple_of(2) }));
            let writer = RemovalWriter::new(dir.clone());
            for (number, name) in names.iter().enumerate() {
                let event = [event(name, KeyEventKind::WrittenAgain, None)];
                let told = writer.record(&event);
                if told.is_err() {
                    assert!(watch.hits() > 0, "{at}: {told:?}");
                    watch.fail(None);
                    writer.record(&event).unwrap();
                }
                assert_eq!(read(&dir, &names[..=number]).len(), number + 1, "{at}");
            }
            let steps = watch.begun();
            drop((writer, watch));
            assert_eq!(read(&dir, &names).len(), names.len(), "{at}");
            steps
        };
        let steps = life(usize::MAX);
        assert!(steps > 100, "{steps}");
        for at in (0..steps).step_by(steps / 15) {
            life(at);
        }
    }

    #[test]
    fn names_that_no_bucket_gives_are_cut_and_match_nothing() {
        let long = "v".repeat(5_000);
        let stored = StoredEvent::of(&event("k", KeyEventKind::WrittenAgain, Some(&long))).unwrap();
        assert_eq!(stored.version.unwrap().len(), MAX_NAME_BYTES);
        let local = KeyEvent {
            object: ObjectRef { key: "file".into(), ..ObjectRef::default() },
            ..event("k", KeyEventKind::WrittenAgain, None)
        };
        assert_eq!(StoredEvent::of(&local), None);
    }
}
