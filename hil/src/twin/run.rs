//! The twin's thread: receiver, line, disturbance and port, one clock.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver as Commands, SyncSender};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::watch;

use super::disturb::Disturbance;
use super::fault::{Fault, FaultName};
use super::line::Line;
use super::port::Port;
use super::receiver::{Effect, Receiver};
use super::shell::{Options, PortKind, Sent, Status, TwinError};

/// A port that nobody has open is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A status that only counts differently is told so often.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// A host that doesn't read holds up a drained unplug for so long.
const LONGEST_DRAIN: Duration = Duration::from_secs(1);
/// While it is waited for, it is looked at so often.
const DRAIN_STEP: Duration = Duration::from_millis(2);

/// What the thread is told; it answers on `done` when it has done it.
#[derive(Debug)]
pub(super) enum Command {
    Begin { fault: Fault, done: SyncSender<()> },
    BeginAtChange { changes: u32, fault: Fault, done: SyncSender<()> },
    Over { fault: FaultName, done: SyncSender<()> },
    End { done: SyncSender<()> },
}

pub(super) struct Run {
    receiver: Receiver,
    line: Line,
    disturbance: Disturbance,
    port: Port,
    kind: PortKind,
    commands: Commands<Command>,
    wake: OwnedFd,
    status: watch::Sender<Status>,
    told_at: Duration,
    began: Instant,
    /// Held unplugged by a fault, and whether it will have another name.
    unplugged: Option<bool>,
    /// The next plugging in is under another name.
    other_name: bool,
    powered_off: bool,
    /// A fault that waits until so many changes were made.
    waits: Option<(u64, Fault)>,
}

impl Run {
    #[expect(clippy::disallowed_methods, reason = "the twin's one clock: a real receiver runs in real time")]
    pub fn new(
        options: Options,
        tap: Option<SyncSender<Sent>>,
        commands: Commands<Command>,
        wake: OwnedFd,
        status: watch::Sender<Status>,
    ) -> Result<Self, TwinError> {
        let Options { character, kind, link } = options;
        let mut port = Port::new(link, tap);
        port.plug(false)?;
        let seed = character.seed;
        let receiver = Receiver::new(character, &[kind.port()], Duration::ZERO);
        let line = Line::new(receiver.baud(kind.port()));
        status.send_replace(port.status(line.baud(), 0, 0));
        Ok(Self {
            line,
            receiver,
            disturbance: Disturbance::new(seed),
            port,
            kind,
            commands,
            wake,
            status,
            told_at: Duration::ZERO,
            began: Instant::now(),
            unplugged: None,
            other_name: false,
            powered_off: false,
            waits: None,
        })
    }

    /// Until it is told to end, or nobody can tell it anything any more.
    pub fn run(mut self) {
        loop {
            if let Some(done) = self.obey() {
                self.port.unplug();
                self.tell(true);
                let _ = done.map(|done| done.send(()));
                return;
            }
            self.listen();
            self.think();
            self.speak();
            self.tell(false);
            self.wait();
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// What is told; `Some` at the end.
    fn obey(&mut self) -> Option<Option<SyncSender<()>>> {
        let mut bytes = [0; 64];
        while rustix::io::read(&self.wake, &mut bytes).is_ok_and(|count| count > 0) {}
        loop {
            let done = match self.commands.try_recv() {
                Ok(Command::Begin { fault, done }) => {
                    self.begin(fault);
                    done
                }
                Ok(Command::BeginAtChange { changes, fault, done }) => {
                    self.waits = Some((self.receiver.config().changes() + u64::from(changes), fault));
                    done
                }
                Ok(Command::Over { fault, done }) => {
                    self.over(fault);
                    done
                }
                Ok(Command::End { done }) => return Some(Some(done)),
                Err(std::sync::mpsc::TryRecvError::Empty) => return None,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return Some(None),
            };
            self.tell(true);
            let _ = done.send(());
        }
    }

    fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Unplug { drain, other_name } => {
                if drain {
                    self.drain();
                }
                self.unplugged = Some(other_name);
                self.port.unplug();
                self.forget_line();
                if self.kind == PortKind::Usb {
                    self.receiver.power_off();
                }
            }
            Fault::PowerOff => {
                self.powered_off = true;
                self.receiver.power_off();
                self.forget_line();
                if self.kind == PortKind::Usb {
                    self.port.unplug();
                }
            }
            Fault::Slow { percent } => self.line.set_slowness(percent),
            Fault::AntennaOpen => self.receiver.set_antenna(false),
            _ => self.disturbance.begin(fault),
        }
    }

    fn over(&mut self, fault: FaultName) {
        self.waits.take_if(|(_, waiting)| waiting.name() == fault);
        match fault {
            FaultName::Unplug => {
                if let Some(other_name) = self.unplugged.take() {
                    self.other_name |= other_name;
                    self.restore();
                }
            }
            FaultName::PowerOff => {
                if std::mem::take(&mut self.powered_off) {
                    self.restore();
                }
            }
            FaultName::Slow => self.line.set_slowness(100),
            FaultName::AntennaOpen => self.receiver.set_antenna(true),
            _ => self.disturbance.end(fault),
        }
    }

