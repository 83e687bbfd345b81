//! The key under which the fingerprints of masked passwords are made, a file of its own in the index root.
//!
//! A fingerprint of a short password without a key would let anyone who sees it try guesses. With one, a password is recognised
//! wherever it stands in the index, and nobody without the key, that is, without the index itself, can try any.

use std::fs;
use std::io;
use std::path::Path;

use crate::durable;

/// The file.
pub(crate) const NAME: &str = "mask.key";
/// Its length.
const KEY_BYTES: usize = 32;

/// Makes the key of an index that has none yet.
pub(crate) fn create(root: &Path) -> io::Result<()> {
    let path = root.join(NAME);
    if path.try_exists()? {
        return Ok(());
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    durable::write(&path, &key)
}

/// The key of the index at `root`; `None` if nothing was written to it since there are keys.
///
/// # Errors
/// The file cannot be read or is no key.
pub fn mask_key(root: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let path = root.join(NAME);
    match fs::read(&path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(key) => Ok(Some(key)),
            Err(_) => {
                let what = format!(
                    "{} does not hold {KEY_BYTES} bytes: remove it, the next writer makes another",
                    path.display()
                );
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(mask_key(dir.path()).unwrap(), None);
        create(dir.path()).unwrap();
        let key = mask_key(dir.path()).unwrap().unwrap();
        create(dir.path()).unwrap();
        assert_eq!(mask_key(dir.path()).unwrap(), Some(key));
        let other = tempfile::tempdir().unwrap();
        create(other.path()).unwrap();
        assert_ne!(mask_key(other.path()).unwrap(), Some(key));
        fs::write(dir.path().join(NAME), "short").unwrap();
        assert!(mask_key(dir.path()).unwrap_err().to_string().contains("remove it"));
    }
}
