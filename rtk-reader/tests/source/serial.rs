//! A receiver behind a pseudo-terminal: plugged in, unplugged, renamed, held, at the wrong speed.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rtk_reader::source::{ErrorKind, Event, PortLock, SourceError, Spec};
use serialport::{SerialPort, TTYPort};

use super::{
    common::{self, gga},
    ports::Machine,
};

/// Talks at any speed its client sets, as USB does.
const ANY: u32 = 0;
/// Says nothing.
const MUTE: u32 = 1;
/// Talks nonsense at every speed.
const NONSENSE: u32 = 2;

/// A receiver on a pseudo-terminal; dropping it unplugs it.
struct Receiver {
    path: PathBuf,
    baud: Arc<AtomicU32>,
    unplug: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// A sentence every 2 ms at `baud`; at another speed its client reads garbage.
    fn at(baud: u32) -> Self {
        // Raw already, before anyone learns its name: a fresh one echoes.
        let (mut master, slave) = TTYPort::pair().unwrap();
        master.set_timeout(Duration::from_millis(5)).unwrap();
        let path = PathBuf::from(slave.name().unwrap());
        drop(slave);
        let baud = Arc::new(AtomicU32::new(baud));
        let (unplug, unplugged) = channel();
        let thread = std::thread::spawn({
            let baud = baud.clone();
            move || {
                for second in 0.. {
                    // Bytes that nobody takes are dropped, as on a line.
                    let _ = master.write(&garbled(gga(second), baud.load(Ordering::Relaxed), &master));
                    match unplugged.recv_timeout(Duration::from_millis(2)) {
                        Err(RecvTimeoutError::Timeout) => {}
                        _ => return,
                    }
                }
            }
        });
        Self { path, baud, unplug: Some(unplug), thread: Some(thread) }
    }

