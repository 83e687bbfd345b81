//! Indexes what a bucket, a folder or a list of objects holds: a listing instead of a queue, then the same stages.

mod archive;
mod books;
mod ceiling;
mod census;
mod enqueue;
mod given;
mod inventory;
mod key_list;
mod keys;
mod lister;
mod listing;
mod missed;
mod newest;
mod plan;
mod pump;
mod selection;
mod tally;
mod versions;
mod walk;

use std::fmt;
use std::sync::Arc;

use shelltrail_core::sink::RecordSink;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

pub use self::archive::TarArchive;
pub(crate) use self::books::Line;
use self::books::keep_books;
pub use self::books::{Bookmark, Books};
pub use self::census::Census;
use self::census::Counted;
pub use self::enqueue::{Sent, enqueue};
use self::given::Given;
pub use self::inventory::{Inventory, ManifestAt};
pub use self::key_list::KeyList;
use self::keys::Keys;
use self::lister::{Lister, Pace};
pub use self::listing::{Cursor, Listing, Page};
pub use self::missed::Missed;
use self::newest::NewestFirst;
pub use self::plan::{Plan, Quantity, Requests, Row, plan};
pub use self::selection::{MAX_SORTED, Selection};
pub use self::tally::Tally;
use self::versions::Versions;
pub use self::walk::Known;
use self::walk::Walk;
use crate::activity::Activity;
use crate::config::PipelineConfig;
use crate::folder::LocalFolder;
use crate::pipeline::{IngestError, Stages, pass_on};
use crate::source::{KeyService, ListedObject, ObjectStore, SourceError};
use crate::stop::Stop;
use crate::summary::{Progress, Summary};

/// Where a backfill finds its objects, how it reads them, and which of them are meant.
pub struct Origin<S: ?Sized> {
    store: Arc<S>,
    listing: Box<dyn Listing>,
    selection: Selection,
    books: Arc<Books>,
    bookmark: Option<Arc<dyn Bookmark>>,
    missed: Option<Arc<Missed>>,
}

impl<S: ?Sized> fmt::Debug for Origin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("listing", &self.listing).finish_non_exhaustive()
    }
}

impl<S: ObjectStore + ?Sized> Origin<S> {
    /// What a listing names, read from a store.
    #[must_use]
    pub fn new(store: Arc<S>, listing: Box<dyn Listing>) -> Self {
        let (selection, books) = (Selection::default(), Arc::new(Books::default()));
        Self { store, listing, selection, books, bookmark: None, missed: None }
    }

    /// These objects and no others. Without an ETag, an object's identity is that of what is read.
    #[must_use]
    pub fn objects(store: Arc<S>, objects: Vec<ListedObject>) -> Self {
        Self::new(store, Box::new(Given::new(objects)))
    }

    /// The objects of a bucket below a prefix; an empty prefix means all.
    #[must_use]
    pub fn bucket(store: Arc<S>, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        let listing = Keys::new(Arc::clone(&store), bucket.into(), prefix.into());
        Self::new(store, Box::new(listing))
    }

    /// All versions of the objects of a bucket below a prefix, each read as that version.
    #[must_use]
    pub fn versions(store: Arc<S>, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        let listing = Versions::new(Arc::clone(&store), bucket.into(), prefix.into());
        Self::new(store, Box::new(listing))
    }

    /// The same, but only what comes after this place.
    ///
    /// # Errors
    /// The place is not one of this kind of source.
    pub fn resume(mut self, after: &Cursor) -> Result<Self, SourceError> {
        self.listing.resume(after)?;
        Ok(self)
    }

    /// The same, confined to a selection.
    #[must_use]
    pub fn select(self, selection: Selection) -> Self {
        Self { selection, ..self }
    }

    /// The same, with the account kept in these books.
    #[must_use]
    pub fn with_books(self, books: Arc<Books>) -> Self {
        Self { books, ..self }
    }

    /// The same, with the place for a later run kept by this bookmark. Sorted by time there is no such place.
    #[must_use]
    pub fn with_bookmark(self, bookmark: Arc<dyn Bookmark>) -> Self {
        Self { bookmark: Some(bookmark), ..self }
    }

