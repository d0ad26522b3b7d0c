//! `record.json`: what a run found, for programs; and `series.json`: what its pictures are drawn from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::Limit;
use super::quarantine::Quarantine;
use super::{Unit, Verdict};

/// The form of a record; raised when a field changes its meaning. New fields don't raise it.
pub const FORM: u32 = 1;

/// Points of a series that are kept; more are thinned evenly.
pub const MAX_POINTS: usize = 2000;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORM`].
    pub form: u32,
    /// The depot's version.
    pub version: String,
    /// The machine's name.
    pub station: String,
    /// Of the repository the bench was started in; none outside one.
    pub git_revision: Option<String>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Seconds.
    pub took_s: f64,
    /// The gravest that counts: what is in quarantine doesn't.
    pub verdict: Verdict,
    /// Why the run as a whole came to nothing.
    pub error: Option<String>,
    /// What was measured; none if it didn't come to that.
    pub receiver: Option<ReceiverRecord>,
    /// In the order they ran.
    pub cases: Vec<CaseRecord>,
    /// File names of the evidence beside this one.
    pub files: Vec<String>,
}

/// What was on the port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiverRecord {
    /// As given or found, a name that stays where there is one.
    pub port: String,
    /// The bench's own virtual receiver.
    pub twin: bool,
    /// `ZED-F9P`
    pub model: String,
    /// `HPG 1.32`
    pub firmware: String,
    /// Protocol version.
    pub protocol: Option<String>,
    /// SEC-UNIQID in hexadecimal; none if it doesn't say.
    pub chip_id: Option<String>,
    /// Bits per second; none on the receiver's own USB.
    pub baud: Option<u32>,
    /// RTCM station id (DF003); none until a message with one came.
    pub station_id: Option<u16>,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Its name.
    pub name: String,
    /// What its measurements and limits make of it.
    pub verdict: Verdict,
    /// Why it was skipped, or what went wrong.
    pub reason: Option<String>,
    /// What went wrong at the first try of a case that was tried twice.
    pub first_error: Option<String>,
    /// Seconds, both tries together.
    pub took_s: f64,
    /// In the case's order.
    pub measurements: Vec<Measurement>,
    /// Its failure is known and doesn't count.
    pub quarantine: Option<Quarantine>,
}

impl CaseRecord {
    /// What it adds to the run's verdict.
    #[must_use]
    pub fn counts(&self) -> Verdict {
        match self.quarantine {
            Some(_) => Verdict::Skip,
            None => self.verdict,
        }
    }
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// `interval_p99`
    pub name: String,
    /// `1077`; none where it is of the whole.
    pub of: Option<String>,
    /// In `unit`.
    pub value: f64,
    /// Of the value.
    pub unit: Unit,
    /// What it was held against; none where it is told for information.
    pub limit: Option<Limit>,
    /// What the limit makes of it.
    pub verdict: Verdict,
}

impl Measurement {
    /// `interval_p99/1077`
    #[must_use]
    pub fn key(&self) -> String {
        match &self.of {
            Some(of) => format!("{}/{of}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What the pictures show. Each list is bounded by [`MAX_POINTS`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// The last sky.
    pub sky: Vec<SkyPoint>,
    /// C/N0 by band, dB-Hz.
    pub cn0_dbhz: BTreeMap<String, Vec<f64>>,
    /// East and north, metres; from the known point, or else from their mean.
    pub positions_m: Vec<[f64; 2]>,
    /// What `positions_m` is relative to.
    pub positions_from: String,
    /// For each survey-in: seconds since its start, and its accuracy in metres.
    pub surveys: Vec<Vec<[f64; 2]>>,
    /// By message number: when each came, seconds.
    pub rtcm_s: BTreeMap<u16, Vec<f64>>,
    /// By way (`WebSocket`, `NTRIP`): milliseconds.
    pub latency_ms: BTreeMap<String, Vec<f64>>,
    /// Seconds since the soak's start, memory in KiB, open descriptors.
    pub soak: Vec<[f64; 3]>,
}

/// A satellite on the sky.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkyPoint {
    /// `G05`
    pub name: String,
    /// Degrees.
    pub elevation_deg: f64,
    /// Degrees from north, clockwise.
    pub azimuth_deg: f64,
    /// dB-Hz; 0 not tracked.
    pub cn0_dbhz: f64,
    /// In the solution.
    pub used: bool,
}
