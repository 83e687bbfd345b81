//! Prompts of many forms.

use super::{check, commands, executed};

/// A session of bash without marks: each command prints a line.
fn unmarked(prompts: &[&str], lines: &[&str]) -> String {
    prompts.iter().zip(lines).map(|(prompt, line)| format!("{prompt}{line}\r\nout\r\n")).collect()
}

/// The same with marks.
fn marked(prompts: &[&str], lines: &[&str]) -> String {
    let edit = |(prompt, line): (&&str, &&str)| format!("\x1b[?2004h{prompt}{line}\r\n\x1b[?2004l\rout\r\n");
    prompts.iter().zip(lines).map(edit).collect()
}

const LINES: [&str; 5] = ["ls -l", "cd /srv", "id", "echo 5 $ x", "exit"];

#[test]
fn prompts_of_no_known_form_are_learned() {
    let table: [[&str; 5]; 9] = [
        [
            "03:16:40 #1 ~: ",
            "03:16:41 #2 ~: ",
            "03:16:42 #3 /srv: ",
            "03:16:43 #4 /srv: ",
            "03:16:44 #5 /srv: ",
        ],
        ["lab:~: ", "lab:~: ", "lab:srv: ", "lab:srv: ", "lab:srv: "],
        ["🚀 ", "🚀 ", "🚀 ", "🚀 ", "🚀 "],
        ["u|0|~| ", "u|0|~| ", "u|0|srv| ", "u|130|srv| ", "u|0|srv| "],
        ["* ~ * ", "* ~ * ", "* ~ * ", "* ~ * ", "* ~ * "],
        ["[j@lx ~]$", "[j@lx ~]$", "[j@lx srv]$", "[j@lx srv]$", "[j@lx srv]$"],
        ["ip-10-8:~ dep$ ", "ip-10-8:~ dep$ ", "ip-10-8:srv dep$ ", "ip-10-8:srv dep$ ", "ip-10-8:srv dep$ "],
        [
            "\x1b[44m me \x1b[40m ~ \x1b[0m  ",
            "\x1b[44m me \x1b[40m ~ \x1b[0m  ",
            "\x1b[44m me \x1b[40m srv \x1b[0m  ",
            "\x1b[44m me \x1b[40m srv \x1b[0m  ",
            "\x1b[44m me \x1b[40m srv \x1b[0m  ",
        ],
        [
            "\x1b[34m me \x1b[0;38m▒\x1b[0m ",
            "\x1b[34m me \x1b[0;38m▒\x1b[0m ",
            "\x1b[34m me \x1b[0;38m▒\x1b[0m ",
            "\x1b[34m me \x1b[0;38m▒\x1b[0m ",
            "\x1b[34m me \x1b[0;38m▒\x1b[0m ",
        ],
    ];
    for prompts in table {
        assert_eq!(commands(marked(&prompts, &LINES).as_bytes()), executed(&LINES), "{prompts:?}");
    }
}

#[test]
fn a_prompt_without_a_sign_ends_where_its_colours_end() {
    let of = |directory: &str| format!("\x1b[7m me \x1b[0;7;34m {directory} \x1b[0m ");
    let prompts = ["~", "~", "/srv", "/srv", "/srv"].map(of);
    let prompts = prompts.each_ref().map(String::as_str);
    assert_eq!(commands(unmarked(&prompts, &LINES).as_bytes()), executed(&LINES));
    // The readline of old systems switches a mode first, others set a title.
    for before in ["\x1b[?1034h", "\x1b]0;me\x07\r\n"] {
        let bytes = format!("{before}{}", unmarked(&prompts, &LINES));
        assert_eq!(commands(bytes.as_bytes()), executed(&LINES), "{before:?}");
    }
    // What programs colour is none.
    let log = "\x1b[32mINFO\x1b[0m started\r\n".repeat(9);
    assert_eq!(commands(format!("{log}$ id\r\nout\r\n$ exit\r\n").as_bytes()), executed(&["id", "exit"]));
}

