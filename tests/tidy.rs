//! What keeps the house in order: who may depend on whom, and how long a file may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate may name in `[dependencies]`, beside the standard library.
const ALLOWED: [(&str, &[&str]); 4] = [
    (
        "core",
        &[
            "aes",
            "aes-gcm",
            "aho-corasick",
            "base64",
            "blake3",
            "cbc",
            "flate2",
            "foldhash",
            "hkdf",
            "jiff",
            "libdeflater",
            "memchr",
            "percent-encoding",
            "regex",
            "serde",
            "serde_json",
            "sha2",
            "smallvec",
            "thiserror",
            "unicode-script",
            "unicode-width",
            "wide",
            "zeroize",
            "zstd",
        ],
    ),
    (
        "ingest",
        &[
            "async-trait",
            "csv",
            "flate2",
            "jiff",
            "md-5",
            "parquet",
            "rayon",
            "serde",
            "serde_json",
            "shelltrail-core",
            "tar",
            "tempfile",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
    (
        "aws",
        &[
            "async-trait",
            "aws-config",
            "aws-sdk-kms",
            "aws-sdk-s3",
            "aws-sdk-sqs",
            "aws-smithy-checksums",
            "base64",
            "jiff",
            "md-5",
            "shelltrail-core",
            "shelltrail-ingest",
            "tokio",
            "tracing",
            "zeroize",
        ],
    ),
    (
        "index",
        &[
            "getrandom",
            "jiff",
            "memchr",
            "postcard",
            "quick_cache",
            "rayon",
            "regex-automata",
            "regex-syntax",
            "serde",
            "serde_json",
            "shelltrail-core",
            "tantivy",
            "thiserror",
            "tracing",
            "unicode-security",
            "zstd",
        ],
    ),
];

/// Longest file, tests included: beyond it nobody reads to the end.
const MAX_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

fn names(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    manifest.get(section).and_then(|s| s.as_table()).map(|s| s.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn dependencies_keep_their_direction() {
    let mut crates: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(crates.remove("cli"), "the sources of the command");
    for (name, allowed) in ALLOWED {
        assert!(crates.remove(name), "{name}");
        let manifest = manifest(&root().join("crates").join(name).join("Cargo.toml"));
        let allowed: BTreeSet<String> = allowed.iter().map(|&n| n.to_owned()).collect();
        let extra: Vec<_> = names(&manifest, "dependencies").difference(&allowed).cloned().collect();
        assert!(extra.is_empty(), "crates/{name} must not depend on {extra:?}; ARCHITECTURE.md says why");
    }
    assert!(crates.is_empty(), "crates without a row in the table: {crates:?}");
}

#[test]
fn the_top_level_is_what_a_newcomer_expects() {
    assert!(!root().join("src").exists(), "sources live in crates/");
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        ".ci/run",
    ] {
        assert!(root().join(name).exists(), "{name}");
    }
    let package = manifest(&root().join("Cargo.toml"));
    for switch in ["autobins", "autotests", "autobenches"] {
        assert_eq!(package["package"][switch].as_bool(), Some(false), "{switch}");
    }
}

#[test]
fn files_are_short_enough_to_read() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_terminal_is_written_to_by_the_command_only() {
    for path in sources().into_iter().filter(|path| !path.starts_with(root().join("crates/cli"))) {
        if path.starts_with(root().join("tests")) || path.starts_with(root().join("benches")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for word in ["println!", "eprintln!", "eprint!", "dbg!"] {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["crates", "tests", "benches"].map(|name| root().join(name)).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 30, "{files:?}");
    files
}
