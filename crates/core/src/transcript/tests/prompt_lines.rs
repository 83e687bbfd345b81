//! Prompts of several lines, and prompts that must be told from output. The bytes are those of bash 5.2, shortened.

use super::{commands, executed, parsed};
use crate::session::{Confidence, Status};

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

/// An edit that bash marks.
fn edit(prompt: &str, line: &str) -> String {
    format!("\x1b[?2004h{prompt}{line}\r\r\n\x1b[?2004l\r")
}

#[test]
fn marked_edits_may_begin_with_all_of_the_prompt() {
    let lines = ["seq 3", "cd /opt/src", "", "frobnicate", "ls \\", "exit"];
    for above in ["[u@h PLACE]\r\r\r\n", "\r\r\r\n10:02:03 PLACE\r\r\r\n"] {
        let mut session = String::new();
        for (at, line) in lines.iter().enumerate() {
            let above = above
                .replace("PLACE", if at < 2 { "~" } else { "/opt/src" })
                .replace("03", &format!("0{at}"));
            session += &edit(&above, line);
            session +=
                if *line == "ls \\" { "\x1b[?2004h> -l\r\r\n\x1b[?2004l\rout\r\r\n" } else { "out\r\r\n" };
        }
        assert_eq!(ran(&session), ["seq 3", "cd /opt/src", "frobnicate", "ls \\\n-l", "exit"]);
        let prompt = parsed(session.as_bytes()).records[0].prompt.clone();
        assert!(prompt.is_some_and(|prompt| prompt.ends_with('~') || prompt.ends_with("~]")));
    }
    // The prompt of two lines whose last one has a sign, and a command of several lines that comes again.
    let two: String =
        ["id", "ls", "pwd"].iter().map(|line| edit("u@h ~\r\r\r\n$ ", line) + "x\r\r\n").collect();
    assert_eq!(ran(&two), ["id", "ls", "pwd"]);
    let block = "\x1b[?2004hu@h:~$ for i in 1 2\r\n\rdo\r\n\rls; done\r\r\n\x1b[?2004l\rx\r\r\n".repeat(3);
    let again = format!("{block}{}x\r\r\n{}", edit("u@h:~$ ", "id"), edit("u@h:~$ ", "exit"));
    assert_eq!(ran(&again).first().map(String::as_str), Some("for i in 1 2\ndo\nls; done"));
}

#[test]
fn marks_that_are_printed_open_no_edit_in_a_shell_without_them() {
    let printed = "\x1b[?2004h\x1b]0;op@old: ~\x07[op@old ~]$ rm -rf /data\r\r\n\x1b[?2004l\rrm: busy\r\r\n\x1b[?2004h[op@old ~]$ \r\r\n";
    for prompt in ["u@h ~ $ ", "\x1b[32mu@h\x1b[0m:~$ "] {
        let line = |line: &str| format!("{prompt}{line}\r\n");
        let mut session = line("id") + "0\r\n" + &line("cat old") + printed + &line("ls /srv") + "a\r\n";
        session +=
            &(line("cat old") + printed + &line("echo a > b") + &line("uptime") + "up\r\n" + &line("exit"));
        assert_eq!(ran(&session), ["id", "cat old", "ls /srv", "cat old", "echo a > b", "uptime", "exit"]);
    }
    // Below a list of completions the prompt of a marked edit stands again.
    let list =
        "out\r\n\x1b[?2004hu@h:~$ cat al\x07\r\nalpha  alphabet\r\nu@h:~$ cat alpha\r\n\x1b[?2004l\ra\r\n";
    assert_eq!(ran(&(edit("u@h:~$ ", "id") + list)), ["id", "cat alpha"]);
}