#[test]
fn lines_above_a_prompt_may_begin_like_one() {
    let above = |directory: &str| format!("\r\n# me @ lx in {directory} [16:33:14]\r\n# history 7\r\n$ ");
    let prompts = ["~", "~", "/srv", "/srv", "/srv"].map(above);
    let prompts = prompts.each_ref().map(String::as_str);
    assert_eq!(commands(unmarked(&prompts, &LINES).as_bytes()), executed(&LINES));
    let root =
        ["~", "~", "/srv", "/srv", "/srv"].map(|directory| format!("\r\n# root @ lx in {directory}\r\n# "));
    let root = root.each_ref().map(String::as_str);
    assert_eq!(commands(unmarked(&root, &LINES).as_bytes()), executed(&LINES));
    // But a root shell within another is one.
    let shells = "$ sudo -s\r\n# mkdir a\r\n# exit\r\n".repeat(5);
    assert_eq!(commands(shells.as_bytes()), executed(&["sudo -s", "mkdir a", "exit"].repeat(5)));
}

#[test]
fn prompts_of_no_known_form_are_found_by_the_commands_behind_them() {
    let table: [[&str; 5]; 4] = [
        ["lx... ", "lx... ", "lx... ", "lx... ", "lx... "],
        ["0 03:36 ip ~: ", "0 03:36 ip ~: ", "0 03:36 ip srv: ", "0 03:37 ip srv: ", "1 03:37 ip srv: "],
        ["👉 ", "👉 ", "👉 ", "👉 ", "👉 "],
        ["ip-10-8:~ dep$ ", "ip-10-8:~ dep$ ", "ip-10-8:srv dep$ ", "ip-10-8:srv dep$ ", "ip-10-8:srv dep$ "],
    ];
    for prompts in table {
        assert_eq!(commands(unmarked(&prompts, &LINES).as_bytes()), executed(&LINES), "{prompts:?}");
    }
}

#[test]
fn a_prompt_at_the_right_edge_is_no_command() {
    let line = "\x1b[?2004h\x1b7\x1b[60C03:18:52\x1b8\x1b[33medge\x1b[0m ~ » seq 3\r\n\x1b[?2004l\r1\r\n";
    assert_eq!(commands(line.as_bytes()), executed(&["seq 3"]));
}

#[test]
fn prompts_for_more_lines_may_be_anything() {
    let more = |line: &str| format!("\x1b[?2004h..   {line}\r\n\x1b[?2004l\r");
    let bytes = format!(
        "\x1b[?2004hu@h:~$ f() {{\r\n\x1b[?2004l\r{}{}\x1b[?2004hu@h:~$ id\r\n\x1b[?2004l\rx\r\n",
        more("echo n"),
        more("}"),
    );
    assert_eq!(commands(bytes.as_bytes()), executed(&["f() {\n  echo n\n  }", "id"]));
    check(&[(
        "none at all",
        b"etl:~$ for n in 1 2\r\ndo\r\necho $n\r\ndone\r\n1\r\n2\r\netl:~$ id\r\nx\r\netl:~$ exit\r\n",
        &["for n in 1 2\ndo\necho $n\ndone", "id", "exit"],
    )]);
}

#[test]
fn marks_may_end_within_a_session_and_others_be_printed() {
    check(&[
        (
            "switched off",
            b"\x1b[?2004hu@h:~$ bind x\r\n\x1b[?2004l\ru@h:~$ id\r\nx\r\nu@h:~$ exit\r\n",
            &["bind x", "id", "exit"],
        ),
        (
            "opened by output, never closed",
            b"u@h:~$ cat x\r\r\n\x1b[?2004h[op@old ~]$ \r\r\r\nu@h:~$ id\r\r\nx\r\r\nu@h:~$ exit\r\r\n",
            &["cat x", "id", "exit"],
        ),
        (
            "a screen that is never left",
            b"\x1b[?2004hu@h:~$ printf x\r\n\x1b[?2004l\r\x1b[?1049h\x1b[?2004hu@h:~$ id\r\n\x1b[?2004l\rx\r\n",
            &["printf x", "id"],
        ),
        (
            "text of the command",
            b"$ cat <<E\r\n> # two\r\n> E\r\n# two\r\n$ printf 'x '\r\nx $ id\r\n0\r\n$ exit\r\n",
            &["cat <<E\n# two\nE", "printf 'x '", "id", "exit"],
        ),
    ]);
}

