//! From the columns of a report to an object.

use jiff::Timestamp;
use shelltrail_core::{ObjectRef, form};

use crate::source::ListedObject;

/// The columns that mean something to us, as one row has them. Empty text counts as absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
    pub(super) version: Option<String>,
    pub(super) is_latest: Option<bool>,
    pub(super) is_delete_marker: Option<bool>,
    pub(super) size: Option<u64>,
    pub(super) last_modified: Option<Timestamp>,
    pub(super) etag: Option<String>,
    pub(super) storage_class: Option<String>,
    pub(super) encryption: Option<String>,
    pub(super) access_tier: Option<String>,
}

/// How keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// As CSV is documented to have them.
    Encoded,
    /// As Parquet has them.
    Plain,
}

/// A row that is no object of the view, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoObject {
    /// A delete marker, or a version that is not the latest.
    NotInView,
    /// It has no key, or names another bucket than the report is about.
    Unreadable,
}

impl Row {
    /// Takes a column by the name that its schema gives it: `LastModifiedDate` or `last_modified_date`.
    pub(super) fn set(&mut self, column: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let name: String = column.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
        let text = || Some(value.to_owned());
        let truth = || value.parse().ok();
        match name.as_str() {
            "bucket" => self.bucket = text(),
            "key" => self.key = text(),
            "versionid" => self.version = text(),
            "islatest" => self.is_latest = truth(),
            "isdeletemarker" => self.is_delete_marker = truth(),
            "size" => self.size = value.parse().ok(),
            "lastmodifieddate" => self.last_modified = value.parse().ok(),
            "etag" => self.etag = Some(value.trim_matches('"').to_owned()),
            "storageclass" => self.storage_class = text(),
            "encryptionstatus" => self.encryption = text(),
            "intelligenttieringaccesstier" => self.access_tier = text(),
            _ => {}
        }
    }

    /// The object, in the view of all versions or in that of the latest.
    pub(super) fn object(
        self,
        source_bucket: &str,
        form: KeyForm,
        all_versions: bool,
    ) -> Result<ListedObject, NoObject> {
        let hidden = self.is_latest == Some(false) && !all_versions;
        if self.is_delete_marker == Some(true) || hidden {
            return Err(NoObject::NotInView);
        }
        let written = self.key.ok_or(NoObject::Unreadable)?;
        if self.bucket.as_ref().is_some_and(|bucket| bucket != source_bucket) {
            return Err(NoObject::Unreadable);
        }
        let decoded = form::decode(&written);
        let (key, other_key) = match (form, decoded) {
            (KeyForm::Encoded, Some(decoded)) => (decoded, Some(written)),
            (_, decoded) => (written, decoded),
        };
        // The latest of the unversioned is what a plain read gives; an older one has no other name than `null`.
        let version = self.version.filter(|version| version != "null" || self.is_latest == Some(false));
        Ok(ListedObject {
            other_key: other_key.filter(|other| *other != key),
            object: ObjectRef { bucket: Some(source_bucket.to_owned()), key, version, etag: self.etag },
            size: self.size,
            last_modified: self.last_modified,
            storage_class: self.storage_class,
            encryption: self.encryption,
            access_tier: self.access_tier,
            unreadable: None,
            detail: None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, &str)]) -> Row {
        let mut row = Row::default();
        columns.iter().for_each(|(name, value)| row.set(name, value));
        row
    }

    #[test]
    fn columns_are_taken_by_name_in_either_spelling() {
        for [key, size, date, etag] in
            [["Key", "Size", "LastModifiedDate", "ETag"], ["key", "size", "last_modified_date", "e_tag"]]
        {
            let row = row(&[
                (etag, "\"e1-2\""),
                (date, "2026-03-03T09:15:27.000Z"),
                ("Brand New", "x"),
                (size, "18231"),
                (key, "a%2Bb+c.log"),
            ]);
            let listed = row.object("b", KeyForm::Encoded, false).unwrap();
            assert_eq!((listed.object.key.as_str(), listed.size), ("a+b c.log", Some(18231)));
            assert_eq!(listed.other_key.as_deref(), Some("a%2Bb+c.log"));
            assert_eq!(listed.object.etag.as_deref(), Some("e1-2"));
            assert_eq!(listed.last_modified.unwrap().as_second(), 1_772_529_327);
        }
    }

    #[test]
    fn a_key_has_one_reading_first_and_the_other_then() {
        for (written, form, first, other) in [
            ("a.log", KeyForm::Encoded, "a.log", None),
            ("a+b", KeyForm::Encoded, "a b", Some("a+b")),
            ("a+b", KeyForm::Plain, "a+b", Some("a b")),
            ("100%", KeyForm::Encoded, "100%", None),
            ("100%", KeyForm::Plain, "100%", None),
        ] {
            let listed = row(&[("Key", written)]).object("b", form, false).unwrap();
            assert_eq!(
                (listed.object.key.as_str(), listed.other_key.as_deref()),
                (first, other),
                "{written}"
            );
        }
    }

    #[test]
    fn the_view_leaves_out_markers_and_older_versions() {
        let of = |latest: &str, marker: &str, all| {
            let columns =
                [("Key", "k"), ("VersionId", "v"), ("IsLatest", latest), ("IsDeleteMarker", marker)];
            row(&columns).object("b", KeyForm::Plain, all).map(|listed| listed.object.version.unwrap())
        };
        assert_eq!(of("true", "false", false), Ok("v".to_owned()));
        assert_eq!(of("false", "false", false), Err(NoObject::NotInView));
        assert_eq!(of("false", "false", true), Ok("v".to_owned()));
        assert_eq!(of("true", "true", true), Err(NoObject::NotInView));
        assert_eq!(of("", "", false), Ok("v".to_owned()), "a report of the current view has no such columns");
        let null = |latest| {
            let row = row(&[("Key", "k"), ("VersionId", "null"), ("IsLatest", latest)]);
            row.object("b", KeyForm::Plain, true).unwrap().object.version
        };
        assert_eq!((null("true"), null("false")), (None, Some("null".to_owned())));
        let foreign = row(&[("Bucket", "other"), ("Key", "k")]);
        assert_eq!(foreign.object("b", KeyForm::Plain, false).unwrap_err(), NoObject::Unreadable);
        assert_eq!(row(&[]).object("b", KeyForm::Plain, false).unwrap_err(), NoObject::Unreadable);
    }
}
