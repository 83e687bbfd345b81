//! A folder lists in byte order, follows no links and hands out no more than was asked for.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("shelltrail-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, key: &str, bytes: &[u8]) {
        let path = self.0.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn keys(folder: &LocalFolder, prefix: &str, mut after: Option<String>) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let page = folder.list("", prefix, after.as_deref()).await.unwrap();
        let Some(last) = page.last() else { return keys };
        after = Some(last.place());
        keys.extend(page.into_iter().map(|listed| listed.object.key));
    }
}

#[tokio::test]
async fn keys_come_in_the_order_of_their_bytes() {
    let root = Folder::new("order");
    let mut names = ["a/b.log", "a.log", "a-b/c.log", "a/b/c.log", "a0.log", "é.log", "z/y/x.log", "b.log"];
    for name in names {
        root.write(name, b"x");
    }
    names.sort_unstable();
    let folder = LocalFolder::new(root.path());
    assert_eq!(keys(&folder, "", None).await, names);
    for (position, name) in names.iter().enumerate() {
        let after = Some((*name).to_owned());
        assert_eq!(keys(&folder, "", after).await, names[position + 1..], "after {name}");
    }
    assert_eq!(keys(&folder, "a/", None).await, ["a/b.log", "a/b/c.log"]);
    assert_eq!(keys(&folder, "a", None).await.len(), 5);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let root = Folder::new("pages");
    for n in 0..PAGE + 20 {
        root.write(&format!("{}/{n}.log", n % 7), b"");
    }
    let folder = LocalFolder::new(root.path());
    let all = keys(&folder, "", None).await;
    assert_eq!(all.len(), PAGE + 20);
    assert!(all.is_sorted());
    let fresh = LocalFolder::new(root.path());
    assert_eq!(keys(&fresh, "", Some(all[PAGE - 1].clone())).await, all[PAGE..], "without the walk before");
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_neither_listed_nor_read() {
    let (root, secret) = (Folder::new("links"), Folder::new("secret"));
    secret.write("secret.log", b"secret");
    root.write("a.log", b"x");
    std::os::unix::fs::symlink(secret.path().join("secret.log"), root.path().join("file.log")).unwrap();
    std::os::unix::fs::symlink(secret.path(), root.path().join("folder")).unwrap();
    let folder = LocalFolder::new(root.path());
    assert_eq!(keys(&folder, "", None).await, ["a.log"]);
    for (key, reason) in [
        ("file.log", "symbolic-link"),
        ("folder/secret.log", "symbolic-link"),
        ("../a.log", "file-path"),
        ("/etc/passwd", "file-path"),
        ("./a.log", "file-path"),
        ("absent.log", "gone"),
    ] {
        let object = ObjectRef { key: key.to_owned(), ..ObjectRef::default() };
        assert_eq!(folder.get(&object, 100).await.unwrap_err().reason, reason, "{key}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_name_that_is_not_utf8_is_told_and_hides_behind_no_other() {
    use std::os::unix::ffi::OsStrExt;
    let root = Folder::new("utf8");
    let name = std::ffi::OsStr::from_bytes(b"a\xff.log");
    if fs::write(root.path().join(name), b"x").is_err() {
        return; // This file system has no such names.
    }
    root.write("a\u{fffd}.log", b"what the other one would be taken for");
    let listed = LocalFolder::new(root.path()).list("", "", None).await.unwrap();
    let told: Vec<_> = listed.iter().map(|l| (l.object.key.as_str(), l.unreadable)).collect();
    assert_eq!(
        told,
        [("a\u{fffd}.log", None), ("a\u{fffd}.log (not UTF-8: a\\xff.log)", Some("file-name-not-utf8")),]
    );
}

/// A folder whose path is longer than any call takes: nobody can list it, whoever asks.
pub(crate) fn bury(root: &Folder, folder: &str, files: &[&str]) {
    let (name, beside) = ("d".repeat(250), Folder::new("bury"));
    let deep = |levels: usize| vec![name.as_str(); levels].join("/");
    for file in files {
        beside.write(&format!("{}/{file}", deep(10)), b"$ id\r\nuid=0\r\n");
    }
    fs::create_dir_all(root.path().join(folder).join(deep(8))).unwrap();
    fs::rename(beside.path().join(&name), root.path().join(folder).join(deep(8)).join(&name)).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_listed_is_told_and_the_others_go_on() {
    let root = Folder::new("unlisted");
    for name in ["a.log", "deep.log", "z/a.log"] {
        root.write(name, b"x");
    }
    bury(&root, "deep", &["hidden.log"]);
    let folder = LocalFolder::new(root.path());
    let listed = folder.list("", "", None).await.unwrap();
    let (told, files): (Vec<_>, Vec<_>) = listed.into_iter().partition(|l| l.unreadable.is_some());
    let files: Vec<_> = files.iter().map(|l| l.object.key.as_str()).collect();
    assert_eq!(files, ["a.log", "deep.log", "z/a.log"]);
    let [told] = &told[..] else { panic!("{told:?}") };
    assert!(told.object.key.starts_with("deep/ddd") && told.object.key.ends_with('/'));
    assert_eq!(told.unreadable, Some("folder-not-listed"));
    assert!(told.detail.as_deref().unwrap().contains("list the folder"), "{told:?}");
    // Whoever goes on behind it is not told again, whoever goes on in the middle of it is.
    let fresh = LocalFolder::new(root.path());
    assert_eq!(keys(&fresh, "", Some(told.place())).await, ["z/a.log"]);
    let within = Some(format!("{}m.log", told.object.key));
    assert_eq!(keys(&fresh, "", within).await, [told.object.key.as_str(), "z/a.log"]);
    // It is a matter of those alone who want what may lie there.
    assert_eq!(keys(&fresh, "z/", None).await, ["z/a.log"]);
    assert_eq!(keys(&fresh, &format!("{}x", told.object.key), None).await, [told.object.key.as_str()]);
}

#[tokio::test]
async fn a_folder_that_goes_while_it_is_walked_is_gone_and_one_that_becomes_a_file_is_told() {
    let root = Folder::new("going");
    for n in 0..PAGE {
        root.write(&format!("a/{n:04}.log"), b"");
    }
    for name in ["b/a.log", "c/a.log", "d/a.log"] {
        root.write(name, b"");
    }
    let folder = LocalFolder::new(root.path());
    let first = folder.list("", "", None).await.unwrap();
    fs::remove_dir_all(root.path().join("b")).unwrap();
    fs::remove_dir_all(root.path().join("c")).unwrap();
    root.write("c", b"");
    let rest = folder.list("", "", Some(&first.last().unwrap().place())).await.unwrap();
    let told: Vec<_> = rest.iter().map(|l| (l.object.key.as_str(), l.unreadable)).collect();
    assert_eq!(told, [("b/", Some("gone")), ("c/", Some("folder-not-listed")), ("d/a.log", None)]);
}

#[tokio::test]
async fn a_folder_with_nothing_in_it_is_named_and_is_no_object() {
    let root = Folder::new("empty");
    root.write("a.log", b"");
    fs::create_dir_all(root.path().join("none/at all")).unwrap();
    let listed = LocalFolder::new(root.path()).list("", "", None).await.unwrap();
    let told: Vec<_> = listed.iter().map(|l| (l.object.key.as_str(), l.is_empty_folder())).collect();
    assert_eq!(told, [("a.log", false), ("none/at all/", true)]);
    assert_eq!(keys(&LocalFolder::new(root.path()), "", Some("none/at all/".to_owned())).await.len(), 0);
}

#[tokio::test]
async fn a_file_over_the_limit_is_not_read() {
    let root = Folder::new("size");
    root.write("a.log", b"12345");
    let folder = LocalFolder::new(root.path());
    let object = ObjectRef { key: "a.log".to_owned(), ..ObjectRef::default() };
    assert_eq!(folder.get(&object, 5).await.unwrap().body, b"12345");
    assert_eq!(folder.get(&object, 4).await.unwrap_err().kind, SourceErrorKind::TooLarge);
    let missing = LocalFolder::new(root.path().join("missing"));
    assert_eq!(missing.list("", "", None).await.unwrap_err().kind, SourceErrorKind::NotFound);
}
