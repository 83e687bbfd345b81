//! A plain CSV of keys, as S3 Batch Operations takes it: `bucket,key` or `bucket,key,versionId`, keys form-encoded.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use csv::{ReaderBuilder, StringRecord};
use shelltrail_core::{ObjectRef, form};

use super::listing::{Cursor, Listing, Page, foreign_cursor};
use super::pump::{Broken, Outlet, Pump, Rows};
use crate::source::{ListedObject, SourceError, SourceErrorKind};

/// Objects of one page.
const PAGE: usize = 1000;

/// The reason of a row that names no object.
pub(crate) const UNREADABLE_ROW: &str = "unreadable-row";

/// Objects named by a file.
#[derive(Debug)]
pub struct KeyList {
    path: PathBuf,
    passed: u64,
    rows: u64,
    pump: Option<Pump>,
}

impl KeyList {
    /// The objects of a CSV file without a header (a first row `bucket,key` is passed over). Reads it once to
    /// count its rows. Blocks.
    ///
    /// # Errors
    /// The file cannot be read, or has a row of more than 64 KiB.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut reader = reader(&path)?;
        let (mut row, mut rows) = (StringRecord::new(), 0);
        loop {
            match reader.read_record(&mut row) {
                Ok(false) => break,
                Ok(true) => rows += 1,
                Err(error) if error.is_io_error() => return Err(io::Error::other(error)),
                Err(_) => rows += 1,
            }
        }
        Ok(Self { path, passed: 0, rows, pump: None })
    }
}

fn reader(path: &Path) -> io::Result<csv::Reader<Rows<File>>> {
    let rows = Rows::new(File::open(path)?);
    Ok(ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rows))
}

#[async_trait]
impl Listing for KeyList {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let pump = self.pump.get_or_insert_with(|| {
            let (path, passed) = (self.path.clone(), self.passed);
            Pump::start(move |outlet| produce(&path, passed, outlet))
        });
        pump.next().await
    }

    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError> {
        let Cursor::Row { file: 0, rows } = after else { return Err(foreign_cursor(after)) };
        self.passed = *rows;
        Ok(())
    }

    fn total(&self) -> Option<u64> {
        Some(self.rows.saturating_sub(self.passed))
    }
}

fn produce(path: &Path, passed: u64, outlet: &Outlet) -> Result<(), Broken> {
    let failed = |message: String| SourceError {
        kind: SourceErrorKind::Invalid,
        reason: "list-unreadable",
        action: format!("read the list of keys {}", path.display()),
        message,
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut reader = reader(path).map_err(|error| failed(error.to_string()))?;
    let (mut record, mut rows, mut objects) = (StringRecord::new(), 0, Vec::new());
    loop {
        let read = reader.read_record(&mut record);
        if matches!(read, Ok(false)) {
            break;
        }
        rows += 1;
        if rows > passed {
            match read {
                Ok(_) if rows == 1 && is_header(&record) => {}
                Ok(_) => objects.push(object(&record).unwrap_or_else(|| unreadable(&name, rows))),
                Err(error) if error.is_io_error() => return Err(failed(error.to_string()).into()),
                // Not UTF-8.
                Err(_) => objects.push(unreadable(&name, rows)),
            }
        }
        if objects.len() == PAGE {
            let after = Cursor::Row { file: 0, rows };
            outlet.put(Page { objects: std::mem::take(&mut objects), after })?;
        }
    }
    if !objects.is_empty() {
        outlet.put(Page { objects, after: Cursor::Row { file: 0, rows } })?;
    }
    Ok(())
}

fn is_header(record: &StringRecord) -> bool {
    let is = |at: usize, name: &str| record.get(at).is_some_and(|field| field.eq_ignore_ascii_case(name));
    is(0, "bucket") && is(1, "key")
}

fn object(record: &StringRecord) -> Option<ListedObject> {
    let field = |at| record.get(at).filter(|field: &&str| !field.is_empty());
    let (bucket, encoded) = (field(0)?, field(1)?);
    if record.len() > 3 {
        return None;
    }
    let (key, other_key) = readings(encoded)?;
    let object = ObjectRef {
        bucket: Some(bucket.to_owned()),
        key,
        version: field(2).filter(|version| *version != "null").map(str::to_owned),
        etag: None,
    };
    Some(ListedObject { object, other_key, ..ListedObject::default() })
}

/// A plus sign is a space, unless there is no such object.
fn readings(encoded: &str) -> Option<(String, Option<String>)> {
    let key = form::decode(encoded)?;
    let other = form::percent_decode(encoded).filter(|other| *other != key);
    Some((key, other))
}

/// A row that names nothing, named by its place.
pub(crate) fn unreadable(list: &str, row: u64) -> ListedObject {
    let object = ObjectRef { key: format!("{list}: row {row}"), ..ObjectRef::default() };
    ListedObject { object, unreadable: Some(UNREADABLE_ROW), ..ListedObject::default() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    async fn read(list: &mut KeyList) -> Vec<ListedObject> {
        let mut objects = Vec::new();
        while let Some(page) = list.next().await.unwrap() {
            objects.extend(page.objects);
        }
        objects
    }

    #[tokio::test]
    async fn rows_become_objects_and_broken_ones_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.csv");
        let text = "bucket,key\nb,red%20flower.log\nb,a+b.log,v1\n\"b\",\"x,\"\"y.log\",null\nb\n,k\nb,%zz\n\
                    b,k,v,more\nb,last.log\n";
        std::fs::write(&path, text).unwrap();
        let mut list = KeyList::open(&path).unwrap();
        assert_eq!(list.total(), Some(9));
        let objects = read(&mut list).await;
        let told: Vec<_> = objects
            .iter()
            .map(|listed| {
                let object = &listed.object;
                (object.key.as_str(), object.version.as_deref(), listed.other_key.as_deref())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("red flower.log", None, None),
                ("a b.log", Some("v1"), Some("a+b.log")),
                ("x,\"y.log", None, None),
                ("keys.csv: row 5", None, None),
                ("keys.csv: row 6", None, None),
                ("keys.csv: row 7", None, None),
                ("keys.csv: row 8", None, None),
                ("last.log", None, None),
            ]
        );
        let unreadable = objects.iter().filter(|listed| listed.unreadable == Some(UNREADABLE_ROW)).count();
        assert_eq!(unreadable, 4);

        let mut rest = KeyList::open(&path).unwrap();
        rest.resume(&Cursor::Row { file: 0, rows: 7 }).unwrap();
        let rest = read(&mut rest).await;
        assert_eq!(
            rest.iter().map(|l| l.object.key.as_str()).collect::<Vec<_>>(),
            ["keys.csv: row 8", "last.log"]
        );
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.csv");
        std::fs::write(&path, "x".repeat(70_000)).unwrap();
        assert!(KeyList::open(&path).is_err());
    }
}
