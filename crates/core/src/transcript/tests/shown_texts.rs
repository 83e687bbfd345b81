//! Lines of texts that commands show, which look like prompts and are none.

use super::{commands, executed, parsed};
use crate::session::{Confidence, Status};

/// A session of lines that end as those of a terminal do.
fn session(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\r\r\n").into_bytes()).collect()
}

fn ran(lines: &[&str]) -> Vec<String> {
    let records = parsed(&session(lines)).records;
    let ran = records.into_iter().filter(|record| record.status != Some(Status::Unsubmitted));
    ran.filter_map(|record| record.command).collect()
}

#[test]
fn comments_of_a_file_are_no_commands_at_a_prompt_that_is_their_sign() {
    let file = [
        "# id",
        "uid=0(root)",
        "# cat /etc/sysctl.conf",
        "#",
        "# This is the configuration file for system variables.",
        "# See /etc/sysctl.d/ for additional system variables.",
        "#",
        "#kernel.domainname = example.com",
        "# Uncomment the following to stop low-level messages on console",
        "#kernel.printk = 3 4 1 3",
        "# ",
        "# This is set by hand",
        "## Shells",
        "# pwd",
        "/root",
        "# exit",
    ];
    assert_eq!(ran(&file), ["id", "cat /etc/sysctl.conf", "pwd", "exit"]);
}

#[test]
fn commands_that_nobody_knows_are_commands_below_a_text_as_well() {
    let unknown =
        ["# cat motd", "Welcome", "# deploy prod", "sh: 3: deploy: not found", "# rotate", "done", "# exit"];
    assert_eq!(ran(&unknown), ["cat motd", "deploy prod", "rotate", "exit"]);
    let sentences =
        ["# cat motd", "Welcome", "# echo all is well in this house", "all is well in this house", "# exit"];
    assert_eq!(ran(&sentences), ["cat motd", "echo all is well in this house", "exit"]);
    let paths = ["# head -1 x", "x=1", "# :", "# /opt/app/noisy &", "[1] 18104", "# exit"];
    assert_eq!(ran(&paths), ["head -1 x", ":", "/opt/app/noisy &", "exit"]);
    // What stands right below a comment may be one.
    let below = parsed(&session(&["# cat x", "#last", "# pwd", "/root", "# id", "uid=0", "# exit"])).records;
    let doubts: Vec<_> = below.iter().map(|record| record.confidence == Confidence::Low).collect();
    assert_eq!(doubts, [false, true, false, false]);
}

#[test]
fn frames_of_signs_hold_no_commands() {
    let motd = [
        "sh-4.2$ sudo -i",
        "##############################",
        "# Authorized access only     #",
        "# All activity is logged     #",
        "##############################",
        "[root@web ~]# w",
        " 02:23:53 up 49 min",
        "[root@web ~]# exit",
        "logout",
        "sh-4.2$ exit",
    ];
    assert_eq!(ran(&motd), ["sudo -i", "w", "exit", "exit"]);
}

#[test]
fn signs_behind_a_margin_belong_to_the_text() {
    let readme =
        ["$ id", "uid=1", "$ cat README.md", "Install:", "    $ npm ci", "    $ npm run build", "$ exit"];
    assert_eq!(ran(&readme), ["id", "cat README.md", "exit"]);
    let root = ["-bash-4.2# git diff", "-# old", "+# new", "-bash-4.2# pwd", "/root", "-bash-4.2# exit"];
    assert_eq!(ran(&root), ["git diff", "pwd", "exit"]);
    let numbered = [
        "$ id",
        "uid=1",
        "$ grep -n x README",
        "5:    $ npm ci",
        "12:sh-5.2$ sudo su -",
        "13:ec2-user@ip-10-0-1-23:~$ tail -f /var/log/app.log",
        "16:$ exit",
        "$ pwd",
        "/",
        "$ exit",
    ];
    assert_eq!(ran(&numbered), ["id", "grep -n x README", "pwd", "exit"]);
    let own =
        ["[root@web ~]# grep -n root notes", "11:[root@web ~]# systemctl status app", "[root@web ~]# exit"];
    assert_eq!(ran(&own), ["grep -n root notes", "exit"]);
    // Output without a newline ends otherwise.
    let glued = ["$ cat x", "5 files$ ls", "x", "$ exit"];
    assert_eq!(ran(&glued), ["cat x", "ls", "exit"]);
}

