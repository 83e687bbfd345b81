//! Searching against a scan of every text that shares no code with the index: no difference is allowed.

#![allow(clippy::unwrap_used)]

#[path = "differential/corpus.rs"]
mod corpus;
#[path = "differential/random.rs"]
mod random;
#[path = "differential/scan.rs"]
mod scan;

use std::collections::BTreeMap;
use std::path::Path;

use shelltrail_core::Session;
use shelltrail_core::sink::RecordSink;
use shelltrail_index::query::{Options, parse};
use shelltrail_index::search::By;
use shelltrail_index::{Answer, Cursor, IndexRoot, LocalSink, Query, SearchOptions, Searcher};

use corpus::NOW;
use random::{Question, Random};
use scan::Scan;

/// Queries of one run, always the same; `DIFFERENTIAL_QUERIES` and `DIFFERENTIAL_SEED` ask for more and others by hand.
const QUERIES: usize = 2_400;
const SEED: u64 = 20_261_121;
const EVERYTHING: usize = 1_000_000;

type Found = Vec<(String, u32)>;

fn store(dir: &Path, commits: &[&[Session]]) {
    let (root, lock) = IndexRoot::open_for_writing(dir, Some(1)).unwrap();
    let sink = LocalSink::new(root, lock);
    for sessions in commits {
        let mut by_partition: BTreeMap<_, Vec<Session>> = BTreeMap::new();
        for session in *sessions {
            by_partition.entry(sink.partition(session.account.as_ref())).or_default().push(session.clone());
        }
        let batches = by_partition
            .into_iter()
            .map(|(partition, sessions)| sink.build(&partition, &mut sessions.into_iter()).unwrap());
        let batches = batches.collect();
        sink.commit(batches).unwrap();
    }
}

/// The query, unless two ranges in it exclude each other or folding leaves nothing of a text: that is an error.
fn query(question: &Question) -> Option<Query> {
    let mut options = Options::at(NOW.parse().unwrap());
    (options.word, options.fold, options.case) = (question.word, question.fold, question.case);
    match parse(&question.text, &options) {
        Ok(query) => Some(query),
        Err(error) if ["nothing is in", "invisible"].iter().any(|part| error.message.contains(part)) => None,
        Err(error) => panic!("{question:?}: {error:?}"),
    }
}

fn found(answer: &Answer) -> Found {
    answer.hits.iter().map(|hit| (hit.session().id.to_string(), hit.seq)).collect()
}

fn ask(searcher: &Searcher, query: &Query, limit: usize, cursor: Option<Cursor>) -> Answer {
    let answer = searcher.search(query, &SearchOptions { limit, cursor, deadline: None });
    assert!(answer.coverage.is_complete(), "{:?}", answer.coverage);
    assert!(answer.more || answer.left_at_most == 0);
    answer
}

/// A number from the environment, else the one of every run.
fn given<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str, usual: T) -> T {
    std::env::var(name).map_or(usual, |value| value.parse().unwrap())
}

