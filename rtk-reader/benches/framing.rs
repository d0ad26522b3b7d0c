//! How fast the framer is: `cargo bench -p rtk-reader --bench framing`.
//!
//! 100 MB made by repeating the captures of `../shared/gnss`, framed with all checksums on one core, beside
//! passes over the same bytes that any framer needs at least, timed in the same run: the ratios are what
//! compares between machines. And hostile bytes, beside the fastest line rate.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rtk_reader::Timestamp;
use rtk_reader::frame::checksum::{crc24q, nmea_checksum, ubx_checksum};
use rtk_reader::frame::{Framer, Protocol};

const TOTAL_BYTES: usize = 100_000_000;
const HOSTILE_BYTES: usize = 4_000_000;
const REPETITIONS: usize = 7;
/// 921,600 baud with a start and a stop bit.
const FASTEST_LINE_BYTES_PER_S: f64 = 92_160.0;

fn main() {
    // `cargo bench` says --bench; `cargo test` and nextest don't, and have nothing to wait for.
    let mut args = std::env::args().skip(1);
    if !args.any(|arg| arg == "--bench") || std::env::args().any(|arg| arg == "--test") {
        return;
    }
    match captures() {
        Ok(files) => {
            say("all captures", &repeated(&files));
            let base: Vec<_> = files.into_iter().filter(|f| f.ends_with("pygpsdata-rtcm3.log")).collect();
            say("F9P base (pygnssutils/pygpsdata-rtcm3.log)", &repeated(&base));
        }
        Err(reason) => {
            let required = std::env::var_os("DEPOT_REQUIRE_PEERS").is_some_and(|v| !v.is_empty());
            assert!(!required, "{reason}");
            tell(&format!("skipped: {reason}"));
        }
    }
    say_hostile();
}

fn say(name: &str, bytes: &[u8]) {
    let (mut places, mut shares) = (Vec::new(), [0_usize; 3]);
    Framer::new().push(Timestamp::ZERO, bytes, &mut |frame| {
        shares[frame.protocol as usize] += frame.bytes.len();
        places.push((frame.protocol, frame.offset as usize, frame.bytes.len()));
    });
    let percent = |p: Protocol| 100.0 * shares[p as usize] as f64 / bytes.len() as f64;
    tell(&format!(
        "\n{name}: {} bytes, {} frames; {:.0} % NMEA, {:.0} % UBX, {:.0} % RTCM",
        bytes.len(),
        places.len(),
        percent(Protocol::Nmea),
        percent(Protocol::Ubx),
        percent(Protocol::Rtcm),
    ));
    let count = |chunk| {
        let mut n = 0;
        frame_all(bytes, chunk, |_, len| n += len);
        n
    };
    let checksums = measure(bytes.len(), || checksums_alone(bytes, &places));
    let rows = [
        ("framer, whole", measure(bytes.len(), || count(usize::MAX))),
        ("framer, chunks of 64 KiB", measure(bytes.len(), || count(65_536))),
        ("framer, chunks of 4096", measure(bytes.len(), || count(4096))),
        ("framer, chunks of 64", measure(bytes.len(), || count(64))),
        ("CRC-24Q over all", measure(bytes.len(), || crc24q(bytes) as usize)),
        ("memchr of LF over all", measure(bytes.len(), || memchr::memchr_iter(b'\n', bytes).count())),
        ("XOR over all", measure(bytes.len(), || usize::from(nmea_checksum(bytes)))),
        ("checksums alone, frames known", checksums),
    ];
    for (row, speed) in rows {
        let ratio = speed.best / checksums.best;
        tell(&format!(
            "  {row:<32} best {:>6.0} MB/s  median {:>6.0} MB/s  {ratio:>6.2} of checksums alone",
            speed.best, speed.median
        ));
    }
}

/// The limit: each frame's checksum and nothing else, the places of the frames being given.
fn checksums_alone(bytes: &[u8], places: &[(Protocol, usize, usize)]) -> usize {
    places.iter().fold(0, |sum, &(protocol, start, len)| {
        let frame = &bytes[start..start + len];
        sum ^ match protocol {
            Protocol::Nmea => usize::from(nmea_checksum(frame)),
            Protocol::Ubx => usize::from(ubx_checksum(&frame[2..len - 2])[1]),
            Protocol::Rtcm => crc24q(frame) as usize,
        }
    })
}

