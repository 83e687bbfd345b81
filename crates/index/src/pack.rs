//! Packs: append-only files of blocks, named by number.
//!
//! A commit records how long each pack is. Bytes beyond that length belong to nobody (a crash came
//! before their commit) and are cut off when the next writer opens the partition, so a reader never
//! sees a block that is not whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::block::{Block, BlockError, BlockHeader, HEADER_BYTES};
use crate::block_cache::BlockCache;
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

fn pack_path(dir: &Path, pack: u64) -> PathBuf {
    dir.join(format!("{pack:08}.pack"))
}

/// Appends runs of blocks.
#[derive(Debug)]
pub struct PackWriter {
    dir: PathBuf,
    lengths: PackLengths,
    file: Option<File>,
    /// Packs that were written to since the last sync, apart from the current one.
    unsynced: Vec<File>,
}

impl PackWriter {
    /// Opens the packs of a partition as its last commit left them, cutting off what came after.
    ///
    /// # Errors
    /// A pack is shorter than committed, or the file system says no.
    pub fn open(dir: &Path, lengths: PackLengths) -> Result<Self, PackError> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| PackError::Io { action, path, source }
        };
        durable::create_private_dir(dir).map_err(io("create the directory of", dir))?;
        for (pack, &committed) in (0..).zip(&lengths.0) {
            let path = pack_path(dir, pack);
            let file = OpenOptions::new().write(true).open(&path).map_err(io("open", &path))?;
            let found = file.metadata().map_err(io("open", &path))?.len();
            if found < committed {
                return Err(PackError::Short { path, found, committed });
            }
            if found > committed {
                file.set_len(committed).and_then(|()| file.sync_all()).map_err(io("truncate", &path))?;
            }
        }
        // A crash may also have left a pack that no commit knows.
        for entry in fs::read_dir(dir).map_err(io("list", dir))? {
            let path = entry.map_err(io("list", dir))?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            let is_pack = path.extension().is_some_and(|extension| extension == "pack");
            if is_pack && number.is_some_and(|number| number >= lengths.0.len() as u64) {
                fs::remove_file(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(Self { dir: dir.to_owned(), lengths, file: None, unsynced: Vec::new() })
    }

    /// Appends one session's run of blocks and tells where it begins.
    ///
    /// # Errors
    /// The run is not whole in the file; the next append goes where this one began.
    pub fn append(&mut self, run: &[u8]) -> Result<BlockAt, PackError> {
        if self.lengths.0.last().is_none_or(|&length| length >= MAX_PACK_BYTES) {
            self.unsynced.extend(self.file.take());
            self.lengths.0.push(0);
        }
        let pack = self.lengths.0.len() as u64 - 1;
        let path = pack_path(&self.dir, pack);
        let io = |source| PackError::Io { action: "append to", path: path.clone(), source };
        let Some(length) = self.lengths.0.last_mut() else { unreachable!("a pack was pushed above") };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let options = OpenOptions::new().create(true).truncate(false).write(true).clone();
                self.file.insert(options.open(&path).map_err(io)?)
            }
        };
        let offset = *length;
        file.write_all_at(run, offset).map_err(io)?;
        *length += run.len() as u64;
        Ok(BlockAt { pack, offset })
    }

    /// Brings everything appended so far to stable storage and tells the lengths to commit.
    ///
    /// # Errors
    /// Nothing may be committed.
    pub fn sync(&mut self) -> Result<PackLengths, PackError> {
        let io = |source| PackError::Io { action: "sync", path: self.dir.clone(), source };
        for file in self.unsynced.iter().chain(&self.file) {
            file.sync_all().map_err(io)?;
        }
        self.unsynced.clear();
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(io)?;
        Ok(self.lengths.clone())
    }
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
