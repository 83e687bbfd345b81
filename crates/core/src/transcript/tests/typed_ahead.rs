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

fn found(session: &str) -> Vec<String> {
    commands(session.as_bytes())
        .into_iter()
        .map(|(command, _)| command)
        .filter(|line| !line.is_empty())
        .collect()
}

/// The last line of what is pasted mostly has no newline: it is submitted with Enter, when the others have run.
#[test]
fn a_paste_without_a_newline_at_its_end() {
    let silent =
        "$ id\r\n0\r\n$ sudo systemctl stop a\r\nrm -rf /tmp/a\r\nsystemctl start a$ $ \r\n$ exit\r\n";
    let expected = ["id", "sudo systemctl stop a", "rm -rf /tmp/a", "systemctl start a", "exit"];
    assert_eq!(found(silent), expected);
    let root = "# id\r\n0\r\n# cd /opt\r\ngit pull --ff-only\r\nmake test\r\nsystemctl restart web# There is no tracking\r\nfor it\r\n# go test ./... # ok\r\n# \r\n# exit\r\n";
    let expected = ["id", "cd /opt", "git pull --ff-only", "make test", "systemctl restart web", "exit"];
    assert_eq!(found(root), expected);
    let half = "$ git fetch\r\njournalctl -n 20\r\nsystemctl sta$ -- No entries --\r\n$ tus web\r\nactive\r\n$ exit\r\n";
    assert_eq!(found(half), ["git fetch", "journalctl -n 20", "systemctl status web", "exit"]);
    let longer = "(v) bin$ id\r\n0\r\n(v) bin$ sleep 1\r\nuname -s\r\ndate +%Y(v) bin$ Linux\r\n(v) bin$ \r\n2026\r\n(v) bin$ exit\r\n";
    assert_eq!(found(longer), ["id", "sleep 1", "uname -s", "date +%Y", "exit"]);
}

/// Before the shell has read all of a command nothing runs: what stands there was typed.
#[test]
fn what_stands_before_the_prompts_for_more_was_typed() {
    let calls =
        "$ f() {\r\n  echo \"f $1\"\r\n}\r\nf 1\r\nf 2\r\n> > $ f 1\r\n$ f 2\r\n$ ls\r\na\r\n$ exit\r\n";
    assert_eq!(found(calls), ["f() {\n  echo \"f $1\"\n}", "f 1", "f 2", "ls", "exit"]);
    let half = "$ ls\r\na\r\n$ for s in web db; do\r\n  echo \"== $s\"\r\ndone\r\ndate +%Y> > == web\r\n== db\r\n$ \r\n2026\r\n$ exit\r\n";
    assert_eq!(found(half), ["ls", "for s in web db; do\n  echo \"== $s\"\ndone", "date +%Y", "exit"]);
    let angles = ">> ls\r\na\r\n>> for i in a b; do\r\n  echo \"item $i\"\r\ndone\r\necho after\r\n> > item a\r\nitem b\r\n>> after\r\n>> exit\r\n";
    assert_eq!(found(angles), ["ls", "for i in a b; do\n  echo \"item $i\"\ndone", "echo after", "exit"]);
    let behind = "$ sleep 1\r\nuname\r\ncat <<X > /tmp/p\r\na b\r\nX\r\ncat /tmp/p\r\n$ Linux\r\n$ > > $ a b\r\n$ exit\r\n";
    assert_eq!(found(behind), ["sleep 1", "uname", "cat <<X > /tmp/p\na b\nX", "cat /tmp/p", "exit"]);
}

/// An empty line prints nothing: what was submitted with it stands before the output of the command that was running.
#[test]
fn output_may_stand_directly_behind_a_line_that_is_not_submitted() {
    for (row, typed) in [
        ("git status -sfatal: not a git repository", "git status -s"),
        ("docker logs webCONTAINER ID   IMAGE", "docker logs web"),
        ("echo twoone", "echo two"),
    ] {
        let session = format!("$ ls\r\na\r\n$ git fetch; echo one\r\n{row}\r\n$ \r\nsaid so\r\n$ exit\r\n");
        assert_eq!(found(&session), ["ls", "git fetch; echo one", typed, "exit"], "{row}");
    }
    let traced = "$ set -x\r\n$ ls\r\n+ ls\r\n$ export A=1\r\nexport B=2\r\naws sts get+ export A=1\r\n$ + export B=2\r\n$ \r\n+ aws sts get\r\n{}\r\n$ exit\r\n";
    assert_eq!(found(traced), ["set -x", "ls", "export A=1", "export B=2", "aws sts get", "exit"]);
}

/// What one line explains is not explained by rows of output before it.
#[test]
fn rows_of_output_are_not_typed_ahead() {
    let sets = "$ cmake --version\r\ncmake version 3.25.1\r\n$ x=$(hostname); echo \"on $x\"\r\non web\r\n$ exit\r\n";
    assert_eq!(found(sets), ["cmake --version", "x=$(hostname); echo \"on $x\"", "exit"]);
    let limits = "$ ulimit -a\r\nfile(blocks)         unlimited\r\n$ Date +%H\r\nno\r\n$ exit\r\n";
    assert_eq!(found(limits), ["ulimit -a", "Date +%H", "exit"]);
    let late = "$ sleep 1; echo finished\r\nfinished\r\n$ cd /opt\r\nls conf\r\nuname\r\n$ VERSION  a.yml\r\n$ Linux\r\n$ exit\r\n";
    assert_eq!(found(late), ["sleep 1; echo finished", "cd /opt", "ls conf", "uname", "exit"]);
    let notes = "$ helm repo update\r\nhelm upgrade web\r\nRelease \"web\" has been upgraded.\r\n  $ kubectl port-forward web\r\n$ Release \"web\" has been upgraded.\r\n  $ kubectl port-forward web\r\n$ exit\r\n";
    assert_eq!(found(notes), ["helm repo update", "helm upgrade web", "exit"]);
}

/// What a program prints hides no command that is typed behind it, at least where the prompt is more than a sign.
#[test]
fn lines_that_are_printed_hide_nothing() {
    let p = "ec2-user@ip:~$ ";
    for (printed, typed) in [
        ("docker build .\r\ndocker push x", "cat /etc/shadow"),
        ("make a", "mytool --go"),
        ("docker logs x", "evil --data \"note: b\""),
        ("which run", "/tmp/run"),
        ("cat f", "#x;rm -rf /"),
    ] {
        let session = format!("{p}./deploy.sh\r\n{printed}\r\n{p}{typed}\r\nx\r\n{p}rm -rf /\r\n{p}exit\r\n");
        assert_eq!(found(&session), ["./deploy.sh", typed, "rm -rf /", "exit"], "{printed}");
    }
    let root = "# id\r\n0\r\n# sleep 0.4\r\nB=two\r\n# # printf \"x\\n\"\r\nx\r\n# exit\r\n";
    assert_eq!(found(root), ["id", "sleep 0.4", "B=two", "printf \"x\\n\"", "exit"]);
    // Signs before a command, none of which had a line of its own.
    let signs = "$ ls\r\na\r\n$ ./evil\r\nls -l\r\n$ $ $ rm -rf /\r\n$ exit\r\n";
    assert_eq!(found(signs), ["ls", "./evil", "rm -rf /", "exit"]);
    let entered = "$ id\r\n0\r\n$ ./list\r\nls -l\r\n$ \r\nfoo\r\n$ exit\r\n";
    assert_eq!(found(entered), ["id", "./list", "exit"]);
}
