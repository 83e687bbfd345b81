//! Packs: append-only files of blocks, named by number.
//!
//! A commit records how long each pack is. Bytes beyond that length belong to nobody (a crash came
//! before their commit) and are cut off when the next writer opens the partition, so a reader never
//! sees a block that is not whole.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::block::{Block, BlockError, BlockHeader, HEADER_BYTES};
use crate::block_cache::BlockCache;
use crate::disk::{self, DiskFile};
use crate::durable;

/// What is read before the size of a block is known: most blocks are smaller.
const FIRST_READ_BYTES: usize = 8 << 10;
/// A pack that has grown to this size is closed and a new one begun.
const MAX_PACK_BYTES: u64 = 1 << 30;

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockAt {
    /// The number of the pack.
    pub pack: u64,
    /// The byte at which the block begins.
    pub offset: u64,
}

/// The committed packs of a partition: the length of each, by number from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackLengths(pub Vec<u64>);

/// A pack could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The file system said no.
    #[error("{action} pack {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A block is not what it should be.
    #[error("read the block at byte {offset} of pack {path}")]
    Block {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// Why it failed.
        #[source]
        source: BlockError,
    },
    /// A pack is shorter than its commit says: bytes that were durable are gone.
    #[error("pack {path} has {found} bytes where {committed} were committed; restore it from a backup")]
    Short {
        /// The file.
        path: PathBuf,
        /// Its length now.
        found: u64,
        /// The length at the last commit.
        committed: u64,
    },
}

pub(crate) fn pack_path(dir: &Path, pack: u64) -> PathBuf {
    dir.join(format!("{pack:08}.pack"))
}

/// Appends runs of blocks.
#[derive(Debug)]
pub struct PackWriter {
    dir: PathBuf,
    /// How far each pack is written.
    lengths: PackLengths,
    /// How far the last commit goes; `None` while it is not known whether a commit is durable.
    committed: Option<PackLengths>,
    /// Batches that wrote or may still write, and are neither committed nor dropped.
    batches: usize,
    /// Counts the syncs that failed.
    epoch: u64,
    /// Whether a part of a run that was not written whole may lie behind the lengths.
    torn: bool,
    file: Option<DiskFile>,
    /// Packs that were written to since the last sync, apart from the current one.
    unsynced: Vec<DiskFile>,
}

