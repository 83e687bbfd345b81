//! The `shelltrail` command: reads flags and configuration, calls one library, prints what it says.

mod args;
mod audit;
mod commands;
mod config;
mod exit;
mod formats;
mod hits;
mod json;
mod lens;
mod mistakes;
mod pager;
mod paint;
mod question;
mod reader;
mod screen;
mod stop;
mod text;
mod times;
mod words;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use shelltrail_core::sanitize::printable_lines;

use crate::args::{Args, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            // The message quotes what was typed or pasted, which may be a name from a transcript.
            let _ = write!(io::stderr(), "{}", printable_lines(&error.render().to_string()));
            return Exit::Failed.into();
        }
        Err(help) => help.exit(),
    };
    init_tracing(args.verbose);
    // The text of a panic may quote a transcript, so only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(io::stderr(), "shelltrail: internal error at {place}; please report it");
    }));
    let result = match &args.command {
        Command::Worker(command) => commands::worker::run(&args, command),
        Command::Backfill(command) => commands::backfill::run(&args, command),
        Command::Search(command) => commands::search::run(&args, command),
        Command::Show(command) => commands::show::run(&args, command),
        Command::Sessions(command) => commands::sessions::run(&args, command),
        Command::Stack(command) => commands::stack::run(&args, command),
        Command::Explain(command) => commands::explain::run(&args, command),
        Command::Parse(command) => commands::parse::run(&args, command),
        Command::Status(command) => commands::status::run(&args, command),
        Command::Completions(command) => commands::completions::completions(command),
        Command::Man(command) => commands::completions::man(command),
    };
    match result {
        Ok(exit) => exit.into(),
        // Whoever reads our output has seen enough: that is success, as for any other filter.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            mistakes::tell(&mut io::stderr(), &error);
            Exit::Failed.into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Diagnostics go to stderr, one line each. Field values are written as quoted strings, so that no
/// hostile byte in them reaches the terminal.
fn init_tracing(verbose: u8) {
    let default = match verbose {
        0 => "warn,shelltrail_ingest=info,shelltrail_aws=warn",
        1 => "info",
        2 => "info,shelltrail_ingest=debug,shelltrail_aws=debug,shelltrail_index=debug",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SHELLTRAIL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
}
