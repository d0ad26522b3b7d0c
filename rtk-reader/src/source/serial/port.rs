//! Opening a port: which, whether we may, whether it is ours alone, and at what speed.

use std::{
    fmt, fs, io,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
};

use tokio_serial::{ErrorKind, SerialPortBuilderExt, SerialStream};

use super::{
    super::{
        Event, Options, SourceError,
        lock::{Holder, PortLock},
        play::blocking,
        ports::{self, Port, Usb},
    },
    baud::{BAUD_RATES, Found, find},
};
use crate::Timestamp;

/// A port in use. Dropping it closes and unlocks it.
#[derive(Debug)]
pub(super) struct OpenPort {
    pub(super) stream: Claimed,
    pub(super) speed: Speed,
    /// USB says so; behind a bridge it can't.
    pub(super) is_ublox: bool,
    /// What was heard while looking for the speed.
    heard: Vec<u8>,
    /// The device itself, not a link to it.
    device: PathBuf,
    name: String,
    // Last: the port is closed before it is unlocked.
    lock: PortLock,
}

/// A tty that nobody else can open.
#[derive(Debug)]
pub(super) struct Claimed(SerialStream);

impl Deref for Claimed {
    type Target = SerialStream;

    fn deref(&self) -> &SerialStream {
        &self.0
    }
}

impl DerefMut for Claimed {
    fn deref_mut(&mut self) -> &mut SerialStream {
        &mut self.0
    }
}

impl Drop for Claimed {
    /// The claim lasts until the last copy of the descriptor is closed, and a program that is just being started has
    /// one: it is given up in words.
    fn drop(&mut self) {
        // A port that is gone is nobody's.
        #[cfg(unix)]
        let _ = self.0.set_exclusive(false);
    }
}

/// A port's line speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speed {
    /// The receiver itself is on USB: there is no line.
    Usb,
    /// Set to this; nothing has come yet that could tell whether it fits.
    Unconfirmed(u32),
    /// Given, or found to fit.
    Bauds(u32),
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usb => Ok(()),
            Self::Unconfirmed(baud) | Self::Bauds(baud) => write!(f, " at {baud} Bd"),
        }
    }
}

impl OpenPort {
    /// The path that stays the same, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn opened(&self) -> Event {
        let baud = match self.speed {
            Speed::Bauds(baud) => Some(baud),
            Speed::Usb | Speed::Unconfirmed(_) => None,
        };
        Event::Opened { device: self.name.clone(), baud }
    }

    pub(super) fn take_heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.heard)
    }

    /// Closes and opens the device: USB transfers that hang are begun anew. The lock is kept.
    pub(super) async fn reopened(self, options: &Options) -> Result<Self, SourceError> {
        let Self { stream, speed, is_ublox, heard, device, name, lock } = self;
        let baud = match speed {
            Speed::Usb => BAUD_RATES[0],
            Speed::Unconfirmed(baud) | Speed::Bauds(baud) => baud,
        };
        // First: a second open of an exclusive port fails, and ends the first one's exclusiveness.
        drop(stream);
        let root = options.root.clone();
        blocking(move || {
            let stream = open(&root, &device, baud)?;
            Ok(Self { stream, speed, is_ublox, heard, device, name, lock })
        })
        .await
    }
}

/// Which port is wanted, and what is known of it.
#[derive(Debug)]
pub(super) struct Target {
    /// As given; none for the one u-blox.
    path: Option<PathBuf>,
    /// What was opened first: the same is wanted again, under whatever name.
    usb: Option<Usb>,
}

impl Target {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, usb: None }
    }

    /// Finds, locks and opens it, and finds its speed.
    pub(super) async fn open<N>(&mut self, options: &Options, now: &N) -> Result<OpenPort, SourceError>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        let (given, usb, options_) = (self.path.clone(), self.usb.clone(), options.clone());
        let at = now();
        let (mut port, usb) = blocking(move || {
            let (path, port) = locate(&options_.root, given, usb)?;
            take(&options_, &path, port, at)
        })
        .await?;
        port.settle(options, now).await?;
        self.usb = usb.or(self.usb.take());
        Ok(port)
    }
}

/// The path of the port wanted, and what is known of it.
fn locate(
    root: &Path,
    given: Option<PathBuf>,
    usb: Option<Usb>,
) -> Result<(PathBuf, Option<Port>), SourceError> {
    let Some(usb) = usb else {
        return match given {
            None => ports::the_receiver(root).map(|port| (port.path.clone(), Some(port))),
            Some(path) => {
                let port = ports::port_at(root, &path);
                Ok((path, port))
            }
        };
    };
    let mut same: Vec<Port> = ports::plugged_in(root);
    same.retain(|port| port.usb.as_ref().is_some_and(|other| usb.is_same(other)));
    if same.len() > 1 {
        // Two of a kind, without serial numbers: the one that is where ours was.
        same.retain(|port| port.usb.as_ref().is_some_and(|other| other.location == usb.location));
    }
    match same.pop() {
        Some(port) => Ok((port.path.clone(), Some(port))),
        None => Err(SourceError::NoSuchPort { path: given.unwrap_or_else(|| PathBuf::from(usb.product)) }),
    }
}

