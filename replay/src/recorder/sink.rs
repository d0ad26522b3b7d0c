//! What the recorder's thread does with each event: numbers that are missing become gaps, and a write that
//! fails ends the recording but not the service.

use std::io::{self, Write};

use kit::machine::Timestamp;
use kit::tap::{Body, Event, Losses};

use super::{RecordError, Summary};
use crate::format::FIRST_SEQ;
use crate::writer::{SessionWriter, WriteError};

/// Why nothing is written any more.
enum Ended {
    Failed(io::Error),
    Full { max_bytes: u64 },
}

pub struct Sink<W: Write> {
    /// None after a write failed or the file was full.
    writer: Option<SessionWriter<W>>,
    ended: Option<Ended>,
    unwritten: u64,
    losses: Losses,
    /// Of [`Losses`], those a gap in the file stands for.
    losses_told: u64,
    next_seq: u64,
    last_at: Timestamp,
    summary: Summary,
}

impl<W: Write> Sink<W> {
    pub fn new(writer: SessionWriter<W>, losses: Losses) -> Self {
        Self {
            writer: Some(writer),
            ended: None,
            unwritten: 0,
            losses,
            losses_told: 0,
            next_seq: FIRST_SEQ,
            last_at: Timestamp::ZERO,
            summary: Summary::default(),
        }
    }

    /// Writes an event, and before it a gap if events were lost there.
    pub fn take(&mut self, event: &Event) {
        self.last_at = event.at;
        let hole = event.seq.saturating_sub(self.next_seq);
        // A hole alone is no loss: two threads may have raced for the queue.
        let lost = hole.min(self.untold());
        if lost > 0 {
            self.losses_told = self.losses_told.saturating_add(lost);
            self.gap(event.seq.saturating_sub(1), lost);
        }
        self.next_seq = self.next_seq.max(event.seq.saturating_add(1));
        self.write(event.seq, event.service, &event.body);
    }

    /// After this, a kill loses nothing that was taken before.
    pub fn flush(&mut self) {
        if let Some(Err(error)) = self.writer.as_mut().map(SessionWriter::flush) {
            self.fail(error);
        }
    }

    /// Writes what stands after all events.
    pub fn finish(mut self) -> Result<Summary, RecordError> {
        let lost = self.untold();
        if lost > 0 {
            self.gap(self.next_seq, lost);
        }
        match self.writer.take().map(SessionWriter::finish) {
            Some(Ok(bytes)) => self.summary.bytes = bytes,
            Some(Err(error)) => self.fail(error),
            None => {}
        }
        let (kept, unwritten) = (self.summary, self.unwritten);
        match self.ended {
            None => Ok(kept),
            Some(Ended::Failed(source)) => Err(RecordError::Write { kept, unwritten, source }),
            Some(Ended::Full { max_bytes }) => Err(RecordError::Full { kept, unwritten, max_bytes }),
        }
    }

    /// Losses no gap stands for yet.
    fn untold(&self) -> u64 {
        self.losses.count().saturating_sub(self.losses_told)
    }

    fn write(&mut self, seq: u64, service: &str, body: &Body) {
        match self.writer.as_mut().map(|writer| writer.write(seq, self.last_at, service, body)) {
            Some(Ok(())) => self.summary.events = self.summary.events.saturating_add(1),
            Some(Err(WriteError::Unfit { bytes })) => {
                tracing::error!(service, bytes, "an event is too long to record; a gap takes its place");
                self.gap(seq, 1);
            }
            Some(Err(WriteError::Io(error))) => {
                self.unwritten = self.unwritten.saturating_add(1);
                self.fail(error);
            }
            Some(Err(WriteError::Full { max_bytes })) => {
                self.unwritten = self.unwritten.saturating_add(1);
                self.full(max_bytes);
            }
            None => self.unwritten = self.unwritten.saturating_add(1),
        }
    }

    fn gap(&mut self, seq: u64, lost: u64) {
        self.summary.lost = self.summary.lost.saturating_add(lost);
        let at = self.last_at;
        match self.writer.as_mut().map(|writer| writer.write(seq, at, "depot", &Body::Gap(lost))) {
            Some(Err(WriteError::Io(error))) => self.fail(error),
            Some(Err(WriteError::Full { max_bytes })) => self.full(max_bytes),
            Some(Ok(()) | Err(WriteError::Unfit { .. })) | None => {}
        }
    }

    fn fail(&mut self, error: io::Error) {
        tracing::error!(
            %error,
            events = self.summary.events,
            "the recording has stopped; the service goes on"
        );
        self.writer = None;
        self.ended = Some(Ended::Failed(error));
    }

    /// The file ends in order, the service goes on.
    fn full(&mut self, max_bytes: u64) {
        match self.writer.take().map(SessionWriter::finish) {
            Some(Ok(bytes)) => self.summary.bytes = bytes,
            Some(Err(error)) => return self.fail(error),
            None => return,
        }
        let Summary { events, bytes, .. } = self.summary;
        tracing::error!(events, bytes, max_bytes, "the recording is full and has ended; the service goes on");
        self.ended = Some(Ended::Full { max_bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::machine::{Input, StreamEvent};
    use kit::tap::{Start, Tap};

    use crate::session::Session;
    use crate::writer::About;

    const MAX_BYTES: u64 = 300_000;

    #[test]
    fn a_full_recording_ends_in_order_and_says_so() {
        let mut file = Vec::new();
        let writer = SessionWriter::new(&mut file, &About::default()).unwrap().at_most(MAX_BYTES);
        let mut sink = Sink::new(writer, Tap::off().losses());
        let event = |seq, body| Event { seq, at: Timestamp::from_secs(seq), service: "gps-status", body };
        let (version, config) = (String::new(), serde_json::Value::Null);
        let state = serde_json::Value::Null;
        sink.take(&event(1, Body::Start(Start { version, seed: 0, config, state })));
        for seq in 2..=100 {
            let bytes = crate::writer::tests::noise(10_000, seq);
            let event = event(
                seq,
                Body::In(Input::Stream { event: StreamEvent::Bytes { received_at_ns: 0, bytes } }),
            );
            sink.take(&event);
            sink.flush();
        }
        let error = sink.finish().unwrap_err();
        let RecordError::Full { kept, unwritten, max_bytes: MAX_BYTES } = error else { panic!("{error}") };
        assert_eq!((kept.bytes, kept.events + unwritten), (file.len() as u64, 100));
        assert!((MAX_BYTES / 2..=MAX_BYTES).contains(&kept.bytes), "{kept:?}");
        assert!(error.to_string().starts_with("the recording ended when it had 300000 bytes: "), "{error}");
        // Not cut off: read to an orderly end.
        let session = Session::from_bytes(file).unwrap();
        assert_eq!(session.events().unwrap().map(Result::unwrap).count() as u64, kept.events);
    }
}
