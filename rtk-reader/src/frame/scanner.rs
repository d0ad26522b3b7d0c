//! From one frame to the next over bytes at hand.

use super::candidate::{Cause, Need, Verdict, bytes_before_start, examine};
use super::sums::PrefixSums;
use super::{Counts, Protocol};

/// What to do with a candidate whose end isn't at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incomplete {
    /// Stop there.
    Wait,
    /// Count it as a false start and go on at its next byte.
    GiveUp,
}

/// How far a scan came. Positions are in the bytes it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A good frame at `start..end`; all before it is counted, and so is the frame.
    Frame { protocol: Protocol, start: usize, end: usize },
    /// A candidate waits at `start` for what it needs; all before it is counted.
    Pending { start: usize, need: Need },
    /// Everything is counted.
    End,
}

/// Finds frames and counts what lies between them.
#[derive(Debug)]
pub(super) struct Scanner {
    pub tally: Tally,
    sums: PrefixSums,
}

/// The counts, and what they need to be carried on; a copy of it undoes a scan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub counts: Counts,
    in_run: bool,
    /// Unframed bytes before this offset belong to a failed candidate.
    blamed_to: u64,
}

impl Scanner {
    pub fn new() -> Self {
        Self { tally: Tally::default(), sums: PrefixSums::new() }
    }

    /// Goes on at `from` in `bytes`, whose first is at `offset` in the stream.
    #[inline]
    pub fn step(&mut self, offset: u64, bytes: &[u8], from: usize, incomplete: Incomplete) -> Step {
        let mut at = from;
        loop {
            let here = bytes.get(at..).unwrap_or_default();
            if here.is_empty() {
                return Step::End;
            }
            let here_offset = offset + at as u64;
            match examine(here_offset, here, &mut self.sums) {
                Verdict::Frame(protocol, len) => {
                    self.tally.frame(protocol, len);
                    return Step::Frame { protocol, start: at, end: at + len };
                }
                Verdict::Pending(need) if incomplete == Incomplete::Wait => {
                    return Step::Pending { start: at, need };
                }
                Verdict::Pending(_) => self.tally.failure(Cause::FalseStart, here_offset, here.len()),
                Verdict::Failed(cause, len) => self.tally.failure(cause, here_offset, len),
                Verdict::Noise => {}
            }
            let skipped = 1 + bytes_before_start(here.get(1..).unwrap_or_default());
            self.tally.unframed(here_offset, skipped);
            at += skipped;
        }
    }
}

impl Tally {
    fn frame(&mut self, protocol: Protocol, len: usize) {
        self.counts.count_frame(protocol, len as u64);
        self.in_run = false;
        // A candidate that reached over a good frame was none.
        self.blamed_to = 0;
    }

    fn failure(&mut self, cause: Cause, offset: u64, len: usize) {
        self.counts.count_failure(cause);
        self.blamed_to = self.blamed_to.max(offset + len as u64);
    }

    fn unframed(&mut self, offset: u64, len: usize) {
        let len = len as u64;
        self.counts.unframed_bytes += len;
        self.counts.unframed_runs += u64::from(!self.in_run);
        self.counts.noise_bytes += len - len.min(self.blamed_to.saturating_sub(offset));
        self.in_run = true;
    }

    /// The stream was interrupted: what comes next is another run.
    pub fn end_run(&mut self) {
        self.in_run = false;
        self.blamed_to = 0;
    }
}
