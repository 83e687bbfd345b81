//! What a command leads to: another shell, another host, an interpreter, or nothing that reads commands.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};

use super::words::{self, Words, base_name};

/// A shell or program that a command opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// How it is called in a context: `bash`, `su:root`, `ssh:db1`, `python`.
    pub name: String,
    /// What reads there.
    pub kind: Kind,
    /// It takes the place of what it was started from.
    pub replaces: bool,
}

impl Opening {
    fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, replaces: false }
    }
}

/// What reads the lines behind the prompts of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A shell of the same host and user: its prompt may be the same as before.
    Shell,
    /// A shell somewhere else, or of somebody else: its prompt differs, or it was not reached.
    Elsewhere,
    /// An interpreter or a client.
    Program,
    /// A program that paints the screens of other shells.
    Painter,
}

/// Most programs that may start one another on one line (`sudo env nice bash`).
const MAX_STARTERS: usize = 16;

/// Shells, which read commands if they are given none.
pub(super) const SHELLS: [&str; 27] = [
    "sh",
    "bash",
    "dash",
    "ash",
    "ksh",
    "mksh",
    "zsh",
    "fish",
    "csh",
    "tcsh",
    "pwsh",
    "powershell",
    "rbash",
    "bash-static",
    "elvish",
    "ksh2020",
    "ksh93",
    "lksh",
    "loksh",
    "nu",
    "oksh",
    "pdksh",
    "posh",
    "rksh",
    "xonsh",
    "yash",
    "zsh5",
];

/// Programs that read lines of their own if they are given no file and no line, and the options that give them one.
const PROGRAMS: [(&str, &[&str]); 56] = [
    ("python", &["-c", "-m", "-V", "--version", "-h", "--help"]),
    ("ipython", &["-c", "--version"]),
    ("bpython", &[]),
    ("node", &["-e", "-p", "-v", "--version", "--eval", "-h"]),
    ("deno", &[]),
    ("irb", &["-v", "--version"]),
    ("pry", &[]),
    ("ghci", &[]),
    ("lua", &["-v", "-e"]),
    ("R", &["-e", "-f", "--version"]),
    ("julia", &["-e", "--version"]),
    ("jshell", &[]),
    ("scala", &[]),
    ("iex", &[]),
    ("erl", &["-eval"]),
    ("octave", &["--eval"]),
    ("gnuplot", &["-e"]),
    ("psql", &["-c", "-f", "-l", "--command", "--file", "--list", "--version", "-V"]),
    ("mysql", &["-e", "--execute", "--version", "-V"]),
    ("mariadb", &["-e", "--execute", "--version", "-V"]),
    ("mongo", &["--eval", "--version"]),
    ("mongosh", &["--eval", "--version"]),
    ("redis-cli", &["--version", "-v", "--scan", "--stat", "--bigkeys"]),
    ("valkey-cli", &["--version"]),
    ("sqlite3", &["-version", "--version"]),
    ("sqlplus", &["-V"]),
    ("sqlcmd", &["-Q", "-i"]),
    ("cqlsh", &["-e", "-f", "--execute"]),
    ("influx", &["-execute"]),
    ("clickhouse-client", &["-q", "--query"]),
    ("gdb", &["-batch", "--batch"]),
    ("lldb", &["-b", "--batch"]),
    ("sftp", &["-b"]),
    ("ftp", &[]),
    ("lftp", &["-c", "-e"]),
    ("telnet", &[]),
    ("smbclient", &["-c", "-L"]),
    ("nslookup", &[]),
    ("virsh", &[]),
    ("parted", &["-s", "-l"]),
    ("fdisk", &["-l"]),
    ("openssl", &[]),
    ("etcdctl", &[]),
    ("zkCli.sh", &[]),
    ("arangosh", &["--version"]),
    ("beeline", &["-e", "-f"]),
    ("duckdb", &["-c", "-version", "--version"]),
    ("litecli", &["-e", "--version"]),
    ("msfconsole", &["-x", "-r", "-h", "-v"]),
    ("mycli", &["-e", "--version"]),
    ("nsupdate", &["-V"]),
    ("pgcli", &["-l", "--version"]),
    ("ptpython", &["--version"]),
    ("pyspark", &["--version"]),
    ("spark-shell", &["--version"]),
    ("vtysh", &["-c", "-f"]),
];

