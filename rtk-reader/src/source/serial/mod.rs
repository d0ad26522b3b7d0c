//! A receiver on a serial port, found, held, read, and found again.

mod baud;
mod line;
mod polls;
mod port;

use std::{io::ErrorKind as IoErrorKind, path::PathBuf, time::Duration};

use super::{
    CHUNK_BYTES, ErrorKind, Event, Options,
    run::{Backoff, Halt, Out, Read, Sniffer, Timing, read},
};
use crate::Timestamp;
use polls::Polls;
use port::{OpenPort, Speed, Target};

pub use baud::BAUD_RATES;
pub use line::Line;

/// Bytes without a good frame after which the line speed is looked for again: the receiver has changed it.
/// A multiple of the longest message a receiver sends, so that no single damaged one does.
const UNFRAMED_BYTES: u64 = 16 * 1024;

/// The same while the line speed isn't known yet.
const UNFRAMED_AT_FIRST_BYTES: u64 = 1024;

/// Opens the port (`None`: the one u-blox on USB) and reads it; reopens it for ever.
pub(super) async fn run<N>(path: Option<PathBuf>, options: &Options, out: &Out<N>) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let mut target = Target::new(path);
    let mut port = target.open(options, &out.now).await?;
    loop {
        let reason = listen(port, options, out).await?;
        tracing::warn!(%reason, "the receiver is gone; waiting for its return");
        out.send(Event::Closed { reason }).await?;
        port = reopen(&mut target, options, out).await?;
        tracing::info!(device = port.name(), "the receiver is back");
    }
}

/// Tries until it is back; tells when the reason why it isn't changes.
async fn reopen<N>(target: &mut Target, options: &Options, out: &Out<N>) -> Result<OpenPort, Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let mut backoff = Backoff::new(&options.timing);
    let mut told = None;
    loop {
        backoff.wait().await;
        let error = match target.open(options, &out.now).await {
            Ok(port) => return Ok(port),
            Err(error) => error,
        };
        // That it isn't there has just been told in better words.
        if told.is_none() && error.kind() == ErrorKind::NotFound {
            continue;
        }
        let reason = error.to_string();
        if told.as_ref() != Some(&reason) {
            tracing::warn!(%reason, "can't reopen the receiver yet");
            out.send(Event::Closed { reason: reason.clone() }).await?;
            told = Some(reason);
        }
    }
}

/// Reads until the port is lost, for the reason returned; by then it is closed and unlocked.
async fn listen<N>(mut port: OpenPort, options: &Options, out: &Out<N>) -> Result<String, Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    out.send(port.opened()).await?;
    let mut sniffer = Sniffer::default();
    let mut last_heard = (out.now)();
    let mut polls = polls(&port, options, last_heard);
    let heard = port.take_heard();
    if !heard.is_empty() {
        sniffer.push_telling(last_heard, &heard, &mut |message| polls.heard(last_heard, message));
        out.bytes(&heard).await?;
    }
    let mut buffer = [0; CHUNK_BYTES];
    let mut told_unframed = false;
    loop {
        let now = (out.now)();
        ask(&mut port, &mut polls, now);
        let silent_at = last_heard.saturating_add(options.timing.silence);
        let wake_at = polls.next().map_or(silent_at, |next| next.min(silent_at));
        let length = match read(&mut *port.stream, &mut buffer, wake_at.saturating_sub(now)).await {
            Read::Bytes(length) => length,
            Read::Silent if wake_at < silent_at => continue,
            Read::Gone(error) => {
                let error = error.map(|error| format!(" ({error})")).unwrap_or_default();
                return Ok(format!("{} was unplugged{error}", port.name()));
            }
            Read::Silent => {
                tracing::warn!(
                    device = port.name(),
                    seconds = seconds(options.timing.silence),
                    "silent; opening it anew"
                );
                port = match port.reopened(options).await {
                    Ok(port) => port,
                    Err(error) => return Ok(error.to_string()),
                };
                last_heard = (out.now)();
                polls = self::polls(&port, options, last_heard);
                continue;
            }
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        last_heard = (out.now)();
        sniffer.push_telling(last_heard, bytes, &mut |message| polls.heard(last_heard, message));
        if let Speed::Unconfirmed(baud) = port.speed {
            if sniffer.frames() > 0 {
                port.speed = Speed::Bauds(baud);
                out.send(port.opened()).await?;
            } else if sniffer.unframed_bytes() >= UNFRAMED_AT_FIRST_BYTES {
                return Ok(format!("{} talks, but not at {baud} Bd: looking for its rate", port.name()));
            }
        }
        out.bytes(bytes).await?;
        if sniffer.unframed_bytes() >= UNFRAMED_BYTES {
            let reason = format!("what comes from {} is no longer a GNSS stream{}", port.name(), port.speed);
            if options.baud.is_none() {
                return Ok(reason);
            }
            if !std::mem::replace(&mut told_unframed, true) {
                tracing::warn!("{reason}; leave --baud out to have its rate found");
            }
        } else {
            told_unframed = false;
        }
    }
}

/// What a port that has just been opened will be asked.
fn polls(port: &OpenPort, options: &Options, now: Timestamp) -> Polls {
    let Timing { poll_first, poll_every, .. } = options.timing;
    if options.poll { Polls::new(now, poll_first, poll_every, port.is_ublox) } else { Polls::off() }
}

/// Asks the receiver for what is due. The port is never waited for: what is asked fits into the buffer of a
/// line that is alive, and a port that takes no bytes is only read.
fn ask(port: &mut OpenPort, polls: &mut Polls, now: Timestamp) {
    let frames = polls.take_due(now);
    if frames.is_empty() {
        return;
    }
    tracing::debug!(device = port.name(), bytes = frames.len(), "asking for what doesn't come by itself");
    let wrote = match port.stream.try_write(&frames) {
        Err(error) if error.kind() == IoErrorKind::Interrupted => port.stream.try_write(&frames),
        wrote => wrote,
    };
    if wrote.as_ref().is_ok_and(|&bytes| bytes == frames.len()) {
        return;
    }
    let reason = wrote.map_or_else(|error| error.to_string(), |_| "its buffer is full".to_owned());
    tracing::warn!(device = port.name(), reason, "the port takes no bytes: the receiver is only listened to");
    polls.give_up();
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
