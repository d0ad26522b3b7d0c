//! HTTP requests and their answers.

use kit::machine::Timestamp;
use wire::discovery::{Accepted, Health, Heartbeat, Refused};

use super::{Codec, body, json};

pub(super) const LIST_HEAD: &str = r#"{"type":"rovers","data":["#;
pub(super) const LIST_TAIL: &str = "]}";
/// The rovers in the field register again on this status.
const UNKNOWN: &str = "Rover not found";
const HEARTBEAT: &str = "/heartbeat/";

impl Codec {
    /// Status and body.
    pub(super) fn http(&mut self, now: Timestamp, method: &str, path: &str, text: &str) -> (u16, String) {
        match (method, path) {
            ("GET" | "HEAD", "/rovers") => (200, self.rovers()),
            ("GET" | "HEAD", "/health") => {
                (200, json(&Health { status: "ok".to_owned(), rovers: self.core.count() }))
            }
            // That it answers is all there is to say: it needs nothing but itself.
            ("GET" | "HEAD", "/livez" | "/readyz") => (200, r#"{"status":"ok"}"#.to_owned()),
            ("POST", "/register") => match body::register(text) {
                Ok(register) => {
                    self.core.register(now, register);
                    accepted()
                }
                Err(error) => refused(400, &error.to_string()),
            },
            ("POST", path) if path.starts_with(HEARTBEAT) => {
                let id = path.strip_prefix(HEARTBEAT).unwrap_or_default();
                self.heartbeat(now, id, text)
            }
            (_, "/rovers" | "/health" | "/livez" | "/readyz") => refused(405, "Only GET is answered here."),
            (_, path) if path == "/register" || path.starts_with(HEARTBEAT) => {
                refused(405, "Only POST is answered here.")
            }
            _ => refused(404, "Nothing is here: ask for /rovers or /health."),
        }
    }

    fn heartbeat(&mut self, now: Timestamp, id: &str, text: &str) -> (u16, String) {
        match body::heartbeat(text) {
            Ok(state) if self.core.heartbeat(now, id, &state) => accepted(),
            // What it says can't be used, but it lives.
            Err(error) if self.core.heartbeat(now, id, &Heartbeat::default()) => {
                refused(400, &error.to_string())
            }
            // Whatever it said: registering again is what it must do.
            _ => refused(404, UNKNOWN),
        }
    }

    fn rovers(&mut self) -> String {
        let list = self.list();
        let rovers = list.strip_prefix(LIST_HEAD).and_then(|rest| rest.strip_suffix(LIST_TAIL));
        format!("[{}]", rovers.unwrap_or_default())
    }
}

fn accepted() -> (u16, String) {
    (200, json(&Accepted { ok: true }))
}

fn refused(status: u16, sentence: &str) -> (u16, String) {
    (status, json(&Refused { error: sentence.to_owned() }))
}
