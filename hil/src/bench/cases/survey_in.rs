//! The survey-in, three times: how long, how well, and how far apart.

use std::time::Duration;

use rtk_reader::Timestamp;
use rtk_reader::decode::ubx::{NavSvin, Packet};
use rtk_reader::receiver::{Item, KeyId, Layer, Layers};

use super::super::case::{Case, Measure, Measured, Need, Outcome, Running};
use super::super::clock::Clock;
use super::super::link::{Link, NAV_SVIN};
use super::super::record::MAX_POINTS;
use super::super::stage::{Pace, Stage};
use super::super::{BenchError, Unit, stats};
use super::arp::MODE;

pub const CASE: Case = Case {
    name: "survey_in",
    about: "three survey-ins converge, to the same place",
    measures: &[
        Measure::new("runs", Unit::Count, "of three that became valid in time"),
        Measure::new("time", Unit::Seconds, "the longest until it was valid"),
        Measure::new("accuracy", Unit::Metres, "the worst that a receiver claimed at the end"),
        Measure::new("spread", Unit::Metres, "the largest distance between two results"),
    ],
    needs: &[Need::OpenSky],
    run,
};

const RUNS: usize = 3;
/// CFG-TMODE-SVIN_MIN_DUR, seconds.
const MIN_DURATION: KeyId = KeyId(0x4003_0010);
/// CFG-TMODE-SVIN_ACC_LIMIT, 0.1 mm.
const ACCURACY_LIMIT: KeyId = KeyId(0x4003_0011);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// One that goes on from before shows as not begun within so long.
const BEGUN: Duration = Duration::from_secs(5);

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let (clock, pace) = (stage.clock, stage.pace);
        let link = stage.link().await?;
        let before = link.get(Layer::Ram, &[MODE, MIN_DURATION, ACCURACY_LIMIT]).await?;
        let mut surveys = Vec::new();
        let mut result = Ok(());
        for _ in 0..RUNS {
            match survey(link, clock, pace).await {
                Ok(survey) => surveys.push(survey),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        // Whatever came of it, the receiver is put back.
        let restored = link.set(Layers::RAM, &before).await;
        result.and(restored)?;
        let curve = |survey: &Survey| stats::thinned(&survey.curve, MAX_POINTS);
        stage.series.surveys = surveys.iter().map(curve).collect();
        let valid: Vec<_> = surveys.iter().filter(|survey| survey.end.valid).collect();
        let mut measured = vec![Measured::new("runs", valid.len() as f64)];
        let times: Vec<f64> = surveys.iter().map(|survey| survey.took_s).collect();
        let accuracies: Vec<f64> = valid.iter().map(|survey| survey.end.mean_accuracy_m).collect();
        measured.extend(stats::largest(&times).map(|time| Measured::new("time", time)));
        measured.extend(stats::largest(&accuracies).map(|worst| Measured::new("accuracy", worst)));
        if valid.len() == RUNS {
            let places: Vec<_> = valid.iter().map(|survey| survey.end.mean_ecef_m).collect();
            measured.push(Measured::new("spread", stats::spread(&places)));
        }
        Ok(Outcome::Measured(measured))
    })
}

struct Survey {
    took_s: f64,
    end: NavSvin,
    /// Seconds since the beginning, metres.
    curve: Vec<[f64; 2]>,
}

async fn survey(link: &mut Link, clock: Clock, pace: Pace) -> Result<Survey, BenchError> {
    let item = |key, value| Item { key, value };
    link.set(Layers::RAM, &[item(MODE, 0)]).await?;
    let off_at = clock.now();
    while status(link, off_at, clock).await?.active {}
    let accuracy = (pace.survey_accuracy_m * 1e4) as u64;
    let settings = [item(MIN_DURATION, pace.survey.as_secs()), item(ACCURACY_LIMIT, accuracy), item(MODE, 1)];
    link.set(Layers::RAM, &settings).await?;
    let began = clock.now();
    while !status(link, began, clock).await?.active {}
    let mut curve = Vec::new();
    loop {
        let Packet::NavSvin(svin) = link.ask(NAV_SVIN).await? else { continue };
        let took_s = clock.since_s(began);
        if svin.observations > 0 {
            curve.push([took_s, svin.mean_accuracy_m]);
        }
        if svin.valid || clock.now() >= began + pace.survey_patience {
            return Ok(Survey { took_s, end: svin, curve });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What it says now; an error if a change that was to show by then may still be going on.
async fn status(link: &mut Link, since: Timestamp, clock: Clock) -> Result<NavSvin, BenchError> {
    match link.ask(NAV_SVIN).await? {
        Packet::NavSvin(svin) if clock.now() < since + BEGUN => {
            tokio::time::sleep(LOOK_EVERY / 4).await;
            Ok(svin)
        }
        _ => Err(BenchError::Nothing {
            what: "change of the survey-in's state",
            waited_s: BEGUN.as_secs_f64(),
            advice: "does the receiver take CFG-TMODE-MODE?",
        }),
    }
}
