//! Broadcast ephemerides as records of a RINEX 3.04 navigation file (tables A6 to A14 there).

use std::collections::BTreeMap;
use std::f64::consts::PI;

use crate::decode::{
    SatelliteId,
    rtcm::{
        BeidouEphemeris, Clock, Ephemeris, EphemerisFields, GalileoFnavEphemeris, GalileoInavEphemeris,
        GlonassEphemeris, GpsEphemeris, Orbit,
    },
};

use super::{
    text::scientific,
    time::{BEIDOU_WEEK, Civil, GALILEO_WEEK, GPS_AHEAD_OF_BEIDOU_S, GpsTime},
};

/// Records kept, about 60 MB of text: a week of all systems has some 50,000. Those over it are counted and left out.
pub const MAX_RECORDS: usize = 100_000;

/// A field that says nothing about the time of transmission.
const UNKNOWN_TIME: f64 = 0.9999e9;
/// A record's data lines begin behind so many blanks.
const INDENT: &str = "    ";

/// What tells records apart: reference time, satellite, which message, its issue.
type Key = (GpsTime, SatelliteId, u8, u16);

/// The ephemerides of a capture, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Navigation {
    records: BTreeMap<Key, String>,
    left_out: u64,
}

impl Navigation {
    /// Takes an ephemeris that came at a time (or within hours of it).
    pub(super) fn add(&mut self, ephemeris: &Ephemeris, now: GpsTime) {
        let id = ephemeris.satellite;
        let Some((reference, kind, text)) = record(ephemeris, now).filter(|_| (1..100).contains(&id.number))
        else {
            self.left_out += 1;
            return;
        };
        let key = (reference, id, kind, ephemeris.issue.unwrap_or_default());
        if self.records.len() < MAX_RECORDS {
            self.records.entry(key).or_insert(text);
        } else if !self.records.contains_key(&key) {
            self.left_out += 1;
        }
    }

    /// Records in the order of their reference times.
    pub(super) fn records(&self) -> impl Iterator<Item = &str> {
        self.records.values().map(String::as_str)
    }

    pub(super) fn satellites(&self) -> impl Iterator<Item = SatelliteId> {
        self.records.keys().map(|(_, id, ..)| *id)
    }

