//! A person at the terminal: space pauses and goes on, arrows jump, q ends.

use std::io::{IsTerminal, Read};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};
use replay::play::Controls;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

/// What is pressed and not yet done; more is passed over.
const PRESSED: usize = 16;
/// Seconds that the arrows to the sides jump, and those up and down.
const JUMPS_S: (i32, i32) = (10, 60);

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Toggle,
    Skip(i32),
    End,
}

/// The terminal as it was, given back when dropped.
pub struct Keys {
    before: Termios,
}

impl Keys {
    /// Listens, if standard input is a terminal and this program is in front of it. Ctrl-C works as ever.
    pub fn listen(controls: Controls, stop: CancellationToken) -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || tcgetpgrp(&stdin).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(&stdin, SetArg::TCSANOW, &raw).ok()?;
        let (sender, keys) = channel(PRESSED);
        // It waits in a read for ever: it ends with the process.
        std::thread::spawn(move || read(&sender));
        tokio::spawn(obey(keys, controls, stop));
        tracing::info!(
            "space pauses and goes on, the arrows jump {} s and {} s, q ends",
            JUMPS_S.0,
            JUMPS_S.1
        );
        Some(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
}

fn read(sender: &Sender<Key>) {
    let mut pressed = Pressed::default();
    for byte in std::io::stdin().lock().bytes().map_while(Result::ok) {
        let closed = pressed.take(byte).is_some_and(|key| {
            matches!(sender.try_send(key), Err(tokio::sync::mpsc::error::TrySendError::Closed(_)))
        });
        if closed {
            return;
        }
    }
}

async fn obey(mut keys: Receiver<Key>, controls: Controls, stop: CancellationToken) {
    while let Some(key) = keys.recv().await {
        match key {
            Key::Toggle => controls.toggle().await,
            Key::Skip(by_s) => controls.skip(by_s).await,
            Key::End => stop.cancel(),
        }
        let told = controls.told();
        let (at_s, of_s) = (told.since_start.as_secs_f64(), told.length.as_secs_f64());
        tracing::info!("{at_s:.1} s of {of_s:.1} s{}", if told.paused { ", standing still" } else { "" });
    }
}

/// Bytes of a terminal to keys: an arrow is ESC [ and a letter (ECMA-48), or ESC O and that letter.
#[derive(Default)]
struct Pressed {
    escape: Vec<u8>,
}

impl Pressed {
    fn take(&mut self, byte: u8) -> Option<Key> {
        let (near, far) = JUMPS_S;
        match (&*self.escape, byte) {
            (_, 0x1b) => self.escape = vec![byte],
            ([0x1b], b'[' | b'O') => self.escape.push(byte),
            ([0x1b, _], letter) => {
                self.escape.clear();
                return match letter {
                    b'C' => Some(Key::Skip(near)),
                    b'D' => Some(Key::Skip(-near)),
                    b'A' => Some(Key::Skip(far)),
                    b'B' => Some(Key::Skip(-far)),
                    _ => None,
                };
            }
            (_, b' ') => return Some(Key::Toggle),
            (_, b'q') => return Some(Key::End),
            _ => self.escape.clear(),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_understood() {
        let mut pressed = Pressed::default();
        let keys: Vec<Key> =
            b" x\x1b[C\x1bOD\x1b[A\x1b\x1b[Bq\x1b[Z ".iter().filter_map(|byte| pressed.take(*byte)).collect();
        let skip = Key::Skip;
        assert_eq!(keys, [Key::Toggle, skip(10), skip(-10), skip(60), skip(-60), Key::End, Key::Toggle]);
    }
}
