//! Position and its quality, from whatever the receiver sends of them.
//!
//! Every message that speaks of the fix is kept for 3 s, and each field of the status is taken from the
//! first that is there:
//!
//! | field | in this order |
//! |---|---|
//! | quality | GGA, GNS, NAV-PVT, NAV-STATUS, RMC, GLL, NAV-HPPOSLLH |
//! | position | NAV-HPPOSLLH, NAV-PVT, GGA, GNS, RMC, GLL: the finest first |
//! | satellites | NAV-PVT (strict NMEA stops at 12), GGA, GNS |
//! | HDOP | GGA, GNS, GSA (NAV-PVT has only PDOP) |
//!
//! Without a fix there is no position, whatever another message says.

use std::time::Duration;

use kit::machine::Timestamp;
use rtk_reader::decode::{Message, nmea, ubx};
use wire::gps_status::FixQuality;

/// How long a message holds.
pub const KEEP: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug)]
enum Source {
    Gga,
    Gns,
    Gsa,
    Rmc,
    Gll,
    NavPvt,
    NavStatus,
    NavHpposllh,
}

const SOURCES: usize = 8;
const QUALITY: [Source; 7] = [
    Source::Gga,
    Source::Gns,
    Source::NavPvt,
    Source::NavStatus,
    Source::Rmc,
    Source::Gll,
    Source::NavHpposllh,
];
const POSITION: [Source; 6] =
    [Source::NavHpposllh, Source::NavPvt, Source::Gga, Source::Gns, Source::Rmc, Source::Gll];
const SATELLITES: [Source; 3] = [Source::NavPvt, Source::Gga, Source::Gns];
const HDOP: [Source; 3] = [Source::Gga, Source::Gns, Source::Gsa];

/// What one message says of the fix.
#[derive(Clone, Copy, Debug, Default)]
struct Report {
    quality: Option<FixQuality>,
    position: Option<Position>,
    satellites: Option<u8>,
    hdop: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    latitude_deg: f64,
    longitude_deg: f64,
    altitude_m: Option<f64>,
}

/// What comes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Solution {
    /// After GGA field 6.
    pub quality: FixQuality,
    /// Used.
    pub satellites: u32,
    /// Degrees; none without a fix.
    pub latitude_deg: Option<f64>,
    /// Degrees; none without a fix.
    pub longitude_deg: Option<f64>,
    /// Metres above mean sea level; none without a fix.
    pub altitude_m: Option<f64>,
    /// None without a fix.
    pub hdop: Option<f64>,
}

/// The newest of every message that speaks of the fix.
#[derive(Debug, Default)]
pub struct Fix {
    reports: [Option<(Timestamp, Report)>; SOURCES],
}

impl Fix {
    /// Takes what a message says.
    pub fn observe(&mut self, now: Timestamp, message: &Message) {
        let told = match message {
            Message::Nmea(sentence) => from_nmea(&sentence.body),
            Message::Ubx(packet) => from_ubx(packet),
            Message::Rtcm(_) => None,
        };
        if let Some((source, report)) = told
            && let Some(slot) = self.reports.get_mut(source as usize)
        {
            *slot = Some((now, report));
        }
    }

    /// Forgets what is too old; whether anything was.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let mut expired = false;
        for slot in &mut self.reports {
            if slot.is_some_and(|(at, _)| at.saturating_add(KEEP) <= now) {
                *slot = None;
                expired = true;
            }
        }
        expired
    }

    /// When [`expire`](Self::expire) will have something to do.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.reports.iter().flatten().map(|(at, _)| at.saturating_add(KEEP)).min()
    }

    /// The receiver is gone, or silent.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What it comes to.
    pub fn solution(&self) -> Solution {
        let quality = self.first(&QUALITY, |r| r.quality).unwrap_or_default();
        let satellites = self.first(&SATELLITES, |r| r.satellites).unwrap_or_default().into();
        if quality == FixQuality::NoFix {
            return Solution { satellites, ..Solution::default() };
        }
        let position = self.first(&POSITION, |r| r.position);
        Solution {
            quality,
            satellites,
            latitude_deg: position.map(|p| p.latitude_deg),
            longitude_deg: position.map(|p| p.longitude_deg),
            altitude_m: position.and_then(|p| p.altitude_m),
            hdop: self.first(&HDOP, |r| r.hdop),
        }
    }

    fn first<T>(&self, order: &[Source], field: impl Fn(&Report) -> Option<T>) -> Option<T> {
        order.iter().find_map(|&source| field(&self.reports.get(source as usize)?.as_ref()?.1))
    }
}

