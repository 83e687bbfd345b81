//! Marks of the objects that a backfill works on: one file, a line of one length for each.
//!
//! They are to outlive the process and not a loss of power, which is no object's fault. So they are written and not synced,
//! which costs a backfill next to nothing, and every start can be marked. The line of an object that is done is blank
//! until another one takes it, so the file is as long as there ever were objects in work at once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use shelltrail_core::TranscriptId;

use super::MAX_AGE;
use crate::disk::DiskFile;
use crate::durable;

/// Bytes of a line: an ID of 32 digits, how many starts, the second of the last one.
const LINE_BYTES: usize = 50;

/// Most starts that are told apart.
const MAX_STARTS: u32 = 999;

/// Most bytes that are read of what an earlier process left: more objects than are ever in work at once.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// So many starts, and the object is listed as a failure: its mark stays, however old, until somebody tries it again.
const GIVEN_UP: u32 = 2;

/// The marks as their only writer sees them.
#[derive(Debug)]
pub(super) struct LightMarks {
    path: PathBuf,
    /// `None` until it is needed.
    table: Mutex<Option<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    file: Option<DiskFile>,
    marks: HashMap<TranscriptId, Mark>,
    /// Lines of the file, and those of them that are blank.
    lines: u64,
    blank: Vec<u64>,
}

#[derive(Debug)]
struct Mark {
    line: u64,
    /// What earlier processes left: starts without an end, the first not counted.
    earlier: Option<u32>,
    /// Starts of this process that have no end yet; one name may stand in an archive twice.
    running: u32,
}

impl LightMarks {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, table: Mutex::default() }
    }

    /// How many starts of earlier processes have no end; the first is not counted.
    pub(super) fn open(&self, id: &TranscriptId) -> io::Result<u32> {
        self.with_table(|table| Ok(table.marks.get(id).and_then(|mark| mark.earlier).unwrap_or(0)))
    }

    /// Marks a start.
    pub(super) fn begin(&self, id: &TranscriptId) -> io::Result<()> {
        self.with_table(|table| {
            if let Some(mark) = table.marks.get_mut(id).filter(|mark| mark.running > 0) {
                mark.running += 1;
                return Ok(());
            }
            let known = table.marks.get(id).map(|mark| (mark.line, mark.earlier));
            let (line, earlier) = known.unwrap_or_else(|| (table.take_line(), None));
            let starts = earlier.map_or(0, |starts| starts.saturating_add(1).min(MAX_STARTS));
            let written = table.write(&self.path, line, text(id, starts).as_bytes());
            match (&written, known) {
                (Ok(()), _) => drop(table.marks.insert(*id, Mark { line, earlier, running: 1 })),
                (Err(_), None) => table.blank.push(line),
                (Err(_), Some(_)) => {}
            }
            written
        })
    }

    /// Takes a start back: the object waits and has no part in what ends the process now. What earlier processes left
    /// stays.
    pub(super) fn pause(&self, id: &TranscriptId) -> io::Result<()> {
        self.stop(id, true)
    }

    /// Takes a mark away, if there is one.
    pub(super) fn end(&self, id: &TranscriptId) -> io::Result<()> {
        self.stop(id, false)
    }

    fn stop(&self, id: &TranscriptId, keeps_earlier: bool) -> io::Result<()> {
        self.with_table(|table| {
            let Some(mark) = table.marks.get_mut(id) else { return Ok(()) };
            mark.running = mark.running.saturating_sub(1);
            if mark.running > 0 {
                return Ok(());
            }
            let line = mark.line;
            if let Some(starts) = mark.earlier.filter(|_| keeps_earlier) {
                return table.write(&self.path, line, text(id, starts).as_bytes());
            }
            let mut text = [b' '; LINE_BYTES];
            text[LINE_BYTES - 1] = b'\n';
            table.write(&self.path, line, &text)?;
            table.marks.remove(id);
            table.blank.push(line);
            Ok(())
        })
    }

    fn with_table<T>(&self, work: impl FnOnce(&mut Table) -> io::Result<T>) -> io::Result<T> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let table = match &mut *table {
            Some(table) => table,
            None => table.insert(Table::load(&self.path, Timestamp::now())?),
        };
        work(table)
    }
}

impl Table {
    /// Reads what earlier processes left. A line that is no mark, or a half of one, is free.
    fn load(path: &Path, now: Timestamp) -> io::Result<Self> {
        let mut text = Vec::new();
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file?.take(MAX_FILE_BYTES).read_to_end(&mut text)?,
        };
        let mut table = Self::default();
        for line in text.chunks(LINE_BYTES) {
            let number = table.lines;
            table.lines += 1;
            let mark = parse(line).filter(|(id, starts, at)| {
                let is_old = now.as_second().abs_diff(*at) > MAX_AGE.as_secs();
                (*starts >= GIVEN_UP || !is_old) && !table.marks.contains_key(id)
            });
            match mark {
                Some((id, starts, _)) => {
                    table.marks.insert(id, Mark { line: number, earlier: Some(starts), running: 0 });
                }
                None => table.blank.push(number),
            }
        }
        Ok(table)
    }

    fn take_line(&mut self) -> u64 {
        self.blank.pop().unwrap_or_else(|| {
            self.lines += 1;
            self.lines - 1
        })
    }

    fn write(&mut self, path: &Path, line: u64, text: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open_or_create(path)?),
        };
        file.write_all_at(text, line * LINE_BYTES as u64)
    }
}