impl PackWriter {
    /// Opens the packs of a partition as its last commit left them, cutting off what came after.
    ///
    /// # Errors
    /// A pack is shorter than committed, or the file system says no.
    pub fn open(dir: &Path, lengths: PackLengths) -> Result<Self, PackError> {
        durable::create_private_dir(dir).map_err(io("create the directory of", dir))?;
        for (pack, &committed) in (0..).zip(&lengths.0) {
            let path = pack_path(dir, pack);
            let file = match DiskFile::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && committed == 0 => continue,
                file => file.map_err(io("open", &path))?,
            };
            let found = file.len().map_err(io("open", &path))?;
            if found < committed {
                return Err(PackError::Short { path, found, committed });
            }
            if found > committed {
                file.set_len(committed).and_then(|()| file.sync()).map_err(io("truncate", &path))?;
            }
        }
        for path in packs_beyond(dir, &lengths)? {
            disk::remove(&path).map_err(io("remove", &path))?;
        }
        // A process that was killed may have named a pack and not synced the name.
        disk::sync_dir(dir).map_err(io("sync", dir))?;
        let committed = Some(lengths.clone());
        let dir = dir.to_owned();
        Ok(Self {
            dir,
            lengths,
            committed,
            batches: 0,
            epoch: 0,
            torn: false,
            file: None,
            unsynced: Vec::new(),
        })
    }

    /// A batch begins; what it appends belongs to this epoch.
    pub fn begin(&mut self) -> u64 {
        self.batches += 1;
        self.epoch
    }

    /// A batch is committed or dropped. Behind the last one that was dropped, its text is cut off, so that trying
    /// again and again on a full disk does not fill it.
    pub fn end(&mut self) {
        self.batches -= 1;
        self.cut();
    }

    /// Whether what was appended in an epoch may be committed: no sync has failed since.
    #[must_use]
    pub fn may_commit(&self, epoch: u64) -> bool {
        self.epoch == epoch
    }

    /// Appends one session's run of blocks and tells where it begins.
    ///
    /// # Errors
    /// The run is not whole in the file; the next append goes where this one began.
    pub fn append(&mut self, run: &[u8]) -> Result<BlockAt, PackError> {
        let full = self.lengths.0.last().is_none_or(|&length| length >= MAX_PACK_BYTES);
        let count = self.lengths.0.len() as u64;
        let pack = if full { count } else { count - 1 };
        let path = pack_path(&self.dir, pack);
        let append = || io("append to", &path);
        if full {
            // A commit may know of a pack only when its file is there.
            let file = DiskFile::create(&path).map_err(append())?;
            self.unsynced.extend(self.file.replace(file));
            self.lengths.0.push(0);
        }
        let Some(length) = self.lengths.0.last_mut() else { unreachable!("a pack was pushed above") };
        let file = match &mut self.file {
            Some(file) => file,
            None if *length == 0 => self.file.insert(DiskFile::create(&path).map_err(append())?),
            None => self.file.insert(DiskFile::open(&path).map_err(append())?),
        };
        let offset = *length;
        if let Err(error) = file.write_all_at(run, offset) {
            self.torn = true;
            return Err(append()(error));
        }
        *length += run.len() as u64;
        Ok(BlockAt { pack, offset })
    }

    /// Brings everything appended so far to stable storage and tells the lengths to commit. From here until
    /// [`PackWriter::settle`] nothing is cut off.
    ///
    /// # Errors
    /// Nothing of this epoch may be committed any more: after a sync that failed, the next one says nothing about
    /// the bytes before it (Linux tells a lost page once), so they have to be written again.
    pub fn sync(&mut self) -> Result<PackLengths, PackError> {
        let mut files = self.unsynced.iter().chain(&self.file);
        let synced = files.try_for_each(DiskFile::sync).and_then(|()| disk::sync_dir(&self.dir));
        if let Err(source) = synced {
            self.epoch += 1;
            self.rewind();
            return Err(PackError::Io { action: "sync", path: self.dir.clone(), source });
        }
        self.unsynced.clear();
        self.committed = None;
        Ok(self.lengths.clone())
    }

    /// Tells what the last commit holds, as it is known again.
    pub fn settle(&mut self, committed: PackLengths) {
        self.committed = Some(committed);
        self.cut();
    }

    /// Goes back to the last commit, whoever may still write: nothing of theirs can be committed.
    fn rewind(&mut self) {
        if let Some(committed) = self.committed.clone() {
            let idle = std::mem::take(&mut self.batches);
            self.cut();
            self.batches = idle;
            self.lengths = committed;
        }
    }

    /// Cuts off what no commit knows, if nobody can commit it any more. What cannot be cut off is written over.
    fn cut(&mut self) {
        let Some(committed) = self.committed.as_ref().filter(|_| self.batches == 0) else { return };
        if *committed == self.lengths && !self.torn {
            return;
        }
        (self.file, self.unsynced) = (None, Vec::new());
        self.lengths.clone_from(committed);
        self.torn = false;
        let cut = |pack: u64, length: u64| DiskFile::open(&pack_path(&self.dir, pack))?.set_len(length);
        if let Some(&length) = committed.0.last() {
            let _ = cut(committed.0.len() as u64 - 1, length);
        }
        for path in packs_beyond(&self.dir, committed).unwrap_or_default() {
            let _ = disk::remove(&path);
        }
    }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PackError {
    let path = path.to_owned();
    move |source| PackError::Io { action, path, source }
}

/// The packs that a commit does not know.
pub(crate) fn packs_beyond(dir: &Path, lengths: &PackLengths) -> Result<Vec<PathBuf>, PackError> {
    let mut beyond = Vec::new();
    for entry in fs::read_dir(dir).map_err(io("list", dir))? {
        let path = entry.map_err(io("list", dir))?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        let is_pack = path.extension().is_some_and(|extension| extension == "pack");
        if is_pack && number.is_some_and(|number| number >= lengths.0.len() as u64) {
            beyond.push(path);
        }
    }
    Ok(beyond)
}

/// Reads blocks.
pub struct PackReader {
    dir: PathBuf,
    cache: BlockCache,
    files: Mutex<Vec<Option<Arc<File>>>>,
}

impl PackReader {
    /// Reads the packs in a directory; files are opened when they are needed.
    #[must_use]
    pub fn new(dir: &Path, cache: BlockCache) -> Self {
        Self { dir: dir.to_owned(), cache, files: Mutex::default() }
    }

    /// Reads a whole block.
    ///
    /// # Errors
    /// The pack is gone or the block damaged.
    pub fn block(&self, at: BlockAt) -> Result<Arc<Block>, PackError> {
        if let Some(block) = self.cache.get(at) {
            return Ok(block);
        }
        let (header, body) = self.read(at, BlockHeader::body_bytes)?;
        let block = Block::decode(&header, &body).map_err(|source| self.damaged(at, source))?;
        let block = Arc::new(block);
        self.cache.keep(at, &block);
        Ok(block)
    }

    /// Reads and decodes a block, and tells where the next one begins. Keeps nothing.
    ///
    /// # Errors
    /// As [`PackReader::block`].
    pub(crate) fn whole(&self, at: BlockAt) -> Result<(BlockHeader, Block, u64), PackError> {
        let (header, body) = self.read(at, BlockHeader::body_bytes)?;
        let block = Block::decode(&header, &body).map_err(|source| self.damaged(at, source))?;
        Ok((header, block, at.offset + (HEADER_BYTES + body.len()) as u64))
    }

