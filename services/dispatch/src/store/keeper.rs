//! The thread that keeps: it alone uses the store, so that nobody else waits for a disk or a network.
//!
//! ```text
//! Lost ── open ──▶ Opened ──▶ commits ── trouble ──▶ Away ── resume ──▶ Back ──▶ commits
//!   ▲                            │                     │
//!   └──── somebody else has it ◀─┴── no connection for so long ──┘
//! ```
//!
//! A commit whose fate is unknown is told of as soon as it is known: after `Away`, before `Back`. If the store
//! is lost before that it isn't told at all, and what `Opened` brings says it.

use std::{
    any::Any,
    error::Error,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use kit::{
    machine::StoreEvent,
    runner::{Gone, Keeper},
};

use super::{CheckError, CommitError, OpenError, Store, StoreError};
use crate::core::ledger::Change;

/// Commits that wait. A machine has one under way; a second can only be one of a machine that hasn't heard yet
/// that the store is lost. More are a mistake, and are dropped with a line in the log.
const WAITING: usize = 2;

/// What the store holds is told in parts of about this, bytes; a single change may be larger.
const PART_BYTES: usize = 1 << 20;

/// How often things are tried, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between attempts to open a store, or to get it back.
    pub retry: Duration,
    /// Between looks at a store that nobody uses.
    pub check: Duration,
    /// Without a connection for so long, the store counts as lost.
    pub step_down_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry: Duration::from_millis(500),
            check: Duration::from_secs(1),
            // Commits are safe from somebody who takes over meanwhile, and what rovers report is lost with their
            // sockets: better to wait for a server that is being restarted.
            step_down_after: Duration::from_secs(60),
        }
    }
}

struct Job {
    batch: u64,
    changes: String,
}

/// The machine's end: for [`kit::runner::Runner::spawn`]. The thread ends when it is dropped, after what was
/// handed over is done.
#[derive(Debug)]
pub struct Link {
    jobs: SyncSender<Job>,
}

impl Keeper for Link {
    fn commit(&mut self, batch: u64, changes: String) {
        match self.jobs.try_send(Job { batch, changes }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::error!(batch, "more than one commit at a time; dropped"),
            Err(TrySendError::Disconnected(_)) => tracing::error!(batch, "the store's thread has ended"),
        }
    }
}

/// The thread's end, before anyone listens.
#[derive(Debug)]
pub struct Desk {
    listener: Sender<Tell>,
    thread: JoinHandle<()>,
}

type Tell = Box<dyn FnMut(StoreEvent) -> Result<(), Gone> + Send>;

impl Desk {
    /// From now on `tell` is told what happens to the store, on the store's thread. It has to return only when
    /// the machine has taken the event, as [`kit::runner::Handle::store_blocking`] does: commits from before it
    /// heard that the store is lost are recognised by that. Join the thread to know that the last commit is done.
    pub fn tell(self, tell: impl FnMut(StoreEvent) -> Result<(), Gone> + Send + 'static) -> JoinHandle<()> {
        // Fails only if the thread is gone already, which joining tells.
        let _ = self.listener.send(Box::new(tell));
        self.thread
    }
}

/// Gives the store a thread and waits until it has tried to open it, once. A store that can be waited for is tried
/// again from then on.
///
/// # Errors
/// It can't be used: another process has it, or can't ever be.
pub fn start(store: Box<dyn Store>, pace: Pace) -> Result<(Link, Desk), StoreError> {
    let (jobs, queue) = sync_channel(WAITING);
    let (listener, listen) = channel::<Tell>();
    let (opened, first) = channel();
    let thread = thread::Builder::new()
        .name("dispatch-store".to_owned())
        .spawn(move || {
            let mut store = store;
            let found = match store.open() {
                Err(error) if matches!(error, OpenError::Fatal(_)) || !store.can_wait() => {
                    let _ = opened.send(Err(error.into_cause()));
                    return;
                }
                found => found,
            };
            let _ = opened.send(Ok(()));
            if let Ok(tell) = listen.recv() {
                Thread { store, pace, queue, tell, told: String::new() }.run_and_tell(found);
            }
        })
        .map_err(StoreError::Thread)?;
    match first.recv() {
        Ok(found) => found.map(|()| (Link { jobs }, Desk { listener, thread })),
        Err(_) => Err(StoreError::Thread(std::io::Error::other("it ended at once"))),
    }
}

/// Nobody listens any more, or nobody will hand over anything.
struct Over;

impl From<Gone> for Over {
    fn from(_: Gone) -> Self {
        Self
    }
}

struct Thread {
    store: Box<dyn Store>,
    pace: Pace,
    queue: Receiver<Job>,
    tell: Tell,
    /// Why the store is lost, as was told last.
    told: String,
}

type Found = Result<Vec<Change>, OpenError>;

