//! Which places are commands, and what became of them.

use super::{check, commands, executed, parsed};
use crate::session::{Boundary, Confidence, Status};

/// A name, a transcript, and its commands with what became of them.
type Ending<'a> = (&'a str, &'a [u8], &'a [(&'a str, Status)]);

#[test]
fn interrupted_lines_and_left_shells() {
    let table: [Ending<'_>; 7] = [
        (
            "marked",
            b"\x1b[?2004hsh-5.2$ rm -rf /tmp/nope^C\x1b[?2004l\r\x1b[?2004h\x1b[?2004l\r\r\r\n\x1b[?2004hsh-5.2$ ",
            &[("rm -rf /tmp/nope", Status::Aborted)],
        ),
        ("unmarked", b"sh-4.2$ rm -rf /tmp/x^C\r\r\nsh-4.2$ ", &[("rm -rf /tmp/x", Status::Aborted)]),
        (
            "typed as two characters",
            b"sh-4.2$ echo ^C\r\r\n^C\r\r\nsh-4.2$ exit\r\r\n",
            &[("echo ^C", Status::Executed), ("exit", Status::Executed)],
        ),
        (
            "while running",
            b"\x1b[?2004hsh-5.2$ sleep 5\r\r\n\x1b[?2004l\r^C\r\r\n\x1b[?2004hsh-5.2$ ",
            &[("sleep 5", Status::Executed)],
        ),
        (
            "end of file, marked",
            b"\x1b[?2004hsh-5.2$ id\r\r\n\x1b[?2004l\r\x1b[?2004hsh-5.2$ \x1b[?2004l\r\r\r\nexit\r\r\n",
            &[("id", Status::Executed), ("", Status::Eof)],
        ),
        ("end of file, unmarked", b"$ id\r\r\nuid=0\r\r\n$ \r\r\n", &[("id", Status::Executed), ("", Status::Eof)]),
        (
            "continuation interrupted",
            b"\x1b[?2004hsh-5.2$ for i in 1 2; do\r\n\x1b[?2004l\r\x1b[?2004h> echo $i^C\x1b[?2004l\r\x1b[?2004h\x1b[?2004l\r\r\n",
            &[("for i in 1 2; do\necho $i", Status::Aborted)],
        ),
    ];
    for (name, bytes, expected) in table {
        let expected: Vec<_> =
            expected.iter().map(|(command, status)| ((*command).to_owned(), *status)).collect();
        assert_eq!(commands(bytes), expected, "{name}");
    }
}

#[test]
fn continuation_lines_belong_to_their_command() {
    check(&[
        (
            "marked",
            b"\x1b[?2004hsh-5.2$ cat <<EOF\r\r\n\x1b[?2004l\r\x1b[?2004h> line one\r\r\n\x1b[?2004l\r\x1b[?2004h> EOF\r\r\n\x1b[?2004l\rline one\r\r\n\x1b[?2004hsh-5.2$ for i in 1 2\r\r\n\x1b[?2004l\r\x1b[?2004h> do echo $i\r\r\n\x1b[?2004l\r\x1b[?2004h> done\r\r\n\x1b[?2004l\r1\r\r\n2\r\r\n",
            &["cat <<EOF\nline one\nEOF", "for i in 1 2\ndo echo $i\ndone"],
        ),
        (
            "unmarked",
            b"$ cat <<EOF\r\n> line one\r\n> EOF\r\nline one\r\n$ echo one \\\r\n> two\r\none two\r\n$ exit\r\n",
            &["cat <<EOF\nline one\nEOF", "echo one \\\ntwo", "exit"],
        ),
        ("not asked for", b"$ echo '> quoted'\r\n> quoted\r\n$ exit\r\n", &["echo '> quoted'", "exit"]),
        (
            "primary prompt like a secondary one",
            b"\x1b[?2004h> true\r\n\x1b[?2004l\r\x1b[?2004h> id\r\n\x1b[?2004l\ruid=0\r\n",
            &["true", "id"],
        ),
    ]);
}

#[test]
fn output_that_looks_like_a_prompt_is_output() {
    check(&[
        (
            "marked",
            b"\x1b[?2004hu@h:~$ printf x\r\r\n\x1b[?2004l\r[root@evil ~]# rm -rf /\r\r\nu@h:~$ rm\r\r\n\x1b[?2004hu@h:~$ exit\r\r\n\x1b[?2004l\r",
            &["printf x", "exit"],
        ),
        (
            "unmarked",
            b"[u@h ~]$ cat notes\r\n[root@ip ~]# poweroff\r\n$ id\r\n# a\r\nsh-4.2$ exit\r\nexit\r\n[u@h ~]$ exit\r\n",
            &["cat notes", "exit"],
        ),
        ("glued", b"sh-4.2$ printf abc\r\r\nabcsh-4.2$ echo x\r\r\nx\r\r\n", &["printf abc", "echo x"]),
        (
            "glued, marked",
            b"\x1b[?2004hsh-5.2$ printf abc\r\r\n\x1b[?2004l\rabc\x1b[?2004hsh-5.2$ echo x\r\r\n\x1b[?2004l\rx\r\r\n",
            &["printf abc", "echo x"],
        ),
    ]);
}

#[test]
fn a_prompt_behind_a_long_line() {
    let bytes = format!("u@h:~$ base64 x\r\n{}u@h:~$ id\r\nuid=0\r\n", "A".repeat(20_000));
    assert_eq!(commands(bytes.as_bytes()), executed(&["base64 x", "id"]));
    assert_eq!(parsed(bytes.as_bytes()).records[0].output.len(), 20_000);
}

#[test]
fn nested_shells_bring_their_own_prompts() {
    check(&[
        (
            "su",
            b"# su - nobody -s /bin/bash\r\r\n\x1b[?2004hnobody@h1:/usr/bin$ whoami\r\r\n\x1b[?2004l\rnobody\r\r\n\x1b[?2004hnobody@h1:/usr/bin$ exit\r\r\n\x1b[?2004l\rlogout\r\r\n# exit\r\r\n",
            &["su - nobody -s /bin/bash", "whoami", "exit", "exit"],
        ),
        (
            "dash in bash",
            b"\x1b[?2004h[u@h ~]$ dash\r\n\x1b[?2004l\r$ ls /okt\x08 \x08\x08 \x08pt\r\napp\r\n$ exit\r\n\x1b[?2004h[u@h ~]$ id\r\n\x1b[?2004l\r",
            &["dash", "ls /opt", "exit", "id"],
        ),
        (
            "ssh",
            b"a@one:~$ ssh two\r\nWelcome\r\nb@two:~$ cd /tmp\r\nb@two:/tmp$ exit\r\nlogout\r\nConnection to two closed.\r\na@one:~$ exit\r\n",
            &["ssh two", "cd /tmp", "exit", "exit"],
        ),
    ]);
}

#[test]
fn interpreters_read_program_input() {
    let bytes = b"\x1b[?2004hu@h:~$ python3\r\r\n\x1b[?2004l\rPython 3.11.2 on linux\r\r\n>>> import os; os.system(\"id\")\r\r\nuid=65534(nobody)\r\r\n0\r\r\n>>> for i in x:\r\r\n...     print(i)\r\r\n... \r\r\n>>> exit()\r\r\n\x1b[?2004hu@h:~$ echo after\r\r\n\x1b[?2004l\rafter\r\r\n";
    let found = commands(bytes);
    let statuses: Vec<Status> = found.iter().map(|(_, status)| *status).collect();
    assert_eq!(found[1].0, "import os; os.system(\"id\")");
    assert_eq!(found[2].0.trim_end(), "for i in x:\n    print(i)");
    use Status::{Executed, ProgramInput};
    assert_eq!(statuses, [Executed, ProgramInput, ProgramInput, ProgramInput, Executed]);
    let ipython = b"u@h:~$ ipython\r\n\r\nIn [1]: import os\r\n\r\nIn [2]: exit\r\nu@h:~$ exit\r\n";
    let found: Vec<String> = commands(ipython).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found, ["ipython", "import os", "exit", "exit"]);
    let psql = b"\x1b[?2004h[r@h ~]# psql app\r\n\x1b[?2004l\r\x1b[?2004happ=# select *\r\n\x1b[?2004l\r\x1b[?2004happ-#   from t;\r\n\x1b[?2004l\r app=# drop table t;\r\n\x1b[?2004happ=# \\q\r\n\x1b[?2004l\r";
    let found: Vec<String> = commands(psql).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found, ["psql app", "select *\n  from t;", "\\q"]);
}

