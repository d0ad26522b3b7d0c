//! What must not be in a recording.

use std::sync::Arc;

use kit::proxied::ProxyEvent;
use replay::proxy::Options;
use replay::proxy::mask::Masks;
use tokio::io::AsyncWriteExt;

use crate::proxy::stage::{Proxy, head, rest, send, upstream};

const SECRETS: [&str; 8] = [
    "tokenS3CRET",
    "basicS3CRET",
    "cookieS3CRET",
    "keyS3CRET",
    "protoS3CRET",
    "setS3CRET",
    "brokenS3CRET",
    "refS3CRET",
];

/// Sends all secrets there and back; what a file then holds, as text.
async fn recorded(masks: Masks) -> (String, Vec<(String, ProxyEvent)>) {
    let address = upstream(|mut socket| async move {
        let head = head(&mut socket).await;
        for secret in &SECRETS[..5] {
            assert!(head.contains(secret), "never masked on the wire: {head}");
        }
        let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=setS3CRET; Path=/\r\nLocation: /next?access_token=tokenS3CRET\r\nContent-Length: 0\r\n\r\n";
        send(&mut socket, answer).await;
        rest(&mut socket).await;
    })
    .await;
    let options = Options { masks: Arc::new(masks), ..Options::default() };
    let proxy = Proxy::start(&[("up", format!("http://{address}"))], options).await;
    let mut client = proxy.client().await;
    send(
        &mut client,
        "GET /ws?token=tokenS3CRET&id=7 HTTP/1.1\r\nAuthorization: Basic basicS3CRET\r\nCookie: sid=cookieS3CRET\r\n\
         X-Api-Key: keyS3CRET\r\nSec-WebSocket-Protocol: bearer, protoS3CRET\r\nReferer: http://a/?sig=refS3CRET\r\n\r\n",
    )
    .await;
    head(&mut client).await;
    send(&mut client, "GET / HTTP/1.1\r\nCookie sid=brokenS3CRET\r\n\r\n").await;
    client.shutdown().await.unwrap();
    // The upstream has had all.
    rest(&mut client).await;
    let events = proxy.end().await;
    let text = events.iter().map(|(_, event)| serde_json::to_string(event).unwrap() + "\n").collect();
    (text, events)
}

#[tokio::test]
async fn no_secret_is_recorded() {
    let (text, _) = recorded(Masks::default()).await;
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(!text.contains("S3CRET"), "{text}");
    for kept in ["id=7", "Basic masked:", "sid=masked:", "bearer, masked:", "\"withheld\":"] {
        assert!(text.contains(kept), "{kept} not in {text}");
    }
    // The query's token comes again in the answer.
    assert!(text.contains("?token=masked:6&id=7") && text.contains("?access_token=masked:6\""), "{text}");
}

#[tokio::test]
async fn what_may_be_kept_is_kept() {
    let (text, _) = recorded(Masks::new(&["X-Api-Key".to_owned(), "token".to_owned()])).await;
    assert!(text.contains("keyS3CRET") && text.contains("?token=tokenS3CRET"), "{text}");
    assert!(!text.contains("basicS3CRET"));
    let (text, events) = recorded(Masks::off()).await;
    for secret in &SECRETS[..6] {
        assert!(text.contains(secret), "{secret} not in {text}");
    }
    let raw = |(_, event): &(String, ProxyEvent)| match event {
        ProxyEvent::Raw { payload, .. } => String::from_utf8_lossy(payload.as_bytes().unwrap()).into_owned(),
        _ => String::new(),
    };
    assert!(events.iter().map(raw).collect::<String>().contains("brokenS3CRET"));
}
