//! The sessions that are kept, as they are made.

use super::stage::Stage;

mod base;
mod fleet;
mod store;

/// A session: its file's name without the extension, and what happens.
pub struct Script {
    pub name: &'static str,
    pub play: fn() -> Stage,
}

/// Every session of `fixtures/sessions` but those of earlier formats.
pub const SCRIPTS: &[Script] = &[
    Script { name: "base-survey-in", play: base::survey_in },
    Script { name: "receiver-unplugged", play: base::receiver_unplugged },
    Script { name: "base-moved", play: base::moved },
    Script { name: "mission-three-rovers", play: fleet::mission_with_three_rovers },
    Script { name: "rover-lost-and-found", play: fleet::rover_lost_and_found },
    Script { name: "cancel-during-reconnect", play: fleet::cancel_during_reconnect },
    Script { name: "console-lags", play: fleet::console_lags },
    Script { name: "dispatch-killed", play: store::dispatch_killed },
    Script { name: "commit-fails", play: store::commit_fails },
];

impl Script {
    /// The session file.
    pub fn file(&self) -> Vec<u8> {
        (self.play)().finish()
    }
}
