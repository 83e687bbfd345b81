//! `shelltrail worker`

use std::sync::Arc;

use anyhow::Context;
use shelltrail_aws::Clients;
use shelltrail_index::{IndexRoot, LocalSink};
use shelltrail_ingest::{Progress, Summary};

use crate::args::{Args, WorkerArgs};
use crate::commands::summary;
use crate::config::Config;
use crate::exit::Exit;
use crate::stop;

/// Consumes the queue until it is told to stop, or until it is empty.
///
/// # Errors
/// The index is locked or of another version, the queue cannot be asked, or the index cannot be written.
pub fn run(args: &Args, command: &WorkerArgs) -> anyhow::Result<Exit> {
    let config = Config::load(args)?;
    let queue_url = command.queue_url.clone().or(config.queue_url.clone());
    let queue_url = queue_url.context(
        "no queue is named: use --queue-url, SHELLTRAIL_QUEUE_URL, or `queue_url` in the configuration file",
    )?;
    let mut pipeline = config.pipeline()?;
    pipeline.drain = command.drain;
    let (root, lock) = IndexRoot::open_for_writing(&config.index(&command.index)?, config.partition_digits)?;
    let sink = Arc::new(LocalSink::new(root, lock));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let progress = Arc::new(Progress::new());
    let summary = runtime.block_on(async {
        let stop = stop::on_signals()?;
        let clients = Clients::load(&config.aws()).await;
        eprintln!(
            "shelltrail: worker started, index {}, region {}",
            sink.root().path().display(),
            clients.region().unwrap_or("unknown")
        );
        let queue = Arc::new(clients.queue(queue_url));
        let (store, keys) = (Arc::new(clients.store()), Arc::new(clients.keys()));
        let run = shelltrail_ingest::run(pipeline, queue, store, keys, sink, stop, Arc::clone(&progress));
        anyhow::Ok(run.await?)
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

fn report(done: &Summary) {
    eprintln!(
        "shelltrail: messages: {} received = {} deleted + {} released + {} lost",
        done.received, done.deleted, done.released, done.lost
    );
    summary::report(done);
}
