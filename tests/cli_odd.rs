//! The command in odd surroundings: full disks, closed pipes, other users, files of other systems.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::{ask, fixtures, run, shelltrail};

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
    let ways: [&[&str]; 7] = [
        &["search", "sudo"],
        &["search", "sudo", "--format", "jsonl"],
        &["search", "sudo", "-l"],
        &["search", "sudo", "-c"],
        &["sessions"],
        &["stack", "program"],
        &["explain", "sudo"],
    ];
    for words in ways {
        let (code, told) = closed(words);
        assert_eq!(code, Some(0), "{words:?} {told}");
    }
    fs::write(index.join("failures/x.json"), "{").unwrap();
    for words in ways {
        let (code, told) = closed(words);
        assert_eq!(code, Some(3), "{words:?} {told}");
        assert!(told.contains("not complete"), "{words:?} {told}");
    }
}
