//! Frames of all releases, as tables.

use super::{frame, target_in};

const PATH: &str = "/var/lib/amazon/ssm/i-0123456789abcdef0/session/orchestration/a-05ba181f37a0fb8d2/Standard_Stream/ipcTempFile.log";

/// Headers and footers that belong together, and the time that they tell.
fn releases() -> Vec<(String, String, Option<&'static str>)> {
    const ZONED: Option<&str> = Some("2026-11-20T21:02:14Z");
    let iso = "2026-11-20 21:02:14";
    let code = "[COMMAND_EXIT_CODE=\"0\"]";
    let mut all = Vec::new();
    let mut add = |start: &str, stop: &str, time| all.push((start.to_owned(), stop.to_owned(), time));
    // 2.17 to 2.29, in some locales.
    for time in [
        "Fri Nov 20 21:02:14 2026",
        "Fri Nov  6 21:02:14 2026",
        "Fri 20 Nov 2026 09:02:14 PM UTC",
        "2026年11月20日 21時02分14秒",
        "2026年11月20日 星期五 21时02分14秒",
        "ven. 20 nov. 2026 21:02:14 UTC",
        "Пт 20 ноя 2026 21:02:14",
        "20.11.2026 21.02.14",
    ] {
        add(&format!("Script started on {time}"), &format!("Script done on {time}"), None);
    }
    // 2.30, 2.32.
    add(&format!("Script started on {iso}+0000"), &format!("Script done on {iso}+0000"), ZONED);
    add("Script started on 2026-11-20 17:32:14-0330", "Script done on 2026-11-20 17:32:14-0330", ZONED);
    add("Script started on 2026-11-21 06:02:14+09:00", "Script done on 2026-11-21 06:02:14+09:00", ZONED);
    // 2.33 to 2.37.
    add(
        &format!("Script started on {iso}+00:00 [<not executed on terminal>]"),
        &format!("Script done on {iso}+00:00 {code}"),
        ZONED,
    );
    // 2.38 and later.
    add(
        &format!("Script started on {iso}+00:00 [COMMAND=\"cat {PATH}\" <not executed on terminal>]"),
        &format!("Script done on {iso}+00:00 {code}"),
        ZONED,
    );
    // Translated: any words will do.
    for (start, stop, note) in [
        ("Skript gestartet auf ", "Skript beendet auf ", "nicht im Terminal ausgeführt"),
        ("Script démarré sur ", "Script terminé sur ", "non exécuté dans le terminal"),
        ("Script iniciado en ", "Script terminado en ", "no se ejecuta en un terminal"),
        ("Script iniciado em ", "Script concluído em ", "não executado no terminal"),
        ("脚本启动于 ", "脚本完成于 ", "未在终端上执行"),
        ("スクリプト開始: ", "スクリプト終了: ", "端末上での実行ではありません"),
        ("Скрипт запущен ", "Скрипт выполнен ", "выполнен не в терминале"),
        ("Mingi muu keel ", "Mingi muu lõpp ", "muu"),
    ] {
        add(&format!("{start}{iso}+00:00 [<{note}>]"), &format!("{stop}{iso}+00:00 {code}"), ZONED);
        add(&format!("{start}{iso}+0000"), &format!("{stop}{iso}+0000"), ZONED);
        add(&format!("{start}Fri Nov 20 21:02:14 2026"), &format!("{stop}Fri Nov 20 21:02:14 2026"), None);
    }
    all
}

/// Bodies as the shells and the kinds of session make them. The last ones do not end in a newline.
const BODIES: [&str; 7] = [
    "$ id\r\r\nuid=0\r\r\n$ exit\r\r\n",
    "$ id\r\nuid=0\r\n$ exit\r\n",
    "uid=0\nEXIT_CODE: 0",
    "$ id\r\r\nuid=0\r\r\n$ ",
    "\r\n",
    "",
    "$ cat old\r\r\nScript started on 2020-01-01 00:00:00+00:00\r\r\nScript done on 2020-01-01 00:00:09+00:00\r\r\n$ ",
];

#[test]
fn every_release_frames_every_body() {
    for (header, footer, time) in releases() {
        for body in BODIES {
            for mark in ["", "\u{feff}"] {
                let bytes = format!("{mark}{header}\n{body}\n{footer}\n");
                let found = frame(bytes.as_bytes());
                assert!(found.header && found.footer, "{bytes:?}");
                assert_eq!(&bytes[found.start..found.end], body, "{bytes:?}");
                assert_eq!(found.time.map(|time| time.to_string()).as_deref(), time, "{bytes:?}");
                assert_eq!(found.target.is_some(), header.contains("COMMAND="), "{bytes:?}");
            }
        }
    }
}

