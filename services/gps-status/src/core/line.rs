//! The line the bytes come over, and how full it is.

use std::time::Duration;

use kit::machine::Timestamp;

/// The rate is told over this many seconds.
pub const WINDOW_S: usize = 10;
/// Start, eight data and stop bit.
const BITS_PER_BYTE: f64 = 10.0;
/// Characters of a device's name that are kept; the rest is cut off.
pub const DEVICE_CHARS: usize = 256;

const SECOND: Duration = Duration::from_secs(1);

/// An open line. Its rate changes only at whole seconds since it was opened, so that it alone never makes
/// more than one change a second.
#[derive(Debug)]
pub struct Line {
    device: String,
    baud: Option<u32>,
    /// Bytes of the last whole seconds, newest last.
    seconds: [u64; WINDOW_S],
    /// How many whole seconds the line has been open, up to the window.
    whole_s: u32,
    /// Bytes of the second that runs.
    running: u64,
    ends_at: Timestamp,
}

impl Line {
    /// The line was opened.
    pub fn new(now: Timestamp, device: &str, baud: Option<u32>) -> Self {
        let device = device.chars().take(DEVICE_CHARS).collect();
        Self {
            device,
            baud,
            seconds: [0; WINDOW_S],
            whole_s: 0,
            running: 0,
            ends_at: now.saturating_add(SECOND),
        }
    }

    /// Which.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Bytes came in.
    pub fn add(&mut self, bytes: usize) {
        self.running = self.running.saturating_add(bytes as u64);
    }

    /// Closes the seconds that are over; whether the rate changed.
    pub fn advance(&mut self, now: Timestamp) -> bool {
        let Some(late) = now.checked_sub(self.ends_at) else { return false };
        let before = self.bytes_per_second();
        let over_s = late.as_secs().saturating_add(1);
        for _ in 0..over_s.min(WINDOW_S as u64 + 1) {
            self.seconds.rotate_left(1);
            self.seconds[WINDOW_S - 1] = std::mem::take(&mut self.running);
        }
        self.whole_s = u32::try_from(over_s.saturating_add(u64::from(self.whole_s)).min(WINDOW_S as u64))
            .unwrap_or(u32::MAX);
        self.ends_at = self.ends_at.saturating_add(Duration::from_secs(over_s));
        self.bytes_per_second() != before
    }

    /// When the rate may change next; none while nothing flows.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        (self.running > 0 || self.seconds.iter().any(|&bytes| bytes > 0)).then_some(self.ends_at)
    }

    /// As consoles are told it.
    pub fn status(&self) -> wire::gps_status::Line {
        let bytes_per_second = self.bytes_per_second();
        let load = self
            .baud
            .filter(|&baud| baud > 0)
            .map(|baud| (bytes_per_second * BITS_PER_BYTE / f64::from(baud)).min(1.0))
            .map(|load| (load * 1e4).round() / 1e4);
        wire::gps_status::Line { device: self.device.clone(), baud: self.baud, bytes_per_second, load }
    }

    fn bytes_per_second(&self) -> f64 {
        if self.whole_s == 0 {
            return 0.0;
        }
        let bytes = self.seconds.iter().fold(0_u64, |sum, &bytes| sum.saturating_add(bytes));
        #[expect(clippy::cast_precision_loss, reason = "a rate for people, far below 2^53")]
        let bytes = bytes as f64;
        (bytes / f64::from(self.whole_s) * 10.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(s: u64) -> Timestamp {
        Duration::from_secs(s)
    }

    #[test]
    fn the_rate_is_over_the_last_ten_seconds() {
        let mut line = Line::new(s(100), "/dev/ttyACM0", Some(38_400));
        assert_eq!(line.next_timeout(), None);
        line.add(1_920);
        assert_eq!(line.next_timeout(), Some(s(101)));
        assert!(!line.advance(s(101) - Duration::from_nanos(1)));
        assert_eq!(line.status().bytes_per_second, 0.0, "no whole second yet");
        assert!(line.advance(s(101)));
        assert_eq!(line.status().bytes_per_second, 1_920.0);
        assert_eq!(line.status().load, Some(0.5));
        line.add(1_920);
        assert!(!line.advance(s(102)), "the same rate is no change");
        assert!(line.advance(s(104)));
        assert_eq!(line.status().bytes_per_second, 960.0);
        assert!(line.advance(s(111)));
        assert_eq!(line.status().bytes_per_second, 192.0);
        assert!(line.advance(s(500)));
        assert_eq!(line.status().bytes_per_second, 0.0);
        assert_eq!(line.next_timeout(), None);
    }

    #[test]
    fn a_rate_above_the_line_is_a_full_line() {
        let mut line = Line::new(s(0), "x", Some(9_600));
        line.add(usize::MAX);
        line.add(usize::MAX);
        assert!(line.advance(s(1)));
        assert!(line.advance(Duration::MAX));
        assert!(!line.advance(Duration::MAX));
        let mut line = Line::new(s(0), &"é".repeat(1_000), Some(9_600));
        line.add(1_000_000);
        assert!(line.advance(s(1)));
        assert_eq!(line.status().load, Some(1.0));
        assert_eq!(line.status().device.chars().count(), DEVICE_CHARS);
        assert_eq!(Line::new(s(0), "x", Some(0)).status().load, None);
    }
}
