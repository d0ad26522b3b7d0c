//! What the monitor has been told, and when.

use std::time::Duration;

use kit::machine::Timestamp;
use wire::gps_status::{GpsStatus, RtcmMessage};

/// Without a good message for so long, a receiver counts as silent: as gps-status has it.
pub const SILENCE: Duration = Duration::from_secs(3);
/// A receiver has said all that it says of itself within so long, polls included.
const SETTLE: Duration = Duration::from_secs(5);
/// Observations whose last message is older count as stopped: bases send them every second, some every five.
const STALE_MS: u64 = 10_000;

/// News of a receiver.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Its status.
    Status(Box<GpsStatus>),
    /// The port can't be read, or the depot not be reached; a sentence.
    Away(String),
    /// It was a capture, and it is over.
    Ended,
}

/// All that has been told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// A depot is asked, which may have a caster; otherwise the port itself is read.
    pub depot: bool,
    /// Why nothing is told now.
    pub away: Option<String>,
    /// A capture is over.
    pub ended: bool,
    /// The last told.
    pub status: Option<GpsStatus>,
    /// When the receiver was last heard, by this machine's clock.
    pub heard_at: Option<Timestamp>,
    /// At a port: when the receiver was there. What it says of itself comes over some seconds.
    connected_at: Option<Timestamp>,
    /// When bytes last came that are in no message.
    noise_at: Option<Timestamp>,
}

impl Seen {
    /// Nothing yet, of a depot or of a port.
    pub fn of(depot: bool) -> Self {
        Self { depot, ..Self::default() }
    }

    /// Takes news. What comes from another machine is dated here: its clock may differ.
    pub fn take(&mut self, now: Timestamp, news: News) {
        match news {
            News::Away(reason) => self.away = Some(reason),
            News::Ended => self.ended = true,
            News::Status(status) => {
                let before = self.status.as_ref();
                if before.is_none() {
                    // A receiver that was silent already has been so since then.
                    self.heard_at = Some(Duration::from_millis(status.last_update).min(now));
                } else if before.is_some_and(|before| before.last_update != status.last_update) {
                    self.heard_at = Some(now);
                }
                if before.is_some_and(|before| before.errors.noise_bytes != status.errors.noise_bytes) {
                    self.noise_at = Some(now);
                }
                if !status.connected {
                    self.connected_at = None;
                } else if before.is_none_or(|before| !before.connected) {
                    self.connected_at = Some(now);
                }
                self.away = None;
                self.status = Some(*status);
            }
        }
    }

    /// All that will be said of the receiver is said: a capture is about to be over.
    pub fn settle(&mut self) {
        self.connected_at = None;
    }

    /// The receiver has just come, and what it hasn't said means nothing yet. A depot has listened before.
    pub fn is_new(&self, now: Timestamp) -> bool {
        !self.depot && self.connected_at.is_some_and(|at| now.saturating_sub(at) < SETTLE)
    }

    /// Nothing good has come for a while.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.heard_at.is_none_or(|at| now.saturating_sub(at) > SILENCE)
    }

    /// Bytes come all the same.
    pub fn is_noisy(&self, now: Timestamp) -> bool {
        self.noise_at.is_some_and(|at| now.saturating_sub(at) <= SILENCE)
    }
}

/// The newest observations for rovers, if they are still coming. Both times are the depot's.
pub fn observations(status: &GpsStatus) -> (Option<&RtcmMessage>, bool) {
    let carries = |number: u16| matches!(number, 1001..=1004 | 1009..=1012 | 1071..=1137);
    let newest = status.rtcm_messages.iter().filter(|message| carries(message.number));
    let newest = newest.max_by_key(|message| message.last_seen);
    let flows = newest.is_some_and(|message| message.last_seen + STALE_MS >= status.last_update);
    (newest, flows)
}
