use std::time::Duration;

use kit::{
    session::SessionLimits,
    tap::{Body, SessionEvent},
};
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Bench, Options, patient, sessions};

fn quick() -> Options {
    let session = SessionLimits {
        ping_every: Duration::from_millis(100),
        idle_after: Duration::from_millis(600),
        close_wait: Duration::from_millis(100),
        ..SessionLimits::default()
    };
    Options { session, ..Options::default() }
}

#[tokio::test]
async fn a_peer_that_answers_pings_stays() {
    let bench = Bench::with(quick()).await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    // Longer than the idle time-out, and not a word but pongs.
    for _ in 0..10 {
        assert!(matches!(console.next().await, Message::Ping(_)));
    }
    console.send(r#"{"set":1}"#).await;
    assert_eq!(console.number().await, 1);
    let events = bench.finish().await;
    let pings = sessions(&events).into_iter().filter(|e| matches!(e, SessionEvent::PingSent { .. })).count();
    let pongs = sessions(&events).into_iter().filter(|e| matches!(e, SessionEvent::Pong { .. })).count();
    assert!(pings >= 10 && pongs >= 9, "{pings} pings, {pongs} pongs");
}

#[tokio::test]
async fn a_silent_peer_is_closed() {
    let bench = Bench::with(quick()).await;
    let console = bench.connect("/ws").await;
    // From here on nobody answers pings.
    let mut tcp = console.ws.into_inner();
    let mut bytes = Vec::new();
    patient(tcp.read_to_end(&mut bytes)).await.unwrap();
    // RFC 6455 section 5.5.1: opcode 8, then the code: 1008.
    let close = bytes.windows(4).position(|frame| frame[0] == 0x88 && frame[2..] == [0x03, 0xF0]);
    assert!(close.is_some(), "no close frame in {bytes:02x?}");
    bench.wait_open(0).await;
    let events = bench.finish().await;
    assert!(sessions(&events).iter().any(|e| matches!(e, SessionEvent::CloseSent { code: 1008, .. })));
}

#[tokio::test]
async fn a_ping_is_answered_and_recorded() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    futures_util::SinkExt::send(&mut console.ws, Message::Ping("hello".into())).await.unwrap();
    assert_eq!(console.next().await, Message::Pong("hello".into()));
    let events = bench.finish().await;
    assert!(sessions(&events).contains(&&SessionEvent::Ping { conn: 1 }));
    // Who it is stands directly before the machine is told.
    let peer =
        events.iter().position(|e| matches!(e.body, Body::Session(SessionEvent::Peer { .. }))).unwrap();
    assert!(matches!(&events[peer + 1].body, Body::In(kit::machine::Input::Open { conn: 1, .. })));
}
