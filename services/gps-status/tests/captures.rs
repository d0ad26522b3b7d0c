//! What real receivers sent, through the machine, second by second.
//!
//! The captures lie in `shared/gnss` beside the repository and are not part of it. Without them these tests
//! say so and pass, or fail where `DEPOT_REQUIRE_PEERS` is set.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::{path::PathBuf, time::Duration};

use gps_status::{Codec, Config, machine};
use kit::machine::{Input, Machine, Output, StreamEvent};
use wire::gps_status::{FixQuality, GpsStatus, Mode};

/// As on a line: so many bytes at a time.
const CHUNK_BYTES: usize = 512;

fn capture(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/gnss")).join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let reason = format!("no capture at {}: {error}", path.display());
            assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|v| v.is_empty()), "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

struct Played {
    codec: Codec,
    now: Duration,
    published: Vec<(Duration, String)>,
}

/// Plays a capture in `seconds`, every time-out when it is wanted.
fn play(bytes: &[u8], seconds: u32) -> Played {
    let mut played = Played {
        codec: machine(&Config::default()),
        now: Duration::from_secs(1_700_000_000),
        published: vec![],
    };
    played.handle(StreamEvent::Opened { device: "capture".to_owned(), baud: Some(115_200) });
    let chunks = bytes.chunks(CHUNK_BYTES);
    let step = Duration::from_secs(seconds.into()) / u32::try_from(chunks.len()).unwrap();
    for chunk in chunks {
        played.pass(step);
        let received_at_ns = u64::try_from(played.now.as_nanos()).unwrap();
        played.handle(StreamEvent::Bytes { received_at_ns, bytes: chunk.to_vec() });
    }
    played.handle(StreamEvent::Ended);
    played.pass(Duration::from_millis(100));
    played
}

impl Played {
    fn handle(&mut self, event: StreamEvent) {
        let mut out = Vec::new();
        self.codec.handle(self.now, Input::Stream { event }, &mut out);
        self.keep(out);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.codec.next_timeout().filter(|&at| at <= end) {
            self.now = at;
            let mut out = Vec::new();
            self.codec.handle_timeout(at, &mut out);
            self.keep(out);
        }
        self.now = end;
    }

    fn keep(&mut self, out: Vec<Output>) {
        for output in out {
            let Output::Publish { text, .. } = output else { panic!("nobody asked: {output:?}") };
            self.published.push((self.now, text.to_string()));
        }
    }

    fn status(&self) -> GpsStatus {
        serde_json::from_value(self.codec.state()).unwrap()
    }
}

fn counts(status: &GpsStatus) -> Vec<(u16, u64)> {
    status.rtcm_messages.iter().map(|message| (message.number, message.count)).collect()
}

#[test]
fn a_surveyed_in_base() {
    let Some(bytes) = capture("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let played = play(&bytes, 158);
    let status = played.status();
    assert_eq!(counts(&status), [1005, 1077, 1087, 1097, 1127, 1230, 4072].map(|number| (number, 158)));
    let gaps = played.published.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(gaps.clone().all(|gap| gap >= Duration::from_millis(100)), "{:?}", gaps.min());
    assert!(played.published.len() > 800, "{}", played.published.len());
    let last: serde_json::Value = serde_json::from_str(&played.published.last().unwrap().1).unwrap();
    assert_eq!(last["data"], played.codec.state(), "the last state is told");
    insta::assert_json_snapshot!(status);
}

#[test]
fn every_capture_says_what_it_is_of() {
    let captures = [
        ("gpsd/ublox-zed-f9t-rtcm3.log", 26, Mode::Base, FixQuality::Manual),
        ("gpsd/ublox-zed-f9p-rtk.log", 10, Mode::Rover, FixQuality::RtkFloat),
        ("gpsd/ublox-zed-f9r.log", 30, Mode::Rover, FixQuality::RtkFloat),
        ("gpsd/nmea-rtk.log", 30, Mode::Rover, FixQuality::RtkFixed),
        ("gpsd/ublox-neo-m8p.log", 59, Mode::Rover, FixQuality::Gps),
        ("gpsd/rtcm3.2.log", 30, Mode::Base, FixQuality::NoFix),
    ];
    for (name, seconds, mode, fix_quality) in captures {
        let Some(bytes) = capture(name) else { continue };
        let status = play(&bytes, seconds).status();
        assert_eq!((status.mode, status.fix_quality), (mode, fix_quality), "{name}");
        assert_eq!(status.latitude.is_some(), fix_quality != FixQuality::NoFix, "{name}");
    }
}

#[test]
fn a_rover_with_a_full_sky() {
    let Some(bytes) = capture("gpsd/ublox-zed-f9r.log") else { return };
    let mut status = play(&bytes, 30).status();
    status.satellites_in_view.truncate(4);
    status.rtcm_messages.truncate(2);
    insta::assert_json_snapshot!(status);
}
