//! A tar lists what a folder of the same content lists, holds few bodies at once, and touches no file.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::backfill::{Books, Origin, Selection, backfill_with_report};
use crate::pipeline::tests::world::{World, config};
use crate::{PipelineConfig, Stop};

const MAX: u64 = 1 << 20;

/// A tar whose names are written as they are, hostile ones too.
fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, body) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(body.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(1_700_000_000);
        header.set_entry_type(if name.ends_with('/') {
            tar::EntryType::Directory
        } else {
            tar::EntryType::Regular
        });
        header.set_cksum();
        tar.append(&header, *body).unwrap();
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    tar.append_link(&mut link, "link.log", "/etc/passwd").unwrap();
    tar.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn written(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn index(
    world: &World,
    path: &Path,
    config: PipelineConfig,
    selection: Selection,
) -> (Vec<String>, Arc<Books>) {
    let archive = TarArchive::new(path);
    let books = Arc::new(Books::default());
    let origin = Origin::new(Arc::new(archive.clone()), archive.entries(true, config.max_object_bytes));
    let origin = origin.select(selection).with_books(Arc::clone(&books));
    let World { keys, sink, progress, .. } = world.clone();
    let done = backfill_with_report(config, origin, keys, sink, Stop::never(), progress).await.unwrap();
    assert!(done.ended && done.tally.adds_up(), "{done:?}");
    (world.sink.keys(), books)
}

#[tokio::test]
async fn entries_are_indexed_like_the_files_of_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let tar = tar_of(&[
        ("./ssm/", b""),
        ("./ssm/111122223333/a.log", b"one"),
        ("b/c.log", b"two"),
        ("../../up.log", b"three"),
    ]);
    for (name, bytes) in [("a.tar", tar.clone()), ("a.tar.gz", gzipped(&tar))] {
        let world = World::new();
        let (keys, books) =
            index(&world, &written(dir.path(), name, &bytes), config(), Selection::default()).await;
        assert_eq!(
            keys,
            ["../../up.log", "b/c.log", "ssm/111122223333/a.log"],
            "{name}: names are only names"
        );
        assert_eq!((books.tally().seen, books.tally().indexed), (3, 3));
        // The same content as a folder has the same identities.
        let folder = crate::folder::tests::Folder::new("tar");
        folder.write("ssm/111122223333/a.log", b"one");
        let again = world.restarted();
        let origin = Origin::folder(crate::LocalFolder::new(folder.path()));
        let World { keys, sink, progress, .. } = again.clone();
        let summary = crate::backfill(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
        assert_eq!(summary.already_indexed, 1);
    }
}

#[tokio::test]
async fn what_is_not_wanted_makes_room_and_what_is_too_large_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let large = vec![b'x'; 3 << 20];
    let names: Vec<String> =
        (0..40).map(|n| format!("{}/{n}.log", if n % 2 == 0 { "keep" } else { "drop" })).collect();
    let mut entries: Vec<(&str, &[u8])> =
        names.iter().map(|name| (name.as_str(), large.as_slice())).collect();
    entries.push(("keep/huge.log", &large[..]));
    let huge = [large.as_slice(), large.as_slice()].concat();
    entries.push(("keep/larger.log", &huge));
    let path = written(dir.path(), "large.tar", &tar_of(&entries));
    let world = World::new();
    let config = PipelineConfig { max_object_bytes: 4 << 20, ..config() };
    let selection = Selection { prefixes: vec!["keep/".into()], ..Selection::default() };
    let (keys, books) = index(&world, &path, config, selection).await;
    assert_eq!(keys.len(), 21);
    let tally = books.tally();
    assert_eq!((tally.seen, tally.indexed, tally.failed, books.filtered()), (22, 21, 1, 20));
    assert_eq!(world.sink.failures()[0].reason, "too-large");
}

#[tokio::test]
async fn a_place_in_an_archive_is_a_number_of_entries() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), "a.tar", &tar_of(&[("a", b"1"), ("b", b"2"), ("c", b"3")]));
    let mut entries = TarArchive::new(&path).entries(false, MAX);
    entries.resume(&Cursor::Count(1)).unwrap();
    let page = entries.next().await.unwrap().unwrap();
    let keys: Vec<_> = page.objects.iter().map(|listed| listed.object.key.as_str()).collect();
    assert_eq!((keys, page.after), (vec!["b", "c"], Cursor::Count(3)));
    assert!(entries.next().await.unwrap().is_none());
    assert!(entries.resume(&Cursor::Key("a".into())).is_err());
}

#[tokio::test]
async fn a_broken_archive_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut tar = tar_of(&[("a", b"1"), ("b", &[b'x'; 4000])]);
    tar.truncate(2500);
    let mut gzip = gzipped(&tar_of(&[("a", b"1")]));
    gzip.truncate(30);
    for (name, bytes) in
        [("cut.tar", tar), ("text.tar", b"this is no archive, not at all".repeat(40)), ("cut.tar.gz", gzip)]
    {
        let mut entries = TarArchive::new(written(dir.path(), name, &bytes)).entries(true, MAX);
        let mut last = entries.next().await;
        while matches!(last, Ok(Some(_))) {
            last = entries.next().await;
        }
        let error = last.unwrap_err();
        assert!(error.reason == "archive-unreadable" && error.action.contains(name), "{error}");
    }
}

