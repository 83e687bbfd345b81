//! As much of the shell's grammar as tells whether a line asks for another, what it starts, and whether it leaves.

use std::sync::LazyLock;

use foldhash::HashSet;

use super::here_document::Pending;
use super::openings::SHELLS;
use super::words::base_name;

/// Programs that bring a prompt of their own, besides shells.
const NESTING: [&str; 50] = [
    "su",
    "sudo",
    "doas",
    "ssh",
    "mosh",
    "telnet",
    "cmd",
    "docker",
    "podman",
    "nerdctl",
    "crictl",
    "ctr",
    "kubectl",
    "oc",
    "lxc",
    "incus",
    "chroot",
    "nsenter",
    "unshare",
    "machinectl",
    "runuser",
    "setpriv",
    "script",
    "screen",
    "tmux",
    "login",
    "newgrp",
    "sg",
    "exec",
    "source",
    ".",
    "env",
    "python",
    "ipython",
    "node",
    "irb",
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "mongo",
    "mongosh",
    "redis-cli",
    "ftp",
    "sftp",
    "gdb",
    "pdb",
    "lldb",
    "busybox",
    "conda",
];

/// Programs that people run, and words of the grammar; a line that starts with none of them is more likely output.
const COMMON: [&str; 452] = [
    "7z",
    "add-apt-repository",
    "adduser",
    "alias",
    "amazon-linux-extras",
    "amazon-ssm-agent",
    "ansible",
    "ansible-playbook",
    "apachectl",
    "apk",
    "apt",
    "apt-cache",
    "apt-get",
    "apt-mark",
    "aptitude",
    "argocd",
    "arp",
    "atq",
    "auditctl",
    "aureport",
    "ausearch",
    "awk",
    "aws",
    "az",
    "b2sum",
    "base32",
    "base64",
    "basename",
    "bc",
    "bg",
    "blkid",
    "blockdev",
    "bpftool",
    "bpftrace",
    "brew",
    "busctl",
    "bzcat",
    "bzip2",
    "cal",
    "capsh",
    "cargo",
    "case",
    "cat",
    "cd",
    "cdk",
    "certbot",
    "chage",
    "chattr",
    "chcon",
    "chgrp",
    "chkconfig",
    "chmod",
    "chown",
    "chpasswd",
    "chronyc",
    "chrt",
    "chsh",
    "cksum",
    "clang",
    "clear",
    "cloud-init",
    "cmake",
    "cmp",
    "compgen",
    "coredumpctl",
    "cp",
    "cpio",
    "crontab",
    "cryptsetup",
    "curl",
    "cut",
    "date",
    "dc",
    "dd",
    "declare",
    "deluser",
    "deno",
    "df",
    "diff",
    "dig",
    "dirname",
    "dirs",
    "disown",
    "dmesg",
    "dmidecode",
    "dnf",
    "docker-compose",
    "dos2unix",
    "dotnet",
    "dpkg",
    "dpkg-query",
    "dscl",
    "dstat",
    "du",
    "dumpe2fs",
    "e2fsck",
    "ec2-metadata",
    "echo",
    "egrep",
    "eksctl",
    "emacs",
    "etcdctl",
    "ethtool",
    "eval",
    "exit",
    "export",
    "exportfs",
    "fail2ban-client",
    "faillock",
    "fallocate",
    "false",
    "fdisk",
    "ffmpeg",
    "fg",
    "fgrep",
    "file",
    "find",
    "firewall-cmd",
    "flatpak",
    "for",
    "free",
    "fsck",
    "fuser",
    "fzf",
    "g++",
    "gcc",
    "gcloud",
    "getcap",
    "getenforce",
    "getent",
    "getfacl",
    "getsebool",
    "gh",
    "git",
    "go",
    "gpasswd",
    "gpg",
    "gradle",
    "grep",
    "groupadd",
    "groupdel",
    "groupmod",
    "groups",
    "growpart",
    "gsutil",
    "gunzip",
    "gzip",
    "hdfs",
    "hdparm",
    "head",
    "helm",
    "hexdump",
    "hg",
    "history",
    "host",
    "hostname",
    "hostnamectl",
    "htop",
    "hwclock",
    "iconv",
    "id",
    "if",
    "ifconfig",
    "iftop",
    "ionice",
    "iostat",
    "iotop",
    "ip",
    "ipcrm",
    "ipcs",
    "iptables",
    "istioctl",
    "java",
    "javac",
    "jmap",
    "jobs",
    "journalctl",
    "jps",
    "jq",
    "jstack",
    "keytool",
    "kill",
    "killall",
    "kinit",
    "klist",
    "kubeadm",
    "last",
    "lastb",
    "lastlog",
    "launchctl",
    "ldapsearch",
    "ldconfig",
    "ldd",
    "less",
    "ln",
    "localectl",
    "logger",
    "loginctl",
    "logout",
    "logrotate",
    "losetup",
    "ls",
    "lsattr",
    "lsblk",
    "lscpu",
    "lshw",
    "lsmod",
    "lsns",
    "lsof",
    "lspci",
    "lsusb",
    "ltrace",
    "lvcreate",
    "lvdisplay",
    "lvextend",
    "lvreduce",
    "lvs",
    "lz4",
    "make",
    "man",
    "md5sum",
    "mdadm",
    "minikube",
    "mkdir",
    "mkfs",
    "mkfs.ext4",
    "mkfs.xfs",
    "mkswap",
    "mktemp",
    "modprobe",
    "more",
    "mount",
    "mpstat",
    "mtr",
    "mv",
    "mvn",
    "mysqladmin",
    "mysqldump",
    "nano",
    "nc",
    "ncat",
    "neofetch",
    "netstat",
    "networkctl",
    "nft",
    "nmap",
    "nmcli",
    "node",
    "nohup",
    "npm",
    "nproc",
    "npx",
    "nslookup",
    "ntpdate",
    "ntpq",
    "numactl",
    "nvidia-smi",
    "nvm",
    "objdump",
    "od",
    "openssl",
    "pacman",
    "parted",
    "partprobe",
    "passwd",
    "pbcopy",
    "perl",
    "pg_ctl",
    "pg_dump",
    "pg_isready",
    "pg_restore",
    "pgrep",
    "php",
    "pidof",
    "pidstat",
    "ping",
    "pip",
    "pip3",
    "pipenv",
    "pkill",
    "pm2",
    "pmap",
    "pnpm",
    "poetry",
    "popd",
    "printenv",
    "printf",
    "ps",
    "pstree",
    "pulumi",
    "pushd",
    "pvcreate",
    "pvdisplay",
    "pvresize",
    "pvs",
    "pwd",
    "pyenv",
    "python2",
    "python3",
    "rabbitmqctl",
    "read",
    "readelf",
    "readlink",
    "realpath",
    "reboot",
    "renice",
    "repoquery",
    "resize2fs",
    "resolvectl",
    "restorecon",
    "rg",
    "rm",
    "rmdir",
    "rpm",
    "rpm2cpio",
    "rsync",
    "rustc",
    "rustup",
    "sar",
    "sbatch",
    "scp",
    "sdiff",
    "sed",
    "semanage",
    "seq",
    "service",
    "sestatus",
    "set",
    "setcap",
    "setenforce",
    "setfacl",
    "setsebool",
    "sfdisk",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha512sum",
    "shasum",
    "shopt",
    "showmount",
    "shuf",
    "shutdown",
    "slabtop",
    "sleep",
    "smartctl",
    "smbclient",
    "snap",
    "socat",
    "sort",
    "squeue",
    "ss",
    "ssh-add",
    "ssh-copy-id",
    "ssh-keygen",
    "ssh-keyscan",
    "sssctl",
    "stat",
    "strace",
    "stty",
    "supervisorctl",
    "svn",
    "sw_vers",
    "swapoff",
    "swapon",
    "sysctl",
    "systemctl",
    "systemd-analyze",
    "systemd-cgls",
    "systemd-resolve",
    "systemd-run",
    "tac",
    "tail",
    "tar",
    "taskset",
    "tcpdump",
    "tee",
    "telnet",
    "terraform",
    "test",
    "timedatectl",
    "tmutil",
    "top",
    "touch",
    "tput",
    "tr",
    "tracepath",
    "traceroute",
    "trap",
    "true",
    "tshark",
    "tty",
    "tune2fs",
    "type",
    "typeset",
    "udevadm",
    "ufw",
    "ulimit",
    "umask",
    "umount",
    "unalias",
    "uname",
    "uniq",
    "unrar",
    "unset",
    "until",
    "unzip",
    "update-alternatives",
    "updatedb",
    "uptime",
    "useradd",
    "userdel",
    "usermod",
    "uuidgen",
    "uv",
    "vgcreate",
    "vgdisplay",
    "vgextend",
    "vgs",
    "vi",
    "vim",
    "vimdiff",
    "vipw",
    "virtualenv",
    "visudo",
    "vmstat",
    "w",
    "wait",
    "watch",
    "wc",
    "wget",
    "whereis",
    "which",
    "while",
    "who",
    "whoami",
    "whois",
    "xargs",
    "xfs_growfs",
    "xfs_repair",
    "xxd",
    "xz",
    "xzcat",
    "yarn",
    "yq",
    "yum",
    "yumdownloader",
    "zcat",
    "zgrep",
    "zip",
    "zless",
    "zstd",
    "zypper",
];

