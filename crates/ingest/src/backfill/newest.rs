//! A whole listing, sorted by time.

use std::collections::BinaryHeap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::listing::{Cursor, Listing, Page};
use super::selection::{MAX_SORTED, Selection};
use crate::config::PipelineConfig;
use crate::source::{ListedObject, SourceError, SourceErrorKind};

/// Objects of one page.
const PAGE: usize = 1000;

/// What another listing has, the objects modified last first; equal times in the order of keys, unknown times last.
#[derive(Debug)]
pub(crate) struct NewestFirst {
    inner: Box<dyn Listing>,
    selection: Selection,
    config: Arc<PipelineConfig>,
    max: usize,
    /// The oldest on top, so that it is the one that has to go.
    kept: BinaryHeap<Kept>,
    sorted: Option<std::vec::IntoIter<Kept>>,
    handed_out: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Kept(ListedObject);

impl Kept {
    fn rank(&self) -> (std::cmp::Reverse<Option<Timestamp>>, &str, Option<&str>) {
        let object = &self.0.object;
        (std::cmp::Reverse(self.0.last_modified), &object.key, object.version.as_deref())
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl NewestFirst {
    pub(crate) fn new(inner: Box<dyn Listing>, selection: Selection, config: Arc<PipelineConfig>) -> Self {
        let (kept, sorted) = (BinaryHeap::new(), None);
        Self { inner, selection, config, max: MAX_SORTED, kept, sorted, handed_out: 0 }
    }

    /// Reads the whole of the other listing. After an error it goes on where it was.
    async fn gather(&mut self) -> Result<(), SourceError> {
        let limit = self.selection.limit.and_then(|limit| usize::try_from(limit).ok());
        while let Some(page) = self.inner.next().await? {
            for listed in page.objects {
                if !self.selection.wants(&listed, &self.config) {
                    continue;
                }
                self.kept.push(Kept(listed));
                if limit.is_some_and(|limit| self.kept.len() > limit) {
                    self.kept.pop();
                } else if self.kept.len() > self.max {
                    return Err(too_many(self.max));
                }
            }
        }
        Ok(())
    }
}

fn too_many(max: usize) -> SourceError {
    SourceError {
        kind: SourceErrorKind::Invalid,
        reason: "too-many-to-sort",
        action: "sort the objects by time".to_owned(),
        message: format!(
            "there are more than {max}: confine the backfill by --since, --prefix, --account or --limit, or leave \
             --newest-first out"
        ),
    }
}

#[async_trait]
impl Listing for NewestFirst {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        if self.sorted.is_none() {
            self.gather().await?;
            let sorted = std::mem::take(&mut self.kept).into_sorted_vec();
            self.sorted = Some(sorted.into_iter());
        }
        let rest = self.sorted.iter_mut().flatten();
        let objects: Vec<_> = rest.take(PAGE).map(|kept| kept.0).collect();
        self.handed_out += objects.len() as u64;
        let after = Cursor::Count(self.handed_out);
        Ok((!objects.is_empty()).then_some(Page { objects, after }))
    }

    /// Begins anew: what came since would stand before any place. What is stored already is not read again.
    fn resume(&mut self, _: &Cursor) -> Result<(), SourceError> {
        Ok(())
    }

    fn total(&self) -> Option<u64> {
        self.sorted.as_ref().map(|rest| self.handed_out + rest.len() as u64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::ObjectRef;

    use super::super::given::Given;
    use super::*;

    fn given(seconds: &[Option<i64>]) -> Box<dyn Listing> {
        let listed = |(n, second): (usize, &Option<i64>)| ListedObject {
            object: ObjectRef { key: format!("{n}.log"), ..ObjectRef::default() },
            last_modified: second.map(|second| Timestamp::from_second(second).unwrap()),
            ..ListedObject::default()
        };
        Box::new(Given::new(seconds.iter().enumerate().map(listed).collect()))
    }

    async fn keys(listing: &mut NewestFirst) -> Vec<String> {
        let mut keys = Vec::new();
        while let Some(page) = listing.next().await.unwrap() {
            keys.extend(page.objects.into_iter().map(|listed| listed.object.key));
        }
        keys
    }

    #[tokio::test]
    async fn the_newest_come_first_and_the_unknown_last() {
        let seconds = [Some(5), None, Some(9), Some(1), Some(9)];
        for (limit, expected) in [
            (None, vec!["2.log", "4.log", "0.log", "3.log", "1.log"]),
            (Some(2), vec!["2.log", "4.log"]),
            (Some(0), vec![]),
        ] {
            let selection = Selection { limit, ..Selection::default() };
            let mut listing = NewestFirst::new(given(&seconds), selection, Arc::default());
            assert_eq!(keys(&mut listing).await, expected);
            assert_eq!(listing.total(), Some(expected.len() as u64));
        }
    }

    #[tokio::test]
    async fn more_than_fit_are_refused() {
        let mut listing = NewestFirst::new(given(&[Some(1); 4]), Selection::default(), Arc::default());
        listing.max = 3;
        let error = listing.next().await.unwrap_err();
        assert_eq!(error.reason, "too-many-to-sort");
        let limited = Selection { limit: Some(2), ..Selection::default() };
        let mut listing = NewestFirst::new(given(&[Some(1); 4]), limited, Arc::default());
        listing.max = 3;
        assert_eq!(keys(&mut listing).await.len(), 2);
    }
}