#[test]
fn lines_typed_ahead_are_kept() {
    let bytes = b"$ echo a; sleep 0.3\r\r\necho b\r\r\necho c\r\r\na\r\r\n$ b\r\r\n$ c\r\r\n$ ";
    let found = parsed(bytes).records;
    let lines: Vec<_> = found
        .iter()
        .map(|record| (record.command.as_deref(), record.status, record.output.as_str()))
        .collect();
    assert_eq!(lines[0], (Some("echo a; sleep 0.3"), Some(Status::Executed), "echo b\necho c\na"));
    assert_eq!(lines[1], (Some("echo b"), Some(Status::EchoOnly), "b"));
    assert_eq!(lines[2], (Some("echo c"), Some(Status::EchoOnly), "c"));
    assert_eq!((lines.len(), found[1].confidence, found[1].boundary), (3, Confidence::Low, Boundary::Echo));
}

#[test]
fn lines_pasted_into_a_shell_without_an_editor_are_commands() {
    let found =
        |bytes: &[u8]| -> Vec<String> { commands(bytes).into_iter().map(|(command, _)| command).collect() };
    // Behind a command that shows lines.
    let shown = b"$ ip a | head -2\r\r\nsed -n '1,2p' /opt/app.conf\r\r\n1: lo: <LOOPBACK>\r\r\n$ # application settings\r\r\n[main]\r\r\n$ id\r\r\nx\r\r\n$ exit\r\r\n";
    assert_eq!(found(shown), ["ip a | head -2", "sed -n '1,2p' /opt/app.conf", "id", "exit"]);
    // A block, and commands that print nothing.
    let block = b"$ w\r\r\nfor i in 1 2; do\r\r\n  echo snapshot\r\r\ndone\r\r\ntrue\r\r\nsudo -l | head -1\r\r\n 22:28 up\r\r\n$ > > snapshot\r\r\nsnapshot\r\r\n$ $ Matching Defaults entries\r\r\n$ exit\r\r\n";
    assert_eq!(
        found(block),
        ["w", "for i in 1 2; do\n  echo snapshot\ndone", "true", "sudo -l | head -1", "exit"]
    );
    let unknown = b"$ w\r\r\nll\r\r\npython3 -c \"print(387)\"\r\r\n 22:28 up\r\r\n$ dash: 4: ll: not found\r\r\n$ 387\r\r\n$ exit\r\r\n";
    assert_eq!(found(unknown), ["w", "ll", "python3 -c \"print(387)\"", "exit"]);
    let several = b"# w\r\r\ngit status -sb\r\r\nchmod 640 /tmp/payload\r\r\numask\r\r\n 22:28 up\r\r\n# fatal: not a git repository\r\r\n# chmod: cannot access '/tmp/payload'\r\r\n# 0022\r\r\n# exit\r\r\n";
    assert_eq!(found(several), ["w", "git status -sb", "chmod 640 /tmp/payload", "umask", "exit"]);
}

