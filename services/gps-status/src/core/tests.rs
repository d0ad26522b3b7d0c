//! The core with hand-made messages: what each says, and how long it holds.

mod build;
mod fix;
mod link;
mod mode;
mod satellites;

use super::*;

/// A core, its clock, and what it published.
struct Bench {
    core: Core,
    now: Timestamp,
    published: Vec<(Timestamp, GpsStatus)>,
}

/// Any moment will do; this one is readable in milliseconds.
const START: Timestamp = Duration::from_secs(1_700_000_000);

impl Bench {
    /// With an open receiver.
    fn open() -> Self {
        let mut bench = Self { core: Core::default(), now: START, published: Vec::new() };
        bench.tell(Observation::Opened { device: "/dev/ttyACM0".to_owned(), baud: Some(115_200) });
        bench
    }

    fn tell(&mut self, observation: Observation) {
        self.core.observe(self.now, observation);
        self.drain();
    }

    fn say(&mut self, message: Message) -> GpsStatus {
        self.tell(Observation::Frame { received_at: self.now, message });
        self.status()
    }

    /// Time passes, and every time-out fires when it wants to.
    fn pass(&mut self, time: Duration) -> GpsStatus {
        let end = self.now + time;
        while let Some(at) = self.core.next_timeout().filter(|&at| at <= end) {
            assert!(at >= self.now, "a time-out lies in the past: {at:?} before {:?}", self.now);
            self.now = at;
            self.core.advance(at);
            self.drain();
            assert!(self.core.next_timeout().is_none_or(|next| next > at), "a time-out that doesn't go away");
        }
        self.now = end;
        self.core.advance(end);
        self.status()
    }

    fn drain(&mut self) {
        if self.core.publish(self.now) {
            self.published.push((self.now, self.core.status()));
        }
    }

    fn status(&self) -> GpsStatus {
        self.core.status()
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}
