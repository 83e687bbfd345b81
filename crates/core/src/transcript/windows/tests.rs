//! Transcripts of Windows, made after the documented layout.

use crate::session::{CommandRecord, Confidence, Defect, Origin, Reason, Status};
use crate::text_encoding;
use crate::transcript::{ParseLimits, Parsed, parse};

const HEAD: &str = "\u{feff}**********************\r\nWindows PowerShell transcript start\r\nStart time: 20241015212205\r\nUsername: WORKGROUP\\SYSTEM\r\nMachine: EC2AMAZ-ABCDEFG (Microsoft Windows NT 10.0.17763.0)\r\n**********************\r\nTranscript started, output file is C:\\ProgramData\\Amazon\\SSM\\InstanceData\\i-0123456789abcdef0\\session\\orchestration\\alice-05ba181f37a0fb8d2\\Standard_Stream\\alice-05ba181f37a0fb8d2.log\r\n";
const LOGGER: &str = "PS C:\\Windows\\system32> &'C:\\Program Files\\Amazon\\SSM\\ssm-session-logger.exe' C:\\ProgramData\\Amazon\\SSM\\InstanceData\\i-0123456789abcdef0\\session\\orchestration\\alice-05ba181f37a0fb8d2\\Standard_Stream\\ipcTempFile.log true\r\nWindows PowerShell\r\nCopyright (C) Microsoft Corporation. All rights reserved.\r\n\r\n";
const AGENT_EXIT: &str = "PS C:\\Windows\\system32> exit\r\n";
const TAIL: &str = "**********************\r\nWindows PowerShell transcript end\r\nEnd time: 20241015212319\r\n**********************\r\n";

fn parsed(text: &str) -> Parsed {
    parse(text.as_bytes(), &ParseLimits::default())
}

/// A whole transcript around what the user saw.
fn whole(body: &str) -> String {
    [HEAD, LOGGER, body, TAIL].concat()
}

/// What the user entered, and what it printed.
fn entered(found: Parsed) -> Vec<(String, String)> {
    let user = |record: &CommandRecord| record.origin == Origin::User && record.command.is_some();
    let pair = |record: CommandRecord| (record.command.unwrap_or_default(), record.output);
    found.records.into_iter().filter(user).map(pair).collect()
}

fn check(text: &str, expected: &[(&str, &str)]) {
    let found = entered(parsed(text));
    let found: Vec<(&str, &str)> =
        found.iter().map(|(command, output)| (command.as_str(), output.as_str())).collect();
    assert_eq!(found, expected);
}

/// The text as a console of this width shows it.
fn rows(text: &str, width: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(width).map(|row| row.iter().collect::<String>() + "\r\n").collect()
}

#[test]
fn a_transcript_of_the_agent() {
    let body = "PS C:\\Windows\\system32> whoami\r\nec2amaz-abcdefg\\ssm-user\r\nPS C:\\Windows\\system32> hostname\r\nEC2AMAZ-ABCDEFG\r\n";
    let text = [HEAD, LOGGER, body, AGENT_EXIT, TAIL].concat();
    let commands: Vec<_> = entered(parsed(&text)).into_iter().map(|(command, _)| command).collect();
    assert_eq!(commands, ["whoami", "hostname"]);
    let found = parsed(&text);
    assert_eq!(found.target.as_deref(), Some("i-0123456789abcdef0"));
    assert_eq!(found.ended_at, None, "the times in the banners have no zone");
    assert_eq!(found.defects, []);
    let all: String = found.records.iter().map(|record| record.output.as_str()).collect();
    assert!(all.contains("Machine: EC2AMAZ-ABCDEFG"), "the banner stays as text");
    assert!(!all.contains("End time"), "the end banner is the frame");
}

#[test]
fn a_cut_transcript_says_so() {
    let text = [HEAD, LOGGER, "PS C:\\Windows\\system32> whoami\r\nec2am"].concat();
    check(&text, &[("whoami", "ec2am")]);
    assert_eq!(parsed(&text).defects, [Defect::FooterMissing]);
    let table =
        ["**********************\r\n", "**********************\r\nx", "\u{feff}**********************"];
    for text in table {
        assert_eq!(entered(parsed(text)), [], "{text}");
    }
}

