//! Log lines that a client or a full system can cause, kept few.

use std::time::Duration;

use crate::machine::Timestamp;

/// Lets one line through in each interval and counts the others.
///
/// The count comes with the next line that passes; what was left out after the last one stays untold.
#[derive(Clone, Debug)]
pub(crate) struct Quiet {
    interval: Duration,
    /// When the next line may pass; at once before the first.
    next: Timestamp,
    left_out: u64,
}

impl Quiet {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, next: Timestamp::ZERO, left_out: 0 }
    }

    /// Whether a line may be logged now; then how many were left out since the last one.
    pub(crate) fn pass(&mut self, now: Timestamp) -> Option<u64> {
        if now < self.next {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.next = now.saturating_add(self.interval);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_passes_and_the_next_says_what_was_left_out() {
        let mut quiet = Quiet::new(Duration::from_secs(1));
        let passed = [0, 1, 500, 999, 1000, 1999, 5000].map(|ms| quiet.pass(Duration::from_millis(ms)));
        assert_eq!(passed, [Some(0), None, None, None, Some(3), None, Some(1)]);
    }
}
