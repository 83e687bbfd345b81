//! `shelltrail backfill`

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use shelltrail_aws::Clients;
use shelltrail_index::{IndexRoot, LocalSink};
use shelltrail_ingest::source::NoKeys;
use shelltrail_ingest::{LocalFolder, Origin, Progress, Summary, backfill};

use crate::args::{Args, BackfillArgs};
use crate::commands::summary;
use crate::config::Config;
use crate::exit::Exit;
use crate::stop;

/// Indexes a directory or a prefix; what is stored already is left alone.
///
/// # Errors
/// The source cannot be listed, the index is locked or of another version, or it cannot be written.
pub fn run(args: &Args, command: &BackfillArgs) -> anyhow::Result<Exit> {
    let config = Config::load(args)?;
    let pipeline = config.pipeline()?;
    let source = Source::parse(&command.source)?;
    let (root, lock) = IndexRoot::open_for_writing(&config.index(&command.index)?, config.partition_digits)?;
    let note = root.begin_backfill(&command.source)?;
    let sink = Arc::new(LocalSink::new(root, lock));
    let progress = Arc::new(Progress::new());
    let bar = bar(Arc::clone(&progress));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let stop = stop::on_signals()?;
        let progress = Arc::clone(&progress);
        let done = match source {
            Source::Folder(path) => {
                let origin = Origin::folder(LocalFolder::new(path));
                backfill(pipeline, origin, Arc::new(NoKeys), sink, stop, progress).await
            }
            Source::Bucket { bucket, prefix } => {
                let clients = Clients::load(&config.aws()).await;
                let origin = Origin::bucket(Arc::new(clients.store()), bucket, prefix);
                backfill(pipeline, origin, Arc::new(clients.keys()), sink, stop, progress).await
            }
        };
        anyhow::Ok(done?)
    });
    bar.finish_and_clear();
    match done {
        Ok(done) => {
            // What failed is listed by itself; what was not begun is known to this note alone.
            if done.unstarted == 0 && done.retried == 0 {
                note.end()?;
            }
            summary::report(&done);
            Ok(summary::exit(&done))
        }
        Err(error) => {
            summary::report(&progress.summary());
            Err(error)
        }
    }
}

/// Where the objects are.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Folder(String),
    Bucket { bucket: String, prefix: String },
}

impl Source {
    fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                bail!("{text} names no bucket: use s3://BUCKET[/PREFIX]");
            }
            return Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        }
        if !Path::new(text).is_dir() {
            return Err(anyhow::anyhow!("{text} is not a directory"))
                .context("SOURCE is a directory laid out like the bucket, or s3://BUCKET[/PREFIX]");
        }
        Ok(Self::Folder(text.to_owned()))
    }
}

/// A progress line on a terminal, nothing elsewhere. The length of a listing is not known before its
/// end, so there is a rate and no estimate.
fn bar(progress: Arc<Progress>) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let weak = bar.downgrade();
    std::thread::spawn(move || {
        while let Some(bar) = weak.upgrade().filter(|bar| !bar.is_finished()) {
            bar.set_message(line(&progress.summary(), bar.elapsed()));
            drop(bar);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    bar
}

fn line(now: &Summary, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    format!(
        "{} seen, {} indexed, {} already there, {} failed, {:.1} MB/s",
        now.seen,
        now.indexed,
        now.already_indexed,
        now.failed,
        now.bytes_clear as f64 / 1e6 / seconds
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let bucket =
            |bucket: &str, prefix: &str| Source::Bucket { bucket: bucket.into(), prefix: prefix.into() };
        assert_eq!(Source::parse("s3://b").unwrap(), bucket("b", ""));
        assert_eq!(Source::parse("s3://b/a/b c").unwrap(), bucket("b", "a/b c"));
        assert!(Source::parse("s3:///x").is_err());
        assert!(Source::parse("no/such/directory").is_err());
    }
}
