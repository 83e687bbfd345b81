//! What each carrier holds, and what becomes of objects that are damaged on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decode;
use crate::ids::TranscriptId;
use crate::layout::KeyLayout;
use crate::object::{Fetched, ObjectRef};
use crate::session::{Confidence, Defect, Reason, SessionKind, Status, TimeSource};

const EVENTS_KEY: &str = "firehose/2026/11/20/21/to-s3-1-2026-11-20-21-00-00-0a1b2c3d";

fn open(key: &str, body: &[u8]) -> Vec<Session> {
    let fetched = Fetched {
        object: ObjectRef { key: key.to_owned(), ..ObjectRef::default() },
        id: TranscriptId::of_file(key, body),
        metadata: BTreeMap::new(),
        last_modified: Some("2026-11-20T21:10:00Z".parse().unwrap()),
        body: body.to_vec(),
    };
    let transcript = decode::open(fetched, None, 1 << 30).unwrap();
    let sessions = decode::sessions(&transcript, &KeyLayout::default(), &ParseLimits::default());
    assert_eq!(sessions[0].id, transcript.id, "the first session stands for the object");
    let ids: BTreeSet<_> = sessions.iter().map(|session| session.id).collect();
    assert_eq!(ids.len(), sessions.len(), "identities differ");
    for record in sessions.iter().flat_map(|session| &session.records) {
        assert!(record.span.start <= record.span.end && record.span.end <= transcript.bytes.len() as u64);
    }
    sessions
}

fn event(session: &str, account: &str, time: &str, lines: &[&str]) -> String {
    json!({
        "eventVersion": "1.0", "eventTime": time, "awsRegion": "eu-west-1",
        "target": {"id": "i-0123456789abcdef0"},
        "userIdentity": {"arn": format!("arn:aws:sts::{account}:assumed-role/Admin/alice@example.com")},
        "runAsUser": "ssm-user", "sessionId": session, "sessionData": lines,
    })
    .to_string()
}

fn record(owner: &str, stream: &str, events: &[(i64, &str)]) -> String {
    let events: Vec<_> = events
        .iter()
        .enumerate()
        .map(
            |(n, (time, message))| json!({"id": format!("{time}{n}"), "timestamp": time, "message": message}),
        )
        .collect();
    json!({
        "messageType": "DATA_MESSAGE", "owner": owner, "logGroup": "/ssm/sessions", "logStream": stream,
        "subscriptionFilters": ["all"], "logEvents": events,
    })
    .to_string()
}

