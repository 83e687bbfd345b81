//! `shelltrail backfill`

mod place;
mod show;
mod source;
mod told;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use shelltrail_core::TranscriptId;
use shelltrail_core::ids::AccountId;
use shelltrail_core::sink::SinkError;
use shelltrail_index::{Holdings, IndexRoot, LocalSink, RootError, Vanished};
use shelltrail_ingest::source::ObjectStore;
use shelltrail_ingest::{
    Bookmark, Books, Census, Known, Missed, Origin, PipelineConfig, Progress, Selection, Stop,
    backfill_with_report, enqueue, plan,
};

use self::place::Place;
use self::show::Show;
use self::source::{Opened, Source};
use self::told::{Account, Difference, Name, Planned};
use crate::args::{Args, BackfillArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::ops::Listen;
use crate::{log, ops, stop};

/// Indexes what a source holds, sends it to workers, or tells what would be done.
///
/// # Errors
/// The source cannot be listed, the index is locked or of another version, or it cannot be written.
pub fn run(args: &Args, command: &BackfillArgs) -> anyhow::Result<Exit> {
    let config = Config::load(args)?;
    let source = Source::parse(&command.source)?;
    source.check(command)?;
    let pipeline = PipelineConfig { retry_suspected: command.retry_suspected, ..config.pipeline()? };
    let work = Work { command, pipeline, source, progress: Arc::new(Progress::new()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop::on_signals()?;
        if command.dry_run {
            work.plan(&config, stop).await
        } else if let Some(url) = &command.enqueue {
            work.enqueue(&config, url, stop).await
        } else {
            work.index(&config, stop).await
        }
    })
}

struct Work<'a> {
    command: &'a BackfillArgs,
    pipeline: PipelineConfig,
    source: Source,
    progress: Arc<Progress>,
}

/// What is compared, if anything is.
struct Comparison {
    missed: Arc<Missed>,
    census: Arc<Census>,
    holdings: Option<Arc<Stored>>,
}

/// The index, as somebody who may not write to it sees it.
struct Stored(Option<Holdings>);

impl Known for Stored {
    fn contains(&self, account: Option<&AccountId>, id: &TranscriptId) -> Result<bool, SinkError> {
        self.0.as_ref().map_or(Ok(false), |holdings| holdings.contains(account, id))
    }
}

