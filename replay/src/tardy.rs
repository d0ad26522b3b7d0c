//! Outputs that come after another input than the one recorded before them.
//!
//! One that didn't come is held back for a while: if it comes, it is late, else it is missing. One that wasn't
//! recorded there is held back, too: if it was recorded further on, it is early, else it is extra.

use std::collections::VecDeque;
use std::time::Duration;

use kit::machine::{Output, Timestamp};

use crate::finding::DifferenceKind;

/// How much later than recorded an output is late, and not missing.
pub const LATE: Duration = Duration::from_secs(5);
/// Outputs held back of each sort; what the oldest is, is then decided.
const MAX_HELD: usize = 256;

#[derive(Default)]
pub struct Tardy {
    /// Recorded, not come.
    owed: VecDeque<Held>,
    /// Come, not recorded.
    ahead: VecDeque<Held>,
    now: Timestamp,
}

struct Held {
    content: String,
    at: Timestamp,
    seq: u64,
    output: Output,
}

/// What an output turned out to be.
pub struct Verdict {
    pub kind: DifferenceKind,
    pub at: Timestamp,
    pub seq: u64,
    pub recorded: Option<Output>,
    pub found: Option<Output>,
    /// When it came, and before which event.
    pub by: Option<(Timestamp, u64)>,
}

impl Tardy {
    /// A recorded output that isn't among those that came.
    pub fn missing(&mut self, content: String, at: Timestamp, seq: u64, output: Output) -> Vec<Verdict> {
        if let Some(early) = take(&mut self.ahead, &content) {
            return vec![Verdict {
                kind: DifferenceKind::Early,
                at,
                seq,
                recorded: Some(output),
                found: Some(early.output),
                by: Some((early.at, early.seq)),
            }];
        }
        self.owed.push_back(Held { content, at, seq, output });
        self.due()
    }

    /// An output that isn't recorded there.
    pub fn extra(&mut self, content: String, at: Timestamp, seq: u64, output: Output) -> Vec<Verdict> {
        if let Some(owed) = take(&mut self.owed, &content) {
            return vec![Verdict {
                kind: DifferenceKind::Late,
                at: owed.at,
                seq: owed.seq,
                recorded: Some(owed.output),
                found: Some(output),
                by: Some((at, seq)),
            }];
        }
        self.ahead.push_back(Held { content, at, seq, output });
        self.due()
    }

    pub fn is_waiting(&self) -> bool {
        !self.owed.is_empty() || !self.ahead.is_empty()
    }

    /// Time goes on.
    pub fn pass(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// All that is held back, as nothing more comes.
    pub fn give_up(&mut self) -> Vec<Verdict> {
        let owed = self.owed.drain(..).map(Held::missing);
        owed.chain(self.ahead.drain(..).map(Held::extra)).collect()
    }

    /// What has been held back long enough.
    fn due(&mut self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let now = self.now;
        let mut drain = |held: &mut VecDeque<Held>, told: fn(Held) -> Verdict| {
            let over = |held: &VecDeque<Held>| {
                held.len() > MAX_HELD || held.front().is_some_and(|first| now.saturating_sub(first.at) > LATE)
            };
            while over(held) {
                verdicts.extend(held.pop_front().map(told));
            }
        };
        drain(&mut self.owed, Held::missing);
        drain(&mut self.ahead, Held::extra);
        verdicts
    }
}

impl Held {
    fn missing(self) -> Verdict {
        let Self { at, seq, output, .. } = self;
        Verdict { kind: DifferenceKind::Missing, at, seq, recorded: Some(output), found: None, by: None }
    }
    fn extra(self) -> Verdict {
        let Self { at, seq, output, .. } = self;
        Verdict { kind: DifferenceKind::Extra, at, seq, recorded: None, found: Some(output), by: None }
    }
}

/// The first with this content.
fn take(held: &mut VecDeque<Held>, content: &str) -> Option<Held> {
    let at = held.iter().position(|held| held.content == content)?;
    held.remove(at)
}