    fn spec(&self) -> Spec {
        Spec::Path(self.path.clone())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.unplug.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What a client reads of a receiver that talks at `baud`: the master sees the speed its client has set.
fn garbled(mut sentence: Vec<u8>, baud: u32, master: &TTYPort) -> Vec<u8> {
    match baud {
        ANY => {}
        MUTE => sentence.clear(),
        _ if master.baud_rate().is_ok_and(|set| set == baud) => {}
        _ => sentence.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(37) | 0x80),
    }
    sentence
}

fn opened(device: &Path, baud: Option<u32>) -> Event {
    Event::Opened { device: device.display().to_string(), baud }
}

fn reason(event: Event) -> String {
    match event {
        Event::Closed { reason } => reason,
        other => panic!("expected Closed, got {other:?}"),
    }
}

#[tokio::test]
async fn an_unplugged_receiver_is_found_again_by_its_id() {
    let machine = Machine::new();
    let link = machine.root().join("dev/serial/by-id/usb-u-blox");
    let mut receiver = Receiver::at(ANY);
    symlink(&receiver.path, &link).unwrap();
    let mut running = common::start(Spec::Path(link.clone()), common::options(machine.root()));
    for _ in 0..3 {
        assert_eq!(running.told().await, opened(&link, Some(115_200)));
        running.bytes_until(b"GNGGA").await;
        // In this order: the number of a closed pseudo-terminal is given to the next test that asks.
        std::fs::remove_file(&link).unwrap();
        drop(receiver);
        let text = reason(running.told().await);
        assert!(text.starts_with(&format!("{} was unplugged", link.display())), "{text}");
        receiver = Receiver::at(ANY);
        symlink(&receiver.path, &link).unwrap();
    }
    assert_eq!(running.told().await, opened(&link, Some(115_200)));
    running.stop.cancel();
    running.events.close();
    running.end().await.unwrap();
}

#[tokio::test]
async fn the_one_receiver_on_usb_is_found_and_found_again_under_another_name() {
    let machine = Machine::new();
    let receiver = Receiver::at(ANY);
    machine.plug("ttyACM0", "1-1", ("1546", "01a9"), None, &receiver.path);
    machine.plug("ttyACM5", "1-3", ("2341", "0043"), None, &machine.device("arduino"));
    let by_id = machine.by_id("usb-u-blox", "ttyACM0");
    let mut running = common::start(Spec::Auto, common::options(machine.root()));
    // A receiver that is itself on USB has no line speed.
    assert_eq!(running.told().await, opened(&by_id, None));
    running.bytes_until(b"GNGGA").await;
    machine.unplug("ttyACM0", "1-1");
    drop(receiver);
    reason(running.told().await);
    let receiver = Receiver::at(ANY);
    machine.plug("ttyACM1", "1-2", ("1546", "01a9"), None, &receiver.path);
    machine.by_id("usb-u-blox", "ttyACM1");
    loop {
        match running.told().await {
            // While it comes back piece by piece.
            Event::Closed { .. } => {}
            other => break assert_eq!(other, opened(&by_id, None)),
        }
    }
    running.bytes_until(b"GNGGA").await;
}

#[tokio::test]
async fn another_device_in_its_place_is_not_taken_for_it() {
    let machine = Machine::new();
    let receiver = Receiver::at(ANY);
    let path = machine.plug("ttyUSB0", "1-1", ("0403", "6015"), Some("A"), &receiver.path);
    let mut running = common::start(Spec::Path(path.clone()), common::options(machine.root()));
    assert_eq!(running.told().await, opened(&path, Some(115_200)));
    machine.unplug("ttyUSB0", "1-1");
    drop(receiver);
    reason(running.told().await);
    let (other, same) = (Receiver::at(ANY), Receiver::at(ANY));
    machine.plug("ttyUSB0", "1-1", ("0403", "6015"), Some("B"), &other.path);
    let nothing = tokio::time::timeout(Duration::from_millis(200), running.told()).await;
    assert!(nothing.is_err(), "another device was taken for the receiver: {nothing:?}");
    let path = machine.plug("ttyUSB1", "1-2", ("0403", "6015"), Some("A"), &same.path);
    assert_eq!(running.told().await, opened(&path, Some(115_200)));
}

#[tokio::test]
async fn the_line_speed_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::at(9_600);
    let mut running = common::start(receiver.spec(), common::options(dir.path()));
    assert_eq!(running.event().await, opened(&receiver.path, Some(9_600)));
    running.bytes_until(b"GNGGA").await;
}

#[tokio::test]
async fn a_changed_line_speed_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::at(115_200);
    let mut running = common::start(receiver.spec(), common::options(dir.path()));
    assert_eq!(running.told().await, opened(&receiver.path, Some(115_200)));
    running.bytes_until(b"GNGGA").await;
    receiver.baud.store(38_400, Ordering::Relaxed);
    let text = reason(running.told().await);
    assert!(text.ends_with("is no longer a GNSS stream at 115200 Bd"), "{text}");
    assert_eq!(running.told().await, opened(&receiver.path, Some(38_400)));
}

#[tokio::test]
async fn a_wrong_line_speed_is_told_with_the_one_that_fits() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::at(38_400);
    let mut options = common::options(dir.path());
    options.baud = Some(115_200);
    let error = common::start(receiver.spec(), options).error().await;
    assert!(matches!(error, SourceError::WrongBaud { given: 115_200, fits: 38_400, .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "{} does not talk at 115200 Bd but at 38400 Bd: use --baud 38400, or leave --baud out",
            receiver.path.display()
        )
    );
}

#[tokio::test]
async fn nonsense_at_every_speed_is_no_gnss_stream() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::at(NONSENSE);
    let error = common::start(receiver.spec(), common::options(dir.path())).error().await;
    assert!(matches!(error, SourceError::NotGnss { bauds: 8, bytes: 8000.., .. }), "{error}");
}

