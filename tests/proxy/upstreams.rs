//! Upstreams that fail, and several at once.

use std::time::Duration;

use kit::proxied::ProxyEvent;
use replay::proxy::Options;
use tokio::net::TcpListener;

use crate::proxy::stage::{Proxy, head, rest, send, told, upstream};

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[tokio::test]
async fn an_upstream_that_refuses_is_a_502() {
    // A port nobody has: it was ours, and nobody else is given it while the address rests.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Proxy::to(address).await;
    let mut client = proxy.client().await;
    send(&mut client, UPGRADE).await;
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    let sentence = answer.split("\r\n\r\n").nth(1).unwrap();
    assert!(
        sentence.starts_with(&format!("depot record: the upstream {address} can't be reached: ")),
        "{sentence}"
    );
    let events = proxy.end().await;
    let told = told(&events, 1);
    assert!(told.starts_with("accepted\nGET /ws\nfailed Connect\n502 by proxy\n"), "{told}");
}

#[tokio::test]
async fn an_upstream_that_hangs_is_a_504() {
    // The kernel takes the connection, nobody accepts it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options { answer_timeout: Duration::from_millis(100), ..Options::default() };
    let proxy = Proxy::start(&[("up", format!("ws://{address}"))], options).await;
    let mut client = proxy.client().await;
    send(&mut client, UPGRADE).await;
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer}");
    assert!(answer.ends_with(&format!("the upstream {address} has not answered in 0.1 s\n")), "{answer}");
    let told = told(&proxy.end().await, 1);
    assert!(told.starts_with("accepted\nconnected\nGET /ws\nfailed AnswerTimeout\n504 by proxy\n"), "{told}");
    assert!(told.contains("proxy GaveUp\nclosed"), "{told}");
}

#[tokio::test]
async fn plain_http_to_an_upgrade_is_the_upstreams_own_answer() {
    const NO: &str = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 4\r\n\r\nno!\n";
    let address = upstream(|mut socket| async move {
        head(&mut socket).await;
        send(&mut socket, NO).await;
    })
    .await;
    let proxy = Proxy::to(address).await;
    let mut client = proxy.client().await;
    send(&mut client, UPGRADE).await;
    assert_eq!(rest(&mut client).await, NO);
    drop(client);
    let told = told(&proxy.end().await, 1);
    assert!(
        told.starts_with("accepted\nconnected\nGET /ws\n426\nUpstream body Text(\"no!\\n\")\nUpstream body end true\nUpstream Fin\n"),
        "{told}"
    );
}

#[tokio::test]
async fn one_that_hangs_up_is_told() {
    let address = upstream(|mut socket| async move { drop(head(&mut socket).await) }).await;
    let proxy = Proxy::to(address).await;
    let mut client = proxy.client().await;
    send(&mut client, UPGRADE).await;
    assert_eq!(rest(&mut client).await, "", "as it would without the proxy");
    drop(client);
    let told = told(&proxy.end().await, 1);
    assert!(told.starts_with("accepted\nconnected\nGET /ws\nfailed NoAnswer\nUpstream Fin\n"), "{told}");
}

#[tokio::test]
async fn two_upstreams_share_a_file_and_a_count() {
    let service = |text: &'static str| {
        upstream(move |mut socket| async move {
            let head = head(&mut socket).await;
            assert!(head.starts_with("GET /api/x "), "{head}");
            send(&mut socket, &format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{text}")).await;
        })
    };
    let (one, two) = (service("1").await, service("2").await);
    let to = [("one", format!("http://{one}/api")), ("two", format!("http://{two}/api/"))];
    let proxy = Proxy::start(&to, Options::default()).await;
    for (address, text) in proxy.addresses.clone().into_iter().zip(["1", "2"]) {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        send(&mut client, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(rest(&mut client).await.ends_with(text));
    }
    let events = proxy.end().await;
    for (conn, name) in [(1, "one"), (2, "two")] {
        let of_conn: Vec<_> = events.iter().filter(|(_, event)| event.conn() == Some(conn)).collect();
        assert!(of_conn.len() >= 7 && of_conn.iter().all(|(service, _)| service == name), "{of_conn:#?}");
        let listening = |(service, event): &&(String, ProxyEvent)| {
            service == name
                && matches!(event, ProxyEvent::Listening { upstream, .. } if upstream.ends_with("/api"))
        };
        assert_eq!(events.iter().filter(listening).count(), 1);
    }
}
