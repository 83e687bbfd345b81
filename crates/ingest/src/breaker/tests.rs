//! The breaker by itself.

use super::*;
use crate::delivery::Opening;
use crate::source::{SourceError, SourceErrorKind};

fn object(n: usize) -> ObjectRef {
    ObjectRef { bucket: Some("b".to_owned()), key: format!("{n}"), ..ObjectRef::default() }
}

fn fault(kind: SourceErrorKind, reason: &'static str) -> Fault {
    SourceError { kind, reason, action: "read".to_owned(), message: "no".to_owned() }.into()
}

fn denied() -> Fault {
    fault(SourceErrorKind::Denied, "kms-key-disabled")
}

fn breaker() -> Arc<Breaker> {
    Breaker::new(Arc::new(Progress::new()))
}

#[tokio::test(start_paused = true)]
async fn it_opens_when_half_of_the_last_distinct_objects_fail_alike() {
    let breaker = breaker();
    for _ in 0..100 {
        assert!(!breaker.fail(&object(0), &denied(), None), "one object counts once");
    }
    for n in 1..OPEN_AT - 1 {
        assert!(!breaker.fail(&object(n), &denied(), None));
        breaker.succeed(Part::Reading, &object(100 + n), None);
        assert!(!breaker.fail(&object(200 + n), &fault(SourceErrorKind::Archived, "archived"), None));
    }
    // The window has moved on since the first ones.
    assert!(!breaker.fail(&object(50), &denied(), None));
    let fresh = self::breaker();
    let opened = (0..OPEN_AT).map(|n| fresh.fail(&object(n), &denied(), None)).filter(|open| *open).count();
    assert_eq!((opened, fresh.is_open()), (1, true));
    assert!(matches!(fresh.progress.breaker(), BreakerState::Open { reason: "kms-key-disabled", .. }));
}

