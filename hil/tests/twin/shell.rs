//! The twin on real pseudo-terminals, in real time.

use std::io::{Read, Write};
use std::time::Duration;

use hil::twin::{Character, Fault, FaultName, Faults, Options, PortKind, Twin};
use rtk_reader::frame::{Framer, encode};
use rtk_reader::receiver::{Layers, Request, Transaction};
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
                framer.push(elapsed, &buffer[..count], &mut |frame| names.push(frame.id().to_string()));
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
        until(&mut port, "GNGGA");
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

/// Frames until a time is over, and how many bytes stood in none.
fn listen(port: &mut TTYPort, time: Duration) -> (Vec<String>, u64) {
    #[expect(clippy::disallowed_methods, reason = "real time")]
    let start = std::time::Instant::now();
    let (mut framer, mut names) = (Framer::new(), Vec::new());
    let mut buffer = [0; 4096];
    while start.elapsed() < time {
        if let Ok(count) = port.read(&mut buffer) {
            framer.push(start.elapsed(), &buffer[..count], &mut |frame| names.push(frame.id().to_string()));
        }
    }
    framer.finish(&mut |frame| names.push(frame.id().to_string()));
    (names, framer.counts().unframed_bytes)
}

#[test]
fn faults_begin_show_and_end() {
    let twin = quick(PortKind::Uart1);
    let mut port = open(&twin, 38_400);
    until(&mut port, "GNGGA");
    let control = twin.control();
    let second = Duration::from_millis(1_500);
    let mut during = |fault: Fault| {
        control.begin(fault).expect("it begins");
        // What was sent before is out of the way.
        listen(&mut port, Duration::from_millis(300));
        let heard = listen(&mut port, second);
        control.end(fault.name()).expect("it ends");
        until(&mut port, "GNGLL");
        heard
    };
    assert_eq!(during(Fault::Silence), (vec![], 0));
    let (names, unframed) = during(Fault::Garbage);
    assert!(names.is_empty() && unframed > 200, "{names:?} {unframed}");
    let (names, unframed) = during(Fault::Loss { ppm: 50_000 });
    assert!(!names.is_empty() && unframed > 0, "{names:?} {unframed}");
    let (names, _) = during(Fault::Stuck);
    assert!(names.iter().any(|name| name == "GNGGA"), "{names:?}");
    let (names, _) = during(Fault::Delay { by: Duration::from_millis(100) });
    assert!(names.iter().any(|name| name == "GNGGA"), "{names:?}");
    let (_, unframed) = during(Fault::Truncate);
    // The sentence cut off, and the one that its line runs on into.
    assert!((1..170).contains(&unframed), "{unframed}");
}

#[test]
fn a_stuck_receiver_repeats_itself_and_answers_nothing() {
    let twin = quick(PortKind::Usb);
    let mut port = open(&twin, 9_600);
    until(&mut port, "GNGGA");
    twin.control().begin(Fault::Stuck).expect("stuck");
    poll_version(&mut port);
    let (names, _) = listen(&mut port, Duration::from_millis(2_200));
    assert!(names.iter().all(|name| name != "MON-VER"), "{names:?}");
    assert!(names.iter().filter(|name| *name == "GNRMC").count() >= 2, "{names:?}");
}

/// Who reads nothing gets no old news later, and holds nobody up.
#[test]
fn what_nobody_reads_is_dropped_and_counted() {
    let twin = quick(PortKind::Usb);
    let mut port = open(&twin, 9_600);
    until(&mut port, "GNGGA");
    drop(port);
    let mut status = twin.status();
    let closed = futures(status.wait_for(|status| !status.open)).expect("it is there").dropped_bytes;
    futures(status.wait_for(|status| status.dropped_bytes > closed + 400)).expect("it goes on");
    until(&mut open(&twin, 9_600), "GNGGA");
}

fn futures<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

