//! A session as text, to the letter.

use std::fs;

use crate::support::program::{ask, run, shelltrail};

const HEADER: &str = "Script started on 2026-11-20 21:02:14+00:00 [COMMAND=\"cat /var/lib/amazon/ssm/i-0123456789abcdef0/session/orchestration/alice-05ba181f37a0fb8d2/Standard_Stream/ipcTempFile.log\" <not executed on terminal>]\n";

/// Marked and unmarked lines, a here-document, something hostile, a long output and an unfinished line; no footer.
fn transcript() -> String {
    let mut text = HEADER.to_owned() + "Welcome to h1\r\r\n";
    for (line, output) in [
        ("id", "uid=0(root) gid=0(root)\r\r\n"),
        ("cat f", "a\x1b]52;c;cm0gLXJmIC8K\x07b\u{202e}c\r\r\n    1 sh-5.2$ not ours\r\r\n"),
        ("seq 30", &(1..=30).map(|n| format!("{n}\r\r\n")).collect::<String>()),
    ] {
        text += &format!("\x1b[?2004hsh-5.2$ {line}\r\r\n\x1b[?2004l\r{output}");
    }
    text += "\x1b[?2004hsh-5.2$ rm -rf /tmp/z^C\x1b[?2004l\r\x1b[?2004h\x1b[?2004l\r\r\r\n";
    text + "\x1b[?2004hsh-5.2$ cat <<E\r\r\n\x1b[?2004l\r\x1b[?2004h> one\r\r\n\x1b[?2004l\r\x1b[?2004h> E\r\r\n\x1b[?2004l\rone\r\r\n\
        \x1b[?2004hsh-5.2$ nev"
}

const HEAD: &str = "\
alice-05ba181f37a0fb8d2
  kind      transcript
  account   111122223333, eu-west-1
  principal alice
  target    i-0123456789abcdef0
  ended     2026-11-20T21:02:14Z (transcript header)
";

const RECORDS: &str = "    0 (output without a command)
        Welcome to h1
    1 sh-5.2$ id
        uid=0(root) gid=0(root)
    2 sh-5.2$ cat f
        ab<U+202E>c
            1 sh-5.2$ not ours
    3 sh-5.2$ seq 30
        1
        2
        … 28 more lines
    4 sh-5.2$ rm -rf /tmp/z   [aborted]
    5 sh-5.2$ cat <<E
      > one
      > E
        one
    6 sh-5.2$ nev   [unsubmitted]
";

#[test]
fn a_session_is_shown_as_a_responder_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let key = "session/111122223333/eu-west-1/alice-05ba181f37a0fb8d2.log";
    let path = dir.path().join("bucket").join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let transcript = transcript();
    fs::write(&path, &transcript).unwrap();

    let parse = |lines: &str| {
        let arguments = ["parse", "--format", "text", "--output-lines", lines, key];
        run(shelltrail().current_dir(dir.path().join("bucket")).args(arguments)).exits(0).out
    };
    let rows = format!(
        "  records   7, in {} bytes\n  object    {key}\n  defects   footer missing\n\n",
        transcript.len()
    );
    let expected = format!("{HEAD}{rows}{RECORDS}");
    assert_eq!(without_contexts(&parse("2")), expected);

    let all = parse("0");
    assert!(all.contains("        30\n") && !all.contains('…'), "{all}");
    let by_default = run(shelltrail().args(["parse", "--format", "text"]).arg(&path)).exits(0).out;
    assert!(by_default.contains("        20\n        … 10 more lines\n"), "{by_default}");

    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(dir.path().join("bucket")).arg("--index").arg(&index)).exits(0);
    let session = "alice-05ba181f37a0fb8d2";
    let shown = ask(&index, "show", &["--output-lines", "2", session]).exits(0).out;
    let (head, records) = shown.split_at(shown.find("  object").unwrap());
    assert!(head.starts_with(HEAD), "{head}");
    assert!(without_contexts(records).ends_with(RECORDS), "{records}");
    let around = ask(&index, "show", &["--around", "1", "-C", "0", session]).exits(0).out;
    assert!(around.ends_with("    1 sh-5.2$ id\n        uid=0(root) gid=0(root)\n"), "{around}");
}

