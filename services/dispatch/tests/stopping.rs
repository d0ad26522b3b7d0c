//! A service that stops keeps what it has taken in: a rover never repeats a report.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::mpsc::{Receiver, Sender, channel};

use dispatch::{Config, machine};
use kit::{
    clock::Clock,
    machine::StoreEvent,
    runner::{Handle, Keeper, Peer, Runner, RunnerLimits, StartParts},
    tap::Tap,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

struct Hand(Sender<(u64, String)>);

impl Keeper for Hand {
    fn commit(&mut self, batch: u64, changes: String) {
        self.0.send((batch, changes)).unwrap();
    }
}

/// Commits by hand.
struct Store {
    asked: Receiver<(u64, String)>,
    handle: Handle,
}

impl Store {
    async fn keep(&self) -> String {
        let (batch, changes) = loop {
            match self.asked.try_recv() {
                Ok(commit) => break commit,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.handle.store(StoreEvent::Committed { batch, error: None }).await.unwrap();
        changes
    }

    async fn made(&self, path: &str, body: Value) -> Value {
        let asked = self.handle.http("POST", path, "", body.to_string());
        let (answer, _) = tokio::join!(asked, self.keep());
        assert!(answer.0.is_success(), "{answer:?}");
        serde_json::from_str(&answer.1).unwrap()
    }
}

#[tokio::test]
async fn reports_behind_a_commit_are_kept_before_the_end() {
    let (commits, asked) = channel();
    let start = StartParts { version: String::new(), seed: 1, config: Value::Null };
    let stop = CancellationToken::new();
    let (machine, keeper) = (Box::new(machine(&Config::default(), 1)), Box::new(Hand(commits)));
    let limits = RunnerLimits::default();
    let (handle, runner) =
        Runner::spawn(machine, keeper, start, Tap::off(), Clock::start(), limits, stop.clone());
    let store = Store { asked, handle: handle.clone() };
    handle.store(StoreEvent::Opened { changes: "[]".to_owned() }).await.unwrap();

    let zone = store.made("/zones", json!({ "name": "Yard", "waypoints": [{ "x": 0, "y": 0 }] })).await;
    let mission = store.made("/missions", json!({ "name": "Round", "zoneId": zone["id"] })).await;
    let path = format!("/missions/{}/start", mission["id"].as_str().unwrap());
    let mut conns = Vec::new();
    for rover in ["a", "b"] {
        let peer = Peer { addr: String::new(), origin: None };
        let opened = handle.open(peer, "/ws".to_owned(), String::new()).await.unwrap();
        let said = json!({ "type": "register", "rover_id": rover, "task_id": null }).to_string();
        handle.text(opened.conn, said.into()).await.unwrap();
        let task = store.made(&path, Value::Null).await;
        conns.push((opened.conn, task["id"].as_str().unwrap().to_owned()));
    }

    // Of both reports, the first is being committed and the second waits for that, when the stop comes.
    for (conn, task) in &conns {
        let said = json!({ "type": "complete", "task_id": task }).to_string();
        handle.text(*conn, said.into()).await.unwrap();
    }
    handle.http("GET", "/health", "", String::new()).await;
    stop.cancel();
    for (conn, _) in &conns {
        handle.closed(*conn, None).await.unwrap();
    }
    let (first, second) = (store.keep().await, store.keep().await);
    for (changes, (_, task)) in [first, second].iter().zip(&conns) {
        assert!(changes.contains(task) && changes.contains("done"), "{changes}");
    }
    let state = runner.await.unwrap();
    assert_eq!(state["openTasks"], json!([]));
}
