//! What the recorder's thread does with each event for a file: numbers that are missing become gaps, a part
//! that is large or old enough is followed by the next, and a write that fails ends the recording (one in parts:
//! until there is room for another) but not the service.

use std::io::{self, Write};
use std::time::Duration;

use kit::machine::Timestamp;
use kit::tap::{Body, Losses};

use super::starts::{Encoded, Starts};
use super::{RecordError, Summary};
use crate::format::{FIRST_SEQ, REORDER_EVENTS};
use crate::writer::{SessionWriter, WriteError};

/// A recording in parts whose disk was full tries another part so long afterwards, and again.
pub const RETRY_EVERY: Duration = Duration::from_secs(10);

/// Why nothing is written any more.
enum Ended {
    Failed(io::Error),
    Full { max_bytes: u64 },
}

/// A part to be made.
#[derive(Clone, Copy)]
pub struct Part {
    /// Its place in the series, from 1.
    pub number: u64,
    /// The number of its first event.
    pub first_seq: u64,
    /// Events before it that no part has, because the disk was full.
    pub missed: u64,
}

/// What stands at a part's beginning.
pub type Begin<'a, W> = &'a dyn Fn(&mut SessionWriter<W>) -> Result<(), WriteError>;

/// Makes the file of a part with its beginning in it; leaves nothing behind if it can't.
pub type NextPart<W> = Box<dyn FnMut(Part, Begin<W>) -> Result<SessionWriter<W>, WriteError> + Send>;

/// When a file is followed by the next, and how that is made.
pub struct Rotation<W: Write> {
    pub bytes: Option<u64>,
    pub every: Option<Duration>,
    pub next: NextPart<W>,
    /// The part in hand, from 1.
    pub part: u64,
}

pub struct Sink<W: Write> {
    /// None after a write failed or the file was full.
    writer: Option<SessionWriter<W>>,
    rotation: Option<Rotation<W>>,
    ended: Option<Ended>,
    unwritten: u64,
    /// When another part is tried after a failure.
    retry_at: Option<Timestamp>,
    losses: Losses,
    /// Of [`Losses`], those a gap in the file stands for.
    losses_told: u64,
    /// Events before this are of an earlier time, or in an earlier part.
    first_seq: u64,
    next_seq: u64,
    /// Numbers that may still come: threads have raced for the queue. No part ends while there are some.
    holes: u64,
    last_hole: u64,
    part_at: Option<Timestamp>,
    last_at: Timestamp,
    /// Of the parts that are finished.
    finished_bytes: u64,
    summary: Summary,
}

impl<W: Write> Sink<W> {
    pub fn new(writer: SessionWriter<W>, losses: Losses) -> Self {
        Self {
            writer: Some(writer),
            rotation: None,
            ended: None,
            unwritten: 0,
            retry_at: None,
            losses,
            losses_told: 0,
            first_seq: FIRST_SEQ,
            next_seq: FIRST_SEQ,
            holes: 0,
            last_hole: 0,
            part_at: None,
            last_at: Timestamp::ZERO,
            finished_bytes: 0,
            summary: Summary::default(),
        }
    }

    /// In parts.
    pub fn rotating(self, rotation: Rotation<W>) -> Self {
        Self { rotation: Some(rotation), ..self }
    }

    /// From this number on; what was before it isn't known but for the starts.
    pub fn from(mut self, first_seq: u64, at: Timestamp, starts: &Starts) -> Self {
        (self.first_seq, self.next_seq, self.last_at) = (first_seq, first_seq, at);
        self.losses_told = self.losses.count();
        let begun = self.writer.as_mut().map(|writer| starts.begin(writer, first_seq, at));
        self.settle(begun);
        self
    }

    /// Writes an event, and before it a gap if events were lost there.
    pub fn take(&mut self, event: &Encoded, starts: &Starts) {
        if event.seq < self.first_seq {
            return;
        }
        self.last_at = event.at;
        self.rotate(event.at, starts);
        self.retry(event, starts);
        if event.seq < self.first_seq {
            return;
        }
        let hole = event.seq.saturating_sub(self.next_seq);
        // A hole alone is no loss: two threads may have raced for the queue.
        let lost = hole.min(self.untold());
        if lost > 0 {
            self.losses_told = self.losses_told.saturating_add(lost);
            self.gap(event.seq.saturating_sub(1), lost);
        }
        if event.seq < self.next_seq {
            self.holes = self.holes.saturating_sub(1);
        } else if hole > lost {
            self.holes = self.holes.saturating_add(hole - lost);
            self.last_hole = event.seq;
        }
        self.next_seq = self.next_seq.max(event.seq.saturating_add(1));
        self.write(event);
    }

    /// After this, a kill loses nothing that was taken before.
    pub fn flush(&mut self) {
        let flushed = self.writer.as_mut().map(|writer| writer.flush().map_err(WriteError::from));
        self.settle(flushed);
    }

