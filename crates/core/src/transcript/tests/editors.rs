//! Line editors besides readline: what shows that a line was submitted, broken off, or only painted once more.

use super::{commands, executed, parsed};
use crate::session::Status;

/// The commands of a transcript.
fn lines(bytes: &str) -> Vec<String> {
    commands(bytes.as_bytes()).into_iter().map(|(line, _)| line).collect()
}

/// One edit of bash with marks.
fn bash(line: &str) -> String {
    format!("\x1b[?2004h[me@web ~]$ {line}\r\n\x1b[?2004l\r")
}

#[test]
fn an_editor_that_ends_its_lines_itself_is_no_printed_transcript() {
    // prompt_toolkit sends one return more than readline, and something behind the newline.
    let ipython = |number: usize, line: &str| {
        let prompt = format!("\x1b[0;32mIn [\x1b[0;92;1m{number}\x1b[0;32m]: \x1b[0m");
        let back = line.len() + 8;
        format!(
            "\x1b[6n\x1b[?2004h\x1b[?25l\x1b[0m\x1b[J{prompt}{line}\x1b[{back}D\x1b[0m\r\r\n\x1b[J\x1b[?7h\x1b[?25h\x1b[?2004l\r\n"
        )
    };
    let before = format!("{}{}", bash("id"), bash("ipython"));
    let session = format!("{before}{}{}{}", ipython(1, "x=1"), ipython(2, "exit"), bash("pwd"));
    assert_eq!(lines(&session), ["id", "ipython", "x=1", "exit", "pwd"]);
    // Opened in a shell without marks.
    let session = format!("$ id\r\n0\r\n$ ipython\r\n{}{}$ pwd\r\n", ipython(1, "x=1"), ipython(2, "exit"));
    assert_eq!(lines(&session), ["id", "ipython", "x=1", "exit", "pwd"]);
}

#[test]
fn reline_goes_down_a_row_where_others_send_a_newline() {
    let irb = |number: usize, line: &str| {
        let prompt = format!("irb(main):{number:03}:0> ");
        let end = prompt.len() + line.len() + 1;
        format!(
            "\x1b[6n\x1b[1G{prompt}\x1b[K\x1b[1G\x1b[18G\x1b[1G{prompt}{line}\x1b[K\x1b[1G\x1b[{end}G\x1b[1G\x1b[1B\x1b[1G\x1b[K\x1b[1G=> 0\r\n"
        )
    };
    let session =
        format!("{}{}{}{}{}", bash("irb"), irb(1, "x=0"), irb(2, "x=1"), irb(3, "exit"), bash("id"));
    assert_eq!(lines(&session), ["irb", "x=0", "x=1", "exit", "id"]);
}

/// How reline paints its rows, each up to the next, and goes to a fresh row when they are submitted.
fn reline(rows: &[String]) -> String {
    let next = "\x1b[K\x1b[1G\x1b[1B\x1b[0m";
    let rows: Vec<String> = rows.iter().map(|row| format!("\x1b[1G{row}")).collect();
    format!("{}\x1b[K\x1b[1G\x1b[1G\x1b[1B\x1b[1G\x1b[K\x1b[1G", rows.join(next))
}

#[test]
fn the_menu_of_reline_is_no_part_of_its_line() {
    let shows = "\x1b[2B\x1b[2S\x1b[4A\x1b[1B\x1b[18G\x1b[46mnil?\x1b[0m\x1b[18G\x1b[1B\x1b[46mnext\x1b[0m\x1b[18G\x1b[19G\x1b[2A";
    let wipes = "\x1b[1B\x1b[18G\x1b[0m    \x1b[0m\x1b[1B\x1b[18G\x1b[0m    \x1b[0m\x1b[2A\x1b[21G";
    let session = format!(
        "{}\x1b[1G▽\x1b[6n\x1b[1G\x1b[K\x1b[6n\x1b[1Girb(main):001:0> n\x1b[K\x1b[1G\x1b[19G{shows}{}=> true\r\n\x1b[6n{}{}",
        bash("irb"),
        reline(&[format!("irb(main):001:0> nil{wipes}\x1b[1Girb(main):001:0> nil?")]),
        reline(&["irb(main):002:0> exit".into()]),
        bash("id")
    );
    assert_eq!(lines(&session), ["irb", "nil?", "exit", "id"]);
    // The menu is on the page, as it was on the screen, but not what wiped it.
    let output = parsed(session.as_bytes()).records[0].output.clone();
    assert_eq!(output, "nil?\nnext");
}

