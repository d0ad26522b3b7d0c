//! What rovers say: who they are, what they hold, how far they are.

use std::sync::Arc;

use kit::machine::{ConnId, Timestamp};
use uuid::Uuid;
use wire::dispatch::{FromRover, Patch, TaskStatus, ToRover};

use super::{
    Batch, CLOSE_SUPERSEDED, Core, Effect, Waiting, check,
    fleet::{Holds, Link, Proof, Socket},
    ledger::Change,
    problem::shortened,
    task::{Report, Stamp, TaskRow},
};

/// Characters of a rover's id that an error frame repeats.
const ID_CHARS: usize = 40;

impl Core {
    /// A frame came from a rover's socket.
    pub(super) fn said(&mut self, now: Timestamp, conn: ConnId, frame: FromRover, out: &mut Vec<Effect>) {
        let (task, report) = match frame {
            FromRover::Register { rover_id, task_id } => {
                return self.register(now, conn, rover_id, task_id, out);
            }
            FromRover::Progress { task_id, progress, waypoint, lap } => {
                (task_id, Report::Progress { progress, waypoint, lap })
            }
            FromRover::Complete { task_id, laps } => (task_id, Report::Complete { laps }),
            FromRover::Failed { task_id, error } => (task_id, Report::Failed { error }),
        };
        match self.fleet.sockets.get(&conn) {
            Some(Socket::Of(rover)) => {
                let waiting = Waiting::Report { conn, rover: rover.clone(), task, report };
                self.enqueue_report(conn, waiting, now, out);
            }
            Some(Socket::Fresh) => {
                out.push(error(conn, "Register before reporting; the report was not used.".to_owned()));
            }
            Some(Socket::Ending) | None => {}
        }
    }

    fn register(
        &mut self,
        now: Timestamp,
        conn: ConnId,
        rover: String,
        held: Patch<Uuid>,
        out: &mut Vec<Effect>,
    ) {
        match self.fleet.sockets.get(&conn) {
            Some(Socket::Of(known)) if *known != rover => {
                let known = shortened(known, ID_CHARS);
                let message = format!("This connection speaks for rover {known} and can't for another.");
                return out.push(error(conn, message));
            }
            Some(Socket::Ending) | None => return,
            Some(Socket::Fresh | Socket::Of(_)) => {}
        }
        if let Err(problem) = check::rover_id(&rover) {
            return out.push(error(conn, problem.to_string()));
        }
        let older = self.fleet.links.get(&rover).and_then(|link| link.conn).filter(|older| *older != conn);
        if let Some(older) = older {
            self.end(older, CLOSE_SUPERSEDED, "the rover has a newer connection", now, out);
        }
        self.fleet.sockets.insert(conn, Socket::Of(rover.clone()));
        let wake = self.fleet.links.get(&rover).and_then(|link| link.wake);
        let mut link = Link { conn: Some(conn), wake, ..Link::gone(now) };
        link.holds = match held {
            Patch::Absent => Holds::Unknown { until: now.saturating_add(self.config.resume_after) },
            Patch::Null => Holds::Nothing,
            Patch::Value(task) => Holds::Claimed(task),
        };
        let claimed = self.kept.held_by(&rover).filter(|row| held == Patch::Value(row.id()));
        if let Some((row, sent)) = claimed.and_then(|row| Some((row, row.sent?))) {
            // It was sent the task only where it had said, or proven, to hold nothing: what it holds is that.
            let proof = Proof::Task(row.id(), sent);
            self.enqueue_proofs([proof].into_iter());
        }
        if !held.is_absent() {
            // It has said what it holds: cancels of anything else it has no need of.
            let moot: Vec<Uuid> =
                self.kept.owed_to(&rover).filter(|owed| held != Patch::Value(*owed)).collect();
            self.enqueue_proofs(moot.iter().map(|owed| Proof::Cancel(*owed)));
            link.cancels.extend(moot);
        }
        self.fleet.touch(&rover);
        self.fleet.links.insert(rover, link);
        self.may_assign = true;
    }

    /// A pong proves what was sent before its ping.
    pub(super) fn pong(&mut self, conn: ConnId, token: u64) {
        let Some(rover) = self.fleet.rover_of(conn).cloned() else { return };
        let Some(link) = self.fleet.links.get_mut(&rover).filter(|link| link.conn == Some(conn)) else {
            return;
        };
        let proven = link.awaited.iter().take_while(|awaited| awaited.token <= token).count();
        let proofs: Vec<Proof> = link.awaited.drain(..proven).map(|awaited| awaited.proof).collect();
        self.fleet.touch(&rover);
        self.enqueue_proofs(proofs.into_iter());
    }

    pub(super) fn decide_proof(&mut self, proof: Proof, changes: &mut Vec<Change>) {
        let change = match proof {
            Proof::Task(id, from) => self
                .draft
                .tasks
                .get(id)
                .filter(|row| row.task.status.is_held() && row.sent == Some(from))
                .map(|row| (row.task.status, row.delivered(from))),
            Proof::Cancel(id) => self.draft.tasks.get(id).filter(|row| row.cancel_owed).map(|row| {
                let mut row = row.as_ref().clone();
                row.cancel_owed = false;
                (row.task.status, row)
            }),
        };
        if let Some((from, row)) = change {
            self.propose(Change::Task { from, row: Arc::new(row) }, changes);
        }
    }

    pub(super) fn decide_report(
        &mut self,
        conn: ConnId,
        rover: &str,
        task: Uuid,
        report: &Report,
        at: &Stamp,
        batch: &mut Batch,
    ) {
        // A rover that is only now given the task can't have been sent it, so that `kept` says whose it is.
        let given = |row: &TaskRow| row.task.rover_id == rover && row.task.status != TaskStatus::Pending;
        let row = match (self.draft.tasks.get(task), self.kept.tasks.get(task)) {
            (None, _) => return batch.then.push(error(conn, format!("There is no task {task}."))),
            (Some(row), Some(kept)) if given(kept) => Arc::clone(row),
            _ => return batch.then.push(error(conn, format!("Task {task} is not this rover's."))),
        };
        if !row.task.status.is_open() {
            batch.then.push(error(conn, format!("Task {task} has already ended.")));
            batch.then.push(Effect::ToRover(conn, ToRover::Cancel { task_id: task }));
            self.learn(conn, rover, Holds::Nothing);
            return;
        }
        self.learn(conn, rover, Holds::This(task));
        if let Some(moved) = row.reported(report, at) {
            self.propose(Change::Task { from: row.task.status, row: Arc::new(moved) }, &mut batch.changes);
        }
    }

    /// A report says what a rover holds that hadn't said so on registering.
    fn learn(&mut self, conn: ConnId, rover: &str, holds: Holds) {
        let link = self.fleet.links.get_mut(rover).filter(|link| link.conn == Some(conn));
        if let Some(link) = link.filter(|link| matches!(link.holds, Holds::Unknown { .. })) {
            link.holds = holds;
            self.fleet.touch(rover);
        }
    }
}

fn error(conn: ConnId, message: String) -> Effect {
    Effect::ToRover(conn, ToRover::Error { message })
}
