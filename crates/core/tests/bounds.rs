//! What hostile input costs: the text of all records stays in proportion to the input, whatever the input asks a
//! terminal to do.
//!
//! Time is measured, not tested: `cargo test --release -p shelltrail-core --test bounds -- --ignored --nocapture` prints
//! how long each input takes, how much longer twice as much of it does, and the bytes of text for each byte of it;
//! `INPUT=edit` in the environment chooses inputs by their names.

#![allow(clippy::unwrap_used, missing_docs)]

mod shared;

use std::io::Write as _;
use std::time::Instant;

use shared::check;
use shelltrail_core::session::{CommandRecord, Defect};

/// Most text of records for each byte of input. Eight bytes can ask for a step to the right and a letter there, and the
/// widest step that is followed is 256 columns.
const MAX_TEXT_SHARE: usize = 40;

/// Text that may come on top, for what one sequence can ask for.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// Bytes of an input whose text is measured.
const BYTES: usize = 1 << 18;

/// Bytes of an input whose time is measured.
const TIMED_BYTES: usize = 1 << 20;

/// An input: something before, something again and again, something after.
type Input = (&'static str, &'static [u8], &'static [u8], &'static [u8]);

/// What asks a terminal for much with little, or makes a parser look back.
const INPUTS: [Input; 52] = [
    ("a line", b"", b"A", b"\r\n$ id\r\n"),
    ("plain lines", b"$ cat f\r\n", b"some words of output\r\r\n", b"$ id\r\n"),
    ("an OSC without end", b"$ cat f\r\n\x1b]112;", b"A", b"\r\n$ id\r\n"),
    ("a DCS without end", b"$ cat f\r\n\x1bP", b"A", b"\r\n$ id\r\n"),
    ("an APC without end", b"$ cat f\r\n\x1b_", b"A", b"\r\n$ id\r\n"),
    ("begun OSCs", b"$ cat f\r\n", b"\x1b]0;x", b"\r\n$ id\r\n"),
    ("begun DCSs", b"$ cat f\r\n", b"\x1bPx", b"\r\n$ id\r\n"),
    ("begun CSIs", b"$ cat f\r\n", b"\x1b[1;", b"\r\n$ id\r\n"),
    ("a CSI without end", b"$ cat f\r\n\x1b[", b"1;", b"\r\n$ id\r\n"),
    ("ESCs", b"$ cat f\r\n", b"\x1b", b"\r\n$ id\r\n"),
    ("backspaces", b"$ cat f\r\n", b"\x08", b"\r\n$ id\r\n"),
    ("backspaces in an edit", b"\x1b[?2004h$ ", b"\x08", b"\r\n\x1b[?2004l\r"),
    ("letters and backspaces", b"$ cat f\r\n", b"a\x08", b"\r\n$ id\r\n"),
    ("letters and backspaces in an edit", b"\x1b[?2004h$ ", b"a\x08", b"\r\n\x1b[?2004l\r"),
    ("letters and returns", b"$ cat f\r\n", b"a\r", b"\r\n$ id\r\n"),
    ("letters and returns in an edit", b"\x1b[?2004h$ ", b"a\r", b"\r\n\x1b[?2004l\r"),
    ("a line that is erased and written", b"$ cat f\r\n", b"words of a line\x1b[2K\r", b"\r\n$ id\r\n"),
    ("a progress bar", b"$ get f\r\n", b"\r 10% [==>       ] 1234 KiB", b"\r\n$ id\r\n"),
    ("repaints", b"$ top\r\n", b"\x1b[H0123456789012345678901234567890123456789\r\nabcdefghijklmnop\r\n", b"$ id\r\n"),
    ("repaints of an alternate screen", b"$ top\r\n\x1b[?1049h", b"\x1b[H\x1b[2Jabcdef\x1b[12;40Hghi\x1b[24;1Hxyz", b"\x1b[?1049l$ id\r\n"),
    ("switches of the screen", b"$ cat f\r\n", b"\x1b[?1049h", b"\r\n\x1b[?1049l$ id\r\n"),
    ("switches of the screen to and fro", b"$ cat f\r\n", b"\x1b[?1049hx\x1b[?1049l", b"\r\n$ id\r\n"),
    ("application keys to and fro", b"$ cat f\r\n", b"\x1b[?1hx\x1b[?1l", b"\r\n$ id\r\n"),
    ("clears", b"$ cat f\r\n", b"x\x1b[H\x1b[2J", b"\r\n$ id\r\n"),
    ("huge steps to the right", b"$ cat f\r\n", b"\x1b[99999Cx\r\n", b"$ id\r\n"),
    ("huge steps to the right in a line", b"$ cat f\r\n", b"\x1b[999Cx", b"\r\n$ id\r\n"),
    ("huge columns", b"$ cat f\r\n", b"\x1b[65535Gx\r", b"\r\n$ id\r\n"),
    ("huge steps down", b"$ cat f\r\n", b"\x1b[99999999999999999999Bx", b"\r\n$ id\r\n"),
    ("huge positions", b"$ cat f\r\n", b"\x1b[65535;65535Hx", b"\r\n$ id\r\n"),
    ("huge insertions", b"$ cat f\r\n", b"x\x1b[4294967295@\r", b"\r\n$ id\r\n"),
    ("huge insertions in an edit", b"\x1b[?2004h$ x", b"\r\x1b[4294967295@y", b"\r\n\x1b[?2004l\r"),
    ("insertions in an edit", b"\x1b[?2004h$ x", b"\r\x1b[1@y", b"\r\n\x1b[?2004l\r"),
    ("huge deletions", b"$ cat f\r\n", b"x\x1b[4294967295P\r", b"\r\n$ id\r\n"),
    ("huge repetitions", b"$ cat f\r\n", b"x\x1b[2147483647b", b"\r\n$ id\r\n"),
    ("huge scrolls", b"$ cat f\r\n", b"x\x1b[65535S\x1b[65535T\x1b[65535L\x1b[65535M", b"\r\n$ id\r\n"),
    ("resizes", b"$ cat f\r\n", b"\x1b[8;65535;65535t", b"\r\n$ id\r\n"),
    ("edits with huge steps", b"", b"\x1b[?2004h$ \x1b[65535Cx\x1b[99A\r\n\x1b[?2004l\r", b""),
    ("edits", b"", b"\x1b[?2004h$ id\r\n\x1b[?2004l\ruid=0\r\n", b""),
    ("edits that wrap", b"", b"\x1b[?2004hu@h:~$ echo aaaaaaaaaaaaaaaaaaaaaaaaaaaa \rbbbbbb\x1b[A\x1b[C\x1b[Kccc\r\n\r\n\x1b[?2004l\r", b""),
    ("marks", b"$ cat f\r\n", b"\x1b[?2004h\x1b[?2004l", b"\r\n$ id\r\n"),
    ("opened marks", b"$ cat f\r\n", b"\x1b[?2004hx", b"\r\n$ id\r\n"),
    ("shell integration", b"", b"\x1b]133;A\x07$ \x1b]133;B\x07id\r\n\x1b]133;C\x07x\r\n\x1b]133;D\x07", b""),
    ("commands", b"", b"$ id\r\nuid=0\r\n", b"$ "),
    ("prompts in a line", b"$ id\r\n", b"$ ", b"\r\n$ id\r\n"),
    ("prompts behind output", b"u@h:~$ id\r\n", b"outu@h:~$ ls", b"\r\nu@h:~$ id\r\n"),
    ("empty prompts", b"", b"$ \r\n", b""),
    ("a here-document without end", b"$ cat <<E\r\n", b"> a line\r\n", b""),
    ("open quotes", b"", b"$ echo '\r\n> a\r\n", b""),
    ("lines ahead", b"$ sleep 9\r\n", b"echo a\r\n", b"a\r\n$ a\r\n$ a\r\n$ "),
    ("nested shells", b"", b"a@one:~$ ssh two\r\nb@two:~$ ssh one\r\n", b""),
    ("background jobs", b"", b"$ sleep 1 && echo LATE &\r\n[1] 26\r\n", b"$ "),
    ("searches", b"\x1b[?2004h$ ", b"\r(reverse-i-search)`': \x08\x08\x08e': echo hi\r\x1b[12P$ echo x", b"\r\n\x1b[?2004l\r"),
];