fn from_nmea(body: &nmea::Body) -> Option<(Source, Report)> {
    Some(match body {
        nmea::Body::Gga(m) => {
            let report = Report {
                quality: Some(gga_quality(m.quality)),
                position: position(m.latitude_deg, m.longitude_deg, m.altitude_m),
                satellites: m.satellites_used,
                hdop: dilution(m.hdop),
            };
            (Source::Gga, report)
        }
        nmea::Body::Gns(m) => {
            let report = Report {
                quality: Some(best_mode(m.modes.as_str())),
                position: position(m.latitude_deg, m.longitude_deg, m.altitude_m),
                satellites: m.satellites_used,
                hdop: dilution(m.hdop),
            };
            (Source::Gns, report)
        }
        nmea::Body::Rmc(m) => {
            (Source::Rmc, minimum(m.valid, m.mode, position(m.latitude_deg, m.longitude_deg, None)))
        }
        nmea::Body::Gll(m) => {
            (Source::Gll, minimum(m.valid, m.mode, position(m.latitude_deg, m.longitude_deg, None)))
        }
        nmea::Body::Gsa(m) => (Source::Gsa, Report { hdop: dilution(m.hdop), ..Report::default() }),
        _ => return None,
    })
}

fn minimum(valid: bool, mode: Option<char>, position: Option<Position>) -> Report {
    let quality = match (valid, mode) {
        (false, _) => FixQuality::NoFix,
        (true, None) => FixQuality::Gps,
        (true, Some(mode)) => mode_quality(mode),
    };
    Report { quality: Some(quality), position, ..Report::default() }
}

fn from_ubx(packet: &ubx::Packet) -> Option<(Source, Report)> {
    Some(match packet {
        ubx::Packet::NavPvt(m) => {
            let quality = ubx_quality(m.fix_ok, m.fix_type, m.differential, m.carrier_solution);
            let here = position(Some(m.latitude_deg), Some(m.longitude_deg), Some(m.altitude_m));
            let report = Report {
                quality: Some(quality),
                position: here.filter(|_| quality != FixQuality::NoFix),
                satellites: Some(m.satellites_used),
                hdop: None,
            };
            (Source::NavPvt, report)
        }
        ubx::Packet::NavStatus(m) => {
            let quality = ubx_quality(m.fix_ok, m.fix_type, m.differential, m.carrier_solution);
            (Source::NavStatus, Report { quality: Some(quality), ..Report::default() })
        }
        ubx::Packet::NavHpposllh(m) => {
            let here = position(Some(m.latitude_deg), Some(m.longitude_deg), Some(m.altitude_m));
            let here = here.filter(|_| !m.invalid);
            let quality = here.map_or(FixQuality::NoFix, |_| FixQuality::Gps);
            let report = Report { quality: Some(quality), position: here, ..Report::default() };
            (Source::NavHpposllh, report)
        }
        _ => return None,
    })
}

/// NMEA 0183, GGA field 6; 9 is NovAtel's, for a fix with SBAS.
fn gga_quality(quality: u8) -> FixQuality {
    match quality {
        1 => FixQuality::Gps,
        2 | 9 => FixQuality::Dgps,
        3 => FixQuality::Pps,
        4 => FixQuality::RtkFixed,
        5 => FixQuality::RtkFloat,
        6 => FixQuality::Estimated,
        7 => FixQuality::Manual,
        8 => FixQuality::Simulation,
        _ => FixQuality::NoFix,
    }
}

/// NMEA 0183, the mode indicator of RMC, GLL and (one per system) GNS.
fn mode_quality(mode: char) -> FixQuality {
    match mode {
        'A' => FixQuality::Gps,
        'D' => FixQuality::Dgps,
        'P' => FixQuality::Pps,
        'R' => FixQuality::RtkFixed,
        'F' => FixQuality::RtkFloat,
        'E' => FixQuality::Estimated,
        'M' => FixQuality::Manual,
        'S' => FixQuality::Simulation,
        _ => FixQuality::NoFix,
    }
}

/// The solution is as good as its best system: one that is not used says `N`.
fn best_mode(modes: &str) -> FixQuality {
    let best = "RFPDAMES".chars().find(|&mode| modes.contains(mode));
    best.map_or(FixQuality::NoFix, mode_quality)
}

/// UBX has no field like GGA's. A time-only fix is that of a fixed base: its position is given, not
/// measured, which GGA calls manual input.
fn ubx_quality(fix_ok: bool, fix_type: u8, differential: bool, carrier_solution: u8) -> FixQuality {
    match (fix_ok, fix_type, carrier_solution) {
        (false, _, _) => FixQuality::NoFix,
        (true, 5, _) => FixQuality::Manual,
        (true, 1, _) => FixQuality::Estimated,
        (true, 2..=4, 2) => FixQuality::RtkFixed,
        (true, 2..=4, 1) => FixQuality::RtkFloat,
        (true, 2..=4, _) if differential => FixQuality::Dgps,
        (true, 2..=4, _) => FixQuality::Gps,
        _ => FixQuality::NoFix,
    }
}

fn position(
    latitude_deg: Option<f64>,
    longitude_deg: Option<f64>,
    altitude_m: Option<f64>,
) -> Option<Position> {
    let latitude_deg = latitude_deg.filter(|degrees| degrees.abs() <= 90.0)?;
    let longitude_deg = longitude_deg.filter(|degrees| degrees.abs() <= 180.0)?;
    Some(Position { latitude_deg, longitude_deg, altitude_m: altitude_m.filter(|m| m.is_finite()) })
}

fn dilution(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}
