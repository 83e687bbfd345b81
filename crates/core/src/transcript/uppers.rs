//! Lines above the last one of a prompt that begin like the prompt of a shell: themes begin them with `#`.
//!
//! Such lines stand directly above a line with the prompt, again and again, and the prompt nearly always has them above it.
//! A shell whose prompt is the sign alone can look so, but then what stands behind the sign is a command. Where the prompt has
//! the same sign, the lines above it are those that begin with the same words again and again. The upper corner of a frame
//! above its lower corner needs no such proof.

use foldhash::HashMap;

use super::prompt;
use super::syntax;
use crate::terminal::page::{LineMark, Mark, MarkKind, Page};

/// The signs that prompts of shells consist of.
const SIGNS: [u8; 4] = [b'#', b'$', b'%', b'>'];

/// Least prompts with such lines above them.
const MIN_PROMPTS: usize = 3;

/// Least share, in percent, of the prompts with such lines, and of the lines above prompts.
const MIN_PERCENT: usize = 80;

/// Words at the start of a line that come again.
const SAME_WORDS: usize = 2;

/// Longest line above a prompt that certainly fits on a row: where a line takes more rows, its editor sends more returns.
const MAX_SHORT_BYTES: usize = 60;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 256;

/// For each mark whether it is such a line; empty if none is.
pub(crate) fn uppers(page: &Page) -> Vec<bool> {
    let count = |sign: &u8| page.marks.iter().filter(|mark| is_bare(page, mark, *sign)).count();
    let counts = SIGNS.map(|sign| (sign, count(&sign)));
    let frequent = || counts.iter().filter(|(_, count)| *count >= MIN_PROMPTS);
    let mut uppers = Vec::new();
    // A bracket asks for more of a command.
    for &(upper, _) in frequent().filter(|(sign, _)| *sign != b'>') {
        for &(lower, prompts) in frequent().filter(|(lower, _)| *lower != upper) {
            let Some(above) = above(page, upper, lower) else { continue };
            if above.len() >= MIN_PROMPTS && above.len() * 100 >= prompts * MIN_PERCENT {
                uppers.resize(page.marks.len(), false);
                above.into_iter().flatten().for_each(|mark| uppers[mark] = true);
            }
        }
        for mark in alike(page, upper) {
            uppers.resize(page.marks.len(), false);
            uppers[mark] = true;
        }
    }
    for mark in returned(page).into_iter().chain(framed(page)) {
        uppers.resize(page.marks.len(), false);
        uppers[mark] = true;
    }
    uppers
}

/// The marks of the lines that begin with the upper corner of a frame, with its lower corner on the line below.
fn framed(page: &Page) -> impl Iterator<Item = usize> {
    let starts = |mark: &Mark, corners: [&str; 3]| {
        let line = &page.text[mark.text..];
        corners.iter().any(|corner| line.starts_with(corner.as_bytes()))
    };
    page.marks.windows(2).enumerate().filter_map(move |(index, pair)| {
        let [upper, lower] = pair else { return None };
        let MarkKind::Line(line) = &upper.kind else { return None };
        let below = lower.text == line.end + 1 && matches!(lower.kind, MarkKind::Line(_));
        (below && starts(upper, ["┌", "╭", "╔"]) && starts(lower, ["└", "╰", "╚"])).then_some(index)
    })
}

/// The marks of the lines that the line editor ended itself: readline sends a return before each newline of its prompt, so
/// that these lines have one more than those that are submitted. They may begin like the line below them, as that of root
/// does, or hold its sign.
fn returned(page: &Page) -> Vec<usize> {
    let is_sign = |mark: &Mark| is_lone_sign(page, mark);
    let mut found: HashMap<usize, Vec<usize>> = HashMap::default();
    let mut others: HashMap<usize, usize> = HashMap::default();
    for (index, mark) in page.marks.iter().enumerate() {
        let MarkKind::Line(line) = &mark.kind else { continue };
        let below = page.marks.get(index + 1).filter(|next| next.text == line.end + 1 && is_sign(next));
        let fewer = |returns: usize| match below.map(|below| &below.kind) {
            // Several such lines may stand above one another.
            Some(MarkKind::Line(below)) => {
                below.newline && (below.returns + 1 == returns || below.returns == returns)
            }
            _ => false,
        };
        if line.newline && line.end - mark.text <= MAX_SHORT_BYTES && fewer(line.returns) {
            found.entry(line.returns).or_default().push(index);
        } else if line.newline && is_sign(mark) {
            *others.entry(line.returns).or_default() += 1;
        }
    }
    // Lines that are submitted have one return less, and nearly none has as many.
    let count = |returns: &usize| others.get(returns).copied().unwrap_or(0);
    let often = |(returns, lines): &(usize, Vec<usize>)| {
        let submitted = returns.checked_sub(1).map_or(0, |fewer| count(&fewer));
        lines.len() >= MIN_PROMPTS
            && submitted >= MIN_PROMPTS
            && count(returns) * 100 <= lines.len() * (100 - MIN_PERCENT)
    };
    found.into_iter().filter(often).flat_map(|(_, lines)| lines).collect()
}

