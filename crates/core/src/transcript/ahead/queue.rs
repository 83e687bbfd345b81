//! Which of the lines that may have been typed ahead were, and at which sign the shell took each.
//!
//! The kernel keeps typed lines in a queue: the shell takes the first one at its next sign. So there are as many lines as signs
//! behind which nothing was typed, each line stands before its sign, and both have one order. Of all ways to fulfil that the one is
//! taken in which lines look most like commands, what stands behind their signs like what they print, and what stands behind the
//! sign that found the queue empty like a command.

use std::ops::Range;

use foldhash::HashMap;

use super::evidence::{Match, compare, is_output, is_plausible, is_surely_output};
use super::reading::{Line, Reading, Sign, is_unfinished};
use super::torn::typed_part;
use crate::transcript::shows::shows_text;
use crate::transcript::syntax::looks_like_command;

/// Most lines typed ahead of one prompt.
pub(super) const MAX_AHEAD: usize = 64;

/// The same when looking for more has taken long, as only a hostile transcript makes it: each sign may be the first one of as many.
const FEW_AHEAD: usize = 2;

/// What a way must have more than that in which nothing was typed ahead; what stands for one more sign if a prompt is more than a
/// sign, as nearly all such shells have an editor that prints the line once more.
const MARGIN: i32 = 4;
const MARGIN_OF_EDITOR: i32 = 6;

/// What make prints first as it runs it.
const COMPILERS: [&str; 8] = ["ar", "c++", "cc", "clang", "g++", "gcc", "go", "ld"];

/// How much a line looks like typed that begins with a known program.
const LOOKS: i32 = 3;

/// So many commands behind signs in a row were typed there.
const MAX_TYPED: usize = 2;

/// Least words of a sentence.
const MIN_SENTENCE_WORDS: usize = 4;

/// A way to explain signs.
#[derive(Debug)]
pub(super) struct Way {
    /// The line for each sign, from the first one on.
    pub(super) lines: Vec<usize>,
    /// What was typed of the last line before its sign came.
    pub(super) unfinished: Unfinished,
}

/// Where the start of a line stands that was submitted at the sign which found the queue empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// It was typed there.
    No,
    /// Before the first sign.
    Head,
    /// In a line, with output behind it.
    Line(usize),
}

/// Explains what was read, and reads on as long as more lines may have been typed ahead than there are signs. `shows` is how much
/// less a line looks like typed because of the command that printed it.
pub(super) fn explain(
    reading: &mut Reading<'_>,
    bare: bool,
    before: &str,
    shows: i32,
    effort: &mut usize,
) -> Option<Way> {
    let may_be_line = |line: &str| line.is_empty() || line.starts_with('#') || is_plausible(line);
    let mut typed = 0;
    let most = if *effort > 0 { MAX_AHEAD } else { FEW_AHEAD };
    while reading.signs.len() <= most {
        let read = reading.signs.len();
        let enough = |reading: &Reading<'_>| reading.lines.len() >= reading.signs.len();
        if (read > 0 && !enough(reading)) || !reading.next(may_be_line) {
            break;
        }
        for sign in &reading.signs[read..] {
            typed = if looks_like_command(&sign.shown) { typed + 1 } else { 0 };
        }
        if typed > MAX_TYPED || reading.signs.last().is_some_and(|sign| sign.opened.is_some()) {
            break;
        }
    }
    // An editor shows what was typed ahead once more.
    reading.lines.retain(|line| line.sure || line.row != 1 || line.text != before);
    let lines = &reading.lines[..reading.lines.len().min(most)];
    *effort = effort.saturating_sub(lines.len() * reading.signs.len() * reading.signs.len());
    let mut queue = Queue::new(lines, &reading.signs, before, shows, bare);
    let way = queue.best(if bare { MARGIN } else { MARGIN_OF_EDITOR })?;
    (bare || queue.proves(&way)).then_some(way)
}

/// What is known of lines and signs.
struct Queue<'a> {
    lines: &'a [Line],
    signs: &'a [Sign],
    /// The command that was running.
    before: &'a str,
    /// The prompt is little more than a sign.
    bare: bool,
    /// How much less the lines before the first sign look like typed, because of the command that printed them.
    shows: i32,
    /// How much each line looks like typed.
    likely: Vec<i32>,
    /// What it costs that lines which look like commands are not taken, of all before a line.
    missed: Vec<i32>,
    /// How much each sign looks like one behind which nothing was typed.
    shown: Vec<i32>,
    /// How much lines and signs go together, as far as it was asked.
    pairs: HashMap<(usize, usize), i32>,
}

