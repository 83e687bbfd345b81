//! `shelltrail stack`, and the counts of `search`.

use std::borrow::Cow;
use std::io::Write;

use jiff::tz::TimeZone;
use serde::Serialize;
use shelltrail_index::SearchOptions;
use shelltrail_index::search::{By, CountGroup, Counts};
use unicode_width::UnicodeWidthStr;

use super::coverage;
use super::opened::Opened;
use super::{deadline, exit, value_name};
use crate::args::{Args, GroupField, StackArgs, StackFormat};
use crate::audit;
use crate::exit::Exit;
use crate::formats::{Value, csv};
use crate::json;
use crate::lens::Lens;
use crate::question::Question;
use crate::screen::{Screen, while_read};
use crate::text::Line;
use crate::times;
use crate::words::count;

/// Columns of the longest bar.
const BAR_COLUMNS: u64 = 24;
/// Columns of the columns in front of a value: records, sessions, accounts, first and last seen.
const COLUMNS_BEFORE_VALUE: usize = 10 + 10 + 10 + 22 + 22;

/// How counts are laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// What was counted; `None` for everything in one number.
    pub by: Option<GroupField>,
    /// The format.
    pub format: StackFormat,
    /// Most values that are shown.
    pub limit: usize,
    /// Bars, instead of first and last seen.
    pub bars: bool,
}

/// A line of `--format jsonl`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    field: &'a str,
    value: Option<&'a str>,
    records: u64,
    sessions: u64,
    first_seen: Option<jiff::Timestamp>,
    last_seen: Option<jiff::Timestamp>,
    /// Records per account; those of no known account under `unknown`.
    accounts: std::collections::BTreeMap<String, u64>,
}

/// Counts values and prints them.
///
/// # Errors
/// The question makes no sense, or there is no index.
pub fn run(args: &Args, command: &StackArgs) -> anyhow::Result<Exit> {
    let question = Question::new(command.query.as_deref(), &command.how, &command.filter)?;
    let opened = Opened::new(args, &command.read, &command.screen)?;
    let options = SearchOptions { deadline: deadline(command.budget.budget), ..SearchOptions::default() };
    let mut counts = opened.searcher.count(&question.query, Some(command.field.into()), &options);
    if command.rare {
        counts.rarest_first();
    }
    let complete = counts.coverage.is_complete();
    let mut scope = question.scope;
    scope.push(value_name(&command.field));
    opened.audit.write(&audit::Entry {
        command: "stack",
        query: question.text,
        scope,
        sessions: Vec::new(),
        format: value_name(&command.format),
        hits: counts.groups.len() as u64,
        complete,
        revealed: command.reveal,
    })?;
    let layout = Layout {
        by: Some(command.field),
        format: command.format,
        limit: command.limit as usize,
        bars: false,
    };
    let lens = Lens::new(command.reveal).keyed(opened.mask_key);
    write(&counts, &layout, &opened.screen, &lens, &command.screen.tz)?;
    lens.report();
    coverage::report_notes(&question.notes);
    if question.query.asks_for_times() {
        coverage::report_unknown_times(counts.sessions_of_unknown_end, "session");
    }
    let found = !counts.groups.is_empty();
    if !found {
        coverage::report_empty(&opened.searcher, &opened.index);
    }
    coverage::report(&counts.coverage, found);
    Ok(exit(complete, found))
}

/// Prints counts, as long as anybody reads them, and tells on stderr what of them is left out.
///
/// # Errors
/// As the writer.
pub fn write(
    counts: &Counts,
    layout: &Layout,
    screen: &Screen,
    lens: &Lens<'_>,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    while_read(|| {
        let text = layout.format == StackFormat::Text;
        let mut out = if text { screen.open() } else { screen.open_for_programs() };
        print(&mut out, counts, layout, screen, lens, zone)?;
        out.finish()
    })?;
    if layout.by.is_none() {
        return Ok(());
    }
    let shown = layout.limit.min(counts.groups.len());
    if shown < counts.groups.len() {
        eprintln!("shelltrail: {shown} of {} values (--limit)", counts.groups.len());
    }
    if counts.ungrouped > 0 {
        eprintln!(
            "shelltrail: {} of further values, which are too many to count",
            count(counts.ungrouped, "record")
        );
    }
    Ok(())
}

fn print(
    out: &mut impl Write,
    counts: &Counts,
    layout: &Layout,
    screen: &Screen,
    lens: &Lens<'_>,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    let Some(by) = layout.by else { return print_total(out, counts, layout.format) };
    let field = value_name(&by);
    let groups = &counts.groups[..layout.limit.min(counts.groups.len())];
    match layout.format {
        StackFormat::Jsonl => {
            for group in groups {
                let value = group.value.as_deref().map(|value| lens.mask(value));
                json::write_line(out, &document(group, &field, value.as_deref()))?;
            }
        }
        StackFormat::Csv => {
            csv::header(out, &[&field, "records", "sessions", "accounts", "first_seen", "last_seen"])?;
            for group in groups {
                csv::line(out, cells(group, lens))?;
            }
        }
        StackFormat::Text if layout.bars => bars(out, groups, screen, lens)?,
        StackFormat::Text => table(out, groups, &field, screen, lens, zone)?,
    }
    Ok(())
}

fn print_total(out: &mut impl Write, counts: &Counts, format: StackFormat) -> anyhow::Result<()> {
    match format {
        StackFormat::Text => Ok(writeln!(out, "{}", counts.records)?),
        StackFormat::Jsonl => json::write_line(
            out,
            &serde_json::json!({"schema": 1, "records": counts.records, "sessions": counts.sessions}),
        ),
        StackFormat::Csv => {
            csv::header(out, &["records", "sessions"])?;
            Ok(csv::line(out, [Value::Number(counts.records), Value::Number(counts.sessions)].into_iter())?)
        }
    }
}

