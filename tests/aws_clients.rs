//! SQS, S3 and KMS through the adapters, against two emulators.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_kms::primitives::Blob;
use shelltrail_aws::{AwsConfig, Clients, CustomerKey, CustomerKeyRule};
use shelltrail_core::ObjectRef;
use shelltrail_core::notification::{self, AnnouncementKind};
use shelltrail_ingest::source::{
    EntryError, KeyService, Message, ObjectStore, Queue, Receipt, SourceError, SourceErrorKind,
};

use crate::support::emulator::{Emulator, Kind};
use crate::support::world::{Route, Setup, World};

const MAX_BYTES: u64 = 1 << 20;
const WAIT: Duration = Duration::from_secs(5);
const VISIBILITY: Duration = Duration::from_secs(60);

/// Keys that have been written wrong somewhere before.
const AWKWARD_KEYS: [&str; 7] = [
    "111122223333/eu-west-1/plain-0123.log",
    "with space and + plus.log",
    "percent %2B and % alone.log",
    "日本語/セッション.log",
    "quotes '\"<>&;=?#.log",
    "dots/../and//slashes.log",
    "tilde~(star)*!@,$.log",
];

fn outcome<T>(result: Result<T, SourceError>) -> (SourceErrorKind, &'static str) {
    let error = result.err().expect("the call fails");
    (error.kind, error.reason)
}

/// The next message that announces an object, and what it announces. The probe that S3 sends when
/// notifications are configured is deleted on the way.
async fn next_announcement(world: &World) -> (Message, ObjectRef) {
    let queue = world.queue();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        for message in queue.receive(1, WAIT, VISIBILITY).await.unwrap() {
            let read = notification::parse(&message.body).unwrap();
            assert!(read.rejected.is_empty(), "{}", message.body);
            if let Some(announcement) = read.announcements.into_iter().next() {
                assert_eq!(announcement.kind, AnnouncementKind::Created);
                return (message, announcement.object);
            }
            assert_eq!(queue.delete(&[message.receipt]).await.unwrap(), [Ok(())]);
        }
    }
    panic!("no announcement arrived");
}

/// Deletes what is left in the queue, which announces nothing.
async fn delete_probes(world: &World) {
    let queue = world.queue();
    loop {
        let messages = queue.receive(10, Duration::ZERO, VISIBILITY).await.unwrap();
        if messages.is_empty() {
            return;
        }
        for message in messages {
            let read = notification::parse(&message.body).unwrap();
            assert!(read.announcements.is_empty() && read.rejected.is_empty(), "{}", message.body);
            assert_eq!(queue.delete(&[message.receipt]).await.unwrap(), [Ok(())]);
        }
    }
}