#[test]
fn its_host_reads_all_before_a_drained_unplug() {
    let twin = quick(PortKind::Usb);
    let mut port = open(&twin, 9_600);
    until(&mut port, "GNGGA");
    let before = twin.status().borrow().sent_bytes;
    for _ in 0..20 {
        poll_version(&mut port);
    }
    let control = twin.control();
    let reader = std::thread::spawn(move || {
        let (mut framer, mut versions) = (Framer::new(), 0);
        let mut buffer = [0; 512];
        loop {
            match port.read(&mut buffer) {
                Ok(0) => return versions,
                Ok(count) => framer.push(Duration::ZERO, &buffer[..count], &mut |frame| {
                    versions += usize::from(frame.id().to_string() == "MON-VER");
                }),
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
                Err(_) => return versions,
            }
        }
    });
    // The answers are on their way when the twin has taken the questions.
    let mut status = twin.status();
    futures(status.wait_for(|status| status.sent_bytes >= before + 20 * 228)).expect("it is there");
    control.begin(Fault::Unplug { drain: true, other_name: false }).expect("unplugged");
    assert_eq!(reader.join().expect("it ends"), 20);
}

#[test]
fn a_link_follows_it_and_goes_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("receiver");
    let options = Options { character: Character::quick(), kind: PortKind::Usb, link: Some(link.clone()) };
    let twin = Twin::start(options.clone()).expect("a twin");
    assert_eq!(twin.path(), link);
    let first = std::fs::read_link(&link).expect("a link");
    let control = twin.control();
    control.begin(Fault::Unplug { drain: false, other_name: true }).expect("unplugged");
    assert!(!link.is_symlink());
    control.end(FaultName::Unplug).expect("plugged in");
    assert_ne!(std::fs::read_link(&link).expect("a link"), first);
    drop(twin);
    assert!(!link.is_symlink());
    // What isn't a link isn't replaced.
    std::fs::write(&link, "mine").expect("a file");
    let error = Twin::start(options).expect_err("it is a file").to_string();
    assert!(error.contains("could not link") && error.contains("name a path"), "{error}");
}

/// USB loses a receiver that starts anew, and finds it again.
#[test]
fn a_reset_over_usb_is_an_unplugging() {
    let twin = quick(PortKind::Usb);
    let mut port = open(&twin, 9_600);
    until(&mut port, "GNGGA");
    port.write_all(&encode::ubx(6, 4, &[0, 0, 0, 0]).expect("a frame")).expect("it takes bytes");
    let mut status = twin.status();
    futures(status.wait_for(|status| status.path.is_none())).expect("gone");
    futures(status.wait_for(|status| status.path.is_some())).expect("back");
    let mut port = open(&twin, 9_600);
    poll_version(&mut port);
    until(&mut port, "MON-VER");
}

#[test]
fn what_it_cannot_do_it_says() {
    let twin = quick(PortKind::Usb);
    let error = twin.control().begin(Fault::Slow { percent: 200 }).expect_err("USB has no speed");
    assert!(error.to_string().starts_with("slow is unsupported: USB"), "{error}");
    for name in FaultName::ALL {
        assert!(hil::twin::fault::Hardware.supports(name).is_err());
        assert_eq!(twin.control().supports(name).is_ok(), name != FaultName::Slow);
    }
    let control = twin.control();
    drop(twin);
    assert!(control.begin(Fault::Silence).is_err(), "it is gone");
}

/// A kilobyte and a half at 38,400 Bd takes 400 ms; a busy machine may make it longer, nothing makes it shorter.
#[test]
fn a_line_has_its_speed() {
    let mut character = Character::quick();
    character.saved.push(crate::support::item("CFG-UART1OUTPROT-NMEA", 0));
    let twin = Twin::start(Options { character, kind: PortKind::Uart1, link: None }).expect("a twin");
    let mut port = open(&twin, 38_400);
    #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
    let now = std::time::Instant::now;
    // Answers from the moment it has booted.
    while {
        poll_version(&mut port);
        listen(&mut port, Duration::from_millis(100)).0.is_empty()
    } {}
    let start = now();
    (0..7).for_each(|_| poll_version(&mut port));
    let mut bytes = 0;
    let mut buffer = [0; 4096];
    while bytes < 7 * 228 {
        bytes += port.read(&mut buffer).unwrap_or(0);
    }
    let took = start.elapsed();
    let least = Duration::from_secs_f64(7.0 * 228.0 * 10.0 / 38_400.0);
    assert!(took >= least.mul_f64(0.995), "{took:?} is less than {least:?}");
}