#[test]
fn both_banners_in_any_language() {
    let text = "**********************\r\nAufzeichnung von Windows PowerShell gestartet\r\nStartzeit: 20241015212205\r\n**********************\r\nPS C:\\> whoami\r\nx\\y\r\n**********************\r\nAufzeichnung von Windows PowerShell beendet\r\nEndzeit: 20241015212319\r\n**********************\r\n";
    check(text, &[("whoami", "x\\y")]);
    assert_eq!(parsed(text).defects, []);
}

#[test]
fn asterisks_alone_are_no_banner() {
    let text =
        "PS C:\\> type x\r\n**********************\r\na\r\nb: 20241015212319\r\n**********************\r\n";
    let found = parsed(text);
    assert_eq!(found.records[0].output.lines().count(), 4);
    assert_eq!(found.defects, []);
}

#[test]
fn utf16_is_decoded_before() {
    let text = whole("PS C:\\Windows\\system32> whoami\r\nx\\y\r\n");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let decoded = text_encoding::from_utf16(&little).unwrap();
    assert_eq!(decoded, text.trim_start_matches('\u{feff}').as_bytes());
    check(std::str::from_utf8(&decoded).unwrap(), &[("whoami", "x\\y")]);
}

#[test]
fn prompts_of_debuggers_and_other_computers() {
    let text = whole(
        "PS C:\\Windows\\system32> Enter-PSSession srv\r\n[srv]: PS C:\\Users\\a> hostname\r\nsrv\r\n[srv]: PS C:\\Users\\a> exit\r\nPS C:\\Windows\\system32> .\\x.ps1\r\nHit Line breakpoint on 'x.ps1:1'\r\n[DBG]: PS C:\\Windows\\system32>> $a\r\n1\r\n[DBG]: PS C:\\Windows\\system32>> c\r\n",
    );
    check(
        &text,
        &[
            ("Enter-PSSession srv", ""),
            ("hostname", "srv"),
            ("exit", ""),
            (".\\x.ps1", "Hit Line breakpoint on 'x.ps1:1'"),
            ("$a", "1"),
            ("c", ""),
        ],
    );
}

#[test]
fn continued_lines_are_one_command() {
    let text = whole(
        "PS C:\\Windows\\system32> foreach ($i in 1..2) {\r\n>> \"n=$i\"\r\n>> }\r\n>>\r\nn=1\r\nn=2\r\n",
    );
    check(&text, &[("foreach ($i in 1..2) {\n\"n=$i\"\n}\n", "n=1\nn=2")]);
}

#[test]
fn full_rows_are_one_command() {
    let long = format!("Write-Output {}", "abcdefghi ".repeat(45).trim_end());
    let row = rows(&format!("PS C:\\Windows\\system32> {long}"), 200);
    let text = whole(&format!("{row}abc\r\nPS C:\\Windows\\system32> whoami\r\nx\\y\r\n"));
    check(&text, &[(&long, "abc"), ("whoami", "x\\y")]);
    let found = parsed(&text);
    let spans: Vec<&str> = found
        .records
        .iter()
        .map(|record| {
            &text[usize::try_from(record.span.start).unwrap()..usize::try_from(record.span.end).unwrap()]
        })
        .collect();
    let index = found.records.iter().position(|record| record.command.as_deref() == Some("whoami")).unwrap();
    assert!(spans[index].starts_with("PS C:\\Windows\\system32> whoami\r\nx\\y\r\n"), "{:?}", spans[index]);
    assert!(spans[index - 1].ends_with("\r\nabc\r\n"), "{:?}", spans[index - 1]);
}

#[test]
fn the_width_of_the_console_is_found() {
    let long = "Write-Output aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg hhhhhhhhh iiiiiiiii jjjjjjjjj kkkkkkkkk";
    let row = rows(&format!("PS C:\\> {long}"), 100);
    let wall = format!("{}\r\n", "x".repeat(100)).repeat(3);
    check(
        &whole(&format!("{row}abc\r\nPS C:\\> type x\r\n{wall}")),
        &[(long, "abc"), ("type x", wall.replace('\r', "").trim_end())],
    );
    // Without other rows as wide it is only a long row.
    let found = entered(parsed(&whole(&format!("{row}abc\r\n"))));
    assert!(long.starts_with(&found[0].0) && found[0].0 != long);
}