#[test]
fn what_looks_like_a_line_typed_ahead_replaces_no_command() {
    let ran = |bytes: &[u8]| -> Vec<String> {
        commands(bytes)
            .into_iter()
            .map(|(command, _)| command)
            .filter(|command| !command.is_empty())
            .collect()
    };
    // What bash prints at C-d.
    let logout = b"$ sudo su -\r\r\n\x1b[?2004h[r@ip ~]# \x1b[?2004l\r\r\r\nlogout\r\r\n$ deploy x\r\r\nsome output\r\r\n$ exit\r\r\n";
    assert_eq!(ran(logout), ["sudo su -", "deploy x", "exit"]);
    check(&[
        (
            "a file",
            b"$ cat run.sh\r\r\njava -jar app.jar\r\r\n$ deploy x\r\r\nok\r\r\n$ exit\r\r\n",
            &["cat run.sh", "deploy x", "exit"],
        ),
        (
            "as root",
            b"# sudo -u www cat run.sh\r\r\njava -jar app.jar\r\r\n# vmstat 1 1\r\r\nprocs\r\r\n# exit\r\r\n",
            &["sudo -u www cat run.sh", "vmstat 1 1", "exit"],
        ),
        (
            "silent",
            b"$ ./build\r\r\ncp a b\r\r\n$ deploy x\r\r\nok\r\r\n$ exit\r\r\n",
            &["./build", "deploy x", "exit"],
        ),
    ]);
    // Programs that run long, and what says something in spite of its name.
    let pulled = b"$ git pull\r\r\nmake all\r\r\nAlready up to date.\r\r\n$ cc -o x x.c\r\r\n$ exit\r\r\n";
    assert_eq!(ran(pulled), ["git pull", "make all", "exit"]);
    let back = b"$ ./build\r\r\ncd -\r\r\n$ /srv/app\r\r\n$ exit\r\r\n";
    assert_eq!(ran(back), ["./build", "cd -", "exit"]);
    // A command that sets a variable, behind the name of a file that is that of a program.
    let sets = b"$ ls\r\r\nfile\r\r\n$ PGPASSWORD=x psql -h db app\r\r\nok\r\r\n$ exit\r\r\n";
    assert_eq!(ran(sets), ["ls", "PGPASSWORD=x psql -h db app", "exit"]);
    let unit = "$ w\r\r\nsystemctl status app\r\r\n 22:28 up\r\r\n$ ● app.service - The app server\r\r\n$ exit\r\r\n";
    assert_eq!(ran(unit.as_bytes()), ["w", "systemctl status app", "exit"]);
    let failed = b"$ sleep 5\r\r\ncd /x\r\r\n$ sh: 2: cd: can't cd to /x\r\r\n$ exit\r\r\n";
    assert_eq!(ran(failed), ["sleep 5", "cd /x", "exit"]);
}

