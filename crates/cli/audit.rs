//! Who asked what: one JSON line per question, written before anything of the answer is printed.
//!
//! The place is `audit.jsonl` of the index root, or the file that the setting `audit` names. `--audit FILE` adds a second
//! one, and stands in for the first only where that cannot be written. Without a place to write to there is no answer.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Serialize;
use shelltrail_core::sanitize::printable;

use crate::config::Config;
use crate::json;

/// The name of the file in the index root.
pub const FILE_NAME: &str = "audit.jsonl";

/// A question, as it is remembered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entry {
    /// The verb.
    pub command: &'static str,
    /// What was asked, with its secrets masked.
    pub query: Option<String>,
    /// The flags that narrow it, as they were typed.
    pub scope: Vec<String>,
    /// The session or sessions that were read.
    pub sessions: Vec<String>,
    /// What the answer was printed as.
    pub format: String,
    /// How many records, sessions or values the answer holds.
    pub hits: u64,
    /// Whether everything in scope was searched.
    pub complete: bool,
    /// Whether secrets were shown.
    pub revealed: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    time: Timestamp,
    user: &'a User,
    index: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Who runs this process, as the system knows it.
#[derive(Clone, Debug, Serialize)]
struct User {
    uid: u32,
    /// The name in `/etc/passwd`.
    name: Option<String>,
    /// Who logged in, whatever was done since to be somebody else (Linux audit).
    login_uid: Option<u32>,
    /// What `sudo` says; a variable anybody can set.
    sudo_user: Option<String>,
}

/// The open files of one question.
#[derive(Debug)]
pub struct Audit {
    files: Vec<(PathBuf, File)>,
    index: String,
}

impl Audit {
    /// Opens the places to write to.
    ///
    /// # Errors
    /// There is none.
    pub fn open(index: &Path, config: &Config, extra: Option<&Path>) -> anyhow::Result<Self> {
        let own = config.audit.clone().unwrap_or_else(|| index.join(FILE_NAME));
        let mut files = Vec::new();
        if let Some(path) = extra {
            files.push((path.to_owned(), open(path)?));
        }
        match open(&own) {
            Ok(file) => files.push((own, file)),
            Err(error) if files.is_empty() => {
                return Err(error.context(
                    "every question is written down, and that cannot be done here; \
                     name another file with --audit FILE or the setting `audit`",
                ));
            }
            Err(error) => {
                let error = format!("{error:#}");
                let error = printable(&error);
                eprintln!("shelltrail: {error}; the question is written to the file of --audit only");
            }
        }
        Ok(Self { files, index: index.display().to_string() })
    }

    /// Writes the question down.
    ///
    /// # Errors
    /// One of the files does not take it.
    pub fn write(self, entry: &Entry) -> anyhow::Result<()> {
        let user = User::current();
        let line = Line { schema: 1, time: Timestamp::now(), user: &user, index: &self.index, entry };
        let mut text = Vec::new();
        json::write_line(&mut text, &line)?;
        for (path, mut file) in self.files {
            let write = |file: &mut File| {
                file.lock()?;
                // What a crash or a full disk left of a line must not swallow this one.
                let cut = if ends_within_a_line(&path) { "\n".as_bytes() } else { &[] };
                file.write_all(&[cut, &text].concat())?;
                file.sync_data()
            };
            write(&mut file).with_context(|| format!("write the audit file {}", path.display()))?;
        }
        Ok(())
    }
}

/// Opens a file for appending. Whatever is no file of its own would lose what is written.
fn open(path: &Path) -> anyhow::Result<File> {
    let name = || format!("open the audit file {}", path.display());
    if let Ok(meta) = fs::metadata(path)
        && !meta.is_file()
    {
        let kind = if meta.file_type().is_char_device() { "a device" } else { "no file" };
        bail!("{}: it is {kind}", name());
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).with_context(name)
}

/// Whether the last byte of a file is no line feed; it may be one that may only be written.
fn ends_within_a_line(path: &Path) -> bool {
    let mut last = [0];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)
    });
    read.is_ok() && last != *b"\n"
}

impl User {
    fn current() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
        Self {
            uid,
            name: fs::read_to_string("/etc/passwd").ok().and_then(|text| name_of(&text, uid)),
            // The largest number says that nobody logged in.
            login_uid: login.filter(|&login| login != u32::MAX),
            sudo_user: std::env::var("SUDO_USER").ok(),
        }
    }
}

/// Who runs this process, as it is written down.
#[must_use]
pub fn user() -> serde_json::Value {
    serde_json::to_value(User::current()).unwrap_or_default()
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry(query: &str) -> Entry {
        Entry { command: "search", query: Some(query.to_owned()), ..Entry::default() }
    }

    #[test]
    fn a_question_is_one_line_whatever_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::default();
        for query in ["foo\n{\"event\":\"search\",\"user\":\"bob\"}", "\x1b[2J\u{202e}"] {
            Audit::open(dir.path(), &config, None).unwrap().write(&entry(query)).unwrap();
        }
        let text = fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains(['\x1b', '\u{202e}']));
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["query"], "foo\n{\"event\":\"search\",\"user\":\"bob\"}");
        assert!(first["user"]["uid"].is_u64() && first["time"].is_string());
    }

    #[test]
    fn a_flag_adds_a_place_and_replaces_none_that_works() {
        let dir = tempfile::tempdir().unwrap();
        let extra = dir.path().join("extra.jsonl");
        let config = Config::default();
        Audit::open(dir.path(), &config, Some(&extra)).unwrap().write(&entry("x")).unwrap();
        for path in [extra.clone(), dir.path().join(FILE_NAME)] {
            assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 1);
        }
        let nowhere = dir.path().join("no/such");
        let error = Audit::open(&nowhere, &config, None).unwrap_err();
        assert!(format!("{error:#}").contains("--audit FILE"), "{error:#}");
        assert!(Audit::open(&nowhere, &config, Some(&extra)).is_ok());
        assert!(Audit::open(dir.path(), &config, Some(Path::new("/dev/null"))).is_err());
        assert!(Audit::open(dir.path(), &config, Some(dir.path())).is_err());
    }

    #[test]
    fn names_are_read_from_the_list_of_users() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\nbroken\n";
        assert_eq!(name_of(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(name_of(passwd, 7), None);
    }
}
