//! Programs that ask, where a shell marks its edits.

use super::{commands, executed, parsed};
use crate::session::{Confidence, Status};

fn edit(prompt: &str, line: &str) -> String {
    format!("\x1b[?2004h{prompt}{line}\r\n\x1b[?2004l\r")
}

fn at_shell(line: &str) -> String {
    edit("u@h:~$ ", line)
}

#[test]
fn answers_to_a_script_are_no_commands() {
    for (question, answer) in [("Target directory: ", "/opt/app"), ("#? ", "2"), ("Really? ", "yes")] {
        let asked = edit(question, answer);
        let session =
            format!("{}{asked}ok\r\n{asked}done\r\n{}x\r\n", at_shell("./setup.sh"), at_shell("ls"));
        let expected = [
            ("./setup.sh", Status::Executed),
            (answer, Status::ProgramInput),
            (answer, Status::ProgramInput),
            ("ls", Status::Executed),
        ];
        let expected = expected.map(|(line, status)| (line.to_owned(), status));
        assert_eq!(commands(session.as_bytes()), expected, "{question}");
        assert_eq!(parsed(session.as_bytes()).records[1].confidence, Confidence::Medium);
    }
    // What is chosen from is no line of its own.
    let asked = edit("Update\r\nContinue? [y/N] ", "y");
    let session = format!("{}{asked}ok\r\n{asked}done\r\n{}x\r\n", at_shell("./setup.sh"), at_shell("ls"));
    assert_eq!(commands(session.as_bytes()), executed(&["./setup.sh", "ls"]));
    let output = &parsed(session.as_bytes()).records[0].output;
    assert_eq!(output.matches("Update\nContinue? [y/N] y").count(), 2, "{output}");
}

#[test]
fn a_prompt_may_end_like_a_question() {
    let router = |line: &str| edit("[2.7][admin@fw]/etc: ", line);
    let session = [router("uptime"), router("pfctl -s info"), router("exit")].concat();
    assert_eq!(commands(session.as_bytes()), executed(&["uptime", "pfctl -s info", "exit"]));
    // A shell that was opened, and one whose prompt was changed.
    for opens in ["ssh db", "PS1='prod: '"] {
        let asked = edit("prod: ", "rm -rf /data");
        let session = format!("{}{asked}{asked}{}", at_shell(opens), at_shell("ls"));
        let found: Vec<String> = commands(session.as_bytes()).into_iter().map(|(line, _)| line).collect();
        assert_eq!(found, [opens, "rm -rf /data", "rm -rf /data", "ls"]);
    }
}

#[test]
fn a_line_that_leaves_nothing_open_has_no_more_lines() {
    let session = [at_shell("./game.sh"), edit("> ", "go north"), at_shell("ls")].concat();
    let found = commands(session.as_bytes());
    let expected =
        [("./game.sh", Status::Executed), ("go north", Status::ProgramInput), ("ls", Status::Executed)];
    assert_eq!(found, expected.map(|(line, status)| (line.to_owned(), status)));
    let open = [at_shell("function f"), edit("> ", "{ id; }"), at_shell("cat <<X"), edit("> ", "X")].concat();
    let session = open + &at_shell("ls");
    assert_eq!(commands(session.as_bytes()), executed(&["function f\n{ id; }", "cat <<X\nX", "ls"]));
}

#[test]
fn what_stands_at_the_right_edge_before_the_prompt_is_no_part_of_the_line() {
    let right = format!("{}[17:56]\r", " ".repeat(72));
    let marked = |line: &str| format!("\x1b[?2004h{right}root@k8s web# {line}\r\n\x1b[?2004l\r");
    let session = [marked("lsblk -f"), marked(""), marked("dig -x 10.4.0.2"), marked("exit")].concat();
    assert_eq!(commands(session.as_bytes()), executed(&["lsblk -f", "dig -x 10.4.0.2", "exit"]));
    assert!(
        parsed(session.as_bytes()).records[0]
            .prompt
            .as_deref()
            .is_some_and(|prompt| prompt.contains("[17:56]"))
    );
    let plain = |line: &str| format!("{right}root@k8s web# {line}\r\n");
    let session = [plain("lsblk -f"), "vda\r\n".to_owned(), plain("dig -x 10.4.0.2"), plain("exit")].concat();
    assert_eq!(commands(session.as_bytes()), executed(&["lsblk -f", "dig -x 10.4.0.2", "exit"]));
}

#[test]
fn a_sign_in_the_command_does_not_end_a_prompt_that_ends_with_a_colon() {
    for line in ["ls /opt/harbor # list", "(sleep 0.2; echo; echo 'backup: $ finished') &"] {
        let at = |line: &str| edit("[2.7.2-RELEASE][admin@h]/etc: ", line);
        let session = [at("uptime"), at(line), at("id -un")].concat();
        assert_eq!(commands(session.as_bytes()), executed(&["uptime", line, "id -un"]));
    }
}

#[test]
fn a_colon_that_stands_alone_may_end_a_prompt_before_signs() {
    let at = |line: &str| edit("h : ", line);
    let session = [at("echo 'a $ b'"), at("uptime"), at("echo 'a $ b'"), at("id")].concat();
    assert_eq!(commands(session.as_bytes()), executed(&["echo 'a $ b'", "uptime", "echo 'a $ b'", "id"]));
    // Cut off, it must not fail.
    for cut in 0..session.len() {
        parsed(&session.as_bytes()[..cut]);
    }
}
