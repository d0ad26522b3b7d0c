//! Missions: made, edited, deleted.

use std::sync::Arc;

use uuid::Uuid;
use wire::dispatch::{Mission, MissionPatch, NewMission};

use super::{
    check,
    ledger::{Change, MissionRow},
    problem::Problem,
    request::{Answer, Context, Decided},
    schedule,
};

/// Missions that are kept; one more is refused.
pub const MISSIONS: usize = 10_000;

/// `POST /missions`
///
/// # Errors
/// It makes no sense, its zone is unknown, or there are too many.
pub fn create(new: NewMission, ctx: &mut Context<'_>) -> Decided {
    let NewMission { name, zone_id, rover_id, schedule, enabled } = new;
    let rover_id = any_is_none(rover_id);
    let mission = Mission {
        id: ctx.ids.draw(),
        name,
        zone_id,
        rover_id,
        schedule,
        enabled,
        created_at: ctx.at.text.clone(),
        updated_at: ctx.at.text.clone(),
        last_firing: None,
    };
    check::mission(&mission)?;
    known_zone(zone_id, ctx)?;
    if ctx.ledger.missions.len() >= MISSIONS {
        return Err(Problem::Full { what: "missions", max: MISSIONS });
    }
    let answer = Answer::json(201, &mission);
    let due_ms = schedule::due(&mission, ctx.at.ms)?;
    let row = MissionRow { no: ctx.ledger.missions.next_no(), mission, due_ms };
    Ok((vec![Change::Mission(Arc::new(row))], answer))
}

/// `PUT /missions/{id}`
///
/// # Errors
/// There is none, it would make no sense, or its new zone is unknown.
pub fn edit(id: Uuid, patch: MissionPatch, ctx: &Context<'_>) -> Decided {
    let held = ctx.ledger.missions.get(id).ok_or(Problem::Unknown { what: "mission", id })?;
    let mut row = MissionRow::clone(held);
    let mission = &mut row.mission;
    mission.name = patch.name.unwrap_or_else(|| mission.name.clone());
    if let Some(zone_id) = patch.zone_id {
        known_zone(zone_id, ctx)?;
        mission.zone_id = zone_id;
    }
    mission.rover_id = any_is_none(patch.rover_id.over(mission.rover_id.take()));
    if let Some(mut schedule) = patch.schedule {
        if schedule.trigger == mission.schedule.trigger {
            // An older console doesn't know them, and so leaves them out of what it writes back.
            schedule.at = schedule.at.or_else(|| mission.schedule.at.take());
            schedule.timezone = schedule.timezone.or_else(|| mission.schedule.timezone.take());
        }
        mission.schedule = schedule;
    }
    mission.enabled = patch.enabled.unwrap_or(mission.enabled);
    mission.updated_at.clone_from(&ctx.at.text);
    check::mission(mission)?;
    // A new name is no reason to fire again, or later.
    let same = (&mission.schedule, mission.enabled) == (&held.mission.schedule, held.mission.enabled);
    if !same {
        row.due_ms = schedule::due(mission, ctx.at.ms)?;
    }
    let answer = Answer::json(200, &row.mission);
    Ok((vec![Change::Mission(Arc::new(row))], answer))
}

/// `DELETE /missions/{id}`
///
/// # Errors
/// There is none, or a task of it is open.
pub fn delete(id: Uuid, ctx: &Context<'_>) -> Decided {
    let row = ctx.ledger.missions.get(id).ok_or(Problem::Unknown { what: "mission", id })?;
    if ctx.ledger.runs_of(id).next().is_some() {
        return Err(Problem::InUse { what: "Mission", name: row.mission.name.clone() });
    }
    Ok((vec![Change::MissionGone { id }], Answer::empty()))
}

/// A form's empty field means any rover.
fn any_is_none(rover: Option<String>) -> Option<String> {
    rover.filter(|rover| !rover.is_empty())
}

fn known_zone(id: Uuid, ctx: &Context<'_>) -> Result<(), Problem> {
    if ctx.ledger.zones.get(id).is_some() { Ok(()) } else { Err(Problem::UnknownZone { id }) }
}
