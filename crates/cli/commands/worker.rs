//! `shelltrail worker`

use std::sync::Arc;

use anyhow::Context;
use shelltrail_aws::{Clients, S3Store};
use shelltrail_index::{IndexRoot, LocalSink};
use shelltrail_ingest::source::Queue;
use shelltrail_ingest::{PipelineConfig, Progress, Summary, run_with_backfill};

use crate::args::{Args, WorkerArgs};
use crate::commands::summary;
use crate::config::Config;
use crate::exit::Exit;
use crate::log::{self, LogFormat};
use crate::{ops, stop};

/// Consumes the queue until it is told to stop, or until it is empty.
///
/// # Errors
/// The index is locked or of another version, the queue cannot be asked, the index cannot be written, or the port
/// that was asked for cannot be had.
pub fn run(args: &Args, command: &WorkerArgs) -> anyhow::Result<Exit> {
    let config = Config::load(args)?;
    let queue_url = command.queue_url.clone().or(config.queue_url.clone());
    let queue_url = queue_url.context(
        "no queue is named: use --queue-url, SHELLTRAIL_QUEUE_URL, or `queue_url` in the configuration file",
    )?;
    let backfill_url = command.backfill_queue_url.clone().or(config.backfill_queue_url.clone());
    let mut pipeline = config.pipeline()?;
    pipeline.drain = command.drain;
    let door = ops::open(config.listen(command.ops.listen.as_ref())?.as_ref())?;
    let (root, lock) = IndexRoot::open_for_writing(&config.index(&command.index)?, config.partition_digits)?;
    let sink = Arc::new(LocalSink::new(root, lock).laid_out_by(&config.s3.key_layout)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let progress = Arc::new(Progress::new());
    let summary = runtime.block_on(async {
        let stop = stop::on_signals()?;
        let clients = Clients::load(&config.aws()?).await;
        let index = sink.root().path().to_owned();
        let region = clients.region().unwrap_or("unknown");
        log::say(&format!("worker started, index {}, region {region}", index.display()));
        let queue = Arc::new(clients.queue(queue_url));
        let backfill_queue = backfill_url.map(|url| Arc::new(clients.queue(url)));
        let asked = Arc::clone(&queue) as Arc<dyn Queue>;
        let _telling = ops::begin(door, Arc::clone(&progress), &pipeline, index, Some(asked), stop.clone())?;
        let (store, keys) = (Arc::new(clients.store()), Arc::new(clients.keys()));
        let checked = tokio::spawn(check_buckets(store.as_ref().clone(), pipeline.clone()));
        let progress = Arc::clone(&progress);
        let run = run_with_backfill(pipeline, queue, backfill_queue, store, keys, sink, stop, progress);
        let done = run.await;
        checked.abort();
        anyhow::Ok(done?)
    });
    match summary {
        Ok(done) => {
            report(&done);
            Ok(summary::exit(&done))
        }
        Err(error) => {
            report(&progress.summary());
            Err(error)
        }
    }
}

/// Warns about allowed buckets that cannot be listed: in those a deleted object looks like a denied one.
async fn check_buckets(store: S3Store, config: PipelineConfig) {
    let prefix = config.key_prefixes.first().map_or("", String::as_str);
    for bucket in &config.allowed_buckets {
        if let Err(error) = store.check_list_permission(bucket, prefix).await {
            tracing::warn!(
                %error,
                reason = error.reason,
                "the bucket cannot be listed: grant s3:ListBucket, or deleted objects cannot be told from denied ones"
            );
        }
    }
}

fn report(done: &Summary) {
    if log::format() == LogFormat::Text {
        eprintln!(
            "shelltrail: messages: {} received = {} deleted + {} released + {} lost",
            done.received, done.deleted, done.released, done.lost
        );
    }
    summary::report(done);
}
