//! The corrections: each message type at its rhythm, none missing.

use super::super::case::{Case, Measure, Measured, Outcome, Running};
use super::super::observation::Rhythm;
use super::super::{Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "rtcm",
    about: "each RTCM message comes at its rhythm",
    measures: &[
        Measure::new("types", Unit::Count, "message types that come"),
        Measure::new("rate", Unit::Hertz, "messages a second, by type"),
        Measure::new("interval_p99", Unit::Milliseconds, "99 of 100 intervals are shorter, by type"),
        Measure::new("largest_gap", Unit::Milliseconds, "the longest interval, by type"),
        Measure::new(
            "gap_in_intervals",
            Unit::Times,
            "the longest over the median interval: 2 is one message missed",
        ),
    ],
    needs: &[],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let observation = stage.observe().await?;
        let times = observation.rtcm_times();
        let mut measured = vec![Measured::new("types", times.len() as f64)];
        for (number, times) in times {
            // What came less than three times in the observation has no rhythm that could be judged.
            let Some(rhythm) = Rhythm::of(times) else { continue };
            measured.extend([
                Measured::of("rate", number, rhythm.rate_hz),
                Measured::of("interval_p99", number, rhythm.interval_p99_ms),
                Measured::of("largest_gap", number, rhythm.largest_gap_ms),
                Measured::of("gap_in_intervals", number, rhythm.gap_in_intervals),
            ]);
        }
        Ok(Outcome::Measured(measured))
    })
}
