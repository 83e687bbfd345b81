//! `shelltrail backfill`

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::Args as ClapArgs;
use jiff::Timestamp;

use super::{IndexArg, OpsArgs};
use crate::times;

/// `shelltrail backfill`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  shelltrail backfill s3://example-central-transcripts/session/ --index /var/lib/shelltrail --dry-run
  shelltrail backfill s3://example-central-transcripts/session/ --index /var/lib/shelltrail --account 1111*,444455556666
  shelltrail backfill s3://example-inventory/inv/daily/2026-03-04T01-00Z/manifest.json --index trail
  shelltrail backfill s3://example-central-transcripts --reconcile --since 2d --dry-run --format json
  shelltrail backfill keys.csv --enqueue https://sqs.eu-west-1.amazonaws.com/111122223333/transcript-backfill
  shelltrail backfill bucket.tar.gz --index trail

The same command again goes on where it was stopped or killed. docs/backfill.md says more.")]
pub struct BackfillArgs {
    /// s3://BUCKET[/PREFIX], an S3 Inventory manifest (s3://…/manifest.json or FILE.json), a CSV of keys (FILE.csv),
    /// a directory laid out like the bucket, or a tar of one (.tar, .tar.gz, .tgz)
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    pub source: String,
    #[command(flatten)]
    pub index: IndexArg,
    #[command(flatten)]
    pub ops: OpsArgs,

    /// Only objects last modified at this time or later: not the time of the session if an object was copied
    #[arg(long, value_name = "TIME", help_heading = "Which objects")]
    pub since: Option<TypedTime>,
    /// Only objects last modified before this time
    #[arg(long, value_name = "TIME", help_heading = "Which objects")]
    pub until: Option<TypedTime>,
    /// Only accounts that keys name: 12 digits, or the first digits and `*`; several with commas
    #[arg(long, value_name = "ID,…", value_delimiter = ',', value_parser = account, help_heading = "Which objects")]
    pub account: Vec<String>,
    /// Only keys that begin so; may be given several times
    #[arg(long, value_name = "TEXT", help_heading = "Which objects")]
    pub prefix: Vec<String>,
    /// All versions of every object, not the latest alone (a bucket or an inventory)
    #[arg(long, help_heading = "Which objects")]
    pub all_versions: bool,
    /// No more than so many objects, over all runs of the same command
    #[arg(long, value_name = "N", help_heading = "Which objects")]
    pub limit: Option<u64>,
    /// The objects modified last come first; needs the list of all of them in memory (at most 1,000,000, or --limit)
    #[arg(long, help_heading = "Which objects")]
    pub newest_first: bool,

    /// Tell what would be done; write nothing
    #[arg(long, conflicts_with = "enqueue", help_heading = "What to do")]
    pub dry_run: bool,
    /// Send the objects as messages to this SQS queue, for workers with --backfill-queue-url
    #[arg(long, value_name = "QUEUE_URL", help_heading = "What to do")]
    pub enqueue: Option<String>,
    /// Also tell which objects should have been announced, and which are indexed and no longer in the bucket
    #[arg(long, help_heading = "What to do")]
    pub reconcile: bool,
    /// How old an object is when its notification must have been received
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = times::budget, requires = "reconcile",
        help_heading = "What to do")]
    pub delay: Duration,
    /// No more than so many objects a second: `50` or `50/s`
    #[arg(long, value_name = "N/s", value_parser = rate, help_heading = "What to do")]
    pub rate: Option<NonZeroU32>,
    /// Work again, alone, on objects that are listed as suspected_crash; without it they are left as they are
    #[arg(long, conflicts_with_all = ["dry_run", "enqueue"], help_heading = "What to do")]
    pub retry_suspected: bool,
    /// Begin anew, and forget where an earlier run was stopped
    #[arg(long, help_heading = "What to do")]
    pub restart: bool,

    /// How progress is shown on stderr
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto, help_heading = "Output")]
    pub progress: ProgressArg,
    /// How the plan or the final account is printed: text, or one JSON object on stdout
    #[arg(long, value_enum, default_value_t = AccountFormat::Text, help_heading = "Output")]
    pub format: AccountFormat,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressArg {
    /// A bar if stderr is a terminal
    Auto,
    /// One JSON object a second
    Json,
    /// Not at all
    None,
}

/// How the account is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AccountFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// A time as it was typed, and what it was understood as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedTime {
    /// As typed: the same text is the same backfill tomorrow.
    pub text: String,
    /// As understood now.
    pub at: Timestamp,
}

impl FromStr for TypedTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), at: times::parse(text)? })
    }
}

fn account(text: &str) -> Result<String, String> {
    let digits = text.strip_suffix('*').unwrap_or(text);
    let enough = digits.len() == 12 || digits.len() < text.len() && digits.len() < 12;
    if enough && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("this is no account; write 12 digits, or the first digits and *".to_owned())
    }
}

fn rate(text: &str) -> Result<NonZeroU32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number.parse().map_err(|_| "this is no rate; write 50 or 50/s".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_rates() {
        for good in ["111122223333", "1111*", "*", "111122223333*"] {
            assert!(account(good).is_ok(), "{good}");
        }
        for bad in ["", "1111", "11112222333x", "1111222233334", "1**"] {
            assert!(account(bad).is_err(), "{bad}");
        }
        assert_eq!((rate("50/s").unwrap().get(), rate("7").unwrap().get()), (50, 7));
        assert!(rate("0").is_err() && rate("5/m").is_err());
    }
}
