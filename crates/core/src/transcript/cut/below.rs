//! Commands below a prompt whose last line is empty.

use super::{Cutter, text_of};
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::page::{LineMark, Mark};
use crate::transcript::command::Command;
use crate::transcript::discovery::Discovery;
use crate::transcript::levels::Level;
use crate::transcript::prompt;

impl Cutter<'_> {
    /// Takes a line, if it stands below the prompt that was discovered or is that prompt. `false` if it is neither.
    pub(super) fn line_below(&mut self, mark: &Mark, line: LineMark) -> bool {
        let Some(Level { discovery: Discovery::Above(above), .. }) = self.levels.first() else {
            return false;
        };
        if above.is(self.page, mark) {
            return true;
        }
        let Some(upper) = self.index.checked_sub(1).and_then(|index| self.page.marks.get(index)) else {
            return false;
        };
        let between = self.page.text.get(upper.text..mark.text).unwrap_or_default();
        let adjacent = memchr::memchr(b'\n', between).is_some_and(|at| at + 1 == between.len());
        if !adjacent || !above.is(self.page, upper) {
            return false;
        }
        let prompt = prompt::text_of(&self.page.text[upper.text..mark.text]);
        let prompt = text_of(prompt.trim_end()).into_owned();
        let typed = prompt::text_of(&self.page.text[mark.text..line.end]);
        let typed = text_of(&typed).trim_end().to_owned();
        self.enter(&prompt, false);
        self.push(Command {
            text: upper.text,
            after: (line.end + usize::from(line.newline)).min(self.page.text.len()),
            source: upper.source,
            prompt: Some(prompt),
            dropped: typed.is_empty(),
            command: typed,
            status: if line.newline { Status::Executed } else { Status::Unsubmitted },
            confidence: if line.cut { Confidence::Low } else { Confidence::Medium },
            reason: Some(if line.cut { Reason::TooLong } else { Reason::LearnedPrompt }),
            boundary: Boundary::Prompt,
            submitted: line.newline,
            bell: line.bell,
            ..Command::nothing()
        });
        true
    }
}
