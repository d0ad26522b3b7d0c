use std::time::Duration;

use kit::{
    machine::StreamEvent,
    tap::{Body, SessionEvent},
};

use crate::harness::{Bench, sessions};

#[tokio::test]
async fn a_console_gets_the_state_and_then_every_change_in_order() {
    let bench = Bench::start().await;
    bench.set(41).await;
    let mut consoles = [bench.connect("/ws").await, bench.connect("/ws").await];
    for console in &mut consoles {
        assert_eq!(console.number().await, 41);
    }
    for number in 0..200 {
        bench.set(number).await;
    }
    for console in &mut consoles {
        for number in 0..200 {
            assert_eq!(console.number().await, number);
        }
    }
    bench.stop.cancel();
    for console in &mut consoles {
        assert_eq!(console.closed().await, Some(1001));
    }
    let events = bench.finish().await;
    // What the session loops say they sent are the machine's outputs, each once per console.
    let writes = sessions(&events).into_iter().filter_map(|event| match event {
        SessionEvent::Written { writes, .. } => Some(writes),
        _ => None,
    });
    let writes: Vec<_> = writes.flatten().filter(|write| !write.batch).collect();
    for conn in [1, 2] {
        let sent: Vec<u64> =
            writes.iter().filter(|write| write.is_to(conn)).flat_map(|write| write.numbers()).collect();
        assert_eq!(sent.len(), 201);
        assert!(sent.is_sorted());
        for seq in sent {
            assert!(events.iter().any(|event| event.seq == seq && matches!(event.body, Body::Out(_))));
        }
    }
}

#[tokio::test]
async fn a_publication_reaches_its_path_only() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    let mut other = bench.connect("/other").await;
    assert_eq!(console.number().await, 0);
    assert_eq!(other.number().await, 0);
    other.send(r#"{"set":5}"#).await;
    assert_eq!(console.number().await, 5);
    other.send("?").await;
    assert_eq!(other.json().await["type"], "error", "the next thing it hears is the answer to its own");
    bench.finish().await;
}

#[tokio::test]
async fn who_joins_a_path_hears_it_instead_of_its_own() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    let mut other = bench.connect("/other").await;
    assert_eq!((console.number().await, other.number().await), (0, 0));
    other.send(r#"{"join":"/ws"}"#).await;
    other.send(r#"{"set":5}"#).await;
    assert_eq!((console.number().await, other.number().await), (5, 5));
    console.send(r#"{"join":"nowhere"}"#).await;
    console.send(r#"{"set":6}"#).await;
    assert_eq!(other.number().await, 6);
    console.send("?").await;
    assert_eq!(console.json().await["type"], "error", "the next thing it hears is the answer to its own");
    drop((console, other));
    bench.finish().await;
}

#[tokio::test]
async fn the_stream_and_the_timer_reach_the_machine() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    let event = StreamEvent::Bytes { received_at_ns: 1, bytes: vec![3, 4] };
    bench.handle.stream(event).await.unwrap();
    assert_eq!(console.number().await, 3);
    assert_eq!(console.number().await, 4);
    let asked = bench.clock.now();
    console.send(r#"{"set_after_ms":30}"#).await;
    assert_eq!(console.number().await, 5);
    assert!(bench.clock.now() - asked >= Duration::from_millis(30));
    bench.finish().await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_answered_and_the_session_lives() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    console.send("{nonsense").await;
    assert_eq!(console.json().await["type"], "error");
    let binary = tokio_tungstenite::tungstenite::Message::binary(vec![1, 2, 3]);
    futures_util::SinkExt::send(&mut console.ws, binary).await.unwrap();
    let error = console.json().await;
    assert_eq!(error["type"], "error");
    assert!(error["message"].as_str().unwrap().contains("binary"), "{error}");
    console.send(r#"{"set":9}"#).await;
    assert_eq!(console.number().await, 9);
    let events = bench.finish().await;
    assert!(sessions(&events).contains(&&SessionEvent::Binary { conn: 1, bytes: 3 }));
}
