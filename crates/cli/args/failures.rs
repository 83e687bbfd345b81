//! `shelltrail failures`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::{AuditArg, IndexArg, ScreenArgs, StatusFormat};

/// `shelltrail failures`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  shelltrail failures list --reason kms-denied
  shelltrail failures show 3f2a
  shelltrail failures retry --reason archived
  shelltrail failures drop 3f2a --why 'a test object, removed by its owner'")]
pub struct FailuresArgs {
    /// What to do with the list.
    #[command(subcommand)]
    pub verb: FailuresVerb,
}

/// What can be done with the list of failures.
#[derive(Debug, Subcommand)]
pub enum FailuresVerb {
    /// List the objects that could not be indexed, the last failure first
    List(FailuresListArgs),
    /// Tell all that is known of one, and the way out
    Show(FailuresShowArgs),
    /// Try objects again, as they are in the bucket now
    Retry(FailuresRetryArgs),
    /// Take entries off the list for good: answers are complete without these objects
    Drop(FailuresDropArgs),
}

/// Which entries.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Filters")]
pub struct FailuresFilter {
    /// Only these reasons
    #[arg(long, value_name = "REASON[,…]", value_delimiter = ',')]
    pub reason: Vec<String>,
    /// Only these accounts; `unknown` for keys that name none
    #[arg(long, value_name = "ID[,…]", value_delimiter = ',', value_parser = account)]
    pub account: Vec<String>,
}

/// Which entries are worked on: none by accident.
#[derive(Clone, Debug, ClapArgs)]
#[group(id = "which", required = true, multiple = true)]
pub struct FailuresWhich {
    /// Entries by their ID or its beginning
    #[arg(value_name = "ID", conflicts_with_all = ["reason", "account", "all"])]
    pub ids: Vec<String>,
    /// All entries with these reasons
    #[arg(long, value_name = "REASON[,…]", value_delimiter = ',')]
    pub reason: Vec<String>,
    /// All entries of these accounts; `unknown` for keys that name none
    #[arg(long, value_name = "ID[,…]", value_delimiter = ',', value_parser = account)]
    pub account: Vec<String>,
    /// All entries
    #[arg(long, conflicts_with_all = ["reason", "account"])]
    pub all: bool,
}

/// `shelltrail failures list`
#[derive(Debug, ClapArgs)]
pub struct FailuresListArgs {
    #[command(flatten)]
    pub index: IndexArg,
    #[command(flatten)]
    pub filter: FailuresFilter,
    /// Output format
    #[arg(long, value_enum, default_value_t = StatusFormat::Text, help_heading = "Output")]
    pub format: StatusFormat,
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// `shelltrail failures show`
#[derive(Debug, ClapArgs)]
pub struct FailuresShowArgs {
    /// The ID of an entry, or its beginning
    pub id: String,
    #[command(flatten)]
    pub index: IndexArg,
    /// Output format
    #[arg(long, value_enum, default_value_t = StatusFormat::Text, help_heading = "Output")]
    pub format: StatusFormat,
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// `shelltrail failures retry`
#[derive(Debug, ClapArgs)]
pub struct FailuresRetryArgs {
    #[command(flatten)]
    pub which: FailuresWhich,
    #[command(flatten)]
    pub index: IndexArg,
    #[command(flatten)]
    pub audit: AuditArg,
    /// Send a notification for each to this queue instead, for the worker that holds the index
    #[arg(long, value_name = "QUEUE_URL")]
    pub enqueue: Option<String>,
}

/// `shelltrail failures drop`
#[derive(Debug, ClapArgs)]
pub struct FailuresDropArgs {
    #[command(flatten)]
    pub which: FailuresWhich,
    /// Why; it is kept with the entry
    #[arg(long, value_name = "TEXT", value_parser = why)]
    pub why: String,
    #[command(flatten)]
    pub index: IndexArg,
    #[command(flatten)]
    pub audit: AuditArg,
}

impl FailuresVerb {
    /// Where the index is.
    #[must_use]
    pub fn index(&self) -> &IndexArg {
        match self {
            Self::List(list) => &list.index,
            Self::Show(show) => &show.index,
            Self::Retry(retry) => &retry.index,
            Self::Drop(drop) => &drop.index,
        }
    }

    /// A further place where it is written down.
    #[must_use]
    pub fn audit(&self) -> Option<&PathBuf> {
        match self {
            Self::List(_) | Self::Show(_) => None,
            Self::Retry(retry) => retry.audit.audit.as_ref(),
            Self::Drop(drop) => drop.audit.audit.as_ref(),
        }
    }
}

fn account(text: &str) -> Result<String, String> {
    let known = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if known || text == "unknown" { Ok(text.to_owned()) } else { Err("12 digits, or `unknown`".to_owned()) }
}

fn why(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why".to_owned()),
        text => Ok(text.to_owned()),
    }
}
