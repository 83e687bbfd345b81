//! What a backfill works through: objects, page after page, and a place to go on from.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::source::{ListedObject, SourceError};

/// Objects, page after page.
///
/// A listing is read from one task. After an error the same call may be repeated and brings the same page.
#[async_trait]
pub trait Listing: fmt::Debug + Send + Sync + 'static {
    /// The next page; `None` at the end. A page may be empty before that.
    async fn next(&mut self) -> Result<Option<Page>, SourceError>;

    /// Goes on behind a place that a page of an earlier run told.
    ///
    /// # Errors
    /// The place is not one of this kind of listing.
    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError>;

    /// Takes notice that an object of the last page is not read.
    fn pass_over(&mut self, _listed: &ListedObject) {}

    /// About how many objects this run lists, if the source tells that before its end.
    fn total(&self) -> Option<u64> {
        None
    }
}

/// A part of a listing.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects, in the order of the listing.
    pub objects: Vec<ListedObject>,
    /// The place behind the last of them.
    pub after: Cursor,
}

/// A place in a listing, good for later runs (tokens of a service are not).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursor {
    /// Behind a key.
    Key(String),
    /// Behind a version of a key; without the version, behind all of them.
    Version {
        /// The key.
        key: String,
        /// The version.
        version: Option<String>,
    },
    /// Behind a row of one of several files; both are counted from 0, so this is the number of rows passed.
    Row {
        /// Which file.
        file: u64,
        /// How many of its rows.
        rows: u64,
    },
    /// Behind so many objects.
    Count(u64),
}

/// The error of a listing that is asked to go on from another kind's place.
pub(crate) fn foreign_cursor(after: &Cursor) -> SourceError {
    SourceError {
        kind: crate::source::SourceErrorKind::Invalid,
        reason: "cursor",
        action: "go on where an earlier run stopped".to_owned(),
        message: format!("{after:?} is no place in this kind of source"),
    }
}