    /// The earliest reference time.
    pub(super) fn first(&self) -> Option<GpsTime> {
        self.records.keys().next().map(|(time, ..)| *time)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Ephemerides of no satellite, and those over [`MAX_RECORDS`].
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

fn record(ephemeris: &Ephemeris, now: GpsTime) -> Option<(GpsTime, u8, String)> {
    let (id, week) = (ephemeris.satellite, ephemeris.week.map(i64::from));
    let issue = f64::from(ephemeris.issue.unwrap_or_default());
    Some(match &ephemeris.fields {
        EphemerisFields::Gps(fields) => {
            let week = now.nearest_week(week?, 1024);
            (GpsTime::of_week(week, fields.orbit.toe_s.into()), 0, gps(id, week, issue, fields, now))
        }
        EphemerisFields::Glonass(fields) => {
            let time = now.nearest_of_moscow(None, ephemeris.reference_time_s.into());
            (time, 1, glonass(id, time, fields, now))
        }
        EphemerisFields::GalileoFnav(fields) => {
            let week = week? + GALILEO_WEEK;
            (GpsTime::of_week(week, fields.orbit.toe_s.into()), 2, fnav(id, week, issue, fields, now))
        }
        EphemerisFields::GalileoInav(fields) => {
            let week = week? + GALILEO_WEEK;
            (GpsTime::of_week(week, fields.orbit.toe_s.into()), 3, inav(id, week, issue, fields, now))
        }
        EphemerisFields::Beidou(fields) => {
            let (week, behind_s) = (week?, GPS_AHEAD_OF_BEIDOU_S as f64);
            let toe = GpsTime::of_week(week + BEIDOU_WEEK, f64::from(fields.orbit.toe_s) + behind_s);
            (toe, 4, beidou(id, week, issue, fields, now.plus_s(-behind_s)))
        }
    })
}

fn gps(id: SatelliteId, week: i64, iode: f64, fields: &GpsEphemeris, now: GpsTime) -> String {
    let mut record = Record::of_clock(id, week, &fields.clock, fields.orbit.toe_s);
    record.orbit(iode, &fields.orbit);
    record.line([
        fields.idot_semicircles_per_s * PI,
        fields.code_on_l2.into(),
        week as f64,
        f64::from(u8::from(fields.l2_p_data_off)),
    ]);
    record.line([gps_accuracy_m(fields.ura_index), fields.health.into(), fields.tgd_s, fields.iodc.into()]);
    let fit_h = if fields.long_fit_interval { 6.0 } else { 4.0 };
    record.line([transmitted_s(now, week), fit_h]);
    record.text
}

fn inav(id: SatelliteId, week: i64, iodnav: f64, fields: &GalileoInavEphemeris, now: GpsTime) -> String {
    let mut record = Record::of_clock(id, week, &fields.clock, fields.orbit.toe_s);
    record.orbit(iodnav, &fields.orbit);
    // From E1-B and E5b-I; the clock is E5b's and E1's.
    const SOURCES: u16 = 1 | 1 << 2 | 1 << 9;
    record.line([fields.idot_semicircles_per_s * PI, SOURCES.into(), week as f64]);
    let health = u16::from(fields.e1b_data_invalid)
        | u16::from(fields.e1b_health) << 1
        | u16::from(fields.e5b_data_invalid) << 6
        | u16::from(fields.e5b_health) << 7;
    record.line([galileo_accuracy_m(fields.sisa_index), health.into(), fields.bgd_e5a_s, fields.bgd_e5b_s]);
    record.line([transmitted_s(now, week)]);
    record.text
}

fn fnav(id: SatelliteId, week: i64, iodnav: f64, fields: &GalileoFnavEphemeris, now: GpsTime) -> String {
    let mut record = Record::of_clock(id, week, &fields.clock, fields.orbit.toe_s);
    record.orbit(iodnav, &fields.orbit);
    // From E5a-I; the clock is E5a's and E1's.
    const SOURCES: u16 = 1 << 1 | 1 << 8;
    record.line([fields.idot_semicircles_per_s * PI, SOURCES.into(), week as f64]);
    let health = u16::from(fields.e5a_data_invalid) << 3 | u16::from(fields.e5a_health) << 4;
    record.line([galileo_accuracy_m(fields.sisa_index), health.into(), fields.bgd_e5a_s, 0.0]);
    record.line([transmitted_s(now, week)]);
    record.text
}

/// In BeiDou's weeks and time throughout; `now` too.
fn beidou(id: SatelliteId, week: i64, aode: f64, fields: &BeidouEphemeris, now: GpsTime) -> String {
    let mut record = Record::of_clock(id, week + BEIDOU_WEEK, &fields.clock, fields.orbit.toe_s);
    record.orbit(aode, &fields.orbit);
    record.line([fields.idot_semicircles_per_s * PI, 0.0, week as f64]);
    let unhealthy = f64::from(u8::from(fields.unhealthy));
    record.line([gps_accuracy_m(fields.ura_index), unhealthy, fields.tgd1_s, fields.tgd2_s]);
    record.line([transmitted_s(now, week + BEIDOU_WEEK), fields.aodc.into()]);
    record.text
}

fn glonass(id: SatelliteId, tb: GpsTime, fields: &GlonassEphemeris, now: GpsTime) -> String {
    let mut record = Record::begin(id, tb.utc());
    // The frame's beginning on the Moscow day, as seconds of the UTC week that Sunday begins.
    let frame = now.nearest_of_moscow(None, fields.tk_s.into());
    let frame = frame.plus_s(-(frame.leap_seconds() as f64));
    record.put([-fields.tau_n_s, fields.gamma_n, frame.seconds_of_week(frame.week())]);
    let ([x, y, z], [dx, dy, dz]) = (fields.position_km, fields.velocity_km_per_s);
    let [ddx, ddy, ddz] = fields.acceleration_km_per_s2;
    let health = fields.bn_unhealthy || (fields.m_satellite_type == 1 && fields.m_ln_third_unhealthy);
    record.line([x, dx, ddx, f64::from(u8::from(health))]);
    record.line([y, dy, ddy, fields.frequency_channel.into()]);
    record.line([z, dz, ddz, fields.en_days.into()]);
    record.text
}

/// Seconds of the ephemeris's week, which may be the week before or after.
fn transmitted_s(now: GpsTime, week: i64) -> f64 {
    let seconds = now.seconds_of_week(week).floor();
    if (-604_800.0..1_209_600.0).contains(&seconds) { seconds } else { UNKNOWN_TIME }
}

/// URA in metres: IS-GPS-200, 20.3.3.3.1.3; BeiDou's URAI alike (BDS-SIS-ICD B1I, 5.2.4.5).
fn gps_accuracy_m(index: u8) -> f64 {
    match index {
        1 => 2.8,
        3 => 5.7,
        5 => 11.3,
        0..=6 => f64::from(1u16 << (1 + index / 2)),
        7..=14 => f64::from(1u16 << (index - 2)),
        _ => 8192.0,
    }
}

/// SISA in metres: Galileo OS-SIS-ICD, 5.1.12; −1 where there is no prediction.
fn galileo_accuracy_m(index: u8) -> f64 {
    let index_m = f64::from(index);
    match index {
        0..=49 => index_m * 0.01,
        50..=74 => 0.5 + (index_m - 50.0) * 0.02,
        75..=99 => 1.0 + (index_m - 75.0) * 0.04,
        100..=125 => 2.0 + (index_m - 100.0) * 0.16,
        _ => -1.0,
    }
}

/// A record's lines.
struct Record {
    text: String,
}

impl Record {
    /// Satellite and epoch; three fields follow on the line.
    fn begin(id: SatelliteId, at: Civil) -> Self {
        let Civil { year, month, day, hour, minute, second, .. } = at;
        Self { text: format!("{id} {year:04} {month:02} {day:02} {hour:02} {minute:02} {second:02}") }
    }

    /// Satellite and clock; toc is the one nearest to toe, which the week is of.
    fn of_clock(id: SatelliteId, week: i64, clock: &Clock, toe_s: u32) -> Self {
        let toc = GpsTime::of_week(week, toe_s.into()).nearest_of_week(clock.toc_s.into());
        let mut record = Self::begin(id, toc.civil());
        record.put([clock.af0_s, clock.af1_s_per_s, clock.af2_s_per_s2]);
        record
    }

    /// The four lines of a Kepler orbit.
    fn orbit(&mut self, issue: f64, orbit: &Orbit) {
        self.line([issue, orbit.crs_m, orbit.delta_n_semicircles_per_s * PI, orbit.m0_semicircles * PI]);
        self.line([orbit.cuc_rad, orbit.eccentricity, orbit.cus_rad, orbit.sqrt_a_sqrt_m]);
        self.line([orbit.toe_s.into(), orbit.cic_rad, orbit.omega0_semicircles * PI, orbit.cis_rad]);
        self.line([
            orbit.i0_semicircles * PI,
            orbit.crc_m,
            orbit.omega_semicircles * PI,
            orbit.omega_dot_semicircles_per_s * PI,
        ]);
    }

    fn line<const N: usize>(&mut self, values: [f64; N]) {
        self.text.push_str(INDENT);
        self.put(values);
    }

    fn put<const N: usize>(&mut self, values: [f64; N]) {
        for value in values {
            scientific(&mut self.text, value);
        }
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_by_their_index() {
        let gps = [0, 1, 2, 3, 6, 7, 14, 15].map(gps_accuracy_m);
        assert_eq!(gps, [2.0, 2.8, 4.0, 5.7, 16.0, 32.0, 4096.0, 8192.0]);
        let galileo = [0, 49, 50, 75, 107, 125, 126, 255].map(galileo_accuracy_m);
        assert_eq!(galileo, [0.0, 0.49, 0.5, 1.0, 3.12, 6.0, -1.0, -1.0]);
    }
}
