//! Pushing to an outside caster.

use std::time::Duration;

use rtk_reader::caster::{Config, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::stage::{PATIENCE, Stage, frame, rest, unchunked};

/// A caster that lets others in as a test wants.
struct Outside {
    listener: TcpListener,
}

impl Outside {
    async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    fn config(&self, query: &str) -> Config {
        let address = self.listener.local_addr().expect("bound");
        let url = format!("ntrip://base:secret@{address}/BASE1{query}");
        // What is told of the base is not what is tested here.
        let limits = Limits { learn: Duration::from_millis(50), ..Limits::default() };
        Config { pushes: vec![url.parse().expect("a target")], limits, ..Config::default() }
    }

    /// The next connection's head, and the connection.
    async fn next(&self) -> (String, TcpStream) {
        let (mut socket, _) =
            timeout(PATIENCE, self.listener.accept()).await.expect("it comes").expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, socket.read_u8()).await.expect("a head").expect("a whole one"));
        }
        (String::from_utf8(head).expect("ASCII"), socket)
    }
}

#[tokio::test]
async fn an_old_one_gets_plain_frames_after_a_refusal_too() {
    let outside = Outside::new().await;
    let stage = Stage::new(outside.config("?rev=1")).await;
    let (head, mut socket) = outside.next().await;
    assert!(head.starts_with("SOURCE secret /BASE1\r\nSource-Agent: NTRIP depot/"), "{head}");
    assert!(head.contains("\r\nSTR: none;RTCM 3.3;1005;"), "{head}");
    socket.write_all(b"ERROR - Bad Password\r\n").await.expect("it reads");
    let report = stage.until(|report| report.pushes[0].error.is_some()).await;
    let why = report.pushes[0].error.clone().unwrap_or_default();
    assert!(why.contains("ERROR - Bad Password") && !why.contains("secret"), "{why}");
    // It tries again, after a second at most.
    let (_, mut socket) = outside.next().await;
    socket.write_all(b"ICY 200 OK\r\n").await.expect("it reads");
    let report = stage.until(|report| report.pushes[0].connected).await;
    assert!(report.pushes[0].error.is_none() && report.pushes[0].target.ends_with("/BASE1"));
    let frames = [frame(1077, 1, 300), frame(1087, 1, 200)].concat();
    stage.say(&frames).await;
    stage.end().await;
    assert_eq!(rest(&mut socket).await, frames);
}

#[tokio::test]
async fn a_new_one_gets_chunks_and_their_end() {
    let outside = Outside::new().await;
    let stage = Stage::new(outside.config("")).await;
    let (head, mut socket) = outside.next().await;
    assert!(head.starts_with("POST /BASE1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nAuthorization: Basic YmFzZTpzZWNyZXQ=\r\n"), "{head}");
    socket.write_all(b"HTTP/1.1 200 OK\r\nNtrip-Version: Ntrip/2.0\r\n\r\n").await.expect("it reads");
    stage.until(|report| report.pushes[0].connected).await;
    let frames = [frame(1077, 1, 300), frame(1087, 1, 200)].concat();
    stage.say(&frames).await;
    stage.until(|report| report.pushes[0].bytes > 500).await;
    stage.end().await;
    let got = rest(&mut socket).await;
    assert!(got.ends_with(b"0\r\n\r\n"));
    assert_eq!(unchunked(&got), frames);
}

#[tokio::test]
async fn it_isnt_asked_before_there_is_something_to_send() {
    let outside = Outside::new().await;
    let stage = Stage::silent(outside.config("")).await;
    stage.open().await;
    stage.say(&frame(1077, 1, 300)).await;
    stage.until(|report| report.corrections.reason == Some("no_position")).await;
    // A push that began would be in the queue of connections by now: nothing waits in between.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let waiting = std::future::poll_fn(|context| {
        std::task::Poll::Ready(outside.listener.poll_accept(context).is_ready())
    });
    assert!(!waiting.await);
    stage.say(&crate::stage::arp(crate::stage::HERE_M)).await;
    outside.next().await;
    stage.end().await;
}
