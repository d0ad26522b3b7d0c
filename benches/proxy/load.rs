//! Clients.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt, future::join_all};
use hdrhistogram::Histogram;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// As a console's or rover's message.
pub const MESSAGE_BYTES: usize = 200;
/// Between two round trips whose times are taken: everything is quiet again.
const PAUSE: Duration = Duration::from_millis(1);
/// Round trips before any is measured.
const WARM_UP: usize = 200;
const PATIENCE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(address: &str) -> Socket {
    let (socket, _) = connect_async(format!("ws://{address}/ws?token=abc")).await.unwrap();
    if let MaybeTlsStream::Plain(tcp) = socket.get_ref() {
        tcp.set_nodelay(true).unwrap();
    }
    socket
}

async fn round_trip(socket: &mut Socket, message: &Message) {
    socket.send(message.clone()).await.unwrap();
    let answer = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.len(), message.len());
}

fn message(n: usize) -> Message {
    let text = format!("{{\"type\":\"progress\",\"data\":{{\"n\":{n},\"text\":\"");
    Message::text(text.clone() + &"x".repeat(MESSAGE_BYTES - 3 - text.len()) + "\"}}")
}

/// The middle and the 99th of a hundred, µs.
pub async fn round_trips(address: &str, count: usize) -> (f64, f64) {
    let mut socket = connect(address).await;
    let mut times = Histogram::<u64>::new(3).unwrap();
    for n in 0..WARM_UP + count {
        let message = message(n);
        let begun = Instant::now();
        round_trip(&mut socket, &message).await;
        if n >= WARM_UP {
            times.record(begun.elapsed().as_nanos() as u64).unwrap();
        }
        sleep(PAUSE).await;
    }
    socket.close(None).await.unwrap();
    let us = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    (us(0.5), us(0.99))
}

/// Messages there and back in so many seconds.
pub async fn throughput(address: &str, connections: usize, seconds: u64) -> f64 {
    let mut sockets = Vec::new();
    for _ in 0..connections {
        sockets.push(connect(address).await);
    }
    let until = Instant::now() + Duration::from_secs(seconds);
    let clients = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            let (mut count, message) = (0u64, message(0));
            while Instant::now() < until {
                round_trip(&mut socket, &message).await;
                count += 2;
            }
            socket.close(None).await.unwrap();
            count
        })
    });
    join_all(clients).await.into_iter().map(|count| count.unwrap() as f64).sum()
}