#[test]
fn the_editor_of_a_small_shell_wraps_with_a_newline() {
    let bytes = b"/ # \x1b[6nid\r\r\nuid=0\r\r\n/ # \x1b[6nexport PATH=/usr/bin\r\r\r\n:/bin\r\r\n/ # \x1b[6nexit\r\r\n";
    assert_eq!(commands(bytes), executed(&["id", "export PATH=/usr/bin:/bin", "exit"]));
}

#[test]
fn previews_below_the_line_are_not_submitted() {
    let bytes = b"\x1b[?2004hu@h:~$ node\r\r\n\x1b[?2004l\r\x1b[1G\x1b[0J> \x1b[3Ga\r\r\n\x1b[90m[ 3 ]\x1b[39m\x1b[4G\x1b[1A\x1b[1B\x1b[2K\x1b[1A.s()\r\r\r\n[ 1 ]\r\r\n\
        \x1b[1G\x1b[0J> \x1b[3G.exit\r\r\r\n\x1b[?2004hu@h:~$ id\r\r\n\x1b[?2004l\rx\r\r\n";
    let found: Vec<String> = commands(bytes).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found, ["node", "a.s()", ".exit", "id"]);
}

#[test]
fn a_sign_without_colour_ends_a_coloured_prompt() {
    // GitHub Codespaces and dev containers; fish with its repository in front of the sign.
    let prompt = |user: &str, sign: &str| {
        format!(
            "\x1b[0;32m{user} \x1b[0m➜ \x1b[1;34m/workspaces/app \x1b[0;36m(\x1b[1;31mmain\x1b[0;36m) \x1b[0m{sign} "
        )
    };
    for (user, sign) in [("@ada", "$"), ("vscode", "$"), ("root", "#")] {
        let prompt = prompt(user, sign);
        let bytes = format!(
            "{prompt}ls\r\r\nx\r\r\n{prompt}# a remark\r\r\n{prompt}nano x.sh\r\r\n{prompt}exit\r\r\n"
        );
        assert_eq!(
            commands(bytes.as_bytes()),
            executed(&["ls", "# a remark", "nano x.sh", "exit"]),
            "{user} {sign}"
        );
    }
    // The same behind output without a newline.
    let prompt = prompt("@ada", "$");
    let bytes =
        format!("{prompt}id\r\r\nx\r\r\n{prompt}curl x\r\r\n</html>{prompt}done!\r\r\n{prompt}exit\r\r\n");
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "curl x", "done!", "exit"]));
    let fish = "\x1b]133;A\x07\x1b[32m~/d/app\x1b[m (\x1b[35m(fd38207b)\x1b[m|✚1) \x1b[m$ \x1b[K\r\x1b[24C\
                \x1b[?2004h\r\x1b[24C\x1b[31mbunsh\x1b[m\r\x1b[29C\r\n\x1b]133;C\x07\x1b[?2004lx\r\n";
    assert_eq!(commands(fish.as_bytes()), executed(&["bunsh"]));
}

