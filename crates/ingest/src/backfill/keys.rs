//! The objects below a prefix as a store lists them, in the order of their keys.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::listing::{Cursor, Listing, Page, foreign_cursor};
use crate::source::{ListedObject, ObjectStore, SourceError, SourceErrorKind};

/// The current objects below a prefix.
pub(crate) struct Keys<S: ?Sized> {
    store: Arc<S>,
    bucket: String,
    prefix: String,
    after: Option<String>,
}

impl<S: ?Sized> Keys<S> {
    /// Everything below `prefix`; a store without buckets does not look at `bucket`.
    pub(crate) fn new(store: Arc<S>, bucket: String, prefix: String) -> Self {
        Self { store, bucket, prefix, after: None }
    }
}

impl<S: ?Sized> fmt::Debug for Keys<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("bucket", &self.bucket).field("after", &self.after).finish()
    }
}

#[async_trait]
impl<S: ObjectStore + ?Sized> Listing for Keys<S> {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let objects = self.store.list(&self.bucket, &self.prefix, self.after.as_deref()).await?;
        let Some(last) = objects.last().map(ListedObject::place) else { return Ok(None) };
        if self.after.as_ref().is_some_and(|after| last <= *after) {
            return Err(unordered());
        }
        self.after = Some(last.clone());
        Ok(Some(Page { objects, after: Cursor::Key(last) }))
    }

    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError> {
        let Cursor::Key(key) = after else { return Err(foreign_cursor(after)) };
        self.after = Some(key.clone());
        Ok(())
    }
}

/// A listing that goes back would never end (directory buckets are not ordered: S3 user guide,
/// "ListObjectsV2").
pub(crate) fn unordered() -> SourceError {
    SourceError {
        kind: SourceErrorKind::Invalid,
        reason: "listing-unordered",
        action: "list the next page".to_owned(),
        message: "the page does not come after the one before it".to_owned(),
    }
}
