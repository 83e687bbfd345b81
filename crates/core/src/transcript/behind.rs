//! Prompts that begin with their sign and end with the directory: `λ app `, `➜  ~ git:(main) ✗ `. Where no colour tells it,
//! one such line is that of a command named like the directory; all of them together are not.

use foldhash::{HashMap, HashSet};

use super::expect::Expectation;
use super::prompt;
use super::syntax;
use crate::terminal::page::{MarkKind, Page};

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 256;

/// Least lines that have the same directory, least different programs behind it, and least share, in percent, of known ones:
/// a program has commands of its own as well, and some are named like these.
const MIN_SAME: usize = 5;
const MIN_PROGRAMS: usize = 4;
const PROGRAM_PERCENT: usize = 60;

/// One line in so many may contradict that a directory stands behind a sign.
const DOUBT: usize = 10;

/// The signs that a directory stands behind.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    signs: Vec<char>,
}

/// What the lines that begin with a sign tell.
#[derive(Default)]
struct Evidence {
    lines: usize,
    /// Lines in which no directory can stand there.
    against: usize,
    /// Something stood there that nobody runs, or what the command before went to.
    sure: bool,
    /// How many lines have a command behind it, how many of these a known one, and the programs.
    commands: usize,
    known: usize,
    programs: HashSet<String>,
    /// One of them is none that a program has: the shell goes elsewhere, or becomes another user.
    of_shell: bool,
    /// The last directory, and the command behind it.
    last: Option<(String, String)>,
}

impl Behind {
    /// Looks at all marks of a page.
    pub(crate) fn learn(page: &Page) -> Self {
        let mut signs: HashMap<char, Evidence> = HashMap::default();
        let mut note = |text: &str| {
            if let Some((sign, behind)) = behind_sign(text) {
                signs.entry(sign).or_default().note(behind);
            }
        };
        for mark in &page.marks {
            match &mark.kind {
                MarkKind::Edit(edit) => {
                    let untold = edit.lines.iter().filter(|line| line.prompt_end.is_none());
                    let mut begun = untold.filter(|line| behind_sign(&line.text).is_some());
                    begun.next().into_iter().for_each(|line| note(&line.text));
                }
                MarkKind::Line(line) => {
                    let bytes = &page.text[mark.text..line.end.min(mark.text + MAX_LINE_BYTES)];
                    if line.prompt_end.is_none() && bytes.first().copied().is_some_and(may_be_sign) {
                        note(&prompt::text_of(bytes));
                    }
                }
            }
        }
        let signs = signs.into_iter().filter(|(_, evidence)| evidence.tells_directory());
        Self { signs: signs.map(|(sign, _)| sign).collect() }
    }

    /// Where the prompt ends really whose sign ends at `end` of a line, if the directory stands behind it.
    pub(crate) fn end(&self, line: &str, end: usize) -> Option<usize> {
        if self.signs.is_empty() {
            return None;
        }
        let (sign, behind) = behind_sign(line)?;
        let start = line.len() - behind.len();
        let place = self.signs.contains(&sign) && end <= start && !behind.is_empty();
        place.then(|| start + field_len(behind))
    }
}

impl Evidence {
    fn note(&mut self, behind: &str) {
        self.lines += 1;
        let (field, command) = behind.split_at(field_len(behind));
        let place = first_word(field);
        let (moved, same) = self
            .last
            .as_ref()
            .map_or((false, false), |(last, command)| (goes_to(command, place), last == place));
        // It may have gone where its words do not tell.
        let may_move = || {
            let expectation = self.last.as_ref().map(|(_, command)| Expectation::after(command));
            expectation.is_none_or(|after| after.moves || after.brings || after.leaves)
        };
        self.sure |= place == "~" || place.ends_with('/') || moved;
        self.against += usize::from(
            place.is_empty() || !(same || moved || (may_move() && !syntax::looks_like_command(place))),
        );
        let command = command.trim();
        if !command.is_empty() {
            self.commands += 1;
            self.known += usize::from(syntax::looks_like_command(command));
            let program = first_word(command);
            self.of_shell |= matches!(program, "cd" | "sudo");
            if self.programs.len() < MIN_PROGRAMS && !self.programs.contains(program) {
                self.programs.insert(program.to_owned());
            }
        }
        self.last = (!place.is_empty()).then(|| (place.to_owned(), command.to_owned()));
    }

    fn tells_directory(&self) -> bool {
        // A session may stay where it began.
        let stays = self.lines >= MIN_SAME
            && (self.of_shell || self.last.as_ref().is_some_and(|(_, command)| command == "exit"))
            && self.programs.len() >= MIN_PROGRAMS
            && self.known * 100 >= self.commands * PROGRAM_PERCENT;
        (self.sure || stays) && self.commands > 0 && self.against * DOUBT <= self.lines
    }
}

/// The sign that a line begins with, and what stands behind it and its blanks.
fn behind_sign(line: &str) -> Option<(char, &str)> {
    if !may_be_sign(*line.as_bytes().first()?) {
        return None;
    }
    let sign = line.chars().next().filter(|&sign| sign == '>' || prompt::is_foreign_ending(sign))?;
    let behind = line[sign.len_utf8()..].strip_prefix(' ')?;
    Some((sign, behind.trim_start_matches(' ')))
}

fn may_be_sign(byte: u8) -> bool {
    byte == b'>' || byte >= 0x80
}

/// How long the directory is, with what themes tell of its repository and the blanks behind.
fn field_len(behind: &str) -> usize {
    let mut end = first_word(behind).len();
    loop {
        let rest = behind[end..].trim_start_matches(' ');
        let start = behind.len() - rest.len();
        let word = first_word(rest);
        if start == end || !is_state(word) {
            return start;
        }
        end = start + word.len();
    }
}

/// Whether a word tells the state of a repository: its branch in brackets, or a sign.
fn is_state(word: &str) -> bool {
    let mut characters = word.chars();
    let bracket = ["(", "[", "git:(", "hg:("].iter().any(|start| word.starts_with(start));
    match (characters.next(), characters.next()) {
        (Some(sign), None) => !sign.is_ascii() && !sign.is_alphanumeric(),
        _ => bracket && word.ends_with([')', ']']),
    }
}

/// Whether a command goes to a directory with this name.
fn goes_to(command: &str, place: &str) -> bool {
    let mut words = command.split(' ').filter(|word| !word.is_empty());
    let moves = matches!(words.next(), Some("cd" | "pushd"));
    let name = |path: &'_ str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    moves && words.next().is_some_and(|path| !name(path).is_empty() && name(path) == name(place))
}

fn first_word(text: &str) -> &str {
    &text[..memchr::memchr(b' ', text.as_bytes()).unwrap_or(text.len())]
}