#[test]
fn lines_typed_ahead_of_a_shell_that_echoes_them_again() {
    let bytes = b"\x1b[?2004hsh-5.2$ sleep 1\r\n\x1b[?2004l\recho ta1\r\necho ta2\r\n\x1b[?2004hsh-5.2$ echo ta1\r\n\x1b[?2004l\rta1\r\n\x1b[?2004hsh-5.2$ echo ta2\r\n\x1b[?2004l\rta2\r\n";
    assert_eq!(commands(bytes), executed(&["sleep 1", "echo ta1", "echo ta2"]));
}

#[test]
fn a_profile_types_before_the_first_prompt() {
    let bash = b"cd /tmp\r\r\nexport A=1\r\r\nbash\r\r\n\x1b[?2004hsh-5.2$ cd /tmp\r\r\n\x1b[?2004l\r\x1b[?2004hsh-5.2$ export A=1\r\r\n\x1b[?2004l\r\x1b[?2004hsh-5.2$ bash\r\r\n\x1b[?2004l\r\x1b[?2004hu@h:/tmp$ ";
    assert_eq!(commands(bash), executed(&["cd /tmp", "export A=1", "bash"]));
    let dash =
        b"cd /tmp\r\r\nexport A=1\r\r\nbash\r\r\n$ $ $ \x1b[?2004hu@h:/tmp$ id\r\r\n\x1b[?2004l\ruid=0\r\r\n";
    let found = commands(dash);
    let lines: Vec<&str> = found.iter().map(|(command, _)| command.as_str()).collect();
    assert_eq!(lines, ["cd /tmp", "export A=1", "bash", "id"]);
    assert_eq!(found[1].1, Status::EchoOnly);
}

