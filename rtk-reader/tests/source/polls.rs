//! A receiver that tells some things only when it is asked.

use std::{
    io::{Read, Write},
    path::PathBuf,
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use rtk_reader::{
    frame::{Framer, encode},
    source::{Event, Spec},
};
use serialport::{SerialPort, TTYPort};

use super::common::{self, gga};

/// MON-VER, MON-RF, NAV-SVIN, NAV-SAT, NAV-SIG.
const WANTED: [(u8, u8); 5] = [(0x0A, 0x04), (0x0A, 0x38), (0x01, 0x3B), (0x01, 0x35), (0x01, 0x43)];

/// Sends `unasked` every few milliseconds, answers polls if it `answers`, and tells what it was asked.
fn receiver(unasked: Vec<u8>, answers: bool) -> (PathBuf, Receiver<(u8, u8)>, Sender<()>) {
    let (mut master, slave) = TTYPort::pair().unwrap();
    master.set_timeout(Duration::from_millis(3)).unwrap();
    let path = PathBuf::from(slave.name().unwrap());
    drop(slave);
    let (asked, questions) = channel();
    let (unplug, unplugged) = channel::<()>();
    std::thread::spawn(move || {
        let mut framer = Framer::new();
        let mut buffer = [0; 256];
        while unplugged.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let _ = master.write(&unasked);
            let length = master.read(&mut buffer).unwrap_or(0);
            let mut polled = Vec::new();
            framer.push(Duration::ZERO, &buffer[..length], &mut |frame| {
                assert!(frame.payload().is_empty(), "a poll has no payload");
                polled.push((frame.bytes[2], frame.bytes[3]));
            });
            for (class, id) in polled {
                if answers {
                    let _ = master.write_all(&encode::ubx(class, id, &[0; 40]).unwrap());
                }
                let _ = asked.send((class, id));
            }
        }
    });
    (path, questions, unplug)
}

/// A NAV-PVT-like frame: what tells that it is a u-blox.
fn ubx() -> Vec<u8> {
    encode::ubx(0x01, 0x07, &[0; 92]).unwrap()
}

#[tokio::test]
async fn a_ublox_is_asked_for_what_it_does_not_say_and_its_answers_come() {
    let dir = tempfile::tempdir().unwrap();
    let (path, questions, _unplug) = receiver(ubx(), true);
    let mut running = common::start(Spec::Path(path), common::options(dir.path()));
    running.told().await;
    for (class, id) in WANTED {
        running.bytes_until(&encode::ubx(class, id, &[0; 40]).unwrap()).await;
    }
    // NAV-SVIN again and again, MON-VER once: it doesn't change.
    for _ in 0..3 {
        running.bytes_until(&encode::ubx(0x01, 0x3B, &[0; 40]).unwrap()).await;
    }
    let asked: Vec<_> = questions.try_iter().collect();
    let count = |wanted| asked.iter().filter(|&&question| question == wanted).count();
    assert_eq!(count((0x0A, 0x04)), 1, "{asked:?}");
    assert!(count((0x01, 0x3B)) >= 3, "{asked:?}");
}

#[tokio::test]
async fn nothing_is_asked_of_another_receiver_of_one_that_says_all_or_when_polling_is_off() {
    let dir = tempfile::tempdir().unwrap();
    let all = WANTED.map(|(class, id)| encode::ubx(class, id, &[0; 40]).unwrap()).concat();
    for (unasked, poll) in [(gga(1), true), (all, true), (ubx(), false)] {
        let (path, questions, _unplug) = receiver(unasked, true);
        let mut options = common::options(dir.path());
        options.poll = poll;
        // Longer than it takes a busy machine to hand on what came.
        options.timing.poll_every = Duration::from_secs(30);
        let mut running = common::start(Spec::Path(path), options);
        running.told().await;
        let mut bytes = 0;
        while bytes < 8_000 {
            if let Event::Bytes { bytes: more, .. } = running.event().await {
                bytes += more.len();
            }
        }
        assert_eq!(questions.try_iter().collect::<Vec<_>>(), [], "{poll}");
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, questions, _unplug) = receiver(ubx(), false);
    let mut running = common::start(Spec::Path(path), common::options(dir.path()));
    running.told().await;
    let mut asked = 0;
    // Each of them three times; and then the line goes on without a further one.
    while asked < 15 {
        running.event().await;
        asked += questions.try_iter().count();
    }
    for _ in 0..50 {
        running.event().await;
    }
    assert_eq!(questions.try_iter().count(), 0);
}

#[tokio::test]
async fn silence_is_noticed_while_questions_are_due() {
    let dir = tempfile::tempdir().unwrap();
    let machine = super::ports::Machine::new();
    let (path, questions, _unplug) = receiver(Vec::new(), false);
    machine.plug("ttyACM0", "1-1", ("1546", "01a9"), None, &path);
    let mut options = common::options(machine.root());
    options.lock_dirs = vec![dir.path().to_owned()];
    options.timing.probe = Duration::from_millis(5);
    options.timing.silence = Duration::from_millis(200);
    let mut running = common::start(Spec::Auto, options);
    assert!(matches!(running.event().await, Event::Opened { .. }));
    // Fifteen in each opening: sixteen are more than one.
    let asked = tokio::task::spawn_blocking(move || questions.iter().take(16).count());
    assert_eq!(tokio::time::timeout(common::PATIENCE, asked).await.unwrap().unwrap(), 16);
}
