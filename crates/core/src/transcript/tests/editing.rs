//! Edited command lines: every byte of the line editor counts.

use super::{check, commands, executed, parsed, right};
use crate::session::Status;

const PROMPT: &str = "ssmusr@h1:/usr/bin$ ";

/// One edit of bash, with its marks, and its output.
fn fenced(line: &str, output: &str) -> Vec<u8> {
    format!("\x1b[?2004h{line}\r\r\n\x1b[?2004l\r{output}").into_bytes()
}

#[test]
fn deleted_characters_are_gone() {
    check(&[
        ("kernel", b"$ ls -d /etcc\x08 \x08\r\r\n/etc\r\r\n$ exit\r\r\n", &["ls -d /etc", "exit"]),
        ("readline", b"\x1b[?2004hsh-5.2$ ls -d /etcc\x08\x1b[K\r\r\n\x1b[?2004l\r/etc\r\r\n", &["ls -d /etc"]),
        ("kernel line kill", b"$ rm -rf /x\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08true\r\r\n$ exit\r\r\n", &["true", "exit"]),
        ("recall", b"\x1b[?2004hsh-5.2$ echo two three\x08\x08\x08\x08\x08\x08\x08\x08\x08\x1b[6PoneX\r\r\n\x1b[?2004l\roneX\r\r\n", &["echo oneX"]),
        ("tail printed again", b"\x1b[?2004hsh-5.2$ cat /etc/hostnme\x08\x08ame\x08\x08\r\r\n\x1b[?2004l\rh1\r\r\n", &["cat /etc/hostname"]),
        ("busybox", b"\r\nBusyBox\r\n\r\n/ # \x1b[6nexit now\r/ # \x1b[Jtail -5 x\r\n/ # \x1b[6nwhich pyrh\x08\x1b[J\x08\x1b[Jthon3\r\n", &["tail -5 x", "which python3"]),
    ]);
}

#[test]
fn inserted_and_killed_words() {
    let line = format!(
        "{PROMPT}rm -rf /tmp/zz{}\x1b[1@s\x1b[1@u\x1b[1@d\x1b[1@o\x1b[1@ {}{}\x1b[K{}\x1b[Ktrue",
        "\x08".repeat(14),
        right(14),
        "\x08".repeat(7),
        "\x08".repeat(12),
    );
    assert_eq!(commands(&fenced(&line, "")), executed(&["true"]));
}

#[test]
fn reverse_search_leaves_no_trace() {
    let found = format!(
        "{PROMPT}\r(reverse-i-search)`': \x08\x08\x08a': echo gamm\x1b[7ma\x1b[27m{}l': echo \x1b[7mal\x1b[27mpha beta{}\
         \x1b[1@p': echo \x1b[7malp\x1b[27m\x08\x08\x08\r\x1b[5P{PROMPT}echo alp\x08\x08\x08",
        "\x08".repeat(13),
        "\x08".repeat(18),
    );
    assert_eq!(commands(&fenced(&found, "alpha beta\r\r\n")), executed(&["echo alpha beta"]));
    let unmarked = format!(
        "sh-5.2$ \r(reverse-i-search)`': \x08\x08\x08w': whoami{}\x1b[1@h{}\x08\x08\x08\x1b[1@o{}\r\x1b[17Psh-5.2$\x1b[C\
         \r\r\nnobody\r\r\nsh-5.2$ exit\r\r\n",
        "\x08".repeat(9),
        right(3),
        right(3),
    );
    assert_eq!(commands(unmarked.as_bytes()), executed(&["whoami", "exit"]));
    // What is left of a search whose prompt has colours that the editor does not know of.
    let left = format!("{PROMPT}arch)`tai': tail -3 x");
    assert_eq!(commands(&fenced(&left, "")), executed(&["tail -3 x"]));
    let typed = format!("{PROMPT}echo $(date)`w': x`");
    assert_eq!(commands(&fenced(&typed, "")), executed(&["echo $(date)`w': x`"]));
    let cancelled = format!(
        "{PROMPT}\r(reverse-i-search)`': \x08\x08\x08e': \x1b[7me\x1b[27mcho hi{}\x1b[1@c': \x1b[7mec\x1b[27m{}\x1b[1@h': \
         \x1b[7mech\x1b[27m\x08\x08\x08\r\x1b[12P{PROMPT}echo x",
        "\x08".repeat(10),
        "\x08".repeat(5),
    );
    assert_eq!(commands(&fenced(&cancelled, "x\r\r\n")), executed(&["echo x"]));
}

