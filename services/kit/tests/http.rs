use std::time::Duration;

use futures_util::future::select_all;
use kit::{machine::Input, runner::MAX_WAITING_HTTP, serve::MAX_HEADER_BYTES, tap::Body, web::ErrorBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Bench, Options, patient};

fn head_and_body(answer: &str) -> (String, String) {
    let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn requests_are_forwarded_decoded_and_answered() {
    let bench = Bench::start().await;
    let answer = bench
        .request("GET /thing/a%20b/%C3%A9?x=%20&y HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    let (head, body) = head_and_body(&answer);
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    insta::assert_snapshot!(body, @r#"{"error":"unknown","path":"/thing/a b/é","query":"x=%20&y"}"#);

    let answer = bench
        .request("POST /set HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n12")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = bench.request("DELETE /thing/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let answer = bench.request("HEAD /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let (head, body) = head_and_body(&answer);
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn what_cannot_be_forwarded_is_refused_as_json() {
    let bench = Bench::start().await;
    for (request, status) in [
        ("GET /nowhere HTTP/1.1\r\n", 404),
        ("GET /thing/%FF HTTP/1.1\r\n", 400),
        ("GET /ws HTTP/1.1\r\n", 426),
        ("POST /set HTTP/1.1\r\ncontent-length: 1048577\r\n", 413),
        ("POST /set HTTP/1.1\r\norigin: http://evil.example\r\ncontent-length: 0\r\n", 403),
    ] {
        let answer = bench.request(&format!("{request}host: x\r\nconnection: close\r\n\r\n")).await;
        let (head, body) = head_and_body(&answer);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{request}: {answer}");
        assert!(serde_json::from_str::<serde_json::Value>(&body).unwrap()["error"].is_string(), "{body}");
    }
    let body = "POST /set HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n";
    let mut bytes = body.as_bytes().to_vec();
    bytes.extend([0xC3, 0x28]);
    let mut tcp = TcpStream::connect(bench.addr).await.unwrap();
    tcp.write_all(&bytes).await.unwrap();
    let mut answer = String::new();
    patient(tcp.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn headers_that_never_end_are_not_waited_for() {
    let header = Duration::from_millis(200);
    let bench = Bench::with(Options { header, ..Options::default() }).await;
    let asked = bench.clock.now();
    // Half a header; nothing at all; a whole request and then nothing.
    let whole = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    for (begun, answer) in [("GET /health HTTP/1.1\r\nhost:", ""), ("", ""), (whole, "HTTP/1.1 200")] {
        let mut tcp = TcpStream::connect(bench.addr).await.unwrap();
        tcp.write_all(begun.as_bytes()).await.unwrap();
        let mut received = String::new();
        // It ends, though we leave our direction open.
        patient(tcp.read_to_string(&mut received)).await.unwrap();
        assert!(received.starts_with(answer), "{begun:?}: {received:?}");
    }
    assert!(bench.clock.now() - asked >= 3 * header, "each was given its time");
    bench.finish().await;
}

#[tokio::test]
async fn headers_larger_than_allowed_get_431() {
    let bench = Bench::start().await;
    let request = |bytes: usize| {
        let padding = "x".repeat(bytes);
        format!("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-padding: {padding}\r\n\r\n")
    };
    let answer = bench.request(&request(MAX_HEADER_BYTES - 512)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = bench.request(&request(MAX_HEADER_BYTES)).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn browsers_are_told_who_may_read() {
    let bench = Bench::with(Options { origins: vec!["https://console.example"], ..Options::default() }).await;
    let preflight = "OPTIONS /set HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccess-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n";
    for origin in ["https://console.example", "http://127.0.0.1:4870"] {
        let answer = bench.request(&format!("{preflight}origin: {origin}\r\n\r\n")).await;
        let (head, _) = head_and_body(&answer);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains(&format!("access-control-allow-origin: {origin}")), "{head}");
        assert!(head.contains("access-control-allow-methods: get,post,put,delete"), "{head}");
        assert!(head.contains("access-control-allow-headers: content-type"), "{head}");
        assert!(head.contains("vary: origin"), "{head}");

        let get = format!("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\n\r\n");
        let (head, _) = head_and_body(&bench.request(&get).await);
        assert!(head.contains(&format!("access-control-allow-origin: {origin}")), "{head}");
    }
    let answer = bench.request(&format!("{preflight}origin: https://evil.example\r\n\r\n")).await;
    assert!(!answer.to_ascii_lowercase().contains("access-control-allow-origin"), "{answer}");
    let get = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: https://evil.example\r\n\r\n";
    let (head, _) = head_and_body(&bench.request(get).await);
    assert!(!head.contains("access-control-allow-origin") && head.contains("vary: origin"), "{head}");
    bench.finish().await;
}

#[tokio::test]
async fn an_answer_may_come_later_than_its_request() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    let handle = bench.handle.clone();
    let later = tokio::spawn(async move { handle.http("GET", "/later", "", String::new()).await });
    // The machine has the request when it answers one that was asked after it.
    while !later.is_finished() {
        console.send(r#"{"set_after_ms":1}"#).await;
        console.number().await;
    }
    assert_eq!(later.await.unwrap().1, "\"later\"");
    bench.finish().await;
}

#[tokio::test]
async fn more_waiting_requests_than_allowed_are_refused() {
    let bench = Bench::start().await;
    // The toy owes each of them an answer.
    let later = || Box::pin(bench.handle.http("GET", "/later", "", String::new()));
    let asked: Vec<_> = (0..=MAX_WAITING_HTTP).map(|_| later()).collect();
    let ((status, body), _, left) = patient(select_all(asked)).await;
    assert_eq!(status, 503);
    assert!(body.contains("too many requests"), "{body}");
    drop(left);
    let (status, _) = bench.handle.http("GET", "/health", "", String::new()).await;
    assert_eq!(status, 200, "those who left made room");
    bench.finish().await;
}

#[tokio::test]
async fn a_key_reaches_the_machine_and_a_link_the_client() {
    let bench = Bench::start().await;
    for key in ["idempotency-key: k-1\r\n", "Idempotency-Key: \u{e9}\r\n", ""] {
        let request =
            format!("POST /set HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n{key}\r\n1");
        assert!(bench.request(&request).await.starts_with("HTTP/1.1 200"));
    }
    let request = "GET /thing/linked HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (head, body) = head_and_body(&bench.request(request).await);
    assert!(head.contains("\r\nlink: </thing/next>; rel=\"next\"\r\n"), "{head}");
    assert_eq!(body, "[]");
    let keys = bench.finish().await.into_iter().filter_map(|event| match event.body {
        Body::In(Input::Http { idempotency_key, method, .. }) if method == "POST" => Some(idempotency_key),
        _ => None,
    });
    assert_eq!(keys.collect::<Vec<_>>(), [Some("k-1".to_owned()), Some("\u{e9}".to_owned()), None]);
}

#[tokio::test]
async fn a_service_that_says_errors_in_sentences_gets_them_as_text() {
    let bench = Bench::with(Options { errors: ErrorBody::Sentence, ..Options::default() }).await;
    for (request, status, sentence) in [
        ("GET /nowhere HTTP/1.1", 404, "There is nothing at this address."),
        (
            "GET /ws?batch_ms=5&batch_ms=6 HTTP/1.1",
            400,
            "The parameter batch_ms must be given once, not several times.",
        ),
        (
            "POST /set HTTP/1.1\r\ncontent-length: 1048577",
            413,
            "The request body may have at most 1048576 bytes.",
        ),
    ] {
        let answer = bench.request(&format!("{request}\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        let (head, body) = head_and_body(&answer);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{answer}");
        assert!(head.contains("content-type: text/plain; charset=utf-8"), "{answer}");
        assert_eq!(body, sentence);
    }
    // The machine's own words, as they are; an object is one whatever the status.
    for (request, status) in [("POST /set HTTP/1.1", 400), ("GET /health HTTP/1.1", 200)] {
        let answer = bench.request(&format!("{request}\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.to_lowercase().starts_with(&format!("http/1.1 {status}")), "{answer}");
        assert!(answer.contains("content-type: application/json"), "{answer}");
    }
    bench.finish().await;
}
