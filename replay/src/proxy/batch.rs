//! Events on their way to the tap, many at a time.
//!
//! Handing over one event wakes the recorder's thread, which costs more than forwarding a message does. So
//! events wait here for [`WAIT`], of all connections in the order they came, and go together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kit::machine::Timestamp;
use kit::proxied::ProxyEvent;
use kit::tap::{Body, Tap};
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long an event waits at most. A kill costs so much more than the recorder's own interval.
const WAIT: Duration = Duration::from_millis(20);
/// With so many waiting they go at once.
const MAX_EVENTS: usize = 1_024;
/// With so many bytes waiting they go at once.
const MAX_BYTES: usize = 1024 * 1024;

/// The way to the tap, shared by all listeners.
#[derive(Debug)]
pub struct Batch {
    /// One for each listener.
    taps: Vec<Tap>,
    waiting: Mutex<Waiting>,
    some: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Which listener, when, what.
    events: Vec<(usize, Timestamp, ProxyEvent)>,
    bytes: usize,
    /// Nobody looks before it is told to.
    resting: bool,
}

impl Batch {
    pub fn new(taps: Vec<Tap>) -> Self {
        Self { taps, waiting: Mutex::default(), some: Notify::new() }
    }

    /// Takes what a listener saw, in order.
    pub fn record(&self, listener: usize, at: Timestamp, events: impl Iterator<Item = ProxyEvent>) {
        let mut waiting = self.waiting();
        for event in events {
            waiting.bytes = waiting.bytes.saturating_add(event.payload_bytes());
            waiting.events.push((listener, at, event));
        }
        if waiting.events.len() >= MAX_EVENTS || waiting.bytes >= MAX_BYTES {
            self.hand_over(&mut waiting);
        } else if waiting.resting && !waiting.events.is_empty() {
            waiting.resting = false;
            self.some.notify_one();
        }
    }

    /// Hands over what waits.
    pub fn flush(&self) {
        self.hand_over(&mut self.waiting());
    }

    /// Hands over again and again; never ends.
    pub async fn run(&self) {
        loop {
            let rests = {
                let mut waiting = self.waiting();
                waiting.resting = waiting.events.is_empty();
                self.hand_over(&mut waiting);
                waiting.resting
            };
            if rests {
                self.some.notified().await;
            }
            sleep(WAIT).await;
        }
    }

    /// Under the lock: in the order they came. The tap never waits.
    fn hand_over(&self, waiting: &mut Waiting) {
        waiting.bytes = 0;
        for (listener, at, event) in waiting.events.drain(..) {
            if let Some(tap) = self.taps.get(listener) {
                tap.record(at, Body::Proxy(event));
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(conn: u64) -> ProxyEvent {
        ProxyEvent::Closed { conn, client_bytes: 0, upstream_bytes: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn events_go_together_and_in_order() {
        let (tap, events) = Tap::on();
        let batch = Batch::new(vec![tap.of("one"), tap.of("two")]);
        let at = Duration::from_secs;
        let work = async {
            for round in 0..3 {
                batch.record(1, at(1), [event(1), event(2)].into_iter());
                batch.record(0, at(2), [event(3)].into_iter());
                assert_eq!(events.try_iter().count(), 0, "round {round}");
                sleep(WAIT * 2).await;
                let told: Vec<_> = events.try_iter().map(|event| (event.service, event.at)).collect();
                assert_eq!(told, [("two", at(1)), ("two", at(1)), ("one", at(2))], "round {round}");
                sleep(WAIT * 10).await;
            }
        };
        tokio::select! {
            () = batch.run() => {}
            () = work => {}
        }
    }

    #[test]
    fn many_go_at_once() {
        let (tap, events) = Tap::on();
        let batch = Batch::new(vec![tap.of("one")]);
        batch.record(0, Duration::ZERO, (1..MAX_EVENTS as u64).map(event));
        assert_eq!(events.try_iter().count(), 0);
        batch.record(0, Duration::ZERO, [event(0)].into_iter());
        assert_eq!(events.try_iter().count(), MAX_EVENTS);
        batch.record(0, Duration::ZERO, [event(0)].into_iter());
        batch.flush();
        assert_eq!(events.try_iter().count(), 1);
    }
}
