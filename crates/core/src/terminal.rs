//! Terminal output to text: what was printed line by line, and what stood on the lines that were edited.
//!
//! [`render::render`] walks once over the bytes. Plain lines are copied; lines that were edited or overprinted are
//! replayed on a small [`screen::Screen`]. Nothing that was printed is thrown away because a program cleared the screen.

pub(crate) mod fence;
pub(crate) mod page;
pub(crate) mod render;
pub(crate) mod replay;
pub(crate) mod screen;
pub(crate) mod token;