#[test]
fn the_rows_that_reline_paints_once_more_are_one_command() {
    let typed = "\x1b[1Girb(main):001:1* def f(a)\x1b[K\x1b[1G\x1b[28G\x1b[1B\x1b[1Girb(main):002:1*   a + 1\x1b[K\x1b[1G\x1b[25G\x1b[1B\x1b[1Girb(main):003:1* end\x1b[K\x1b[1G\x1b[21G\x1b[2A\x1b[1G";
    let rows = ["irb(main):001:1* def f(a)", "irb(main):002:1*   a + 1", "irb(main):003:0> end"];
    let session = format!(
        "{}{typed}{}=> :f\r\n\x1b[6n{}=> 4\r\n{}{}",
        bash("irb"),
        reline(&rows.map(str::to_owned)),
        reline(&["irb(main):004:0> f(3)".into()]),
        reline(&["irb(main):005:0> exit".into()]),
        bash("id")
    );
    assert_eq!(lines(&session), ["irb", "def f(a)\n  a + 1\nend", "f(3)", "exit", "id"]);
    // It begins where its first row was painted last.
    let first = session.rfind("irb(main):001:1* ").unwrap() as u64;
    let records = parsed(session.as_bytes()).records;
    assert!((first - 4..=first).contains(&records[1].span.start), "{:?}", records[1].span);
}

#[test]
fn reline_goes_on_in_the_next_row_where_a_line_is_longer_than_its_own() {
    let rows = |end: &str| {
        format!(
            "irb(main):001:0> puts 'aaaa\x1b[1G\x1b[1B\x1b[1G\x1b[1Gbbbb\x1b[1G\x1b[1B\x1b[1G\x1b[1G{end}"
        )
    };
    let session = format!(
        "{}\x1b[1G{}\x1b[K\x1b[1G\x1b[15G\x1b[2A\x1b[1G\x1b[0m{}aaaabbbbcc\r\n{}",
        bash("irb"),
        rows("c"),
        reline(&[rows("cc'")]),
        bash("id")
    );
    assert_eq!(lines(&session), ["irb", "puts 'aaaabbbbcc'", "id"]);
}

#[test]
fn irb_asks_for_more_with_prompts_of_its_own() {
    let session = "$ irb\r\nirb(main):001:0> def f\r\nirb(main):002:1>   1\r\nirb(main):003:1> end\r\n=> :f\r\nirb(main):004:0> f +\r\nirb(main):005:0* 1\r\n=> 2\r\nirb(main):006:0> exit\r\n$ id\r\n0\r\n";
    assert_eq!(lines(session), ["irb", "def f\n  1\nend", "f +\n1", "exit", "id"]);
    let session = "$ bin/rails console\r\nLoading production environment (Rails 7.2.1)\r\nshop(prod):001> User.count\r\n=> 3\r\nshop(prod):002> [1,\r\nshop(prod):003* 2]\r\n=> [1, 2]\r\nshop(prod):004> exit\r\n$ id\r\n0\r\n";
    assert_eq!(lines(session), ["bin/rails console", "User.count", "[1,\n2]", "exit", "id"]);
}

#[test]
fn a_program_may_mark_its_whole_session() {
    let shell = |line: &str| format!("\x1b[1G\x1b[0J> \x1b[3G{line}\r\r\n");
    let session = format!(
        "{}\x1b[?2004h{}2\r\n{}3\r\n{}\x1b[?2004l{}",
        bash("mongosh --nodb"),
        shell("1+1"),
        shell("1+2"),
        shell("exit"),
        bash("id")
    );
    assert_eq!(lines(&session), ["mongosh --nodb", "1+1", "1+2", "exit", "id"]);
}

#[test]
fn a_prompt_at_the_right_edge_without_marks() {
    let mark = format!("\x1b[7m%\x1b[27m{}\r \r", " ".repeat(79));
    let prompt = "\r\x1b[0m\x1b[27m\x1b[24m\x1b[Jvm# \x1b[K\x1b[65C\x1b[33m/tmp/ed/sb\x1b[39m\x1b[75D";
    let session: String =
        ["ls", "echo hello x", "id"].map(|line| format!("{mark}{prompt}{line}\r\r\nx\r\n")).concat();
    assert_eq!(lines(&session), ["ls", "echo hello x", "id"]);
    assert!(format!("{:?}", parsed(session.as_bytes()).records).contains("/tmp/ed/sb"));
}

