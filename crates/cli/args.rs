//! The command line.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use shelltrail_core::AccountId;

use crate::times;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "\
Exit codes:
  0  hits, or done
  1  no hits, and everything in scope was searched
  2  usage error or failure
  3  finished, but something was not searched or not indexed (stderr says what)";

/// Searches the transcripts of AWS Session Manager sessions.
#[derive(Debug, Parser)]
#[command(name = "shelltrail", version, styles = STYLES, after_help = EXIT_CODES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    /// Configuration file (TOML); flags and SHELLTRAIL_* variables override it
    #[arg(long, global = true, value_name = "FILE", env = "SHELLTRAIL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Say more on stderr; twice for details of every object
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Consume S3 event notifications from an SQS queue and index the transcripts they announce
    Worker(WorkerArgs),
    /// Index the transcripts below a directory or an S3 prefix
    Backfill(BackfillArgs),
    /// Find commands and outputs that contain a text
    Search(SearchArgs),
    /// Read a session, or a part of it
    Show(ShowArgs),
    /// List the stored transcripts, newest first
    Sessions(SessionsArgs),
    /// Cut one transcript into records, without index and without AWS
    Parse(ParseArgs),
    /// Tell what the index holds and what could not be indexed
    Status(StatusArgs),
}

/// Where the index is.
#[derive(Debug, ClapArgs)]
pub struct IndexArg {
    /// Index root
    #[arg(long, value_name = "DIR", env = "SHELLTRAIL_INDEX")]
    pub index: Option<PathBuf>,
}

/// `shelltrail worker`
#[derive(Debug, ClapArgs)]
pub struct WorkerArgs {
    /// URL of the SQS queue that receives the bucket's notifications
    #[arg(long, value_name = "URL", env = "SHELLTRAIL_QUEUE_URL")]
    pub queue_url: Option<String>,
    #[command(flatten)]
    pub index: IndexArg,
    /// End with exit code 0 once the queue stays empty, instead of waiting for more
    #[arg(long)]
    pub drain: bool,
}

/// `shelltrail backfill`
#[derive(Debug, ClapArgs)]
pub struct BackfillArgs {
    /// A directory laid out like the bucket, or s3://BUCKET[/PREFIX]
    pub source: String,
    #[command(flatten)]
    pub index: IndexArg,
}

/// Which sessions.
#[derive(Debug, ClapArgs)]
pub struct FilterArgs {
    /// Only these accounts (12 digits each)
    #[arg(long, value_name = "ID[,ID…]", value_delimiter = ',')]
    pub account: Vec<AccountId>,
    /// Only sessions that this principal started
    #[arg(long, value_name = "P")]
    pub principal: Option<String>,
    /// Only sessions that ended at this time or later: 2026-11-20, 2026-11-20T21:02:14Z, or 36h ago as 36h
    #[arg(long, value_name = "T", value_parser = times::parse)]
    pub since: Option<Timestamp>,
    /// Only sessions that ended before this time
    #[arg(long, value_name = "T", value_parser = times::parse)]
    pub until: Option<Timestamp>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON object per line
    Jsonl,
}

/// How much of long outputs is printed as text.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct FoldArg {
    /// Print at most N lines of each output as text; 0 prints all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub output_lines: usize,
}

/// `shelltrail search`
#[derive(Debug, ClapArgs)]
pub struct SearchArgs {
    /// The text to find, in commands and outputs; upper-case letters make it case-sensitive
    pub query: String,
    #[command(flatten)]
    pub index: IndexArg,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Show N records before and after each hit
    #[arg(short = 'C', long, value_name = "N", default_value_t = 0)]
    pub context: u32,
    /// Stop after N hits
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `shelltrail show`
#[derive(Debug, ClapArgs)]
pub struct ShowArgs {
    /// Session ID; put `--` before one that begins with a hyphen
    pub session: String,
    #[command(flatten)]
    pub index: IndexArg,
    /// Only the records around this position (from 0)
    #[arg(long, value_name = "SEQ")]
    pub around: Option<u32>,
    /// How many records before and after --around
    #[arg(short = 'C', long, value_name = "N", default_value_t = 3, requires = "around")]
    pub context: u32,
    #[command(flatten)]
    pub fold: FoldArg,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `shelltrail sessions`
#[derive(Debug, ClapArgs)]
pub struct SessionsArgs {
    #[command(flatten)]
    pub index: IndexArg,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `shelltrail parse`
#[derive(Debug, ClapArgs)]
pub struct ParseArgs {
    /// A transcript, perhaps gzipped; `-` reads standard input
    pub file: PathBuf,
    #[command(flatten)]
    pub fold: FoldArg,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
}

/// `shelltrail status`
#[derive(Debug, ClapArgs)]
pub struct StatusArgs {
    #[command(flatten)]
    pub index: IndexArg,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn values_that_look_like_options_follow_two_hyphens() {
        let args =
            Args::try_parse_from(["shelltrail", "show", "--index", "i", "--", "-rf-0abc1234567890abc"]);
        let Ok(Args { command: Command::Show(show), .. }) = args else { panic!("{args:?}") };
        assert_eq!(show.session, "-rf-0abc1234567890abc");
        assert!(Args::try_parse_from(["shelltrail", "search", "--account", "12345", "x"]).is_err());
        assert!(Args::try_parse_from(["shelltrail", "search", "--since", "yesterdayy", "x"]).is_err());
    }
}
