//! A record as a query sees it.

use std::borrow::Cow;

use shelltrail_core::encoded::decoded;
use shelltrail_core::{Confidence, Flag, Origin, Status};

use crate::query::Part;

/// What a query may ask of a record, as it lies in its block.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the fields are those of shelltrail_core::CommandRecord
pub(crate) struct RecordView<'a> {
    pub seq: u32,
    pub command: Option<&'a str>,
    pub output: &'a str,
    pub command_as_sent: Option<&'a str>,
    pub output_as_sent: Option<&'a str>,
    pub expanded: Option<&'a str>,
    pub prompt: Option<&'a str>,
    pub status: Option<Status>,
    pub confidence: Confidence,
    pub flags: &'a [Flag],
    pub context: &'a [String],
    pub programs: &'a [String],
    pub origin: Origin,
}

impl<'a> RecordView<'a> {
    /// One of its texts.
    pub fn text(&self, part: Part) -> Option<Cow<'a, str>> {
        let text = match part {
            Part::Command => self.command,
            Part::CommandAsSent => self.command_as_sent,
            Part::Expanded => self.expanded,
            Part::Output => Some(self.output),
            Part::OutputAsSent => self.output_as_sent,
            Part::Prompt => self.prompt,
            Part::Decoded => return self.command.and_then(decoded).map(Cow::Owned),
        };
        text.map(Cow::Borrowed)
    }
}