/// Of these an argument is the name of a database, a host or a program to look at: they read lines all the same.
const TAKE_A_NAME: [&str; 24] = [
    "psql",
    "mysql",
    "mariadb",
    "mongo",
    "mongosh",
    "sqlplus",
    "sqlcmd",
    "cqlsh",
    "gdb",
    "lldb",
    "sftp",
    "ftp",
    "lftp",
    "telnet",
    "smbclient",
    "fdisk",
    "parted",
    "iex",
    "zkCli.sh",
    "clickhouse-client",
    "duckdb",
    "litecli",
    "mycli",
    "pgcli",
];

/// Words with which cloud tools open a terminal elsewhere.
const REMOTE: [&str; 8] =
    ["start-session", "execute-command", "ssh", "console", "ssh-into", "exec", "bash", "shell"];

/// Commands that are met often and open nothing; the rest of their words need not be taken apart.
const OPEN_NOTHING: [&str; 89] = [
    "apt",
    "apt-get",
    "awk",
    "base64",
    "cal",
    "cat",
    "cd",
    "chmod",
    "chown",
    "clear",
    "cp",
    "crontab",
    "curl",
    "cut",
    "date",
    "dd",
    "df",
    "diff",
    "dig",
    "dmesg",
    "dnf",
    "dpkg",
    "du",
    "echo",
    "exit",
    "export",
    "false",
    "file",
    "find",
    "free",
    "getent",
    "git",
    "grep",
    "groups",
    "gzip",
    "head",
    "history",
    "host",
    "htop",
    "id",
    "ip",
    "iptables",
    "jobs",
    "journalctl",
    "jq",
    "kill",
    "last",
    "less",
    "ln",
    "ls",
    "lsblk",
    "lsof",
    "make",
    "man",
    "md5sum",
    "mkdir",
    "mount",
    "mv",
    "nc",
    "netstat",
    "nproc",
    "pgrep",
    "ping",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "rm",
    "rpm",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "ss",
    "stat",
    "systemctl",
    "tail",
    "tar",
    "tee",
    "top",
    "touch",
    "tr",
    "uname",
    "uptime",
    "vi",
    "vim",
    "wc",
    "wget",
    "whoami",
];

/// The same, to be looked up.
static NOTHING: LazyLock<HashSet<&str>> = LazyLock::new(|| OPEN_NOTHING.into_iter().collect());

/// All of these, to be looked up.
static SHELL_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| SHELLS.into_iter().collect());
static PROGRAM_NAMES: LazyLock<HashMap<&str, &[&str]>> = LazyLock::new(|| PROGRAMS.into_iter().collect());

/// Whether the last command of a line is such a one, as far as that can be told without taking its words apart.
fn opens_nothing(line: &str) -> bool {
    let last = match memchr::memrchr3(b';', b'|', b'&', line.as_bytes()) {
        Some(_) if line.bytes().any(quotes) => return false,
        Some(at) => &line[at + 1..],
        None => line,
    };
    let last = last.trim_start_matches(' ');
    let begins = |byte: u8| matches!(byte, b'\n' | b'(' | b')' | b'`');
    let first = &last[..memchr::memchr(b' ', last.as_bytes()).unwrap_or(last.len())];
    NOTHING.contains(first) && !last.bytes().fold(false, |any, byte| any | begins(byte))
}

/// Whether the last command of a line only prints: what looks like a prompt in its output is none, even if the session ends
/// with it.
pub(crate) fn only_prints(line: &str) -> bool {
    opens_nothing(without_sudo(line)) || shows_container(line)
}

/// Whether the last command of a line shows what containers have printed, and other things about them.
pub(crate) fn shows_container(line: &str) -> bool {
    let line = without_sudo(line);
    let mut words = line.split(' ');
    let carries = matches!(words.next(), Some("docker" | "kubectl" | "nerdctl" | "oc" | "podman"));
    let prints = |word: &str| {
        matches!(word, "build" | "describe" | "events" | "get" | "logs" | "pull" | "push" | "top")
    };
    carries && words.next().is_some_and(prints) && !line.bytes().any(quotes)
}

