//! A made-up bucket of transcripts: for a seed and a size always the same bytes.
//!
//! What was chosen, and why:
//!
//! - **Sizes**: log-normal with p50 14 KB and p90 36 KB; one session in 400 is 0.4 to 4 MB. Sessions are planned
//!   until their sizes reach the wanted total; each is then made from its own numbers, so they can be made in parallel.
//! - **Who**: 40 accounts, 5 regions, 800 hosts of which a few are visited much more often than most, 200 principals.
//!   Keys are `session/ACCOUNT/REGION/PRINCIPAL-SUFFIX.log.gz`. Sessions lie in the 90 days before [`END`].
//! - **Repetition**: processes, files, addresses, containers and the text of configuration files belong to a host, an
//!   account or an application and come back whenever they are asked for. Words follow Zipf's law over 9,000 words,
//!   most of them names that programs join from a few hundred; clients follow it over 3,000 addresses. What is new
//!   with each line is time, some numbers, and in one line of eight of an application a UUID.
//! - **Shape**: the frame of `script` with its zone, lines that end in CR CR LF (one transcript in eight: CR LF), four
//!   prompts (bracketed paste, `sh-4.2$`, dash, coloured with a window title). Three commands of ten are corrected
//!   while they are typed: erased with BS ESC[K or BS SP BS, recalled, completed, inserted into. Outputs have colours
//!   and progress bars; one command in forty takes the full screen.
//!
//! It is still too regular to stand for real sessions: nobody pastes a program, and no two people type alike.

mod commands;
mod programs;
mod random;
mod screens;
mod typing;
mod words;
mod world;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;

use commands::{Command, FULL_SCREEN, PLAIN, SHORT, Scene, choose};
use random::Random;
use world::World;

/// Changes whenever the same seed and size give other bytes.
pub const GENERATION: u32 = 1;
/// The end of the time in which sessions take place: 2026-11-20 00:00 UTC.
pub const END: i64 = 1_795_132_800;
/// A token that stands whole in few files: some 300 characters without a border between words.
pub const LONG_TOKEN: &str = "k8sawsv1aHR0cHM6Ly9zdHMuZXUtd2VzdDEuYW1hem9uYXdzLmNvbS8QWN0aW9uPUdldENhbGxlcklkZW50aXR5JlZlcnNpb249MjAxMS0wNi0xNSZYLUFtei1BbGdvcml0aG09QVdTNC1ITUFDLVNIQTI1NiZYLUFtei1DcmVkZW50aWFsPUFTSUFFWEFNUExFMTIzNDU2Nzg5MCUyRjIwMjYxMTIwJTJGZXUtd2VzdDElMkZzdHMlMkZhd3M0X3JlcXVlc3QmWC1BbXotRGF0ZT0yMDI2MTEyMFQwMDAwMDBaJlgtQW16";

/// What most of a session consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Commands with outputs, most of them typed without a mistake.
    Plain,
    /// Commands with little output, most of them corrected while they are typed.
    Editing,
    /// Programs that take the whole screen.
    FullScreen,
    /// All of them, as described above.
    Mixed,
}

/// A transcript and its key, without `.gz`.
pub struct Transcript {
    pub key: String,
    pub bytes: Vec<u8>,
}

/// The transcripts of one seed.
pub struct Corpus {
    seed: u64,
    world: World,
}

impl Corpus {
    /// Makes the world of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, world: World::new(seed, END) }
    }

    /// Plans sessions until they have this many bytes together; gives the size of each.
    pub fn plan(&self, total_bytes: u64) -> Vec<usize> {
        let mut random = Random::new(self.seed, 1);
        let mut sizes = Vec::new();
        let mut sum = 0;
        while sum < total_bytes {
            let bytes = if random.one_in(400) {
                400_000.0 * 10f64.powf(random.unit())
            } else {
                (14_000.0 * (0.737 * random.normal()).exp()).max(300.0)
            };
            sizes.push(bytes as usize);
            sum += bytes as u64;
        }
        sizes
    }

    /// Makes one session of about this size.
    pub fn session(&self, number: usize, kind: Kind, bytes: usize) -> Transcript {
        let mut random = Random::new(self.seed, (1 << 32) + number as u64);
        let host = self.world.host(&mut random);
        let principal = random.pick(&self.world.principals).clone();
        let name = format!("{principal}-0{}", random.hex(16));
        let key = format!("session/{}/{}/{name}.log", self.world.accounts[host.account], host.region);
        let now = END - 1 - random.below(90 * 86_400) as i64;
        let directory = "/usr/bin".to_owned();
        let scene = Scene { random, world: &self.world, host, now, directory, root: false };
        Transcript { key, bytes: Typescript::record(scene, kind, bytes, &name) }
    }

    /// Writes a bucket of `.log.gz` files below `packed`, and the same files in the clear below `clear` if there is
    /// one. Gives the number of clear bytes.
    pub fn write(&self, total_bytes: u64, packed: &Path, clear: Option<&Path>) -> io::Result<u64> {
        let write = |(number, bytes): (usize, usize)| {
            let transcript = self.session(number, Kind::Mixed, bytes);
            write_below(packed, &format!("{}.gz", transcript.key), &gzip(&transcript.bytes)?)?;
            if let Some(clear) = clear {
                write_below(clear, &transcript.key, &transcript.bytes)?;
            }
            Ok(transcript.bytes.len() as u64)
        };
        let plan: Vec<_> = self.plan(total_bytes).into_iter().enumerate().collect();
        plan.into_par_iter().map(write).sum()
    }
}

