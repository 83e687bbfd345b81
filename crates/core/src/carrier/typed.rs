//! What a line editor printed and the agent made unreadable, seen from the finished commands: text pasted and printed
//! again, and the blank with which an editor begins a new row of the terminal.

use unicode_width::UnicodeWidthChar;

use crate::session::{CommandRecord, Confidence, Reason};

/// The shortest prompt that is looked for inside a line.
const MIN_PROMPT_CHARS: usize = 2;
/// How an editor asks what to search for.
const SEARCHES: [&str; 3] = ["(reverse-i-search)`", "(i-search)`", "(failed "];
/// Widths that terminals have; others need more evidence.
const COMMON_WIDTHS: [usize; 10] = [80, 100, 120, 132, 140, 160, 180, 200, 237, 300];
/// Borders of rows that must agree on a width that is rare, all but a few.
const MIN_RARE_BORDERS: usize = 4;
/// The narrowest and the widest terminal that is thought of.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=400;
/// Most lines that are looked at to find a width.
const MAX_LINES: usize = 1_000;
/// The shortest text that is taken for pasted if it stands there twice and more follows.
const MIN_PASTED_CHARS: usize = 8;

/// Mends the commands of a session.
pub(super) fn mend(records: &mut [CommandRecord]) {
    for record in records.iter_mut() {
        redraw(record);
        unpaste(record);
    }
    let Some(width) = width(records) else { return };
    for record in records {
        unwrap(record, width);
    }
}

/// Takes the last reading of a line whose prompt was printed again in the middle of it.
fn redraw(record: &mut CommandRecord) {
    let (Some(command), Some(prompt)) = (record.command.as_deref(), record.prompt.as_deref()) else { return };
    let prompt = prompt.rsplit('\n').next().unwrap_or_default();
    let (first, rest) = match command.split_once('\n') {
        Some((first, rest)) => (first, Some(rest)),
        None => (command, None),
    };
    if prompt.trim_end().chars().count() < MIN_PROMPT_CHARS {
        return;
    }
    let search = SEARCHES.iter().any(|search| first.starts_with(search));
    let (before, after) = match first.rfind(prompt) {
        Some(at) => (&first[..at], &first[at + prompt.len()..]),
        // The prompt at the very end has lost its blank.
        None => match first.strip_suffix(prompt.trim_end()) {
            Some(before) if search => (before, ""),
            _ => return,
        },
    };
    let quoted = before.matches('\'').count() % 2 + before.matches('"').count() % 2 > 0;
    let apart = before.ends_with([' ', '\'', '"', '=']);
    if (quoted || apart) && !search && !after.starts_with(before) {
        return;
    }
    // What was found is kept in place and need not be printed again.
    let found = before.rsplit_once("': ").map(|(_, found)| found).filter(|_| search && after.is_empty());
    let mut mended = found.unwrap_or(after).to_owned();
    if mended.trim().is_empty() {
        return;
    }
    if let Some(rest) = rest {
        mended.push('\n');
        mended.push_str(rest);
    }
    replace(record, mended);
}

/// Takes a pasted text once that was printed twice.
fn unpaste(record: &mut CommandRecord) {
    let Some(command) = record.command.as_deref() else { return };
    let first = command.split('\n').next().unwrap_or_default();
    let Some(half) = doubled(first.as_bytes()) else { return };
    let mended = command[half..].to_owned();
    replace(record, mended);
}

/// The length of a text that stands twice at the beginning of a line.
fn doubled(line: &[u8]) -> Option<usize> {
    let common = common_prefixes(line);
    (1..=line.len() / 2).rev().find(|&half| {
        let whole = half * 2 == line.len();
        let (first, last) = (line[0], line[half - 1]);
        // Between two commands on one line stands a blank or a sign; a pasted one follows itself directly.
        let joined = !first.is_ascii_whitespace() && !matches!(last, b' ' | b';' | b'&' | b'|' | b'\t');
        let long = half >= MIN_PASTED_CHARS && line[..half].contains(&b' ');
        common[half] >= half && joined && (long || (whole && half > 2))
    })
}

/// For each place, how much of the beginning of the line stands there again (the Z function).
fn common_prefixes(line: &[u8]) -> Vec<usize> {
    let mut common = vec![0; line.len()];
    let (mut left, mut right) = (0, 0);
    for at in 1..line.len() {
        let mut length = if at < right { common[at - left].min(right - at) } else { 0 };
        while at + length < line.len() && line[length] == line[at + length] {
            length += 1;
        }
        if at + length > right {
            (left, right) = (at, at + length);
        }
        common[at] = length;
    }
    common
}

/// The width of the terminal, if the lines that are longer show it.
fn width(records: &[CommandRecord]) -> Option<usize> {
    let lines: Vec<Vec<char>> =
        records.iter().map(first_line).filter(|line| line.len() > *WIDTHS.start()).take(MAX_LINES).collect();
    let votes = |width: usize| {
        let borders = lines.iter().flat_map(|line| {
            // Each blank taken out moves the next border by one.
            (1..).map_while(move |row| line.get(row * width + row - 1))
        });
        borders.fold((0, 0), |(yes, no), &cell| if cell == ' ' { (yes + 1, no) } else { (yes, no + 1) })
    };
    let believable = |&(width, (yes, no)): &(usize, (usize, usize))| {
        if COMMON_WIDTHS.contains(&width) {
            (yes > 0 && no == 0) || (yes > 1 && yes > no)
        } else {
            yes >= MIN_RARE_BORDERS && yes > 3 * no
        }
    };
    let found = WIDTHS.map(|width| (width, votes(width))).filter(believable);
    found.max_by_key(|&(width, (yes, no))| (yes - no, std::cmp::Reverse(width))).map(|(width, _)| width)
}

/// The cells of the line on which a command begins.
fn first_line(record: &CommandRecord) -> Vec<char> {
    let prompt = record.prompt.as_deref().unwrap_or_default();
    let prompt = prompt.rsplit('\n').next().unwrap_or_default();
    let command = record.command.as_deref().unwrap_or_default();
    cells(prompt).chain(cells(command.split('\n').next().unwrap_or_default())).collect()
}

/// A wide character takes two cells.
fn cells(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(|character| {
        let filler = (character.width() == Some(2)).then_some('\0');
        std::iter::once(character).chain(filler)
    })
}

/// Takes the blanks out that begin a row.
fn unwrap(record: &mut CommandRecord, width: usize) {
    let Some(command) = record.command.as_deref() else { return };
    let line = first_line(record);
    if line.len() <= width {
        return;
    }
    let rest = command.split_once('\n').map(|(_, rest)| rest);
    let prompt = record.prompt.as_deref().unwrap_or_default();
    let prompt_cells = cells(prompt.rsplit('\n').next().unwrap_or_default()).count();
    let mut kept: Vec<char> = Vec::with_capacity(line.len());
    let mut taken = false;
    for cell in line {
        let begins_row = kept.len() > prompt_cells && kept.len().is_multiple_of(width);
        // One per row: a second blank was typed.
        taken = begins_row && cell == ' ' && !taken;
        if !taken {
            kept.push(cell);
        }
    }
    let mut mended: String = kept.into_iter().skip(prompt_cells).filter(|&cell| cell != '\0').collect();
    if let Some(rest) = rest {
        mended.push('\n');
        mended.push_str(rest);
    }
    if mended != command {
        replace(record, mended);
    }
}

fn replace(record: &mut CommandRecord, command: String) {
    let before = record.command.replace(command);
    record.command_as_sent = record.command_as_sent.take().or(before);
    record.confidence = Confidence::Low;
    record.reason = Some(Reason::LossyCarrier);
}
