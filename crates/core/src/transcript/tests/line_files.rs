//! Commands that were finished in a text editor. The bytes are those of bash 5.2, zsh 5.9, vim 9 and nano 7.2, shortened.

use super::parsed;
use crate::session::{Boundary, Confidence, Reason, Status};

/// The commands that ran, and their outputs.
fn ran(bytes: &[u8]) -> Vec<(String, String)> {
    let records = parsed(bytes).records.into_iter();
    let ran = |record: &crate::session::CommandRecord| record.status == Some(Status::Executed);
    records.filter(ran).filter_map(|record| Some((record.command?, record.output))).collect()
}

/// What vim paints that was given a file with one line.
fn vim(file: &str, line: &str, keys: &str) -> String {
    format!(
        "\x1b[?1006;1000h\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[?2004h\x1b[1;24r\x1b[H\x1b[2J\x1b[24;1H\"{file}\" 1L, 13B\x1b[1;1H{line}\r\n\
         \x1b[94m~   \x1b[3;1H~   \x1b[m\x1b[24;63H1,1{keys}\x1b[24;1H\x1b[?2004l\x1b[?1l\x1b>\x1b[?1049l"
    )
}

#[test]
fn a_line_that_was_finished_in_an_editor_has_a_record() {
    let edited = vim("/tmp/bash-fc.ScdOx5", "echo from vi", "\x1b[1;13H edited");
    let marked = format!(
        "\x1b[?2004hu@h:~$ echo from vi\r\r\n\x1b[?2004l\r{edited}echo from vi edited\r\r\nfrom vi edited\r\r\n\x1b[?2004hu@h:~$ id\r\r\n\x1b[?2004l\ruid=0\r\r\n"
    );
    let unmarked = format!(
        "u@h:~$ echo from vi\r\r\n{edited}echo from vi edited\r\r\nfrom vi edited\r\r\nu@h:~$ id\r\r\nuid=0\r\r\nu@h:~$ "
    );
    for bytes in [marked, unmarked] {
        let found = ran(bytes.as_bytes());
        let lines: Vec<&str> = found.iter().map(|(command, _)| command.as_str()).collect();
        assert_eq!(lines, ["echo from vi", "echo from vi edited", "id"]);
        assert_eq!(found[1].1, "from vi edited");
        let records = parsed(bytes.as_bytes()).records;
        let (before, record) = (&records[0], &records[1]);
        // The line that was given to the editor did not run itself, as far as names of files tell.
        assert!(before.confidence < Confidence::High && before.reason.is_some());
        assert_eq!((record.boundary, record.reason), (Boundary::Echo, Some(Reason::EditedInFile)));
        assert_eq!((record.confidence, record.prompt.as_deref()), (Confidence::Medium, None));
        let start = usize::try_from(record.span.start).unwrap();
        assert!(bytes[start..].starts_with("echo from vi edited") && before.span.end == record.span.start);
        assert!(before.output.contains("bash-fc.ScdOx5"));
    }
}

#[test]
fn all_lines_of_the_file_are_found_that_the_editor_shows() {
    // At an empty prompt; the file is echoed line by line, each command before its output.
    let screen = "\x1b[?1049h\x1b[H\x1b[2J  GNU nano 7.2   /tmp/bash-fc.1omIf2 *\x1b[3;1Hcd /srv\x1b[4;1Hfor i in 1 2\x1b[5;1Hdo echo $i\x1b[6;1Hdone\x1b[7;1Hecho three\x1b[?1049l";
    let bytes = format!(
        "u@h:~$ id\r\nuid=0\r\nu@h:~$ \r\n{screen}cd /srv\r\nfor i in 1 2\r\ndo echo $i\r\ndone\r\n1\r\n2\r\necho three\r\nthree\r\nu@h:~$ exit\r\n"
    );
    let found = ran(bytes.as_bytes());
    let lines: Vec<&str> = found.iter().map(|(command, _)| command.as_str()).collect();
    assert_eq!(lines, ["id", "cd /srv", "for i in 1 2\ndo echo $i\ndone", "echo three", "exit"]);
    assert_eq!((found[2].1.as_str(), found[3].1.as_str()), ("1\n2", "three"));
}