#[test]
fn keys_that_a_plain_shell_does_not_know_stay_in_the_line() {
    let bytes = b"$ ls^[[A^[[D\r\r\nsh: 1: ls\x1b[A\x1b[D: not found\r\r\n$ exit\r\r\n";
    assert_eq!(commands(bytes), executed(&["ls^[[A^[[D", "exit"]));
    assert!(parsed(bytes).records[0].output.contains("sh: 1: ls"));
}

#[test]
fn hidden_answers_and_empty_lines_are_no_commands() {
    check(&[
        ("password", b"\x1b[?2004hsh-5.2$ su - root\r\r\n\x1b[?2004l\rPassword: \r\r\nsu: Authentication failure\r\r\n", &["su - root"]),
        ("empty", b"\x1b[?2004hsh-5.2$ \r\r\n\x1b[?2004l\r\x1b[?2004hsh-5.2$ id\r\r\n\x1b[?2004l\r", &["id"]),
        ("echo off", b"\x1b[?2004hsh-5.2$ stty -echo; read p; stty echo\r\r\n\x1b[?2004l\r\x1b[?2004hsh-5.2$ exit\r\r\n", &["stty -echo; read p; stty echo", "exit"]),
    ]);
}

#[test]
fn a_shell_that_an_unknown_program_opens_is_seen() {
    let inner = |prompt: &str| {
        format!("{prompt}whoami\r\r\nroot\r\r\n{prompt}id; cat /etc/shadow\r\r\nx\r\r\n{prompt}exit\r\r\n")
    };
    for prompt in ["# ", "bash-5.1# ", "root@c18b5dd1670a:/# "] {
        let inside = inner(prompt);
        let unmarked = format!(
            "[ada@web ~]$ ls\r\r\na\r\r\n[ada@web ~]$ ./getroot\r\r\nNo key!\r\r\n{inside}[ada@web ~]$ exit\r\r\n"
        );
        let marked = format!(
            "\x1b[?2004h[ada@web ~]$ ./getroot\r\r\n\x1b[?2004l{inside}\x1b[?2004h[ada@web ~]$ exit\r\r\n\x1b[?2004l"
        );
        let all = ["ls", "./getroot", "whoami", "id; cat /etc/shadow", "exit", "exit"];
        assert_eq!(commands(unmarked.as_bytes()), executed(&all), "{prompt}");
        assert_eq!(commands(marked.as_bytes()), executed(&all[1..]), "{prompt}");
        // Nothing says that it was a shell where it is not left with a command, or where a program only prints.
        let printed = marked.replace(&format!("{prompt}exit\r\r\n"), "").replace("./getroot", "./story");
        assert_eq!(commands(printed.as_bytes()), executed(&["./story", "exit"]), "{prompt}");
        let shown = marked.replace("./getroot", "tail story.log");
        assert_eq!(commands(shown.as_bytes()), executed(&["tail story.log", "exit"]), "{prompt}");
    }
}

#[test]
fn an_inner_prompt_of_several_words_is_known_by_its_commands() {
    let inner =
        ["[prod] repo$ ", "[22:30] repo> ", "(prod) repo> ", "prod | repo > ", "[prod] repo # ", "* repo> "];
    let outer = [
        ("sh-4.2$ ", "bash"),
        ("[ec2-user@ip ~]$ ", "sudo su - app"),
        ("$ ", "sudo -i"),
        ("$ ", "export PS1='[beta] \\W> '"),
    ];
    for inner in inner {
        for (outer, opens) in outer {
            let session = format!(
                "{outer}id\r\r\nx\r\r\n{outer}{opens}\r\r\n{inner}ls -l a.log\r\r\na.log\r\r\n{inner}deploy now\r\r\nok\r\r\n{inner}exit\r\r\nexit\r\r\n{outer}exit\r\r\n"
            );
            let found: Vec<String> =
                commands(session.as_bytes()).into_iter().map(|(command, _)| command).collect();
            assert_eq!(
                found,
                ["id", opens, "ls -l a.log", "deploy now", "exit", "exit"],
                "{inner}{outer}{opens}"
            );
        }
    }
    // Neither what stands before the inner prompt is one, nor what a container prints.
    let told = b"$ id\r\nx\r\n$ sudo su\r\n- try # systemctl status\r\n- try # systemctl restart x\r\n# ls\r\nx\r\n# exit\r\n$ exit\r\n";
    assert_eq!(commands(told), executed(&["id", "sudo su", "ls", "exit", "exit"]));
    let printed = "$ docker run -it app\r\r\nnode one > ready\r\r\nnode one > sent\r\r\nnode one > done\r\r\n$ exit\r\r\n";
    assert_eq!(commands(printed.as_bytes()), executed(&["docker run -it app", "exit"]));
}

