//! `depot gnss feed --to URL`: streams a receiver's bytes, with their receive times, to a gps-status on
//! another machine, and reconnects for ever.
//!
//! While the service is away a live receiver is read on, and the newest [`BACKLOG_FRAMES`] frames wait; a
//! capture waits itself. What was on its way when a connection broke is lost.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use rtk_reader::source::Event;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message, protocol::frame::coding::CloseCode};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wire::feed::FeedFrame;

use crate::cli::Feed;
use crate::error::Error;
use crate::source::{self, Gnss};

/// Frames that wait while the service is away; beyond it the oldest are dropped, and how many is told.
const BACKLOG_FRAMES: usize = 1024;
/// A connection attempt, or a frame, takes no longer; then the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// A service that hasn't said a word for so long is gone, whatever TCP thinks: it pings every 30 s.
const SILENCE: Duration = Duration::from_secs(75);
/// Between attempts; doubled from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// What ends a feed for good.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The URL can't be used.
    #[error("--to {url} is no address of a gps-status; it looks like http://depot.local:4880")]
    Url {
        /// As given.
        url: String,
    },
    /// The service doesn't take this feed.
    #[error("{url} refused the feed: {reason}")]
    Refused {
        /// Where.
        url: String,
        /// Its words.
        reason: String,
    },
}

/// Feeds until Ctrl-C, or until a capture played once is sent.
pub async fn run(args: Feed) -> Result<ExitCode, Error> {
    let url = websocket_url(&args.to)?;
    let gnss = Gnss::parse(&args.gnss)?;
    let live = gnss.is_live();
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let (sender, events) = mpsc::channel(rtk_reader::source::QUEUE_EVENTS);
    let clock = kit::clock::Clock::start();
    let reading = source::run(gnss, &args.source, clock, sender, stop.clone());
    let feeder = Feeder { url, live, stop: stop.clone(), backlog: VecDeque::new(), dropped: 0, opened: None };
    // The reader ends first, with an error or at its end; the feeder then sends what waits.
    tokio::try_join!(reading, feeder.run(events))?;
    Ok(ExitCode::SUCCESS)
}

fn websocket_url(to: &str) -> Result<String, FeedError> {
    let bad = || FeedError::Url { url: to.to_string() };
    let rest = to.strip_prefix("http://").or_else(|| to.strip_prefix("ws://")).ok_or_else(bad)?;
    let host = rest.trim_end_matches('/');
    if host.is_empty() || host.contains('/') {
        return Err(bad());
    }
    Ok(format!("ws://{host}/feed"))
}

struct Feeder {
    url: String,
    /// The source doesn't wait: what isn't taken is lost.
    live: bool,
    stop: CancellationToken,
    backlog: VecDeque<FeedFrame>,
    dropped: u64,
    /// The newest `Opened`, said again on every new connection.
    opened: Option<FeedFrame>,
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

impl Feeder {
    async fn run(mut self, mut events: mpsc::Receiver<Event>) -> Result<(), Error> {
        let mut wait = BACKOFF.0;
        loop {
            match self.connect().await? {
                Some(socket) => {
                    wait = BACKOFF.0;
                    if self.stream(socket, &mut events).await? {
                        return Ok(());
                    }
                }
                None => warn!(url = self.url, again_in_ms = wait.as_millis(), "gps-status can't be reached"),
            }
            let again = tokio::time::sleep(wait);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    () = &mut again => break,
                    () = self.stop.cancelled() => return Ok(()),
                    Some(event) = events.recv(), if self.live => self.queue(event),
                }
            }
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// None: not now. An HTTP answer instead of an upgrade is final: there is no /feed.
    async fn connect(&self) -> Result<Option<Socket>, FeedError> {
        match tokio::time::timeout(PATIENCE, tokio_tungstenite::connect_async(&self.url)).await {
            Ok(Ok((socket, _))) => Ok(Some(socket)),
            Ok(Err(tungstenite::Error::Http(answer))) if answer.status().is_client_error() => {
                let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                Err(self.refused(format!("{} {body}", answer.status())))
            }
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    fn refused(&self, reason: String) -> FeedError {
        FeedError::Refused { url: self.url.clone(), reason }
    }

    /// Sends until the socket fails (false), or we are to stop, or the source has ended and all is sent (true).
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, for its own timer")]
    async fn stream(
        &mut self,
        socket: Socket,
        events: &mut mpsc::Receiver<Event>,
    ) -> Result<bool, FeedError> {
        info!(url = self.url, "feeding");
        let (mut sink, mut answers) = socket.split();
        let silent_at = tokio::time::sleep(SILENCE);
        tokio::pin!(silent_at);
        let told = matches!(self.backlog.front(), Some(FeedFrame::Opened { .. }));
        if let Some(opened) = self.opened.clone().filter(|_| !told) {
            self.backlog.push_front(opened);
        }
        loop {
            while let Some(frame) = self.backlog.pop_front() {
                let Ok(text) = serde_json::to_string(&frame) else { continue };
                match tokio::time::timeout(PATIENCE, sink.send(Message::text(text))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => {
                        self.backlog.push_front(frame);
                        return Ok(false);
                    }
                }
            }
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.queue(event),
                    None => {
                        let _ = tokio::time::timeout(PATIENCE, sink.close()).await;
                        return Ok(true);
                    }
                },
                answer = answers.next() => {
                    silent_at.as_mut().reset(Instant::now() + SILENCE);
                    match answer {
                        Some(Ok(Message::Text(text))) => warn!(%text, "gps-status answered"),
                        Some(Ok(Message::Close(Some(close)))) if close.code == CloseCode::Policy => {
                            return Err(self.refused(close.reason.to_string()));
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return Ok(false),
                    }
                },
                () = &mut silent_at => {
                    warn!(url = self.url, silence_s = SILENCE.as_secs(), "gps-status is silent; connecting anew");
                    return Ok(false);
                }
                () = self.stop.cancelled() => {
                    let closed = FeedFrame::Closed { reason: "the feeder was stopped".into() };
                    let text = serde_json::to_string(&closed).unwrap_or_default();
                    let leave = async { sink.feed(Message::text(text)).await?; sink.close().await };
                    let _ = tokio::time::timeout(PATIENCE, leave).await;
                    return Ok(true);
                }
            }
        }
    }

    fn queue(&mut self, event: Event) {
        let frame = match event {
            Event::Opened { device, baud } => {
                let opened = FeedFrame::Opened { device, baud };
                self.opened = Some(opened.clone());
                opened
            }
            Event::Bytes { received_at, bytes } => FeedFrame::Bytes {
                received_at_ns: u64::try_from(received_at.as_nanos()).unwrap_or(u64::MAX),
                bytes: STANDARD.encode(bytes),
            },
            Event::Closed { reason } => {
                self.opened = None;
                FeedFrame::Closed { reason }
            }
            Event::Ended => FeedFrame::Closed { reason: "the capture has ended".into() },
        };
        self.backlog.push_back(frame);
        if self.backlog.len() > BACKLOG_FRAMES {
            self.backlog.pop_front();
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                warn!(
                    dropped = self.dropped,
                    "gps-status has been away too long: the oldest frames are dropped"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(
            websocket_url("http://depot.local:4880/").ok().as_deref(),
            Some("ws://depot.local:4880/feed")
        );
        assert_eq!(websocket_url("ws://[::1]:4880").ok().as_deref(), Some("ws://[::1]:4880/feed"));
        for bad in ["depot.local", "https://depot.local", "http://", "http://a/b"] {
            assert!(websocket_url(bad).is_err(), "{bad}");
        }
    }
}
