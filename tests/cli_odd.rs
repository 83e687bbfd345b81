//! The command in odd surroundings: full disks, closed pipes, other users, files of other systems.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::{ask, fixtures, run, shelltrail, stored_sessions};

fn fixture_index() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(fixtures().join("bucket")).arg("--index").arg(&index)).exits(0);
    (dir, index)
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_variable_that_is_no_text_disturbs_nobody() {
    let (_dir, index) = fixture_index();
    let odd = OsStr::from_bytes(b"caf\xe9");
    let search =
        |name: &str| run(shelltrail().args(["search", "sudo -i", "--index"]).arg(&index).env(name, odd));
    search("LESSCHARDEF").exits(0);
    let told = search("SHELLTRAIL_PAGER").exits(2);
    assert!(told.err.contains("SHELLTRAIL_PAGER"), "{told:?}");
    let path = index.with_file_name(odd);
    fs::rename(&index, &path).unwrap();
    run(shelltrail().args(["search", "sudo -i"]).env("SHELLTRAIL_INDEX", &path)).exits(0);
}

#[test]
fn the_exit_code_outlives_a_full_disk_under_stderr() {
    let (dir, index) = fixture_index();
    let code = |command: &mut Command| command.stderr(full()).stdout(full()).status().unwrap().code();
    let search = |words: &[&str]| {
        let mut command = shelltrail();
        command.arg("search").args(words).arg("--index").arg(&index);
        command
    };
    assert_eq!(search(&["zzznothing"]).stderr(full()).status().unwrap().code(), Some(1));
    assert_eq!(
        search(&["sudo"])
            .stderr(full())
            .stdout(File::create(dir.path().join("o")).unwrap())
            .status()
            .unwrap()
            .code(),
        Some(0)
    );
    assert_eq!(code(&mut search(&["sudo"])), Some(2), "the answer is not there");
    let mut backfill = shelltrail();
    backfill.args(["backfill", "-vvv"]).arg(fixtures().join("bucket"));
    backfill.arg("--index").arg(dir.path().join("other"));
    assert_eq!(
        backfill.stderr(full()).stdout(File::create(dir.path().join("p")).unwrap()).status().unwrap().code(),
        Some(0)
    );
}

#[test]
fn an_answer_that_cannot_be_written_says_where() {
    let (_dir, index) = fixture_index();
    let told = shelltrail().args(["search", "sudo", "--index"]).arg(&index).stdout(full()).output().unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains("standard output") && told.contains("No space left"), "{told}");
}

#[test]
fn who_has_seen_enough_is_told_all_the_same_that_it_was_not_all() {
    let (_dir, index) = fixture_index();
    let closed = |words: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = shelltrail().args(words).arg("--index").arg(&index).stdout(writer).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let ways: [&[&str]; 8] = [
        &["search", "sudo"],
        &["search", "sudo", "--format", "jsonl"],
        &["search", "sudo", "-l"],
        &["search", "sudo", "-c"],
        &["sessions"],
        &["stack", "program"],
        &["explain", "sudo"],
        &["show", "tanaka-0c3bd2666ddb7920a"],
    ];
    let of_the_index: [&[&str]; 2] = [&["index", "check"], &["status"]];
    for words in ways.into_iter().chain(of_the_index) {
        let (code, told) = closed(words);
        assert_eq!(code, Some(0), "{words:?} {told}");
    }
    fs::write(index.join("failures/x.json"), "{").unwrap();
    for words in &ways[..7] {
        let (code, told) = closed(words);
        assert_eq!(code, Some(3), "{words:?} {told}");
        assert!(told.contains("not complete"), "{words:?} {told}");
    }
    for partition in fs::read_dir(index.join("partitions")).unwrap() {
        fs::write(partition.unwrap().path().join("tantivy/meta.json"), "{").unwrap();
    }
    for words in of_the_index {
        let (code, told) = closed(words);
        assert_eq!(code, Some(3), "{words:?} {told}");
    }
}

