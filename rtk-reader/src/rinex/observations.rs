//! RINEX 3.04 observation files: header (table A2 there) and epochs (table A3).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::decode::{Constellation, SatelliteId};

use super::{
    VERSION,
    epochs::{Epoch, Observation},
    survey::{Contents, Labels},
    text::{header_line, made_by, plain},
    time::{Civil, GpsTime},
};

/// Observation types on a header line.
const TYPES_PER_LINE: usize = 13;
/// GLONASS satellites on a header line.
const SLOTS_PER_LINE: usize = 8;

/// What is measured of a signal, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Pseudorange,
    Phase,
    Doppler,
    Strength,
}

const KINDS: [Kind; 4] = [Kind::Pseudorange, Kind::Phase, Kind::Doppler, Kind::Strength];

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Pseudorange => 'C',
            Self::Phase => 'L',
            Self::Doppler => 'D',
            Self::Strength => 'S',
        }
    }

    fn of(self, observation: &Observation) -> Option<f64> {
        match self {
            Self::Pseudorange => observation.pseudorange_m,
            Self::Phase => observation.phase_cycles,
            Self::Doppler => observation.doppler_hz,
            Self::Strength => observation.cn0_dbhz,
        }
    }
}

/// The columns of each system: at most four for each code of the tables.
pub(super) type Types = BTreeMap<Constellation, BTreeSet<(&'static str, Kind)>>;

/// Adds the columns an epoch needs.
pub(super) fn collect(types: &mut Types, epoch: &Epoch) {
    for (id, observations) in &epoch.satellites {
        let columns = types.entry(id.constellation).or_default();
        for observation in observations {
            let there = KINDS.into_iter().filter(|kind| kind.of(observation).is_some());
            columns.extend(there.map(|kind| (observation.code, kind)));
        }
    }
}

/// An epoch's lines; none if nothing was measured.
pub(super) fn write_epoch(out: &mut String, types: &Types, epoch: &Epoch) {
    let satellites = epoch.satellites.iter().filter(|(_, observations)| !observations.is_empty());
    let count = satellites.clone().count();
    if count == 0 {
        return;
    }
    let Civil { year, month, day, hour, minute, second, ticks, .. } = epoch.time.civil();
    // Writing to a String can't fail, here and below.
    let _ = writeln!(
        out,
        "> {year:04} {month:02} {day:02} {hour:02} {minute:02} {second:2}.{ticks:07}  0{count:3}"
    );
    for (id, observations) in satellites {
        write_satellite(out, types, *id, observations);
    }
}

fn write_satellite(out: &mut String, types: &Types, id: SatelliteId, observations: &[Observation]) {
    let _ = write!(out, "{id}");
    for (code, kind) in types.get(&id.constellation).into_iter().flatten() {
        let observation = observations.iter().find(|observation| observation.code == *code);
        let Some((observation, value)) = observation.and_then(|o| Some((o, kind.of(o)?))) else {
            out.push_str("                ");
            continue;
        };
        let _ = write!(out, "{value:14.3}");
        if *kind == Kind::Phase {
            let lost = char::from(b'0' + (observation.loss_of_lock & 7));
            out.push(if lost == '0' { ' ' } else { lost });
            out.push(observation.cn0_dbhz.map_or(' ', strength_digit));
        } else {
            out.push_str("  ");
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// RINEX 3.04, section 5.7: 6 dB-Hz to a digit, 1 the weakest and 9 the strongest.
fn strength_digit(cn0_dbhz: f64) -> char {
    char::from(b'0' + (cn0_dbhz / 6.0).clamp(1.0, 9.0) as u8)
}

/// The header.
pub(super) fn header(contents: &Contents, labels: &Labels) -> String {
    let mut out = String::new();
    let Some(observed) = &contents.observed else { return out };
    let of = super::name::system(observed.types.keys().copied());
    header_line(
        &mut out,
        &format!("{VERSION:>9}{:11}{:<20}{of:<20}", "", "OBSERVATION DATA"),
        "RINEX VERSION / TYPE",
    );
    made_by(&mut out, &labels.program, labels.made_at);
    for comment in contents.comments() {
        header_line(&mut out, &plain(&comment, 60), "COMMENT");
    }
    header_line(&mut out, &plain(&labels.marker, 60), "MARKER NAME");
    // No more is known than that it isn't a geodetic marker anybody registered.
    header_line(&mut out, "NON_GEODETIC", "MARKER TYPE");
    header_line(&mut out, "", "OBSERVER / AGENCY");
    equipment(&mut out, contents);
    let [x, y, z] = contents.position_m.unwrap_or_default();
    header_line(&mut out, &format!("{x:14.4}{y:14.4}{z:14.4}"), "APPROX POSITION XYZ");
    let height_m = contents.antenna_height_m.unwrap_or_default();
    header_line(&mut out, &format!("{height_m:14.4}{:14.4}{:14.4}", 0.0, 0.0), "ANTENNA: DELTA H/E/N");
    for (system, columns) in &observed.types {
        type_lines(&mut out, system.letter(), columns);
    }
    header_line(&mut out, "DBHZ", "SIGNAL STRENGTH UNIT");
    if let Some(interval_s) = observed.interval_s {
        header_line(&mut out, &format!("{interval_s:10.3}"), "INTERVAL");
    }
    header_line(&mut out, &instant(observed.first), "TIME OF FIRST OBS");
    header_line(&mut out, &instant(observed.last), "TIME OF LAST OBS");
    phase_shifts(&mut out, &observed.types);
    if observed.types.contains_key(&Constellation::Glonass) {
        slots(&mut out, &observed.channels);
        // Not known is said by blanks.
        header_line(&mut out, " C1C          C1P          C2C          C2P", "GLONASS COD/PHS/BIS");
    }
    header_line(&mut out, &format!("{:6}", observed.first.leap_seconds()), "LEAP SECONDS");
    header_line(&mut out, "", "END OF HEADER");
    out
}

fn equipment(out: &mut String, contents: &Contents) {
    let three =
        |[a, b, c]: [&str; 3]| format!("{:<20}{:<20}{:<20}", plain(a, 20), plain(b, 20), plain(c, 20));
    let e = &contents.equipment;
    header_line(out, &three([&e.receiver_serial, &e.receiver, &e.firmware]), "REC # / TYPE / VERS");
    header_line(out, &three([&e.antenna_serial, &e.antenna, ""]), "ANT # / TYPE");
}

fn type_lines(out: &mut String, system: char, columns: &BTreeSet<(&'static str, Kind)>) {
    let names: Vec<String> = columns.iter().map(|(code, kind)| format!(" {}{code}", kind.letter())).collect();
    for (i, names) in names.chunks(TYPES_PER_LINE).enumerate() {
        let start = if i == 0 { format!("{system}  {:3}", columns.len()) } else { " ".repeat(6) };
        header_line(out, &(start + &names.concat()), "SYS / # / OBS TYPES");
    }
}

/// MSM's phases are aligned to a reference signal of each band by their sender (RTCM 10403.3, 3.5.16), u-blox's
/// are as measured; nothing is shifted here.
fn phase_shifts(out: &mut String, types: &Types) {
    for (system, columns) in types {
        for (code, _) in columns.iter().filter(|(_, kind)| *kind == Kind::Phase) {
            header_line(out, &format!("{} L{code}  0.00000", system.letter()), "SYS / PHASE SHIFT");
        }
    }
}

fn slots(out: &mut String, channels: &BTreeMap<u16, i8>) {
    let slots: Vec<String> =
        channels.iter().map(|(number, channel)| format!(" R{number:02} {channel:2}")).collect();
    let count = format!("{:3}", slots.len());
    let mut lines: Vec<String> = slots.chunks(SLOTS_PER_LINE).map(<[String]>::concat).collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    for (i, line) in lines.iter().enumerate() {
        let start = if i == 0 { &count } else { "   " };
        header_line(out, &format!("{start}{line}"), "GLONASS SLOT / FRQ #");
    }
}

fn instant(at: GpsTime) -> String {
    let Civil { year, month, day, hour, minute, second, ticks, .. } = at.civil();
    format!("{year:6}{month:6}{day:6}{hour:6}{minute:6}{second:5}.{ticks:07}{:5}GPS", "")
}