/// About `bytes` of an input.
fn input((_, before, again, after): &Input, bytes: usize) -> Vec<u8> {
    [before.to_vec(), again.repeat(bytes / again.len()), after.to_vec()].concat()
}

fn text_bytes(records: &[CommandRecord]) -> usize {
    records.iter().flat_map(shared::texts).map(str::len).sum()
}

#[track_caller]
fn assert_bounded(name: &str, bytes: &[u8]) -> shelltrail_core::transcript::Parsed {
    let parsed = check(bytes, name);
    let text = text_bytes(&parsed.records);
    let most = bytes.len() * MAX_TEXT_SHARE + MAX_TEXT_BYTES;
    assert!(text <= most, "{name}: {text} bytes of text from {} bytes", bytes.len());
    parsed
}

#[test]
fn the_text_of_records_is_in_proportion_to_the_input() {
    for named in &INPUTS {
        assert_bounded(named.0, &input(named, BYTES));
    }
}

#[test]
fn prompts_that_are_all_different_are_bounded() {
    let lines = |line: fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    assert_bounded("hosts", lines(|n| format!("u@h{n}:~$ id\r\nuid={n}\r\n")).as_bytes());
    assert_bounded("marked hosts", lines(|n| format!("\x1b[?2004hu@h{n}:~$ id\r\n\x1b[?2004l\r")).as_bytes());
    assert_bounded("glued hosts", lines(|n| format!("outu@h{n}:~$ id")).as_bytes());
}

