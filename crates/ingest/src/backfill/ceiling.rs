//! Gzip that is read as a stream, under a ceiling. `core::inflate` holds what it inflates, so it is not for what is
//! read line by line or entry by entry; and no file says how large it becomes.

#![allow(clippy::disallowed_types)] // this is the ceiling

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

const GIB: u64 = 1024 * 1024 * 1024;

/// Most clear bytes of one data file of an inventory: a report of so many rows has several files. A bomb in the largest
/// data file that is read would have 8 TiB.
pub(super) const MAX_DATA_FILE_BYTES: u64 = 256 * GIB;

/// Most clear bytes of one gzipped archive: hours of inflating.
pub(super) const MAX_ARCHIVE_BYTES: u64 = 4096 * GIB;

/// Reads at most so many bytes. What goes on beyond them is an error, never the end.
#[derive(Debug)]
pub(super) struct Ceiling<R> {
    inner: R,
    bytes: u64,
    left: u64,
}

impl<R: Read> Ceiling<R> {
    pub(super) fn new(inner: R, bytes: u64) -> Self {
        Self { inner, bytes, left: bytes }
    }
}

impl<R: Read> Read for Ceiling<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other(format!(
                    "it has more than {} when it is inflated, the most that is read of one file; \
                     unpack it, or divide it into several",
                    amount(self.bytes)
                ))),
            };
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.left -= read as u64;
        Ok(read)
    }
}

fn amount(bytes: u64) -> String {
    if bytes >= GIB && bytes.is_multiple_of(GIB) {
        format!("{} GiB", bytes / GIB)
    } else {
        format!("{bytes} bytes")
    }
}

/// Inflates gzip, of any number of members, up to a ceiling.
pub(super) fn gunzip<R: BufRead>(file: R, ceiling: u64) -> Ceiling<MultiGzDecoder<R>> {
    Ceiling::new(MultiGzDecoder::new(file), ceiling)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn up_to_the_ceiling_all_is_read_and_beyond_it_nothing_ends_quietly() {
        let members = [gzipped(b"one "), gzipped(b"two")].concat();
        for (ceiling, whole) in [(0, false), (1, false), (6, false), (7, true), (8, true), (GIB, true)] {
            let mut clear = Vec::new();
            let read = gunzip(members.as_slice(), ceiling).read_to_end(&mut clear);
            assert_eq!(read.is_ok(), whole, "{ceiling}");
            assert_eq!(clear, b"one two"[..clear.len()], "{ceiling}");
            assert_eq!(clear.len() as u64, ceiling.min(7));
            if let Err(error) = read {
                assert!(error.to_string().contains(&format!("more than {ceiling} bytes")), "{error}");
            }
        }
        let mut nothing = Vec::new();
        assert_eq!(Ceiling::new([].as_slice(), 0).read_to_end(&mut nothing).unwrap(), 0);
        assert_eq!([amount(3 * GIB), amount(GIB + 1)], ["3 GiB".to_owned(), "1073741825 bytes".to_owned()]);
    }
}
