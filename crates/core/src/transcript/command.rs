//! A place of a page that was decided on.

use crate::context::Context;
use crate::session::{Boundary, Confidence, Origin, Reason, Status};
use crate::terminal::page::Page;

/// A place that was decided on.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// Where its prompt starts in the text of the page.
    pub text: usize,
    /// Where its output starts there.
    pub after: usize,
    /// Where its prompt starts in the source.
    pub source: usize,
    /// The prompt, if there was one.
    pub prompt: Option<String>,
    /// The command; empty for a prompt at which nothing was entered.
    pub command: String,
    /// Lines that were shown between prompt and output.
    pub between: Vec<String>,
    /// What became of it.
    pub status: Status,
    /// How sure this is.
    pub confidence: Confidence,
    /// Why it is not sure.
    pub reason: Option<Reason>,
    /// What it rests on.
    pub boundary: Boundary,
    /// It is a prompt, but no record: nothing was entered.
    pub dropped: bool,
    /// What was entered cannot be seen, because the terminal did not show it.
    pub blind: bool,
    /// Who typed it.
    pub origin: Origin,
    /// The shells and programs around it.
    pub context: Context,
    /// What the shell made of it.
    pub expanded: Option<String>,
    /// A newline submitted it.
    pub submitted: bool,
    /// A bell rang while it was edited.
    pub bell: bool,
    /// Its line ended in a bare newline, unlike those before: the terminal was left raw, and shows no typing.
    pub raw: bool,
    /// It stands behind a line that may be typed ahead of it, and is none if that was not.
    pub glued: bool,
}

impl Command {
    /// A place that is no command.
    pub(crate) fn nothing() -> Self {
        Self {
            text: 0,
            after: 0,
            source: 0,
            prompt: None,
            command: String::new(),
            between: Vec::new(),
            status: Status::Executed,
            confidence: Confidence::High,
            reason: None,
            boundary: Boundary::BracketedPaste,
            dropped: true,
            blind: false,
            origin: Origin::User,
            context: Context::default(),
            expanded: None,
            submitted: false,
            bell: false,
            raw: false,
            glued: false,
        }
    }

    /// Whether it becomes a record.
    pub(crate) fn is_record(&self) -> bool {
        !self.dropped || self.blind
    }

    /// Whether a shell ran it. Where the shell marks its edits, some editors send the newline behind the mark.
    pub(crate) fn runs(&self) -> bool {
        self.status == Status::Executed && (self.submitted || !self.is_line())
    }

    /// Whether it stands in the text of the page, and not in an edit of its own.
    pub(crate) fn is_line(&self) -> bool {
        matches!(self.boundary, Boundary::Prompt | Boundary::Echo)
    }

    /// What it printed.
    pub(crate) fn output<'p>(&self, page: &'p Page, next: Option<&Command>) -> &'p [u8] {
        let end = next.map_or(page.text.len(), |next| next.text);
        page.text.get(self.after..end).unwrap_or_default()
    }

    /// Makes it less sure.
    pub(crate) fn doubt(&mut self, confidence: Confidence, reason: Reason) {
        if confidence < self.confidence || self.reason.is_none() {
            self.confidence = self.confidence.min(confidence);
            self.reason = Some(reason);
        }
    }
}