#[test]
fn an_interrupt_is_shown_where_the_cursor_stands() {
    let unmarked = "$ id\r\n0\r\n$ echo one two three\x08\x08\x08\x08\x08\x08\x08\x08\x08^C\r\n$ rm -rf /x\r^C\r\n$ pwd\r\n";
    let wanted = [("id", Status::Executed), ("echo one o three", Status::Aborted)];
    assert_eq!(commands(unmarked.as_bytes())[..2], wanted.map(|(line, status)| (line.to_owned(), status)));
    let ran = |bytes: &str| {
        let ran = |(line, status): (String, Status)| (status == Status::Executed).then_some(line);
        commands(bytes.as_bytes()).into_iter().filter_map(ran).collect::<Vec<_>>()
    };
    let marked =
        format!("\x1b[?2004h[me@web ~]$ echo one two\x08\x08\x08\x08^C\x1b[?2004l\r\r\n{}", bash("id"));
    assert_eq!(ran(&marked), ["id"]);
    // The same two characters, typed.
    assert_eq!(ran("$ id\r\n0\r\n$ echo ^C x\r\n^C x\r\n$ pwd\r\n"), ["id", "echo ^C x", "pwd"]);
}

#[test]
fn a_list_behind_a_blank_shows_all_that_may_stand_there() {
    let list = ".git/      beta.txt\r\nalpha.txt  docs/\r\n";
    let bytes = format!(
        "$ pwd\r\n/\r\n$ cat a.txt \x07\r\n{list}$ cat a.txt \r\none\r\n$ ls \x07\r\n{list}$ ls docs\r\nx\r\n$ id\r\n"
    );
    assert_eq!(commands(bytes.as_bytes()), executed(&["pwd", "cat a.txt", "ls docs", "id"]));
    // No bell: `ls ` ran.
    let bytes = format!("$ pwd\r\n/\r\n$ ls \r\n{list}$ ls docs\r\nx\r\n$ id\r\n");
    assert_eq!(commands(bytes.as_bytes()), executed(&["pwd", "ls", "ls docs", "id"]));
}

#[test]
fn traces_and_numbered_lines_are_no_prompts() {
    let trace = "+ '[' -z '' ']'\r\n+ shopt -s checkwinsize\r\n+ alias 'll=ls -l'\r\n+ export FOO=1\r\n";
    let session = format!("{trace}{}+ pwd\r\n/\r\n{}+ id -u\r\n0\r\n", bash("pwd"), bash("id -u"));
    assert_eq!(lines(&session), ["pwd", "id -u"]);
    let found = "./bin/deploy.sh:36:# with git push\r\n./bin/x.sh:2:# id\r\n";
    let session =
        format!("{}{found}{}{found}{}", bash("grep -rn '#' ."), bash("grep -rn '#' ."), bash("exit"));
    assert_eq!(lines(&session), ["grep -rn '#' .", "grep -rn '#' .", "exit"]);
}

#[test]
fn zsh_takes_colours_away_from_the_end_of_a_line_that_was_entered() {
    let painted = "\x1b[0m\x1b[27m\x1b[24m\x1b[J";
    let mark = format!("\x1b[1m\x1b[7m%\x1b[27m\x1b[1m\x1b[0m{}\r \r\r", " ".repeat(79));
    let edit = |prompt: &str, line: &str, end: &str| {
        let back = "\x08".repeat(end.len());
        format!("{painted}{prompt}\x1b[K\x1b[?2004h{line}\x1b[?1l\x1b>\x1b[?2004l{back}\x1b[24m{end}\r\r\n")
    };
    let session = format!(
        "{mark}{}\r{}\r{}x\r\n{mark}{}x\r\n",
        edit("vm # ", "if true; then", ""),
        edit("then> ", "echo \x1b[4mx\x1b[24m", "x"),
        edit("then> ", "fi", ""),
        edit("vm # ", "cat \x1b[4ma.txt\x1b[24m", "a.txt"),
    );
    assert_eq!(lines(&session), ["if true; then\necho x\nfi", "cat a.txt"]);
    let outputs: Vec<String> =
        parsed(session.as_bytes()).records.into_iter().map(|record| record.output).collect();
    assert_eq!(outputs, ["x", "x"]);
}

