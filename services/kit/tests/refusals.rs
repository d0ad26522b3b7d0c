use kit::{session::SessionLimits, tap::SessionEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Error;

use crate::harness::{Bench, Options, patient, sessions};

fn refusal(error: Error) -> (u16, String) {
    let Error::Http(answer) = error else { panic!("{error}") };
    let body = String::from_utf8(answer.body().clone().unwrap_or_default()).unwrap();
    (answer.status().as_u16(), body)
}

#[tokio::test]
async fn a_foreign_origin_is_refused_and_an_allowed_one_is_not() {
    let bench = Bench::with(Options { origins: vec!["https://console.example"], ..Options::default() }).await;
    let (status, body) = refusal(bench.connect_from("/ws", "https://evil.example").await.err().unwrap());
    assert_eq!(status, 403);
    insta::assert_snapshot!(body, @r#"{"error":"pages from this origin may not use this service; add it to the allowed origins of the depot"}"#);
    for origin in ["https://console.example", "http://localhost:5173"] {
        let mut console = bench.connect_from("/ws", origin).await.unwrap();
        assert_eq!(console.number().await, 0);
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_pace_that_makes_no_sense_is_refused() {
    let bench = Bench::start().await;
    for query in ["batch_ms=0", "batch_ms=60001", "min_interval_ms=fast", "batch_ms", "batch_ms=5&batch_ms=6"]
    {
        let error = bench.connect_from(&format!("/ws?{query}"), "http://localhost").await.err().unwrap();
        let (status, body) = refusal(error);
        assert_eq!(status, 400, "{query}");
        assert!(body.contains(query.split('=').next().unwrap()), "{body}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn more_connections_than_allowed_are_refused_until_one_ends() {
    let session = SessionLimits { max_sessions: 1, ..SessionLimits::default() };
    let bench = Bench::with(Options { session, ..Options::default() }).await;
    let mut first = bench.connect("/ws").await;
    assert_eq!(first.number().await, 0);
    let (status, body) = refusal(bench.connect_from("/other", "http://localhost").await.err().unwrap());
    assert_eq!(status, 503);
    assert!(body.contains("too many connections"), "{body}");
    first.ws.close(None).await.unwrap();
    first.closed().await;
    let freed = async { while bench.connect_from("/ws", "http://localhost").await.is_err() {} };
    patient(freed).await;
    bench.finish().await;
}

#[tokio::test]
async fn what_is_refused_is_recorded() {
    let session = SessionLimits { max_sessions: 0, ..SessionLimits::default() };
    let bench = Bench::with(Options { session, ..Options::default() }).await;
    let long = format!("/{}", "x".repeat(5000));
    for line in [
        "GET /ws HTTP/1.1\r\norigin: http://evil.example",
        "GET /ws?batch_ms=0 HTTP/1.1",
        "GET /ws?x HTTP/1.1",
        "POST /set HTTP/1.1\r\ncontent-length: 1048577",
        "GET /nowhere?x HTTP/1.1",
        &format!("GET {long} HTTP/1.1"),
    ] {
        bench.request(&format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
    }
    assert!(bench.connect_from("/ws", "http://localhost").await.is_err());
    let events = bench.finish().await;
    let refused = |event: &SessionEvent| match event {
        SessionEvent::Refused { addr, path, status } if addr.starts_with("127.0.0.1:") => {
            (path.clone(), *status)
        }
        other => panic!("{other:?}"),
    };
    let refused: Vec<_> = sessions(&events).into_iter().map(refused).collect();
    let (ws, set, nowhere) = ("/ws".to_owned(), "/set".to_owned(), "/nowhere".to_owned());
    let long = long[..200].to_owned();
    let expected = [
        (ws.clone(), 403),
        (ws.clone(), 400),
        (ws.clone(), 426),
        (set, 413),
        (nowhere, 404),
        (long, 404),
        (ws, 503),
    ];
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009_even_in_the_middle_of_sending() {
    let session = SessionLimits { max_message_bytes: 1024, ..SessionLimits::default() };
    let bench = Bench::with(Options { session, ..Options::default() }).await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    console.send(&" ".repeat(1024)).await;
    assert_eq!(console.json().await["type"], "error", "exactly the limit passes");
    // Far more than the kernel takes before the service has seen the length: a text frame of 64 MiB by its
    // header, a masked one, of which 16 MiB come.
    let mut tcp = console.ws.into_inner();
    tcp.write_all(&[0x81, 0xFF, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
    // The service reads on, or the reset would make some kernels throw the close frame away unread.
    patient(tcp.write_all(&vec![b' '; 16 << 20])).await.unwrap();
    let mut answer = Vec::new();
    patient(tcp.read_to_end(&mut answer)).await.unwrap();
    assert_eq!((answer[0], &answer[2..4]), (0x88, &1009_u16.to_be_bytes()[..]), "a close frame and its code");
    bench.wait_open(0).await;
    bench.finish().await;
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007_and_a_broken_frame_with_1002() {
    let bench = Bench::start().await;
    // Masked with zeros: fin and text with two bytes that are no UTF-8; then a reserved opcode.
    for (frame, code) in
        [([0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28], 1007), ([0x83, 0x82, 0, 0, 0, 0, 1, 2], 1002)]
    {
        let mut console = bench.connect("/ws").await;
        assert_eq!(console.number().await, 0);
        console.ws.get_mut().write_all(&frame).await.unwrap();
        assert_eq!(console.closed().await, Some(code));
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_frame_too_large_to_send_closes_with_1011() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    console.send(r#"{"huge":16777217}"#).await;
    assert_eq!(console.closed().await, Some(1011));
    bench.finish().await;
}