/// The lines that the shell took one after the other, until it found the queue empty.
struct Turn {
    sum: i32,
    lines: Vec<usize>,
    unfinished: Unfinished,
}

impl<'a> Queue<'a> {
    fn new(lines: &'a [Line], signs: &'a [Sign], before: &'a str, shows: i32, bare: bool) -> Self {
        let mut missed = vec![0];
        for line in lines {
            missed.push(missed[missed.len() - 1] + i32::from(looks_like_command(&line.text)));
        }
        let likely = lines.iter().map(|line| likely(line, shows)).collect();
        let shown = signs.iter().map(shown).collect();
        Self { lines, signs, before, bare, shows, likely, missed, shown, pairs: HashMap::default() }
    }

    /// The best way to explain the first signs, if all are explained better so than if nothing was typed ahead of the first one.
    fn best(&mut self, margin: i32) -> Option<Way> {
        // From the last sign on: the best sum behind each one at which a line was typed.
        let mut behind = vec![0; self.signs.len() + 1];
        for typed in (0..self.signs.len()).rev() {
            let turns = self.turns(typed + 1);
            let sums = turns
                .iter()
                .map(|turn| turn.sum + behind[(typed + 1 + turn.lines.len()).min(self.signs.len())]);
            behind[typed] = sums.max().unwrap_or(0);
        }
        let mut turns = self.turns(0);
        let sum = |turn: &Turn| turn.sum + behind[turn.lines.len()];
        let nothing = turns
            .iter()
            .find(|turn| turn.lines.is_empty() && turn.unfinished == Unfinished::No)
            .map_or(0, sum);
        let best = (0..turns.len()).max_by_key(|&at| sum(&turns[at]))?;
        let enough = sum(&turns[best]) >= nothing + margin;
        let Turn { lines, unfinished, .. } = turns.swap_remove(best);
        (enough && (unfinished != Unfinished::No || !lines.is_empty())).then_some(Way { lines, unfinished })
    }

    /// Whether a way holds at a prompt behind which nearly all shells have an editor: one sign of what was surely printed, or two
    /// of what may have been.
    fn proves(&self, way: &Way) -> bool {
        let certain = |(sign, line): (usize, &usize)| {
            let pair = self.pairs.get(&(*line, sign)).copied().unwrap_or(0);
            self.lines[*line].sure || self.shown[sign] >= 5 || pair >= 5
        };
        let printed = self.shown[..way.lines.len()].iter().filter(|&&shown| shown >= 3).count();
        // Enter alone prints nothing.
        let answers = self.signs.get(way.lines.len()).is_some_and(|sign| sign.answers);
        let sure = answers || self.signs.iter().any(|sign| sign.sure);
        let head = way.unfinished == Unfinished::Head && sure;
        head || way.lines.iter().enumerate().any(certain) || printed > 1
    }

    /// What may follow a line that was typed, `first` being the next sign: each number of lines in the queue at its best.
    fn turns(&mut self, first: usize) -> Vec<Turn> {
        let from = self.lines.iter().take_while(|line| line.signs < first).count();
        let row = first.checked_sub(1).map_or(0, |sign| self.signs[sign].number);
        let mut turns = Vec::new();
        // The best sum for each line as the last one so far, and the line before that one.
        let mut steps: Vec<Vec<Option<(i32, usize)>>> = Vec::new();
        for count in 0..=self.signs.len() - first.min(self.signs.len()) {
            let closing = first + count;
            let to = from + self.lines[from..].iter().take_while(|line| line.signs <= closing).count();
            let end = match steps.last() {
                None => Some((self.missed[from] - self.missed[to], usize::MAX)),
                Some(step) => (from..to)
                    .filter_map(|at| Some((step[at]?.0 - (self.missed[to] - self.missed[at + 1]), at)))
                    .max_by_key(|end| end.0),
            };
            // Where a line was typed no other prompt stands on its row.
            let ends = self.signs.get(closing).is_none_or(|sign| !sign.shares && sign.opened.is_none());
            if let Some((sum, last)) = end.filter(|_| ends) {
                let lines = trace(&steps, last);
                let (sign, head) = (self.signs.get(closing), self.head(first, closing));
                if let Some(head) = head {
                    let sum = sum + closes(sign, Some(head));
                    turns.push(Turn { sum, lines: lines.clone(), unfinished: Unfinished::Head });
                } else if let Some((line, more)) = self.torn(sign, lines.last(), row, to) {
                    let unfinished = Unfinished::Line(line);
                    turns.push(Turn { sum: sum + more, lines: lines.clone(), unfinished });
                }
                if self.is_told(&lines, first) {
                    turns.push(Turn { sum: sum + closes(sign, None), lines, unfinished: Unfinished::No });
                }
            }
            if closing == self.signs.len() {
                break;
            }
            let step = self.step(closing, from..to, row, steps.last());
            if step.iter().all(Option::is_none) {
                break;
            }
            steps.push(step);
        }
        turns
    }