impl Thread {
    fn run_and_tell(mut self, first: Found) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run(first))) {
            tracing::error!(panic = said(panic.as_ref()), "the store's thread failed");
            let reason = "dispatch failed where it keeps its commits; restart it".to_owned();
            // If nobody listens it is no matter.
            let _ = (self.tell)(StoreEvent::Lost { reason });
        }
    }

    fn run(&mut self, first: Found) {
        let mut found = Some(first);
        loop {
            let Ok(changes) = self.acquire(&mut found) else { return };
            if self.opened(&changes).is_err() {
                return;
            }
            let Ok(reason) = self.serve() else { return };
            if self.lose(reason.to_string()).is_err() {
                return;
            }
            log(&reason);
            // The machine has heard: these are from before.
            while self.queue.try_recv().is_ok() {}
        }
    }

    /// Until it is ours.
    fn acquire(&mut self, found: &mut Option<Found>) -> Result<Vec<Change>, Over> {
        loop {
            let error = match found.take().unwrap_or_else(|| self.store.open()) {
                Ok(changes) => {
                    self.told.clear();
                    return Ok(changes);
                }
                Err(error) => error,
            };
            let reason = error.to_string();
            if reason != self.told {
                log(error.cause());
                self.lose(reason)?;
            }
            self.wait()?;
        }
    }

    /// Tells what the store holds, in parts that are not too large to be recorded.
    fn opened(&mut self, changes: &[Change]) -> Result<(), Gone> {
        let mut part = String::from("[");
        for change in changes {
            // Plain values always can be written.
            let text = serde_json::to_string(change).unwrap_or_default();
            if part.len() > 1 && part.len() + text.len() > PART_BYTES {
                part.push(']');
                (self.tell)(StoreEvent::Loading { changes: mem::replace(&mut part, "[".to_owned()) })?;
            }
            if part.len() > 1 {
                part.push(',');
            }
            part.push_str(&text);
        }
        part.push(']');
        (self.tell)(StoreEvent::Opened { changes: part })
    }

    fn lose(&mut self, reason: String) -> Result<(), Gone> {
        self.told.clone_from(&reason);
        (self.tell)(StoreEvent::Lost { reason })
    }

    /// Until it is lost; returns why.
    fn serve(&mut self) -> Result<StoreError, Over> {
        loop {
            let lost = match self.queue.recv_timeout(self.pace.check) {
                Ok(job) => self.commit(&job)?,
                Err(RecvTimeoutError::Timeout) => match self.store.check() {
                    Ok(()) => None,
                    Err(CheckError::Lost(error)) => Some(error),
                    Err(CheckError::Away(error) | CheckError::Cut(error)) => self.away(&error, None)?,
                },
                Err(RecvTimeoutError::Disconnected) => return Err(Over),
            };
            if let Some(lost) = lost {
                return Ok(lost);
            }
        }
    }

    fn commit(&mut self, job: &Job) -> Result<Option<StoreError>, Over> {
        let batch = job.batch;
        let kept = match serde_json::from_str::<Vec<Change>>(&job.changes) {
            Ok(changes) => self.store.commit(batch, &changes),
            Err(cause) => Err(CommitError::Refused(StoreError::Changes(cause))),
        };
        let error = match kept {
            Err(CommitError::Unknown(error)) => return self.away(&error, Some(batch)),
            Ok(()) => {
                (self.tell)(StoreEvent::Committed { batch, error: None })?;
                return Ok(None);
            }
            Err(error) => error,
        };
        (self.tell)(StoreEvent::Committed { batch, error: Some(error.cause().chain()) })?;
        match error {
            CommitError::Lost(error) => Ok(Some(error)),
            CommitError::Away(error) => self.away(&error, None),
            CommitError::Refused(_) | CommitError::Unknown(_) => Ok(None),
        }
    }

    /// Until it is back, or lost; then returns why.
    fn away(&mut self, why: &StoreError, mut unknown: Option<u64>) -> Result<Option<StoreError>, Over> {
        log(why);
        (self.tell)(StoreEvent::Away { reason: why.to_string() })?;
        let mut cut_since = None;
        loop {
            match self.store.resume() {
                Ok(last) => {
                    if let Some(batch) = unknown.take() {
                        let error = (last != batch).then(|| why.chain());
                        (self.tell)(StoreEvent::Committed { batch, error })?;
                    }
                    (self.tell)(StoreEvent::Back)?;
                    return Ok(None);
                }
                Err(CheckError::Lost(error)) => return Ok(Some(error)),
                // Nobody else can have it: there is nothing to do but wait.
                Err(CheckError::Away(_)) => cut_since = None,
                Err(CheckError::Cut(error)) => {
                    let since = *cut_since.get_or_insert_with(now);
                    if now().duration_since(since) >= self.pace.step_down_after {
                        return Ok(Some(error));
                    }
                }
            }
            self.wait()?;
        }
    }

    /// A little, while commits fail.
    fn wait(&mut self) -> Result<(), Over> {
        let until = now() + self.pace.retry;
        loop {
            match self.queue.recv_timeout(until.saturating_duration_since(now())) {
                Ok(Job { batch, .. }) => {
                    let error = Some("the store takes no commits now".to_owned());
                    (self.tell)(StoreEvent::Committed { batch, error })?;
                }
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(Over),
            }
        }
    }
}

/// What the runner, which logs every event, doesn't know: the database's own words.
fn log(error: &StoreError) {
    if error.source().is_some() {
        tracing::info!(words = error.chain(), "the database has trouble");
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of the shell that waits for a database, not a core")]
fn now() -> Instant {
    Instant::now()
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
