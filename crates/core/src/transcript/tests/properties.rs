//! What holds for any bytes.

use proptest::prelude::*;

use super::parsed;
use crate::session::CommandRecord;

/// Pieces of transcripts: prompts, edits, output, marks, and things that should not be.
const PIECES: [&[u8]; 70] = [
    b"h : ",
    b"echo 'a $ b'",
    b"Really? [y/N] ",
    b"\x1b[24m\x1b[J",
    b"\x1b[7m%\x1b[27m                         \r",
    b"\x1b[?2004l\r\x1b[?2004h",
    b"\x1b8",
    b"$ ",
    b"# ",
    b"sh-5.2$ ",
    b"[root@h ~]# ",
    b"u@h:~$ ",
    b">>> ",
    b"> ",
    b"... ",
    b"app=# ",
    b"PS C:\\> ",
    b"ls -l /etc",
    b"echo a b",
    b"bash",
    b"exit",
    b"cat <<E",
    b"sudo su",
    b"\r\n",
    b"\r\r\n",
    b"\n",
    b"\r",
    b"\x08",
    b"\x08 \x08",
    b"\x1b[K",
    b"\x1b[A",
    b"\x1b[C",
    b"\x1b[5P",
    b"\x1b[3@",
    b"\x1b[H\x1b[2J",
    b"\x1b[?2004h",
    b"\x1b[?2004l",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[?1h",
    b"\x1b]0;title\x07",
    b"\x1b]133;A\x07",
    b"\x1b]133;B\x07",
    "日本".as_bytes(),
    b"\xff",
    b" \rwrap",
    b"^C",
    b"In [",
    b"]: ",
    b"<a> ",
    "✘ 1 ".as_bytes(),
    " \x1b[K端".as_bytes(),
    b"\x1b7",
    b"\x1b[9G",
    b"*\x08\x08",
    b"\x1b[6n",
    b"evil> ",
    b"\x1b[1B",
    b"\x1b[1G\x1b[1G",
    b"\x1b[2A",
    b"irb(main):001:0> ",
    b"irb(main):002:1* ",
    b"Broadcast message from a@b (x):",
    b"Message from syslogd@x at 1 ...",
    b"\x1b[0m\x1b[27m\x1b[24m\x1b[J",
    b"a@b | ~ | ",
    b"[1]+  Done  x",
    b"\x1b]133;C\x07",
    b"[o:/t] 127 # ",
    b"mysql> exit",
];

/// Words that look like prompts, continue or end commands, or ask something.
const WORDS: [&str; 40] = [
    "'>",
    "`>",
    "\">",
    ">",
    ">>",
    "->",
    "...",
    "...>",
    "$",
    "#",
    "%",
    "a@a#",
    "u@h:~$",
    "sh-4.2$",
    "[r@h",
    "~]#",
    "app=#",
    "app-#",
    ">>>",
    "mysql>",
    "sqlite>",
    "echo",
    "ls",
    "exit",
    "bash",
    "python3",
    "mysql",
    "(y/n)",
    "`",
    "'",
    "\"",
    "<<E",
    "E",
    "\\",
    "^C",
    "done",
    "for",
    "lab:",
    "stty -echo",
    "ssh h",
];

/// Prompts for more lines; they are part of no command.
const MORE: [&str; 13] =
    [">>>", ">", ">>", "...", "...>", "->", "'>", "`>", "\">", "app-#", "app'#", "\"", "^C"];

/// A session with most of what a session can have.
const SESSION: &[u8] = b"Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]\n\
    Welcome\r\r\n$ ls /etcc\x08 \x08\r\r\nhosts\r\r\n$ sleep 1\r\r\necho a\r\r\n$ a\r\r\n$ bash\r\r\n\
    \x1b[?2004h\x1b]0;u@h\x07\x1b[01mu@h\x1b[0m:~$ cat /etc/hostnme\x08\x08ame\x08\x08\r\r\n\x1b[?2004l\rh1\r\r\n\
    \x1b[?2004hu@h:~$ cat <<E\r\r\n\x1b[?2004l\r\x1b[?2004h> E\r\r\n\x1b[?2004l\r\
    \x1b[?2004hu@h:~$ echo aaaaaaaaaabbbbbbbbbb \rccc\x1b[A\x1b[C\x1b[1@x\r\r\n\x1b[?2004l\rx\r\r\n\
    \x1b[?2004hu@h:~$ vim\r\r\n\x1b[?2004l\r\x1b[?1049h\x1b[H\x1b[2J~\x1b[2;1H~\x1b[?1049l\
    \x1b[?2004hu@h:~$ rm^C\x1b[?2004l\r\x1b[?2004h\x1b[?2004l\r\r\r\n\x1b[?2004hu@h:~$ \x1b[?2004l\r\r\r\nexit\r\r\n\
    $ python3\r\r\n>>> 1\r\r\n1\r\r\n>>> exit()\r\r\n\x1b[0m\x1b[27m\x1b[24m\x1b[Jh1% \x1b[K\x1b[?1h\x1b=\x1b[?2004hl\x08ls\x1b[?1l\x1b>\x1b[?2004l\r\r\n\
    \nScript done on 2026-11-20 21:02:15+00:00 [COMMAND_EXIT_CODE=\"0\"]\n";

fn check_invariants(bytes: &[u8]) -> Vec<CommandRecord> {
    let records = parsed(bytes).records;
    let mut end = 0;
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record.seq as usize, index);
        assert!(record.span.start >= end && record.span.end >= record.span.start, "spans ascend");
        end = record.span.end;
        let hidden =
            |text: &str, allowed: &[char]| text.chars().any(|c| c.is_control() && !allowed.contains(&c));
        assert!(!hidden(record.command.as_deref().unwrap_or(""), &['\n', '\t']), "{:?}", record.command);
        assert_eq!(record.command.is_some(), record.status.is_some());
        assert!(!record.output.ends_with('\n'));
        assert!(!record.output.contains(['\x1b', '\x08', '\r', '\x07']), "{:?}", record.output);
    }
    assert!(end <= bytes.len() as u64, "spans lie in the input");
    records
}

