//! How many events a second a service can record: `cargo bench -p replay --bench recorder`.
//!
//! From a tap's callers to a file, with the recorder's own thread in between. First at a steady rate, one burst a
//! millisecond, then as fast as two threads can, where the queue must overflow and say so; at last with texts of 120 kB. The messages are of a
//! console's size: an input of 60 bytes, an output of 250.
#![expect(clippy::print_stdout, reason = "its output is the result")]

use std::sync::mpsc;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::{Input, Output};
use kit::tap::{Body, Tap};
use replay::recorder::{About, Recorder};

/// Events a second, in bursts of a thousandth.
const RATES: [u64; 4] = [50_000, 100_000, 200_000, 400_000];
const SECONDS: u64 = 5;
const FLOOD_EVENTS: u64 = 1_000_000;
/// Of [`LARGE_BYTES`] each: they must overflow the queue by bytes, and memory must stay near its bound.
const LARGE_EVENTS: u64 = 15_000;
const LARGE_BYTES: usize = 120_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo test --benches` only wants to know that it can be built.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    for rate in RATES {
        measure(&format!("{rate} events/s"), |tap, clock| steady(tap, clock, rate))?;
    }
    measure("no pause", |tap, clock| {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..FLOOD_EVENTS / 2).for_each(|n| record(tap, clock, n)));
            }
        });
    })?;
    measure("large, no pause", |tap, clock| {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..LARGE_EVENTS / 3).for_each(|n| record_large(tap, clock, n)));
            }
        });
    })?;
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("peak memory: {}", peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("not known"));
    Ok(())
}

fn measure(name: &str, load: impl FnOnce(&Tap, &Clock)) -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("depot-bench-{}.mcap", std::process::id()));
    let clock = Clock::start();
    let (recorder, tap) = Recorder::create(&file, &About::default(), clock)?;
    let begun = clock.now();
    load(&tap.of("bench"), &clock);
    let offered = clock.now() - begun;
    drop(tap);
    let summary = recorder.finish();
    let written = clock.now() - begun;
    std::fs::remove_file(&file)?;
    let summary = summary?;
    let all = summary.events + summary.lost;
    println!(
        "{name:>16}: {:.0} events/s offered, {} lost of {all}; {:.0} events/s and {:.1} MB/s of file written",
        all as f64 / offered.as_secs_f64(),
        summary.lost,
        summary.events as f64 / written.as_secs_f64(),
        summary.bytes as f64 / 1e6 / written.as_secs_f64(),
    );
    Ok(())
}

fn steady(tap: &Tap, clock: &Clock, rate: u64) {
    let (_never, ticks) = mpsc::channel::<()>();
    let begun = clock.now();
    for tick in 0..SECONDS * 1_000 {
        let per_tick = rate / 1_000;
        (0..per_tick).for_each(|n| record(tap, clock, tick * per_tick + n));
        let due = begun + Duration::from_millis(tick + 1);
        // A late tick is made up for: the rate is the mean.
        let _ = ticks.recv_timeout(due.saturating_sub(clock.now()));
    }
}

fn record_large(tap: &Tap, clock: &Clock, n: u64) {
    let text = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string().repeat(LARGE_BYTES / 20);
    tap.record(clock.now(), Body::In(Input::Text { conn: 1, text: text.into() }));
}

fn record(tap: &Tap, clock: &Clock, n: u64) {
    let body = if n.is_multiple_of(2) {
        let text = format!(r#"{{"type":"progress","task_id":"{n:08}","progress":75,"waypoint":3}}"#);
        Body::In(Input::Text { conn: n % 50, text: text.into() })
    } else {
        // Half of it as numbers are, which hardly compress, half of it as names are.
        let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let numbers: String = (0..4).map(|k| format!("{:020}", noise.rotate_left(17 * k))).collect();
        let filler = numbers + &"abcdefghij".repeat(11);
        let text = format!(r#"{{"type":"task_update","task":{{"id":"{n:08}","filler":"{filler}"}}}}"#);
        Body::Out(Output::Publish { path: "/ws".to_owned(), text: text.into(), key: Some(1) })
    };
    tap.record(clock.now(), body);
}