#[test]
fn completions_are_no_submissions() {
    let list = "host.conf  hostname   hosts      ";
    let marked = format!("{PROMPT}ls /etc/host\x07\r\r\n{list}\r\r\n{PROMPT}ls /etc/hostname ");
    let bytes = fenced(&marked, "/etc/hostname\r\r\n");
    assert_eq!(commands(&bytes), executed(&["ls /etc/hostname"]));
    let output = &super::parsed(&bytes).records[0].output;
    assert!(output.contains("host.conf  hostname   hosts") && output.ends_with("/etc/hostname"), "{output}");
    let unmarked =
        format!("sh-4.2$ ls /etc/host\x07\r\n{list}\r\nsh-4.2$ ls /etc/hostname \r\n/etc/hostname\r\n");
    assert_eq!(commands(unmarked.as_bytes()), executed(&["ls /etc/hostname"]));
}

#[test]
fn wrapped_lines_are_joined() {
    let tail = "bbbbbccccccccccddddddddddeeeeeeeeee";
    let soft = format!("{PROMPT}echo aaaaaaaaaabbbbb \r{tail}");
    let whole = format!("echo aaaaaaaaaabbbbb{tail}");
    assert_eq!(commands(&fenced(&soft, "")), executed(&[&whole]));
    let exact = format!("{PROMPT}echo 123456789012345 \r\x1b[A{}\x1b[K5", right(39));
    assert_eq!(commands(&fenced(&exact, "")), executed(&["echo 123456789012345"]));
}

/// busybox goes to the next row with a return more than it ends a line with.
#[test]
fn a_wrapped_line_of_busybox_is_joined_however_it_was_edited() {
    let prompt = "web:~# \x1b[6n";
    let typed = "echo aaaa bbbb cccc dddd eeee fffff\r\r\n gggg";
    let inserted = "\x08\x08\x08\x08\x08\r\x1b[1A\x1b[41C\x08\x08\x08\x08\x08X ffff\r\r\nf gggg\r\x1b[1A\x1b[37C ffff\r\r\nf gggg";
    let bytes = format!("{prompt}id\r\n0\r\n{prompt}{typed}{inserted}\r\nx\r\n{prompt}pwd\r\n/\r\n{prompt}");
    let expected = ["id", "echo aaaa bbbb cccc dddd eeeeX fffff gggg", "pwd"];
    assert_eq!(commands(bytes.as_bytes()), executed(&expected));
}

#[test]
fn a_wrapped_line_replaced_by_a_short_one() {
    // The first command tells the width that the second one needs.
    let tail = "bbbbbccccccccccddddddddddeeeeeeeeee";
    let mut bytes = fenced(&format!("{PROMPT}echo aaaaaaaaaabbbbb \r{tail}"), "");
    let recalled = format!(
        "{PROMPT}echo aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd\x1b[As\x1b[K\r\r\n\r\x1b[K\x1b[A{}",
        right(26)
    );
    bytes.extend(fenced(&recalled, "s\r\r\n"));
    assert_eq!(commands(&bytes)[1].0, "echo s");
}

#[test]
fn a_wrapped_line_without_marks() {
    let prompt = "ubuntu@bastion:~$ ";
    let row = "m".repeat(80 - prompt.len() - 5);
    let bytes = format!(
        "{prompt}echo {row} \rm\r\n{row}m\r\n{prompt}echo {row}m\r\x1b[K\x1b[A{right}\x1b[K\r\n\r\x1b[K\x1b[A{right}\r{start}abc\x1b[K\r\nabc\r\n\
         {prompt}exit\r\nexit\r\n",
        right = right(79),
        start = right(prompt.len()),
    );
    let long = format!("echo {row}m");
    assert_eq!(commands(bytes.as_bytes()), executed(&[&long, "abc", "exit"]));
}

