//! Where the objects of a backfill are.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use shelltrail_aws::{AwsConfig, Clients};
use shelltrail_ingest::source::{KeyService, NoKeys, ObjectStore};
use shelltrail_ingest::{Inventory, KeyList, LocalFolder, ManifestAt, Origin, TarArchive};

use crate::args::BackfillArgs;

/// A source, told by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory.
    Folder(PathBuf),
    /// A tar of one.
    Tar(PathBuf),
    /// A CSV of keys.
    Keys(PathBuf),
    /// An inventory report.
    Inventory(ManifestAt),
    /// The objects of a bucket below a prefix.
    Bucket { bucket: String, prefix: String },
}

/// What reads the objects of a source.
pub struct Opened {
    /// Where they are listed and read.
    pub origin: Origin<dyn ObjectStore>,
    /// What unwraps their data keys.
    pub keys: Arc<dyn KeyService>,
    /// The clients, where AWS is asked.
    pub clients: Option<Clients>,
}

impl Source {
    /// Tells a source by its name.
    ///
    /// # Errors
    /// It is none, or is not there.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                bail!("{text} names no bucket: use s3://BUCKET[/PREFIX]");
            }
            let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
            if prefix == "manifest.json" || prefix.ends_with("/manifest.json") {
                return Ok(Self::Inventory(ManifestAt::Bucket { bucket, key: prefix }));
            }
            return Ok(Self::Bucket { bucket, prefix });
        }
        let path = PathBuf::from(text);
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        let lower = text.to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| lower.ends_with(end));
        let known: fn(PathBuf) -> Self = if ends(&[".tar", ".tar.gz", ".tgz"]) {
            Self::Tar
        } else if ends(&[".csv"]) {
            Self::Keys
        } else if ends(&[".json"]) {
            |path| Self::Inventory(ManifestAt::File(path))
        } else {
            return Err(anyhow::anyhow!("{text} is not a directory, a .tar, .tar.gz, .tgz, .csv or .json file"))
                .context(
                    "SOURCE is s3://BUCKET[/PREFIX], an inventory manifest, a CSV of keys, a directory or a tar of one",
                );
        };
        if !path.is_file() {
            bail!("{text} is no file that can be read");
        }
        Ok(known(path))
    }

    /// Whether its objects lie in a bucket.
    pub fn is_in_s3(&self) -> bool {
        !matches!(self, Self::Folder(_) | Self::Tar(_))
    }

    /// The name under which a place in it is kept: as it was typed, but for what lies on this machine, where the same words
    /// name another source in another directory.
    pub fn name(&self, typed: &str) -> String {
        let path = match self {
            Self::Folder(path) if path.as_os_str().is_empty() => Path::new("."),
            Self::Folder(path)
            | Self::Tar(path)
            | Self::Keys(path)
            | Self::Inventory(ManifestAt::File(path)) => path,
            Self::Inventory(ManifestAt::Bucket { .. }) | Self::Bucket { .. } => return typed.to_owned(),
        };
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        path.to_str().map_or_else(|| format!("{path:?}"), str::to_owned)
    }

    /// What tells a folder or a file of rows or entries from another one in its place; `None` of what lies in a bucket,
    /// where places are keys and a report does not change.
    pub fn file(&self) -> Option<String> {
        if let Self::Folder(path) = self {
            let metadata = path.metadata().ok()?;
            return Some(format!("directory {} of device {}", metadata.ino(), metadata.dev()));
        }
        let (Self::Tar(path) | Self::Keys(path) | Self::Inventory(ManifestAt::File(path))) = self else {
            return None;
        };
        let metadata = path.metadata().ok()?;
        let modified = metadata.modified().ok().and_then(|at| jiff::Timestamp::try_from(at).ok());
        Some(format!(
            "{} bytes of {}",
            metadata.len(),
            modified.map_or_else(|| "unknown".to_owned(), |at| at.to_string())
        ))
    }

    /// Whether it is known to hold everything of a bucket below a prefix.
    pub fn bucket(&self) -> Option<(&str, &str)> {
        match self {
            Self::Bucket { bucket, prefix } => Some((bucket, prefix)),
            _ => None,
        }
    }

    /// Refuses what a source cannot do.
    ///
    /// # Errors
    /// What, and why.
    pub fn check(&self, command: &BackfillArgs) -> anyhow::Result<()> {
        if command.all_versions && !matches!(self, Self::Bucket { .. } | Self::Inventory(_)) {
            bail!("--all-versions: only a bucket and an inventory have versions");
        }
        if command.newest_first && matches!(self, Self::Tar(_)) {
            bail!("--newest-first: a tar is read in its own order; unpack it, or leave the option out");
        }
        if command.enqueue.is_some() && !self.is_in_s3() {
            bail!("--enqueue: workers read from buckets, not from {}", command.source);
        }
        if command.reconcile && (self.bucket().is_none() || command.all_versions || command.limit.is_some()) {
            bail!(
                "--reconcile compares the index with a whole s3://BUCKET[/PREFIX], without --all-versions and --limit"
            );
        }
        if let (Some(since), Some(until)) = (&command.since, &command.until)
            && since.at >= until.at
        {
            bail!("--since {} is not before --until {}: no object can match", since.text, until.text);
        }
        Ok(())
    }

    /// Opens the source. `read` tells whether objects are to be read from it.
    ///
    /// # Errors
    /// A local file cannot be read.
    pub async fn open(
        &self,
        command: &BackfillArgs,
        aws: &AwsConfig,
        read: bool,
        max_object_bytes: u64,
    ) -> anyhow::Result<Opened> {
        let local = |origin| Opened { origin, keys: Arc::new(NoKeys), clients: None };
        match self {
            Self::Folder(path) => {
                let store: Arc<dyn ObjectStore> = Arc::new(LocalFolder::new(path));
                Ok(local(Origin::bucket(store, "", "")))
            }
            Self::Tar(path) => {
                let archive = TarArchive::new(path);
                let entries = archive.entries(read, max_object_bytes);
                Ok(local(Origin::new(Arc::new(archive), entries)))
            }
            Self::Keys(path) => {
                let list = key_list(path)?;
                let (clients, store) = s3(aws).await;
                Ok(Opened::in_s3(clients, Origin::new(store, Box::new(list))))
            }
            Self::Inventory(at) => {
                let (clients, store) = s3(aws).await;
                let inventory = Inventory::new(Arc::clone(&store), at.clone(), command.all_versions);
                Ok(Opened::in_s3(clients, Origin::new(store, Box::new(inventory))))
            }
            Self::Bucket { bucket, prefix } => {
                let (clients, store) = s3(aws).await;
                let prefix = narrowed(prefix, &command.prefix);
                let origin = match command.all_versions {
                    true => Origin::versions(store, bucket, prefix),
                    false => Origin::bucket(store, bucket, prefix),
                };
                Ok(Opened::in_s3(clients, origin))
            }
        }
    }
}

