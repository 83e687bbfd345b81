//! The verbs that read an index.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, ValueEnum};
use jiff::Timestamp;
use shelltrail_index::Cursor;
use shelltrail_index::query::Field;

use super::{AuditArg, IndexArg, OutputArgs};
use crate::times;

/// How a query is written, at the end of the long help of the verbs that take one.
macro_rules! query_help {
    () => {
        "\
Query:
  A text is looked for as it stands, in commands and outputs: 'sudo -i', '>& /dev/tcp/10.0.0.1/4444'.
  /…/ is a regular expression; \"…\" a text that would mean something else; AND OR NOT ( ) join.
  Texts in one place:  cmd: out: any: raw: prompt:
  Identifiers (*):     account: region: principal: target: session: program: context: kind:
  Others:              status: flag: confidence: origin: record: bytes: records: after: before: ended:
  `shelltrail explain QUERY` tells how a query is read."
    };
}

macro_rules! search_examples {
    () => {
        "\
Examples:
  shelltrail search 'sudo -i'
  shelltrail search --since 36h --account 111122223333 'cmd:curl AND NOT principal:ci-*'
  shelltrail search -C 3 --context-lines 2 'out:\"Permission denied\" OR /denied \\(os error \\d+\\)/'
  shelltrail search -l --flag erased,concealed
  shelltrail search --group-by principal program:nc
  shelltrail search --template '{ended_at} {account} {ref} {command}' -- -rf"
    };
}

macro_rules! explain_examples {
    () => {
        "\
Examples:
  shelltrail explain 'cmd:curl AND NOT account:1111*'
  shelltrail explain /etc/"
    };
}

/// Which index, and who is told.
#[derive(Debug, ClapArgs)]
pub struct ReadArgs {
    #[command(flatten)]
    pub index: IndexArg,
    #[command(flatten)]
    pub audit: AuditArg,
}

/// Which sessions.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    /// Only these accounts: 12 digits, or digits and *
    #[arg(long, value_name = "ID[,ID…]", value_delimiter = ',')]
    pub account: Vec<String>,
    /// Only these regions; * stands for anything
    #[arg(long, value_name = "REGION[,…]", value_delimiter = ',')]
    pub region: Vec<String>,
    /// Only sessions that this principal started; * stands for anything; may be repeated
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub principal: Vec<String>,
    /// Only these managed nodes; * stands for anything
    #[arg(long, value_name = "NODE[,…]", value_delimiter = ',')]
    pub target: Vec<String>,
    /// Only these session IDs; * stands for anything; may be repeated
    #[arg(long, value_name = "SESSION", allow_hyphen_values = true)]
    pub session: Vec<String>,
    /// Only what these objects hold
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(Field::Kind.values()))]
    pub kind: Vec<String>,
    /// Only sessions that ended at this time or later: 2026-11-20, 2026-11-20T21:02:14Z, or 36h ago as 36h
    #[arg(long, value_name = "T", value_parser = times::parse)]
    pub since: Option<Timestamp>,
    /// Only sessions that ended before this time
    #[arg(long, value_name = "T", value_parser = times::parse)]
    pub until: Option<Timestamp>,
    /// Only records that name this program, or sessions with one; * stands for anything
    #[arg(long, value_name = "NAME[,…]", value_delimiter = ',', allow_hyphen_values = true)]
    pub program: Vec<String>,
    /// Only records whose line became this, or sessions with one
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = PossibleValuesParser::new(Field::Status.values()))]
    pub status: Vec<String>,
    /// Only records with one of these flags, or sessions with one
    #[arg(long, value_name = "FLAG", value_delimiter = ',', value_parser = PossibleValuesParser::new(Field::Flag.values()))]
    pub flag: Vec<String>,
    /// Only records whose line was typed by these, or sessions with one
    #[arg(long, value_name = "WHO", value_delimiter = ',', value_parser = PossibleValuesParser::new(Field::Origin.values()))]
    pub origin: Vec<String>,
    /// Only records that are cut with this confidence or a higher one, or sessions with one
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(Field::Confidence.values()))]
    pub confidence: Option<String>,
}

/// What is asked, and how it is read.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Query")]
pub struct QueryArgs {
    /// Read the query from a file (`-`: standard input), where no list of processes shows it
    #[arg(long, value_name = "FILE", conflicts_with = "query", value_hint = clap::ValueHint::FilePath)]
    pub query_file: Option<PathBuf>,
    /// Where texts without a field are looked for
    #[arg(long = "in", value_enum, value_name = "WHERE", default_value_t = Place::Any)]
    pub place: Place,
    /// The whole query is one regular expression
    #[arg(long, conflicts_with = "fixed")]
    pub regex: bool,
    /// The whole query is one text
    #[arg(short = 'F', long)]
    pub fixed: bool,
    /// Case never counts (without this it counts where the text has an upper-case letter)
    #[arg(short = 'i', long, conflicts_with = "case_sensitive")]
    pub ignore_case: bool,
    /// Case always counts
    #[arg(short = 's', long)]
    pub case_sensitive: bool,
    /// Only whole words
    #[arg(short = 'w', long)]
    pub word: bool,
    /// Ignore invisible characters, and take look-alikes of ASCII letters for those
    #[arg(long)]
    pub fold: bool,
}

/// Where texts are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// The command: as shown, as sent, expanded, decoded
    Cmd,
    /// The output: as shown, as sent
    Out,
    /// Command and output
    #[default]
    Any,
    /// What was sent to the terminal
    Raw,
}

