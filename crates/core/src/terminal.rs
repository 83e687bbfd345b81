//! Terminal output to text: what was printed line by line, and what stood on the lines that were edited.
//!
//! `render::render` walks once over the bytes. Nothing that was printed is thrown away because a program cleared the
//! screen. Each part of a transcript takes the cheapest way that shows it as a terminal would:
//!
//! 1. Plain lines, with colours or without, are copied run by run to one growing text (`page::Page`); records are
//!    ranges of it until the end. `run::copy_run` looks at each byte once, for what ends the run and for what a
//!    prompt would need, so that most lines are never asked whether they hold one.
//! 2. Edits and overprinted lines that stay on one row of ASCII are replayed on a row of bytes (`strip`).
//! 3. Others are replayed on a small `screen::Screen`, edits by `replay` with the width that fits best.
//! 4. Programs that take the whole screen are flattened.
//!
//! A way that meets what it does not know gives up, and the part is begun again on the next one.
//!
//! What the final screen would not show is noted on the page: `sent` keeps what lines showed before words of them were
//! lost, `render::hidden` follows the cursor to rows above and the colours. `evidence` gives it to the records.

pub(crate) mod block;
mod colour;
pub(crate) mod evidence;
pub(crate) mod fence;
pub(crate) mod page;
pub(crate) mod render;
pub(crate) mod replay;
mod row;
mod run;
pub(crate) mod screen;
pub(crate) mod sent;
mod sideways;
mod strip;
pub(crate) mod token;

#[cfg(test)]
mod hidden_tests;
