//! How fast a session is written, read and replayed: `cargo bench -p replay`.
//!
//! One core each but where it says two. The messages are of a console's size (an input of 60 bytes, an output
//! of 250); the base is the F9P capture of `../shared/gnss` at the times it tells itself, as a serial port
//! delivers it, with one console; skipped if it isn't there. `DEPOT_BENCH_RUNS=1000` replays the base so
//! often, and all runs must have one digest.
#![expect(clippy::print_stdout, reason = "its output is the result")]

use std::io;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::{Input, Machine, Output, StreamEvent, Timestamp};
use kit::tap::{Body, Start};
use replay::machines::{self, BuildError, Factory};
use replay::player::{Options, replay};
use replay::report::Outcome;
use replay::session::Session;
use replay::writer::{About, SessionWriter};
use rtk_reader::source::Pacer;

const INPUTS: u64 = 200_000;
/// Replays of the echo's session; of all runs the fastest is told (what the core can do, were it alone) and the
/// median (what it did).
const ECHO_RUNS: usize = 5;
/// Replays of the base.
const BASE_RUNS: usize = 101;
/// A serial port is read this often; what came meanwhile is one input.
const READ_INTERVAL: Duration = Duration::from_millis(2);
/// What a USB port delivers in that time.
const READ_BYTES: usize = 256;
const CAPTURE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss/pygnssutils/pygpsdata-rtcm3.log");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo test --benches` only wants to know that it can be built.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let clock = Clock::start();
    let (bytes, events, took) = record(&mut Echo::default(), "echo", echo_inputs(), &clock)?;
    println!("written   {events} events, {} bytes: {:.0} events/s", bytes.len(), rate(events, took));
    let session = Session::from_bytes(bytes)?;
    let begun = clock.now();
    let read = session.events()?.filter_map(Result::ok).count() as u64;
    println!("read      {read} events: {:.0} events/s", rate(read, clock.now() - begun));
    let echo = |_: &str, _: &Start| -> Result<Box<dyn Machine>, BuildError> { Ok(Box::<Echo>::default()) };
    replay_often("echo", &session, &echo, ECHO_RUNS)?;
    let Ok(capture) = std::fs::read(CAPTURE) else {
        println!("skipped: no {CAPTURE}");
        return Ok(());
    };
    let mut base = gps_status::machine(&gps_status::Config::default());
    let (bytes, ..) = record(&mut base, gps_status::SERVICE, base_inputs(&capture), &clock)?;
    println!("base      {} bytes of stream, {} of session", capture.len(), bytes.len());
    let session = Session::from_bytes(bytes)?;
    let runs = std::env::var("DEPOT_BENCH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(BASE_RUNS);
    replay_often("base", &session, &machines::build, runs)?;
    let report = replay(&session, &machines::build, Options::default())?;
    println!("base, two cores, as depot replay: {report}");
    Ok(())
}

