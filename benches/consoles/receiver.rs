//! A receiver behind TCP, surveyed in and at ten epochs a second. Each epoch is written at once.

use std::time::Duration;

use fixtures::{Scenario, scenario::Base};
use futures_util::FutureExt;
use kit::clock::Clock;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::{Interval, MissedTickBehavior, interval},
};

const PERIOD: Duration = Duration::from_millis(100);

/// What a contestant reads.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A base receiver's bytes.
    Base,
    /// One byte an epoch.
    Beat,
}

/// The sending side.
pub struct Receiver {
    /// Where it listens.
    pub address: String,
    kind: Kind,
    listener: TcpListener,
    reader: Option<TcpStream>,
    epochs: Base,
    ticks: Interval,
    number: u64,
    clock: Clock,
}

impl Receiver {
    pub async fn listen(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let survey_duration = Duration::from_secs(1);
        let scenario =
            Scenario { rate_hz: 10, survey_duration, survey_accuracy_m: 1e3, ..Scenario::default() };
        let mut epochs = scenario.epochs();
        assert!(epochs.by_ref().take(1000).any(|epoch| epoch.survey.valid), "surveyed in");
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { address, kind, listener, reader: None, epochs, ticks, number: 0, clock: Clock::start() }
    }

    /// Sends the next epoch when it is time; its number from 1, and when its last byte was sent.
    pub async fn epoch(&mut self) -> (u64, Duration) {
        self.number += 1;
        let bytes = match self.kind {
            Kind::Base => self.epochs.next().unwrap().frames().concat(),
            Kind::Beat => vec![b'.'],
        };
        self.ticks.tick().await;
        self.reader().await.write_all(&bytes).await.unwrap();
        (self.number, self.clock.now())
    }

    /// The newest who connected: a reader that found us silent connects anew.
    async fn reader(&mut self) -> &mut TcpStream {
        while let Some(accepted) = self.listener.accept().now_or_never() {
            self.reader = Some(accepted.unwrap().0);
        }
        match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.listener.accept().await.unwrap().0),
        }
    }
}