#[test]
fn prompts_for_more_lines_of_many_forms() {
    for more in ["(ins)> ", "$ ", "... ", "more% ", "\u{276f} "] {
        let edit = |prompt: &str, line: &str| format!("\x1b[?2004h{prompt}{line}\r\n\x1b[?2004l\r");
        let session = format!(
            "{}{}{}1\r\n{}",
            edit("[me@web ~]# ", "for i in 1"),
            edit(more, "do echo $i > x"),
            edit(more, "done"),
            edit("[me@web ~]# ", "id"),
        );
        assert_eq!(lines(&session), ["for i in 1\ndo echo $i > x\ndone", "id"], "{more}");
    }
}

#[test]
fn a_start_that_was_not_shown_is_told() {
    use crate::session::{Confidence, Reason};
    let part = "bb cccc dddd eeee     <\x08\x08\x08\x08\x08\x08";
    let session = format!(
        "$ id\r\r\n0\r\n$ echo aaaa bbbb cccc dddd eeee\r{part} ffff\r\r\nx\r\n$ \rcccc dddd eeee ffff   <\x08\x08\x08\x08 more\r\r\nx\r\n$ pwd\r\r\n"
    );
    let records = parsed(session.as_bytes()).records;
    let told =
        |record: &crate::session::CommandRecord| (record.command.clone(), record.confidence, record.reason);
    let line = "echo aaaa bbbb cccc dddd eeee ffff";
    assert_eq!(told(&records[1]), (Some(line.into()), Confidence::Medium, Some(Reason::LearnedPrompt)));
    assert_eq!(told(&records[2]), (Some(format!("{line} more")), Confidence::Low, Some(Reason::Recalled)));
}

#[test]
fn what_ipython_colours_is_typed() {
    let edit = |line: &str| {
        format!("\x1b[?2004h\x1b[32mIn [\x1b[1m2\x1b[0m\x1b[32m]: \x1b[0m{line}\r\r\n\x1b[?2004l\r")
    };
    let bytes = [
        edit("1\x1b[38;5;241m+\x1b[39m1"),
        edit("[i \x1b[32mfor\x1b[39m i \x1b[32min\x1b[39m x]"),
        edit("exit"),
    ];
    let found: Vec<String> = commands(bytes.concat().as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, ["1+1", "[i for i in x]", "exit"]);
}

/// A function in dollar quotes goes on behind `db$#`; a shell may have such a prompt, too.
#[test]
fn psql_asks_for_more_within_dollar_quotes() {
    let session = "[a@b ~]$ psql app\r\napp=# create function f() as $$\r\napp$# begin\r\napp$# end $$;\r\nCREATE FUNCTION\r\n\
                   app=# quit\r\n[a@b ~]$ exit\r\n";
    let found: Vec<String> = commands(session.as_bytes()).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, ["psql app", "create function f() as $$\nbegin\nend $$;", "quit", "exit"]);
    let shell = "web$> id\r\n0\r\nweb$> curl x\r\nweb$> exit\r\n";
    assert_eq!(commands(shell.as_bytes()), executed(&["id", "curl x", "exit"]));
}

#[test]
fn sqlite_is_left_by_the_first_letters_of_its_word() {
    for word in [".q", ".ex"] {
        let sqlite = format!("$ sqlite3\r\nSQLite version 3\r\nsqlite> select 1;\r\n1\r\nsqlite> {word}\r\n");
        let bytes = format!("$ uptime\r\nup\r\n{sqlite}$ docker ps\r\nID\r\n{sqlite}$ exit\r\n");
        let found: Vec<String> = commands(bytes.as_bytes()).into_iter().map(|(line, _)| line).collect();
        let inner = ["sqlite3", "select 1;", word];
        assert_eq!(found, [&["uptime"][..], &inner, &["docker ps"], &inner, &["exit"]].concat(), "{word}");
    }
}

/// Powerlevel10k paints a shorter prompt when the line is submitted, and may hide the cursor before.
#[test]
fn a_prompt_that_becomes_shorter_when_the_line_is_submitted_stands_once() {
    let edit = |line: &str| {
        format!(
            "\r\x1b[0m\x1b[27m\x1b[24m\x1b[J╭─ ~/app ─╮\r\r\n╰─ \x1b[K\x1b[?2004h{line}\x1b[?2004l\x1b[?25l\x1b[24m\r\r\x1b[A\x1b[0m\x1b[27m\x1b[24m\x1b[J❯ {line}\x1b[K\x1b[?25h\r\r\nx\r\n"
        )
    };
    let bytes = [edit("bash ./x.sh"), edit("id"), edit("exit")].concat();
    assert_eq!(commands(bytes.as_bytes()), executed(&["bash ./x.sh", "id", "exit"]));
}