#[tokio::test]
async fn an_entry_whose_commit_failed_is_not_taken_for_gone() {
    let dir = tempfile::tempdir().unwrap();
    let tar = tar_of(&[("a.log", b"1"), ("b.log", b"2"), ("c.log", b"3")]);
    for (name, bytes) in [("a.tar", tar.clone()), ("a.tar.gz", gzipped(&tar))] {
        let world = World::new();
        world.script.fail_next(crate::fakes::Call::Commit, 1);
        let config = PipelineConfig { retry_delay: std::time::Duration::from_millis(1), ..config() };
        let path = written(dir.path(), name, &bytes);
        let (keys, books) = index(&world, &path, config, Selection::default()).await;
        let tally = books.tally();
        assert_eq!((tally.gone, tally.indexed, keys.len()), (0, 3, 3), "{name}: {tally:?}");
    }
}

#[tokio::test]
async fn an_archive_that_inflates_beyond_its_ceiling_is_an_error_and_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let tar = tar_of(&[("a", b"1"), ("b", &[b'x'; 40_000]), ("c", b"3")]);
    let path = written(dir.path(), "bomb.tar.gz", &gzipped(&tar));
    let plain = written(dir.path(), "plain.tar", &tar);
    let len = tar.len() as u64;
    for (path, ceiling, listed) in [(&path, len, 3), (&path, len / 2, 1), (&plain, len / 2, 3)] {
        let archive = TarArchive { max_clear_bytes: ceiling, ..TarArchive::new(path) };
        let mut entries = archive.entries(true, MAX);
        let (mut count, mut last) = (0, entries.next().await);
        while let Ok(Some(page)) = &last {
            count += page.objects.len();
            last = entries.next().await;
        }
        match last {
            Ok(_) => assert_eq!(count, listed, "{}", path.display()),
            Err(error) => {
                assert!(listed < 3 && error.action.contains("bomb.tar.gz"), "{error}");
                assert!(error.message.contains(&format!("more than {ceiling} bytes")), "{error}");
            }
        }
    }
}

/// An archive with one entry of another kind behind two files.
fn tar_with(kind: tar::EntryType, name: &str, target: &str, body: &[u8]) -> Vec<u8> {
    let mut tar = tar_of(&[("a.log", b"one"), ("b.log", b"two")]);
    tar.truncate(tar.len() - 1024);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(body.len() as u64);
    header.set_path(name).unwrap();
    if !target.is_empty() {
        header.set_link_name(target).unwrap();
    }
    header.set_cksum();
    builder.append(&header, body).unwrap();
    tar.extend(builder.into_inner().unwrap());
    tar
}

#[tokio::test]
async fn a_second_name_of_a_file_is_told_and_not_passed_over_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let tar = tar_with(tar::EntryType::Link, "second.log", "a.log", b"");
    let world = World::new();
    let (keys, books) =
        index(&world, &written(dir.path(), "a.tar", &tar), config(), Selection::default()).await;
    assert_eq!((keys, books.tally().failed), (vec!["a.log".to_owned(), "b.log".to_owned()], 1));
    let failure = world.sink.failures().remove(0);
    assert_eq!((failure.object.key.as_str(), failure.reason.as_str()), ("second.log", "archive-link"));
    assert!(failure.detail.contains("--hard-dereference"), "{failure:?}");

    let tar = tar_with(tar::EntryType::Continuous, "contiguous.log", "", b"three");
    let world = World::new();
    let (keys, _) = index(&world, &written(dir.path(), "b.tar", &tar), config(), Selection::default()).await;
    assert_eq!(keys, ["a.log", "b.log", "contiguous.log"]);
}

async fn listed(path: &Path) -> (Vec<String>, Result<(), SourceError>) {
    let mut entries = TarArchive::new(path).entries(false, MAX);
    let mut keys = Vec::new();
    loop {
        match entries.next().await {
            Ok(Some(page)) => keys.extend(page.objects.into_iter().map(|listed| listed.object.key)),
            Ok(None) => return (keys, Ok(())),
            Err(error) => return (keys, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_header_of_any_length_is_not_held() {
    let dir = tempfile::tempdir().unwrap();
    let long = "n".repeat(300) + ".log";
    for (bytes, fits) in [(long.into_bytes(), true), (vec![b'n'; 8 << 20], false)] {
        let mut tar = tar_with(tar::EntryType::GNULongName, "././@LongLink", "", &bytes);
        tar.truncate(tar.len() - 1024);
        tar.extend(tar_of(&[("named.log", b"three")]));
        let (keys, ended) = listed(&written(dir.path(), "a.tar.gz", &gzipped(&tar))).await;
        match ended {
            Ok(()) => assert!(fits && keys.len() == 3 && keys[2].starts_with("nnn"), "{keys:?}"),
            Err(error) => assert!(!fits && error.message.contains("longer than 1 MiB"), "{error}"),
        }
    }
}

#[tokio::test]
async fn what_stands_behind_the_end_is_an_error_and_zeros_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (tar_of(&[("a.log", b"one")]), tar_of(&[("b.log", b"two")]));
    let padded = [first.clone(), vec![0; 3 << 20]].concat();
    for (name, bytes, whole) in [
        ("padded.tar", padded.clone(), true),
        ("padded.tar.gz", gzipped(&padded), true),
        ("together.tar", [first.clone(), second.clone()].concat(), false),
        ("together.tar.gz", [gzipped(&first), gzipped(&second)].concat(), false),
    ] {
        let (keys, ended) = listed(&written(dir.path(), name, &bytes)).await;
        assert_eq!((keys.as_slice(), ended.is_ok()), (&["a.log".to_owned()][..], whole), "{name}");
        if let Err(error) = ended {
            assert!(error.message.contains("behind the mark of its end"), "{error}");
        }
    }
}