#[test]
fn a_prompt_may_end_with_a_colon_or_behind_its_second_sign() {
    let lines = ["id", "ls -l", "cat notes", "cd /opt", "git stash", "exit"];
    let prompt = |form: &str, at: usize| {
        form.replace("PLACE", if at < 4 { "~" } else { "/opt" }).replace("03", &format!("0{at}"))
    };
    for form in ["h PLACE : ", "0 host-1 $ ", "<10:02:03> PLACE $ "] {
        let unmarked = (0..).zip(lines).map(|(at, line)| format!("{}{line}\r\nout\r\n", prompt(form, at)));
        assert_eq!(ran(&unmarked.collect::<String>()), lines, "{form}");
        let marked = (0..).zip(lines).map(|(at, line)| edit(&prompt(form, at), line) + "out\r\r\n");
        assert_eq!(ran(&marked.collect::<String>()), lines, "{form}");
    }
    // The colours of a prompt end it before a sign that was typed.
    let coloured = |line: &str| edit("\x1b[1;32m\u{279c} \x1b[0m \x1b[36m~\x1b[0m ", line) + "out\r\r\n";
    let lines = ["id", "ls", "# restart all", "cat > notes", "pwd"];
    assert_eq!(ran(&lines.map(coloured).concat()), lines);
}

#[test]
fn zsh_goes_on_in_the_line_that_it_gave_to_an_editor() {
    let prompt = "\r\x1b[0m\x1b[27m\x1b[24m\x1b[Ju@h % \x1b[K";
    let session = format!(
        "{prompt}\x1b[?2004he\x08echo XX one\x1b[?2004l\x1b[?2004h\x08\x08\x08\x08\x08\x08edited one\x08\x08\x08\x08\x1b[?2004l\r\r\r\nedited one\r\r\n\
         {prompt}\x1b[?2004hi\x08id\x1b[?2004l\r\r\r\n0\r\r\n"
    );
    assert_eq!(ran(&session), ["echo edited one", "id"]);
}

#[test]
fn what_a_background_command_prints_is_taken_out_of_the_line() {
    let prompt = "u@h:~$ ";
    let table: [(&str, &str, &str); 5] = [
        ("(sleep .4; printf \"no newline\") &", "wc -no newlinel /etc/hosts", "wc -l /etc/hosts"),
        ("(sleep .4; printf \"no newline\") &", "wc no newline-l /etc/hosts", "wc -l /etc/hosts"),
        // It may have been typed.
        ("(sleep .4; printf \"no newline\") &", "echo no newline here", "echo no newline here"),
        ("(sleep .4; printf \"no newline\")", "wc -no newlinel /etc/hosts", "wc -no newlinel /etc/hosts"),
        ("(sleep .4; echo -n done) &", "ls -done", "ls -"),
    ];
    for (first, shown, typed) in table {
        let unmarked = format!("{prompt}{first}\r\n[1] 9\r\n{prompt}{shown}\r\nx\r\n{prompt}exit\r\n");
        let marked = edit(prompt, first) + "[1] 9\r\r\n" + &edit(prompt, shown) + "x\r\r\n";
        assert_eq!(ran(&unmarked)[1], typed);
        assert_eq!(ran(&marked)[1], typed);
    }
}

#[test]
fn what_a_background_program_says_behind_the_prompt_is_no_command() {
    let serve = "$ id\r\r\n0\r\r\n$ python3 -m http.server &\r\r\n[1] 33\r\r\n$ Serving HTTP on 0.0.0.0 port 8000\r\r\n";
    let forward = "$ id\r\r\n0\r\r\n$ kubectl port-forward svc/x 8080 &\r\r\n[1] 33\r\r\n\
                   $ Forwarding from 127.0.0.1:8080 -> 8080\r\r\nForwarding from [::1]:8080 -> 8080\r\r\n";
    let nohup = "$ id\r\r\n0\r\r\n$ nohup ./run &\r\r\n[1] 33\r\r\n$ nohup: ignoring input and appending output\r\r\n";
    for (start, started) in [
        (serve, "python3 -m http.server &"),
        (forward, "kubectl port-forward svc/x 8080 &"),
        (nohup, "nohup ./run &"),
    ] {
        let typed = format!("{start}curl localhost:8080\r\r\nok\r\r\n$ exit\r\r\n");
        assert_eq!(commands(typed.as_bytes()), executed(&["id", started, "curl localhost:8080", "exit"]));
        assert!(parsed(typed.as_bytes()).records.iter().any(|record| record.confidence == Confidence::Low));
        // Enter alone brings the prompt back.
        let entered = format!("{start}\r\r\n$ exit\r\r\n");
        assert_eq!(commands(entered.as_bytes()), executed(&["id", started, "exit"]));
    }
    // What is lower case is typed, and so is what follows another command.
    let typed =
        "$ id\r\r\n0\r\r\n$ ./run &\r\r\n[1] 33\r\r\n$ frob the thing\r\r\nls is here\r\r\n$ exit\r\r\n";
    assert_eq!(commands(typed.as_bytes()), executed(&["id", "./run &", "frob the thing", "exit"]));
    let typed = "$ id\r\r\n0\r\r\n$ Frob the thing\r\r\nls is here\r\r\n$ exit\r\r\n";
    assert_eq!(commands(typed.as_bytes()), executed(&["id", "Frob the thing", "exit"]));
}