#[test]
fn a_query_file_of_another_system_asks_the_same() {
    let (dir, index) = fixture_index();
    let file = dir.path().join("query");
    let count = |content: &[u8]| {
        fs::write(&file, content).unwrap();
        ask(&index, "search", &["-c", "--query-file", file.to_str().unwrap()]).out
    };
    let plain = count(b"sudo -i");
    assert_ne!(plain, "0\n");
    for content in ["sudo -i\n", "sudo -i\r\n", "\u{feff}sudo -i", "\u{feff}sudo -i\r\n"] {
        assert_eq!(count(content.as_bytes()), plain, "{content:?}");
    }
    assert_eq!(count(b"sudo -i\n\n"), "0\n", "one line end is taken off");
}

#[test]
fn blanks_at_the_ends_of_a_text_are_pointed_out() {
    let (_dir, index) = fixture_index();
    for (query, told) in [(" sudo -i", true), ("sudo -i\t", true), ("sudo -i", false), (" cmd:sudo ", false)]
    {
        let err = ask(&index, "search", &[query]).err;
        assert_eq!(err.contains("blank"), told, "{query:?} {err}");
    }
}

#[test]
fn what_a_document_makes_of_a_command_is_pointed_out() {
    let (_dir, index) = fixture_index();
    for (query, told) in [
        ("sudo\u{a0}-i", Some("U+00A0")),
        ("\u{201c}sudo -i\u{201d}", Some("U+201C, U+201D")),
        ("cmd:sudo AND \u{2013}i", Some("U+2013")),
        ("caf\u{e9} \u{65e5}\u{672c}", None),
    ] {
        let ran = ask(&index, "search", &[query]);
        assert_eq!(ran.err.contains("document"), told.is_some(), "{query:?} {ran:?}");
        assert!(ran.err.contains(told.unwrap_or_default()), "{query:?} {ran:?}");
    }
}

#[test]
fn a_time_with_the_name_of_a_zone_is_no_time() {
    let (_dir, index) = fixture_index();
    for time in ["2026-11-20T10:00[Europe/Berlin]", "2026-11-20[Europe/Berlin]"] {
        let told = ask(&index, "search", &["sudo", "--since", time]).exits(2);
        assert!(told.err.contains("not a time"), "{told:?}");
        ask(&index, "search", &[&format!("cmd:sudo after:{time}")]).exits(2);
    }
    for time in
        ["2026-11-20T10:00", "2026-11-20 10:00", "2026-11-20T12:00+02:00[Europe/Berlin]", "20261120T10"]
    {
        let told = ask(&index, "search", &["sudo", "--since", time]).exits(0);
        assert!(told.err.contains("2026-11-20T10:00:00Z"), "{told:?}");
    }
}

#[test]
fn a_line_of_the_audit_file_that_was_cut_spoils_no_other() {
    let (_dir, index) = fixture_index();
    let file = index.join("audit.jsonl");
    fs::write(&file, "{\"schema\":1,\"ti").unwrap();
    for _ in 0..2 {
        ask(&index, "search", &["sudo"]).exits(0);
    }
    let text = fs::read_to_string(&file).unwrap();
    let whole = text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    assert_eq!((text.lines().count(), whole.count()), (3, 2), "{text}");
}

/// A command as somebody who may read the index and not write to it.
fn as_a_reader(dir: &Path, index: &Path, words: &[&str]) -> Command {
    let program = dir.join("shelltrail");
    let as_root = fs::metadata(dir).unwrap().uid() == 0;
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_shelltrail"), &program).unwrap();
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(&program);
    command.env_clear().args(words).arg("--index").arg(index);
    if as_root {
        command.uid(65534).gid(65534);
    }
    command
}

