//! `depot gnss feed`: the receiver on one machine, its service on another.

use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::depot;
use crate::support::receiver::Receiver;
use crate::support::running::{Running, Up};

fn feed(to: &str, args: &[&str]) -> Running {
    let to = format!("http://{to}");
    Running::start(depot().stdout(Stdio::null()).args(["gnss", "feed", "--to", &to]).args(args))
}

fn has_position(status: &Value) -> bool {
    status["connected"] == true && status["latitude"].is_number()
}

#[test]
fn receive_times_arrive_however_fast_it_is_fed() {
    let up = Up::new(&["--gnss", "feed"]);
    let mut console = up.console();
    let before = console.next().expect("a snapshot");
    assert_eq!(before["connected"], false, "{before:#}");
    let scenario = ["--gnss", "scenario:duration=120,survey=20", "--rate", "max", "--once"];
    let (status, said) = feed(&up.address, &scenario).end();
    assert_eq!(status.code(), Some(0), "{said}");
    // A base tells its observations each second; all two minutes came within less than that.
    let told = console.until(|status| {
        let types = status["rtcmMessages"].as_array().into_iter().flatten();
        types.clone().any(|row| row["type"] == 1077 && row["count"].as_u64() > Some(60))
    });
    let types = told["rtcmMessages"].as_array().expect("a list");
    let msm = types.iter().find(|row| row["type"] == 1077).expect("GPS observations");
    let interval_ms = msm["intervalMs"].as_f64().expect("an interval");
    assert!((interval_ms - 1000.0).abs() < 20.0, "{msm}");
}

#[test]
fn a_feeder_that_dies_is_noticed_and_its_successor_taken() {
    let up = Up::new(&["--gnss", "feed"]);
    let receiver = Receiver::fixed(None);
    let mut console = up.console();
    for _ in 0..2 {
        let feeder = feed(&up.address, &["--gnss", &receiver.name()]);
        let status = console.until(has_position);
        assert_eq!(status["line"]["device"], receiver.name());
        // With kill -9: nothing is said any more.
        drop(feeder);
        let gone = console.until(|status| status["connected"] == false);
        assert_eq!(gone["latitude"], Value::Null, "{gone:#}");
    }
}

#[test]
fn a_service_that_is_restarted_is_found_again() {
    let up = Up::new(&["--gnss", "feed"]);
    let address = up.address.clone();
    let receiver = Receiver::fixed(None);
    let mut feeder = feed(&address, &["--gnss", &receiver.name()]);
    up.console().until(has_position);
    up.program.signal(Signal::SIGTERM);
    let (status, said) = up.program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    feeder.hear("can't be reached");
    let port = address.rsplit(':').next().expect("a port");
    // The one that was free for the first, and is again.
    let up = Up::new(&["--gnss", "feed", "--gps-status-port", port]);
    up.console().until(has_position);
    feeder.signal(Signal::SIGINT);
    let (status, said) = feeder.end();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_service_with_a_receiver_of_its_own_takes_no_feed() {
    let up = Up::new(&["--gnss", "scenario"]);
    let (status, said) = feed(&up.address, &["--gnss", "scenario"]).end();
    assert_eq!(status.code(), Some(1), "{said}");
    let last = said.lines().last().expect("a sentence");
    assert_eq!(
        last,
        format!(
            "depot: ws://{}/feed refused the feed: this service reads its own receiver: start it with the feed as its source",
            up.address
        )
    );
}