/// All of these, to be looked up.
static KNOWN: LazyLock<HashSet<&str>> =
    LazyLock::new(|| COMMON.into_iter().chain(NESTING).chain(SHELLS).collect());

/// Those that bring a prompt, to be looked up.
static NEST: LazyLock<HashSet<&str>> = LazyLock::new(|| NESTING.into_iter().chain(SHELLS).collect());

/// Whether a command may lead to another prompt: a shell inside the shell, or a new prompt text.
pub(crate) fn brings_prompt(command: &str) -> bool {
    words(command).any(|word| {
        let name = base_name(word);
        NEST.contains(name)
            || name.starts_with("python")
            || ["PS1=", "PS2=", "PROMPT=", "prompt="].iter().any(|start| word.starts_with(start))
    }) || memchr::memmem::find(command.as_bytes(), b"start-session").is_some()
}

/// What programs print behind their prompt when ^D ends them.
pub(crate) const FAREWELLS: [&str; 3] = ["Bye", "^D", "^DBye"];

/// Whether a line leaves the shell or program that reads it.
pub(crate) fn leaves(command: &str) -> bool {
    let command = command.trim().trim_end_matches(';');
    matches!(
        command,
        "" | "exit"
            | "logout"
            | "exit()"
            | "quit"
            | "quit()"
            | "\\q"
            | ".quit"
            | ".exit"
            | "bye"
            | "q"
            | ".q"
            | ".ex"
    ) || FAREWELLS.contains(&command)
        || command.starts_with("exit ")
        || command.ends_with("; exit")
}

