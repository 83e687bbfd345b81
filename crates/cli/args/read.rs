//! The verbs that read sessions.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::ask::{BudgetArg, FilterArgs, QueryArgs, ReadArgs};
use super::{FoldArg, OutputArgs};

/// `shelltrail show`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Put `--` before a session ID that begins with a hyphen.

Examples:
  shelltrail show alice-0123456789abcdef0           the whole session
  shelltrail show alice-01                          the same, if no other ID begins so
  shelltrail show -C 5 alice-0123456789abcdef0@12   around a hit
  shelltrail show --from 10 --to 20 --output-lines 0 alice-0123456789abcdef0
  shelltrail show --as raw --transcript copy.log alice-0123456789abcdef0 > bytes")]
pub struct ShowArgs {
    /// Session ID, the unique beginning of one, or SESSION@SEQ as hits name it
    #[arg(value_name = "SESSION")]
    pub session: String,
    #[command(flatten)]
    pub read: ReadArgs,
    /// Only the records around this position (from 0)
    #[arg(long, value_name = "SEQ", help_heading = "Window", conflicts_with_all = ["from", "to"])]
    pub around: Option<u32>,
    /// How many records before and after --around or @SEQ
    #[arg(short = 'C', long, value_name = "N", default_value_t = 3, help_heading = "Window")]
    pub context: u32,
    /// Only from this position on
    #[arg(long, value_name = "SEQ", help_heading = "Window")]
    pub from: Option<u32>,
    /// Only up to this position, included
    #[arg(long, value_name = "SEQ", help_heading = "Window")]
    pub to: Option<u32>,
    /// Which reading of the session
    #[arg(long = "as", value_enum, value_name = "READING", default_value_t = Reading::Shown, help_heading = "Output")]
    pub reading: Reading,
    /// The transcript, for `--as raw`: the object of the bucket, fetched by you
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = clap::ValueHint::FilePath)]
    pub transcript: Option<PathBuf>,
    #[command(flatten)]
    pub fold: FoldArg,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which reading of a session is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reading {
    /// What the terminal showed in the end, and beside it what was sent and lost
    Shown,
    /// What was sent to the terminal, where that is another text
    Sent,
    /// The bytes of the transcript; only into a file or a pipe
    Raw,
}

/// `shelltrail sessions`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  shelltrail sessions --since 7d --principal 'alice*'
  shelltrail sessions --sort records --limit 10
  shelltrail sessions 'confidence:low' --format csv > sessions.csv
  shelltrail sessions 'bytes:>1000000 OR records:0'")]
pub struct SessionsArgs {
    /// Only sessions with a record that matches
    #[arg(value_name = "QUERY")]
    pub query: Option<String>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub how: QueryArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Only sessions all of whose records are cut with this confidence or a higher one
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = "Filters")]
    pub floor: Option<Floor>,
    /// Only sessions whose object was removed from the bucket, as far as notifications told it
    #[arg(long, help_heading = "Filters")]
    pub source_deleted: bool,
    /// By what to sort; times, sizes and counts begin with the largest, names with the first
    #[arg(long, value_enum, value_name = "FIELD", default_value_t = Sort::Ended, help_heading = "Answer")]
    pub sort: Sort,
    /// Turn the order around
    #[arg(long, help_heading = "Answer")]
    pub reverse: bool,
    /// Show N sessions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Answer")]
    pub limit: Option<u32>,
    #[command(flatten)]
    pub budget: BudgetArg,
    /// End the lines of --format jsonl with one that sums the answer up
    #[arg(long, help_heading = "Answer")]
    pub summary: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The least confidence of a session's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Floor {
    /// Learned from the session
    Medium,
    /// Marked by the shell itself
    High,
}

/// By what sessions are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// End of the session; unknown ones last
    Ended,
    /// Account
    Account,
    /// Principal
    Principal,
    /// Managed node
    Target,
    /// Session ID
    Session,
    /// Number of records
    Records,
    /// Size of the transcript
    Bytes,
}
