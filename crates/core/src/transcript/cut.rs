//! Decides which places of a page are commands.
//!
//! An edit that the shell marked is one. A line that has the shape of a prompt is one only where that prompt is
//! current: it is the first of the transcript, it came before, or the last command brings a new one.

mod alike;
mod below;
mod beyond;
mod broadcast;
mod comment;
mod completion;
mod current;
mod first;
mod merge;
mod message;
mod more;
mod place;
mod question;
mod rows;
mod trace;

use std::borrow::Cow;
use std::collections::VecDeque;

use foldhash::HashSet;

use self::alike::usual_returns;
use self::broadcast::without_broadcast;
use self::current::Current;
use self::first::CodeBlock;
use super::ahead;
use super::command::Command;
use super::context;
use super::edit::{Parts, Prompts, is_answer};
use super::edited;
use super::expect::{Expectation, is_logger};
use super::frame::target_in;
use super::history;
use super::interruption::without_interruptions;
use super::levels::Level;
use super::occurrences::{Longer, Seen, occurrences};
use super::origin;
use super::printed;
use super::prompt::{self, Ends, Proof, Reader};
use super::settle;
use super::shows::shows_text;
use super::syntax::{Scan, looks_like_command};
use super::turns::Turns;
use super::uppers::uppers;
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::block::any;
use crate::terminal::page::{Close, Edit, LineMark, Mark, MarkKind, Page};

/// Most bytes of a line that are searched for a prompt in its middle.
const MAX_SEARCH_BYTES: usize = 4 * 1024;

/// Most lines before the first prompt that may be commands typed ahead of it.
const MAX_LINES_AHEAD: usize = 20;

/// Most lines that a shell may ask for without a prompt.
const MAX_UNPROMPTED_LINES: usize = 200;

/// Most places of a line where another form of the prompt is looked for.
const MAX_FORMS: usize = 8;

/// Longest line that certainly fits on a row.
const MAX_SHORT_BYTES: usize = 60;

/// Most texts of background commands that are remembered.
const MAX_BACKGROUND: usize = 32;

/// What `select` asks with: PS3 of bash, and PROMPT3 of zsh.
const CHOICE_PROMPTS: [&str; 2] = ["#? ", "?# "];

/// What the controls of ISO 6429 that lie above ASCII begin with in UTF-8.
const FIRST_BYTE_OF_C1: u8 = 0xc2;

/// The commands of a page.
#[derive(Debug)]
pub(crate) struct Cut {
    /// In order.
    pub commands: Vec<Command>,
    /// There were so many that lines which may be others were left in the output.
    pub too_many: bool,
}

/// Finds the commands of a page that was rendered from `source`. `levels` are shells whose prompts have unknown forms. As soon as
/// `max_records` of them become records, or there are twice as many, lines are left where they are: in the output of the last
/// one.
pub(crate) fn cut(page: &Page, source: &[u8], mut levels: Vec<Level>, max_records: usize) -> Cut {
    levels.iter_mut().for_each(|level| level.find_last(page));
    let prompts = Prompts::learn(page);
    let (seen, parts, longer) = occurrences(page, &prompts);
    let mut cutter = Cutter {
        page,
        source,
        levels,
        prompts,
        seen,
        longer,
        turns: None,
        unused: HashSet::default(),
        uppers: uppers(page),
        commands: Vec::with_capacity(page.marks.len().min(max_records.saturating_mul(2))),
        records: 0,
        current: None,
        known: HashSet::default(),
        unmarked: HashSet::default(),
        traces: HashSet::default(),
        background: VecDeque::new(),
        quoted: VecDeque::new(),
        usual_returns: usual_returns(page),
        line_returns: None,
        shown_prompt: None,
        replayed_prompt: None,
        code_block: CodeBlock::default(),
        open: Scan::default(),
        scanned: 0,
        expectation: None,
        index: 0,
        marked: false,
        below_comment: false,
        comment_end: 0,
        last_edit: page.marks.iter().rposition(|mark| matches!(mark.kind, MarkKind::Edit(_))).unwrap_or(0),
    };
    let mut parts = parts.into_iter();
    let mut too_many = false;
    for (index, mark) in page.marks.iter().enumerate() {
        cutter.index = index;
        match &mark.kind {
            MarkKind::Edit(edit) => cutter.edit(mark, edit, parts.next().unwrap_or_default()),
            MarkKind::Line(_) if cutter.is_full(max_records) => too_many = true,
            MarkKind::Line(line) => cutter.line(mark, *line),
        }
    }
    let mut commands = cutter.commands;
    settle::settle(page, &mut commands);
    let commands = ahead::assign(page, commands);
    let mut commands = edited::assign(page, source, commands);
    origin::assign(page, &mut commands);
    context::assign(page, &mut commands);
    history::assign(page, &mut commands);
    Cut { commands, too_many }
}