#[test]
fn the_sign_that_asks_for_more_may_be_that_of_the_prompt() {
    let edit = |prompt: &str, line: &str| format!("\x1b[?2004h{prompt}{line}\r\r\n\x1b[?2004l\r");
    for sign in ["> ", "➜ ", "-> "] {
        let prompt = format!("ops@web-1 /etc\r\r\n{sign}");
        let session = [
            edit(&prompt, "systemctl restart nginx"),
            edit(&prompt, "cd /etc"),
            edit(&prompt, "for i in 1 2; do"),
            edit(sign, "echo $i"),
            edit(sign, "done"),
            "1\r\r\n2\r\r\n".into(),
            edit(&prompt, "ls"),
        ];
        let ran = ["systemctl restart nginx", "cd /etc", "for i in 1 2; do\necho $i\ndone", "ls"];
        assert_eq!(lines(&session.concat()), ran, "{sign}");
    }
}

#[test]
fn what_a_shell_tells_between_the_lines_of_a_command_does_not_end_it() {
    let edit = |prompt: &str, line: &str| format!("\x1b[?2004h{prompt}{line}\r\r\n\x1b[?2004l\r");
    let job = [
        edit("sh-5.2$ ", "sleep .1 &"),
        "[1] 27242\r\r\n".into(),
        edit("sh-5.2$ ", "for h in a; do"),
        "[1]+  Done                    sleep .1\r\r\n".into(),
        edit("> ", "echo $h"),
        edit("> ", "done"),
        "a\r\r\n".into(),
        edit("sh-5.2$ ", "exit"),
    ];
    assert_eq!(lines(&job.concat()), ["sleep .1 &", "for h in a; do\necho $h\ndone", "exit"]);
    let verbose = [
        edit("sh-5.2$ ", "set -v"),
        edit("sh-5.2$ ", "cat <<EOF"),
        "cat <<EOF\r\r\n".into(),
        edit("> ", "a = 1"),
        "a = 1\r\r\n".into(),
        edit("> ", "EOF"),
        "EOF\r\r\na = 1\r\r\n".into(),
        edit("sh-5.2$ ", "exit"),
    ];
    assert_eq!(lines(&verbose.concat()), ["set -v", "cat <<EOF\na = 1\nEOF", "exit"]);
    // Output stays output, and a program that asks with the same sign has lines of its own.
    let node =
        [edit("sh-5.2$ ", "node"), "Welcome to Node.js\r\r\n".into(), edit("> ", "1 + 1"), "2\r\r\n".into()];
    assert_eq!(lines(&node.concat()), ["node", "1 + 1"]);
}

#[test]
fn a_line_that_shell_integration_does_not_run_was_broken_off() {
    let prompt = "\x1b]133;A\x07web# \x1b]133;B\x07";
    let session = format!(
        "{prompt}id\r\n\x1b]133;C\x070\r\n\x1b]133;D;0\x07{prompt}reboot^C\r\n\x1b]133;D;130\x07{prompt}echo ^C\r\n\x1b]133;C\x07^C\r\n"
    );
    let found = commands(session.as_bytes());
    let expected = [("id", Status::Executed), ("reboot", Status::Aborted), ("echo ^C", Status::Executed)];
    assert_eq!(found, expected.map(|(line, status)| (line.to_owned(), status)));
    // iTerm2's integration for bash says that something runs.
    let session = format!("{prompt}^C\r\n\x1b]133;C;\x07\x1b]133;D;130\x07{prompt}id\r\n\x1b]133;C;\x07");
    assert_eq!(commands(session.as_bytes()), executed(&["id"]));
}

#[test]
fn only_integration_that_marks_output_tells_that_a_line_was_broken_off() {
    let prompt = "\x1b]133;A\x07web# \x1b]133;B\x07";
    let session = format!("{prompt}id\r\n0\r\n{prompt}curl x | sh #^C\r\n{prompt}exit\r\n");
    let ran = executed(&["id", "curl x | sh #^C", "exit"]);
    assert_eq!(commands(session.as_bytes()), ran);
}

