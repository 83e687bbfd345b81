//! `shelltrail failures retry`: entries are worked on again, as their objects are in the bucket now.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use shelltrail_aws::Clients;
use shelltrail_core::ObjectRef;
use shelltrail_core::notification::{self, AnnouncementKind};
use shelltrail_core::sanitize::printable;
use shelltrail_core::sink::{Failure, KeyEvent, KeyEventKind, RecordSink};
use shelltrail_index::{IndexRoot, LocalSink};
use shelltrail_ingest::source::{ListedObject, MAX_SEND_BYTES, Queue, SendError};
use shelltrail_ingest::{Origin, PipelineConfig, Progress, Summary, backfill_with_report};

use super::{Entry, audited, list, select};
use crate::args::FailuresRetryArgs;
use crate::audit::Audit;
use crate::commands::summary;
use crate::config::Config;
use crate::exit::Exit;
use crate::stop;
use crate::words::count;

/// Messages of one call (SQS API reference, `SendMessageBatch`).
const MAX_BATCH: usize = 10;

/// How often a message is sent that the queue could not take just now.
const SEND_ATTEMPTS: u32 = 5;

/// The wait before the second time; doubled after that.
const SEND_DELAY: Duration = Duration::from_millis(500);

/// Tries entries again: here, or by a queue.
pub fn run(
    config: &Config,
    root: &IndexRoot,
    command: &FailuresRetryArgs,
    audit: Audit,
) -> anyhow::Result<Exit> {
    // Whoever names an entry means it, whatever happened over its object before.
    let pipeline = PipelineConfig { retry_suspected: true, ..config.pipeline()? };
    let entries = select::which(root, &command.which)?;
    if entries.is_empty() {
        eprintln!("shelltrail: no entry is meant; nothing was tried");
        return Ok(Exit::NothingFound);
    }
    let plan = Plan::of(&entries, &pipeline);
    audit.write(&audited("failures retry", command.enqueue.clone(), &entries))?;
    for (id, why) in &plan.left {
        eprintln!("shelltrail: left as it is: {}: {}", printable(id), printable(why));
    }
    let left = !plan.left.is_empty();
    let exit = match &command.enqueue {
        Some(url) => enqueue(config, root, plan, url)?,
        None => here(config, root, plan, pipeline)?,
    };
    Ok(if left { Exit::Incomplete } else { exit })
}

/// What is to be done for each entry.
#[derive(Debug, Default)]
struct Plan {
    /// Objects to be read, each with what is announced for it.
    objects: Vec<ListedObject>,
    /// Removals that unreadable messages turned out to tell.
    events: Vec<KeyEvent>,
    /// Entries of messages that can be read now; they go when the work on their objects is done.
    messages: Vec<Failure>,
    /// Bodies to be sent for all of these.
    bodies: Vec<String>,
    /// Entries that nothing can be done about, and why.
    left: Vec<(String, String)>,
}

impl Plan {
    fn of(entries: &[Entry], config: &PipelineConfig) -> Self {
        let mut plan = Self::default();
        for entry in entries {
            let done = match &entry.failure {
                None => Err("the entry cannot be read; a backfill finds its object again".to_owned()),
                Some(failure) if failure.object.bucket.is_some() => {
                    plan.add(failure.object.clone(), failure.size);
                    Ok(())
                }
                Some(failure) => plan.parse_again(failure, config),
            };
            plan.left.extend(done.err().map(|why| (entry.id.clone(), why)));
        }
        plan
    }

    fn add(&mut self, object: ObjectRef, size: Option<u64>) {
        self.bodies.extend(notification::created(&object, size));
        self.objects.push(ListedObject { object, size, ..ListedObject::default() });
    }

    /// A message of which nothing could be read: perhaps this version of the program can.
    fn parse_again(&mut self, failure: &Failure, config: &PipelineConfig) -> Result<(), String> {
        let Some(message) = &failure.message else {
            return Err("it lies in no bucket: run the backfill of its folder again".to_owned());
        };
        if message.body_cut {
            return Err(
                "the body of the message was too long to be kept whole; a backfill finds its objects"
                    .to_owned(),
            );
        }
        let read = notification::parse(&message.body).map_err(|error| format!("{error}: as before"))?;
        if let Some(rejected) = read.rejected.first() {
            return Err(format!("{}: {}: as before", rejected.reason, rejected.detail));
        }
        let is_foreign = |object: &ObjectRef| {
            let bucket = object.bucket.as_ref();
            !config.allowed_buckets.is_empty() && bucket.is_some_and(|b| !config.allowed_buckets.contains(b))
        };
        if read.announcements.iter().any(|announcement| is_foreign(&announcement.object)) {
            return Err("it names a bucket that is not in s3.allowed_buckets".to_owned());
        }
        for announcement in read.announcements {
            match announcement.kind {
                AnnouncementKind::Removed(kind) => self.events.push(KeyEvent {
                    object: announcement.object,
                    sequencer: announcement.sequencer,
                    at: announcement.event_time,
                    kind: KeyEventKind::Removed(kind),
                }),
                AnnouncementKind::Created | AnnouncementKind::RestoreCompleted => {
                    self.objects.push(ListedObject {
                        object: announcement.object,
                        size: announcement.size,
                        ..ListedObject::default()
                    });
                }
            }
        }
        // The message itself tells a worker more than what would be made of it.
        self.bodies.push(message.body.clone());
        self.messages.push(failure.clone());
        Ok(())
    }
}