#[test]
fn a_pager_that_paints_no_screen_shows_no_prompts() {
    let pager =
        b"$ id\r\r\nuid=0\r\r\n$ less -X README\r\r\n\x1b[?1h\x1b=\r$ app\r\r\nInstall\r\r\n$ npm ci\r\r\n\
        \x1b[7m(END)\x1b[27m\x1b[K\r\x1b[K\x1b[?1l\x1b>$ pwd\r\r\n/\r\r\n$ exit\r\r\n";
    assert_eq!(commands(pager), executed(&["id", "less -X README", "pwd", "exit"]));
    // One that was killed does not give the keypad back; the next one asks for it anew.
    let killed = b"$ less -X a\r\r\n\x1b[?1h\x1b=\r$ text\r\r\nTerminated\r\r\n$ ls\r\r\na\r\r\n\
        $ less -X b\r\r\n\x1b[?1h\x1b=\rtext\r\r\n\x1b[K\x1b[?1l\x1b>$ exit\r\r\n";
    let commands = commands(killed).into_iter().map(|(command, _)| command);
    assert_eq!(commands.collect::<Vec<_>>(), ["less -X a", "text", "ls", "less -X b", "exit"]);
}

#[test]
fn what_looks_like_the_outer_prompt_takes_nothing_from_the_inner_shell() {
    let shown = [
        "sh-4.2$ sudo su",
        "# id",
        "uid=0",
        "# ls",
        "notes",
        "# cat notes",
        "run this:",
        "sh-5.2$ sudo su -",
        "# pwd",
        "/root",
        "# exit",
        "sh-4.2$ exit",
    ];
    assert_eq!(ran(&shown), ["sudo su", "id", "ls", "cat notes", "pwd", "exit", "exit"]);
    // The third shell has the prompt of the first.
    let nested = [
        "$ bash",
        "\u{276f} id",
        "uid=0",
        "\u{276f} ls",
        "a",
        "\u{276f} dash",
        "$ date",
        "Sun",
        "$ exit",
        "\u{276f} pwd",
        "/root",
        "\u{276f} exit",
        "$ exit",
    ];
    assert_eq!(ran(&nested), ["bash", "id", "ls", "dash", "date", "exit", "pwd", "exit", "exit"]);
}

#[test]
fn a_shell_without_marks_between_two_with_marks_may_have_their_prompt() {
    let marked = |typed: &str| format!("\x1b[?2004h$ {typed}\r\r\n\x1b[?2004l\r");
    let session = marked("dash")
        + "$ lsof -i :8080\r\r\n$ sudo su -\r\r\nLast login\r\r\n"
        + &marked("date")
        + "Sun\r\r\n"
        + &marked("exit")
        + "logout\r\r\n$ pwd\r\r\n/\r\r\n$ exit\r\r\n"
        + &marked("exit");
    let commands = commands(session.as_bytes()).into_iter().map(|(command, _)| command);
    let wanted = ["dash", "lsof -i :8080", "sudo su -", "date", "exit", "pwd", "exit", "exit"];
    assert_eq!(commands.collect::<Vec<_>>(), wanted);
}

#[test]
fn the_sign_of_a_pipe_may_stand_between_the_fields_of_a_prompt() {
    for prompt in ["[root@db ~](\u{2388}|prod:default)# ", "[prod|root@db ~]# "] {
        let line = |typed: &str| format!("{prompt}{typed}");
        let lines = [
            "$ sudo -i".to_owned(),
            line("id"),
            "uid=0".to_owned(),
            line("sh"),
            "# date".to_owned(),
            "Sun".to_owned(),
            "# exit".to_owned(),
            line("cat notes"),
            "[root@other ~]# systemctl status app".to_owned(),
            line("exit"),
            "$ exit".to_owned(),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            ran(&lines),
            ["sudo -i", "id", "sh", "date", "exit", "cat notes", "exit", "exit"],
            "{prompt}"
        );
    }
}

#[test]
fn sqlite_asks_for_more_with_a_prompt_of_its_own() {
    let marked = b"\x1b[?2004h[root@web ~]# sqlite3 t.db\r\r\n\x1b[?2004l\r\x1b[?2004hsqlite> select 1\r\r\n\x1b[?2004l\r\
        \x1b[?2004h   ...>   as x;\r\r\n\x1b[?2004l\r1\r\r\n\x1b[?2004hsqlite> .quit\r\r\n\x1b[?2004l\r\
        \x1b[?2004h[root@web ~]# exit\r\r\n\x1b[?2004l\r";
    let commands = commands(marked).into_iter().map(|(command, _)| command);
    assert_eq!(commands.collect::<Vec<_>>(), ["sqlite3 t.db", "select 1\n  as x;", ".quit", "exit"]);
}

