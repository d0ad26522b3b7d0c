//! Bytes to bytes with their time in the stream. Pure: whoever plays them does the waiting.

use std::time::Duration;

use super::{
    CHUNK_BYTES,
    stream_time::{Reading, StreamTime},
};
use crate::frame::Framer;

/// The line speed a stream without times is played at: 115,200 Bd, 8N1.
pub const NOMINAL_BYTES_PER_S: u64 = 11_520;

/// Bytes held back at the start until the stream says its first time; beyond it the stream is played at
/// [`NOMINAL_BYTES_PER_S`] until it does.
pub const HELD_BYTES: usize = 64 * 1024;

/// Bytes of one epoch that come at once; what follows without a new time is played at
/// [`NOMINAL_BYTES_PER_S`]. A base's epoch is about 3 KiB.
pub const BURST_BYTES: u64 = 32 * 1024;

/// Bytes that may belong to a frame not complete yet: the longest candidate a stream can claim (UBX, 65,543
/// bytes), rounded up. Beyond it bytes go out with the time they have.
const TAIL_BYTES: usize = 72 * 1024;

/// Bytes framed at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// Splits a stream where its time changes.
#[derive(Debug, Default)]
pub struct Pacer {
    framer: Framer,
    time: StreamTime,
    /// Not given out yet; the first is `taken` bytes into the stream.
    pending: Vec<u8>,
    taken: u64,
    /// The stream has said a time, or nobody waits for it any more.
    started: bool,
    /// Bytes given out since the time last changed.
    since_time_bytes: u64,
}

/// A frame as far as pacing cares.
struct Mark {
    start: u64,
    end: u64,
    reading: Option<Reading>,
}

impl Pacer {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The stream's time now, from its start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.time.now()
    }

    /// Good frames so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        let counts = self.framer.counts();
        counts.nmea_frames + counts.ubx_frames + counts.rtcm_frames
    }

    /// Takes bytes and gives out, in order, what is known to be before them: time since the start of the
    /// stream, and at most [`CHUNK_BYTES`].
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(Duration, &[u8])) {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.pending.extend_from_slice(piece);
            let mut marks = Vec::new();
            // At no time: in a file nothing is late, and no frame may be given up for it.
            self.framer.push(Duration::ZERO, piece, &mut |frame| {
                let end = frame.offset + frame.bytes.len() as u64;
                marks.push(Mark { start: frame.offset, end, reading: Reading::of(&frame) });
            });
            self.take(&marks, out);
        }
    }

    /// The stream has ended: gives out the rest.
    pub fn finish(&mut self, out: &mut impl FnMut(Duration, &[u8])) {
        let mut marks = Vec::new();
        self.framer.finish(&mut |frame| {
            let end = frame.offset + frame.bytes.len() as u64;
            marks.push(Mark { start: frame.offset, end, reading: Reading::of(&frame) });
        });
        self.take(&marks, out);
        self.start_untimed();
        let end = self.taken + self.pending.len() as u64;
        let mut given = 0;
        self.give(&mut given, end, out);
        self.drop_given(given);
    }

    fn take(&mut self, marks: &[Mark], out: &mut impl FnMut(Duration, &[u8])) {
        let mut given = 0;
        for mark in marks {
            let Some(reading) = mark.reading else { continue };
            let before = self.time.clone();
            self.time.observe(reading);
            if self.time.now() != before.now() {
                let after = std::mem::replace(&mut self.time, before);
                self.give(&mut given, mark.start, out);
                // Giving may have moved the time on by the nominal rate.
                let passed = self.time.now();
                self.time = after;
                self.time.pass(passed.saturating_sub(self.time.now()));
                self.since_time_bytes = 0;
            }
            self.started = true;
        }
        if !self.started && self.pending.len() > HELD_BYTES {
            self.start_untimed();
        }
        if self.started {
            if let Some(last) = marks.last() {
                self.give(&mut given, last.end, out);
            }
            let end = self.taken + self.pending.len() as u64;
            self.give(&mut given, end.saturating_sub(TAIL_BYTES as u64), out);
        }
        self.drop_given(given);
    }

    fn start_untimed(&mut self) {
        if !self.started {
            self.started = true;
            self.since_time_bytes = BURST_BYTES;
        }
    }

    /// Gives out what stands before position `to`; `given` counts the bytes of `pending` that are gone.
    fn give(&mut self, given: &mut usize, to: u64, out: &mut impl FnMut(Duration, &[u8])) {
        let to = usize::try_from(to.saturating_sub(self.taken)).unwrap_or(usize::MAX).min(self.pending.len());
        let bytes = self.pending.get(*given..to).unwrap_or_default();
        *given += bytes.len();
        for chunk in bytes.chunks(CHUNK_BYTES) {
            let length = chunk.len() as u64;
            let nominal = length.min((self.since_time_bytes + length).saturating_sub(BURST_BYTES));
            self.time.pass(Duration::from_micros(nominal * 1_000_000 / NOMINAL_BYTES_PER_S));
            self.since_time_bytes += length;
            out(self.time.now(), chunk);
        }
    }

    fn drop_given(&mut self, given: usize) {
        self.pending.drain(..given);
        self.taken += given as u64;
    }
}
