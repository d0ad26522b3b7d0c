//! Standard input: whatever is piped in, as it comes.

use std::io::Read;

use tokio::sync::mpsc;

use super::{
    CHUNK_BYTES, Event, SourceError,
    run::{Halt, NOT_GNSS_BYTES, Out, Sniffer},
};
use crate::Timestamp;

/// Reads waiting to be taken.
const READS: usize = 4;

/// Reads to the end.
pub(super) async fn run<N>(out: &Out<N>) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    from(std::io::stdin(), out).await
}

/// A thread of its own reads, because a runtime that shuts down would wait for one of its own, which waits
/// for a key.
async fn from<N>(mut input: impl Read + Send + 'static, out: &Out<N>) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let (reads, mut received) = mpsc::channel(READS);
    std::thread::spawn(move || {
        loop {
            let mut buffer = [0; CHUNK_BYTES];
            match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                    if reads.blocking_send(bytes).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(%error, "can't read standard input any further");
                    return;
                }
            }
        }
    });
    out.send(Event::Opened { device: "standard input".to_owned(), baud: None }).await?;
    let mut sniffer = Sniffer::default();
    while let Some(bytes) = received.recv().await {
        out.bytes(&bytes).await?;
        if sniffer.frames() == 0 {
            sniffer.push((out.now)(), &bytes);
            not_more_than(NOT_GNSS_BYTES, &sniffer)?;
        }
    }
    out.send(Event::Ended).await?;
    if sniffer.frames() == 0 {
        sniffer.finish();
        not_more_than(1, &sniffer)?;
    }
    Ok(())
}

fn not_more_than(limit: u64, sniffer: &Sniffer) -> Result<(), SourceError> {
    let bytes = sniffer.unframed_bytes();
    if bytes < limit {
        return Ok(());
    }
    Err(SourceError::NotGnss { origin: "standard input".to_owned(), bytes, bauds: 0 })
}
