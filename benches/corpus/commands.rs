//! What is typed on servers, and what servers answer.
//!
//! Lines end with `\n` here; the terminal turns them into what a transcript holds. A fixed text (a configuration
//! file, a help page) is the same wherever it is shown; a host's processes, files and addresses stay with the host.

use std::fmt::{Arguments, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::programs;
use super::random::Random;
use super::screens;
use super::world::{APPS, Entry, Host, World};

/// A command line and what it prints.
pub struct Command {
    pub text: String,
    pub output: String,
}

/// Where a session stands.
pub struct Scene<'w> {
    pub random: Random,
    pub world: &'w World,
    pub host: &'w Host,
    /// Seconds since 1970.
    pub now: i64,
    pub directory: String,
    pub root: bool,
}

/// A command and how often it is typed, relative to the others.
type Choice = (usize, fn(&mut Scene) -> Command);

/// Commands that print lines.
pub const PLAIN: [Choice; 30] = [
    (90, list),
    (30, list_short),
    (40, change_directory),
    (34, processes),
    (26, processes_of),
    (22, disks),
    (14, memory),
    (40, programs::journal),
    (26, programs::access_lines),
    (30, programs::application_lines),
    (30, programs::unit_status),
    (14, programs::addresses),
    (20, programs::sockets),
    (20, programs::containers),
    (24, programs::pods),
    (26, programs::configuration),
    (8, programs::environment),
    (10, programs::commits),
    (12, programs::work_tree),
    (10, programs::request),
    (5, programs::packages),
    (16, search_files),
    (10, find_files),
    (6, past_commands),
    (24, who),
    (12, cloud_list),
    (8, cloud_describe),
    (3, cluster_configuration),
    (8, download),
    (6, mistyped),
];

/// Commands that say little or nothing: most of such a session is typing.
pub const SHORT: [Choice; 6] =
    [(40, change_directory), (30, who), (30, silent), (10, mistyped), (10, list_short), (20, one_liner)];

/// Programs that take the whole screen.
pub const FULL_SCREEN: [Choice; 3] = [(4, screens::editor), (3, screens::top), (3, screens::pager)];

/// Draws a command.
pub fn choose(choices: &[Choice], scene: &mut Scene) -> Command {
    let mut at = scene.random.below(choices.iter().map(|(weight, _)| weight).sum());
    for (weight, command) in choices {
        match at.checked_sub(*weight) {
            Some(rest) => at = rest,
            None => return command(scene),
        }
    }
    silent(scene)
}

impl Scene<'_> {
    pub fn app(&mut self) -> (&'static str, &'static str, u32, &'static str) {
        APPS[*self.random.pick(&self.host.apps)]
    }

    pub fn sudo(&mut self) -> &'static str {
        if self.root || self.random.one_in(2) { "" } else { "sudo " }
    }

    /// A moment that comes a little after the last one.
    pub fn tick(&mut self, most_secs: usize) -> i64 {
        self.now += self.random.below(most_secs + 1) as i64;
        self.now
    }
}

/// Formats a moment.
pub fn time(seconds: i64, format: &str) -> String {
    let moment = Timestamp::from_second(seconds).unwrap_or_default();
    moment.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// Appends a line.
pub fn line(out: &mut String, text: Arguments) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

pub fn command(text: impl Into<String>, output: String) -> Command {
    Command { text: text.into(), output }
}

pub fn entries<'h>(scene: &mut Scene<'h>) -> (&'h str, &'h [Entry]) {
    let (path, entries) = scene.random.pick(&scene.host.directories);
    (path, entries)
}

fn list(scene: &mut Scene) -> Command {
    let (path, entries) = entries(scene);
    let coloured = scene.host.prompt == super::world::Prompt::Coloured;
    let mut out = String::new();
    line(&mut out, format_args!("total {}", entries.iter().map(|entry| entry.bytes / 1024).sum::<usize>()));
    for entry in entries {
        let Entry { name, owner, bytes, changed_at, .. } = entry;
        let (mode, links) = if entry.directory { ("drwxr-xr-x", 3) } else { ("-rw-r--r--", 1) };
        let date = time(*changed_at, "%b %e %H:%M");
        let _ = write!(out, "{mode} {links} {owner:<8} {owner:<8} {bytes:>9} {date} ");
        match (coloured, entry.directory) {
            (true, true) => line(&mut out, format_args!("\x1b[01;34m{name}\x1b[0m")),
            (true, false) if name.ends_with(".gz") => {
                line(&mut out, format_args!("\x1b[01;31m{name}\x1b[0m"))
            }
            _ => line(&mut out, format_args!("{name}")),
        }
    }
    let verb = *scene.random.pick(&["ls -l", "ls -la", "ll", "ls -ltr"]);
    command(format!("{verb} {path}"), out)
}

fn list_short(scene: &mut Scene) -> Command {
    let (path, entries) = entries(scene);
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    command(format!("ls {path}"), names.chunks(6).map(|names| names.join("  ") + "\n").collect())
}