/// A line on which bytes take twenty times as long carries a twentieth; when it is as it was, all comes again.
#[test]
fn a_slow_line_falls_short_and_recovers() {
    let twin = quick(PortKind::Uart1);
    let mut port = open(&twin, 38_400);
    until(&mut port, "GNGGA");
    let control = twin.control();
    control.begin(Fault::Slow { percent: 2_000 }).expect("UARTs can be slow");
    // 192 bytes a second: an epoch has more, and the rest waits.
    listen(&mut port, Duration::from_millis(300));
    let before = twin.status().borrow().sent_bytes;
    #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
    let start = std::time::Instant::now();
    listen(&mut port, Duration::from_secs(2));
    let went = twin.status().borrow().sent_bytes - before;
    let can = start.elapsed().as_secs_f64() * 192.0;
    // The count is told ten times a second; a piece of 4 ms is one byte.
    assert!(went > 0 && (went as f64) < can + 30.0, "{went} bytes of {can}");
    control.end(FaultName::Slow).expect("it ends");
    until(&mut port, "GNGLL");
    poll_version(&mut port);
    until(&mut port, "MON-VER");
}

/// Whichever comes back first, it is there when both are, and under another name if one of them said so.
#[test]
fn without_power_and_unplugged_it_takes_both_to_come_back() {
    use Fault::PowerOff;
    let unplug = Fault::Unplug { drain: false, other_name: true };
    for (first, second) in [(unplug, PowerOff), (PowerOff, unplug)] {
        for (ends_first, ends_last) in [(first, second), (second, first)] {
            let twin = quick(PortKind::Usb);
            let before = twin.path();
            until(&mut open(&twin, 9_600), "GNGGA");
            let (control, status) = (twin.control(), twin.status());
            control.begin(first).expect("it begins");
            control.begin(second).expect("it begins");
            control.end(ends_first.name()).expect("it ends");
            assert_eq!(status.borrow().path, None, "{first:?} {second:?} {ends_first:?}");
            control.end(ends_last.name()).expect("it ends");
            assert_ne!(twin.path(), before, "{first:?} {second:?} {ends_first:?}");
            until(&mut open(&twin, 9_600), "GNGGA");
        }
    }
}

/// A UART is its host's: without power nothing comes out of it, and it stays where it is.
#[test]
fn without_power_a_uart_is_silent_and_still_there() {
    let twin = quick(PortKind::Uart1);
    let (before, mut port) = (twin.path(), open(&twin, 38_400));
    until(&mut port, "GNGGA");
    let control = twin.control();
    control.begin(Fault::PowerOff).expect("it begins");
    listen(&mut port, Duration::from_millis(100));
    poll_version(&mut port);
    assert_eq!(listen(&mut port, Duration::from_millis(1_500)), (vec![], 0));
    assert_eq!(twin.path(), before);
    control.end(FaultName::PowerOff).expect("it ends");
    until(&mut port, "GNTXT");
    until(&mut port, "GNGGA");
}

/// Once the receiver takes the second of its changes, nothing comes any more, not even the answer to it.
#[test]
fn a_fault_can_wait_for_a_change_of_the_configuration() {
    let twin = quick(PortKind::Usb);
    let mut port = open(&twin, 9_600);
    until(&mut port, "GNGGA");
    let (control, mut status) = (twin.control(), twin.status());
    control.begin_at_change(2, Fault::Silence).expect("it waits");
    let change = |port: &mut TTYPort| {
        let items = vec![crate::support::item("CFG-RATE-MEAS", 500)];
        let set = Request::Set { layers: Layers::RAM, transaction: Transaction::None, items };
        port.write_all(&set.frame().expect("a frame")).expect("it takes bytes");
    };
    change(&mut port);
    until(&mut port, "ACK-ACK");
    change(&mut port);
    futures(status.wait_for(|status| status.changes == 2)).expect("it is there");
    let (names, _) = listen(&mut port, Duration::from_secs(1));
    assert!(!names.contains(&"ACK-ACK".to_owned()), "{names:?}");
    control.end(FaultName::Silence).expect("it ends");
    until(&mut port, "GNGGA");
    // What is ended before it has begun doesn't begin.
    control.begin_at_change(1, Fault::Silence).expect("it waits");
    control.end(FaultName::Silence).expect("it ends");
    change(&mut port);
    until(&mut port, "ACK-ACK");
}
