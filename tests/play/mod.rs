//! A recording that stands in for its services.

#![expect(clippy::unwrap_used, reason = "a test may")]

#[cfg(unix)]
mod browser;
mod program;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use kit::machine::{Input, Output, Timestamp};
use kit::origin::Origins;
use kit::tap::Body;
use replay::play::{Options, Playing, Show};
use replay::session::{Recorded, Session};
use replay::window::When;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

use crate::wire::recorded_day;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Stage {
    playing: Playing,
    address: SocketAddr,
    stop: CancellationToken,
}

/// Stands in for dispatch, standing still at its start.
async fn stage(session: &Session, looped: bool) -> Stage {
    let show = Show::open(session.clone()).unwrap();
    assert_eq!(show.services().collect::<Vec<_>>(), [dispatch::SERVICE]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let origins = Origins::new::<&str>(&[]).unwrap();
    let options = Options { rate: 1.0, looped, from: None, paused: true, origins };
    let playing = show.start(vec![(dispatch::SERVICE, listener)], options, &stop);
    Stage { playing, address, stop }
}

type Client = WebSocketStream<TcpStream>;

impl Stage {
    async fn connect(&self, path: &str) -> Client {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        client_async(format!("ws://{}{path}", self.address), tcp).await.unwrap().0
    }

    /// The status and the body.
    async fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: depot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, tcp.read_to_string(&mut answer)).await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

/// The next text; a close is told by its code.
async fn next(client: &mut Client) -> String {
    loop {
        match timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Close(frame) => return format!("closed {}", u16::from(frame.unwrap().code)),
            _ => {}
        }
    }
}

fn events(session: &Session) -> Vec<Recorded> {
    session.events().unwrap().map(Result::unwrap).collect()
}

/// When the recording's second console came, and what it was told then.
fn late_console(session: &Session) -> (Timestamp, Vec<String>) {
    let events = events(session);
    let is_open = |event: &&Recorded| matches!(&event.body, Body::In(Input::Open { path, .. }) if path == "/ws/console");
    let open = events.iter().filter(is_open).nth(1).unwrap();
    let Body::In(Input::Open { conn: late, .. }) = open.body else { unreachable!() };
    let told = events.iter().filter_map(|event| match &event.body {
        Body::Out(Output::Send { conn, text, .. }) if *conn == late => Some(text.to_string()),
        _ => None,
    });
    (open.at, told.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_comes_late_is_told_the_state_of_that_moment() {
    let session = recorded_day().await;
    let stage = stage(&session, false).await;
    let (at, first_told) = late_console(&session);
    let told = first_told.clone();
    assert!(told.len() >= 2, "{told:?}");
    stage.playing.controls.seek(When::At(at)).await;
    let mut console = stage.connect("/ws/console").await;
    for expected in &told {
        assert_eq!(&next(&mut console).await, expected);
    }
    // One that looks finds what there was; one that wants to change something is refused.
    let (status, tasks) = stage.ask("GET", "/tasks?status=done").await;
    let tasks: Vec<Value> = serde_json::from_str(&tasks).unwrap();
    assert_eq!((status, tasks.len()), (200, 1));
    let (status, sentence) = stage.ask("POST", "/zones").await;
    assert_eq!(status, 403);
    assert_eq!(
        sentence,
        "This is a recording being played: it can be looked at, and nothing can be changed in it."
    );
    let mut rover = stage.connect("/ws").await;
    assert_eq!(next(&mut rover).await, "closed 1008");
    // Back to before anything was there.
    let (status, told) = stage.ask("POST", "/play/seek?to=0").await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, &told["sinceStartS"], &told["paused"]), (200, &0.0.into(), &true.into()));
    assert_eq!(stage.ask("GET", "/zones").await.0, 503);
    assert_eq!(stage.ask("POST", "/play/seek?to=noon").await.0, 400);
    assert_eq!(stage.ask("GET", "/play/pause").await.0, 405);
    // And there again: whoever is still connected is told it all once more, after what has changed lately.
    stage.playing.controls.seek(When::At(at)).await;
    let mut again = Vec::new();
    while !again.ends_with(&first_told) {
        assert!(again.len() < 100, "{again:?}");
        again.push(next(&mut console).await);
    }
    stage.stop.cancel();
    drop((console, rover));
    timeout(PATIENCE, stage.playing.ended()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_is_told_what_the_recorded_one_was_and_the_play_ends() {
    let session = recorded_day().await;
    let stage = stage(&session, false).await;
    let events = events(&session);
    let opened = events
        .iter()
        .find(|e| matches!(&e.body, Body::In(Input::Open { path, .. }) if path == "/ws/console"));
    stage.playing.controls.seek(When::At(opened.unwrap().at)).await;
    let mut console = stage.connect("/ws/console").await;
    assert!(next(&mut console).await.starts_with(r#"{"type":"snapshot""#));
    let (status, _) = stage.ask("POST", "/play/resume").await;
    assert_eq!(status, 200);
    let published = events.iter().filter_map(|event| match &event.body {
        Body::Out(Output::Publish { text, .. }) => Some(text.to_string()),
        _ => None,
    });
    let mut count = 0;
    for expected in published {
        assert_eq!(next(&mut console).await, expected);
        count += 1;
    }
    assert!(count > 10, "{count}");
    assert_eq!(next(&mut console).await, "closed 1001");
    drop(console);
    timeout(PATIENCE, stage.playing.ended()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_begins_again() {
    let session = recorded_day().await;
    let stage = stage(&session, true).await;
    let (at, told) = late_console(&session);
    stage.playing.controls.seek(When::At(at)).await;
    let mut console = stage.connect("/ws/console").await;
    let mut seen = vec![next(&mut console).await];
    assert_eq!(seen.first(), told.first());
    stage.playing.controls.pause(false).await;
    // After it no zone changes any more, but twice in each round.
    let zone = |text: &String| text.contains(r#""type":"zone_update""#);
    while seen.iter().filter(|text| zone(text)).count() < 4 {
        seen.push(next(&mut console).await);
        assert!(seen.len() < 1000, "no loop");
    }
    stage.stop.cancel();
    drop(console);
    timeout(PATIENCE, stage.playing.ended()).await.unwrap().unwrap();
}