#[test]
fn a_prompt_that_the_shell_miscounts_wraps_too_early() {
    let line = format!("{PROMPT}tar --exclude=node_modules \r -czf {}\r /tmp", "x".repeat(50) + " ");
    let expected = format!("tar --exclude=node_modules -czf {} /tmp", "x".repeat(50));
    assert_eq!(commands(&fenced(&line, "")), executed(&[&expected]));
}

#[test]
fn pastes_stand_once() {
    let one = format!("sh-5.2$ \x1b[7mecho pasted\x1b[27m\r{}echo pasted", right(8));
    assert_eq!(commands(&fenced(&one, "pasted\r\r\n")), executed(&["echo pasted"]));
    let two = format!(
        "{PROMPT}\x1b[7mecho p1\x1b[27m\r\r\n\r\x1b[7mecho p2\x1b[27m\x1b[A{}echo p1\r\r\n\recho p2",
        right(13)
    );
    assert_eq!(commands(&fenced(&two, "p1\r\r\np2\r\r\n")), executed(&["echo p1\necho p2"]));
}

#[test]
fn wide_characters_take_two_columns() {
    let line = "\x1b[?2004h$ echo 日本語\x08\x08\x1b[K\r\r\n\x1b[?2004l\r";
    assert_eq!(commands(line.as_bytes()), executed(&["echo 日本"]));
    let kernel = "$ echo 日本語\x08 \x08x\r\r\n日本x\r\r\n$ exit\r\r\n";
    assert_eq!(commands(kernel.as_bytes()), executed(&["echo 日本x", "exit"]));
    let marks = "$ echo e\u{301}a\x08\x08\x08\x1b[3@abc\r\n$ exit\r\n";
    assert_eq!(commands(marks.as_bytes())[1].0, "exit");
}

#[test]
fn clears_and_redraws_while_editing() {
    check(&[
        ("resize", b"\x1b[?2004hu@h:/tmp$ \r\x1b[K\ru@h:/tmp$ id\r\r\n\x1b[?2004l\r", &["id"]),
        (
            "form feed",
            b"\x1b[?2004hsh-5.2$ echo a\x1b[H\x1b[2Jsh-5.2$ echo ab\r\r\n\x1b[?2004l\rab\r\r\n",
            &["echo ab"],
        ),
        (
            "unmarked",
            b"sh-5.2$ kubectl \x1b[H\x1b[2Jsh-5.2$ kubectl get pods\r\nNAME\r\nsh-5.2$ exit\r\n",
            &["kubectl get pods", "exit"],
        ),
    ]);
}

#[test]
fn prompts_of_several_lines_and_with_titles() {
    check(&[
        ("two lines", b"\x1b[?2004hssmusr@h1\r\r\r\n$ ls -d /\r\r\n\x1b[?2004l\r/\r\r\n", &["ls -d /"]),
        ("title", b"\x1b[?2004h\x1b]0;u@h: /usr/bin\x07\x1b[01;32mu@h\x1b[00m:\x1b[01;34m/usr/bin\x1b[00m$ ls -d /etc\r\r\n\x1b[?2004l\r\x1b[0m\x1b[01;34m/etc\x1b[0m\r\r\n", &["ls -d /etc"]),
        ("title first", b"\x1b[?2004l\r\x1b]0;u@h:~\x07\x1b[?2004h[u@h ~]$ id\r\r\n\x1b[?2004l\r", &["id"]),
        ("time", b"\x1b[?2004h[22:32:50] u@h ~ $ echo 5 $ x\r\n\x1b[?2004l\r\x1b[?2004h[22:32:51] u@h ~ $ id\r\n\x1b[?2004l\r", &["echo 5 $ x", "id"]),
    ]);
    let title = super::parsed(b"\x1b[?2004h\x1b]0;secret\x07u@h:~$ id\r\n\x1b[?2004l\r").records;
    assert_eq!(title[0].prompt.as_deref(), Some("u@h:~$ "));
}

