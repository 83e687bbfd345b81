//! What each cut rests on, in which shells a line was typed, by whom, and what became of its references.

use super::{parsed, right};
use crate::session::{Boundary, CommandRecord, Confidence, Flag, Origin, Reason, Status};

const PROMPT: &str = "u@h1:~$ ";

/// One edit of bash, with its marks, and its output.
fn fenced(prompt: &str, line: &str, output: &str) -> String {
    format!("\x1b[?2004h{prompt}{line}\r\r\n\x1b[?2004l\r{output}")
}

fn records(text: &str) -> Vec<CommandRecord> {
    parsed(text.as_bytes()).records
}

/// The commands of a transcript, each with its context.
fn contexts(text: &str) -> Vec<(String, String)> {
    let context = |record: CommandRecord| Some((record.command?, record.context.join("/")));
    records(text).into_iter().filter_map(context).collect()
}

fn check_contexts(text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(command, context)| ((*command).to_owned(), (*context).to_owned())).collect();
    assert_eq!(contexts(text), expected, "{text}");
}

#[test]
fn shells_and_programs_are_entered_and_left() {
    check_contexts(
        "sh-5.2$ bash\r\n[u@h ~]$ sudo -i\r\n[root@h ~]# su - postgres\r\n[postgres@h ~]$ psql app\r\napp=> select 1;\r\n1\r\n\
         app=> \\q\r\n[postgres@h ~]$ exit\r\nlogout\r\n[root@h ~]# ssh db1\r\nLast login: x\r\nroot@db1:~# id\r\nuid=0\r\n\
         root@db1:~# exit\r\nlogout\r\nConnection to db1 closed.\r\n[root@h ~]# exit\r\nlogout\r\n[u@h ~]$ exit\r\nexit\r\n\
         sh-5.2$ exit\r\nexit\r\n",
        &[
            ("bash", "sh"),
            ("sudo -i", "sh/bash"),
            ("su - postgres", "sh/bash/su:root"),
            ("psql app", "sh/bash/su:root/su:postgres"),
            ("select 1;", "sh/bash/su:root/su:postgres/psql"),
            ("\\q", "sh/bash/su:root/su:postgres/psql"),
            ("exit", "sh/bash/su:root/su:postgres"),
            ("ssh db1", "sh/bash/su:root"),
            ("id", "sh/bash/su:root/ssh:db1"),
            ("exit", "sh/bash/su:root/ssh:db1"),
            ("exit", "sh/bash/su:root"),
            ("exit", "sh/bash"),
            ("exit", "sh"),
        ],
    );
}

#[test]
fn what_was_not_entered_is_no_context() {
    check_contexts(
        "u@h:~$ su -\r\nPassword: \r\nsu: Authentication failure\r\nu@h:~$ sudo ls /root\r\nx\r\nu@h:~$ cd /tmp\r\nu@h:/tmp$ id\r\nx\r\n",
        &[("su -", "shell"), ("sudo ls /root", "shell"), ("cd /tmp", "shell"), ("id", "shell")],
    );
    check_contexts(
        "u@h:~$ bash\r\nu@h:~$ exit\r\nexit\r\nu@h:~$ id\r\nx\r\nu@h:~$ exit\r\n",
        &[("bash", "shell"), ("exit", "shell/bash"), ("id", "shell"), ("exit", "shell")],
    );
}

#[test]
fn lines_for_a_program_are_program_input() {
    let found = records(
        &[
            fenced(PROMPT, "node", "Welcome to Node.js\r\n> 1+1\r\n2\r\n> .exit\r\n"),
            fenced(PROMPT, "id", "x\r\n"),
        ]
        .concat(),
    );
    let lines: Vec<_> = found.iter().map(|record| (record.command.as_deref(), record.status)).collect();
    use Status::{Executed, ProgramInput};
    let expected = [
        (Some("node"), Some(Executed)),
        (Some("1+1"), Some(ProgramInput)),
        (Some(".exit"), Some(ProgramInput)),
        (Some("id"), Some(Executed)),
    ];
    assert_eq!(lines, expected);
    assert_eq!(found[1].context[..], ["shell", "node"]);
}

#[test]
fn each_cut_that_is_not_sure_has_a_reason() {
    let middle = "sh-4.2$ printf a\r\nash-4.2$ id\r\nx\r\nsh-4.2$ ";
    let fake = "a@web1:~$ bash x.sh\r\nroot@db1:~# rm -rf /\r\na@web1:~$ id\r\nx\r\n";
    let table: [(&str, usize, Confidence, Option<Reason>); 6] = [
        ("sh-4.2$ id\r\nx\r\n", 0, Confidence::Medium, Some(Reason::LearnedPrompt)),
        (middle, 1, Confidence::Low, Some(Reason::PromptInLine)),
        (&fenced(PROMPT, "id", "x\r\n"), 0, Confidence::High, None),
        (&fenced(PROMPT, "LATE\r\r\nid", "x\r\n"), 0, Confidence::Low, Some(Reason::Interrupted)),
        ("$ sleep 1\r\necho b\r\n$ b\r\n$ ", 1, Confidence::Low, Some(Reason::TypedAhead)),
        (fake, 1, Confidence::Medium, Some(Reason::LearnedPrompt)),
    ];
    for (text, index, confidence, reason) in table {
        let found = records(text);
        assert_eq!((found[index].confidence, found[index].reason), (confidence, reason), "{text}");
    }
    assert_eq!(records(fake)[1].command.as_deref(), Some("id"), "the imitation is output");
}