    /// Writes what stands after all events.
    pub fn finish(mut self) -> Result<Summary, RecordError> {
        let lost = self.untold();
        if lost > 0 {
            self.gap(self.next_seq, lost);
        }
        match self.writer.take().map(SessionWriter::finish) {
            Some(Ok(bytes)) => self.summary.bytes = self.finished_bytes.saturating_add(bytes),
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

    /// Whether it still writes, and what so far.
    pub fn progress(&self) -> (bool, Summary) {
        (self.writer.is_some(), self.summary)
    }

    /// Losses no gap stands for yet.
    fn untold(&self) -> u64 {
        self.losses.count().saturating_sub(self.losses_told)
    }

    /// To the next part, if it is time and no number before it can come any more.
    fn rotate(&mut self, now: Timestamp, starts: &Starts) {
        let part_at = *self.part_at.get_or_insert(now);
        let Some((rotation, writer)) = self.rotation.as_mut().zip(self.writer.as_ref()) else { return };
        let large = rotation.bytes.is_some_and(|bytes| writer.finished_bytes() >= bytes);
        let old = rotation.every.is_some_and(|every| now.saturating_sub(part_at) >= every);
        let settled = self.holes == 0 || self.next_seq > self.last_hole.saturating_add(REORDER_EVENTS as u64);
        if !settled || !(large || old) {
            return;
        }
        match self.writer.take().map(SessionWriter::finish) {
            Some(Ok(bytes)) => self.finished_bytes = self.finished_bytes.saturating_add(bytes),
            Some(Err(error)) => return self.fail(error),
            None => return,
        }
        let begun = self.next_part(self.next_seq, 0, now, starts);
        self.settle(Some(begun));
    }

    /// After a failure: in another part, once there is room again.
    fn retry(&mut self, event: &Encoded, starts: &Starts) {
        if self.retry_at.is_none_or(|at| event.at < at) {
            return;
        }
        let missed = self.unwritten;
        if self.next_part(event.seq.max(self.next_seq), missed, event.at, starts).is_err() {
            self.retry_at = Some(event.at.saturating_add(RETRY_EVERY));
            return;
        }
        // The part's beginning stands for all of them.
        self.losses_told = self.losses.count();
        (self.ended, self.retry_at, self.unwritten) = (None, None, 0);
        self.summary.lost = self.summary.lost.saturating_add(missed);
        tracing::warn!(missed, "there is room again: the recording goes on in another file");
    }

    fn next_part(
        &mut self,
        first_seq: u64,
        missed: u64,
        now: Timestamp,
        starts: &Starts,
    ) -> Result<(), WriteError> {
        let Some(rotation) = &mut self.rotation else { return Ok(()) };
        let number = rotation.part.saturating_add(1);
        // At once, so that it is a session whatever happens next.
        let begin = |writer: &mut SessionWriter<W>| {
            starts.begin(writer, first_seq, now)?;
            writer.flush().map_err(WriteError::from)
        };
        let writer = (rotation.next)(Part { number, first_seq, missed }, &begin)?;
        rotation.part = number;
        self.writer = Some(writer);
        (self.first_seq, self.next_seq, self.holes, self.part_at) = (first_seq, first_seq, 0, Some(now));
        Ok(())
    }

    fn write(&mut self, event: &Encoded) {
        let Some(writer) = self.writer.as_mut() else {
            self.unwritten = self.unwritten.saturating_add(1);
            return;
        };
        let fits = match event.json {
            Some(json) => writer.write_json(event.seq, event.at, event.service, event.kind, json),
            None => Err(WriteError::Unfit { bytes: 0 }),
        };
        match fits {
            Ok(()) => self.summary.events = self.summary.events.saturating_add(1),
            Err(WriteError::Unfit { bytes }) => {
                tracing::error!(
                    service = event.service,
                    bytes,
                    "an event is too long to record; a gap takes its place"
                );
                self.gap(event.seq, 1);
            }
            Err(error) => {
                self.unwritten = self.unwritten.saturating_add(1);
                self.settle(Some(Err(error)));
            }
        }
    }

    fn gap(&mut self, seq: u64, lost: u64) {
        self.summary.lost = self.summary.lost.saturating_add(lost);
        let at = self.last_at;
        let written = self.writer.as_mut().map(|writer| writer.write(seq, at, "depot", &Body::Gap(lost)));
        self.settle(written);
    }

    fn settle(&mut self, written: Option<Result<(), WriteError>>) {
        match written {
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
        self.retry_at = self.rotation.is_some().then(|| self.last_at.saturating_add(RETRY_EVERY));
    }

    /// The file ends in order, the service goes on.
    fn full(&mut self, max_bytes: u64) {
        match self.writer.take().map(SessionWriter::finish) {
            Some(Ok(bytes)) => self.summary.bytes = self.finished_bytes.saturating_add(bytes),
            Some(Err(error)) => return self.fail(error),
            None => return,
        }
        let Summary { events, bytes, .. } = self.summary;
        tracing::error!(events, bytes, max_bytes, "the recording is full and has ended; the service goes on");
        self.ended = Some(Ended::Full { max_bytes });
    }
}

/// An event for a test.
#[cfg(test)]
pub fn encoded<'a>(event: &kit::tap::Event, json: &'a mut Vec<u8>) -> Encoded<'a> {
    json.clear();
    crate::format::encode(&event.body, json).unwrap();
    let kind = crate::format::Kind::of(&event.body);
    Encoded { seq: event.seq, at: event.at, service: event.service, kind, json: Some(json) }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
