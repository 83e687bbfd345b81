//! Decides which places of a page are commands.
//!
//! An edit that the shell marked is one. A line that has the shape of a prompt is one only where that prompt is
//! current: it is the first of the transcript, it came before, or the last command brings a new one.

use std::cell::OnceCell;
use std::collections::{HashSet, VecDeque};

use memchr::memmem::Finder;

use super::ahead;
use super::context::{self, says_left};
use super::discovery::Discovery;
use super::edit::{
    Parts, Prompts, background_texts, continuation_len, is_answer, without_interruptions,
};
use super::expect::{Expectation, is_logger};
use super::frame::target_in;
use super::history;
use super::occurrences::{Seen, occurrences};
use super::origin;
use super::programs::Grammar;
use super::prompt::{self, Ends, Proof, Reader};
use super::settle;
use super::syntax::{self, Scan};
use super::turns::Turns;
use crate::session::{Boundary, Confidence, Origin, Reason, Status};
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
    pub context: Vec<String>,
    /// What the shell made of it.
    pub expanded: Option<String>,
    /// A newline submitted it.
    pub submitted: bool,
    /// A bell rang while it was edited.
    bell: bool,
}

impl Command {
    /// A place that is no command.
    fn nothing() -> Self {
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
            context: Vec::new(),
            expanded: None,
            submitted: false,
            bell: false,
        }
    }

    /// Whether it becomes a record.
    pub(crate) fn is_record(&self) -> bool {
        !self.dropped || self.blind
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

/// Finds the commands of a page. `discovery` is a prompt of an unknown form.
pub(crate) fn cut(page: &Page, discovery: Option<Discovery>) -> Vec<Command> {
    let prompts = Prompts::learn(page);
    let (seen, parts) = occurrences(page, &prompts);
    let mut cutter = Cutter {
        page,
        discovery,
        prompts,
        seen,
        turns: None,
        commands: Vec::with_capacity(page.marks.len()),
        current: None,
        known: HashSet::new(),
        background: VecDeque::new(),
        quoted: VecDeque::new(),
        usual_returns: usual_returns(page),
        line_returns: None,
        open: Scan::default(),
        scanned: 0,
        expectation: None,
        index: 0,
        last_edit: page.marks.iter().rposition(|mark| matches!(mark.kind, MarkKind::Edit(_))).unwrap_or(0),
    };
    let mut parts = parts.into_iter();
    for (index, mark) in page.marks.iter().enumerate() {
        cutter.index = index;
        match &mark.kind {
            MarkKind::Edit(edit) => cutter.edit(mark, edit, parts.next().unwrap_or_default()),
            MarkKind::Line(line) => cutter.line(mark, *line),
        }
    }
    let mut commands = cutter.commands;
    settle::settle(page, &mut commands);
    let mut commands = ahead::assign(page, commands);
    origin::assign(page, &mut commands);
    context::assign(page, &mut commands);
    history::assign(page, &mut commands);
    commands
}

/// The managed node that a line of the agent names.
pub(crate) fn agent_target(commands: &[Command]) -> Option<String> {
    commands
        .iter()
        .filter(|command| is_logger(&command.command))
        .find_map(|command| target_in(&command.command))
}

/// A prompt that is in force.
#[derive(Clone, Debug)]
struct Current {
    key: String,
    text: String,
    /// It stands in marked edits only.
    marked: bool,
    proof: Proof,
    /// A line that starts with it and has no other ending ends its prompt where it does.
    single: bool,
    /// The last mark at which it stands.
    last: Option<usize>,
    /// Finds it in the middle of a line; made when it is first asked for.
    finder: OnceCell<Finder<'static>>,
}

impl Current {
    /// Finds the prompt in the middle of a line. One that is nothing but an ending needs the blank behind it.
    fn finder(&self) -> &Finder<'static> {
        self.finder.get_or_init(|| {
            let blank = if self.proof == Proof::Bare { " " } else { "" };
            Finder::new(&format!("{}{blank}", self.text.trim_end())).into_owned()
        })
    }
}

