//! Requests.

use uuid::Uuid;

use super::{body, query};
use crate::core::{
    problem::Problem,
    request::{Read, Write},
};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Something of the core.
    Read(Read),
    /// A change.
    Write(Write),
    /// `/livez`: that it answers is the answer.
    Live,
    /// `/readyz`: whether changes can be kept.
    Ready,
}

/// Status and sentence of a refusal.
pub type Refused = (u16, String);

/// What is asked for, from the percent-decoded path, the raw query and the body.
///
/// # Errors
/// What can't be asked for: 400, 404, 405.
pub fn request(method: &str, path: &str, query: &str, text: &str) -> Result<Request, Refused> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let known = |id: &str, what| {
        Uuid::try_parse(id).map_err(|_| (404, format!("There is no {what} of that id; an id is a UUID.")))
    };
    let zone = |id| known(id, "zone");
    let mission = |id| known(id, "mission");
    let task = |id| known(id, "task");
    let bad = |sentence| (400, sentence);
    let read = match (method, segments.as_slice()) {
        ("GET", ["livez"]) => return Ok(Request::Live),
        ("GET", ["readyz"]) => return Ok(Request::Ready),
        ("GET", ["health"]) => Read::Health,
        ("GET", ["zones"]) => Read::Zones(query::page(query).map_err(bad)?),
        ("GET", ["zones", id]) => Read::Zone(zone(id)?),
        ("GET", ["missions"]) => Read::Missions(query::page(query).map_err(bad)?),
        ("GET", ["missions", id]) => Read::Mission(mission(id)?),
        ("GET", ["tasks"]) => {
            Read::Tasks(query::filter(query).map_err(bad)?, query::page(query).map_err(bad)?)
        }
        ("GET", ["tasks", id]) => Read::Task(task(id)?),
        (method, segments) => {
            let write = match (method, segments) {
                ("POST", ["zones"]) => Write::NewZone(body::read(text).map_err(bad)?),
                ("PUT", ["zones", id]) => Write::EditZone(zone(id)?, body::read(text).map_err(bad)?),
                ("DELETE", ["zones", id]) => Write::DeleteZone(zone(id)?),
                ("POST", ["missions"]) => Write::NewMission(body::read(text).map_err(bad)?),
                ("PUT", ["missions", id]) => Write::EditMission(mission(id)?, body::read(text).map_err(bad)?),
                ("DELETE", ["missions", id]) => Write::DeleteMission(mission(id)?),
                ("POST", ["missions", id, "start"]) => {
                    Write::Start { mission: mission(id)?, queue: query::flag(query, "queue") }
                }
                ("POST", ["missions", id, "stop"]) => Write::Stop(mission(id)?),
                ("POST", ["tasks", id, "cancel"]) => Write::Cancel(task(id)?),
                (_, segments) => return Err(other(segments)),
            };
            return Ok(Request::Write(write));
        }
    };
    Ok(Request::Read(read))
}

fn other(segments: &[&str]) -> Refused {
    let methods = match segments {
        ["livez" | "readyz" | "health" | "tasks"] | ["tasks", _] => "GET",
        ["zones" | "missions"] => "GET or POST",
        ["zones" | "missions", _] => "GET, PUT or DELETE",
        ["missions", _, "start" | "stop"] | ["tasks", _, "cancel"] => "POST",
        _ => return (404, "There is nothing at this address.".to_owned()),
    };
    (405, format!("Only {methods} is answered here."))
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        (problem.status(), problem.to_string())
    }
}
