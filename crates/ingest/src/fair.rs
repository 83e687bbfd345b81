//! Orders that wait for their turn, account by account, so that a busy account does not keep the others waiting.
//!
//! Accounts take turns. While others wait, none holds more than half of the fetch slots, nor begins another object while
//! its objects hold half of the byte budget.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shelltrail_core::ids::AccountId;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fetch::Order;

/// Who shares a turn: an account, or all objects whose key names none.
type Party = Option<AccountId>;

/// So long after objects of two accounts came one after the other, more than one account is expected.
const MIXED: Duration = Duration::from_secs(60 * 60);

/// What the begun objects of one account hold.
#[derive(Debug, Default)]
struct Held {
    slots: usize,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Ledger(Mutex<BTreeMap<Party, Held>>);

/// The orders that wait.
#[derive(Debug)]
pub(crate) struct Line {
    max_slots: usize,
    max_bytes: u64,
    /// In the order of their turns; none is empty.
    waiting: VecDeque<(Party, VecDeque<Order>)>,
    len: usize,
    /// The account of the last order that came, and when one came after one of another.
    last: Option<(Party, Option<Instant>)>,
    ledger: Arc<Ledger>,
    freed: watch::Sender<()>,
}

/// An order whose turn it is.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) order: Order,
    pub(crate) slot: Slot,
    pub(crate) bytes: Bytes,
}

/// A fetch slot of an account, until dropped.
#[derive(Debug)]
pub(crate) struct Slot(Share);

/// Bytes of an account between the start of a read and the built batch, until dropped.
#[derive(Debug)]
pub(crate) struct Bytes(Share);

#[derive(Debug)]
struct Share {
    ledger: Arc<Ledger>,
    freed: watch::Sender<()>,
    party: Party,
    bytes: u64,
}

impl Line {
    /// For so many fetch slots and a budget of so many bytes.
    pub(crate) fn new(max_fetches: usize, in_flight_bytes: u64) -> Self {
        Self {
            max_slots: (max_fetches / 2).max(1),
            max_bytes: in_flight_bytes / 2,
            waiting: VecDeque::new(),
            len: 0,
            last: None,
            ledger: Arc::default(),
            freed: watch::Sender::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether it pays to look further for orders of other accounts: more than half of those that wait are of one,
    /// and others have come within the last hour.
    pub(crate) fn is_crowded_by_one(&self) -> bool {
        let mixed = self.last.and_then(|(_, at)| at).is_some_and(|at| at.elapsed() < MIXED);
        mixed && self.waiting.iter().any(|(_, orders)| orders.len() * 2 > self.len)
    }

    pub(crate) fn push(&mut self, party: Party, order: Order) {
        self.len += 1;
        let changed = self.last.is_some_and(|(last, _)| last != party);
        let before = self.last.and_then(|(_, at)| at);
        self.last = Some((party, if changed { Some(Instant::now()) } else { before }));
        match self.waiting.iter_mut().find(|(other, _)| *other == party) {
            Some((_, orders)) => orders.push_back(order),
            None => self.waiting.push_back((party, VecDeque::from([order]))),
        }
    }

    /// The next order whose account may begin one now.
    pub(crate) fn next(&mut self) -> Option<Turn> {
        let alone = self.waiting.len() == 1;
        let turn = {
            let ledger = self.ledger.table();
            let within = |party: &Party| {
                ledger
                    .get(party)
                    .is_none_or(|held| held.slots < self.max_slots && held.bytes < self.max_bytes)
            };
            self.waiting.iter().position(|(party, _)| alone || within(party))?
        };
        let (party, mut orders) = self.waiting.remove(turn)?;
        let order = orders.pop_front()?;
        self.len -= 1;
        if !orders.is_empty() {
            self.waiting.push_back((party, orders));
        }
        Some(self.at_once(party, order))
    }

    /// Begins an order that did not wait here.
    pub(crate) fn at_once(&self, party: Party, order: Order) -> Turn {
        // Whoever may send a message may announce any size, and the most that counts is what makes others go first.
        let bytes = order.size.unwrap_or(0).min(self.max_bytes);
        {
            let mut ledger = self.ledger.table();
            let held = ledger.entry(party).or_default();
            held.slots += 1;
            held.bytes += bytes;
        }
        let share =
            |bytes| Share { ledger: Arc::clone(&self.ledger), freed: self.freed.clone(), party, bytes };
        Turn { order, slot: Slot(share(0)), bytes: Bytes(share(bytes)) }
    }

    /// Whether objects wait that no queue would bring again.
    pub(crate) fn is_of_backfill(&self) -> bool {
        self.waiting
            .front()
            .and_then(|(_, orders)| orders.front())
            .is_some_and(|order| order.share.is_backfill())
    }

    /// Tells when something was freed.
    pub(crate) fn freed(&self) -> watch::Receiver<()> {
        self.freed.subscribe()
    }

    /// Takes all that wait.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Order> {
        self.len = 0;
        std::mem::take(&mut self.waiting).into_iter().flat_map(|(_, orders)| orders)
    }
}

impl Ledger {
    fn table(&self) -> MutexGuard<'_, BTreeMap<Party, Held>> {
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    fn give_back(&self, slots: usize) {
        let mut table = self.ledger.table();
        if let Some(held) = table.get_mut(&self.party) {
            held.slots -= slots;
            held.bytes -= self.bytes;
            if held.slots == 0 && held.bytes == 0 {
                table.remove(&self.party);
            }
        }
        drop(table);
        self.freed.send_replace(());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.give_back(1);
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.0.give_back(0);
    }
}
