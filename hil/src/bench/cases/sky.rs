//! The sky: enough satellites, strong enough.

use super::super::case::{Case, Measure, Measured, Need, Outcome, Running};
use super::super::{BenchError, Unit, stage::Stage, stats};

pub const CASE: Case = Case {
    name: "sky",
    about: "satellites are used, and their signals are strong",
    measures: &[
        Measure::new("satellites_used", Unit::Count, "the median over the observation"),
        Measure::new("cn0_median", Unit::DbHz, "carrier to noise density, by band"),
    ],
    needs: &[Need::OpenSky],
    run,
};

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let observation = stage.observe().await?;
        let nothing = |what| BenchError::Nothing {
            what,
            waited_s: observation.span_s(),
            advice: "the receiver has no fix, or doesn't answer polls; look at its antenna and its configuration",
        };
        let used =
            stats::median(observation.satellites_used()).ok_or_else(|| nothing("NAV-PVT with a fix"))?;
        let mut measured = vec![Measured::new("satellites_used", used)];
        for (band, values) in observation.cn0() {
            measured.extend(stats::median(values).map(|median| Measured::of("cn0_median", band, median)));
        }
        if measured.len() == 1 {
            return Err(nothing("signal with its C/N0"));
        }
        Ok(Outcome::Measured(measured))
    })
}