fn without_sudo(line: &str) -> &str {
    let line = line.trim_start_matches(' ');
    line.strip_prefix("sudo ").unwrap_or(line)
}

/// Whether a byte may take the meaning of a separator away, or give it to others.
fn quotes(byte: u8) -> bool {
    matches!(byte, b'\'' | b'"' | b'\\' | b'`' | b'(' | b')' | b'#' | b'<' | b'\n')
}

/// Programs that are given code, and what it starts a shell with.
const INTERPRETERS: [(&str, &[&str]); 9] = [
    ("python", &["pty.spawn(", "system(", "call(", "execl(", "Popen("]),
    ("perl", &["exec ", "system(", "exec("]),
    ("ruby", &["exec ", "system(", "exec("]),
    ("awk", &["system("]),
    ("gawk", &["system("]),
    ("mawk", &["system("]),
    ("php", &["system(", "passthru("]),
    ("lua", &["execute("]),
    ("find", &["-exec "]),
];

/// The shell that such code starts, as exploits and those who want a terminal do: `pty.spawn("/bin/sh")`.
fn spawned(line: &str) -> Option<&'static str> {
    // Hardly any line names a shell so.
    let bytes = line.as_bytes();
    memchr::memchr_iter(b'/', bytes).find(|&at| bytes[at..].starts_with(b"/bin/"))?;
    let words = words::last_command(line);
    let mut words = Words::new(&words);
    let first = words.next()?;
    let name = base_name(if first == "sudo" { words.next()? } else { first });
    let name = name.trim_end_matches(|version: char| version.is_ascii_digit() || version == '.');
    let (_, starts) = INTERPRETERS.iter().find(|(interpreter, _)| *interpreter == name)?;
    let named = |text: &str| {
        let quoted = text.trim_start_matches(['(', '[', '"', '\'', '\\', ' ']);
        let (name, rest) =
            quoted.split_at(quoted.find(['"', '\'', ' ', ',', ')', ']', '\\', ';']).unwrap_or(quoted.len()));
        // A path tells it from a word; with a line of its own it asks for none.
        let asks = name.contains('/') && !rest.trim_start_matches(['"', '\'', ',', ' ']).starts_with("-c");
        asks.then(|| SHELL_NAMES.get(base_name(name)).copied()).flatten()
    };
    starts.iter().filter_map(|start| line.split_once(start)).find_map(|(_, text)| named(text))
}

/// What the command at the end of a line opens.
pub(crate) fn opening(line: &str) -> Option<Opening> {
    if opens_nothing(line) {
        return None;
    }
    if let Some(shell) = spawned(line) {
        return Some(Opening::new(shell, Kind::Shell));
    }
    let words = words::last_command(line);
    let mut words = Words::new(&words);
    let mut user = None;
    let mut replaces = false;
    for _ in 0..MAX_STARTERS {
        let name = words.next()?;
        if words::is_assignment(name) {
            continue;
        }
        let name = base_name(name);
        replaces |= name == "exec";
        match name {
            "exec" | "command" | "builtin" | "time" | "nohup" | "setsid" | "env" | "then" | "do" | "else" => {
                words.skip_options(&["-u", "-S", "-a", "-C"]);
            }
            "nice" | "ionice" | "stdbuf" | "timeout" | "chrt" | "taskset" | "faketime" | "strace"
            | "ltrace" => {
                words.skip_options(&["-n", "-c", "-o", "-e", "-i", "-p", "-k", "-s"]);
                if matches!(name, "timeout" | "chrt" | "taskset" | "faketime") {
                    words.next();
                }
            }
            "sudo" | "doas" | "pkexec" => {
                let shell = words.sudo(&mut user);
                if words.is_empty() {
                    return shell.then(|| as_user(user.as_deref()));
                }
                user.get_or_insert_with(|| "root".to_owned());
            }
            _ => return opened(name, words, user.as_deref()).map(|opening| Opening { replaces, ..opening }),
        }
    }
    None
}