#[test]
fn what_a_background_program_says_again_and_again_is_taken_out_of_the_line() {
    let said = |number: usize| format!("[02:18:2{number}] worker {number}: job done\r\r\n");
    let line = format!("$ {}awk '{{prin{}t $9}}' x{}\r\r\n", said(1), said(2), said(3));
    let bytes = format!("$ id\r\r\n0\r\r\n$ ./noisy.sh &\r\r\n[1] 33\r\r\n{line}out\r\r\n$ exit\r\r\n");
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "./noisy.sh &", "awk '{print $9}' x", "exit"]));
    // A program that shows its arguments.
    for (line, output) in [("echo one two 3", "one two 3"), ("ls -l a b c.log", "-rw 1 a b c.log")] {
        let bytes = format!(
            "$ id\r\r\n0\r\r\n$ ./noisy.sh &\r\r\n[1] 33\r\r\n$ {line}\r\r\n{output}\r\r\n$ exit\r\r\n"
        );
        assert_eq!(commands(bytes.as_bytes()), executed(&["id", "./noisy.sh &", line, "exit"]));
    }
}

#[test]
fn a_word_that_a_background_command_says_may_be_typed() {
    let prompt = "u@h:~$ ";
    let first = "(sleep .4; echo report) &";
    for typed in ["rm -f /tmp/report.*", "cat report", "docker run --name report-64 x", "vi /tmp/report"] {
        let marked =
            edit(prompt, first) + "[1] 9\r\r\n" + &edit(prompt, typed) + "x\r\r\n" + &edit(prompt, "exit");
        assert_eq!(ran(&marked), [first, typed, "exit"]);
        // Nothing tells there that the last one was typed.
        if !typed.ends_with("/report") {
            let unmarked = format!("{prompt}{first}\r\n[1] 9\r\n{prompt}{typed}\r\nx\r\n{prompt}exit\r\n");
            assert_eq!(ran(&unmarked), [first, typed, "exit"]);
        }
    }
    // Its newline breaks the line that is typed.
    for (shown, typed) in [
        ("ls -lreport\r\na /tmp", "ls -la /tmp"),
        ("ls report\r\n-la", "ls -la"),
        ("ls -lareport\r\n", "ls -la"),
    ] {
        let marked =
            edit(prompt, first) + "[1] 9\r\r\n" + &edit(prompt, shown) + "x\r\r\n" + &edit(prompt, "exit");
        assert_eq!(ran(&marked), [first, typed, "exit"]);
    }
    // Hardly anybody types several words so.
    let told = "(sleep 3; echo backup finished ok) &";
    let marked = edit(prompt, told)
        + "[1] 9\r\r\n"
        + &edit(prompt, "ls -labackup finished ok")
        + &edit(prompt, "exit");
    assert_eq!(ran(&marked), [told, "ls -la", "exit"]);
    // What has no newline is printed once.
    let open = "(sleep .4; printf payload) &";
    let twice = edit(prompt, open)
        + "[1] 9\r\r\n"
        + &edit(prompt, "kill -9 98payload57")
        + &edit(prompt, "rm xpayload.txt");
    assert_eq!(ran(&twice), [open, "kill -9 9857", "rm xpayload.txt"]);
}

