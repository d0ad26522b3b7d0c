//! How connections end, and what else isn't content.

use std::io::ErrorKind;
use std::time::Duration;

use kit::proxied::ProxyEvent;
use replay::proxy::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::proxy::stage::{File, Proxy, head, rest, send, soon, told, upstream};

const ONE: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_half_close_is_one_on_the_other_side() {
    let address = upstream(|mut socket| async move {
        let all = rest(&mut socket).await;
        assert_eq!(all, ONE, "the end comes before the answer");
        send(&mut socket, ANSWER).await;
    })
    .await;
    let proxy = Proxy::to(address).await;
    let mut client = proxy.client().await;
    send(&mut client, ONE).await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, ANSWER);
    insta::assert_snapshot!(told(&proxy.end().await, 1), @r#"
    accepted
    connected
    GET /
    Client Fin
    200
    Upstream body Text("ok")
    Upstream body end true
    Upstream Fin
    closed 27 40
    "#);
}

#[tokio::test]
async fn a_reset_is_one_on_the_other_side() {
    let (sender, heard) = oneshot::channel();
    let mut sender = Some(sender);
    let address = upstream(move |mut socket| {
        let sender = sender.take().unwrap();
        async move {
            head(&mut socket).await;
            let error = soon(socket.read_u8()).await.unwrap_err();
            sender.send(error.kind()).unwrap();
        }
    })
    .await;
    let proxy = Proxy::to(address).await;
    let mut client = proxy.client().await;
    send(&mut client, ONE).await;
    client.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(soon(heard).await.unwrap(), ErrorKind::ConnectionReset);
    let told = told(&proxy.end().await, 1);
    assert_eq!(told, "accepted\nconnected\nGET /\nClient Reset\nclosed 27 0\n");
}

