//! `shelltrail index`: check and compact.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::program::{Ran, fixtures, run, shelltrail, stored_sessions};

fn index(verb: &str, index: &Path, rest: &[&str]) -> Ran {
    run(shelltrail().args(["index", verb, "--index"]).arg(index).args(rest))
}

/// The index of the fixtures.
fn fixture_index() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    run(shelltrail().arg("backfill").arg(fixtures().join("bucket")).arg("--index").arg(&index)).exits(0);
    (dir, index)
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_sound_index_is_said_to_be_sound() {
    let (_dir, path) = fixture_index();
    let told = index("check", &path, &[]).exits(0);
    assert!(told.out.contains("sound") && told.err.is_empty(), "{told:?}");
    let deep = report(&index("check", &path, &["--deep", "--format", "json"]).exits(0));
    assert_eq!((&deep["sound"], &deep["deep"]), (&Value::Bool(true), &Value::Bool(true)));
    let stored: u64 =
        deep["partitions"].as_array().unwrap().iter().map(|p| p["sessions"].as_u64().unwrap()).sum();
    assert_eq!(stored, stored_sessions(&path).len() as u64);
    assert_eq!(deep["leftovers"].as_array().map(Vec::len), Some(0), "{deep}");
}

#[test]
fn damage_is_told_with_the_keys_that_it_hits_and_the_way_out() {
    let (_dir, path) = fixture_index();
    let before = stored_sessions(&path);
    let partition = fs::read_dir(path.join("partitions")).unwrap().next().unwrap().unwrap().path();
    let name = partition.file_name().unwrap().to_str().unwrap().to_owned();
    let pack = partition.join("packs/00000000.pack");
    let mut bytes = fs::read(&pack).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&pack, &bytes).unwrap();
    index("check", &path, &[]).exits(0);
    let told = index("check", &path, &["--deep"]).exits(3);
    assert!(told.out.contains("DAMAGED") && told.out.contains("affected"), "{told:?}");
    assert!(told.err.contains("backfill") && told.err.contains(&format!("partitions/{name}")), "{told:?}");
    let deep = report(&index("check", &path, &["--deep", "--format", "json"]).exits(3));
    assert_eq!(deep["sound"], Value::Bool(false));
    // With one block there is no other to read the key from; the session is known from its terms.
    let affected = &deep["affected"][0];
    let session = affected["session"].as_str().unwrap();
    assert!(before.iter().any(|stored| stored == session), "{deep}");
    assert!(
        affected["account"].is_null() || affected["account"].as_str().unwrap().starts_with(&name),
        "{deep}"
    );

    // The way out: what the other partitions hold is not read again.
    fs::rename(&partition, path.parent().unwrap().join("damaged")).unwrap();
    let again =
        run(shelltrail().arg("backfill").arg(fixtures().join("bucket")).arg("--index").arg(&path)).exits(0);
    assert!(
        again.err.contains("already indexed") && !again.err.contains(" 0 already indexed"),
        "{}",
        again.err
    );
    assert_eq!(stored_sessions(&path), before);
    index("check", &path, &["--deep"]).exits(0);
}

#[test]
fn compacting_removes_what_a_crash_left_and_loses_nothing() {
    let (dir, path) = fixture_index();
    // One more object, so that some partition has a second segment.
    let folder = dir.path().join("more/ssm/111122223333");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("zoe-0123456789abcdef0.log"), "$ id\r\r\nuid=0\r\r\n$ ").unwrap();
    run(shelltrail().arg("backfill").arg(dir.path().join("more")).arg("--index").arg(&path)).exits(0);
    let before = stored_sessions(&path);
    let part = path.join("partitions/1");
    fs::write(part.join("tantivy/00000000000000000000000000000000.idx"), [0; 1000]).unwrap();
    fs::write(part.join("packs/00000001.pack"), [0; 1000]).unwrap();
    let found = report(&index("check", &path, &["--format", "json"]).exits(0));
    assert_eq!(found["leftovers"].as_array().map(Vec::len), Some(2), "{found}");
    let done = index("compact", &path, &["--partition", "1", "--format", "json"]).exits(0);
    let done = &report(&done)["partitions"];
    assert_eq!(done.as_array().map(Vec::len), Some(1), "{done}");
    assert_eq!(done[0]["segments"][1], 1, "{done}");
    assert!(done[0]["index_bytes"][0].as_u64() > done[0]["index_bytes"][1].as_u64(), "{done}");
    index("compact", &path, &[]).exits(0);
    let after = report(&index("check", &path, &["--deep", "--format", "json"]).exits(0));
    assert_eq!(after["leftovers"].as_array().map(Vec::len), Some(0), "{after}");
    assert!(after["partitions"].as_array().unwrap().iter().all(|part| part["segments"] == 1), "{after}");
    assert_eq!(stored_sessions(&path), before);
    index("compact", &path, &["--partition", "../1"]).exits(2);
    index("compact", &path, &["--partition", "unplaced-not"]).exits(2);
}

#[test]
fn what_is_no_index_or_another_one_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_keep, path) = fixture_index();
    let manifest = path.join("shelltrail.json");
    let whole = fs::read(&manifest).unwrap();
    for verb in ["check", "compact"] {
        let nowhere = index(verb, &dir.path().join("nothing"), &[]).exits(2);
        assert!(nowhere.err.contains("there is no index"), "{}", nowhere.err);
        assert!(!dir.path().join("nothing").exists(), "{verb} makes no index");
        for version in ["1", "99"] {
            fs::write(&manifest, format!(r#"{{"schema": {version}, "other": true}}"#)).unwrap();
            let refused = index(verb, &path, &[]).exits(2);
            assert!(
                refused.err.contains("schema version") && refused.err.contains("backfill"),
                "{}",
                refused.err
            );
        }
        fs::write(&manifest, "{").unwrap();
        assert!(index(verb, &path, &[]).exits(2).err.contains("restore"), "{verb}");
        fs::remove_file(&manifest).unwrap();
        let refused = index(verb, &path, &[]).exits(2);
        assert!(refused.err.contains("no manifest"), "{}", refused.err);
        fs::write(&manifest, &whole).unwrap();
        index(verb, &path, &[]).exits(0);
    }
}