/// fish ends its own lines with more returns than a shell whose transcript it shows. A shell that is opened from a pager looks
/// the same.
#[test]
fn a_transcript_with_marks_that_is_shown_is_doubted() {
    let own = |line: &str| {
        format!("\x1b[?2004h\x1b[Kroot@web /srv> {line}\r\r\r\n\x1b[30m\x1b(B\x1b[m\x1b[?2004l\r")
    };
    let edit = |line: &str| format!("\x1b[?2004hsh-5.2$ {line}\r\r\n\x1b[?2004l\r");
    let shown = format!("Script started on 2026-11-20\r\r\n{}{}{}", edit("id"), edit("whoami"), edit("exit"));
    let bytes = [own("ls"), own("cat ses.log"), shown, own("pwd"), own("exit")].concat();
    let sure = |confidence| {
        parsed(bytes.as_bytes()).records.into_iter().filter(move |found| found.confidence == confidence)
    };
    let lines = |confidence| sure(confidence).filter_map(|found| found.command).collect::<Vec<_>>();
    assert_eq!(lines(Confidence::High), ["ls", "cat ses.log", "pwd", "exit"]);
    assert_eq!(lines(Confidence::Low), ["id", "whoami", "exit"]);
}

#[test]
fn prompts_in_a_block_of_code_or_behind_the_program_of_a_log_are_text() {
    let manual =
        "Runbook\r\n\r\n```\r\nops@bastion:~$ sudo -i\r\nroot@bastion:~# systemctl restart queue\r\n```\r\n";
    let log = "2026-11-22T06:00:01Z host1 bash[991]: [deploy@host1 ~]$ sudo cat x\r\n2026-11-22T06:00:04Z host1 bash[991]: [root@host1 ~]# id\r\n";
    for text in [manual, log] {
        assert!(commands(text.as_bytes()).is_empty(), "{text}");
        let shell = "ops@bastion:~$ id\r\n0\r\nops@bastion:~$ exit\r\n";
        assert_eq!(commands(format!("{text}{shell}").as_bytes()), executed(&["id", "exit"]), "{text}");
    }
}

#[test]
fn a_long_line_of_a_transcript_that_is_shown_is_no_command_either() {
    let long = format!("curl -s {}", "http://169.254.169.254/".repeat(4));
    let shown = |line: &str| format!("\x1b[?2004hsh-5.2$ {line}\r\r\n\x1b[?2004l\r");
    let session = format!(
        "$ id -un\r\nops\r\n$ cat session.log\r\n{}{}{}\r\n$ ls\r\na\r\n",
        shown("nproc"),
        shown(&long),
        shown("exit")
    );
    assert_eq!(commands(session.as_bytes()), executed(&["id -un", "cat session.log", "ls"]));
}

#[test]
fn an_unknown_program_may_open_a_shell_that_ends_its_lines_in_its_own_way() {
    let edit = |line: &str| format!("\x1b[?2004hsh-5.2# {line}\r\r\n\x1b[?2004l\r10%\r20%\r\n");
    for opener in ["bash", "./connect.sh", "bastion"] {
        let inner = [edit("id"), edit(&format!("rm -rf /data/{}", "a".repeat(80))), edit("exit")].concat();
        let session = format!("$ uptime\r\nup\r\n$ {opener}\r\n{inner}$ date\r\n");
        let found: Vec<String> = commands(session.as_bytes()).into_iter().map(|(line, _)| line).collect();
        assert_eq!(found.len(), 6, "{found:?}");
    }
}

#[test]
fn a_file_that_is_shown_on_windows_changes_no_folder() {
    let shown = "PS C:\\Windows> type C:\\notes.md\r\nPS C:\\> .\\deploy.ps1\r\n>> confirm\r\nPS C:\\Windows> exit\r\n";
    let found: Vec<String> = commands(shown.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, ["type C:\\notes.md", "exit"]);
    // The folder does not come back.
    let moved =
        "PS C:\\Windows> type a; cd \\\r\nx\r\nPS C:\\> dir\r\nPS C:\\> type a\r\nx\r\nPS D:\\> exit\r\n";
    let found: Vec<String> = commands(moved.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, ["type a; cd \\", "dir", "type a", "exit"]);
}
