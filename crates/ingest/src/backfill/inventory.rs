//! An S3 Inventory report: a manifest and its data files, all verified before use.
//!
//! A data file is fetched in parts into a temporary file without a name, so that a report of any size costs no memory.

mod manifest;
mod row;
mod rows;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use md5::{Digest, Md5};
use shelltrail_core::ObjectRef;

use self::manifest::{DataFile, MAX_MANIFEST_BYTES, Manifest};
use self::rows::DataRows;
use super::ceiling::MAX_DATA_FILE_BYTES;
use super::listing::{Cursor, Listing, Page, foreign_cursor};
use super::pump::Pump;
use crate::source::{ObjectStore, SourceError, SourceErrorKind};

/// Bytes of a data file that are asked for at once.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes of a `manifest.checksum` that are read: it has 32.
const CHECKSUM_BYTES: u64 = 1024;

/// Where a manifest lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestAt {
    /// In a bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// The key, which ends with `manifest.json`.
        key: String,
    },
    /// In a local file. Data files are looked for beside it and in `../data/`, then in their bucket.
    File(PathBuf),
}

/// The objects that a report lists.
pub struct Inventory<S: ?Sized> {
    store: Arc<S>,
    at: ManifestAt,
    all_versions: bool,
    /// Most bytes of a data file when it is inflated.
    max_clear_bytes: u64,
    manifest: Option<Arc<Manifest>>,
    /// The data file at work, or to begin with.
    file: u64,
    passed: u64,
    download: Option<Download>,
    pump: Option<Pump>,
    /// Bytes of the files that were opened, and rows that were listed of them, for an estimate.
    opened_bytes: u64,
    listed: u64,
}

impl<S: ?Sized> fmt::Debug for Inventory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory").field("at", &self.at).field("file", &self.file).finish_non_exhaustive()
    }
}

impl<S: ObjectStore + ?Sized> Inventory<S> {
    /// The latest version of every object of the report, or all versions that it has.
    #[must_use]
    pub fn new(store: Arc<S>, at: ManifestAt, all_versions: bool) -> Self {
        Self {
            store,
            at,
            all_versions,
            max_clear_bytes: MAX_DATA_FILE_BYTES,
            manifest: None,
            file: 0,
            passed: 0,
            download: None,
            pump: None,
            opened_bytes: 0,
            listed: 0,
        }
    }

    /// Reads the manifest and verifies it.
    ///
    /// # Errors
    /// It or its checksum cannot be read, they do not belong together, or the report is not one that is read.
    pub async fn open(&mut self) -> Result<(), SourceError> {
        self.manifest().await.map(|_| ())
    }

    async fn manifest(&mut self) -> Result<Arc<Manifest>, SourceError> {
        if let Some(manifest) = &self.manifest {
            return Ok(Arc::clone(manifest));
        }
        let (json, checksum) = match &self.at {
            ManifestAt::Bucket { bucket, key } => {
                let sibling = format!("{}.checksum", key.strip_suffix(".json").unwrap_or(key));
                let json = self.small(bucket, key, MAX_MANIFEST_BYTES).await?;
                let checksum = self.small(bucket, &sibling, CHECKSUM_BYTES).await;
                // An outage says nothing of the report: the call is repeated as any other.
                let told = |error: SourceError| match error.kind.is_transient() {
                    true => error,
                    false => self.incomplete(error),
                };
                (json, checksum.map_err(told)?)
            }
            ManifestAt::File(path) => {
                let json =
                    read_file(path, MAX_MANIFEST_BYTES).map_err(|error| self.invalid(&error.to_string()))?;
                let checksum = read_file(&path.with_extension("checksum"), CHECKSUM_BYTES);
                (json, checksum.map_err(|error| self.incomplete(error))?)
            }
        };
        if !String::from_utf8_lossy(&checksum).trim().eq_ignore_ascii_case(&hex(&Md5::digest(&json))) {
            return Err(self.mismatch("the manifest does not have the MD5 that its manifest.checksum tells"));
        }
        let manifest = Arc::new(Manifest::parse(&json).map_err(|message| self.invalid(&message))?);
        self.manifest = Some(Arc::clone(&manifest));
        Ok(manifest)
    }

    async fn small(&self, bucket: &str, key: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        let object =
            ObjectRef { bucket: Some(bucket.to_owned()), key: key.to_owned(), ..ObjectRef::default() };
        Ok(self.store.get(&object, max_bytes).await?.body)
    }

    /// A data file, complete and verified. After an error it goes on where it was.
    async fn data(&mut self, manifest: &Manifest, data: &DataFile) -> Result<File, SourceError> {
        if let ManifestAt::File(path) = &self.at
            && let Some(mut file) = beside(path, &data.key)
        {
            let verified = tokio::task::spawn_blocking({
                let expected = data.clone();
                move || verify_local(&mut file, &expected).map(|right| (right, file))
            });
            return match verified.await {
                Ok(Ok((true, file))) => Ok(file),
                Ok(Ok((false, _))) => Err(self.wrong_data(data)),
                Ok(Err(error)) => Err(self.invalid(&error.to_string())),
                Err(_) => Err(self.invalid("the reader panicked")),
            };
        }
        let mut download = match self.download.take() {
            Some(download) => download,
            None => {
                Download::new(&manifest.destination_bucket, data).map_err(|e| self.invalid(&e.to_string()))?
            }
        };
        while download.bytes < data.size {
            let wanted = PART_BYTES.min(data.size - download.bytes);
            let part = match self.store.get_part(&download.object, download.bytes, wanted).await {
                Ok(part) => part,
                Err(error) => {
                    self.download = Some(download);
                    return Err(error);
                }
            };
            if part.bytes.is_empty() || part.total != data.size {
                return Err(self.wrong_data(data));
            }
            // All parts are of the same object.
            download.object.etag = part.object.etag;
            download.take(&part.bytes).map_err(|error| self.invalid(&error.to_string()))?;
        }
        if hex(&download.md5.finalize()) != data.md5.to_ascii_lowercase() {
            return Err(
                self.mismatch(&format!("the data file {:?} does not have the MD5 of the manifest", data.key))
            );
        }
        let mut file = download.file;
        file.seek(SeekFrom::Start(0)).map_err(|error| self.invalid(&error.to_string()))?;
        Ok(file)
    }

