//! What dispatch decides: a pure state machine that is told of requests, frames and commits.
//!
//! *Committed, then told* holds by construction. A decision yields changes and what is told once they are
//! committed; both wait in a batch. [`Effect::Commit`] hands the changes to the store, and only
//! [`Command::Committed`] releases the rest. Reads, consoles and rovers see the ledger of what is committed;
//! only decisions see the draft. What a rover is sent is not a decision at all: it follows from the committed
//! ledger and from what its socket is known to hold ([`upkeep`]), so that a lost frame, a lost socket and a
//! restart are all made good in the same place.
//!
//! While a batch is being committed, what comes waits; then all of it is decided at once and makes the next
//! batch. If a commit fails its batch is undone: requests are answered 503, and what rovers reported, which
//! they never repeat, is tried again.
//!
//! | file | concern |
//! |---|---|
//! | [`ledger`] | what is kept, and its changes |
//! | [`request`], [`zones`], [`missions`], [`runs`] | what is asked over HTTP |
//! | [`task`], [`route`] | one task, and where on it its rover is |
//! | [`fleet`], [`rover`], [`upkeep`] | sockets, what rovers say, what they are sent |
//! | [`schedule`] | what starts by itself |
//! | [`console`] | what consoles are told |

pub mod check;
pub mod console;
pub mod fleet;
pub mod ids;
pub mod ledger;
pub mod missions;
pub mod problem;
pub mod request;
pub mod route;
pub mod rover;
pub mod runs;
pub mod schedule;
pub mod task;
pub mod upkeep;
pub mod zones;

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use kit::machine::{ConnId, Timestamp};
use uuid::Uuid;
use wire::dispatch::{FromRover, ToConsole, ToRover};

use self::{
    console::Consoles,
    fleet::{Fleet, Link, Proof, Socket},
    ids::Ids,
    ledger::{Change, KeptAnswer, Ledger},
    problem::Problem,
    request::{Answer, Context, Read, Write},
    task::{Report, Stamp},
};

/// Requests and reports that wait for a commit; then requests are answered 503 and a reporting rover's
/// socket is closed.
pub const QUEUE: usize = 10_000;
/// Changes after which a batch is committed, whatever else waits.
pub const BATCH_CHANGES: usize = 512;
/// Waypoints and corners in the changes of a batch after which it is committed, whatever else waits: consoles are
/// told all of it at once, and one that keeps up must be able to take it.
pub const BATCH_POINTS: usize = 40_000;
/// How long after a failed commit reports and upkeep try again, if no request tries before.
pub const RETRY: Duration = Duration::from_secs(1);

/// RFC 6455 section 7.4.1: policy violation.
pub const CLOSE_SUPERSEDED: u16 = 1008;
/// RFC 6455 section 7.4.1: an internal error.
pub const CLOSE_DEAD: u16 = 1011;
/// IANA's registry of close codes: try again later.
pub const CLOSE_OVERRUN: u16 = 1013;

/// What may be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// A pong that comes later than this after a task frame doesn't: the socket is dead.
    pub delivery_within: Duration,
    /// How long a rover that doesn't say what it holds may take to report.
    pub resume_after: Duration,
    /// Without a socket for so long, a rover's task fails.
    pub rover_lost_after: Duration,
    /// Ended tasks are forgotten after this.
    pub keep_tasks_for: Duration,
    /// After a commit, reports wait so long for others: a commit for each would cost a disk's sync and every
    /// console a write. A report after a quiet while, and requests, don't wait.
    pub gather: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            delivery_within: Duration::from_secs(10),
            resume_after: Duration::from_secs(60),
            rover_lost_after: Duration::from_secs(300),
            keep_tasks_for: Duration::from_secs(90 * 24 * 3600),
            gather: Duration::ZERO,
        }
    }
}

/// What the core is told.
#[derive(Clone, Debug)]
pub enum Command {
    /// Answered at once.
    Read {
        /// Of the request.
        id: u64,
        /// What is asked.
        read: Read,
    },
    /// Answered when it is committed, or refused.
    Write {
        /// Of the request.
        id: u64,
        /// The Idempotency-Key header.
        key: Option<String>,
        /// What is asked.
        write: Write,
    },
    /// A rover's socket opened.
    RoverOpened(ConnId),
    /// A rover said something.
    RoverSaid(ConnId, FromRover),
    /// The answer to [`Effect::Ping`].
    Pong(ConnId, u64),
    /// A rover's socket ended, whoever ended it.
    RoverClosed(ConnId),
    /// A console connected, with `?since=`.
    ConsoleOpened(ConnId, Option<u64>),
    /// A console missed something.
    ConsoleLagged(ConnId),
    /// Milliseconds to add to a [`Timestamp`] to get Unix time.
    Clock(i64),
    /// What became of [`Effect::Commit`]: everything is kept, or nothing is.
    Committed {
        /// Its number.
        batch: u64,
        /// Kept.
        ok: bool,
    },
    /// [`Core::next_timeout`] came.
    Wake,
    /// The service is about to stop: what is gathered is decided now.
    Stopping,
}

