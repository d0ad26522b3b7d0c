//! How fast a session is written, read and replayed: `cargo bench -p replay`.
//!
//! One core each. The messages are of a console's size (an input of 60 bytes, an output of 250); the base is
//! the F9P capture of `../shared/gnss`, skipped if it isn't there.
#![expect(clippy::print_stdout, reason = "its output is the result")]

use std::io;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::{Input, Machine, Output, StreamEvent, Timestamp};
use kit::tap::{Body, Start};
use replay::machines::{self, BuildError};
use replay::player::{Options, replay};
use replay::session::Session;
use replay::writer::{About, SessionWriter};

const INPUTS: u64 = 200_000;
const CAPTURE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss/pygnssutils/pygpsdata-rtcm3.log");
/// Of the capture, from its first to its last navigation epoch.
const CAPTURE_S: u64 = 158;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::start();
    let (bytes, events, took) = record(&mut Echo::default(), "echo", echo_inputs(), &clock)?;
    println!("written   {events} events, {} bytes: {:.0} events/s", bytes.len(), rate(events, took));
    let session = Session::from_bytes(bytes)?;
    let begun = clock.now();
    let read = session.events()?.filter_map(Result::ok).count() as u64;
    println!("read      {read} events: {:.0} events/s", rate(read, clock.now() - begun));
    let echo = |_: &str, _: &Start| -> Result<Box<dyn Machine>, BuildError> { Ok(Box::<Echo>::default()) };
    let report = replay(&session, &echo, Options { twice: false })?;
    println!("replayed  {report}: {:.0} inputs/s", rate(report.inputs, report.elapsed));
    let Ok(capture) = std::fs::read(CAPTURE) else {
        println!("skipped: no {CAPTURE}");
        return Ok(());
    };
    let mut base = gps_status::machine(&gps_status::Config::default());
    let (bytes, ..) = record(&mut base, gps_status::SERVICE, base_inputs(&capture), &clock)?;
    let session = Session::from_bytes(bytes)?;
    for twice in [false, true] {
        let report = replay(&session, &machines::build, Options { twice })?;
        println!("base, twice: {twice}  {report}: {:.0} inputs/s", rate(report.inputs, report.elapsed));
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

fn base_inputs(capture: &[u8]) -> impl Iterator<Item = (Timestamp, Input)> {
    let chunks = capture.chunks(256);
    let step = Duration::from_secs(CAPTURE_S) / u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    (1_u32..).zip(chunks).map(move |(n, bytes)| {
        let at = epoch() + step * n;
        let received_at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        (at, Input::Stream { event: StreamEvent::Bytes { received_at_ns, bytes: bytes.to_vec() } })
    })
}

/// Drives a machine and writes its session; the bytes, the events, and the time all of it took.
fn record(
    machine: &mut dyn Machine,
    service: &str,
    inputs: impl Iterator<Item = (Timestamp, Input)>,
    clock: &Clock,
) -> Result<(Vec<u8>, u64, Duration), Box<dyn std::error::Error>> {
    let mut inputs: Vec<_> = inputs.collect();
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
    let mut events = 0;
    for (at, input) in inputs {
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
