//! Transcript bytes in, command records out.
//!
//! Nothing in this crate reads a file, opens a socket, starts a thread or looks at a clock: everything
//! is a plain function of its arguments, so it can be tested, fuzzed and measured as one.

pub mod carrier;
pub mod context;
pub mod decode;
pub mod document;
pub mod encoded;
pub mod envelope;
pub mod form;
pub mod ids;
pub mod inflate;
pub mod layout;
pub mod notification;
pub mod object;
pub mod sanitize;
pub mod secrets;
pub mod sequencer;
pub mod session;
pub mod sink;
pub mod terminal;
pub mod text_encoding;
pub mod transcript;

pub use ids::{AccountId, Partition, TranscriptId};
pub use object::ObjectRef;
pub use sequencer::Sequencer;
pub use session::{
    Boundary, CommandRecord, Confidence, Defect, Flag, Origin, Reason, Session, SessionKind, Status,
    TimeSource,
};
