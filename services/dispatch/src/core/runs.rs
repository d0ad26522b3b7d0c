//! Tasks: started by request or schedule, given to rovers, called off.

use std::sync::Arc;

use uuid::Uuid;
use wire::dispatch::{Firing, FiringOutcome, Task, TaskStatus, Trigger};

use super::{
    fleet::Fleet,
    ids::Ids,
    ledger::{Change, Ledger, MissionRow},
    problem::Problem,
    request::{Answer, Context, Decided},
    route::Route,
    schedule,
    task::{Stamp, TaskRow},
};

/// Tasks that may wait for a rover; one more is refused, a scheduled one skipped.
pub const WAITING: usize = 1_000;

/// `POST /missions/{id}/start`
///
/// # Errors
/// It can't be driven, or nobody can now and it may not wait.
pub fn start(mission: Uuid, queue: bool, ctx: &mut Context<'_>) -> Decided {
    let row = ctx.ledger.missions.get(mission).ok_or(Problem::Unknown { what: "mission", id: mission })?;
    if !row.mission.enabled {
        return Err(Problem::Disabled { name: row.mission.name.clone() });
    }
    let waiting = new_task(row, ctx.ledger, ctx.at, ctx.ids)?;
    let task = match choose(&waiting.task.rover_id, ctx.ledger, ctx.fleet) {
        Ok(rover) => waiting.assigned(&rover),
        Err(problem) if !queue => return Err(problem),
        Err(_) => room_to_wait(ctx.ledger).map(|()| waiting)?,
    };
    let answer = Answer::json(201, &task.task);
    Ok((vec![Change::NewTask(Arc::new(task))], answer))
}

/// `POST /missions/{id}/stop`: all its open tasks, the answer being the one a rover has.
///
/// # Errors
/// There is none.
pub fn stop(mission: Uuid, ctx: &Context<'_>) -> Decided {
    let row = ctx.ledger.missions.get(mission).ok_or(Problem::Unknown { what: "mission", id: mission })?;
    let mut runs: Vec<_> = ctx.ledger.runs_of(mission).collect();
    runs.sort_by_key(|run| !run.task.status.is_held());
    let changes: Vec<_> = runs.into_iter().map(|run| call_off(run, ctx.at)).collect();
    match changes.first() {
        Some(Change::Task { row, .. }) => Ok((changes.clone(), Answer::json(200, &row.task))),
        _ => Err(Problem::NotRunning { name: row.mission.name.clone() }),
    }
}

/// `POST /tasks/{id}/cancel`
///
/// # Errors
/// There is none, or it has ended.
pub fn cancel(id: Uuid, ctx: &Context<'_>) -> Decided {
    let held = ctx.ledger.tasks.get(id).ok_or(Problem::Unknown { what: "task", id })?;
    if !held.task.status.is_open() {
        return Err(Problem::Ended { id });
    }
    let row = held.called_off(TaskStatus::Cancelled, None, ctx.at);
    let answer = Answer::json(200, &row.task);
    Ok((vec![Change::Task { from: held.task.status, row: Arc::new(row) }], answer))
}

fn call_off(held: &TaskRow, at: &Stamp) -> Change {
    let row = held.called_off(TaskStatus::Cancelled, None, at);
    Change::Task { from: held.task.status, row: Arc::new(row) }
}

/// The first waiting task that can be given to a rover now.
#[must_use]
pub fn next_assignment(ledger: &Ledger, fleet: &Fleet) -> Option<Change> {
    // Nobody free is the common case, and cheaper to find than that none of those who wait has a rover.
    if ledger.waiting() == 0 || !fleet.connected().any(|rover| ledger.held_by(rover).is_none()) {
        return None;
    }
    ledger.waiting_tasks().find_map(|waiting| {
        let rover = choose(&waiting.task.rover_id, ledger, fleet).ok()?;
        Some(Change::Task { from: TaskStatus::Pending, row: Arc::new(waiting.assigned(&rover)) })
    })
}

