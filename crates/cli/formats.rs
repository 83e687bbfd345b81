//! Results for programs: what a field of a row is, and the formats that are made of fields.

pub mod csv;
pub mod fields;
pub mod printer;
pub mod template;
pub mod timesketch;

pub use fields::{Row, Value};
pub use printer::{InSession, Of, Printer};
