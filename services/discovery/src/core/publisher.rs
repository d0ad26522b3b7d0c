//! When consoles are told.

use std::time::Duration;

use kit::machine::Timestamp;

/// How long the first change waits for others of its burst. What comes too late for it waits for the next
/// publication: together they must stay under the 300 ms that are promised.
pub const GATHER: Duration = Duration::from_millis(10);
/// The least time between two publications: four a second.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// Coalesces changes: a publication is due at the later of [`GATHER`] after the first change it tells and
/// [`INTERVAL`] after the one before.
#[derive(Debug, Default)]
pub struct Publisher {
    untold_since: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Publisher {
    /// Something a console shows has changed.
    pub fn change(&mut self, now: Timestamp) {
        self.untold_since.get_or_insert(now);
    }

    /// There won't be another publication: what has changed so far is due, whenever the last one was.
    pub fn last_call(&mut self) {
        self.last = None;
        self.untold_since = self.untold_since.map(|_| Timestamp::ZERO);
    }

    /// When the next publication is due.
    pub fn due(&self) -> Option<Timestamp> {
        let gathered = self.untold_since?.saturating_add(GATHER);
        Some(self.last.map_or(gathered, |last| gathered.max(last.saturating_add(INTERVAL))))
    }

    /// Whether a publication is due; if so the changes so far count as told.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let due = self.due().is_some_and(|due| due <= now);
        if due {
            self.untold_since = None;
            self.last = Some(now);
        }
        due
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
        p.change(ms(1005));
        assert_eq!(p.due(), Some(ms(1010)));
        assert!(!p.take(ms(1009)));
        assert!(p.take(ms(1010)));
        assert_eq!(p.due(), None);
        p.change(ms(1011));
        assert_eq!(p.due(), Some(ms(1260)));
        assert!(p.take(ms(1265)));
        p.change(ms(5000));
        assert_eq!(p.due(), Some(ms(5010)));
    }

    #[test]
    fn the_last_call_does_not_wait_and_tells_only_what_is_new() {
        let mut p = Publisher::default();
        p.change(ms(1000));
        assert!(p.take(ms(1010)));
        p.last_call();
        assert!(!p.take(ms(1011)));
        p.change(ms(1012));
        p.last_call();
        assert!(p.take(ms(1012)));
    }
}
