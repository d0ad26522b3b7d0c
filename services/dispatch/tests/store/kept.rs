//! A keeper's thread, and everything it tells.

use std::{
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
    time::Duration,
};

use dispatch::{
    core::ledger::{Change, Ledger},
    store::{
        Store,
        keeper::{Link, Pace, start},
    },
};
use kit::{machine::StoreEvent, runner::Keeper};

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(20);

/// So that tests don't wait for nothing.
pub const QUICK: Pace = Pace {
    retry: Duration::from_millis(20),
    check: Duration::from_millis(50),
    step_down_after: Duration::from_millis(600),
};

pub struct Kept {
    pub link: Link,
    heard: Receiver<StoreEvent>,
    thread: JoinHandle<()>,
}

impl Kept {
    pub fn start(store: Box<dyn Store>, pace: Pace) -> Self {
        let (link, desk) = start(store, pace).unwrap();
        let (tell, heard) = channel();
        let thread = desk.tell(move |event| tell.send(event).map_err(|_| kit::runner::Gone));
        Self { link, heard, thread }
    }

    pub fn commit(&mut self, batch: u64, changes: &[Change]) {
        self.link.commit(batch, serde_json::to_string(changes).unwrap());
    }

    pub fn next(&self) -> StoreEvent {
        self.heard.recv_timeout(LONG).expect("the keeper tells something")
    }

    /// Told next, or nothing for a while.
    pub fn silent_for(&self, time: Duration) {
        if let Ok(event) = self.heard.recv_timeout(time) {
            panic!("told {event:?}");
        }
    }

    pub fn opened(&self) -> Ledger {
        match self.next() {
            StoreEvent::Opened { changes } => opened(&changes),
            event => panic!("{event:?} instead of Opened"),
        }
    }

    /// The error's absence, of this batch.
    pub fn committed(&self, batch: u64) -> bool {
        match self.next() {
            StoreEvent::Committed { batch: told, error } if told == batch => error.is_none(),
            event => panic!("{event:?} instead of Committed"),
        }
    }

    pub fn away(&self) -> String {
        match self.next() {
            StoreEvent::Away { reason } => reason,
            event => panic!("{event:?} instead of Away"),
        }
    }

    pub fn back(&self) {
        assert_eq!(self.next(), StoreEvent::Back);
    }

    pub fn lost(&self) -> String {
        match self.next() {
            StoreEvent::Lost { reason } => reason,
            event => panic!("{event:?} instead of Lost"),
        }
    }

    /// What is told until the thread has ended.
    pub fn end(self) -> Vec<StoreEvent> {
        drop(self.link);
        self.thread.join().unwrap();
        self.heard.try_iter().collect()
    }
}

pub fn opened(changes: &str) -> Ledger {
    Ledger::from_changes(&serde_json::from_str::<Vec<Change>>(changes).unwrap())
}
