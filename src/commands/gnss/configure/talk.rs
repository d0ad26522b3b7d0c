//! The port's side of a conversation with a receiver.

use std::path::PathBuf;
use std::time::Duration;

use kit::clock::Clock;
use rtk_reader::Timestamp;
use rtk_reader::frame::Framer;
use rtk_reader::receiver::{Conversation, Do};
use rtk_reader::source::{CHUNK_BYTES, Line, Options};
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// A receiver on a port.
pub struct Talk {
    line: Line,
    framer: Framer,
    clock: Clock,
    stop: CancellationToken,
}

impl Talk {
    pub async fn open(path: Option<PathBuf>, baud: Option<u32>, clock: Clock) -> Result<Self, Error> {
        let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
        let options = Options { baud, ..Options::default() };
        let line = Line::open(path, &options, &move || clock.now()).await?;
        tracing::info!(device = line.name(), baud = line.baud(), "talking to the receiver");
        Ok(Self { line, framer: Framer::new(), clock, stop })
    }

    /// Looks for the speed anew, by asking; whether a u-blox answered.
    pub async fn find_by_asking(&mut self) -> Result<bool, Error> {
        self.framer = Framer::new();
        let clock = self.clock;
        Ok(self.line.find_by_asking(&move || clock.now()).await?)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn is_on_usb(&self) -> bool {
        self.line.is_on_usb()
    }

    pub fn baud(&self) -> Option<u32> {
        self.line.baud()
    }

    /// Holds a conversation to its end, which its own time-outs bound. Ctrl-C stops it as soon as that does no harm.
    pub async fn hold(&mut self, conversation: &mut impl Conversation) {
        let mut buffer = [0; CHUNK_BYTES];
        let mut told = false;
        while !conversation.is_done() {
            if self.stop.is_cancelled() && !told {
                told = true;
                conversation.stop(self.now());
            }
            if !self.act(conversation).await {
                conversation.lost();
                break;
            }
            let due = conversation.next_timeout().unwrap_or_default();
            let wait = due.saturating_sub(self.now()).min(POLL_TIME);
            let Ok(length) = self.line.read(&mut buffer, wait).await else {
                conversation.lost();
                break;
            };
            let now = self.now();
            let bytes = buffer.get(..length).unwrap_or_default();
            let mut heard = |frame: rtk_reader::frame::Frame<'_>| conversation.heard(now, &frame);
            self.framer.push(now, bytes, &mut heard);
            self.framer.handle_timeout(now, &mut heard);
            conversation.timeout(now);
        }
        // The last of it: the line goes back to the receiver's speed.
        self.act(conversation).await;
    }

    /// Whether the port is still there.
    async fn act(&mut self, conversation: &mut impl Conversation) -> bool {
        while let Some(action) = conversation.take() {
            let done = match action {
                Do::Write(bytes) => self.line.write(&bytes).await,
                Do::Speed(baud) => {
                    self.framer = Framer::new();
                    self.line.set_baud(baud)
                }
            };
            if let Err(error) = done {
                tracing::warn!(%error, device = self.line.name(), "the port is lost");
                return false;
            }
        }
        true
    }
}

/// Ctrl-C is noticed within this, and a frame the framer holds back is given up.
const POLL_TIME: Duration = Duration::from_millis(100);
