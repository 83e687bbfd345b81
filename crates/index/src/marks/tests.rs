use RemovalKind::{DeleteMarker, Deleted, Expired, ExpiryMarker};
use jiff::SignedDuration;

use super::*;
use crate::block;
use crate::samples;

/// What it is about, a stored content, what happened to its key, and the mark.
type Removed = (&'static str, SessionMeta, Vec<StoredEvent>, Option<(RemovalKind, i64)>);

/// What it is about, two contents of a key, what happened to it, and the marks of both.
type Overwritten = (&'static str, SessionMeta, SessionMeta, Vec<StoredEvent>, [Option<bool>; 2]);

/// Seconds after an arbitrary moment.
fn at(seconds: i64) -> Option<Timestamp> {
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(1_000 + seconds)).ok()
}

/// A stored content of the one key of these tests.
fn stored(etag: &str, version: Option<&str>, sequencer: Option<&str>, modified: Option<i64>) -> SessionMeta {
    let mut session = samples::session("alice-05ba181f37a0fb8d2", &[]);
    session.object.etag = Some(etag.to_owned());
    session.object.version = version.map(str::to_owned);
    session.sequencer = sequencer.and_then(|text| text.parse().ok());
    session.last_modified = modified.and_then(at);
    block::SessionMeta::of(&session)
}

/// An event of that key.
fn event(kind: KeyEventKind, version: Option<&str>, sequencer: Option<&str>, seconds: i64) -> StoredEvent {
    StoredEvent {
        key_hash: 0,
        kind,
        version: version.map(str::to_owned),
        etag: None,
        sequencer: sequencer.and_then(|text| text.parse().ok()),
        at: at(seconds),
    }
}

fn removed(kind: RemovalKind, version: Option<&str>, sequencer: Option<&str>, seconds: i64) -> StoredEvent {
    event(KeyEventKind::Removed(kind), version, sequencer, seconds)
}

fn again(etag: &str, version: Option<&str>, sequencer: Option<&str>, seconds: i64) -> StoredEvent {
    let etag = Some(etag.to_owned());
    StoredEvent { etag, ..event(KeyEventKind::WrittenAgain, version, sequencer, seconds) }
}

#[test]
fn a_removal_marks_what_was_written_before_it() {
    let plain = |sequencer| stored("e", None, sequencer, Some(0));
    let versioned = |version| stored("e", Some(version), Some("0010"), Some(0));
    let short = Some("eventbridge:617f08299329d189");
    let cases: Vec<Removed> = vec![
        ("nothing happened", plain(Some("0010")), vec![], None),
        (
            "deleted, without versions",
            plain(Some("0010")),
            vec![removed(Deleted, None, Some("0020"), 9)],
            Some((Deleted, 9)),
        ),
        (
            "expired, without versions",
            plain(Some("0010")),
            vec![removed(Expired, None, Some("0020"), 9)],
            Some((Expired, 9)),
        ),
        (
            "a delete older than the put, whatever the times say",
            plain(Some("0020")),
            vec![removed(Deleted, None, Some("0010"), 9)],
            None,
        ),
        (
            "a delete that was told before its put marks it all the same",
            plain(Some("0010")),
            vec![removed(Deleted, None, Some("0011"), -5)],
            Some((Deleted, -5)),
        ),
        (
            "sequencers of different length and case",
            plain(Some("00ab")),
            vec![removed(Deleted, None, Some("00ABC"), 9)],
            Some((Deleted, 9)),
        ),
        (
            "one sequencer for everything, as emulators have: the times decide",
            plain(Some("0055AED6DCD90281E5")),
            vec![removed(Deleted, None, Some("0055AED6DCD90281E5"), -9)],
            None,
        ),
        (
            "no sequencer: the times decide",
            plain(None),
            vec![removed(Deleted, None, Some("0010"), 9)],
            Some((Deleted, 9)),
        ),
        (
            "no sequencer, and removed before it was written",
            plain(None),
            vec![removed(Deleted, None, Some("0010"), -9)],
            None,
        ),
        (
            "short and long forms are not compared: the times decide",
            plain(Some("0055AED6DCD90281E5")),
            vec![removed(Deleted, None, short, -9)],
            None,
        ),
        (
            "short and long forms are not compared, and it is later",
            plain(Some("0055AED6DCD90281E5")),
            vec![removed(Deleted, None, short, 9)],
            Some((Deleted, 9)),
        ),
        (
            "nothing tells the order",
            stored("e", None, None, None),
            vec![removed(Deleted, None, None, 9)],
            Some((Deleted, 9)),
        ),
        (
            "its version is deleted, whatever the sequencers say",
            versioned("v1"),
            vec![removed(Deleted, Some("v1"), Some("0001"), 9)],
            Some((Deleted, 9)),
        ),
        (
            "another version is deleted",
            versioned("v1"),
            vec![removed(Deleted, Some("v2"), Some("0020"), 9)],
            None,
        ),
        (
            "the version null is deleted, this one is not",
            versioned("v1"),
            vec![removed(Deleted, Some("null"), Some("0020"), 9)],
            None,
        ),
        (
            "a version is deleted, and this is of the time before versions",
            plain(Some("0010")),
            vec![removed(Deleted, Some("v2"), Some("0020"), 9)],
            None,
        ),
        (
            "the version null is deleted, and this is it",
            stored("e", Some("null"), Some("0010"), Some(0)),
            vec![removed(Deleted, Some("null"), Some("0020"), 9)],
            Some((Deleted, 9)),
        ),
        (
            "a delete marker",
            versioned("v1"),
            vec![removed(DeleteMarker, Some("m"), Some("0020"), 9)],
            Some((DeleteMarker, 9)),
        ),
        (
            "a delete marker of a lifecycle rule",
            versioned("v1"),
            vec![removed(ExpiryMarker, Some("m"), Some("0020"), 9)],
            Some((ExpiryMarker, 9)),
        ),
        (
            "a delete marker older than the version",
            versioned("v1"),
            vec![removed(DeleteMarker, Some("m"), Some("0001"), 9)],
            None,
        ),
        (
            "a delete marker that is deleted itself",
            versioned("v1"),
            vec![
                removed(DeleteMarker, Some("m"), Some("0020"), 8),
                removed(Deleted, Some("m"), Some("0030"), 9),
            ],
            None,
        ),
        (
            "one of two delete markers is deleted",
            versioned("v1"),
            vec![
                removed(DeleteMarker, Some("m"), Some("0020"), 7),
                removed(DeleteMarker, Some("n"), Some("0028"), 8),
                removed(Deleted, Some("n"), Some("0030"), 9),
            ],
            Some((DeleteMarker, 7)),
        ),
        (
            "delete marker, then the version for good",
            versioned("v1"),
            vec![
                removed(DeleteMarker, Some("m"), Some("0020"), 8),
                removed(Deleted, Some("v1"), Some("0030"), 9),
            ],
            Some((Deleted, 9)),
        ),
        (
            "the same delete told twice",
            plain(Some("0010")),
            vec![removed(Deleted, None, Some("0020"), 9), removed(Deleted, None, Some("0020"), 9)],
            Some((Deleted, 9)),
        ),
        (
            "put, delete, put of one content",
            plain(Some("0010")),
            vec![removed(Deleted, None, Some("0020"), 5), again("e", None, Some("0030"), 9)],
            None,
        ),
        (
            "put, put of one content, delete",
            plain(Some("0010")),
            vec![again("e", None, Some("0020"), 5), removed(Deleted, None, Some("0030"), 9)],
            Some((Deleted, 9)),
        ),
        (
            "put, delete, put of another content",
            plain(Some("0010")),
            vec![removed(Deleted, None, Some("0020"), 5), again("other", None, Some("0030"), 9)],
            Some((Deleted, 5)),
        ),
        (
            "one of two versions of one content is deleted",
            versioned("v1"),
            vec![again("e", Some("v2"), Some("0020"), 5), removed(Deleted, Some("v1"), Some("0030"), 9)],
            None,
        ),
        (
            "both versions of one content are deleted",
            versioned("v1"),
            vec![
                again("e", Some("v2"), Some("0020"), 5),
                removed(Deleted, Some("v1"), Some("0030"), 8),
                removed(Expired, Some("v2"), Some("0040"), 9),
            ],
            Some((Expired, 9)),
        ),
        (
            "one of two versions is deleted, the other is behind a marker",
            versioned("v1"),
            vec![
                again("e", Some("v2"), Some("0020"), 5),
                removed(Deleted, Some("v1"), Some("0030"), 9),
                removed(DeleteMarker, Some("m"), Some("0040"), 7),
            ],
            Some((DeleteMarker, 7)),
        ),
    ];
    for (name, session, mut events, expected) in cases {
        let expected = expected.map(|(kind, seconds)| SourceDeleted { at: at(seconds), kind });
        for _ in 0..events.len().max(1) {
            assert_eq!(marks(&session, &events, &[]).source_deleted, expected, "{name}");
            // In whatever order it was told.
            let by = events.len().min(1);
            events.rotate_left(by);
        }
        events.reverse();
        assert_eq!(marks(&session, &events, &[]).source_deleted, expected, "{name}, reversed");
    }
}

#[test]
fn the_older_of_two_contents_is_overwritten() {
    let write = |etag: &str, sequencer, modified| stored(etag, None, sequencer, modified);
    let cases: Vec<Overwritten> = vec![
        (
            "by sequencer",
            write("a", Some("0010"), Some(0)),
            write("b", Some("0020"), Some(0)),
            vec![],
            [Some(true), Some(false)],
        ),
        (
            "by sequencer, whatever the times say",
            write("a", Some("0010"), Some(9)),
            write("b", Some("0020"), Some(0)),
            vec![],
            [Some(true), Some(false)],
        ),
        (
            "by time",
            write("a", None, Some(0)),
            write("b", Some("0020"), Some(9)),
            vec![],
            [Some(true), Some(false)],
        ),
        ("at one time", write("a", None, Some(0)), write("b", None, Some(0)), vec![], [None, None]),
        ("nothing tells", write("a", None, None), write("b", Some("0020"), None), vec![], [None, None]),
        (
            "forms that are not compared",
            write("a", Some("0055AED6DCD90281E5"), Some(0)),
            write("b", Some("eventbridge:617f08299329d189"), Some(0)),
            vec![],
            [None, None],
        ),
        (
            "the first content came back",
            write("a", Some("0010"), Some(0)),
            write("b", Some("0020"), Some(5)),
            vec![again("a", None, Some("0030"), 9)],
            [Some(false), Some(true)],
        ),
    ];
    for (name, older, newer, events, expected) in cases {
        let told =
            [marks(&older, &events, &[&newer]).overwritten, marks(&newer, &events, &[&older]).overwritten];
        assert_eq!(told, expected, "{name}");
    }
    let three = [write("a", Some("0010"), None), write("b", None, None), write("c", Some("0030"), None)];
    let of = |at: usize| {
        let others: Vec<_> = (0..3).filter(|other| *other != at).map(|other| &three[other]).collect();
        marks(&three[at], &[], &others).overwritten
    };
    assert_eq!(
        [of(0), of(1), of(2)],
        [Some(true), None, None],
        "one that is known to be older, two that may be last"
    );
    let alone = Marks { source_deleted: None, overwritten: Some(false), contents: 1 };
    assert_eq!(marks(&three[0], &[], &[]), alone);
}
