//! What the programs of a server print: journals, services, networks, containers, repositories.

use std::fmt::Write;

use super::commands::{Command, Scene, command, entries, line, silent, time};
use super::random::Random;
use super::screens;
use super::world::APPS;

pub fn journal(scene: &mut Scene) -> Command {
    let (app, _, port, _) = scene.app();
    let host = scene.host.name();
    let mut out = String::new();
    let (pid, lines) = (scene.random.pick(&scene.host.processes).pid, scene.random.range(10, 90));
    for _ in 0..lines {
        let at = time(scene.tick(40), "%b %d %H:%M:%S");
        let _ = write!(out, "{at} {host} ");
        let peer = scene.world.peer(&mut scene.random).to_owned();
        match scene.random.below(10) {
            0 => {
                line(&mut out, format_args!("systemd[1]: Started {app}.service - {app} application server."))
            }
            1 => line(
                &mut out,
                format_args!("systemd[1]: {app}.service: Main process exited, code=exited, status=1/FAILURE"),
            ),
            2 => {
                line(&mut out, format_args!("systemd[1]: Starting Daily Cleanup of Temporary Directories..."))
            }
            3 => line(
                &mut out,
                format_args!(
                    "sshd[{}]: Invalid user admin from {peer} port {}",
                    scene.random.range(900, 32_000),
                    scene.random.range(32_768, 60_999)
                ),
            ),
            4 => line(
                &mut out,
                format_args!(
                    "CROND[{}]: (root) CMD (/usr/lib64/sa/sa1 1 1)",
                    scene.random.range(900, 32_000)
                ),
            ),
            5 => line(&mut out, format_args!("{app}[{pid}]: connection refused: {}:{port}", scene.host.ip)),
            6 => line(
                &mut out,
                format_args!("amazon-ssm-agent[{pid}]: INFO [ssm-session-worker] plugin worker started"),
            ),
            7 => line(
                &mut out,
                format_args!(
                    "kernel: [{}.{}] TCP: request_sock_TCP: Possible SYN flooding on port {port}. Sending cookies.",
                    at.len() * 1000,
                    pid
                ),
            ),
            _ => line(
                &mut out,
                format_args!("{app}[{pid}]: {}", scene.world.words.sentence(&mut scene.random, 4, 12)),
            ),
        }
    }
    let sudo = scene.sudo();
    command(format!("{sudo}journalctl -u {app} --no-pager -n {lines}"), out)
}

pub fn access_lines(scene: &mut Scene) -> Command {
    const AGENTS: [&str; 4] = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "ELB-HealthChecker/2.0",
        "curl/8.5.0",
        "python-requests/2.32.3",
    ];
    let mut out = String::new();
    let lines = *scene.random.pick(&[10, 20, 50, 100]);
    for _ in 0..lines {
        let at = time(scene.tick(3), "%d/%b/%Y:%H:%M:%S +0000");
        let agent = scene.random.pick(&AGENTS);
        let status = scene.random.pick(&[200, 200, 200, 200, 304, 404, 499, 500, 502]);
        let path = match scene.random.below(4) {
            0 => "/healthz".to_owned(),
            1 => format!(
                "/api/v1/{}/{}",
                scene.world.words.draw(&mut scene.random),
                scene.random.range(1, 99_999)
            ),
            2 => format!("/static/{}.js", scene.world.words.draw(&mut scene.random)),
            _ => format!("/api/v1/{}", scene.world.words.draw(&mut scene.random)),
        };
        let bytes = scene.random.range(0, 60_000);
        let peer = scene.world.peer(&mut scene.random);
        line(
            &mut out,
            format_args!("{peer} - - [{at}] \"GET {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\""),
        );
    }
    let sudo = scene.sudo();
    command(format!("{sudo}tail -n {lines} /var/log/nginx/access.log"), out)
}