#[test]
fn background_output_in_the_line() {
    let bytes = b"\x1b[?2004hsh-5.2$ sleep 1 && echo LATE &\r\n\x1b[?2004l\r[1] 26\r\n\x1b[?2004hsh-5.2$ LATE\r\necho x\r\n\x1b[?2004l\rx\r\n\
        \x1b[?2004hsh-5.2$ ls /opt[1]+  Done                    sleep 0.5\r\r\n/app\r\n\x1b[?2004l\rrun.sh\r\n";
    let found = commands(bytes);
    assert_eq!(found[1..], executed(&["echo x", "ls /opt/app"]));
    let output = super::parsed(bytes).records[2].output.clone();
    assert!(output.contains("Done") && output.contains("run.sh"), "{output}");
}

#[test]
fn a_keypad_that_nobody_gives_back_aborts_nothing() {
    let bash = |typed: &str| format!("\x1b[?2004hsh-5.2$ {typed}\r\r\n\x1b[?2004l\r");
    let zsh = |typed: &str| format!("\x1b[0m\x1b[27m\x1b[24m\x1b[Jvm% \x1b[K\x1b[?1h\x1b=\x1b[?2004h{typed}");
    let accepted = "\x1b[?1l\x1b>\x1b[?2004l\r\r\r\n";
    // C-d leaves the shell and the keypad as they are.
    let left = bash("zsh") + &zsh("p\x08pwd") + accepted + "/\r\r\n" + &zsh("\x1b[?2004l\r\r\r\n");
    let left = left + &bash("id") + "uid=0(root)\r\r\n" + &bash("exit") + "exit\r\r\n";
    let ran: Vec<_> =
        commands(left.as_bytes()).into_iter().filter(|(command, _)| !command.is_empty()).collect();
    assert_eq!(ran, executed(&["zsh", "pwd", "id", "exit"]));
    // A user's own end of the line takes the place of the distribution's.
    let own = |typed: &str| zsh(typed) + "\x1b[?2004l\r\r\r\n";
    assert_eq!(
        commands((own("l\x08ls") + "x\r\r\n" + &own("e\x08exit")).as_bytes()),
        executed(&["ls", "exit"])
    );
    // A program that was killed.
    let killed = bash("less x")
        + "\x1b[?1h\x1b=\rtext\r\r\nTerminated\r\r\n"
        + &bash("id")
        + "x\r\r\n"
        + &bash("exit");
    assert_eq!(commands(killed.as_bytes()), executed(&["less x", "id", "exit"]));
}

#[test]
fn zsh_paints_its_prompt_before_the_mark() {
    let fresh = format!(
        "\x1b[1m\x1b[7m%\x1b[27m\x1b[1m\x1b[0m{}\r \r\r\x1b[0m\x1b[27m\x1b[24m\x1b[J",
        " ".repeat(79)
    );
    let line = |typed: &str| format!("{fresh}h1% \x1b[K\x1b[?1h\x1b=\x1b[?2004h{typed}");
    let accepted = "\x1b[?1l\x1b>\x1b[?2004l\r\r\r\n";
    let bytes = [
        line("l\x08ls -d /etcc\x08 \x08") + accepted + "/etc\r\r\n",
        line("s\x08scrap this") + "\x1b[?2004l\r\r\r\n",
        line("c\x08cat /etc/host\x07\r\r\n\x1b[Jhost.conf  hosts\x1b[A\x1b[0m\x1b[27m\x1b[24m\r\x1b[4Ccat /etc/host\x1b[Ks") + accepted,
        "\x1b[Jno newline".to_owned() + &line("e\x08exit") + accepted,
    ]
    .concat();
    let mut expected = executed(&["ls -d /etc", "scrap this", "cat /etc/hosts", "exit"]);
    expected[1].1 = Status::Aborted;
    assert_eq!(commands(bytes.as_bytes()), expected);
    let records = super::parsed(bytes.as_bytes()).records;
    assert_eq!(records[0].output, "/etc");
    assert_eq!(records[2].output, "host.conf  hosts\nno newline");
}

