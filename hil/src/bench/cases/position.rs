//! The position: where somebody else has measured the antenna to be.

use super::super::case::{Case, Measure, Measured, Need, Outcome, Running};
use super::super::gather::place;
use super::super::observation::{enu_m, mean_place};
use super::super::{BenchError, Unit, stage::Stage, stats};

pub const CASE: Case = Case {
    name: "position",
    about: "it is where the antenna was measured to be",
    measures: &[
        Measure::new("error", Unit::Metres, "from the known point to the mean position, in three dimensions"),
        Measure::new(
            "scatter_p95",
            Unit::Metres,
            "95 of 100 positions are nearer to their mean, horizontally",
        ),
    ],
    needs: &[Need::KnownPoint],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let observation = stage.observe().await?;
        let Some(known) = stage.fixtures.known_point else {
            return Ok(Outcome::Skipped("the map has no known_point for this receiver".to_owned()));
        };
        let Some(mean) = mean_place(observation.places()) else {
            return Err(BenchError::Nothing {
                what: "NAV-PVT with a fix",
                waited_s: observation.span_s(),
                advice: "the receiver has no position; look at its antenna",
            });
        };
        let error = stats::distance(place(known).to_ecef(), mean.to_ecef());
        let away: Vec<f64> = enu_m(observation.places(), mean).iter().map(|[e, n, _]| e.hypot(*n)).collect();
        let scatter = stats::percentile(&away, 0.95).unwrap_or_default();
        Ok(Outcome::Measured(vec![Measured::new("error", error), Measured::new("scatter_p95", scatter)]))
    })
}