impl Opened {
    fn in_s3(clients: Clients, origin: Origin<dyn ObjectStore>) -> Self {
        Self { origin, keys: Arc::new(clients.keys()), clients: Some(clients) }
    }
}

async fn s3(aws: &AwsConfig) -> (Clients, Arc<dyn ObjectStore>) {
    let clients = Clients::load(aws).await;
    let store = Arc::new(clients.store());
    (clients, store)
}

fn key_list(path: &Path) -> anyhow::Result<KeyList> {
    KeyList::open(path).with_context(|| format!("read the list of keys {}", path.display()))
}

/// One wanted prefix below that of the source is listed itself: the rest need not even be listed.
pub fn narrowed(prefix: &str, wanted: &[String]) -> String {
    match wanted {
        [only] if only.starts_with(prefix) => only.clone(),
        _ => prefix.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a.tar", "a.TGZ", "a.tar.gz", "keys.csv", "manifest.json", "a.zip"] {
            std::fs::write(at(name), "").unwrap();
        }
        let parse = |name: &str| Source::parse(at(name).to_str().unwrap());
        assert_eq!(parse("a.tar").unwrap(), Source::Tar(at("a.tar")));
        assert_eq!(parse("a.TGZ").unwrap(), Source::Tar(at("a.TGZ")));
        assert_eq!(parse("keys.csv").unwrap(), Source::Keys(at("keys.csv")));
        let manifest = Source::Inventory(ManifestAt::File(at("manifest.json")));
        assert_eq!(parse("manifest.json").unwrap(), manifest);
        assert_eq!(parse("").unwrap(), Source::Folder(at("")));
        for bad in ["a.zip", "absent", "absent.csv", "absent.tar"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let bucket =
            |bucket: &str, prefix: &str| Source::Bucket { bucket: bucket.into(), prefix: prefix.into() };
        assert_eq!(Source::parse("s3://b").unwrap(), bucket("b", ""));
        assert_eq!(Source::parse("s3://b/a/b c").unwrap(), bucket("b", "a/b c"));
        assert_eq!(Source::parse("s3://b/my-manifest.json").unwrap(), bucket("b", "my-manifest.json"));
        let key = "x/manifest.json".to_owned();
        let inventory = Source::Inventory(ManifestAt::Bucket { bucket: "b".into(), key });
        assert_eq!(Source::parse("s3://b/x/manifest.json").unwrap(), inventory);
        assert!(Source::parse("s3:///x").is_err());
    }

    #[test]
    fn what_lies_on_this_machine_has_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other, link) = (dir.path().join("one"), dir.path().join("other"), dir.path().join("link"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let told = |path: &Path| {
            let source = Source::Folder(path.to_owned());
            (source.name("typed"), source.file())
        };
        assert_eq!(told(&one), told(&link));
        assert_eq!(told(&one), told(&dir.path().join("other/../one")));
        assert_ne!(told(&one).0, told(&other).0);
        assert_ne!(told(&one).1, told(&other).1);
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(told(Path::new(".")).0, here.to_str().unwrap());
        assert_eq!(told(Path::new("")).0, here.to_str().unwrap());
        let bucket = Source::parse("s3://b/p/").unwrap();
        assert_eq!((bucket.name("s3://b/p/"), bucket.file()), ("s3://b/p/".to_owned(), None));
    }

    #[test]
    fn a_prefix_below_the_source_narrows_the_listing() {
        assert_eq!(narrowed("a/", &["a/b".into()]), "a/b");
        assert_eq!(narrowed("a/", &["b".into()]), "a/");
        assert_eq!(narrowed("a/", &["a/b".into(), "a/c".into()]), "a/");
        assert_eq!(narrowed("a/", &[]), "a/");
    }
}