#[test]
fn objects_cut_anywhere_keep_their_start() {
    for (header, footer, _) in releases() {
        let body = BODIES[0];
        let bytes = format!("{header}\n{body}\n{footer}\n");
        let body_start = header.len() + 1;
        for end in body_start + body.len()..bytes.len() {
            let found = frame(&bytes.as_bytes()[..end]);
            assert!(found.header && !found.footer, "{header:?} {end}");
            assert_eq!((found.start, found.end), (body_start, end), "{header:?} {end}");
        }
        for end in 0..body_start {
            let found = frame(&bytes.as_bytes()[..end]);
            assert_eq!((found.start, found.end, found.header), (0, end, false), "{header:?} {end}");
        }
    }
}

#[test]
fn frames_of_macos() {
    let command =
        "Command: cat /opt/aws/ssm/data/mi-0123/session/orchestration/a-1/Standard_Stream/ipcTempFile.log\n";
    let status = "Command exit status: 0\n";
    let body = "sh-3.2$ id\r\r\nCommand exit status: 7\r\r\nsh-3.2$ ";
    for command in ["", command] {
        for status in ["", status] {
            for echo in ["", "^D\u{8}\u{8}"] {
                let bytes = format!(
                    "Script started on Tue Oct  5 21:22:05 2024\n{command}{echo}{body}\n{status}Script done on Tue Oct  5 21:23:19 2024\n"
                );
                let found = frame(bytes.as_bytes());
                assert_eq!(&bytes[found.start..found.end], body, "{bytes:?}");
                assert_eq!(found.target.as_deref(), (!command.is_empty()).then_some("mi-0123"), "{bytes:?}");
                assert_eq!(found.time, None, "{bytes:?}");
            }
        }
    }
}

#[test]
fn what_only_looks_like_a_frame_is_recording() {
    for bytes in [
        "",
        "\n",
        "\r\n\r\n",
        "$ id\r\r\nuid=0\r\r\n",
        "Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]\r\n$ id\r\r\n",
        "$ id\r\nScript started on 2026-11-20 21:02:14+00:00\n$ id\r\n",
        "Script started on Mars\n$ id\r\r\n",
        "Fri Nov 20 21:02:14 2026",
        "total 2026\n1 2 3 4\n",
        "Script started on 2026-11-20 21:02:14+00:00 [<not executed on terminal>]",
    ] {
        let found = frame(bytes.as_bytes());
        assert_eq!((found.start, found.end, found.header), (0, bytes.len(), false), "{bytes:?}");
    }
    let only_mark = frame(b"\xef\xbb\xbf");
    assert_eq!((only_mark.start, only_mark.end, only_mark.header), (3, 3, false));
}

#[test]
fn a_time_in_the_last_line_is_no_footer() {
    for line in ["2026-11-20 21:02:14 INFO done", "Fri Nov 20 21:02:14 UTC 2026", "1 2 3 4 2026"] {
        let bytes = format!("Script started on Fri Nov 20 21:02:14 2026\nuid=0\n{line}\n");
        let found = frame(bytes.as_bytes());
        assert_eq!((found.header, found.footer, found.end), (true, false, bytes.len()), "{line}");
    }
}

#[test]
fn a_header_and_a_footer_share_no_line() {
    for bytes in [
        "Script started on 2026-11-20 21:02:14+00:00\n",
        "Script started on 2026-11-20 21:02:14+00:00\n\n",
        "Script started on 2026-11-20 21:02:14+00:00\nCommand: x\nScript done on 2026-11-20 21:02:14+00:00\n",
        "Script started on 2026-11-20 21:02:14+00:00\nScript done on 2026-11-20 21:02:14+00:00\n",
    ] {
        let found = frame(bytes.as_bytes());
        assert!(found.header && found.start <= found.end, "{bytes:?}");
    }
}

#[test]
fn recordings_made_on_a_terminal_end_at_their_footer() {
    let bytes = b"Script started on 2026-11-20 21:00:00+00:00 [TERM=\"xterm\" TTY=\"/dev/pts/0\" COLUMNS=\"132\" LINES=\"24\"]\n$ id\r\n\nScript done on 2026-11-20 21:02:14+00:00 [COMMAND_EXIT_CODE=\"0\"]\n";
    let found = frame(bytes);
    assert_eq!(found.columns, Some(132));
    assert_eq!(found.time.map(|time| time.to_string()).as_deref(), Some("2026-11-20T21:02:14Z"));
}

#[test]
fn nodes_in_the_paths_of_agents() {
    let table = [
        (PATH, Some("i-0123456789abcdef0")),
        ("C:\\ProgramData\\Amazon\\SSM\\InstanceData\\mi-0a\\session\\orchestration\\a-1\\x", Some("mi-0a")),
        ("/var/snap/x/mi-1/session/orchestration/a-1", Some("mi-1")),
        ("//session/orchestration/", None),
        ("/a b/session/orchestration/", None),
        ("/session/", None),
        ("", None),
    ];
    for (path, node) in table {
        assert_eq!(target_in(path).as_deref(), node, "{path}");
    }
}
