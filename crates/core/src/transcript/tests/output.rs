//! What was printed, and where it came from.

use super::{commands, executed, parsed};
use crate::session::{Confidence, Defect};
use crate::terminal::page::MarkKind;
use crate::terminal::render::{MAX_EDITS, MAX_MARKS, render};
use crate::transcript::prompt::PromptHeads;
use crate::transcript::{ParseLimits, parse};

#[test]
fn output_is_as_the_terminal_showed_it() {
    let table: [(&str, &[u8], &str); 8] = [
        ("doubled returns", b"$ ls\r\r\na\r\r\n\r\r\nb\r\r\n$ ", "a\n\nb"),
        ("progress", b"$ x\r\n\rprogress 10%\rprogress 50%\rprogress 100%\r\n$ ", "progress 100%"),
        (
            "colours",
            b"$ ls\r\n\x1b[0m\x1b[01;34mdir\x1b[0m  \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\r\n$ ",
            "dir  link",
        ),
        ("overstrike", b"$ man x\r\nN\x08NA\x08AM\x08M\r\n$ ", "NAM"),
        ("tabs", b"$ ls\r\na\tb\r\n$ ", "a\tb"),
        ("controls", b"$ x\r\na\x00b\x07c\x7fd\r\n$ ", "abcd"),
        ("cursor up", b"$ x\r\none\r\n\x1b[1A\x1b[2Ktwo\r\n$ ", "one\ntwo"),
        ("unterminated title", b"$ x\r\n\x1b]0;hidden\r\nseen\r\n$ ", "0;hidden\nseen"),
    ];
    for (name, bytes, expected) in table {
        assert_eq!(parsed(bytes).records[0].output, expected, "{name}");
    }
}

#[test]
fn a_clear_deletes_nothing() {
    let bytes = b"\x1b[?2004hsh-5.2$ cat x\r\n\x1b[?2004l\rkept\r\n\x1b[?2004hsh-5.2$ clear\r\n\x1b[?2004l\r\x1b[H\x1b[2J\x1b[3J\x1b[?2004hsh-5.2$ id\r\n\x1b[?2004l\r";
    assert_eq!(commands(bytes), executed(&["cat x", "clear", "id"]));
    assert_eq!(parsed(bytes).records[0].output, "kept");
}

#[test]
fn full_screen_programs_hold_no_commands_but_text() {
    let alternate = b"sh-5.2$ vim f\r\n\x1b[?1049h\x1b[?2004h\x1b[H\x1b[2Jsh-5.2$ rm\x1b[2;1Hsecond line\x1b[?2004l\x1b[?1049l\r\x1b[?1l\x1b>sh-5.2$ exit\r\n";
    let plain = b"sh-5.2$ top\r\n\x1b[?1h\x1b=\x1b[?25l\x1b[H\x1b[2Jsh-5.2$ rm\x1b[K\r\nsecond line\x1b[?1l\x1b>\x1b[25;1H\r\n\x1b[?25h\x1b[Ksh-5.2$ exit\r\n";
    for (name, bytes) in [("vim f", &alternate[..]), ("top", plain)] {
        assert_eq!(commands(bytes), executed(&[name, "exit"]));
        let output = parsed(bytes).records[0].output.clone();
        assert!(output.contains("sh-5.2$ rm") && output.contains("second line"), "{output}");
    }
}

#[test]
fn text_before_the_first_prompt_is_a_record_without_command() {
    let records = parsed(b"Welcome to h1\r\n\r\nu@h1:~$ id\r\nuid=0\r\n").records;
    assert_eq!((records[0].command.as_deref(), records[0].output.as_str()), (None, "Welcome to h1"));
    assert_eq!((records[0].span.start, records[0].span.end), (0, 17));
    assert_eq!((records[1].command.as_deref(), records[1].span.start), (Some("id"), 17));
}

#[test]
fn spans_point_at_the_prompt_and_its_output() {
    let bytes = b"\x1b[?2004hu@h:~$ id\r\n\x1b[?2004l\ruid=0\r\n\x1b[?2004hu@h:~$ ls\r\n\x1b[?2004l\rf\r\n";
    let second = bytes.iter().rposition(|&byte| byte == b'h').unwrap() - 10;
    let spans: Vec<_> =
        parsed(bytes).records.iter().map(|record| (record.span.start, record.span.end)).collect();
    assert_eq!(spans, [(0, second as u64), (second as u64, bytes.len() as u64)]);
}

