//! Running a source.

use std::{io, path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{CHUNK_BYTES, Event, Rate, SourceError, Spec, lock, play, serial, stdin, tcp};
use crate::{
    Timestamp,
    frame::{Frame, Framer, MessageId},
};

/// Bytes of a live source without a good frame after which it is taken for something else.
pub const NOT_GNSS_BYTES: u64 = 1024 * 1024;

/// How a source is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How fast a capture is played; a live source has its own time.
    pub rate: Rate,
    /// A capture is played once; else for ever.
    pub once: bool,
    /// A port's line speed; none to find it.
    pub baud: Option<u32>,
    /// A u-blox on a port is asked for what it doesn't say by itself: who it is, its antenna, its survey-in and
    /// its satellites. Without it nothing is ever written to a port.
    pub poll: bool,
    /// This program's name, for whoever finds the port held.
    pub program: String,
    /// Where lock files go; the first that can be used.
    pub lock_dirs: Vec<PathBuf>,
    /// `/`, or what a test puts in its place to look for ports in.
    pub root: PathBuf,
    /// How long it waits for what.
    pub timing: Timing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate: Rate::Times(1.0),
            once: false,
            baud: None,
            poll: true,
            program: "depot".to_owned(),
            lock_dirs: lock::default_dirs(),
            root: PathBuf::from("/"),
            timing: Timing::default(),
        }
    }
}

/// How long a source waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For a frame at each line speed: a receiver's second, and some.
    pub probe: Duration,
    /// For a frame at the line speeds at which nothing came at all: a slow receiver.
    pub slow_probe: Duration,
    /// For the answer at each line speed, when a receiver that says nothing by itself is asked who it is.
    pub answer: Duration,
    /// Without a byte, until a port or socket is opened anew.
    pub silence: Duration,
    /// Before the first attempt to reopen; doubled for each further one …
    pub backoff: Duration,
    /// … up to this.
    pub max_backoff: Duration,
    /// For a TCP connection.
    pub connect: Duration,
    /// After a port is opened, until a u-blox is asked for what hasn't come by itself …
    pub poll_first: Duration,
    /// … and from then on, for what hasn't come for so long. Below the 5 s for which gps-status takes what it
    /// was told of the sky for true.
    pub poll_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            probe: Duration::from_millis(1200),
            slow_probe: Duration::from_secs(6),
            answer: Duration::from_millis(700),
            silence: Duration::from_secs(10),
            backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            poll_first: Duration::from_secs(2),
            poll_every: Duration::from_secs(4),
        }
    }
}

/// Runs a source until `stop` says so, nobody takes its events any more, or a capture played once has ended.
///
/// A loss after the first opening is an [`Event::Closed`], and the source is reopened for ever.
///
/// # Errors
/// Only what should end the program: a source that can't be opened the first time, and a recording played
/// once that turned out damaged. A host that can't be reached is no error; it is tried again.
pub async fn run<N>(
    spec: Spec,
    options: Options,
    now: N,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<(), SourceError>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let out = Out { events, now };
    let source = async {
        match spec {
            Spec::Auto => serial::run(None, &options, &out).await,
            Spec::Stdin => stdin::run(&out).await,
            Spec::Tcp { host, port } => tcp::run(&host, port, &options.timing, &out).await,
            Spec::Path(path) => match what_is(&path)? {
                Kind::Port => serial::run(Some(path), &options, &out).await,
                Kind::Capture => play::capture(path, options.rate, options.once, &out).await,
                Kind::Pipe => stdin::pipe(path, &out).await,
            },
        }
    };
    // Nothing in a source minds being dropped where it waits: ports close, locks go, readers see it.
    let result = tokio::select! {
        () = stop.cancelled() => Ok(()),
        result = source => result,
    };
    match result {
        Ok(()) | Err(Halt::NobodyListens) => Ok(()),
        Err(Halt::Failed(error)) => Err(error),
    }
}

/// Why a source ended.
#[derive(Debug)]
pub(super) enum Halt {
    /// The service is gone.
    NobodyListens,
    /// It can't go on.
    Failed(SourceError),
}

impl From<SourceError> for Halt {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

/// Where events go, and the clock they are stamped with.
pub(super) struct Out<N> {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) now: N,
}

impl<N: Fn() -> Timestamp + Send + Sync> Out<N> {
    pub(super) async fn send(&self, event: Event) -> Result<(), Halt> {
        self.events.send(event).await.map_err(|_| Halt::NobodyListens)
    }

    /// Bytes that came just now.
    pub(super) async fn bytes(&self, bytes: &[u8]) -> Result<(), Halt> {
        let received_at = (self.now)();
        for bytes in bytes.chunks(CHUNK_BYTES) {
            self.send(Event::Bytes { received_at, bytes: bytes.to_vec() }).await?;
        }
        Ok(())
    }
}

