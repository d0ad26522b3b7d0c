//! What the recorder's thread does with each event: numbers that are missing become gaps, and a write that
//! fails ends the recording but not the service.

use std::io::{self, Write};

use kit::machine::Timestamp;
use kit::tap::{Body, Event, Losses};

use super::{RecordError, Summary};
use crate::format::FIRST_SEQ;
use crate::writer::{SessionWriter, WriteError};

pub struct Sink<W: Write> {
    /// None after a write failed.
    writer: Option<SessionWriter<W>>,
    failed: Option<io::Error>,
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
            failed: None,
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
        match self.failed {
            None => Ok(self.summary),
            Some(source) => Err(RecordError::Write { kept: self.summary, unwritten: self.unwritten, source }),
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
            None => self.unwritten = self.unwritten.saturating_add(1),
        }
    }

    fn gap(&mut self, seq: u64, lost: u64) {
        self.summary.lost = self.summary.lost.saturating_add(lost);
        let at = self.last_at;
        match self.writer.as_mut().map(|writer| writer.write(seq, at, "depot", &Body::Gap(lost))) {
            Some(Err(WriteError::Io(error))) => self.fail(error),
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
        self.failed = Some(error);
    }
}
