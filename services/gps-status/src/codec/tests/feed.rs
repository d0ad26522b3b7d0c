//! A reader on another machine.

use super::*;

fn opened() -> &'static str {
    r#"{"type":"opened","device":"/dev/serial/by-id/usb-u-blox","baud":38400}"#
}

fn bytes(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!(r#"{{"type":"bytes","receivedAtNs":1,"bytes":"{}"}}"#, STANDARD.encode(bytes))
}

fn connected(bench: &mut Bench) -> bool {
    bench.http("GET", "/health").1.contains(r#""connected":true"#)
}

#[test]
fn is_refused_by_a_service_with_a_receiver_of_its_own() {
    let mut bench = Bench::new(Source::Local);
    insta::assert_debug_snapshot!(bench.connect(1, "/feed"), @r#"[
    Close {
        conn: 1,
        code: 1008,
        reason: "this service reads its own receiver: start it with the feed as its source",
    },
]"#);
    assert_eq!(bench.text(1, opened()), [], "nobody's");
    assert!(!connected(&mut bench));
}

#[test]
fn is_a_receiver_with_a_longer_cable() {
    let mut bench = Bench::new(Source::Feed);
    assert_eq!(bench.connect(1, "/feed"), []);
    insta::assert_snapshot!(sent(&bench.text(1, &bytes(b"x"))), @r#"{"type":"error","message":"the receiver is not open: send opened first"}"#);
    assert_eq!(bench.text(1, opened()), []);
    assert_eq!(bench.text(1, &bytes(&nmea(GGA))), []);
    insta::assert_snapshot!(bench.http("GET", "/health").1, @r#"{"status":"ok","connected":true,"fix":"rtk_fixed"}"#);
    insta::assert_snapshot!(sent(&bench.text(1, "{")), @r#"{"type":"error","message":"this is not a frame of a feed: EOF while parsing an object at line 1 column 1; send opened, bytes or closed"}"#);
    assert_eq!(bench.text(1, r#"{"type":"closed","reason":"unplugged"}"#), []);
    assert!(!connected(&mut bench));
    bench.text(1, opened());
    assert!(connected(&mut bench));
    bench.handle(Input::Lagged { conn: 1 });
    bench.handle(Input::Closed { conn: 1, code: None });
    assert!(!connected(&mut bench));
    assert_eq!(bench.text(1, opened()), [], "it is gone");
}

#[test]
fn the_newest_feeder_wins_and_the_end_of_the_older_changes_nothing() {
    let mut bench = Bench::new(Source::Feed);
    bench.connect(1, "/feed");
    bench.text(1, opened());
    bench.text(1, &bytes(&nmea(GGA)));
    insta::assert_debug_snapshot!(bench.connect(2, "/feed"), @r#"[
    Close {
        conn: 1,
        code: 1008,
        reason: "replaced: a newer feeder has connected",
    },
]"#);
    assert_eq!(bench.text(1, r#"{"type":"closed","reason":"late"}"#), []);
    assert!(connected(&mut bench), "until the newer says otherwise");
    bench.text(2, opened());
    bench.handle(Input::Closed { conn: 1, code: Some(1008) });
    assert!(connected(&mut bench));
    bench.handle(Input::Closed { conn: 2, code: None });
    assert!(!connected(&mut bench));
}
