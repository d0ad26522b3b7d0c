//! What a zone, a mission and a rover's id may look like.

use wire::dispatch::{LatLon, Mission, Zone};

use super::{problem::Problem, schedule};

/// Characters of a name or a map's id; longer ones are refused.
pub const NAME_CHARS: usize = 200;
/// Characters of a rover's id; longer ones are refused.
pub const ROVER_ID_CHARS: usize = 128;
/// Waypoints of a zone; a zone with more is refused.
pub const WAYPOINTS: usize = 10_000;
/// Corners of a zone's polygon; a zone with more is refused.
pub const CORNERS: usize = 10_000;
/// Characters of an Idempotency-Key; longer ones are refused.
pub const KEY_CHARS: usize = 255;

/// A zone as it would be kept.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn zone(zone: &Zone) -> Result<(), Problem> {
    text("name", &zone.name, NAME_CHARS)?;
    if let Some(map) = &zone.map_id {
        text("map id", map, NAME_CHARS)?;
    }
    points("waypoints", zone.waypoints.len(), WAYPOINTS)?;
    let corners = zone.polygon.as_deref().unwrap_or_default();
    points("corners", corners.len(), CORNERS)?;
    let on_earth = |corner: &LatLon| corner.lat.abs() <= 90.0 && corner.lon.abs() <= 180.0;
    if corners.iter().all(on_earth) { Ok(()) } else { Err(Problem::NotOnEarth) }
}

/// A mission as it would be kept; whether its zone exists is for the caller to see.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn mission(mission: &Mission) -> Result<(), Problem> {
    text("name", &mission.name, NAME_CHARS)?;
    if let Some(rover) = &mission.rover_id {
        rover_id(rover)?;
    }
    schedule::check(&mission.schedule)
}

/// A rover's id.
///
/// # Errors
/// Empty, too long, or with control characters.
pub fn rover_id(id: &str) -> Result<(), Problem> {
    text("rover id", id, ROVER_ID_CHARS)
}

/// An Idempotency-Key.
///
/// # Errors
/// Empty, too long, or not visible ASCII.
pub fn key(key: &str) -> Result<(), Problem> {
    let fits = (1..=KEY_CHARS).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if fits { Ok(()) } else { Err(Problem::BadKey { max: KEY_CHARS }) }
}

fn text(field: &'static str, text: &str, max: usize) -> Result<(), Problem> {
    let found = text.chars().count();
    if found == 0 || found > max {
        Err(Problem::Length { field, max, found })
    } else if text.chars().any(char::is_control) {
        Err(Problem::Control { field })
    } else {
        Ok(())
    }
}

fn points(what: &'static str, found: usize, max: usize) -> Result<(), Problem> {
    if found > max { Err(Problem::TooManyPoints { what, max, found }) } else { Ok(()) }
}
