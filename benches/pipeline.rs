//! From a bucket of `.log.gz` files to an answer, against yardsticks in the same run. See README.md.

// Other benches want other parts of it.
#[allow(dead_code)]
mod corpus;
mod measure;
mod queries;
mod stages;

use std::fs;
use std::path::{Path, PathBuf};

use shelltrail_index::inventory::inventory;

use corpus::Corpus;
use queries::QUERIES;
use stages::{Files, Numbers, Outcome, bytes_below, in_child};

const DEFAULT_MEGABYTES: u64 = 250;
const QUICK_MEGABYTES: u64 = 20;
const DEFAULT_SEED: u64 = 2026;

/// What is measured, and where.
struct Options {
    megabytes: u64,
    seed: u64,
    directory: Option<PathBuf>,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, stage, root] = &arguments[..]
        && flag == "--stage"
    {
        return stages::run(stage, &Files { root: root.into() });
    }
    let options = Options::parse(&arguments)?;
    let files = Files { root: options.directory() };
    let clear_bytes = options.corpus(&files)?;
    println!("machine: {}", measure::machine());
    println!("corpus:  seed {}, {:.1} MB in the clear\n", options.seed, clear_bytes as f64 / 1e6);
    let pipeline = in_child("pipeline", &files)?;
    let terms = in_child("terms", &files)?;
    let documents = in_child("documents", &files)?;
    let bytes = in_child("bytes", &files)?;
    let mut table = Table::default();
    of_bytes(&mut table, &bytes);
    of_pipeline(&mut table, &pipeline, [&terms, &documents], clear_bytes);
    of_size(&mut table, &files, clear_bytes)?;
    table.print();
    println!();
    of_queries(&files)
}

impl Options {
    fn parse(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self { megabytes: DEFAULT_MEGABYTES, seed: DEFAULT_SEED, directory: None };
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                // cargo says so to every bench.
                "--bench" => {}
                "--quick" => options.megabytes = QUICK_MEGABYTES,
                "--size" => options.megabytes = value()?.parse()?,
                "--seed" => options.seed = value()?.parse()?,
                "--dir" => options.directory = Some(value()?.into()),
                _ => return Err(format!("{flag} is none of --size MB, --seed N, --dir PATH, --quick").into()),
            }
        }
        Ok(options)
    }

    fn directory(&self) -> PathBuf {
        let name = format!("g{}-{}-{}", corpus::GENERATION, self.seed, self.megabytes);
        let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-corpus").join(name);
        self.directory.clone().unwrap_or_else(default)
    }

    /// Makes the corpus unless it is there; gives its clear bytes.
    fn corpus(&self, files: &Files) -> Outcome<u64> {
        let done = files.root.join("clear-bytes");
        let wants_clear = queries::has_ripgrep();
        if let Ok(bytes) = fs::read_to_string(&done)
            && (files.clear().exists() || !wants_clear)
        {
            return Ok(bytes.trim().parse()?);
        }
        if files.root.exists() {
            fs::remove_dir_all(&files.root)?;
        }
        let clear = wants_clear.then(|| files.clear());
        let bytes =
            Corpus::new(self.seed).write(self.megabytes * 1_000_000, &files.packed(), clear.as_deref())?;
        fs::write(done, bytes.to_string())?;
        Ok(bytes)
    }
}

/// Lines of text: what, how much, compared with what, and what was wanted.
#[derive(Default)]
struct Table(Vec<[String; 4]>);

impl Table {
    fn row(&mut self, what: &str, value: impl Into<String>) {
        self.0.push([what.to_owned(), value.into(), String::new(), String::new()]);
    }

    fn compared(&mut self, what: &str, value: impl Into<String>, with: impl Into<String>) {
        self.0.push([what.to_owned(), value.into(), with.into(), String::new()]);
    }

    fn bar(&mut self, what: &str, value: impl Into<String>, bar: &str, held: bool) {
        let verdict = if held { "PASS" } else { "FAIL" };
        self.0.push([what.to_owned(), value.into(), bar.to_owned(), verdict.to_owned()]);
    }

    fn print(&self) {
        for [what, value, other, verdict] in &self.0 {
            println!("{}", format!("{what:<44} {value:>16}  {other:<34} {verdict}").trim_end());
        }
    }
}

