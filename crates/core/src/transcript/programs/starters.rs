//! Programs whose arguments name another program.

use std::sync::LazyLock;

use foldhash::HashMap;

/// How a program that starts another is called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Starter {
    /// Its name.
    pub name: &'static str,
    /// It stands in the list beside what it starts; if not, only where it starts nothing.
    pub listed: bool,
    /// Short options that take the next word.
    pub values: &'static str,
    /// Long options that take the next word.
    pub long_values: &'static [&'static str],
    /// Words in front of the program: a duration, a file.
    pub operands: u8,
    /// `NAME=value` may stand in front of the program.
    pub assignments: bool,
    /// Short options with which it starts nothing.
    pub stops: &'static str,
    /// The short option whose value is a command line.
    pub command: Option<char>,
    /// What it starts is a command line, not one word.
    pub line: bool,
}

const PLAIN: Starter = Starter {
    name: "",
    listed: false,
    values: "",
    long_values: &[],
    operands: 0,
    assignments: false,
    stops: "",
    command: None,
    line: false,
};

/// Those that are known. What only changes how another program runs gives way to it.
static STARTERS: [Starter; 40] = [
    Starter {
        name: "sudo",
        values: "ughpCrtTUDRa",
        long_values: &[
            "--user",
            "--group",
            "--host",
            "--prompt",
            "--close-from",
            "--role",
            "--type",
            "--command-timeout",
            "--other-user",
            "--chdir",
            "--chroot",
        ],
        assignments: true,
        stops: "elvV",
        ..PLAIN
    },
    Starter { name: "doas", values: "uCa", stops: "L", ..PLAIN },
    Starter {
        name: "env",
        values: "uC",
        long_values: &["--unset", "--chdir"],
        assignments: true,
        command: Some('S'),
        ..PLAIN
    },
    Starter { name: "nohup", ..PLAIN },
    Starter { name: "nice", values: "n", long_values: &["--adjustment"], ..PLAIN },
    Starter {
        name: "ionice",
        values: "cnpPu",
        long_values: &["--class", "--classdata", "--pid", "--pgid", "--uid"],
        ..PLAIN
    },
    Starter { name: "time", values: "fo", long_values: &["--format", "--output"], ..PLAIN },
    Starter {
        name: "timeout",
        values: "ks",
        long_values: &["--kill-after", "--signal"],
        operands: 1,
        ..PLAIN
    },
    Starter { name: "stdbuf", values: "ioe", long_values: &["--input", "--output", "--error"], ..PLAIN },
    Starter {
        name: "xargs",
        values: "IdEnLPsa",
        long_values: &[
            "--replace",
            "--delimiter",
            "--eof",
            "--max-args",
            "--max-lines",
            "--max-procs",
            "--max-chars",
            "--arg-file",
        ],
        ..PLAIN
    },
    Starter { name: "exec", values: "a", ..PLAIN },
    Starter { name: "command", stops: "vV", ..PLAIN },
    Starter { name: "builtin", ..PLAIN },
    Starter { name: "setsid", ..PLAIN },
    Starter { name: "setarch", operands: 1, ..PLAIN },
    Starter { name: "chronic", ..PLAIN },
    Starter { name: "chrt", values: "TPD", operands: 1, stops: "mp", ..PLAIN },
    Starter { name: "taskset", operands: 1, stops: "p", ..PLAIN },
    Starter { name: "prlimit", values: "p", ..PLAIN },
    Starter { name: "catchsegv", ..PLAIN },
    Starter { name: "unbuffer", ..PLAIN },
    Starter { name: "rlwrap", values: "abcCDefFhHlmMnoOpPqrRsStTwz", ..PLAIN },
    Starter { name: "caffeinate", values: "tw", ..PLAIN },
    Starter { name: "watch", listed: true, values: "nq", long_values: &["--interval"], line: true, ..PLAIN },
    Starter { name: "strace", listed: true, values: "aebIoOpPsSuUEX", ..PLAIN },
    Starter { name: "ltrace", listed: true, values: "aADeFlnopsuwx", ..PLAIN },
    Starter { name: "chroot", listed: true, long_values: &["--userspec", "--groups"], operands: 1, ..PLAIN },
    Starter {
        name: "nsenter",
        listed: true,
        values: "tSGW",
        long_values: &["--target", "--setuid", "--setgid"],
        ..PLAIN
    },
    Starter { name: "unshare", listed: true, values: "SGRw", ..PLAIN },
    Starter {
        name: "flock",
        listed: true,
        values: "wE",
        operands: 1,
        stops: "u",
        command: Some('c'),
        ..PLAIN
    },
    Starter {
        name: "systemd-run",
        listed: true,
        values: "puEHM",
        long_values: &["--unit", "--property", "--setenv", "--slice", "--uid", "--gid", "--on-calendar"],
        ..PLAIN
    },
    Starter { name: "pkexec", listed: true, long_values: &["--user"], ..PLAIN },
    Starter { name: "setpriv", listed: true, long_values: &["--reuid", "--regid", "--groups"], ..PLAIN },
    Starter { name: "runuser", listed: true, values: "ugGs", command: Some('c'), ..PLAIN },
    Starter { name: "su", listed: true, values: "gGsw", operands: u8::MAX, command: Some('c'), ..PLAIN },
    Starter { name: "sg", listed: true, operands: u8::MAX, command: Some('c'), ..PLAIN },
    Starter {
        name: "script",
        listed: true,
        values: "EIOBTmot",
        operands: u8::MAX,
        command: Some('c'),
        ..PLAIN
    },
    Starter { name: "busybox", listed: true, ..PLAIN },
    Starter { name: "proxychains4", listed: true, values: "f", ..PLAIN },
    Starter { name: "torsocks", listed: true, ..PLAIN },
];

/// The same, to be looked up.
static BY_NAME: LazyLock<HashMap<&str, &Starter>> =
    LazyLock::new(|| STARTERS.iter().map(|starter| (starter.name, starter)).collect());

/// The program of this name, if it starts others.
pub(super) fn starter(name: &str) -> Option<&'static Starter> {
    BY_NAME.get(name).copied()
}

/// Whether a program of this name reads the command lines of a shell.
pub(super) fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash" | "dash" | "ash" | "ksh" | "mksh" | "zsh" | "fish" | "csh" | "tcsh" | "rbash"
    )
}

/// What an option does to the words behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// The next word is its value.
    Value,
    /// The next word is a command line.
    Command,
    /// The option itself holds a command line, from this byte on.
    Inline(usize),
    /// Nothing is started.
    Stop,
}

impl Starter {
    /// What an option does.
    pub(super) fn option(&self, word: &str) -> Effect {
        if word.starts_with("--") {
            let (name, value) =
                word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let line = self.command.is_some() && matches!(name, "--command" | "--split-string");
            return match value {
                Some(_) if line => Effect::Inline(name.len() + 1),
                None if line => Effect::Command,
                None if self.long_values.contains(&word) => Effect::Value,
                _ => Effect::None,
            };
        }
        for (at, letter) in word.char_indices().skip(1) {
            let last = at + letter.len_utf8() == word.len();
            if self.command == Some(letter) {
                return if last { Effect::Command } else { Effect::Inline(at + letter.len_utf8()) };
            }
            if self.stops.contains(letter) {
                return Effect::Stop;
            }
            if self.values.contains(letter) {
                return if last { Effect::Value } else { Effect::None };
            }
        }
        Effect::None
    }
}
