//! What becomes of objects and messages that cannot be indexed.

use std::collections::BTreeSet;

use shelltrail_core::ObjectRef;
use shelltrail_core::session::Defect;
use tokio::time::Instant;

use super::memory::endless_gzip;
use super::world::{BUCKET, World, config, key, secs};
use crate::fakes::{Call, created};
use crate::source::SourceErrorKind;
use crate::{IngestError, PipelineConfig, Stop};

#[tokio::test(start_paused = true)]
async fn poison_is_recorded_with_its_body_and_then_deleted() {
    for (body, reason) in
        [("not json", "not_json"), ("[]", "not_json"), (r#"{"hello":1}"#, "unknown_envelope")]
    {
        let world = World::with(|queue| queue.with_max_receive_count(2), |store| store);
        let id = world.queue.send(body);
        world.add(1, "good");
        let summary = world.drain(config()).await;
        assert!(world.queue.is_empty() && world.queue.dead_letters().is_empty());
        assert_eq!(summary.failed_by_reason[reason], 1, "{body}");
        assert_eq!((summary.indexed, summary.deleted, summary.released), (1, 2, 0));
        let failure = &world.sink.failures()[0];
        assert_eq!(
            (failure.object.key.as_str(), failure.attempts),
            (format!("sqs-message/{id}").as_str(), 1)
        );
        let message = failure.message.as_ref().unwrap();
        assert_eq!(
            (message.id.as_str(), message.body.as_str(), message.body_cut),
            (id.as_str(), body, false)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_record_does_not_stop_the_others() {
    let world = World::with(|queue| queue.with_max_receive_count(2), |store| store);
    let good = world.put(1, "good");
    let body = created(&[(good.clone(), 1), (ObjectRef { key: "%zz".to_owned(), ..good }, 1)]);
    world.queue.send(body);
    let summary = world.drain(config()).await;
    assert_eq!(world.sink.keys(), [key(1, "good")]);
    assert_eq!((summary.failed_by_reason["bad_key_encoding"], summary.deleted), (1, 1));
    let message = world.sink.failures()[0].message.clone().unwrap();
    assert_eq!(message.envelope.as_deref(), Some("s3"));
    assert!(message.body.contains("%zz"));
}

#[tokio::test(start_paused = true)]
async fn each_class_of_read_error_has_its_end() {
    for (kind, reason, transient) in [
        (SourceErrorKind::Throttled, "throttled-s3", true),
        (SourceErrorKind::Timeout, "timeout", true),
        (SourceErrorKind::Internal, "internal", true),
        (SourceErrorKind::Denied, "access-denied", false),
        (SourceErrorKind::Archived, "archived", false),
        (SourceErrorKind::Invalid, "sse-c-key-missing", false),
        (SourceErrorKind::TooLarge, "too-large", false),
    ] {
        let world = World::with(|queue| queue.with_max_receive_count(4), |store| store);
        let object = world.add(1, "user");
        world.store.fail_key(&object.key, kind, reason, if transient { 2 } else { 100 });
        let summary = world.drain(config()).await;
        if transient {
            assert_eq!((summary.retried, summary.indexed, summary.failed), (2, 1, 0), "{kind:?}");
            assert!(world.sink.failures().is_empty());
        } else {
            // Denied might be everything, which only a second and third look can tell.
            let looks = if kind == SourceErrorKind::Denied { 3 } else { 1 };
            assert_eq!(summary.failed_by_reason[reason], 1, "{kind:?}");
            assert_eq!((summary.received, summary.deleted), (looks, 1), "{kind:?}");
            assert!(world.queue.dead_letters().is_empty(), "{kind:?}");
            let failure = &world.sink.failures()[0];
            assert_eq!((failure.reason.as_str(), u64::from(failure.attempts)), (reason, looks));
            assert_eq!((failure.size, failure.sequencer.as_deref()), (Some(40), Some("00")));
            assert!(failure.message.as_ref().unwrap().body.contains(&failure.object.key));
        }
        assert!(world.queue.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_indexed_after_all_is_no_failure_any_more() {
    let world = World::new();
    let object = world.add(1, "user");
    world.store.fail_key(&object.key, SourceErrorKind::Archived, "archived", 1);
    let summary = world.drain(config()).await;
    assert_eq!((summary.failed, summary.indexed, world.sink.failures().len()), (1, 0, 1));
    world.announce(&[&object]);
    let summary = world.restarted().drain(config()).await;
    assert_eq!((summary.failed, summary.indexed), (0, 1));
    assert!(world.sink.failures().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_is_gone_only_when_it_is_still_absent_later() {
    let world = World::new();
    let (gone, late) = (world.add(1, "gone"), world.add(1, "late"));
    world.store.remove(&gone);
    world.store.fail_key(&late.key, SourceErrorKind::NotFound, "gone", 1);
    let summary = world.drain(config()).await;
    assert_eq!((summary.gone, summary.retried, summary.indexed), (1, 2, 1));
    assert!(world.queue.is_empty() && world.queue.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_replaced_object_is_read_under_its_own_identity() {
    let world = World::new();
    let old = ObjectRef { version: None, ..world.put(1, "user") };
    let new = world.store.put(BUCKET, &old.key, "other content");
    world.announce(&[&old]);
    let summary = world.drain(config()).await;
    assert_eq!((summary.superseded, summary.indexed, summary.deleted), (1, 1, 1));
    let sessions = world.sink.sessions();
    assert_eq!(sessions[0].id, new.transcript_id().unwrap());
    assert_eq!(sessions[0].object, new, "the record cites what was read");

    world.announce(&[&old]);
    world.announce(&[&ObjectRef { version: None, ..new }]);
    let summary = world.restarted().drain(config()).await;
    assert_eq!((summary.superseded, summary.already_indexed, summary.indexed), (1, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn versions_of_a_key_are_read_as_announced() {
    let world = World::new();
    let old = world.put(1, "user");
    let new = world.store.put(BUCKET, &old.key, "other content");
    world.announce(&[&old]);
    world.announce(&[&new]);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.superseded), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_nobody_announced_is_taken_from_the_response() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(1)));
    let object = world.put(1, "user");
    let bare = ObjectRef { version: None, etag: None, ..object.clone() };
    world.announce(&[&bare]);
    world.announce(&[&object]);
    world.announce(&[&bare]);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.already_indexed), (1, 2));
    assert_eq!(world.sink.sessions()[0].id, object.transcript_id().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_not_allowed_is_not_read() {
    let world = World::with(|queue| queue.with_max_receive_count(1), |store| store);
    let object = world.store.put("foreign", "a.log", "x");
    world.announce(&[&object]);
    let config = PipelineConfig { allowed_buckets: BTreeSet::from([BUCKET.to_owned()]), ..config() };
    let summary = world.drain(config).await;
    assert_eq!(summary.failed_by_reason["bucket_not_allowed"], 1);
    assert_eq!((world.store.reads("a.log"), world.sink.failures().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_compressed_object_that_is_cut_is_indexed_as_far_as_it_goes() {
    let world = World::new();
    let object = world.store.put(BUCKET, &key(1, "user"), endless_gzip(0, 200));
    world.announce(&[&object]);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.failed), (1, 0));
    let session = world.sink.sessions().remove(0);
    assert_eq!(session.defects, [Defect::GzipTruncated]);
    assert!(session.bytes > 100 * 1024, "{}", session.bytes);
}

#[tokio::test(start_paused = true)]
async fn a_ratio_that_no_session_has_is_a_failure() {
    let world = World::with(|queue| queue.with_max_receive_count(1), |store| store);
    // 32 MiB are let pass, whatever the ratio is.
    let object = world.store.put(BUCKET, &key(1, "user"), endless_gzip(0, (32 << 20) / 1_032 + 1_000));
    world.announce(&[&object]);
    let limits = PipelineConfig { max_inflate_ratio: 100, max_object_bytes: 64 << 20, ..config() };
    let summary = world.drain(limits).await;
    assert_eq!(summary.failed_by_reason["inflate-ratio"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_failure_of_one_object_alone() {
    let world = World::with(|queue| queue.with_max_receive_count(1), |store| store);
    for n in 0..6 {
        world.add(1, &format!("user-{n}"));
    }
    world.sink.panic_on(&key(1, "user-3"));
    let summary = world.drain(config()).await;
    assert_eq!(summary.failed_by_reason["panic"], 1);
    assert_eq!((summary.indexed, summary.retried), (5, 0));
    assert_eq!(world.sink.failures()[0].object.key, key(1, "user-3"));
    assert!(world.queue.is_empty() && world.queue.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_build_is_tried_again() {
    let world = World::new();
    world.add(1, "user");
    world.script.fail_next(Call::Build, 1);
    let summary = world.drain(config()).await;
    assert_eq!((summary.build_failures, summary.retried, summary.indexed), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn half_a_commit_is_neither_lost_nor_doubled() {
    let world = World::new();
    for account in [111_111_111_111, 222_222_222_222, 333_333_333_333] {
        world.add(account, "user");
    }
    world.sink.fail_commit_after(1);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.already_indexed, summary.retried), (2, 1, 3));
    assert_eq!(world.sink.keys().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn delays_grow_with_the_receive_count() {
    let world = World::with(|queue| queue.with_max_receive_count(8), |store| store);
    let object = world.add(1, "user");
    world.store.fail_key(&object.key, SourceErrorKind::Throttled, "throttled-s3", 100);
    let summary = world.drain(config()).await;
    let delays = world.queue.visibility_changes();
    assert_eq!((delays.len(), summary.retried), (6, 6));
    assert_eq!(summary.failed_by_reason["throttled-s3"], 1, "its attempts are used up at the seventh");
    assert!(world.queue.dead_letters().is_empty(), "the reason is given before the queue moves it away");
    assert_eq!(world.sink.failures()[0].attempts, 7);
    for (n, delay) in delays.iter().enumerate() {
        let whole = secs(5 << n);
        assert!(*delay >= whole / 2 && *delay <= whole, "{delays:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fails_is_asked_again_after_growing_waits() {
    let world = World::new();
    world.add(1, "user");
    world.script.fail_next(Call::Receive, 8);
    let begun = Instant::now();
    let summary = world.drain(config()).await;
    assert_eq!((summary.receive_errors, summary.indexed), (8, 1));
    let waited = begun.elapsed();
    // 1 + 2 + 4 + 8 + 16 + 30 + 30 + 30 seconds, of each at least half.
    assert!(waited >= secs(60) && waited <= secs(140), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_visibility_too_short_for_heartbeats_is_refused() {
    let world = World::with(|queue| queue.with_visibility(secs(3)), |store| store);
    let error = world.run(config(), Stop::never()).await.unwrap_err();
    assert!(matches!(error, IngestError::Visibility(_)));
    let config = PipelineConfig { visibility: Some(secs(30)), ..config() };
    world.add(1, "user");
    assert_eq!(world.drain(config).await.indexed, 1);
}
