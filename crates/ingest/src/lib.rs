//! The write pipeline: from a queue of notifications, or a listing, to sessions in a sink.
//!
//! What it promises:
//!
//! - A message is deleted only after the commit that holds all its objects is durable, or they are stored
//!   already, gone, not wanted, or written down as failed with their reason.
//! - What fails because of the world around it (credentials, keys, a full disk) is not held against an object.
//! - Delivering or listing an object again adds nothing.
//! - Ending at any point, in any way, loses nothing and doubles nothing.
//! - A message stays hidden from others from its receipt until it is deleted or released.
//! - Memory is bounded: see [`PipelineConfig`].
//!
//! The data flows one way, one file per stage: `poll`, `fetch`, `write` with `build`, `ack`.
//! [`run()`] and [`backfill()`] wire them.

mod ack;
mod activity;
mod backfill;
mod backoff;
mod breaker;
mod budget;
mod build;
mod carriage;
mod claim;
mod config;
mod delivery;
mod fair;
#[cfg(feature = "fakes")]
pub mod fakes;
mod fault;
mod fetch;
mod folder;
mod gauges;
mod lease;
mod pipeline;
mod poll;
mod probe;
mod proof;
mod read;
mod record;
mod removals;
mod setup;
pub mod source;
mod stop;
mod summary;
mod turns;
mod workers;
mod write;

pub use backfill::{
    Bookmark, Books, Census, Cursor, Inventory, KeyList, Known, Listing, MAX_SORTED, ManifestAt, Missed,
    Origin, Page, Plan, Quantity, Report, Requests, Row, Selection, Sent, Tally, TarArchive, backfill,
    backfill_with_report, enqueue, plan,
};
pub use breaker::BreakerState;
pub use config::PipelineConfig;
pub use fault::chain;
pub use folder::LocalFolder;
pub use gauges::{Distribution, Gauges, Lane, LaneState, Receiving};
pub use pipeline::{IngestError, run, run_with_backfill};
pub use stop::{Stop, StopHandle};
pub use summary::{MAX_LISTED_FAILURES, Progress, Summary};