#[test]
fn a_prompt_like_that_of_irb_is_one_of_a_shell_unless_it_names_an_environment() {
    let prompt = |number: usize| format!("\x1b[?2004hops(web-1):{number}> ");
    let edit = |(number, line): (usize, &str)| format!("{}{line}\r\r\n\x1b[?2004l\r", prompt(number));
    let session = [(99, "id"), (100, "ls"), (101, "rm -rf /data")].map(edit).concat();
    assert_eq!(commands(session.as_bytes()), executed(&["id", "ls", "rm -rf /data"]));
}

#[test]
fn lines_pasted_under_shell_integration_are_one_command() {
    // The prompt says itself how the last command ended, and is painted once more when the paste is.
    let prompt = "\x1b]133;D;0\x1b\\\x1b]133;A\x1b\\[me@web ~]$ \x1b]133;B\x1b\\";
    let edit = |lines: &str| format!("\x1b[?2004h{prompt}{lines}\r\n\x1b[?2004l\r\x1b]133;C\x07");
    let pasted = format!("\x1b[7mcd /a\x1b[27m\r\n\r\x1b[7mls\x1b[27m\x1b[A\r{prompt}cd /a\r\n\rls");
    let session = format!("{}0\r\n{}\x1b]133;C\x07x\r\n{}", edit("id"), edit(&pasted), edit("exit"));
    assert_eq!(commands(session.as_bytes()), executed(&["id", "cd /a\nls", "exit"]));
}

#[test]
fn a_finder_below_the_line_is_no_part_of_it() {
    // fzf, started by a key: C-t, which has emptied the row before, and M-c, behind a text.
    let finder = |query: &str| {
        format!(
            "\x1b[?25l\x1b[J\x1b[6n\x1b[?25h\x1b[?25l\n\x1b[G\n\x1b[G\x1b[?1000h\x1b[2A\x1b[G> {query}\x1b[1B\r  rare-entry\x1b[1A\r"
        )
    };
    let clears = "\x1b[J\x1b[?1000l\x1b[?25h";
    let prompt = "[me@web ~]$ ";
    let inserted = format!("{prompt}echo \r\x1b[K\r{}{clears}{prompt}echo a.txt \r\n", finder("a"));
    let moved = format!(
        "{prompt}`__fzf_cd__`\n{}\x1b[A{clears}\x08\x08builtin cd -- a/b\r\x1b[K\r{prompt}builtin cd -- a/b\r\n",
        finder("b")
    );
    let edit = |painted: &str| format!("\x1b[?2004h{painted}\x1b[?2004l\r");
    let session = format!("{}0\r\n{}{}", edit(&format!("{prompt}id\r\n")), edit(&inserted), edit(&moved));
    let records = parsed(session.as_bytes()).records;
    let lines: Vec<&str> = records.iter().filter_map(|record| record.command.as_deref()).collect();
    assert_eq!(lines, ["id", "echo a.txt", "builtin cd -- a/b"]);
    // What it showed is kept.
    assert!(records[1].output.contains("rare-entry"), "{}", records[1].output);
}

#[test]
fn mongosh_names_a_server_and_a_database() {
    let session = "$ mongosh\r\nConnecting\r\nrs0 [direct: primary] test> use shop\r\nswitched\r\nrs0 [direct: primary] shop> db.orders.count()\r\n3\r\nrs0 [direct: primary] shop> exit\r\n$ pwd\r\n/\r\n";
    assert_eq!(lines(session), ["mongosh", "use shop", "db.orders.count()", "exit", "pwd"]);
    // A shell may have a field like that, and no database has a path for its name.
    let edit = |line: &str| format!("\x1b[?2004hme@db [primary] /var/log> {line}\r\n\x1b[?2004l\r");
    let session = [edit("id"), edit("rm -rf /data"), edit("exit")].concat();
    assert_eq!(commands(session.as_bytes()), executed(&["id", "rm -rf /data", "exit"]));
}