/// Waits until visible and hidden messages are as many as given; emulators count in their own time.
async fn wait_for_counts(queue: &impl Queue, visible: u64, in_flight: u64) {
    let start = Instant::now();
    loop {
        let attributes = queue.attributes().await.unwrap();
        if (attributes.visible, attributes.in_flight) == (visible, in_flight) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{attributes:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_upload_is_announced_read_and_acknowledged() {
    for route in [Route::Direct, Route::Sns { raw: false }, Route::Sns { raw: true }, Route::EventBridge] {
        for world in World::in_each(Setup { route, ..Setup::default() }).await {
            let put = world.put("111122223333/alice-0123.log", b"hello").await;
            let (message, announced) = next_announcement(&world).await;
            assert_eq!(announced.bucket, put.bucket, "{route:?} {:?}", world.emulator.kind);
            assert_eq!((&announced.key, &announced.etag), (&put.key, &put.etag));

            let read = world.store().get(&announced, MAX_BYTES).await.unwrap();
            assert_eq!(read.object, put);
            assert_eq!(read.body, b"hello");
            assert!(read.last_modified.is_some());

            assert_eq!(world.queue().delete(&[message.receipt]).await.unwrap(), [Ok(())]);
            delete_probes(&world).await;
            wait_for_counts(&world.queue(), 0, 0).await;
        }
    }
}

#[tokio::test]
async fn attributes_tell_how_the_queue_is_set_up() {
    let setup = Setup { route: Route::None, max_receive_count: 7, visibility: Duration::from_secs(45) };
    for world in World::in_each(setup).await {
        let attributes = world.queue().attributes().await.unwrap();
        assert_eq!(attributes.visibility, Duration::from_secs(45));
        assert_eq!(attributes.max_receive_count, Some(7));
        assert_eq!((attributes.visible, attributes.in_flight, attributes.delayed), (0, 0, 0));
        assert_eq!(world.dead_letters().attributes().await.unwrap().max_receive_count, None);
    }
}

#[tokio::test]
async fn a_lease_is_extended_and_released() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let queue = world.queue();
        assert!(queue.receive(10, Duration::ZERO, VISIBILITY).await.unwrap().is_empty());
        world.send("one").await;
        let [first] = &queue.receive(10, WAIT, VISIBILITY).await.unwrap()[..] else { panic!("not one") };
        assert_eq!((first.body.as_str(), first.receive_count), ("one", 1));
        assert!(first.sent_at.is_some() && !first.id.is_empty());
        wait_for_counts(&queue, 0, 1).await;

        let longer = (first.receipt.clone(), Duration::from_secs(120));
        assert_eq!(queue.change_visibility(&[longer]).await.unwrap(), [Ok(())]);
        let released = (first.receipt.clone(), Duration::ZERO);
        assert_eq!(queue.change_visibility(&[released]).await.unwrap(), [Ok(())]);

        let [second] = &queue.receive(10, WAIT, VISIBILITY).await.unwrap()[..] else { panic!("not one") };
        assert_eq!((second.body.as_str(), second.receive_count), ("one", 2));
        assert_eq!(second.sent_at, first.sent_at);
    }
}

#[tokio::test]
async fn a_lost_lease_is_told_in_its_place_of_a_batch() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let queue = world.queue();
        world.send("one").await;
        world.send("two").await;
        let mut receipts = Vec::new();
        while receipts.len() < 2 {
            let received = queue.receive(10, WAIT, VISIBILITY).await.unwrap();
            receipts.extend(received.into_iter().map(|message| message.receipt));
        }
        // Somebody else finished the first one.
        assert_eq!(queue.delete(&receipts[..1]).await.unwrap(), [Ok(())]);

        let extensions: Vec<_> = receipts.iter().map(|receipt| (receipt.clone(), VISIBILITY)).collect();
        assert_eq!(
            queue.change_visibility(&extensions).await.unwrap(),
            [Err(EntryError::LeaseLost), Ok(())],
            "{:?}",
            world.emulator.kind
        );
        let made_up = [Receipt("made-up".to_owned()), receipts[1].clone()];
        assert_eq!(queue.delete(&made_up).await.unwrap(), [Err(EntryError::LeaseLost), Ok(())]);
        assert_eq!(queue.delete(&[]).await.unwrap(), []);
        assert_eq!(queue.change_visibility(&[]).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_message_nobody_deletes_ends_in_the_dead_letter_queue() {
    let setup = Setup { route: Route::None, max_receive_count: 2, ..Setup::default() };
    for world in World::in_each(setup).await {
        let queue = world.queue();
        world.send("poison").await;
        for count in 1..=2 {
            let received = queue.receive(1, WAIT, VISIBILITY).await.unwrap();
            assert_eq!(received[0].receive_count, count);
            let released = (received[0].receipt.clone(), Duration::ZERO);
            assert_eq!(queue.change_visibility(&[released]).await.unwrap(), [Ok(())]);
        }
        assert!(queue.receive(1, Duration::from_secs(1), VISIBILITY).await.unwrap().is_empty());
        wait_for_counts(&world.dead_letters(), 1, 0).await;
    }
}

#[tokio::test]
async fn a_queue_that_is_not_there() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let call = world.sqs.delete_queue().queue_url(&world.queue_url);
        call.send().await.unwrap();
        let gone = (SourceErrorKind::NotFound, "queue-gone");
        assert_eq!(outcome(world.queue().attributes().await), gone);
        assert_eq!(outcome(world.queue().receive(1, Duration::ZERO, VISIBILITY).await), gone);
    }
}

#[tokio::test]
async fn an_overwritten_object_is_told_apart_from_its_old_version() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let old = world.put("a.log", b"old").await;
        let new = world.put("a.log", b"new").await;
        assert!(old.version.is_some() && old.version != new.version);
        let store = world.store();

        let by_etag = ObjectRef { version: None, ..old.clone() };
        let replaced = (SourceErrorKind::Replaced, "overwritten");
        assert_eq!(outcome(store.get(&by_etag, MAX_BYTES).await), replaced);
        assert_eq!(store.get(&old, MAX_BYTES).await.unwrap().body, b"old");
        let by_key = ObjectRef { version: None, etag: None, ..old };
        let read = store.get(&by_key, MAX_BYTES).await.unwrap();
        assert_eq!((read.object, read.body.as_slice()), (new, b"new".as_slice()));
    }
}

