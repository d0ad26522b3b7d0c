//! The epochs: each with all its observation messages.

use super::super::case::{Case, Measure, Measured, Outcome, Running};
use super::super::{Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "epochs",
    about: "each epoch of corrections has all its messages",
    measures: &[
        Measure::new("seen", Unit::Count, "epochs in the observation"),
        Measure::new(
            "complete",
            Unit::Percent,
            "of them with every observation message (MSM) that epochs usually have",
        ),
    ],
    needs: &[],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let epochs = stage.observe().await?.epochs();
        let Some(complete) = epochs.complete_percent() else {
            return Ok(Outcome::Skipped(
                "no epoch of RTCM observations came: the receiver is no base yet".to_owned(),
            ));
        };
        let seen = Measured::new("seen", epochs.seen as f64);
        Ok(Outcome::Measured(vec![seen, Measured::new("complete", complete)]))
    })
}