#[tokio::test(start_paused = true)]
async fn different_reasons_and_throttling_do_not_add_up() {
    let breaker = breaker();
    for n in 0..OPEN_AT - 1 {
        assert!(!breaker.fail(&object(n), &denied(), None));
        assert!(!breaker.fail(&object(100 + n), &fault(SourceErrorKind::Denied, "s3-denied"), None));
    }
    for n in 0..100 {
        assert!(!breaker.fail(&object(n), &fault(SourceErrorKind::Throttled, "throttled-s3"), None));
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_and_a_full_disk_open_it_at_once_and_other_writes_when_three_rounds_failed() {
    for fault in
        [fault(SourceErrorKind::Denied, "credentials"), Fault::of_writing(DISK_FULL, "no".to_owned())]
    {
        let breaker = breaker();
        assert!(breaker.fail(&object(0), &fault, None));
        assert_eq!(breaker.refuses_writes(), fault.part == Part::Writing);
    }
    let (breaker, fault) = (breaker(), Fault::of_writing("index-commit", "no".to_owned()));
    let round = |open: bool| {
        for n in 0..100 {
            assert_eq!(breaker.fail(&object(n), &fault, None), open);
        }
    };
    for _ in 0..2 {
        round(false);
        tokio::time::advance(ROUND).await;
    }
    breaker.succeed(Part::Writing, &object(0), None);
    for _ in 0..2 {
        round(false);
        // Another kind of write fails now and then.
        assert!(!breaker.fail(&object(0), &Fault::of_writing("index-build", "no".to_owned()), None));
        tokio::time::advance(ROUND).await;
    }
    breaker.wrote("index-commit");
    for open in [false, false, true] {
        round(open);
        tokio::time::advance(ROUND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn writes_of_one_kind_that_fail_now_and_then_do_not_open_it() {
    let breaker = breaker();
    let mark = Fault::of_writing("start-not-marked", "no".to_owned());
    let commit = Fault::of_writing("index-commit", "no".to_owned());
    for n in 0..100 {
        assert!(!breaker.fail(&object(n), &mark, None), "nineteen others in twenty are marked");
        breaker.wrote("start-not-marked");
        tokio::time::advance(ROUND).await;
    }
    // Marks say nothing of commits.
    for open in [false, false, true] {
        breaker.wrote("start-not-marked");
        assert_eq!(breaker.fail(&object(0), &commit, None), open);
        tokio::time::advance(ROUND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_fails_now_and_then_is_readable_though_nothing_else_is_read() {
    let breaker = breaker();
    for n in 0..1000 {
        assert!(!breaker.fail(&object(n), &Fault::unreadable_index(), None));
        breaker.answered(None);
    }
    for n in 0..OPEN_AT - 1 {
        assert!(!breaker.fail(&object(n), &denied(), None));
    }
    breaker.answered(None);
    assert!(breaker.fail(&object(OPEN_AT), &denied(), None), "it says nothing of keys");
    let ticket = breaker.pass().await;
    breaker.answered(ticket.as_ref());
    assert!(breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn probes_pass_one_by_one_at_growing_intervals_and_the_first_success_closes() {
    let breaker = breaker();
    assert!(breaker.pass().await.is_none());
    let credentials = fault(SourceErrorKind::Denied, "credentials");
    breaker.fail(&object(0), &credentials, None);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let before = Instant::now();
        let ticket = breaker.pass().await;
        waits.push(before.elapsed().as_secs());
        assert!(matches!(breaker.progress.breaker(), BreakerState::Probing { .. }));
        let second = tokio::time::timeout(Duration::from_secs(1000), breaker.pass()).await;
        assert!(second.is_err(), "one probe at a time");
        breaker.succeed(Part::Reading, &object(1), None);
        assert!(breaker.is_open(), "only the probe closes it");
        assert!(breaker.fail(&object(0), &credentials, ticket.as_ref()));
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    let ticket = breaker.pass().await;
    breaker.succeed(Part::Writing, &object(0), ticket.as_ref());
    assert!(breaker.is_open(), "a commit says nothing about credentials");
    breaker.succeed(Part::Reading, &object(0), ticket.as_ref());
    assert!(!breaker.is_open());
    assert_eq!(breaker.progress.breaker(), BreakerState::Closed);
    assert!(breaker.pass().await.is_none());
    assert_eq!(breaker.progress.summary().breaker_openings, 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_makes_room_for_the_next() {
    let breaker = breaker();
    breaker.fail(&object(0), &fault(SourceErrorKind::Denied, "credentials"), None);
    drop(breaker.pass().await);
    let before = Instant::now();
    assert!(breaker.pass().await.is_some());
    assert_eq!(before.elapsed(), PAUSE);
}

#[tokio::test(start_paused = true)]
async fn an_excused_reason_opens_it_no_more() {
    let breaker = breaker();
    (0..OPEN_AT).for_each(|n| _ = breaker.fail(&object(n), &denied(), None));
    assert!(breaker.is_open());
    breaker.excuse("kms-key-disabled");
    for n in 0..100 {
        assert!(!breaker.fail(&object(n), &denied(), None));
    }
    assert!(breaker.fail(&object(0), &fault(SourceErrorKind::Denied, "credentials"), None));
}

#[tokio::test]
async fn enough_are_kept_for_probes_and_besides_them_what_would_not_come_again() {
    let breaker = breaker();
    let (opening, _verdicts, _) = Opening::for_test(9).await;
    let disk_full = || Fault::of_writing(DISK_FULL, "no".to_owned());
    assert!(breaker.fail(&object(0), &disk_full(), None));
    let keep = |n, must_stay| breaker.keep(object(n), opening.share(), disk_full(), must_stay).is_ok();
    assert!((0..MAX_KEPT_MESSAGES).all(|n| keep(n, false)));
    assert!(!keep(10, false));
    assert!(keep(11, true) && keep(12, true));
    assert_eq!(breaker.end().len(), MAX_KEPT_MESSAGES + 2);
    assert!(!keep(13, true), "nobody would try it again");
}
