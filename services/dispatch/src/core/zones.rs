//! Zones: made, edited, deleted.

use std::sync::Arc;

use uuid::Uuid;
use wire::dispatch::{NewZone, Zone, ZonePatch};

use super::{
    check,
    ledger::{Change, ZoneRow},
    problem::Problem,
    request::{Answer, Context, Decided},
};

/// Zones that are kept; one more is refused.
pub const ZONES: usize = 10_000;
/// Waypoints and corners of all zones together; a zone that would make them more is refused.
pub const POINTS: usize = 2_000_000;

/// `POST /zones`
///
/// # Errors
/// It makes no sense, or there are too many.
pub fn create(new: NewZone, ctx: &mut Context<'_>) -> Decided {
    let NewZone { name, zone_type, waypoints, polygon, map_id } = new;
    let (created_at, updated_at) = (ctx.at.text.clone(), ctx.at.text.clone());
    let id = ctx.ids.draw();
    let zone = Zone { id, name, zone_type, waypoints, polygon, map_id, created_at, updated_at };
    check::zone(&zone)?;
    if ctx.ledger.zones.len() >= ZONES {
        return Err(Problem::Full { what: "zones", max: ZONES });
    }
    let answer = Answer::json(201, &zone);
    let row = ZoneRow { no: ctx.ledger.zones.next_no(), zone };
    room_for(&row, 0, ctx)?;
    Ok((vec![Change::Zone(Arc::new(row))], answer))
}

fn room_for(row: &ZoneRow, before: usize, ctx: &Context<'_>) -> Result<(), Problem> {
    let held = ctx.ledger.points().saturating_sub(before);
    if row.points() > before && held.saturating_add(row.points()) > POINTS {
        return Err(Problem::Full { what: "waypoints and corners", max: POINTS });
    }
    Ok(())
}

/// `PUT /zones/{id}`. A task that runs keeps the waypoints it was started with.
///
/// # Errors
/// There is none, or it would make no sense.
pub fn edit(id: Uuid, patch: ZonePatch, ctx: &Context<'_>) -> Decided {
    let held = ctx.ledger.zones.get(id).ok_or(Problem::Unknown { what: "zone", id })?;
    let mut row = ZoneRow::clone(held);
    let zone = &mut row.zone;
    zone.name = patch.name.unwrap_or_else(|| zone.name.clone());
    zone.zone_type = patch.zone_type.unwrap_or(zone.zone_type);
    if let Some(waypoints) = patch.waypoints {
        zone.waypoints = waypoints;
    }
    zone.polygon = patch.polygon.over(zone.polygon.take());
    zone.map_id = patch.map_id.over(zone.map_id.take());
    zone.updated_at.clone_from(&ctx.at.text);
    check::zone(zone)?;
    let answer = Answer::json(200, zone);
    room_for(&row, held.points(), ctx)?;
    Ok((vec![Change::Zone(Arc::new(row))], answer))
}

/// `DELETE /zones/{id}`. Missions of it stay, and can't be started until they are given another zone.
///
/// # Errors
/// There is none, or a task drives it.
pub fn delete(id: Uuid, ctx: &Context<'_>) -> Decided {
    let row = ctx.ledger.zones.get(id).ok_or(Problem::Unknown { what: "zone", id })?;
    if ctx.ledger.open_tasks().any(|task| task.zone_id == id) {
        return Err(Problem::InUse { what: "Zone", name: row.zone.name.clone() });
    }
    Ok((vec![Change::ZoneGone { id }], Answer::empty()))
}
