use serde_json::Value;

use crate::harness::{Bench, Client};

const STATES: u64 = 60;

/// Sets the number again and again with a word in the middle, and collects what a client hears until the last.
async fn collect(bench: &Bench, client: &mut Client) -> Vec<Value> {
    for number in 1..=STATES {
        bench.set(number).await;
        if number == STATES / 2 {
            client.send(r#"{"say":"hello"}"#).await;
        }
    }
    let mut heard: Vec<Value> = Vec::new();
    let done = |heard: &[Value]| {
        let all = heard.iter().flat_map(|m| m.as_array().cloned().unwrap_or_else(|| vec![m.clone()]));
        let all: Vec<Value> = all.collect();
        all.iter().any(|m| m["number"] == STATES) && all.iter().any(|m| m["word"] == "hello")
    };
    while !done(&heard) {
        heard.push(client.json().await);
    }
    heard
}

#[tokio::test]
async fn batch_ms_sends_every_message_in_arrays() {
    let bench = Bench::start().await;
    let mut client = bench.connect("/ws?batch_ms=40").await;
    let heard = collect(&bench, &mut client).await;
    let numbers = heard
        .iter()
        .flat_map(|array| array.as_array().expect("an array"))
        .filter_map(|m| m["number"].as_u64());
    assert!(numbers.eq(0..=STATES), "each in order, none missing: {heard:?}");
    bench.finish().await;
}

#[tokio::test]
async fn min_interval_ms_sends_the_newest_and_always_the_last() {
    let bench = Bench::start().await;
    let began = bench.clock.now();
    let mut client = bench.connect("/ws?min_interval_ms=150").await;
    assert_eq!(client.number().await, 0, "the first at once");
    let heard = collect(&bench, &mut client).await;
    let intervals = (bench.clock.now() - began).as_millis() / 150;
    let numbers: Vec<u64> = heard.iter().filter_map(|m| m["number"].as_u64()).collect();
    assert!(numbers.is_sorted() && numbers.last() == Some(&STATES), "{numbers:?}");
    assert!(numbers.len() as u128 <= intervals + 1, "{numbers:?} in {intervals} intervals");
    bench.finish().await;
}

#[tokio::test]
async fn both_send_arrays_of_the_newest() {
    let bench = Bench::start().await;
    let began = bench.clock.now();
    let mut client = bench.connect("/ws?batch_ms=20&min_interval_ms=150").await;
    let heard = collect(&bench, &mut client).await;
    let intervals = (bench.clock.now() - began).as_millis() / 150;
    let arrays = heard.iter().map(|array| array.as_array().expect("an array"));
    let numbers: Vec<u64> = arrays.flatten().filter_map(|m| m["number"].as_u64()).collect();
    assert!(numbers.is_sorted() && numbers.last() == Some(&STATES), "{numbers:?}");
    assert!(numbers.len() as u128 <= intervals + 2, "{numbers:?} in {intervals} intervals");
    bench.finish().await;
}

#[tokio::test]
async fn the_pace_is_each_connections_own() {
    let bench = Bench::start().await;
    let mut slow = bench.connect("/ws?min_interval_ms=60000").await;
    let mut plain = bench.connect("/ws").await;
    assert_eq!(slow.number().await, 0);
    assert_eq!(plain.number().await, 0);
    for number in 1..=20 {
        bench.set(number).await;
        assert_eq!(plain.number().await, number);
    }
    bench.stop.cancel();
    assert_eq!(slow.number().await, 20, "nothing between, and the last before the close");
    bench.finish().await;
}
