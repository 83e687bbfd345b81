//! Flags of what runs unattended.

use clap::Args as ClapArgs;

use crate::args::Command;
use crate::log::LogFormat;
use crate::ops::Listen;

/// How it tells about itself.
#[derive(Debug, ClapArgs)]
pub struct OpsArgs {
    /// Serve /metrics, /healthz and /readyz at this host and port, or "off" [default: 127.0.0.1:9187 for a worker, off for a
    /// backfill]
    #[arg(long, value_name = "ADDR", help_heading = "Operation")]
    pub listen: Option<Listen>,
    /// How events are written on stderr, one per line
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        env = "SHELLTRAIL_LOG_FORMAT",
        help_heading = "Operation"
    )]
    pub log_format: LogFormat,
}

impl Command {
    /// How events are written; people read what the other verbs say.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        match self {
            Self::Worker(command) => command.ops.log_format,
            Self::Backfill(command) => command.ops.log_format,
            _ => LogFormat::Text,
        }
    }
}