/// What the core wants done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Keep all of this, or nothing, and say which. At most one at a time.
    Commit {
        /// Its number.
        batch: u64,
        /// In order.
        changes: Vec<Change>,
    },
    /// Answers a request.
    Answer(u64, Answer),
    /// A frame for a rover.
    ToRover(ConnId, ToRover),
    /// A ping that carries this number, after everything sent before.
    Ping(ConnId, u64),
    /// Ends a rover's socket.
    Close(ConnId, u16, &'static str),
    /// A frame for one console.
    ToConsole {
        /// The console.
        conn: ConnId,
        /// JSON.
        text: Arc<str>,
        /// See [`console::Key`].
        key: console::Key,
    },
    /// A frame for all consoles.
    Publish {
        /// JSON.
        text: Arc<str>,
        /// See [`console::Key`].
        key: console::Key,
    },
}

/// What waits to be decided, in the order it came.
#[derive(Clone, Debug)]
enum Waiting {
    Write { id: u64, key: Option<String>, write: Write },
    Report { conn: ConnId, rover: String, task: Uuid, report: Report },
    Proof(Proof),
}

/// What is decided together and committed together.
#[derive(Debug, Default)]
struct Batch {
    no: u64,
    changes: Vec<Change>,
    /// What it answers.
    from: Vec<Waiting>,
    /// Told once the changes are committed.
    then: Vec<Effect>,
}

/// dispatch.
#[derive(Debug)]
pub struct Core {
    config: Config,
    ids: Ids,
    offset_ms: i64,
    /// What is committed.
    kept: Ledger,
    /// With the changes of the batch that is decided or being committed.
    draft: Ledger,
    fleet: Fleet,
    consoles: Consoles,
    queue: VecDeque<Waiting>,
    batches: u64,
    committing: Option<Batch>,
    retry_at: Option<Timestamp>,
    gather_until: Timestamp,
    tokens: u64,
    trim_at: Timestamp,
    /// Since schedules were last looked at: what is due is then earlier than it was, or was never looked at.
    clock_moved: bool,
    /// A rover may have become free, or a task waits that didn't.
    may_assign: bool,
}

