//! The verbs that look after an index.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::IndexArg;

/// `shelltrail index`
#[derive(Debug, ClapArgs)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct IndexArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IndexCommand,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum IndexCommand {
    /// Tell whether the index is what its commits say; changes nothing, also beside a worker
    Check(CheckArgs),
    /// Merge segments and remove what crashes left behind; takes the place of the worker meanwhile
    Compact(CompactArgs),
}

/// `shelltrail index check`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes:
  0  sound
  2  could not be checked, or not all of it
  3  damaged; the output says what, and which transcripts are hit

Examples:
  shelltrail index check --index /var/lib/shelltrail
  shelltrail index check --deep --format json | jq .damage")]
pub struct CheckArgs {
    #[command(flatten)]
    pub index: IndexArg,
    /// Decode every block, and hold the records to the documents; reads all of the index
    #[arg(long)]
    pub deep: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
}

/// `shelltrail index compact`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
No other process may write to the index meanwhile; any number may search. It may be killed at any moment.

Examples:
  shelltrail index compact --index /var/lib/shelltrail
  shelltrail index compact --partition 4")]
pub struct CompactArgs {
    #[command(flatten)]
    pub index: IndexArg,
    /// Only this partition, as `shelltrail status` names it
    #[arg(long, value_name = "P")]
    pub partition: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
}