#[test]
fn limits_are_counted() {
    let limits = ParseLimits { max_records: 2 };
    let found = parse(b"$ a\r\n1\r\n$ b\r\n2\r\n$ c\r\n3\r\n", &limits);
    assert_eq!((found.records.len(), &found.defects[..]), (2, &[Defect::TooManyRecords][..]));
    assert!(found.records[1].output.contains('3'), "text after the last record stays");
    let long = format!("$ x\r\n\x1b[{}mtext\r\n$ ", "1;".repeat(4_000));
    assert_eq!(parsed(long.as_bytes()).defects, [Defect::SequenceTooLong]);
    let edit = format!("\x1b[?2004h$ {}\r\n\x1b[?2004l\rdone\r\n", "word ".repeat(20_000));
    let found = parsed(edit.as_bytes());
    assert_eq!(found.defects, [Defect::LineTooLong]);
    let words: usize = found
        .records
        .iter()
        .map(|record| {
            record.output.matches("word").count()
                + record.command.as_deref().unwrap_or("").matches("word").count()
        })
        .sum();
    assert_eq!(words, 20_000);
    assert_eq!(parsed(b"$ x\r\n\xff\xfe\r\n$ ").defects, [Defect::InvalidUtf8]);
}

#[test]
fn invalid_bytes_show_as_replacement_characters() {
    let found = parsed(b"\x1b[?2004h$ echo \xff\xfe\r\n\x1b[?2004l\ra\xffb\xef\r\n");
    assert_eq!(found.records[0].command.as_deref(), Some("echo \u{fffd}\u{fffd}"));
    assert_eq!(found.records[0].output, "a\u{fffd}b\u{fffd}");
    assert_eq!(found.defects, [Defect::InvalidUtf8]);
}

#[test]
fn lines_like_prompts_cost_no_more_than_so_many_marks() {
    let text = "$ c\r\n".repeat(MAX_MARKS + 10);
    let page = render::<PromptHeads>(text.as_bytes(), None);
    assert_eq!((page.marks.len(), page.too_many_marks), (MAX_MARKS, true));
    assert_eq!(page.text.len(), "$ c\n".len() * (MAX_MARKS + 10), "the text is whole");
}

#[test]
fn edits_cost_no_more_than_so_many_marks() {
    let edits = MAX_EDITS + 10;
    let text: String =
        (0..edits).map(|number| format!("\x1b[?2004h$ c{number}\r\n\x1b[?2004l\ro{number}\r\n")).collect();
    let page = render::<PromptHeads>(text.as_bytes(), None);
    let marked = page.marks.iter().filter(|mark| matches!(mark.kind, MarkKind::Edit(_))).count();
    assert_eq!((marked, page.too_many_marks), (MAX_EDITS, true));
    // Those beyond are found as output, and nothing is told twice.
    let found = parsed(text.as_bytes());
    assert_eq!(found.defects, [Defect::TooManyRecords]);
    let last = found.records.last().unwrap();
    for number in MAX_EDITS..edits {
        for text in [format!("$ c{number}\n"), format!("o{number}")] {
            assert_eq!(last.output.matches(&text).count(), 1, "{text}");
        }
    }
}

/// Whatever the limit is, each line is in one record: in a command or in an output.
#[test]
fn beyond_the_limit_all_text_is_kept() {
    let line = |number: usize| match number % 7 {
        3 => "$ \r\n".to_owned(),
        _ => format!("$ c{number}.\r\no{number}.\r\n"),
    };
    let edit =
        |number: usize| format!("\x1b[?2004h{}", line(number).replacen("\r\n", "\r\n\x1b[?2004l\r", 1));
    for text in [(0..100).map(line).collect::<String>(), (0..100).map(edit).collect()] {
        keeps_all_text(&text);
    }
}

fn keeps_all_text(text: &str) {
    let all = parsed(text.as_bytes());
    assert_eq!((all.records.len(), &all.defects[..]), (86, &[][..]));
    for max_records in [0, 1, 2, 5, 40, 85, 86] {
        let found = parse(text.as_bytes(), &ParseLimits { max_records });
        // A record without a command, of what stands before the first, counts as one.
        assert!(found.records.len() <= max_records.max(1), "{max_records}: {}", found.records.len());
        assert_eq!(found.defects.contains(&Defect::TooManyRecords), max_records < 86, "{max_records}");
        let texts = found.records.iter().flat_map(|record| [record.command.as_deref(), Some(&record.output)]);
        let texts: Vec<&str> = texts.flatten().collect();
        for number in (0..100).filter(|number| number % 7 != 3) {
            for wanted in [format!("c{number}."), format!("o{number}.")] {
                let times: usize = texts.iter().map(|text| text.matches(&wanted).count()).sum();
                assert_eq!(times, 1, "{max_records}: {wanted}");
            }
        }
    }
}

#[test]
fn a_million_tiny_commands_are_as_many_records_as_the_limit_says_and_lose_no_text() {
    let text: String = (0..1_000_000).map(|number| format!("$ c{number}.\r\n")).collect();
    let found = parsed(text.as_bytes());
    assert_eq!(found.records.len(), ParseLimits::default().max_records);
    assert_eq!(found.defects, [Defect::TooManyRecords]);
    let output = &found.records.last().unwrap().output;
    assert_eq!(output.lines().count(), 1_000_000 - found.records.len());
    assert!(output.ends_with("$ c999999."), "{}", output.len());
}

