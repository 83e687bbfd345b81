//! How results are printed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use jiff::tz::TimeZone;

use crate::paint::ColorChoice;
use crate::times;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON object per line; docs/records.md describes the fields
    Jsonl,
    /// Comma-separated values (RFC 4180), safe to open in a spreadsheet
    Csv,
    /// JSON Lines that Timesketch imports (name the file *.jsonl)
    Timesketch,
}

/// How and on what.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// Print a line of your own per result: '{ended_at} {account} {command}'; a wrong name lists all fields
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "format")]
    pub template: Option<String>,
    /// Show secrets as they are, instead of masking them; the audit file tells that they were shown
    #[arg(long)]
    pub reveal: bool,
}

/// What text is printed on.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
pub struct ScreenArgs {
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Lay text out for this many columns; without it for those of the terminal
    #[arg(long, value_name = "COLUMNS", value_parser = columns)]
    pub width: Option<usize>,
    /// Do not page long text, even on a terminal
    #[arg(long)]
    pub no_pager: bool,
    /// Show times of text in this zone (Europe/Berlin, +02:00, local); what is typed stays UTC
    #[arg(long, value_name = "ZONE", value_parser = times::zone, default_value = "UTC")]
    pub tz: TimeZone,
}

/// How much of long outputs is printed as text.
#[derive(Clone, Copy, Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
pub struct FoldArg {
    /// Print at most N lines of each output as text; 0 prints all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub output_lines: usize,
}

/// Where the question is written down.
#[derive(Clone, Debug, ClapArgs)]
pub struct AuditArg {
    /// Write the question down in this file too (instead, if the one of the index cannot be written)
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
}

fn columns(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(columns @ 20..=10_000) => Ok(columns),
        _ => Err("a number of columns from 20 to 10000".to_owned()),
    }
}