    /// Whether the last of these lines is told by what stands behind its sign, or one of those directly above it: that is no command,
    /// or what the line prints. Those before follow from that, as the shell took them before.
    fn is_told(&self, lines: &[usize], first: usize) -> bool {
        let mut below = None;
        for (place, &line) in lines.iter().enumerate().rev() {
            if below.is_some_and(|below: usize| self.lines[line].next_row() != self.lines[below].row) {
                return false;
            }
            let pair = self.pairs.get(&(line, first + place)).copied().unwrap_or(0);
            if self.lines[line].sure || self.shown[first + place] >= 3 || pair >= 2 {
                return true;
            }
            below = Some(line);
        }
        lines.is_empty()
    }

    /// The line below the last one, if it was submitted with Enter alone, and how likely that is.
    fn torn(&self, sign: Option<&Sign>, last: Option<&usize>, row: usize, to: usize) -> Option<(usize, i32)> {
        let row = last.map_or(row + 1, |&last| self.lines[last].next_row());
        sign.filter(|sign| sign.answers)?;
        let line = self.lines[..to].iter().rposition(|line| line.row == row)?;
        let looks = looks_like_command(self.lines[line].text.trim_start());
        // With another one typed ahead before it. The output behind it may look like anything.
        let text = self.lines[line].text.trim_start();
        let told = typed_part(text, self.before, &[]).len() < text.len();
        (looks && (told || last.is_some())).then(|| (line, self.likely[line].max(LOOKS - self.shows) + 4))
    }

    /// What stands before the first sign with something before it.
    fn head(&self, first: usize, closing: usize) -> Option<&'a Sign> {
        let signs = self.signs.get(first..=closing.min(self.signs.len().checked_sub(1)?))?;
        signs.iter().find(|sign| !sign.head.trim_start().is_empty())
    }

    /// The best sums if the shell took one of these lines at this sign. `row` is where the line was typed that ran meanwhile.
    fn step(
        &mut self,
        sign: usize,
        lines: Range<usize>,
        row: usize,
        before: Option<&Vec<Option<(i32, usize)>>>,
    ) -> Vec<Option<(i32, usize)>> {
        let mut step: Vec<Option<(i32, usize)>> = vec![None; self.lines.len()];
        // The best one of all lines before this one.
        let mut best: Option<(i32, usize)> = None;
        for at in lines.clone() {
            let start = match before {
                None => Some((self.missed[lines.start] - self.missed[at], usize::MAX)),
                Some(_) => best.map(|(sum, from)| (sum - self.missed[at], from)),
            };
            let start = start.map(|(sum, from)| (sum + begins(&self.lines[at], row), from));
            let last = at.checked_sub(1).filter(|&last| self.lines[last].next_row() == self.lines[at].row);
            let adjacent = last.and_then(|last| Some((before?[last]?.0, last)));
            let start = start.into_iter().chain(adjacent).max_by_key(|start| start.0);
            if let Some((sum, from)) = start {
                let pair = self.pair(at, sign);
                step[at] = Some((sum + self.likely[at] + self.shown[sign] + pair, from));
            }
            if let Some(Some((sum, _))) = before.map(|before| before[at]) {
                let sum = sum + self.missed[at + 1];
                if best.is_none_or(|best| sum > best.0) {
                    best = Some((sum, at));
                }
            }
        }
        step
    }

    fn pair(&mut self, line: usize, sign: usize) -> i32 {
        let (lines, signs) = (self.lines, self.signs);
        let bare = self.bare;
        *self.pairs.entry((line, sign)).or_insert_with(|| pair(&lines[line], &signs[sign], bare))
    }
}

/// The lines of the steps up to the last one.
fn trace(steps: &[Vec<Option<(i32, usize)>>], mut last: usize) -> Vec<usize> {
    let mut lines = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        lines.push(last);
        last = step.get(last).copied().flatten().map_or(usize::MAX, |(_, before)| before);
    }
    lines.reverse();
    lines
}