#[tokio::test]
async fn an_upstreams_reset_in_a_body_is_one_to_the_client() {
    let address = upstream(|mut socket| async move {
        head(&mut socket).await;
        send(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
        assert_eq!(soon(socket.read_u8()).await.unwrap(), b'!', "the client has read so far");
        socket.set_zero_linger().unwrap();
    })
    .await;
    let proxy = Proxy::to(address).await;
    let mut client = proxy.client().await;
    send(&mut client, ONE).await;
    head(&mut client).await;
    let mut half = [0; 4];
    soon(client.read_exact(&mut half)).await.unwrap();
    // What comes next is a request that isn't whole.
    send(&mut client, "! / HTTP/1.1\r\n\r\n").await;
    let error = soon(client.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let told = told(&proxy.end().await, 1);
    assert!(told.contains("Upstream body end false\nUpstream Reset\nclosed"), "{told}");
}

/// Its own upstream isn't read for; nobody else is kept waiting.
#[tokio::test]
async fn a_client_that_reads_nothing_fills_nothing() {
    let (sender, mut written) = mpsc::channel(1);
    let address = upstream(move |mut socket| {
        let sender = sender.clone();
        async move {
            if head(&mut socket).await.starts_with("GET /flood") {
                send(&mut socket, "HTTP/1.1 200 OK\r\n\r\n").await;
                let (piece, mut bytes) = (vec![b'x'; 65_536], 0u64);
                while bytes < FLOOD_BYTES {
                    match timeout(Duration::from_secs(1), socket.write(&piece)).await {
                        Ok(Ok(more)) => bytes += more as u64,
                        _ => break,
                    }
                }
                let _ = sender.send(bytes).await;
                std::future::pending::<()>().await;
            }
            send(&mut socket, ANSWER).await;
        }
    })
    .await;
    let options = Options { shutdown: Duration::from_millis(50), ..Options::default() };
    let proxy = Proxy::start(&[("up", format!("http://{address}"))], options).await;
    let mut deaf = proxy.client().await;
    send(&mut deaf, "GET /flood HTTP/1.1\r\n\r\n").await;
    let bytes = soon(written.recv()).await.unwrap();
    assert!(bytes < FLOOD_BYTES, "all was taken and is somewhere");
    let mut other = proxy.client().await;
    send(&mut other, ONE).await;
    assert_eq!(rest(&mut other).await, ANSWER);
    let events = proxy.end().await;
    drop(deaf);
    let seen: u64 = events
        .iter()
        .map(|(_, event)| match event {
            ProxyEvent::Closed { conn: 1, upstream_bytes, .. } => *upstream_bytes,
            _ => 0,
        })
        .sum();
    assert!(seen > 0 && seen < FLOOD_BYTES, "{seen}");
    let longest = events.iter().map(|(_, event)| event.payload_bytes()).max().unwrap();
    assert!(longest <= replay::proxy::MAX_PIECE_BYTES, "{longest}");
}

/// More than the system's buffers of four sockets.
const FLOOD_BYTES: u64 = 128 * 1024 * 1024;

#[tokio::test]
async fn a_full_disk_stops_nobody() {
    let address = upstream(|mut socket| async move {
        while timeout(Duration::from_secs(20), socket.readable()).await.is_ok() {
            let mut bytes = [0; 1];
            match socket.peek(&mut bytes).await {
                Ok(1..) => head(&mut socket).await,
                _ => return,
            };
            send(&mut socket, ANSWER).await;
        }
    })
    .await;
    let to = [("up", format!("http://{address}"))];
    let proxy = Proxy::recording(&to, Options::default(), File::failing_after(2_000)).await;
    let mut client = proxy.client().await;
    let mut answer = vec![0; ANSWER.len()];
    for _ in 0..500 {
        send(&mut client, ONE).await;
        soon(client.read_exact(&mut answer)).await.unwrap();
    }
    drop(client);
    let (_, result) = proxy.stop().await;
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("the recording stopped after"), "{error}");
}

/// What is under way at a stop is waited for, a WebSocket or an idle connection isn't.
#[tokio::test]
async fn a_stop_lets_an_answer_end() {
    let (go, wait) = oneshot::channel::<()>();
    let (asked, was_asked) = oneshot::channel::<()>();
    let mut first = Some((asked, wait));
    let address = upstream(move |mut socket| {
        let first = first.take();
        async move {
            let Some((asked, wait)) = first else { return drop(rest(&mut socket).await) };
            head(&mut socket).await;
            asked.send(()).unwrap();
            wait.await.unwrap();
            send(&mut socket, ANSWER).await;
            rest(&mut socket).await;
        }
    })
    .await;
    let proxy = Proxy::to(address).await;
    let mut busy = proxy.client().await;
    send(&mut busy, ONE).await;
    soon(was_asked).await.unwrap();
    let mut idle = proxy.client().await;
    let ending = tokio::spawn(proxy.end());
    assert_eq!(rest(&mut idle).await, "");
    go.send(()).unwrap();
    assert_eq!(rest(&mut busy).await, ANSWER);
    let events = soon(ending).await.unwrap();
    assert!(told(&events, 1).contains("Upstream body end true\nproxy Stopped\n"), "{}", told(&events, 1));
}

#[tokio::test]
async fn a_tee_records_any_protocol() {
    let address = upstream(|mut socket: TcpStream| async move {
        send(&mut socket, "220 hello\r\n").await;
        assert_eq!(rest(&mut socket).await, "QUIT\r\n");
    })
    .await;
    let proxy = Proxy::start(&[("mail", format!("tcp://{address}"))], Options::default()).await;
    let mut client = proxy.client().await;
    let mut hello = [0; 11];
    soon(client.read_exact(&mut hello)).await.unwrap();
    send(&mut client, "QUIT\r\n").await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    let events = proxy.end().await;
    let raw: Vec<_> = events
        .iter()
        .filter_map(|(_, event)| match event {
            ProxyEvent::Raw { payload, .. } => {
                Some(String::from_utf8_lossy(payload.as_bytes()?).into_owned())
            }
            _ => None,
        })
        .collect();
    assert_eq!(raw, ["220 hello\r\n", "QUIT\r\n"]);
}
