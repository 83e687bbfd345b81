//! The bytes of a transcript. The index does not hold them; the object does, and the user brings it.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Context, bail};
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::Fetched;
use shelltrail_core::transcript::ParseLimits;
use shelltrail_core::{CommandRecord, ObjectRef, Session, decode};

use crate::words::command_line;

/// Most clear bytes of one file.
const MAX_BYTES: u64 = 1 << 30;

/// Where the bytes are, and how to get them.
#[must_use]
pub fn how_to_fetch(session: &Session) -> String {
    let ObjectRef { bucket, key, version, .. } = &session.object;
    let Some(bucket) = bucket else {
        return format!(
            "it is the file {key} of the folder that was indexed; name it with --transcript FILE"
        );
    };
    let mut words = vec!["aws", "s3api", "get-object", "--bucket", bucket, "--key", key];
    if let Some(version) = version {
        words.extend(["--version-id", version]);
    }
    words.push("transcript.bin");
    format!("fetch it, and name it with --transcript transcript.bin: {}", command_line(words))
}

/// Reads the transcript of a session from a file, checks that it is that, and writes its bytes: those of some records,
/// or all.
///
/// # Errors
/// The file cannot be read or opened, or it is not the object that was indexed.
pub fn write(path: &Path, session: &Session, records: &[CommandRecord], all: bool) -> anyhow::Result<()> {
    let shown = path.display();
    let size = fs::metadata(path).with_context(|| format!("read {shown}"))?.len();
    if size > MAX_BYTES {
        bail!("{shown} has {size} bytes; at most {MAX_BYTES} are read");
    }
    let fetched = Fetched {
        object: session.object.clone(),
        id: session.id,
        metadata: std::collections::BTreeMap::new(),
        last_modified: None,
        body: fs::read(path).with_context(|| format!("read {shown}"))?,
    };
    let clear = decode::open(fetched, None, MAX_BYTES).with_context(|| format!("open {shown}"))?;
    let parsed = decode::sessions(&clear, &KeyLayout::default(), &ParseLimits::default());
    // A folder names its objects by key and content, a bucket by key and ETag, which no file has; its sessions tell.
    let same = |other: &&Session| other.session == session.session && other.bytes == session.bytes;
    if parsed.iter().find(same).is_none() {
        bail!(
            "{shown} is not the object that was indexed: it holds no session {} of {} bytes",
            session.session,
            session.bytes
        );
    }
    let bytes = &clear.bytes;
    let mut out = stdout().lock();
    if all && parsed.len() == 1 {
        out.write_all(bytes)?;
        return Ok(out.flush()?);
    }
    for record in records {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let start = at(record.span.start);
        out.write_all(&bytes[start..at(record.span.end).max(start)])?;
    }
    Ok(out.flush()?)
}