fn of_bytes(table: &mut Table, bytes: &Numbers) {
    let clear = bytes["clear_bytes"];
    let speed = |name: &str| clear / 1e6 / bytes[&format!("{name}_cpu")];
    let share = |name: &str| format!("{:.3} of memchr3", speed(name) / speed("memchr3"));
    table.row("sessions, records", format!("{}, {}", bytes["sessions"], bytes["records"]));
    table.row("compressed", format!("{:.3} of raw", bytes["packed_bytes"] / clear));
    table.row("text after the terminal", format!("{:.3} of raw", bytes["text_bytes"] / clear));
    table.row("bytes per ESC, CR or BS", format!("{:.1}", clear / bytes["special_bytes"]));
    for (name, what) in [
        ("memchr3", "memchr3 over ESC, CR, BS"),
        ("inflate", "inflate"),
        ("parse", "parse"),
        ("encode", "encode the blocks (zstd)"),
        ("tokenise", "find the terms"),
    ] {
        table.compared(what, format!("{:.0} MB/s", speed(name)), share(name));
    }
    let both = clear / 1e6 / (bytes["inflate_cpu"] + bytes["parse_cpu"]);
    table.row("inflate and parse", format!("{both:.0} MB/s"));
    table.row("terms", format!("{:.1} M", bytes["tokens"] / 1e6));
}

fn of_pipeline(table: &mut Table, pipeline: &Numbers, prepared: [&Numbers; 2], clear_bytes: u64) {
    let megabytes = clear_bytes as f64 / 1e6;
    let mut row = |what: &str, [cpu, wall]: [f64; 2]| {
        let rates = format!("{:.1} MB/s CPU, {:.1} MB/s wall", megabytes / cpu, megabytes / wall);
        table.compared(&format!("{what} (CPU / wall)"), format!("{cpu:.2} / {wall:.2} s"), rates);
    };
    let spent = |numbers: &Numbers, stages: &[&str]| {
        ["cpu", "wall"].map(|clock| stages.iter().map(|stage| numbers[&format!("{stage}_{clock}")]).sum())
    };
    let [terms, documents] = prepared.map(|numbers| spent(numbers, &["build", "commit", "merge"]));
    let whole: [f64; 2] = spent(pipeline, &["pipeline"]);
    row("A: tantivy alone", terms);
    row("B: tantivy and the stored text", documents);
    row("pipeline from gz", whole);
    for (name, yardstick) in [("A", terms), ("B", documents)] {
        for (clock, at) in [("CPU", 0), ("wall", 1)] {
            let ratio: f64 = yardstick[at] / whole[at];
            table.bar(
                &format!("pipeline / {name}, speed by {clock}"),
                format!("{ratio:.2}"),
                "at least 0.75",
                ratio >= 0.75,
            );
        }
    }
    table.row("batches, commits", format!("{}, {}", pipeline["batches"], pipeline["commits"]));
    table.row("objects indexed, failed", format!("{}, {}", pipeline["indexed"], pipeline["failed"]));
    let peak = pipeline["peak_rss"] / f64::from(1 << 20);
    table.bar("peak RSS of the pipeline", format!("{peak:.0} MiB"), "at most 256 MiB", peak <= 256.0);
}

fn of_size(table: &mut Table, files: &Files, clear_bytes: u64) -> Outcome<()> {
    let inventory = inventory(&files.index())?;
    let raw = clear_bytes as f64;
    let segments: u64 = inventory.partitions.iter().map(|partition| partition.segments).sum();
    table.row("partitions, segments", format!("{}, {segments}", inventory.partitions.len()));
    let index = inventory.index_bytes as f64 / raw;
    table.bar("index without text", format!("{index:.3} of raw"), "at most 0.100", index <= 0.1);
    table.row("stored text", format!("{:.3} of raw", inventory.pack_bytes as f64 / raw));
    table.row("everything on disk", format!("{:.3} of raw", bytes_below(&files.index())? as f64 / raw));
    Ok(())
}

fn of_queries(files: &Files) -> Outcome<()> {
    let warm = in_child("warm", files)?;
    let has_ripgrep = queries::has_ripgrep();
    println!(
        "{:<18} {:>5} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8}",
        "query (top 100)", "hits", "verified", "p50 ms", "p99 ms", "first ms", "cold ms", "rg ms", "rg/p50"
    );
    let mut ratios = Vec::new();
    for (name, text) in QUERIES {
        let number = |what: &str| warm[&format!("{name}_{what}")];
        let cold = in_child(name, files)?["cold"];
        let p50 = number("p50");
        print!(
            "{name:<18} {:>5} {:>8} {p50:>9.3} {:>9.3} {:>9.3} {cold:>9.1}",
            number("hits"),
            number("verified"),
            number("p99"),
            number("first")
        );
        if has_ripgrep {
            let rg = queries::ripgrep(files, text)?;
            print!(" {rg:>9.1} {:>8.0} {}", rg / p50, verdict(rg / p50));
            ratios.push(rg / p50);
        }
        println!();
    }
    ratios.sort_unstable_by(f64::total_cmp);
    match ratios.get(ratios.len() / 2) {
        Some(&middle) => println!("rg/p50 of the question in the middle: {middle:.0} {}", verdict(middle)),
        None => println!("ripgrep is not installed: no comparison"),
    }
    Ok(())
}

/// Whether an answer came in a hundredth of a pass.
fn verdict(ratio: f64) -> &'static str {
    if ratio >= 100.0 { "PASS" } else { "FAIL" }
}