/// Locks and opens it.
fn take(
    options: &Options,
    path: &Path,
    port: Option<Port>,
    now: Timestamp,
) -> Result<(OpenPort, Option<Usb>), SourceError> {
    let device = device_of(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::NoSuchPort { path: path.to_owned() },
        _ => SourceError::Io { doing: "look at", path: path.to_owned(), error },
    })?;
    let lock = PortLock::take(&options.lock_dirs, &device, &options.program, now)?;
    if let Some(holder) = ports::opener(&options.root, &device) {
        return Err(SourceError::Held { path: path.to_owned(), holder });
    }
    // A u-blox's own USB has no line speed; behind a bridge it isn't u-blox that USB shows.
    let is_ublox = port.as_ref().is_some_and(Port::is_ublox);
    let on_usb = is_ublox && options.baud.is_none();
    let baud = options.baud.unwrap_or(BAUD_RATES[0]);
    let stream = open(&options.root, &device, baud)?;
    let speed = if on_usb { Speed::Usb } else { Speed::Unconfirmed(baud) };
    let name = port.as_ref().map_or_else(|| path.display().to_string(), Port::name);
    let usb = port.and_then(|port| port.usb);
    Ok((OpenPort { stream, speed, is_ublox, heard: Vec::new(), device, name, lock }, usb))
}

/// What a path leads to; a `COM3` leads nowhere.
fn device_of(path: &Path) -> io::Result<PathBuf> {
    if cfg!(windows) { Ok(path.to_owned()) } else { fs::canonicalize(path) }
}

fn open(root: &Path, device: &Path, baud: u32) -> Result<Claimed, SourceError> {
    let path = device.to_owned();
    let builder = tokio_serial::new(device.to_string_lossy(), baud);
    builder.open_native_async().map(Claimed).map_err(|error| match error.kind {
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            SourceError::PermissionDenied { remedy: ports::remedy(root, device), path }
        }
        ErrorKind::Io(io::ErrorKind::NotFound) => SourceError::NoSuchPort { path },
        // What `serialport` makes of EBUSY, and of a lock of its own held by another.
        ErrorKind::NoDevice => {
            let holder = ports::opener(root, device).unwrap_or_else(Holder::unknown);
            SourceError::Held { path, holder }
        }
        _ => SourceError::Io { doing: "open as a serial port", path, error: error.into() },
    })
}

impl OpenPort {
    /// Finds the line speed, or checks the one given.
    async fn settle<N>(&mut self, options: &Options, now: &N) -> Result<(), SourceError>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        let candidates: &[u32] = match (&options.baud, self.speed) {
            (Some(given), _) => std::slice::from_ref(given),
            (None, Speed::Usb) => &BAUD_RATES[..1],
            (None, _) => &BAUD_RATES,
        };
        match (self.find(candidates, options, now).await?, options.baud) {
            (Found::Fits(baud, heard), _) => {
                self.heard = heard;
                if self.speed != Speed::Usb {
                    self.speed = Speed::Bauds(baud);
                }
                Ok(())
            }
            (Found::Silent, Some(given)) => {
                self.speed = Speed::Bauds(given);
                Ok(())
            }
            (Found::Silent, None) => {
                tracing::warn!(device = self.name(), "nothing comes at any line speed; waiting");
                if let (Speed::Unconfirmed(baud), Some(&last)) = (&mut self.speed, candidates.last()) {
                    *baud = last;
                }
                Ok(())
            }
            (Found::Nothing(bytes), Some(given)) => {
                let others: Vec<u32> = BAUD_RATES.into_iter().filter(|&baud| baud != given).collect();
                match self.find(&others, options, now).await? {
                    Found::Fits(fits, _) => {
                        Err(SourceError::WrongBaud { path: PathBuf::from(self.name()), given, fits })
                    }
                    Found::Silent => Err(self.not_gnss(bytes, 1 + others.len())),
                    Found::Nothing(more) => Err(self.not_gnss(bytes + more, 1 + others.len())),
                }
            }
            (Found::Nothing(bytes), None) => {
                let tried = if self.speed == Speed::Usb { 0 } else { candidates.len() };
                Err(self.not_gnss(bytes, tried))
            }
        }
    }

    async fn find<N>(&mut self, candidates: &[u32], options: &Options, now: &N) -> Result<Found, SourceError>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        find(&mut self.stream, candidates, &options.timing, now).await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SourceError::NoSuchPort { path: PathBuf::from(self.name()) },
            _ => SourceError::Io { doing: "read", path: PathBuf::from(self.name()), error },
        })
    }

    fn not_gnss(&self, bytes: u64, bauds: usize) -> SourceError {
        SourceError::NotGnss { origin: self.name().to_owned(), bytes, bauds }
    }
}
