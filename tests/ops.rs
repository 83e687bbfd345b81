//! What a worker tells whoever operates it: metrics, health, logs; and that dashboard, alerts and documents speak of what
//! is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::emulator::{Emulator, Kind};
use crate::support::program::{fixture_objects, run, shelltrail, worker};
use crate::support::world::{Setup, World};

/// How long anything that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What no line of a log may hold: a piece of the keys of this test.
const KEY_MARK: &str = "keymark";

/// An HTTP answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn ask(address: &str, method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// Asks again and again until there is something to have.
fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A running command that logs JSON into a file and listens on a port of its own.
struct Running {
    child: Child,
    log: std::path::PathBuf,
    address: String,
}

impl Running {
    fn start(command: &mut Command, dir: &Path) -> Self {
        let log = dir.join("log.jsonl");
        command.args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut running = Self { child, log, address: String::new() };
        running.address = until("the port", || {
            let place =
                running.events().into_iter().find_map(|event| Some(event.get("metrics")?.to_string()))?;
            Some(place.trim_matches('"').strip_prefix("http://")?.strip_suffix("/metrics")?.to_owned())
        });
        running
    }

    /// The whole lines that were logged so far; each must be JSON.
    fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    fn metrics(&self) -> Metrics {
        Metrics::parse(&ask(&self.address, "GET", "/metrics").body)
    }

    /// Sends SIGTERM and waits for the end.
    fn stop(mut self) -> (Option<i32>, Vec<Value>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        let events = self.events();
        (code, events)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page of metrics, checked against the OpenMetrics text format as far as we use it.
#[derive(Debug, Default)]
struct Metrics {
    /// Kind by family.
    families: BTreeMap<String, String>,
    /// Value by name and labels, as written.
    samples: BTreeMap<String, f64>,
}

impl Metrics {
    fn parse(page: &str) -> Self {
        let mut metrics = Self::default();
        let body = page.strip_suffix("# EOF\n").expect("the end mark is the last line");
        let mut family = String::new();
        for line in body.lines() {
            match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
                ["#", "HELP", name, help] => {
                    assert!(!help.is_empty() && !metrics.families.contains_key(name), "{line}");
                    family = name.to_owned();
                }
                ["#", "TYPE", name, kind] => {
                    assert_eq!(name, family, "help comes first");
                    metrics.families.insert(name.to_owned(), kind.to_owned());
                }
                _ => metrics.sample(line, &family),
            }
        }
        metrics
    }

    fn sample(&mut self, line: &str, family: &str) {
        let (series, value) = line.rsplit_once(' ').expect(line);
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        assert!(Self::names_of(family, &self.families[family]).contains(name), "{line} in {family}");
        let labels = labels.strip_suffix('}').expect(line);
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once('=').expect(line);
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect(line);
            assert!(!value.contains(['"', '\\', '\n']), "{line}");
        }
        let before = self.samples.insert(series.to_owned(), value.parse().expect(line));
        assert!(before.is_none(), "twice: {line}");
    }

    /// What samples of a family are called.
    fn names_of(family: &str, kind: &str) -> BTreeSet<String> {
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => panic!("{family} is a {kind}"),
        };
        suffixes.iter().map(|suffix| format!("{family}{suffix}")).collect()
    }

    fn names(&self) -> BTreeSet<String> {
        self.families.iter().flat_map(|(family, kind)| Self::names_of(family, kind)).collect()
    }

    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        self.samples.get(series).copied().unwrap_or_else(|| panic!("{series} in {self:#?}"))
    }

    /// The observations of a histogram lie in its buckets, and the last bucket has all of them.
    fn assert_histogram(&self, family: &str, labels: &str) {
        assert_eq!(self.families[family], "histogram");
        let start = format!("{family}_bucket{{le=");
        let mut buckets: Vec<(f64, f64)> = self
            .samples
            .iter()
            .filter(|(series, _)| series.starts_with(&start) && series.contains(labels))
            .map(|(series, count)| {
                (series[start.len() + 1..].split('"').next().unwrap().parse().unwrap(), *count)
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.len() > 5 && buckets.is_sorted_by(|a, b| a.1 <= b.1), "{family} {buckets:?}");
        let count = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        assert_eq!(buckets.last().unwrap().0, f64::INFINITY);
        assert_eq!(buckets.last().unwrap().1, self.value(&format!("{family}_count{count}")), "{family}");
    }
}