/// Whether a line starts with a program that is known, or with something only a command line starts with.
pub(crate) fn looks_like_command(line: &str) -> bool {
    if line.starts_with([' ', '\t']) {
        return false;
    }
    let ends = |byte: u8| matches!(byte, b' ' | b'\t' | b';' | b'|' | b'&' | b'>' | b'<' | b'(');
    let first = &line[..line.bytes().position(ends).unwrap_or(line.len())];
    let name = base_name(first);
    let known = KNOWN.contains(name);
    let assigns = first.bytes().position(|byte| byte == b'=').is_some_and(|end| {
        let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        end > 0 && first.bytes().take(end).all(legal)
    });
    let file = name.len() < first.len();
    (known && !line.ends_with(':') && !(file && !line.contains(' ') && !first.starts_with("./")))
        || (assigns && super::words::last_command(line).len() == 1)
        || first.starts_with("./")
}

/// Whether a line is words alone, of which none opens a block: the first one is not of the grammar.
fn opens_nothing(line: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            | matches!(byte, b' ' | b'-' | b'.' | b'/' | b'_' | b':' | b',' | b'=' | b'@' | b'+' | b'%')
    };
    let first = &line[..memchr::memchr(b' ', line.as_bytes()).unwrap_or(line.len())];
    line.bytes().fold(true, |all, byte| all & plain(byte))
        && !first.is_empty()
        && !matches!(
            first,
            "if" | "then"
                | "else"
                | "elif"
                | "fi"
                | "for"
                | "select"
                | "while"
                | "until"
                | "do"
                | "done"
                | "case"
                | "esac"
                | "time"
        )
}

