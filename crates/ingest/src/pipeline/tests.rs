//! The promises of the pipeline, against fakes and a clock that jumps.

mod breaker;
mod checklist;
mod crash;
mod delivery;
pub(crate) mod envelope;
mod failure;
mod fairness;
mod lease;
mod memory;
mod messages;
mod random;
mod removals;
mod soak;
mod stop;
mod suspects;
pub(crate) mod world;