#[test]
fn a_session_that_ends_in_a_program_that_prints_ends_in_output() {
    let log = "app > GET received\r\r\napp > POST received\r\r\napp > PUT received\r\r\n";
    for prompt in ["[root@web-01 ~]# ", "sh-4.2$ "] {
        for last in
            ["tail -f /var/log/app.log", "sudo tail -f x", "kubectl logs -f pod", "docker build .", "less x"]
        {
            let bytes = format!("{prompt}ls\r\r\na b\r\r\n{prompt}{last}\r\r\n{log}");
            assert_eq!(commands(bytes.as_bytes()), executed(&["ls", last]), "{prompt} {last}");
            let marked = bytes.replace(prompt, &format!("\x1b[?2004h{prompt}"));
            let marked = marked.replacen("\r\r\n", "\r\r\n\x1b[?2004l", 1).replacen(
                &format!("{last}\r\r\n"),
                &format!("{last}\r\r\n\x1b[?2004l"),
                1,
            );
            assert_eq!(commands(marked.as_bytes()), executed(&["ls", last]), "{marked:?}");
        }
    }
    let steps = " ---> 3fd9065eaf02\r\r\nStep 2/4 : RUN x\r\r\n ---> Running in abc\r\r\n ---> 123456\r\r\n";
    let bytes = format!("[root@web-01 ~]# docker build .\r\r\n{steps}");
    assert_eq!(commands(bytes.as_bytes()), executed(&["docker build ."]));
    // What an unknown program may have opened is told, and not believed.
    let bytes = format!("sh-4.2$ ls\r\r\nx\r\r\nsh-4.2$ ./console\r\r\n{log}");
    let session = parsed(bytes.as_bytes());
    let doubted = session.records.iter().skip(2).all(|record| record.confidence == Confidence::Low);
    assert!(session.records.len() == 5 && doubted, "{session:#?}");
}

#[test]
fn a_table_with_signs_between_its_columns_holds_no_prompt() {
    let greeting = "_col1               # select column 1\r\r\n_col2               # select column 2\r\r\n_col3               # select column 3\r\r\n";
    let bytes = format!("{greeting}[root@web ~]# ls\r\r\nx\r\r\n[root@web ~]# exit\r\r\n");
    assert_eq!(commands(bytes.as_bytes()), executed(&["ls", "exit"]));
}

#[test]
fn what_an_editor_paints_is_no_line_of_the_shell() {
    let painted = "\x1b[?1h\x1b=\x1b[1;24r\x1b[H\x1b[2J\x1b[1;1H# Install\r\r\n$ make install\r\r\nrun it\r\r\n$ ./deploy.sh prod\r\r\n~\r\r\n~\x1b[24;1H\"README.md\" 4L\x1b[1;1H";
    let begun = "$ id\r\r\nuid=0\r\r\n$ vim README.md\r\r\n";
    let left = "\x1b[4;1Hchanged\x1b[24;1H:wq\r\r\n\x1b[?1l\x1b>$ exit\r\r\n";
    for (session, last) in [
        (format!("{begun}\x1b[?1049h{painted}"), None),
        (format!("{begun}{painted}"), None),
        (format!("{begun}{painted}{left}"), Some("exit")),
    ] {
        let found: Vec<String> =
            super::commands(session.as_bytes()).into_iter().map(|(command, _)| command).collect();
        let wanted: Vec<&str> = ["id", "vim README.md"].into_iter().chain(last).collect();
        assert_eq!(found, wanted);
    }
}

#[test]
fn a_shell_without_marks_goes_on_below_a_program_that_was_killed() {
    let painted = "\x1b[?1h\x1b=\x1b[?25l\x1b[H\x1b[2Jtop - 10:00\r\r\nTasks: 9\r\r\n";
    for prompt in ["ops@ip-10-0-3-17:/home/ops> ", "$ ", "\x1b[32msh-4.2$\x1b[0m "] {
        let session = format!(
            "{prompt}id\r\r\nx\r\r\n{prompt}top -n 1 | head -3\r\r\n{painted}{prompt}df -h\r\r\nFilesystem\r\r\n{prompt}vi x\r\r\n\x1b[?1049h\x1b[?1h\x1b=\x1b[1;24r\x1b[Htext\x1b[?1l\x1b>\x1b[?1049l{prompt}exit\r\r\n"
        );
        let found: Vec<String> =
            super::commands(session.as_bytes()).into_iter().map(|(command, _)| command).collect();
        assert_eq!(found, ["id", "top -n 1 | head -3", "df -h", "vi x", "exit"], "{prompt}");
    }
}

#[test]
fn what_python_prints_below_a_block_may_begin_like_the_prompt_of_a_shell_for_more() {
    let bytes = b"$ python3\r\r\nPython 3.11.2 (main) on linux\r\r\n>>> for k in 1,2:\r\r\n...     print('> k')\r\r\n... \r\r\n> k\r\r\n> k\r\r\n>>> exit()\r\r\n$ exit\r\r\n";
    let records = super::parsed(bytes).records;
    assert_eq!(records[1].command.as_deref(), Some("for k in 1,2:\n    print('> k')\n"));
    assert_eq!(records[1].output, "> k\n> k");
}
