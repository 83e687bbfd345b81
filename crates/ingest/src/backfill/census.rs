//! Which keys a listing has, whatever becomes of them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use shelltrail_core::{ObjectRef, TranscriptId};

use super::listing::{Cursor, Listing, Page};
use crate::source::{ListedObject, SourceError};

/// Most keys that are remembered: some 40 bytes each, 400 MB in all.
pub const MAX_KEYS: usize = 10_000_000;

/// The keys of a listing, as hashes.
#[derive(Debug, Default)]
pub struct Census(Mutex<Keys>);

#[derive(Debug, Default)]
struct Keys {
    known: HashSet<TranscriptId>,
    overflowed: bool,
}

impl Census {
    /// Whether a key was listed; `None` if there were more than `MAX_KEYS`.
    #[must_use]
    pub fn has(&self, object: &ObjectRef) -> Option<bool> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!keys.overflowed).then(|| keys.known.contains(&key_of(object)))
    }

    fn note(&self, objects: &[ListedObject]) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for listed in objects {
            if keys.known.len() >= MAX_KEYS {
                (keys.overflowed, keys.known) = (true, HashSet::new());
            }
            if keys.overflowed {
                return;
            }
            keys.known.insert(key_of(&listed.object));
        }
    }
}

fn key_of(object: &ObjectRef) -> TranscriptId {
    TranscriptId::of_object(object.bucket.as_deref().unwrap_or_default(), &object.key, "")
}

/// A listing whose keys are remembered.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) inner: Box<dyn Listing>,
    pub(crate) census: Arc<Census>,
}

#[async_trait]
impl Listing for Counted {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let page = self.inner.next().await?;
        self.census.note(page.as_ref().map_or(&[], |page| &page.objects));
        Ok(page)
    }

    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError> {
        self.inner.resume(after)
    }

    fn pass_over(&mut self, listed: &ListedObject) {
        self.inner.pass_over(listed);
    }

    fn total(&self) -> Option<u64> {
        self.inner.total()
    }
}
