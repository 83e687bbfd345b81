//! All versions of the objects below a prefix.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::keys::unordered;
use super::listing::{Cursor, Listing, Page, foreign_cursor};
use crate::source::{ObjectStore, SourceError};

/// Every version, each to be read pinned to its version ID.
pub(crate) struct Versions<S: ?Sized> {
    store: Arc<S>,
    bucket: String,
    prefix: String,
    after: Option<(String, Option<String>)>,
    ended: bool,
}

impl<S: ?Sized> Versions<S> {
    pub(crate) fn new(store: Arc<S>, bucket: String, prefix: String) -> Self {
        Self { store, bucket, prefix, after: None, ended: false }
    }
}

impl<S: ?Sized> fmt::Debug for Versions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions").field("bucket", &self.bucket).field("after", &self.after).finish()
    }
}

#[async_trait]
impl<S: ObjectStore + ?Sized> Listing for Versions<S> {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        let after = self.after.as_ref().map(|(key, version)| (key.as_str(), version.as_deref()));
        let page = self.store.list_versions(&self.bucket, &self.prefix, after).await?;
        let Some((key, version)) = page.next else {
            self.ended = true;
            let last = page.objects.last().map(|listed| listed.object.key.clone());
            let after = Cursor::Version { key: last.unwrap_or_default(), version: None };
            return Ok((!page.objects.is_empty()).then_some(Page { objects: page.objects, after }));
        };
        // Within a key the markers follow no order that we could check.
        let next = (key, version);
        if self.after.as_ref().is_some_and(|after| next.0 < after.0 || next == *after) {
            return Err(unordered());
        }
        self.after = Some(next.clone());
        let after = Cursor::Version { key: next.0, version: next.1 };
        Ok(Some(Page { objects: page.objects, after }))
    }

    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError> {
        let Cursor::Version { key, version } = after else { return Err(foreign_cursor(after)) };
        self.after = Some((key.clone(), version.clone()));
        Ok(())
    }
}