/// The words of a command, separators of the shell removed.
fn words(command: &str) -> impl Iterator<Item = &str> {
    let separates = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b'(' | b')' | b'`');
    let mut rest = command;
    std::iter::from_fn(move || {
        let start = rest.bytes().position(|byte| !separates(byte))?;
        rest = &rest[start..];
        let (word, behind) = rest.split_at(rest.bytes().position(separates).unwrap_or(rest.len()));
        rest = behind;
        Some(word)
    })
}

/// What is open after the lines so far. It is fed line by line, so that a long here-document costs no more than its text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    quote: Option<char>,
    /// Blocks that are open.
    depth: usize,
    /// Brackets that are open. Those of `case` patterns are closed only.
    brackets: usize,
    /// The last line ended in something that needs more.
    dangling: bool,
    /// The here-documents still to come.
    here: Pending,
}

impl Scan {
    /// Reads more lines of the command.
    pub(crate) fn feed(&mut self, text: &str) {
        for line in text.split('\n') {
            if self.here.line(line).is_none() {
                self.line(line);
            }
        }
    }

    /// Whether the shell would ask for another line.
    pub(crate) fn is_open(&self) -> bool {
        self.quote.is_some() || self.depth > 0 || self.brackets > 0 || self.dangling || self.here.is_open()
    }

    fn line(&mut self, line: &str) {
        self.dangling = false;
        if self.quote.is_none() && opens_nothing(line) {
            return;
        }
        let mut word = String::new();
        let mut first = true;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            if let Some(quote) = self.quote {
                match character {
                    '\\' if quote == '"' => drop(characters.next()),
                    _ if character == quote => self.quote = None,
                    _ => {}
                }
                continue;
            }
            match character {
                '\\' => {
                    self.dangling = characters.next().is_none();
                    word.push('\\');
                }
                '\'' | '"' => {
                    self.quote = Some(character);
                    word.push(character);
                }
                '#' if word.is_empty() => break,
                // Within two brackets it shifts a number.
                '<' if characters.as_str().starts_with('<') && self.brackets < 2 => {
                    characters.next();
                    if characters.as_str().starts_with('<') {
                        characters.next();
                    } else {
                        let rest = characters.as_str();
                        characters = rest[self.here.open(rest)..].chars();
                    }
                }
                '(' => {
                    self.brackets += 1;
                    self.end_word(&mut word, &mut first);
                    first = true;
                }
                ')' => {
                    self.end_word(&mut word, &mut first);
                    self.brackets = self.brackets.saturating_sub(1);
                }
                ' ' | '\t' => self.end_word(&mut word, &mut first),
                ';' | '|' | '&' => {
                    self.end_word(&mut word, &mut first);
                    first = true;
                    let doubled = characters.as_str().starts_with(character);
                    if doubled {
                        characters.next();
                    }
                    let rest_blank = characters.clone().all(|rest| rest == ' ' || rest == '\t');
                    self.dangling = rest_blank && (character == '|' || (character == '&' && doubled));
                }
                _ => word.push(character),
            }
        }
        self.end_word(&mut word, &mut first);
    }

    fn end_word(&mut self, word: &mut String, first: &mut bool) {
        if word.is_empty() {
            return;
        }
        if *first {
            *first = false;
            match word.as_str() {
                "if" | "case" | "do" | "{" => self.depth += 1,
                "for" | "select" => self.depth += 1,
                "fi" | "esac" | "}" => self.depth = self.depth.saturating_sub(1),
                "done" => self.depth = self.depth.saturating_sub(2),
                "while" | "until" => self.depth += 1,
                _ => {}
            }
            *first = matches!(
                word.as_str(),
                "if" | "then" | "else" | "elif" | "do" | "{" | "while" | "until" | "!" | "time"
            );
        } else if word == "{" {
            self.depth += 1;
        }
        word.clear();
    }
}