/// The managed node that a line of the agent names.
pub(crate) fn agent_target(commands: &[Command]) -> Option<String> {
    commands
        .iter()
        .filter(|command| is_logger(&command.command))
        .find_map(|command| target_in(&command.command))
}

struct Cutter<'a> {
    page: &'a Page,
    /// What it was rendered from.
    source: &'a [u8],
    /// A prompt of an unknown form.
    /// The shells whose prompts were discovered.
    levels: Vec<Level>,
    prompts: Prompts<'a>,
    /// How often a prompt stands at a mark, and the last such mark.
    seen: Seen,
    /// Prompts that end behind another sign than their first.
    longer: Longer,
    /// Where the lines of each prompt stand; made when it is first asked for.
    turns: Option<Turns>,
    /// Keys of what is no prompt behind the last command, because no commands stand behind it.
    unused: HashSet<String>,
    /// For each mark whether it is a line above the last one of a prompt; empty if none is.
    uppers: Vec<bool>,
    commands: Vec<Command>,
    /// How many of them become records, as far as is known.
    records: usize,
    current: Option<Current>,
    /// Keys that were current before.
    known: HashSet<String>,
    /// Those of shells that do not mark their edits.
    unmarked: HashSet<String>,
    /// Keys of what stands before each command in a trace of them.
    traces: HashSet<String>,
    /// What the last background commands may print.
    background: VecDeque<String>,
    /// What stands behind a prompt in the text of commands: where output shows it, it is no command.
    quoted: VecDeque<String>,
    /// How many returns stand before the newline of most edits.
    usual_returns: Option<usize>,
    /// How many stand before the newline of a command without marks; more are those of a transcript that was printed.
    line_returns: Option<usize>,
    /// The key of the prompt of a transcript that the last command may have shown.
    shown_prompt: Option<String>,
    /// The same of the transcript that the last command showed for certain.
    replayed_prompt: Option<String>,
    code_block: CodeBlock,
    /// What the last command leaves open, as far as it was scanned.
    open: Scan,
    scanned: usize,
    /// What the last command lets one expect; none if nobody asked.
    expectation: Option<Expectation>,
    index: usize,
    /// The last mark that is an edit.
    last_edit: usize,
    /// A shell has marked a command.
    marked: bool,
    /// The last command stands below a comment, and may be one.
    below_comment: bool,
    /// Where the line begins below the last comment that was found.
    comment_end: usize,
}