#[test]
fn the_directory_behind_a_sign_belongs_to_the_prompt() {
    let lines =
        [("~", "id"), ("~", "my-tool rm"), ("~", ""), ("~", "cd /srv/app"), ("app", ""), ("app", "exit")];
    let painted = |prompt: &str| format!("\x1b[0m\x1b[27m\x1b[24m\x1b[J{prompt}\x1b[K");
    for prompt in ["λ D ", "\x1b[33mλ\x1b[0m D ", "➜  D git:(main) ✗ ", "❯ D/ ", "❯ D (main) ", "> D "]
    {
        let prompts = lines.map(|(directory, _)| prompt.replace('D', directory));
        let typed = lines.map(|(_, line)| line);
        let plain = prompts.each_ref().map(String::as_str);
        let painted = plain.map(painted);
        let painted = painted.each_ref().map(String::as_str);
        let wanted: Vec<&str> = typed.into_iter().filter(|line| !line.is_empty()).collect();
        for session in [marked(&plain, &typed), unmarked(&plain, &typed), unmarked(&painted, &typed)] {
            assert_eq!(commands(session.as_bytes()), executed(&wanted), "{session:?}");
        }
    }
    // A program that is named like the directory it lies in.
    let lines = ["cd demo/", "demo ls", "demo cat x", "demo rm x", "~/bin/demo ls", "exit"];
    for prompt in ["❯ ", "λ ", "> "] {
        let session = marked(&[prompt; 6], &lines);
        assert_eq!(commands(session.as_bytes()), executed(&lines), "{prompt}");
    }
}

#[test]
fn a_prompt_that_zsh_paints_anew_ends_where_it_ends_then() {
    // oh-my-zsh tells the state of the repository a moment later, before something is typed or after.
    let painting = "\x1b[0m\x1b[27m\x1b[24m\x1b[J\x1b[32m➜  \x1b[36mapp\x1b[00m ";
    let newer = "\r\r\x1b[0m\x1b[27m\x1b[24m\x1b[J\x1b[32m➜  \x1b[36mapp\x1b[00m \x1b[34mgit:(\x1b[31mmain\x1b[34m) \x1b[33m✗\x1b[00m ";
    let mark = format!("\x1b[7m%\x1b[27m{}\r \r", " ".repeat(79));
    let open = format!("{mark}\r{painting}\x1b[K\x1b[?1h\x1b=\x1b[?2004h");
    let close = "\x1b[?1l\x1b>\x1b[?2004l\r\r\nx\r\r\n";
    for typed in [
        format!("{newer}\x1b[Kl\x08ls -la"),
        format!("l\x08ls {newer}ls \x1b[K-la"),
        format!("l\x08ls -{newer}ls -\x1b[Kla"),
        format!("l\x08ls -la{newer}ls -la\x1b[K{newer}ls -la\x1b[K"),
    ] {
        let bytes = format!("{open}{typed}{close}{open}exit{close}");
        assert_eq!(commands(bytes.as_bytes()), executed(&["ls -la", "exit"]), "{typed:?}");
    }
}

#[test]
fn the_upper_line_of_a_frame_is_no_command_whatever_sign_it_holds() {
    for lower in ["╰❯ ", "╰─$ "] {
        let prompt = format!("\r\r\n╭─ ada@arch ── ~/go/src/server ── ⚡ master ⚡\r\r\n{lower}");
        let bytes = format!("{prompt}go build\r\r\nno module\r\r\n{prompt}ls *.mod\r\r\n{prompt}exit\r\r\n");
        assert_eq!(commands(bytes.as_bytes()), executed(&["go build", "ls *.mod", "exit"]), "{lower}");
    }
    // Without a frame, readline's returns tell: it sends one more before the newlines of its prompt.
    let prompt = "ada@web ❯ ~/go ❯ master\r\r\r\n❯ ";
    let bytes =
        format!("{prompt}go build\r\r\nx\r\r\n{prompt}ls\r\r\n{prompt}pwd\r\r\n/\r\r\n{prompt}exit\r\r\n");
    assert_eq!(commands(bytes.as_bytes()), executed(&["go build", "ls", "pwd", "exit"]));
}

