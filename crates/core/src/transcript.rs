//! Lines to commands; never fails.
//!
//! The bytes are rendered once (`crate::terminal`), which also marks the lines that have the shape of a prompt; then
//! the prompts of the transcript are learned (`edit`, `facts`), and the rendered text is cut where they stand
//! (`cut`). Most marked lines are output. What decides about them is therefore found once and kept: what a text proves
//! (`facts`), what the last command lets one expect (`expect`), where each prompt comes back (`turns`).

mod above;
mod ahead;
mod behind;
mod below;
mod command;
mod context;
mod cut;
mod discovery;
mod edit;
mod edited;
mod empty_line;
mod expect;
mod facts;
mod frame;
mod here_document;
mod history;
mod interruption;
mod levels;
mod loops;
mod mixed_script;
mod occurrences;
mod openings;
mod origin;
mod printed;
mod programs;
mod prompt;
mod record;
mod secondary;
mod settle;
mod shows;
mod signs;
mod syntax;
mod turns;
mod uppers;
mod windows;
mod words;

use jiff::Timestamp;

use self::command::Command;
use self::discovery::Discovery;
use self::levels::Level;
use crate::session::{Boundary, CommandRecord, Defect, Status};
use crate::terminal::page::Page;
use crate::terminal::render::render;

pub use here_document::here_documents;
pub use programs::{Grammar, programs, programs_in};

/// Bounds on what one transcript may cost.
#[derive(Clone, Debug)]
pub struct ParseLimits {
    /// Most records per object; the text after the last one stays as its output. Until it is indexed a record takes some
    /// hundred bytes beside its text, however short that is.
    pub max_records: usize,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_records: 100_000 }
    }
}

/// A transcript cut into records.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The records in the order of the transcript.
    pub records: Vec<CommandRecord>,
    /// Oddities that were met and survived.
    pub defects: Vec<Defect>,
    /// The header's time, if it has an offset from UTC.
    pub ended_at: Option<Timestamp>,
    /// The managed node that the header names.
    pub target: Option<String>,
}

/// Most commands of a transcript that is searched for a prompt of an unknown form.
const MAX_KNOWN: usize = 5;

/// Renders a transcript and finds its commands. Where few or none are found at prompts of known forms, or none in what a shell
/// showed that was opened, others are looked for.
fn read(body: &[u8], columns: Option<usize>, max_records: usize) -> (Page, cut::Cut) {
    let (page, cut, mut levels) = read_levels(body, columns, max_records);
    let Some(first) = levels::first(&page, &cut.commands, levels.is_empty()) else { return (page, cut) };
    levels.insert(0, first);
    let heads = render::<discovery::CommandHeads>(body, columns);
    let mut other = cut::cut(&heads, body, levels, max_records);
    if read_commands(&other) > read_commands(&cut) && other.takes(&heads, &cut, |_| false) {
        return (heads, other);
    }
    (page, cut)
}

