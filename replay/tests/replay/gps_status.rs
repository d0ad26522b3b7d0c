//! The project's own service on a real receiver's bytes.

use std::path::Path;
use std::time::Duration;

use kit::machine::{Input, Machine, Output, StreamEvent, Timestamp};
use kit::tap::{Body, Start, Tap};
use replay::machines;
use replay::player::{Options, replay};
use replay::report::Outcome;

use crate::toy::{epoch, open, record, session};

/// A surveyed-in ZED-F9P base, 158 s.
const CAPTURE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss/pygnssutils/pygpsdata-rtcm3.log");

#[test]
fn a_real_base_replays_to_the_bit() {
    let Ok(capture) = std::fs::read(Path::new(CAPTURE)) else {
        crate::peer::skip("../shared/gnss is not there");
        return;
    };
    let (bytes, summary) = record(|tap| live(tap, &capture));
    assert_eq!(summary.lost, 0);
    let report = replay(&session(bytes), &machines::build, Options::default()).unwrap();
    assert_eq!(report.outcome(), Outcome::Same, "{report}");
    assert!(report.inputs > 100 && report.outputs > 10, "{report}");
}

/// As the live shell does: the wake-ups that are due before each input.
fn live(tap: &Tap, capture: &[u8]) {
    let tap = tap.of(gps_status::SERVICE);
    let config = gps_status::Config::default();
    let mut machine = gps_status::machine(&config);
    let config = serde_json::to_value(&config).unwrap();
    let start = Start { version: "0.1.0".to_owned(), seed: 0, config, state: machine.state() };
    let mut at = epoch();
    tap.record(at, Body::Start(start));
    let opened = StreamEvent::Opened { device: "a capture".to_owned(), baud: None };
    feed(&tap, &mut machine, at, Input::Stream { event: opened });
    feed(&tap, &mut machine, at, open(1));
    for bytes in capture.chunks(400).take(300) {
        at += Duration::from_millis(100);
        while let Some(due) = machine.next_timeout().filter(|due| *due <= at) {
            feed(&tap, &mut machine, due, Input::Timer);
        }
        let received_at_ns = at.as_nanos() as u64;
        let event = StreamEvent::Bytes { received_at_ns, bytes: bytes.to_vec() };
        feed(&tap, &mut machine, at, Input::Stream { event });
    }
    tap.record(at, Body::End(machine.state()));
}

fn feed(tap: &Tap, machine: &mut dyn Machine, at: Timestamp, input: Input) {
    tap.record(at, Body::In(input.clone()));
    let mut out: Vec<Output> = Vec::new();
    match input {
        Input::Timer => machine.handle_timeout(at, &mut out),
        input => machine.handle(at, input, &mut out),
    }
    for output in out {
        tap.record(at, Body::Out(output));
    }
}
