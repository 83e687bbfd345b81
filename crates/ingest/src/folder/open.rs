//! Opens a file below a folder, without following a symbolic link anywhere between the two.
//!
//! Linux can promise that in one call (`openat2`, since 5.6), whoever changes the folders meanwhile. Elsewhere, and where
//! a sandbox forbids the call, each part of the path is looked at before the file is opened.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// A file that is open, and its size when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub file: File,
    pub bytes: u64,
}

/// Why a file is not open.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// It is a symbolic link, or lies behind one.
    Link,
    /// It is something else than a file.
    NoFile,
    Io(io::Error),
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A folder in which files are opened. Clones share what they know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Opener {
    #[cfg(target_os = "linux")]
    root: std::sync::Arc<std::sync::OnceLock<std::os::fd::OwnedFd>>,
}

impl Opener {
    /// Opens the file `key`, a path of names alone, below `root`, which is the same in every call.
    pub(super) fn open(&self, root: &Path, key: &str) -> Result<Opened, NotOpened> {
        #[cfg(target_os = "linux")]
        use rustix::io::Errno;
        #[cfg(target_os = "linux")]
        match self.at_once(root, key) {
            // The kernel does not know the call, or a sandbox does not let it through; or the root was replaced since it
            // was opened, and what is listed there now must not pass for gone.
            Err(NotOpened::Io(error))
                if [Errno::NOSYS, Errno::PERM, Errno::NOENT]
                    .iter()
                    .any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) => {}
            done => return done,
        }
        step_by_step(root, key)
    }

    #[cfg(target_os = "linux")]
    fn at_once(&self, root: &Path, key: &str) -> Result<Opened, NotOpened> {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
        use rustix::io::Errno;

        let root = match self.root.get() {
            Some(root) => root,
            None => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let opened = openat(CWD, root, flags, Mode::empty()).map_err(io::Error::from)?;
                self.root.get_or_init(|| opened)
            }
        };
        // A pipe that took the place of a file must not make the reader wait.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat2(root, key, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        let file: File = match file {
            Ok(file) => file.into(),
            Err(Errno::LOOP) => return Err(NotOpened::Link),
            // A socket.
            Err(Errno::NXIO) => return Err(NotOpened::NoFile),
            Err(errno) => return Err(NotOpened::Io(errno.into())),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(NotOpened::NoFile);
        }
        Ok(Opened { file, bytes: metadata.len() })
    }
}

/// Looks at each part of the path, then opens the file.
fn step_by_step(root: &Path, key: &str) -> Result<Opened, NotOpened> {
    let mut path = root.to_owned();
    let mut bytes = 0;
    let mut parts = key.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_symlink() {
            return Err(NotOpened::Link);
        }
        if parts.peek().is_none() && !metadata.is_file() {
            return Err(NotOpened::NoFile);
        }
        bytes = metadata.len();
    }
    Ok(Opened { file: File::open(&path)?, bytes })
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn told(opened: Result<Opened, NotOpened>) -> String {
        match opened {
            Ok(opened) => format!("{} bytes", opened.bytes),
            Err(NotOpened::Link) => "link".to_owned(),
            Err(NotOpened::NoFile) => "no file".to_owned(),
            Err(NotOpened::Io(error)) => format!("{:?}", error.kind()),
        }
    }

    #[test]
    fn both_ways_open_the_same_files_and_no_others() {
        let parent = tempfile::tempdir().unwrap();
        let real = parent.path().join("real");
        fs::create_dir_all(real.join("folder")).unwrap();
        fs::write(real.join("folder/file"), "text").unwrap();
        symlink(real.join("folder"), real.join("to-folder")).unwrap();
        symlink(real.join("folder/file"), real.join("to-file")).unwrap();
        let _socket = UnixListener::bind(real.join("socket")).unwrap();
        // The root itself may be a link: it was named by whoever runs this.
        let root = parent.path().join("root");
        symlink(&real, &root).unwrap();
        let opener = Opener::default();
        for (key, wanted) in [
            ("folder/file", "4 bytes"),
            ("folder", "no file"),
            ("socket", "no file"),
            ("to-file", "link"),
            ("to-folder/file", "link"),
            ("missing", "NotFound"),
            ("folder/missing", "NotFound"),
            ("folder/file/below", "NotADirectory"),
        ] {
            assert_eq!(told(opener.open(&root, key)), wanted, "{key}");
            assert_eq!(told(step_by_step(&root, key)), wanted, "{key}, step by step");
        }
        assert_eq!(told(Opener::default().open(&parent.path().join("none"), "file")), "NotFound");
    }

    #[test]
    fn what_is_in_a_root_that_was_replaced_is_not_gone() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("old"), "1").unwrap();
        let opener = Opener::default();
        assert_eq!(told(opener.open(&root, "old")), "1 bytes");
        fs::rename(&root, parent.path().join("before")).unwrap();
        fs::create_dir(&root).unwrap();
        fs::write(root.join("new"), "22").unwrap();
        assert_eq!(told(opener.open(&root, "new")), "2 bytes");
    }
}
