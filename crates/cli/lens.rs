//! How records are looked at: secrets masked unless they are asked for, and what matches marked.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use shelltrail_core::CommandRecord;
use shelltrail_core::encoded::decoded;
use shelltrail_core::secrets::{Secrets, asks_for_secret};
use shelltrail_index::Query;
use shelltrail_index::query::Part;

use crate::text::{Mask, Text};

/// Most matches of one pattern that are marked in one text.
const MAX_MATCHES: usize = 10_000;
/// How long matches are looked for in one text: some patterns take the square of its length.
const MAX_MATCH_TIME: Duration = Duration::from_millis(300);

/// Looks at the texts of records.
#[derive(Clone, Debug)]
pub struct Lens<'q> {
    query: Option<&'q Query>,
    secrets: Option<Secrets>,
    /// Whether anything was masked by this lens or one made of it.
    masked: Rc<Cell<bool>>,
}

impl<'q> Lens<'q> {
    /// Masks secrets unless they are to be revealed, and marks nothing.
    #[must_use]
    pub fn new(reveal: bool) -> Self {
        Self { query: None, secrets: (!reveal).then(Secrets::new), masked: Rc::default() }
    }

    /// The same lens that gives passwords a fingerprint, under the key of the index that they are read from.
    #[must_use]
    pub fn keyed(self, key: Option<[u8; 32]>) -> Self {
        match (self.secrets, key) {
            (Some(_), Some(key)) => Self { secrets: Some(Secrets::with_key(key)), ..self },
            (secrets, _) => Self { secrets, ..self },
        }
    }

    /// The same lens that marks what a query asks for.
    #[must_use]
    pub fn marking(&self, query: &'q Query) -> Self {
        Self { query: Some(query), ..self.clone() }
    }

    /// The same lens that marks nothing.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { query: None, ..self.clone() }
    }

    /// A text with its secrets masked.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let Some(secrets) = &self.secrets else { return text.to_owned() };
        let masked = secrets.mask(text);
        self.note(matches!(masked, Cow::Owned(_)));
        masked.into_owned()
    }

    /// A record with its secrets masked.
    #[must_use]
    pub fn record(&self, record: &CommandRecord) -> CommandRecord {
        let mut record = record.clone();
        let Some(secrets) = &self.secrets else { return record };
        let is_answer = answers_for_secret(&record);
        let mask = |text: &mut String| {
            if let Cow::Owned(masked) = secrets.mask(text) {
                self.note(true);
                *text = masked;
            }
        };
        for text in [&mut record.command, &mut record.command_as_sent, &mut record.expanded] {
            match text {
                Some(text) if is_answer => {
                    self.note(true);
                    *text = secrets.mask_whole(text);
                }
                Some(text) => mask(text),
                None => {}
            }
        }
        for text in [&mut record.prompt, &mut record.output_as_sent].into_iter().flatten() {
            mask(text);
        }
        mask(&mut record.output);
        let lists = [&mut record.here_documents, &mut record.programs];
        lists.into_iter().flatten().for_each(mask);
        let mut context = record.context.to_vec();
        context.iter_mut().for_each(mask);
        record.context = context.into();
        record
    }

    /// The shells and programs around a line, with secrets masked: `su` and the like name what was typed behind them.
    #[must_use]
    pub fn context(&self, record: &CommandRecord) -> String {
        record.context.iter().map(|name| self.mask(name)).collect::<Vec<_>>().join(" › ")
    }

    /// What the command of a record holds encoded, with its secrets masked; nothing of what answers for a password.
    #[must_use]
    pub fn decoded(&self, record: &CommandRecord) -> Option<String> {
        if self.secrets.is_some() && answers_for_secret(record) {
            return None;
        }
        record.command.as_deref().and_then(decoded).map(|text| self.mask(&text))
    }

    /// Says that secrets were masked, if any were.
    pub fn report(&self) {
        if self.masked.get() {
            eprintln!(
                "shelltrail: secrets are masked; --reveal shows them, and the audit file tells that it did"
            );
        }
    }

    fn note(&self, masked: bool) {
        self.masked.set(self.masked.get() || masked);
    }

    fn text(&self, text: &str, part: Part, record: &CommandRecord, cut: &mut bool) -> Text {
        let matches = match self.query {
            Some(query) => {
                let sent = record.command_as_sent.is_some();
                let deadline = Instant::now() + MAX_MATCH_TIME;
                let found = query.matches_in(text, part, sent, MAX_MATCHES, Some(deadline));
                *cut |= found.cut;
                found.ranges
            }
            None => Vec::new(),
        };
        Text::new(text, &matches, &self.masks(text, part, record))
    }

    fn masks(&self, text: &str, part: Part, record: &CommandRecord) -> Vec<Mask> {
        let Some(secrets) = &self.secrets else { return Vec::new() };
        let typed = matches!(part, Part::Command | Part::CommandAsSent | Part::Expanded | Part::Decoded);
        if typed && !text.is_empty() && answers_for_secret(record) {
            self.note(true);
            let range: Range<usize> = 0..text.len();
            return vec![Mask { range, shown: secrets.mask_whole(text) }];
        }
        let found = secrets.find(text);
        self.note(!found.is_empty());
        found.into_iter().map(|found| Mask { shown: found.mask(text), range: found.range }).collect()
    }
}

