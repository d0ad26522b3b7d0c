//! What `depot up` says at its end: the last state of each service in a few lines.

use std::fmt::Write as _;

use serde_json::Value;
use wire::discovery::Rover;
use wire::gps_status::{Errors, GpsStatus};

/// discovery's rovers for a person.
pub fn rovers(rovers: &[Rover]) -> String {
    let online = rovers.iter().filter(|rover| rover.online).count();
    format!("rovers     {} known, {online} online\n", rovers.len())
}

/// dispatch's state for a person.
pub fn dispatch(state: &Value) -> String {
    let count = |name: &str| state[name].as_u64().unwrap_or_default();
    let [open, rovers] = ["openTasks", "rovers"].map(|name| state[name].as_array().map_or(0, Vec::len));
    match state["store"].as_str() {
        Some("open") => format!(
            "dispatch   {} zones, {} missions, {open} open tasks, {rovers} rovers connected\n",
            count("zones"),
            count("missions")
        ),
        reason => format!("dispatch   stood by: {}\n", reason.unwrap_or_default()),
    }
}

/// gps-status's status for a person.
pub fn status(status: &GpsStatus) -> String {
    // Writing to a String can't fail.
    let mut text = String::new();
    let (mode, fix) = (word(status.mode), word(status.fix_quality));
    let _ = writeln!(text, "receiver   {mode}, {fix}, {} satellites used", status.satellites);
    if let (Some(latitude), Some(longitude)) = (status.latitude, status.longitude) {
        let altitude =
            status.altitude.map_or_else(String::new, |m| format!(", {m:.3} m above mean sea level"));
        let _ = writeln!(text, "position   {latitude:.8}, {longitude:.8}{altitude}");
    }
    if let Some(survey) = &status.survey_in {
        let state = match (survey.valid, survey.active) {
            (true, _) => "valid",
            (false, true) => "in progress",
            (false, false) => "not started",
        };
        let _ = writeln!(text, "survey-in  {state}, {} s, {:.3} m", survey.duration, survey.accuracy);
    }
    if !status.rtcm_messages.is_empty() {
        let types = status.rtcm_messages.iter().map(|m| format!("{}×{}", m.number, m.count));
        let _ = writeln!(text, "RTCM       {}", types.collect::<Vec<_>>().join(" "));
    }
    let _ = writeln!(text, "errors     {}", errors(&status.errors));
    text
}

fn errors(errors: &Errors) -> String {
    let counts = [
        (errors.bad_checksum, "bad checksums"),
        (errors.false_start, "false starts"),
        (errors.oversize, "oversize"),
        (errors.noise_bytes, "bytes of noise"),
        (errors.undecodable, "undecodable"),
        (errors.disconnects, "disconnects"),
        (errors.silences, "silences"),
    ];
    let some: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if some.is_empty() { "none".to_string() } else { some.join(", ") }
}

/// As the wire writes it.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