#[test]
fn a_hit_shows_the_match_that_the_terminal_did_not() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = dir.path().join("bucket");
    let path = bucket.join("session/111122223333/eu-west-1/alice-05ba181f37a0fb8d2.log");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "$ rm -rf /var/log\r$ ls -la          \r\n").unwrap();
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(&bucket).arg("--index").arg(&index)).exits(0);
    let found = ask(&index, "search", &["rm -rf"]).exits(0).out;
    assert!(found.contains("  alice-05ba181f37a0fb8d2@0  1 of 1  "), "{found}");
    assert!(found.contains("  overwritten\n") && found.contains("ls -la\n"), "{found}");
    assert!(found.contains("      line as sent:\n        rm -rf /var/log\n"), "{found}");
    let shown = ask(&index, "search", &["ls -la"]).exits(0).out;
    assert!(shown.ends_with("ls -la\n"), "{shown}");
    let sent = ask(&index, "show", &["--as", "sent", "alice-05ba181f37a0fb8d2"]).exits(0).out;
    assert!(sent.contains("rm -rf /var/log"), "{sent}");
}

#[test]
fn hits_are_grouped_marked_and_cut_to_the_width() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = dir.path().join("bucket");
    let path = bucket.join("session/111122223333/eu-west-1/alice-05ba181f37a0fb8d2.log");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let long = format!("{}needle{}", "漢".repeat(300), "é".repeat(300));
    let lines: String = (1..=20).map(|n| format!("line {n}\r\r\n")).collect();
    let body = format!("{HEADER}$ cat a\r\r\n{lines}{long}\r\r\n{lines}$ echo needle\r\r\nneedle\r\r\n$ ");
    fs::write(&path, body).unwrap();
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(&bucket).arg("--index").arg(&index)).exits(0);

    let arguments = ["needle", "--width", "80", "--context-lines", "1", "-B", "1"];
    let text = ask(&index, "search", &arguments).exits(0).out;
    assert_eq!(text.matches("2026-11-20T21:02:14Z ended (transcript header)").count(), 1, "{text}");
    assert!(text.contains("        … 19 lines\n        line 20\n        …漢"), "{text}");
    assert!(text.contains("        line 1\n        … 19 lines\n"), "{text}");
    assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
    let coloured = ask(&index, "search", &[&arguments[..], &["--color", "always"]].concat()).exits(0).out;
    assert!(coloured.contains("\x1b[1;31mneedle\x1b[0m"), "{coloured}");
    let berlin = ask(&index, "search", &["needle", "--tz", "+01:00"]).exits(0).out;
    assert!(berlin.starts_with("2026-11-20T22:02:14+01:00 ended"), "{berlin}");
}

#[test]
fn a_file_is_parsed_as_it_is_unless_secrets_are_to_be_masked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alice-05ba181f37a0fb8d2.log");
    fs::write(&path, "$ mysql -pTr0ub4dor -u root\r\r\n$ exit\r\r\n").unwrap();
    for format in ["jsonl", "text"] {
        let parse =
            |more: &[&str]| run(shelltrail().args(["parse", "--format", format]).args(more).arg(&path));
        assert!(parse(&[]).exits(0).out.contains("mysql -pTr0ub4dor -u root"));
        assert!(parse(&["--mask"]).exits(0).out.contains("mysql -p**** -u root"));
    }
}

fn columns(line: &str) -> usize {
    line.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum()
}

/// The text without the shells in which its lines were typed.
fn without_contexts(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("      in ")).collect()
}

/// E7 of the threats: found as decoded, the command as it was.
#[test]
fn what_a_command_holds_encoded_is_found_and_labelled() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ssm/111122223333");
    std::fs::create_dir_all(&folder).unwrap();
    let body = "$ echo Y3VybCBodHRwOi8vd3d3LmV4YW1wbGUuY29tCg== | base64 -d | sh\r\r\n<html>\r\r\n\
        $ echo cGFzc3dvcmQ9aHVudGVyMmh1bnRlcjI= | base64 -d\r\r\n";
    std::fs::write(folder.join("alice-0123456789abcdef0.log"), body).unwrap();
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(dir.path().join("ssm")).arg("--index").arg(&index)).exits(0);
    let query = "cmd:curl http://www.example.com";
    let found = ask(&index, "search", &[query]).exits(0).out;
    assert!(found.contains("echo Y3VybC"), "{found}");
    assert!(found.contains("      decoded:\n        curl http://www.example.com\n"), "{found}");
    let json = ask(&index, "search", &["--format", "jsonl", query]).exits(0).json();
    assert_eq!(json[0]["decoded"], "curl http://www.example.com");
    assert!(json[0]["command"].as_str().unwrap().starts_with("echo Y3VybC"));
    ask(&index, "search", &["out:curl"]).exits(1);
    ask(&index, "search", &["raw:curl"]).exits(1);
    // What is hidden in it is masked as anywhere else.
    for arguments in [&["--format", "jsonl"][..], &["--template", "{decoded}"], &[]] {
        let shown = ask(&index, "search", &[&["hunter2"], arguments].concat()).exits(0).out;
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let shown = ask(&index, "show", &["alice"]).exits(0).out;
    assert!(shown.contains("decoded:\n        curl http") && !shown.contains("hunter2"), "{shown}");
}
