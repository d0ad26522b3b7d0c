//! The line between the receiver and its host, pure: frames in, and out of it bytes at the times at which the last of
//! their bits has gone through.

use std::collections::VecDeque;
use std::time::Duration;

/// What a receiver keeps for a line that is too slow; a frame that doesn't fit is dropped whole, and counted.
pub const TRANSMIT_BUFFER_BYTES: usize = 16_384;
/// Start bit, eight, stop bit.
const BITS_PER_BYTE: u128 = 10;
const PS_PER_S: u128 = 1_000_000_000_000;
const PS_PER_NS: u128 = 1_000;
/// Bytes are handed over in pieces of what goes through in this time, as a driver does.
pub const PIECE: Duration = Duration::from_millis(4);

/// A line.
#[derive(Debug)]
pub struct Line {
    /// Bits per second; none: bytes go through at once, as over USB.
    baud: Option<u32>,
    /// In hundredths of the time a byte takes.
    slowness_percent: u32,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    /// Until then it carries what was taken from it; picoseconds.
    free_at_ps: u128,
    dropped_bytes: u64,
}

#[derive(Debug)]
enum Queued {
    Frame { bytes: Vec<u8>, sent: usize },
    Baud(u32),
}

impl Line {
    /// One that carries nothing yet.
    #[must_use]
    pub fn new(baud: Option<u32>) -> Self {
        Self {
            baud,
            slowness_percent: 100,
            queue: VecDeque::new(),
            queued_bytes: 0,
            free_at_ps: 0,
            dropped_bytes: 0,
        }
    }

    /// Bits per second, if it is a line of bits.
    #[must_use]
    pub fn baud(&self) -> Option<u32> {
        self.baud
    }

    /// Bytes that wait.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Bytes of frames that found no room.
    #[must_use]
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    /// A byte takes so many percent of its time, at least 100.
    pub fn set_slowness(&mut self, percent: u32) {
        self.slowness_percent = percent.max(100);
    }

    /// A frame is to go.
    pub fn push(&mut self, now: Duration, bytes: Vec<u8>) {
        if self.queued_bytes + bytes.len() > TRANSMIT_BUFFER_BYTES {
            self.dropped_bytes += bytes.len() as u64;
            return;
        }
        if self.queued_bytes == 0 {
            self.free_at_ps = self.free_at_ps.max(ps(now));
        }
        self.queued_bytes += bytes.len();
        self.queue.push_back(Queued::Frame { bytes, sent: 0 });
    }

    /// What was pushed goes at the old speed, what will be at this one.
    pub fn set_baud(&mut self, baud: u32) {
        if self.queue.is_empty() {
            self.baud = self.baud.map(|_| baud);
        } else {
            self.queue.push_back(Queued::Baud(baud));
        }
    }

    /// What waits is lost.
    pub fn clear(&mut self, baud: Option<u32>) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.baud = baud;
    }

    /// The bytes that are through, up to the next change of speed, and the speed at which they went. Call again until
    /// it is empty.
    pub fn take(&mut self, now: Duration) -> (Vec<u8>, Option<u32>) {
        let mut taken = Vec::new();
        let now_ps = ps(now);
        while let Some(next) = self.queue.front_mut() {
            let (bytes, sent) = match next {
                Queued::Frame { bytes, sent } => (bytes, sent),
                Queued::Baud(_) if !taken.is_empty() => break,
                Queued::Baud(baud) => {
                    self.baud = self.baud.map(|_| *baud);
                    self.queue.pop_front();
                    continue;
                }
            };
            let rest = bytes.get(*sent..).unwrap_or_default();
            let byte_ps = byte_ps(self.baud, self.slowness_percent);
            let through = match now_ps.saturating_sub(self.free_at_ps).checked_div(byte_ps) {
                Some(count) => rest.len().min(usize::try_from(count).unwrap_or(usize::MAX)),
                None => rest.len(),
            };
            taken.extend(rest.get(..through).unwrap_or_default());
            *sent += through;
            self.queued_bytes -= through;
            self.free_at_ps += byte_ps * through as u128;
            if *sent < bytes.len() {
                break;
            }
            self.queue.pop_front();
        }
        (taken, self.baud)
    }

    /// When to take next: when all is through, or so much as makes a piece.
    #[must_use]
    pub fn next_take(&self) -> Option<Duration> {
        if self.queue.is_empty() {
            return None;
        }
        let byte_ps = byte_ps(self.baud, self.slowness_percent);
        // One more, so that rounding down to nanoseconds doesn't wake too early.
        let all_ps = byte_ps * self.queued_bytes as u128 + PS_PER_NS;
        let at_ps = self.free_at_ps + all_ps.min(ps(PIECE).max(byte_ps + PS_PER_NS));
        Some(Duration::from_nanos(u64::try_from(at_ps / PS_PER_NS).unwrap_or(u64::MAX)))
    }
}

/// 0 where there is no speed.
fn byte_ps(baud: Option<u32>, slowness_percent: u32) -> u128 {
    baud.map_or(0, |baud| {
        BITS_PER_BYTE * PS_PER_S * u128::from(slowness_percent) / (100 * u128::from(baud.max(1)))
    })
}

fn ps(time: Duration) -> u128 {
    time.as_nanos() * PS_PER_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn bytes_come_at_their_speed() {
        let mut line = Line::new(Some(38_400));
        line.push(ms(1_000), vec![7; 3_840]);
        assert_eq!(line.take(ms(1_000)).0.len(), 0);
        assert_eq!(line.take(ms(1_100)).0.len(), 384);
        assert_eq!(line.take(ms(1_999)).0.len(), 3_836 - 384);
        let rest_at = line.next_take().expect("a time");
        assert!(rest_at.abs_diff(ms(2_000)) < Duration::from_nanos(10), "{rest_at:?}");
        assert_eq!(line.take(ms(2_001)).0.len(), 4);
        assert_eq!((line.queued_bytes(), line.next_take()), (0, None));
    }

    #[test]
    fn a_pause_is_no_credit() {
        let mut line = Line::new(Some(38_400));
        line.push(ms(0), vec![7; 10]);
        assert_eq!(line.take(ms(5_000)).0.len(), 10);
        line.push(ms(9_000), vec![7; 10]);
        assert_eq!(line.take(ms(9_001)).0.len(), 3);
    }

    #[test]
    fn a_new_speed_is_for_what_comes_after() {
        let mut line = Line::new(Some(38_400));
        line.push(ms(0), vec![1; 384]);
        line.set_baud(115_200);
        line.push(ms(0), vec![2; 1_152]);
        assert_eq!(line.take(ms(200)), (vec![1; 384], Some(38_400)));
        assert_eq!(line.take(ms(200)), (vec![2; 1_152], Some(115_200)));
        assert_eq!(line.take(ms(200)), (vec![], Some(115_200)));
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let mut line = Line::new(Some(9_600));
        (0..100).for_each(|_| line.push(ms(0), vec![0; 1_000]));
        assert_eq!(line.queued_bytes(), 16_000);
        assert_eq!(line.dropped_bytes(), 84_000);
    }

    #[test]
    fn usb_waits_for_nothing() {
        let mut line = Line::new(None);
        line.push(ms(3), vec![7; 10_000]);
        line.set_baud(9_600);
        assert_eq!(line.take(ms(3)), (vec![7; 10_000], None));
        assert_eq!(line.baud(), None);
    }
}
