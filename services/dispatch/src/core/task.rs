//! One task: what a report, a cancel or a loss makes of it. It moves forward only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wire::dispatch::{Task, TaskStatus};

use super::{
    problem::shortened,
    route::{Position, Route},
};

/// Characters of a rover's reason that are kept; the rest is cut off.
pub const ERROR_CHARS: usize = 500;

/// A task as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Counts tasks; the order in which they were made.
    pub no: u64,
    /// As consoles are told.
    pub task: Task,
    /// The zone it drives, whatever its mission's zone is by now.
    pub zone_id: Uuid,
    /// What it drives; empty once it has ended.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub route: Arc<Route>,
    /// Where what the rover is known to have been sent starts.
    pub proven: Option<Position>,
    /// Where what it is sent starts, until its pong proves that it came.
    pub sent: Option<Position>,
    /// The rover may still drive it, and hasn't proven to know that it ended.
    pub cancel_owed: bool,
    /// Unix milliseconds.
    pub ended_ms: Option<i64>,
}

fn is_empty(route: &Route) -> bool {
    *route == Route::default()
}

/// What a rover says of a task, in its own counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// A waypoint was reached.
    Progress {
        /// Percent.
        progress: f64,
        /// Of what it was sent.
        waypoint: i64,
        /// Since it was sent.
        lap: u32,
    },
    /// Everything was driven.
    Complete {
        /// Since it was sent.
        laps: u32,
    },
    /// It can't go on.
    Failed {
        /// For a person.
        error: String,
    },
}

/// A point in time as a task keeps it.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Unix milliseconds.
    pub ms: i64,
    /// The same, RFC 3339.
    pub text: String,
}

impl TaskRow {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.task.id
    }

    /// The waypoint last reached; none before the first.
    #[must_use]
    pub fn reached(&self) -> Option<Position> {
        let at = Position { lap: self.task.lap, waypoint: self.task.waypoint };
        self.task.started_at.is_some().then_some(at)
    }

    /// Where its rover has to go next; none when all has been driven.
    #[must_use]
    pub fn to_go(&self) -> Option<Position> {
        self.reached().map_or(Some(Position::default()), |reached| self.route.after(reached))
    }

    /// Given to a rover.
    #[must_use]
    pub fn assigned(&self, rover: &str) -> Self {
        let mut row = self.clone();
        row.task.rover_id = rover.to_owned();
        row.task.status = TaskStatus::Assigned;
        row.sent = Some(Position::default());
        row
    }

    /// About to be sent from `from` on.
    #[must_use]
    pub fn to_be_sent(&self, from: Position) -> Self {
        Self { sent: Some(from), ..self.clone() }
    }

    /// What was sent from `from` on has come.
    #[must_use]
    pub fn delivered(&self, from: Position) -> Self {
        Self { proven: Some(from), sent: self.sent.filter(|sent| *sent != from), ..self.clone() }
    }

    /// What a report makes of an open task; none if it says nothing new.
    #[must_use]
    pub fn reported(&self, report: &Report, at: &Stamp) -> Option<Self> {
        match report {
            Report::Progress { progress, waypoint, lap } => self.progressed(*progress, *waypoint, *lap, at),
            Report::Complete { laps } => {
                let from = self.proven.or(self.sent).unwrap_or_default();
                let mut row = self.said_ended(TaskStatus::Done, None, at);
                row.task.progress = 100;
                row.task.lap = row.task.lap.max(from.lap.saturating_add(*laps));
                Some(row)
            }
            Report::Failed { error } => {
                Some(self.said_ended(TaskStatus::Failed, Some(shortened(error, ERROR_CHARS)), at))
            }
        }
    }

    /// Ended by its rover's word. While a task frame is under way that word may be about what the rover drove
    /// before, and the frame makes it drive again: then it has to be told.
    fn said_ended(&self, status: TaskStatus, error: Option<String>, at: &Stamp) -> Self {
        Self { cancel_owed: self.sent.is_some(), ..self.ended(status, error, at) }
    }

    fn progressed(&self, progress: f64, waypoint: i64, lap: u32, at: &Stamp) -> Option<Self> {
        // Until a pong proves that the rest came, the rover counts in what it had before. Read so, a count in
        // the rest can only be too low, and is ignored: nothing is claimed that wasn't driven.
        let from = self.proven.or(self.sent).unwrap_or_default();
        let position = self.route.locate(from, lap, waypoint);
        let mut row = self.clone();
        row.proven = Some(from);
        // NaN can't come over JSON; the cast saturates all the same.
        let said = progress.round().clamp(0.0, 100.0) as u8;
        let percent = if from.waypoint == 0 { said } else { self.route.percent(position) };
        let forward = Some(position) > self.reached();
        if forward || (Some(position) == self.reached() && percent > self.task.progress) {
            row.task.progress = percent;
            row.task.waypoint = position.waypoint;
            row.task.lap = position.lap;
            row.task.status = TaskStatus::Active;
            row.task.started_at.get_or_insert_with(|| at.text.clone());
        }
        (row != *self).then_some(row)
    }

    /// Ended, whoever ended it.
    #[must_use]
    pub fn ended(&self, status: TaskStatus, error: Option<String>, at: &Stamp) -> Self {
        let mut row = self.clone();
        row.task.status = status;
        row.task.error = error;
        row.task.ended_at = Some(at.text.clone());
        row.ended_ms = Some(at.ms);
        row.route = Arc::default();
        row.sent = None;
        row
    }

    /// Ended here, without its rover's word: the rover has to be told, if one has it.
    #[must_use]
    pub fn called_off(&self, status: TaskStatus, error: Option<String>, at: &Stamp) -> Self {
        let cancel_owed = self.task.status.is_held();
        Self { cancel_owed, ..self.ended(status, error, at) }
    }
}
