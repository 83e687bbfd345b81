//! What two cuts of the same source have in common.

use foldhash::HashSet;

use super::Cut;
use crate::session::{Boundary, Confidence, Reason};
use crate::terminal::page::Page;
use crate::transcript::command::Command;
use crate::transcript::prompt::{self, Proof};
use crate::transcript::shows::shows_text;
use crate::transcript::syntax::looks_like_command;

impl Cut {
    /// Takes what is only among the records of another cut of the same source, but for those that `may_go`, and those in the output
    /// of a command that shows a text. `false` if that is more than lines at a sign which need be no commands: these become
    /// less sure, for a program may have printed what tells against them.
    pub(crate) fn takes(&mut self, page: &Page, other: &Self, may_go: impl Fn(&Command) -> bool) -> bool {
        let mut found = HashSet::default();
        for command in self.commands.iter().filter(|command| command.is_record()) {
            found.insert((command.source, command.command.as_str()));
        }
        let is_shown = |record: &Command| {
            let before = self.commands.partition_point(|command| command.source < record.source);
            let last = before.checked_sub(1).map(|last| &self.commands[last]);
            last.is_some_and(|last| shows_text(&last.command))
        };
        let records = other.commands.iter().filter(|command| command.is_record());
        let lost = records.filter(|record| {
            !found.contains(&(record.source, record.command.as_str())) && !may_go(record) && !is_shown(record)
        });
        let lost: Vec<Command> = lost.cloned().collect();
        if !lost.iter().all(is_weak) {
            return false;
        }
        for mut record in lost {
            let mark = page.marks.partition_point(|mark| mark.source < record.source);
            let Some(mark) = page.marks.get(mark).filter(|mark| mark.source == record.source) else {
                return false;
            };
            record.after = mark.text + (record.after - record.text);
            record.text = mark.text;
            let at = self.commands.partition_point(|command| command.text <= record.text);
            let inside = at.checked_sub(1).is_some_and(|last| self.commands[last].after > record.text);
            if !inside {
                record.doubt(Confidence::Low, Reason::LookAlike);
                self.commands.insert(at, record);
            }
        }
        true
    }
}

/// Whether a line need be no command: little more than a sign stands before it, and no known program behind that.
fn is_weak(command: &Command) -> bool {
    let prompt = command.prompt.as_deref().unwrap_or_default();
    command.boundary == Boundary::Prompt
        && prompt::proof(prompt) <= Proof::Bare
        && !looks_like_command(&command.command)
}