fn document<'a>(group: &CountGroup, field: &'a str, value: Option<&'a str>) -> Document<'a> {
    let account = |id: &Option<shelltrail_core::AccountId>| {
        id.map_or_else(|| "unknown".to_owned(), |account| account.to_string())
    };
    Document {
        schema: 1,
        field,
        value,
        records: group.records,
        sessions: group.sessions,
        first_seen: group.first_seen,
        last_seen: group.last_seen,
        accounts: group.accounts.iter().map(|(id, records)| (account(id), *records)).collect(),
    }
}

fn cells<'a>(group: &CountGroup, lens: &Lens<'_>) -> impl Iterator<Item = Value<'a>> {
    let time = |time: Option<jiff::Timestamp>| {
        time.map_or(Value::Unknown, |time| Value::Text(Cow::Owned(time.to_string())))
    };
    let value = group.value.as_deref().map(|value| Value::Text(Cow::Owned(lens.mask(value))));
    [
        value.unwrap_or(Value::Unknown),
        Value::Number(group.records),
        Value::Number(group.sessions),
        Value::Number(group.accounts.len() as u64),
        time(group.first_seen),
        time(group.last_seen),
    ]
    .into_iter()
}

/// A value on one line; line feeds within it are `^J`.
fn value(group: &CountGroup, columns: usize, screen: &Screen, lens: &Lens<'_>) -> String {
    match &group.value {
        Some(value) if value.is_empty() => screen.paint.dim("(empty)"),
        Some(value) => Line::plain(&lens.mask(value)).cut(columns, screen.paint),
        None => screen.paint.dim("(unknown)"),
    }
}

fn bars(
    out: &mut impl Write,
    groups: &[CountGroup],
    screen: &Screen,
    lens: &Lens<'_>,
) -> std::io::Result<()> {
    let most = groups.iter().map(|group| group.records).max().unwrap_or(1).max(1);
    for group in groups {
        let eighths = (u128::from(group.records) * u128::from(BAR_COLUMNS) * 8).div_ceil(u128::from(most));
        let bar = bar(u64::try_from(eighths).unwrap_or(0));
        let room = screen.columns_for_cut(12 + BAR_COLUMNS as usize);
        let padding = " ".repeat((BAR_COLUMNS as usize).saturating_sub(bar.width()));
        let value = value(group, room, screen, lens);
        writeln!(out, "{:>9}  {}{padding} {value}", group.records, screen.paint.dim(&bar))?;
    }
    Ok(())
}

/// A bar of so many eighths of a column.
fn bar(eighths: u64) -> String {
    let mut bar = "█".repeat(usize::try_from(eighths / 8).unwrap_or(0));
    let rest = usize::try_from(eighths % 8).unwrap_or(0);
    if let Some(part) = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(rest) {
        bar += part;
    }
    bar
}

fn table(
    out: &mut impl Write,
    groups: &[CountGroup],
    field: &str,
    screen: &Screen,
    lens: &Lens<'_>,
    zone: &TimeZone,
) -> std::io::Result<()> {
    let narrow = screen.columns().is_some_and(|columns| columns < COLUMNS_BEFORE_VALUE + 30);
    let times = if narrow { String::new() } else { format!("{:<22}{:<22}", "first seen", "last seen") };
    let head = format!("{:>8}  {:>8}  {:>8}  {times}{field}", "records", "sessions", "accounts");
    writeln!(out, "{}", screen.paint.dim(&head))?;
    let time = |time: Option<jiff::Timestamp>| {
        time.map_or_else(|| "unknown".to_owned(), |time| times::shown(time, zone))
    };
    for group in groups {
        let (times, before) = if narrow {
            (String::new(), 30)
        } else {
            (format!("{:<22}{:<22}", time(group.first_seen), time(group.last_seen)), COLUMNS_BEFORE_VALUE)
        };
        let value = value(group, screen.columns_for_cut(before), screen, lens);
        writeln!(
            out,
            "{:>8}  {:>8}  {:>8}  {times}{value}",
            group.records,
            group.sessions,
            group.accounts.len()
        )?;
    }
    Ok(())
}

impl From<GroupField> for By {
    fn from(field: GroupField) -> Self {
        match field {
            GroupField::Account => Self::Account,
            GroupField::Region => Self::Region,
            GroupField::Principal => Self::Principal,
            GroupField::Target => Self::Target,
            GroupField::Session => Self::Session,
            GroupField::Kind => Self::Kind,
            GroupField::Day => Self::Day,
            GroupField::Command => Self::Command,
            GroupField::Program => Self::Program,
            GroupField::Context => Self::Context,
            GroupField::Status => Self::Status,
            GroupField::Flag => Self::Flag,
            GroupField::Confidence => Self::Confidence,
            GroupField::Origin => Self::Origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paint::Paint;

    #[test]
    fn bars_have_parts_of_columns() {
        assert_eq!((bar(0), bar(1), bar(8), bar(12)), (String::new(), "▏".into(), "█".into(), "█▌".into()));
        assert_eq!(bar(BAR_COLUMNS * 8).width(), BAR_COLUMNS as usize);
    }

    #[test]
    fn fields_have_the_names_of_the_index() {
        for field in <GroupField as clap::ValueEnum>::value_variants() {
            assert_eq!(value_name(field), By::from(*field).name());
        }
        assert_eq!(<GroupField as clap::ValueEnum>::value_variants().len(), By::ALL.len());
    }

    #[test]
    fn the_paint_of_a_value_is_ours() {
        assert_eq!(Line::plain("a\x1b[2J\nb").cut(80, Paint::none()), "a^[[2J^Jb");
    }
}