#[test]
fn output_keeps_its_rows() {
    let row = "x".repeat(200);
    check(&whole(&format!("PS C:\\> type x\r\n{row}\r\ny\r\n")), &[("type x", &format!("{row}\ny"))]);
}

#[test]
fn sessions_of_cmd() {
    let cmd = "Microsoft Windows [Version 10.0.17763.1]\r\n(c) 2018 Microsoft Corporation. All rights reserved.\r\n\r\nC:\\Windows\\system32>dir /b\r\nfoo.txt\r\n\r\nC:\\Windows\\system32>cd \\\r\n\r\nC:\\>\r\nC:\\>echo a ^\r\nMore? b\r\na b\r\n\r\nC:\\>exit\r\n";
    let commands = [("dir /b", "foo.txt"), ("cd \\", ""), ("echo a ^\nb", "a b"), ("exit", "")];
    check(cmd, &commands);
    let inside = whole(&format!("PS C:\\> cmd.exe\r\n{cmd}PS C:\\> whoami\r\nx\\y\r\n"));
    let found = entered(parsed(&inside));
    let found: Vec<&str> = found.iter().map(|(command, _)| command.as_str()).collect();
    assert_eq!(found, ["cmd.exe", "dir /b", "cd \\", "echo a ^\nb", "exit", "whoami"]);
}

#[test]
fn the_bytes_of_winpty() {
    // The console is scraped: each key repaints the row.
    let mut text = "\x1b[?25l\x1b[1;1H\x1b[0m\x1b[2J\x1b[?25h".to_owned();
    let prompt = "PS C:\\> ";
    for (keys, output) in [(&["w", "wh", "wx", "wh", "whoami"][..], "x\\y"), (&["exit"], "")] {
        for typed in keys {
            text += &format!(
                "\x1b[?25l\r\x1b[0m{prompt}\x1b[93m{typed}\x1b[0m\x1b[0K\x1b[{}G\x1b[?25h",
                prompt.len() + typed.len() + 1
            );
        }
        text += &format!("\x1b[?25l\r\n\x1b[0m{output}\x1b[0K\r\n");
    }
    check(&text, &[("whoami", "x\\y"), ("exit", "")]);
}

#[test]
fn cleaned_logs_of_old_agents() {
    let body = "Windows PowerShell[0m\r\n\r\nPS C:\\> [93mwhoami[0m\r\nec2\\ssm-user[0m\r\n[32;1mPS C:\\> [0m[93mcd[0m C:\\x\r\nPS C:\\x> exit\r\n";
    check(body, &[("whoami", "ec2\\ssm-user"), ("cd C:\\x", ""), ("exit", "")]);
    let found = parsed(body);
    for record in found.records.iter().filter(|record| record.command.is_some()) {
        assert_eq!((record.confidence, record.reason), (Confidence::Low, Some(Reason::LossyCarrier)));
        assert_eq!(record.status, Some(Status::Executed));
        let end = usize::try_from(record.span.end).unwrap();
        assert!(body[..end].ends_with('\n'), "{record:?}");
    }
    // The same from the release between, which has a banner.
    let old = whole("PS C:\\> [93mwhoami[0m\r\nx\\y\r\n").replace("NT 10.0", "NT 6.3");
    check(&old, &[("whoami", "x\\y")]);
}

#[test]
fn remnants_elsewhere_are_text() {
    let console = whole("PS C:\\> echo [93m\r\n[93m\r\n");
    check(&console, &[("echo [93m", "[93m")]);
    check("sh-4.2$ echo [0m\r\r\n[0m\r\r\n", &[("echo [0m", "[0m")]);
    check("PS C:\\> \x1b[93mecho\x1b[0m [0m\r\n[0m\r\n", &[("echo [0m", "[0m")]);
}