#[test]
fn the_prompt_of_the_outer_shell_may_stand_right_behind_that_of_the_inner_one() {
    // Some programs print no newline when ^D ends them.
    for (inner, start) in
        [("> ", "node"), ("$ ", "dash"), (">>> ", "python3"), ("php > ^D", "php -a"), ("# ", "sudo sh")]
    {
        for outer in ["[ec2-user@web ~]$ ", "sh-4.2$ ", "/srv $ "] {
            let own = inner.trim_end_matches("^D");
            let bytes = format!(
                "{outer}ls\r\nx\r\n{outer}{start}\r\n{own}id\r\nout\r\n{own}pwd\r\nout\r\n{inner}{outer}date\r\nSun\r\n{outer}exit\r\n"
            );
            let found: Vec<String> =
                commands(bytes.as_bytes()).into_iter().map(|(command, _)| command).collect();
            assert_eq!(found, ["ls", start, "id", "pwd", "date", "exit"], "{inner} {outer}");
        }
    }
}

#[test]
fn a_printed_transcript_of_a_shell_with_the_same_prompt_is_output() {
    let printed =
        "Script started on Fri Nov 20 22:33:21 2026\r\r\n$ hostname\r\r\r\nweb\r\r\r\n$ rm x\r\r\r\n";
    let bytes = format!("$ id\r\r\n0\r\r\n$ cat a.log\r\r\n{printed}$ pwd\r\r\n/\r\r\n$ exit\r\r\n");
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "cat a.log", "pwd", "exit"]));
    // Behind edits with marks, those tell.
    let edit = |line: &str| format!("\x1b[?2004hweb:~$ {line}\r\r\n\x1b[?2004l\r");
    let printed = "ada@db:~$ hostname\r\r\r\r\ndb\r\r\r\r\nada@db:~$ exit\r\r\r\r\nexit\r\r\r\r\n";
    let bytes = format!("{}0\r\r\n{}{printed}{}", edit("id"), edit("sudo cat a.log"), edit("exit"));
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "sudo cat a.log", "exit"]));
}

#[test]
fn a_program_may_be_left_in_more_ways_than_are_known() {
    // Both visits end with what is no known way out, so that its prompt comes again.
    for (prompt, start, out) in [
        (">>> ", "python3", "raise SystemExit"),
        ("sqlite> ", "sqlite3 x.db", ".q"),
        ("iex(1)> ", "iex", "System.halt"),
    ] {
        for outer in ["[ec2-user@web ~]$ ", "sh-4.2$ "] {
            let visit = format!("{outer}{start}\r\n{prompt}1+1\r\n2\r\n{prompt}{out}\r\n");
            let bytes = format!(
                "{outer}ls\r\nx\r\n{visit}{outer}echo one\r\none\r\n{outer}df\r\nx\r\n{visit}{outer}exit\r\n"
            );
            let found: Vec<String> =
                commands(bytes.as_bytes()).into_iter().map(|(command, _)| command).collect();
            let shell: Vec<&str> = ["ls", start, "echo one", "df", start, "exit"].to_vec();
            assert!(shell.iter().all(|line| found.iter().any(|found| found == line)), "{found:?}");
            assert_eq!(
                found.iter().filter(|line| shell.contains(&line.as_str())).count(),
                shell.len(),
                "{found:?}"
            );
        }
    }
}

