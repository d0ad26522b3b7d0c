//! Services behind TLS. The keys beside this file were made for these tests, and open nothing else.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use kit::proxied::{ProxyEvent, Stage};
use replay::proxy::Options;
use replay::proxy::tls::{Tls, TlsError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

use super::stage::{Proxy, head, rest, send, soon, told, upstream};
use crate::support::root;

/// A server that is its own authority, as `openssl req -x509` makes them.
const OWN: &str = "own";
/// One whose certificate `authority.pem` has signed, for `localhost`.
const SIGNED: &str = "server";

fn acceptor(name: &str, protocols: &[&str]) -> TlsAcceptor {
    let folder = root().join("tests/proxy/tls");
    let certificate = CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key.pem"))).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

fn trusting(name: &str) -> Options {
    let file = root().join("tests/proxy/tls").join(format!("{name}.pem"));
    Options { tls: Some(Tls::trusting(&[file]).unwrap()), ..Options::default() }
}

/// A proxy in front of a service with this certificate, which handles its connections so.
async fn stage<F, W>(name: &'static str, ca: &str, handle: F) -> Proxy
where
    F: Fn(TlsStream<TcpStream>) -> W + Clone + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let acceptor = acceptor(name, &["h2", "http/1.1"]);
    let port = upstream(move |socket| {
        let (acceptor, handle) = (acceptor.clone(), handle.clone());
        async move {
            // One that isn't trusted is hung up on.
            if let Ok(stream) = acceptor.accept(socket).await {
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                handle(stream).await;
            }
        }
    });
    let port = port.await.port();
    Proxy::start(&[("up", format!("https://localhost:{port}/api"))], trusting(ca)).await
}

async fn hello(mut stream: TlsStream<TcpStream>) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    let asked = String::from_utf8(bytes).unwrap();
    let port = stream.get_ref().0.local_addr().unwrap().port();
    assert!(asked.starts_with("GET /api/x HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("\r\nHost: localhost:{port}\r\n")), "{asked}");
    // More than one record of TLS.
    let body = "a".repeat(100_000);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    // The end of its socket is all it says.
    stream.flush().await.unwrap();
    stream.get_mut().0.shutdown().await.unwrap();
}

#[tokio::test]
async fn http_behind_tls_is_recorded_in_plain() {
    for (name, ca) in [(OWN, OWN), (SIGNED, "authority"), (SIGNED, SIGNED)] {
        let proxy = stage(name, ca, hello).await;
        let mut client = proxy.client().await;
        send(&mut client, "GET /x HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").await;
        assert!(head(&mut client).await.starts_with("HTTP/1.1 200 OK"));
        assert_eq!(rest(&mut client).await.len(), 100_000, "{name}");
        drop(client);
        let events = proxy.end().await;
        let listening = events.iter().find_map(|(_, event)| match event {
            ProxyEvent::Listening { upstream, .. } => Some(upstream.clone()),
            _ => None,
        });
        assert!(listening.unwrap().starts_with("https://localhost:"));
        let story = told(&events, 1);
        assert!(story.starts_with("accepted\nconnected\nGET /x\n200\n"), "{story}");
        assert!(story.contains("Upstream body end true\nUpstream Fin\n"), "{story}");
    }
}

#[tokio::test]
async fn a_websocket_behind_tls_is_recorded_frame_by_frame() {
    let echo = |stream| async move {
        let mut socket = accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    };
    let proxy = stage(OWN, OWN, echo).await;
    let url = format!("ws://{}/ws", proxy.addresses[0]);
    let (mut client, _) = soon(client_async(url, proxy.client().await)).await.unwrap();
    for text in ["one", "two"] {
        soon(client.send(Message::text(text))).await.unwrap();
        assert_eq!(soon(client.next()).await.unwrap().unwrap(), Message::text(text));
    }
    soon(client.close(None)).await.unwrap();
    while soon(client.next()).await.is_some() {}
    drop(client);
    let events = proxy.end().await;
    let frames = events.iter().filter(|(_, event)| matches!(event, ProxyEvent::Frame { .. })).count();
    assert_eq!(frames, 6, "two there, two back, a close each: {}", told(&events, 1));
}

#[tokio::test]
async fn whoever_is_not_trusted_or_speaks_no_tls_is_recorded() {
    let stranger = stage(SIGNED, OWN, |_| async {}).await;
    let plain = upstream(|mut socket| async move {
        // Whatever it is told, it answers as it always does.
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let plain = format!("https://localhost:{}", plain.await.port());
    let plain = Proxy::start(&[("up", plain)], trusting(OWN)).await;
    for proxy in [stranger, plain] {
        let mut client = proxy.client().await;
        send(&mut client, "GET / HTTP/1.1\r\nHost: here\r\n\r\n").await;
        assert!(head(&mut client).await.starts_with("HTTP/1.1 502 "));
        assert!(rest(&mut client).await.contains("no TLS with the upstream localhost:"));
        let events = proxy.end().await;
        let failed = |event: &ProxyEvent| matches!(event, ProxyEvent::Failed { stage: Stage::Connect, .. });
        assert!(events.iter().any(|(_, event)| failed(event)), "{}", told(&events, 1));
    }
}

#[test]
fn a_file_without_certificates_is_refused() {
    for name in ["own.key.pem", "none.pem"] {
        let file = root().join("tests/proxy/tls").join(name);
        assert!(matches!(Tls::trusting(&[file]), Err(TlsError::Ca { .. })), "{name}");
    }
}
