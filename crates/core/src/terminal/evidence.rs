//! Gives records what the page noted besides its text: flags, and what was sent but is not shown.

use super::page::{Page, Sent};
use crate::session::CommandRecord;

/// Most bytes of one reading "as sent".
const MAX_SENT_BYTES: usize = 256 * 1024;

/// How many commands back a line editor may recall one.
const MAX_RECALLED: usize = 128;

/// The notes of a page, handed out in order.
pub(crate) struct Evidence<'a> {
    page: &'a Page,
    /// Where the source of the page starts in the transcript.
    start: u64,
    /// How many places were handed out.
    used: usize,
    /// Not all that was sent fits.
    pub cut: bool,
}

impl<'a> Evidence<'a> {
    /// The notes of `page`, whose source starts at `start` in the transcript.
    pub(crate) fn of(page: &'a Page, start: usize) -> Self {
        Self { page, start: start as u64, used: 0, cut: page.sent_cut }
    }

    /// Gives a record that ends at `end` in the transcript what was sent up to there. `after` is where its output starts
    /// in the text of the page, `before` are the records before it.
    pub(crate) fn attach(
        &mut self,
        record: &mut CommandRecord,
        before: &[CommandRecord],
        after: usize,
        end: u64,
    ) {
        while let Some(sent) = self.page.sent.get(self.used)
            && self.start + (sent.source as u64) < end
        {
            self.used += 1;
            self.take(record, before, after, sent);
        }
    }

    fn take(&mut self, record: &mut CommandRecord, before: &[CommandRecord], after: usize, sent: &Sent) {
        let command = record.command.is_some() && (sent.text < after || (sent.edit && sent.text == after));
        let states = if command || sent.edit {
            Self::without_recalls(record, before, sent)
        } else {
            sent.states.clone()
        };
        if states.is_empty() {
            return;
        }
        record.flags.extend_from_slice(&sent.flags);
        let reading = if command { &mut record.command_as_sent } else { &mut record.output_as_sent };
        let reading = reading.get_or_insert_default();
        if reading.len() + states.len() > MAX_SENT_BYTES {
            self.cut = true;
            return;
        }
        if !reading.is_empty() {
            reading.push('\n');
        }
        reading.push_str(&states);
    }

    /// What a command's line showed, without its prompt and without the commands that were accepted before.
    fn without_recalls<'s>(record: &CommandRecord, before: &[CommandRecord], sent: &'s Sent) -> String {
        let prompt = record.prompt.as_deref().and_then(|prompt| prompt.lines().last()).unwrap_or_default();
        let recalled = |state: &&str| {
            let mut last =
                before.iter().rev().take(MAX_RECALLED).filter_map(|record| record.command.as_deref());
            last.any(|command| command == *state)
        };
        let typed = |state: &'s str| state.strip_prefix(prompt).unwrap_or(state).trim();
        let kept: Vec<&str> = sent.states.lines().map(typed).filter(|state| !recalled(state)).collect();
        let accepted = record.command.as_deref().unwrap_or_default();
        if kept.iter().all(|state| *state == accepted) { String::new() } else { kept.join("\n") }
    }

    /// Sets the flags of records that are in order, and brings all flags into order.
    pub(crate) fn flag(&self, records: &mut [CommandRecord]) {
        for hidden in &self.page.hidden {
            let start = self.start + hidden.source.start as u64;
            let end = self.start.saturating_add(hidden.source.end as u64);
            let first = records.partition_point(|record| record.span.end <= start);
            let touched = records[first..].iter_mut().take_while(|record| record.span.start < end);
            for record in touched.filter(|record| !record.flags.contains(&hidden.flag)) {
                record.flags.push(hidden.flag);
            }
        }
        for record in records {
            record.flags.sort_unstable();
            record.flags.dedup();
            let Some(reading) = &mut record.command_as_sent else { continue };
            // The reading ends with what was accepted.
            let command = record.command.as_deref().unwrap_or_default();
            if !command.is_empty() && !reading.lines().any(|line| line == command) {
                reading.push('\n');
                reading.push_str(command);
            }
        }
    }
}
