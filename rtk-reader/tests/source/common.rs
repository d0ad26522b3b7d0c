//! What the tests of the sources share.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use rtk_reader::{
    Timestamp,
    source::{self, Event, Options, QUEUE_EVENTS, SourceError, Spec, Timing},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; what comes later never comes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A file of `../shared/gnss`, or a visible skip.
pub fn capture(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss")).join(name);
    if path.exists() {
        return Some(path);
    }
    skip(&format!("no {}", path.display()));
    None
}

/// Says visibly that a peer is missing; fails where it must not be.
pub fn skip(reason: &str) {
    let required = std::env::var_os("DEPOT_REQUIRE_PEERS").is_some_and(|value| !value.is_empty());
    assert!(!required, "required, but {reason}");
    eprintln!("skipped: {reason}");
}

/// A clock for a live source.
#[expect(clippy::disallowed_methods, reason = "a test of real devices runs in real time")]
pub fn clock() -> impl Fn() -> Timestamp + Send + Sync + Clone + 'static {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let start = Instant::now();
    move || unix + start.elapsed()
}

/// A GGA of a second of the day.
pub fn gga(second: u64) -> Vec<u8> {
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    nmea(&format!(
        "GNGGA,{hour:02}{minute:02}{second:02}.00,4717.11399,N,00833.91590,E,4,12,0.6,499.6,M,48.0,M,,"
    ))
}

/// A sentence with its checksum.
pub fn nmea(body: &str) -> Vec<u8> {
    let checksum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{checksum:02X}\r\n").into_bytes()
}

/// Short waits, and locks and ports in a directory of the test's own.
pub fn options(root: &Path) -> Options {
    Options {
        lock_dirs: vec![root.to_owned()],
        root: root.to_owned(),
        program: "test".to_owned(),
        timing: Timing {
            probe: Duration::from_millis(300),
            slow_probe: Duration::from_millis(600),
            answer: Duration::from_millis(300),
            silence: Duration::from_secs(10),
            backoff: Duration::from_millis(5),
            max_backoff: Duration::from_millis(20),
            connect: Duration::from_secs(5),
            poll_first: Duration::from_millis(20),
            poll_every: Duration::from_millis(40),
        },
        ..Options::default()
    }
}

/// A source that runs.
pub struct Running {
    pub events: mpsc::Receiver<Event>,
    pub stop: CancellationToken,
    pub task: JoinHandle<Result<(), SourceError>>,
}

pub fn start(spec: Spec, options: Options) -> Running {
    start_with(spec, options, clock())
}

pub fn start_with(
    spec: Spec,
    options: Options,
    now: impl Fn() -> Timestamp + Send + Sync + 'static,
) -> Running {
    let (send, events) = mpsc::channel(QUEUE_EVENTS);
    let stop = CancellationToken::new();
    let task = tokio::spawn(source::run(spec, options, now, send, stop.clone()));
    Running { events, stop, task }
}

impl Running {
    /// The next event.
    pub async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("no event came");
        event.expect("the source ended")
    }

    /// The next event that isn't bytes.
    pub async fn told(&mut self) -> Event {
        loop {
            match self.event().await {
                Event::Bytes { .. } => {}
                other => return other,
            }
        }
    }

    /// Bytes until `wanted` is among them.
    pub async fn bytes_until(&mut self, wanted: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        while !all.windows(wanted.len()).any(|window| window == wanted) {
            match self.event().await {
                Event::Bytes { bytes, .. } => all.extend(bytes),
                other => panic!("expected bytes, got {other:?} after {:?}", String::from_utf8_lossy(&all)),
            }
        }
        all
    }

    /// How it ended.
    pub async fn end(self) -> Result<(), SourceError> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("it doesn't end").expect("it panicked")
    }

    /// Why it couldn't be opened.
    pub async fn error(self) -> SourceError {
        self.end().await.expect_err("it ended without an error")
    }

    /// All that comes until it ends.
    pub async fn all(mut self) -> (Vec<Event>, Result<(), SourceError>) {
        let mut all = Vec::new();
        while let Some(event) =
            tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("it doesn't end")
        {
            all.push(event);
        }
        (all, self.end().await)
    }
}

/// The bytes of events.
pub fn bytes_of(events: &[Event]) -> Vec<u8> {
    let mut all = Vec::new();
    for event in events {
        if let Event::Bytes { bytes, .. } = event {
            all.extend_from_slice(bytes);
        }
    }
    all
}

/// From the first received bytes to the last.
pub fn span(events: &[Event]) -> Duration {
    let times: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Bytes { received_at, .. } => Some(*received_at),
            _ => None,
        })
        .collect();
    assert!(times.is_sorted(), "the time line runs backwards");
    times.last().zip(times.first()).map_or(Duration::ZERO, |(last, first)| *last - *first)
}