#[test]
fn shell_integration_marks_win() {
    let bytes = b"\x1b]133;A\x07odd prompt: \x1b]133;B\x07echo $ x\r\n\x1b]133;C\x07$ x\r\n\x1b]133;D;0\x07\x1b]133;A\x07odd prompt: \x1b]133;B\x07id\r\n\x1b]133;C\x07uid=0\r\n";
    let records = super::parsed(bytes).records;
    assert_eq!(commands(bytes), executed(&["echo $ x", "id"]));
    assert_eq!(records[0].boundary, crate::session::Boundary::Osc133);
    assert_eq!((records[0].prompt.as_deref(), records[0].output.as_str()), (Some("odd prompt: "), "$ x"));
}

/// A line as readline puts it on rows of a width: at the edge it prints the first character of the next row, returns, and
/// prints that row.
fn wrapped(line: &str, columns: usize) -> String {
    let mut sent = String::new();
    let mut rest = line;
    while rest.len() > columns {
        let (row, next) = rest.split_at(columns);
        sent += row;
        sent += &next[..1];
        sent.push('\r');
        rest = next;
    }
    sent + rest
}

#[test]
fn a_recalled_line_is_read_over_its_edges() {
    let line = "sudo docker run -p 5601:5601 -p 9200:9200 -p 5044:5044 -it --rm --ulimit nofile=262144:262144 --memory 8g \
                -v $PWD/data:/var/lib/x --name x y/z";
    for columns in [61, 72, 80, 100, 132] {
        for prompt in ["[ada@arch model]$ ", "sh-4.2$ "] {
            let first = format!("{prompt}sysctl -w vm.max_map_count=262144\r\r\nok\r\r\n");
            let second = format!("{}\r\r\ndone\r\r\n", wrapped(&format!("{prompt}{line}"), columns));
            let bytes = format!("{first}{second}{prompt}exit\r\r\n");
            let wanted = ["sysctl -w vm.max_map_count=262144", line, "exit"];
            assert_eq!(commands(bytes.as_bytes()), executed(&wanted), "{columns} {prompt}");
        }
    }
}

#[test]
fn an_instant_prompt_is_painted_anew_when_the_shell_is_ready() {
    // Powerlevel10k: what it shows first, then zsh's mark of an unfinished line on 60 columns, the prompt with the state of
    // the repository, and the cursor taken to a prompt at the right and back.
    let mark = format!("\x1b[1m\x1b[7m%\x1b[27m\x1b[1m\x1b[0m{}\r\x1b[0m\x1b[K\r", " ".repeat(59));
    let prompt = |state: &str| format!("\x1b[38;5;31m~/src/tool\x1b[0m {state}\x1b[38;5;76m❯\x1b[0m ");
    let bytes = |shown: &str| {
        format!(
            "\x1b7{shown}\x1b[?2004h\x1b[?25l\x1b8\x1b[J{shown}{mark}\x1b[J{}\x1b[K\x1b[34C\x1b[34D\x1b[?25h\x1b[?2004hg\x08git log\
             \x1b[?2004l\r\r\nx\r\r\n\x1b[?2004h{}exit\x1b[?2004l\r\r\n",
            prompt("main ?1 "),
            prompt("main ?1 "),
        )
    };
    let bytes = bytes(&prompt(""));
    assert_eq!(commands(bytes.as_bytes()), executed(&["git log", "exit"]));
    // Words that it does not paint again were shown all the same.
    let secret = bytes.replacen("\x1b8", "\x1b8hunter2-was-here", 1);
    let session = parsed(secret.as_bytes());
    let mut sent = session.records.iter().filter_map(|record| record.command_as_sent.as_ref());
    assert!(sent.any(|sent| sent.contains("hunter2-was-here")));
}

