//! AWS emulators on loopback: installed once per target directory, started once per test process,
//! gone when that process is gone.
//!
//! Two of them, because they are independent of each other and each is wrong where the other is right:
//! moto authenticates what KMS unwraps, ministack numbers versions and orders notifications.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::http;

/// The region of everything that the emulators hold.
pub const REGION: &str = "eu-west-1";

/// The account of everything that the emulators hold.
pub const ACCOUNT: &str = "123456789012";

/// How long an emulator may take until it answers; a cold start on a busy machine takes a few seconds.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// How often another free port is tried, as somebody may take it before the emulator does.
const START_ATTEMPTS: u32 = 3;

/// Which emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Moto,
    Ministack,
}

/// A running emulator.
pub struct Emulator {
    pub kind: Kind,
    /// Host and port.
    pub address: String,
    /// Holds the standard input of the emulator, which ends when it closes (`run_emulator.py`).
    _process: Child,
}

impl Emulator {
    /// Both emulators, started at first use. Tests share them and keep to names of their own.
    pub fn all() -> [&'static Self; 2] {
        [Self::shared(Kind::Moto), Self::shared(Kind::Ministack)]
    }

    /// One emulator, started at first use.
    pub fn shared(kind: Kind) -> &'static Self {
        static MOTO: OnceLock<Emulator> = OnceLock::new();
        static MINISTACK: OnceLock<Emulator> = OnceLock::new();
        let slot = match kind {
            Kind::Moto => &MOTO,
            Kind::Ministack => &MINISTACK,
        };
        slot.get_or_init(|| Self::start(kind))
    }

    /// The endpoint of all services.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn start(kind: Kind) -> Self {
        let python = install(kind);
        let output = directory().join(format!("{}.txt", kind.name()));
        File::create(&output).expect("the target directory is writable");
        for _ in 0..START_ATTEMPTS {
            let port = free_port();
            let mut process = launch(kind, &python, port, &output);
            let address = format!("127.0.0.1:{port}");
            if answers(kind, &address, &mut process) {
                return Self { kind, address, _process: process };
            }
        }
        let said = fs::read_to_string(&output).unwrap_or_default();
        panic!("{} does not start; it said:\n{said}", kind.name());
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Moto => "moto",
            Self::Ministack => "ministack",
        }
    }

    fn health_path(self) -> &'static str {
        match self {
            Self::Moto => "/moto-api/",
            Self::Ministack => "/_ministack/health",
        }
    }

    fn requirements(self) -> PathBuf {
        sources().join(format!("requirements-{}.txt", self.name()))
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support")
}

/// Where virtual environments and the output of emulators live.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulators")
}

/// Installs the pinned packages unless that was done before, and returns the Python that has them.
///
/// Several test processes may come here at once: one installs, the others wait.
fn install(kind: Kind) -> PathBuf {
    let directory = directory();
    fs::create_dir_all(&directory).expect("the target directory is writable");
    let lock = File::create(directory.join(format!("{}.lock", kind.name()))).expect("create a lock file");
    lock.lock().expect("lock a file of the target directory");

    let environment = directory.join(kind.name());
    let python = environment.join("bin/python");
    let stamp = environment.join("installed.txt");
    let wanted =
        fs::read_to_string(kind.requirements()).expect("the list of packages is part of the project");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && runs(&python) {
        return python;
    }
    if environment.exists() {
        fs::remove_dir_all(&environment).expect("remove an outdated environment");
    }
    run("python3", [OsStr::new("-m"), OsStr::new("venv"), environment.as_os_str()]);
    let requirements = kind.requirements();
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
    run(&python, pip.map(OsStr::new).into_iter().chain([requirements.as_os_str()]));
    fs::write(&stamp, wanted).expect("the environment is writable");
    python
}

/// A virtual environment dies with the Python it was made of.
fn runs(python: &Path) -> bool {
    Command::new(python).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn run<'a>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = &'a OsStr>) {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).output();
    let problem = match output {
        Ok(output) if output.status.success() => return,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    panic!(
        "these tests need Python 3.10 or later as `python3`, with venv, and at their first run a package index; \
         {} failed:\n{problem}",
        program.display()
    );
}

fn launch(kind: Kind, python: &Path, port: u16, output: &Path) -> Child {
    let file = || File::options().create(true).append(true).open(output).expect("open a file for output");
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("AWS_") || text.starts_with("MOTO_") || text.starts_with("MINISTACK_") {
            command.env_remove(&name);
        }
    }
    command.arg(sources().join("run_emulator.py"));
    match kind {
        Kind::Moto => {
            command.args(["moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        }
        Kind::Ministack => {
            command.arg("ministack").envs([
                ("BIND_HOST", "127.0.0.1"),
                ("GATEWAY_PORT", &port.to_string()),
                ("MINISTACK_HOST", "127.0.0.1"),
                ("MINISTACK_REGION", REGION),
                ("MINISTACK_ACCOUNT_ID", ACCOUNT),
                ("SERVICES", "s3,sqs,kms,sns,sts,iam,events"),
                ("LOG_LEVEL", "WARNING"),
            ]);
        }
    }
    command
        .stdin(Stdio::piped())
        .stdout(file())
        .stderr(file())
        .spawn()
        .expect("start the Python that was just installed")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind to loopback");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// Waits until the emulator answers; `false` if it ended instead.
fn answers(kind: Kind, address: &str, process: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < START_TIMEOUT {
        if process.try_wait().expect("ask after a child process").is_some() {
            return false;
        }
        if http::request(address, "GET", kind.health_path(), &[], "").is_ok_and(|(status, _)| status == 200) {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    process.kill().expect("end a child process");
    process.wait().expect("wait for a child process");
    false
}
