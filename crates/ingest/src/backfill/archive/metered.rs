//! A tar as a stream that holds no more of a header than any archive needs, and that says when there is more behind its end.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use crate::backfill::ceiling::gunzip;

/// Most bytes of the headers in front of one entry, all of its extensions together.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// Opens a tar; gzip is told by content, and inflated up to a ceiling.
pub(super) fn open(path: &Path, max_clear_bytes: u64) -> io::Result<(tar::Archive<Metered>, Meter)> {
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
    let gzipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let inner: Box<dyn Read> =
        if gzipped { Box::new(BufReader::new(gunzip(file, max_clear_bytes))) } else { Box::new(file) };
    let meter = Meter(Rc::new(Cell::new(MAX_HEADER_BYTES)));
    Ok((tar::Archive::new(Metered { inner, meter: meter.clone() }), meter))
}

/// Says how much may be read until the next entry is there. Long names and other extensions of a header are held in
/// memory, and an archive may give them any length.
#[derive(Clone)]
pub(super) struct Meter(Rc<Cell<u64>>);

impl Meter {
    /// An entry as it stands there, and the headers of the next one.
    pub(super) fn allow(&self, entry: &tar::Entry<'_, impl Read>) {
        let (header, size) = (entry.header(), entry.size());
        // A sparse file has another size than its bytes in the archive.
        let of_header = header.entry_size().unwrap_or_default();
        let stored = if header.entry_type().is_gnu_sparse() { of_header } else { of_header.max(size) };
        self.0.set(stored.saturating_add(MAX_HEADER_BYTES));
    }

    /// Nothing of what follows is held.
    pub(super) fn allow_the_rest(&self) {
        self.0.set(u64::MAX);
    }
}

/// What stands under the meter.
pub(super) struct Metered {
    inner: Box<dyn Read>,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.meter.0.get();
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the name or another header of an entry is longer than 1 MiB"));
        }
        let read = self.inner.read(&mut buffer[..room])?;
        self.meter.0.set(left - read as u64);
        Ok(read)
    }
}

/// Behind the mark of its end an archive has nothing but zeros; several that were put together have more.
pub(super) fn nothing_follows(mut rest: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) if buffer[..read].iter().all(|byte| *byte == 0) => {}
            Ok(_) => {
                return Err(io::Error::other(
                    "it goes on behind the mark of its end, as archives do that were put together, and what follows is not \
                     read: unpack it, or index each by itself",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
