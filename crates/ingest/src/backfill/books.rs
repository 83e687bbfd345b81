//! Keeps the books of a backfill: what became of every object, and how far the listing is settled.
//!
//! The objects of a page share a [`Leaf`]. When the last of them is settled the leaf comes in, and the place of a
//! later run moves behind all leaves that came in without a gap. It never passes an object that is neither stored,
//! nor gone, nor written down among the failures.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::listing::Cursor;
use super::missed::Missed;
use super::tally::Tally;
use crate::delivery::Outcome;
use crate::source::ListedObject;
use crate::workers::blocking;

/// Keeps the place from which a later run goes on.
pub trait Bookmark: std::fmt::Debug + Send + Sync + 'static {
    /// Keeps it durably, with the account of everything before it. Blocks.
    ///
    /// # Errors
    /// The place kept before still stands.
    fn keep(&self, after: &Cursor, settled: &Tally) -> io::Result<()>;
}

/// The account of a backfill while it runs, shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Books {
    earlier: Tally,
    run: Mutex<Tally>,
    listed: AtomicU64,
    filtered: AtomicU64,
    total: AtomicU64,
    unsettled: AtomicBool,
}

impl Books {
    /// New books, which go on from the account of earlier runs of the same backfill.
    #[must_use]
    pub fn new(earlier: Tally) -> Self {
        Self { earlier, ..Self::default() }
    }

    /// The account so far, earlier runs included.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.earlier.plus(&self.run())
    }

    /// What earlier runs did.
    #[must_use]
    pub fn earlier(&self) -> Tally {
        self.earlier
    }

    /// Objects listed by this run, wanted or not.
    #[must_use]
    pub fn listed(&self) -> u64 {
        self.listed.load(Ordering::Relaxed)
    }

    /// Objects listed by this run that the filters left out.
    #[must_use]
    pub fn filtered(&self) -> u64 {
        self.filtered.load(Ordering::Relaxed)
    }

    /// About how many objects this run has to list, if the source tells; it may come to know better.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Relaxed)).filter(|total| *total > 0)
    }

    /// Whether everything that was handed out is stored, gone, or written down among the failures.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.unsettled.load(Ordering::Acquire)
    }

    pub(crate) fn note_listed(&self, wanted: bool) {
        self.listed.fetch_add(1, Ordering::Relaxed);
        self.filtered.fetch_add(u64::from(!wanted), Ordering::Relaxed);
    }

    pub(crate) fn note_total(&self, total: Option<u64>) {
        self.total.store(total.unwrap_or_default(), Ordering::Relaxed);
    }

    pub(crate) fn count(&self, outcome: &Outcome) {
        self.run().count(outcome);
    }

    /// Adds what was decided without the pipeline.
    pub(crate) fn add(&self, tally: &Tally) {
        let mut run = self.run();
        *run = run.plus(tally);
    }

    fn run(&self) -> MutexGuard<'_, Tally> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One page of the listing; comes in when it is dropped by all that hold it.
#[derive(Debug)]
pub(crate) struct Leaf {
    number: u64,
    after: Cursor,
    books: Arc<Books>,
    tally: Mutex<Tally>,
    open: AtomicBool,
    done: mpsc::UnboundedSender<Done>,
}

/// A page that came in.
#[derive(Debug)]
pub(crate) struct Done {
    number: u64,
    after: Cursor,
    tally: Tally,
    /// Something of it must be looked at again.
    open: bool,
}

impl Leaf {
    pub(crate) fn new(
        number: u64,
        after: Cursor,
        books: Arc<Books>,
        done: mpsc::UnboundedSender<Done>,
    ) -> Arc<Self> {
        Arc::new(Self { number, after, books, tally: Mutex::default(), open: AtomicBool::new(false), done })
    }

    /// Says that a part of the page was not even handed out.
    pub(crate) fn leave_open(&self) {
        self.open.store(true, Ordering::Release);
    }

    fn count(&self, outcome: &Outcome) {
        self.books.count(outcome);
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(outcome);
        // What is to be tried again has no entry of its own.
        if matches!(outcome, Outcome::Retry(_) | Outcome::HeldBack(_) | Outcome::Unstarted) {
            self.books.unsettled.store(true, Ordering::Release);
            self.leave_open();
        }
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        let tally = *self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.open.load(Ordering::Acquire);
        // Without a bookkeeper nobody wants to go on later.
        let _ = self.done.send(Done { number: self.number, after: self.after.clone(), tally, open });
    }
}

/// One object's line on its page.
#[derive(Debug)]
pub(crate) struct Line {
    leaf: Arc<Leaf>,
    missed: Option<(Arc<Missed>, Box<ListedObject>)>,
}

impl Line {
    pub(crate) fn new(leaf: Arc<Leaf>, missed: Option<(Arc<Missed>, Box<ListedObject>)>) -> Self {
        Self { leaf, missed }
    }

    /// Says what became of the object.
    pub(crate) fn settle(&self, outcome: &Outcome) {
        self.leaf.count(outcome);
        if let (Some((missed, listed)), Outcome::Indexed(_)) = (&self.missed, outcome) {
            missed.note(listed);
        }
    }
}

/// Moves the bookmark as pages come in, until all are in.
pub(crate) async fn keep_books(
    bookmark: Option<Arc<dyn Bookmark>>,
    earlier: Tally,
    mut done: mpsc::UnboundedReceiver<Done>,
) {
    let Some(bookmark) = bookmark else { return };
    let mut waiting = BTreeMap::new();
    let (mut next, mut settled, mut blocked) = (0, earlier, false);
    let mut batch = Vec::new();
    while done.recv_many(&mut batch, 64).await > 0 {
        waiting.extend(batch.drain(..).map(|done| (done.number, done)));
        let mut place = None;
        while !blocked && let Some(page) = waiting.remove(&next) {
            if page.open {
                blocked = true;
                break;
            }
            next += 1;
            settled = settled.plus(&page.tally);
            place = Some(page.after);
        }
        if blocked {
            waiting.clear();
        }
        if let Some(after) = place {
            let bookmark = Arc::clone(&bookmark);
            match blocking(move || bookmark.keep(&after, &settled)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "cannot keep the place of a backfill"),
                Err(panicked) => tracing::error!(error = %panicked, "cannot keep the place of a backfill"),
            }
        }
    }
}
