//! What the kernel knows about this process: processor time and memory.

use std::fs;
use std::time::{Duration, Instant};

/// `USER_HZ`, in which `/proc/PID/stat` counts; 100 on every Linux that Rust runs on (proc(5), time(7)).
const TICKS_PER_SEC: f64 = 100.0;

/// Time on the clock and on the processors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub wall_secs: f64,
    pub cpu_secs: f64,
}

impl Spent {
    /// Measures work of all threads of this process.
    pub fn by_all<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.by(cpu_of_process_secs, work)
    }

    /// Measures work of this thread alone, more finely.
    pub fn by_this_thread<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.by(cpu_of_thread_secs, work)
    }

    fn by<T>(&mut self, cpu_secs: fn() -> f64, work: impl FnOnce() -> T) -> T {
        let (cpu, wall) = (cpu_secs(), Instant::now());
        let done = work();
        self.wall_secs += wall.elapsed().as_secs_f64();
        self.cpu_secs += cpu_secs() - cpu;
        done
    }
}

/// Processor time of the process: fields 14 and 15 of its `stat`.
fn cpu_of_process_secs() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name in parentheses and may hold blanks.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SEC
}

/// Time that this thread was on a processor: the first field of its `schedstat`, nanoseconds.
fn cpu_of_thread_secs() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

/// The most memory that this process has had resident, mapped files included.
pub fn peak_rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// The machine in a few words.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    format!(
        "{} cores, {}, {:.0} GiB, load {load}",
        cores,
        model.unwrap_or("unknown"),
        kib as f64 / (1 << 20) as f64
    )
}

/// The value below which a share of the durations lie.
pub fn percentile(durations: &mut [Duration], share: f64) -> Duration {
    durations.sort_unstable();
    let at = ((durations.len() as f64 * share).ceil() as usize).clamp(1, durations.len().max(1)) - 1;
    durations.get(at).copied().unwrap_or_default()
}