#[test]
fn a_paste_that_wraps_is_painted_anew_from_its_prompt() {
    // A prompt of 94 columns, on a terminal of 135: readline shows the paste in reverse video and then goes up to paint
    // prompt and line without. 94 is a number of rows at other widths.
    let prompt = format!("u@h:/srv/{}$ ", "x".repeat(83));
    let (line, row) = ("poetry run python main.py register --username bob --password 1234", 41);
    let pasted = format!("{}\x1b[27m\x1b[7m{}", &line[..row], &line[row..]);
    let fenced = |line: &str| format!("\x1b[?2004h{prompt}{line}\r\r\n\x1b[?2004l\rdone\r\r\n");
    let again = format!("\x1b[7m{pasted}\x1b[27m\x1b[A\r{prompt}{line}");
    let bytes = format!("{}{}{}", fenced(&again), fenced(&again), fenced("exit"));
    assert_eq!(commands(bytes.as_bytes()), executed(&[line, line, "exit"]));
}

#[test]
fn the_way_back_to_a_paste_tells_the_width() {
    // readline paints what was pasted in reverse video, goes back to where it begins, and paints it plain.
    let (prompt, typed) = ("[me@arch dl]$ ", "fetch add first ");
    let pasted =
        "https://gist.example.com/bima/c05d38ef8b93b8fd7dfb861977dd48e7/raw/list-of-all-there-is.txt";
    let (start, end) = (prompt.len() + typed.len(), prompt.len() + typed.len() + pasted.len());
    for width in 47..118 {
        let rows = end / width - start / width;
        let (from, to) = (end % width, start % width);
        let along = if from > to { "\x08".repeat(from - to) } else { right(to - from) };
        let line = format!("{prompt}{typed}\x1b[7m{pasted}\x1b[27m{}{along}{pasted}", "\x1b[A".repeat(rows));
        let bytes = fenced(&line, "done\r\n");
        assert_eq!(commands(&bytes), executed(&[&format!("{typed}{pasted}")]), "{width}");
    }
}

#[test]
fn a_prompt_whose_rows_were_erased_has_no_end_to_look_behind() {
    let end = "\x1b]133;B\x07";
    let painting = "\r\x1b[24m\x1b[J$ \x1b[K";
    for up in ["\x1b[A\x1b[A\r\x1b[J", "\x1b[A\r\x1b[J", "\x1b[2J", "\r\x1b[A\x1b[A\x1b[Ka\r\n"] {
        let bytes =
            format!("\x1b[?2004ha\r\nb\r\n$ {end}x{up}{painting}ls{painting}ls\x1b[?2004l\r\nout\r\n");
        let said =
            parsed(bytes.as_bytes()).records.iter().map(|record| format!("{record:?}")).collect::<String>();
        assert!(said.contains("ls") && said.contains("out"), "{up:?}");
    }
}

#[test]
fn a_line_is_submitted_from_above_its_last_row() {
    let fence = "\x1b[?2004l\r";
    let first = format!("\x1b[?2004hroot@api-7f6b5c:/ # id\r\r\n{fence}x\r\r\n");
    let short = format!(
        "\x1b[?2004hroot@api-7f6b5c:/ # cp /srv/data/session2.log /tm \rp/\x1b[A{}\r\r\n\r\r\r\n{fence}",
        right(18)
    );
    assert_eq!(commands((first + &short).as_bytes()), executed(&["id", "cp /srv/data/session2.log /tmp/"]));
    // Behind an interpreter, whose prompt was in force.
    let python = format!("\x1b[?2004hsh-5.2$ python3\r\r\n{fence}Python 3.11.2\r\r\n>>> exit()\r\r\n");
    let (one, two) = ("a".repeat(66), "b".repeat(21));
    let line = format!(
        "\x1b[?2004hsh-5.2$ echo {one} \r{two}{}\x1b[A\r\r\n\r\r\r\n{fence}aaa\r\r\n",
        "\x08".repeat(21)
    );
    let found: Vec<String> =
        commands((python + &line).as_bytes()).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found, ["python3", "exit()", &format!("echo {one}{two}")]);
}

