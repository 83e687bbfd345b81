//! What is written down of removals, and in which order.

use shelltrail_core::ObjectRef;
use shelltrail_core::sink::{KeyEventKind, RemovalKind};

use super::world::{BUCKET, World, config, key};
use crate::PipelineConfig;
use crate::fakes::{Call, event};
use crate::source::SourceErrorKind;

const PUT: &str = "ObjectCreated:Put";
const DELETED: &str = "ObjectRemoved:Delete";

impl World {
    /// What was written down, in order: what happened, and where it stands among the events of its key.
    fn written_down(&self) -> Vec<(KeyEventKind, String)> {
        let events = self.sink.key_events().into_iter();
        events.map(|event| (event.kind, event.sequencer.map(|s| s.to_string()).unwrap_or_default())).collect()
    }

    /// Where the stored sessions stand among the events of their keys, in order of their contents.
    fn sequencers(&self) -> Vec<Option<String>> {
        let mut sessions = self.sink.sessions();
        sessions.sort_by(|a, b| a.records[0].command.cmp(&b.records[0].command));
        sessions.into_iter().map(|session| session.sequencer.map(|s| s.to_string())).collect()
    }
}

fn removed(kind: RemovalKind) -> KeyEventKind {
    KeyEventKind::Removed(kind)
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_removal_is_written_down_before_its_message_goes() {
    let world = World::new();
    let object = world.put(1, "user");
    for (name, sequencer) in [
        (DELETED, "0010"),
        ("ObjectRemoved:DeleteMarkerCreated", "0011"),
        ("LifecycleExpiration:Delete", "0012"),
        ("LifecycleExpiration:DeleteMarkerCreated", "0013"),
    ] {
        world.queue.send(event(name, &object, sequencer, 0));
    }
    world.script.fail_next(Call::RecordKeyEvents, 2);
    let summary = world.drain(config()).await;
    assert_eq!((summary.removed, summary.deleted), (4, 4));
    assert_eq!(summary.retried, summary.released, "{summary:?}");
    assert!(summary.retried >= 2, "a message whose removal could not be written down came again");
    assert_eq!(summary.breaker_openings, 0, "two rounds that fail are no reason to receive nothing");
    let mut written = world.written_down();
    written.sort();
    let expected = [
        (removed(RemovalKind::Deleted), "0010"),
        (removed(RemovalKind::Expired), "0012"),
        (removed(RemovalKind::DeleteMarker), "0011"),
        (removed(RemovalKind::ExpiryMarker), "0013"),
    ];
    assert_eq!(written, expected.map(|(kind, sequencer)| (kind, sequencer.to_owned())));
    assert_eq!(world.store.reads(&object.key), 0, "nothing is read for it");
    let first = &world.sink.key_events()[0];
    assert_eq!(
        (first.object.version.clone(), first.object.bucket.as_deref()),
        (object.version, Some(BUCKET))
    );
    assert!(first.at.is_some());
}

#[tokio::test(start_paused = true)]
async fn many_removals_share_a_commit() {
    let world = World::new();
    for number in 0..500 {
        let object = ObjectRef { etag: None, ..world.put(1, &format!("user-{number}")) };
        world.queue.send(event(DELETED, &object, "0010", 0));
    }
    let summary = world.drain(config()).await;
    assert_eq!((summary.removed, world.sink.key_events().len()), (500, 500));
    assert!(world.script.count(Call::RecordKeyEvents) < 20, "{}", world.script.count(Call::RecordKeyEvents));
}

#[tokio::test(start_paused = true)]
async fn put_delete_put_of_one_content_ends_with_a_second_write() {
    let world = World::new();
    let first = world.put(1, "user");
    world.queue.send(event(PUT, &first, "0010", 0));
    world.drain(config()).await;
    world.queue.send(event(DELETED, &ObjectRef { version: None, etag: None, ..first.clone() }, "0020", 1));
    let again = world.put(1, "user");
    assert_eq!((&again.etag, again.version != first.version), (&first.etag, true));
    world.queue.send(event(PUT, &again, "0030", 2));
    let summary = world.drain(config()).await;
    assert_eq!((summary.removed, summary.already_indexed, summary.indexed), (1, 1, 1));
    let mut written = world.written_down();
    written.sort();
    assert_eq!(
        written,
        [(removed(RemovalKind::Deleted), "0020".to_owned()), (KeyEventKind::WrittenAgain, "0030".to_owned())]
    );
    let event = world.sink.key_events().into_iter().find(|e| e.kind == KeyEventKind::WrittenAgain).unwrap();
    assert_eq!((event.object.etag, event.object.version), (again.etag, again.version));
    assert_eq!(world.sequencers(), [Some("0010".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn two_writes_of_one_content_at_once_are_two_writes() {
    let world = World::new();
    let first = world.put(1, "user");
    let again = world.put(1, "user");
    world.queue.send(event(PUT, &first, "0010", 0));
    world.queue.send(event(PUT, &again, "0030", 2));
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.already_indexed), (1, 1));
    let stored = world.sequencers().remove(0).unwrap();
    let other = if stored == "0010" { "0030" } else { "0010" };
    assert_eq!(world.written_down(), [(KeyEventKind::WrittenAgain, other.to_owned())]);
    assert_eq!(world.queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_no_second_write() {
    let world = World::new();
    let object = world.put(1, "user");
    for sequencer in ["00ab", "00AB", "00ab00"] {
        world.queue.send(event(PUT, &object, sequencer, 0));
    }
    world.drain(config()).await;
    // The same version through EventBridge, whose sequencer may look different.
    let body = format!(
        r#"{{"source":"aws.s3","detail-type":"Object Created","detail":{{"bucket":{{"name":"{BUCKET}"}},"object":
        {{"key":"{}","etag":"{}","version-id":"{}","sequencer":"617f08299329d189"}}}}}}"#,
        object.key,
        object.etag.as_deref().unwrap(),
        object.version.as_deref().unwrap()
    );
    world.queue.send(body);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.already_indexed, summary.deleted), (1, 3, 4));
    assert!(world.written_down().is_empty());
}

