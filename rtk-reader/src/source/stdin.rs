//! Standard input and pipes: whatever is written into them, as it comes.

use std::{fs::File, io::Read, path::PathBuf};

use tokio::sync::mpsc;

use super::{
    CHUNK_BYTES, Event, SourceError,
    capture::open_error,
    run::{Halt, NOT_GNSS_BYTES, Out, Sniffer},
};
use crate::Timestamp;

/// Reads waiting to be taken.
const READS: usize = 4;

/// Reads standard input to its end.
pub(super) async fn run<N>(out: &Out<N>) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    from(|| Ok(std::io::stdin()), "standard input".to_owned(), out).await
}

/// Reads a named pipe, or what a shell puts in the place of `<(…)`, until its writers are gone.
pub(super) async fn pipe<N>(path: PathBuf, out: &Out<N>) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let name = path.display().to_string();
    from(move || File::open(&path).map_err(|error| open_error(&path, error)), name, out).await
}

/// A thread of its own opens (a named pipe waits for its writer) and reads, because a runtime that shuts down
/// would wait for one of its own, which waits for a key.
async fn from<N, R: Read>(
    open: impl FnOnce() -> Result<R, SourceError> + Send + 'static,
    name: String,
    out: &Out<N>,
) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let (reads, mut received) = mpsc::channel(READS);
    let device = name.clone();
    std::thread::spawn(move || {
        let input = match open() {
            Ok(input) => input,
            Err(error) => return drop(reads.blocking_send(Err(error))),
        };
        if reads.blocking_send(Ok(Vec::new())).is_ok() {
            read(input, &device, &reads);
        }
    });
    match received.recv().await {
        Some(Ok(_)) => out.send(Event::Opened { device: name.clone(), baud: None }).await?,
        Some(Err(error)) => return Err(error.into()),
        None => {}
    }
    let mut sniffer = Sniffer::default();
    while let Some(bytes) = received.recv().await {
        let bytes = bytes?;
        out.bytes(&bytes).await?;
        if sniffer.frames() == 0 {
            sniffer.push((out.now)(), &bytes);
            not_more_than(NOT_GNSS_BYTES, &sniffer, &name)?;
        }
    }
    out.send(Event::Ended).await?;
    if sniffer.frames() == 0 {
        sniffer.finish();
        not_more_than(1, &sniffer, &name)?;
    }
    Ok(())
}

/// To the end, or as long as somebody takes what is read.
fn read(mut input: impl Read, name: &str, reads: &mpsc::Sender<Result<Vec<u8>, SourceError>>) {
    let mut buffer = [0; CHUNK_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                if reads.blocking_send(Ok(bytes)).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return tracing::warn!(%error, "can't read {name} any further"),
        }
    }
}

fn not_more_than(limit: u64, sniffer: &Sniffer, name: &str) -> Result<(), SourceError> {
    let bytes = sniffer.unframed_bytes();
    if bytes < limit {
        return Ok(());
    }
    Err(SourceError::NotGnss { origin: name.to_owned(), bytes, bauds: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ErrorKind;

    async fn read(input: &'static [u8]) -> (Vec<Event>, Result<(), Halt>) {
        let (events, mut received) = mpsc::channel(crate::source::QUEUE_EVENTS);
        let out = Out { events, now: || Timestamp::from_secs(5) };
        let result = from(move || Ok(input), "standard input".to_owned(), &out).await;
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
