//! The sessions of the depots under test replay without a difference.

use std::time::Duration;

use super::super::case::{Case, Measure, Measured, Outcome, Running};
use super::super::{Unit, depot, stage::Stage};

pub const CASE: Case = Case {
    name: "session_replays",
    about: "what the depots of this run recorded replays without a difference",
    measures: &[
        Measure::new("sessions", Unit::Count, "that were replayed"),
        Measure::new("different", Unit::Count, "of them that don't replay as recorded"),
    ],
    needs: &[],
    run,
};

/// A session replays thousands of times faster than it happened.
const REPLAYED: Duration = Duration::from_secs(300);

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let clock = stage.clock;
        if stage.sessions().is_empty() {
            // Asked for alone: it makes what it replays.
            drop(stage.depot().await?);
        }
        stage.release().await?;
        let sessions = stage.sessions();
        let mut different = 0u32;
        for session in &sessions {
            if !depot::replays(&stage.program, session, REPLAYED, clock).await? {
                stage.journal.log(&format!("{} doesn't replay as recorded", session.display()));
                different += 1;
            }
        }
        Ok(Outcome::Measured(vec![
            Measured::new("sessions", sessions.len() as f64),
            Measured::new("different", f64::from(different)),
        ]))
    })
}
