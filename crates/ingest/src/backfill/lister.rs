//! Hands a listing out to the stages, page by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::ids::Partition;
use shelltrail_core::sink::RecordSink;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::books::{Books, Done, Leaf, Line};
use super::listing::{Listing, Page};
use super::missed::Missed;
use super::selection::Selection;
use super::tally::ARCHIVED;
use crate::activity::Activity;
use crate::backoff;
use crate::config::PipelineConfig;
use crate::delivery::{Outcome, Share};
use crate::fetch::Order;
use crate::pipeline::IngestError;
use crate::record::{Recorder, clear_all};
use crate::source::{GONE, ListedObject, SourceError};
use crate::stop::Stop;
use crate::summary::Progress;
use crate::workers::blocking;

/// Objects that are being set aside at once: each costs a look into the index and an entry on disk.
const SETTING_ASIDE: usize = 16;

/// Takes the place of the poll stage.
pub(crate) struct Lister<R> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) listing: Box<dyn Listing>,
    pub(crate) selection: Selection,
    pub(crate) books: Arc<Books>,
    pub(crate) missed: Option<Arc<Missed>>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) recorder: Recorder<R>,
    pub(crate) stop: Stop,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) pages: mpsc::UnboundedSender<Done>,
}

impl<R: RecordSink> Lister<R> {
    /// Works until the listing ends, the limit is reached, or a stop comes. `true`: there is nothing more to list.
    pub(crate) async fn run(mut self) -> Result<bool, IngestError> {
        let _presence = self.activity.receiver();
        let stop = self.stop.clone();
        let mut pace = Pace::new(&self.selection);
        let mut aside = JoinSet::new();
        let mut left = self.selection.limit.map(|limit| limit.saturating_sub(self.books.earlier().seen));
        let mut number = 0;
        let ended = loop {
            if left == Some(0) {
                break Ok(true);
            }
            let page = tokio::select! {
                biased;
                () = stop.stopped() => break Ok(false),
                page = next_page(&mut *self.listing, &self.config) => page,
            };
            let page = match page {
                Ok(Some(page)) => page,
                Ok(None) => break Ok(true),
                Err(error) => break Err(IngestError::List(error)),
            };
            self.books.note_total(self.listing.total());
            let leaf = Leaf::new(number, page.after, Arc::clone(&self.books), self.pages.clone());
            number += 1;
            self.clear_folders(&page.objects).await;
            for listed in page.objects {
                if listed.is_empty_folder() {
                    self.listing.pass_over(&listed);
                    continue;
                }
                if left == Some(0) || stop.is_stopped() {
                    leaf.leave_open();
                    break;
                }
                let wanted = self.selection.wants(&listed, &self.config);
                self.books.note_listed(wanted);
                if !wanted {
                    self.listing.pass_over(&listed);
                    continue;
                }
                if !pace.wait(&stop).await {
                    leaf.leave_open();
                    break;
                }
                left = left.map(|left| left - 1);
                self.hand_out(listed, &leaf, &mut aside).await;
            }
        };
        while aside.join_next().await.is_some() {}
        ended
    }

    /// A folder that is listed again has not failed any more. What is not listed of it stands behind all of its files.
    async fn clear_folders(&self, objects: &[ListedObject]) {
        let mut folders: BTreeSet<&str> = BTreeSet::new();
        for listed in objects.iter().filter(|l| l.object.bucket.is_none() && l.unreadable.is_none()) {
            let mut key = listed.object.key.as_str();
            while let Some(end) = key.rfind('/')
                && folders.insert(&key[..=end])
            {
                key = &key[..end];
            }
        }
        if folders.is_empty() {
            return;
        }
        let object = |key: &str| ObjectRef { key: key.to_owned(), ..ObjectRef::default() };
        let objects: Vec<ObjectRef> = folders.into_iter().map(object).collect();
        let sink = Arc::clone(&self.recorder.sink);
        if blocking(move || clear_all(&*sink, &objects)).await.is_err() {
            tracing::error!("the sink panicked while it cleared a failure");
        }
    }