    /// The same, and what is indexed although it was due before is noted here.
    #[must_use]
    pub fn with_missed(self, missed: Arc<Missed>) -> Self {
        Self { missed: Some(missed), ..self }
    }

    /// The same, and all keys of the listing are remembered, whatever the selection says.
    #[must_use]
    pub fn with_census(self, census: Arc<Census>) -> Self {
        Self { listing: Box::new(Counted { inner: self.listing, census }), ..self }
    }

    fn walk(self, config: Arc<PipelineConfig>, known: Option<Arc<dyn Known>>, stop: Stop) -> Walk {
        let Self { listing, selection, books, missed, .. } = self.sorted(&config);
        let pace = Pace::new(&selection);
        let left = selection.limit.map(|limit| limit.saturating_sub(books.earlier().seen));
        Walk { config, listing, selection, books, missed, known, stop, pace, left }
    }

    fn sorted(self, config: &Arc<PipelineConfig>) -> Self {
        if !self.selection.newest_first {
            return self;
        }
        let listing = NewestFirst::new(self.listing, self.selection.clone(), Arc::clone(config));
        Self { listing: Box::new(listing), bookmark: None, ..self }
    }
}

impl Origin<LocalFolder> {
    /// The files of a folder.
    #[must_use]
    pub fn folder(folder: LocalFolder) -> Self {
        Self::bucket(Arc::new(folder), "", "")
    }
}

/// What a backfill did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The counters of the stages, of this run alone.
    pub summary: Summary,
    /// The account, earlier runs of the same backfill included.
    pub tally: Tally,
    /// Whether the whole source was listed, or as much as the limit allows.
    pub ended: bool,
    /// Whether everything that was handed out is stored, gone, or written down among the failures.
    pub settled: bool,
}

impl Report {
    /// Whether everything that was meant is stored or no longer there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ended && self.tally.is_complete()
    }
}

/// Indexes every object of `origin` that is not stored yet, until `stop`.
///
/// What cannot be indexed is recorded in the sink and listed in the summary. Run again, it adds nothing
/// that is stored, and objects of a bucket are not even read for that.
///
/// # Errors
/// See [`IngestError`]. What was begun is finished first; counters up to the error are in `progress`.
pub async fn backfill<S, K, R>(
    config: PipelineConfig,
    origin: Origin<S>,
    keys: Arc<K>,
    sink: Arc<R>,
    stop: Stop,
    progress: Arc<Progress>,
) -> Result<Summary, IngestError>
where
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    Ok(backfill_with_report(config, origin, keys, sink, stop, progress).await?.summary)
}

/// As [`backfill`], and tells whether the source was listed to its end, and what became of each object.
///
/// # Errors
/// As [`backfill`]; the account up to the error is in the books of the origin.
pub async fn backfill_with_report<S, K, R>(
    config: PipelineConfig,
    origin: Origin<S>,
    keys: Arc<K>,
    sink: Arc<R>,
    stop: Stop,
    progress: Arc<Progress>,
) -> Result<Report, IngestError>
where
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    // Like a drain it ends when nothing is left, and does not wait for ever.
    let config = Arc::new(PipelineConfig { drain: true, ..config.usable() });
    let Origin { store, listing, selection, books, bookmark, missed } = origin.sorted(&config);
    let (halt, halted) = Stop::new();
    let activity = Activity::new(1);
    let mut stages = Stages::begin(&config, store, keys, sink, &activity, &halt, &progress);
    let (pages, pages_out) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel();
    let lister = Lister {
        config,
        listing,
        selection,
        books: Arc::clone(&books),
        missed,
        activity,
        progress: Arc::clone(&progress),
        recorder: stages.recorder.clone(),
        stop: halted,
        orders: stages.orders.clone(),
        pages,
    };
    stages.spawn("list", async move {
        let _ = end.send(lister.run().await?);
        Ok(())
    });
    let earlier = books.earlier();
    stages.spawn("bookmark", async move {
        keep_books(bookmark, earlier, pages_out).await;
        Ok(())
    });
    let mut background = JoinSet::new();
    pass_on(&mut background, stop, halt);
    stages.finish().await?;
    let ended = ended.await.unwrap_or(false);
    Ok(Report { summary: progress.summary(), tally: books.tally(), ended, settled: books.is_settled() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
