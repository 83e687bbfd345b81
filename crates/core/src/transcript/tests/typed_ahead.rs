//! Lines that were typed or pasted while a command ran, in shells that leave the echo to the kernel.

use super::{commands, parsed};
use crate::session::Status;

fn ran(lines: &[&str]) -> Vec<String> {
    let bytes: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\r\n").into_bytes()).collect();
    let records = parsed(&bytes).records;
    let ran = records.into_iter().filter(|record| record.status != Some(Status::Unsubmitted));
    ran.filter_map(|record| record.command).collect()
}

#[test]
fn lines_are_found_by_what_they_print() {
    let words = ["$ ls", "hostname", "id", "a  b", "$ web-01", "$ uid=0(root) gid=0(root)", "$ exit"];
    assert_eq!(ran(&words), ["ls", "hostname", "id", "exit"]);
    let unknown = ["$ export A=1", "foo", "$ sh: 3: foo: not found", "$ date", "Sun", "$ exit"];
    assert_eq!(ran(&unknown), ["export A=1", "foo", "date", "exit"]);
    let table =
        ["$ df -h", "free -m", "whoami", "Filesystem", "$                total  used", "$ root", "$ exit"];
    assert_eq!(ran(&table), ["df -h", "free -m", "whoami", "exit"]);
}

#[test]
fn silent_lines_leave_prompts_in_a_row() {
    let steps = [
        "$ stat x",
        "File: x",
        "$ # step 1",
        "mkdir -p /tmp/p",
        "# step 2",
        "cp /opt/app.yaml /tmp/p/",
        "ls /tmp/p",
        "$ $ $ $ app.yaml",
        "$ exit",
    ];
    let ran_steps = [
        "stat x",
        "# step 1",
        "mkdir -p /tmp/p",
        "# step 2",
        "cp /opt/app.yaml /tmp/p/",
        "ls /tmp/p",
        "exit",
    ];
    assert_eq!(ran(&steps), ran_steps);
}

#[test]
fn a_longer_prompt_needs_a_proof() {
    let pasted = [
        "user@web$ cd /opt/app",
        "ls",
        "git status",
        "whoami",
        "user@web$ README.md  conf",
        "user@web$ On branch main",
        "nothing to commit",
        "user@web$ root",
        "user@web$ exit",
    ];
    assert_eq!(ran(&pasted), ["cd /opt/app", "ls", "git status", "whoami", "exit"]);
    let script = ["user@web$ cat steps", "make all", "make install", "user@web$ Xvfb :1", "user@web$ exit"];
    assert_eq!(ran(&script), ["cat steps", "Xvfb :1", "exit"]);
}

#[test]
fn a_line_that_is_submitted_at_the_next_prompt_is_one() {
    let pasted = ["$ cd /opt/app", "ls", "git status$ README.md  conf", "$ ", "On branch main", "$ exit"];
    assert_eq!(ran(&pasted), ["cd /opt/app", "ls", "git status", "exit"]);
    let waited = ["$ sleep 5", "ls -l$ ", "total 0", "$ exit"];
    assert_eq!(ran(&waited), ["sleep 5", "ls -l", "exit"]);
    // What no line typed ahead explains is output.
    let price = ["$ cat offer", "make 5$ each", "$ exit"];
    assert_eq!(ran(&price), ["cat offer", "exit"]);
    assert_eq!(parsed(b"$ cat offer\r\r\nmake 5$ each\r\r\n$ exit\r\r\n").records[0].output, "make 5$ each");
}