#[tokio::test]
async fn a_receiver_that_is_silent_at_first_is_open_and_its_speed_is_told_when_it_talks() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::at(MUTE);
    let mut options = common::options(dir.path());
    options.timing.probe = Duration::from_millis(5);
    options.timing.silence = Duration::from_millis(20);
    let mut running = common::start(receiver.spec(), options);
    assert_eq!(running.event().await, opened(&receiver.path, None));
    receiver.baud.store(ANY, Ordering::Relaxed);
    assert!(matches!(running.event().await, Event::Opened { baud: Some(_), .. }));
    running.bytes_until(b"GNGGA").await;
    // It falls silent, is opened anew every 20 ms without a word, and talks again.
    receiver.baud.store(MUTE, Ordering::Relaxed);
    while tokio::time::timeout(Duration::from_millis(100), running.event()).await.is_ok() {}
    receiver.baud.store(ANY, Ordering::Relaxed);
    running.bytes_until(b"GNGGA").await;
}

#[tokio::test]
async fn a_port_held_by_a_program_of_ours_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::at(ANY);
    let since = Duration::from_secs(1_795_457_370);
    let lock = PortLock::take(&[dir.path().to_owned()], &receiver.path, "depot", since).unwrap();
    let error = common::start(receiver.spec(), common::options(dir.path())).error().await;
    assert_eq!(error.kind(), ErrorKind::Held);
    let expected = format!(
        "{} is in use by depot (process {}) since 2026-11-23T18:09:30Z; stop it first",
        receiver.path.display(),
        std::process::id()
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    drop(lock);
    let mut running = common::start(receiver.spec(), common::options(dir.path()));
    running.told().await;
    // By whatever name: the lock is the device's.
    let alias = dir.path().join("alias");
    symlink(&receiver.path, &alias).unwrap();
    let second = common::start(Spec::Path(alias), common::options(dir.path())).error().await;
    assert!(second.to_string().contains("is in use by test (process "), "{second}");
}

#[tokio::test]
async fn a_port_another_program_reads_is_refused_with_its_name() {
    let machine = Machine::new();
    std::fs::remove_dir(machine.root().join("proc")).unwrap();
    symlink("/proc", machine.root().join("proc")).unwrap();
    let receiver = Receiver::at(ANY);
    let mut other =
        Command::new("cat").stdin(File::open(&receiver.path).unwrap()).stdout(Stdio::null()).spawn().unwrap();
    let error = common::start(receiver.spec(), common::options(machine.root())).error().await;
    let expected = format!("is in use by cat (process {});", other.id());
    assert!(error.to_string().contains(&expected), "{error}");
    other.kill().unwrap();
    other.wait().unwrap();
    let mut running = common::start(receiver.spec(), common::options(machine.root()));
    assert!(matches!(running.told().await, Event::Opened { .. }));
}

#[tokio::test]
async fn a_port_without_permission_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::at(ANY);
    std::fs::set_permissions(&receiver.path, std::fs::Permissions::from_mode(0o0)).unwrap();
    if File::open(&receiver.path).is_ok() {
        return eprintln!("skipped: root may open everything");
    }
    let error = common::start(receiver.spec(), common::options(dir.path())).error().await;
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(error.to_string().ends_with("ask its owner for read and write access"), "{error}");
}

#[tokio::test]
async fn a_device_that_is_no_port_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let error = common::start(Spec::Path("/dev/null".into()), common::options(dir.path())).error().await;
    assert!(error.to_string().starts_with("/dev/null is a device of the system's own, not a"), "{error}");
}

#[tokio::test]
async fn a_stop_ends_it_while_it_waits_for_the_receivers_return() {
    let machine = Machine::new();
    let link = machine.root().join("receiver");
    let receiver = Receiver::at(ANY);
    symlink(&receiver.path, &link).unwrap();
    let mut options = common::options(machine.root());
    options.timing.backoff = Duration::from_secs(3600);
    let mut running = common::start(Spec::Path(link.clone()), options);
    running.told().await;
    std::fs::remove_file(&link).unwrap();
    drop(receiver);
    reason(running.told().await);
    running.stop.cancel();
    running.end().await.unwrap();
}