#[tokio::test]
async fn what_is_gone_is_told_as_gone() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let store = world.store();
        let gone = (SourceErrorKind::NotFound, "gone");
        let put = world.put("a.log", b"text").await;
        let never = ObjectRef { key: "never.log".into(), version: None, etag: None, ..put.clone() };
        assert_eq!(outcome(store.get(&never, MAX_BYTES).await), gone);

        // A delete marker hides the object; its version can still be read until it is removed.
        let call = world.s3.delete_object().bucket(&world.bucket).key("a.log");
        let marker = call.send().await.unwrap().version_id;
        let latest = ObjectRef { version: None, ..put.clone() };
        assert_eq!(outcome(store.get(&latest, MAX_BYTES).await), gone);
        let marker = ObjectRef { version: marker, etag: None, ..put.clone() };
        assert_eq!(outcome(store.get(&marker, MAX_BYTES).await), gone);
        assert_eq!(store.get(&put, MAX_BYTES).await.unwrap().body, b"text");
        let call = world.s3.delete_object().bucket(&world.bucket).key("a.log");
        call.set_version_id(put.version.clone()).send().await.unwrap();
        assert_eq!(outcome(store.get(&put, MAX_BYTES).await), gone);

        // Without its bucket an object is not known to be gone.
        let elsewhere = ObjectRef { bucket: Some("no-such-bucket".into()), version: None, ..put };
        assert_eq!(outcome(store.get(&elsewhere, MAX_BYTES).await), (SourceErrorKind::Denied, "bucket-gone"));
    }
}

#[tokio::test]
async fn a_large_object_is_refused_unread() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let put = world.put("large.log", &[b'x'; 11]).await;
        let store = world.store();
        assert_eq!(outcome(store.get(&put, 10).await), (SourceErrorKind::TooLarge, "too-large"));
        assert_eq!(store.get(&put, 11).await.unwrap().body.len(), 11);
    }
}

#[tokio::test]
async fn user_metadata_comes_back_in_lower_case() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let metadata = [("X-Amz-Key-V2", "AbC="), ("plain", "text")];
        let put = world.put_with_metadata("m.log", b"", &metadata).await;
        let read = world.store().get(&put, MAX_BYTES).await.unwrap();
        let expected = [("x-amz-key-v2", "AbC="), ("plain", "text")];
        let expected = BTreeMap::from(expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(read.metadata, expected);
        assert!(read.body.is_empty());
    }
}

#[tokio::test]
async fn awkward_keys_survive_notification_listing_and_read() {
    for world in World::in_each(Setup::default()).await {
        for key in AWKWARD_KEYS {
            world.put(key, key.as_bytes()).await;
        }
        let mut announced = BTreeSet::new();
        for _ in AWKWARD_KEYS {
            let (message, object) = next_announcement(&world).await;
            let read = world.store().get(&object, MAX_BYTES).await.unwrap();
            assert_eq!(String::from_utf8(read.body).unwrap(), object.key);
            assert_eq!(world.queue().delete(&[message.receipt]).await.unwrap(), [Ok(())]);
            announced.insert(object.key);
        }
        let expected = BTreeSet::from(AWKWARD_KEYS.map(str::to_owned));
        assert_eq!(announced, expected, "{:?}", world.emulator.kind);

        let listed = world.store().list(&world.bucket, "", None).await.unwrap();
        let listed: Vec<_> = listed.into_iter().map(|entry| entry.object.key).collect();
        assert_eq!(listed, expected.into_iter().collect::<Vec<_>>(), "in the order of their bytes");
    }
}