/// A mission's scheduled start is due. Always a change, so that it is due no longer.
#[must_use]
pub fn fire(due_ms: i64, mission: &MissionRow, ledger: &Ledger, at: &Stamp, ids: &mut Ids) -> Vec<Change> {
    let trigger = mission.mission.schedule.trigger;
    let timed = trigger == Trigger::Cron || mission.mission.schedule.at.is_some();
    let started = if timed && at.ms.saturating_sub(due_ms) > schedule::MISSED_AFTER_MS {
        let missed = "Nobody was there to start it in time; it was not made up for.".to_owned();
        Err((FiringOutcome::Missed, missed))
    } else if trigger == Trigger::Cron && ledger.runs_of(mission.mission.id).next().is_some() {
        Err((FiringOutcome::Skipped, "The last run had not ended.".to_owned()))
    } else {
        let task = new_task(mission, ledger, at, ids).and_then(|task| room_to_wait(ledger).map(|()| task));
        task.map_err(|problem| (FiringOutcome::Skipped, problem.to_string()))
    };
    let (task, outcome, message) = match started {
        Ok(task) => (Some(task), FiringOutcome::Started, "A task was made for it.".to_owned()),
        Err((outcome, message)) => (None, outcome, message),
    };
    let mut row = mission.clone();
    row.mission.last_firing = Some(Firing { at: schedule::rfc3339(due_ms), outcome, message });
    row.due_ms = match trigger {
        Trigger::Cron => schedule::next_cron(&row.mission.schedule, at.ms.max(due_ms)).ok(),
        Trigger::Once | Trigger::Manual => None,
    };
    row.mission.enabled = trigger == Trigger::Cron;
    let task = task.map(|task| Change::NewTask(Arc::new(task)));
    task.into_iter().chain([Change::Mission(Arc::new(row))]).collect()
}

fn new_task(row: &MissionRow, ledger: &Ledger, at: &Stamp, ids: &mut Ids) -> Result<TaskRow, Problem> {
    let mission = &row.mission;
    let zone = ledger.zones.get(mission.zone_id);
    let zone = &zone.ok_or_else(|| Problem::ZoneDeleted { name: mission.name.clone() })?.zone;
    if zone.waypoints.is_empty() {
        return Err(Problem::NoWaypoints { name: zone.name.clone() });
    }
    let task = Task {
        id: ids.draw(),
        mission_id: mission.id,
        rover_id: mission.rover_id.clone().unwrap_or_default(),
        status: TaskStatus::Pending,
        progress: 0,
        waypoint: 0,
        lap: 0,
        error: None,
        created_at: at.text.clone(),
        started_at: None,
        ended_at: None,
    };
    let route = Route { waypoints: zone.waypoints.clone(), looped: mission.schedule.looped };
    Ok(TaskRow {
        no: ledger.tasks.next_no(),
        task,
        zone_id: zone.id,
        route: Arc::new(route),
        proven: None,
        sent: None,
        cancel_owed: false,
        ended_ms: None,
    })
}

/// The rover for a task: the one it names, or any that is free.
fn choose(rover: &str, ledger: &Ledger, fleet: &Fleet) -> Result<String, Problem> {
    if rover.is_empty() {
        let mut free = fleet.connected().filter(|rover| ledger.held_by(rover).is_none());
        return free.next().cloned().ok_or(Problem::NoneFree);
    }
    let rover = rover.to_owned();
    if !fleet.is_connected(&rover) {
        Err(Problem::NotConnected { rover })
    } else if ledger.held_by(&rover).is_some() {
        Err(Problem::Busy { rover })
    } else {
        Ok(rover)
    }
}

fn room_to_wait(ledger: &Ledger) -> Result<(), Problem> {
    if ledger.waiting() < WAITING { Ok(()) } else { Err(Problem::TooManyWaiting { max: WAITING }) }
}
