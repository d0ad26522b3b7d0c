//! When consoles are told.

use std::time::Duration;

use kit::machine::Timestamp;

/// How long the first change waits for others of its burst. Ten milliseconds short of what is promised.
pub const GATHER: Duration = Duration::from_millis(40);
/// The least time between two publications, by their schedule.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// A publication that was woken so late doesn't push back the next: a receiver of ten epochs a second would be
/// told a little later with each of them, and never catch up.
pub const LATE: Duration = Duration::from_millis(10);

/// Coalesces changes: one is due at the later of [`GATHER`] after itself and [`INTERVAL`] after the last
/// publication, and takes everything that changed meanwhile with it.
#[derive(Debug, Default)]
pub struct Publisher {
    version: u64,
    unpublished_since: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Publisher {
    /// Something a console shows has changed.
    pub fn change(&mut self, now: Timestamp) {
        self.version += 1;
        self.unpublished_since.get_or_insert(now);
    }

    /// What has changed so far need not wait for more.
    pub fn hurry(&mut self) {
        if let Some(since) = &mut self.unpublished_since {
            *since = since.saturating_sub(GATHER);
        }
    }

    /// There won't be another publication: what has changed so far is due, whenever the last one was.
    pub fn last_call(&mut self) {
        self.hurry();
        self.last = None;
    }

    /// When the next publication is due.
    pub fn due(&self) -> Option<Timestamp> {
        let gathered = self.unpublished_since?.saturating_add(GATHER);
        Some(self.last.map_or(gathered, |last| gathered.max(last.saturating_add(INTERVAL))))
    }

    /// Whether a publication is due; if so the changes so far count as told.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let Some(due) = self.due().filter(|&due| due <= now) else { return false };
        self.unpublished_since = None;
        self.last = Some(due.max(now.saturating_sub(LATE)));
        true
    }

    /// Counts changes: equal versions mean an equal status.
    pub fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Timestamp {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_one_publication_and_its_end_is_told() {
        let mut p = Publisher::default();
        assert_eq!(p.due(), None);
        p.change(ms(1000));
        p.change(ms(1030));
        assert_eq!(p.due(), Some(ms(1040)));
        assert!(!p.take(ms(1039)));
        assert!(p.take(ms(1040)));
        assert_eq!(p.due(), None);
        p.change(ms(1041));
        assert_eq!(p.due(), Some(ms(1140)));
        assert!(p.take(ms(1160)));
        p.change(ms(1161));
        assert_eq!(p.due(), Some(ms(1250)), "ten milliseconds late are not held against the next");
        assert!(p.take(ms(1250)));
        p.change(ms(5000));
        assert_eq!(p.due(), Some(ms(5040)));
    }

    #[test]
    fn late_wake_ups_do_not_add_up() {
        let mut p = Publisher::default();
        for epoch in 0..1000 {
            let epoch = ms(1000 + epoch * 100);
            p.change(epoch);
            let woken = p.due().expect("a change is due") + ms(2);
            assert!(p.take(woken));
            assert_eq!(woken - epoch, GATHER + ms(2));
        }
    }

    #[test]
    fn the_end_of_a_capture_does_not_wait() {
        let mut p = Publisher::default();
        p.change(ms(1000));
        p.hurry();
        assert!(p.take(ms(1000)));
        p.change(ms(1001));
        p.hurry();
        assert_eq!(p.due(), Some(ms(1100)));
        p.last_call();
        assert!(p.take(ms(1001)));
    }
}