#[test]
fn what_only_looks_as_if_something_else_had_happened() {
    let table: [(&str, &[u8], &[&str]); 7] = [
        (
            "a program that prints the prompt of the shell is not left",
            b"me@h:~$ python3\r\n>>> print(open(\"s.log\").read())\r\nme@h:~$ rm -rf x\r\nme@h:~$ ls\r\n>>> x\r\n1\r\n>>> exit()\r\nme@h:~$ pwd\r\n/\r\n",
            &["python3", "print(open(\"s.log\").read())", "x", "exit()", "pwd"],
        ),
        (
            "a bell within the line, and a usage below it, are no list",
            b"u@h:~$ ./dep\x07loy-all.sh \r\nusage: ./deploy-all.sh ENV\r\nu@h:~$ ./deploy-all.sh prod\r\nok\r\nu@h:~$ id\r\n",
            &["./deploy-all.sh", "./deploy-all.sh prod", "id"],
        ),
        (
            "mksh ends what is broken off in another way than other lines",
            b"# ^C\r\n# ls\r\r\na\r\n# cat a\r\r\nx\r\n# rm x\r\r\n# exit\r\r\n",
            &["ls", "cat a", "rm x", "exit"],
        ),
        (
            "a program that begins with a capital letter is no message",
            b"$ id\r\n0\r\n$ ./srv &\r\n[1] 123\r\n$ Rscript model.R data.csv\r\n\r\nCall: lm\r\n$ ./srv &\r\n[2] 1\r\n$ [[ -f a ]] && ./show.sh\r\nhello\r\n\r\nbye\r\n$ pwd\r\n",
            &["id", "./srv &", "Rscript model.R data.csv", "./srv &", "[[ -f a ]] && ./show.sh", "pwd"],
        ),
        (
            "the shell of root may begin with programs of its own",
            b"# appcli backup\r\nok\r\n# appcli verify now\r\nok\r\n# su - ada\r\n$ ls\r\nx\r\n$ exit\r\n# appcli prune\r\n",
            &["appcli backup", "appcli verify now", "su - ada", "ls", "exit", "appcli prune"],
        ),
        (
            "a prompt that was copied is typed",
            b"[a@h ~]$ ls\r\nx\r\n[a@h ~]$ sh\r\n$ id\r\n0\r\n$ echo a@h:~$ ls\r\na@h:~$ ls\r\n$ exit\r\n[a@h ~]$ pwd\r\n",
            &["ls", "sh", "id", "echo a@h:~$ ls", "exit", "pwd"],
        ),
        (
            "a tool whose commands are named like programs",
            b"\x1b[?2004h\xe2\x9d\xaf tool top\r\n\x1b[?2004l\r\x1b[?2004h\xe2\x9d\xaf tool ls\r\n\x1b[?2004l\r\x1b[?2004h\xe2\x9d\xaf tool env pull\r\n\x1b[?2004l\r\x1b[?2004h\xe2\x9d\xaf tool rm x\r\n\x1b[?2004l\r\x1b[?2004h\xe2\x9d\xaf tool logout\r\n\x1b[?2004l\r",
            &["tool top", "tool ls", "tool env pull", "tool rm x", "tool logout"],
        ),
    ];
    for (name, bytes, wanted) in table {
        let found: Vec<String> = commands(bytes).into_iter().map(|(command, _)| command).collect();
        assert_eq!(found, wanted, "{name}");
    }
}

/// vim paints the row that is typed in once more for each key.
#[test]
fn what_a_full_screen_program_paints_is_no_prompt() {
    let painted: String = (1..40).map(|column| format!("$ rm -rf /\x1b[2;{column}H\x1b[K")).collect();
    let screen = format!("\x1b[?1049h\x1b[H\x1b[2J{painted}\x1b[?1049l");
    let line = |command: &str, output: &str| format!(">> {command}\r\n{output}");
    let bytes = [line("id", "0\r\n"), line("vim x", &screen), line("ls", "a\r\n"), line("exit", "")].concat();
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "vim x", "ls", "exit"]));
}

