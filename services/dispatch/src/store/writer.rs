//! The one thread that writes, so that nobody waits for a disk.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
};

use super::{Store, StoreError};
use crate::core::ledger::Change;

/// Commits that wait; a core has one under way at a time, so that more than one is a mistake and is refused.
const WAITING: usize = 1;

/// Told what became of a commit, on the writer's thread.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Job {
    changes: Vec<Change>,
    done: Done,
}

/// Hands commits to a store's own thread. When it is dropped, what was handed over is finished first.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Gives the store a thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn spawn(store: Box<dyn Store>) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(WAITING);
        let thread =
            thread::Builder::new().name("dispatch-writer".to_owned()).spawn(move || run(store, &queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Commits, and calls `done` with what became of it, once, whatever happens.
    pub fn commit(&self, changes: Vec<Change>, done: Done) {
        let job = Job { changes, done };
        let refused = match &self.jobs {
            Some(jobs) => jobs.try_send(job).err(),
            None => Some(TrySendError::Disconnected(job)),
        };
        if let Some(TrySendError::Full(job) | TrySendError::Disconnected(job)) = refused {
            (job.done)(Err(StoreError::Closed));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A store that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}

fn run(mut store: Box<dyn Store>, queue: &Receiver<Job>) {
    for Job { changes, done } in queue {
        done(store.commit(&changes));
    }
}