/// `tput sc`, blanks, a clock, `tput rc`, in front of the prompt.
#[test]
fn a_clock_at_the_right_edge_is_no_part_of_the_line() {
    let clock = format!("\x1b7{}08:32:12\x1b8root@edge01:~# ", " ".repeat(64));
    for (on, off) in [("\x1b[?2004h", "\x1b[?2004l\r"), ("", "")] {
        let edit = |line: &str| format!("{on}{clock}{line}\r\r\n{off}x\r\r\n");
        let long = "grep -c processed /var/log/worker.log | tee /tmp/count.txt";
        let bytes = [edit("id"), edit(long), edit("exit")].concat();
        assert_eq!(commands(bytes.as_bytes()), executed(&["id", long, "exit"]));
    }
}

/// A wide character that does not fit goes to the next row: readline prints a blank in its place and erases behind it, fish
/// goes down itself.
#[test]
fn a_wide_character_that_does_not_fit_leaves_no_blank() {
    let line = "[ops@jump ~]$ echo \"全角文字を含む長い行は \x1b[K端末\"\r\r\nx\r\r\n";
    let other = "[ops@jump ~]$ id\r\r\n0\r\r\n";
    assert_eq!(
        commands([other, line, other].concat().as_bytes()),
        executed(&["id", "echo \"全角文字を含む長い行は端末\"", "id"])
    );
    // What grep colours stays as it is.
    let coloured = parsed("$ grep x y\r\na \x1b[01;31m\x1b[K端末\x1b[m\x1b[K b\r\n$ id\r\n".as_bytes());
    assert_eq!(coloured.records[0].output, "a 端末 b");
}

#[test]
fn a_prompt_may_be_printed_over_output_that_ended_with_a_return() {
    let bytes = b"[a@b ~]$ id\r\r\n0\r\r\n[a@b ~]$ fetch\r\r\nworking..................\r[a@b ~]$ ls\r\r\na\r\r\n[a@b ~]$ exit\r\r\n";
    assert_eq!(commands(bytes), executed(&["id", "fetch", "ls", "exit"]));
    assert_eq!(parsed(bytes).records[1].output, "working..................");
}

/// tcsh shows a prompt at the right edge by blanks, but so may somebody who types.
#[test]
fn what_stands_behind_blanks_is_typed() {
    let typed = format!(
        "[a@b ~]$ {}rm -rf /data{}\x1b[1@xy\r\n0\r\n[a@b ~]$ id\r\n",
        " ".repeat(10),
        "\x08".repeat(22)
    );
    assert!(commands(typed.as_bytes())[0].0.ends_with("rm -rf /data"));
}

#[test]
fn a_list_of_completions_may_have_a_pager() {
    let list = "Display all 464 possibilities? (y or n)\r\r\nliba/\r\r\nlibb/\r\r\n--More--\r\x1b[K\r";
    let bytes = format!(
        "[a@b ~]$ id\r\r\n0\r\r\n[a@b ~]$ ls -d /usr/lib\x07\r\r\n{list}[a@b ~]$ ls -d /usr/lib\r{}\x1b[Kuptime\r\r\nup\r\r\n",
        right(9)
    );
    assert_eq!(commands(bytes.as_bytes()).last(), executed(&["uptime"]).last());
    assert!(commands(bytes.as_bytes()).contains(&("ls -d /usr/lib".to_owned(), Status::Unsubmitted)));
}

/// zsh paints what `hist_verify` or `print -z` gives to the editor before it opens the edit.
#[test]
fn a_line_that_is_painted_with_its_prompt_is_typed() {
    let edit = |painted: &str, typed: &str| {
        format!(
            "\r\x1b[0m\x1b[27m\x1b[24m\x1b[J➜  repo \x1b[34mgit:(main)\x1b[0m ✗ {painted}\x1b[K\x1b[?2004h{typed}\x1b[?2004l\r\r\r\n"
        )
    };
    let bytes =
        [edit("", "id"), edit("", "print -z ls -l"), edit("ls -l", " /tmp"), edit("", "exit")].concat();
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "print -z ls -l", "ls -l /tmp", "exit"]));
    // A prompt may become longer.
    let bytes = bytes.replacen(" \x1b[34mgit:(main)\x1b[0m ✗ \x1b[K\x1b[?2004hid", " \x1b[K\x1b[?2004hid", 1);
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "print -z ls -l", "ls -l /tmp", "exit"]));
}
