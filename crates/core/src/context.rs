//! Where a line was typed.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The names of the shells and programs in which a line was typed, outermost first. Most lines of a session are typed in
/// the same ones, so they share one list.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Context(Option<Arc<[String]>>);

impl Deref for Context {
    type Target = [String];

    fn deref(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<String>> for Context {
    fn from(names: Vec<String>) -> Self {
        Self((!names.is_empty()).then(|| names.into()))
    }
}

impl FromIterator<String> for Context {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Vec::from_iter(names).into()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}
