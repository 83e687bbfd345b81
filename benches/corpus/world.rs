//! Who connects to what: accounts, principals, and hosts with what stays on them from session to session.

use super::random::{Random, Zipf};
use super::words::Words;

/// How many accounts there are.
pub const ACCOUNTS: usize = 40;
const HOSTS: usize = 800;
const PRINCIPALS: usize = 200;
const REGIONS: [&str; 5] = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-northeast-1"];
const GIVEN: [&str; 20] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "ken", "lena",
    "mallory", "nina", "oscar", "peggy", "rupert", "sybil", "trent", "walter",
];

/// The applications of the fleet: name, user, port, and the command line of its process.
pub const APPS: [(&str, &str, u32, &str); 16] = [
    ("nginx", "nginx", 443, "nginx: worker process"),
    (
        "payments-api",
        "app",
        8080,
        "/usr/bin/java -Xmx2g -XX:+UseG1GC -jar /opt/payments-api/payments-api.jar --spring.profiles.active=prod",
    ),
    (
        "orders-worker",
        "app",
        8081,
        "/usr/bin/python3 -m celery -A orders.worker worker --loglevel=INFO --concurrency=8",
    ),
    (
        "postgres",
        "postgres",
        5432,
        "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main -c config_file=/etc/postgresql/15/main/postgresql.conf",
    ),
    ("redis", "redis", 6379, "/usr/bin/redis-server 127.0.0.1:6379"),
    ("kafka", "kafka", 9092, "/usr/bin/java -Xmx6g -server kafka.Kafka /etc/kafka/server.properties"),
    (
        "node-exporter",
        "prometheus",
        9100,
        "/usr/local/bin/node_exporter --collector.systemd --web.listen-address=:9100",
    ),
    ("haproxy", "haproxy", 8443, "/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid"),
    ("grafana", "grafana", 3000, "/usr/share/grafana/bin/grafana server --config=/etc/grafana/grafana.ini"),
    (
        "elasticsearch",
        "elastic",
        9200,
        "/usr/share/elasticsearch/jdk/bin/java -Xms4g -Xmx4g org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch",
    ),
    ("vault", "vault", 8200, "/usr/bin/vault server -config=/etc/vault.d/vault.hcl"),
    ("consul", "consul", 8500, "/usr/bin/consul agent -config-dir=/etc/consul.d/"),
    (
        "jenkins",
        "jenkins",
        8082,
        "/usr/bin/java -Djava.awt.headless=true -jar /usr/share/java/jenkins.war --webroot=/var/cache/jenkins/war",
    ),
    (
        "rabbitmq",
        "rabbitmq",
        5672,
        "/usr/lib/erlang/erts-13.1/bin/beam.smp -W w -MBas ageffcbf -- -root /usr/lib/erlang -progname erl",
    ),
    ("catalog-web", "www-data", 8000, "gunicorn: worker [catalog.wsgi:application]"),
    ("fluent-bit", "root", 2020, "/opt/fluent-bit/bin/fluent-bit -c /etc/fluent-bit/fluent-bit.conf"),
];

/// Processes that every host has.
const SYSTEM: [(&str, &str); 14] = [
    ("root", "/usr/lib/systemd/systemd --switched-root --system --deserialize=31"),
    ("root", "[kthreadd]"),
    ("root", "[rcu_sched]"),
    ("root", "[kworker/0:1H-kblockd]"),
    ("root", "[ksoftirqd/1]"),
    ("root", "/usr/lib/systemd/systemd-journald"),
    ("root", "/usr/lib/systemd/systemd-udevd"),
    ("systemd+", "/usr/lib/systemd/systemd-resolved"),
    ("dbus", "/usr/bin/dbus-broker-launch --scope system --audit"),
    ("chrony", "/usr/sbin/chronyd -F 2"),
    ("root", "/usr/sbin/crond -n"),
    ("root", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"),
    ("root", "/usr/bin/amazon-ssm-agent"),
    ("root", "/usr/bin/ssm-agent-worker"),
];

/// How a host greets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// bash 5 with bracketed paste and the prompt of Amazon Linux.
    Bracketed,
    /// bash 4 as `sh`: `sh-4.2$ `.
    Sh,
    /// dash: `$ `, and no line editor.
    Dash,
    /// bash of Debian: a window title and colours, with bracketed paste.
    Coloured,
}

/// A process in `ps`.
#[derive(Clone, Debug)]
pub struct Process {
    pub user: &'static str,
    pub pid: usize,
    pub memory_kib: usize,
    pub command: String,
}

/// A file in `ls`.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub directory: bool,
    pub owner: &'static str,
    pub bytes: usize,
    pub changed_at: i64,
}

/// What stays on a host: asked twice, it answers nearly the same.
#[derive(Clone, Debug)]
pub struct Host {
    pub account: usize,
    pub region: &'static str,
    pub instance: String,
    pub ip: String,
    pub prompt: Prompt,
    pub apps: Vec<usize>,
    pub processes: Vec<Process>,
    pub directories: Vec<(String, Vec<Entry>)>,
    pub booted_at: i64,
}

/// Everything that sessions share.
#[derive(Clone, Debug)]
pub struct World {
    pub words: Words,
    pub accounts: Vec<String>,
    pub principals: Vec<String>,
    pub hosts: Vec<Host>,
    /// Clients of the servers: some come often.
    pub peers: Vec<String>,
    peer_ranks: Zipf,
    host_ranks: Zipf,
}