fn say_hostile() {
    let patterns: [(&str, &[u8]); 7] = [
        ("UBX claiming 32,767 bytes", b"\xB5\x62\0\0\xFF\x7F"),
        ("UBX claiming 65,535 bytes", b"\xB5\x62\0\0\xFF\xFF"),
        ("UBX claiming 1,000 bytes", b"\xB5\x62\0\0\xE8\x03"),
        ("RTCM claiming 979 bytes", b"\xD3\x03"),
        ("RTCM claiming 1,023 bytes", b"\xD3\x03\xFF"),
        ("dollars without a line end", b"$"),
        ("zeros", b"\0"),
    ];
    tell(&format!("\nhostile bytes, {HOSTILE_BYTES} of each in chunks of 4096, against 921,600 baud"));
    for (name, pattern) in patterns {
        let bytes: Vec<u8> = pattern.iter().copied().cycle().take(HOSTILE_BYTES).collect();
        let speed = measure_times(1, bytes.len(), || {
            let mut n = 0;
            frame_all(&bytes, 4096, |_, len| n += len);
            n
        });
        let times = speed.best * 1e6 / FASTEST_LINE_BYTES_PER_S;
        tell(&format!("  {name:<32} {:>8.1} MB/s  {times:>8.0} times the line", speed.best));
    }
    say_looks();
}

/// What a look behind a stalled candidate costs at worst, when it finds nothing.
fn say_looks() {
    let mut bytes = b"\xB5\x62\0\0\xFF\xFF".to_vec();
    for pattern in [b"\xB5\x62\0\0\xFF\x3F".as_slice(), b"\xD3\x03"] {
        bytes.truncate(6);
        bytes.extend(pattern.iter().cycle().take(65_500));
        let mut framer = Framer::new();
        framer.push(Timestamp::ZERO, &bytes, &mut |_| {});
        let mut now = Timestamp::ZERO;
        let speed = measure(bytes.len(), || {
            now += Duration::from_secs(1);
            framer.handle_timeout(now, &mut |_| {});
            framer.pending_bytes()
        });
        let look_ms = bytes.len() as f64 / speed.median / 1e3;
        tell(&format!("  one look over 64 KiB of {pattern:02X?}: {look_ms:.2} ms of each 150"));
    }
}

fn frame_all(bytes: &[u8], chunk: usize, mut each: impl FnMut(Protocol, usize)) {
    let mut framer = Framer::new();
    let mut sink = |frame: rtk_reader::frame::Frame<'_>| each(frame.protocol, frame.bytes.len());
    for part in bytes.chunks(chunk) {
        framer.push(Timestamp::ZERO, part, &mut sink);
    }
    framer.finish(&mut sink);
}

/// In millions of bytes a second.
#[derive(Clone, Copy)]
struct Speed {
    best: f64,
    median: f64,
}

fn measure(bytes: usize, work: impl FnMut() -> usize) -> Speed {
    measure_times(REPETITIONS, bytes, work)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn measure_times(repetitions: usize, bytes: usize, mut work: impl FnMut() -> usize) -> Speed {
    black_box(work());
    let mut speeds: Vec<f64> = (0..repetitions)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            bytes as f64 / start.elapsed().as_secs_f64() / 1e6
        })
        .collect();
    speeds.sort_by(f64::total_cmp);
    Speed { best: speeds.last().copied().unwrap_or_default(), median: speeds[speeds.len() / 2] }
}

fn repeated(files: &[PathBuf]) -> Vec<u8> {
    let once: Vec<u8> = files.iter().flat_map(|f| std::fs::read(f).expect("a capture can be read")).collect();
    once.iter().copied().cycle().take(TOTAL_BYTES.next_multiple_of(once.len())).collect()
}

/// All files that hold a receiver's or a caster's bytes.
fn captures() -> Result<Vec<PathBuf>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/gnss");
    let counts = std::fs::read(folder.join("COUNTS.json"))
        .map_err(|_| format!("no captures in {}", folder.display()))?;
    let counts: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&counts).map_err(|e| format!("COUNTS.json: {e}"))?;
    Ok(counts.keys().map(|name| folder.join(name)).collect())
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn tell(line: &str) {
    println!("{line}");
}