    /// Power and port come back, unless another fault keeps them away.
    fn restore(&mut self) {
        let held = self.unplugged.is_some() && self.kind == PortKind::Usb;
        if !self.powered_off && !held {
            let mut effects = Vec::new();
            self.receiver.power_on(self.now(), &mut effects);
            self.take_effect(effects, false);
        }
        if self.unplugged.is_none() && (self.kind != PortKind::Usb || !self.powered_off) {
            self.plug();
        }
    }

    fn plug(&mut self) {
        let other_name = std::mem::take(&mut self.other_name);
        if let Err(error) = self.port.plug(other_name) {
            tracing::warn!(%error, "the twin can't be plugged in");
        }
    }

    fn forget_line(&mut self) {
        self.line.clear(self.receiver.baud(self.kind.port()));
        self.disturbance.forget();
    }

    /// Until its host has read all, or for a second.
    fn drain(&mut self) {
        let until = self.now() + LONGEST_DRAIN;
        let mut was_empty = false;
        while self.port.look() && self.now() < until {
            let unread = self.port.pty().and_then(|pty| pty.unread_bytes().ok()).unwrap_or(0);
            // Bytes on their way from master to client count nowhere: what is empty must stay so.
            if unread == 0 && std::mem::replace(&mut was_empty, true) {
                return;
            }
            was_empty = unread == 0;
            let _ = poll(&mut [], Some(&timespec(DRAIN_STEP)));
        }
    }

    /// What the client says.
    fn listen(&mut self) {
        let (now, port) = (self.now(), self.kind.port());
        let bytes = self.port.read(self.line.baud());
        if bytes.is_empty() || self.disturbance.is_stuck() {
            return;
        }
        let mut effects = Vec::new();
        self.receiver.set_pending(port, self.line.queued_bytes(), self.line.dropped_bytes() > 0);
        self.receiver.receive(now, port, &bytes, &mut effects);
        let changes = self.receiver.config().changes();
        if let Some((_, fault)) = self.waits.take_if(|(at, _)| changes >= *at) {
            self.begin(fault);
            self.tell(true);
        }
        self.take_effect(effects, false);
    }

    /// What is due.
    fn think(&mut self) {
        let now = self.now();
        if self.receiver.next_timeout().is_some_and(|at| at <= now) {
            let mut effects = Vec::new();
            self.receiver.set_pending(
                self.kind.port(),
                self.line.queued_bytes(),
                self.line.dropped_bytes() > 0,
            );
            self.receiver.handle_timeout(now, &mut effects);
            self.take_effect(effects, true);
        }
        // A receiver that has started anew is found again when it answers.
        let held = self.unplugged.is_some() || self.powered_off;
        if self.port.pty().is_none() && !held && self.receiver.is_up(now) {
            self.plug();
        }
    }

    fn take_effect(&mut self, effects: Vec<Effect>, epoch: bool) {
        let now = self.now();
        let mut frames = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send { frame, .. } => frames.push(frame),
                Effect::Baud { port, baud } if port == self.kind.port() => {
                    self.push(now, std::mem::take(&mut frames));
                    self.line.set_baud(baud);
                }
                Effect::Baud { .. } => {}
                Effect::Restart => {
                    frames.clear();
                    self.forget_line();
                    if self.kind == PortKind::Usb {
                        self.port.unplug();
                    }
                }
            }
        }
        if epoch {
            frames = self.disturbance.epoch(frames);
        }
        self.push(now, frames);
    }

    fn push(&mut self, now: Duration, frames: Vec<Vec<u8>>) {
        for frame in frames {
            let frame = self.disturbance.frame(frame);
            self.line.push(now, frame);
        }
    }

    /// What has gone through the line.
    fn speak(&mut self) {
        let now = self.now();
        loop {
            let (bytes, baud) = self.line.take(now);
            if bytes.is_empty() {
                break;
            }
            self.disturbance.carry(now, bytes);
            while let Some(bytes) = self.disturbance.arrived(now) {
                self.port.write(&bytes, baud);
            }
        }
        while let Some(bytes) = self.disturbance.arrived(now) {
            self.port.write(&bytes, self.line.baud());
        }
    }

    fn tell(&mut self, at_once: bool) {
        let now = self.now();
        let open = self.status.borrow().open;
        let changed = self.port.look() != open;
        if at_once || changed || now >= self.told_at + COUNT_EVERY {
            self.told_at = now;
            let status = self.port.status(
                self.line.baud(),
                self.line.dropped_bytes(),
                self.receiver.config().changes(),
            );
            self.status.send_if_modified(|told| {
                let differs = *told != status;
                *told = status;
                differs
            });
        }
    }

    fn wait(&mut self) {
        let now = self.now();
        let wakes = [self.receiver.next_timeout(), self.line.next_take(), self.disturbance.next_arrival()];
        let next = wakes.into_iter().flatten().min().unwrap_or(now + COUNT_EVERY);
        let mut timeout = next.saturating_sub(now).min(COUNT_EVERY);
        let pty = self.port.pty().filter(|_| self.status.borrow().open);
        if pty.is_none() {
            timeout = timeout.min(LOOK_EVERY);
        }
        let master = pty.map(super::pty::Pty::fd);
        let mut fds = vec![PollFd::new(&self.wake, PollFlags::IN)];
        fds.extend(master.as_ref().map(|master| PollFd::new(master, PollFlags::IN)));
        // Interrupted or not, what is due is looked at next.
        let _ = poll(&mut fds, Some(&timespec(timeout)));
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() }
}
