//! `shelltrail parse`

use std::io::{Read, stdin};
use std::path::Path;

use anyhow::Context;
use shelltrail_core::decode;
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::Fetched;
use shelltrail_core::session::Marks;
use shelltrail_core::transcript::ParseLimits;
use shelltrail_core::{ObjectRef, TranscriptId};

use crate::args::{Args, ParseArgs, Reading};
use crate::config::Config;
use crate::exit::Exit;
use crate::formats::{InSession, Of, Printer};
use crate::lens::Lens;
use crate::reader::Reader;
use crate::screen::Screen;

/// Most clear bytes of one file.
const MAX_BYTES: u64 = 1 << 30;

/// Cuts one object and prints the records of its sessions.
///
/// # Errors
/// The file cannot be read or inflated.
pub fn run(args: &Args, command: &ParseArgs) -> anyhow::Result<Exit> {
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
    let screen = Screen::for_stdout(&command.screen, &Config::load(args)?)?;
    // Who has the file has what is in it; what is asked of an index is another matter.
    let lens = Lens::new(!command.mask);
    // Nothing is known of a bucket here.
    let marks = Marks::default();
    match Printer::new(command.format, None, Of::Records, usize::MAX)? {
        Some(printer) => {
            let mut out = screen.open_for_programs();
            printer.begin(&mut out, Of::Records)?;
            for session in &sessions {
                let of = InSession { session, records: session.records.len() as u64, marks: &marks };
                for record in &session.records {
                    printer.record(&mut out, &of, record, &lens, false)?;
                }
            }
            out.finish()?;
        }
        None => {
            let mut out = screen.open();
            let zone = command.screen.tz.clone();
            let mut reader = Reader::new(&screen, zone, lens, Reading::Shown, command.fold.output_lines);
            for session in &sessions {
                let records = session.records.len() as u64;
                reader.header(&mut out, &InSession { session, records, marks: &marks })?;
                for record in &session.records {
                    reader.record(&mut out, record)?;
                }
            }
            out.finish()?;
        }
    }
    Ok(Exit::Done)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    // One byte more than the limit tells "at the limit" from "over".
    if path.as_os_str() == "-" {
        stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut body)?;
    } else {
        let file = std::fs::File::open(path)?;
        let size = file.metadata()?.len();
        if size > MAX_BYTES {
            let what = format!("it has {size} bytes; at most {MAX_BYTES} are read");
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, what));
        }
        file.take(MAX_BYTES + 1).read_to_end(&mut body)?;
    }
    Ok(body)
}