/// Replays a session on one core many times.
fn replay_often(
    name: &str,
    session: &Session,
    factory: &Factory,
    runs: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut reports = Vec::new();
    for _ in 0..runs.max(1) {
        reports.push(replay(session, factory, Options { twice: false })?);
    }
    if reports.iter().any(|report| report.outcome() != Outcome::Same || report.digests != reports[0].digests)
    {
        return Err(format!("{name}: runs of one recording differ").into());
    }
    reports.sort_by_key(|report| report.elapsed);
    println!("{name}, {} runs on one core, one digest", reports.len());
    for (which, report) in [("fastest", &reports[0]), ("median", &reports[reports.len() / 2])] {
        println!("  {which:<7} {report}: {:.0} inputs/s", rate(report.inputs, report.elapsed));
    }
    Ok(())
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn epoch() -> Timestamp {
    Duration::from_secs(1_790_000_000)
}

fn echo_inputs() -> impl Iterator<Item = (Timestamp, Input)> {
    (1..=INPUTS).map(|n| {
        let text = format!(r#"{{"type":"progress","task_id":"{n:08}","progress":75}}"#);
        (epoch() + Duration::from_millis(n * 10), Input::Text { conn: n % 50, text: text.into() })
    })
}

fn base_inputs(capture: &[u8]) -> Vec<(Timestamp, Input)> {
    let mut pacer = Pacer::new();
    let mut inputs = Vec::new();
    // An epoch's bytes have one time in the capture; a port delivers them one read after the other.
    let mut next_read = Duration::ZERO;
    let mut deliver = |offset: Duration, bytes: &[u8]| {
        for read in bytes.chunks(READ_BYTES) {
            let at = epoch() + next_read.max(offset);
            next_read = next_read.max(offset) + READ_INTERVAL;
            let received_at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
            inputs.push((
                at,
                Input::Stream { event: StreamEvent::Bytes { received_at_ns, bytes: read.to_vec() } },
            ));
        }
    };
    pacer.push(capture, &mut deliver);
    pacer.finish(&mut deliver);
    inputs
}

/// Drives a machine and writes its session; the bytes, the events, and the time all of it took.
fn record(
    machine: &mut dyn Machine,
    service: &str,
    inputs: impl IntoIterator<Item = (Timestamp, Input)>,
    clock: &Clock,
) -> Result<(Vec<u8>, u64, Duration), Box<dyn std::error::Error>> {
    let mut inputs: Vec<_> = inputs.into_iter().collect();
    inputs.insert(0, (epoch(), Input::Open { conn: 1, path: "/ws".to_owned(), query: String::new() }));
    let mut bytes = Vec::new();
    let mut took = Duration::ZERO;
    let mut writer = SessionWriter::new(io::Cursor::new(&mut bytes), &About::default())?;
    let mut seq = 0;
    let mut write = |at, bodies: Vec<Body>| {
        let begun = clock.now();
        let mut result = Ok(());
        for body in bodies {
            seq += 1;
            result = result.and_then(|()| writer.write(seq, at, service, &body));
        }
        took += clock.now() - begun;
        result.map(|()| seq)
    };
    let config = serde_json::json!({});
    let start = Start { version: "0".to_owned(), seed: 0, config, state: machine.state() };
    write(epoch(), vec![Body::Start(start)])?;
    let (mut events, mut last) = (0, epoch());
    for (at, input) in inputs {
        last = at;
        while let Some(due) = machine.next_timeout().filter(|due| *due <= at) {
            let mut out = Vec::new();
            machine.handle_timeout(due, &mut out);
            let out = out.into_iter().map(Body::Out);
            write(due, std::iter::once(Body::In(Input::Timer)).chain(out).collect())?;
        }
        let mut out = Vec::new();
        machine.handle(at, input.clone(), &mut out);
        let out = out.into_iter().map(Body::Out);
        events = write(at, std::iter::once(Body::In(input)).chain(out).collect())?;
    }
    write(last, vec![Body::End(machine.state())])?;
    let begun = clock.now();
    writer.finish()?;
    took += clock.now() - begun;
    Ok((bytes, events, took))
}

/// Answers each text with one of a status's size.
#[derive(Default)]
struct Echo(u64);

impl Machine for Echo {
    fn handle(&mut self, _now: Timestamp, input: Input, out: &mut Vec<Output>) {
        if let Input::Text { conn, text } = input {
            self.0 += 1;
            let filler = "abcdefghij".repeat(15);
            let text =
                format!(r#"{{"type":"echo","data":{{"n":{},"filler":"{filler}"}},"of":{text}}}"#, self.0);
            out.push(Output::Send { conn, text: text.into(), key: None });
        }
    }
    fn next_timeout(&self) -> Option<Timestamp> {
        None
    }
    fn handle_timeout(&mut self, _now: Timestamp, _out: &mut Vec<Output>) {}
    fn state(&self) -> serde_json::Value {
        serde_json::json!({ "n": self.0 })
    }
}