fn open_or_create(path: &Path) -> io::Result<DiskFile> {
    match DiskFile::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(dir) = path.parent().filter(|dir| !dir.exists()) {
                durable::create_private_dir(dir)?;
            }
            DiskFile::create(path)
        }
        opened => opened,
    }
}

fn text(id: &TranscriptId, starts: u32) -> String {
    format!("{id} {starts:>3} {:>12}\n", Timestamp::now().as_second())
}

fn parse(line: &[u8]) -> Option<(TranscriptId, u32, i64)> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() == LINE_BYTES)?;
    let mut words = text.strip_suffix('\n')?.split_ascii_whitespace();
    let mark = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(mark)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    fn id(name: &str) -> TranscriptId {
        TranscriptId::of_object("", name, "")
    }

    fn at(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("starts").join("backfill")
    }

    #[test]
    fn starts_are_counted_over_processes_and_the_first_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let marks = LightMarks::new(at(&dir));
        marks.end(&id("a")).unwrap();
        assert!(!at(&dir).exists(), "an end without a start touches nothing");
        for open in [0, 0, 1, 2] {
            // Each is a process that ends while it works on `a` and has done with `b`.
            let marks = LightMarks::new(at(&dir));
            assert_eq!((marks.open(&id("a")).unwrap(), marks.open(&id("b")).unwrap()), (open, 0));
            marks.begin(&id("b")).unwrap();
            marks.begin(&id("a")).unwrap();
            marks.end(&id("b")).unwrap();
            assert_eq!(marks.open(&id("a")).unwrap(), open, "its own start is none without an end");
        }
        let marks = LightMarks::new(at(&dir));
        assert_eq!(marks.open(&id("a")).unwrap(), 3);
        marks.end(&id("a")).unwrap();
        assert_eq!(LightMarks::new(at(&dir)).open(&id("a")).unwrap(), 0);
        assert_eq!(fs::metadata(at(&dir)).unwrap().len(), 2 * LINE_BYTES as u64, "lines are used again");
    }

    #[test]
    fn a_name_that_is_begun_twice_is_marked_until_both_have_ended() {
        let dir = tempfile::tempdir().unwrap();
        let marks = LightMarks::new(at(&dir));
        marks.begin(&id("a")).unwrap();
        marks.begin(&id("a")).unwrap();
        marks.end(&id("a")).unwrap();
        let left = |dir| LightMarks::new(at(dir)).with_table(|table| Ok(table.marks.len())).unwrap();
        assert_eq!(left(&dir), 1);
        marks.end(&id("a")).unwrap();
        assert_eq!(left(&dir), 0);
    }

    #[test]
    fn what_only_waits_is_as_it_was_before() {
        let dir = tempfile::tempdir().unwrap();
        for open in [0, 0, 1, 2, 2, 2] {
            // `a` is in work when its process ends, until the last ones, in which it waits; `b` always waits.
            let marks = LightMarks::new(at(&dir));
            assert_eq!((marks.open(&id("a")).unwrap(), marks.open(&id("b")).unwrap()), (open, 0));
            for name in ["a", "b"] {
                marks.begin(&id(name)).unwrap();
                marks.pause(&id(name)).unwrap();
            }
            if open < 2 {
                marks.begin(&id("a")).unwrap();
            }
        }
    }

    #[test]
    fn what_is_no_mark_is_free_and_what_is_old_goes_unless_it_was_given_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("starts")).unwrap();
        let now = Timestamp::now().as_second();
        let line = |name: &str, starts: u32, at: i64| format!("{} {starts:>3} {at:>12}\n", id(name));
        let mut text = line("new", 1, now) + &line("old", 1, 7) + &line("given up", 2, 7);
        text += &"x".repeat(LINE_BYTES);
        text += &line("torn", 2, now)[..30];
        fs::write(at(&dir), text).unwrap();
        let marks = LightMarks::new(at(&dir));
        let open = |name| marks.open(&id(name)).unwrap();
        assert_eq!((open("new"), open("old"), open("given up"), open("torn")), (1, 0, 2, 0));
        // Free lines are taken first, and no other line is touched.
        for name in ["b", "c", "d", "e"] {
            marks.begin(&id(name)).unwrap();
        }
        let marks = LightMarks::new(at(&dir));
        let open = |name| marks.open(&id(name)).unwrap();
        assert_eq!((open("new"), open("given up")), (1, 2));
        assert_eq!(marks.with_table(|table| Ok((table.marks.len(), table.lines))).unwrap(), (6, 6));
    }
}
