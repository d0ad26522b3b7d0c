//! What holds whatever comes in.

use proptest::prelude::*;

use super::*;
use crate::core::publisher;

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Late(u64),
    Bytes(Vec<u8>),
    Stamped(u64, Vec<u8>),
    Opened(bool),
    Closed,
    Ended,
    Connect(u64, &'static str),
    Text(u64, String),
    Lagged(u64),
    Gone(u64),
    Get(&'static str),
    Clock(i64),
}

fn good() -> impl Strategy<Value = Vec<u8>> {
    let sentences = [
        GGA,
        "GNGGA,084159.00,,,,,0,00,99.99,,,,,,",
        "GNRMC,084200.00,A,3203.94995,N,03446.42914,E,0.000,,080222,,,D,V",
        "GPGSV,2,1,05,05,34,267,45,07,31,067,43,08,05,037,23,09,13,135,39,1",
        "GPGSV,2,2,05,13,43,321,45,1",
        "GNGSA,A,3,05,07,13,,,,,,,,,,1.2,0.8,0.9,1",
        "GNGLL,3203.94995,N,03446.42914,E,084158.00,A,D",
        "GNXYZ,1",
    ];
    prop_oneof![
        prop::sample::select(sentences.to_vec()).prop_map(nmea),
        Just(RTCM_1005.to_vec()),
        prop::collection::vec(any::<u8>(), 0..60),
        Just(vec![0xB5, 0x62, 0x01, 0x07, 0xFF, 0xFF]),
        Just(vec![0xD3, 0x03, 0xFF]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let conn = || 1_u64..6;
    let path = prop::sample::select(vec!["/ws", "/feed", "/x"]);
    let feed = prop::sample::select(vec![
        r#"{"type":"opened","device":"d","baud":9600}"#.to_owned(),
        r#"{"type":"bytes","receivedAtNs":18446744073709551615,"bytes":"tWIBBw=="}"#.to_owned(),
        r#"{"type":"bytes","receivedAtNs":0,"bytes":"JA=="}"#.to_owned(),
        r#"{"type":"closed","reason":"r"}"#.to_owned(),
        "{".to_owned(),
    ]);
    prop_oneof![
        4 => (0_u64..400).prop_map(Step::Pass),
        1 => (0_u64..40_000).prop_map(Step::Pass),
        1 => (0_u64..10_000).prop_map(Step::Late),
        6 => good().prop_map(Step::Bytes),
        1 => (any::<u64>(), good()).prop_map(|(at, bytes)| Step::Stamped(at, bytes)),
        2 => any::<bool>().prop_map(Step::Opened),
        1 => Just(Step::Closed),
        1 => Just(Step::Ended),
        1 => (conn(), path).prop_map(|(conn, path)| Step::Connect(conn, path)),
        1 => (conn(), feed).prop_map(|(conn, text)| Step::Text(conn, text)),
        1 => conn().prop_map(Step::Lagged),
        1 => conn().prop_map(Step::Gone),
        1 => prop::sample::select(vec!["/status", "/health", "/x"]).prop_map(Step::Get),
        1 => any::<i64>().prop_map(Step::Clock),
    ]
}

fn take(bench: &mut Bench, step: Step) {
    match step {
        Step::Pass(millis) => bench.pass(ms(millis)),
        // The shell was busy: no time-out fired.
        Step::Late(millis) => bench.now += ms(millis),
        Step::Bytes(bytes) => _ = bench.bytes(bytes),
        Step::Stamped(received_at_ns, bytes) => {
            bench.stream(StreamEvent::Bytes { received_at_ns, bytes });
        }
        Step::Opened(baud) => {
            let baud = baud.then_some(38_400);
            bench.stream(StreamEvent::Opened { device: "d".to_owned(), baud });
        }
        Step::Closed => {
            bench.stream(StreamEvent::Closed { reason: "r".to_owned() });
            let status = bench.codec.state();
            assert_eq!((&status["connected"], &status["fixQuality"]), (&false.into(), &"no_fix".into()));
            assert_eq!((&status["latitude"], &status["satellites"]), (&serde_json::Value::Null, &0.into()));
        }
        Step::Ended => _ = bench.stream(StreamEvent::Ended),
        Step::Connect(conn, path) => _ = bench.connect(conn, path),
        Step::Text(conn, text) => _ = bench.text(conn, &text),
        Step::Lagged(conn) => _ = bench.handle(Input::Lagged { conn }),
        Step::Gone(conn) => _ = bench.handle(Input::Closed { conn, code: None }),
        Step::Get(path) => _ = bench.http("GET", path),
        Step::Clock(offset_ms) => _ = bench.handle(Input::Clock { offset_ms }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn consoles_are_told_the_last_state_and_never_too_often(
        feed in any::<bool>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut bench = Bench::new(if feed { Source::Feed } else { Source::Local });
        let first = bench.connect(100, "/ws");
        for step in steps {
            take(&mut bench, step);
            let body: serde_json::Value = serde_json::from_str(&bench.http("GET", "/status").1).unwrap();
            prop_assert_eq!(body, bench.codec.state(), "what is told is what is so");
        }
        bench.pass(Duration::from_secs(120));
        let times: Vec<_> = bench.published().iter().map(|(at, _)| *at).collect();
        // Ten a second, however late the shell woke us: a publication may only catch up with its own lateness.
        for (n, from) in times.iter().enumerate() {
            for (between, to) in (0u32..).zip(&times[n..]) {
                prop_assert!(*to - *from + publisher::LATE >= publisher::INTERVAL * between, "{:?}", times);
            }
        }
        let last = bench.published().last().map_or(sent(&first), |(_, text)| *text).to_owned();
        let fresh = bench.connect(101, "/ws");
        prop_assert_eq!(sent(&fresh), last.as_str());
        prop_assert_eq!(bench.codec.next_timeout(), None, "nothing is left to wait for");
    }

    #[test]
    fn the_same_inputs_make_the_same_outputs(steps in prop::collection::vec(step(), 1..40)) {
        let run = |steps: Vec<Step>| {
            let mut bench = Bench::new(Source::Feed);
            for step in steps {
                take(&mut bench, step);
            }
            bench.out
        };
        prop_assert_eq!(run(steps.clone()), run(steps));
    }
}