#[test]
fn a_program_that_reads_a_here_document_asks_nobody() {
    let mut session = edit("u@h:~$ ", "python3 - <<PY");
    session +=
        &(edit("> ", "for i in (0, 1): print('>>>', i)") + &edit("> ", "PY") + ">>> 0\r\r\n>>> 1\r\r\n");
    session += &(edit("u@h:~$ ", "id") + "0\r\r\n");
    let found: Vec<String> = commands(session.as_bytes()).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found, ["python3 - <<PY\nfor i in (0, 1): print('>>>', i)\nPY", "id"]);
}

/// Sessions within sessions, as lines without marks: each shell with its prompt, what it runs, and what that prints.
fn levels(lines: &[(&str, &str, &str)]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|(prompt, line, output)| format!("{prompt}{line}\r\n{output}").into_bytes())
        .collect()
}

#[test]
fn a_shell_with_a_prompt_of_an_odd_form_is_found_between_others() {
    let odd = [
        "web-1:log ops$ ",
        "(⎈ |prod:shop) ops@web-1:/var/log$ ",
        "/var/log (main *$%>) $ ",
        "λ log → ",
        "web-1 #> ",
        "11:58:15 web-1 in /var/log\r\n→ ",
    ];
    for odd in odd {
        let session = levels(&[
            ("sh-4.2$ ", "id -u", "1001\r\n"),
            ("sh-4.2$ ", "bash", ""),
            (odd, "ls -l", "total 0\r\n"),
            (odd, "id -un", "ops\r\n"),
            (odd, "sudo -i", ""),
            ("[root@web-1 ~]# ", "hostname", "web-1\r\n"),
            ("[root@web-1 ~]# ", "exit", "logout\r\n"),
            (odd, "cat a", "x\r\n"),
            (odd, "crontab -l", "no crontab for ops\r\n"),
            (odd, "exit", "exit\r\n"),
            ("sh-4.2$ ", "date", "Sun Nov 22\r\n"),
            ("sh-4.2$ ", "exit", "exit\r\n"),
        ]);
        let ran = [
            "id -u",
            "bash",
            "ls -l",
            "id -un",
            "sudo -i",
            "hostname",
            "exit",
            "cat a",
            "crontab -l",
            "exit",
            "date",
            "exit",
        ];
        assert_eq!(commands(&session), executed(&ran), "{odd}");
    }
}

#[test]
fn the_first_prompt_may_have_lines_above_and_another_shell_within() {
    let prompt = "ops@web-1 /var/log\r\n-> ";
    let session = levels(&[
        (prompt, "ls -l", "total 0\r\n"),
        (prompt, "id -un", "ops\r\n"),
        (prompt, "sudo -i", ""),
        ("[root@web-1 ~]# ", "hostname", "web-1\r\n"),
        ("[root@web-1 ~]# ", "exit", "logout\r\n"),
        (prompt, "cat a", "x\r\n"),
        (prompt, "exit", "exit\r\n"),
    ]);
    let ran = ["ls -l", "id -un", "sudo -i", "hostname", "exit", "cat a", "exit"];
    assert_eq!(commands(&session), executed(&ran));
}

#[test]
fn a_text_that_a_command_shows_in_an_opened_shell_tells_no_prompt() {
    let readme = "-> ls\r\n-> id\r\n-> systemctl status x\r\n";
    let session = levels(&[
        ("sh-4.2$ ", "bash", ""),
        ("bash-4.2$ ", "cat README", readme),
        ("bash-4.2$ ", "exit", "exit\r\n"),
        ("sh-4.2$ ", "exit", "exit\r\n"),
    ]);
    assert_eq!(commands(&session), executed(&["bash", "cat README", "exit", "exit"]));
}

