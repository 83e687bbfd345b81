//! The rows of one data file, which has been verified.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord};
use jiff::Timestamp;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::{Type, TypePtr};

use super::manifest::{Format, Manifest};
use super::row::{KeyForm, NoObject, Row};
use crate::backfill::ceiling::gunzip;
use crate::backfill::key_list::unreadable;
use crate::backfill::listing::{Cursor, Page};
use crate::backfill::pump::{Broken, Outlet, Rows};
use crate::source::{ListedObject, SourceError, SourceErrorKind};

/// Rows of one page.
const PAGE: u64 = 1000;

/// The columns that are read of a Parquet file.
const COLUMNS: [&str; 11] = [
    "bucket",
    "key",
    "version_id",
    "is_latest",
    "is_delete_marker",
    "size",
    "last_modified_date",
    "e_tag",
    "storage_class",
    "encryption_status",
    "intelligent_tiering_access_tier",
];

/// What is wanted of one data file.
pub(super) struct DataRows {
    pub(super) manifest: Arc<Manifest>,
    pub(super) number: u64,
    /// Rows to pass over.
    pub(super) passed: u64,
    pub(super) all_versions: bool,
    /// Most bytes of it when it is inflated, if it is gzip.
    pub(super) max_clear_bytes: u64,
}

/// Puts rows together to pages.
struct Pages<'a> {
    of: &'a DataRows,
    name: String,
    form: KeyForm,
    outlet: &'a Outlet,
    rows: u64,
    objects: Vec<ListedObject>,
}

impl Pages<'_> {
    /// Takes the next row; `None` is one that cannot be read.
    fn take(&mut self, row: Option<Row>) -> Result<(), Broken> {
        self.rows += 1;
        if self.rows <= self.of.passed {
            return Ok(());
        }
        let bucket = &self.of.manifest.source_bucket;
        let object = row.ok_or(NoObject::Unreadable);
        match object.and_then(|row| row.object(bucket, self.form, self.of.all_versions)) {
            Ok(listed) => self.objects.push(listed),
            Err(NoObject::NotInView) => {}
            Err(NoObject::Unreadable) => self.objects.push(unreadable(&self.name, self.rows)),
        }
        if self.rows.is_multiple_of(PAGE) { self.put() } else { Ok(()) }
    }

    fn put(&mut self) -> Result<(), Broken> {
        let after = Cursor::Row { file: self.of.number, rows: self.rows };
        Ok(self.outlet.put(Page { objects: std::mem::take(&mut self.objects), after })?)
    }
}

impl DataRows {
    /// Hands out all rows behind those passed. Blocks.
    pub(super) fn produce(&self, file: File, outlet: &Outlet) -> Result<(), Broken> {
        let key = usize::try_from(self.number).ok().and_then(|n| self.manifest.files.get(n));
        let key = key.map_or("", |file| file.key.as_str());
        let name = key.rsplit('/').next().unwrap_or(key).to_owned();
        let failed = |message: String| SourceError {
            kind: SourceErrorKind::Invalid,
            reason: "inventory-unreadable",
            action: format!("read the data file {key:?} of the inventory"),
            message,
        };
        let manifest = &self.manifest;
        let form = if manifest.format == Format::Parquet { KeyForm::Plain } else { KeyForm::Encoded };
        let mut pages = Pages { of: self, name, form, outlet, rows: 0, objects: Vec::new() };
        match &manifest.format {
            Format::Csv(columns) => csv_rows(file, columns, &mut pages, failed)?,
            Format::Parquet => parquet_rows(file, &mut pages, failed)?,
        }
        pages.put()
    }
}

fn csv_rows(
    file: File,
    columns: &[String],
    pages: &mut Pages<'_>,
    failed: impl Fn(String) -> SourceError,
) -> Result<(), Broken> {
    let clear = gunzip(BufReader::new(file), pages.of.max_clear_bytes);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Rows::new(clear));
    let mut record = StringRecord::new();
    loop {
        let row = match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let mut row = Row::default();
                columns.iter().zip(&record).for_each(|(column, value)| row.set(column, value));
                Some(row)
            }
            Err(error) if error.is_io_error() => return Err(failed(error.to_string()).into()),
            // Not UTF-8.
            Err(_) => None,
        };
        pages.take(row)?;
    }
}

fn parquet_rows(
    file: File,
    pages: &mut Pages<'_>,
    failed: impl Fn(String) -> SourceError,
) -> Result<(), Broken> {
    let reader = SerializedFileReader::new(file).map_err(|error| failed(error.to_string()))?;
    let schema = reader.metadata().file_metadata().schema();
    let wanted: Vec<TypePtr> = schema
        .get_fields()
        .iter()
        .filter(|field| field.is_primitive() && COLUMNS.contains(&field.name()))
        .cloned()
        .collect();
    if !wanted.iter().any(|field| field.name() == "key") {
        return Err(failed("it has no column `key`".to_owned()).into());
    }
    let projection = Type::group_type_builder(schema.name()).with_fields(wanted).build();
    let projection = projection.map_err(|error| failed(error.to_string()))?;
    let rows = RowIter::from_file_into(Box::new(reader)).project(Some(projection));
    for row in rows.map_err(|error| failed(error.to_string()))? {
        let columns = row.map_err(|error| failed(error.to_string()))?;
        let mut row = Row::default();
        for (name, field) in columns.get_column_iter() {
            if let Some(value) = text(field) {
                row.set(name, &value);
            }
        }
        pages.take(Some(row))?;
    }
    Ok(())
}

/// A value as the CSV would have it; `None` for null and for what is none of the types of a report.
fn text(field: &Field) -> Option<String> {
    match field {
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).ok(),
        Field::Bool(truth) => Some(truth.to_string()),
        Field::Int(number) => Some(number.to_string()),
        Field::Long(number) => Some(number.to_string()),
        Field::UInt(number) => Some(number.to_string()),
        Field::ULong(number) => Some(number.to_string()),
        Field::TimestampMillis(millis) => Timestamp::from_millisecond(*millis).ok().map(|at| at.to_string()),
        Field::TimestampMicros(micros) => Timestamp::from_microsecond(*micros).ok().map(|at| at.to_string()),
        _ => None,
    }
}