/// Whether the line was typed where something asked for a password.
fn answers_for_secret(record: &CommandRecord) -> bool {
    record.prompt.as_deref().is_some_and(asks_for_secret)
}

/// The texts of one record as they may be shown.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Everything else about it.
    pub record: &'a CommandRecord,
    /// `None` for text that no command printed.
    pub command: Option<Text>,
    /// The line as sent.
    pub command_as_sent: Option<Text>,
    /// What the shell made of the command.
    pub expanded: Option<Text>,
    /// What the command holds encoded.
    pub decoded: Option<Text>,
    /// What was printed.
    pub output: Text,
    /// The output as sent.
    pub output_as_sent: Option<Text>,
    /// The last line of the prompt.
    pub prompt: Text,
    /// Whether there may be matches that are not marked.
    pub cut: bool,
}

impl<'a> View<'a> {
    /// Looks at a record.
    #[must_use]
    pub fn new(record: &'a CommandRecord, lens: &Lens<'_>) -> Self {
        let mut cut = false;
        let mut text = |text: &str, part| lens.text(text, part, record, &mut cut);
        let command = record.command.as_deref().map(|command| text(command, Part::Command));
        let command_as_sent = record.command_as_sent.as_deref().map(|sent| text(sent, Part::CommandAsSent));
        let expanded = record.expanded.as_deref().map(|expanded| text(expanded, Part::Expanded));
        let decoded = record.command.as_deref().and_then(decoded);
        let decoded = decoded.map(|decoded| text(&decoded, Part::Decoded));
        let output = text(&record.output, Part::Output);
        let output_as_sent = record.output_as_sent.as_deref().map(|sent| text(sent, Part::OutputAsSent));
        let prompt = record.prompt.as_deref().unwrap_or_default();
        let prompt = text(prompt.rsplit('\n').next().unwrap_or_default(), Part::Prompt);
        Self { record, command, command_as_sent, expanded, decoded, output, output_as_sent, prompt, cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_text_of_a_record() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY";
        let text = format!("export AWS_SECRET_ACCESS_KEY={key}");
        let record = CommandRecord {
            command: Some(text.clone()),
            output: text.clone(),
            command_as_sent: Some(text.clone()),
            output_as_sent: Some(text.clone()),
            expanded: Some(text.clone()),
            here_documents: vec![text.clone()],
            prompt: Some(text),
            ..CommandRecord::default()
        };
        let query = Query::literal("K7MDENG");
        let (lens, open) = (Lens::new(false), Lens::new(true));
        assert!(!format!("{:?}", lens.record(&record)).contains("K7MDENG"));
        let view = View::new(&record, &lens.marking(&query));
        let texts = [&view.output, &view.prompt].into_iter().chain(&view.command).chain(&view.expanded);
        for text in texts.chain(&view.command_as_sent).chain(&view.output_as_sent) {
            assert!(!text.as_str().contains("K7MDENG"), "{text:?}");
        }
        assert!(view.output.has_matches(), "the mask is marked");
        assert_eq!(open.record(&record), record);
    }

    #[test]
    fn what_answers_a_password_prompt_is_a_secret() {
        let record = CommandRecord {
            command: Some("Y29ycmVjdCBob3JzZSBiYXR0ZXJ5".to_owned()),
            prompt: Some("Password: ".to_owned()),
            ..CommandRecord::default()
        };
        let lens = Lens::new(false);
        assert!(!lens.record(&record).command.unwrap_or_default().contains("Y29y"));
        assert_eq!(lens.decoded(&record), None);
        assert_eq!(Lens::new(true).decoded(&record).as_deref(), Some("correct horse battery"));
        let view = View::new(&record, &lens);
        assert!(view.command.is_some_and(|command| !command.as_str().contains("Y29y")));
        assert!(view.decoded.is_some_and(|decoded| !decoded.as_str().contains("horse")));
    }
}