    fn wrong_data(&self, data: &DataFile) -> SourceError {
        self.mismatch(&format!(
            "the data file {:?} is not what the manifest describes (size or MD5)",
            data.key
        ))
    }

    fn error(&self, reason: &'static str, message: &str) -> SourceError {
        let action = match &self.at {
            ManifestAt::Bucket { bucket, key } => format!("read the inventory s3://{bucket}/{key}"),
            ManifestAt::File(path) => format!("read the inventory {}", path.display()),
        };
        SourceError { kind: SourceErrorKind::Invalid, reason, action, message: message.to_owned() }
    }

    fn invalid(&self, message: &str) -> SourceError {
        self.error("inventory-unreadable", message)
    }

    fn mismatch(&self, message: &str) -> SourceError {
        self.error("inventory-checksum", message)
    }

    fn incomplete(&self, error: impl fmt::Display) -> SourceError {
        let message =
            "manifest.checksum cannot be read, which is written last: take a report that is complete";
        self.invalid(&format!("{message} ({error})"))
    }
}

#[async_trait]
impl<S: ObjectStore + ?Sized> Listing for Inventory<S> {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let manifest = self.manifest().await?;
        loop {
            if let Some(pump) = &mut self.pump {
                if let Some(page) = pump.next().await? {
                    self.listed += page.objects.len() as u64;
                    return Ok(Some(page));
                }
                self.pump = None;
                (self.file, self.passed) = (self.file + 1, 0);
            }
            let next = usize::try_from(self.file).ok().and_then(|file| manifest.files.get(file));
            let Some(data) = next else { return Ok(None) };
            let file = self.data(&manifest, data).await?;
            self.opened_bytes += data.size;
            let rows = DataRows {
                manifest: Arc::clone(&manifest),
                number: self.file,
                passed: self.passed,
                all_versions: self.all_versions,
                max_clear_bytes: self.max_clear_bytes,
            };
            self.pump = Some(Pump::start(move |outlet| rows.produce(file, outlet)));
        }
    }

    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError> {
        let Cursor::Row { file, rows } = after else { return Err(foreign_cursor(after)) };
        (self.file, self.passed) = (*file, *rows);
        Ok(())
    }

    /// As many for each byte as in the files so far; known once the first file is done.
    fn total(&self) -> Option<u64> {
        let manifest = self.manifest.as_ref()?;
        let left = manifest.files.iter().skip(usize::try_from(self.file).ok()?.saturating_add(1));
        let left_bytes: u64 = left.map(|file| file.size).sum();
        let in_work = manifest.files.get(usize::try_from(self.file).ok()?).map_or(0, |file| file.size);
        let done_bytes = self.opened_bytes.checked_sub(in_work).filter(|done| *done > 0)?;
        let per_byte = self.listed as f64 / (done_bytes + in_work / 2) as f64;
        Some(self.listed.max((per_byte * (self.opened_bytes + left_bytes) as f64) as u64))
    }
}

/// A data file that is being fetched.
struct Download {
    object: ObjectRef,
    file: File,
    md5: Md5,
    bytes: u64,
}

impl Download {
    fn new(bucket: &str, data: &DataFile) -> io::Result<Self> {
        let object =
            ObjectRef { bucket: Some(bucket.to_owned()), key: data.key.clone(), ..ObjectRef::default() };
        Ok(Self { object, file: tempfile::tempfile()?, md5: Md5::new(), bytes: 0 })
    }

    fn take(&mut self, part: &[u8]) -> io::Result<()> {
        self.md5.update(part);
        self.bytes += part.len() as u64;
        self.file.write_all(part)
    }
}

/// The data file of this name beside a local manifest, where a copy of the report has it.
fn beside(manifest: &Path, key: &str) -> Option<File> {
    let name = key.rsplit('/').next().filter(|name| !matches!(*name, "" | "." | ".."))?;
    if name.contains(['\\', '\0']) {
        return None;
    }
    let folder = manifest.parent()?;
    let folders = [folder.to_owned(), folder.join("data"), folder.join("../data")];
    let mut paths = folders.into_iter().map(|folder| folder.join(name));
    paths.find_map(|path| {
        let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        is_file.then(|| File::open(&path).ok()).flatten()
    })
}

fn verify_local(file: &mut File, data: &DataFile) -> io::Result<bool> {
    if file.metadata()?.len() != data.size {
        return Ok(false);
    }
    let (mut md5, mut buffer) = (Md5::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => md5.update(&buffer[..read]),
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(hex(&md5.finalize()) == data.md5.to_ascii_lowercase())
}

fn read_file(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("{} has more than {max_bytes} bytes", path.display())));
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