/// How much a line looks like one that was typed.
fn likely(line: &Line, shows: i32) -> i32 {
    let shows = if line.signs == 0 { shows } else { 0 };
    let first = line.text.trim_start();
    let looks = match first {
        _ if line.sure => 6,
        "" => 0,
        _ if first.starts_with('#') => 1,
        _ if first.contains("  ") || first.contains(": ") || first.ends_with(':') => -3,
        // A path, or a variable.
        _ if first.starts_with('/') && !first.contains(' ') => -3,
        // No shell reads that.
        _ if first.contains(" (") && !first.contains(['"', '\'', ';', '|', '&', '=']) => -3,
        _ if first.split(' ').next().is_some_and(|word| word.contains('=')) => -3,
        _ if looks_like_command(first) => LOOKS,
        _ if is_sentence(first) => -4,
        _ => -2,
    };
    if line.sure { looks } else { looks - shows }
}

/// Whether a line is words of letters alone, as few commands are.
fn is_sentence(line: &str) -> bool {
    line.split(' ').count() >= MIN_SENTENCE_WORDS
        && line.bytes().all(|byte| byte.is_ascii_alphabetic() || b" .,;'".contains(&byte))
}

/// What it costs that a line stands behind output, and not directly behind the row of the command that was running.
fn begins(line: &Line, row: usize) -> i32 {
    match line.row {
        first if first == row + 1 => 0,
        _ => -4,
    }
}

/// How much what stands behind a sign looks like output.
fn shown(sign: &Sign) -> i32 {
    let shown = sign.shown.as_str();
    match () {
        () if sign.opened.is_some() => 6,
        () if sign.again() => 5,
        // What ends without a newline was printed.
        () if sign.shares => 4,
        // It waits, or Enter alone was pressed.
        () if shown.is_empty() => {
            if sign.newline {
                -3
            } else {
                -12
            }
        }
        () if shown.starts_with('#') => -3,
        () if sets(shown) || shown.ends_with("() {") => -4,
        () if is_surely_output(shown) => 5,
        () if looks_like_command(shown) || shown.ends_with("^C") => -5,
        () if is_output(shown) && !has_options(shown) => 3,
        () if shown.starts_with(['(', '{', '[', '!', '"', '\'', '$', '\\', '~']) => -2,
        () if is_plausible(shown) => -1,
        () => 1,
    }
}

/// Whether a line has an option, or a quoted word.
fn has_options(line: &str) -> bool {
    line.split(' ').skip(1).any(|word| word.starts_with(['-', '"', '\'']) && word.len() > 1)
}

/// Whether a line begins with a variable that is set.
fn sets(line: &str) -> bool {
    let name = line.split_once('=').map_or("", |(name, _)| name);
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// How much a line and what stands behind a sign go together.
fn pair(line: &Line, sign: &Sign, bare: bool) -> i32 {
    let text = line.text.trim_start();
    let more = match (line.rows - 1, sign.more) {
        (0, 0) => 0,
        (rows, asked) if rows == asked => 2,
        _ => -2,
    };
    let found = match sign.opened {
        Some(_) => Match::Possible,
        None => compare(text, &sign.shown, sign.again()),
    };
    let shown = sign.shown.as_str();
    // Comments of a file, and commands that are run.
    let told = if bare && shown.starts_with('#') && shows_text(text) {
        6
    } else if bare
        && text.starts_with("make")
        && COMPILERS.contains(&shown.split(' ').next().unwrap_or_default())
    {
        10
    } else {
        0
    };
    more + told
        + match found {
            Match::None => -6,
            Match::Possible | Match::Output => 0,
            Match::Word => 3,
            Match::Certain => 5,
        }
}

/// How much the sign that found the queue empty looks like that; `head` is what was typed of its line before it came.
fn closes(sign: Option<&Sign>, head: Option<&Sign>) -> i32 {
    let Some(sign) = sign else { return if head.is_some() { -2 } else { 0 } };
    let typed = sign.shown.as_str();
    let Some(head) = head else { return 0 };
    let looks = match head.head.trim_start() {
        _ if head.sure => 6,
        head if is_unfinished(head) => 2,
        head if is_plausible(head) && !sets(head) => -2,
        _ => -8,
    };
    looks
        + match () {
            () if typed.is_empty() && sign.newline => 4,
            () if typed.is_empty() => 1,
            () if looks_like_command(typed) || is_output(typed) => -8,
            () => 1,
        }
}
