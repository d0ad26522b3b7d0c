//! One reading of a session for two runs of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use crate::session::{Events, Problem, Recorded};

/// Events that are handed over together.
const BATCH_EVENTS: usize = 256;
/// Batches that wait for a run; beyond it the reader waits, and with it the other run.
const QUEUE_BATCHES: usize = 16;

/// Where a run has its events from.
pub trait Source {
    /// The next event, which two runs may share.
    fn next_event(&mut self) -> Option<Result<Cow<'_, Recorded>, Problem>>;

    /// How far the file has been read.
    fn read_bytes(&self) -> u64;
}

impl Source for Events {
    fn next_event(&mut self) -> Option<Result<Cow<'_, Recorded>, Problem>> {
        Some(self.next()?.map(Cow::Owned))
    }

    fn read_bytes(&self) -> u64 {
        Self::read_bytes(self)
    }
}

/// What a thread has read.
pub struct Shared {
    batches: Receiver<Batch>,
    batch: Arc<Vec<Recorded>>,
    at: usize,
    problem: Option<Problem>,
    read_bytes: u64,
}

struct Batch {
    events: Arc<Vec<Recorded>>,
    /// What ended the reading, after them; told to one of the two, since it can't be had twice.
    problem: Option<Problem>,
    read_bytes: u64,
}

/// The events for two; the problem that ends them, if one does, only for the first.
pub fn read<'scope>(scope: &'scope Scope<'scope, '_>, events: Events) -> (Shared, Shared) {
    let ((first, first_batches), (second, second_batches)) =
        (sync_channel(QUEUE_BATCHES), sync_channel(QUEUE_BATCHES));
    scope.spawn(move || forward(events, first, second));
    (Shared::new(first_batches), Shared::new(second_batches))
}

/// A run that has heard enough is left alone.
fn forward(mut events: Events, first: SyncSender<Batch>, second: SyncSender<Batch>) {
    let (mut first, mut second) = (Some(first), Some(second));
    let mut ended = false;
    while !ended && (first.is_some() || second.is_some()) {
        let (mut batch, mut problem) = (Vec::with_capacity(BATCH_EVENTS), None);
        while batch.len() < BATCH_EVENTS && !ended {
            match events.next() {
                Some(Ok(event)) => batch.push(event),
                Some(Err(found)) => (problem, ended) = (Some(found), true),
                None => ended = true,
            }
        }
        let (batch, read_bytes) = (Arc::new(batch), events.read_bytes());
        for (to, problem) in [(&mut first, problem), (&mut second, None)] {
            let batch = Batch { events: batch.clone(), problem, read_bytes };
            if to.as_ref().is_some_and(|to| to.send(batch).is_err()) {
                *to = None;
            }
        }
    }
}

impl Shared {
    fn new(batches: Receiver<Batch>) -> Self {
        Self { batches, batch: Arc::default(), at: 0, problem: None, read_bytes: 0 }
    }
}

impl Source for Shared {
    fn next_event(&mut self) -> Option<Result<Cow<'_, Recorded>, Problem>> {
        while self.at >= self.batch.len() {
            if let Some(problem) = self.problem.take() {
                return Some(Err(problem));
            }
            let Batch { events, problem, read_bytes } = self.batches.recv().ok()?;
            (self.batch, self.at, self.problem, self.read_bytes) = (events, 0, problem, read_bytes);
        }
        self.at += 1;
        self.batch.get(self.at - 1).map(|event| Ok(Cow::Borrowed(event)))
    }

    fn read_bytes(&self) -> u64 {
        self.read_bytes
    }
}
