//! `shelltrail parse`

use std::io::{BufWriter, Read, Write, stdin, stdout};
use std::path::Path;

use anyhow::Context;
use shelltrail_core::decode;
use shelltrail_core::document::RecordDocument;
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::Fetched;
use shelltrail_core::transcript::ParseLimits;
use shelltrail_core::{ObjectRef, Session, TranscriptId};

use crate::args::{Format, ParseArgs};
use crate::exit::Exit;
use crate::json;
use crate::reader::Reader;
use crate::render::Paint;

/// Most clear bytes of one file.
const MAX_BYTES: u64 = 1 << 30;

/// Cuts one object and prints the records of its sessions.
///
/// # Errors
/// The file cannot be read or inflated.
pub fn run(command: &ParseArgs) -> anyhow::Result<Exit> {
    let path = command.file.to_string_lossy();
    let body = read(&command.file).with_context(|| format!("read {path}"))?;
    let fetched = Fetched {
        object: ObjectRef { bucket: None, key: path.clone().into_owned(), version: None, etag: None },
        id: TranscriptId::of_file(&path, &body),
        metadata: std::collections::BTreeMap::new(),
        last_modified: None,
        body,
    };
    let transcript = decode::open(fetched, None, MAX_BYTES).with_context(|| format!("open {path}"))?;
    let sessions = decode::sessions(&transcript, &KeyLayout::default(), &ParseLimits::default());
    let mut out = BufWriter::new(stdout().lock());
    let mut reader = Reader::new(Paint::for_stdout(), command.fold.output_lines);
    for session in &sessions {
        print(&mut out, session, command.format, &mut reader)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn print(out: &mut impl Write, session: &Session, format: Format, reader: &mut Reader) -> anyhow::Result<()> {
    if format == Format::Text {
        reader.header(out, session, session.records.len() as u64)?;
    }
    for record in &session.records {
        match format {
            Format::Jsonl => json::write_line(out, &RecordDocument::new(session, record, usize::MAX))?,
            Format::Text => reader.record(out, record)?,
        }
    }
    Ok(())
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return std::fs::read(path);
    }
    let mut body = Vec::new();
    // One byte more than the limit tells "at the limit" from "over".
    stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut body)?;
    Ok(body)
}
