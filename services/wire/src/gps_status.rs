//! gps-status: `GET /status`, `GET /health` and the frames of `/ws`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The frame consoles get on connect and on each change: `{"type":"gps_status","data":status}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "gps_status")]
pub struct GpsStatusFrame {
    /// The whole status, never a part of it.
    pub data: GpsStatus,
}

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Always `ok`: the service answers.
    pub status: String,
    /// As in [`GpsStatus::connected`].
    pub connected: bool,
    /// As in [`GpsStatus::fix_quality`].
    pub fix: FixQuality,
}

/// What the receiver is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It makes corrections: fixed, surveying in, or sending an ARP.
    Base,
    /// It uses corrections.
    Rover,
    /// It hasn't said.
    #[default]
    Unknown,
}

/// After NMEA 0183 GGA field 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixQuality {
    /// 0, and whenever nothing was heard for 3 s.
    #[default]
    NoFix,
    /// 1
    Gps,
    /// 2
    Dgps,
    /// 3
    Pps,
    /// 4
    RtkFixed,
    /// 5
    RtkFloat,
    /// 6
    Estimated,
    /// 7
    Manual,
    /// 8
    Simulation,
}

/// The whole status. The first block is the contract of the field; the rest are additions old consoles ignore.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpsStatus {
    /// The receiver's bytes can arrive: port open, feed up, capture playing.
    pub connected: bool,
    /// Told from what the receiver says it is.
    pub mode: Mode,
    /// See [`FixQuality`].
    pub fix_quality: FixQuality,
    /// Used in the solution.
    pub satellites: u32,
    /// Degrees, WGS 84, north positive; null without a fix.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84, east positive; null without a fix.
    pub longitude: Option<f64>,
    /// Metres above mean sea level; null without a fix.
    pub altitude: Option<f64>,
    /// Horizontal dilution of precision; null without a fix.
    pub hdop: Option<f64>,
    /// Null until the receiver sends UBX-NAV-SVIN.
    pub survey_in: Option<SurveyIn>,
    /// By message number, ascending; at most 64, further types are only counted in [`Errors::other_rtcm`].
    pub rtcm_messages: Vec<RtcmMessage>,
    /// Connected NTRIP clients; null while no caster runs.
    pub clients: Option<u32>,
    /// Unix milliseconds of the newest data from the receiver; before any, of the first time the service was
    /// asked or told something.
    pub last_update: u64,

    /// By constellation, then number; at most 128.
    #[serde(default)]
    pub satellites_in_view: Vec<Satellite>,
    /// The station the corrections speak for (RTCM 1005/1006).
    pub station: Option<Station>,
    /// From UBX-MON-VER.
    pub receiver: Option<Receiver>,
    /// From UBX-MON-RF, one per RF block.
    #[serde(default)]
    pub antennas: Vec<Antenna>,
    /// What was received and could not be used, since the service's start.
    #[serde(default)]
    pub errors: Errors,
    /// The line the bytes come over; null while not connected.
    pub line: Option<Line>,
    /// What the NTRIP caster tells besides [`clients`](Self::clients); left out while none runs.
    #[serde(flatten)]
    pub caster: Option<Caster>,
}

/// What an NTRIP caster tells of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Caster {
    /// Those that have been there longest, at most 32.
    pub ntrip_clients: Vec<NtripClient>,
    /// Whether corrections go out.
    pub corrections: Corrections,
    /// Outside casters that corrections are pushed to.
    pub pushes: Vec<Push>,
}

/// One client of the caster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NtripClient {
    /// What it asked for.
    pub mountpoint: String,
    /// Null where nobody is asked.
    pub user: Option<String>,
    /// Address and port.
    pub address: String,
    /// As sent; null if it wasn't.
    pub user_agent: Option<String>,
    /// Unix milliseconds.
    pub connected_since: u64,
    /// Of corrections, sent to it.
    pub bytes: u64,
    /// Degrees, WGS 84; null until it told a position.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84.
    pub longitude: Option<f64>,
    /// GGA field 6, as a number; null until it sent a GGA.
    pub fix_quality: Option<u8>,
    /// Age of the corrections it uses, seconds; null where it doesn't say.
    pub correction_age: Option<f64>,
    /// Unix milliseconds of its last GGA.
    pub last_gga: Option<u64>,
}

/// Whether corrections go out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Corrections {
    /// They do.
    pub serving: bool,
    /// Null while they do; otherwise `receiver_gone`, `survey_in`, `no_position`, or `moved`, which is an alarm.
    pub reason: Option<String>,
    /// The same in one sentence for a person.
    pub message: String,
    /// Unix milliseconds since when it is so.
    pub since: u64,
    /// Clients that were cut because they were too slow, since the start.
    pub slow_clients: u64,
    /// Connections that got no stream, since the start.
    pub refused: u64,
    /// Connections to the raw stream.
    pub raw_clients: u32,
}