/// Reads the objects in this process, as its backfill does.
fn here(config: &Config, root: &IndexRoot, plan: Plan, pipeline: PipelineConfig) -> anyhow::Result<Exit> {
    let (root, lock) = IndexRoot::open_for_writing(root.path(), None)
        .context("try objects again in this process; a running worker takes them with --enqueue QUEUE_URL")?;
    let sink = Arc::new(LocalSink::new(root, lock).laid_out_by(&config.s3.key_layout)?);
    sink.record_key_events(&plan.events)?;
    let progress = Arc::new(Progress::new());
    // Without an object nobody needs credentials.
    let done = if plan.objects.is_empty() {
        Ok((progress.summary(), true))
    } else {
        read(config, pipeline, plan.objects, &sink, &progress)
    };
    match done {
        Ok((done, settled)) => {
            // Each object of theirs is indexed, gone, or has an entry of its own now.
            if settled {
                for message in &plan.messages {
                    sink.clear_failure(&message.object)?;
                }
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

/// Reads objects; tells whether of each of them is known what became of it.
fn read(
    config: &Config,
    pipeline: PipelineConfig,
    objects: Vec<ListedObject>,
    sink: &Arc<LocalSink>,
    progress: &Arc<Progress>,
) -> anyhow::Result<(Summary, bool)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop::on_signals()?;
        let clients = Clients::load(&config.aws()?).await;
        let origin = Origin::objects(Arc::new(clients.store()), objects);
        let (keys, sink) = (Arc::new(clients.keys()), Arc::clone(sink));
        let done = backfill_with_report(pipeline, origin, keys, sink, stop, Arc::clone(progress)).await?;
        // What was not handed out before a stop is not settled either.
        Ok((done.summary, done.settled && done.ended))
    })
}

/// Sends a notification for each object. Its entry stays until a worker has indexed it.
fn enqueue(config: &Config, root: &IndexRoot, plan: Plan, url: &str) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let refused = runtime.block_on(async {
        let clients = Clients::load(&config.aws()?).await;
        send_all(&clients.queue(url), &plan.bodies).await
    })?;
    for (body, why) in &refused {
        eprintln!("shelltrail: not sent: {}: {}", printable(&shown(body)), printable(why));
    }
    if refused.is_empty() {
        // Their bodies are in the queue again.
        for message in &plan.messages {
            shelltrail_index::failures::remove(&root.failures_dir(), &message.object)
                .with_context(|| format!("remove the entry of {}", list::object(message)))?;
        }
    }
    let sent = (plan.bodies.len() - refused.len()) as u64;
    eprintln!(
        "shelltrail: {} sent; the entries go when a worker has indexed the objects",
        count(sent, "message")
    );
    Ok(if refused.is_empty() { Exit::Done } else { Exit::Incomplete })
}

/// Sends messages in as few calls as they need, and tells which were refused, and why.
async fn send_all(queue: &impl Queue, bodies: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut refused = Vec::new();
    let mut open: Vec<String> = bodies.to_vec();
    let mut attempt = 1;
    while !open.is_empty() {
        let mut again = Vec::new();
        for batch in batches(&open) {
            let answers = match queue.send(batch).await {
                Err(error) if error.kind.is_transient() && attempt < SEND_ATTEMPTS => {
                    again.extend_from_slice(batch);
                    continue;
                }
                answers => answers.context("send messages")?,
            };
            // What no answer mentions may not have been sent.
            let unanswered = || Err(SendError::Retry("the queue did not answer for it".to_owned()));
            let answers = answers.into_iter().chain(std::iter::repeat_with(unanswered));
            for (body, answer) in batch.iter().zip(answers) {
                match answer {
                    Ok(()) => {}
                    Err(SendError::Refused(why)) => refused.push((body.clone(), why)),
                    Err(SendError::Retry(_)) if attempt < SEND_ATTEMPTS => again.push(body.clone()),
                    Err(SendError::Retry(why)) => refused.push((body.clone(), why)),
                }
            }
        }
        if !again.is_empty() {
            tokio::time::sleep(SEND_DELAY * 2_u32.pow(attempt - 1)).await;
        }
        open = again;
        attempt += 1;
    }
    if refused.len() == bodies.len() && !bodies.is_empty() {
        bail!("the queue took none of {} messages: {}", bodies.len(), refused[0].1);
    }
    Ok(refused)
}

/// Neighbours that fit into one call.
fn batches(bodies: &[String]) -> Vec<&[String]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, body) in bodies.iter().enumerate() {
        if at > start && (at - start == MAX_BATCH || bytes + body.len() > MAX_SEND_BYTES) {
            batches.push(&bodies[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += body.len();
    }
    if start < bodies.len() {
        batches.push(&bodies[start..]);
    }
    batches
}

/// The beginning of a body, which names the object.
fn shown(body: &str) -> String {
    body.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_to_what_one_call_takes() {
        let bodies = |sizes: &[usize]| sizes.iter().map(|size| "x".repeat(*size)).collect::<Vec<_>>();
        let sizes = |sizes: &[usize]| batches(&bodies(sizes)).iter().map(|b| b.len()).collect::<Vec<_>>();
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[MAX_SEND_BYTES, 1, MAX_SEND_BYTES - 1, 1]), [1, 2, 1]);
        assert_eq!(
            sizes(&[MAX_SEND_BYTES + 1, 5]),
            [1, 1],
            "one that no call takes goes alone, and is refused"
        );
    }
}
