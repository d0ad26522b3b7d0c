use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::harness::{Bench, Options, PATIENCE, patient};

/// An answer repeats its path: these fill a socket with few requests.
const PATH_BYTES: usize = 8192;
/// A write that takes so long waits for a service that waits for us.
const STUCK: Duration = Duration::from_millis(300);

fn request() -> Vec<u8> {
    format!("GET /thing/{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(PATH_BYTES)).into_bytes()
}

/// Asks and reads nothing until the service reads no more either.
async fn fill(tcp: &mut TcpStream) {
    let request = request();
    while timeout(STUCK, tcp.write_all(&request)).await.is_ok() {}
}

#[tokio::test]
async fn a_client_that_reads_no_answers_is_reset() {
    let bench = Bench::with(Options { write: Duration::from_millis(300), ..Options::default() }).await;
    let mut deaf = bench.narrow().await;
    let request = request();
    let reset = async { while deaf.write_all(&request).await.is_ok() {} };
    patient(reset).await;
    // The others are served.
    bench.connect("/ws").await;
    bench.finish().await;
}

#[tokio::test]
async fn the_write_limit_of_http_is_not_that_of_a_websocket() {
    let write = Duration::from_millis(100);
    let toy = crate::toy::Toy::padded(4 << 20);
    let bench = Bench::with(Options { write, toy, ..Options::default() }).await;
    let mut late = bench.connect_narrow("/ws").await;
    bench.wait_open(1).await;
    tokio::time::sleep(5 * write).await;
    assert_eq!(late.number().await, 0, "it reads after all");
    bench.finish().await;
}

#[tokio::test]
async fn a_client_that_reads_no_answers_holds_no_stop_up() {
    let bench = Bench::start().await;
    let mut deaf = bench.narrow().await;
    fill(&mut deaf).await;
    let (clock, asked) = (bench.clock, bench.clock.now());
    bench.finish().await;
    assert!(clock.now() - asked < PATIENCE / 2, "it took {:?}", clock.now() - asked);
}

#[tokio::test]
async fn half_a_header_holds_no_stop_up() {
    let bench = Bench::start().await;
    let mut slow = TcpStream::connect(bench.addr).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nho").await.unwrap();
    // Whoever came later was served, so it has been read.
    for _ in 0..3 {
        bench.request("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    }
    let (clock, asked) = (bench.clock, bench.clock.now());
    bench.finish().await;
    assert!(clock.now() - asked < PATIENCE / 2, "it took {:?}", clock.now() - asked);
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_the_stop() {
    let bench = Bench::start().await;
    let mut asked = TcpStream::connect(bench.addr).await.unwrap();
    // The rest of its body comes after the stop.
    asked
        .write_all(b"POST /set HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        .await
        .unwrap();
    let mut go_on = [0; 12];
    patient(asked.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100");
    bench.stop.cancel();
    tokio::task::yield_now().await;
    asked.write_all(b"12").await.unwrap();
    let mut answer = String::new();
    patient(asked.read_to_string(&mut answer)).await.unwrap();
    // The machine may have ended by then; an answer it is.
    assert!(answer.contains("HTTP/1.1 200") || answer.contains("HTTP/1.1 503"), "{answer:?}");
    bench.finish().await;
}
