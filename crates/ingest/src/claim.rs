//! One identity, one worker: whoever comes second waits for what becomes of the first.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shelltrail_core::{Sequencer, TranscriptId};

use crate::breaker::Ticket;
use crate::delivery::{Announced, Outcome, Share};

/// The identities in work, each with the shares that wait for it.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashMap<TranscriptId, Vec<Share>>>);

/// The right to work on an object, and the duty to say what became of it. Dropped without a word, it gives
/// the object back, and with it everything that waits.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    id: Option<TranscriptId>,
    share: Option<Share>,
    /// The start of the work, if it is marked.
    marked: Option<Marked>,
}

/// The mark of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) id: TranscriptId,
    /// Whether it is one of a backfill, which costs no look at the disk.
    pub(crate) is_light: bool,
}

impl Claims {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Claims an identity, or an object whose identity is not known yet. `None`: another holds the identity,
    /// and the share waits for it.
    pub(crate) fn claim(self: &Arc<Self>, id: Option<TranscriptId>, share: Share) -> Option<Claim> {
        let mut claim = Claim { claims: Arc::clone(self), id: None, share: Some(share), marked: None };
        match id {
            None => Some(claim),
            Some(id) => claim.rebind(id).then_some(claim),
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<TranscriptId, Vec<Share>>> {
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The identity claimed, if it is known.
    pub(crate) fn id(&self) -> Option<TranscriptId> {
        self.id
    }

    /// How often the message was received; 0 for a backfill.
    pub(crate) fn attempts(&self) -> u32 {
        self.share.as_ref().map_or(0, Share::attempts)
    }

    /// Which write of its key was announced; `None` where none was, or another one was read.
    pub(crate) fn announced(&self) -> Option<&Announced> {
        self.share.as_ref()?.announced()
    }

    /// Another write than the announced one was read.
    pub(crate) fn forget_announced(&mut self) {
        if let Some(share) = &mut self.share {
            share.forget_announced();
        }
    }

    /// Whether no queue would bring the object again.
    pub(crate) fn is_backfill(&self) -> bool {
        self.attempts() == 0
    }

    /// The share that did the claiming; `None` once all shares wait for another claim.
    pub(crate) fn share(&self) -> Option<&Share> {
        self.share.as_ref()
    }

    /// The right to be the breaker's probe.
    pub(crate) fn ticket(&self) -> Option<&Ticket> {
        self.share()?.ticket()
    }

    /// Remembers that the start of the work is, or may be, marked.
    pub(crate) fn set_marked(&mut self, marked: Marked) {
        self.marked = Some(marked);
    }

    /// The start of the work, if it is marked.
    pub(crate) fn marked(&self) -> Option<Marked> {
        self.marked
    }

    /// Ends the claim without a word; whoever takes the shares answers for them.
    pub(crate) fn into_shares(mut self) -> Vec<Share> {
        let waiting = self.id.take().and_then(|id| self.claims.table().remove(&id)).unwrap_or_default();
        self.share.take().into_iter().chain(waiting).collect()
    }

    /// Claims another identity instead, for this share and all that wait. `false`: another holds it, all
    /// shares wait for that one, and this claim is empty.
    pub(crate) fn rebind(&mut self, id: TranscriptId) -> bool {
        let mut table = self.claims.table();
        let waiting = self.id.take().and_then(|old| table.remove(&old)).unwrap_or_default();
        match table.get_mut(&id) {
            Some(others) => {
                others.extend(self.share.take());
                others.extend(waiting);
                false
            }
            None => {
                table.insert(id, waiting);
                self.id = Some(id);
                true
            }
        }
    }

    /// Says what became of the object, to all that wait for it.
    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.conclude(outcome);
    }

    fn conclude(&mut self, outcome: Outcome) {
        let waiting = self.id.take().and_then(|id| self.claims.table().remove(&id)).unwrap_or_default();
        let written = self.announced().and_then(|announced| announced.sequencer.clone());
        if let Some(share) = self.share.take() {
            share.settle(outcome);
        }
        let echo = match outcome {
            Outcome::Indexed(committed) => Outcome::AlreadyIndexed(committed.into()),
            other => other,
        };
        for share in waiting {
            match echo {
                // The same content, written a second time: that must be written down, and it is when it comes again.
                Outcome::AlreadyIndexed(_) if is_another_write(&share, written.as_ref()) => {
                    share.settle(Outcome::Retry("written-again"));
                }
                echo => share.settle(echo),
            }
        }
    }
}

fn is_another_write(share: &Share, written: Option<&Sequencer>) -> bool {
    let Some(sequencer) = share.announced().and_then(|announced| announced.sequencer.as_ref()) else {
        return false;
    };
    written.is_none_or(|written| written.order(sequencer) != Some(Ordering::Equal))
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.conclude(Outcome::Retry("abandoned"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::summary::Progress;

    fn id(name: &str) -> TranscriptId {
        TranscriptId::of_object("bucket", name, "etag")
    }

    #[test]
    fn the_second_waits_for_the_first() {
        let (claims, progress) = (Claims::new(), Arc::new(Progress::new()));
        let share = || Share::of_backfill(Arc::clone(&progress));
        let first = claims.claim(Some(id("a")), share()).unwrap();
        assert!(claims.claim(Some(id("a")), share()).is_none());
        assert!(claims.claim(Some(id("b")), share()).is_some(), "and is dropped: a failure");
        assert_eq!(progress.summary().gone, 0);
        first.settle(Outcome::Gone);
        assert_eq!(progress.summary().gone, 2);
        assert!(claims.claim(Some(id("a")), share()).is_some(), "free again, and dropped");
        let summary = progress.summary();
        assert_eq!(summary.failed_by_reason["abandoned"], 2);
        assert!(summary.adds_up());
    }

    #[test]
    fn a_rebound_claim_takes_the_waiting_along() {
        let (claims, progress) = (Claims::new(), Arc::new(Progress::new()));
        let share = || Share::of_backfill(Arc::clone(&progress));
        let mut moving = claims.claim(Some(id("old")), share()).unwrap();
        assert!(claims.claim(Some(id("old")), share()).is_none());
        let holder = claims.claim(Some(id("new")), share()).unwrap();
        assert!(!moving.rebind(id("new")), "somebody holds it");
        drop(moving);
        assert_eq!(progress.summary().failed, 0, "an empty claim says nothing");
        holder.settle(Outcome::Ignored);
        assert_eq!(progress.summary().ignored, 3);

        let mut unknown = claims.claim(None, share()).unwrap();
        assert!(unknown.rebind(id("new")));
        assert_eq!(unknown.id(), Some(id("new")));
        assert!(claims.claim(Some(id("new")), share()).is_none());
        unknown.settle(Outcome::Gone);
        assert_eq!(progress.summary().gone, 2);
    }

    #[test]
    fn a_second_write_of_one_content_is_not_taken_for_a_duplicate() {
        let (claims, progress) = (Claims::new(), Arc::new(Progress::new()));
        let share = |sequencer: Option<&str>| {
            let sequencer = sequencer.and_then(|text| text.parse().ok());
            Share::of_backfill(Arc::clone(&progress)).of_write(Announced { sequencer, at: None })
        };
        let first = claims.claim(Some(id("a")), share(Some("00AB"))).unwrap();
        for waiting in [Some("00ab"), Some("00AC"), None, Some("eventbridge:617f")] {
            assert!(claims.claim(Some(id("a")), share(waiting)).is_none());
        }
        first.settle(Outcome::AlreadyIndexed(crate::proof::for_test()));
        let summary = progress.summary();
        assert_eq!((summary.already_indexed, summary.failed_by_reason["written-again"]), (3, 2));
    }
}