#[tokio::test(start_paused = true)]
async fn both_contents_of_an_overwritten_key_are_stored_in_whatever_order_they_are_told() {
    for reversed in [false, true] {
        let world = World::new();
        let older = world.store.put(BUCKET, &key(1, "user"), "$ echo a\r\na\r\n");
        let newer = world.store.put(BUCKET, &key(1, "user"), "$ echo b\r\nb\r\n");
        let mut bodies = vec![event(PUT, &older, "0010", 0), event(PUT, &newer, "0020", 1)];
        if reversed {
            bodies.reverse();
        }
        for body in bodies {
            world.queue.send(body);
            world.drain(config()).await;
        }
        assert_eq!(world.sequencers(), [Some("0010".to_owned()), Some("0020".to_owned())], "{reversed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_instead_of_the_announced_has_no_place_in_the_order() {
    let world = World::new();
    let older = world.store.put(BUCKET, &key(1, "user"), "$ echo a\r\na\r\n");
    world.store.put(BUCKET, &key(1, "user"), "$ echo b\r\nb\r\n");
    world.queue.send(event(PUT, &ObjectRef { version: None, ..older }, "0010", 0));
    let summary = world.drain(config()).await;
    assert_eq!((summary.superseded, summary.indexed), (1, 1));
    assert_eq!(world.sequencers(), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_comes_before_its_put_is_kept() {
    let world = World::new();
    let object = world.put(1, "user");
    world.queue.send(event(DELETED, &object, "0020", 1));
    world.drain(config()).await;
    world.queue.send(event(PUT, &object, "0010", 0));
    let summary = world.drain(config()).await;
    assert_eq!(summary.indexed, 1, "its version can still be read");
    assert_eq!(world.written_down(), [(removed(RemovalKind::Deleted), "0020".to_owned())]);
    assert_eq!(world.sequencers(), [Some("0010".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_from_a_foreign_bucket_marks_nothing() {
    let world = World::new();
    let object = ObjectRef { bucket: Some("foreign".to_owned()), ..world.put(1, "user") };
    world.queue.send(event(DELETED, &object, "0020", 1));
    let other = ObjectRef { key: "other/user.log".to_owned(), ..world.put(1, "user") };
    world.queue.send(event(DELETED, &other, "0020", 1));
    let allowed = PipelineConfig {
        allowed_buckets: [BUCKET.to_owned()].into(),
        key_prefixes: vec!["ssm/".to_owned()],
        ..config()
    };
    let summary = world.drain(allowed).await;
    assert_eq!((summary.failed_by_reason["bucket_not_allowed"], summary.ignored, summary.deleted), (1, 1, 2));
    assert!(world.written_down().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restored_object_is_read_if_it_was_set_aside_as_archived() {
    let world = World::new();
    let archived = world.add(1, "archived");
    let denied = world.add(1, "denied");
    let unknown = world.put(1, "unknown");
    world.store.fail_key(&archived.key, SourceErrorKind::Archived, "archived", 1);
    world.store.fail_key(&denied.key, SourceErrorKind::Denied, "s3-denied", 3);
    world.drain(config()).await;
    assert_eq!(world.sink.failures().len(), 2);
    for object in [&archived, &denied, &unknown] {
        world.queue.send(event("ObjectRestore:Completed", object, "0010", 0));
    }
    let world = world.restarted();
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.ignored), (1, 2));
    assert_eq!(world.sink.keys(), std::slice::from_ref(&archived.key));
    assert_eq!(world.sink.failures().len(), 1, "the entry of the restored object is gone");
    assert_eq!(world.store.reads(&unknown.key), 0);
}