impl Current {
    /// Finds another form of the prompt in the middle of a line, such as one with the next number.
    fn find_form(&self, line: &str) -> Option<(usize, usize)> {
        let varies = |character: char| character.is_ascii_digit() || matches!(character, '/' | '~');
        let start = &self.text[..self.text.find(varies)?];
        let near = &line[..line.floor_char_boundary(MAX_SEARCH_BYTES)];
        if start.is_empty() {
            return None;
        }
        near.match_indices(start).filter(|&(at, _)| at > 0).take(MAX_FORMS).find_map(|(at, _)| {
            let rest = &line[at..];
            let end = *prompt::ends(rest).iter().find(|&&end| prompt::has_key(&rest[..end], &self.key))?;
            Some((at, at + rest[..end].trim_end().len()))
        })
    }
}

struct Cutter<'a> {
    page: &'a Page,
    /// A prompt of an unknown form.
    discovery: Option<Discovery>,
    prompts: Prompts<'a>,
    /// How often a prompt stands at a mark, and the last such mark.
    seen: Seen,
    /// Where the lines of each prompt stand; made when it is first asked for.
    turns: Option<Turns>,
    commands: Vec<Command>,
    current: Option<Current>,
    /// Keys that were current before.
    known: HashSet<String>,
    /// What the last background commands may print.
    background: VecDeque<String>,
    /// What stands behind a prompt in the text of commands: where output shows it, it is no command.
    quoted: VecDeque<String>,
    /// How many returns stand before the newline of most edits.
    usual_returns: Option<usize>,
    /// How many stand before the newline of a command without marks; more are those of a transcript that was printed.
    line_returns: Option<usize>,
    /// What the last command leaves open, as far as it was scanned.
    open: Scan,
    scanned: usize,
    /// What the last command lets one expect; none if nobody asked.
    expectation: Option<Expectation>,
    index: usize,
    /// The last mark that is an edit.
    last_edit: usize,
}

