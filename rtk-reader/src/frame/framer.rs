//! The framer: chunks and times in, checked frames out.

use std::time::Duration;

use super::candidate::{NMEA_LINE_BYTES, Need, UBX_FRAME_BYTES};
use super::marks::Marks;
use super::scanner::{Incomplete, Scanner, Step};
use super::sums::PrefixSums;
use super::{Counts, Frame};
use crate::Timestamp;

/// A candidate whose end hasn't come is looked behind so long after its first byte, and again and again as
/// long after each look, so a good frame is held back by a false start no longer than this (300 ms are
/// promised; the rest is for a timer that fires late). A frame on a slow line is not given up for being
/// slow: 1,029 bytes at 9,600 baud take more than a second.
pub const LOOK_AFTER: Duration = Duration::from_millis(150);

/// What waits for a candidate's end is kept in a buffer of this size: the longest UBX frame, and room so
/// that it needn't be moved to the front for each byte given up.
const BUFFER_BYTES: usize = UBX_FRAME_BYTES + 2048;

/// All the memory a [`Framer`] ever takes. It allocates when it is made and then never again.
pub const FRAMER_BYTES: usize = size_of::<Framer>() + BUFFER_BYTES + PrefixSums::BYTES;

/// Bytes in, checked frames out.
///
/// [`push`](Self::push) what was received when it was received; call
/// [`handle_timeout`](Self::handle_timeout) when [`next_timeout`](Self::next_timeout) has come, and
/// [`finish`](Self::finish) at the end. Frames are told in stream order, and each byte of the stream is in
/// one frame or counted as unframed. Scanning resumes at the byte after the first of a candidate that fails,
/// so a frame is only ever lost to a candidate over it whose checksum is right.
///
/// Frames that lie whole in one push are checked where they are; only what waits for its end is copied.
/// Bytes received at one time give the same result in whatever chunks they are pushed.
///
/// Hostile bytes cost time but bounded time: a place in the stream is examined once when it is first passed
/// and once per look, and costs at most 1,029 bytes of CRC, or 512 of an NMEA line; UBX sums are kept.
#[derive(Debug)]
pub struct Framer {
    scanner: Scanner,
    /// Bytes `head..tail` wait; the first is the pending candidate's.
    buffer: Box<[u8]>,
    head: usize,
    tail: usize,
    /// Where the byte at `head` stands in the stream.
    head_offset: u64,
    marks: Marks,
    pending: Option<Pending>,
    /// Bytes received: the offset of the next.
    received: u64,
    now: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    offset: u64,
    need: Need,
    look_at: Timestamp,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            scanner: Scanner::new(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            head: 0,
            tail: 0,
            head_offset: 0,
            marks: Marks::new(),
            pending: None,
            received: 0,
            now: Timestamp::ZERO,
        }
    }

    /// Takes bytes received at `now` and calls `sink` for every frame they complete, in stream order. A time
    /// before that of an earlier call counts as that one.
    pub fn push(&mut self, now: Timestamp, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if now > self.now {
            self.now = now;
            self.look(sink);
        }
        if bytes.is_empty() {
            return;
        }
        if self.pending.is_none() {
            self.marks.clear();
        }
        self.marks.add(self.received, self.now, self.head_offset);
        let offset = self.received;
        self.received += bytes.len() as u64;

        let in_place = self.complete_pending(bytes, sink);
        self.scan_in_place(offset, bytes, in_place, sink);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called: a candidate is pending, and it is
    /// time to look whether good frames stand behind its start. May lie in the past.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.pending.map(|pending| pending.look_at)
    }

    /// Gives up a pending candidate behind whose start a good frame stands, and tells that frame.
    pub fn handle_timeout(&mut self, now: Timestamp, sink: &mut impl FnMut(Frame<'_>)) {
        self.now = self.now.max(now);
        self.look(sink);
    }

    /// The stream has ended or was interrupted: what is pending is given up, what stands behind it is told.
    /// More may be pushed; its offsets go on from here.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        self.scan_buffer(Incomplete::GiveUp, sink);
        self.scanner.tally.end_run();
    }

    /// What the stream held, so far. What is pending isn't in it yet.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.scanner.tally.counts
    }

    /// Bytes that wait for a candidate's end.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.held()
    }

    fn held(&self) -> usize {
        self.tail - self.head
    }

    /// Scans what no pending candidate waits for, from `from` in `bytes` on; keeps what then is pending.
    fn scan_in_place(&mut self, offset: u64, bytes: &[u8], from: usize, sink: &mut impl FnMut(Frame<'_>)) {
        let mut at = from;
        loop {
            match self.scanner.step(offset, bytes, at, Incomplete::Wait) {
                Step::Frame { protocol, start, end } => {
                    at = end;
                    let Some(frame) = bytes.get(start..end) else { return };
                    sink(Frame {
                        protocol,
                        bytes: frame,
                        received_at: self.now,
                        offset: offset + start as u64,
                    });
                }
                Step::Pending { start, need } => {
                    self.head_offset = offset + start as u64;
                    self.append(bytes.get(start..).unwrap_or_default());
                    self.wait_for(need);
                    return;
                }
                Step::End => return,
            }
        }
    }

    /// Moves bytes to the buffer as far as the pending candidate, and those found behind its start, need
    /// them. Returns from where on `bytes` can be scanned in place.
    fn complete_pending(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> usize {
        let mut taken = 0;
        while let Some(pending) = self.pending {
            let rest = bytes.get(taken..).unwrap_or_default();
            let wanted = wanted(pending.need, self.held(), rest);
            let moved = rest.get(..wanted).unwrap_or(rest);
            self.append(moved);
            taken += moved.len();
            let complete = match pending.need {
                Need::Total(_) => moved.len() == wanted,
                Need::Line => !moved.is_empty(),
            };
            if !complete {
                return bytes.len();
            }
            self.scan_buffer(Incomplete::Wait, sink);
            // What is pending now came with `bytes`: there is no need of a copy any more.
            if self.held() <= taken {
                let back = self.held();
                self.clear_buffer();
                return taken - back;
            }
        }
        taken
    }

    /// Looks behind the start of a candidate that is overdue, and of that which is pending then, until one
    /// isn't overdue or nothing good is found.
    fn look(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        while let Some(pending) = self.pending
            && pending.look_at <= self.now
        {
            let before = self.scanner.tally;
            if self.tell_next(Incomplete::GiveUp, sink).is_some() {
                self.scanner.tally = before;
                self.pending = Some(Pending { look_at: self.now.saturating_add(LOOK_AFTER), ..pending });
                return;
            }
            self.scan_buffer(Incomplete::Wait, sink);
        }
    }

    /// Tells the frames in the buffer; what then is pending is at its head.
    fn scan_buffer(&mut self, incomplete: Incomplete, sink: &mut impl FnMut(Frame<'_>)) {
        loop {
            match self.tell_next(incomplete, sink) {
                None => {}
                Some(Step::Pending { start, need }) => {
                    self.let_go(start);
                    self.wait_for(need);
                    return;
                }
                Some(_) => {
                    self.clear_buffer();
                    return;
                }
            }
        }
    }

    /// Tells the next frame in the buffer and lets go of all up to its end, or says why there is none.
    fn tell_next(&mut self, incomplete: Incomplete, sink: &mut impl FnMut(Frame<'_>)) -> Option<Step> {
        let held = self.buffer.get(self.head..self.tail).unwrap_or_default();
        let step = self.scanner.step(self.head_offset, held, 0, incomplete);
        let Step::Frame { protocol, start, end } = step else { return Some(step) };
        let received_at = self.marks.time_of(self.head_offset + (end - 1) as u64);
        let bytes = held.get(start..end).unwrap_or_default();
        sink(Frame { protocol, bytes, received_at, offset: self.head_offset + start as u64 });
        self.let_go(end);
        None
    }

    /// The candidate at the head of the buffer is pending. It keeps its time-out if it was before.
    fn wait_for(&mut self, need: Need) {
        let offset = self.head_offset;
        let look_at = match self.pending {
            Some(pending) if pending.offset == offset => pending.look_at,
            _ => self.marks.time_of(offset).saturating_add(LOOK_AFTER),
        };
        self.pending = Some(Pending { offset, need, look_at });
    }

    fn let_go(&mut self, count: usize) {
        self.head += count;
        self.head_offset += count as u64;
    }

    fn clear_buffer(&mut self) {
        (self.head, self.tail) = (0, 0);
        self.pending = None;
    }

    /// Adds what the pending candidate needs at most, so there is room for it.
    fn append(&mut self, bytes: &[u8]) {
        if self.tail + bytes.len() > BUFFER_BYTES {
            self.buffer.copy_within(self.head..self.tail, 0);
            (self.head, self.tail) = (0, self.held());
        }
        let end = self.tail + bytes.len();
        if let Some(free) = self.buffer.get_mut(self.tail..end) {
            free.copy_from_slice(bytes);
            self.tail = end;
        }
    }
}

/// How many bytes of `rest` a candidate of which `held` are buffered can take before it is looked at again;
/// more than there are in `rest` if it must wait.
fn wanted(need: Need, held: usize, rest: &[u8]) -> usize {
    match need {
        Need::Total(total) => total.saturating_sub(held),
        Need::Line => {
            let within = rest.get(..NMEA_LINE_BYTES.saturating_sub(held)).unwrap_or(rest);
            memchr::memchr(b'\n', within).map_or(within.len(), |end| end + 1)
        }
    }
}
