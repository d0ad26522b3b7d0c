//! From the byte to whoever is told: a console by WebSocket, a rover by NTRIP.

use std::time::Duration;

use rtk_reader::Timestamp;
use wire::gps_status::GpsStatus;

use super::super::case::{Case, Measure, Measured, Outcome};
use super::super::console::Console;
use super::super::hands::Hands;
use super::super::latency::{Departures, from_heard_to_frames, from_heard_to_statuses, p50_and_p99};
use super::super::record::MAX_POINTS;
use super::super::stage::Stage;
use super::super::{BenchError, Unit, ntrip, stats};

const MEASURES: &[Measure] = &[
    Measure::new("messages", Unit::Count, "that were measured"),
    Measure::new("p50", Unit::Milliseconds, "half of them took no longer"),
    Measure::new("p99", Unit::Milliseconds, "99 of 100 took no longer"),
];

/// What a rover was given last is told to consoles by then.
const TOLD: Duration = Duration::from_secs(1);

pub const WEBSOCKET: Case = Case {
    name: "websocket_latency",
    about: "a console is told soon of what has left the receiver",
    measures: MEASURES,
    needs: &[],
    run: |stage| Box::pin(websocket(stage)),
};

pub const NTRIP: Case = Case {
    name: "ntrip_latency",
    about: "a rover has its corrections soon after they left the receiver",
    measures: MEASURES,
    needs: &[],
    run: |stage| Box::pin(to_rover(stage)),
};

async fn websocket(stage: &mut Stage) -> Result<Outcome, BenchError> {
    let (clock, span) = (stage.clock, stage.pace.latency);
    let (_, mut console, hands) = stage.depot().await?;
    begin(hands);
    let statuses = listen(&mut console, clock.now() + span).await;
    let latencies = match departures(stage) {
        Some(departures) => departures.to_statuses(&statuses),
        None => from_heard_to_statuses(&statuses),
    };
    Ok(measured(stage, "WebSocket", latencies))
}

async fn to_rover(stage: &mut Stage) -> Result<Outcome, BenchError> {
    let (clock, span) = (stage.clock, stage.pace.latency);
    let (depot, mut console, hands) = stage.depot().await?;
    let Ok(url) = depot.url(ntrip::SERVICE) else {
        return Ok(Outcome::Skipped("the depot under test runs no NTRIP caster".to_owned()));
    };
    begin(hands);
    let (seen, statuses) =
        tokio::join!(ntrip::listen(url, span, clock), listen(&mut console, clock.now() + span + TOLD));
    let seen = seen?;
    let latencies = match departures(stage) {
        Some(departures) => departures.to_frames(&seen),
        None => from_heard_to_frames(&statuses, &seen),
    };
    Ok(measured(stage, "NTRIP", latencies))
}

/// What left before isn't measured.
fn begin(hands: &mut Hands) {
    if let Hands::Twin(twin) = hands {
        twin.sent();
    }
}

async fn listen(console: &mut Console, until: Timestamp) -> Vec<(Timestamp, GpsStatus)> {
    console.forget();
    let mut statuses = Vec::new();
    while let Some(status) = console.next(until).await {
        statuses.push(status);
    }
    statuses
}

/// When what left; only a twin says so.
fn departures(stage: &mut Stage) -> Option<Departures> {
    let clock = stage.clock;
    let Hands::Twin(twin) = &mut stage.hands else { return None };
    let sent = twin.sent();
    Some(Departures::of(sent.iter().map(|sent| (clock.at(sent.at), sent.bytes.as_slice()))))
}

fn measured(stage: &mut Stage, way: &str, latencies_ms: Vec<f64>) -> Outcome {
    let mut measured = vec![Measured::new("messages", latencies_ms.len() as f64)];
    if let Some((p50, p99)) = p50_and_p99(&latencies_ms) {
        measured.extend([Measured::new("p50", p50), Measured::new("p99", p99)]);
    }
    let kept = stats::thinned(&latencies_ms, MAX_POINTS);
    stage.series.latency_ms.insert(way.to_owned(), kept);
    Outcome::Measured(measured)
}
