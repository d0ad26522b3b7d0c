//! When the bytes in the buffer were received.

use crate::Timestamp;

/// Marks kept: one for each time at which bytes now in the buffer came. A source that reads a port every
/// millisecond makes 150 between two looks for frames behind a stalled candidate.
///
/// When all are taken, the one nearest in time to the one before it goes, and its bytes are told as
/// received at that earlier time. The newest time is always kept exactly.
pub(super) const MARKS: usize = 128;

/// From `offset` in the stream on, until the next mark, bytes came at `at`.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    offset: u64,
    at: Timestamp,
}

/// The times of the buffered bytes, oldest first.
#[derive(Debug)]
pub(super) struct Marks {
    marks: [Mark; MARKS],
    len: usize,
}

impl Marks {
    pub fn new() -> Self {
        Self { marks: [Mark::default(); MARKS], len: 0 }
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Bytes from `offset` on came at `at`; those before `buffered_from` are no longer asked for.
    pub fn add(&mut self, offset: u64, at: Timestamp, buffered_from: u64) {
        if self.known().last().is_some_and(|last| last.at == at) {
            return;
        }
        if self.len == MARKS {
            self.make_room(buffered_from);
        }
        if let Some(free) = self.marks.get_mut(self.len) {
            *free = Mark { offset, at };
            self.len += 1;
        }
    }

    /// When the byte at `offset` came.
    pub fn time_of(&self, offset: u64) -> Timestamp {
        let known = self.known();
        let mark = known.iter().rev().find(|mark| mark.offset <= offset).or(known.first());
        mark.map_or(Timestamp::ZERO, |mark| mark.at)
    }

    fn known(&self) -> &[Mark] {
        self.marks.get(..self.len).unwrap_or_default()
    }

    fn make_room(&mut self, buffered_from: u64) {
        let stale = self.known().iter().skip(1).take_while(|next| next.offset <= buffered_from).count();
        if stale > 0 {
            self.marks.copy_within(stale..self.len, 0);
            self.len -= stale;
            return;
        }
        let gaps = self.marks.windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at));
        if let Some((before, _)) = gaps.enumerate().min_by_key(|&(_, gap)| gap) {
            self.marks.copy_within(before + 2..self.len, before + 1);
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_byte_has_the_time_of_the_last_mark_before_it() {
        let mut marks = Marks::new();
        marks.add(10, ms(1), 10);
        marks.add(12, ms(1), 10);
        marks.add(20, ms(5), 10);
        assert_eq!([10, 19, 20, 99].map(|o| marks.time_of(o)), [ms(1), ms(1), ms(5), ms(5)]);
    }

    #[test]
    fn full_of_marks_the_least_gap_is_given_up_and_the_newest_stays_exact() {
        let mut marks = Marks::new();
        for n in 0..10 * MARKS as u64 {
            marks.add(n, ms(10 * n), 0);
            assert_eq!(marks.time_of(n), ms(10 * n));
            assert_eq!(marks.time_of(0), ms(0));
        }
        // 1,280 marks thinned to 128: each byte's time is early by no more than a few of the gaps left.
        for n in 0..10 * MARKS as u64 {
            let early = ms(10 * n).checked_sub(marks.time_of(n)).expect("never late");
            assert!(early <= ms(10 * 20), "byte {n} is told {early:?} early");
        }
    }

    #[test]
    fn marks_of_bytes_that_are_gone_go_first() {
        let mut marks = Marks::new();
        for n in 0..MARKS as u64 {
            marks.add(n, ms(n), 0);
        }
        marks.add(MARKS as u64, ms(999), 100);
        assert!((100..MARKS as u64).all(|n| marks.time_of(n) == ms(n)));
    }
}
