use std::sync::mpsc;

use kit::{
    machine::{Input, StoreEvent},
    runner::Keeper,
    tap::Body,
};

use crate::harness::{Bench, Options, patient};

/// Hands on what it is given, and tells nothing of what becomes of it: a store that is stuck.
struct Stuck(mpsc::Sender<(u64, String)>);

impl Keeper for Stuck {
    fn commit(&mut self, batch: u64, changes: String) {
        self.0.send((batch, changes)).unwrap();
    }
}

#[tokio::test]
async fn commits_go_to_the_keeper_in_order_and_nothing_waits_for_their_fate() {
    let (sender, commits) = mpsc::channel();
    let bench = Bench::with(Options { keeper: Box::new(Stuck(sender)), ..Options::default() }).await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    for command in [r#"{"commit":1}"#, r#"{"commit":2}"#, r#"{"set":3}"#] {
        console.send(command).await;
    }
    assert_eq!(console.number().await, 3, "no fate was told, and it goes on");
    let expected = [(1, "[1]".to_owned()), (2, "[2]".to_owned())];
    assert!(commits.try_iter().eq(expected));
    bench.set(4).await;
    assert_eq!(console.number().await, 4);
    bench.finish().await;
}

#[tokio::test]
async fn what_happens_to_the_store_comes_in_order_whoever_tells_it() {
    let bench = Bench::start().await;
    let reason = || "the disk is full".to_owned();
    let mut expected = vec![
        StoreEvent::Loading { changes: "[1]".to_owned() },
        StoreEvent::Opened { changes: "[2]".to_owned() },
        StoreEvent::Committed { batch: 1, error: None },
        StoreEvent::Away { reason: reason() },
        StoreEvent::Committed { batch: 2, error: Some(reason()) },
        StoreEvent::Back,
        StoreEvent::Lost { reason: reason() },
    ];
    // More than its queue has room for.
    expected.extend((3..1000).map(|batch| StoreEvent::Committed { batch, error: None }));
    let (blocking, waiting) = expected.split_at(20);
    let (handle, events) = (bench.handle.clone(), blocking.to_vec());
    let told = tokio::task::spawn_blocking(move || {
        events.into_iter().all(|event| handle.store_blocking(event).is_ok())
    });
    assert!(patient(told).await.unwrap());
    for event in waiting {
        patient(bench.handle.store(event.clone())).await.unwrap();
    }
    let (handle, events) = (bench.handle.clone(), bench.finish().await);
    let came = events.into_iter().filter_map(|event| match event.body {
        Body::In(Input::Store { event }) => Some(event),
        _ => None,
    });
    assert_eq!(came.collect::<Vec<_>>(), expected);
    let late = tokio::task::spawn_blocking(move || handle.store_blocking(StoreEvent::Back));
    assert!(patient(late).await.unwrap().is_err(), "a thread learns that nobody is there any more");
}
