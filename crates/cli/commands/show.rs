//! `shelltrail show`

use std::io::{IsTerminal, stdout};

use anyhow::bail;
use shelltrail_core::CommandRecord;
use shelltrail_core::sanitize::printable;
use shelltrail_core::session::Marks;
use shelltrail_index::block::SessionMeta;
use shelltrail_index::search::with_causes;

use super::find::{Found, find};
use super::follow::suggest;
use super::opened::Opened;
use super::{coverage, exit, raw};
use crate::args::{Args, Reading, ShowArgs};
use crate::audit;
use crate::exit::Exit;
use crate::formats::{InSession, Of, Printer};
use crate::lens::Lens;
use crate::reader::{Reader, object};
use crate::screen::while_read;
use crate::words::name;

/// How many records a suggested window has at each side.
const SUGGESTED_CONTEXT: u32 = 10;

/// Positions of a session, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    first: u32,
    last: u32,
}

/// A transcript that is shown.
struct Stored<'a> {
    meta: &'a SessionMeta,
    marks: &'a Marks,
    records: Vec<CommandRecord>,
}

/// Prints every transcript of a session ID, or a window of each.
///
/// # Errors
/// There is no index, or the session is not told apart from others.
pub fn run(args: &Args, command: &ShowArgs) -> anyhow::Result<Exit> {
    check(command)?;
    let output = &command.output;
    let printer = Printer::new(output.format, output.template.as_deref(), Of::Records, usize::MAX)?;
    let opened = Opened::new(args, &command.read, &output.screen)?;
    let query = Some(Lens::new(false).mask(&command.session));
    let found = match find(&opened.searcher, &command.session) {
        Ok(found) => found,
        Err(ambiguous) => {
            // What is told of the index is written down, too.
            opened.audit.write(&audit::Entry {
                command: "show",
                query,
                scope: Vec::new(),
                sessions: ambiguous.told().to_vec(),
                format: format_name(command),
                hits: 0,
                complete: false,
                revealed: false,
            })?;
            ambiguous.tell(&opened.index);
            bail!("name one session");
        }
    };
    let Found { transcripts, seq, mut coverage } = found;
    let window = window(command, seq);
    // Whether objects of other sessions could not be indexed says nothing about one that is stored.
    if !transcripts.is_empty() {
        coverage.not_indexed.clear();
        coverage.unfinished_backfills.clear();
    }
    let metas: Vec<&SessionMeta> = transcripts.iter().map(|found| &found.session).collect();
    let marks = opened.searcher.marks(&metas, &mut coverage);
    let mut stored: Vec<Stored<'_>> = Vec::new();
    for (found, marks) in transcripts.iter().zip(&marks) {
        match opened.searcher.records(&found.place, window.first, window.last) {
            Ok(records) => stored.push(Stored { meta: &found.session, marks, records }),
            Err(error) => {
                coverage.unreadable_records += 1;
                coverage.unreadable_reason.get_or_insert(with_causes(&error));
            }
        }
    }
    let shown: usize = stored.iter().map(|stored| stored.records.len()).sum();
    let (index, screen) = (opened.index, opened.screen);
    opened.audit.write(&audit::Entry {
        command: "show",
        query,
        scope: vec![format!("{}..={}", window.first, window.last)],
        sessions: transcripts.iter().map(|found| found.session.session.clone()).collect(),
        format: format_name(command),
        hits: shown as u64,
        complete: coverage.is_complete(),
        revealed: output.reveal || command.reading == Reading::Raw,
    })?;
    tell_origins(&metas);
    let lens = Lens::new(output.reveal).keyed(opened.mask_key);
    let windowed = window != Window { first: 0, last: u32::MAX };
    while_read(|| match (command.reading, &printer) {
        (Reading::Raw, _) => write_raw(command, &stored, windowed),
        (_, Some(printer)) => {
            let mut out = screen.open_for_programs();
            printer.begin(&mut out, Of::Records)?;
            for Stored { meta, marks, records } in &stored {
                let session = &meta.to_session();
                for record in records {
                    let of = InSession { session, records: meta.record_count, marks };
                    printer.record(&mut out, &of, record, &lens, false)?;
                }
            }
            out.finish()
        }
        (reading, None) => {
            let mut out = screen.open();
            let zone = output.screen.tz.clone();
            let lines = command.fold.output_lines;
            let mut reader = Reader::new(&screen, zone, lens.clone(), reading, lines);
            for Stored { meta, marks, records } in &stored {
                let session = &meta.to_session();
                reader.header(&mut out, &InSession { session, records: meta.record_count, marks })?;
                for record in records {
                    reader.record(&mut out, record)?;
                }
            }
            out.finish()?;
            if let Some(Stored { meta, records, .. }) = stored.first() {
                follow_up(&screen, &index, meta, records, windowed);
            }
            Ok(())
        }
    })?;
    lens.report();
    if transcripts.is_empty() {
        eprintln!("shelltrail: no transcript of session {} is stored", printable(&command.session));
        coverage::report_empty(&opened.searcher, &index);
    } else if shown == 0 && windowed {
        let records = transcripts.iter().map(|found| found.session.record_count).max().unwrap_or(0);
        eprintln!("shelltrail: the session has {records} records, none of them in that window");
    }
    let found = !(transcripts.is_empty() || (shown == 0 && windowed));
    if !found || !coverage.is_complete() {
        coverage::report(&coverage, found);
    }
    Ok(exit(coverage.is_complete(), found))
}

