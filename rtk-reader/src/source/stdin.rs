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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ErrorKind;

    async fn read(input: &'static [u8]) -> (Vec<Event>, Result<(), Halt>) {
        let (events, mut received) = mpsc::channel(crate::source::QUEUE_EVENTS);
        let out = Out { events, now: || Timestamp::from_secs(5) };
        let result = from(input, &out).await;
        drop(out);
        let mut all = Vec::new();
        while let Some(event) = received.recv().await {
            all.push(event);
        }
        (all, result)
    }

    #[tokio::test]
    async fn what_is_piped_in_comes_to_its_end() {
        let line = b"$GNTXT,01,01,02,hi*52\r\n";
        let (events, result) = read(line).await;
        assert!(result.is_ok(), "{result:?}");
        let bytes = Event::Bytes { received_at: Timestamp::from_secs(5), bytes: line.to_vec() };
        let opened = Event::Opened { device: "standard input".to_owned(), baud: None };
        assert_eq!(events, [opened, bytes, Event::Ended]);
    }

    #[tokio::test]
    async fn what_is_no_gnss_stream_is_told() {
        match read(b"hello\n").await.1 {
            Err(Halt::Failed(error)) => assert_eq!(error.kind(), ErrorKind::NotGnss, "{error}"),
            other => panic!("{other:?}"),
        }
        // Nothing at all is an empty pipe.
        assert!(read(b"").await.1.is_ok());
    }
}
