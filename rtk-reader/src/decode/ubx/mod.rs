//! UBX packets, after the u-blox F9 HPG 1.32 interface description (UBX-22008968). (Types; the decoding is
//! to be written, one class per file.)

use serde::Serialize;

use super::SatelliteId;

/// A decoded packet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
#[expect(missing_docs, reason = "each is its message; the fields are documented there")]
pub enum Packet {
    #[serde(rename = "NAV-PVT")]
    NavPvt(NavPvt),
    #[serde(rename = "NAV-SVIN")]
    NavSvin(NavSvin),
    #[serde(rename = "NAV-SAT")]
    NavSat(NavSat),
    #[serde(rename = "NAV-SIG")]
    NavSig(NavSig),
    #[serde(rename = "NAV-STATUS")]
    NavStatus(NavStatus),
    #[serde(rename = "NAV-HPPOSLLH")]
    NavHpposllh(NavHpposllh),
    #[serde(rename = "MON-VER")]
    MonVer(MonVer),
    #[serde(rename = "MON-RF")]
    MonRf(MonRf),
    #[serde(rename = "MON-COMMS")]
    MonComms(MonComms),
    #[serde(rename = "RXM-RTCM")]
    RxmRtcm(RxmRtcm),
    #[serde(rename = "ACK")]
    Ack(Ack),
    #[serde(rename = "CFG-VALGET")]
    CfgValget(CfgValget),
    /// A message we don't decode, or a poll (an empty payload).
    #[serde(rename = "unknown")]
    Unknown { name: String, class: u8, id: u8, length: usize },
    /// A message we do, whose payload contradicts its format.
    #[serde(rename = "malformed")]
    Malformed { name: String, class: u8, id: u8, reason: String },
}

/// Navigation position, velocity, time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavPvt {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// UTC.
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 60
    pub second: u8,
    /// Fraction of the second, nanoseconds, may be negative.
    pub nano: i32,
    /// Date is valid.
    pub date_valid: bool,
    /// Time of day is valid.
    pub time_valid: bool,
    /// 0 none, 1 dead reckoning, 2 2D, 3 3D, 4 combined, 5 time only.
    pub fix_type: u8,
    /// Within the accuracy limits (gnssFixOK).
    pub fix_ok: bool,
    /// Differential corrections applied.
    pub differential: bool,
    /// 0 none, 1 float, 2 fixed (carrSoln).
    pub carrier_solution: u8,
    /// Used.
    pub satellites_used: u8,
    /// Degrees.
    pub longitude_deg: f64,
    /// Degrees.
    pub latitude_deg: f64,
    /// Metres above the ellipsoid.
    pub height_m: f64,
    /// Metres above mean sea level.
    pub altitude_m: f64,
    /// Metres.
    pub horizontal_accuracy_m: f64,
    /// Metres.
    pub vertical_accuracy_m: f64,
    /// Metres per second over ground.
    pub ground_speed_mps: f64,
    /// Position dilution of precision.
    pub pdop: f64,
}

/// Survey-in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSvin {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// Seconds of observation.
    pub duration_s: u32,
    /// Mean position ECEF, metres: centimetres plus the high-precision parts of 0.1 mm.
    pub mean_ecef_m: [f64; 3],
    /// 3D, metres (sent in 0.1 mm).
    pub mean_accuracy_m: f64,
    /// Positions used.
    pub observations: u32,
    /// Result in use.
    pub valid: bool,
    /// In progress.
    pub active: bool,
}

/// Satellites.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSat {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// At most 255.
    pub satellites: Vec<NavSatSatellite>,
}

/// One satellite of NAV-SAT.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSatSatellite {
    /// Which; none for an unknown gnssId.
    pub id: Option<SatelliteId>,
    /// As sent.
    pub gnss_id: u8,
    /// As sent.
    pub sv_id: u8,
    /// dB-Hz; 0 not tracked.
    pub cn0_dbhz: u8,
    /// Degrees, -90 to 90; none if unknown.
    pub elevation_deg: Option<i8>,
    /// Degrees, 0 to 360; none if unknown.
    pub azimuth_deg: Option<i16>,
    /// Pseudorange residual, metres.
    pub residual_m: f64,
    /// 0 none … 7 code and carrier locked.
    pub quality: u8,
    /// In the navigation solution.
    pub used: bool,
    /// 0 unknown, 1 healthy, 2 unhealthy.
    pub health: u8,
}

/// Signals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSig {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// At most 255.
    pub signals: Vec<NavSigSignal>,
}

/// One signal of NAV-SIG.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSigSignal {
    /// Which satellite; none for an unknown gnssId.
    pub id: Option<SatelliteId>,
    /// As sent.
    pub gnss_id: u8,
    /// As sent.
    pub sv_id: u8,
    /// As sent.
    pub sig_id: u8,
    /// `L1`, `L2`, `E5b`…; none if unknown.
    pub band: Option<&'static str>,
    /// dB-Hz.
    pub cn0_dbhz: u8,
    /// Pseudorange residual, metres.
    pub residual_m: f64,
    /// 0 none … 7 code and carrier locked.
    pub quality: u8,
    /// Pseudorange used in the solution.
    pub used: bool,
}

