use std::{pin::pin, time::Duration};

use futures_util::FutureExt;
use kit::{
    machine::{Input, StreamEvent},
    session::SessionLimits,
    tap::Body,
};

use crate::harness::{Bench, Options, patient};

#[tokio::test]
async fn every_client_is_told_1001_after_all_that_waits_for_it() {
    let bench = Bench::start().await;
    let mut clients = Vec::new();
    for query in ["", "?batch_ms=60000", "?min_interval_ms=60000", "?batch_ms=60000&min_interval_ms=60000"] {
        clients.push(bench.connect(&format!("/ws{query}")).await);
    }
    bench.wait_open(4).await;
    for number in 1..=5 {
        bench.set(number).await;
    }
    bench.stop.cancel();
    for client in &mut clients {
        let mut last = 0;
        while last != 5 {
            let json = client.json().await;
            let newest = json.as_array().and_then(|array| array.last()).unwrap_or(&json);
            last = newest["number"].as_u64().unwrap();
        }
        assert_eq!(client.closed().await, Some(1001), "the last state came, paced or not");
    }
    let (handle, addr) = (bench.handle.clone(), bench.addr);
    let events = bench.finish().await;
    let Some(Body::End(state)) = events.last().map(|event| &event.body) else { panic!("no end") };
    assert_eq!(state["number"], 5);
    assert_eq!(state["open"], serde_json::json!([]), "all were closed before the end");

    let (status, body) = handle.http("GET", "/health", "", String::new()).await;
    assert_eq!(status, 503);
    insta::assert_snapshot!(body, @r#"{"error":"the service is stopping; try again in a moment"}"#);
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_the_machine_holds_back_is_told_before_the_close() {
    let bench = Bench::start().await;
    let mut client = bench.connect("/ws").await;
    assert_eq!(client.number().await, 0);
    client.send(r#"{"set_after_ms":60000}"#).await;
    client.send(r#"{"set":6}"#).await;
    assert_eq!(client.number().await, 6);
    bench.stop.cancel();
    assert_eq!(client.number().await, 7, "a minute early rather than never");
    assert_eq!(client.closed().await, Some(1001));
    bench.finish().await;
}

#[tokio::test]
async fn what_came_before_the_stop_is_told_before_the_close() {
    let bench = Bench::start().await;
    let mut client = bench.connect("/ws").await;
    assert_eq!(client.number().await, 0);
    // In the queue, and the stop seen first.
    let event = StreamEvent::Bytes { received_at_ns: 0, bytes: vec![1, 2, 3] };
    bench.handle.stream(event).await.unwrap();
    bench.stop.cancel();
    for number in [1, 2, 3] {
        assert_eq!(client.number().await, number);
    }
    assert_eq!(client.closed().await, Some(1001));
    bench.finish().await;
}

#[tokio::test]
async fn a_request_that_waits_for_its_answer_gets_it_before_the_end() {
    let bench = Bench::start().await;
    let mut client = bench.connect("/ws").await;
    assert_eq!(client.number().await, 0);
    let handle = bench.handle.clone();
    let mut later = pin!(handle.http("GET", "/later", "", String::new()));
    assert!(later.as_mut().now_or_never().is_none(), "in the queue");
    bench.wait_open(1).await;
    bench.stop.cancel();
    assert_eq!(client.closed().await, Some(1001));
    // Nobody watches any more, and the machine still takes what it needs for the answer.
    bench.wait_open(0).await;
    let due = StreamEvent::Opened { device: "answer".into(), baud: None };
    bench.handle.stream(due).await.unwrap();
    assert_eq!(patient(later).await.1, "\"later\"");
    bench.finish().await;
}

#[tokio::test]
async fn a_client_that_never_answers_the_close_is_dropped_at_its_deadline() {
    let session = SessionLimits { close_wait: Duration::from_millis(100), ..SessionLimits::default() };
    let bench = Bench::with(Options { session, ..Options::default() }).await;
    let _deaf = bench.connect("/ws").await;
    bench.wait_open(1).await;
    let events = bench.finish().await;
    assert!(events.iter().any(|e| matches!(e.body, Body::In(Input::Closed { conn: 1, code: None }))));
}

#[tokio::test]
async fn a_runner_ends_at_its_deadline_whatever_the_sessions_do() {
    let options = Options { shutdown: Duration::from_millis(100), ..Options::default() };
    let bench = Bench::with(options).await;
    let _deaf = bench.connect("/ws").await;
    bench.wait_open(1).await;
    let events = bench.finish().await;
    let Some(Body::End(state)) = events.last().map(|event| &event.body) else { panic!("no end") };
    assert_eq!(state["open"], serde_json::json!([1]), "the session waits for its peer and is not waited for");
}

#[tokio::test]
async fn a_machine_that_panics_leaves_nobody_waiting() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    console.send(r#"{"panic":true}"#).await;
    assert_eq!(console.closed().await, Some(1011));
    assert_eq!(bench.handle.http("GET", "/health", "", String::new()).await.0, 503);
    assert!(patient(bench.runner).await.unwrap_err().is_panic());
}