#[test]
fn comments_before_the_first_prompt_are_no_commands_of_root() {
    let demo = "\r\n\x1b[2m# build the server\x1b[0m\r\n\r\n\x1b[2m# and start it\x1b[0m\r\n";
    for prompt in ["\x1b[1;36m❯\x1b[0m ", "$ "] {
        let bytes = format!("{demo}{prompt}go build\r\n# done\r\n{prompt}ls\r\n{prompt}id\r\n");
        assert_eq!(commands(bytes.as_bytes()), executed(&["go build", "ls", "id"]), "{prompt}");
    }
    // A root shell, in which a user's is opened.
    let bytes = "# ./start.sh\r\nx\r\n# id\r\n0\r\n# su - ada\r\n$ ls\r\nx\r\n$ exit\r\n# exit\r\n";
    assert_eq!(commands(bytes.as_bytes()), executed(&["./start.sh", "id", "su - ada", "ls", "exit", "exit"]));
}

#[test]
fn a_sign_alone_below_a_line_with_the_directory() {
    let prompt = |face: &str| {
        format!(
            "\x1b[95;1mada-linux in ~/examples \x1b[0m \x1b[32;1m{face}\x1b[0m \x1b[95;1m\r\r\n>\x1b[36;1m "
        )
    };
    let bytes =
        format!("{}blah blah\r\nblah: command not found\r\n{}exit\r\nexit\r\n", prompt(":)"), prompt(":("));
    assert_eq!(commands(bytes.as_bytes()), executed(&["blah blah", "exit"]));
}

#[test]
fn a_banner_hides_no_prompt() {
    for banner in
        ["Host1 > ok\r\r\nHost2 > ok\r\r\n", "eth0 # uplink\r\r\neth1 # other\r\r\neth2 # none\r\r\n"]
    {
        for prompt in ["[root@web ~]# ", "sh-4.2$ ", "bob@web-01:~$ "] {
            let bytes = format!("{banner}{prompt}uptime\r\r\nup\r\r\n{prompt}exit\r\r\n");
            assert_eq!(commands(bytes.as_bytes()), executed(&["uptime", "exit"]), "{banner} {prompt}");
        }
    }
    // A shell with such a prompt may open one with another.
    let bytes = "web1$ ls\r\r\nx\r\r\nweb1$ ssh db\r\r\n[root@db ~]# id\r\r\n0\r\r\n[root@db ~]# ls\r\r\n";
    assert_eq!(commands(bytes.as_bytes()), executed(&["ls", "ssh db", "id", "ls"]));
}

#[test]
fn fields_between_glyphs_are_a_prompt_however_many() {
    // powerline-shell, with more blanks than other prompts have; and a sign of hosts with repositories.
    let fields = "\x1b[48;5;31m me \x1b[38;5;74m\u{e0b0} (e) fast \u{e0b0} \u{e0a0} master \u{e0b0} … \u{e0b1} github.com \u{e0b1} me \u{e0b0} \x1b[0m";
    let repository = "[me\x1b[33m@\x1b[mhost:\x1b[1m~/infrastructure\x1b[m] ± ";
    for prompt in [fields, repository] {
        let bytes =
            format!("{prompt}# have I Docker?\r\r\n{prompt}docker version\r\r\nx\r\r\n{prompt}exit\r\r\n");
        let wanted = ["# have I Docker?", "docker version", "exit"];
        assert_eq!(commands(bytes.as_bytes()), executed(&wanted), "{prompt:?}");
    }
}