/// Receiver navigation status.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavStatus {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// As in [`NavPvt::fix_type`].
    pub fix_type: u8,
    /// Within the accuracy limits.
    pub fix_ok: bool,
    /// Differential corrections applied.
    pub differential: bool,
    /// 0 none, 1 float, 2 fixed.
    pub carrier_solution: u8,
    /// 0 none, 1 indicated, 2 spoofing, 3 multiple.
    pub spoofing: u8,
    /// Time to first fix, milliseconds.
    pub ttff_ms: u32,
    /// Since start-up, milliseconds.
    pub uptime_ms: u32,
}

/// High precision position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavHpposllh {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// The position is invalid.
    pub invalid: bool,
    /// Degrees, 1e-9 resolution.
    pub longitude_deg: f64,
    /// Degrees, 1e-9 resolution.
    pub latitude_deg: f64,
    /// Metres above the ellipsoid, 0.1 mm resolution.
    pub height_m: f64,
    /// Metres above mean sea level.
    pub altitude_m: f64,
    /// Metres.
    pub horizontal_accuracy_m: f64,
    /// Metres.
    pub vertical_accuracy_m: f64,
}

/// Receiver and software version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonVer {
    /// `EXT CORE 1.00 (f10c36)`
    pub software: String,
    /// `00190000`
    pub hardware: String,
    /// `FWVER=HPG 1.32`, `PROTVER=27.31`, `MOD=ZED-F9P`…
    pub extensions: Vec<String>,
}

impl MonVer {
    /// The value of an extension, `MOD` → `ZED-F9P`.
    #[must_use]
    pub fn extension(&self, key: &str) -> Option<&str> {
        self.extensions.iter().find_map(|e| e.strip_prefix(key)?.strip_prefix('='))
    }
}

/// RF information.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonRf {
    /// One per RF block.
    pub blocks: Vec<MonRfBlock>,
}

/// One RF block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonRfBlock {
    /// 0 L1, 1 L2 or L5.
    pub block_id: u8,
    /// 0 unknown, 1 ok, 2 warning, 3 critical.
    pub jamming_state: u8,
    /// 0 init, 1 don't know, 2 ok, 3 short, 4 open.
    pub antenna_status: u8,
    /// 0 off, 1 on, 2 don't know.
    pub antenna_power: u8,
    /// Noise level.
    pub noise_per_ms: u16,
    /// AGC monitor, 0 to 8191.
    pub agc_count: u16,
    /// CW jamming, 0 to 255.
    pub jamming_indicator: u8,
}

/// Communication ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonComms {
    /// Transmit buffer: memory allocation error, buffer full.
    pub tx_errors: u8,
    /// One per port.
    pub ports: Vec<MonCommsPort>,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonCommsPort {
    /// As sent: 0x0100 UART1, 0x0201 UART2, 0x0300 USB…
    pub port_id: u16,
    /// Bytes waiting to be sent.
    pub tx_pending: u16,
    /// Bytes ever sent.
    pub tx_bytes: u32,
    /// Percent.
    pub tx_usage: u8,
    /// Percent.
    pub tx_peak_usage: u8,
    /// Bytes waiting to be read.
    pub rx_pending: u16,
    /// Bytes ever received.
    pub rx_bytes: u32,
    /// Percent.
    pub rx_usage: u8,
    /// Percent.
    pub rx_peak_usage: u8,
    /// Overruns (100 ms slots).
    pub overrun_errors: u16,
    /// Bytes skipped.
    pub skipped: u32,
}

/// RTCM input status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RxmRtcm {
    /// The message failed its CRC.
    pub crc_failed: bool,
    /// 0 unknown, 1 not used, 2 used.
    pub used: u8,
    /// 4072 subtype.
    pub subtype: u16,
    /// Reference station.
    pub station_id: u16,
    /// Message number.
    pub number: u16,
}

/// ACK-ACK or ACK-NAK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ack {
    /// ACK-ACK.
    pub acknowledged: bool,
    /// Of the message it answers.
    pub class: u8,
    /// Of the message it answers.
    pub id: u8,
}

/// Configuration items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CfgValget {
    /// 0 poll, 1 answer.
    pub version: u8,
    /// 0 RAM, 1 BBR, 2 flash, 7 default.
    pub layer: u8,
    /// Items skipped before the first.
    pub position: u16,
    /// At most 64; in a poll the values are absent.
    pub items: Vec<CfgItem>,
}

/// One key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CfgItem {
    /// Key id: bits 30..28 are the size.
    pub key: u32,
    /// Little-endian, zero-extended; none in a poll.
    pub value: Option<u64>,
}

/// Decodes a payload.
#[must_use]
pub fn decode(class: u8, id: u8, payload: &[u8]) -> Packet {
    Packet::Unknown { name: String::new(), class, id, length: payload.len() }
}
