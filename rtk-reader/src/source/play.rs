//! Playing bytes in their time: the only part of a capture that waits.

use std::{path::PathBuf, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    CHUNK_BYTES, Event, Rate, SourceError,
    capture::{Capture, Chunk, Content},
    run::{Halt, Out},
    stream_time::GAP_PLAYED,
};
use crate::Timestamp;

/// Pieces read ahead of the player.
const READ_AHEAD: usize = 4;

/// What happens at a moment of a stream that is made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Bytes come.
    Bytes(Vec<u8>),
    /// The receiver is unplugged.
    Closed,
    /// It is plugged in again.
    Opened,
}

/// Plays what isn't a file: `(offset from the start, what happens)` in order, a generated scenario for
/// example. Tells [`Event::Opened`] first and [`Event::Ended`] last; ends early when `stop` says so or nobody
/// takes the events any more.
pub async fn paced<N>(
    device: String,
    moments: impl Iterator<Item = (Duration, Moment)> + Send,
    rate: Rate,
    now: N,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) where
    N: Fn() -> Timestamp + Send + Sync,
{
    let out = Out { events, now };
    let play = async {
        out.send(Event::Opened { device: device.clone(), baud: None }).await?;
        let player = Player { start: (out.now)(), rate };
        for (offset, moment) in moments {
            match moment {
                Moment::Bytes(bytes) => player.play(&out, offset, &bytes).await?,
                Moment::Closed => {
                    player.wait(&out, offset).await;
                    out.send(Event::Closed { reason: format!("{device} was unplugged") }).await?;
                }
                Moment::Opened => {
                    player.wait(&out, offset).await;
                    out.send(Event::Opened { device: device.clone(), baud: None }).await?;
                }
            }
        }
        out.send(Event::Ended).await
    };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = play => {}
    }
}

/// Plays a capture, once or for ever.
pub(super) async fn capture<N>(path: PathBuf, rate: Rate, once: bool, out: &Out<N>) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let opened = path.clone();
    blocking(move || Capture::open(&opened)).await?;
    let mut receiver = Receiver { device: path.display().to_string(), baud: None, open: false };
    receiver.opened(out, None).await?;
    let player = Player { start: (out.now)(), rate };
    let mut base = Duration::ZERO;
    loop {
        let (pieces, mut played) = mpsc::channel::<Vec<Chunk>>(READ_AHEAD);
        let read = tokio::task::spawn_blocking({
            let path = path.clone();
            move || read(&path, &pieces)
        });
        let (mut last, mut heard) = (Duration::ZERO, false);
        while let Some(chunks) = played.recv().await {
            for Chunk { offset, content } in chunks {
                last = offset;
                player.wait(out, base + offset).await;
                match content {
                    Content::Bytes(bytes) => {
                        heard = true;
                        receiver.opened(out, None).await?;
                        player.play(out, base + offset, &bytes).await?;
                    }
                    Content::Opened { baud } => receiver.opened(out, baud).await?,
                    Content::Closed { reason } => receiver.closed(out, reason).await?,
                }
            }
        }
        let result = joined(read.await);
        if once {
            out.send(Event::Ended).await?;
            return Ok(result?);
        }
        match (heard, result) {
            // On the same time line: the first epoch follows the last one.
            (true, Ok(())) => base += last + GAP_PLAYED,
            (true, Err(error)) => {
                tracing::warn!(%error, "playing it again from the start");
                base += last + GAP_PLAYED;
            }
            // Removed or emptied while it was played; trying again would only spin.
            (false, Ok(())) => {
                let origin = path.display().to_string();
                return Err(SourceError::NotGnss { origin, bytes: 0, bauds: 0 }.into());
            }
            (false, Err(error)) => return Err(error.into()),
        }
    }
}

/// The receiver in a capture, as it was told of.
struct Receiver {
    device: String,
    baud: Option<u32>,
    open: bool,
}

impl Receiver {
    /// It is there: told if that is news, or its line speed is.
    async fn opened<N>(&mut self, out: &Out<N>, baud: Option<u32>) -> Result<(), Halt>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        if self.open && (baud.is_none() || baud == self.baud) {
            return Ok(());
        }
        self.open = true;
        self.baud = baud.or(self.baud);
        out.send(Event::Opened { device: self.device.clone(), baud: self.baud }).await
    }

    async fn closed<N>(&mut self, out: &Out<N>, reason: String) -> Result<(), Halt>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        self.open = false;
        out.send(Event::Closed { reason }).await
    }
}

/// Reads a capture to its end, or as long as somebody listens.
fn read(path: &std::path::Path, pieces: &mpsc::Sender<Vec<Chunk>>) -> Result<(), SourceError> {
    let mut capture = Capture::open_unchecked(path)?;
    loop {
        let mut chunks = Vec::new();
        let more = capture.read_some(&mut chunks)?;
        if !chunks.is_empty() && pieces.blocking_send(chunks).is_err() {
            return Ok(());
        }
        if !more {
            break;
        }
    }
    match capture.damage() {
        Some(damage) => Err(SourceError::Damaged { path: path.to_owned(), damage: damage.clone() }),
        None => Ok(()),
    }
}

/// Runs what reads files where it may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(result: Result<Result<T, SourceError>, tokio::task::JoinError>) -> Result<T, SourceError> {
    match result {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(SourceError::Io {
                doing: "finish reading",
                path: PathBuf::from("the source"),
                error: cancelled.into(),
            }),
        },
    }
}

/// A time line that began at `start`.
struct Player {
    start: Timestamp,
    rate: Rate,
}

impl Player {
    async fn play<N>(&self, out: &Out<N>, offset: Duration, bytes: &[u8]) -> Result<(), Halt>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        self.wait(out, offset).await;
        let received_at = self.start.saturating_add(offset);
        for bytes in bytes.chunks(CHUNK_BYTES) {
            out.send(Event::Bytes { received_at, bytes: bytes.to_vec() }).await?;
        }
        Ok(())
    }

    /// Waits until an offset is due.
    async fn wait<N>(&self, out: &Out<N>, offset: Duration)
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        if let Rate::Times(times) = self.rate {
            let due = self.start.saturating_add(
                Duration::try_from_secs_f64(offset.as_secs_f64() / times).unwrap_or(Duration::MAX),
            );
            let wait = due.saturating_sub((out.now)());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }
}
