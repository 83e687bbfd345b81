//! What may be asked next, as commands to copy. They go to stderr, and only if somebody looks at a terminal.

use std::path::Path;

use crate::screen::Screen;
use crate::words::command_line;

/// Most commands that are suggested.
const MAX_SUGGESTIONS: usize = 4;

/// Prints suggestions: what they are for, and the words of the command behind `shelltrail VERB --index DIR`.
pub fn suggest(screen: &Screen, index: &Path, suggestions: &[(&str, &str, Vec<String>)]) {
    if !screen.is_terminal {
        return;
    }
    for (what, verb, words) in suggestions.iter().take(MAX_SUGGESTIONS) {
        eprintln!("shelltrail: {what}: {}", line(index, verb, words));
    }
}

/// A command of ours on the same index.
#[must_use]
pub fn line(index: &Path, verb: &str, words: &[String]) -> String {
    let index = index.to_string_lossy();
    let begin = ["shelltrail", verb, "--index", &index];
    command_line(begin.into_iter().chain(words.iter().map(String::as_str)))
}
