//! What a recording proxy costs: `cargo bench --bench proxy [-- CONNECTIONS SECONDS]`.
//!
//! One WebSocket echo service, and before it nothing, a bare TCP tee (the same two copies, no reading of what is
//! copied), `depot record`, and `mitmdump` that records too. Each is a process of its own, so that CPU time is
//! the contestant's alone, and all take their turns several times, so that a busy moment of the machine hits
//! one turn and not one contestant; the middle of the turns is told.
//!
//! mitmdump is installed from PyPI into `target/mitmproxy` when it isn't there; without it that row is skipped.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench prints its report, fails by panicking, and reads the clock"
)]

mod contestants;
mod load;

use std::env;

use tokio::runtime::Runtime;

use contestants::{Contestant, mitmdump};

const CONNECTIONS: usize = 16;
/// Of each contestant's throughput in each turn.
const SECONDS: u64 = 3;
/// Turns of each contestant.
const TURNS: usize = 3;
/// Round trips whose times are taken, in each turn.
const ROUND_TRIPS: usize = 2_000;

fn main() {
    let mut args: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = Runtime::new().unwrap();
    match args.first().map(String::as_str) {
        Some("as-echo") => return runtime.block_on(contestants::echo()),
        Some("as-tee") => return runtime.block_on(contestants::tee(&args[1])),
        _ => {}
    }
    if !env::args().any(|arg| arg == "--bench") {
        return println!("measures only when asked to: cargo bench --bench proxy");
    }
    args.resize(2, String::new());
    let connections = args[0].parse().unwrap_or(CONNECTIONS);
    let seconds = args[1].parse().unwrap_or(SECONDS);
    let mitmdump = mitmdump();
    let mut contestants = vec![Contestant::Nothing, Contestant::Tee, Contestant::Depot];
    match mitmdump {
        Ok(program) => contestants.push(Contestant::Mitmdump(program)),
        Err(reason) => println!("skipped: mitmdump, {reason}"),
    }
    println!(
        "text of {} bytes there and back, {ROUND_TRIPS} alone for the times, then {connections} connections for {seconds} s; \
         the middle of {TURNS} turns",
        load::MESSAGE_BYTES
    );
    let mut turns = vec![Vec::new(); contestants.len()];
    for _ in 0..TURNS {
        for (contestant, turns) in contestants.iter().zip(&mut turns) {
            turns.push(runtime.block_on(measure(contestant, connections, seconds)));
        }
    }
    let rows: Vec<Row> = turns.into_iter().map(|turns| middle(&turns)).collect();
    println!(
        "{:<14} {:>9} {:>9} {:>11} {:>11} {:>12} {:>11}",
        "", "p50 µs", "p99 µs", "added p50", "added p99", "msg/CPU s", "msg/s"
    );
    let direct = &rows[0];
    for (contestant, row) in contestants.iter().zip(&rows) {
        println!(
            "{:<14} {:>9.1} {:>9.1} {:>11.1} {:>11.1} {:>12.0} {:>11.0}{}",
            contestant.name(),
            row.p50_us,
            row.p99_us,
            row.p50_us - direct.p50_us,
            row.p99_us - direct.p99_us,
            row.per_cpu_s,
            row.per_s,
            if row.lost > 0.0 { format!("   {} events lost", row.lost) } else { String::new() },
        );
    }
    let ratio = |what: &str, a: f64, b: f64| println!("{what:<52} {:>8.2}", a / b);
    println!("\nratios");
    ratio("added p50, depot record / tee", rows[2].p50_us - direct.p50_us, rows[1].p50_us - direct.p50_us);
    ratio("added p99, depot record / tee", rows[2].p99_us - direct.p99_us, rows[1].p99_us - direct.p99_us);
    ratio("messages per CPU second, tee / depot record", rows[1].per_cpu_s, rows[2].per_cpu_s);
    if let Some(mitmdump) = rows.get(3) {
        ratio(
            "added p50, mitmdump / depot record",
            mitmdump.p50_us - direct.p50_us,
            rows[2].p50_us - direct.p50_us,
        );
        ratio(
            "added p99, mitmdump / depot record",
            mitmdump.p99_us - direct.p99_us,
            rows[2].p99_us - direct.p99_us,
        );
        ratio("messages per CPU second, depot record / mitmdump", rows[2].per_cpu_s, mitmdump.per_cpu_s);
    }
}

#[derive(Clone, Copy, Debug)]
struct Row {
    p50_us: f64,
    p99_us: f64,
    per_cpu_s: f64,
    per_s: f64,
    lost: f64,
}

/// Of each figure.
fn middle(turns: &[Row]) -> Row {
    let of = |figure: fn(&Row) -> f64| {
        let mut figures: Vec<f64> = turns.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Row {
        p50_us: of(|row| row.p50_us),
        p99_us: of(|row| row.p99_us),
        per_cpu_s: of(|row| row.per_cpu_s),
        per_s: of(|row| row.per_s),
        lost: of(|row| row.lost),
    }
}

async fn measure(contestant: &Contestant, connections: usize, seconds: u64) -> Row {
    let running = contestant.start().await;
    let (p50_us, p99_us) = load::round_trips(&running.address, ROUND_TRIPS).await;
    let before = running.cpu_seconds();
    let messages = load::throughput(&running.address, connections, seconds).await;
    let cpu_s = running.cpu_seconds() - before;
    let lost = running.stop().await.unwrap_or_default() as f64;
    Row { p50_us, p99_us, per_cpu_s: messages / cpu_s, per_s: messages / seconds as f64, lost }
}
