//! The stream: every byte of it in a good frame.

use super::super::case::{Case, Measure, Measured, Outcome, Running};
use super::super::{Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "stream",
    about: "every byte is in a good frame that makes sense",
    measures: &[
        Measure::new("frames", Unit::Count, "good frames"),
        Measure::new("bad_checksums", Unit::Count, "frames whose checksum is wrong"),
        Measure::new("resynchronised", Unit::Bytes, "bytes passed over to find the next good frame"),
        Measure::new("malformed", Unit::Count, "good frames whose content contradicts their format"),
    ],
    needs: &[],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let observation = stage.observe().await?;
        let counts = observation.counts();
        Ok(Outcome::Measured(vec![
            Measured::new("frames", counts.frames() as f64),
            Measured::new("bad_checksums", counts.bad_checksums() as f64),
            Measured::new("resynchronised", counts.unframed_bytes as f64),
            Measured::new("malformed", observation.malformed() as f64),
        ]))
    })
}