/// Every name in a text that looks like one of our metrics.
fn metrics_named_in(text: &str) -> BTreeSet<String> {
    text.match_indices("shelltrail_")
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_tells_how_it_is_and_dashboard_and_alerts_speak_of_what_it_tells() {
    let world = World::new(Emulator::shared(Kind::Moto), Setup::default()).await;
    let dir = tempfile::tempdir().unwrap();
    for (number, (_, path)) in fixture_objects().into_iter().take(3).enumerate() {
        let key = format!("ssm/111122223333/{KEY_MARK}-0123456789abcde{number:02}.log");
        world.put(&key, &fs::read(path).unwrap()).await;
    }
    world.send(&format!("not a notification: {KEY_MARK}")).await;

    let running = Running::start(&mut worker(&world, &dir.path().join("index")), dir.path());
    let metrics = until("three objects and a failure", || {
        let metrics = running.metrics();
        let objects =
            |outcome: &str| metrics.value(&format!("shelltrail_objects_total{{outcome=\"{outcome}\"}}"));
        let looked = metrics.samples.contains_key("shelltrail_queue_messages{state=\"visible\"}");
        let deleted = metrics.value("shelltrail_messages_settled_total{outcome=\"deleted\"}") >= 3.0;
        (objects("indexed") == 3.0 && objects("failed") >= 1.0 && looked && deleted).then_some(metrics)
    });
    for (series, least) in [
        ("shelltrail_event_lag_seconds_count", 3.0),
        ("shelltrail_failures_total{reason=\"not_json\"}", 1.0),
        ("shelltrail_lane_duration_seconds_count{lane=\"get\"}", 3.0),
        ("shelltrail_lane_duration_seconds_count{lane=\"commit\"}", 1.0),
        ("shelltrail_lane_busy_seconds_total{lane=\"commit\"}", f64::MIN_POSITIVE),
        ("shelltrail_commits_total{outcome=\"done\"}", 1.0),
        ("shelltrail_clear_bytes_total", 1.0),
        ("shelltrail_resident_memory_bytes", 1e6),
        ("shelltrail_index_free_bytes", 1.0),
        ("shelltrail_in_flight_limit_bytes", 96.0 * 1024.0 * 1024.0),
    ] {
        assert!(metrics.value(series) >= least, "{series} {}", metrics.value(series));
    }
    assert_eq!(metrics.value("shelltrail_breaker_open{reason=\"none\"}"), 0.0);
    metrics.assert_histogram("shelltrail_event_lag_seconds", "");
    metrics.assert_histogram("shelltrail_lane_duration_seconds", "lane=\"get\"");

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A histogram is described under the name of its family.
    let families: BTreeSet<String> = metrics.families.keys().cloned().collect();
    let described = &metrics.names() | &families;
    for (file, known) in [
        ("deploy/grafana/shelltrail.json", &metrics.names()),
        ("deploy/prometheus/alerts.yml", &metrics.names()),
        ("docs/operations.md", &described),
    ] {
        let named = metrics_named_in(&fs::read_to_string(root.join(file)).unwrap());
        let unknown: Vec<_> = named.difference(known).collect();
        assert!(named.len() > 10 && unknown.is_empty(), "{file} speaks of {unknown:?}, which do not exist");
    }
    let manual = metrics_named_in(&fs::read_to_string(root.join("docs/operations.md")).unwrap());
    for (family, kind) in &metrics.families {
        let described = manual.contains(family) || !Metrics::names_of(family, kind).is_disjoint(&manual);
        assert!(described, "docs/operations.md does not say what {family} means");
    }
    serde_json::from_str::<Value>(&fs::read_to_string(root.join("deploy/grafana/shelltrail.json")).unwrap())
        .unwrap();

    answers(&running);
    let (code, events) = running.stop();
    assert_eq!(code, Some(3), "one object failed");
    assert!(events.iter().any(|event| event["message"] == "done" && event["indexed"] == 3), "{events:#?}");
    assert!(events.iter().any(|event| event["reason"] == "not_json"), "{events:#?}");
    for event in events {
        let line = event.to_string();
        assert!(!line.contains(KEY_MARK), "{line}");
        for name in ["time", "level", "target", "message"] {
            assert!(event[name].is_string(), "{line}");
        }
    }
}

fn answers(running: &Running) {
    let address = &running.address;
    let metrics = ask(address, "GET", "/metrics");
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        metrics.head
    );
    let head = ask(address, "HEAD", "/metrics");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(ask(address, "GET", "/healthz").body, "alive\n");
    let ready = until("readiness", || {
        let answer = ask(address, "GET", "/readyz");
        (answer.status == 200).then_some(answer)
    });
    let ready: Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!(ready["ready"], true);
    for check in ["queue", "breaker", "index", "running"] {
        assert_eq!(ready["checks"][check]["ok"], true, "{ready}");
        assert!(ready["checks"][check]["detail"].is_string(), "{ready}");
    }
    for path in ["/", "/metrics/", "/debug", "/../metrics"] {
        assert_eq!(ask(address, "GET", path).status, 404, "{path}");
    }
    let refused = ask(address, "POST", "/metrics");
    assert!(refused.status == 405 && refused.head.contains("allow: get, head"), "{refused:?}");
    let long = format!("/{}", "x".repeat(20_000));
    let mut stream = TcpStream::connect(address).unwrap();
    // The server may have closed before all of it is written.
    let _ = write!(stream, "GET {long} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_an_error_that_names_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::create_dir(&source).unwrap();
    let mut command = shelltrail();
    command.arg("backfill").arg(&source).arg("--index").arg(dir.path().join("index"));
    let ran = run(command.args(["--listen", &address])).exits(2);
    assert!(ran.err.contains(&address) && ran.err.contains("--listen off"), "{}", ran.err);
    let ran = run(command.env("SHELLTRAIL_LOG", "no=such=filter")).exits(2);
    assert!(ran.err.contains("SHELLTRAIL_LOG"), "{}", ran.err);
}

#[test]
fn a_backfill_listens_only_if_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("ssm/111122223333")).unwrap();
    fs::write(source.join("ssm/111122223333/keymark-0123456789abcdef0.log"), b"$ id\r\r\nuid=0\r\r\n$ ")
        .unwrap();
    let mut command = shelltrail();
    command.arg("backfill").arg(&source).arg("--index").arg(dir.path().join("index"));
    let ran = run(command.args(["--log-format", "json"])).exits(0);
    let events: Vec<Value> = ran.err.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(events.iter().any(|event| event["message"] == "done" && event["indexed"] == 1), "{}", ran.err);
    assert!(!ran.err.contains("listening") && !ran.err.contains(KEY_MARK), "{}", ran.err);
    let ran = run(command.args(["--listen", "127.0.0.1:0"])).exits(0);
    assert!(ran.err.contains("listening"), "{}", ran.err);
}
