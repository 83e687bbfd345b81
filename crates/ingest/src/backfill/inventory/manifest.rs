//! The manifest of an S3 Inventory report (S3 user guide, "Locating your inventory list").

use serde::Deserialize;

/// Largest manifest that is read. One data file is named in some 200 bytes.
pub(super) const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// Largest data file that is read.
pub(super) const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// What a report says of itself.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) source_bucket: String,
    pub(super) destination_bucket: String,
    pub(super) format: Format,
    pub(super) files: Vec<DataFile>,
}

/// How the data files are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// CSV without header, gzipped; the names of its columns.
    Csv(Vec<String>),
    /// Parquet, which names its columns itself.
    Parquet,
}

/// One data file.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DataFile {
    pub(super) key: String,
    pub(super) size: u64,
    #[serde(rename = "MD5checksum")]
    pub(super) md5: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    source_bucket: String,
    destination_bucket: String,
    file_format: String,
    file_schema: String,
    files: Vec<DataFile>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it, and the way out.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|error| format!("it is no manifest of S3 Inventory: {error}"))?;
        let format = match document.file_format.to_ascii_uppercase().as_str() {
            "CSV" => {
                let columns: Vec<_> =
                    document.file_schema.split(',').map(|name| name.trim().to_owned()).collect();
                if !columns.iter().any(|name| name == "Key") {
                    return Err("its fileSchema has no column Key".to_owned());
                }
                Format::Csv(columns)
            }
            "PARQUET" => Format::Parquet,
            "ORC" => {
                return Err(
                    "its data files are ORC, which is not read: configure the inventory as CSV or Parquet, \
                            or backfill from the bucket itself"
                        .to_owned(),
                );
            }
            other => return Err(format!("its fileFormat {other:?} is not known: CSV and Parquet are read")),
        };
        if let Some(file) = document.files.iter().find(|file| file.size > MAX_FILE_BYTES) {
            return Err(format!("its data file {:?} has more than {MAX_FILE_BYTES} bytes", file.key));
        }
        Ok(Self {
            source_bucket: document.source_bucket,
            destination_bucket: bucket_of(&document.destination_bucket).to_owned(),
            format,
            files: document.files,
        })
    }
}

/// A bucket's name from its ARN, or from its plain name.
fn bucket_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn manifest(format: &str, schema: &str) -> Result<Manifest, String> {
        let json = format!(
            r#"{{"sourceBucket":"b","destinationBucket":"arn:aws:s3:::inv","version":"2016-11-30","fileFormat":"{format}",
               "creationTimestamp":"1772586000000","fileSchema":"{schema}","new":1,
               "files":[{{"key":"x/data/1.csv.gz","size":7,"MD5checksum":"ab","more":2}}]}}"#
        );
        Manifest::parse(json.as_bytes())
    }

    #[test]
    fn manifests_are_read_or_refused_with_a_reason() {
        let csv = manifest("CSV", "Bucket, Key,Size").unwrap();
        assert_eq!(csv.format, Format::Csv(vec!["Bucket".into(), "Key".into(), "Size".into()]));
        assert_eq!((csv.source_bucket.as_str(), csv.destination_bucket.as_str()), ("b", "inv"));
        assert_eq!(manifest("Parquet", "message s3.inventory { }").unwrap().format, Format::Parquet);
        assert!(manifest("ORC", "struct<>").unwrap_err().contains("CSV or Parquet"));
        assert!(manifest("CSV", "Bucket, Size").unwrap_err().contains("Key"));
        assert!(manifest("XML", "").unwrap_err().contains("not known"));
        assert!(Manifest::parse(b"{}").is_err() && Manifest::parse(b"x").is_err());
    }
}
