//! The write pipeline: from a queue of notifications, or a listing, to sessions in a sink.
//!
//! What it promises:
//!
//! - A message is deleted only after the commit that holds all its objects is durable, or they are stored
//!   already, gone, or not wanted.
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
mod budget;
mod build;
mod carriage;
mod claim;
mod config;
mod delivery;
#[cfg(feature = "fakes")]
pub mod fakes;
mod fetch;
mod folder;
mod lease;
mod pipeline;
mod poll;
mod proof;
mod read;
mod record;
pub mod source;
mod stop;
mod summary;
mod workers;
mod write;

pub use backfill::{Origin, backfill};
pub use config::PipelineConfig;
pub use folder::LocalFolder;
pub use pipeline::{IngestError, run};
pub use stop::{Stop, StopHandle};
pub use summary::{MAX_LISTED_FAILURES, Progress, Summary};
