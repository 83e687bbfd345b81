//! By which key layouts an index was written, in a file of the index root.
//!
//! The account in its key says in which partition an object lies, and so where it is looked for before it is stored. Under
//! another layout that may be another partition: where there was more than one, all of them are asked.

use std::fs;
use std::io;
use std::path::Path;

use crate::durable;
use crate::root::{IndexRoot, RootError};

/// The file.
pub(crate) const NAME: &str = "layouts.json";

/// The templates of one layout, as the configuration writes them; none for the default rule alone.
type Layout = Vec<String>;

impl IndexRoot {
    /// Notes that the index is written by a key layout (its templates), and tells whether it was ever written by another
    /// one: then any partition may hold an object.
    ///
    /// # Errors
    /// The note is not durable.
    pub(crate) fn note_layout(&self, layout: &[String]) -> Result<bool, RootError> {
        let io =
            |source| RootError::Io { action: "note the key layout in", path: self.path().to_owned(), source };
        note(self.path(), layout).map_err(io)
    }

    /// Whether it is known to be written by more than one key layout.
    ///
    /// # Errors
    /// The note cannot be read.
    pub(crate) fn has_several_layouts(&self) -> Result<bool, RootError> {
        let io = |source| RootError::Io {
            action: "read the key layouts in",
            path: self.path().to_owned(),
            source,
        };
        are_several(self.path()).map_err(io)
    }
}

/// Notes that the index is written by a layout, and tells whether it was ever written by another one.
///
/// # Errors
/// The file cannot be read, or the note is not durable.
fn note(root: &Path, layout: &[String]) -> io::Result<bool> {
    let mut layouts = read(root)?;
    if !layouts.iter().any(|known| known == layout) {
        layouts.push(layout.to_owned());
        durable::write(&root.join(NAME), &serde_json::to_vec_pretty(&layouts)?)?;
    }
    Ok(layouts.len() > 1)
}

/// Whether the index was written by more than one layout, as far as it is known.
///
/// # Errors
/// The file cannot be read.
fn are_several(root: &Path) -> io::Result<bool> {
    Ok(read(root)?.len() > 1)
}

fn read(root: &Path) -> io::Result<Vec<Layout>> {
    let path = root.join(NAME);
    let json = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        json => json?,
    };
    serde_json::from_slice(&json).map_err(|error| {
        let what = format!("{} is no list of layouts: restore it from a backup: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}
