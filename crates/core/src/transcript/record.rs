//! The last step: records with their text and their place in the transcript.

use foldhash::HashSet;

use super::ParseLimits;
use super::command::Command;
use super::frame::Frame;
use super::mixed_script;
use super::programs::{self, Grammar};
use super::prompt::{self, Proof};
use crate::session::{CommandRecord, Confidence, Flag, Span, Status};
use crate::terminal::evidence::Evidence;
use crate::terminal::page::Page;

/// The records of a transcript.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// In order.
    pub list: Vec<CommandRecord>,
    /// Some output is not UTF-8.
    pub invalid_utf8: bool,
    /// Not all that was sent and lost is kept.
    pub sent_cut: bool,
}

/// Turns commands into records. What stands before the first one becomes a record without a command; what stands after
/// a prompt that is no record belongs to the record before it.
pub(crate) fn records(page: &Page, commands: Vec<Command>, frame: &Frame, limits: &ParseLimits) -> Records {
    let mut records = Records::default();
    let mut text = Vec::new();
    let offset = |source: usize| frame.start as u64 + source as u64;
    let first = commands.first().map_or(page.text.len(), |command| command.text);
    text.extend_from_slice(&page.text[..first]);
    let mut current = banner(offset(0));
    let mut evidence = Evidence::of(page, frame.start);
    let mut output_text = 0;
    records.list.reserve_exact(commands.len().min(limits.max_records) + 1);
    let dropped = |command: &Command| !command.is_record() && command.prompt.is_some();
    let mut prompts: HashSet<String> = HashSet::default();
    if commands.iter().any(dropped) {
        let mut last = None;
        for prompt in commands
            .iter()
            .filter(|command| command.is_record())
            .take(limits.max_records)
            .map(|command| &command.prompt)
        {
            // Mostly the same prompt comes again.
            if let Some(text) = prompt
                && last != Some(text)
            {
                prompts.insert(text.clone());
                last = Some(text);
            }
        }
    }
    let mut rest = commands.into_iter();
    while let Some(mut command) = rest.next() {
        let end = rest.as_slice().first().map_or(page.text.len(), |next| next.text);
        let pending = current.command.is_some() || text.iter().any(|byte| !byte.is_ascii_whitespace());
        let room = records.list.len() + usize::from(pending) < limits.max_records;
        let mut after = command.after;
        let between = std::mem::take(&mut command.between);
        if command.is_record() && room {
            let start = offset(command.source).min(frame.end as u64).max(current.span.start);
            evidence.attach(&mut current, &records.list, output_text, start);
            output_text = command.after;
            records.close(current, std::mem::take(&mut text), start);
            current = record(command, start);
        } else if command.is_record() && command.is_line() {
            after = command.text;
        } else if let Some(prompt) = &command.prompt {
            // A prompt at which nothing was entered is the prompt of other records; where it is not, it may be output
            // that looks like one, and no other record would hold it.
            // Of a session without commands its prompt alone tells nothing.
            let told = prompts.is_empty() && !command.is_line() && prompt::proof(prompt) == Proof::Strict;
            if command.is_record() || !(told || prompts.contains(prompt)) {
                push_line(&mut text, prompt);
            }
            if command.is_record() {
                push_line(&mut text, &command.command);
            }
        }
        for line in &between {
            push_line(&mut text, line);
        }
        text.extend_from_slice(page.text.get(after..end).unwrap_or_default());
    }
    let end = frame.end as u64;
    evidence.attach(&mut current, &records.list, output_text, end);
    records.close(current, text, end);
    evidence.flag(&mut records.list);
    records.sent_cut = evidence.cut;
    for record in records.list.iter_mut().filter(|record| record.flags.len() > 1) {
        record.flags.sort_unstable();
        record.flags.dedup();
    }
    records
}

/// The record of a command, without its output. What was entered blindly has no command.
fn record(command: Command, start: u64) -> CommandRecord {
    CommandRecord {
        command: (!command.blind).then_some(command.command),
        prompt: command.prompt,
        status: (!command.blind).then_some(command.status),
        confidence: command.confidence,
        boundary: command.boundary,
        reason: command.reason.filter(|_| command.confidence < Confidence::High),
        flags: if command.blind { vec![Flag::Blind] } else { Vec::new() },
        context: command.context,
        origin: command.origin,
        expanded: command.expanded,
        ..banner(start)
    }
}

fn push_line(text: &mut Vec<u8>, line: &str) {
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
}

fn banner(start: u64) -> CommandRecord {
    CommandRecord { span: Span { start, end: start }, ..CommandRecord::default() }
}

impl Records {
    /// Ends a record at `end` and gives it its text. A banner without text is none.
    fn close(&mut self, mut record: CommandRecord, text: Vec<u8>, end: u64) {
        // Nearly all output is UTF-8 and becomes a string without another copy.
        let mut output = String::from_utf8(text).unwrap_or_else(|error| {
            self.invalid_utf8 = true;
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        output.truncate(output.trim_end_matches('\n').len());
        let is_empty = record.command.is_none() && record.prompt.is_none() && record.output_as_sent.is_none();
        if is_empty && output.trim().is_empty() {
            return;
        }
        record.output = output;
        read_command(&mut record);
        record.seq = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        record.span.end = end.max(record.span.start);
        self.list.push(record);
    }
}

/// What the command itself tells: look-alike letters, the programs that it names, the bodies of its here-documents.
fn read_command(record: &mut CommandRecord) {
    let Some(command) = record.expanded.as_deref().or(record.command.as_deref()) else { return };
    if mixed_script::is_mixed(command) {
        record.flags.push(Flag::MixedScript);
    }
    if record.status == Some(Status::ProgramInput) {
        return;
    }
    let grammar = Grammar::behind(record.prompt.as_deref().unwrap_or_default());
    let reading = programs::read_in(command, grammar);
    record.programs = reading.programs;
    record.here_documents = reading.here_documents;
}