impl Cutter<'_> {
    /// Takes an edit that the shell marked.
    fn edit(&mut self, mark: &Mark, edit: &Edit, parts: Parts) {
        let (lines, taken) = match without_interruptions(&parts.command, &parts.foreign, &self.background) {
            Some((lines, taken)) => (lines, taken),
            None => (parts.command, Vec::new()),
        };
        let interrupted = !taken.is_empty();
        let mut typed = join(lines);
        typed.truncate(typed.trim_end().len());
        let mut between = parts.between;
        between.extend(taken);
        let aborted =
            edit.close == Close::Interrupt || (!edit.newline && !edit.painted && typed.ends_with("^C"));
        if aborted {
            typed = typed.strip_suffix("^C").unwrap_or(&typed).trim_end().to_owned();
        }
        let prompt = (!parts.prompt.is_empty()).then_some(parts.prompt);
        let last_line = prompt.as_deref().map(prompt::last_line).unwrap_or_default();
        if !self.is_replayed(edit, last_line) && self.continues(mark.text, last_line, true) {
            // Lines above the last one of its prompt are nobody else's.
            let above = prompt.as_deref().unwrap_or_default().lines().rev().skip(1);
            between.extend(above.map(str::to_owned));
            return self.extend(&typed, &between, mark.text, aborted);
        }
        if self.is_replayed(edit, last_line) {
            return self.push_output(mark, edit);
        }
        if self.asks_for_more(mark.text, prompt.as_deref()) {
            return self.extend_edit(edit, mark.text, aborted);
        }
        if prompt.is_none() && is_answer(&typed) {
            between.insert(0, typed.clone());
            typed.clear();
        }
        let unsubmitted = matches!(edit.close, Close::End | Close::FullScreen) && !edit.newline;
        let program = prompt.is_none() || prompt::reader(last_line) == Reader::Program;
        let ended = typed.trim().is_empty() && prompt.is_some() && edit.close == Close::Fence && !edit.newline && !edit.painted;
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
        } else {
            None
        };
        let confidence = if reason.is_some() { Confidence::Low } else { Confidence::High };
        let dropped = typed.trim().is_empty() && status != Status::Eof;
        if prompt.is_some() {
            self.enter(last_line, true);
        }
        let command = Command {
            text: mark.text,
            after: mark.text,
            source: mark.source,
            prompt,
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

    /// Whether an edit is part of a transcript that a command printed: the terminal ended each of its lines once more.
    fn is_replayed(&self, edit: &Edit, prompt: &str) -> bool {
        let extra = !edit.painted
            && !edit.integration
            && edit.newline
            && self.usual_returns.is_some_and(|usual| edit.returns > usual);
        // A line editor may go to the start of the row itself where the line fills its row.
        let short = || edit.lines.len() <= 2 && edit.lines.iter().all(|line| line.text.len() < MAX_SHORT_BYTES);
        let current = |current: &Current| current.key == self.prompts.key(prompt);
        // Marks can be printed as well: then the last command says what stands between them.
        let shown = edit.lines.first().map_or("", |line| line.text.trim());
        let told = !shown.is_empty() && self.commands.last().is_some_and(|last| last.command.contains(shown));
        if told && self.current.as_ref().is_some_and(|now| !current(now)) {
            return true;
        }
        extra && self.current.as_ref().is_some_and(|now| !current(now) || short())
    }

    /// Adds a mark that is output.
    fn push_output(&mut self, mark: &Mark, edit: &Edit) {
        let shown = edit.lines.iter().map(|line| line.text.trim_end().to_owned());
        let between = edit.cleared.iter().cloned().chain(shown).filter(|line| !line.is_empty()).collect();
        self.commands.push(Command { text: mark.text, after: mark.text, source: mark.source, between, ..Command::nothing() });
    }

    /// Whether an edit asks for more of the last command with a prompt of an unknown form: the command is not complete,
    /// and this is not the prompt of the next one.
    fn asks_for_more(&mut self, text: usize, prompt: Option<&str>) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let marked = !last.is_line() && !last.dropped && last.status == Status::Executed;
        if !marked || last.after != text || !self.is_open() {
            return false;
        }
        let Some(current) = &self.current else { return false };
        let line = prompt.and_then(|prompt| prompt.lines().last()).unwrap_or_default();
        // Within a quoted text anything can look like a prompt, but it does not start like the one that is current.
        let alike = |one: char, other: char| one == other || (one.is_ascii_digit() && other.is_ascii_digit());
        let starts = line.chars().zip(current.text.chars()).take(2).all(|(one, other)| alike(one, other));
        line.is_empty() || !starts || self.prompts.key(line) != current.key
    }

    /// Adds the lines of an edit, whose prompt has no known form, to the last command.
    fn extend_edit(&mut self, edit: &Edit, text: usize, aborted: bool) {
        let Some((first, more)) = edit.lines.split_first() else { return };
        let mut typed = first.text[continuation_len(&first.text)..].trim_end().to_owned();
        for line in more {
            typed.push('\n');
            typed.push_str(line.text.trim_end());
        }
        typed.truncate(typed.trim_end().len());
        let typed = if aborted { typed.strip_suffix("^C").unwrap_or(&typed) } else { &typed };
        self.extend(typed, &edit.cleared, text, aborted);
    }

    /// Takes a line that has the shape of a prompt, if its prompt is current.
    fn line(&mut self, mark: &Mark, line: LineMark) {
        if self.commands.last().is_some_and(|last| last.is_line() && mark.text < last.after) {
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
            let (prompt, typed) = (whole[..end].to_owned(), text_of(&whole[end..]));
            let aborted = typed.ends_with("^C") && prompt != "...";
            let typed = if aborted { typed.trim_end_matches("^C").to_owned() } else { typed };
            return self.extend(typed.trim_end(), &[], (line.end + 1).min(self.page.text.len()), aborted);
        }
        let Some((start, end, sure)) = self.place(&whole, line, ends) else { return };
        if line.newline && self.is_printed(&whole[start..end], line) {
            return;
        }
        let prompt = text_of(&whole[start..end]);
        let typed = text_of(&whole[end..]).trim_end().to_owned();
        if start == 0 && self.is_quoted(typed.trim(), false) {
            return;
        }
        // Replacement characters may be longer than what they stand for.
        let start = start.min(bytes.len());
        let program = prompt::reader(&prompt) == Reader::Program;
        let status = match (line.newline, program) {
            (false, _) if !before_edit => Status::Unsubmitted,
            (_, true) => Status::ProgramInput,
            (_, false) => Status::Executed,
        };
        let (confidence, reason) = match () {
            () if line.cut => (Confidence::Low, Reason::TooLong),
            () if start > 0 => (Confidence::Low, Reason::PromptInLine),
            () if !sure => (Confidence::Low, Reason::LookAlike),
            () => (Confidence::Medium, Reason::LearnedPrompt),
        };
        self.enter(&prompt, false);
        let command = Command {
            text: mark.text + start,
            after: (line.end + usize::from(line.newline)).min(self.page.text.len()),
            source: mark.source + start,
            prompt: Some(prompt),
            dropped: typed.trim().is_empty(),
            command: typed,
            between: Vec::new(),
            status,
            confidence,
            reason: Some(reason),
            boundary: Boundary::Prompt,
            submitted: line.newline,
            bell: line.bell,
            ..Command::nothing()
        };
        if line.newline && (self.line_returns.is_none() || self.is_opened()) {
            self.line_returns = Some(line.returns);
        }
        self.push(command);
        self.take_unprompted();
    }

    /// Whether a command has typed this prompt and what stands behind it, so that it is output here.
    fn is_quoted(&self, typed: &str, in_middle: bool) -> bool {
        let last = self.commands.last().map_or("", |last| last.command.as_str());
        self.quoted.iter().any(|text| typed.starts_with(text.as_str()) && (in_middle || last.contains(text.as_str())))
    }

    /// Remembers what a command says behind the text of the current prompt.
    fn note_quotes(&mut self, command: &str) {
        let Some(prompt) = self.current.as_ref().map(|current| current.text.trim_end()) else { return };
        if prompt.is_empty() || command.len() > MAX_SEARCH_BYTES {
            return;
        }
        let prompt = format!("{prompt} ");
        for (at, _) in command.match_indices(&prompt) {
            let rest = &command[at + prompt.len()..];
            let end = rest.find(['\n', '"', '\'', '\\']).unwrap_or(rest.len());
            let text = rest[..end].trim();
            if !text.is_empty() {
                self.quoted.push_back(text.to_owned());
            }
        }
        self.quoted.drain(..self.quoted.len().saturating_sub(MAX_BACKGROUND));
    }

    /// Where a prompt that may be current starts and ends in a line, and whether that it is one is sure.
    fn place(&mut self, line: &str, mark: LineMark, ends: Ends) -> Option<(usize, usize, bool)> {
        if let Some(end) = self.discovery.as_ref().and_then(|discovery| discovery.end(line)) {
            return Some((0, end, true));
        }
        let mut ends = match mark.prompt_end {
            Some(end) if line.is_char_boundary(end) && end > 0 => Ends::one(end),
            _ => ends,
        };
        // When the shell has ceased to mark its edits, their prompt goes on without marks.
        let unmarked = self.index > self.last_edit;
        let current = self.current.as_ref().filter(|current| unmarked || !current.marked);
        if let (Some(current), Some(&end)) = (current, ends.first())
            && line[..end] == current.text
        {
            return Some((0, end, true));
        }
        if current.is_none_or(|current| current.proof > Proof::None) {
            let shape = current.map(|current| prompt::shape(&current.text));
            let alike = |end: usize| shape.as_ref().is_some_and(|shape| *shape == prompt::shape(&line[..end]));
            ends.retain(|end| prompt::proof(&line[..end]) > Proof::None || alike(end));
        }
        if let Some(current) = current
            && let Some(&end) = ends.iter().find(|&&end| prompt::has_key(&line[..end], &current.key))
        {
            return Some((0, end, true));
        }
        if let Some((end, sure)) = ends.iter().find_map(|&end| Some((end, self.may_begin(&line[..end])?))) {
            return Some((0, end, sure));
        }
        let (start, end) = self.place_in_middle(line)?;
        (!self.is_quoted(line[end..].trim(), true)).then_some((start, end, true))
    }

    /// A prompt behind output that did not end with a newline.
    fn place_in_middle(&self, line: &str) -> Option<(usize, usize)> {
        let current = self.current.as_ref().filter(|current| self.index > self.last_edit || !current.marked)?;
        let finder = current.finder();
        if current.proof == Proof::Bare {
            let near = line.floor_char_boundary(line.len().min(MAX_SEARCH_BYTES).checked_sub(1)?);
            let at = finder.find(&line.as_bytes()[..near])?;
            let end = at + finder.needle().len();
            let typed = &line[end..];
            return (at > 0 && syntax::looks_like_command(typed)).then_some((at, end));
        }
        let found = finder.find(line.as_bytes()).filter(|&at| at > 0);
        let (at, end) = match found {
            Some(at) => (at, at + finder.needle().len()),
            None => current.find_form(line)?,
        };
        // A program that prints its prompt behind an unfinished line leaves no blank between.
        if prompt::reader(&current.text) == Reader::Program && line[..at].ends_with(' ') {
            return None;
        }
        let blank = usize::from(line[end..].starts_with(' '));
        Some((at, end + blank))
    }

    /// Whether a prompt that is not current may become so here, and whether that is sure.
    fn may_begin(&mut self, prompt: &str) -> Option<bool> {
        let proof = prompt::proof(prompt);
        let Some(current) = &self.current else {
            let count = self.seen.get(&prompt::key(prompt)).map_or(0, |seen| seen.0);
            return self.may_be_first(prompt, proof, count).then_some(true);
        };
        let gone = current.last.is_none_or(|last| last < self.index);
        let last = self.commands.last().map_or("", |command| command.command.as_str());
        let Expectation { leaves, opens, brings, moves } =
            *self.expectation.get_or_insert_with(|| Expectation::after(last));
        // Of the known prompts one is current, and it was looked for before.
        let returns = self.known.len() > 1 && (gone || leaves || self.output_says_left());
        if !(gone || brings || moves || returns) {
            return None;
        }
        let key = prompt::key(prompt);
        if current.marked && current.key == key {
            return None;
        }
        let count = self.seen.get(&key).map_or(0, |seen| seen.0);
        if returns && self.known.contains(&key) {
            return (proof >= Proof::Word || count > 1).then_some(true);
        }
        let sibling = moves && prompt::shape(prompt) == prompt::shape(&current.text);
        let announced = opens || sibling;
        let begins = match proof {
            Proof::Strict => {
                announced || (gone && count > 1) || (brings && (gone || count > 1 || self.is_left_before(&key)))
            }
            Proof::Path => brings || sibling || (gone && count > 2),
            Proof::Bare => brings && (gone || self.is_left_before(&key)),
            Proof::Word => (brings && count > 1) || sibling || (gone && count > 2),
            Proof::None => sibling,
        };
        begins.then_some(announced)
    }

    /// Whether this may be the first prompt of the transcript.
    fn may_be_first(&self, prompt: &str, proof: Proof, count: usize) -> bool {
        let MarkKind::Line(line) = &self.page.marks[self.index].kind else { return false };
        let before = &self.page.text[..self.page.marks[self.index].text];
        let blank = before.iter().all(u8::is_ascii_whitespace);
        match proof {
            Proof::Strict => prompt.ends_with(' ') || count > 2 || line.end - self.page.marks[self.index].text == prompt.len(),
            Proof::Path => blank || count > 2 || (count > 1 && ends_with_prompt(&self.page.text, prompt)),
            Proof::Bare => {
                let foreign = !prompt.is_ascii() && count > 1;
                blank
                    || foreign
                    || (count > 2 && prompt.starts_with('$'))
                    || are_commands(before)
                    || (count > 1 && ends_with_prompt(&self.page.text, prompt))
            }
            Proof::Word => count > 2 || (blank && (count > 1 || line.bell)),
            Proof::None => false,
        }
    }

    /// Whether a line with another prompt is part of a transcript that a command printed: the terminal ended it once more.
    fn is_printed(&self, prompt: &str, line: LineMark) -> bool {
        self.line_returns.is_some_and(|usual| line.returns > usual)
            && !self.is_opened()
            && self.current.as_ref().is_some_and(|current| !prompt::has_key(prompt, &current.key))
    }

    /// Whether the last command opened another shell, which may end its lines in another way.
    fn is_opened(&self) -> bool {
        self.expectation.is_some_and(|expectation| expectation.opens || expectation.leaves)
    }

    /// Whether the shell with this prompt is left before the current prompt comes back.
    fn is_left_before(&mut self, inner: &str) -> bool {
        let outer = self.current.as_ref().map_or("", |current| current.key.as_str());
        let turns = self.turns.get_or_insert_with(|| Turns::of(self.page));
        turns.leaves_before(self.page, self.index, inner, outer)
    }

    /// Whether the output of the last command ends with the words of a shell that was left.
    fn output_says_left(&self) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let end = self.page.marks[self.index].text;
        let output = self.page.text.get(last.after..end).unwrap_or_default();
        says_left(output)
    }

    /// Whether a prompt that asks for more follows the last command without output in between.
    fn continues(&mut self, text: usize, prompt: &str, marked: bool) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let adjacent =
            self.page.text.get(last.after..text).is_some_and(|gap| gap.iter().all(|&byte| byte == b'\n'));
        if !adjacent || last.dropped || !prompt::is_continuation(prompt) {
            return false;
        }
        let Some(before) = last.prompt.as_deref() else { return false };
        if matches!(last.status, Status::Aborted | Status::Eof) {
            return false;
        }
        if before.trim() == prompt.trim() {
            return self.is_open();
        }
        match prompt.trim() {
            ">" if !marked => self.is_open(),
            ">>" => before.contains("PS ") || (marked && before.trim() == ">"),
            "More?" => prompt::key(before) == "cmd>",
            "..." => before.trim() == ">>>",
            // The shells that name what is open mark their edits; clients need no mark.
            _ => marked || prompt::reader(before) == Reader::Program,
        }
    }

    /// Whether the shell would ask for another line of the last command.
    fn is_open(&mut self) -> bool {
        let Some(last) = self.commands.last() else { return false };
        // The shells of Windows have another grammar, and ask for more with prompts of their own.
        if last.prompt.as_deref().is_some_and(|prompt| Grammar::behind(prompt) != Grammar::Unix) {
            return false;
        }
        let rest = &last.command[self.scanned..];
        if !rest.is_empty() {
            self.open.feed(if self.scanned > 0 { rest.strip_prefix('\n').unwrap_or(rest) } else { rest });
            self.scanned = last.command.len();
        }
        self.open.is_open()
    }

    /// Adds a line to the last command.
    fn extend(&mut self, typed: &str, between: &[String], after: usize, aborted: bool) {
        let Some(last) = self.commands.last_mut() else { return };
        self.expectation = None;
        last.command.push('\n');
        last.command.push_str(typed);
        last.between.extend_from_slice(between);
        last.after = after;
        if aborted {
            last.status = Status::Aborted;
        }
    }

    /// Takes the lines that complete the last command, if the shell asked for them without a prompt.
    fn take_unprompted(&mut self) {
        let Some(last) = self.commands.last() else { return };
        let shell = last.status == Status::Executed && !last.dropped;
        if !shell || !self.is_open() {
            return;
        }
        let (Some(last), Some(current)) = (self.commands.last_mut(), &self.current) else { return };
        let rest = self.page.text.get(last.after..).unwrap_or_default();
        let prompt = current.text.trim_end().as_bytes();
        let mut scan = self.open.clone();
        let mut length = 0;
        for line in rest.split_inclusive(|&byte| byte == b'\n').take(MAX_UNPROMPTED_LINES) {
            let asked = length == 0 && prompt::ends(&prompt::text_of(line)).first().is_some_and(|&end| prompt::is_continuation(&prompt::text_of(&line[..end.min(line.len())])));
            if line.len() > MAX_SEARCH_BYTES || line.starts_with(prompt) || asked {
                return;
            }
            length += line.len();
            scan.feed(prompt::text_of(line).trim_end_matches('\n'));
            if !scan.is_open() {
                let typed = text_of(&prompt::text_of(&rest[..length]));
                last.command.push('\n');
                last.command.push_str(typed.trim_end());
                last.after += length;
                last.doubt(Confidence::Low, Reason::LookAlike);
                self.open = scan;
                self.scanned = last.command.len();
                return;
            }
        }
    }

    fn enter(&mut self, text: &str, marked: bool) {
        if self.current.as_ref().is_some_and(|current| current.marked == marked && current.text == text) {
            return;
        }
        let key = self.prompts.key(text).into_owned();
        self.known.insert(key.clone());
        let proof = prompt::proof(text);
        let last = self.seen.get(&key).map(|seen| seen.1);
        let ends = prompt::ends(text);
        let single = ends[..] == [text.len()] && prompt::known_start(text, &ends).is_some();
        self.current = Some(Current {
            single,
            key,
            text: text.to_owned(),
            marked,
            proof,
            last,
            finder: OnceCell::new(),
        });
    }

    fn push(&mut self, command: Command) {
        self.note_quotes(&command.command);
        self.background.extend(background_texts(&command.command));
        self.background.drain(..self.background.len().saturating_sub(MAX_BACKGROUND));
        self.open = Scan::default();
        self.scanned = 0;
        self.expectation = None;
        let command = self.after_completion(command);
        self.commands.push(command);
    }

    /// A line editor without marks prints the prompt again below a list of completions: then the line above was not
    /// submitted.
    fn after_completion(&mut self, mut command: Command) -> Command {
        let Some(last) = self.commands.last() else { return command };
        let again =
            last.bell && !last.command.is_empty() && command.command.starts_with(last.command.as_str());
        if !again || last.prompt != command.prompt {
            return command;
        }
        let list = self.page.text.get(last.after..command.text).unwrap_or_default();
        let list = prompt::text_of(list);
        let word = last.command.rsplit([' ', '/', '=', ':']).next().unwrap_or_default();
        let first = list.split_whitespace().next().unwrap_or_default();
        if !(list.starts_with("Display all") || (!first.is_empty() && first.starts_with(word))) {
            return command;
        }
        command.text = last.text;
        command.source = last.source;
        command.between = list.lines().map(str::to_owned).collect();
        self.commands.pop();
        command
    }
}