/// The same without the shell that the transcript begins with, if all was found behind it; also the prompts that were discovered.
fn read_levels(body: &[u8], columns: Option<usize>, max_records: usize) -> (Page, cut::Cut, Vec<Level>) {
    let page = render::<prompt::PromptHeads>(body, columns);
    let cut = cut::cut(&page, body, Vec::new(), max_records);
    // What a program reads does not tell the prompt of the shell that started it.
    let read_by_shell = cut.commands.iter().filter(|command| command.status != Status::ProgramInput);
    let known = read_by_shell.filter(|command| command.is_record()).count();
    if let Some(above) = below::discover(body, &page.newlines, known) {
        let page = render::<below::AllHeads>(body, columns);
        let levels = Level::whole(Discovery::Above(above));
        let cut = cut::cut(&page, body, levels.clone(), max_records);
        return (page, cut, levels);
    }
    let told = if known <= MAX_KNOWN { discovery::discover(&page, known) } else { None };
    let first = cut.commands.first().map(|command| command.source);
    if told.is_some() || discovery::begins_coloured(body, first) {
        let heads = render::<discovery::CommandHeads>(body, columns);
        if let Some(discovery) = told.or_else(|| discovery::discover_coloured(&heads, known)) {
            let levels = Level::whole(discovery);
            let mut other = cut::cut(&heads, body, levels.clone(), max_records);
            // What a shell marked is sure; the others are few.
            if other.takes(&heads, &cut, |command| command.boundary == Boundary::Prompt) {
                return (heads, other, levels);
            }
        }
    }
    let unread = discovery::begins_unread(body, first).then(|| discovery::discover_first(&page)).flatten();
    // Before the lines that a shell marks, a list of commands may stand as well.
    let marked = cut.commands.first().filter(|first| first.boundary != Boundary::Prompt);
    let answers = |told: &Discovery| marked.is_none_or(|first| told.is_answered(&page.text[..first.text]));
    let unread = unread.filter(answers);
    let is_whole = unread.is_some();
    let within = || {
        let mut levels = loops::loops(&page, &cut.commands);
        levels.extend(levels::levels(&page, &cut.commands));
        levels
    };
    let levels = unread.map_or_else(within, Level::whole);
    if levels.is_empty() {
        return (page, cut, levels);
    }
    let told: Vec<Discovery> = levels.iter().map(|level| level.discovery.clone()).collect();
    // What was found at a part of such a prompt: its end may stand before lines of a document as well.
    let may_go = |command: &Command| {
        let prompt = command.prompt.as_deref().unwrap_or_default();
        told.iter().any(|told| told.begins(prompt) || (is_whole && told.ends_with(prompt)))
    };
    let heads = render::<discovery::CommandHeads>(body, columns);
    let mut other = cut::cut(&heads, body, levels.clone(), max_records);
    // What a program prints may look like a prompt, and must not hide what was found without it.
    if read_commands(&other) > read_commands(&cut) && other.takes(&heads, &cut, may_go) {
        return (heads, other, levels);
    }
    (page, cut, Vec::new())
}

/// How many records are known commands, or were read by a program.
fn read_commands(cut: &cut::Cut) -> usize {
    let records = cut.commands.iter().filter(|command| command.is_record());
    let read = |command: &&Command| {
        command.status == Status::ProgramInput || syntax::looks_like_command(&command.command)
    };
    records.filter(read).count()
}

/// Cuts a transcript.
#[must_use]
pub fn parse(bytes: &[u8], limits: &ParseLimits) -> Parsed {
    let frame = frame::frame(bytes);
    let rows = windows::rows(bytes, &frame);
    let body = &rows.bytes[..];
    let (page, cut) = read(body, frame.columns, limits.max_records);
    let cut::Cut { commands, too_many } = cut;
    let mut defects = Vec::new();
    if frame.header && !frame.footer {
        defects.push(Defect::FooterMissing);
    }
    if page.sequence_too_long {
        defects.push(Defect::SequenceTooLong);
    }
    if page.line_too_long {
        defects.push(Defect::LineTooLong);
    }
    if page.blanks_cut {
        defects.push(Defect::BlanksCut);
    }
    let found = commands.iter().filter(|command| command.is_record()).count();
    if page.too_many_marks || too_many || found > limits.max_records {
        defects.push(Defect::TooManyRecords);
    }
    let target = frame.target.clone().or_else(|| cut::agent_target(&commands));
    let mut records = record::records(&page, commands, &frame, limits);
    rows.restore(&mut records.list, &frame);
    if records.invalid_utf8 || page.invalid_utf8 {
        defects.push(Defect::InvalidUtf8);
    }
    if records.sent_cut {
        defects.push(Defect::SentTextCut);
    }
    Parsed { records: records.list, defects, ended_at: frame.time, target }
}

/// Reads bytes in which nothing was typed: one record without a command, if they hold text.
#[must_use]
pub fn parse_output(bytes: &[u8], limits: &ParseLimits) -> Parsed {
    let frame = frame::frame(bytes);
    let page = render::<prompt::PromptHeads>(&bytes[frame.start..frame.end], frame.columns);
    let mut defects = Vec::new();
    if frame.header && !frame.footer {
        defects.push(Defect::FooterMissing);
    }
    if page.sequence_too_long {
        defects.push(Defect::SequenceTooLong);
    }
    if page.blanks_cut {
        defects.push(Defect::BlanksCut);
    }
    let records = record::records(&page, Vec::new(), &frame, limits);
    if records.invalid_utf8 || page.invalid_utf8 {
        defects.push(Defect::InvalidUtf8);
    }
    Parsed { records: records.list, defects, ended_at: frame.time, target: frame.target }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