impl Cutter<'_> {
    /// Takes an edit that the shell marked.
    fn edit(&mut self, mark: &Mark, edit: &Edit, mut parts: Parts) {
        let foreign = (!edit.painted).then_some(edit.above);
        let message = without_broadcast(&mut parts.command, foreign);
        let mut interrupted = message.is_some();
        if let Some(message) = message {
            parts.foreign.clear();
            parts.between.extend(message);
        }
        let blank = edit.lines.iter().rev().take_while(|line| line.text.is_empty()).count();
        let ended = edit.newline && blank > 1;
        let (lines, taken) =
            match without_interruptions(&parts.command, &parts.foreign, ended, &self.background) {
                Some((lines, taken)) => (lines, taken),
                None => (parts.command, Vec::new()),
            };
        let mut typed = join(lines);
        let open = printed::without_open(&typed, &mut self.background).map(|(rest, text)| {
            typed = rest;
            text
        });
        interrupted |= !taken.is_empty() || open.is_some();
        typed.truncate(typed.trim_end().len());
        let mut between = parts.between;
        between.extend(taken);
        between.extend(open);
        // Some shells with integration say that something runs even then.
        let alone = edit.integration && typed == "^C";
        let aborted = alone
            || edit.close == Close::Interrupt
            || (!edit.newline && !edit.painted && typed.ends_with("^C"));
        let broken = edit.interrupted && without_interrupt(&mut typed);
        let aborted = aborted || broken;
        if aborted {
            typed = typed.strip_suffix("^C").unwrap_or(&typed).trim_end().to_owned();
        }
        let cut_off = beyond::take_marks(&mut typed);
        let prompt = (!parts.prompt.is_empty()).then_some(parts.prompt);
        let last_line = prompt.as_deref().map(prompt::last_line).unwrap_or_default();
        // As long as the last command is not complete, nothing runs that could print a transcript.
        let again = prompt.as_deref().is_some_and(|prompt| self.is_whole_prompt(prompt));
        let gap = if again { None } else { self.gap_before_more(mark.text, last_line) };
        let continues = gap.is_some() || (!again && self.continues(mark.text, last_line, true));
        between.extend(gap.into_iter().flatten());
        if !continues && self.line_returns.is_some() && !self.marked {
            // Whether it opened a shell is asked then.
            self.expectation_of_last();
        }
        let replayed = !(continues && self.is_open()) && self.is_replayed(edit, last_line, &typed);
        if continues && !replayed {
            // Lines above the last one of its prompt are nobody else's.
            let above = prompt.as_deref().unwrap_or_default().lines().rev().skip(1);
            between.extend(above.map(str::to_owned));
            return self.extend(&typed, &between, mark.text, aborted);
        }
        if replayed {
            // Any other program may open a shell, which ends its lines in a way of its own.
            if self.last_is(shows_text) || self.replayed_prompt.is_some() {
                self.replayed_prompt = Some(self.prompts.key(last_line).into_owned());
            }
            return self.push_output(mark, edit);
        }
        let may_be_shown = self.may_be_shown(last_line);
        if !again && self.asks_for_more(mark.text, prompt.as_deref()) {
            return self.extend_edit(edit, mark.text, aborted);
        }
        // A prompt of a shell may be made to look so: it is asked for a number.
        let chooses = CHOICE_PROMPTS.contains(&last_line)
            && typed.trim().bytes().all(|digit| digit.is_ascii_digit())
            && self.last_is(|last| memchr::memmem::find(last.as_bytes(), b"select ").is_some());
        // A list of completions was shown, and the line goes on.
        if edit.integration && edit.close == Close::Reopened && self.stands_again(&typed) {
            typed.clear();
        }
        let question = !chooses && prompt.is_some() && self.is_question(last_line);
        let answers = question && question::offers(last_line);
        if let Some(prompt) = prompt.as_deref().filter(|_| answers) {
            typed.insert_str(0, prompt);
        }
        if chooses || answers || (prompt.is_none() && is_answer(&typed)) {
            between.insert(0, std::mem::take(&mut typed));
        }
        let unsubmitted = matches!(edit.close, Close::End | Close::FullScreen) && !edit.newline;
        let program = prompt.is_none() || question || prompt::reader(last_line) == Reader::Program;
        let ended = typed.trim().is_empty()
            && prompt.is_some()
            && edit.close == Close::Fence
            && !edit.newline
            && !edit.painted;
        let status = if aborted {
            Status::Aborted
        } else if unsubmitted {
            Status::Unsubmitted
        } else if ended {
            Status::Eof
        } else if program {
            Status::ProgramInput
        } else {
            Status::Executed
        };
        let reason = if interrupted {
            Some(Reason::Interrupted)
        } else if edit.cut {
            Some(Reason::TooLong)
        } else if edit.doubtful {
            Some(Reason::GuessedWidth)
        } else if may_be_shown || (question && !answers) {
            Some(Reason::LookAlike)
        } else if edit.below_window || cut_off {
            Some(Reason::BeyondWindow)
        } else {
            None
        };
        let confidence = match reason {
            None => Confidence::High,
            // Only empty lines may be missing.
            Some(Reason::BeyondWindow) if !cut_off => Confidence::Medium,
            Some(Reason::LookAlike) if question && !may_be_shown => Confidence::Medium,
            Some(_) => Confidence::Low,
        };
        let dropped = typed.trim().is_empty() && status != Status::Eof;
        self.marked = true;
        if prompt.is_some() && !question {
            self.enter(last_line, true);
        }
        let command = Command {
            text: mark.text,
            after: mark.text,
            source: mark.source,
            prompt: prompt.filter(|_| !answers),
            command: typed,
            between,
            status,
            confidence,
            reason,
            boundary: if edit.integration { Boundary::Osc133 } else { Boundary::BracketedPaste },
            dropped,
            submitted: edit.newline,
            ..Command::nothing()
        };
        for aborted in parts.aborted.into_iter().filter(|aborted| !aborted.is_empty()) {
            let status = Status::Aborted;
            let between = Vec::new();
            self.push(Command { command: aborted, status, between, dropped: false, ..command.clone() });
        }
        self.push(command);
    }

    /// Takes a line that has the shape of a prompt, if its prompt is current.
    fn line(&mut self, mark: &Mark, line: LineMark) {
        if self.commands.last().is_some_and(|last| last.is_line() && mark.text < last.after) {
            return;
        }
        if self.uppers.get(self.index) == Some(&true) || self.line_below(mark, line) {
            return;
        }
        let bytes = &self.page.text[mark.text..line.end];
        let whole = prompt::text_of(bytes);
        let last_line = self.page.text.len() <= line.end + 1;
        let before_edit = matches!(
            self.page.marks.get(self.index + 1),
            Some(Mark { text, kind: MarkKind::Edit(_), .. }) if *text == line.end
        );
        if !line.newline && ((!last_line && !before_edit) || (before_edit && !is_prompts_only(&whole))) {
            return;
        }
        let known = self.current.as_ref().filter(|current| current.single);
        let ends = match known {
            Some(known) if prompt::ends_like(whole.as_bytes(), &known.text) => Ends::one(known.text.len()),
            _ => prompt::ends(&whole),
        };
        if let Some(&end) = ends.first()
            && self.continues(mark.text, &whole[..end], false)
        {
            let (prompt, typed) = (&whole[..end], text_of(&whole[end..]));
            let aborted = typed.ends_with("^C") && prompt != "...";
            let typed = if aborted { typed.trim_end_matches("^C") } else { &typed };
            return self.extend(typed.trim_end(), &[], (line.end + 1).min(self.page.text.len()), aborted);
        }
        let Some((start, end, mut sure)) = self.place(&whole, line, ends) else { return };
        if line.newline && self.is_printed(&whole[start..end], whole.len(), line) {
            if !self.ends_itself(mark) {
                return;
            }
            sure = false;
        }
        let own = text_of(&whole[start..end]);
        let known = self.current.as_ref().map_or("", |current| current.text.as_str());
        let end = prompt::repeated_end(&whole, end, [&own, known]);
        let end = prompt::coloured_end(&whole, start, end, line.styled).unwrap_or(end);
        let end = match &self.current {
            _ if start == 0 => self.prompts.directory_end(&whole, end),
            Some(current) if whole[start..].starts_with(&current.whole) => {
                end.max(start + current.whole.len())
            }
            _ => end,
        };
        let next = ends.iter().find(|&&next| start == 0 && next > end && !self.longer.is_empty());
        let longer = next.filter(|&&next| self.longer.contains(&prompt::shape(&whole[..next])));
        let end = longer.copied().unwrap_or(end);
        let prompt = text_of(&whole[start..end]).into_owned();
        let mut typed = text_of(&whole[end..]).trim_end().to_owned();
        let mut after = (line.end + usize::from(line.newline)).min(self.page.text.len());
        let mut taken = Vec::new();
        match line.newline {
            true if self.take_repeated(&mut typed, &mut after, &mut taken) => {}
            true if let Some(message) = self.take_broadcast(line, &mut typed, &mut after) => taken = message,
            true if start == 0 && self.is_message(&typed) => {
                taken = self.take_message(&mut typed, &mut after)
            }
            true => taken = self.take_interruptions(&mut typed, &mut after),
            false => {}
        }
        if start == 0 && (self.is_quoted(typed.trim(), false) || self.is_traced(mark, &own, &typed)) {
            return;
        }
        if start == 0 && line.newline && self.is_comment(mark, line, &prompt, &typed) {
            return;
        }
        // Replacement characters may be longer than what they stand for.
        let start = start.min(bytes.len());
        let level = self.level().filter(|level| level.reader == Reader::Program);
        let program = prompt::reader(&prompt) == Reader::Program
            || level.is_some_and(|level| level.discovery.end(&whole, line.styled).is_some());
        let (mut text, mut source) = (mark.text + start, mark.source + start);
        if let Some((first_text, first_source, rows)) = self.rows_above(&prompt, mark) {
            typed = rows + &typed;
            (text, source) = (first_text, first_source);
        }
        let broken = line.interrupted && without_interrupt(&mut typed);
        let status = match (line.newline, program) {
            _ if broken => Status::Aborted,
            (false, _) if !before_edit => Status::Unsubmitted,
            (_, true) => Status::ProgramInput,
            (_, false) => Status::Executed,
        };
        let (confidence, reason) = match () {
            () if line.cut => (Confidence::Low, Reason::TooLong),
            () if line.recalled => (Confidence::Low, Reason::Recalled),
            () if !taken.is_empty() => (Confidence::Low, Reason::Interrupted),
            () if self.below_comment && own == "# " => (Confidence::Low, Reason::LookAlike),
            () if start > 0 => (Confidence::Low, Reason::PromptInLine),
            () if !sure => (Confidence::Low, Reason::LookAlike),
            () => (Confidence::Medium, Reason::LearnedPrompt),
        };
        // What is coloured behind the sign changes with the directory; the rest comes back.
        self.enter(&own, false);
        if let Some(current) = &mut self.current {
            current.doubtful |= !sure && current.proof <= Proof::Bare;
            if start == 0 && current.whole != prompt {
                current.whole.clone_from(&prompt);
            }
        }
        let command = Command {
            text,
            after,
            source,
            prompt: Some(prompt),
            glued: start > 0
                && self.current.as_ref().is_some_and(|current| current.proof == Proof::Bare)
                && !looks_like_command(&typed),
            dropped: typed.trim().is_empty(),
            command: typed,
            between: taken,
            status,
            confidence,
            reason: Some(reason),
            boundary: Boundary::Prompt,
            submitted: line.newline,
            bell: line.bell,
            raw: line.newline && line.returns == 0 && self.line_returns.is_some_and(|usual| usual > 0),
            ..Command::nothing()
        };
        // What breaks a line off ends it in a way of its own.
        if line.newline && !line.interrupted && (self.line_returns.is_none() || self.is_opened()) {
            self.line_returns = Some(line.returns);
        }
        self.push(command);
        self.take_unprompted();
        self.take_rows_below();
    }

    fn enter(&mut self, text: &str, marked: bool) {
        if self.current.as_ref().is_some_and(|current| current.marked == marked && current.text == text) {
            return;
        }
        let key = self.prompts.key(text).into_owned();
        self.known.insert(key.clone());
        if !marked {
            self.unmarked.insert(key.clone());
        }
        let proof = prompt::proof(text);
        let discovered = self.level().and_then(|level| level.last);
        let mut last = self.seen.get(&key).map(|seen| seen.1).max(discovered);
        if last.is_none() && proof == Proof::None {
            // It was found by how it is used.
            last = self.turns.as_ref().and_then(|turns| turns.last(&key));
        }
        let ends = prompt::ends(text);
        let single = ends[..] == [text.len()] && prompt::known_start(text, &ends).is_some();
        self.current = Some(Current {
            single,
            key,
            text: text.to_owned(),
            whole: String::new(),
            marked,
            proof,
            doubtful: false,
            last,
            finder: std::cell::OnceCell::new(),
        });
    }

    /// Whether no line becomes a command any more.
    fn is_full(&self, max_records: usize) -> bool {
        self.records >= max_records || self.commands.len() >= max_records.saturating_mul(2)
    }

    fn push(&mut self, command: Command) {
        self.note_quotes(&command.command);
        self.background.extend(printed::background_texts(&command.command));
        self.background.drain(..self.background.len().saturating_sub(MAX_BACKGROUND));
        self.open = Scan::default();
        self.scanned = 0;
        self.expectation = None;
        self.unused.clear();
        self.replayed_prompt = None;
        let command = self.after_completion(command);
        self.records += usize::from(command.is_record());
        self.commands.push(command);
    }
}