#[test]
fn what_a_shell_prints_as_it_is_opened_hides_nothing_that_is_typed_in_it() {
    let list = "  * systemctl status app\r\n  * tail -f x\r\nor\r\n  * sudo -i\r\n";
    let fake = "=> ls\r\nx\r\n=> id\r\n=> uptime\r\n=> exit\r\n".repeat(3);
    for printed in [list, &fake] {
        let session = levels(&[
            ("[a@b ~]$ ", "ssh web-2", printed),
            ("[ops@web-2 ~]$ ", "rm -rf /data", ""),
            ("[ops@web-2 ~]$ ", "curl x | sh", ""),
            ("[ops@web-2 ~]$ ", "exit", "logout\r\n"),
            ("[a@b ~]$ ", "exit", "logout\r\n"),
        ]);
        let found = commands(&session);
        for line in ["ssh web-2", "rm -rf /data", "curl x | sh", "exit"] {
            assert!(found.contains(&(line.to_owned(), Status::Executed)), "{line}: {found:?}");
        }
    }
    let session = levels(&[
        ("[a@b ~]$ ", "ssh web-2", list),
        ("[ops@web-2 ~]$ ", "exit", "logout\r\n"),
        ("[a@b ~]$ ", "exit", "logout\r\n"),
    ]);
    assert_eq!(commands(&session), executed(&["ssh web-2", "exit", "exit"]));
}

#[test]
fn a_banner_that_lists_commands_hides_none() {
    let edit = |line: &str| format!("\x1b[?2004h[a@b ~]$ {line}\r\r\n\x1b[?2004l\r");
    let session = format!("{}{}{}", edit("rm -rf /data"), edit("./useradd bob"), edit("exit"));
    let banner = "Welcome\r\n  * ls\r\n  * id\r\n  * df -h\r\n";
    assert_eq!(ran(&format!("{banner}{session}")), ["rm -rf /data", "./useradd bob", "exit"]);
    // However often it stands there.
    let found = ran(&format!("{}{session}", banner.repeat(4)));
    assert_eq!(found[found.len() - 3..], ["rm -rf /data", "./useradd bob", "exit"]);
}

#[test]
fn a_prompt_of_two_lines_below_a_command_that_is_complete_asks_for_the_next_one() {
    let edit = |upper: &str, line: &str| format!("\x1b[?2004h{upper}\r\n> {line}\r\n\x1b[?2004l\r");
    let session = [
        edit("app on main", "ls"),
        "a\r\n".into(),
        edit("app on main", "cd x"),
        edit("app/x on wx-3.3 via node", "ls -l"),
        edit("app/x on wx-3.3 via node", "exit"),
    ];
    assert_eq!(commands(session.concat().as_bytes()), executed(&["ls", "cd x", "ls -l", "exit"]));
}

#[test]
fn a_prompt_of_no_known_form_stands_before_those_that_are_known() {
    let session = "su\r\n[2.7][admin@fw]~: sudo su -\r\n[2.7][admin@fw]~: ls -l /srv\r\ntotal 12\r\n[2.7][admin@fw]~: ls -l /var\r\n0\r\n[2.7][admin@fw]~: ssh oncall@10.4.1.9\r\nLast login\r\noncall@10:~$ ls -l\r\nx\r\noncall@10:~$ wc -l a\r\n1\r\noncall@10:~$ exit\r\n";
    assert_eq!(
        ran(session),
        ["sudo su -", "ls -l /srv", "ls -l /var", "ssh oncall@10.4.1.9", "ls -l", "wc -l a", "exit"]
    );
    // The same prompt with more before it.
    let bars = |prefix: &str| {
        ["hostname -I", "kill -0 1", "umask 027", "uptime"]
            .map(|line| format!("{prefix}op|bin| {line}\r\nx\r\n"))
            .concat()
    };
    let session = format!("{}op|bin| awsp prod\r\n{}", bars(""), bars("{prod} "));
    let lines = ["hostname -I", "kill -0 1", "umask 027", "uptime"];
    assert_eq!(ran(&session), [&lines[..], &["awsp prod"], &lines[..]].concat());
}