pub fn application_lines(scene: &mut Scene) -> Command {
    let (app, ..) = scene.app();
    let mut out = String::new();
    let lines = scene.random.range(10, 120);
    for _ in 0..lines {
        let at = time(scene.tick(5), "%Y-%m-%dT%H:%M:%S");
        let millis = scene.random.below(1000);
        let level = *scene.random.pick(&["INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"]);
        let said = scene.world.words.sentence(&mut scene.random, 4, 10);
        match scene.random.below(8) {
            0 => {
                let (request, user) = (scene.random.uuid(), scene.random.range(1000, 60_000));
                line(
                    &mut out,
                    format_args!(
                        "{{\"ts\":\"{at}.{millis:03}Z\",\"level\":\"{level}\",\"service\":\"{app}\",\"request_id\":\"{request}\",\"user_id\":{user},\"msg\":\"{said}\"}}"
                    ),
                );
            }
            1 if level == "ERROR" => {
                line(
                    &mut out,
                    format_args!(
                        "{at}.{millis:03} {level} [{app}] java.net.SocketTimeoutException: connect timed out"
                    ),
                );
                for frame in 0..scene.random.range(4, 16) {
                    let class = scene.world.words.draw(&mut scene.random);
                    line(
                        &mut out,
                        format_args!(
                            "\tat com.example.{}.{class}({class}.java:{})",
                            app.replace('-', ""),
                            40 + frame * 7
                        ),
                    );
                }
            }
            2 => line(
                &mut out,
                format_args!(
                    "{at}.{millis:03} {level} [{app}] GET /api/v1/{} took {millis} ms",
                    scene.world.words.draw(&mut scene.random)
                ),
            ),
            _ => line(
                &mut out,
                format_args!("{at}.{millis:03} {level} [{app}] [worker-{}] {said}", scene.random.below(16)),
            ),
        }
    }
    command(format!("tail -{lines} /var/log/{app}/{app}.log"), out)
}

pub fn unit_status(scene: &mut Scene) -> Command {
    let (app, user, port, program) = scene.app();
    let process = scene.random.pick(&scene.host.processes).pid;
    let since = time(scene.host.booted_at, "%a %Y-%m-%d %H:%M:%S UTC");
    let mut out = String::new();
    line(&mut out, format_args!("\x1b[0;1;32m●\x1b[0m {app}.service - {app} application server"));
    line(
        &mut out,
        format_args!(
            "     Loaded: loaded (/usr/lib/systemd/system/{app}.service; enabled; preset: disabled)"
        ),
    );
    line(
        &mut out,
        format_args!(
            "     Active: \x1b[0;1;32mactive (running)\x1b[0m since {since}; {} days ago",
            (scene.now - scene.host.booted_at) / 86_400
        ),
    );
    line(&mut out, format_args!("   Main PID: {process} ({app})"));
    line(&mut out, format_args!("      Tasks: {} (limit: 18984)", scene.random.range(2, 300)));
    line(&mut out, format_args!("     Memory: {}.{}M", scene.random.range(20, 900), scene.random.below(10)));
    line(&mut out, format_args!("     CGroup: /system.slice/{app}.service"));
    line(&mut out, format_args!("             └─{process} {program}"));
    line(
        &mut out,
        format_args!(
            "\n{} {} {app}[{process}]: listening as {user} on 0.0.0.0:{port}",
            time(scene.host.booted_at, "%b %d %H:%M:%S"),
            scene.host.name()
        ),
    );
    let sudo = scene.sudo();
    command(format!("{sudo}systemctl status {app}"), out)
}

pub fn addresses(scene: &mut Scene) -> Command {
    let ip = &scene.host.ip;
    let parts: Vec<u32> = ip.split('.').filter_map(|part| part.parse().ok()).collect();
    let [_, b, c, d] = parts[..] else { return silent(scene) };
    let mac = format!("0a:ff:{b:02x}:{c:02x}:{d:02x}:01");
    let out = format!(
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    \
         link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n       \
         valid_lft forever preferred_lft forever\n\
         2: ens5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9001 qdisc mq state UP group default qlen 1000\n    \
         link/ether {mac} brd ff:ff:ff:ff:ff:ff\n    inet {ip}/20 metric 512 brd 10.{b}.15.255 scope global dynamic ens5\n       \
         valid_lft {}sec preferred_lft {}sec\n    inet6 fe80::8ff:{b:x}ff:fe{c:02x}:{d:x}01/64 scope link\n",
        scene.now % 3600,
        scene.now % 3600
    );
    command("ip a", out)
}

