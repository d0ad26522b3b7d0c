//! The line: found by itself, and not too full.

use super::super::case::{Case, Measure, Measured, Outcome, Running};
use super::super::{Unit, stage::Stage};

/// Bits of a byte on the line: start, eight, stop.
const BITS: f64 = 10.0;

pub const CASE: Case = Case {
    name: "line",
    about: "its speed is found, and it isn't too full",
    measures: &[
        Measure::new("baud", Unit::Baud, "the speed found; none on the receiver's own USB"),
        Measure::new("found_in", Unit::Seconds, "until it was known"),
        Measure::new("bytes", Unit::BytesPerSecond, "what the receiver sends"),
        Measure::new("load", Unit::Percent, "share of what the line can carry"),
    ],
    needs: &[],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let observation = stage.observe().await?;
        let mut measured = vec![Measured::new("found_in", stage.line.found_in_s)];
        let bytes_per_s = observation.bytes() as f64 / observation.span_s().max(1e-3);
        measured.push(Measured::new("bytes", bytes_per_s));
        if let Some(baud) = stage.line.baud {
            measured.push(Measured::new("baud", f64::from(baud)));
            measured.push(Measured::new("load", 100.0 * bytes_per_s * BITS / f64::from(baud)));
        }
        Ok(Outcome::Measured(measured))
    })
}
