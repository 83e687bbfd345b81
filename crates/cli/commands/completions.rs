//! `shelltrail completions` and `shelltrail man`, from the definitions that parse the command line.

use std::fs;
use std::io::{Write, stdout};

use anyhow::Context;
use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::exit::Exit;

/// Prints the completions of a shell.
///
/// # Errors
/// As standard output.
pub fn completions(command: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(command.shell, &mut Args::command(), "shelltrail", &mut text);
    stdout().write_all(&text)?;
    Ok(Exit::Done)
}

/// Writes one man page per verb.
///
/// # Errors
/// The directory or a file cannot be written.
pub fn man(command: &ManArgs) -> anyhow::Result<Exit> {
    let dir = &command.dir;
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    // `help VERB` says what `VERB --help` says; pages of it would say it a third time.
    let mut all = Args::command().disable_help_subcommand(true);
    all.build();
    clap_mangen::generate_to(all, dir).with_context(|| format!("write man pages into {}", dir.display()))?;
    Ok(Exit::Done)
}