/// What can be known to make no sense before anything is read.
fn check(command: &ShowArgs) -> anyhow::Result<()> {
    if let (Some(from), Some(to)) = (command.from, command.to)
        && from > to
    {
        bail!("--from {from} is behind --to {to}: no record can be there");
    }
    if command.session.is_empty() {
        bail!("the session ID is empty; `shelltrail sessions` lists them");
    }
    if command.transcript.is_some() && command.reading != Reading::Raw {
        bail!("--transcript is read for --as raw only");
    }
    if command.reading == Reading::Raw && stdout().is_terminal() {
        bail!(
            "raw bytes may drive the terminal that they are written to; write them into a file or a pipe \
             (… > file), or read the session with --as sent"
        );
    }
    Ok(())
}

fn window(command: &ShowArgs, named: Option<u32>) -> Window {
    if command.from.is_some() || command.to.is_some() {
        return Window { first: command.from.unwrap_or(0), last: command.to.unwrap_or(u32::MAX) };
    }
    match command.around.or(named) {
        Some(seq) => {
            Window { first: seq.saturating_sub(command.context), last: seq.saturating_add(command.context) }
        }
        None => Window { first: 0, last: u32::MAX },
    }
}

fn format_name(command: &ShowArgs) -> String {
    if command.reading == Reading::Raw { "raw".to_owned() } else { super::format_name(&command.output) }
}

/// Several transcripts of one ID: copies, or somebody who made an object under a name of another's.
fn tell_origins(transcripts: &[&SessionMeta]) {
    if transcripts.len() < 2 {
        return;
    }
    eprintln!(
        "shelltrail: {} transcripts claim the session ID {}; all are shown. They come from:",
        transcripts.len(),
        printable(&transcripts[0].session)
    );
    for meta in transcripts {
        let session = meta.to_session();
        let account = session.account.map_or_else(|| "unknown".to_owned(), |account| account.to_string());
        let ended = session.ended_at.map_or_else(|| "end unknown".to_owned(), |time| time.to_string());
        let source = session.time_source.as_ref().map(name).unwrap_or_default();
        eprintln!(
            "shelltrail:   {} account {account}, {ended} {source}, {} records, {} bytes",
            printable(&object(&session)),
            meta.record_count,
            session.bytes
        );
    }
}

fn write_raw(command: &ShowArgs, stored: &[Stored<'_>], windowed: bool) -> anyhow::Result<()> {
    let Some(Stored { meta, records, .. }) = stored.first() else { return Ok(()) };
    let session = meta.to_session();
    let Some(path) = &command.transcript else {
        bail!(
            "the index holds the text of {}, not its bytes; {}",
            object(&session),
            raw::how_to_fetch(&session)
        );
    };
    // With several claims the file decides which is meant.
    let mut result = raw::write(path, &session, records, !windowed);
    for Stored { meta, records, .. } in &stored[1..] {
        if result.is_ok() {
            break;
        }
        result = raw::write(path, &meta.to_session(), records, !windowed);
    }
    result
}

fn follow_up(
    screen: &crate::screen::Screen,
    index: &std::path::Path,
    meta: &SessionMeta,
    records: &[CommandRecord],
    windowed: bool,
) {
    let id = || vec!["--".to_owned(), meta.session.clone()];
    let mut suggestions = Vec::new();
    if let (true, Some(first), Some(last)) = (windowed, records.first(), records.last()) {
        let wider = [
            "--from".to_owned(),
            first.seq.saturating_sub(SUGGESTED_CONTEXT).to_string(),
            "--to".to_owned(),
            last.seq.saturating_add(SUGGESTED_CONTEXT).to_string(),
        ];
        suggestions.push(("more around it", "show", wider.into_iter().chain(id()).collect()));
        suggestions.push(("all of it", "show", id()));
    } else {
        let unfolded = ["--output-lines".to_owned(), "0".to_owned()];
        suggestions.push(("all output", "show", unfolded.into_iter().chain(id()).collect()));
    }
    if let Some(principal) = &meta.principal {
        let words = vec![format!("--principal={principal}")];
        suggestions.push(("other sessions of the same principal", "sessions", words));
    }
    suggest(screen, index, &suggestions);
}
