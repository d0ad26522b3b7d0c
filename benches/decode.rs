//! How fast a capture becomes JSON lines: `cargo bench --bench decode`.
//!
//! 100 MB made by repeating the captures of `../shared/gnss`, decoded by `depot gnss decode` and, in the same
//! run and in turn, by gpsd's `gpsdecode`. The ratios are what compares between machines; processor time
//! (user and system) is the steadier of the two where others use the machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

const TOTAL_BYTES: usize = 100_000_000;
const REPETITIONS: usize = 3;
/// A surveyed-in ZED-F9P base: NMEA, UBX and RTCM 3 interleaved.
const BASE: &str = "pygnssutils/pygpsdata-rtcm3.log";

fn main() {
    // `cargo bench` says --bench; `cargo test` and nextest don't, and have nothing to wait for.
    let args: Vec<_> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") || args.iter().any(|arg| arg == "--test") {
        return;
    }
    if let Err(reason) = run() {
        let required = std::env::var_os("DEPOT_REQUIRE_PEERS").is_some_and(|v| !v.is_empty());
        assert!(!required, "{reason}");
        tell(&format!("skipped: {reason}"));
    }
}

fn run() -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/gnss");
    let names = captures(&folder)?;
    if let Err(error) = Command::new("gpsdecode").arg("-V").stdout(Stdio::null()).status() {
        return Err(format!("gpsdecode (Debian gpsd-clients) doesn't run: {error}"));
    }
    let scratch = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
    let all: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    for (title, files) in [("all captures", all.as_slice()), (BASE, &[folder.join(BASE)])] {
        let input = scratch.path().join("input");
        fs::write(&input, repeated(files)).map_err(|error| format!("{}: {error}", input.display()))?;
        compare(title, &input);
    }
    Ok(())
}

/// Names of all files that hold a receiver's or a caster's bytes.
fn captures(folder: &Path) -> Result<Vec<String>, String> {
    let counts = fs::read(folder.join("COUNTS.json"))
        .map_err(|error| format!("no captures in {}: {error}", folder.display()))?;
    let counts: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&counts).map_err(|error| format!("COUNTS.json: {error}"))?;
    Ok(counts.keys().cloned().collect())
}

fn repeated(files: &[PathBuf]) -> Vec<u8> {
    let once: Vec<u8> =
        files.iter().flat_map(|file| fs::read(file).expect("a capture can be read")).collect();
    once.iter().copied().cycle().take(TOTAL_BYTES.next_multiple_of(once.len())).collect()
}

fn compare(title: &str, input: &Path) {
    let megabytes = fs::metadata(input).map_or(0.0, |metadata| metadata.len() as f64 / 1e6);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        ours.push(time(Command::new(env!("CARGO_BIN_EXE_depot")).args(["gnss", "decode"]).arg(input)));
        let stdin = File::open(input).expect("it was just written");
        theirs.push(time(Command::new("gpsdecode").arg("-j").stdin(stdin)));
    }
    let (ours, theirs) = (Spent::best(&ours), Spent::best(&theirs));
    tell(&format!("\n{title}: {megabytes:.0} MB to JSON lines, best of {REPETITIONS}"));
    for (name, spent) in [("depot gnss decode", ours), ("gpsdecode -j", theirs)] {
        let (wall, cpu) = (spent.wall.as_secs_f64(), spent.cpu.as_secs_f64());
        tell(&format!(
            "  {name:<18} wall {wall:>6.2} s {:>6.1} MB/s   processor {cpu:>6.2} s {:>6.1} MB/s",
            megabytes / wall,
            megabytes / cpu,
        ));
    }
    tell(&format!(
        "  {:<18} wall {:>6.1} ×               processor {:>6.1} ×",
        "ratio",
        theirs.wall.as_secs_f64() / ours.wall.as_secs_f64(),
        theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64(),
    ));
}

/// What a run took.
#[derive(Clone, Copy)]
struct Spent {
    wall: Duration,
    /// User and system.
    cpu: Duration,
}

impl Spent {
    /// The least of each: what others do on the machine only adds.
    fn best(runs: &[Self]) -> Self {
        let least = |of: fn(&Self) -> Duration| runs.iter().map(of).min().unwrap_or_default();
        Self { wall: least(|run| run.wall), cpu: least(|run| run.cpu) }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn time(command: &mut Command) -> Spent {
    let (start, before) = (Instant::now(), cpu_of_children());
    let status = command.stdout(Stdio::null()).status().expect("the program runs");
    let spent = Spent { wall: start.elapsed(), cpu: cpu_of_children() - before };
    assert!(status.success(), "{command:?} ended with {status}");
    spent
}

/// User and system time of all children that have ended.
fn cpu_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system keeps account");
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1_000))
        .sum()
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn tell(line: &str) {
    println!("{line}");
}
