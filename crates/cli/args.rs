//! The command line.

mod ask;
mod backfill;
mod failures;
mod index;
mod ops;
mod output;
mod read;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args as ClapArgs, Parser, Subcommand};

pub use ask::{
    AroundArgs, ExplainArgs, FilterArgs, GroupField, Place, QueryArgs, ReadArgs, SearchArgs, StackArgs,
    StackFormat,
};
pub use backfill::{AccountFormat, BackfillArgs, ProgressArg, TypedTime};
pub use failures::{
    FailuresArgs, FailuresDropArgs, FailuresFilter, FailuresListArgs, FailuresRetryArgs, FailuresShowArgs,
    FailuresVerb, FailuresWhich,
};
pub use index::{CheckArgs, CompactArgs, IndexArgs, IndexCommand, ReportFormat};
pub use ops::OpsArgs;
pub use output::{AuditArg, FoldArg, Format, OutputArgs, ScreenArgs};
pub use read::{Floor, Reading, SessionsArgs, ShowArgs, Sort};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Exit codes:
  0  hits, or done
  1  no hits, and everything in scope was searched
  2  usage error or failure
  3  finished, but something was not searched or not indexed (stderr says what)

Examples:
  shelltrail backfill fixtures/bucket --index trail      index a folder laid out like the bucket
  export SHELLTRAIL_INDEX=trail                          the index of all that follows
  shelltrail search 'sudo -i'                            who typed or saw this text
  shelltrail show -C 5 -- alice-0123456789abcdef0@12     what stands around that record
  shelltrail sessions --account 111122223333             the sessions of an account";

/// Searches the transcripts of AWS Session Manager sessions.
#[derive(Debug, Parser)]
#[command(name = "shelltrail", version, styles = STYLES, after_help = AFTER_HELP)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    /// Configuration file (TOML); flags and SHELLTRAIL_* variables override it
    #[arg(long, global = true, value_name = "FILE", env = "SHELLTRAIL_CONFIG", help_heading = "Everywhere")]
    pub config: Option<PathBuf>,
    /// Read no configuration file, whatever SHELLTRAIL_CONFIG says
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_config: bool,
    /// Say more on stderr; twice for details of every object
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find commands and outputs that contain a text
    Search(Box<SearchArgs>),
    /// Read a session, or a part of it
    Show(Box<ShowArgs>),
    /// List the stored transcripts, newest first
    Sessions(Box<SessionsArgs>),
    /// Count values: the most frequent first, or the rarest
    Stack(Box<StackArgs>),
    /// Tell how a query is read, what the index answers of it, and what it costs
    Explain(Box<ExplainArgs>),
    /// Cut one transcript into records, without index and without AWS
    Parse(ParseArgs),
    /// Tell what the index holds and what could not be indexed
    Status(StatusArgs),
    /// List, show, retry or drop the objects that could not be indexed
    Failures(FailuresArgs),
    /// Look after the index: check it, compact it
    Index(IndexArgs),
    /// Consume S3 event notifications from an SQS queue and index the transcripts they announce
    Worker(WorkerArgs),
    /// Index what a bucket, an inventory, a list of keys, a directory or a tar holds
    Backfill(Box<BackfillArgs>),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write man pages into a directory
    Man(ManArgs),
}

/// Where the index is.
#[derive(Debug, ClapArgs)]
pub struct IndexArg {
    /// Index root
    #[arg(long, value_name = "DIR", env = "SHELLTRAIL_INDEX", value_hint = clap::ValueHint::DirPath)]
    pub index: Option<PathBuf>,
}

/// `shelltrail worker`
#[derive(Debug, ClapArgs)]
pub struct WorkerArgs {
    /// URL of the SQS queue that receives the bucket's notifications
    #[arg(long, value_name = "URL", env = "SHELLTRAIL_QUEUE_URL")]
    pub queue_url: Option<String>,
    /// URL of the SQS queue that `backfill --enqueue` fills; read only while the other one has nothing
    #[arg(long, value_name = "URL", env = "SHELLTRAIL_BACKFILL_QUEUE_URL")]
    pub backfill_queue_url: Option<String>,
    #[command(flatten)]
    pub index: IndexArg,
    /// End with exit code 0 once the queue stays empty, instead of waiting for more
    #[arg(long)]
    pub drain: bool,
    #[command(flatten)]
    pub ops: OpsArgs,
}

/// `shelltrail parse`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  shelltrail parse --format text alice-0123456789abcdef0.log
  zcat transcript.gz | shelltrail parse -")]
pub struct ParseArgs {
    /// A transcript, perhaps gzipped; `-` reads standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub fold: FoldArg,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Jsonl, help_heading = "Output")]
    pub format: Format,
    /// Mask secrets, as the verbs that ask an index do
    #[arg(long, help_heading = "Output")]
    pub mask: bool,
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// `shelltrail status`
#[derive(Debug, ClapArgs)]
pub struct StatusArgs {
    #[command(flatten)]
    pub index: IndexArg,
    /// Output format
    #[arg(long, value_enum, default_value_t = StatusFormat::Text)]
    pub format: StatusFormat,
}

/// How the inventory is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StatusFormat {
    /// For people
    Text,
    /// One JSON object
    Jsonl,
}

/// `shelltrail completions`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  shelltrail completions bash > ~/.local/share/bash-completion/completions/shelltrail
  shelltrail completions zsh > ~/.zfunc/_shelltrail
  shelltrail completions fish > ~/.config/fish/completions/shelltrail.fish
  shelltrail completions powershell >> $PROFILE")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `shelltrail man`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  shelltrail man /usr/local/share/man/man1
  shelltrail man . && man ./shelltrail-search.1")]
pub struct ManArgs {
    /// The directory, which is created if it is not there
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub dir: PathBuf,
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
        assert!(Args::try_parse_from(["shelltrail", "search", "--since", "yesterdayy", "x"]).is_err());
    }
}