#[test]
fn a_tool_may_have_a_prompt_that_is_named_after_it() {
    let edit = |line: &str| format!("\x1b[?2004hme@tower:~/p$ {line}\r\n\x1b[?2004l\r");
    let tool = "Welcome\r\nwekan> ls\r\na b\r\nwekan> cd 2\r\nok\r\nwekan> exit\r\n";
    for program in ["wekan navigate", "python3 ./wekan.py"] {
        let bytes = [edit(program), tool.to_owned(), edit("ls"), edit("exit")].concat();
        let found: Vec<String> = commands(bytes.as_bytes()).into_iter().map(|(line, _)| line).collect();
        assert_eq!(found, [program, "ls", "cd 2", "exit", "ls", "exit"]);
    }
    // Where nothing marks the lines of the shell, these are never hidden.
    let line = |line: &str| format!("[a@b ~]$ {line}\r\n");
    let hidden = [
        line("./wekan"),
        "wekan> a\r\nwekan> b\r\n".to_owned(),
        line("rm -rf /data"),
        line("id"),
        line("./wekan"),
    ];
    let hidden = hidden.concat() + "wekan> c\r\n" + &line("exit");
    assert_eq!(commands(hidden.as_bytes()), executed(&["./wekan", "rm -rf /data", "id", "./wekan", "exit"]));
    let other = [edit("cat notes"), tool.to_owned(), edit("ls"), edit("exit")].concat();
    assert_eq!(commands(other.as_bytes()), executed(&["cat notes", "ls", "exit"]));
}

#[test]
fn a_directory_may_have_a_quote_in_its_name() {
    let edit = |line: &str| format!("\x1b[?2004hme@tower:~/p$ {line}\r\n\x1b[?2004l\r");
    let remote = "ab@host:/home/ab/O' Levels$ ls\r\nf\r\nab@host:/home/ab/O' Levels$ whoami\r\nA\r\nab@host:/home/ab/O' Levels$ \r\n";
    let bytes = [edit("python server.py"), remote.to_owned(), edit("exit")].concat();
    let found: Vec<String> = commands(bytes.as_bytes())
        .into_iter()
        .map(|(line, _)| line)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(found, ["python server.py", "ls", "whoami", "exit"]);
}

#[test]
fn a_tool_may_be_left_without_a_word() {
    // What is typed has one return more where an editor of the tool's own ends it.
    for own in ["\r\n", "\r\r\n"] {
        for end in ["\r\nme@web:~$ ", "\r\nme@web:~$ pwd\r\n/\r\n", ""] {
            let line = |typed: &str| format!("nst:/a> {typed}{own}ok\r\n");
            let lines = ["ll", "cd b", "tree blog -r"].map(line).concat();
            let session = format!("me@web:~$ npx netstorage\r\n{lines}nst:/a/b> {end}");
            let found: Vec<String> = commands(session.as_bytes())
                .into_iter()
                .map(|(line, _)| line)
                .filter(|line| !line.is_empty())
                .collect();
            let mut expected = vec!["npx netstorage", "ll", "cd b", "tree blog -r"];
            expected.extend(end.contains("pwd").then_some("pwd"));
            assert_eq!(found, expected, "{own:?} {end:?}");
        }
    }
    // Where all rows have the same returns, a transcript may be shown.
    let shown = "me@web:~$ id\r\n0\r\nme@web:~$ ./play.sh\r\nnst> ll x\r\r\nok\r\r\nnst> cd b\r\r\nok\r\r\nnst> \r\r\nme@web:~$ ";
    let found: Vec<String> = commands(shown.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert!(!found.contains(&"ll x".to_owned()), "{found:?}");
}

#[test]
fn a_tool_is_found_below_a_line_of_zsh_too() {
    let zsh = |line: &str| format!("\x1b[?2004hweb% {line}\x1b[?2004l\r\r\n");
    let tool = ["list tables", "drop it", "exit"].map(|line| format!("db>> {line}\r\nok\r\n")).concat();
    let session = format!("{}0\r\n{}{tool}{}", zsh("id"), zsh("make db"), zsh("pwd"));
    let found: Vec<String> = commands(session.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, ["id", "make db", "list tables", "drop it", "exit", "pwd"]);
}
