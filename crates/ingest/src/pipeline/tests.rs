//! The promises of the pipeline, against fakes and a clock that jumps.

mod crash;
mod delivery;
mod envelope;
mod failure;
mod lease;
mod memory;
mod random;
mod stop;
pub(crate) mod world;