/// Takes the sign of an interrupt out of a line that does not end with it: the cursor stood before its end, so nobody typed
/// it.
fn without_interrupt(typed: &mut String) -> bool {
    let at = typed.find("^C").filter(|_| !typed.ends_with("^C"));
    if let Some(at) = at {
        typed.replace_range(at..at + 2, "");
    }
    at.is_some()
}

/// Lines as one text. Most commands have one.
fn join(mut lines: Vec<String>) -> String {
    if lines.len() > 1 { lines.join("\n") } else { lines.pop().unwrap_or_default() }
}

/// Whether a line is nothing but one short prompt, or the same one several times.
fn is_prompts_only(line: &str) -> bool {
    let prompt = line.trim_end().split(' ').next().unwrap_or_default();
    prompt.chars().count() == 1 && line.split(' ').all(|word| word.is_empty() || word == prompt)
}

/// A text without control characters.
fn text_of(text: &str) -> Cow<'_, str> {
    let kept = |character: &char| matches!(character, '\n' | '\t') || !character.is_control();
    let controls = any(text.as_bytes(), |block| {
        block.is_within(1, 0x1f).or(block.is(0x7f)).or(block.is(FIRST_BYTE_OF_C1))
    });
    if controls || memchr::memchr(0, text.as_bytes()).is_some() {
        Cow::Owned(text.chars().filter(kept).collect())
    } else {
        Cow::Borrowed(text)
    }
}