/// Whether all lines look like commands typed before the first prompt came.
fn are_commands(text: &[u8]) -> bool {
    let text = prompt::text_of(&text[..text.len().min(MAX_SEARCH_BYTES)]);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.clone().count() <= MAX_LINES_AHEAD && lines.all(syntax::looks_like_command)
}

/// How many returns stand before the newline of most edits that a shell marked.
fn usual_returns(page: &Page) -> Option<usize> {
    let mut counts = [0_usize; 16];
    for mark in &page.marks {
        if let MarkKind::Edit(edit) = &mark.kind
            && edit.newline
            && !edit.painted
        {
            counts[edit.returns.min(15)] += 1;
        }
    }
    let most = counts.iter().copied().max().filter(|&most| most > 0)?;
    counts.iter().position(|&count| count == most)
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

/// Whether the last line with text starts with a prompt.
fn ends_with_prompt(text: &[u8], prompt: &str) -> bool {
    let tail = prompt::text_of(&text[text.len().saturating_sub(512)..]);
    let last = tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    last.starts_with(prompt.trim_end())
}

/// A text without control characters.
fn text_of(text: &str) -> String {
    let suspect = |byte: u8| (byte < 0x20) | (byte == 0x7f) | (byte == 0xc2);
    if !text.bytes().fold(false, |any, byte| any | suspect(byte)) {
        return text.to_owned();
    }
    text.chars().filter(|character| matches!(character, '\n' | '\t') || !character.is_control()).collect()
}
