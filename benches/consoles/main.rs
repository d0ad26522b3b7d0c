//! Byte to WebSocket through the whole depot: `cargo bench --bench consoles [-- CONSOLES SECONDS]`. What recording
//! costs, by itself and more exactly: `cargo bench --bench consoles -- recording [CONSOLES SECONDS ROUNDS]`.
//!
//! The program itself reads a made-up receiver over TCP, ten epochs a second, and tells every console. Beside
//! it, in the same run, the same bytes through the usual shell: a broadcast channel, one serialisation per
//! console, one flush per message. And because a base gives one message at a time where batching gains nothing,
//! both shells once more with ten small messages at a time, as a fleet will make them.
//!
//! Each contestant and the consoles are processes of their own, so that CPU time and memory are the
//! contestant's alone.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its report, and fails by panicking"
)]

mod consoles;
mod process;
mod receiver;
mod shells;

use std::env;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::Runtime;

use consoles::{Consoles, Report};
use process::Contestant;
use receiver::Receiver;
use shells::{FLEET_MESSAGES, Kind};

const CONSOLES: usize = 1000;
/// Of each contestant; with connecting, five of them take less than twenty.
const SECONDS: u64 = 2;
/// In which the depot runs with and without recording, by turns: what else the machine does comes and goes.
const ROUNDS: usize = 7;
/// Descriptors beyond one for each console.
const OTHER_FILES: u64 = 200;
/// Epochs before anyone connects: the status has grown to its full size.
const WARM_UP_EPOCHS: u64 = 10;

fn main() {
    let mut args: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = Runtime::new().unwrap();
    match args.first().map(String::as_str) {
        Some("as-consoles") => return runtime.block_on(consoles::run(&args[1], args[2].parse().unwrap())),
        Some("as-shell") => return runtime.block_on(shells::run(args[1].parse().unwrap(), &args[2])),
        _ => {}
    }
    if !env::args().any(|arg| arg == "--bench") {
        return println!("measures only when asked to: cargo bench --bench consoles");
    }
    let by_turns = args.first().is_some_and(|arg| arg == "recording");
    args.drain(..usize::from(by_turns));
    args.resize(3, String::new());
    let consoles = args[0].parse().unwrap_or(CONSOLES);
    let seconds = args[1].parse().unwrap_or(SECONDS);
    allow_files(consoles as u64 + OTHER_FILES);
    println!("{consoles} consoles, ten epochs a second, {seconds} s each; time from an epoch's last byte");
    println!(
        "{:<50} {:>8} {:>8} {:>12} {:>10} {:>10}",
        "", "p50 ms", "p99 ms", "msg/CPU s", "idle B", "used B"
    );
    let run = |contestant| {
        let row = runtime.block_on(measure(contestant, consoles, seconds));
        println!("{row}");
        row
    };
    if by_turns {
        return recording_costs(args[2].parse().unwrap_or(ROUNDS), run);
    }
    let depot = run(Contestant::Depot { record: false });
    let recording = run(Contestant::Depot { record: true });
    let usual = run(Contestant::Shell(Kind::Usual));
    let fleet = run(Contestant::Shell(Kind::KitFleet));
    let usual_fleet = run(Contestant::Shell(Kind::UsualFleet));
    let ratio = |what: &str, a: f64, b: f64| println!("{what:<50} {:>8.2}", a / b);
    println!("\nmessages per CPU second, ratios");
    ratio("depot / flush per message", depot.per_cpu_s(), usual.per_cpu_s());
    ratio("the same, ten small messages at a time", fleet.per_cpu_s(), usual_fleet.per_cpu_s());
    ratio("recording / not recording", recording.per_cpu_s(), depot.per_cpu_s());
    println!("memory of a connection, ratio");
    ratio("flush per message / depot", usual.idle_bytes, depot.idle_bytes);
}

/// The median of both, and of what the second run of each round took more than the first.
fn recording_costs(rounds: usize, run: impl Fn(Contestant) -> Row) {
    let (mut off, mut on, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut cost = [0.0; 2];
        // Who comes first changes, too.
        for record in [round % 2 == 1, round % 2 == 0] {
            let row = run(Contestant::Depot { record });
            assert!(row.lost.unwrap_or(0) == 0, "events were lost");
            cost[usize::from(record)] = row.cpu_s / row.report.messages as f64 * 1e6;
        }
        off.push(cost[0]);
        on.push(cost[1]);
        ratios.push(cost[0] / cost[1]);
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!("\nCPU time of a message, median of {rounds} rounds");
    let (off, on, ratio) = (median(&mut off), median(&mut on), median(&mut ratios));
    println!("not recording {off:.2} µs, recording {on:.2} µs; throughput {:.3}", off / on);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    println!("throughput by rounds: median {ratio:.3}, from {least:.3} to {most:.3}");
}

/// Debian lets a process open 1,024 files until it asks for more.
fn allow_files(count: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard >= count, "{count} open files are needed and {hard} allowed: raise the limit (ulimit -Hn)");
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(count), hard).unwrap();
}

struct Row {
    name: String,
    report: Report,
    cpu_s: f64,
    /// Memory of one more connection that has got its first message, and no other.
    idle_bytes: f64,
    /// Memory of a connection at the end.
    used_bytes: f64,
    lost: Option<u64>,
}

impl Row {
    fn per_cpu_s(&self) -> f64 {
        self.report.messages as f64 / self.cpu_s
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, report, cpu_s, idle_bytes, used_bytes, lost } = self;
        let Report { messages, p50_ms, p99_ms, missed } = report;
        write!(f, "{name:<50} {p50_ms:>8.2} {p99_ms:>8.2} {:>12.0}", self.per_cpu_s())?;
        write!(f, " {idle_bytes:>10.0} {used_bytes:>10.0}   ({messages} messages, {cpu_s:.2} s CPU")?;
        if *missed > 0 {
            write!(f, ", {missed} missed")?;
        }
        lost.map_or(Ok(()), |lost| write!(f, ", {lost} events lost"))?;
        f.write_str(")")
    }
}

async fn measure(contestant: Contestant, count: usize, seconds: u64) -> Row {
    let mut receiver = Receiver::listen(contestant.input()).await;
    let running = contestant.start(&receiver.address).await;
    for _ in 0..WARM_UP_EPOCHS {
        receiver.epoch().await;
    }
    let alone = running.resident_bytes();
    let mut consoles = Consoles::start(&running.address, count);
    consoles.wait_for("half").await;
    let half = running.resident_bytes();
    consoles.go_on();
    consoles.wait_for("all").await;
    let all = running.resident_bytes();

    let cpu_s = running.cpu_seconds();
    for _ in 0..seconds * 10 {
        let (number, sent) = receiver.epoch().await;
        consoles.sent(number, sent);
    }
    let report = consoles.finish().await;
    let cpu_s = running.cpu_seconds() - cpu_s;
    let used_bytes = (running.resident_bytes() - alone) / count as f64;
    let idle_bytes = (all - half) / (count - count / 2) as f64;
    let lost = running.stop().await;
    Row { name: contestant.name(), report, cpu_s, idle_bytes, used_bytes, lost }
}

impl Contestant {
    fn name(self) -> String {
        match self {
            Self::Depot { record: false } => "depot up".into(),
            Self::Depot { record: true } => "depot up --record".into(),
            Self::Shell(Kind::Usual) => "flush per message".into(),
            Self::Shell(Kind::KitFleet) => format!("the depot's shell, {FLEET_MESSAGES} small at a time"),
            Self::Shell(Kind::UsualFleet) => format!("flush per message, {FLEET_MESSAGES} small at a time"),
        }
    }
}