/// Everything, some hits at a time.
fn paged(searcher: &Searcher, query: &Query, step: usize, from: Option<Cursor>) -> Found {
    let (mut all, mut cursor) = (Found::new(), from);
    loop {
        let answer = ask(searcher, query, step, cursor);
        all.extend(found(&answer));
        match answer.cursor {
            // A reader hands it back as text.
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
        assert_eq!(answer.hits.len(), step);
    }
}

/// What came of some questions.
#[derive(Default)]
struct Tally {
    asked: usize,
    with_hits: usize,
    verified: u64,
    records: u64,
    differences: Vec<(Question, usize, usize, usize)>,
}

#[test]
fn the_index_answers_as_a_scan_does() {
    let queries: usize = given("DIFFERENTIAL_QUERIES", QUERIES);
    let sessions = corpus::sessions();
    let scan = Scan::new(&sessions);
    let dir = tempfile::tempdir().unwrap();
    let (first, rest) = sessions.split_at(sessions.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    store(dir.path(), &[first, second, third]);
    let searcher = Searcher::open(dir.path()).unwrap();
    let mut random = Random::new(given("DIFFERENTIAL_SEED", SEED));
    let questions: Vec<Question> = std::iter::repeat_with(|| random.question(&scan))
        .filter(|question| query(question).is_some())
        .take(queries)
        .collect();
    let tallies: Vec<Tally> = std::thread::scope(|threads| {
        let parts = questions.chunks(queries.div_ceil(4));
        let parts = parts.map(|part| threads.spawn(|| compare(&searcher, &scan, part)));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let differences: Vec<_> = tallies.iter().flat_map(|tally| &tally.differences).collect();
    assert!(
        differences.is_empty(),
        "{} of {queries} differ: {:#?}",
        differences.len(),
        &differences[..differences.len().min(5)]
    );
    assert_eq!(sum(|tally| tally.asked as u64), queries as u64);
    // A test that finds nothing, or an index that reads everything, proves nothing.
    let (with_hits, verified, records) =
        (sum(|tally| tally.with_hits as u64), sum(|tally| tally.verified), sum(|tally| tally.records));
    assert!(with_hits > queries as u64 / 2, "{with_hits}");
    assert!(verified < records * 6 / 10, "{verified} of {records}");
}

fn compare(searcher: &Searcher, scan: &Scan<'_>, questions: &[Question]) -> Tally {
    let mut tally = Tally::default();
    let pools = [1, 4].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    for (number, question) in questions.iter().enumerate() {
        let query = query(question).unwrap();
        let expected = scan.find(question);
        let [one, many] =
            [&pools[0], &pools[1]].map(|pool| pool.install(|| ask(searcher, &query, EVERYTHING, None)));
        tally.asked += 1;
        tally.with_hits += usize::from(!expected.is_empty());
        tally.verified += one.coverage.verified;
        tally.records += scan.records();
        if found(&one) != expected || found(&many) != expected {
            let sizes = (found(&one).len(), found(&many).len(), expected.len());
            tally.differences.push((question.clone(), sizes.0, sizes.1, sizes.2));
        }
        for hit in one.hits.iter().take(3) {
            check_marks(question, &query, hit);
        }
        if number % 8 == 0 {
            check_other_ways(searcher, question, &query, number, &expected);
        }
    }
    tally
}

/// Pages, counts and lists of sessions agree with the answer.
fn check_other_ways(
    searcher: &Searcher,
    question: &Question,
    query: &Query,
    number: usize,
    expected: &[(String, u32)],
) {
    assert_eq!(paged(searcher, query, 1 + number % 37, None), expected, "{question:?}");
    let counts = searcher.count(query, Some(By::Account), &SearchOptions::default());
    assert_eq!(counts.records, expected.len() as u64, "{question:?}");
    assert_eq!(counts.groups.iter().map(|group| group.records).sum::<u64>(), counts.records);
    let all = SearchOptions { limit: EVERYTHING, ..SearchOptions::default() };
    let listed = searcher.sessions(query, &all).sessions;
    let mut listed: Vec<_> = listed.iter().map(|found| found.session.id.to_string()).collect();
    let mut transcripts: Vec<_> = expected.iter().map(|(transcript, _)| transcript.clone()).collect();
    transcripts.dedup();
    if query.is_about_sessions() {
        // Sessions without records are listed as well.
        listed.retain(|transcript| transcripts.contains(transcript));
    }
    assert_eq!(listed, transcripts, "{question:?}");
}

/// What a hit of one text shows as marked is there, and nothing is marked where nothing matches.
fn check_marks(question: &Question, query: &Query, hit: &shelltrail_index::Hit) {
    use shelltrail_index::query::Part;
    let Query::Text(leaf) = query else { return };
    let record = hit.record();
    let sent = record.command_as_sent.is_some();
    let decoded = record.command.as_deref().and_then(shelltrail_core::encoded::decoded);
    let texts = [
        (Part::Command, record.command.as_deref()),
        (Part::CommandAsSent, record.command_as_sent.as_deref()),
        (Part::Expanded, record.expanded.as_deref()),
        (Part::Output, Some(record.output.as_str())),
        (Part::OutputAsSent, record.output_as_sent.as_deref()),
        (Part::Prompt, record.prompt.as_deref()),
        (Part::Decoded, decoded.as_deref()),
    ];
    let mut marked = 0;
    let mut empty = false;
    for (part, text) in texts.into_iter().filter_map(|(part, text)| Some((part, text?))) {
        let matches = query.matches_in(text, part, sent, 50, None);
        marked += matches.ranges.len();
        assert!(
            matches.ranges.iter().all(|range| text.get(range.clone()).is_some_and(|text| !text.is_empty()))
        );
        empty |= leaf.within.covers(part, sent) && leaf.pattern.is_in(text) && matches.ranges.is_empty();
    }
    // A regular expression may match nothing but a place between characters.
    assert!(marked > 0 || (empty && question.text.contains('/')), "{question:?} {:?}", hit.record());
}

#[test]
fn paging_goes_on_while_sessions_are_committed() {
    let sessions = corpus::sessions();
    let (before, after): (Vec<_>, Vec<_>) =
        sessions.into_iter().enumerate().partition(|(number, _)| number % 3 != 0);
    let [before, after] =
        [before, after].map(|part| part.into_iter().map(|(_, session)| session).collect::<Vec<_>>());
    let everything = [before.clone(), after.clone()].concat();
    let (old, all) = (Scan::new(&before), Scan::new(&everything));
    let mut random = Random::new(SEED + 1);
    for _ in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path(), &[&before]);
        let questions: Vec<Question> = std::iter::repeat_with(|| random.question(&old))
            .filter(|question| query(question).is_some() && old.find(question).len() > 4)
            .take(20)
            .collect();
        let searcher = Searcher::open(dir.path()).unwrap();
        let steps: Vec<_> = questions
            .iter()
            .map(|question| {
                let step = 1 + random.below(old.find(question).len() - 1);
                ask(&searcher, &query(question).unwrap(), step, None)
            })
            .collect();
        drop(searcher);
        for part in after.chunks(after.len() / 3) {
            store(dir.path(), &[part]);
        }
        let searcher = Searcher::open(dir.path()).unwrap();
        for (question, first) in questions.iter().zip(steps) {
            let mut pages = found(&first);
            pages.extend(paged(&searcher, &query(question).unwrap(), 5, first.cursor));
            // What was there all the time comes once, in its place; what came later stands where it belongs or on a
            // page that was turned already.
            let expected = old.find(question);
            let known: Found = pages.iter().filter(|hit| expected.contains(hit)).cloned().collect();
            assert_eq!(known, expected, "{question:?}");
            let everything = all.find(question);
            let places: Vec<_> =
                pages.iter().map(|hit| everything.iter().position(|other| other == hit)).collect();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{question:?}");
        }
    }
}