fn allow(path: &Path, directory: u32, file: u32) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| allow(&entry.unwrap().path(), directory, file));
    }
    let mode = if path.is_dir() { directory } else { file };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn who_may_only_read_searches_as_well() {
    let (dir, index) = fixture_index();
    let audit = dir.path().join("audit");
    File::create(&audit).unwrap().set_permissions(fs::Permissions::from_mode(0o666)).unwrap();
    allow(&index, 0o555, 0o444);
    let search = |words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--audit", audit.to_str().unwrap()]).collect();
        run(&mut as_a_reader(dir.path(), &index, &words))
    };
    search(&["search", "sudo -i"]).exits(0);
    search(&["search", "zzznothing"]).exits(1);
    run(&mut as_a_reader(dir.path(), &index, &["index", "check", "--deep"])).exits(0);
    // A file that may not be read is no damage, and a partition that is there is not nothing.
    let partition = fs::read_dir(index.join("partitions")).unwrap().next().unwrap().unwrap().path();
    for file in fs::read_dir(partition.join("tantivy")).unwrap() {
        let file = file.unwrap().path();
        if file.extension() == Some("term".as_ref()) {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        }
    }
    let told = search(&["search", "zzznothing"]).exits(3);
    assert!(!told.err.contains("nothing is indexed"), "{told:?}");
    let told = run(&mut as_a_reader(dir.path(), &index, &["index", "check"])).exits(2);
    assert!(told.out.contains("unchecked") && !told.out.contains("DAMAGED"), "{told:?}");
    allow(&index, 0o755, 0o644);
}

#[test]
fn a_partition_that_cannot_be_opened_is_not_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (source, index) = (dir.path().join("bucket/ssm/111122223333"), dir.path().join("index"));
    fs::create_dir_all(&source).unwrap();
    let object = fixtures().join("bucket/ssm/333344445555/carol.ops-011c0c5bb626d3fdf.log");
    fs::copy(object, source.join("carol.ops-011c0c5bb626d3fdf.log")).unwrap();
    run(shelltrail().arg("backfill").arg(dir.path().join("bucket")).arg("--index").arg(&index)).exits(0);
    fs::write(index.join("partitions/1/tantivy/meta.json"), "{").unwrap();
    let told = ask(&index, "search", &["zzznothing"]).exits(3);
    assert!(!told.err.contains("nothing is indexed"), "{told:?}");
}

#[test]
fn a_secret_behind_su_is_masked_around_every_line_that_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (source, index) = (dir.path().join("ssm/111122223333"), dir.path().join("index"));
    fs::create_dir_all(&source).unwrap();
    let lines =
        ["sh-5.2$ su AKIAIOSFODNN7EXAMPLQ", "Password: ", "$ whoami", "x", "$ exit", "sh-5.2$ exit", ""];
    let file = source.join("alice-05ba181f37a0fb8d2.log");
    fs::write(&file, lines.join("\r\r\n")).unwrap();
    run(shelltrail().arg("backfill").arg(dir.path().join("ssm")).arg("--index").arg(&index)).exits(0);
    let ways: [&[&str]; 6] = [
        &["search", "whoami", "-C", "9"],
        &["search", "whoami", "--format", "jsonl"],
        &["search", "whoami", "--template", "{context}"],
        &["show", "alice-05ba181f37a0fb8d2"],
        &["stack", "context"],
        &["search", "whoami", "--stats"],
    ];
    for words in ways {
        let told = ask(&index, words[0], &words[1..]).exits(0);
        assert!(!format!("{told:?}").contains("AKIAIOSFODNN7EXAMPLQ"), "{words:?} {told:?}");
    }
    let told = run(shelltrail().args(["parse", "--mask", "--format", "text"]).arg(&file)).exits(0);
    assert!(told.out.contains("su:AKIA****"), "{told:?}");
    let shown = ask(&index, "show", &["--reveal", "alice-05ba181f37a0fb8d2"]);
    assert!(shown.out.contains("su:AKIAIOSFODNN7EXAMPLQ"), "{shown:?}");
}

#[test]
fn another_key_layout_stores_nothing_twice() {
    let (_dir, index) = fixture_index();
    let before = stored_sessions(&index);
    let mut again = shelltrail();
    again.arg("backfill").arg(fixtures().join("bucket")).arg("--index").arg(&index);
    let told = run(again.env("SHELLTRAIL_S3_KEY_LAYOUT", r#"["ssm/*"]"#)).exits(0);
    assert!(told.err.contains("key_layout"), "{told:?}");
    assert_eq!(stored_sessions(&index), before);
    run(shelltrail().args(["index", "check", "--deep", "--index"]).arg(&index)).exits(0);
}

#[test]
fn a_file_beyond_the_limit_is_not_read_to_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("giant.log");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let told = run(shelltrail().arg("parse").arg(&path)).exits(2);
    assert!(told.err.contains("giant.log") && told.err.contains("1073741824"), "{told:?}");
}
