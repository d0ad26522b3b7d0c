//! What follows without being asked: frames for rovers, lost rovers, scheduled starts, old tasks.
//!
//! A rover is looked at whenever its socket, its task or a deadline of either changes. What it is sent follows
//! from what is committed and what it is known to hold, so that it doesn't matter why they differ.

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use kit::machine::{ConnId, Timestamp};
use uuid::Uuid;
use wire::dispatch::{TaskStatus, ToRover};

use super::{
    BATCH_CHANGES, CLOSE_DEAD, Core, Effect, Waiting,
    fleet::{Awaited, Holds, Proof},
    ledger::{Change, MissionRow},
    runs, schedule,
    task::{Stamp, TaskRow},
};

/// Ended tasks that are kept, whatever their age; the oldest of more are forgotten.
pub const TASKS: usize = 100_000;
/// Answers that are kept for repetitions; the oldest of more are forgotten.
pub const ANSWERS: usize = 10_000;
/// Bytes of their bodies; the oldest of more are forgotten.
pub const ANSWERS_BYTES: usize = 64 << 20;
/// How long an answer is kept.
pub const ANSWERS_FOR: Duration = Duration::from_secs(24 * 3600);
/// How often old tasks are looked for.
const TRIM_EVERY: Duration = Duration::from_secs(3600);