fn change_directory(scene: &mut Scene) -> Command {
    let (path, _) = entries(scene);
    path.clone_into(&mut scene.directory);
    command(format!("cd {path}"), String::new())
}

fn process_lines(scene: &mut Scene, wanted: &str) -> String {
    let mut out = String::new();
    let started = time(scene.host.booted_at, "%b%d");
    for process in scene.host.processes.iter().filter(|process| process.command.contains(wanted)) {
        let busy = if scene.random.one_in(4) { scene.random.range(1, 99) } else { 0 };
        let (user, pid, memory) = (process.user, process.pid, process.memory_kib);
        let cpu_minutes = scene.random.below(90);
        line(
            &mut out,
            format_args!(
                "{user:<10} {pid:>6}  {}.{} {:>4.1} {:>7} {memory:>6} ?        Ssl  {started} {:>3}:{:02} {}",
                busy / 10,
                busy % 10,
                memory as f64 / 80_000.0,
                memory * 3,
                cpu_minutes,
                busy % 60,
                process.command
            ),
        );
    }
    out
}

fn processes(scene: &mut Scene) -> Command {
    let head = "USER         PID %CPU %MEM    VSZ    RSS TTY      STAT START   TIME COMMAND\n";
    command("ps aux", head.to_owned() + &process_lines(scene, ""))
}

fn processes_of(scene: &mut Scene) -> Command {
    let (app, ..) = scene.app();
    let mut out = process_lines(scene, app);
    let pid = scene.random.range(2000, 32_000);
    line(
        &mut out,
        format_args!(
            "ssm-user   {pid:>6}  0.0  0.0   6412   2176 pts/0    S+   {}   0:00 grep {app}",
            time(scene.now, "%H:%M")
        ),
    );
    command(format!("ps aux | grep {app}"), out)
}

fn disks(scene: &mut Scene) -> Command {
    let mut out = "Filesystem      Size  Used Avail Use% Mounted on\n".to_owned();
    for (device, size, mount) in [
        ("devtmpfs", 4, "/dev"),
        ("tmpfs", 8, "/dev/shm"),
        ("/dev/nvme0n1p1", 100, "/"),
        ("/dev/nvme1n1", 500, "/var/lib/data"),
        ("overlay", 100, "/var/lib/docker/overlay2/merged"),
    ] {
        let used = scene.random.range(0, size);
        line(
            &mut out,
            format_args!(
                "{device:<15} {size:>3}G {used:>4}G {:>4}G {:>3}% {mount}",
                size - used,
                used * 100 / size
            ),
        );
    }
    command("df -h", out)
}

fn memory(scene: &mut Scene) -> Command {
    let used = scene.random.range(900, 14_000);
    let mut out =
        "               total        used        free      shared  buff/cache   available\n".to_owned();
    line(
        &mut out,
        format_args!(
            "Mem:           15821 {used:>11} {:>11}           8        1509 {:>11}",
            15_821 - used,
            15_900 - used
        ),
    );
    line(&mut out, format_args!("Swap:              0           0           0"));
    command("free -m", out)
}

fn search_files(scene: &mut Scene) -> Command {
    let (app, ..) = scene.app();
    let word = scene.world.words.draw(&mut scene.random).to_owned();
    let mut out = String::new();
    for _ in 0..scene.random.below(25) {
        let file = scene.world.words.draw(&mut scene.random).to_owned();
        let before = scene.world.words.sentence(&mut scene.random, 1, 5);
        let after = scene.world.words.sentence(&mut scene.random, 1, 5);
        line(
            &mut out,
            format_args!(
                "\x1b[35m\x1b[K/opt/{app}/lib/{file}.py\x1b[m\x1b[K\x1b[36m\x1b[K:\x1b[m\x1b[K    {before} \x1b[01;31m\x1b[K{word}\x1b[m\x1b[K {after}"
            ),
        );
    }
    command(format!("grep -r {word} /opt/{app}/lib"), out)
}

fn find_files(scene: &mut Scene) -> Command {
    let mut out = String::new();
    for (path, entries) in &scene.host.directories {
        for entry in entries.iter().filter(|entry| entry.bytes > 1_000_000) {
            line(&mut out, format_args!("{path}/{}", entry.name));
        }
    }
    command("find / -size +1M -type f 2>/dev/null", out)
}

fn past_commands(scene: &mut Scene) -> Command {
    let mut out = String::new();
    for at in 1..scene.random.range(20, 60) {
        let (path, _) = entries(scene);
        let (app, ..) = scene.app();
        match scene.random.below(4) {
            0 => line(&mut out, format_args!("{at:>5}  cd {path}")),
            1 => line(&mut out, format_args!("{at:>5}  sudo systemctl restart {app}")),
            2 => line(&mut out, format_args!("{at:>5}  ls -l {path}")),
            _ => line(&mut out, format_args!("{at:>5}  tail -f /var/log/{app}/{app}.log")),
        }
    }
    command("history", out)
}