/// Whether a command may change the text of the prompt and nothing else.
pub(crate) fn restyles(line: &str) -> bool {
    let holds = |text: &str| memchr::memmem::find(line.as_bytes(), text.as_bytes()).is_some();
    let set = memchr::memchr(b'=', line.as_bytes()).is_some()
        && ["PS1=", "PROMPT=", "prompt=", "RPROMPT=", "PROMPT_COMMAND="].into_iter().any(holds);
    if set || holds("set prompt") || holds("fish_prompt") {
        return true;
    }
    if opens_nothing(line) {
        return false;
    }
    let words = words::last_command(line);
    let first = words.first().map_or("", AsRef::as_ref);
    // What they list looks like prompts.
    if matches!(first, "conda" | "mamba" | "micromamba") {
        return words.get(1).is_some_and(|word| matches!(word.as_ref(), "activate" | "deactivate" | "init"));
    }
    matches!(
        first,
        "." | "source"
            | "workon"
            | "deactivate"
            | "newgrp"
            | "eval"
            | "hostname"
            | "hostnamectl"
            | "module"
            | "nvm"
            | "pyenv"
            | "use"
            | "\\c"
            | "\\connect"
    )
}

fn opened(name: &str, mut words: Words<'_>, user: Option<&str>) -> Option<Opening> {
    let shell = |name: &str| match user {
        Some(_) => as_user(user),
        None => Opening::new(name, Kind::Shell),
    };
    if let Some(&found) = SHELL_NAMES.get(name.trim_start_matches('-')) {
        return words.is_interactive_shell().then(|| shell(found));
    }
    let elsewhere = |name: &str| Opening::new(name, Kind::Elsewhere);
    match name {
        "busybox" | "toybox" => {
            let name = words.next()?;
            SHELL_NAMES.contains(name).then(|| shell(name))
        }
        "su" | "runuser" => words.su().map(|user| as_user(Some(&user))),
        "login" => Some(as_user(words.operand(&[]))),
        "newgrp" | "sg" => (!words.has("-c")).then(|| shell(name)),
        "ssh" | "mosh" | "slogin" | "rsh" | "rlogin" | "autossh" => {
            words.ssh().map(|host| elsewhere(&format!("ssh:{host}")))
        }
        "docker" | "podman" | "nerdctl" | "docker-compose" | "crictl" | "ctr" => {
            words.opens_container().then(|| elsewhere(name.trim_end_matches("-compose")))
        }
        "kubectl" | "oc" | "k" | "microk8s" | "k3s" => {
            words.opens_container().then(|| elsewhere(if name == "oc" { name } else { "kubectl" }))
        }
        "lxc" | "incus" | "lxc-attach" | "machinectl" | "multipass" | "systemd-nspawn" | "distrobox"
        | "toolbox" => Some(elsewhere(name)),
        "chroot" | "arch-chroot" | "nsenter" | "unshare" | "setpriv" | "capsh" | "bwrap" | "proot"
        | "nix-shell" => words.opens_inside(&SHELLS).then(|| elsewhere(name)),
        "aws" | "gcloud" | "az" | "vagrant" | "flyctl" | "fly" | "heroku" | "eb" | "copilot" => words
            .any(|word| REMOTE.contains(&word))
            .then(|| elsewhere(if name == "aws" { "ssm" } else { name })),
        "poetry" | "pipenv" => words.has("shell").then(|| shell(name)),
        "script" => (!words.has("-c") && !words.has("--command")).then(|| shell(name)),
        "tmux" | "screen" | "byobu" | "zellij" => words.paints().then(|| Opening::new(name, Kind::Painter)),
        _ => program(name, words).map(|name| Opening::new(&name, Kind::Program)),
    }
}

