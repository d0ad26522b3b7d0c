//! The twin as others see it: a name to open, a status to watch, a handle to disturb it by.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rtk_reader::receiver::Port;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::sync::watch;

use super::fault::{Fault, FaultError, FaultName, Faults, Unsupported};
use super::receiver::Character;
use super::run::{Command, Run};

/// Orders that wait for the twin's thread; who gives one more waits.
const ORDERS: usize = 16;

/// Which of its ports is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// No speed, no garbling; power comes over it, and it vanishes when the receiver starts anew.
    Usb,
    /// At the speed that is configured.
    Uart1,
    /// At the speed that is configured.
    Uart2,
}

impl PortKind {
    /// As the receiver names it.
    #[must_use]
    pub fn port(self) -> Port {
        match self {
            Self::Usb => Port::Usb,
            Self::Uart1 => Port::Uart1,
            Self::Uart2 => Port::Uart2,
        }
    }
}

/// How a twin is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What it is.
    pub character: Character,
    /// Where it is plugged in.
    pub kind: PortKind,
    /// A link that always leads to the pseudo-terminal while it is plugged in, like `/dev/serial/by-id`; a link that is
    /// there is replaced.
    pub link: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { character: Character::default(), kind: PortKind::Usb, link: None }
    }
}

/// Bytes that have just left a twin.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When whoever has its port open could read them.
    pub at: Instant,
    /// As they arrive there: garbled, if the speeds differ.
    pub bytes: Vec<u8>,
}

/// How a twin is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The pseudo-terminal's name; none while it is unplugged.
    pub path: Option<PathBuf>,
    /// Somebody has it open.
    pub open: bool,
    /// Bits per second, if it is a line of bits.
    pub baud: Option<u32>,
    /// Bytes that went to whoever has it open.
    pub sent_bytes: u64,
    /// Bytes lost: nobody read them, or the line was too slow for them.
    pub dropped_bytes: u64,
    /// How often somebody has changed its configuration.
    pub changes: u64,
}

/// Why there is no twin.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// The system gives no pseudo-terminal, pipe or thread.
    #[error("could not make a pseudo-terminal: {0}; close some programs that use them")]
    Make(#[source] io::Error),
    /// The link can't be made.
    #[error("could not link {path} to the pseudo-terminal: {source}; name a path that can be written")]
    Link {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A virtual receiver that runs; dropped, it is unplugged for good.
#[derive(Debug)]
pub struct Twin {
    control: Control,
    link: Option<PathBuf>,
    thread: Option<JoinHandle<()>>,
}

/// What a twin is disturbed by; clones do the same.
#[derive(Clone, Debug)]
pub struct Control {
    orders: SyncSender<Command>,
    /// A byte here wakes the thread.
    wake: Arc<OwnedFd>,
    status: watch::Receiver<Status>,
    kind: PortKind,
}

impl Twin {
    /// Plugs one in: when this returns, its port can be opened.
    ///
    /// # Errors
    /// [`TwinError`].
    pub fn start(options: Options) -> Result<Self, TwinError> {
        Self::start_tapped(options, None)
    }

    /// The same, and tells what leaves it, and when. What the tap can't take is lost to it, and to nobody else.
    ///
    /// # Errors
    /// [`TwinError`].
    pub fn start_tapped(options: Options, tap: Option<SyncSender<Sent>>) -> Result<Self, TwinError> {
        let (wake_read, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|error| TwinError::Make(error.into()))?;
        let (orders, commands) = sync_channel(ORDERS);
        let (status, watched) = watch::channel(Status::default());
        let (kind, link) = (options.kind, options.link.clone());
        let run = Run::new(options, tap, commands, wake_read, status)?;
        let thread = std::thread::Builder::new()
            .name("twin".into())
            .spawn(move || run.run())
            .map_err(TwinError::Make)?;
        let control = Control { orders, wake: Arc::new(wake), status: watched, kind };
        Ok(Self { control, link, thread: Some(thread) })
    }

    /// The name to open: the link, if there is one, or the pseudo-terminal as it is called now, or was last.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.link.clone().or_else(|| self.control.status.borrow().path.clone()).unwrap_or_default()
    }

    /// The link, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<&Path> {
        self.link.as_deref()
    }

    /// How it is; `changed` and `wait_for` wait for it to become otherwise.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.control.status.clone()
    }

    /// What it is disturbed by.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        let _ = self.control.tell(|done| Command::End { done });
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Control {
    /// Ends all faults that go on.
    ///
    /// # Errors
    /// [`FaultError::Gone`].
    pub fn end_all(&self) -> Result<(), FaultError> {
        FaultName::ALL
            .into_iter()
            .filter(|name| self.supports(*name).is_ok())
            .try_for_each(|name| self.end(name))
    }

    /// The fault begins by itself with the so manieth change of the configuration from now on, before the receiver
    /// answers: it is lost while it is being set up. It replaces one that still waits, and ending it ends the waiting.
    ///
    /// # Errors
    /// [`FaultError`].
    pub fn begin_at_change(&self, changes: u32, fault: Fault) -> Result<(), FaultError> {
        self.supports(fault.name())?;
        self.tell(|done| Command::BeginAtChange { changes, fault, done })
    }

    /// How the twin is.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Returns when it is done. The thread takes at most some milliseconds, and for a drained unplug what its host takes
    /// to read, at most a second.
    fn tell(&self, command: impl FnOnce(SyncSender<()>) -> Command) -> Result<(), FaultError> {
        let (done, wait) = sync_channel(1);
        self.orders.send(command(done)).map_err(|_| FaultError::Gone)?;
        // A full pipe wakes as well.
        let _ = rustix::io::write(&*self.wake, &[1]);
        wait.recv().map_err(|_| FaultError::Gone)
    }
}

impl Faults for Control {
    fn supports(&self, fault: FaultName) -> Result<(), Unsupported> {
        let reason = match (self.kind, fault) {
            (PortKind::Usb, FaultName::Slow) => "USB has no speed that a line could fall short of",
            _ => return Ok(()),
        };
        Err(Unsupported { fault, reason })
    }

    fn begin(&self, fault: Fault) -> Result<(), FaultError> {
        self.supports(fault.name())?;
        self.tell(|done| Command::Begin { fault, done })
    }

    fn end(&self, fault: FaultName) -> Result<(), FaultError> {
        self.supports(fault)?;
        self.tell(|done| Command::Over { fault, done })
    }
}
