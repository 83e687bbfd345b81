//! What the tests stand on: AWS emulators, and a world of buckets, keys and queues inside one.

pub mod emulator;
pub mod http;
pub mod killing;
pub mod program;
pub mod world;