pub fn sockets(scene: &mut Scene) -> Command {
    let mut out =
        "Netid State  Recv-Q Send-Q    Local Address:Port     Peer Address:Port Process\n".to_owned();
    for &app in &scene.host.apps {
        let (name, _, port, _) = APPS[app];
        line(
            &mut out,
            format_args!(
                "tcp   LISTEN 0      511             0.0.0.0:{port:<8}       0.0.0.0:*     users:((\"{name}\",pid={},fd=6))",
                scene.host.processes[app % 10].pid
            ),
        );
        for _ in 0..scene.random.below(12) {
            let peer = scene.world.peer(&mut scene.random);
            let peer = format!("{peer}:{}", 32_768 + scene.random.below(28_000));
            line(
                &mut out,
                format_args!("tcp   ESTAB  0      0      {:>20}:{port:<8} {peer:>20}", scene.host.ip),
            );
        }
    }
    let sudo = scene.sudo();
    command(format!("{sudo}ss -tanp"), out)
}

pub fn containers(scene: &mut Scene) -> Command {
    let mut out = "CONTAINER ID   IMAGE                                    COMMAND                  CREATED       STATUS       PORTS                    NAMES\n".to_owned();
    for &app in &scene.host.apps {
        let (name, _, port, _) = APPS[app];
        // The ID belongs to the host and the application.
        let id = Random::new(scene.host.booted_at as u64, app as u64).hex(12);
        line(
            &mut out,
            format_args!(
                "{id}   registry.example.internal/{name}:1.{app}.7   \"/docker-entrypoint.…\"   3 weeks ago   Up 3 weeks   0.0.0.0:{port}->{port}/tcp   {name}-1"
            ),
        );
    }
    let sudo = scene.sudo();
    command(format!("{sudo}docker ps"), out)
}

pub fn pods(scene: &mut Scene) -> Command {
    let namespace = *scene.random.pick(&["default", "payments", "kube-system", "monitoring"]);
    let mut out =
        "NAME                                   READY   STATUS             RESTARTS       AGE\n".to_owned();
    // Pods belong to the account and the namespace and are replaced every two days.
    let mut named =
        Random::new(scene.host.account as u64, (scene.now / 172_800) as u64 ^ namespace.len() as u64);
    for at in 0..named.range(6, 30) {
        let (app, ..) = APPS[at % APPS.len()];
        let pod = format!("{app}-{}-{}", named.hex(9), named.hex(5));
        let status =
            *scene.random.pick(&["Running", "Running", "Running", "Running", "CrashLoopBackOff", "Pending"]);
        let restarts = if status == "Running" { 0 } else { scene.random.below(60) };
        line(&mut out, format_args!("{pod:<38} 1/1     {status:<18} {restarts:<14} {}d", 1 + at % 9));
    }
    command(format!("kubectl get pods -n {namespace}"), out)
}

/// The configuration file of an application: the same text on every host.
pub fn configuration_of(scene: &Scene, app: usize) -> String {
    let (name, user, port, _) = APPS[app];
    let mut random = Random::new(0x00c0_ffee, app as u64);
    let mut out = format!("# {name} configuration, managed by ansible\n");
    for section in 0..random.range(3, 8) {
        line(&mut out, format_args!("\n[{}]", scene.world.words.draw(&mut random)));
        if section == 0 {
            line(&mut out, format_args!("user = {user}\nport = {port}"));
        }
        for _ in 0..random.range(3, 12) {
            let key = scene.world.words.draw(&mut random).replace([' ', '.', '-'], "_");
            match random.below(4) {
                0 => line(&mut out, format_args!("{key} = {}", random.range(1, 100_000))),
                1 => line(&mut out, format_args!("{key} = {}", random.one_in(2))),
                2 => line(&mut out, format_args!("# {}", scene.world.words.sentence(&mut random, 5, 12))),
                _ => line(&mut out, format_args!("{key} = \"{}\"", scene.world.words.draw(&mut random))),
            }
        }
    }
    out
}

pub fn configuration(scene: &mut Scene) -> Command {
    let app = *scene.random.pick(&scene.host.apps);
    let out = configuration_of(scene, app);
    let sudo = scene.sudo();
    command(format!("{sudo}cat /etc/{0}/{0}.conf", APPS[app].0), out)
}

