//! Indexes what a bucket or a folder holds: a listing instead of a queue, then the same stages.

use std::sync::Arc;

use shelltrail_core::sink::RecordSink;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::activity::Activity;
use crate::backoff;
use crate::config::PipelineConfig;
use crate::delivery::{Outcome, Share};
use crate::fetch::Order;
use crate::folder::LocalFolder;
use crate::pipeline::{IngestError, Stages, pass_on};
use crate::source::{KeyService, ListedObject, ObjectStore, SourceError, SourceErrorKind};
use crate::stop::Stop;
use crate::summary::{Progress, Summary};

/// Where a backfill finds its objects.
#[derive(Debug)]
pub struct Origin<S: ?Sized> {
    store: Arc<S>,
    bucket: Option<String>,
    prefix: String,
    start_after: Option<String>,
}

impl<S: ObjectStore + ?Sized> Origin<S> {
    /// The objects of a bucket below a prefix; an empty prefix means all.
    #[must_use]
    pub fn bucket(store: Arc<S>, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self { store, bucket: Some(bucket.into()), prefix: prefix.into(), start_after: None }
    }

    /// The same, but only keys after this one.
    #[must_use]
    pub fn start_after(self, key: impl Into<String>) -> Self {
        Self { start_after: Some(key.into()), ..self }
    }

    /// One page of the listing; a call that may succeed later is repeated.
    async fn page(
        &self,
        config: &PipelineConfig,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError> {
        let mut attempt = 1;
        loop {
            let listed = self.store.list(self.bucket.as_deref().unwrap_or(""), &self.prefix, after).await;
            match listed {
                Err(error) if error.kind.is_transient() && attempt < config.backfill_attempts => {
                    tracing::warn!(reason = error.reason, attempt, "cannot list a page of objects");
                    let PipelineConfig { retry_delay, max_retry_delay, .. } = *config;
                    let wait = backoff::delay(retry_delay, max_retry_delay, attempt, after.unwrap_or(""));
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                listed => return listed,
            }
        }
    }
}

impl Origin<LocalFolder> {
    /// The files of a folder.
    #[must_use]
    pub fn folder(folder: LocalFolder) -> Self {
        Self { store: Arc::new(folder), bucket: None, prefix: String::new(), start_after: None }
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
    let config = Arc::new(config.usable());
    let (halt, halted) = Stop::new();
    let activity = Activity::new(1);
    let mut stages =
        Stages::begin(&config, Arc::clone(&origin.store), keys, sink, &activity, &halt, &progress);
    let lister = Lister {
        config,
        origin,
        activity,
        progress: Arc::clone(&progress),
        stop: halted,
        orders: stages.orders.clone(),
    };
    stages.spawn("list", lister.run());
    let mut background = JoinSet::new();
    pass_on(&mut background, stop, halt);
    stages.finish().await?;
    Ok(progress.summary())
}

/// Hands out a listing.
struct Lister<S: ?Sized> {
    config: Arc<PipelineConfig>,
    origin: Origin<S>,
    activity: Arc<Activity>,
    progress: Arc<Progress>,
    stop: Stop,
    orders: mpsc::Sender<Order>,
}

impl<S: ObjectStore + ?Sized> Lister<S> {
    async fn run(self) -> Result<(), IngestError> {
        let _presence = self.activity.receiver();
        let mut after = self.origin.start_after.clone();
        loop {
            let page = tokio::select! {
                biased;
                () = self.stop.stopped() => return Ok(()),
                page = self.origin.page(&self.config, after.as_deref()) => page.map_err(IngestError::List)?,
            };
            let Some(last) = page.last().map(|listed| listed.object.key.clone()) else { return Ok(()) };
            if after.as_ref().is_some_and(|after| last <= *after) {
                return Err(IngestError::List(unordered()));
            }
            after = Some(last);
            for listed in page {
                if self.stop.is_stopped() {
                    return Ok(());
                }
                self.hand_out(listed).await;
            }
        }
    }

    async fn hand_out(&self, listed: ListedObject) {
        let share = Share::of_backfill(Arc::clone(&self.progress));
        let underway = self.activity.underway();
        let order = Order { object: listed.object, size: Some(listed.size), share, underway };
        if let Err(mpsc::error::SendError(order)) = self.orders.send(order).await {
            order.share.settle(Outcome::Unstarted);
        }
    }
}

/// A listing that goes back would never end (directory buckets are not ordered: S3 user guide,
/// "ListObjectsV2").
fn unordered() -> SourceError {
    SourceError {
        kind: SourceErrorKind::Invalid,
        reason: "listing-unordered",
        action: "list the next page".to_owned(),
        message: "the page does not come after the one before it".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
