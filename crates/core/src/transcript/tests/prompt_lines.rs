//! Prompts of several lines, and prompts that must be told from output. The bytes are those of bash 5.2, shortened.

use super::{commands, executed, parsed};
use crate::session::Status;

/// The commands that ran.
fn ran(bytes: &str) -> Vec<String> {
    let ran = |(command, status): (String, Status)| (status == Status::Executed).then_some(command);
    commands(bytes.as_bytes()).into_iter().filter_map(ran).collect()
}

#[test]
fn a_command_may_stand_alone_below_its_prompt() {
    let lines = ["id", "cd /opt/src", "ls -l", "cat notes", "true", "exit"];
    let session = |newline: &str| -> String {
        let mut session = String::from("Welcome\r\r\n# 2026-11-21 17:12 is no prompt\r\r\n");
        for (at, line) in lines.iter().enumerate() {
            let slip = if at == 2 { "x\x08\x1b[K" } else { "" };
            let (place, colour) = if at < 2 { ("~", "\x1b[34m") } else { ("/opt/src", "\x1b[35m") };
            session += &format!(
                "{colour}# 2026-11-21 17:1{at} {place}\x1b[0m{newline}{line}{slip}\r\r\nout of {at}\r\r\n"
            );
        }
        session
    };
    // Readline sends the newline of its prompt with a return of its own.
    let found = parsed(session("\r\r\r\n").as_bytes()).records;
    let records: Vec<_> = found.iter().filter_map(|record| record.command.as_deref()).collect();
    assert_eq!(records, lines);
    assert_eq!(found[1].prompt.as_deref(), Some("# 2026-11-21 17:10 ~"));
    assert_eq!(found[3].output, "out of 2");
    assert!(found[0].output.contains("is no prompt"));
    // A file with newlines of DOS has such lines as well, but in a row.
    let dos =
        format!("u@h:~$ cat steps\r\r\n{}u@h:~$ exit\r\r\n", "# step 1\r\r\r\ncd /srv\r\r\r\n".repeat(8));
    assert_eq!(ran(&dos), ["cat steps", "exit"]);
}

#[test]
fn a_line_above_the_prompt_of_root_may_begin_like_it() {
    let mut session = String::from("sh-5.2$ sudo su\r\n");
    for (at, line) in ["ls", "cat notes", "dirs", "exit"].iter().enumerate() {
        session += &format!("\r\r\n# root @ h in ~ [17:09:5{at}]\r\r\n# history {at}\r\r\n# {line}\r\n");
        session += if at == 2 { "" } else { "out\r\n" };
    }
    session += "sh-5.2$ exit\r\n";
    assert_eq!(ran(&session), ["sudo su", "ls", "cat notes", "dirs", "exit", "exit"]);
    // Comments at the prompt of root are submitted.
    let comments = "# #1 one\r\n# #2 two\r\n# ls\r\na\r\n# #3 three\r\n# id\r\n0\r\n# exit\r\n";
    assert_eq!(ran(comments), ["#1 one", "#2 two", "ls", "#3 three", "id", "exit"]);
}

#[test]
fn a_trace_of_commands_has_no_prompt() {
    let trace = "[trace] root /opt > ";
    let prompt = "root@h:/opt# ";
    let session = format!(
        "{prompt}PS4='[trace] \\u \\w > '\r\r\n{prompt}set -x\r\r\n{prompt}uptime\r\r\n{trace}uptime\r\r\n 16:29 up\r\r\n\
         {prompt}lsof -v | head -1\r\r\n{trace}lsof -v\r\r\n{trace}head -1\r\r\nlsof\r\r\n\
         {prompt}set +x\r\r\n{trace}set +x\r\r\n{prompt}exit\r\r\n"
    );
    let wanted = ["PS4='[trace] \\u \\w > '", "set -x", "uptime", "lsof -v | head -1", "set +x", "exit"];
    assert_eq!(ran(&session), wanted);
    // A shell inside may be given the same line.
    let nested =
        "u@h:~$ bash\r\r\nv@h:/opt$ bash\r\r\nv@h:/opt$ id\r\r\n0\r\r\nv@h:/opt$ exit\r\r\nu@h:~$ exit\r\r\n";
    assert_eq!(ran(nested), ["bash", "bash", "id", "exit", "exit"]);
}

#[test]
fn a_prompt_that_proves_nothing_comes_back_behind_a_program() {
    let prompt = |place: &str| format!("🔥 prod {place} ➤ ");
    let (home, app) = (prompt("~"), prompt("app"));
    let mut session = String::from("sh-5.2$ bash\r\r\n");
    session += &format!(
        "{home}cd /opt/src/app\r\r\n{app}id\r\r\n0\r\r\n{app}node\r\r\nWelcome to Node.js v20.\r\r\n> 1+1\r\r\n2\r\r\n> .exit\r\r\n"
    );
    session += &format!(
        "{app}uptime\r\r\nup\r\r\n{app}printf '%5d' 4\r\r\n4\r\r\n{app}exit\r\r\nsh-5.2$ exit\r\r\n"
    );
    let wanted = ["bash", "cd /opt/src/app", "id", "node", "uptime", "printf '%5d' 4", "exit", "exit"];
    assert_eq!(ran(&session), wanted);
}

#[test]
fn a_reference_that_leads_nowhere_ends_no_command() {
    let edit = |prompt: &str, line: &str| format!("\x1b[?2004h{prompt}{line}\r\r\n\x1b[?2004l\r");
    let mut session = edit("u@h> ", "echo \"open");
    session += &(edit("> ", "two") + &edit("> ", ":!ls") + "-bash: !ls: event not found\r\r\n");
    session += &(edit("> ", "three\"") + "open\r\r\n" + &edit("u@h> ", "id") + "0\r\r\n");
    assert_eq!(ran(&session), ["echo \"open\ntwo\n:!ls\nthree\"", "id"]);
}

#[test]
fn a_program_that_finds_no_input_breaks_nothing_off() {
    // `bc` begins and ends an edit at once when ^D leaves it, as readline does behind ^C.
    let left = "\x1b[?2004hu@h:~$ bc -q\r\r\n\x1b[?2004l\r\x1b[?2004h\x1b[?2004l\r\r\r\n\x1b[?2004hu@h:~$ id\r\r\n\x1b[?2004l\r0\r\r\n";
    assert_eq!(commands(left.as_bytes()), executed(&["bc -q", "id"]));
    let broken = "\x1b[?2004hu@h:~$ bc -q^C\x1b[?2004l\r\x1b[?2004h\x1b[?2004l\r\r\r\n\x1b[?2004hu@h:~$ id\r\r\n\x1b[?2004l\r0\r\r\n";
    assert_eq!(commands(broken.as_bytes())[0], ("bc -q".to_owned(), Status::Aborted));
}