#[test]
fn the_line_that_is_typed_at_is_the_last_one_of_a_prompt() {
    let prompts = [
        "### PROD bastion ###\n[ec2-user@bastion ~]$ ",
        "# ec2-user @ bastion in ~ [22:28:30]\n$ ",
        "# root @ bastion in ~ [22:28:30]\n# ",
        "ec2-user in ~ on main ±\n$ ",
        "[22:28:30] ec2-user@bastion:~ (main)\n→ ",
        "<(~)>\n→ ",
        "┌[<~ prod>\n└> ",
        "[22:28:30 » prod » ~]\n$ ",
    ];
    for prompt in prompts {
        let edit = |typed: &str| {
            format!("\x1b[?2004h{}{typed}\r\r\n\x1b[?2004l\rx\r\r\n", prompt.replace('\n', "\r\r\r\n"))
        };
        let lines = ["ls -la", "cat x > y", "id", "for i in 1; do\r\r\n\recho $i\r\r\n\rdone", "exit"];
        let session: String = lines.iter().map(|line| edit(line)).collect();
        let wanted: Vec<String> = lines.iter().map(|line| line.replace("\r\r\n\r", "\n")).collect();
        let found: Vec<String> =
            super::commands(session.as_bytes()).into_iter().map(|(command, _)| command).collect();
        assert_eq!(found, wanted, "{prompt}");
    }
}

#[test]
fn an_empty_last_line_and_another_line_above_it() {
    let edit =
        |above: &str, typed: &str| format!("\x1b[?2004h{above}\r\r\r\n{typed}\r\r\n\x1b[?2004l\rx\r\r\n");
    let (usual, other) = ("[ec2-user@i-0abc12 ~]", "(venv) [ec2-user@i-0abc12 ~]");
    let mut session = String::new();
    let lines = ["ls -la", "id", "cat x", "source /opt/venv/bin/activate"];
    lines.iter().for_each(|line| session += &edit(usual, line));
    session += &(edit(other, "let x=5; echo $x") + &edit(other, "deactivate") + &edit(usual, "exit"));
    let found: Vec<String> =
        super::commands(session.as_bytes()).into_iter().map(|(command, _)| command).collect();
    assert_eq!(found[..4], lines);
    assert_eq!(found[4..], ["let x=5; echo $x", "deactivate", "exit"]);
}

#[test]
fn a_mark_of_success_at_the_start_changes_and_the_prompt_is_the_same() {
    let bytes = "✔ ubuntu:/srv$ id\r\n0\r\n✔ ubuntu:/srv$ false\r\n✘ 1 ubuntu:/srv$ last -n 2\r\nwtmp begins\r\n\
                 ✔ ubuntu:/srv$ ls x\r\nls: no x\r\n[2] ubuntu:/srv$ pwd\r\n/srv\r\n✔ ubuntu:/srv$ exit\r\n";
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "false", "last -n 2", "ls x", "pwd", "exit"]));
}

#[test]
fn a_sign_in_brackets_does_not_end_a_prompt() {
    let line = |command: &str| format!("[maria@billing \x1b[35m<aws:prod>\x1b[0m app]$ {command}\r\nx\r\n");
    let bytes = [line("id"), line("test a > b ]"), line("exit")].concat();
    assert_eq!(commands(bytes.as_bytes()), executed(&["id", "test a > b ]", "exit"]));
}

/// The lines of a prompt end with one return more than the line that is submitted, and only one of two shells has such.
#[test]
fn lines_above_the_prompt_of_an_inner_shell_are_its_own() {
    let outer = |line: &str| format!("\x1b[?2004hsh-5.2$ {line}\r\r\n\x1b[?2004l\r");
    let inner = |line: &str| {
        format!("\x1b[?2004h\r\r\r\n# ops @ jump in /srv C:0\r\r\r\n$ {line}\r\r\n\x1b[?2004l\rx\r\r\n")
    };
    // A recalled loop of the outer shell has several lines, too.
    let looped = "for i in 1 2\r\r\n\rdo echo $i\r\r\n\rdone";
    let outers = ["id", "true", looped, "pwd", "ls", "w", looped, "bash"].map(outer).concat();
    let bytes = [outers, ["head -1 x", "jobs", "exit"].map(inner).concat(), outer("exit")].concat();
    let found = commands(bytes.as_bytes());
    assert_eq!(found[8..11], executed(&["head -1 x", "jobs", "exit"]));
    assert_eq!(found[2].0, "for i in 1 2\ndo echo $i\ndone");
    assert_eq!(
        super::parsed(bytes.as_bytes()).records[8].prompt.as_deref(),
        Some("# ops @ jump in /srv C:0\n$ ")
    );
}