    /// Reads the header of a block.
    ///
    /// # Errors
    /// As [`PackReader::block`].
    pub fn header(&self, at: BlockAt) -> Result<BlockHeader, PackError> {
        Ok(self.read(at, |_| 0)?.0)
    }

    /// Reads a header and the body behind it, mostly in one go.
    fn read(
        &self,
        at: BlockAt,
        body_bytes: impl Fn(&BlockHeader) -> usize,
    ) -> Result<(BlockHeader, Vec<u8>), PackError> {
        let path = pack_path(&self.dir, at.pack);
        let io = |source| PackError::Io { action: "read", path: path.clone(), source };
        let file = self.file(at.pack).map_err(io)?;
        let mut first = vec![0; FIRST_READ_BYTES];
        let read = file.read_at(&mut first, at.offset).map_err(io)?;
        first.truncate(read);
        let Some(header) = first.first_chunk::<HEADER_BYTES>() else {
            return Err(io(io::ErrorKind::UnexpectedEof.into()));
        };
        let header = BlockHeader::read(header).map_err(|source| self.damaged(at, source))?;
        let end = HEADER_BYTES + body_bytes(&header);
        if let Some(missing @ 1..) = end.checked_sub(read) {
            let mut rest = vec![0; missing];
            file.read_exact_at(&mut rest, at.offset + read as u64).map_err(io)?;
            first.extend_from_slice(&rest);
        }
        first.truncate(end);
        first.drain(..HEADER_BYTES);
        Ok((header, first))
    }

    fn file(&self, pack: u64) -> io::Result<Arc<File>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = usize::try_from(pack).unwrap_or(usize::MAX);
        // A number beyond what any pack has comes from a damaged column; do not grow to it.
        if slot > 1 << 20 {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        if files.len() <= slot {
            files.resize(slot + 1, None);
        }
        if let Some(file) = &files[slot] {
            return Ok(file.clone());
        }
        let file = Arc::new(File::open(pack_path(&self.dir, pack))?);
        files[slot] = Some(file.clone());
        Ok(file)
    }

    /// What to say of a block that does not hold the record it should.
    #[must_use]
    pub fn not_there(&self, at: BlockAt, seq: u32) -> PackError {
        self.damaged(at, BlockError::NoSuchRecord(seq))
    }

    fn damaged(&self, at: BlockAt, source: BlockError) -> PackError {
        PackError::Block { path: pack_path(&self.dir, at.pack), offset: at.offset, source }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{block, samples};

    #[test]
    fn what_was_not_committed_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let (run, _) = block::encode(&samples::session("a-05ba181f37a0fb8d2", &[("id", "uid=0")])).unwrap();
        let mut writer = PackWriter::open(dir.path(), PackLengths::default()).unwrap();
        writer.append(&run).unwrap();
        let committed = writer.sync().unwrap();
        writer.append(&run).unwrap();
        drop(writer);

        let mut writer = PackWriter::open(dir.path(), committed.clone()).unwrap();
        assert_eq!(fs::metadata(pack_path(dir.path(), 0)).unwrap().len(), committed.0[0]);
        let at = writer.append(&run).unwrap();
        assert_eq!(at, BlockAt { pack: 0, offset: run.len() as u64 });
        assert_eq!(PackReader::new(dir.path(), BlockCache::new()).block(at).unwrap().len(), 1);

        drop(writer);
        let emptied = PackWriter::open(dir.path(), PackLengths::default()).unwrap();
        assert!(!pack_path(dir.path(), 0).exists(), "{emptied:?}");
    }

    #[test]
    fn a_pack_that_lost_committed_bytes_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = PackWriter::open(dir.path(), PackLengths::default()).unwrap();
        writer.append(b"some block").unwrap();
        let committed = writer.sync().unwrap();
        fs::write(pack_path(dir.path(), 0), b"some").unwrap();
        let error = PackWriter::open(dir.path(), committed).unwrap_err();
        assert!(matches!(error, PackError::Short { found: 4, committed: 10, .. }), "{error}");
    }

    #[test]
    fn a_wrong_place_is_an_error_and_no_panic() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = PackWriter::open(dir.path(), PackLengths::default()).unwrap();
        writer.append(&[7; 200]).unwrap();
        let reader = PackReader::new(dir.path(), BlockCache::new());
        for (pack, offset) in [(0, 0), (0, 190), (0, u64::MAX), (3, 0), (u64::MAX, 0)] {
            assert!(reader.block(BlockAt { pack, offset }).is_err(), "{pack} {offset}");
        }
    }
}
