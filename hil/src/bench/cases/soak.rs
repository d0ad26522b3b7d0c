//! A long time: memory and descriptors stay as they are.

use std::time::Duration;

use super::super::case::{Case, Measure, Measured, Need, Outcome, Running};
use super::super::record::MAX_POINTS;
use super::super::{BenchError, Unit, stage::Stage, stats};

pub const CASE: Case = Case {
    name: "soak",
    about: "over a long time the depot's memory and descriptors stay as they are",
    measures: &[
        Measure::new("memory_rise", Unit::Kibibytes, "from the first quarter to the last, by their medians"),
        Measure::new("descriptor_rise", Unit::Count, "the same"),
        Measure::new("memory", Unit::Kibibytes, "the most that was resident"),
        Measure::new("descriptors", Unit::Count, "the most that were open"),
    ],
    needs: &[Need::Soak],
    run,
};

/// Looks at the process; with fewer nothing can be said.
const LEAST: usize = 8;

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let clock = stage.clock;
        let span = stage.soak.unwrap_or_default();
        let (depot, mut console, _) = stage.depot().await?;
        let began = clock.now();
        // So often that a soak fills its picture, and a short one has enough to judge.
        let every = (span / MAX_POINTS as u32).max(span / 40).min(Duration::from_secs(10));
        let mut points = Vec::new();
        while clock.now() < began + span {
            let next = clock.now() + every.max(Duration::from_millis(10));
            // A console that reads is a part of what is soaked.
            while console.next(next.min(began + span)).await.is_some() {}
            let Some((memory, descriptors)) = depot.footprint() else {
                return Ok(Outcome::Skipped("this system doesn't tell what a process uses".to_owned()));
            };
            points.push([clock.since_s(began), memory, descriptors]);
        }
        if points.len() < LEAST {
            return Err(BenchError::Nothing {
                what: "soak long enough to be judged",
                waited_s: span.as_secs_f64(),
                advice: "give a longer --soak",
            });
        }
        let column = |n: usize| points.iter().filter_map(|point| point.get(n).copied()).collect::<Vec<f64>>();
        let (memory, descriptors) = (column(1), column(2));
        stage.series.soak = stats::thinned(&points, MAX_POINTS);
        let mut measured = Vec::new();
        measured.extend(stats::rise(&memory).map(|rise| Measured::new("memory_rise", rise)));
        measured.extend(stats::rise(&descriptors).map(|rise| Measured::new("descriptor_rise", rise)));
        measured.extend(stats::largest(&memory).map(|most| Measured::new("memory", most)));
        measured.extend(stats::largest(&descriptors).map(|most| Measured::new("descriptors", most)));
        Ok(Outcome::Measured(measured))
    })
}