#[test]
fn the_places_where_a_prompt_may_end_need_not_ascend() {
    for line in ["In [<a> $ x]: y> z", "In [1 $ ]: ls", "... > x", "(gdb) > $ In ["] {
        let bytes = format!("$ ls\r\n{line}\r\n{line}\r\n\x1b[?2004h{line}\r\n\x1b[?2004l\r");
        assert!(!super::parsed(bytes.as_bytes()).records.is_empty(), "{line}");
    }
}

#[test]
fn a_long_name_of_a_host_is_a_prompt_and_so_is_a_sign_below_a_directory() {
    let host = "ip-192-168-7-201.eu-central-1.compute.internal $ ";
    let edit = |line: &str| format!("\x1b[?2004h=> {line}\r\n\x1b[?2004l\rx\r\n");
    let inner = ["id", "git diff", "exit"].map(edit).concat();
    let bytes = format!("{host}md5sum x\r\nno\r\n{host}bash\r\n{inner}{host}exit\r\n");
    let expected = ["md5sum x", "bash", "id", "git diff", "exit", "exit"];
    assert_eq!(commands(bytes.as_bytes()), executed(&expected));
    let bytes = "/usr/bin\r\n% popd\r\n% curl x\r\n% ksh93\r\n$ cp a /tmp\r\n$ id\r\n$ exit\r\n% exit\r\n";
    let expected = ["popd", "curl x", "ksh93", "cp a /tmp", "id", "exit", "exit"];
    assert_eq!(commands(bytes.as_bytes()), executed(&expected));
}

#[test]
fn a_bar_may_end_a_prompt_of_several_fields() {
    for prompt in ["ops@web-1 | ~ | ", "ops@web-1 | ", "ops@web-1 | /var/log | ", "~ | main | "] {
        let session = |edit: &dyn Fn(&str, &str) -> String| {
            [
                ("id -un", "ops"),
                ("ls | wc -l", "3"),
                ("systemctl status x", "on"),
                ("rm -f a", ""),
                ("exit", ""),
            ]
            .map(|(line, output)| edit(line, output))
            .concat()
        };
        let ran = executed(&["id -un", "ls | wc -l", "systemctl status x", "rm -f a", "exit"]);
        let plain = session(&|line, output| format!("{prompt}{line}\r\n{output}\r\n"));
        assert_eq!(commands(plain.as_bytes()), ran, "{prompt}");
        let marked =
            session(&|line, output| format!("\x1b[?2004h{prompt}{line}\r\n\x1b[?2004l\r{output}\r\n"));
        assert_eq!(commands(marked.as_bytes()), ran, "{prompt}");
    }
}

#[test]
fn lines_of_a_document_do_not_hide_a_prompt_whose_end_they_look_like() {
    let session = "=> cat > unit <<EOF\r\n> [Unit]\r\n> Description=x\r\n> [Service]\r\n> ExecStart=y\r\n> Type=z\r\n> EOF\r\n=> id -un\r\nroot\r\n=> ls\r\na\r\n=> exit\r\n";
    let document = "cat > unit <<EOF\n[Unit]\nDescription=x\n[Service]\nExecStart=y\nType=z\nEOF";
    assert_eq!(commands(session.as_bytes()), executed(&[document, "id -un", "ls", "exit"]));
}

#[test]
fn what_the_last_command_returned_may_stand_before_the_sign() {
    let session = "[ops:/tmp] # uptime\r\nup\r\n[ops:/tmp] # gerp\r\nnot found\r\n[ops:/tmp] 127 # id -u\r\n0\r\n[ops:/tmp] # exit\r\n";
    assert_eq!(commands(session.as_bytes()), executed(&["uptime", "gerp", "id -u", "exit"]));
}