    async fn hand_out(&mut self, listed: ListedObject, leaf: &Arc<Leaf>, aside: &mut JoinSet<()>) {
        let missed = self.missed.as_ref().filter(|missed| missed.is_due(&listed));
        let missed = missed.map(|missed| (Arc::clone(missed), Box::new(listed.clone())));
        let line = Line::new(Arc::clone(leaf), missed);
        let share = Share::of_line(Arc::clone(&self.progress), line);
        let archived = listed.is_archived().then_some(ARCHIVED);
        if let Some(reason) = listed.unreadable.or(archived) {
            self.listing.pass_over(&listed);
            while aside.len() >= SETTING_ASIDE {
                aside.join_next().await;
            }
            aside.spawn(set_aside(self.recorder.clone(), listed, reason, share));
            return;
        }
        let underway = self.activity.underway();
        let ListedObject { object, size, other_key, .. } = listed;
        let order = Order { object, size, share: share.with_other_key(other_key), underway };
        if let Err(mpsc::error::SendError(order)) = self.orders.send(order).await {
            order.share.settle(Outcome::Unstarted);
        }
    }
}

/// One page of a listing; a call that may succeed later is repeated.
pub(super) async fn next_page(
    listing: &mut dyn Listing,
    config: &PipelineConfig,
) -> Result<Option<Page>, SourceError> {
    let mut attempt = 1;
    loop {
        match listing.next().await {
            Err(error) if error.kind.is_transient() && attempt < config.backfill_attempts => {
                tracing::warn!(reason = error.reason, attempt, "cannot list a page of objects");
                let wait = backoff::delay(config.retry_delay, config.max_retry_delay, attempt, "listing");
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
            listed => return listed,
        }
    }
}

/// Writes down what need not be tried, unless it was indexed when it still could be.
async fn set_aside<R: RecordSink>(
    recorder: Recorder<R>,
    listed: ListedObject,
    reason: &'static str,
    share: Share,
) {
    if reason == GONE {
        recorder.clear(listed.object).await;
        return share.settle(Outcome::Gone);
    }
    let account = recorder.config.layout.locate(&listed.object.key).account;
    let detail = match reason {
        _ if listed.detail.is_some() => listed.detail.unwrap_or_default(),
        ARCHIVED => format!(
            "storage class {}, access tier {}: restore the object, then index it",
            listed.storage_class.as_deref().unwrap_or("unknown"),
            listed.access_tier.as_deref().unwrap_or("none")
        ),
        _ => "the list of objects has no readable name here".to_owned(),
    };
    let object: ObjectRef = listed.object;
    if let Some(id) = object.transcript_id() {
        let mut partitions: Vec<Partition> =
            vec![recorder.sink.partition(account.as_ref()), recorder.sink.partition(None)];
        partitions.dedup();
        match recorder.look_up(partitions, id, object.clone()).await {
            Ok(Some(stored)) => return share.settle(Outcome::AlreadyIndexed(stored)),
            Ok(None) => {}
            Err(_) => return share.settle(Outcome::Retry("index-unreadable")),
        }
    }
    let failure = recorder.failure(object, &share, reason, detail);
    share.settle(recorder.record(failure, reason).await);
}

/// Keeps to a rate.
pub(super) struct Pace {
    per_second: Option<f64>,
    begun: Instant,
    passed: u64,
}

impl Pace {
    pub(super) fn new(selection: &Selection) -> Self {
        let per_second = selection.rate.map(|rate| f64::from(rate.get()));
        Self { per_second, begun: Instant::now(), passed: 0 }
    }

    /// Waits for the next object's turn. `false`: a stop came first.
    pub(super) async fn wait(&mut self, stop: &Stop) -> bool {
        let Some(per_second) = self.per_second else { return true };
        let due = self.begun + std::time::Duration::from_secs_f64(self.passed as f64 / per_second);
        // After a pause nothing is made up for: a rate is a ceiling.
        let now = Instant::now();
        if now.duration_since(due) > std::time::Duration::from_secs(1) {
            (self.begun, self.passed) = (now, 0);
        }
        self.passed += 1;
        tokio::select! {
            biased;
            () = stop.stopped() => false,
            () = tokio::time::sleep_until(due) => true,
        }
    }
}