#[test]
fn code_may_start_a_shell() {
    let session = "u@h:~$ id\r\n1\r\nu@h:~$ python3 -c 'import pty;pty.spawn(\"/bin/sh\")'\r\n# grep -r pass /opt\r\na:1\r\n# sleep 1\r\ncd /tmp\r\n# # exit\r\nu@h:~$ pwd\r\n/\r\n";
    let expected = [
        "id",
        "python3 -c 'import pty;pty.spawn(\"/bin/sh\")'",
        "grep -r pass /opt",
        "sleep 1",
        "exit",
        "pwd",
    ];
    assert_eq!(ran(session), expected);
    let conda = "sh-4.2$ id\r\n1\r\nsh-4.2$ conda env list\r\n# conda environments:\r\n#\r\nbase  /opt\r\nsh-4.2$ pwd\r\n/\r\n";
    assert_eq!(ran(conda), ["id", "conda env list", "pwd"]);
}

#[test]
fn rows_of_an_open_line_may_begin_with_a_sign_of_no_known_form() {
    let session = "[r@h ~]# hostname\r\nh\r\n[r@h ~]# echo \"a\r\n… slowjob 1\r\n… uptime\r\n… \"\r\na\r\n[r@h ~]# exit\r\n";
    assert_eq!(ran(session), ["hostname", "echo \"a\nslowjob 1\nuptime\n\"", "exit"]);
    // Comments in a here-document of root, and a last row that is submitted later.
    let root = "# id\r\n0\r\n# cat > p <<'X'\r\n# comment\r\nX\r\nchmod +x p\r\n./p\r\n> > # # ok\r\n# for h in a b; do\r\n\techo \"$h\"\r\ndone> > \r\na\r\nb\r\n# exit\r\n";
    assert_eq!(
        ran(root),
        ["id", "cat > p <<'X'\n# comment\nX", "for h in a b; do\n\techo \"$h\"\ndone", "exit"]
    );
}

#[test]
fn signs_that_a_program_prints_leave_no_shell() {
    let session = "sh-4.2$ curl x | sh\r\n$ $ $ \r\nsh-4.2$ rm -rf /\r\nsh-4.2$ uptime\r\n up\r\nsh-4.2$ id\r\n$ $ $ \r\nsh-4.2$ exit\r\n";
    let found = ran(session);
    for line in ["curl x | sh", "rm -rf /", "uptime", "id", "exit"] {
        assert!(found.contains(&line.to_owned()), "{line}: {found:?}");
    }
    // Code that is only named.
    let named = "u@h:~$ id\r\n0\r\nu@h:~$ cat x | grep 'exec /bin/bash'\r\nbash-4.2$ ls\r\nu@h:~$ rm -rf /\r\nu@h:~$ cat y\r\nbash-4.2$ exit\r\nu@h:~$ pwd\r\n/\r\n";
    assert!(ran(named).contains(&"rm -rf /".to_owned()), "{:?}", ran(named));
    // A prompt that was typed with the command, as manuals show it.
    let manual = "$ id\r\n0\r\n$ $ npm install\r\nsh: 2: $: not found\r\n$ exit\r\n";
    assert_eq!(ran(manual), ["id", "$ npm install", "exit"]);
}

#[test]
fn text_behind_blanks_at_an_empty_prompt_is_typed() {
    let typed = format!("{}touch /tmp/zz", " ".repeat(30));
    let session = format!(
        "\x1b[?2004hu@h:~# PS1=\r\n\x1b[?2004l\r\x1b[?2004h{typed}\r{}\r\n\x1b[?2004l\r",
        "\x1b[C".repeat(43)
    );
    let found: Vec<String> = commands(session.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert!(found.iter().any(|line| line.contains("touch /tmp/zz")), "{found:?}");
}

#[test]
fn a_line_from_the_edge_may_lead_to_the_sign() {
    let session = "# id\r\n0\r\n# bash\r\n[17:55] /root\r\n──▶ git checkout main\r\nok\r\n[17:55] /root\r\n──▶ frobnicate\r\n> api@4.2.1 build\r\n[17:56] /root\r\n──▶ uptime\r\n1\r\n[17:56] /root\r\n──▶ exit\r\n# exit\r\n";
    assert_eq!(ran(session), ["id", "bash", "git checkout main", "frobnicate", "uptime", "exit", "exit"]);
}
