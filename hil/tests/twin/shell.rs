//! The twin on real pseudo-terminals, in real time.

use std::io::{Read, Write};
use std::time::Duration;

use hil::twin::{Character, Fault, FaultName, Faults, Options, PortKind, Twin};
use rtk_reader::frame::{Framer, encode};
use serialport::{SerialPort, TTYPort};

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(20);

fn quick(kind: PortKind) -> Twin {
    Twin::start(Options { character: Character::quick(), kind, link: None }).expect("a twin")
}

fn open(twin: &Twin, baud: u32) -> TTYPort {
    let path = twin.path().display().to_string();
    serialport::new(path, baud).timeout(Duration::from_millis(50)).open_native().expect("it can be opened")
}

/// Reads until a frame of the name comes; all names so far.
fn until(port: &mut TTYPort, name: &str) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "real time: a limit for a test that fails")]
    let start = std::time::Instant::now();
    let (mut framer, mut names) = (Framer::new(), Vec::<String>::new());
    let mut buffer = [0; 4096];
    while names.iter().all(|found| found != name) {
        let elapsed = start.elapsed();
        assert!(elapsed < PATIENCE, "no {name}: {names:?}");
        match port.read(&mut buffer) {
            Ok(count) => {
                framer.push(elapsed, &buffer[..count], &mut |frame| names.push(frame.id().to_string()))
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}"),
        }
    }
    names
}

fn poll_version(port: &mut TTYPort) {
    port.write_all(&encode::ubx(0x0A, 0x04, &[]).expect("a frame")).expect("it takes bytes");
}

#[test]
fn it_says_who_it_is_over_usb_and_over_a_uart() {
    for (kind, baud) in [(PortKind::Usb, 9_600), (PortKind::Uart1, 38_400)] {
        let twin = quick(kind);
        let mut port = open(&twin, baud);
        until(&mut port, "GNTXT");
        poll_version(&mut port);
        until(&mut port, "MON-VER");
        until(&mut port, "GNGGA");
    }
}

#[test]
fn at_another_speed_there_is_only_garbage() {
    let twin = quick(PortKind::Uart1);
    let mut port = open(&twin, 115_200);
    let (mut framer, mut bytes) = (Framer::new(), 0);
    let mut buffer = [0; 4096];
    while bytes < 1_000 {
        if let Ok(count) = port.read(&mut buffer) {
            bytes += count;
            framer.push(Duration::ZERO, &buffer[..count], &mut |frame| panic!("{:?}", frame.id()));
        }
    }
    port.set_baud_rate(38_400).expect("a speed");
    until(&mut port, "GNGGA");
}

#[test]
fn unplugged_it_is_gone_and_comes_back_under_another_name() {
    let twin = quick(PortKind::Usb);
    let (before, mut port) = (twin.path(), open(&twin, 9_600));
    until(&mut port, "GNGGA");
    let control = twin.control();
    control.begin(Fault::Unplug { drain: false, other_name: true }).expect("unplugged");
    assert_eq!(twin.status().borrow().path, None);
    let mut buffer = [0; 64];
    assert!(matches!(port.read(&mut buffer), Ok(0) | Err(_)), "nothing comes any more");
    control.end(FaultName::Unplug).expect("plugged in");
    assert_ne!(twin.path(), before);
    until(&mut open(&twin, 9_600), "GNGGA");
}
