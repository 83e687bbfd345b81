//! The built program, as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::world::World;

/// The files of `fixtures/`.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The files below `fixtures/bucket`, as key and path, in order of the keys.
pub fn fixture_objects() -> Vec<(String, PathBuf)> {
    let root = fixtures().join("bucket");
    let mut folders = vec![root.clone()];
    let mut objects = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                objects.push((path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), path));
            }
        }
    }
    objects.sort();
    objects
}

/// `shelltrail`, away from whatever configures it on this machine.
pub fn shelltrail() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shelltrail"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SHELLTRAIL_") {
            command.env_remove(&name);
        }
    }
    command
}

/// `shelltrail worker` on the queue of a world, impatient as tests are.
pub fn worker(world: &World, index: &Path) -> Command {
    let mut command = shelltrail();
    world.configure(&mut command);
    command.args(["worker", "--queue-url", &world.queue_url, "--index"]).arg(index);
    command.envs([
        ("SHELLTRAIL_WORKER_RECEIVE_WAIT_SECS", "1"),
        ("SHELLTRAIL_WORKER_RETRY_DELAY_SECS", "0"),
        ("SHELLTRAIL_LISTEN", "off"),
    ]);
    command
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Ran {
        code: status.code(),
        out: String::from_utf8(stdout).expect("everything we print is UTF-8"),
        err: String::from_utf8(stderr).expect("everything we print is UTF-8"),
    }
}

impl Ran {
    /// The run must have ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The lines of `--format jsonl`.
    pub fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs a reading verb on an index.
pub fn ask(index: &Path, verb: &str, rest: &[&str]) -> Ran {
    run(shelltrail().arg(verb).arg("--index").arg(index).args(rest))
}

/// Session IDs of all stored transcripts, sorted, with repetitions.
pub fn stored_sessions(index: &Path) -> Vec<String> {
    let sessions = ask(index, "sessions", &["--format", "jsonl"]).json();
    let mut ids: Vec<_> = sessions.iter().map(|s| s["session"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}