pub fn environment(scene: &mut Scene) -> Command {
    let (app, user, port, _) = scene.app();
    let mut out = String::new();
    line(
        &mut out,
        format_args!("SHELL=/bin/bash\nTERM=xterm-256color\nUSER={user}\nHOME=/home/{user}\nLANG=C.UTF-8"),
    );
    line(
        &mut out,
        format_args!(
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nAPP={app}\nAPP_PORT={port}"
        ),
    );
    line(
        &mut out,
        format_args!(
            "AWS_DEFAULT_REGION={}\nHOSTNAME={}\nPWD={}",
            scene.host.region,
            scene.host.name(),
            scene.directory
        ),
    );
    line(&mut out, format_args!("DB_URL=postgres://{user}:changeme@db.{app}.example.internal:5432/{app}"));
    command("env", out)
}

pub fn commits(scene: &mut Scene) -> Command {
    let mut out = String::new();
    // The history of a repository grows, so its old end is always the same.
    let (app, ..) = scene.app();
    let mut named = Random::new(app.len() as u64, port_of(app));
    for _ in 0..20 {
        line(
            &mut out,
            format_args!("\x1b[33m{}\x1b[m {}", named.hex(7), scene.world.words.sentence(&mut named, 3, 8)),
        );
    }
    command("git log --oneline -20", out)
}

fn port_of(app: &str) -> u64 {
    APPS.iter().find(|(name, ..)| *name == app).map_or(0, |(_, _, port, _)| u64::from(*port))
}

pub fn work_tree(scene: &mut Scene) -> Command {
    let (_, entries) = entries(scene);
    let mut out =
        "On branch main\nYour branch is up to date with 'origin/main'.\n\nChanges not staged for commit:\n"
            .to_owned();
    for entry in entries.iter().take(4) {
        line(&mut out, format_args!("\t\x1b[31mmodified:   {}\x1b[m", entry.name));
    }
    command("git status", out)
}

pub fn request(scene: &mut Scene) -> Command {
    let (app, _, port, _) = scene.app();
    let ip = scene.host.ip.clone();
    let mut out = String::new();
    line(
        &mut out,
        format_args!("*   Trying {ip}:{port}...\n* Connected to {app}.example.internal ({ip}) port {port}"),
    );
    line(
        &mut out,
        format_args!(
            "> GET /healthz HTTP/1.1\n> Host: {app}.example.internal:{port}\n> User-Agent: curl/8.5.0\n> Accept: */*\n>"
        ),
    );
    line(
        &mut out,
        format_args!(
            "< HTTP/1.1 200 OK\n< Content-Type: application/json\n< Date: {}",
            time(scene.now, "%a, %d %b %Y %H:%M:%S GMT")
        ),
    );
    line(
        &mut out,
        format_args!(
            "< X-Request-Id: {}\n<\n{{\"status\":\"UP\",\"checks\":[]}}\n* Connection #0 to host {app}.example.internal left intact",
            scene.random.uuid()
        ),
    );
    command(format!("curl -v http://{app}.example.internal:{port}/healthz 2>&1"), out)
}

pub fn packages(scene: &mut Scene) -> Command {
    let mut out = "Reading package lists... Done\nBuilding dependency tree... Done\nReading state information... Done\n".to_owned();
    let names =
        ["libssl3", "openssl", "curl", "libcurl4", "linux-image-aws", "systemd", "libsystemd0", "tzdata"];
    line(&mut out, format_args!("The following packages will be upgraded:\n  {}", names.join(" ")));
    for (at, name) in names.iter().enumerate() {
        line(
            &mut out,
            format_args!(
                "Get:{} http://{}.ec2.archive.ubuntu.com/ubuntu jammy-updates/main amd64 {name} amd64 3.0.{} [{} kB]",
                at + 1,
                scene.host.region,
                at,
                100 * at + 7
            ),
        );
        out.push_str(&screens::progress_bar(&mut scene.random, name));
    }
    for name in names {
        line(&mut out, format_args!("Setting up {name} ..."));
    }
    command("sudo apt-get upgrade -y", out)
}
