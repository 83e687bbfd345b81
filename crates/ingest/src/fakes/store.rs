//! A store with the versions and pinned reads of S3.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use shelltrail_core::ids::TranscriptId;

use super::script::{Call, Script};
use super::{failure, injected};
use crate::source::{
    ListedObject, ObjectPart, ObjectStore, SourceError, SourceErrorKind, StoredObject, VersionPage,
};

/// Objects of one page; small, so that tests turn pages.
const PAGE: usize = 3;

type Place = (String, String);

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    script: Script,
    latency: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Place, Kept>,
    failing: BTreeMap<String, (SourceErrorKind, &'static str, u64)>,
    failing_all: Option<(SourceErrorKind, &'static str)>,
    reads: BTreeMap<String, u64>,
    classes: BTreeMap<String, String>,
    stored: u64,
}

/// The versions of one key; `current` is none after a delete.
#[derive(Debug, Default)]
struct Kept {
    versions: Vec<StoredObject>,
    current: Option<usize>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self { script, latency: Duration::ZERO, state: Mutex::default() }
    }

    /// Lets every read take this long.
    #[must_use]
    pub fn with_latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Stores an object and tells its name, with version and ETag. Equal bodies have equal ETags.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) -> ObjectRef {
        self.put_with(bucket, key, body, &[])
    }

    /// Stores an object with user metadata.
    pub fn put_with(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<Vec<u8>>,
        metadata: &[(&str, &str)],
    ) -> ObjectRef {
        let body = body.into();
        let mut state = self.state();
        state.stored += 1;
        let object = ObjectRef {
            bucket: Some(bucket.to_owned()),
            key: key.to_owned(),
            version: Some(format!("version-{}", state.stored)),
            etag: Some(TranscriptId::of_file("", &body).to_string()),
        };
        let metadata =
            metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let kept = state.objects.entry((bucket.to_owned(), key.to_owned())).or_default();
        kept.current = Some(kept.versions.len());
        let last_modified = Some(Timestamp::UNIX_EPOCH);
        kept.versions.push(StoredObject { object: object.clone(), metadata, last_modified, body });
        object
    }

    /// Removes an object with all its versions.
    pub fn remove(&self, object: &ObjectRef) {
        self.state().objects.remove(&place(object));
    }

    /// Lets the next reads of a key fail.
    pub fn fail_key(&self, key: &str, kind: SourceErrorKind, reason: &'static str, times: u64) {
        self.state().failing.insert(key.to_owned(), (kind, reason, times));
    }

    /// Lets every read be denied, until [`MemoryStore::deny_none`].
    pub fn deny_all(&self, reason: &'static str) {
        self.fail_all(SourceErrorKind::Denied, reason);
    }

    /// Lets every read fail, until [`MemoryStore::deny_none`].
    pub fn fail_all(&self, kind: SourceErrorKind, reason: &'static str) {
        self.state().failing_all = Some((kind, reason));
    }

    /// Ends [`MemoryStore::deny_all`] and [`MemoryStore::fail_all`].
    pub fn deny_none(&self) {
        self.state().failing_all = None;
    }

    /// Says in listings that a key has this storage class.
    pub fn set_storage_class(&self, key: &str, class: &str) {
        self.state().classes.insert(key.to_owned(), class.to_owned());
    }

    /// How often a key was asked for.
    #[must_use]
    pub fn reads(&self, key: &str) -> u64 {
        self.state().reads.get(key).copied().unwrap_or_default()
    }

    fn read(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError> {
        let mut state = self.state();
        *state.reads.entry(object.key.clone()).or_default() += 1;
        let fail = |kind, reason| failure(kind, reason, Call::Get, &object.key);
        if let Some((kind, reason, times)) = state.failing.get_mut(&object.key).filter(|(.., n)| *n > 0) {
            *times -= 1;
            return Err(fail(*kind, *reason));
        }
        if let Some((kind, reason)) = state.failing_all {
            return Err(fail(kind, reason));
        }
        let gone = || fail(SourceErrorKind::NotFound, "gone");
        let kept = state.objects.get(&place(object)).ok_or_else(gone)?;
        let found = match &object.version {
            Some(_) => kept.versions.iter().find(|stored| stored.object.version == object.version),
            None => kept.current.and_then(|current| kept.versions.get(current)),
        };
        let found = found.ok_or_else(gone)?;
        if object.version.is_none() && object.etag.is_some() && object.etag != found.object.etag {
            return Err(fail(SourceErrorKind::Replaced, "replaced"));
        }
        if found.body.len() as u64 > max_bytes {
            return Err(fail(SourceErrorKind::TooLarge, "too-large"));
        }
        Ok(found.clone())
    }

    fn page(&self, bucket: &str, prefix: &str, start_after: Option<&str>) -> Vec<ListedObject> {
        let from = (bucket.to_owned(), start_after.unwrap_or_default().to_owned());
        let state = self.state();
        state
            .objects
            .range((Bound::Excluded(from), Bound::Unbounded))
            .filter(|((of, key), _)| of == bucket && key.starts_with(prefix))
            .filter_map(|(_, kept)| kept.versions.get(kept.current?))
            .take(PAGE)
            .map(|stored| ListedObject {
                object: ObjectRef { version: None, ..stored.object.clone() },
                size: Some(stored.body.len() as u64),
                last_modified: stored.last_modified,
                storage_class: state.classes.get(&stored.object.key).cloned(),
                ..ListedObject::default()
            })
            .collect()
    }

    fn version_page(&self, bucket: &str, prefix: &str, after: Option<(&str, Option<&str>)>) -> VersionPage {
        let state = self.state();
        let of_bucket = state.objects.iter().filter(|((of, key), _)| of == bucket && key.starts_with(prefix));
        let all: Vec<&StoredObject> = of_bucket.flat_map(|(_, kept)| kept.versions.iter().rev()).collect();
        let from = match after {
            None => 0,
            Some((key, version)) => {
                let is_after = |stored: &&StoredObject| stored.object.key.as_str() > key;
                let named = all.iter().position(|stored| {
                    stored.object.key == key
                        && version.is_some()
                        && stored.object.version.as_deref() == version
                });
                named.map(|at| at + 1).or_else(|| all.iter().position(is_after)).unwrap_or(all.len())
            }
        };
        let page = &all[from..all.len().min(from + PAGE)];
        let listed = |stored: &&StoredObject| ListedObject {
            object: stored.object.clone(),
            size: Some(stored.body.len() as u64),
            last_modified: stored.last_modified,
            ..ListedObject::default()
        };
        let next = page.last().filter(|_| from + PAGE < all.len());
        VersionPage {
            objects: page.iter().map(listed).collect(),
            next: next.map(|stored| (stored.object.key.clone(), stored.object.version.clone())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(object: &ObjectRef) -> Place {
    (object.bucket.clone().unwrap_or_default(), object.key.clone())
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn get(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError> {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let effect = || self.read(object, max_bytes);
        self.script.play(Call::Get, || injected(Call::Get), effect).await
    }

    async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError> {
        let effect = || Ok(self.page(bucket, prefix, start_after));
        self.script.play(Call::List, || injected(Call::List), effect).await
    }

    async fn list_versions(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<(&str, Option<&str>)>,
    ) -> Result<VersionPage, SourceError> {
        let effect = || Ok(self.version_page(bucket, prefix, after));
        self.script.play(Call::List, || injected(Call::List), effect).await
    }

    async fn get_part(
        &self,
        object: &ObjectRef,
        start: u64,
        max_bytes: u64,
    ) -> Result<ObjectPart, SourceError> {
        let effect = || {
            let StoredObject { object, body, .. } = self.read(object, u64::MAX)?;
            let total = body.len() as u64;
            let (start, max) = (start.min(total) as usize, usize::try_from(max_bytes).unwrap_or(usize::MAX));
            let bytes = body[start..body.len().min(start.saturating_add(max))].to_vec();
            Ok(ObjectPart { object, bytes, total })
        };
        self.script.play(Call::Get, || injected(Call::Get), effect).await
    }
}