#[test]
fn fc_runs_what_its_editor_leaves() {
    let table: [(&str, &str, &[&str]); 5] = [
        ("fc", "ls -d /srv /opt\r\n/opt\r\n/srv\r\n", &["id", "fc", "ls -d /srv /opt", "exit"]),
        ("fc -e ./ed 12", "ls /srv\r\na\r\n", &["id", "fc -e ./ed 12", "ls /srv", "exit"]),
        ("fc -l", "1\t ls -d /srv\r\n", &["id", "fc -l", "exit"]),
        ("fc", "bash: fc: history specification out of range\r\n", &["id", "fc", "exit"]),
        ("fc -nl -1", "ls -d /srv\r\n", &["id", "fc -nl -1", "exit"]),
    ];
    for (command, output, wanted) in table {
        let bytes = format!("u@h:~$ id\r\nuid=0\r\nu@h:~$ {command}\r\n{output}u@h:~$ exit\r\n");
        let found = ran(bytes.as_bytes());
        assert_eq!(found.into_iter().map(|(command, _)| command).collect::<Vec<_>>(), wanted, "{command}");
    }
}

#[test]
fn an_editor_without_a_screen_must_be_named_and_the_line_be_alike() {
    let edit = "export EDITOR=./ed";
    let table: [(&str, &str, &str, bool); 8] = [
        (edit, "ls -l /srv/XX", "ls -l /srv/data", true),
        (edit, "echo XX one", "echo edited one", true),
        // Nobody said that there is an editor.
        ("id", "ls -l /srv/XX", "ls -l /srv/data", false),
        // What the command prints.
        (edit, "echo echo one two", "echo one two", false),
        (edit, "echo $LAST one", "echo edited one", false),
        (edit, "grep billing run.sh", "grep billing /etc/passwd", false),
        (edit, "ls -d !$ /x", "ls -d /etc/hostname /x", false),
        (edit, "git --version", "git version 2.39", false),
    ];
    for (first, line, shown, runs) in table {
        let bytes = format!("u@h:~$ {first}\r\nx\r\nu@h:~$ {line}\r\n{shown}\r\nout\r\nu@h:~$ exit\r\n");
        let found = parsed(bytes.as_bytes()).records;
        let record = found.iter().find(|record| record.command.as_deref() == Some(shown));
        assert_eq!(record.is_some(), runs, "{line}");
        assert!(record.is_none_or(|record| record.confidence == Confidence::Low));
    }
}

#[test]
fn a_file_that_is_opened_by_its_name_is_no_line() {
    let table = [
        ("vim /tmp/bash-fc.ScdOx5", "/tmp/bash-fc.ScdOx5", "echo done"),
        ("crontab -e", "/tmp/asterisk.cron", "installing new crontab"),
        ("git commit", "/srv/.git/COMMIT_EDITMSG", "git status"),
    ];
    for (line, file, shown) in table {
        let screen = vim(file, "x", "");
        let bytes = format!("u@h:~$ id\r\nx\r\nu@h:~$ {line}\r\n{screen}{shown}\r\nout\r\nu@h:~$ exit\r\n");
        let found = ran(bytes.as_bytes());
        let lines: Vec<&str> = found.iter().map(|(command, _)| command.as_str()).collect();
        assert_eq!(lines, ["id", line, "exit"]);
    }
}

#[test]
fn what_a_command_of_an_edited_file_says_is_output() {
    let edited = vim("/tmp/bash-fc.ScdOx5", "echo first version", "\x1b[1;6Hsecond version");
    let session = format!(
        "\x1b[?2004hu@h:~$ fc\r\r\n\x1b[?2004l\r{edited}echo second version\r\r\nsecond version\r\r\n\x1b[?2004hu@h:~$ id\r\r\n\x1b[?2004l\r"
    );
    let found = ran(session.as_bytes());
    let lines: Vec<&str> = found.iter().map(|(command, _)| command.as_str()).collect();
    assert_eq!(lines, ["fc", "echo second version", "id"]);
}
