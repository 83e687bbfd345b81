//! Objects that the caller names.

use async_trait::async_trait;

use super::listing::{Cursor, Listing, Page, foreign_cursor};
use crate::source::{ListedObject, SourceError};

/// Objects of one page.
const PAGE: usize = 1000;

/// Given objects, in the order given.
#[derive(Debug)]
pub(crate) struct Given {
    objects: Vec<ListedObject>,
    passed: usize,
}

impl Given {
    pub(crate) fn new(objects: Vec<ListedObject>) -> Self {
        Self { objects, passed: 0 }
    }
}

#[async_trait]
impl Listing for Given {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let rest = self.objects.get(self.passed..).unwrap_or_default();
        let objects = rest[..rest.len().min(PAGE)].to_vec();
        self.passed += objects.len();
        let after = Cursor::Count(self.passed as u64);
        Ok((!objects.is_empty()).then_some(Page { objects, after }))
    }

    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError> {
        let Cursor::Count(passed) = after else { return Err(foreign_cursor(after)) };
        self.passed = usize::try_from(*passed).unwrap_or(usize::MAX);
        Ok(())
    }

    fn total(&self) -> Option<u64> {
        Some(self.objects.len() as u64)
    }
}
