//! A person at a prompt, as the terminal echoes it: typing, mistakes and their correction, recall, completion.

use super::random::Random;
use super::world::Prompt;

const ERASE: &str = "\x08\x1b[K";

/// What the shell prints before a command.
pub fn prompt(style: Prompt, host: &str, directory: &str, root: bool) -> String {
    let (user, sign) = if root { ("root", '#') } else { ("ssm-user", '$') };
    let short = directory.rsplit('/').next().filter(|short| !short.is_empty()).unwrap_or("/");
    match style {
        Prompt::Bracketed => format!("\x1b[?2004h[{user}@{host} {short}]{sign} "),
        Prompt::Sh => format!("sh-4.2{sign} "),
        Prompt::Dash => format!("{sign} "),
        Prompt::Coloured => format!(
            "\x1b[?2004h\x1b]0;{user}@{host}: {directory}\x07\x1b[01;32m{user}@{host}\x1b[00m:\x1b[01;34m{directory}\x1b[00m{sign} "
        ),
    }
}

/// What the shell prints when a command has been entered, after the end of its line.
pub fn accepted(style: Prompt) -> &'static str {
    match style {
        Prompt::Bracketed | Prompt::Coloured => "\x1b[?2004l\r",
        Prompt::Sh | Prompt::Dash => "",
    }
}

/// How a command line comes to stand there. `careless` is how often per ten commands something goes wrong.
pub fn typed(
    random: &mut Random,
    style: Prompt,
    text: &str,
    before: Option<&str>,
    careless: usize,
) -> String {
    if random.below(10) >= careless {
        return text.to_owned();
    }
    if style == Prompt::Dash {
        return without_editor(random, text);
    }
    match (random.below(6), before) {
        (0 | 1, Some(before)) => recalled(random, text, before),
        (2, _) => inserted(random, text),
        (3, _) => completed(random, text),
        _ => mistyped(random, text),
    }
}

/// A wrong turn, erased letter by letter.
fn mistyped(random: &mut Random, text: &str) -> String {
    let (right, rest) = text.split_at(border(random, text));
    let wrong: String = (0..random.range(1, 8)).map(|_| char::from(random.range(97, 122) as u8)).collect();
    format!("{right}{wrong}{}{rest}", ERASE.repeat(wrong.len()))
}

/// The terminal's own line editing: blanks over what is erased.
fn without_editor(random: &mut Random, text: &str) -> String {
    let (right, rest) = text.split_at(border(random, text));
    let wrong: String = (0..random.range(1, 5)).map(|_| char::from(random.range(97, 122) as u8)).collect();
    format!("{right}{wrong}{}{rest}", "\x08 \x08".repeat(wrong.len()))
}

/// A letter forgotten and put in later: what follows is printed again.
fn inserted(random: &mut Random, text: &str) -> String {
    let at = border(random, text);
    let Some(letter) = text[at..].chars().next() else { return text.to_owned() };
    let rest = &text[at + letter.len_utf8()..];
    let back = "\x08".repeat(rest.chars().count());
    format!("{}{rest}{back}{letter}{rest}{back}{}", &text[..at], "\x1b[C".repeat(rest.chars().count()))
}

/// The line before comes back, is erased, and the wanted one is typed.
fn recalled(random: &mut Random, text: &str, before: &str) -> String {
    let mut keys = before.to_owned();
    if random.one_in(2) {
        keys.push_str(&"\x08".repeat(before.chars().count()));
        keys.push_str("\x1b[K");
    } else {
        keys.push_str(&ERASE.repeat(before.chars().count()));
    }
    keys + text
}

/// Completion: a bell where there is more than one way on, then the rest at once.
fn completed(random: &mut Random, text: &str) -> String {
    let (typed, rest) = text.split_at(border(random, text));
    format!("{typed}\x07{rest}")
}

fn border(random: &mut Random, text: &str) -> usize {
    text.floor_char_boundary(random.range(0, text.len()))
}
