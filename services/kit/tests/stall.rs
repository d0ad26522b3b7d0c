use kit::{
    machine::Input,
    outbox::OutboxLimits,
    session::SessionLimits,
    tap::{Body, SessionEvent},
};
use std::time::Duration;

use crate::{
    harness::{Bench, Options, patient, sessions},
    toy::Toy,
};

/// More than any kernel holds for a socket: 128 states of 128 KiB.
const STATES: u64 = 128;
const STATE_BYTES: usize = 128 << 10;

fn large_states() -> Options {
    Options {
        toy: Toy::padded(STATE_BYTES),
        outbox: OutboxLimits { frames: 8, bytes: 1 << 20 },
        ..Options::default()
    }
}

#[tokio::test]
async fn a_client_that_stalls_delays_nobody_and_resumes_with_the_newest() {
    let bench = Bench::with(large_states()).await;
    let mut stalled = bench.connect_narrow("/ws").await;
    bench.wait_open(1).await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    for number in 1..=STATES {
        bench.set(number).await;
        assert_eq!(console.number().await, number, "a console that keeps up misses nothing");
    }
    let mut seen = Vec::new();
    while seen.last() != Some(&STATES) {
        seen.push(stalled.number().await);
    }
    assert!(seen.is_sorted_by(|a, b| a <= b), "never backwards: {seen:?}");
    assert!(seen.len() < 100, "it skipped what it missed: {seen:?}");
    // From now on it keeps up again.
    bench.set(1000).await;
    assert_eq!(stalled.number().await, 1000);
    let events = bench.finish().await;
    assert!(events.iter().any(|event| matches!(event.body, Body::In(Input::Lagged { conn: 1 }))));
    assert!(!events.iter().any(|event| matches!(event.body, Body::In(Input::Lagged { conn: 2 }))));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_still_heard() {
    let bench = Bench::with(large_states()).await;
    let mut stalled = bench.connect_narrow("/ws").await;
    bench.wait_open(1).await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    for number in 1..=STATES {
        bench.set(number).await;
        assert_eq!(console.number().await, number);
    }
    stalled.send(r#"{"set":7777}"#).await;
    assert_eq!(console.number().await, 7777);
    drop(stalled);
    bench.wait_open(1).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_client_that_talks_but_takes_nothing_is_closed_after_the_idle_time_out() {
    // On a machine too busy to let the client talk in time, it is closed for its silence instead: then once
    // more, with more time.
    for idle_after in [300, 1200, 4800].map(Duration::from_millis) {
        let why = why_a_talker_that_takes_nothing_is_closed(idle_after).await;
        assert!(why.contains("took neither what was sent nor the close frame"), "{why}");
        if why.contains("you took nothing for") {
            return;
        }
    }
    panic!("never closed for what it didn't take");
}

async fn why_a_talker_that_takes_nothing_is_closed(idle_after: Duration) -> String {
    let close_wait = Duration::from_millis(50);
    let ping_every = idle_after / 6;
    let session = SessionLimits { ping_every, idle_after, close_wait, ..SessionLimits::default() };
    let bench = Bench::with(Options { session, ..large_states() }).await;
    let mut stalled = bench.connect_narrow("/ws").await;
    bench.wait_open(1).await;
    let talk = async {
        while futures_util::SinkExt::send(&mut stalled.ws, "hi".into()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let fill = async {
        for number in 1..=STATES {
            bench.set(number).await;
        }
        bench.wait_open(0).await;
    };
    tokio::join!(patient(talk), fill);
    let events = bench.finish().await;
    let errors = sessions(&events).into_iter().filter_map(|event| match event {
        SessionEvent::Error { conn: 1, message } => Some(message.clone()),
        _ => None,
    });
    let errors: Vec<_> = errors.collect();
    let [why] = errors.as_slice() else { panic!("it ends once: {errors:?}") };
    why.clone()
}

#[tokio::test]
async fn a_stalled_client_holds_the_shutdown_up_no_longer_than_its_close_may_take() {
    let session = SessionLimits { close_wait: Duration::from_millis(100), ..SessionLimits::default() };
    let bench = Bench::with(Options { session, ..large_states() }).await;
    let _stalled = bench.connect_narrow("/ws").await;
    bench.wait_open(1).await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    for number in 1..=STATES {
        bench.set(number).await;
        assert_eq!(console.number().await, number);
    }
    let (clock, asked) = (bench.clock, bench.clock.now());
    bench.stop.cancel();
    assert_eq!(console.closed().await, Some(1001));
    let events = patient(bench.finish()).await;
    assert!(clock.now() - asked < Duration::from_secs(10), "the deadline is {:?}", Duration::from_secs(20));
    assert!(matches!(events.last().map(|event| &event.body), Some(Body::End(_))));
    let closed = |event: &&kit::tap::Event| matches!(event.body, Body::In(Input::Closed { .. }));
    assert_eq!(events.iter().filter(closed).count(), 2, "the machine is told of both");
}
