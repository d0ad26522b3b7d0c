//! How true the virtual receiver's pace is, alone and ten at once, and what it costs.
//!
//! `cargo bench -p hil --bench twin`, Linux. Each line is kept full by a receiver that is configured to say more than it
//! carries; what is read is timed from the first byte to the last. A byte is handed over at most 4 ms after its time.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::io::Read;
use std::time::{Duration, Instant};

use hil::twin::{Character, Options, PortKind, Twin};
use rtk_reader::receiver::{Item, Port, keys};
use serialport::TTYPort;

const BAUD_RATES: [u32; 6] = [38_400, 57_600, 115_200, 230_400, 460_800, 921_600];
const MEASURED: Duration = Duration::from_secs(8);
const AT_ONCE: usize = 10;
/// Of processor times in `/proc/self/stat`.
const TICKS_PER_S: f64 = 100.0;

fn main() {
    println!("| Bd | bytes per second | error | ten at once: worst error | CPU seconds per second |");
    println!("|---|---|---|---|---|");
    for baud in BAUD_RATES {
        let (rate, _) = measure(baud, 1, loud(baud));
        let (worst, cpu) = measure(baud, AT_ONCE, loud(baud));
        let error = |rate: f64| format!("{:+.3} %", (rate * 10.0 / f64::from(baud) - 1.0) * 100.0);
        println!("| {baud} | {rate:.0} | {} | {} | {cpu:.2} |", error(rate), error(worst));
    }
    let base = Character::quick()
        .as_base(Port::Usb, fixtures::scenario::Mode::SurveyIn { duration_s: 1, accuracy_m: 100.0 });
    let twins = start(AT_ONCE, &Options { character: base, kind: PortKind::Usb, link: None });
    let readers = readers(&twins);
    let before = cpu_s();
    let bytes: f64 = readers.into_iter().map(|reader| reader.join().expect("it reads")).sum();
    let cpu = (cpu_s() - before) / MEASURED.as_secs_f64();
    println!();
    println!(
        "Ten bases of one epoch a second: {bytes:.0} bytes per second, {cpu:.3} CPU seconds per second, readers and all"
    );
}

/// More to say than the line carries, 20 times a second.
fn loud(baud: u32) -> Options {
    let mut character = Character::quick();
    let rates = ["UBX_NAV_SAT", "UBX_NAV_SIG", "UBX_RXM_RAWX", "UBX_NAV_PVT"];
    let named = |name: &str| keys::by_name(name).expect("a key").id;
    let rates = rates.map(|name| (named(&format!("CFG-MSGOUT-{name}_UART1")), 1));
    let line = [(named("CFG-UART1-BAUDRATE"), u64::from(baud)), (named("CFG-RATE-MEAS"), 50)];
    character.saved.extend(rates.into_iter().chain(line).map(|(key, value)| Item { key, value }));
    Options { character, kind: PortKind::Uart1, link: None }
}

/// Bytes per second of the one that is furthest off, and CPU seconds per second of all.
fn measure(baud: u32, count: usize, options: Options) -> (f64, f64) {
    let twins = start(count, &options);
    let readers = readers(&twins);
    let before = cpu_s();
    let rates: Vec<f64> = readers.into_iter().map(|reader| reader.join().expect("it reads")).collect();
    let cpu = (cpu_s() - before) / MEASURED.as_secs_f64();
    let off = |rate: &f64| (rate * 10.0 / f64::from(baud) - 1.0).abs();
    (rates.into_iter().max_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or_default(), cpu)
}

fn start(count: usize, options: &Options) -> Vec<Twin> {
    (0..count).map(|_| Twin::start(options.clone()).expect("a twin")).collect()
}

fn readers(twins: &[Twin]) -> Vec<std::thread::JoinHandle<f64>> {
    let reader = |twin: &Twin| {
        let baud = twin.status().borrow().baud.unwrap_or(115_200);
        let path = twin.path().display().to_string();
        let port = serialport::new(path, baud).timeout(Duration::from_millis(100));
        let port = port.open_native().expect("it opens");
        std::thread::spawn(move || read(port))
    };
    twins.iter().map(reader).collect()
}

/// Bytes per second, once the line is full.
fn read(mut port: TTYPort) -> f64 {
    let mut buffer = [0; 65_536];
    let warm = Instant::now();
    while warm.elapsed() < Duration::from_secs(4) {
        let _ = port.read(&mut buffer);
    }
    // The bytes of the first reading belong to the time before it.
    while !port.read(&mut buffer).is_ok_and(|count| count > 0) {}
    let (start, mut last, mut bytes) = (Instant::now(), Instant::now(), 0_u64);
    while start.elapsed() < MEASURED {
        if let Ok(count) = port.read(&mut buffer) {
            bytes += count as u64;
            last = Instant::now();
        }
    }
    bytes as f64 / (last - start).as_secs_f64()
}

/// User and system, of this process.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / TICKS_PER_S
}