impl World {
    /// Makes the world of a seed. Sessions take place in the 90 days before `end` (seconds since 1970).
    pub fn new(seed: u64, end: i64) -> Self {
        let mut random = Random::new(seed, u64::MAX - 1);
        let words = Words::new(seed);
        let accounts = (0..ACCOUNTS).map(|_| (0..12).map(|_| random.range(0, 9).to_string()).collect());
        let accounts: Vec<String> = accounts.collect();
        let principals = (0..PRINCIPALS).map(|n| match random.below(3) {
            0 => format!("{}.{}", random.pick(&GIVEN), random.pick(&GIVEN)),
            1 => format!("{}@example.com", random.pick(&GIVEN)),
            _ => format!("{}-role-{n}", random.pick(&["ops", "deploy", "admin", "readonly", "ci"])),
        });
        let principals = principals.collect();
        let hosts =
            (0..HOSTS).map(|n| Host::new(&mut Random::new(seed, (1 << 40) + n as u64), &words, n, end));
        let hosts = hosts.collect();
        let peers = (0..3000).map(|_| {
            let [a, b, c, d] =
                [random.range(11, 199), random.below(256), random.below(256), random.range(1, 254)];
            format!("{a}.{b}.{c}.{d}")
        });
        let peers: Vec<String> = peers.collect();
        let (peer_ranks, host_ranks) = (Zipf::new(peers.len()), Zipf::new(HOSTS));
        Self { words, accounts, principals, hosts, peers, peer_ranks, host_ranks }
    }

    /// Draws a client address.
    pub fn peer(&self, random: &mut Random) -> &str {
        &self.peers[self.peer_ranks.draw(random)]
    }

    /// Draws the host of a session; a few are visited much more often than most.
    pub fn host(&self, random: &mut Random) -> &Host {
        &self.hosts[self.host_ranks.draw(random)]
    }
}

impl Host {
    fn new(random: &mut Random, words: &Words, number: usize, end: i64) -> Self {
        let account = number % ACCOUNTS;
        let mut apps: Vec<usize> = (0..random.range(2, 4)).map(|_| random.below(APPS.len())).collect();
        apps.sort_unstable();
        apps.dedup();
        let booted_at = end - random.range(91, 400) as i64 * 86_400;
        let prompts = [Prompt::Bracketed, Prompt::Bracketed, Prompt::Sh, Prompt::Dash, Prompt::Coloured];
        Self {
            account,
            region: REGIONS[(account + random.below(2)) % REGIONS.len()],
            instance: format!("i-0{}", random.hex(16)),
            ip: format!("10.{}.{}.{}", 16 + account, number % 8, 4 + number / 4),
            prompt: *random.pick(&prompts),
            processes: processes(random, &apps),
            directories: directories(random, words, &apps, booted_at),
            apps,
            booted_at,
        }
    }

    /// The host name that EC2 gives.
    pub fn name(&self) -> String {
        format!("ip-{}", self.ip.replace('.', "-"))
    }
}

fn processes(random: &mut Random, apps: &[usize]) -> Vec<Process> {
    let mut pid = 0;
    let mut processes = Vec::new();
    let mut add = |random: &mut Random, user, command: String| {
        pid += random.range(1, 90);
        processes.push(Process { user, pid, memory_kib: random.range(800, 90_000), command });
    };
    for (user, command) in SYSTEM {
        add(random, user, command.to_owned());
    }
    for &app in apps {
        let (_, user, _, command) = APPS[app];
        for _ in 0..random.range(1, 8) {
            add(random, user, command.to_owned());
        }
    }
    processes
}

fn directories(
    random: &mut Random,
    words: &Words,
    apps: &[usize],
    booted_at: i64,
) -> Vec<(String, Vec<Entry>)> {
    let mut directories = Vec::new();
    let mut add = |random: &mut Random, path: String, names: Vec<(String, bool)>, owner| {
        let entries = names.into_iter().map(|(name, directory)| Entry {
            name,
            directory,
            owner,
            bytes: if directory { 4096 } else { random.range(20, 3_000_000) },
            changed_at: booted_at + random.below(7_000_000) as i64,
        });
        directories.push((path, entries.collect()));
    };
    let system = ["messages", "secure", "cron", "dmesg", "boot.log", "wtmp", "lastlog", "cloud-init.log"];
    let system = system.iter().map(|name| ((*name).to_owned(), false));
    add(random, "/var/log".to_owned(), system.chain([("amazon".to_owned(), true)]).collect(), "root");
    for &app in apps {
        let (name, user, ..) = APPS[app];
        let fixed = ["bin", "conf", "lib", "releases"].map(|name| (name.to_owned(), true));
        let files = ["README.md", "run.sh", "VERSION"].map(|name| (name.to_owned(), false));
        add(random, format!("/opt/{name}"), fixed.into_iter().chain(files).collect(), user);
        let rotated = (0..random.range(3, 30)).map(|n| (format!("{name}.log.{n}.gz"), false));
        add(random, format!("/var/log/{name}"), rotated.collect(), user);
        let names = (0..random.range(4, 40)).map(|_| {
            let suffix = random.pick(&["py", "jar", "yaml", "sh", "conf", "json", "sql"]);
            (format!("{}.{suffix}", words.draw(random)), false)
        });
        let names = names.collect();
        add(random, format!("/opt/{name}/releases"), names, user);
    }
    directories
}