#[test]
fn a_profile_and_the_agent_are_told_from_the_user() {
    let typed = "cd /tmp\r\r\nexport A=1\r\r\nbash\r\r\n";
    let bash = [
        typed.to_owned(),
        fenced("sh-5.2$ ", "cd /tmp", ""),
        fenced("sh-5.2$ ", "export A=1", ""),
        fenced("sh-5.2$ ", "bash", ""),
        fenced("u@h:/tmp$ ", "cd /tmp", ""),
    ]
    .concat();
    let dash = format!("{typed}$ $ $ {}", fenced("u@h:/tmp$ ", "cd /tmp", ""));
    for text in [bash, dash] {
        let found = records(&text);
        let origins: Vec<_> = found.iter().map(|record| (record.command.as_deref(), record.origin)).collect();
        use Origin::{Profile, User};
        let expected = [
            (Some("cd /tmp"), Profile),
            (Some("export A=1"), Profile),
            (Some("bash"), Profile),
            (Some("cd /tmp"), User),
        ];
        assert_eq!(origins, expected, "{text}");
        assert_eq!(found[0].span.start, 0, "the echo is part of the command");
    }
}

#[test]
fn references_to_the_history_are_expanded() {
    let text = "sh-4.2$ ls /tmp\r\na\r\nsh-4.2$ echo !$\r\necho /tmp\r\n/tmp\r\nsh-4.2$ ^tmp^etc\r\necho /etc\r\n/etc\r\n\
                sh-4.2$ sudo !!\r\nsudo echo /etc\r\n/etc\r\nsh-4.2$ !nope\r\nsh: !nope: event not found\r\nsh-4.2$ echo 'a!b'\r\na!b\r\n";
    let expanded: Vec<_> = records(text).into_iter().map(|record| record.expanded).collect();
    let expected = [None, Some("echo /tmp"), Some("echo /etc"), Some("sudo echo /etc"), None, None]
        .map(|line| line.map(str::to_owned));
    assert_eq!(expanded, expected);
}

#[test]
fn what_is_typed_blindly_has_no_command() {
    let marked = [
        fenced("sh-5.2$ ", "stty -echo", ""),
        "\x1b[?2004hsh-5.2$ \x1b[?2004l\ruid=0\r\n".to_owned(),
        fenced("sh-5.2$ ", "id", "x\r\n"),
    ]
    .concat();
    for text in [marked.as_str(), "$ stty -echo\r\n$ uid=0\r\n$ ls\r\nf\r\n$ "] {
        let found = records(text);
        let blind = &found[1];
        assert_eq!(
            (blind.command.as_deref(), blind.output.as_str(), &blind.flags[..]),
            (None, "uid=0", &[Flag::Blind][..])
        );
        assert!(found[2].command.is_some() && found[2].flags.is_empty(), "{found:?}");
    }
}

#[test]
fn here_documents_are_data_of_their_command() {
    let text = "$ cat <<A <<-'B'\r\n> one\r\n> two\r\n> A\r\n> \tthree\r\n> B\r\none\r\n$ ";
    assert_eq!(records(text)[0].here_documents, ["one\ntwo", "three"]);
}

#[test]
fn a_printed_transcript_is_output() {
    let inner = "\x1b[?2004h[op@old ~]$ rm -rf /data\r\r\r\n\x1b[?2004l\rbusy\r\r\r\n";
    let text = [fenced(PROMPT, "cat x", inner), fenced(PROMPT, "id", "x\r\n")].concat();
    let found = records(&text);
    let commands: Vec<_> = found.iter().map(|record| record.command.as_deref()).collect();
    assert_eq!(commands, [Some("cat x"), Some("id")]);
    assert_eq!(found[0].output, "[op@old ~]$ rm -rf /data\nbusy");
    assert_eq!(found[0].boundary, Boundary::BracketedPaste);
}

#[test]
fn a_wrapped_line_replaced_by_a_short_one_tells_its_width() {
    let prompt = "ssmusr@h1:/usr/bin$ ";
    for width in [34_usize, 40, 47, 53] {
        // The recalled line ends below the place where the short one ends.
        let long = format!("echo {}", "a".repeat(width));
        let line = format!("{long}\x1b[As\x1b[K\r\r\n\r\x1b[K\x1b[A{}", right(26));
        let found = records(&fenced(prompt, &line, "s\r\r\n"));
        assert_eq!(found[0].command.as_deref(), Some("echo s"), "{width}");
    }
}