fn who(scene: &mut Scene) -> Command {
    match scene.random.below(5) {
        0 => command("whoami", if scene.root { "root\n".into() } else { "ssm-user\n".into() }),
        1 => command("id", "uid=1001(ssm-user) gid=1001(ssm-user) groups=1001(ssm-user)\n".into()),
        2 => command("hostname", scene.host.name() + ".eu-west-1.compute.internal\n"),
        3 => command("pwd", scene.directory.clone() + "\n"),
        _ => {
            let load = scene.random.range(1, 400);
            let (now, days) = (time(scene.now, "%H:%M:%S"), (scene.now - scene.host.booted_at) / 86_400);
            command(
                "uptime",
                format!(
                    " {now} up {days} days,  2:11,  1 user,  load average: {}.{:02}, 0.31, 0.22\n",
                    load / 100,
                    load % 100
                ),
            )
        }
    }
}

fn cloud_list(scene: &mut Scene) -> Command {
    let mut out = String::new();
    let account = &scene.world.accounts[scene.host.account];
    for at in 0..scene.random.range(3, 30) {
        let (app, ..) = APPS[at % APPS.len()];
        let made = time(scene.host.booted_at - at as i64 * 90_000, "%Y-%m-%d %H:%M:%S");
        line(&mut out, format_args!("{made} {app}-{}-{account}", ["artifacts", "backups", "access"][at % 3]));
    }
    command("aws s3 ls", out)
}

fn cloud_describe(scene: &mut Scene) -> Command {
    let Host { instance, ip, region, .. } = scene.host;
    let name = scene.host.name();
    let mut named = Random::new(scene.host.booted_at as u64, 1);
    let out = format!(
        "{{\n    \"Reservations\": [\n        {{\n            \"Instances\": [\n                {{\n                    \
         \"ImageId\": \"ami-0{}\",\n                    \"InstanceId\": \"{instance}\",\n                    \
         \"InstanceType\": \"m6i.large\",\n                    \"PrivateDnsName\": \"{name}.{region}.compute.internal\",\n                    \
         \"PrivateIpAddress\": \"{ip}\",\n                    \"SubnetId\": \"subnet-0{}\",\n                    \
         \"VpcId\": \"vpc-0{}\",\n                    \"State\": {{\n                        \"Code\": 16,\n                        \
         \"Name\": \"running\"\n                    }}\n                }}\n            ]\n        }}\n    ]\n}}\n",
        named.hex(16),
        named.hex(16),
        named.hex(16)
    );
    command(format!("aws ec2 describe-instances --instance-ids {instance}"), out)
}

/// A file with long tokens: two certificates and a key of the account's cluster.
fn cluster_configuration(scene: &mut Scene) -> Command {
    let mut named = Random::new(scene.host.account as u64, 2);
    let mut out = "apiVersion: v1\nclusters:\n- cluster:\n".to_owned();
    line(
        &mut out,
        format_args!(
            "    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t{}",
            named.base64(1200)
        ),
    );
    line(
        &mut out,
        format_args!(
            "    server: https://{}.gr7.{}.eks.amazonaws.com\n  name: main\nusers:\n- name: admin\n  user:",
            named.hex(32),
            scene.host.region
        ),
    );
    line(&mut out, format_args!("    token: {}", super::LONG_TOKEN));
    command("cat ~/.kube/config", out)
}

fn download(scene: &mut Scene) -> Command {
    let (app, ..) = scene.app();
    let out = screens::progress_bar(&mut scene.random, app);
    command(format!("wget https://artifacts.example.internal/{app}/{app}-1.7.tar.gz"), out)
}

fn mistyped(scene: &mut Scene) -> Command {
    let word = *scene.random.pick(&["sl", "gti", "sudp", "systmectl", "dcoker", "kubctl", "cta"]);
    let said = match scene.host.prompt {
        super::world::Prompt::Dash => format!("sh: 3: {word}: not found\n"),
        _ => format!("bash: {word}: command not found\n"),
    };
    command(word, said)
}

/// A command without output; once in a while one that an investigation looks for.
pub fn silent(scene: &mut Scene) -> Command {
    let (app, ..) = scene.app();
    let text = match scene.random.below(6) {
        0 => format!("sudo systemctl restart {app}"),
        1 => format!("sudo chown -R {app}:{app} /opt/{app}"),
        2 => format!("export APP_ENV=prod && sudo -E /opt/{app}/run.sh > /tmp/{app}.out 2>&1 &"),
        3 => "clear".to_owned(),
        4 if scene.random.one_in(40) => {
            format!("nohup /tmp/.x/xmrig -o pool.example.net:4444 -u {} &", scene.random.hex(24))
        }
        _ => format!("sudo vi_mode=1 mkdir -p /opt/{app}/tmp"),
    };
    command(text, String::new())
}

fn one_liner(scene: &mut Scene) -> Command {
    let (app, ..) = scene.app();
    let count = scene.random.below(5000);
    let text = format!(
        "for f in /var/log/{app}/*.gz; do zcat \"$f\" | grep -c {}; done | sort -n | tail -1",
        scene.world.words.draw(&mut scene.random)
    );
    command(text, format!("{count}\n"))
}
