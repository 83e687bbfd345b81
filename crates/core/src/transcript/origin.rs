//! Who typed a line: the user, the profile of the session document, or the agent.

use super::command::Command;
use super::expect::is_logger;
use super::prompt;
use crate::session::{Origin, Status};
use crate::terminal::page::Page;

/// Most bytes before the first prompt that a profile is looked for in.
const MAX_PROFILE_BYTES: usize = 64 * 1024;

/// Tells the lines of the agent and of the profile from those of the user.
pub(crate) fn assign(page: &Page, commands: &mut [Command]) {
    agent(commands);
    profile(page, commands);
}

/// The lines with which old agents and those on Windows printed the transcript.
fn agent(commands: &mut [Command]) {
    let Some(first) = commands.first_mut().filter(|first| is_logger(&first.command)) else { return };
    first.origin = Origin::Agent;
    let prompt = first.prompt.clone();
    let last = commands.iter_mut().rfind(|command| !command.dropped);
    if let Some(last) = last.filter(|last| last.command.trim() == "exit" && last.prompt == prompt) {
        last.origin = Origin::Agent;
    }
}

/// The agent types the profile when the shell has just been started: the terminal shows it before the first prompt.
fn profile(page: &Page, commands: &mut [Command]) {
    let Some(first) = commands.iter().find(|command| !command.dropped).map(|command| command.text) else {
        return;
    };
    let text = prompt::text_of(&page.text[..first.min(MAX_PROFILE_BYTES)]);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return;
    }
    let mut at = None;
    for command in commands.iter_mut().filter(|command| !command.dropped) {
        let typed: Vec<&str> =
            command.command.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let from = match at {
            Some(at) => at,
            None => lines.iter().position(|line| Some(line) == typed.first()).unwrap_or(lines.len()),
        };
        let ran = matches!(command.status, Status::Executed | Status::EchoOnly);
        if typed.is_empty() || !ran || !lines[from..].starts_with(&typed) {
            break;
        }
        command.origin = Origin::Profile;
        at = Some(from + typed.len());
        if from == 0 && typed.len() == lines.len() {
            break;
        }
    }
    // An echo of nothing but these commands is part of them.
    let whole =
        lines.first().is_some_and(|line| commands[0].command.starts_with(line)) && at == Some(lines.len());
    if whole && let Some(first) = commands.first_mut() {
        first.text = 0;
        first.source = 0;
    }
}
