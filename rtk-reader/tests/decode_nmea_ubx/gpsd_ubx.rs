//! UBX against gpsd: the satellites of NAV-SAT and NAV-SIG, the positions and times of NAV-PVT and
//! NAV-HPPOSLLH.

use std::collections::BTreeMap;

use rtk_reader::decode::{Message, ubx::Packet};
use serde_json::Value;

use crate::captures;

const FILES: [&str; 8] = [
    "gpsd/ublox-f9p-rtcm.log",
    "gpsd/ublox-neo-m8p.log",
    "gpsd/ublox-zed-f9p-hp.log",
    "gpsd/ublox-zed-f9p-rtk.log",
    "gpsd/ublox-zed-f9p-sfrbx.log",
    "gpsd/ublox-zed-f9r.log",
    "gpsd/ublox-zed-f9t-rtcm3.log",
    "gpsd/rtcm3.2.log",
];

/// gpsd's lines of a class.
pub fn class(lines: &[String], class: &str) -> Vec<Value> {
    let start = format!("{{\"class\":\"{class}\"");
    lines
        .iter()
        .filter(|line| line.starts_with(&start))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn packets(name: &str) -> Option<impl Iterator<Item = Packet>> {
    Some(captures::messages(&captures::read(name)?).into_iter().filter_map(|message| match message {
        Message::Ubx(packet) => Some(packet),
        _ => None,
    }))
}

/// What both tell of a satellite or signal: key gnssId, svId, sigId.
#[derive(Debug, PartialEq)]
struct Seen {
    elevation_deg: Option<f64>,
    azimuth_deg: Option<f64>,
    cn0_dbhz: f64,
    quality: u64,
    used: bool,
}

type Sky = BTreeMap<(u64, u64, u64), Seen>;

fn ours(packet: Packet) -> Option<Sky> {
    match packet {
        Packet::NavSat(sat) => Some(
            sat.satellites
                .iter()
                .map(|s| {
                    (
                        (s.gnss_id.into(), s.sv_id.into(), 0),
                        Seen {
                            elevation_deg: s.elevation_deg.map(f64::from),
                            azimuth_deg: s.azimuth_deg.map(f64::from),
                            cn0_dbhz: s.cn0_dbhz.into(),
                            quality: s.quality.into(),
                            used: s.used,
                        },
                    )
                })
                .collect(),
        ),
        Packet::NavSig(sig) => Some(
            sig.signals
                .iter()
                .map(|s| {
                    (
                        (s.gnss_id.into(), s.sv_id.into(), s.sig_id.into()),
                        Seen {
                            elevation_deg: None,
                            azimuth_deg: None,
                            cn0_dbhz: s.cn0_dbhz.into(),
                            quality: s.quality.into(),
                            used: s.used,
                        },
                    )
                })
                .collect(),
        ),
        _ => None,
    }
}

fn theirs(satellites: &[Value]) -> Sky {
    satellites
        .iter()
        .map(|s| {
            let key = (
                s["gnssid"].as_u64().unwrap(),
                s["svid"].as_u64().unwrap(),
                s["sigid"].as_u64().unwrap_or(0),
            );
            let seen = Seen {
                elevation_deg: s["el"].as_f64(),
                azimuth_deg: s["az"].as_f64(),
                cn0_dbhz: s["ss"].as_f64().unwrap(),
                quality: s["qual"].as_u64().unwrap(),
                used: s["used"].as_bool().unwrap(),
            };
            (key, seen)
        })
        .collect()
}

#[test]
fn satellites() {
    let mut compared = 0;
    for name in FILES {
        let Some(lines) = captures::gpsd_lines(name) else { return };
        // gpsd tells a quality only of what came by UBX.
        let skies: Vec<Sky> = class(&lines, "SKY")
            .iter()
            .filter_map(|sky| {
                sky["satellites"].as_array().filter(|list| list.iter().any(|s| !s["qual"].is_null()))
            })
            .map(|list| theirs(list))
            .collect();
        let packets: Vec<Sky> = packets(name).unwrap().filter_map(ours).collect();
        assert_eq!(packets.len(), skies.len(), "{name}");
        for (ours, theirs) in packets.iter().zip(&skies) {
            for (key, theirs) in theirs {
                let ours = ours.get(key).unwrap_or_else(|| panic!("{name}: gpsd alone has {key:?}"));
                assert_eq!(
                    (ours.cn0_dbhz, ours.quality),
                    (theirs.cn0_dbhz, theirs.quality),
                    "{name} {key:?}"
                );
                if ours.elevation_deg.is_some() {
                    assert_eq!(
                        (ours.elevation_deg, ours.azimuth_deg, ours.used),
                        (theirs.elevation_deg, theirs.azimuth_deg, theirs.used),
                        "{name} {key:?}"
                    );
                } else {
                    // gpsd calls every signal used whose code is locked; the receiver itself tells of fewer.
                    assert!(theirs.used || !ours.used, "{name} {key:?}");
                }
                compared += 1;
            }
            for key in ours.keys() {
                assert!(theirs.contains_key(key), "{name}: gpsd lacks {key:?}");
            }
        }
    }
    assert!(compared > 5_000, "{compared}");
}

/// A position told by us at a time, and how precisely gpsd prints it.
struct Position {
    latitude_deg: f64,
    longitude_deg: f64,
    altitude_m: f64,
    fix_type: u8,
}

#[test]
fn positions_and_times() {
    let mut compared = 0;
    for name in FILES {
        let Some(lines) = captures::gpsd_lines(name) else { return };
        let mut at = BTreeMap::<String, Position>::new();
        let mut high_precision = BTreeMap::<String, Position>::new();
        let mut last = (0, String::new(), 0);
        for packet in packets(name).unwrap() {
            match packet {
                Packet::NavPvt(p) => {
                    let ms =
                        i64::from(p.second) * 1000 + (f64::from(p.second_fraction_ns) / 1e6).round() as i64;
                    let time = format!(
                        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                        p.year,
                        p.month,
                        p.day,
                        p.hour,
                        p.minute,
                        ms / 1000,
                        ms % 1000
                    );
                    last = (p.itow_ms, time.clone(), p.fix_type);
                    at.insert(
                        time,
                        Position {
                            latitude_deg: p.latitude_deg,
                            longitude_deg: p.longitude_deg,
                            altitude_m: p.altitude_m,
                            fix_type: p.fix_type,
                        },
                    );
                }
                Packet::NavHpposllh(p) if p.itow_ms == last.0 => {
                    high_precision.insert(
                        last.1.clone(),
                        Position {
                            latitude_deg: p.latitude_deg,
                            longitude_deg: p.longitude_deg,
                            altitude_m: p.altitude_m,
                            fix_type: last.2,
                        },
                    );
                }
                _ => {}
            }
        }
        for tpv in class(&lines, "TPV") {
            let (Some(time), Some(latitude), Some(longitude)) =
                (tpv["time"].as_str(), tpv["lat"].as_f64(), tpv["lon"].as_f64())
            else {
                continue;
            };
            let Some(pvt) = at.get(time) else { panic!("{name}: gpsd alone has {time}") };
            let ours = high_precision.get(time).unwrap_or(pvt);
            // The F9R tells its position as NMEA, too, and gpsd then prints that: five digits of a minute.
            let tolerance_deg = if name.contains("f9r") { 1.7e-7 } else { 0.6e-9 };
            let tolerance_m = if name.contains("f9r") { 0.051 } else { 0.000_6 };
            assert!((ours.latitude_deg - latitude).abs() < tolerance_deg, "{name} {time} {latitude}");
            assert!((ours.longitude_deg - longitude).abs() < tolerance_deg, "{name} {time} {longitude}");
            let altitude = tpv["altMSL"].as_f64().unwrap();
            assert!((ours.altitude_m - altitude).abs() < tolerance_m, "{name} {time} {altitude}");
            let mode = match ours.fix_type {
                2 => 2,
                1 | 3 | 4 => 3,
                _ => 1,
            };
            if tpv["status"].as_u64() != Some(7) {
                assert_eq!(tpv["mode"].as_u64(), Some(mode), "{name} {time}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 190, "{compared}");
}
