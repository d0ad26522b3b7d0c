//! What no client should do, and what the others notice of it: nothing.

use std::time::Duration;

use rtk_reader::caster::{Config, Limits};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::stage::{PATIENCE, Stage, frame, rest, rev1, rev2};

/// A stage with one client in good standing.
async fn with_witness(limits: Limits) -> (Stage, TcpStream) {
    let stage = Stage::new(Config { limits, ..Config::default() }).await;
    let witness = stage.ask(&rev1("ROVER")).await;
    stage.until(|report| report.clients == 1).await;
    (stage, witness)
}

/// It got the frame that is sent after all that.
async fn is_unharmed(stage: Stage, mut witness: TcpStream) {
    stage.say(&frame(1077, 1, 500)).await;
    stage.end().await;
    let got = rest(&mut witness).await;
    assert_eq!(got, [&b"ICY 200 OK\r\n"[..], &frame(1077, 1, 500)].concat());
}

#[tokio::test]
async fn what_is_no_request() {
    let (stage, witness) = with_witness(Limits::default()).await;
    for (bad, status) in [
        ("\u{16}\u{3}\u{1} this is TLS\r\n\r\n".to_owned(), "400"),
        ("SOURCE secret /ROVER\r\n\r\n".to_owned(), "400"),
        ("POST /ROVER HTTP/1.1\r\n\r\n".to_owned(), "405"),
        (format!("GET /ROVER HTTP/1.1\r\nX: {}", "x".repeat(100_000)), "431"),
        (format!("GET /{}", "/".repeat(5000)), "431"),
    ] {
        let mut socket = TcpStream::connect(stage.address).await.expect("it listens");
        // It may have been answered before all of it is sent.
        let _ = socket.write_all(bad.as_bytes()).await;
        let answer = rest(&mut socket).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.0 {status} ")), "{answer}");
    }
    is_unharmed(stage, witness).await;
}

#[tokio::test]
async fn a_request_that_never_ends_has_its_time() {
    let (stage, witness) =
        with_witness(Limits { request: Duration::from_millis(150), ..Limits::default() }).await;
    let answer = stage.answer("GET /ROVER HTTP/1.1\r\nHost:").await;
    assert!(answer.starts_with("HTTP/1.0 408 "), "{answer}");
    let answer = stage.answer("").await;
    assert!(answer.starts_with("HTTP/1.0 408 "), "{answer}");
    stage.until(|report| report.corrections.refused == 2 && report.clients == 1).await;
    is_unharmed(stage, witness).await;
}

#[tokio::test]
async fn more_connections_than_are_borne() {
    let (stage, witness) = with_witness(Limits { clients: 8, ..Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..7 {
        held.push(stage.ask(&rev2("ROVER")).await);
    }
    stage.until(|report| report.clients == 8).await;
    // Many more than are told so.
    let mut further = Vec::new();
    for _ in 0..300 {
        further.push(stage.ask(&rev1("ROVER")).await);
    }
    let mut told = 0;
    for socket in &mut further {
        let answer = rest(socket).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.0 503 "),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        told += usize::from(!answer.is_empty());
    }
    assert!(told > 0, "at least some know why");
    let report = stage.until(|report| report.corrections.refused == 300).await;
    assert_eq!(report.clients, 8);
    // Whoever leaves makes room.
    drop(held);
    stage.until(|report| report.clients == 1).await;
    let next = stage.ask(&rev1("ROVER")).await;
    stage.until(|report| report.clients == 2).await;
    drop(next);
    is_unharmed(stage, witness).await;
}

#[tokio::test]
async fn more_connections_than_one_address_may_have() {
    let (stage, witness) = with_witness(Limits { per_address: 3, ..Limits::default() }).await;
    let _held = [stage.ask(&rev1("ROVER")).await, stage.ask(&rev1("ROVER")).await];
    stage.until(|report| report.clients == 3).await;
    let answer = stage.answer(&rev1("ROVER")).await;
    assert!(answer.starts_with("HTTP/1.0 503 "), "{answer}");
    is_unharmed(stage, witness).await;
}

#[tokio::test]
async fn clients_that_vanish_are_forgotten() {
    let (stage, witness) = with_witness(Limits::default()).await;
    for _ in 0..100 {
        drop(stage.ask(&rev2("ROVER")).await);
    }
    let leaving = async { stage.until(|report| report.clients == 1).await };
    tokio::time::timeout(PATIENCE, leaving).await.expect("they are forgotten");
    is_unharmed(stage, witness).await;
}
