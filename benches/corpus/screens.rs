//! Programs that paint: progress bars on one line, editors, pagers and monitors on the whole screen.

use std::fmt::Write;

use super::commands::{Command, Scene, time};
use super::programs::configuration_of;
use super::random::Random;
use super::world::APPS;

const ROWS: usize = 40;

/// A bar that is drawn over and over on its line.
pub fn progress_bar(random: &mut Random, name: &str) -> String {
    let mut out = String::new();
    let mut percent = 0;
    while percent < 100 {
        percent = (percent + random.range(2, 17)).min(100);
        let bar = "=".repeat(percent * 30 / 100);
        let _ = write!(
            out,
            "\r{name:<20.20} {percent:>3}%[{bar:<30}] {:>6}K  {}.{}MB/s",
            percent * 97,
            percent % 9,
            percent % 7
        );
    }
    out.push('\n');
    out
}

/// An editor on the alternate screen: a page of a file, some moving about, an insertion, and out.
pub fn editor(scene: &mut Scene) -> Command {
    let app = *scene.random.pick(&scene.host.apps);
    let name = APPS[app].0;
    let text = configuration_of(scene, app);
    let lines: Vec<&str> = text.lines().collect();
    let mut out = "\x1b[?1049h\x1b[22;0;0t\x1b[>4;2m\x1b[?1h\x1b=\x1b[?2004h\x1b[1;40r\x1b[?12h\x1b[?12l\x1b[22;2t\x1b[22;1t\x1b[27m\x1b[23m\x1b[29m\x1b[m\x1b[H\x1b[2J\x1b[?25l".to_owned();
    let _ = write!(out, "\x1b[40;1H\"/etc/{name}/{name}.conf\" {}L, {}B", lines.len(), text.len());
    for row in 1..ROWS {
        match lines.get(row - 1) {
            Some(line) if line.starts_with('#') => {
                let _ = write!(out, "\x1b[{row};1H\x1b[34m{line}\x1b[m");
            }
            Some(line) => {
                let _ = write!(out, "\x1b[{row};1H{line}");
            }
            None => {
                let _ = write!(out, "\x1b[{row};1H\x1b[94m~\x1b[m");
            }
        }
    }
    for _ in 0..scene.random.range(3, 60) {
        let (row, column) = (scene.random.range(1, ROWS - 1), scene.random.range(1, 60));
        let _ = write!(out, "\x1b[?25l\x1b[40;63H{row},{column}\x1b[9C\x1b[{row};{column}H\x1b[34h\x1b[?25h");
    }
    let word = scene.world.words.draw(&mut scene.random);
    out.push_str("\x1b[?25l\x1b[40;1H\x1b[1m-- INSERT --\x1b[m\x1b[40;13H\x1b[K");
    for (at, letter) in word.chars().enumerate() {
        let _ = write!(out, "\x1b[12;{}H{letter}", at + 5);
    }
    out.push_str("\x1b[40;1H\x1b[K:wq\r\x1b[?2004l\x1b[>4;m\x1b[23;0;0t\x1b[?1l\x1b>\x1b[?1049l");
    let sudo = if scene.root { "" } else { "sudo " };
    Command { text: format!("{sudo}vim /etc/{name}/{name}.conf"), output: out }
}

/// A monitor that repaints itself in place, without the alternate screen.
pub fn top(scene: &mut Scene) -> Command {
    let mut out = "\x1b[?1h\x1b=\x1b[?25l\x1b[H\x1b[2J".to_owned();
    for _ in 0..scene.random.range(1, 8) {
        scene.now += 3;
        let days = (scene.now - scene.host.booted_at) / 86_400;
        let load = scene.random.range(1, 400);
        let _ = writeln!(
            out,
            "\x1b[H\x1b[mtop - {} up {days} days,  2:11,  1 user,  load average: {}.{:02}, 0.31, 0.22\x1b[m\x1b[K",
            time(scene.now, "%H:%M:%S"),
            load / 100,
            load % 100
        );
        let _ = writeln!(
            out,
            "Tasks:\x1b[m\x1b[1m {} \x1b[mtotal,\x1b[m\x1b[1m   1 \x1b[mrunning\x1b[m\x1b[K",
            scene.host.processes.len()
        );
        let _ = writeln!(
            out,
            "\x1b[K\n\x1b[7m    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND                  \x1b[m\x1b[K"
        );
        for process in scene.host.processes.iter().take(ROWS - 6) {
            let busy = scene.random.below(300);
            let program = process
                .command
                .split([' ', ':'])
                .next()
                .and_then(|path| path.rsplit('/').next())
                .unwrap_or("-");
            let _ = writeln!(
                out,
                "\x1b[m{:>7} {:<8}  20   0 {:>7} {:>6}   8820 S {:>5.1} {:>5.1} {:>6}:{:02}.{:02} {program}\x1b[m\x1b[K",
                process.pid,
                process.user,
                process.memory_kib * 3,
                process.memory_kib,
                busy as f64 / 10.0,
                process.memory_kib as f64 / 80_000.0,
                process.pid % 50,
                busy % 60,
                busy % 100
            );
        }
        out.push_str("\x1b[J");
    }
    out.push_str("\x1b[?1l\x1b>\x1b[40;1H\n\x1b[?25h\x1b[K");
    Command { text: "top".to_owned(), output: out }
}

/// A pager on the alternate screen, leafing through a file.
pub fn pager(scene: &mut Scene) -> Command {
    let app = *scene.random.pick(&scene.host.apps);
    let name = APPS[app].0;
    let mut out = "\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\r".to_owned();
    for _ in 0..scene.random.range(1, 4) {
        for _ in 1..ROWS {
            let _ = writeln!(
                out,
                "{} {name}: {}\x1b[m",
                time(scene.now, "%b %d %H:%M:%S"),
                scene.world.words.sentence(&mut scene.random, 4, 10)
            );
            scene.now += 2;
        }
        out.push_str("\x1b[7m:\x1b[27m\x1b[K\r\x1b[K");
    }
    out.push_str("\r\x1b[K\x1b[?1l\x1b>\x1b[?1049l\x1b[23;0;0t");
    Command { text: format!("less /var/log/{name}/{name}.log"), output: out }
}
