//! Decides which places of a page are commands.
//!
//! An edit that the shell marked is one. A line that has the shape of a prompt is one only where that prompt is
//! current: it is the first of the transcript, it came before, or the last command brings a new one.

use std::cell::OnceCell;
use std::collections::{HashSet, VecDeque};

use memchr::memmem::Finder;

use super::ahead;
use super::edit::{Parts, Prompts, background_texts, without_interruptions};
use super::expect::{Expectation, is_logger};
use super::frame::target_in;
use super::occurrences::{Seen, occurrences};
use super::programs::Grammar;
use super::prompt::{self, Ends, Proof, Reader};
use super::syntax::{self, Scan};
use super::turns::Turns;
use crate::session::{Boundary, Confidence, Status};
use crate::terminal::page::{Close, Edit, LineMark, Mark, MarkKind, Page};

/// Most bytes of a line that are searched for a prompt in its middle.
const MAX_SEARCH_BYTES: usize = 4 * 1024;

/// Most lines before the first prompt that may be commands typed ahead of it.
const MAX_LINES_AHEAD: usize = 20;

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
    /// What it rests on.
    pub boundary: Boundary,
    /// It is a prompt, but no record: nothing was entered, or the agent did it.
    pub dropped: bool,
    /// A newline submitted it.
    pub submitted: bool,
    /// A bell rang while it was edited.
    bell: bool,
}

impl Command {
    /// Whether it becomes a record.
    pub(crate) fn is_record(&self) -> bool {
        !self.dropped
    }

    /// Leaves its text to the record before it.
    fn forget(&mut self) {
        self.dropped = true;
        self.after = self.text;
    }
}

