//! Filters, formats, pages, windows and what is written down of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::program::{Ran, ask, fixtures, run, shelltrail};

fn index_of(source: &Path) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(source).arg("--index").arg(&index)).exits(0);
    (dir, index)
}

fn fixture_index() -> (tempfile::TempDir, PathBuf) {
    index_of(&fixtures().join("bucket"))
}

/// An index of transcripts with these keys.
fn index_with(transcripts: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for (key, body) in transcripts {
        let path = dir.path().join("bucket").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(dir.path().join("bucket")).arg("--index").arg(&index)).exits(0);
    (dir, index)
}

fn audit(index: &Path) -> Vec<Value> {
    let text = fs::read_to_string(index.join("audit.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn filters_narrow_and_do_not_mix_with_the_query() {
    let (_dir, index) = fixture_index();
    let all = ask(&index, "search", &["cat", "--limit", "1000", "--format", "jsonl"]).exits(0).json();
    let of = |arguments: &[&str]| {
        let base = ["cat", "--limit", "1000", "--format", "jsonl"];
        ask(&index, "search", &[&base, arguments].concat()).json()
    };
    let with = |field: &str, wanted: &dyn Fn(&str) -> bool| {
        all.iter().filter(|hit| hit[field].as_str().is_some_and(wanted)).count()
    };
    assert_eq!(of(&["--account", "1111*"]).len(), with("account", &|a| a.starts_with("1111")));
    assert_eq!(
        of(&["--account", "111122223333,444455556666"]).len(),
        with("account", &|a| ["111122223333", "444455556666"].contains(&a))
    );
    assert_eq!(of(&["--principal", "jdoe*"]).len(), with("principal", &|p| p.starts_with("jdoe")));
    assert_eq!(of(&["--region", "eu-west-1"]).len(), with("region", &|r| r == "eu-west-1"));
    assert!(of(&["--principal", "x) OR account:* OR ("]).is_empty());
    let none = ["--account", "999999999999"];
    ask(&index, "search", &[&["cat"][..], &none].concat()).exits(1);
    for bad in [
        &["--account", "12345"][..],
        &["--status", "done"],
        &["--budget", "5"],
        &["--cursor", "x"],
        &["--tz", "Nowhere/x"],
    ] {
        let ran = ask(&index, "search", &[&["cat"][..], bad].concat()).exits(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{bad:?}");
    }
    ask(&index, "search", &[]).exits(2);
    let day = ask(&index, "search", &["cat", "--since", "2024-01-01"]).exits(0);
    assert!(day.err.contains("sessions that ended at 2024-01-01T00:00:00Z or later"), "{}", day.err);
    let by_flag = ask(&index, "search", &["--status", "aborted", "--format", "jsonl"]).json();
    assert!(by_flag.iter().all(|hit| hit["status"] == "aborted"));
    let broken = ask(&index, "search", &["--regex", "("]).exits(2);
    assert!(broken.err.contains('^'), "{}", broken.err);
}

#[test]
fn flags_cover_what_fields_cover() {
    let (_dir, index) = index_with(&[
        ("ssm/111122223333/alice-0123456789abcdef0.log", b"$ id\r\r\nuid=0\r\r\n"),
        ("ssm/111122223333/-rf-0abc1234567890abc.log", b"$ id\r\r\n"),
    ]);
    let count = |arguments: &[&str]| ask(&index, "search", &[&["-c"], arguments].concat()).out;
    assert_eq!(count(&["--session", "alice-*"]), "1\n");
    assert_eq!(count(&["--session=-rf*", "--session=alice*"]), "2\n");
    // Whoever starts a session chooses how its ID begins.
    assert_eq!(count(&["--session", "-rf*"]), "1\n");
    assert_eq!(count(&["--principal", "-rf", "id"]), "1\n");
    assert_eq!(count(&["--session", "alice"]), "0\n", "a whole ID, not the beginning of one");
    assert_eq!(count(&["--origin", "user"]), "2\n");
    assert_eq!(count(&["--origin", "agent,profile"]), "0\n");
    ask(&index, "search", &["--origin", "nobody"]).exits(2);
    let lines = audit(&index);
    assert_eq!(lines[1]["scope"], serde_json::json!(["--session=-rf*", "--session=alice*"]));
}

#[test]
fn what_cannot_be_told_and_what_is_no_field_is_said() {
    let (_dir, index) = index_with(&[("ssm/111122223333/alice-0123456789abcdef0.log", b"$ id\r\r\n")]);
    let unknown = ask(&index, "search", &["id", "--target", "i-0123456789abcdef0"]).exits(1);
    assert!(unknown.err.contains("1 session of unknown target may be meant"), "{}", unknown.err);
    let arguments = ["id", "--target", "i-0", "--format", "jsonl", "--summary"];
    let summary = ask(&index, "search", &arguments).exits(1).json();
    assert_eq!(summary[0]["unidentified"], serde_json::json!({"target": 1}));
    let text = ask(&index, "search", &["user:alice"]).exits(1);
    assert!(text.err.contains("user: is no field") && text.err.contains("principal:"), "{}", text.err);
    let mixed = ask(&index, "search", &["cmd:id user:alice"]).exits(2);
    assert!(mixed.err.contains("\n         ^^^^^\n"), "{}", mixed.err);
    let time = ask(&index, "search", &["after:2024-01-01", "-c"]);
    assert!(time.err.contains("after:2024-01-01 is ended:2024-01-01T00:00:00Z.."), "{}", time.err);
    ask(&index, "show", &[""]).exits(2);
}

#[test]
fn counts_in_groups_heed_every_flag_or_refuse_it() {
    let (_dir, index) = fixture_index();
    let groups = |arguments: &[&str]| {
        ask(&index, "search", &[&["cat", "--group-by", "principal", "--format", "jsonl"], arguments].concat())
    };
    let limited = groups(&["--limit", "2"]).exits(0);
    assert_eq!(limited.json().len(), 2);
    assert!(limited.err.contains("2 of "), "{}", limited.err);
    for refused in ["--stats", "--summary", "-C1", "--context-lines=1"] {
        assert!(groups(&[refused]).exits(2).err.contains("cannot be used with"), "{refused}");
    }
}

#[test]
fn sessions_are_told_whole_on_a_narrow_screen() {
    let (_dir, index) = fixture_index();
    let wide = ask(&index, "sessions", &["--width", "500"]).exits(0).out;
    for columns in ["60", "80"] {
        let narrow = ask(&index, "sessions", &["--width", columns]).exits(0).out;
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&narrow), words(&wide), "{columns}");
        let most = columns.parse().unwrap();
        assert!(narrow.lines().all(|line| line.chars().count() <= most), "{columns}: {narrow}");
    }
}

#[test]
fn explain_masks_the_secrets_of_a_query() {
    let (_dir, index) = fixture_index();
    let query = "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY";
    let told = ask(&index, "explain", &[query]).exits(0).out;
    assert!(!told.to_lowercase().contains("k7mdeng") && told.contains("words, not shown"), "{told}");
}

#[test]
fn queries_are_read_as_a_tree_and_mistakes_are_pointed_at() {
    let (_dir, index) = fixture_index();
    let count =
        |query: &str| -> u64 { ask(&index, "search", &["-c", "--", query]).out.trim().parse().unwrap() };
    assert_eq!(
        count("cmd:cat AND NOT principal:jdoe*") + count("cmd:cat AND principal:jdoe*"),
        count("cmd:cat")
    );
    assert_eq!(count("/c[a]t/"), count("/cat/"));
    assert!(count("cat") >= count("cmd:cat") && count("cmd:cat") > 0);
    assert!(count("(cmd:cat OR cmd:ls) AND account:1111*") <= count("cmd:cat OR cmd:ls"));
    for (query, at) in [
        ("cmd:cat AND acount:1", "             ^"),
        ("cat AND (ls", ""),
        ("account:12345", ""),
        ("after:yesterdayy", ""),
        ("cmd:cat AND \"x", ""),
        ("bytes:9..1", ""),
    ] {
        for verb in ["search", "explain"] {
            let ran = ask(&index, verb, &["--", query]).exits(2);
            assert!(
                ran.out.is_empty() && ran.err.contains(&format!("\n  {query}\n")),
                "{query}: {}",
                ran.err
            );
            assert!(
                ran.err.contains('^') && ran.err.contains(at.trim_end_matches('^')),
                "{query}: {}",
                ran.err
            );
        }
    }
    let explained = ask(&index, "explain", &["cmd:cat AND NOT account:1111*"]).exits(0).out;
    for word in ["AND", "NOT", "answered by the index", "narrowed by the index", "looks up", "cost:"] {
        assert!(explained.contains(word), "{word}: {explained}");
    }
    let all = ask(&index, "search", &["-c", "--fold", "cat"]).exits(0).out;
    assert!(all.trim().parse::<u64>().unwrap() >= count("cat"));
}

#[test]
fn pages_follow_each_other_and_counts_agree() {
    let (_dir, index) = fixture_index();
    let all = ask(&index, "search", &["cat", "--limit", "1000", "--format", "jsonl"]).exits(0).json();
    let mut pages: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut arguments = vec!["cat", "--limit", "3", "--format", "jsonl", "--summary"];
        if let Some(cursor) = &cursor {
            arguments.extend(["--cursor", cursor]);
        }
        let mut page = ask(&index, "search", &arguments).json();
        let summary = page.pop().unwrap();
        assert_eq!(summary["summary"], true);
        assert_eq!(summary["complete"], true);
        assert_eq!(summary["hits"], page.len());
        pages.extend(page);
        match summary["cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(pages, all);
    let count = ask(&index, "search", &["cat", "-c"]).exits(0);
    for ignored in ["--stats", "--summary", "-A1", "--limit=1"] {
        let refused = ask(&index, "search", &["cat", "-c", ignored]).exits(2);
        assert!(refused.err.contains("cannot be used with"), "{}", refused.err);
    }
    assert_eq!(count.out.trim(), all.len().to_string());
    assert!(count.err.contains(": complete"), "{}", count.err);
    let groups =
        ask(&index, "search", &["cat", "--group-by", "account", "--format", "jsonl"]).exits(0).json();
    assert_eq!(groups.iter().map(|group| group["records"].as_u64().unwrap()).sum::<u64>(), all.len() as u64);
    let listed = ask(&index, "search", &["cat", "-l"]).exits(0).out;
    let mut sessions: Vec<&str> = all.iter().map(|hit| hit["session"].as_str().unwrap()).collect();
    sessions.dedup();
    assert_eq!(listed.lines().collect::<Vec<_>>(), sessions);
    let limited = ask(&index, "search", &["cat", "--limit", "2"]).exits(0);
    assert!(limited.err.contains("2 of at most") && limited.err.contains("--cursor "), "{}", limited.err);
    let rare = ask(&index, "stack", &["program", "--rare", "--format", "jsonl"]).exits(0).json();
    let counts: Vec<u64> = rare.iter().map(|group| group["records"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted() && counts.len() > 5, "{counts:?}");
}

#[test]
fn formats_are_what_other_programs_read() {
    let hostile: &[u8] = b"$ =cmd|'/c calc'!A1\r\r\na\",\"b\x1b[2J\r\r\n\xe2\x80\xae$ \r\r\n$ -rf x\r\r\n";
    let (_dir, index) = index_with(&[("ssm/111122223333/mallory-0123456789abcdef0.log", hostile)]);
    let csv = ask(&index, "search", &["--format", "csv", "--account", "111122223333"]).exits(0).out;
    assert!(csv.starts_with("\"ended_at\",") && csv.ends_with("\"\r\n"), "{csv}");
    assert!(csv.contains("\"'=cmd|'/c calc'!A1\"") && csv.contains("\"'-rf x\""), "{csv}");
    assert!(csv.contains("a\"\",\"\"b") && !csv.contains(['\x1b', '\u{202e}']), "{csv}");
    for line in
        ask(&index, "search", &["--format", "timesketch", "--account", "111122223333"]).exits(0).json()
    {
        assert!(line["message"].as_str().unwrap().starts_with("mallory@"), "{line}");
        assert!(line["datetime"].as_str().unwrap().ends_with("+00:00") && line["timestamp"].is_i64());
        assert!(line["timestamp_desc"].is_string());
    }
    let template = ["--account=111122223333", "--template", "{account} {seq} {command}"];
    let lines = ask(&index, "search", &template).exits(0).out;
    assert!(lines.starts_with("111122223333 0 =cmd|'/c calc'!A1\n"), "{lines}");
    let unknown = ask(&index, "search", &["x", "--template", "{acount}"]).exits(2);
    assert!(unknown.err.contains("{acount}") && unknown.err.contains("account"), "{}", unknown.err);
    let sessions = ask(&index, "sessions", &["--template", "{session} {records}"]).exits(0).out;
    assert!(sessions.starts_with("mallory-0123456789abcdef0 "), "{sessions}");
    let csv = ask(&index, "sessions", &["--format", "csv"]).exits(0).out;
    assert!(csv.contains("\"flags\",\"confidence_floor\",\"defects\""), "{csv}");
    ask(&index, "sessions", &["--template", "{command}"]).exits(2);
}

#[test]
fn sessions_are_named_by_id_beginning_or_reference() {
    let (_dir, index) = index_with(&[
        (
            "ssm/111122223333/alice-0123456789abcdef0.log",
            b"$ id\r\r\nuid=0\r\r\n$ pwd\r\r\n/root\r\r\n$ ls\r\r\n",
        ),
        ("ssm/111122223333/alice-0123456789abcdef1.log", b"$ id\r\r\n"),
        ("ssm/111122223333/-rf-0abc1234567890abc.log", b"$ id\r\r\n"),
        ("ssm/111122223333/bob@example.com-0123456789abcdef2.log", b"$ whoami\r\r\nbob\r\r\n"),
        ("ssm/444455556666/bob@example.com-0123456789abcdef2.log", b"$ whoami\r\r\nroot\r\r\n"),
    ]);
    let seqs = |ran: &Ran| ran.json().iter().map(|r| r["seq"].as_u64().unwrap()).collect::<Vec<_>>();
    let show = |arguments: &[&str]| ask(&index, "show", &[&["--format", "jsonl"], arguments].concat());
    assert_eq!(seqs(&show(&["alice-0123456789abcdef0"]).exits(0)), [0, 1, 2]);
    assert_eq!(seqs(&show(&["-C", "0", "alice-0123456789abcdef0@1"]).exits(0)), [1]);
    assert_eq!(seqs(&show(&["--from", "1", "--to", "2", "alice-0123456789abcdef0"]).exits(0)), [1, 2]);
    let many = show(&["alice"]).exits(2);
    assert!(
        many.err.contains("show --index") && many.err.contains("alice-0123456789abcdef1"),
        "{}",
        many.err
    );
    assert!(many.out.is_empty());
    show(&["--", "-rf-0abc1234567890abc"]).exits(0);
    show(&["--", "-rf"]).exits(0);
    let two = show(&["bob@"]).exits(0);
    assert!(
        two.err.contains("2 transcripts claim") && two.err.contains("account 444455556666"),
        "{}",
        two.err
    );
    show(&["carol"]).exits(1);
    show(&["--from", "2", "--to", "1", "alice-0123456789abcdef0"]).exits(2);
}

#[test]
fn sessions_are_filtered_and_sorted() {
    let (_dir, index) = fixture_index();
    let list =
        |arguments: &[&str]| ask(&index, "sessions", &[arguments, &["--format", "jsonl"]].concat()).json();
    let all = list(&[]);
    let floor =
        |floor: &[&str]| all.iter().filter(|s| floor.iter().any(|f| s["confidence_floor"] == *f)).count();
    assert_eq!(list(&["--floor", "medium"]).len(), floor(&["medium", "high"]));
    assert_eq!(list(&["--floor", "high"]).len(), floor(&["high"]));
    let erased = list(&["--flag", "erased"]);
    assert_eq!(
        erased.len(),
        all.iter().filter(|s| s["flags"].as_array().unwrap().contains(&"erased".into())).count()
    );
    let sizes: Vec<u64> = list(&["--sort", "bytes"]).iter().map(|s| s["bytes"].as_u64().unwrap()).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes.len() == all.len(), "{sizes:?}");
    let names: Vec<Value> = list(&["--sort", "principal", "--reverse", "--limit", "3"]);
    assert!(names.len() == 3 && names[0]["principal"].as_str() >= names[2]["principal"].as_str());
    assert!(list(&["cmd:sudo"]).len() < all.len());
    ask(&index, "sessions", &["--account", "9999*"]).exits(1);
}

#[test]
fn raw_bytes_come_from_the_object_and_from_no_other_file() {
    let body = b"$ printf '\\033[2J'\r\r\n\x1b[2Jx\r\r\n$ id\r\r\nuid=0\r\r\n";
    let (dir, index) = index_with(&[("ssm/111122223333/alice-0123456789abcdef0.log", body)]);
    let copy = dir.path().join("copy.log");
    fs::write(&copy, body).unwrap();
    let show = |arguments: &[&str]| {
        let arguments = [&["--as", "raw", "alice-0123456789abcdef0"], arguments].concat();
        ask(&index, "show", &arguments)
    };
    assert_eq!(show(&["--transcript", copy.to_str().unwrap()]).exits(0).out.as_bytes(), body);
    let part = show(&["--transcript", copy.to_str().unwrap(), "--from", "1"]).exits(0).out;
    assert_eq!(part, "$ id\r\r\nuid=0\r\r\n");
    let none = show(&[]).exits(2);
    assert!(none.err.contains("--transcript"), "{}", none.err);
    fs::write(&copy, b"$ something else\r\r\n").unwrap();
    let other = show(&["--transcript", copy.to_str().unwrap()]).exits(2);
    assert!(other.out.is_empty() && other.err.contains("not the object"), "{}", other.err);
}

#[test]
fn every_question_is_written_down_before_it_is_answered() {
    let (dir, index) = fixture_index();
    ask(&index, "search", &["foo\n{\"command\":\"show\"}", "--account", "1111*"]).exits(1);
    ask(&index, "sessions", &["--since", "2020-01-01"]).exits(0);
    ask(&index, "stack", &["program"]).exits(0);
    ask(&index, "search", &["cat", "--reveal"]).exits(0);
    ask(&index, "search", &["password=hunter2hunter2", "--fixed"]);
    let lines = audit(&index);
    let commands: Vec<&str> = lines.iter().map(|line| line["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["search", "sessions", "stack", "search", "search"]);
    assert_eq!(lines[0]["scope"], serde_json::json!(["--account=1111*"]));
    assert_eq!((&lines[0]["hits"], &lines[0]["complete"]), (&Value::from(0), &Value::from(true)));
    assert_eq!((&lines[3]["revealed"], &lines[0]["revealed"]), (&Value::from(true), &Value::from(false)));
    assert!(lines.iter().all(|line| line["user"]["uid"].is_u64() && line["time"].is_string()));
    assert!(!lines[4].to_string().contains("hunter2"), "{}", lines[4]);

    fs::remove_file(index.join("audit.jsonl")).unwrap();
    fs::create_dir(index.join("audit.jsonl")).unwrap();
    let refused = ask(&index, "search", &["cat"]).exits(2);
    assert!(refused.out.is_empty() && refused.err.contains("--audit FILE"), "{}", refused.err);
    let extra = dir.path().join("extra.jsonl");
    ask(&index, "search", &["cat", "--audit", extra.to_str().unwrap()]).exits(0);
    assert_eq!(fs::read_to_string(&extra).unwrap().lines().count(), 1);
    ask(&index, "search", &["cat", "--audit", "/dev/null"]).exits(2);
}

#[test]
fn the_first_mistakes_tell_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let empty = ask(dir.path(), "search", &["x"]).exits(2);
    assert!(
        empty.err.contains("holds no index") && empty.err.contains("shelltrail backfill"),
        "{}",
        empty.err
    );
    fs::write(dir.path().join("shelltrail.json"), r#"{"schema": 1, "partition_digits": 1}"#).unwrap();
    let other = ask(dir.path(), "search", &["x"]).exits(2);
    assert!(other.err.contains("schema version 1") && other.err.contains(".new"), "{}", other.err);
    let nothing = dir.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(&nothing).arg("--index").arg(&index)).exits(0);
    let none = ask(&index, "search", &["x"]).exits(1);
    assert!(none.err.contains("nothing is indexed here yet"), "{}", none.err);
    let config = dir.path().join("config.toml");
    fs::write(&config, "no_such_setting = 1\n").unwrap();
    run(shelltrail().arg("--config").arg(&config).args(["status", "--index"]).arg(&index)).exits(2);
    let unknown =
        run(shelltrail().env("SHELLTRAIL_TYPO", "1").args(["status", "--index"]).arg(&index)).exits(2);
    assert!(unknown.err.contains("typo") && !unknown.err.contains("^J"), "{}", unknown.err);
    let without = ["--no-config", "status", "--index"];
    run(shelltrail().env("SHELLTRAIL_CONFIG", &config).args(without).arg(&index)).exits(0);
}

#[test]
fn completions_and_man_pages_are_made_of_the_same_definitions() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let text = run(shelltrail().args(["completions", shell])).exits(0).out;
        assert!(text.contains("group-by") && text.contains("context-lines"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    run(shelltrail().arg("man").arg(dir.path().join("man1"))).exits(0);
    let page = fs::read_to_string(dir.path().join("man1/shelltrail-search.1")).unwrap();
    assert!(page.contains("group\\-by"), "{page}");
    assert!(!dir.path().join("man1/shelltrail-help.1").exists());
    for verb in ["search", "show", "sessions", "stack", "explain", "parse", "backfill"] {
        let help = run(shelltrail().args([verb, "--help"])).exits(0).out;
        assert!(help.contains("Examples:\n  shelltrail "), "{verb}: {help}");
    }
}

#[test]
fn secrets_are_masked_everywhere_until_they_are_asked_for() {
    let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY";
    let body = format!(
        "$ export AWS_SECRET_ACCESS_KEY={key}\r\r\n$ echo {key}\r\r\n{key}\r\r\n$ env\r\r\nAWS_SECRET_ACCESS_KEY={key}\r\r\n"
    );
    let (_dir, index) = index_with(&[("ssm/111122223333/alice-0123456789abcdef0.log", body.as_bytes())]);
    let secret = "AWS_SECRET_ACCESS_KEY=wJalr";
    let all = "--account=111122223333";
    for (verb, arguments) in [
        ("search", &["AWS_SECRET", "--color=always"][..]),
        ("search", &["AWS_SECRET", "--format=jsonl"]),
        ("search", &["AWS_SECRET", "--format=csv"]),
        ("search", &["AWS_SECRET", "--format=timesketch"]),
        ("search", &["AWS_SECRET", "--template={command} {output}"]),
        ("search", &[all, "--group-by=command"]),
        ("stack", &["command", "--format=csv"]),
        ("stack", &["command", "--format=jsonl"]),
        ("show", &["alice", "--output-lines=0"]),
        ("show", &["alice", "--as=sent"]),
        ("show", &["alice", "--format=jsonl"]),
    ] {
        let masked = ask(&index, verb, arguments).exits(0);
        assert!(!masked.out.contains(secret) && masked.out.contains("****"), "{arguments:?}: {}", masked.out);
        assert!(masked.err.contains("--reveal"), "{arguments:?}: {}", masked.err);
        let open = ask(&index, verb, &[arguments, &["--reveal"]].concat()).exits(0);
        assert!(open.out.contains("wJalrXUtnFEMI/K7MDENG"), "{arguments:?}: {}", open.out);
    }
    let revealed = audit(&index).iter().filter(|line| line["revealed"] == true).count();
    assert_eq!(revealed, 11);
}

#[test]
fn no_variable_makes_us_run_a_program() {
    let (dir, index) = fixture_index();
    let trap = dir.path().join("trap");
    let touch = format!("touch {}", trap.display());
    let mut command = shelltrail();
    command.env("PAGER", format!("less -R; {touch}")).env("LESSOPEN", format!("|{touch} %s"));
    run(command.args(["search", "cat", "--index"]).arg(&index)).exits(0);
    assert!(!trap.exists());
}

#[test]
fn a_beginning_that_fits_several_sessions_is_told_and_written_down() {
    let body = b"$ id\r\r\nuid=0\r\r\n$ exit\r\r\n";
    let (_dir, index) = index_with(&[
        ("ssm/111122223333/alice-0123456789abcdef0.log", &body[..]),
        ("ssm/111122223333/alice-0123456789abcdef1.log", &body[..]),
    ]);
    let refused = ask(&index, "show", &["alice"]).exits(2);
    assert!(refused.err.contains("2 sessions begin with alice"), "{}", refused.err);
    let lines = audit(&index);
    let last = lines.last().unwrap();
    assert_eq!((last["sessions"].as_array().unwrap().len(), &last["complete"]), (2, &Value::from(false)));
}

#[test]
fn flags_and_query_must_leave_something() {
    let (_dir, index) = fixture_index();
    let both = ask(&index, "search", &["cat before:2026-01-01", "--since", "2026-02-01"]).exits(2);
    assert!(
        both.err.contains("nothing is in this range") && both.err.contains("    ^^^^^^^^^^^"),
        "{}",
        both.err
    );
    ask(&index, "search", &["cat before:2026-03-01 OR dog", "--since", "2026-04-01"]).exits(1);
}

#[test]
fn a_summary_is_refused_where_it_has_no_place() {
    let (_dir, index) = fixture_index();
    for arguments in [
        &["search", "cat", "--summary"][..],
        &["search", "cat", "-l", "--format", "csv", "--summary"],
        &["search", "cat", "--template", "{command}", "--summary"],
        &["sessions", "--summary"],
    ] {
        let refused = ask(&index, arguments[0], &arguments[1..]).exits(2);
        assert!(refused.err.contains("--format jsonl"), "{arguments:?}: {}", refused.err);
    }
}

#[test]
fn explain_tells_a_regular_expression_from_a_path() {
    let (_dir, index) = fixture_index();
    let path = ask(&index, "explain", &["\"/etc/\""]);
    assert!(!path.out.contains("regular expression"), "{}", path.out);
    let regex = ask(&index, "explain", &["/etc/"]);
    assert!(regex.out.contains("/etc/    [regular expression; "), "{}", regex.out);
}

#[test]
fn a_session_of_unknown_end_is_told_wherever_times_are_asked_for() {
    let headless = "$ whoami\r\nroot\r\n$ exit\r\n";
    let (_dir, index) = index_with(&[("ssm/111122223333/a-0123456789abcdef0.log", headless.as_bytes())]);
    let since = ["whoami", "--since", "2026-01-01"];
    for mode in [&[][..], &["-l"], &["-c"], &["--group-by", "account"]] {
        let told = ask(&index, "search", &[&since, mode].concat());
        assert!(told.err.contains("with an unknown end of the session"), "{mode:?}: {}", told.err);
    }
    let told = ask(&index, "stack", &[&["program"], &since[..]].concat());
    assert!(told.err.contains("1 session with an unknown end"), "{}", told.err);
}

#[test]
fn a_password_is_recognised_across_accounts_and_in_no_other_index() {
    let body = |user: &str| format!("$ mysql -pS3cr3t! -u {user}\r\r\n$ exit\r\r\n").into_bytes();
    let (one, two) = (body("a"), body("b"));
    let transcripts = [
        ("ssm/111122223333/a-0123456789abcdef0.log", &one[..]),
        ("ssm/444455556666/b-0123456789abcdef0.log", &two[..]),
    ];
    let fingerprints = |index: &Path| -> Vec<String> {
        let shown = ask(index, "search", &["cmd:mysql", "--template", "{command}"]).exits(0).out;
        shown.lines().map(|line| line.split(" -u").next().unwrap().to_owned()).collect()
    };
    let (_dir, index) = index_with(&transcripts);
    let here = fingerprints(&index);
    assert!(here.len() == 2 && here[0] == here[1] && here[0].starts_with("mysql -p****["), "{here:?}");
    let (_dir, index) = index_with(&transcripts);
    assert_ne!(fingerprints(&index)[0], here[0]);
}