impl Core {
    /// dispatch over what the store holds. Rovers with an open task count as gone from `now` on.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Timestamp, offset_ms: i64, kept: Ledger) -> Self {
        let mut fleet = Fleet::default();
        for (rover, _) in kept.held() {
            fleet.links.insert(rover.clone(), Link::gone(now));
            fleet.touch(rover);
        }
        let epoch = u64::try_from(wall_ms(now, offset_ms)).unwrap_or(0);
        Self {
            config,
            ids: Ids::new(seed),
            offset_ms,
            draft: kept.clone(),
            kept,
            fleet,
            consoles: Consoles::new(epoch),
            queue: VecDeque::new(),
            batches: 0,
            committing: None,
            retry_at: None,
            gather_until: Timestamp::ZERO,
            tokens: 0,
            trim_at: now,
            clock_moved: true,
            may_assign: true,
        }
    }

    /// Something waits to be decided or committed.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.committing.is_some() || !self.queue.is_empty()
    }

    /// What is committed.
    #[must_use]
    pub const fn kept(&self) -> &Ledger {
        &self.kept
    }

    /// Rovers with a socket that has registered, and their tasks.
    pub fn connected(&self) -> impl Iterator<Item = (&String, Option<Uuid>)> {
        self.fleet.connected().map(|rover| (rover, self.kept.held_by(rover).map(|row| row.id())))
    }

    /// Takes one command. `now` is never before that of an earlier call.
    pub fn handle(&mut self, now: Timestamp, command: Command, out: &mut Vec<Effect>) {
        match command {
            Command::Read { id, read } => {
                out.push(Effect::Answer(id, request::read(&read, &self.kept, &self.fleet)));
            }
            Command::Write { id, key, write } => {
                // Who asks may find out whether the store is back.
                self.retry_at = None;
                if self.queue.len() < QUEUE {
                    self.queue.push_back(Waiting::Write { id, key, write });
                } else {
                    out.push(Effect::Answer(id, Problem::Overrun.into()));
                }
            }
            Command::RoverOpened(conn) => drop(self.fleet.sockets.insert(conn, Socket::Fresh)),
            Command::RoverSaid(conn, frame) => self.said(now, conn, frame, out),
            Command::Pong(conn, token) => self.pong(conn, token),
            Command::RoverClosed(conn) => {
                self.fleet.part(conn, now);
                self.fleet.sockets.remove(&conn);
            }
            Command::ConsoleOpened(conn, since) => self.consoles.welcome(conn, since, &self.kept, out),
            Command::ConsoleLagged(conn) => self.consoles.lagged(conn, &self.kept, out),
            Command::Clock(offset_ms) => {
                self.offset_ms = offset_ms;
                self.clock_moved = true;
            }
            Command::Committed { batch, ok } => self.committed(now, batch, ok, out),
            Command::Wake => {}
            Command::Stopping => (self.config.gather, self.gather_until) = (Duration::ZERO, Timestamp::ZERO),
        }
        self.pump(now, out);
    }

    /// Decides what waits, batch by batch, until one has to be committed or nothing waits.
    fn pump(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        while self.committing.is_none() && self.retry_at.is_none_or(|at| at <= now) {
            self.retry_at = None;
            let mut batch = Batch::default();
            let at = self.stamp(now);
            self.upkeep(now, &at, &mut batch.changes, out);
            // What is committed anyway takes along what is gathered.
            let gathers = batch.changes.is_empty() && self.gathers(now);
            let mut points = 0;
            while !gathers
                && batch.changes.len() < BATCH_CHANGES
                && points < BATCH_POINTS
                && let Some(waiting) = self.queue.pop_front()
            {
                let before = batch.changes.len();
                self.decide(&at, &waiting, &mut batch);
                points += batch.changes.iter().skip(before).map(Change::points).sum::<usize>();
                batch.from.push(waiting);
            }
            self.assign(&mut batch.changes);
            if !batch.changes.is_empty() {
                self.batches += 1;
                batch.no = self.batches;
                out.push(Effect::Commit { batch: batch.no, changes: batch.changes.clone() });
                self.committing = Some(batch);
            } else {
                out.append(&mut batch.then);
                if (self.queue.is_empty() || gathers) && self.fleet.dirty.is_empty() {
                    return;
                }
            }
        }
    }

    /// What waits may wait for more.
    fn gathers(&self, now: Timestamp) -> bool {
        now < self.gather_until
            && self.queue.len() < BATCH_CHANGES
            && self.queue.iter().all(|waiting| matches!(waiting, Waiting::Report { .. }))
    }

    fn decide(&mut self, at: &Stamp, waiting: &Waiting, batch: &mut Batch) {
        match waiting {
            Waiting::Write { id, key, write } => {
                // Those who wait come before those who ask now.
                self.assign(&mut batch.changes);
                let answer = self.decide_write(at, key.as_deref(), write, &mut batch.changes);
                batch.then.push(Effect::Answer(*id, answer));
            }
            Waiting::Report { conn, rover, task, report } => {
                self.decide_report(*conn, rover, *task, report, at, batch);
            }
            Waiting::Proof(proof) => self.decide_proof(*proof, &mut batch.changes),
        }
    }

    /// Gives waiting tasks to free rovers, oldest first.
    fn assign(&mut self, changes: &mut Vec<Change>) {
        if !mem::take(&mut self.may_assign) {
            return;
        }
        while let Some(change) = runs::next_assignment(&self.draft, &self.fleet) {
            self.propose(change, changes);
        }
        self.may_assign = false;
    }

    /// A key remembers what was done, with whatever path and body it was asked for. What was refused (4xx) or
    /// not kept (503) was not done: asked again, it is decided anew.
    fn decide_write(
        &mut self,
        at: &Stamp,
        key: Option<&str>,
        write: &Write,
        changes: &mut Vec<Change>,
    ) -> Answer {
        let request = key.map(|_| write.fingerprint()).unwrap_or_default();
        if let Some(key) = key {
            if let Err(problem) = check::key(key) {
                return problem.into();
            }
            if let Some(kept) = self.draft.answer(key) {
                return if kept.request == request {
                    Answer { status: kept.status, body: kept.body.clone(), next: None }
                } else {
                    Problem::KeyReused.into()
                };
            }
        }
        let mut ctx = Context { at, ledger: &self.draft, fleet: &self.fleet, ids: &mut self.ids };
        match request::decide(write.clone(), &mut ctx) {
            Err(problem) => problem.into(),
            Ok((decided, answer)) => {
                for change in decided {
                    self.propose(change, changes);
                }
                if let Some(key) = key {
                    let (key, status, body) = (key.to_owned(), answer.status, answer.body.clone());
                    let kept = KeptAnswer { key, request, status, body, at_ms: at.ms };
                    self.propose(Change::Answer(Arc::new(kept)), changes);
                }
                answer
            }
        }
    }

    /// What became of the batch.
    fn committed(&mut self, now: Timestamp, no: u64, ok: bool, out: &mut Vec<Effect>) {
        let Some(batch) = self.committing.take_if(|batch| batch.no == no) else { return };
        for change in &batch.changes {
            if let Change::NewTask(row) | Change::Task { row, .. } = change {
                self.fleet.touch(&row.task.rover_id);
            }
        }
        if ok {
            self.gather_until = now.saturating_add(self.config.gather);
            for change in &batch.changes {
                self.tell(change, out);
                self.kept.apply(change);
            }
            out.extend(batch.then);
            return;
        }
        for change in batch.changes.iter().rev() {
            self.draft.revert(change, &self.kept);
        }
        for waiting in batch.from.into_iter().rev() {
            match waiting {
                Waiting::Write { id, .. } => {
                    out.push(Effect::Answer(id, Problem::NotCommitted.into()));
                }
                Waiting::Report { .. } | Waiting::Proof(_) => self.queue.push_front(waiting),
            }
        }
        debug_assert!(self.draft == self.kept, "a failed commit changes nothing");
        (self.may_assign, self.clock_moved) = (true, true);
        self.retry_at = Some(now.saturating_add(RETRY));
    }

    /// Tells consoles of a change that is committed, where they see it.
    fn tell(&mut self, change: &Change, out: &mut Vec<Effect>) {
        let message = match change {
            Change::Zone(row) => ToConsole::ZoneUpdate { zone: row.zone.clone() },
            Change::ZoneGone { id } => ToConsole::ZoneDeleted { zone_id: *id },
            Change::Mission(row) => ToConsole::MissionUpdate { mission: row.mission.clone() },
            Change::MissionGone { id } => ToConsole::MissionDeleted { mission_id: *id },
            Change::NewTask(row) | Change::Task { row, .. } => {
                if self.kept.tasks.get(row.id()).is_some_and(|known| known.task == row.task) {
                    return;
                }
                ToConsole::TaskUpdate { task: row.task.clone() }
            }
            Change::TaskGone { .. } | Change::Answer(_) | Change::AnswerGone { .. } => return,
        };
        self.consoles.tell(message, out);
    }

    fn propose(&mut self, change: Change, changes: &mut Vec<Change>) {
        self.may_assign |= match &change {
            Change::NewTask(_) => true,
            Change::Task { row, .. } => !row.task.status.is_open(),
            _ => false,
        };
        self.draft.apply(&change);
        changes.push(change);
    }

    fn enqueue_report(&mut self, conn: ConnId, waiting: Waiting, now: Timestamp, out: &mut Vec<Effect>) {
        if self.queue.len() < QUEUE {
            self.queue.push_back(waiting);
        } else {
            self.end(conn, CLOSE_OVERRUN, "too many reports wait", now, out);
        }
    }

    /// A proof that finds no room is lost; the rover is then told once more when it registers again.
    fn enqueue_proofs(&mut self, proofs: impl Iterator<Item = Proof>) {
        let room = QUEUE.saturating_sub(self.queue.len());
        self.queue.extend(proofs.take(room).map(Waiting::Proof));
    }

    /// Ends a rover's socket: from now on it speaks for nobody.
    fn end(&mut self, conn: ConnId, code: u16, reason: &'static str, now: Timestamp, out: &mut Vec<Effect>) {
        self.fleet.part(conn, now);
        if let Some(socket) = self.fleet.sockets.get_mut(&conn)
            && mem::replace(socket, Socket::Ending) != Socket::Ending
        {
            out.push(Effect::Close(conn, code, reason));
        }
    }

    fn stamp(&self, now: Timestamp) -> Stamp {
        let ms = wall_ms(now, self.offset_ms);
        Stamp { ms, text: schedule::rfc3339(ms) }
    }
}

fn wall_ms(now: Timestamp, offset_ms: i64) -> i64 {
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX).saturating_add(offset_ms)
}
