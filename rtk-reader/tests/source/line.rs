//! A port for a conversation, with a receiver that speaks when it is spoken to.

use std::{
    io::{ErrorKind, Read, Write},
    path::PathBuf,
    sync::mpsc::{Sender, TryRecvError, channel},
    thread::JoinHandle,
    time::Duration,
};

use rtk_reader::{frame::encode, source::Line};
use serialport::{SerialPort, TTYPort};

use super::common;

/// Says who it is when it is asked at its speed, and nothing else; dropping it unplugs it.
struct Mute {
    path: PathBuf,
    unplug: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Mute {
    fn at(baud: u32) -> Self {
        let (mut master, slave) = TTYPort::pair().unwrap();
        master.set_timeout(Duration::from_millis(5)).unwrap();
        let path = PathBuf::from(slave.name().unwrap());
        drop(slave);
        let (unplug, unplugged) = channel();
        let thread = std::thread::spawn(move || {
            let question = encode::ubx(0x0A, 0x04, &[]).unwrap();
            let answer = encode::ubx(0x0A, 0x04, &[0; 40]).unwrap();
            let (mut heard, mut buffer) = (Vec::new(), [0; 64]);
            while unplugged.try_recv() == Err(TryRecvError::Empty) {
                match master.read(&mut buffer) {
                    Ok(length) if master.baud_rate().is_ok_and(|set| set == baud) => {
                        heard.extend_from_slice(&buffer[..length]);
                    }
                    // Nobody has it open.
                    Err(error) if error.kind() != ErrorKind::TimedOut => {
                        std::thread::park_timeout(Duration::from_millis(1));
                    }
                    _ => {}
                }
                if heard.ends_with(&question) {
                    heard.clear();
                    master.write_all(&answer).unwrap();
                }
            }
        });
        Self { path, unplug: Some(unplug), thread: Some(thread) }
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        drop(self.unplug.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_nothing_is_found_by_asking() {
    let root = tempfile::tempdir().unwrap();
    let mut options = common::options(root.path());
    options.timing.probe = Duration::from_millis(10);
    let receiver = Mute::at(9_600);
    let line = Line::open(Some(receiver.path.clone()), &options, &common::clock()).await.unwrap();
    assert_eq!(line.baud(), Some(9_600));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_answers_stays_at_the_last_speed_tried() {
    let root = tempfile::tempdir().unwrap();
    let mut options = common::options(root.path());
    options.timing.probe = Duration::from_millis(10);
    options.timing.answer = Duration::from_millis(10);
    let receiver = Mute::at(4_800);
    let line = Line::open(Some(receiver.path.clone()), &options, &common::clock()).await.unwrap();
    assert_eq!(line.baud(), Some(19_200));
}