/// The marks of the lines with a sign that stand above another line with that sign, begin with the same words, and are no
/// commands.
fn alike(page: &Page, sign: u8) -> Vec<usize> {
    let mut groups: HashMap<Vec<&[u8]>, Vec<(usize, bool)>> = HashMap::default();
    for (index, mark) in page.marks.iter().enumerate().filter(|(_, mark)| is_bare(page, mark, sign)) {
        let words = behind(page, mark).split(|&byte| byte == b' ').take(SAME_WORDS).collect::<Vec<_>>();
        if words.len() == SAME_WORDS && !is_command(page, index) {
            let MarkKind::Line(line) = &mark.kind else { continue };
            let next = page.marks.get(index + 1);
            let above = next.is_some_and(|next| next.text == line.end + 1 && is_bare(page, next, sign));
            groups.entry(words).or_default().push((index, above));
        }
    }
    let above = |lines: &[(usize, bool)]| lines.iter().filter(|(_, above)| *above).count();
    let often = |lines: &Vec<(usize, bool)>| {
        above(lines) >= MIN_PROMPTS && above(lines) * 100 >= lines.len() * MIN_PERCENT
    };
    groups.into_values().filter(often).flatten().map(|(mark, _)| mark).collect()
}

/// The marks of the lines with the sign `upper` that stand above a prompt `lower`, by prompt; `None` if too many stand
/// elsewhere.
fn above(page: &Page, upper: u8, lower: u8) -> Option<Vec<Vec<usize>>> {
    let (mut all, mut elsewhere) = (Vec::new(), 0);
    let mut chain: Vec<usize> = Vec::new();
    let mut next = 0;
    for (index, mark) in page.marks.iter().enumerate() {
        let MarkKind::Line(line) = &mark.kind else { continue };
        let adjacent = mark.text == next;
        next = line.end + 1;
        if is_bare(page, mark, upper) {
            if !adjacent && !chain.is_empty() {
                elsewhere += 1;
                chain.clear();
            }
            chain.push(index);
        } else if !chain.is_empty() {
            let chain = std::mem::take(&mut chain);
            if adjacent && is_bare(page, mark, lower) && !chain.iter().all(|&mark| is_command(page, mark)) {
                all.push(chain);
            } else {
                elsewhere += 1;
            }
        }
    }
    (all.len() * 100 >= (all.len() + elsewhere) * MIN_PERCENT).then_some(all)
}

/// Whether a line starts with nothing but a sign of any kind and its blank.
fn is_lone_sign(page: &Page, mark: &Mark) -> bool {
    let foreign = || {
        let start = page.text[mark.text..page.text.len().min(mark.text + 8)]
            .utf8_chunks()
            .next()
            .map_or("", |chunk| chunk.valid());
        let mut start = start.chars();
        start.next().is_some_and(prompt::is_foreign_ending) && start.next() == Some(' ')
    };
    SIGNS.iter().any(|&sign| is_bare(page, mark, sign))
        || (matches!(mark.kind, MarkKind::Line(_))
            && page.text.get(mark.text).is_some_and(|&byte| byte >= 0x80)
            && foreign())
}

/// Whether a line starts with nothing but a sign and its blank.
fn is_bare(page: &Page, mark: &Mark, sign: u8) -> bool {
    matches!(mark.kind, MarkKind::Line(_)) && page.text[mark.text..].starts_with(&[sign, b' '])
}

/// What stands behind the sign of a line.
fn behind<'p>(page: &'p Page, mark: &Mark) -> &'p [u8] {
    let MarkKind::Line(LineMark { end, .. }) = mark.kind else { return &[] };
    page.text.get(mark.text + 2..end.min(mark.text + MAX_LINE_BYTES)).unwrap_or_default()
}

/// Whether what stands behind the sign of a line looks like a command.
fn is_command(page: &Page, mark: usize) -> bool {
    syntax::looks_like_command(&prompt::text_of(behind(page, &page.marks[mark])))
}
