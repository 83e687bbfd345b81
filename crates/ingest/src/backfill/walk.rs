//! A walk over a listing that reads no object: what a plan is made of, and what is sent to workers.

use std::sync::Arc;

use shelltrail_core::ids::{AccountId, TranscriptId};
use shelltrail_core::sink::SinkError;

use super::books::Books;
use super::lister::{Pace, next_page};
use super::listing::{Cursor, Listing};
use super::missed::Missed;
use super::selection::Selection;
use crate::config::PipelineConfig;
use crate::pipeline::IngestError;
use crate::source::{GONE, ListedObject};
use crate::stop::Stop;
use crate::workers::blocking;

/// Tells what an index holds, without the right to write to it.
pub trait Known: Send + Sync + 'static {
    /// Whether a transcript of this identity is stored; the account is that of its key. Blocks.
    ///
    /// # Errors
    /// The index cannot be read.
    fn contains(&self, account: Option<&AccountId>, id: &TranscriptId) -> Result<bool, SinkError>;
}

/// Goes through the pages of a listing.
pub(super) struct Walk {
    pub(super) config: Arc<PipelineConfig>,
    pub(super) listing: Box<dyn Listing>,
    pub(super) selection: Selection,
    pub(super) books: Arc<Books>,
    pub(super) missed: Option<Arc<Missed>>,
    pub(super) known: Option<Arc<dyn Known>>,
    pub(super) stop: Stop,
    pub(super) pace: Pace,
    pub(super) left: Option<u64>,
}

/// A page, as far as it is wanted.
pub(super) struct Looked {
    pub(super) objects: Vec<(ListedObject, Standing)>,
    pub(super) after: Cursor,
    /// Whether nothing of the page is left for later.
    pub(super) whole: bool,
}

/// What the index says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It holds it.
    Stored,
    /// It does not hold it.
    New,
    /// Nobody can say before it is read.
    Unknown,
}

impl Walk {
    /// Whether the walk has come to its end by its own limit.
    pub(super) fn is_limited(&self) -> bool {
        self.left == Some(0)
    }

    /// The next page; `None` at the end, at the limit, or if a stop came.
    pub(super) async fn next(&mut self) -> Result<Option<Looked>, IngestError> {
        if self.is_limited() {
            return Ok(None);
        }
        let stop = self.stop.clone();
        let page = tokio::select! {
            biased;
            () = stop.stopped() => return Ok(None),
            page = next_page(&mut *self.listing, &self.config) => page.map_err(IngestError::List)?,
        };
        let Some(page) = page else { return Ok(None) };
        self.books.note_total(self.listing.total());
        let (mut wanted, mut whole) = (Vec::new(), true);
        for listed in page.objects {
            if self.is_limited() || stop.is_stopped() {
                whole = false;
                break;
            }
            if listed.is_empty_folder() || listed.unreadable == Some(GONE) {
                continue;
            }
            let is_wanted = self.selection.wants(&listed, &self.config);
            self.books.note_listed(is_wanted);
            if !is_wanted {
                continue;
            }
            if !self.pace.wait(&stop).await {
                whole = false;
                break;
            }
            self.left = self.left.map(|left| left - 1);
            wanted.push(listed);
        }
        let objects = self.look_up(wanted).await?;
        for (listed, standing) in &objects {
            if let (Some(missed), Standing::New, None) = (&self.missed, standing, listed.unreadable)
                && !listed.is_archived()
            {
                missed.note(listed);
            }
        }
        Ok(Some(Looked { objects, after: page.after, whole }))
    }

    async fn look_up(&self, wanted: Vec<ListedObject>) -> Result<Vec<(ListedObject, Standing)>, IngestError> {
        let Some(known) = self.known.clone() else {
            return Ok(wanted.into_iter().map(|listed| (listed, Standing::Unknown)).collect());
        };
        let config = Arc::clone(&self.config);
        let looked = blocking(move || {
            let standing = |listed: &ListedObject| -> Result<Standing, SinkError> {
                let Some(id) = listed.object.transcript_id() else { return Ok(Standing::Unknown) };
                let account = config.layout.locate(&listed.object.key).account;
                Ok(if known.contains(account.as_ref(), &id)? { Standing::Stored } else { Standing::New })
            };
            wanted.into_iter().map(|listed| standing(&listed).map(|standing| (listed, standing))).collect()
        });
        match looked.await {
            Ok(Ok(objects)) => Ok(objects),
            Ok(Err(source)) => Err(IngestError::Index(source)),
            Err(_) => Err(IngestError::Stage { stage: "plan" }),
        }
    }
}