/// One outside caster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// Without the password.
    pub target: String,
    /// It takes the stream.
    pub connected: bool,
    /// Why not, for a person.
    pub error: Option<String>,
    /// Unix milliseconds since when it is so.
    pub since: u64,
    /// Sent to it since the start.
    pub bytes: u64,
}

/// UBX-NAV-SVIN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SurveyIn {
    /// In progress.
    pub active: bool,
    /// Its result is in use.
    pub valid: bool,
    /// Seconds of observation so far.
    pub duration: u32,
    /// Mean 3D accuracy, metres.
    pub accuracy: f64,
    /// Positions used so far.
    #[serde(default)]
    pub observations: u32,
}

/// One RTCM 3 message type of the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtcmMessage {
    /// Message number (DF002).
    #[serde(rename = "type")]
    pub number: u16,
    /// Since the service's start.
    pub count: u64,
    /// Unix milliseconds.
    pub last_seen: u64,
    /// Mean of the last intervals (at most 32), milliseconds; null before the second message.
    pub interval_ms: Option<f64>,
    /// Standard deviation of the same intervals, milliseconds; null before the third message.
    pub jitter_ms: Option<f64>,
}

/// One satellite in view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Satellite {
    /// `gps`, `glonass`, `galileo`, `beidou`, `qzss`, `sbas`, `navic`.
    pub constellation: Cow<'static, str>,
    /// Number within its constellation: PRN, slot; as RINEX counts (QZSS from 1, SBAS PRN − 100).
    pub number: u16,
    /// Degrees above the horizon.
    pub elevation_deg: Option<f64>,
    /// Degrees from north, clockwise.
    pub azimuth_deg: Option<f64>,
    /// Used in the solution; null where the receiver doesn't say.
    pub used: Option<bool>,
    /// By band: `L1`, `L2`, `L5`, `E5b`, `B2I`…, ascending.
    pub signals: Vec<Signal>,
}

/// One signal of a satellite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// RINEX-like band name: `L1`, `L2`, `L5`, `E1`, `E5a`, `E5b`, `B1`, `B2`…
    pub band: Cow<'static, str>,
    /// Carrier to noise density, dB-Hz.
    pub cn0_dbhz: f64,
}

/// RTCM 1005 or 1006: the antenna reference point (ARP).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Station {
    /// Reference station id (DF003).
    pub id: u16,
    /// Metres, earth centred, earth fixed (ITRF): x, y, z.
    pub ecef_m: [f64; 3],
    /// Degrees, WGS 84.
    pub latitude: f64,
    /// Degrees, WGS 84.
    pub longitude: f64,
    /// Metres above the WGS 84 ellipsoid.
    pub ellipsoidal_height_m: f64,
    /// Metres from marker to ARP; null from a 1005.
    pub antenna_height_m: Option<f64>,
}

/// UBX-MON-VER.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receiver {
    /// `ZED-F9P`; null where the receiver doesn't say.
    pub model: Option<String>,
    /// `HPG 1.32`.
    pub firmware: Option<String>,
    /// Protocol version, `27.31`.
    pub protocol: Option<String>,
    /// The software version string as sent.
    pub software: String,
    /// The hardware version string as sent.
    pub hardware: String,
}

/// UBX-MON-RF, one RF block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Antenna {
    /// RF block id: 0 is L1, 1 is L2 or L5.
    pub block: u8,
    /// `init`, `unknown`, `ok`, `short`, `open`.
    pub state: Cow<'static, str>,
    /// `off`, `on`, `unknown`.
    pub power: Cow<'static, str>,
    /// 0 (none) to 255 (strong).
    pub jamming: u8,
}

/// Counts since the service's start.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Errors {
    /// Frames whose checksum was wrong, and NMEA lines without one.
    pub bad_checksum: u64,
    /// Frames that were begun and never ended, or were given up.
    pub false_start: u64,
    /// Frames that claimed more than their protocol allows.
    pub oversize: u64,
    /// Bytes in no good frame.
    pub noise_bytes: u64,
    /// Good frames whose content could not be decoded.
    pub undecodable: u64,
    /// Times the receiver was lost (unplugged, link down).
    pub disconnects: u64,
    /// Times nothing was heard for 3 s while connected.
    pub silences: u64,
    /// RTCM messages of types beyond those listed in [`GpsStatus::rtcm_messages`].
    pub other_rtcm: u64,
}

/// The line the bytes come over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Device, host or file.
    pub device: String,
    /// Bits per second; null where the source has none.
    pub baud: Option<u32>,
    /// Over the last ten seconds.
    pub bytes_per_second: f64,
    /// Share of the baud rate (ten bits a byte), 0 to 1; null without a baud rate.
    pub load: Option<f64>,
}
