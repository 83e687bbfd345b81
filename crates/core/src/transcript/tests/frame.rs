//! Headers, footers and what they tell.

use super::{commands, executed, parsed};
use crate::session::{Boundary, Defect, Origin};

const BODY: &str = "sh-4.4$ id\r\r\nuid=0\r\r\nsh-4.4$ exit\r\r\nexit\r\r\n";

#[test]
fn headers_of_all_releases() {
    let zoned = "2026-11-20T21:02:14Z";
    let table = [
        ("Script started on Fri Nov 20 21:02:14 2026", "Script done on Fri Nov 20 21:02:14 2026", None),
        (
            "Script started on Tue 15 Oct 2024 09:22:05 PM UTC",
            "Script done on Tue 15 Oct 2024 09:22:05 PM UTC",
            None,
        ),
        (
            "Script started on 2026-11-20 21:02:14+0000",
            "Script done on 2026-11-20 21:02:14+0000",
            Some(zoned),
        ),
        (
            "Script started on 2026-11-20 17:32:14-0330",
            "Script done on 2026-11-20 17:32:14-0330",
            Some(zoned),
        ),
        (
            "Script started on 2026-11-21 06:02:14+09:00",
            "Script done on 2026-11-21 06:02:14+09:00",
            Some(zoned),
        ),
        (
            "Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]",
            "Script done on 2026-11-20 21:02:15+00:00 [COMMAND_EXIT_CODE=\"0\"]",
            Some(zoned),
        ),
        (
            "Skript gestartet auf 2026-11-20 21:02:14+00:00 [<nicht im Terminal ausgeführt>]",
            "Skript beendet um 2026-11-20 21:02:14+00:00 [COMMAND_EXIT_CODE=\"0\"]",
            Some(zoned),
        ),
        (
            "Script started on 2026-11-20 21:00:00+00:00 [TERM=\"xterm\" TTY=\"/dev/pts/0\" COLUMNS=\"80\" LINES=\"24\"]",
            "Script done on 2026-11-20 21:02:14+00:00 [COMMAND_EXIT_CODE=\"0\"]",
            Some(zoned),
        ),
    ];
    for (header, footer, time) in table {
        let bytes = format!("{header}\n{BODY}\n{footer}\n");
        let found = parsed(bytes.as_bytes());
        assert_eq!(found.ended_at.map(|time| time.to_string()).as_deref(), time, "{header}");
        assert_eq!(commands(bytes.as_bytes()), executed(&["id", "exit"]), "{header}");
        assert_eq!(found.defects, [], "{header}");
        assert_eq!(found.records[1].output, "exit", "{header}");
    }
}

#[test]
fn the_header_names_the_target() {
    let header = "Script started on 2026-11-20 21:02:14+00:00 [COMMAND=\"cat /var/lib/amazon/ssm/i-0123456789abcdef0/session/orchestration/alice-05ba181f37a0fb8d2/Standard_Stream/ipcTempFile.log\" <not executed on terminal>]";
    let bytes =
        format!("{header}\n{BODY}\nScript done on 2026-11-20 21:02:14+00:00 [COMMAND_EXIT_CODE=\"0\"]\n");
    assert_eq!(parsed(bytes.as_bytes()).target.as_deref(), Some("i-0123456789abcdef0"));
    let mac = "Script started on Tue Oct  5 21:22:05 2024\nCommand: cat /opt/aws/ssm/data/mi-0123/session/orchestration/a-1/Standard_Stream/ipcTempFile.log\n$ id\r\r\n$ exit\r\r\n\nCommand exit status: 0\nScript done on Tue Oct  5 21:23:19 2024\n";
    let found = parsed(mac.as_bytes());
    assert_eq!(found.target.as_deref(), Some("mi-0123"));
    assert_eq!(commands(mac.as_bytes()), executed(&["id", "exit"]));
    assert!(!found.records[1].output.contains("Command exit"), "{:?}", found.records);
}

#[test]
fn frames_inside_the_body_are_output() {
    let bytes = b"Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]\nsh-4.4$ cat old\r\r\nScript started on 2020-01-01 00:00:00+00:00 [TERM=\"xterm\" TTY=\"/dev/pts/0\" COLUMNS=\"80\" LINES=\"24\"]\r\r\nScript done on 2020-01-01 00:00:09+00:00 [COMMAND_EXIT_CODE=\"0\"]\r\r\nsh-4.4$ exit\r\r\nexit\r\r\n\nScript done on 2026-11-20 21:02:15+00:00 [COMMAND_EXIT_CODE=\"0\"]\n";
    let found = parsed(bytes);
    assert_eq!(found.ended_at.map(|time| time.to_string()).as_deref(), Some("2026-11-20T21:02:14Z"));
    assert_eq!(commands(bytes), executed(&["cat old", "exit"]));
    assert_eq!(found.records[0].output.lines().count(), 2);
}

#[test]
fn a_missing_footer_is_a_defect() {
    let bytes = b"Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]\nsh-4.4$ id\r\r\nuid=0\r\r\nsh-4.4$ rm -r";
    let found = parsed(bytes);
    assert_eq!(found.defects, [Defect::FooterMissing]);
    assert_eq!(found.records[1].status, Some(crate::session::Status::Unsubmitted));
    assert_eq!(found.records[1].command.as_deref(), Some("rm -r"));
}

#[test]
fn empty_transcripts_have_no_records() {
    let framed = b"Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]\n\nScript done on 2026-11-20 21:02:14+00:00 [COMMAND_EXIT_CODE=\"0\"]\n";
    for bytes in [&b""[..], b"\n", b"\xef\xbb\xbf", framed] {
        assert_eq!(parsed(bytes).records, [], "{bytes:?}");
    }
}

#[test]
fn a_session_without_prompts_is_one_record() {
    let bytes = b"Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]\nuid=0(root) gid=0(root)\r\nEXIT_CODE: 0\nScript done on 2026-11-20 21:02:14+00:00 [COMMAND_EXIT_CODE=\"0\"]\n";
    let found = parsed(bytes).records;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].command, found[0].boundary), (&None, Boundary::Banner));
    assert_eq!(found[0].output, "uid=0(root) gid=0(root)\nEXIT_CODE: 0");
}

#[test]
fn the_wrapper_of_old_agents_is_nobodys_command() {
    let bytes = b"Script started on 2020-05-27 23:00:48+0000\nsh-4.2# /usr/bin/ssm-session-logger /var/lib/amazon/ssm/i-0c76bc102a2c8324b/sess \rion/orchestration/garland.kan.temp-0073b0a9869ded8de/Standard_Stream/ipcTempFile \r.log false\r\nInitializing new seelog logger\r\nsh-4.2$ id\r\nuid=1\r\nsh-4.2$ exit\r\nexit\r\nsh-4.2# exit\r\nexit\r\n\nScript done on 2020-05-27 23:01:53+0000\n";
    let found = parsed(bytes);
    let lines: Vec<_> =
        found.records.iter().map(|record| (record.command.as_deref().unwrap(), record.origin)).collect();
    assert!(lines[0].0.contains("ssm-session-logger"), "the agent's lines stay searchable");
    let origins: Vec<Origin> = lines.iter().map(|(_, origin)| *origin).collect();
    assert_eq!(origins, [Origin::Agent, Origin::User, Origin::User, Origin::Agent]);
    assert_eq!([lines[1].0, lines[2].0, lines[3].0], ["id", "exit", "exit"]);
    assert_eq!(found.target.as_deref(), Some("i-0c76bc102a2c8324b"));
}
