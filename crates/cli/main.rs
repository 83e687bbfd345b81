//! The `shelltrail` command: reads flags and configuration, calls one library, prints what it says.

/// Says something on standard error. Where that takes nothing (a full disk, a closed pipe), the work goes on and the exit
/// code says the rest; the macro of the standard library would end the process.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod args;
mod audit;
mod commands;
mod config;
mod exit;
mod formats;
mod hits;
mod json;
mod lens;
mod log;
mod mistakes;
mod ops;
mod pager;
mod paint;
mod question;
mod reader;
mod screen;
mod stop;
mod text;
mod times;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use shelltrail_core::sanitize::printable_lines;

use crate::args::{Args, Command};
use crate::exit::Exit;
use crate::log::LogFormat;

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
    if let Err(error) = log::init(args.command.log_format(), args.verbose) {
        mistakes::tell(&mut io::stderr(), &error);
        return Exit::Failed.into();
    }
    // The text of a panic may quote a transcript, so only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        if shelltrail_index::is_guarded() {
            return;
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        match log::format() {
            LogFormat::Text => {
                let _ = writeln!(io::stderr(), "shelltrail: internal error at {place}; please report it");
            }
            LogFormat::Json => tracing::error!(place, "internal error; please report it"),
        }
    }));
    // An end that nobody expected has the exit code of a failure, too; its place was told.
    let result =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| execute(&args))).unwrap_or(Ok(Exit::Failed));
    match result {
        Ok(exit) => exit.into(),
        // Whoever reads our output has seen enough: that is success, as for any other filter.
        Err(error) if screen::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            match log::format() {
                LogFormat::Text => mistakes::tell(&mut io::stderr(), &error),
                LogFormat::Json => tracing::error!(error = &*error as &dyn std::error::Error, "cannot go on"),
            }
            Exit::Failed.into()
        }
    }
}

fn execute(args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Index(command) => commands::index::run(args, command),
        Command::Worker(command) => commands::worker::run(args, command),
        Command::Backfill(command) => commands::backfill::run(args, command),
        Command::Search(command) => commands::search::run(args, command),
        Command::Show(command) => commands::show::run(args, command),
        Command::Sessions(command) => commands::sessions::run(args, command),
        Command::Stack(command) => commands::stack::run(args, command),
        Command::Explain(command) => commands::explain::run(args, command),
        Command::Parse(command) => commands::parse::run(args, command),
        Command::Failures(command) => commands::failures::run(args, command),
        Command::Status(command) => commands::status::run(args, command),
        Command::Completions(command) => commands::completions::completions(command),
        Command::Man(command) => commands::completions::man(command),
    }
}
