//! What is sent is what a worker understands.

use std::sync::Mutex;

use shelltrail_core::notification;
use shelltrail_core::sink::SinkError;
use shelltrail_core::{AccountId, ObjectRef, TranscriptId};

use super::*;
use crate::backfill::{Cursor, Selection, plan};
use crate::fakes::{Call, MemoryQueue};
use crate::pipeline::tests::world::{BUCKET, World, config};
use crate::run_with_backfill;

/// Knows the transcripts of these ETags of the bucket.
struct Holds(Vec<TranscriptId>);

impl Known for Holds {
    fn contains(&self, _: Option<&AccountId>, id: &TranscriptId) -> Result<bool, SinkError> {
        Ok(self.0.contains(id))
    }
}

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<(Cursor, Tally)>>);

impl Bookmark for Kept {
    fn keep(&self, after: &Cursor, settled: &Tally) -> std::io::Result<()> {
        self.0.lock().unwrap().push((after.clone(), *settled));
        Ok(())
    }
}

const KEYS: [&str; 5] =
    ["ssm/a b+c.log", "ssm/100%.log", "ssm/日本.log", "ssm/quote\"&.log", "ssm/plain.log"];

fn world() -> (World, Vec<ObjectRef>) {
    let world = World::new();
    let objects = KEYS.iter().map(|key| world.store.put(BUCKET, key, format!("text of {key}"))).collect();
    (world, objects)
}

fn origin(world: &World) -> Origin<crate::fakes::MemoryStore> {
    Origin::bucket(Arc::clone(&world.store), BUCKET, "")
}

#[tokio::test(start_paused = true)]
async fn messages_are_notifications_of_the_same_objects() {
    let (world, objects) = world();
    let queue = Arc::new(MemoryQueue::new(world.script.clone()));
    let known = Arc::new(Holds(vec![objects[4].transcript_id().unwrap()])) as Arc<dyn Known>;
    let kept = Arc::new(Kept::default());
    let origin = origin(&world).with_bookmark(Arc::clone(&kept) as _);
    let sent = enqueue(config(), origin, Some(known), Arc::clone(&queue), Stop::never()).await.unwrap();
    assert_eq!((sent.tally.seen, sent.tally.enqueued, sent.tally.already_indexed), (5, 4, 1));
    assert!(sent.ended && sent.tally.adds_up() && sent.tally.is_complete());
    let mut announced = Vec::new();
    for body in queue.bodies() {
        let read = notification::parse(&body).unwrap();
        assert!(read.rejected.is_empty() && read.ignored.is_empty(), "{body}");
        announced.extend(read.announcements);
    }
    assert!(announced.iter().all(|announcement| announcement.backfill && announcement.size.is_some()));
    let mut ids: Vec<_> =
        announced.iter().map(|announcement| announcement.object.transcript_id().unwrap()).collect();
    let mut expected: Vec<_> = objects[..4].iter().map(|object| object.transcript_id().unwrap()).collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected, "the identities of the objects themselves");
    assert_eq!(kept.0.lock().unwrap().last().unwrap().1, sent.tally);

    // A worker indexes them, beside its live queue.
    let World { queue: live, store, keys, sink, progress, .. } = world.clone();
    let drain = PipelineConfig { drain: true, ..config() };
    let summary = run_with_backfill(drain, live, Some(queue), store, keys, sink, Stop::never(), progress)
        .await
        .unwrap();
    assert_eq!((summary.indexed, summary.backfilled), (4, 4));
    assert!(summary.adds_up());
}

#[tokio::test(start_paused = true)]
async fn live_messages_come_first() {
    let (world, _) = world();
    let queue = Arc::new(MemoryQueue::new(world.script.clone()));
    let sent = enqueue(config(), origin(&world), None, Arc::clone(&queue), Stop::never()).await.unwrap();
    assert_eq!(sent.tally.enqueued, 5);
    world.add(1, "live");
    let (handle, stop) = Stop::new();
    let World { queue: live, store, keys, sink, progress, .. } = world.clone();
    let backfills = Arc::clone(&queue);
    let running =
        tokio::spawn(run_with_backfill(config(), live, Some(backfills), store, keys, sink, stop, progress));
    for n in 0..40 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        world.add(1, &format!("live-{n}"));
    }
    assert!(queue.receive_counts().iter().all(|count| *count == 0), "there was always something live");
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert!(queue.is_empty() && world.queue.is_empty());
    assert_eq!(queue.most_asked(), 1, "one message at a time");
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.backfilled), (46, 5));
    assert!(summary.adds_up());
}