impl Work<'_> {
    /// Reads, indexes, and keeps the place.
    async fn index(&self, config: &Config, stop: Stop) -> anyhow::Result<Exit> {
        let path = config.index(&self.command.index)?;
        let door = ops::open(Some(self.command.ops.listen.as_ref().unwrap_or(&Listen::Off)))?;
        let (root, lock) = IndexRoot::open_for_writing(&path, config.partition_digits)?;
        let place = Arc::new(self.place(&root)?);
        let holdings = if self.command.reconcile { stored(&path)? } else { None };
        let comparison = self.comparison(holdings);
        let sink = Arc::new(LocalSink::new(root, lock).laid_out_by(&config.s3.key_layout)?);
        let Opened { origin, keys, .. } = self.open(config, true).await?;
        let (origin, books) = self.prepared(origin, Some(&place), comparison.as_ref())?;
        let done = {
            let progress = Arc::clone(&self.progress);
            let index = sink.root().path().to_owned();
            let _telling =
                ops::begin(door, Arc::clone(&progress), &self.pipeline, index, None, stop.clone())?;
            let _show = Show::begin(self.command.progress, Arc::clone(&books), Arc::clone(&self.progress));
            backfill_with_report(self.pipeline.clone(), origin, keys, Arc::clone(&sink), stop, progress).await
        };
        let (ended, settled) = done.as_ref().map_or((false, false), |done| (done.ended, done.settled));
        // What failed is listed by itself; what was not begun is known to this note alone.
        if ended && settled {
            place.end()?;
            // Whoever asks next finds few segments. What was told to stop leaves the rest to its successor.
            sink.finish_merges();
        }
        let summary = self.progress.summary();
        let account = Account {
            source: self.command.source.clone(),
            complete: ended && books.tally().is_complete(),
            ended,
            tally: books.tally(),
            filtered: books.filtered(),
            messages: None,
            reasons: Some(summary.failed_by_reason.clone()),
            difference: comparison.map(|comparison| self.difference(&comparison, ended)).transpose()?,
        };
        told::account(&account, self.command.format, Some(&summary))?;
        show::difference(self.command.progress, account.difference.as_ref());
        done?;
        Ok(if account.complete { Exit::Done } else { Exit::Incomplete })
    }

    /// Sends what is not known to be indexed to a queue.
    async fn enqueue(&self, config: &Config, url: &str, stop: Stop) -> anyhow::Result<Exit> {
        // Without an index nothing is subtracted and no place is kept: workers have theirs elsewhere.
        let named = self.command.index.index.is_some() || config.index.is_some();
        let path = named.then(|| config.index(&self.command.index)).transpose()?;
        let known = path.as_deref().map(stored).transpose()?.flatten();
        let place = match (&path, &known) {
            (Some(path), Some(_)) => Some(Arc::new(self.place(&IndexRoot::open(path)?)?)),
            _ => None,
        };
        if place.is_none() {
            log::say("no index is read: everything is sent, and a later run begins anew");
        }
        let comparison = self.comparison(known.clone());
        let Opened { origin, clients, .. } = self.open(config, false).await?;
        let clients = clients.context("--enqueue: workers read from buckets only")?;
        let (origin, books) = self.prepared(origin, place.as_ref(), comparison.as_ref())?;
        let known = known.map(|known| known as Arc<dyn Known>);
        let queue = Arc::new(clients.queue(url));
        let sent = {
            let _show = Show::begin(self.command.progress, Arc::clone(&books), Arc::clone(&self.progress));
            enqueue(self.pipeline.clone(), origin, known, queue, stop).await
        };
        let ended = sent.as_ref().is_ok_and(|sent| sent.ended);
        let tally = books.tally();
        let complete = ended && tally.is_complete();
        if let Some(place) = place.filter(|_| complete) {
            place.end()?;
        }
        let account = Account {
            source: self.command.source.clone(),
            complete,
            ended,
            tally,
            filtered: books.filtered(),
            messages: sent.as_ref().ok().map(|sent| sent.messages),
            reasons: None,
            difference: comparison.map(|comparison| self.difference(&comparison, ended)).transpose()?,
        };
        told::account(&account, self.command.format, None)?;
        show::difference(self.command.progress, account.difference.as_ref());
        sent?;
        Ok(if complete { Exit::Done } else { Exit::Incomplete })
    }

    /// Tells what would be done.
    async fn plan(&self, config: &Config, stop: Stop) -> anyhow::Result<Exit> {
        let known = stored(&config.index(&self.command.index)?)?;
        let comparison = self.comparison(known.clone());
        let Opened { origin, .. } = self.open(config, false).await?;
        let (origin, books) = self.prepared(origin, None, comparison.as_ref())?;
        let known = known.unwrap_or_else(|| Arc::new(Stored(None)));
        let planned = {
            let _show = Show::begin(self.command.progress, books, Arc::clone(&self.progress));
            plan(self.pipeline.clone(), origin, Some(known as Arc<dyn Known>), stop).await?
        };
        let ended = planned.ended;
        let difference = comparison.map(|comparison| self.difference(&comparison, ended)).transpose()?;
        let missed = difference.as_ref().is_some_and(|difference| difference.missed_notifications > 0);
        let planned = Planned { source: self.command.source.clone(), plan: planned, difference };
        told::plan(&planned, self.command.format, self.source.is_in_s3())?;
        show::difference(self.command.progress, planned.difference.as_ref());
        let whole = ended && planned.plan.unreadable == 0;
        Ok(if whole && !missed { Exit::Done } else { Exit::Incomplete })
    }

    fn place(&self, root: &IndexRoot) -> anyhow::Result<Place> {
        let command = self.command;
        Place::find(root, &self.source.name(&command.source), command, self.identity())
    }

    /// What a place in the source is good for: this source, and what of it the configuration leaves out, unseen by the
    /// command line. `None` if neither says anything.
    fn identity(&self) -> Option<String> {
        let PipelineConfig { key_prefixes, allowed_buckets, layout, .. } = &self.pipeline;
        let mut parts: Vec<String> = self.source.file().into_iter().collect();
        if !key_prefixes.is_empty() {
            parts.push(format!("key_prefixes {key_prefixes:?}"));
        }
        if !allowed_buckets.is_empty() {
            parts.push(format!("allowed_buckets {allowed_buckets:?}"));
        }
        // It says which accounts are meant.
        if !self.command.account.is_empty() {
            parts.push(format!("key_layout {layout:?}"));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    async fn open(&self, config: &Config, read: bool) -> anyhow::Result<Opened> {
        self.source.open(self.command, &config.aws()?, read, self.pipeline.max_object_bytes).await
    }

    /// The origin as the flags confine it, going on where an earlier run was stopped.
    fn prepared(
        &self,
        mut origin: Origin<dyn ObjectStore>,
        place: Option<&Arc<Place>>,
        comparison: Option<&Comparison>,
    ) -> anyhow::Result<(Origin<dyn ObjectStore>, Arc<Books>)> {
        let command = self.command;
        let typed = |time: &Option<crate::args::TypedTime>| time.as_ref().map(|time| time.at);
        let (since, until) =
            place.map_or((typed(&command.since), typed(&command.until)), |place| place.bounds());
        let mut books = Books::default();
        if let Some(place) = place {
            if let Some((after, settled)) = place.after() {
                log::say(&format!(
                    "going on with the backfill begun at {}: {} objects are settled",
                    place.begun_at(),
                    settled.seen
                ));
                origin = origin.resume(after)?;
                books = Books::new(settled);
            }
            if !command.reconcile {
                let bookmark: Arc<dyn Bookmark> = Arc::<Place>::clone(place);
                origin = origin.with_bookmark(bookmark);
            }
        }
        let books = Arc::new(books);
        let selection = Selection {
            since,
            until,
            accounts: command.account.clone(),
            prefixes: command.prefix.clone(),
            limit: command.limit,
            rate: command.rate,
            newest_first: command.newest_first,
        };
        origin = origin.select(selection).with_books(Arc::clone(&books));
        if let Some(comparison) = comparison {
            origin = origin.with_missed(Arc::clone(&comparison.missed));
            origin = origin.with_census(Arc::clone(&comparison.census));
        }
        Ok((origin, books))
    }

    fn comparison(&self, holdings: Option<Arc<Stored>>) -> Option<Comparison> {
        let delay = SignedDuration::try_from(self.command.delay).unwrap_or(SignedDuration::MAX);
        let due_before = Timestamp::now().checked_sub(delay).unwrap_or(Timestamp::MIN);
        self.command.reconcile.then(|| Comparison {
            missed: Arc::new(Missed::new(due_before)),
            census: Arc::default(),
            holdings,
        })
    }

    /// What the index had at the start and the bucket has not; nobody can say before the listing has ended.
    fn difference(&self, comparison: &Comparison, ended: bool) -> anyhow::Result<Difference> {
        let (missed_notifications, missed) = comparison.missed.found();
        let missed = missed.into_iter().map(Name::from).collect();
        let mut difference = Difference { missed_notifications, missed, ..Difference::default() };
        let Some((bucket, prefix)) = self.source.bucket().filter(|_| ended) else { return Ok(difference) };
        let prefix = source::narrowed(prefix, &self.command.prefix);
        let mut known = true;
        let mut vanished = Vanished::default();
        if let Some(holdings) = comparison.holdings.as_ref().and_then(|stored| stored.0.as_ref()) {
            vanished = holdings.vanished(bucket, &prefix, |object| {
                let there = comparison.census.has(object);
                known &= there.is_some();
                there.unwrap_or(true)
            })?;
        }
        if known {
            difference.tell(bucket, &vanished);
        }
        Ok(difference)
    }
}

/// What is stored in the index at a path; `None` if there is none yet.
fn stored(path: &Path) -> anyhow::Result<Option<Arc<Stored>>> {
    match Holdings::open(path) {
        Ok(holdings) => Ok(Some(Arc::new(Stored(Some(holdings))))),
        Err(RootError::NoIndex(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