#[test]
fn a_line_of_64_mebibytes_is_kept() {
    let needle = b"needle".to_vec();
    let line = [
        b"$ cat f\r\n".to_vec(),
        b"A".repeat(64 << 20),
        needle,
        b"A".repeat(1 << 20),
        b"\r\n$ id\r\n".to_vec(),
    ]
    .concat();
    let parsed = assert_bounded("a line", &line);
    assert!(parsed.records[0].output.contains("AneedleA"), "text beyond a limit is kept");
    assert_eq!(parsed.records.last().unwrap().command.as_deref(), Some("id"));
}

#[test]
fn a_command_after_a_control_string_without_end_is_found() {
    for introducer in ["\x1b]112;", "\x1bP", "\x1b_", "\x1b^", "\x1bX"] {
        let bytes = format!("$ cat f\r\n{introducer}{}\r\n$ id\r\nuid=0\r\n$ ", "A".repeat(16 << 20));
        let parsed = assert_bounded(introducer, bytes.as_bytes());
        let last = parsed.records.last().unwrap();
        assert_eq!((last.command.as_deref(), last.output.as_str()), (Some("id"), "uid=0"), "{introducer:?}");
    }
}

#[test]
fn a_million_backspaces_cost_no_text() {
    let bytes = format!("$ cat f\r\nword{}\r\n$ id\r\nuid=0\r\n$ ", "\x08".repeat(1_000_000));
    let parsed = check(bytes.as_bytes(), "backspaces");
    assert!(text_bytes(&parsed.records) < 1_000);
    assert_eq!(parsed.records.last().unwrap().command.as_deref(), Some("id"));
}

#[test]
fn huge_parameters_cost_little_text() {
    let sequences = [
        "\x1b[99999999999999999999B",
        "\x1b[4294967295@",
        "x\x1b[2147483647b",
        "\x1b[8;65535;65535t",
        "\x1b[65535;65535H",
    ];
    for sequence in sequences {
        let bytes = format!("$ cat f\r\na{sequence}b\r\n$ id\r\nuid=0\r\n$ ");
        let parsed = check(bytes.as_bytes(), sequence);
        assert!(text_bytes(&parsed.records) < 70_000, "{sequence:?}");
        assert_eq!(parsed.records.last().unwrap().command.as_deref(), Some("id"), "{sequence:?}");
    }
}

#[test]
fn a_million_switches_of_the_screen_nest_nothing() {
    let bytes = format!(
        "$ cat f\r\n{}x{}\r\n$ id\r\nuid=0\r\n$ ",
        "\x1b[?1049h".repeat(1_000_000),
        "\x1b[?1049l".repeat(1_000_000)
    );
    let parsed = check(bytes.as_bytes(), "switches");
    assert!(text_bytes(&parsed.records) < 1_000);
    assert_eq!(parsed.records.last().unwrap().command.as_deref(), Some("id"));
}

#[test]
fn what_a_limit_does_is_told() {
    let long = [b"\x1b[?2004h$ ".to_vec(), b"word ".repeat(20_000), b"\r\n\x1b[?2004l\r".to_vec()].concat();
    assert_eq!(check(&long, "an edit").defects, [Defect::LineTooLong]);
    let string = [b"$ x\r\n\x1b]0;".to_vec(), b"A".repeat(1 << 17), b"\x07\r\n$ ".to_vec()].concat();
    assert_eq!(check(&string, "a string").defects, [Defect::SequenceTooLong]);
}

/// Prints, per input, the time of a megabyte and what twice as much costs; more than 2.5 times is not linear.
#[test]
#[ignore = "prints times; run it by hand"]
fn times() {
    let time = |bytes: &[u8]| {
        let best = (0..3).map(|_| {
            let start = Instant::now();
            std::hint::black_box(shelltrail_core::transcript::parse(bytes, &Default::default()));
            start.elapsed().as_secs_f64() * 1_000.0
        });
        best.fold(f64::INFINITY, f64::min)
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:40} {:>12} {:>12}  ratio  text", "input", "1 MiB", "2 MiB").unwrap();
    let wanted = std::env::var("INPUT").unwrap_or_default();
    for named in INPUTS.iter().filter(|named| named.0.contains(&wanted)) {
        let once = input(named, TIMED_BYTES);
        let records = check(&once, named.0).records;
        #[allow(clippy::cast_precision_loss)]
        let share = text_bytes(&records) as f64 / once.len() as f64;
        let (once, twice) = (time(&once), time(&input(named, 2 * TIMED_BYTES)));
        let mark = if twice > 2.5 * once && twice > 20.0 { "  <-- not linear" } else { "" };
        writeln!(out, "{:40} {once:9.1} ms {twice:9.1} ms {:5.2} {share:6.2}{mark}", named.0, twice / once)
            .unwrap();
    }
}
