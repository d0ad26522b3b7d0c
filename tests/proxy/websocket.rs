//! A WebSocket through the proxy, both ends by a library that isn't ours.

use futures_util::{SinkExt, StreamExt};
use kit::proxied::{Payload, ProxyEvent, Side};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame, coding::CloseCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{accept_hdr_async, client_async};

use crate::proxy::stage::{Proxy, soon, told, upstream};

#[expect(clippy::result_large_err, reason = "the library's")]
fn choose(
    request: &Request,
    mut response: Response,
) -> Result<Response, tokio_tungstenite::tungstenite::handshake::server::ErrorResponse> {
    assert!(!request.headers().contains_key("sec-websocket-extensions"));
    let offered = request.headers()["sec-websocket-protocol"].to_str().unwrap();
    assert_eq!(offered, "depot.v2, depot.v1");
    response.headers_mut().insert("sec-websocket-protocol", "depot.v1".parse().unwrap());
    Ok(response)
}

async fn serve(socket: TcpStream) {
    let mut socket = accept_hdr_async(socket, choose).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            socket.send(message).await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_frame_is_recorded_as_it_was() {
    let proxy = Proxy::to(upstream(serve).await).await;
    let mut request = format!("ws://{}/ws?id=7", proxy.addresses[0]).into_client_request().unwrap();
    for (name, value) in
        [("sec-websocket-protocol", "depot.v2, depot.v1"), ("sec-websocket-extensions", "permessage-deflate")]
    {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (mut client, response) = soon(client_async(request, proxy.client().await)).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "depot.v1");
    let part = |text: &'static str, kind, last| {
        Message::Frame(Frame::message(Bytes::from_static(text.as_bytes()), OpCode::Data(kind), last))
    };
    let long = Bytes::from(vec![7; 200_000]);
    for message in [
        Message::text("hällo"),
        Message::Ping(Bytes::from_static(b"p")),
        part("two ", Data::Text, false),
        part("parts", Data::Continue, true),
        Message::Binary(long.clone()),
    ] {
        soon(client.send(message)).await.unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.push(soon(client.next()).await.unwrap().unwrap());
    }
    assert_eq!(
        heard,
        [
            Message::text("hällo"),
            Message::Pong(Bytes::from_static(b"p")),
            Message::text("two parts"),
            Message::Binary(long.clone())
        ]
    );
    let close = CloseFrame { code: CloseCode::Library(4001), reason: "enough".into() };
    soon(client.close(Some(close))).await.unwrap();
    while soon(client.next()).await.is_some() {}
    drop(client);
    let events = proxy.end().await;

    let mut pieces = Vec::new();
    for (_, event) in &events {
        if let ProxyEvent::Frame {
            opcode: 2,
            from: Side::Client,
            length,
            offset,
            payload,
            masked,
            fault,
            ..
        } = event
        {
            assert!(*length == 200_000 && *masked && fault.is_none());
            assert_eq!(*offset, pieces.len() as u64);
            let Payload::Bytes(bytes) = payload else { panic!("text") };
            pieces.extend_from_slice(bytes);
        }
    }
    assert_eq!(pieces, long);
    let frames = |from: &str| -> String {
        let lines = told(&events, 1);
        let mine = lines.lines().filter(|line| line.starts_with(from) && !line.contains("frame 2 "));
        mine.map(|line| format!("{line}\n")).collect()
    };
    insta::assert_snapshot!(frames("Client frame"), @r#"
    Client frame 1 true Text("hällo")
    Client frame 9 true Bytes([112])
    Client frame 1 false Text("two ")
    Client frame 0 true Text("parts")
    Client frame 8 true close 4001 enough
    "#);
    insta::assert_snapshot!(frames("Upstream frame"), @r#"
    Upstream frame 1 true Text("hällo")
    Upstream frame 10 true Bytes([112])
    Upstream frame 1 true Text("two parts")
    Upstream frame 8 true close 4001 enough
    "#);
}