/// Lines of words, each with one that no other line has.
fn lines_of_words() -> impl Strategy<Value = Vec<String>> {
    let line = (proptest::collection::vec(0..WORDS.len(), 0..6), 0..6_usize);
    proptest::collection::vec(line, 1..25).prop_map(|lines| {
        let line = |(number, (words, at)): (usize, (Vec<usize>, usize))| {
            let mut words: Vec<String> = words.into_iter().map(|word| WORDS[word].to_owned()).collect();
            words.insert(at.min(words.len()), format!("w{number}w"));
            words.join(" ")
        };
        lines.into_iter().enumerate().map(line).collect()
    })
}

/// Whether a word stands in the text of the records. A prompt may follow output on the same line, so the texts are joined.
fn holds(records: &[CommandRecord], word: &str) -> bool {
    let mut text = String::new();
    for record in records {
        text.push_str(record.prompt.as_deref().unwrap_or(""));
        text.push_str(record.command.as_deref().unwrap_or(""));
        text.push('\n');
        text.push_str(&record.output);
    }
    text.contains(word)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        check_invariants(&bytes);
    }

    #[test]
    fn any_sequence_of_pieces(pieces in proptest::collection::vec(0..PIECES.len(), 0..120)) {
        let bytes: Vec<u8> = pieces.iter().flat_map(|&piece| PIECES[piece].iter().copied()).collect();
        check_invariants(&bytes);
    }

    #[test]
    fn words_of_plain_lines_are_kept(
        lines in proptest::collection::vec("[ -~]{0,60}", 0..40),
        prompted in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let mut text = String::from("sh-4.2$ first\r\n");
        for (line, prompt) in lines.iter().zip(&prompted) {
            if *prompt {
                text.push_str("sh-4.2$ ");
            }
            text.push_str(line);
            text.push_str("\r\n");
        }
        let records = check_invariants(text.as_bytes());
        for word in lines.iter().flat_map(|line| line.split_ascii_whitespace()) {
            // The sign of an interrupt becomes a status, and what asks for more lines is no text.
            let word = word.trim_end_matches("^C");
            prop_assert!(MORE.contains(&word) || holds(&records, word), "{word:?} is lost");
        }
    }

    #[test]
    fn words_of_lines_that_look_like_prompts_are_kept(
        lines in lines_of_words(),
        kinds in proptest::collection::vec(0..4_u8, 25),
    ) {
        let mut text = String::from("sh-4.2$ first\r\n");
        for (line, kind) in lines.iter().zip(&kinds) {
            match kind {
                0 => text.push_str(&format!("sh-4.2$ {line}\r\n")),
                1 => text.push_str(&format!("\x1b[?2004hu@h:~$ {line}\r\n\x1b[?2004l\r")),
                2 => text.push_str(&format!("\x1b[?2004h{line}\r\n\x1b[?2004l\r")),
                _ => text.push_str(&format!("{line}\r\n")),
            }
        }
        let records = check_invariants(text.as_bytes());
        for word in lines.iter().flat_map(|line| line.split_ascii_whitespace()) {
            prop_assert!(MORE.contains(&word) || holds(&records, word), "{word:?} of {text:?} is lost: {records:#?}");
        }
    }

    #[test]
    fn mutations_of_a_session(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..6_u8), 0..30),
    ) {
        let mut bytes = SESSION.to_vec();
        for (place, byte, kind) in cuts {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                3 => bytes.truncate(at.max(1)),
                4 => bytes.extend_from_within(at..),
                _ => drop(bytes.drain(..at)),
            }
            bytes.truncate(8_000);
            if bytes.is_empty() {
                break;
            }
        }
        check_invariants(&bytes);
    }

    #[test]
    fn words_of_plain_output_between_edits_are_kept(lines in proptest::collection::vec("[ -~]{0,60}", 1..20)) {
        let mut text = String::new();
        for line in &lines {
            text.push_str("\x1b[?2004h[u@h ~]$ run\r\n\x1b[?2004l\r");
            text.push_str(line);
            text.push_str("\r\n");
        }
        let records = check_invariants(text.as_bytes());
        for word in lines.iter().flat_map(|line| line.split_ascii_whitespace()) {
            prop_assert!(holds(&records, word), "{word:?} is lost");
        }
    }
}

#[test]
fn output_that_looks_like_an_empty_prompt_is_kept() {
    let records = check_invariants(b"sh-4.2$ first\r\nsh-4.2$ .&\r\na@a#\r\n0\r\n");
    assert!(holds(&records, "a@a#"), "{records:?}");
}
