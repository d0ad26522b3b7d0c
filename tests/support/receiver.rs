//! A receiver on a pseudo-terminal.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rtk_reader::frame::encode;
use serialport::{SerialPort, TTYPort};

use super::SPAWNING;

/// Between two of a receiver's bursts.
const PERIOD: Duration = Duration::from_millis(10);

/// A receiver that talks; dropping it unplugs it.
pub struct Receiver {
    pub path: PathBuf,
    unplug: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Says `burst(n)` every few milliseconds, at any speed or at `baud`: at another its client reads garbage.
    /// It ends when there is no burst any more, and stays plugged in.
    pub fn new(baud: Option<u32>, mut burst: impl FnMut(u64) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let (mut master, path) = pseudo_terminal().expect("a pseudo-terminal");
        let (unplug, unplugged) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let mut asked = [0; 256];
            for n in 0.. {
                let fits = baud.is_none_or(|baud| master.baud_rate().is_ok_and(|set| set == baud));
                let mut bytes = burst(n).unwrap_or_default();
                if !fits {
                    bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(37) | 0x80);
                }
                // Bytes that nobody takes are dropped, as on a line; what it is asked it doesn't answer.
                let _ = master.write(&bytes);
                let _ = master.read(&mut asked);
                if unplugged.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Self { path, unplug: Some(unplug), thread: Some(thread) }
    }

    /// One that has a fix.
    pub fn fixed(baud: Option<u32>) -> Self {
        Self::new(baud, |n| Some(gga(n)))
    }

    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.unplug.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Its master, and its name. Raw already before anyone learns that: a fresh one echoes.
pub fn pseudo_terminal() -> serialport::Result<(TTYPort, PathBuf)> {
    // A program that inherited the master would keep the receiver plugged in; a clone isn't inherited.
    let spawning = SPAWNING.lock();
    let (master, slave) = TTYPort::pair()?;
    let mut clone = master.try_clone_native()?;
    drop(master);
    drop(spawning);
    clone.set_timeout(Duration::from_millis(2))?;
    let path = PathBuf::from(slave.name().unwrap_or_default());
    Ok((clone, path))
}

/// A fixed position at a second of the day.
pub fn gga(second: u64) -> Vec<u8> {
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    let body = format!(
        "GNGGA,{hour:02}{minute:02}{second:02}.00,4717.11399,N,00833.91590,E,4,12,0.6,499.6,M,48.0,M,,"
    );
    encode::nmea(&body).expect("a sentence")
}
