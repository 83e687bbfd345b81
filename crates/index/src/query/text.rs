//! The texts of a record, and where a query matches in one of them.

use std::ops::Range;
use std::time::Instant;

use crate::query::{Field, Query};

/// Which texts of a record are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Within {
    /// The command in all its readings: shown, as sent, expanded, decoded.
    Command,
    /// The output, shown and as sent.
    Output,
    /// Command and output.
    #[default]
    Any,
    /// What was sent to the terminal: the readings as sent where there are any. The output as sent holds the lines that
    /// differ from what was shown, so the output counts as well.
    Raw,
    /// The prompt.
    Prompt,
}

/// One text of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// `command`.
    Command,
    /// `command_as_sent`.
    CommandAsSent,
    /// `expanded`.
    Expanded,
    /// `output`.
    Output,
    /// `output_as_sent`.
    OutputAsSent,
    /// `prompt`.
    Prompt,
    /// What `command` holds encoded; it is stored nowhere and read each time.
    Decoded,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Command,
        Self::CommandAsSent,
        Self::Expanded,
        Self::Output,
        Self::OutputAsSent,
        Self::Prompt,
        Self::Decoded,
    ];
}

impl Within {
    /// Whether a part is looked at. `sent` tells whether the record has a command as sent.
    #[must_use]
    pub fn covers(self, part: Part, sent: bool) -> bool {
        let command = matches!(part, Part::Command | Part::CommandAsSent | Part::Expanded | Part::Decoded);
        let output = matches!(part, Part::Output | Part::OutputAsSent);
        match self {
            Self::Command => command,
            Self::Output => output,
            Self::Any => command || output,
            Self::Raw => output || part == if sent { Part::CommandAsSent } else { Part::Command },
            Self::Prompt => part == Part::Prompt,
        }
    }

    /// The field of the query language.
    #[must_use]
    pub fn field(self) -> Field {
        match self {
            Self::Command => Field::Cmd,
            Self::Output => Field::Out,
            Self::Any => Field::Any,
            Self::Raw => Field::Raw,
            Self::Prompt => Field::Prompt,
        }
    }
}

/// Where a query matches in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Byte ranges at character borders, ascending, neither empty nor overlapping.
    pub ranges: Vec<Range<usize>>,
    /// Whether there may be more: the cap or the deadline was reached.
    pub cut: bool,
}

impl Query {
    /// Where the patterns of the query match in a text of a record, those under `NOT` left aside: what to mark when a
    /// hit is shown. `sent` tells whether the record has a command as sent. At most `max` matches of each pattern are
    /// looked for, none after the deadline: finding all matches of a regular expression can take time that grows with
    /// the square of the text.
    #[must_use]
    pub fn matches_in(
        &self,
        text: &str,
        part: Part,
        sent: bool,
        max: usize,
        deadline: Option<Instant>,
    ) -> Matches {
        let mut matches = Matches::default();
        self.collect_matches(
            &mut matches,
            &|pattern_within: Within| pattern_within.covers(part, sent),
            &mut |pattern, matches| {
                pattern.find_in(text, max, deadline, matches);
            },
        );
        matches.ranges.sort_unstable_by_key(|range| (range.start, range.end));
        matches.ranges.dedup_by(|next, last| {
            let overlaps = next.start < last.end;
            if overlaps {
                last.end = last.end.max(next.end);
            }
            overlaps
        });
        matches
    }

    fn collect_matches(
        &self,
        matches: &mut Matches,
        covers: &dyn Fn(Within) -> bool,
        find: &mut dyn FnMut(&crate::query::Pattern, &mut Matches),
    ) {
        match self {
            Self::All | Self::Not(_) | Self::Is(_) => {}
            Self::And(queries) | Self::Or(queries) => {
                for query in queries {
                    query.collect_matches(matches, covers, find);
                }
            }
            Self::Text(leaf) if covers(leaf.within) => find(&leaf.pattern, matches),
            Self::Text(_) => {}
        }
    }
}