/// An interpreter or client that is given no file and no line.
fn program(name: &str, mut words: Words<'_>) -> Option<String> {
    let stem = name.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    let stem = if stem == "python" || stem == "lua" || stem == "ipython" { stem } else { name };
    if matches!(stem, "php") {
        return words.has("-a").then(|| stem.to_owned());
    }
    if matches!(stem, "manage.py" | "flask" | "django-admin" | "rails" | "artisan") {
        return words
            .any(|word| matches!(word, "shell" | "console" | "tinker" | "dbshell" | "shell_plus" | "c"))
            .then(|| {
                if stem == "rails" {
                    "irb"
                } else if stem == "artisan" {
                    "php"
                } else {
                    "python"
                }
                .to_owned()
            });
    }
    if stem == "python" && words.clone().operand(&[]).is_some_and(|file| base_name(file) == "manage.py") {
        words.operand(&[]);
        return program("manage.py", words);
    }
    let closed = PROGRAM_NAMES.get(stem)?;
    if words.any(|word| closed.iter().any(|option| is_option(word, option))) || words.is_fed() {
        return None;
    }
    if words.has("-i") && stem == "python" {
        return Some(stem.to_owned());
    }
    let operands = words.operands(&[
        "-h", "-p", "-u", "-U", "-d", "-n", "-a", "-P", "-D", "-W", "-X", "-S", "-H", "-r", "-o", "-i",
    ]);
    let most = match stem {
        "redis-cli" | "valkey-cli" | "openssl" | "etcdctl" | "nslookup" | "virsh" => 0,
        "sqlite3" | "influx" => 1,
        _ if TAKE_A_NAME.contains(&stem) => usize::MAX,
        _ => 0,
    };
    (operands <= most).then(|| stem.to_owned())
}

/// Whether a word is an option, with or without its value.
fn is_option(word: &str, option: &str) -> bool {
    word == option
        || (option.starts_with("--") && word.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')))
        || (option.len() == 2 && !word.starts_with("--") && word.starts_with(option))
}

fn as_user(user: Option<&str>) -> Opening {
    Opening::new(&format!("su:{}", user.unwrap_or("root")), Kind::Elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_open_what_reads_there() {
        let table = [
            ("bash", "bash"),
            ("exec /bin/zsh -l", "zsh"),
            ("sudo -i", "su:root"),
            ("sudo su -", "su:root"),
            ("sudo su - postgres", "su:postgres"),
            ("sudo -u deploy -i", "su:deploy"),
            ("sudo -iu deploy", "su:deploy"),
            ("sudo bash", "su:root"),
            ("sudo -s", "su:root"),
            ("su", "su:root"),
            ("su - bob -s /bin/sh", "su:bob"),
            ("cd /tmp && ssh -i k.pem -p 2222 ec2-user@db1", "ssh:db1"),
            ("ssh -t host sudo -i", "ssh:host"),
            ("docker exec -it web bash", "docker"),
            ("docker run --rm -ti alpine", "docker"),
            ("docker compose exec web sh", "docker"),
            ("kubectl -n a exec -it pod -- sh", "kubectl"),
            ("chroot /mnt", "chroot"),
            ("chroot /mnt /bin/bash", "chroot"),
            ("python3", "python"),
            ("sudo -u postgres psql app", "psql"),
            ("mysql -u root -pX app", "mysql"),
            ("sqlite3 a.db", "sqlite3"),
            ("PGPASSWORD=x psql -h h", "psql"),
            ("tmux new -s a", "tmux"),
            ("python3 manage.py shell", "python"),
            ("node", "node"),
        ];
        for (line, name) in table {
            assert_eq!(opening(line).map(|opening| opening.name).as_deref(), Some(name), "{line}");
        }
        let nothing = [
            "",
            "ls",
            "sudo ls /root",
            "bash x.sh",
            "sh -c 'id'",
            "python3 x.py",
            "python3 -c 'x'",
            "ssh host uptime",
            "ssh -N -L 1:a:2 host",
            "docker ps",
            "docker exec web ls",
            "kubectl get pods",
            "psql -c 'select 1'",
            "mysql -e 'show databases'",
            "sqlite3 a.db 'select 1'",
            "su -c id",
            "tmux ls",
            "redis-cli get a",
            "cat bash",
            "echo hi | bash",
            "curl x | sh",
            "mysql < a.sql",
            "bash < x",
            "chroot /mnt ls",
            "openssl x509 -in a",
        ];
        for line in nothing {
            assert_eq!(opening(line), None, "{line}");
        }
    }
}
