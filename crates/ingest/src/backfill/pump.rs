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

/// Refuses what is longer than any line of a list of objects: a key has 1,024 bytes, three times that encoded.
pub(crate) struct Lines<R> {
    inner: R,
    since_line_end: usize,
}

/// Longest line.
const MAX_LINE_BYTES: usize = 64 * 1024;

impl<R> Lines<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, since_line_end: 0 }
    }
}

impl<R: std::io::Read> std::io::Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for &byte in &buffer[..read] {
            self.since_line_end = if byte == b'\n' { 0 } else { self.since_line_end + 1 };
            if self.since_line_end > MAX_LINE_BYTES {
                return Err(std::io::Error::other("a line is longer than 64 KiB"));
            }
        }
        Ok(read)
    }
}