#[test]
fn lines_that_a_job_prints_into_a_command_are_taken_out() {
    let job = |typed: [&str; 4], last: &str| {
        let rows: String = typed
            .iter()
            .enumerate()
            .map(|(at, typed)| format!("{typed}[02:15:0{at}] worker {at}: job done\r\r\n"))
            .collect();
        format!(
            "\x1b[?2004h[root@web ~]# ./noisy &\r\r\n\x1b[?2004l\r[1] 1365\r\r\n\x1b[?2004h[root@web ~]# {rows}{last}\r\r\n\
             \x1b[?2004l\r\x1b[?2004h[root@web ~]# exit\r\r\n\x1b[?2004l\r"
        )
    };
    let ran = |session: String| {
        commands(session.as_bytes()).into_iter().map(|(command, _)| command).collect::<Vec<_>>()
    };
    let grep = job(["", "grep ERROR ", "/opt/app/logs/", "app.log | ta"], "il -3");
    assert_eq!(ran(grep), ["./noisy &", "grep ERROR /opt/app/logs/app.log | tail -3", "exit"]);
    assert_eq!(ran(job(["", "", "ss ", "-s"], "")), ["./noisy &", "ss -s", "exit"]);
    assert_eq!(ran(job(["", "", "", ""], "")), ["./noisy &", "exit"]);
}

/// An empty line takes a prompt as well.
#[test]
fn an_empty_line_among_those_typed_ahead() {
    let bytes = b"$ whoami\r\n\r\nid -u\r\n  uname -s\r\nsvc\r\n$ $ 1004\r\n$ Linux\r\n$ basename $PWD\r\n/\r\n$ exit\r\n";
    let found: Vec<String> = commands(bytes).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found, ["whoami", "id -u", "uname -s", "basename $PWD", "exit"]);
}

#[test]
fn prompts_that_stand_several_times_on_a_line_each_had_a_line() {
    for prompt in ["localhost $ ", "ops@jump:$ "] {
        let bytes = format!(
            "{prompt}pwd\r\n/\r\n{prompt}# stop it\r\nsystemctl stop queue\r\nsleep 1\r\n{prompt}{prompt}{prompt}echo done\r\n\
             done\r\n{prompt}sleep 2\r\naws sts get\r\ndocker images\r\ncat VERSION\r\n{prompt}{{\r\n  \"a\": 1\r\n}}\r\n\
             {prompt}REPOSITORY   TAG\r\n{prompt}no newline{prompt}ls\r\na\r\n{prompt}exit\r\n"
        );
        let found: Vec<String> = commands(bytes.as_bytes()).into_iter().map(|(command, _)| command).collect();
        let expected = [
            "pwd",
            "# stop it",
            "systemctl stop queue",
            "sleep 1",
            "echo done",
            "sleep 2",
            "aws sts get",
            "docker images",
            "cat VERSION",
            "ls",
            "exit",
        ];
        assert_eq!(found, expected, "{prompt}");
    }
}

#[test]
fn lines_may_be_typed_when_the_command_has_begun_to_print() {
    let bytes = b"$ ls\r\na\r\n$ git fetch; sleep 4\r\nfatal: no repository\r\ntar czf x.tgz conf\r\ngs\r\n$ tar: conf: no such file\r\n$ dash: 15: gs: not found\r\n$ exit\r\n";
    let found: Vec<String> = commands(bytes).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found, ["ls", "git fetch; sleep 4", "tar czf x.tgz conf", "gs", "exit"]);
}

#[test]
fn a_shell_that_a_profile_opens_may_show_its_prompt_behind_the_one_that_waited() {
    let session = "sudo -i\r\n$ root@web:~# journalctl --disk-usage\r\n88M\r\nroot@web:~# lsblk\r\nNAME\r\nroot@web:~# exit\r\nlogout\r\n$ exit\r\n";
    let records = super::parsed(session.as_bytes()).records;
    let found: Vec<(&str, &str)> = records
        .iter()
        .filter_map(|record| Some((record.prompt.as_deref()?, record.command.as_deref()?)))
        .collect();
    let root = "root@web:~# ";
    let expected = [
        ("$ ", "sudo -i"),
        (root, "journalctl --disk-usage"),
        (root, "lsblk"),
        (root, "exit"),
        ("$ ", "exit"),
    ];
    assert_eq!(found, expected);
}
