//! Ends a child process at a moment that what it has done so far decides.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A reproducible sequence.
pub struct Dice(u64);

impl Dice {
    /// The sequence of `SHELLTRAIL_KILL_SEED`, or always the same one.
    pub fn new(test: u64) -> Self {
        let seed = std::env::var("SHELLTRAIL_KILL_SEED").map_or(20_261_120, |seed| seed.parse().unwrap());
        println!("seed {seed}: repeat with SHELLTRAIL_KILL_SEED={seed}");
        Self(seed ^ test << 40)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// A program that hangs is not what these tests are about.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the program and kills it after so many changes below the index: files that appear, grow or go. `false`: it had
/// nothing left to do and ended before.
pub fn kill_at(command: &mut Command, index: &Path, moment: u64) -> bool {
    let Some(mut child) = start_until(command, index, moment) else { return false };
    // SIGKILL: nothing of the process runs after this.
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// Starts the program and returns it as it runs, after so many changes below the index; nothing if it ended before.
pub fn start_until(command: &mut Command, index: &Path, moment: u64) -> Option<Child> {
    let before = state(index);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let (mut seen, mut changes) = (before, 0);
    loop {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        let now = state(index);
        changes += u64::from(now != seen);
        seen = now;
        if changes >= moment {
            return Some(child);
        }
        assert!(begun.elapsed() < PATIENCE, "change {moment} never comes; {changes} changes were seen");
        thread::yield_now();
    }
}

/// Names and sizes of all files below a directory, as one number.
fn state(directory: &Path) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            // FNV-1a.
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        // What goes away while it is looked at is a change as well.
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let Ok(metadata) = entry.metadata() else { continue };
            add(entry.file_name().as_bytes());
            add(&metadata.len().to_le_bytes());
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    hash
}
