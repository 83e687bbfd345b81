//! A disk that forgets what was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::faults::Step;

/// What a crash takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: the process was killed, the machine runs on.
    Nothing,
    /// Everything that was not synced, names and bytes.
    Everything,
    /// Names that were not synced, removals and new names alike; bytes are kept.
    Names,
    /// Bytes that were not synced, in files whose names and lengths are kept: zeros are in their place.
    Bytes,
    /// Each name and each file by the toss of a coin; of a file perhaps a half.
    Some(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Dir,
    File(usize),
}

type Names = BTreeMap<OsString, Entry>;

#[derive(Clone, Debug, Default)]
struct Dir {
    now: Names,
    durable: Names,
}

#[derive(Clone, Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Disk {
    dirs: BTreeMap<PathBuf, Dir>,
    files: Vec<File>,
}

fn split(path: &Path) -> (PathBuf, OsString) {
    (path.parent().unwrap().to_owned(), path.file_name().unwrap().to_owned())
}

impl Disk {
    /// A disk with one directory.
    pub fn new() -> Self {
        Self { dirs: [(PathBuf::new(), Dir::default())].into(), files: Vec::new() }
    }

    fn dir(&mut self, path: &Path) -> &mut Dir {
        self.dirs.get_mut(path).unwrap_or_else(|| panic!("{} was never made", path.display()))
    }

    fn file(&mut self, path: &Path) -> &mut File {
        let (dir, name) = split(path);
        match self.dir(&dir).now.get(&name) {
            Some(Entry::File(number)) => {
                let number = *number;
                &mut self.files[number]
            }
            other => panic!("{} is {other:?}", path.display()),
        }
    }

    /// Does a step.
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::MakeDir(path) => {
                let (dir, name) = split(path);
                self.dir(&dir).now.insert(name, Entry::Dir);
                self.dirs.insert(path.clone(), Dir::default());
            }
            Step::Create(path) => {
                let (dir, name) = split(path);
                let number = self.files.len();
                // A file that is emptied keeps what was durable until it is synced.
                let durable = match self.dir(&dir).now.get(&name) {
                    Some(Entry::File(number)) => {
                        let number = *number;
                        self.files[number].now.clear();
                        return;
                    }
                    _ => Vec::new(),
                };
                self.files.push(File { now: Vec::new(), durable });
                self.dir(&dir).now.insert(name, Entry::File(number));
            }
            Step::Write(path, offset, bytes) => {
                let file = self.file(path);
                let (start, end) = (*offset as usize, *offset as usize + bytes.len());
                file.now.resize(file.now.len().max(end), 0);
                file.now[start..end].copy_from_slice(bytes);
            }
            Step::SetLen(path, length) => self.file(path).now.resize(*length as usize, 0),
            Step::Sync(path) => {
                let file = self.file(path);
                file.durable.clone_from(&file.now);
            }
            Step::Rename(from, to) => {
                let ((dir, name), (to_dir, to_name)) = (split(from), split(to));
                let entry = self.dir(&dir).now.remove(&name).unwrap();
                self.dir(&to_dir).now.insert(to_name, entry);
            }
            Step::Remove(path) => {
                let (dir, name) = split(path);
                self.dir(&dir).now.remove(&name).unwrap();
            }
            Step::SyncDir(path) => {
                let dir = self.dir(path);
                dir.durable.clone_from(&dir.now);
            }
            Step::Acknowledged(_) => {}
        }
    }

    /// The paths below a directory that a power loss would take, or take bytes of.
    pub fn endangered(&self, below: &Path) -> Vec<PathBuf> {
        let mut endangered = Vec::new();
        for (path, dir) in self.dirs.iter().filter(|(path, _)| path.starts_with(below)) {
            for (name, entry) in &dir.now {
                let is_whole = match entry {
                    Entry::Dir => true,
                    Entry::File(number) => self.files[*number].now == self.files[*number].durable,
                };
                if !is_whole || dir.durable.get(name) != Some(entry) {
                    endangered.push(path.join(name));
                }
            }
        }
        endangered
    }

    /// Writes down what a crash leaves.
    pub fn write(&self, to: &Path, loss: Loss) {
        let mut coin = Coin(match loss {
            Loss::Some(seed) => seed,
            _ => 0,
        });
        self.write_dir(Path::new(""), to, loss, &mut coin);
    }

    fn write_dir(&self, path: &Path, to: &Path, loss: Loss, coin: &mut Coin) {
        let dir = &self.dirs[path];
        let names: BTreeSet<&OsString> = dir.now.keys().chain(dir.durable.keys()).collect();
        for name in names {
            let (now, durable) = (dir.now.get(name), dir.durable.get(name));
            let entry = match loss {
                Loss::Nothing | Loss::Bytes => now,
                Loss::Everything | Loss::Names => durable,
                Loss::Some(_) => coin.choose(now, durable),
            };
            let to = to.join(name);
            match entry {
                None => {}
                Some(Entry::Dir) => {
                    fs::create_dir(&to).unwrap();
                    self.write_dir(&path.join(name), &to, loss, coin);
                }
                Some(Entry::File(number)) => fs::write(&to, self.files[*number].left(loss, coin)).unwrap(),
            }
        }
    }
}

impl File {
    fn left(&self, loss: Loss, coin: &mut Coin) -> Vec<u8> {
        let zeros = |mut bytes: Vec<u8>, length: usize| {
            bytes.resize(length, 0);
            bytes
        };
        match loss {
            Loss::Nothing | Loss::Names => self.now.clone(),
            Loss::Everything => self.durable.clone(),
            Loss::Bytes => zeros(self.durable.clone(), self.now.len()),
            Loss::Some(_) => match coin.toss() % 4 {
                0 => self.now.clone(),
                1 => self.durable.clone(),
                2 => zeros(self.durable.clone(), self.now.len()),
                _ => {
                    let half = (self.durable.len() + self.now.len()) / 2;
                    let mut bytes = self.durable.clone();
                    bytes.extend(self.now.iter().take(half).skip(self.durable.len()));
                    bytes
                }
            },
        }
    }
}

/// A reproducible coin (SplitMix64).
struct Coin(u64);

impl Coin {
    fn toss(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn choose<T>(&mut self, a: T, b: T) -> T {
        if self.toss() & 1 == 0 { a } else { b }
    }
}