#[tokio::test]
async fn a_listing_goes_on_after_a_key() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let mut puts = Vec::new();
        for key in ["a/0.log", "b/1.log", "b/2 +.log", "b/3.log", "c/4.log"] {
            puts.push(world.put(key, key.as_bytes()).await);
        }
        let store = world.store();
        let all = store.list(&world.bucket, "", None).await.unwrap();
        for (listed, put) in all.iter().zip(&puts) {
            assert_eq!(listed.object, ObjectRef { version: None, ..put.clone() });
            assert_eq!(listed.size, Some(put.key.len() as u64));
            assert!(listed.last_modified.is_some());
        }
        for (prefix, after, keys) in [
            ("", None, &["a/0.log", "b/1.log", "b/2 +.log", "b/3.log", "c/4.log"][..]),
            ("b/", None, &["b/1.log", "b/2 +.log", "b/3.log"]),
            ("b/", Some("b/1.log"), &["b/2 +.log", "b/3.log"]),
            ("b/", Some("b/2 +.log"), &["b/3.log"]),
            ("b/", Some("b/3.log"), &[]),
            ("", Some("b/3.log"), &["c/4.log"]),
        ] {
            let page = store.list(&world.bucket, prefix, after).await.unwrap();
            let listed: Vec<_> = page.iter().map(|entry| entry.object.key.as_str()).collect();
            assert_eq!(listed, keys, "{prefix} after {after:?}");
        }
    }
}

#[tokio::test]
async fn objects_under_a_customer_key_open_with_that_key_only() {
    // The other emulator hands the data out without the key.
    let world =
        World::new(Emulator::shared(Kind::Ministack), Setup { route: Route::None, ..Setup::default() });
    let world = world.await;
    // The bytes, in base64, and their MD5.
    let (key, in_base64) =
        (b"0123456789abcdefghijklmnopqrstuv", "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=");
    let put = world.s3.put_object().bucket(&world.bucket).key("ssm/a.log").body(b"secret".to_vec().into());
    let put = put.sse_customer_algorithm("AES256").sse_customer_key(in_base64);
    put.sse_customer_key_md5("qkvGcbTBx6OOKYAPUO9jRg==").send().await.unwrap();
    world.put("ssm/plain.log", b"plain").await;

    let object = |key: &str| ObjectRef {
        bucket: Some(world.bucket.clone()),
        key: key.to_owned(),
        ..ObjectRef::default()
    };
    let store = |prefix: &str, keys: &[&[u8; 32]]| {
        let rule = |key: &&[u8; 32]| CustomerKeyRule {
            bucket: None,
            prefix: prefix.to_owned(),
            key: CustomerKey::parse(key.to_vec()).unwrap(),
        };
        world.store().with_customer_keys(keys.iter().map(rule).collect())
    };
    for (prefix, keys) in [("", &[key][..]), ("ssm/", &[key]), ("ssm/", &[&[7; 32], key])] {
        let store = store(prefix, keys);
        assert_eq!(store.get(&object("ssm/a.log"), MAX_BYTES).await.unwrap().body, b"secret");
        assert_eq!(store.get(&object("ssm/plain.log"), MAX_BYTES).await.unwrap().body, b"plain");
    }
    for (prefix, keys) in [("", &[][..]), ("ssm/", &[&[7; 32]]), ("other/", &[key])] {
        let read = store(prefix, keys).get(&object("ssm/a.log"), MAX_BYTES).await;
        assert_eq!(outcome(read), (SourceErrorKind::Invalid, "sse-c"));
    }
}

#[tokio::test]
async fn the_start_of_a_worker_asks_whether_buckets_can_be_listed() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let store = world.store();
        store.check_list_permission(&world.bucket, "ssm/").await.unwrap();
        let absent = store.check_list_permission("shelltrail-no-such-bucket", "").await;
        assert_eq!(outcome(absent), (SourceErrorKind::Denied, "bucket-gone"));
    }
}

#[tokio::test]
async fn a_long_listing_comes_in_pages() {
    const COUNT: usize = 1_003;
    let world =
        World::new(Emulator::shared(Kind::Ministack), Setup { route: Route::None, ..Setup::default() });
    let world = world.await;
    for number in 0..COUNT {
        world.put(&format!("{number:04}.log"), b"").await;
    }
    let store = world.store();
    let mut keys = Vec::new();
    loop {
        let after = keys.last().map(String::as_str);
        let page = store.list(&world.bucket, "", after).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 1_000);
        keys.extend(page.into_iter().map(|entry| entry.object.key));
    }
    assert_eq!(keys, (0..COUNT).map(|number| format!("{number:04}.log")).collect::<Vec<_>>());
}

