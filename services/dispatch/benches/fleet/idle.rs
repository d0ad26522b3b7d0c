//! What an idle connection costs.

use tokio::time::{Duration, sleep};

use crate::{
    client::{Http, Socket},
    service::Service,
};

/// Connected before the memory is first looked at: what the first connections make is made.
const BEFORE: usize = 100;
/// Connections may settle.
const SETTLE: Duration = Duration::from_secs(2);

pub async fn run(service: &Service, path: &str, count: usize) -> String {
    let mut sockets = Vec::new();
    connect(service, path, BEFORE, &mut sockets).await;
    let before = service.resident_bytes();
    connect(service, path, count, &mut sockets).await;
    let each = (service.resident_bytes() - before) / count as f64;
    // They are all there.
    let health = Http::connect(&service.address).await.get("/health").await;
    format!("{each:>7.0} bytes each (/health: {health})")
}

async fn connect(service: &Service, path: &str, count: usize, sockets: &mut Vec<Socket>) {
    for _ in 0..count {
        let socket = match path {
            "/ws" => Socket::rover(&service.address, &format!("bvr-{:04}", sockets.len())).await,
            path => Socket::connect(&service.address, path).await,
        };
        sockets.push(socket);
    }
    sleep(SETTLE).await;
}
