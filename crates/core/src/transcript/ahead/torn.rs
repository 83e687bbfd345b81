//! Where output begins in a row that begins with a line which was not submitted when it came.

use super::evidence::is_surely_output;
use crate::transcript::words::base_name;

/// Least bytes of a text that is known again.
const MIN_KNOWN_BYTES: usize = 5;

/// Most characters of a row that are looked at.
const MAX_CHARACTERS: usize = 400;

/// Words before a colon, besides the name of the program, with which programs tell what went wrong.
const TELLERS: [&str; 10] =
    ["E", "ERROR", "Error", "FATAL", "W", "WARNING", "error", "fatal", "usage", "warning"];

/// The start of a row that was typed; `before` is the command that was running, `shown` what is printed elsewhere. The whole row, if
/// nothing tells where the output begins.
pub(super) fn typed_part<'r>(row: &'r str, before: &str, shown: &[&str]) -> &'r str {
    let echoed =
        before.split_once("echo ").map(|(_, text)| text.split([';', '|', '&', '\n']).next().unwrap_or(text));
    if let Some(text) = echoed.map(|text| text.trim().trim_matches(['"', '\'']))
        && let Some(typed) = row.strip_suffix(text).filter(|_| !text.is_empty())
    {
        return typed;
    }
    let names = before.split([' ', '|', ';', '&']).map(base_name).filter(|name| name.len() > 1);
    let names: Vec<&str> = names.chain(TELLERS).collect();
    let places = row.char_indices().map(|(at, _)| at).filter(|&at| at > 0).take(MAX_CHARACTERS);
    let begins = |at: &usize| {
        let (typed, output) = row.split_at(*at);
        let name = output.split_once(": ").map(|(name, _)| name);
        let known = output.len() >= MIN_KNOWN_BYTES && shown.iter().any(|shown| shown.starts_with(output));
        let heading = !typed.ends_with([' ', '_'])
            && output.starts_with(char::is_uppercase)
            && is_surely_output(output);
        known || heading || name.is_some_and(|name| names.contains(&name))
    };
    let at = places.clone().find(begins);
    at.map_or(row, |at| &row[..at])
}