/// Whether what comes is a GNSS stream, at any time.
#[derive(Debug, Default)]
pub(super) struct Sniffer {
    framer: Framer,
    frames: u64,
    unframed_bytes: u64,
}

impl Sniffer {
    pub(super) fn push(&mut self, now: Timestamp, bytes: &[u8]) {
        self.push_telling(now, bytes, &mut |_| ());
    }

    /// The same, and tells what the good frames are.
    pub(super) fn push_telling(&mut self, now: Timestamp, bytes: &[u8], tell: &mut impl FnMut(MessageId)) {
        let mut found = 0;
        let mut count = |frame: Frame<'_>| {
            found += 1;
            tell(frame.id());
        };
        self.framer.push(now, bytes, &mut count);
        self.framer.handle_timeout(now, &mut count);
        self.frames += found;
        self.unframed_bytes = if found > 0 { 0 } else { self.unframed_bytes + bytes.len() as u64 };
    }

    /// The stream has ended.
    pub(super) fn finish(&mut self) {
        let mut found = 0;
        self.framer.finish(&mut |_| found += 1);
        self.frames += found;
        if found > 0 {
            self.unframed_bytes = 0;
        }
    }

    /// Good frames so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes since the last push that completed a good frame.
    pub(super) fn unframed_bytes(&self) -> u64 {
        self.unframed_bytes
    }
}

/// What a read brought.
pub(super) enum Read {
    Bytes(usize),
    /// The other end is gone: a tty that vanished reads 0 bytes for ever.
    Gone(Option<io::Error>),
    Silent,
}

/// Waits for bytes, for a bounded time.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
    silence: Duration,
) -> Read {
    match tokio::time::timeout(silence, stream.read(buffer)).await {
        Err(_) => Read::Silent,
        Ok(Ok(0)) => Read::Gone(None),
        Ok(Ok(length)) => Read::Bytes(length),
        Ok(Err(error)) => Read::Gone(Some(error)),
    }
}

/// Waits longer each time.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(super) fn new(timing: &Timing) -> Self {
        Self { next: timing.backoff, max: timing.max_backoff }
    }

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.max);
    }
}

enum Kind {
    Port,
    Capture,
    Pipe,
}

/// What a path names.
fn what_is(path: &std::path::Path) -> Result<Kind, SourceError> {
    if cfg!(windows) && path.to_string_lossy().to_ascii_uppercase().starts_with("COM") {
        return Ok(Kind::Port);
    }
    let path = path.to_owned();
    match std::fs::metadata(&path) {
        Ok(meta) if meta.is_file() => Ok(Kind::Capture),
        Ok(meta) if meta.is_dir() => Err(SourceError::NotASource { path, found: "a directory" }),
        Ok(meta) if is_memory(&meta) => {
            Err(SourceError::NotASource { path, found: "a device of the system's own" })
        }
        Ok(meta) if is_char_device(&meta) => Ok(Kind::Port),
        Ok(meta) if is_pipe(&meta) => Ok(Kind::Pipe),
        Ok(_) => Err(SourceError::NotASource { path, found: "a socket or a block device" }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SourceError::NoSuchPort { path }),
        Err(error) => Err(SourceError::Io { doing: "look at", path, error }),
    }
}

/// `/dev/null`, `/dev/zero`, `/dev/random` and their kin: major 1 in Linux's list of devices.
#[cfg(target_os = "linux")]
fn is_memory(meta: &std::fs::Metadata) -> bool {
    use std::os::linux::fs::MetadataExt;
    is_char_device(meta) && meta.st_rdev() >> 8 & 0xFFF == 1
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn is_char_device(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    meta.file_type().is_char_device()
}

#[cfg(unix)]
fn is_pipe(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    meta.file_type().is_fifo()
}

#[cfg(not(unix))]
fn is_char_device(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_pipe(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_bytes_is_gone_and_no_answer_is_silent() {
        let mut buffer = [0; 8];
        let gone = read(&mut tokio::io::empty(), &mut buffer, Duration::from_secs(60)).await;
        assert!(matches!(gone, Read::Gone(None)));
        let (mut stream, _other_end) = tokio::io::duplex(8);
        assert!(matches!(read(&mut stream, &mut buffer, Duration::ZERO).await, Read::Silent));
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "tokio's paused clock moves with the waits alone")]
    async fn waits_double_up_to_their_limit() {
        let mut backoff = Backoff::new(&Timing::default());
        let start = tokio::time::Instant::now();
        let mut waits = Vec::new();
        for _ in 0..7 {
            let before = start.elapsed();
            backoff.wait().await;
            waits.push((start.elapsed() - before).as_millis());
        }
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    }
}