/// How much is searched.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Answer")]
pub struct BudgetArg {
    /// Stop after this time, and say so: 500ms, 5s, 2m
    #[arg(long, value_name = "TIME", value_parser = times::budget)]
    pub budget: Option<Duration>,
}

/// Which part of the answer.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Answer")]
pub struct PageArgs {
    /// Stop after N results
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    /// Go on where an answer ended, which names the cursor; sessions that came since do not move it
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    pub cursor: Option<Cursor>,
    #[command(flatten)]
    pub budget: BudgetArg,
    /// End the lines of --format jsonl with one that sums the answer up
    #[arg(long)]
    pub summary: bool,
}

/// `shelltrail search`
#[derive(Debug, ClapArgs)]
#[command(after_help = search_examples!(), after_long_help = concat!(search_examples!(), "\n\n", query_help!()))]
pub struct SearchArgs {
    /// The text to find, or a query; without one everything that passes the filters
    #[arg(value_name = "QUERY")]
    pub query: Option<String>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub how: QueryArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub mode: ModeArgs,
    #[command(flatten)]
    pub around: AroundArgs,
    #[command(flatten)]
    pub page: PageArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is printed of the records that match.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Answer")]
pub struct ModeArgs {
    /// Print how many records match, and nothing else
    #[arg(short = 'c', long, group = "mode", conflicts_with_all = ["stats", "summary", "limit", "cursor"])]
    #[arg(conflicts_with_all = ["after_context", "before_context", "context", "context_lines"])]
    pub count: bool,
    /// Print the sessions with a match, one ID a line
    #[arg(short = 'l', long = "sessions-only", group = "mode", conflicts_with = "stats")]
    #[arg(conflicts_with_all = ["after_context", "before_context", "context", "context_lines"])]
    pub list: bool,
    /// Count the matches by this, with a bar
    #[arg(long, value_enum, value_name = "FIELD", group = "mode", conflicts_with_all = ["stats", "summary", "cursor"])]
    #[arg(conflicts_with_all = ["after_context", "before_context", "context", "context_lines"])]
    pub group_by: Option<GroupField>,
    /// Sum the hits up on stderr: how many of what, where, by whom, from when to when
    #[arg(long)]
    pub stats: bool,
}

/// What is shown beside a hit.
#[derive(Clone, Copy, Debug, ClapArgs)]
#[command(next_help_heading = "Context")]
pub struct AroundArgs {
    /// Show N records after each hit
    #[arg(short = 'A', long, value_name = "N", value_parser = records())]
    pub after_context: Option<u32>,
    /// Show N records before each hit
    #[arg(short = 'B', long, value_name = "N", value_parser = records())]
    pub before_context: Option<u32>,
    /// Show N records before and after each hit
    #[arg(short = 'C', long, value_name = "N", default_value_t = 0, value_parser = records())]
    pub context: u32,
    /// Show N lines around each matching line of an output
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    pub context_lines: u32,
    /// Show at most N matching lines of each output; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub output_lines: u32,
}

impl AroundArgs {
    /// How many records before each hit.
    #[must_use]
    pub fn before(&self) -> u32 {
        self.before_context.unwrap_or(self.context)
    }

    /// How many records after each hit.
    #[must_use]
    pub fn after(&self) -> u32 {
        self.after_context.unwrap_or(self.context)
    }
}

/// More context than this is a slip of the keyboard; `show` reads whole sessions.
fn records() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(..=10_000)
}

fn cursor(text: &str) -> Result<Cursor, String> {
    text.parse().map_err(|_| "this is not a cursor; an answer that has more names one".to_owned())
}

/// `shelltrail explain`
#[derive(Debug, ClapArgs)]
#[command(after_help = explain_examples!(), after_long_help = concat!(explain_examples!(), "\n\n", query_help!()))]
pub struct ExplainArgs {
    /// The query
    #[arg(value_name = "QUERY")]
    pub query: Option<String>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub how: QueryArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub output: super::ScreenArgs,
}

/// `shelltrail stack`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  shelltrail stack program --rare                     what hardly anybody runs
  shelltrail stack command --account 111122223333     what is typed again and again
  shelltrail stack principal 'cmd:sudo' --format csv  who used sudo, for a spreadsheet")]
pub struct StackArgs {
    /// What to count
    #[arg(value_enum, value_name = "FIELD")]
    pub field: GroupField,
    /// Count only the records that match
    #[arg(value_name = "QUERY")]
    pub query: Option<String>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub how: QueryArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// The rarest first, instead of the most frequent
    #[arg(long, help_heading = "Answer")]
    pub rare: bool,
    /// Show N values
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Answer")]
    pub limit: u32,
    #[command(flatten)]
    pub budget: BudgetArg,
    /// Output format
    #[arg(long, value_enum, default_value_t = StackFormat::Text, help_heading = "Output")]
    pub format: StackFormat,
    /// Show secrets as they are, instead of masking them; the audit file tells that they were shown
    #[arg(long, help_heading = "Output")]
    pub reveal: bool,
    #[command(flatten)]
    pub screen: super::ScreenArgs,
}

/// How counts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StackFormat {
    /// For people
    Text,
    /// One JSON object per value
    Jsonl,
    /// Comma-separated values (RFC 4180), safe to open in a spreadsheet
    Csv,
}

/// By what records are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)] // the names are those of the fields
pub enum GroupField {
    Account,
    Region,
    Principal,
    Target,
    Session,
    Kind,
    /// The day (UTC) on which the session ended
    Day,
    /// The whole command
    Command,
    /// Each program that a command names
    Program,
    /// Each shell or program in which a line was typed
    Context,
    Status,
    Flag,
    Confidence,
    Origin,
}
