//! The prompt that is in force.

use std::cell::OnceCell;

use memchr::memmem::Finder;

use super::{MAX_FORMS, MAX_SEARCH_BYTES};
use crate::transcript::prompt::{self, Proof};

/// A prompt that is in force.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) key: String,
    pub(super) text: String,
    /// The last line that began with it, up to where the command stood: more of it may be known by its colours or by its
    /// directory.
    pub(super) whole: String,
    /// It stands in marked edits only.
    pub(super) marked: bool,
    pub(super) proof: Proof,
    /// It proves little, and nothing announced it: its lines may be what a program prints.
    pub(super) doubtful: bool,
    /// A line that starts with it and has no other ending ends its prompt where it does.
    pub(super) single: bool,
    /// The last mark at which it stands.
    pub(super) last: Option<usize>,
    /// Finds it in the middle of a line; made when it is first asked for.
    pub(super) finder: OnceCell<Finder<'static>>,
}

impl Current {
    /// Finds the prompt in the middle of a line. One that is nothing but an ending needs the blank behind it.
    pub(super) fn finder(&self) -> &Finder<'static> {
        self.finder.get_or_init(|| {
            let blank = if self.proof == Proof::Bare { " " } else { "" };
            Finder::new(&format!("{}{blank}", self.text.trim_end())).into_owned()
        })
    }

    /// Finds another form of the prompt in the middle of a line, such as one with the next number.
    pub(super) fn find_form(&self, line: &str) -> Option<(usize, usize)> {
        let varies = |character: char| character.is_ascii_digit() || matches!(character, '/' | '~');
        let start = &self.text[..self.text.find(varies)?];
        let near = &line[..line.floor_char_boundary(MAX_SEARCH_BYTES)];
        if start.is_empty() {
            return None;
        }
        near.match_indices(start).filter(|&(at, _)| at > 0).take(MAX_FORMS).find_map(|(at, _)| {
            let rest = &line[at..];
            let end = *prompt::ends(rest).iter().find(|&&end| prompt::has_key(&rest[..end], &self.key))?;
            Some((at, at + rest[..end].trim_end().len()))
        })
    }
}