/// The bytes as one gzip member, as the bucket holds them.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn write_below(root: &Path, key: &str, bytes: &[u8]) -> io::Result<()> {
    let path = root.join(key);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, bytes)
}

/// A recording in the making.
struct Typescript<'w> {
    scene: Scene<'w>,
    bytes: Vec<u8>,
    line_end: &'static [u8],
}

impl<'w> Typescript<'w> {
    fn record(mut scene: Scene<'w>, kind: Kind, bytes: usize, session: &str) -> Vec<u8> {
        let old = scene.random.one_in(8);
        let line_end: &[u8] = if old { b"\r\n" } else { b"\r\r\n" };
        let mut script = Self { scene, bytes: Vec::with_capacity(bytes + bytes / 8), line_end };
        let mut before = None;
        loop {
            let command = script.next_command(kind);
            // The last command is taken if that comes nearer to the wanted size than leaving it out.
            if script.bytes.len() + command.output.len() / 2 > bytes {
                break;
            }
            let careless = match kind {
                Kind::Plain => 1,
                Kind::Editing => 9,
                Kind::FullScreen | Kind::Mixed => 3,
            };
            before = Some(script.run(command, before.as_deref(), careless));
        }
        script.run(Command { text: "exit".to_owned(), output: "exit\n".to_owned() }, None, 0);
        script.framed(session)
    }

    fn next_command(&mut self, kind: Kind) -> Command {
        let scene = &mut self.scene;
        scene.now += scene.random.below(60) as i64;
        if !scene.root && scene.random.one_in(60) {
            scene.root = true;
            return Command { text: "sudo -s".to_owned(), output: String::new() };
        }
        let full_screen = match kind {
            Kind::FullScreen => true,
            Kind::Mixed => scene.random.one_in(40),
            Kind::Plain | Kind::Editing => false,
        };
        match kind {
            _ if full_screen => choose(&FULL_SCREEN, scene),
            Kind::Editing => choose(&SHORT, scene),
            _ if scene.random.one_in(5) => choose(&SHORT, scene),
            _ => choose(&PLAIN, scene),
        }
    }

    /// Appends prompt, command and output, and gives the command back.
    fn run(&mut self, command: Command, before: Option<&str>, careless: usize) -> String {
        let Scene { random, host, directory, root, .. } = &mut self.scene;
        let prompt = typing::prompt(host.prompt, &host.name(), directory, *root);
        let typed = typing::typed(random, host.prompt, &command.text, before, careless);
        self.put(&prompt);
        self.put(&typed);
        self.put("\n");
        self.put(typing::accepted(self.scene.host.prompt));
        self.put(&command.output);
        command.text
    }

    /// Appends text as the two terminals between a program and the transcript leave it.
    fn put(&mut self, text: &str) {
        let mut lines = text.split('\n');
        self.bytes.extend_from_slice(lines.next().unwrap_or_default().as_bytes());
        for line in lines {
            self.bytes.extend_from_slice(self.line_end);
            self.bytes.extend_from_slice(line.as_bytes());
        }
    }

    /// Puts the lines of `script` around the recording.
    fn framed(self, session: &str) -> Vec<u8> {
        let Scene { host, now, .. } = &self.scene;
        let (time, command, status) = match self.line_end {
            b"\r\n" => (commands::time(*now, "%Y-%m-%d %H:%M:%S+0000"), String::new(), ""),
            _ => {
                let path = format!("/var/lib/amazon/ssm/{}/session/orchestration/{session}", host.instance);
                let command = format!(
                    " [COMMAND=\"cat {path}/Standard_Stream/ipcTempFile.log\" <not executed on terminal>]"
                );
                (commands::time(*now, "%Y-%m-%d %H:%M:%S+00:00"), command, " [COMMAND_EXIT_CODE=\"0\"]")
            }
        };
        let mut framed = format!("Script started on {time}{command}\n").into_bytes();
        framed.extend_from_slice(&self.bytes);
        framed.extend_from_slice(format!("\nScript done on {time}{status}\n").as_bytes());
        framed
    }
}