#[tokio::test]
async fn data_keys_open_under_their_context_only() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let context = BTreeMap::from([("aws:x-amz-cek-alg".to_owned(), "115".to_owned())]);
        let wrapped = world
            .kms
            .encrypt()
            .key_id(&world.key_arn)
            .plaintext(Blob::new([7; 32]))
            .set_encryption_context(Some(context.clone().into_iter().collect()))
            .send()
            .await
            .unwrap();
        let wrapped = wrapped.ciphertext_blob.unwrap().into_inner();

        for allowed in [&[][..], &[world.key_arn.as_str()]] {
            let keys = world.keys(allowed);
            keys.decrypt(&wrapped, &context).await.unwrap();
            let damaged = (SourceErrorKind::Invalid, "envelope-damaged");
            assert_eq!(outcome(keys.decrypt(&wrapped, &BTreeMap::new()).await), damaged);
            let relabelled = BTreeMap::from([("aws:x-amz-cek-alg".to_owned(), "AES/CBC".to_owned())]);
            assert_eq!(outcome(keys.decrypt(&wrapped, &relabelled).await), damaged);
        }
    }
}

#[tokio::test]
async fn a_key_that_is_not_allowed_unwraps_nothing() {
    // Only moto notices that the key in the request is not the one of the wrapped key.
    let world = World::new(Emulator::shared(Kind::Moto), Setup { route: Route::None, ..Setup::default() });
    let world = world.await;
    let stranger = world.kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    let call = world.kms.encrypt().key_id(&stranger).plaintext(Blob::new([7; 32]));
    let wrapped = call.send().await.unwrap().ciphertext_blob.unwrap().into_inner();
    let context = BTreeMap::new();

    let error = world.keys(&[&world.key_arn]).decrypt(&wrapped, &context).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Denied, "{error}");
    world.keys(&[&world.key_arn, &stranger]).decrypt(&wrapped, &context).await.unwrap();
}

#[tokio::test]
async fn a_disabled_key_is_told_as_such() {
    // moto goes on to decrypt under a disabled key.
    let world =
        World::new(Emulator::shared(Kind::Ministack), Setup { route: Route::None, ..Setup::default() });
    let world = world.await;
    let call = world.kms.encrypt().key_id(&world.key_arn).plaintext(Blob::new([7; 32]));
    let wrapped = call.send().await.unwrap().ciphertext_blob.unwrap().into_inner();
    world.kms.disable_key().key_id(&world.key_arn).send().await.unwrap();
    assert_eq!(
        outcome(world.keys(&[]).decrypt(&wrapped, &BTreeMap::new()).await),
        (SourceErrorKind::Denied, "kms-key-disabled")
    );
}

/// The variable that tells the second process of the test below which queue to ask.
const QUEUE_VARIABLE: &str = "SHELLTRAIL_TEST_QUEUE_URL";

#[tokio::test]
async fn clients_follow_the_environment() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        world.put("a.log", b"text").await;
        // The environment of this process is shared by all tests, so another process reads it. A host
        // name instead of an address shows that buckets are named in the path.
        let mut command = Command::new(std::env::current_exe().unwrap());
        world.configure(&mut command);
        let output = command
            .args(["aws_clients::in_another_process", "--exact", "--ignored", "--nocapture"])
            .env("AWS_ENDPOINT_URL", world.emulator.url().replace("127.0.0.1", "localhost"))
            .env(QUEUE_VARIABLE, &world.queue_url)
            .env("SHELLTRAIL_TEST_BUCKET", &world.bucket)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

#[tokio::test]
#[ignore = "the second process of clients_follow_the_environment"]
async fn in_another_process() {
    let clients = Clients::load(&AwsConfig::default()).await;
    assert_eq!(clients.region(), Some("eu-west-1"));
    let queue = clients.queue(std::env::var(QUEUE_VARIABLE).unwrap());
    assert_eq!(queue.attributes().await.unwrap().max_receive_count, Some(10));
    let bucket = std::env::var("SHELLTRAIL_TEST_BUCKET").unwrap();
    let listed = clients.store().list(&bucket, "", None).await.unwrap();
    let read = clients.store().get(&listed[0].object, MAX_BYTES).await.unwrap();
    assert_eq!(read.body, b"text");
    let key = clients.keys().decrypt(b"no wrapped key at all", &BTreeMap::new()).await;
    assert_eq!(outcome(key).0, SourceErrorKind::Invalid);
}