#[tokio::test(start_paused = true)]
async fn what_the_queue_does_not_take_is_tried_again_and_then_counted() {
    let (world, _) = world();
    let queue = Arc::new(MemoryQueue::new(world.script.clone()));
    let send = |queue: Arc<MemoryQueue>| enqueue(config(), origin(&world), None, queue, Stop::never());
    queue.fail_sends(vec![(0, SendError::Retry("busy".into()))]);
    world.script.fail_next(Call::Send, 2);
    let sent = send(Arc::clone(&queue)).await.unwrap();
    assert_eq!((sent.tally.enqueued, sent.tally.failed), (5, 0));

    let queue = Arc::new(MemoryQueue::new(world.script.clone()));
    queue.fail_sends(vec![(0, SendError::Refused("too long".into()))]);
    let kept = Arc::new(Kept::default());
    let origin_kept = origin(&world).with_bookmark(Arc::clone(&kept) as _);
    let sent = enqueue(config(), origin_kept, None, queue, Stop::never()).await.unwrap();
    assert_eq!((sent.tally.enqueued, sent.tally.failed), (2, 3), "the first page was one message");
    assert!(sent.tally.adds_up() && kept.0.lock().unwrap().is_empty(), "no place behind what was refused");

    world.script.fail_next(Call::Send, 4);
    let queue = Arc::new(MemoryQueue::new(world.script.clone()));
    assert!(matches!(send(queue).await, Err(IngestError::Send(_))));
}

#[test]
fn messages_have_few_objects_and_few_bytes() {
    let record = |bytes: usize| "x".repeat(bytes);
    let sizes =
        |records: Vec<String>| letters(records).iter().map(|letter| letter.objects).collect::<Vec<_>>();
    assert_eq!(sizes(vec![record(10); 45]), [20, 20, 5]);
    assert_eq!(sizes(vec![record(30_000); 5]), [2, 2, 1]);
    assert!(sizes(vec![]).is_empty());
    assert!(letters(vec![record(30_000); 5]).iter().all(|letter| letter.body.len() <= MAX_MESSAGE_BYTES));
}

#[tokio::test(start_paused = true)]
async fn a_plan_counts_and_reads_nothing() {
    let (world, objects) = world();
    world.store.put(BUCKET, "ssm/111122223333/x.log", "12345");
    world.store.set_storage_class(KEYS[1], "GLACIER");
    let known = Arc::new(Holds(vec![objects[0].transcript_id().unwrap()])) as Arc<dyn Known>;
    let selection = Selection { prefixes: vec!["ssm/1".into(), "ssm/a".into()], ..Selection::default() };
    let plan = plan(config(), origin(&world).select(selection), Some(known), Stop::never()).await.unwrap();
    assert_eq!((plan.listed, plan.filtered, plan.objects.objects), (6, 3, 3));
    assert_eq!((plan.already_indexed.objects, plan.archived.objects), (1, 1));
    assert_eq!((plan.to_read.objects, plan.to_read.bytes, plan.requests.get), (1, 5, 1));
    assert_eq!((plan.requests.list, plan.requests.kms_at_most), (2, None));
    let accounts: Vec<_> =
        plan.by_account.iter().map(|row| (row.name.as_deref(), row.quantity.objects)).collect();
    assert_eq!(accounts, [(None, 2), (Some("111122223333"), 1)]);
    assert!(plan.ended && world.script.count(Call::Get) == 0 && world.sink.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_message_takes_is_counted_and_the_others_are_sent() {
    let (world, objects) = world();
    let given = |object: ObjectRef| ListedObject { object, ..ListedObject::default() };
    let mut listed: Vec<_> = objects.into_iter().map(given).collect();
    let of = |bucket: String, key: String| ObjectRef { bucket: Some(bucket), key, ..ObjectRef::default() };
    listed.insert(1, given(of(BUCKET.to_owned(), "k".repeat(60_000) + &"é".repeat(5_000))));
    // As long as no call of the queue can be.
    listed.insert(2, given(of("\u{1}".repeat(60_000), "k".to_owned())));
    let queue = Arc::new(MemoryQueue::new(world.script.clone()));
    let origin = Origin::objects(Arc::clone(&world.store), listed);
    let sent = enqueue(config(), origin, None, queue, Stop::never()).await.unwrap();
    assert_eq!((sent.tally.seen, sent.tally.enqueued, sent.tally.failed), (7, 5, 2));
    assert!(sent.ended && sent.tally.adds_up() && !sent.tally.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_queue_that_takes_nothing() {
    let (world, _) = world();
    let queue = Arc::new(MemoryQueue::new(world.script.clone()));
    world.script.fail_next(Call::Send, 1000);
    let patient = PipelineConfig { backfill_attempts: 1000, ..config() };
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let origin = origin(&world);
        async move { enqueue(patient, origin, None, queue, stop).await }
    });
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    let stopped = tokio::time::Instant::now();
    handle.stop();
    let sent = running.await.unwrap().unwrap();
    assert_eq!(stopped.elapsed(), std::time::Duration::ZERO);
    assert!(!sent.ended && sent.tally.adds_up() && sent.tally.unstarted == sent.tally.seen, "{sent:?}");
}