fn commands(session: &Session) -> Vec<&str> {
    session.records.iter().filter_map(|record| record.command.as_deref()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// All text under which a session can be found.
fn text(session: &Session) -> String {
    let mut all = String::new();
    for record in &session.records {
        let parts = [&record.command, &record.command_as_sent, &record.output_as_sent, &record.prompt];
        all.extend(parts.into_iter().flatten().map(|part| format!("{part}\n")));
        all.push_str(&record.output);
        all.push('\n');
    }
    all
}

#[test]
fn content_and_key_tell_what_an_object_is() {
    let streamed = event("alice-05ba181f37a0fb8d2", "111122223333", "2026-11-20T21:02:14Z", &["$ id"]);
    let header = "Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]\n";
    let command = header.replace(
        "[<",
        "[COMMAND=\"cat /var/lib/amazon/ssm/i-0/session/orchestration/a-0/NonInteractiveCommands/ipcTempFile.log\" <",
    );
    let run = "out/92853adf-ba41-4cd6-9a88-142d1EXAMPLE/i-0123456789abcdef0/awsrunShellScript/0.awsrunShellScript/stdout";
    let run = run.replace("142d1EXAMPLE", "142d1abcdef0");
    let plugin = "session/111122223333/eu-west-1/Standard_Stream/stderr";
    let cases = [
        ("a.log", "", Carrier::Transcript),
        ("a.log", "{ echo hi; }\r\n", Carrier::Transcript),
        ("a.log", "{\"Records\":[{\"eventVersion\":\"1.08\"}]}", Carrier::Transcript),
        ("a.log", &streamed, Carrier::Events),
        ("a.log", &format!("\u{feff}\n {streamed}"), Carrier::Events),
        ("a", "{\"messageType\":\"CONTROL_MESSAGE\",\"owner\":\"CloudwatchLogs\"}", Carrier::Events),
        ("a", &record("111122223333", "s", &[(0, "x")]), Carrier::Events),
        ("a", &format!("2026-11-20T21:02:14.000Z {streamed}"), Carrier::Export),
        ("a", "2026-11-20 21:02:14 x", Carrier::Transcript),
        (plugin, "RunAs user x does not exist", Carrier::AgentError),
        ("Port/step/stdout", "", Carrier::AgentError),
        ("InteractiveCommands/stderr.gz", "", Carrier::AgentError),
        (plugin, header, Carrier::Transcript),
        (&run, "uid=0(root)\n", Carrier::CommandOutput),
        (&run, header, Carrier::CommandOutput),
        ("a.log", &format!("{header}uid=0\r\nEXIT_CODE: 0\nScript done on x\n"), Carrier::Output),
        ("a.log", &format!("{header}uid=0\r\nEXIT_CODE: -1"), Carrier::Output),
        ("a.log", &format!("{header}$ id\r\r\nEXIT_CODE: 0\nScript done on x\n"), Carrier::Transcript),
        ("a.log", &format!("{header}EXIT_CODE: 0\r\n$ id\r\n\nScript done on x\n"), Carrier::Transcript),
        ("a.log", &format!("{command}$ id\r\n"), Carrier::Output),
    ];
    for (key, content, wanted) in cases {
        assert_eq!(Carrier::of(content.as_bytes(), key), wanted, "{key}: {content:?}");
    }
}

#[test]
fn a_streamed_session_tells_where_it_belongs_and_when_its_lines_were_recorded() {
    let first = event(
        "alice@example.com-05ba181f37a0fb8d2",
        "111122223333",
        "2024-10-15T21:22:05Z",
        &["sh-5.2$ id > /tmp/x", "sh-5.2$ ls /"],
    );
    let second = event(
        "alice@example.com-05ba181f37a0fb8d2",
        "111122223333",
        "2024-10-15T21:22:07Z",
        &["bin", "sh-5.2$ exit", "exit"],
    );
    let body = format!("{first}\n{second}\n");
    let sessions = open("ssm/999999999999/stream.log", body.as_bytes());
    let [session] = &sessions[..] else { panic!("one session") };
    assert_eq!(session.kind, SessionKind::Transcript);
    assert_eq!(session.account.unwrap().as_str(), "111122223333", "the content, not the key");
    assert_eq!(session.session, "alice@example.com-05ba181f37a0fb8d2");
    assert_eq!(session.principal.as_deref(), Some("alice@example.com"));
    assert_eq!(session.region.as_deref(), Some("eu-west-1"));
    assert_eq!(session.target.as_deref(), Some("i-0123456789abcdef0"));
    assert_eq!(session.ended_at.unwrap().to_string(), "2024-10-15T21:22:07Z");
    assert_eq!(session.time_source, Some(TimeSource::CloudwatchEvent));
    assert_eq!(commands(session), ["id > /tmp/x", "ls /", "exit"]);
    let at: Vec<_> = session.records.iter().map(|record| record.at.unwrap().to_string()).collect();
    assert_eq!(at, ["2024-10-15T21:22:05Z", "2024-10-15T21:22:05Z", "2024-10-15T21:22:07Z"]);
    assert_eq!(session.records[1].output, "bin");
    let span = session.records[2].span;
    assert_eq!(&body[span.start as usize..span.end as usize], second);
    let span = session.records[1].span;
    assert_eq!((span.start, span.end), (0, body.len() as u64 - 1), "its output is in the next event");
}

#[test]
fn what_the_agent_stripped_is_guessed_and_said_to_be_a_guess() {
    let erased = "sh-5.2$ ls -d /etcc\u{8}";
    let recalled = "sh-5.2$ echo two three\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}oneX";
    let raw = "\u{1b}]0;@ip-10-0-1-11:~\u{7}\u{1b}[?2004h[ec2-user@ip-10-0-1-11 ~]$ sudo dnf installl\u{8}\u{1b}[K httpd";
    // What was sent, what was typed, whether it is a guess, and text that only the evidence holds.
    let cases = [
        ("sh-5.2$ id", "id", false, ""),
        (erased, "ls -d /etc", true, "ls -d /etcc"),
        (recalled, "echo oneX", true, "two three"),
        ("sh-5.2$ echo pastedecho pasted", "echo pasted", true, "pastedecho"),
        ("sh-5.2$ echo \u{fffd} \u{fffd} é", "echo \u{fffd} \u{fffd} é", true, ""),
        ("sh-5.2$ kubectlsh-5.2$ kubectl get pods", "kubectl get pods", true, "kubectlsh"),
        ("sh-5.2$ (reverse-i-search)`': \u{8}\u{8}\u{8}w': whoamish-5.2$", "whoami", true, "reverse"),
        ("sh-5.2$ echo echo", "echo echo", false, ""),
        (raw, "sudo dnf install httpd", false, ""),
    ];
    for (sent, typed, guessed, evidence) in cases {
        let other = if sent == raw { raw } else { "sh-5.2$ true" };
        let other = other.replace("sudo dnf installl\u{8}\u{1b}[K httpd", "true");
        let body = event("a", "111122223333", "2024-10-15T21:22:05Z", &[&other, sent, "output", &other]);
        let sessions = open("a", body.as_bytes());
        let records = &sessions[0].records;
        let record = records.iter().find(|record| record.output == "output");
        let record = record.unwrap_or_else(|| panic!("{sent:?}: {records:?}"));
        assert_eq!(record.command.as_deref(), Some(typed), "{sent:?}");
        let low = record.confidence == Confidence::Low && record.reason == Some(Reason::LossyCarrier);
        assert_eq!(low, guessed, "{sent:?}: {record:?}");
        assert!(text(&sessions[0]).contains(evidence), "{sent:?}: {record:?}");
    }
}

#[test]
fn blanks_that_begin_a_row_of_the_terminal_are_taken_out() {
    let prompt = "[ec2-user@bastion ~]$ ";
    let long =
        "curl -s -H \"X-token: 0123456789\" http://169.254.169.254/latest/meta-data/iam/credentials/role";
    let (first, rest) = long.split_at(80 - prompt.len());
    let lines = [&format!("{prompt}true"), &format!("{prompt}{first} {rest}"), "ok"];
    let body = event("a", "111122223333", "2024-10-15T21:22:05Z", &lines.map(|line| line));
    let sessions = open("a", body.as_bytes());
    let record = &sessions[0].records[1];
    assert_eq!(record.command.as_deref(), Some(long));
    assert_eq!((record.confidence, record.reason), (Confidence::Low, Some(Reason::LossyCarrier)));
    assert_eq!(record.command_as_sent.as_deref(), Some(&*format!("{first} {rest}")));
}

#[test]
fn a_firehose_object_holds_many_sessions_and_accounts() {
    let alice = event("alice-05ba181f37a0fb8d2", "999999999999", "2026-11-20T21:02:14Z", &["$ id", "uid=0"]);
    let bob = event("bob-15ba181f37a0fb8d2", "444455556666", "2026-11-20T21:02:20Z", &["$ whoami", "bob"]);
    let later = event("alice-05ba181f37a0fb8d2", "999999999999", "2026-11-20T21:02:10Z", &["$ true"]);
    let control = "{\"messageType\":\"CONTROL_MESSAGE\",\"owner\":\"CloudwatchLogs\",\"logGroup\":\"\",\
                   \"logStream\":\"\",\"subscriptionFilters\":[],\"logEvents\":[{\"id\":\"\",\"timestamp\":1,\
                   \"message\":\"CWL CONTROL MESSAGE: Checking health of destination Firehose.\"}]}";
    let time = 1_795_208_534_000;
    let values = [
        control.to_owned(),
        record("111122223333", "alice-05ba181f37a0fb8d2", &[(time, &alice)]),
        record("444455556666", "bob-15ba181f37a0fb8d2", &[(time, &bob)]),
        record("111122223333", "alice-05ba181f37a0fb8d2", &[(time - 4000, &later)]),
        record(
            "444455556666",
            "carol-25ba181f37a0fb8d2",
            &[(time, "$ date\r\nFri\r\n"), (time, "$ exit\r\n")],
        ),
    ];
    let members: Vec<u8> = values.iter().flat_map(|value| gzip(value.as_bytes())).collect();
    for body in
        [members.clone(), gzip(&members), values.concat().into_bytes(), values.join("\n").into_bytes()]
    {
        let sessions = open(EVENTS_KEY, &body);
        let found: Vec<_> = sessions
            .iter()
            .map(|s| (s.account.unwrap().to_string(), s.session.as_str(), commands(s), s.defects.clone()))
            .collect();
        let wanted = [
            ("111122223333".to_owned(), "alice-05ba181f37a0fb8d2", vec!["true", "id"], vec![]),
            ("444455556666".to_owned(), "bob-15ba181f37a0fb8d2", vec!["whoami"], vec![]),
            ("444455556666".to_owned(), "carol-25ba181f37a0fb8d2", vec!["date", "exit"], vec![]),
        ];
        assert_eq!(found, wanted);
        assert_eq!(sessions[0].principal.as_deref(), Some("alice"));
        assert_eq!(sessions[2].records[0].at, None, "a whole transcript tells no times");
    }
    let nothing = open(EVENTS_KEY, control.as_bytes());
    assert_eq!((nothing.len(), nothing[0].records.len(), nothing[0].account), (1, 0, None));
}

#[test]
fn an_export_is_read_in_the_order_of_its_times() {
    let at = |time: &str, lines: &[&str]| {
        let event = event("alice-05ba181f37a0fb8d2", "111122223333", &format!("{time}Z"), lines);
        format!("{time}.000Z {event}\n")
    };
    let key = "exportedlogs/3f0a-task/alice-05ba181f37a0fb8d2/000000.gz";
    let second = at("2026-11-20T21:02:20", &["uid=0", "$ exit"]);
    let body = second + &at("2026-11-20T21:02:14", &["$ true", "$ id"]);
    let sessions = open(key, &gzip(body.as_bytes()));
    assert_eq!(sessions.len(), 1);
    assert_eq!(commands(&sessions[0]), ["true", "id", "exit"]);
    assert_eq!(sessions[0].account.unwrap().as_str(), "111122223333");
    assert_eq!(sessions[0].ended_at.unwrap().to_string(), "2026-11-20T21:02:20Z");

    // A whole transcript: its lines follow the first of each message, and may begin with older times.
    let body = "2026-11-20T21:10:00.000Z Script started on 2026-11-20 21:09:14+00:00 [<not executed on terminal>]\n\
                sh-4.2$ cat app.txt\r\n2026-11-20T09:00:00.000Z started\r\nsh-4.2$ id\r\nuid=0\r\n\
                2026-11-20T21:10:00.000Z sh-4.2$ exit\r\nexit\r\n\n\
                Script done on 2026-11-20 21:09:15+00:00 [COMMAND_EXIT_CODE=\"0\"]\n";
    let sessions = open(key, &gzip(body.as_bytes()));
    let [session] = &sessions[..] else { panic!("one session") };
    assert_eq!(commands(session), ["cat app.txt", "id", "exit"]);
    assert_eq!(session.records[0].output, "2026-11-20T09:00:00.000Z started");
    assert_eq!(
        (session.session.as_str(), session.principal.as_deref()),
        ("alice-05ba181f37a0fb8d2", Some("alice"))
    );
    assert_eq!(session.ended_at.unwrap().to_string(), "2026-11-20T21:09:14Z");
    assert_eq!(session.time_source, Some(TimeSource::TranscriptHeader));
}

#[test]
fn lines_that_were_sent_again_are_there_once() {
    let (id, uid, ls) = ("$ id", "uid=0(root)", "$ ls");
    let all: &[&str] = &[id, uid, ls];
    let said = |parts: &[(u64, &[&str])]| {
        let events: Vec<_> = parts
            .iter()
            .map(|(second, lines)| {
                event("a", "111122223333", &format!("2026-11-20T21:02:{second:02}Z"), lines)
            })
            .collect();
        let sessions = open("a", events.join("\n").as_bytes());
        let repeated = sessions[0].defects.contains(&Defect::RepeatedLines);
        (commands(&sessions[0]).len(), repeated)
    };
    // The same object twice in one, the same lines with more behind them, two events sent again as one.
    assert_eq!(said(&[(1, all), (1, all)]), (2, true));
    assert_eq!(said(&[(1, &[id, uid]), (3, all)]), (2, true));
    assert_eq!(said(&[(1, &[id]), (2, &[uid]), (4, all)]), (2, true));
    // One after the other, a single line, and the same done later are no repetitions.
    assert_eq!(said(&[(1, &[id, uid]), (3, &[ls, uid])]), (2, false));
    assert_eq!(said(&[(1, &[ls]), (3, &[ls])]), (2, false));
    assert_eq!(said(&[(1, &[id, uid]), (40, &[id, uid])]), (2, false));
    // Lines of an export may be equal.
    let lines = "2026-11-20T21:02:14.000Z $ true\n".repeat(2);
    assert_eq!(commands(&open("task/alice/000000", lines.as_bytes())[0]), ["true", "true"]);
    // An event that CloudWatch Logs delivers twice has the same identity.
    let value = record("111122223333", "a", &[(1, "$ id\n")]);
    assert_eq!(commands(&open("a", [&*value, &*value].concat().as_bytes())[0]), ["id"]);
}

#[test]
fn where_nothing_was_typed_there_are_no_commands() {
    let frame = |header: &str, body: &str| {
        format!(
            "Script started on 2026-11-20 21:02:14+00:00 [{header}<not executed on terminal>]\n{body}\n\
             Script done on 2026-11-20 21:02:14+00:00 [COMMAND_EXIT_CODE=\"0\"]\n"
        )
    };
    let path = "COMMAND=\"cat /var/lib/amazon/ssm/i-0123456789abcdef0/session/orchestration/alice-0/NonInteractiveCommands/ipcTempFile.log\" ";
    let ended = "uid=0(root) gid=0(root)\r\n$ not typed\r\n# nor this\r\nEXIT_CODE: 0";
    let plugin = "session/111122223333/eu-west-1/Standard_Stream/stderr";
    let run = "rc/92853adf-ba41-4cd6-9a88-142d1abcdef0/mi-0123456789abcdef0/awsrunShellScript/0.x/stdout";
    let cases = [
        ("alice-05ba181f37a0fb8d2.log", frame("", ended), SessionKind::Transcript, "EXIT_CODE: 0", None),
        (
            "alice-05ba181f37a0fb8d2.log",
            frame(path, "$ id\r\n"),
            SessionKind::Transcript,
            "$ id",
            Some("i-0123456789abcdef0"),
        ),
        (
            plugin,
            "$ id\nunable to start command: x".to_owned(),
            SessionKind::AgentError,
            "unable to start",
            None,
        ),
        (run, "$ id\nuid=0".to_owned(), SessionKind::CommandOutput, "uid=0", Some("mi-0123456789abcdef0")),
    ];
    for (key, body, kind, part, target) in cases {
        let sessions = open(key, body.as_bytes());
        let [session] = &sessions[..] else { panic!("one session") };
        assert_eq!((session.kind, commands(session).len(), session.records.len()), (kind, 0, 1), "{key}");
        assert!(session.records[0].output.contains(part), "{:?}", session.records);
        assert_eq!(session.target.as_deref(), target, "{key}");
    }
    let stderr = &open(plugin, b"x")[0];
    assert_eq!((stderr.session.as_str(), stderr.account.unwrap().as_str()), ("stderr", "111122223333"));
}

#[test]
fn damage_is_kept_as_text_and_said() {
    let good = event("alice-05ba181f37a0fb8d2", "111122223333", "2026-11-20T21:02:14Z", &["$ id", "uid=0"]);
    let deep = format!("{{\"eventVersion\":\"1\",\"x\":{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let damaged: Vec<Vec<u8>> = vec![
        good.as_bytes()[..good.len() - 9].to_vec(),
        good.replace("\"1.0\"", "1.0").into_bytes(),
        good.replace("\"sessionId\":", "\"sessionId\":\"twice\",\"sessionId\":").into_bytes(),
        good.replace("[\"$ id\",\"uid=0\"]", "\"$ id\"").into_bytes(),
        good.replace("[\"$ id\",\"uid=0\"]", "[\"$ id\",{\"uid\":0}]").into_bytes(),
        good.replace("uid=0", "uid=\\ud800").into_bytes(),
        b"\xff\xfe neither JSON nor UTF-8".to_vec(),
        good.replace("uid=0", "uid=0\u{0}\n").into_bytes(),
        deep.into_bytes(),
        b"null true 12 \"text\" []".to_vec(),
        b"{\"other\":\"value\"}".to_vec(),
        record("111122223333", "s", &[]).replace("[]", "[{\"timestamp\":1}]").into_bytes(),
        b"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":\"none\"}".to_vec(),
    ];
    for damage in damaged {
        let shown = String::from_utf8_lossy(&damage[..damage.len().min(200)]).into_owned();
        let after = event("bob-15ba181f37a0fb8d2", "111122223333", "2026-11-20T21:02:14Z", &["$ true"]);
        let body = [good.as_bytes(), b"\n", &damage, b"\n", after.as_bytes()].concat();
        let sessions = open(EVENTS_KEY, &body);
        assert_eq!(commands(&sessions[0])[0], "id", "{shown}");
        assert!(
            sessions.iter().any(|session| session.session.starts_with("bob")),
            "reading goes on: {shown}"
        );
        let rest = sessions.last().unwrap();
        assert!(rest.defects.contains(&Defect::UnreadableEvent), "{shown}: {rest:?}");
        assert_eq!((rest.records.len(), commands(rest).len()), (1, 0), "{shown}");
        // Every letter of it is there.
        let kept: String = text(rest).split_whitespace().collect();
        let letters: String = shown.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        let found: String = kept.chars().filter(char::is_ascii_alphanumeric).collect();
        assert!(found.contains(&letters), "{letters} in {found}");
    }
}

#[test]
fn objects_made_to_be_slow_or_large_are_read() {
    let line = "x".repeat(1000);
    let lines: Vec<&str> = vec![&line; 8_000];
    let long = event("a", "111122223333", "2026-11-20T21:02:14Z", &lines);
    assert_eq!(open("a", long.as_bytes())[0].bytes, 8_008_000);
    let one = event("a", "111122223333", "2026-11-20T21:02:14Z", &[&"y".repeat(8_000_000)]);
    assert_eq!(open("a", one.as_bytes())[0].records[0].output.len(), 8_000_000);

    // Values that never close, one in the other: each is read to the end before that is known.
    let nested = "{\"eventVersion\":\"1.0\",\"sessionData\":[],\"x\":[\n".repeat(40_000);
    let sessions = open("a", nested.as_bytes());
    assert_eq!((sessions.len(), sessions[0].defects.clone()), (1, vec![Defect::UnreadableEvent]));

    let many: String = (0..12_000)
        .map(|n| {
            event(&format!("user{n}-05ba181f37a0fb8d2"), "111122223333", "2026-11-20T21:02:14Z", &["$ id"])
        })
        .collect();
    let sessions = open("a", many.as_bytes());
    assert_eq!(sessions.len(), 10_001);
    let rest = sessions.last().unwrap();
    assert!(rest.defects.contains(&Defect::TooManySessions));
    assert!(text(rest).contains("user11999-"));
}

#[test]
fn all_sessions_of_an_object_can_be_told_apart() {
    // The same name in two accounts, streamed and whole, and none at all.
    let value = |owner: &str, message: &str| record(owner, "alice-05ba181f37a0fb8d2", &[(1, message)]);
    let streamed = event("alice-05ba181f37a0fb8d2", "111122223333", "2026-11-20T21:02:14Z", &["$ id"]);
    let body = [
        value("111122223333", &streamed),
        value("444455556666", &streamed),
        value("444455556666", "$ id\r\n"),
        "{}".to_owned(),
    ]
    .concat();
    let sessions = open(EVENTS_KEY, body.as_bytes());
    assert_eq!(sessions.len(), 4);
    let again = open(EVENTS_KEY, body.as_bytes());
    let ids = |sessions: &[Session]| sessions.iter().map(|session| session.id).collect::<Vec<_>>();
    assert_eq!(ids(&sessions), ids(&again));
}

#[test]
fn the_last_line_is_a_command_that_ran() {
    let body = event("a", "111122223333", "2026-11-20T21:02:14Z", &["sh-5.2$ true", "sh-5.2$ reboot"]);
    let sessions = open("a", body.as_bytes());
    assert_eq!(sessions[0].records[1].status, Some(Status::Executed));
}

#[test]
fn the_sessions_of_an_object_share_the_limit_on_its_records() {
    let max_records = ParseLimits::default().max_records;
    let lines: Vec<String> = (0..max_records * 2 / 3).map(|number| format!("sh-5.2$ c{number}.")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let names = ["a", "b", "c"];
    let body: String = names.map(|name| event(name, "111122223333", "2026-11-20T21:02:14Z", &lines)).concat();
    let sessions = open(EVENTS_KEY, body.as_bytes());
    let records: usize = sessions.iter().map(|session| session.records.len()).sum();
    assert!((max_records..=max_records + names.len()).contains(&records), "{records}");
    for (session, is_cut) in sessions.iter().zip([false, true, true]) {
        assert_eq!(session.defects.contains(&Defect::TooManyRecords), is_cut, "{}", session.session);
        assert!(text(session).contains(&format!("c{}.", lines.len() - 1)), "{}", session.session);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_give_sessions(parts in prop::collection::vec(prop_oneof![
        Just(b"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[".to_vec()),
        Just(b"{\"eventVersion\":\"1.0\",\"sessionData\":[\"".to_vec()),
        Just(b"{\"message\":\"{\\\"eventVersion\\\":\\\"1\\\",\\\"sessionData\\\":[\\\"$ id\\\"]}\"}".to_vec()),
        Just(b"2026-11-20T21:02:14.000Z ".to_vec()),
        Just(b"\",\"".to_vec()), Just(b"]}".to_vec()), Just(b"\n".to_vec()), Just(b"\\u0008".to_vec()),
        Just(b"\\u001b[7m".to_vec()), Just(b"\\u001b[C".to_vec()), Just(b"sh-5.2$ ".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ], 0..40)) {
        let bytes = parts.concat();
        for carrier in [Carrier::Events, Carrier::Export] {
            let object = ObjectRef { key: "a/000000".to_owned(), ..ObjectRef::default() };
            let id = TranscriptId::of_file("a", &bytes);
            let transcript = decode::Transcript {
                id, object, last_modified: None, bytes: bytes.clone(), carrier, defects: Vec::new(), unread_bytes: 0,
            };
            let sessions = decode::sessions(&transcript, &KeyLayout::default(), &ParseLimits::default());
            prop_assert!(!sessions.is_empty());
        }
    }

    #[test]
    fn what_was_sent_can_be_found(words in prop::collection::vec(("[a-z]{4,9}", 0usize..12, 0usize..3), 1..30)) {
        // Lines of words with backspaces between them; a word is cut by none of them.
        let mut lines = vec!["sh-5.2$ true".to_owned()];
        for (word, backs, place) in &words {
            let backs = "\u{8}".repeat(*backs);
            match place {
                0 => lines.push(format!("sh-5.2$ {word}{backs}")),
                1 => lines.push(format!("{word}{backs} ")),
                _ => lines.last_mut().unwrap().push_str(&format!("{backs}{word}")),
            }
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let body = event("a", "111122223333", "2026-11-20T21:02:14Z", &lines);
        let all = text(&open("a", body.as_bytes())[0]);
        for (word, ..) in &words {
            prop_assert!(all.contains(word.as_str()), "{word} in {all:?} of {lines:?}");
        }
    }
}
