//! What a caster tells of itself: the JSON that gps-status takes in.

use serde::Serialize;

/// Clients that are listed; all are counted.
pub const MAX_LISTED: usize = 32;

/// The state of a caster.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Connected clients that are sent a stream, or would be.
    pub clients: u32,
    /// The first [`MAX_LISTED`] of them by age.
    pub ntrip_clients: Vec<ClientReport>,
    /// Whether corrections go out.
    pub corrections: CorrectionsReport,
    /// Outside casters.
    pub pushes: Vec<PushReport>,
}

/// One client.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientReport {
    /// What it asked for.
    pub mountpoint: String,
    /// Null where nobody is asked.
    pub user: Option<String>,
    /// Address and port.
    pub address: String,
    /// As sent.
    pub user_agent: Option<String>,
    /// Milliseconds since the Unix epoch, on the process's time line.
    pub connected_since: u64,
    /// Of corrections, sent to it.
    pub bytes: u64,
    /// Degrees; null until it sent a GGA with a fix.
    pub latitude: Option<f64>,
    /// Degrees.
    pub longitude: Option<f64>,
    /// GGA field 6; null until it sent one.
    pub fix_quality: Option<u8>,
    /// Of the corrections it uses, seconds.
    pub correction_age: Option<f64>,
    /// When its last GGA came, like `connectedSince`.
    pub last_gga: Option<u64>,
}

/// Whether corrections go out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CorrectionsReport {
    /// They do.
    pub serving: bool,
    /// Null while they do; `receiver_gone`, `survey_in`, `no_position`, `moved`.
    pub reason: Option<&'static str>,
    /// One sentence for a person.
    pub message: String,
    /// Since when it is so, like `connectedSince`.
    pub since: u64,
    /// Clients that were cut because they were too slow.
    pub slow_clients: u64,
    /// Connections that got no stream: refused, wrong passwords, no request.
    pub refused: u64,
    /// Connections to the raw stream.
    pub raw_clients: u32,
}

/// One outside caster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushReport {
    /// Without the password.
    pub target: String,
    /// It takes the stream.
    pub connected: bool,
    /// Why not, for a person.
    pub error: Option<String>,
    /// Since when it is so.
    pub since: u64,
    /// Sent to it.
    pub bytes: u64,
}