#[test]
fn rows_that_an_editor_deletes_and_inserts_move() {
    // zsh joins the second line of a loop with the first, and opens a line in another one.
    let edit = |typed: &str| format!("web% \x1b[K\x1b[?2004h{typed}\x1b[?2004l\x1b[2B\r\r\n");
    let joined =
        "for d in a b\r\r\ndo\x1b[K\r\r\n  du $d\x1b[K\r\r\ndone\x1b[K\x1b[2A\r\x1b[M\x1b[A\x1b[12C; do";
    let opened = "if x\r\r\nfi\x1b[K\r\x1b[Lthen y";
    let session = format!("{}0\r\n{}{}{}", edit("id"), edit(joined), edit(opened), edit("pwd"));
    assert_eq!(lines(&session), ["id", "for d in a b; do\n  du $d\ndone", "if x\nthen y\nfi", "pwd"]);
}

#[test]
fn sqlite_goes_on_in_its_line_behind_an_interrupt() {
    let edit = |line: &str| format!("\x1b[?2004hsqlite> {line}\r\n\x1b[?2004l\r");
    let broken = format!("garbage^C\x1b[?2004l\r\x1b[?2004h{}.dbinfo", "\x1b[C".repeat(15));
    let session = format!("{}{}{}{}", bash("sqlite3 a.db"), edit(".tables"), edit(&broken), edit(".quit"));
    assert_eq!(lines(&session), ["sqlite3 a.db", ".tables", "garbage.dbinfo", ".quit"]);
    // In a shell the line before was submitted or broken off.
    let shell =
        format!("\x1b[?2004h$ rm -rf /x\x1b[?2004l\r\x1b[?2004h\x1b[C\x1b[Cw\r\n\x1b[?2004l\r{}", bash("id"));
    assert!(lines(&shell).contains(&"rm -rf /x".to_owned()), "{:?}", lines(&shell));
}

#[test]
fn a_windows_console_paints_at_absolute_columns() {
    let keys = |row: usize, line: &str| {
        let (first, second) = (&line[..1], &line[..2]);
        let rest = (3..=line.len())
            .map(|end| format!("\x1b[?25l\x1b[93m\x1b[{row};10H{}\x1b[?25h\x1b[m", &line[..end]));
        let rest: String = rest.collect();
        format!("PS C:\\x> \x1b[93m{first}\x1b[m\x1b[93m\x08{second}\x1b[m{rest}\r\n")
    };
    let session =
        format!("Windows PowerShell\r\n{}a\r\n{}{}", keys(6, "dir"), keys(9, "cd yy"), keys(10, "exit"));
    assert_eq!(lines(&session), ["dir", "cd yy", "exit"]);
}

#[test]
fn an_edit_that_a_program_opened_hides_no_marked_line() {
    // The line editor marks nothing, and the shell does so with marks of its own.
    let edit = |line: &str| format!("\x1b]133;D;0\x07\x1b]133;A\x07$ \x1b]133;B\x07{line}\r\n");
    let session = format!(
        "{}0\r\n{}\x1b[?2004h{}gone\r\n{}",
        edit("id"),
        edit("./leak"),
        edit("rm -rf /"),
        edit("exit")
    );
    assert_eq!(lines(&session), ["id", "./leak", "rm -rf /", "exit"]);
}

#[test]
fn a_list_of_completions_under_shell_integration_runs_nothing() {
    let prompt = "\x1b]633;A\x07web $ \x1b]633;B\x07";
    let ran =
        |line: &str| format!("{prompt}{line}\r\n\x1b]633;E;{line}\x07\x1b]633;C\x07out\r\n\x1b]633;D;0\x07");
    let list = format!("{prompt}wc -l /opt/\x07\r\nblob   hosts.txt   \r\n");
    let session = format!("{}{list}{list}{}{}", ran("id"), ran("wc -l /opt/hosts.txt"), ran("uptime"));
    assert_eq!(lines(&session), ["id", "wc -l /opt/hosts.txt", "uptime"]);
    // zsh closes its edit first, with the list below the line.
    let zsh = |line: &str, below: &str| {
        format!(
            "\x1b]133;A\x07db % \x1b]133;B\x07\x1b[K\x1b[?2004h{line}{below}\x1b[?2004l\r\r\n\x1b[J\x1b]133;C\x07x\r\n\x1b]133;D;0\x07"
        )
    };
    let below = "\r\r\n\x1b[Ja.txt  b.txt\x1b[A\x1b[0m\r\x1b[5Ccat /etc/\x1b[K";
    let session = [zsh("id", ""), zsh("cat /etc/", below), zsh("pwd", "")].concat();
    assert_eq!(lines(&session), ["id", "cat /etc/", "pwd"]);
}