/// Finds the commands of a page.
pub(crate) fn cut(page: &Page) -> Vec<Command> {
    let prompts = Prompts::learn(page);
    let (seen, parts) = occurrences(page, &prompts);
    let mut cutter = Cutter {
        page,
        prompts,
        seen,
        turns: None,
        commands: Vec::with_capacity(page.marks.len()),
        current: None,
        known: HashSet::new(),
        background: VecDeque::new(),
        open: Scan::default(),
        scanned: 0,
        expectation: None,
        index: 0,
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
    settle(page, &mut commands);
    drop_agent(&mut commands);
    ahead::assign(page, commands)
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

struct Cutter<'a> {
    page: &'a Page,
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
    /// What the last command leaves open, as far as it was scanned.
    open: Scan,
    scanned: usize,
    /// What the last command lets one expect; none if nobody asked.
    expectation: Option<Expectation>,
    index: usize,
}

impl Cutter<'_> {
    /// Takes an edit that the shell marked.
    fn edit(&mut self, mark: &Mark, edit: &Edit, parts: Parts) {
        let (lines, taken) = match without_interruptions(&parts.command, &self.background) {
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
        if self.continues(mark.text, last_line, true) {
            return self.extend(&typed, &between, mark.text, aborted);
        }
        let unsubmitted = matches!(edit.close, Close::End | Close::FullScreen) && !edit.newline;
        let program = prompt.is_none() || prompt::reader(last_line) == Reader::Program;
        let ended = typed.trim().is_empty() && edit.close == Close::Fence && !edit.newline && !edit.painted;
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
        let confidence =
            if interrupted || edit.cut || edit.doubtful { Confidence::Low } else { Confidence::High };
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
            boundary: if edit.integration { Boundary::Osc133 } else { Boundary::BracketedPaste },
            dropped,
            submitted: edit.newline,
            bell: false,
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
        let Some((start, end)) = self.place(&whole, line, ends) else { return };
        let prompt = text_of(&whole[start..end]);
        let typed = text_of(&whole[end..]).trim_end().to_owned();
        // Replacement characters may be longer than what they stand for.
        let start = start.min(bytes.len());
        let program = prompt::reader(&prompt) == Reader::Program;
        let status = match (line.newline, program) {
            (false, _) if !before_edit => Status::Unsubmitted,
            (_, true) => Status::ProgramInput,
            (_, false) => Status::Executed,
        };
        let middle = start > 0;
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
            confidence: if middle || line.cut { Confidence::Low } else { Confidence::Medium },
            boundary: Boundary::Prompt,
            submitted: line.newline,
            bell: line.bell,
        };
        self.push(command);
    }

    /// Where a prompt that may be current starts and ends in a line.
    fn place(&mut self, line: &str, mark: LineMark, ends: Ends) -> Option<(usize, usize)> {
        let mut ends = match mark.prompt_end {
            Some(end) if line.is_char_boundary(end) && end > 0 => Ends::one(end),
            _ => ends,
        };
        let current = self.current.as_ref().filter(|current| !current.marked);
        if let (Some(current), Some(&end)) = (current, ends.first())
            && line[..end] == current.text
        {
            return Some((0, end));
        }
        if current.is_none_or(|current| current.proof > Proof::None) {
            ends.retain(|end| prompt::proof(&line[..end]) > Proof::None);
        }
        if let Some(current) = current
            && let Some(&end) = ends.iter().find(|&&end| prompt::has_key(&line[..end], &current.key))
        {
            return Some((0, end));
        }
        if let Some(&end) = ends.iter().find(|&&end| self.may_begin(&line[..end])) {
            return Some((0, end));
        }
        self.place_in_middle(line)
    }

    /// A prompt behind output that did not end with a newline.
    fn place_in_middle(&self, line: &str) -> Option<(usize, usize)> {
        let current = self.current.as_ref().filter(|current| !current.marked)?;
        let finder = current.finder();
        if current.proof == Proof::Bare {
            let near = line.floor_char_boundary(line.len().min(MAX_SEARCH_BYTES).checked_sub(1)?);
            let at = finder.find(&line.as_bytes()[..near])?;
            let end = at + finder.needle().len();
            let typed = &line[end..];
            return (at > 0 && syntax::looks_like_command(typed)).then_some((at, end));
        }
        let at = finder.find(line.as_bytes()).filter(|&at| at > 0)?;
        let end = at + finder.needle().len();
        let blank = usize::from(line[end..].starts_with(' '));
        Some((at, end + blank))
    }

    /// Whether a prompt that is not current may become so here.
    fn may_begin(&mut self, prompt: &str) -> bool {
        let proof = prompt::proof(prompt);
        let Some(current) = &self.current else {
            let count = self.seen.get(&prompt::key(prompt)).map_or(0, |seen| seen.0);
            return self.may_be_first(prompt, proof, count);
        };
        let gone = current.last.is_none_or(|last| last < self.index);
        let last = self.commands.last().map_or("", |command| command.command.as_str());
        let Expectation { leaves, brings, moves } =
            *self.expectation.get_or_insert_with(|| Expectation::after(last));
        // Of the known prompts one is current, and it was looked for before.
        let returns = self.known.len() > 1 && (gone || leaves || self.output_says_left());
        if !(gone || brings || moves || returns) {
            return false;
        }
        let key = prompt::key(prompt);
        if current.marked && current.key == key {
            return false;
        }
        let count = self.seen.get(&key).map_or(0, |seen| seen.0);
        if returns && self.known.contains(&key) {
            return proof >= Proof::Word || count > 1;
        }
        let sibling = moves && prompt::shape(prompt) == prompt::shape(&current.text);
        match proof {
            Proof::Strict => brings || sibling || (gone && count > 1),
            Proof::Path => brings || sibling || (gone && count > 2),
            Proof::Bare => brings && (gone || self.is_left_before(&key)),
            Proof::Word => (brings && count > 1) || sibling || (gone && count > 2),
            Proof::None => false,
        }
    }

    /// Whether this may be the first prompt of the transcript.
    fn may_be_first(&self, prompt: &str, proof: Proof, count: usize) -> bool {
        let MarkKind::Line(line) = &self.page.marks[self.index].kind else { return false };
        let before = &self.page.text[..self.page.marks[self.index].text];
        let blank = before.iter().all(u8::is_ascii_whitespace);
        match proof {
            Proof::Strict => true,
            Proof::Path => blank || count > 2 || (count > 1 && ends_with_prompt(&self.page.text, prompt)),
            Proof::Bare => {
                blank || are_commands(before) || (count > 1 && ends_with_prompt(&self.page.text, prompt))
            }
            Proof::Word => count > 2 || (blank && (count > 1 || line.bell)),
            Proof::None => false,
        }
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
        let tail = prompt::text_of(&output[output.len().saturating_sub(256)..]);
        let Some(line) = tail.lines().rev().find(|line| !line.trim().is_empty()) else { return false };
        matches!(line.trim(), "exit" | "logout")
            || (line.starts_with("Connection to ") && line.contains("closed"))
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
            ">>" => before.contains("PS "),
            "More?" => prompt::key(before) == "cmd>",
            "..." => before.trim() == ">>>",
            _ => true,
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

/// Decides what became of lines at prompts that nobody marked, now that it is known what follows.
fn settle(page: &Page, commands: &mut [Command]) {
    for index in 0..commands.len() {
        let (commands, rest) = commands.split_at_mut(index + 1);
        let next = rest.first();
        let end = next.map_or(page.text.len(), |next| next.text);
        let command = &mut commands[index];
        if command.boundary != Boundary::Prompt {
            continue;
        }
        let output = page.text.get(command.after..end).unwrap_or_default();
        let silent = output.iter().all(u8::is_ascii_whitespace);
        if let Some(typed) = command.command.strip_suffix("^C")
            && silent
            && command.status != Status::Unsubmitted
        {
            command.command = typed.trim_end().to_owned();
            command.status = Status::Aborted;
            command.dropped = command.command.is_empty();
        } else if command.dropped && command.status == Status::Executed {
            let text = prompt::text_of(&output[..output.len().min(64)]);
            let left = matches!(text.trim(), "exit" | "logout");
            let other = next.is_some_and(|next| {
                next.prompt.as_deref().map(prompt::key) != command.prompt.as_deref().map(prompt::key)
            });
            if left || (silent && other) || (silent && end == page.text.len()) {
                command.status = Status::Eof;
                command.dropped = false;
            }
        } else if command.status == Status::ProgramInput
            && output.starts_with(b"KeyboardInterrupt")
            && output.len() < 24
        {
            command.status = Status::Aborted;
        }
    }
}

/// The lines with which old agents and those on Windows printed the transcript are nobody's commands.
fn drop_agent(commands: &mut [Command]) {
    let Some(first) = commands.first_mut() else { return };
    if !is_logger(&first.command) {
        return;
    }
    first.forget();
    let prompt = first.prompt.clone();
    if let Some(last) = commands.last_mut()
        && last.command.trim() == "exit"
        && last.prompt == prompt
    {
        last.forget();
    }
}

/// Whether all lines look like commands typed before the first prompt came.
fn are_commands(text: &[u8]) -> bool {
    let text = prompt::text_of(&text[..text.len().min(MAX_SEARCH_BYTES)]);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.clone().count() <= MAX_LINES_AHEAD && lines.all(syntax::looks_like_command)
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
