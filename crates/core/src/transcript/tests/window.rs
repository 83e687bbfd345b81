//! Texts that are edited below the last row of the window, where readline does not send the cursor.

use super::parsed;
use crate::session::{Confidence, Reason};

/// A session in which a text of several lines was edited at the second prompt, as readline paints it: what comes behind the first
/// row, up to its newline.
fn session(painted: &str) -> String {
    let open = "\x1b[?2004h[me@web ~]$ ";
    let close = "\r\n\x1b[?2004l\r";
    format!("{open}id{close}0\r\n{open}for x in a; do{painted}{close}{open}pwd{close}/\r\n")
}

/// What was typed at the second prompt, and how sure that is.
fn second(painted: &str) -> (String, Confidence, Option<Reason>) {
    let records = parsed(session(painted).as_bytes()).records;
    let commands: Vec<_> = records.into_iter().filter(|record| record.command.is_some()).collect();
    assert_eq!(commands.len(), 3, "{painted:?}");
    (commands[1].command.clone().unwrap_or_default(), commands[1].confidence, commands[1].reason)
}

/// Lines of a loop.
fn numbered(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| format!("  echo {number} $x")).collect()
}

/// Rows to which the editor goes down.
fn rows(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\r\n\r{line}")).collect()
}

/// Rows below the window.
fn below(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\r{line}")).collect()
}

/// The same, as they are when they were pasted.
fn lit(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("\x1b[7m{line}\x1b[27m")).collect()
}

/// The loop with these lines.
fn command(lines: &[String]) -> String {
    format!("for x in a; do\n{}", lines.join("\n"))
}

#[test]
fn rows_below_the_window_are_lines() {
    let (first, rest) = (numbered(1, 8), numbered(9, 20));
    let all = command(&numbered(1, 20));
    let told = |text: &str| (text.to_owned(), Confidence::Medium, Some(Reason::BeyondWindow));
    // Recalled, or pasted in small parts.
    let recalled = rows(&first) + &below(&rest);
    assert_eq!(second(&recalled), told(&all));
    // Pasted as a whole: painted again from the first row on, or only below.
    let pasted = rows(&lit(&first)) + &below(&lit(&rest)) + &"\x1b[A".repeat(7) + "\r" + &first[0];
    assert_eq!(second(&(pasted + &rows(&first[1..]) + &below(&rest))), told(&all));
    let typed_first = rows(&first) + &below(&rest[..4]) + &below(&lit(&rest[4..])) + &below(&rest[4..]);
    assert_eq!(second(&typed_first), told(&all));
    // Another one is recalled in its place, behind the prompt: the cursor keeps its column, which is 12 here.
    let back = "\x1b[A".repeat(8);
    let other = format!("{recalled}{back}\x1b[Jwhile :; do{}{}", rows(&first), below(&rest));
    assert_eq!(second(&other), told(&all.replace("for x in a; do", "while :; do")));
    // An end of the last line was changed.
    let changed = format!("{recalled}\x08\x08do\x08\x08\x1b[K$y");
    assert_eq!(second(&changed), told(&format!("{}$y", all.trim_end_matches("$x"))));
}

#[test]
fn long_lines_go_on_below_the_window_at_the_width_that_they_tell() {
    let long = |letter: &str| format!("  echo {}", letter.repeat(100));
    let (first, rest) =
        (numbered(1, 8), [numbered(9, 9), vec![long("a"), long("b")], numbered(10, 10)].concat());
    let folded: Vec<String> = rest
        .iter()
        .flat_map(|line| {
            let (row, more) = line.split_at(line.len().min(80));
            [row, more].into_iter().filter(|row| !row.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let (text, ..) = second(&(rows(&first) + &below(&folded)));
    assert_eq!(text, command(&[first.clone(), rest].concat()));
    // Encoded data has lines of one length.
    let data = [numbered(9, 9), vec!["QUJD".repeat(19); 4], numbered(10, 10)].concat();
    let (text, ..) = second(&(rows(&first) + &below(&data)));
    assert_eq!(text, command(&[first, data].concat()));
}

#[test]
fn what_was_typed_before_stays_in_evidence() {
    let erased = format!(" secret-word{}\x1b[K", "\x08".repeat(12));
    let lines = numbered(1, 20);
    for painted in [rows(&lines), rows(&lines[..8]) + &below(&lines[8..])] {
        let records = parsed(session(&format!("{erased}{painted}")).as_bytes()).records;
        let sent: Vec<&str> = records.iter().filter_map(|record| record.command_as_sent.as_deref()).collect();
        assert!(sent.iter().any(|text| text.contains("secret-word")), "{painted:?}");
    }
}

#[test]
fn a_row_that_is_changed_at_its_start_stays_one_row() {
    let lines = numbered(1, 8);
    for change in ["\r\x1b[1@#", "\r#  echo 8 $x\r\x1b[C", "\r\x1b[K  echo 8 $x"] {
        let (text, confidence, _) = second(&(rows(&lines) + change));
        let marked = change.contains('#');
        let last = if marked && change.contains('@') {
            "#  echo 8 $x"
        } else {
            text.lines().last().unwrap_or_default()
        };
        assert_eq!(text, command(&[&lines[..7], &[last.to_owned()]].concat()), "{change:?}");
        assert_eq!(confidence, Confidence::High, "{change:?}");
    }
}

#[test]
fn what_zsh_does_not_paint_is_not_told_as_whole() {
    let edit =
        |typed: &str| format!("\x1b[0m\x1b[27m\x1b[24m\x1b[Jweb% \x1b[K\x1b[?2004h{typed}\x1b[?2004l\r\r\n");
    let pasted = format!(">....{}\r\n  echo 9\x1b[K\r\r\ndone\x1b[K", " ".repeat(70));
    let session = format!("{}0\r\n{}{}", edit("id"), edit(&pasted), edit("pwd"));
    let records = parsed(session.as_bytes()).records;
    assert_eq!(records[1].command.as_deref(), Some("  echo 9\ndone"));
    assert_eq!((records[1].confidence, records[1].reason), (Confidence::Low, Some(Reason::BeyondWindow)));
}

#[test]
fn a_long_line_that_was_pasted_is_painted_twice_below_the_window() {
    let text: String = (0..300).map(|number| format!("{number:03}")).collect();
    // What stands in the rows of a terminal of 80 columns, behind a prompt of 12.
    let (first, rest) = text.split_at(68);
    let rows: Vec<&str> = (0..rest.len()).step_by(80).map(|at| &rest[at..rest.len().min(at + 80)]).collect();
    // Half of it came later, and is lit.
    let (typed, lit) = rows.split_at(6);
    let again: String = lit.iter().map(|row| format!("\r{row}")).collect();
    let painted = format!("{first}{}\x1b[7m{}\x1b[27m{again}", typed.concat(), lit.concat());
    let header = "Script started on 2026-11-22 07:00:00+00:00 [TERM=\"xterm\" TTY=\"/dev/pts/0\" COLUMNS=\"80\" LINES=\"6\"]\n";
    let session = format!("{header}\x1b[?2004h[me@web ~]$ {painted}\r\n\x1b[?2004l\r");
    let records = parsed(session.as_bytes()).records;
    assert_eq!(records[0].command.as_deref().unwrap_or_default(), text);
    assert_eq!(records[0].reason, Some(Reason::BeyondWindow));
}