impl Core {
    /// When [`super::Command::Wake`] is wanted, if nothing else comes before; never while a commit is awaited.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        if self.committing.is_some() {
            return None;
        }
        if self.retry_at.is_some() {
            return self.retry_at;
        }
        let rover = self.fleet.wakes.first().map(|(at, _)| *at);
        let due = self.kept.first_due().map(|(at, _)| {
            let ms = u64::try_from(at.saturating_sub(self.offset_ms)).unwrap_or(0);
            Timestamp::from_millis(ms)
        });
        let gathered = (!self.queue.is_empty()).then_some(self.gather_until);
        let trim = (!self.kept.tasks.is_empty()).then_some(self.trim_at);
        [rover, due, gathered, trim].into_iter().flatten().min()
    }

    pub(super) fn upkeep(
        &mut self,
        now: Timestamp,
        at: &Stamp,
        changes: &mut Vec<Change>,
        out: &mut Vec<Effect>,
    ) {
        self.fleet.wake_due(now);
        while changes.len() < BATCH_CHANGES
            && let Some(rover) = self.fleet.dirty.pop_first()
        {
            self.settle(now, &rover, at, changes, out);
        }
        if mem::take(&mut self.clock_moved) {
            self.look_at_schedules(at, changes);
        }
        while changes.len() < BATCH_CHANGES
            && let Some((due, mission)) = self.draft.first_due().filter(|(due, _)| *due <= at.ms)
        {
            for change in runs::fire(due, mission, &self.draft, at, &mut self.ids) {
                self.propose(change, changes);
            }
        }
        self.trim(now, at, changes);
    }

    /// Tells consoles and the rover what they don't know, and proposes what has to be committed before.
    fn settle(
        &mut self,
        now: Timestamp,
        rover: &str,
        at: &Stamp,
        changes: &mut Vec<Change>,
        out: &mut Vec<Effect>,
    ) {
        let link = self.fleet.links.get(rover);
        let silent = link.filter(|link| link.awaited.first().is_some_and(|awaited| awaited.until <= now));
        if let Some(conn) = silent.and_then(|link| link.conn) {
            self.end(conn, CLOSE_DEAD, "no pong came after a task", now, out);
        }
        let held = self.kept.held_by(rover).cloned();
        let connected = self.fleet.is_connected(rover);
        self.consoles.tell_rover(rover, connected, held.as_ref().map(|row| row.id()), out);
        if connected {
            self.send_cancels(now, rover, held.as_ref().map(|row| row.id()), out);
        }
        let change = match held {
            Some(row) if connected => self.send_task(now, rover, &row, at, out).map(|moved| (row, moved)),
            Some(row) => self.lost(now, rover, &row, at).map(|moved| (row, moved)),
            None => None,
        };
        if let Some((row, moved)) = change {
            self.propose(Change::Task { from: row.task.status, row: Arc::new(moved) }, changes);
        } else if !connected && self.kept.held_by(rover).is_none() {
            self.fleet.wake(rover, None);
            self.fleet.links.remove(rover);
        }
        self.fleet.wake(rover, self.wake_at(rover));
    }

    /// When this rover has to be looked at though nothing happens.
    fn wake_at(&self, rover: &str) -> Option<Timestamp> {
        let link = self.fleet.links.get(rover)?;
        let holding = self.kept.held_by(rover).is_some();
        if link.conn.is_none() {
            return holding.then(|| link.gone_since.saturating_add(self.config.rover_lost_after));
        }
        let pong = link.awaited.first().map(|awaited| awaited.until);
        let report = match link.holds {
            Holds::Unknown { until } if holding => Some(until),
            _ => None,
        };
        [pong, report].into_iter().flatten().min()
    }

    /// Cancels it hasn't been sent on this socket, and one for the task it says it holds and shouldn't.
    fn send_cancels(&mut self, now: Timestamp, rover: &str, held: Option<Uuid>, out: &mut Vec<Effect>) {
        let Some(link) = self.fleet.links.get_mut(rover) else { return };
        let Some(conn) = link.conn else { return };
        for id in self.kept.owed_to(rover) {
            if link.cancels.insert(id) {
                out.push(Effect::ToRover(conn, ToRover::Cancel { task_id: id }));
                self.tokens += 1;
                out.push(Effect::Ping(conn, self.tokens));
                let until = now.saturating_add(self.config.delivery_within);
                link.awaited.push(Awaited { token: self.tokens, until, proof: Proof::Cancel(id) });
            }
        }
        link.holds = match link.holds {
            Holds::Claimed(task) if held == Some(task) => Holds::This(task),
            Holds::Claimed(task) => {
                if !link.cancels.contains(&task) {
                    out.push(Effect::ToRover(conn, ToRover::Cancel { task_id: task }));
                }
                Holds::Nothing
            }
            Holds::This(task) if held != Some(task) => Holds::Nothing,
            Holds::Unknown { .. } if held.is_none() => Holds::Nothing,
            holds => holds,
        };
    }

    /// Sends the task where the rover doesn't hold it; what has to be committed before is returned instead.
    fn send_task(
        &mut self,
        now: Timestamp,
        rover: &str,
        row: &TaskRow,
        at: &Stamp,
        out: &mut Vec<Effect>,
    ) -> Option<TaskRow> {
        let link = self.fleet.links.get_mut(rover)?;
        let conn = link.conn?;
        match link.holds {
            Holds::This(_) => return None,
            // Without proof that it came, the task is sent again at once.
            Holds::Unknown { until } if now < until && row.sent.is_none() => return None,
            Holds::Unknown { .. } if reports(&self.queue, conn, row.id()) => return None,
            _ => {}
        }
        let Some(from) = row.to_go() else {
            // Every waypoint was reached; only the word of it was lost.
            let mut done = row.ended(TaskStatus::Done, None, at);
            done.task.progress = 100;
            return Some(done);
        };
        if row.sent != Some(from) {
            return Some(row.to_be_sent(from));
        }
        let (task_id, mission_id) = (row.id(), row.task.mission_id);
        out.push(Effect::ToRover(conn, ToRover::Task { task_id, mission_id, zone: row.route.from(from) }));
        self.tokens += 1;
        out.push(Effect::Ping(conn, self.tokens));
        let until = now.saturating_add(self.config.delivery_within);
        link.awaited.push(Awaited { token: self.tokens, until, proof: Proof::Task(task_id, from) });
        link.holds = Holds::This(task_id);
        None
    }

    fn lost(&self, now: Timestamp, rover: &str, row: &TaskRow, at: &Stamp) -> Option<TaskRow> {
        let link = self.fleet.links.get(rover)?;
        let after = self.config.rover_lost_after;
        (link.gone_since.saturating_add(after) <= now).then(|| {
            let error = format!("Rover {rover} has been gone for {} s and was given up.", after.as_secs());
            row.called_off(TaskStatus::Failed, Some(error), at)
        })
    }

    /// What was due by a clock that has been stepped back since is due by the new one.
    fn look_at_schedules(&mut self, at: &Stamp, changes: &mut Vec<Change>) {
        let later = self.draft.due_after(at.ms);
        let moved: Vec<_> = later
            .filter_map(|(due_ms, row)| {
                let again = schedule::due_again(&row.mission, due_ms, at.ms);
                let row = MissionRow { due_ms: Some(again), ..row.as_ref().clone() };
                (again < due_ms).then(|| Change::Mission(Arc::new(row)))
            })
            .collect();
        for change in moved {
            self.propose(change, changes);
        }
    }

    fn trim(&mut self, now: Timestamp, at: &Stamp, changes: &mut Vec<Change>) {
        let answers_for = i64::try_from(ANSWERS_FOR.as_millis()).unwrap_or(i64::MAX);
        while changes.len() < BATCH_CHANGES
            && let Some((given, key, count)) = self.draft.oldest_answer()
            && (count > ANSWERS
                || self.draft.answers_bytes() > ANSWERS_BYTES
                || given.saturating_add(answers_for) < at.ms)
        {
            let key = key.to_owned();
            self.propose(Change::AnswerGone { key }, changes);
        }
        let surplus = self.draft.tasks.len().saturating_sub(TASKS);
        if now < self.trim_at && surplus == 0 {
            return;
        }
        let keep_for = i64::try_from(self.config.keep_tasks_for.as_millis()).unwrap_or(i64::MAX);
        let room = BATCH_CHANGES.saturating_sub(changes.len());
        let ended = self.draft.tasks.oldest().filter_map(|row| Some((row.ended_ms?, row.id())));
        let old = ended
            .enumerate()
            .filter(|(n, (ended, _))| *n < surplus || ended.saturating_add(keep_for) < at.ms);
        let gone: Vec<Uuid> = old.map(|(_, (_, id))| id).take(room).collect();
        if gone.len() < room {
            self.trim_at = now.saturating_add(TRIM_EVERY);
        }
        for id in gone {
            self.propose(Change::TaskGone { id }, changes);
        }
    }
}

/// Whether a report of this task from this socket waits: then the rover is about to say where it is.
fn reports(queue: &VecDeque<Waiting>, conn: ConnId, task: Uuid) -> bool {
    let is_one = |waiting: &Waiting| matches!(waiting, Waiting::Report { conn: from, task: about, .. } if (*from, *about) == (conn, task));
    queue.iter().any(is_one)
}
