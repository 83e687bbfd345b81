//! Progress while a backfill runs: a bar on a terminal, JSON for jobs.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde::Serialize;
use shelltrail_ingest::{Books, Progress, Tally};

use super::told::Difference;
use crate::args::ProgressArg;

/// How often the bar moves, and how often a job is told.
const BAR_TICK: Duration = Duration::from_millis(200);
const JSON_TICK: Duration = Duration::from_secs(1);

/// Shows progress until it is dropped.
pub struct Show {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// One line of `--progress json`.
#[derive(Debug, Serialize)]
struct Line {
    elapsed_s: u64,
    /// Objects listed by this run, and about how many there are.
    listed: u64,
    total: Option<u64>,
    filtered: u64,
    /// The account so far, earlier runs included.
    #[serde(flatten)]
    tally: Tally,
    bytes_clear: u64,
    /// Objects listed a second since the start of this run.
    per_second: f64,
    eta_s: Option<u64>,
}

impl Line {
    fn now(books: &Books, progress: &Progress, elapsed: Duration) -> Self {
        let (listed, total) = (books.listed(), books.total());
        let per_second = listed as f64 / elapsed.as_secs_f64().max(0.001);
        let left = total.filter(|_| listed > 0).map(|total| total.saturating_sub(listed));
        Self {
            elapsed_s: elapsed.as_secs(),
            listed,
            total,
            filtered: books.filtered(),
            tally: books.tally(),
            bytes_clear: progress.summary().bytes_clear,
            per_second: (per_second * 10.0).round() / 10.0,
            eta_s: left.map(|left| (left as f64 / per_second).ceil() as u64),
        }
    }

    fn text(&self) -> String {
        let Tally { indexed, enqueued, already_indexed, archived, denied, failed, .. } = self.tally;
        let done = if enqueued > 0 { format!("{enqueued} enqueued") } else { format!("{indexed} indexed") };
        let mut text = format!(
            "{} listed, {done}, {already_indexed} already there, {} not indexed, {:.0}/s",
            self.listed,
            archived + denied + failed,
            self.per_second
        );
        if let Some(eta) = self.eta_s {
            text.push_str(&format!(", about {} left", HumanDuration(Duration::from_secs(eta))));
        }
        text
    }
}

/// The last line of `--progress json`, where index and bucket were compared.
#[derive(Debug, Serialize)]
struct Compared {
    missed_notifications: u64,
    no_longer_in_bucket: Option<u64>,
    removed_known: Option<u64>,
    vanished_untold: Option<u64>,
}

/// Tells a job what index and bucket do not have in common; what it is called is in the account.
pub fn difference(how: ProgressArg, difference: Option<&Difference>) {
    let Some(difference) = difference.filter(|_| how == ProgressArg::Json) else { return };
    let Difference { missed_notifications, no_longer_in_bucket, removed_known, vanished_untold, .. } =
        *difference;
    print(&Compared { missed_notifications, no_longer_in_bucket, removed_known, vanished_untold });
}

impl Show {
    /// Begins to show.
    pub fn begin(how: ProgressArg, books: Arc<Books>, progress: Arc<Progress>) -> Self {
        let bar = how == ProgressArg::Auto && stderr().is_terminal();
        if !bar && how != ProgressArg::Json {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            let line = || Line::now(&books, &progress, begun.elapsed());
            let bar = bar.then(new_bar);
            let tick = if bar.is_some() { BAR_TICK } else { JSON_TICK };
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                match &bar {
                    Some(bar) => draw(bar, &line()),
                    None => print(&line()),
                }
            }
            match bar {
                Some(bar) => bar.finish_and_clear(),
                None => print(&line()),
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported where it happened.
            let _ = thread.join();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

fn draw(bar: &ProgressBar, line: &Line) {
    if let Some(total) = line.total {
        if bar.length().is_none() {
            let style = ProgressStyle::with_template("{elapsed_precise} [{bar:24}] {percent}% {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        bar.set_length(total.max(line.listed));
        bar.set_position(line.listed);
    }
    bar.set_message(line.text());
    bar.tick();
}

fn print(line: &impl Serialize) {
    // A job that does not read stderr is not told.
    if let Ok(json) = serde_json::to_string(line) {
        let _ = writeln!(stderr(), "{json}");
    }
}
