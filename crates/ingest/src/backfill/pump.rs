//! Pages from code that blocks: a thread reads ahead, a little.

use tokio::sync::mpsc;

use super::listing::Page;
use crate::source::{SourceError, SourceErrorKind};

/// Pages that may wait to be taken.
const AHEAD: usize = 2;

type Message = Result<Option<Page>, SourceError>;

/// What the thread brings.
#[derive(Debug)]
pub(crate) struct Pump(mpsc::Receiver<Message>);

/// Where the thread puts its pages.
pub(crate) struct Outlet(mpsc::Sender<Message>);

/// Nobody takes pages any more.
#[derive(Debug)]
pub(crate) struct Closed;

/// Why a thread ended early.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Nobody takes pages any more.
    Closed,
    /// It cannot go on.
    Source(SourceError),
}

impl From<Closed> for Broken {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<SourceError> for Broken {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl Outlet {
    /// Waits until there is room.
    pub(crate) fn put(&self, page: Page) -> Result<(), Closed> {
        self.0.blocking_send(Ok(Some(page))).map_err(|_| Closed)
    }
}

impl Pump {
    /// Runs `produce` on a thread of its own. Must be called inside the runtime.
    pub(crate) fn start(produce: impl FnOnce(&Outlet) -> Result<(), Broken> + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let outlet = Outlet(sender);
            let last = match produce(&outlet) {
                Ok(()) => Ok(None),
                Err(Broken::Source(error)) => Err(error),
                Err(Broken::Closed) => return,
            };
            // Whoever does not listen any more needs no end either.
            let _ = outlet.0.blocking_send(last);
        });
        Self(receiver)
    }

    /// The next page; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        // Without a last word the thread panicked.
        self.0.recv().await.unwrap_or_else(|| {
            Err(SourceError {
                kind: SourceErrorKind::Invalid,
                reason: "panic",
                action: "read the list of objects".to_owned(),
                message: "the reader panicked".to_owned(),
            })
        })
    }
}

/// Refuses a row of a CSV that is longer than any of a list of objects: a key has 1,024 bytes, three times that encoded.
/// A quote that is opened and never closed makes one row of all that follow.
pub(crate) struct Rows<R> {
    inner: R,
    state: State,
    since_row_end: usize,
}

/// Where in a row a byte stands, as the reader of CSV sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote within quotes: the end of the field, or half of a quote.
    QuoteInQuotes,
}

/// Longest row.
const MAX_ROW_BYTES: usize = 64 * 1024;

impl<R> Rows<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, state: State::FieldStart, since_row_end: 0 }
    }

    fn pass(&mut self, byte: u8) {
        self.since_row_end += 1;
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::QuoteInQuotes,
            (State::Quoted, _) | (State::FieldStart | State::QuoteInQuotes, b'"') => State::Quoted,
            (_, b'\n' | b'\r') => {
                self.since_row_end = 0;
                State::FieldStart
            }
            (_, b',') => State::FieldStart,
            _ => State::Bare,
        };
    }
}

impl<R: std::io::Read> std::io::Read for Rows<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for &byte in &buffer[..read] {
            self.pass(byte);
            if self.since_row_end > MAX_ROW_BYTES {
                return Err(std::io::Error::other(
                    "a row is longer than 64 KiB (a quote that is not closed makes one row of all that follow)",
                ));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_row_has_a_bound_whatever_quotes_do_to_its_lines() {
        let (many, long) = ("b,k\n".repeat(30_000), "x".repeat(70_000));
        for (text, fits) in [
            (many.clone(), true),
            (many.replace('\n', "\r"), true),
            (long.clone(), false),
            // A quote within a field that has none around it is a letter.
            (format!("b,a\"b\n{many}"), true),
            (format!("\"b\",\"say \"\"k\"\"\"\n{many}"), true),
            (format!("\"b\",\"\"\n{many}"), true),
            (format!("b,\"two\nlines\"\n{many}"), true),
            (format!("b,\"k\n{many}"), false),
            (format!("b,\"k\"\"\n{many}"), false),
        ] {
            let read = Rows::new(text.as_bytes()).read_to_end(&mut Vec::new());
            assert_eq!(read.is_ok(), fits, "{:?}", &text[..20]);
            // It sees the rows that the reader of CSV sees.
            let mut csv =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let longest = csv.byte_records().map(|row| row.unwrap().as_slice().len()).max();
            assert_eq!(longest.unwrap() < MAX_ROW_BYTES, fits, "{:?}", &text[..20]);
        }
    }
}
