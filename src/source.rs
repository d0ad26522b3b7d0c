//! `--gnss`: what the reader can open, and the two sources that only the whole depot knows: a made-up
//! receiver and a feed.

use fixtures::{ChunkEvent, Scenario};
use kit::clock::Clock;
use rtk_reader::source::{self, Event, Moment, Options, Spec};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::SourceArgs;
use crate::error::Error;

/// Where the receiver's bytes come from.
pub enum Gnss {
    /// A port, capture, host or standard input.
    Reader(Spec),
    /// Made up.
    Scenario(Box<Scenario>),
    /// `depot gnss feed` on another machine connects to gps-status.
    Feed,
}

impl Gnss {
    /// Reads `--gnss`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == "feed" {
            return Ok(Self::Feed);
        }
        if text == "scenario" || text.starts_with("scenario:") {
            return Ok(Self::Scenario(Box::new(Scenario::parse(text)?)));
        }
        Ok(Self::Reader(Spec::parse(text)?))
    }
}

/// Reads a source until it ends, fails at its start, or is stopped.
pub async fn run(
    gnss: Gnss,
    args: &SourceArgs,
    clock: Clock,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<(), Error> {
    match gnss {
        Gnss::Reader(spec) => {
            let options = Options {
                rate: args.rate,
                once: args.once,
                baud: args.baud,
                poll: !args.no_poll,
                ..Options::default()
            };
            Ok(source::run(spec, options, move || clock.now(), events, stop).await?)
        }
        Gnss::Scenario(scenario) => {
            let device = "a made-up receiver".to_string();
            let moments = scenario.chunks().map(|chunk| (chunk.offset, moment(chunk.event)));
            source::paced(device, moments, args.rate, move || clock.now(), events, stop).await;
            Ok(())
        }
        Gnss::Feed => {
            stop.cancelled().await;
            Ok(())
        }
    }
}

fn moment(event: ChunkEvent) -> Moment {
    match event {
        ChunkEvent::Bytes(bytes) => Moment::Bytes(bytes),
        ChunkEvent::Closed => Moment::Closed,
        ChunkEvent::Opened => Moment::Opened,
    }
}
