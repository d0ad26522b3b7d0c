//! A console of gps-status, that stamps what it is told. Touches the network.

use std::time::Duration;

use futures_util::StreamExt;
use rtk_reader::Timestamp;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use wire::gps_status::{GpsStatus, GpsStatusFrame};

use super::BenchError;
use super::clock::Clock;

/// Statuses that wait for a case; with more the console doesn't read, and is lagged like any.
const WAITING: usize = 1024;

/// A WebSocket that is read by a task of its own, so that a status is stamped when it comes.
#[derive(Debug)]
pub struct Console {
    statuses: mpsc::Receiver<(Timestamp, GpsStatus)>,
    task: tokio::task::JoinHandle<()>,
    clock: Clock,
}

impl Console {
    /// Connects to a gps-status at `http://…`.
    ///
    /// # Errors
    /// A service that takes no console.
    pub async fn connect(url: &str, clock: Clock) -> Result<Self, BenchError> {
        let url = format!("{}/ws", url.replacen("http://", "ws://", 1));
        let failed = |what: String| BenchError::Depot { what, log: url.clone().into() };
        let connected =
            tokio::time::timeout(Duration::from_secs(10), tokio_tungstenite::connect_async(&url)).await;
        let (mut socket, _) = connected
            .map_err(|_| failed("takes no console".to_owned()))?
            .map_err(|error| failed(format!("takes no console: {error}")))?;
        let (sender, statuses) = mpsc::channel(WAITING);
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let now = clock.now();
                let Message::Text(text) = message else { continue };
                let Ok(frame) = serde_json::from_str::<GpsStatusFrame>(&text) else { continue };
                if sender.send((now, frame.data)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { statuses, task, clock })
    }

    /// The next status by then; none if it doesn't come.
    pub async fn next(&mut self, until: Timestamp) -> Option<(Timestamp, GpsStatus)> {
        tokio::time::timeout(self.clock.until(until), self.statuses.recv()).await.ok().flatten()
    }

    /// The first status that is as wanted, and when it came; none by then.
    pub async fn until(
        &mut self,
        until: Timestamp,
        wanted: impl Fn(&GpsStatus) -> bool,
    ) -> Option<(Timestamp, GpsStatus)> {
        while let Some((at, status)) = self.next(until).await {
            if wanted(&status) {
                return Some((at, status));
            }
        }
        None
    }

    /// What waits is forgotten.
    pub fn forget(&mut self) {
        while self.statuses.try_recv().is_ok() {}
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.task.abort();
    }
}
