//! NMEA against gpsd: its JSON follows, in the `.chk` files, the sentences that made it.

use std::collections::{BTreeMap, BTreeSet};

use rtk_reader::{
    decode::{
        Constellation::{self, Beidou, Galileo, Glonass, Gps, Navic, Qzss, Sbas},
        Message, SatelliteId,
        nmea::{Body, GsvSatellite, TimeOfDay},
    },
    frame::Protocol,
};
use serde_json::Value;

use crate::captures;

const FILES: [&str; 7] = [
    "gpsd/gpsdf.log",
    "gpsd/nmea-fuzzy-cases.log",
    "gpsd/nmea-rtk.log",
    "gpsd/tcp-torture.log",
    "gpsd/ublox-f9p-hpnmea.log",
    "gpsd/ublox-zed-f9p-nmea.log",
    "gpsd/ublox-zed-f9r.log",
];

/// A line of a `.chk` that a sentence of the capture made, decoded, or gpsd's JSON.
enum Line {
    Sentence(Body),
    Json(Value),
}

/// The sentences gpsd passed through that stand in the capture, in its order, and what it made of them.
fn lines(name: &str) -> Option<Vec<Line>> {
    let bytes = captures::read(name)?;
    let sent: BTreeSet<String> = captures::frames(&bytes)
        .into_iter()
        .filter(|(protocol, _)| *protocol == Protocol::Nmea)
        // gpsd's test harness takes the bars for its own marks.
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap().trim_end().replace('|', ""))
        .collect();
    let mut lines = Vec::new();
    for line in captures::gpsd_lines(name)? {
        if line.starts_with('{') {
            lines.push(Line::Json(serde_json::from_str(&line).unwrap()));
        } else if sent.contains(&line) {
            match captures::message(Protocol::Nmea, format!("{line}\r\n").as_bytes()) {
                Message::Nmea(sentence) => lines.push(Line::Sentence(sentence.body)),
                _ => unreachable!("it is NMEA"),
            }
        }
    }
    Some(lines)
}

/// gpsd's gnssid and svid.
fn satellite(seen: &Value) -> SatelliteId {
    let svid = u16::try_from(seen["svid"].as_u64().unwrap()).unwrap();
    let (constellation, number) = match seen["gnssid"].as_u64().unwrap() {
        0 => (Gps, svid),
        1 => (Sbas, svid - 100),
        2 => (Galileo, svid),
        3 => (Beidou, svid),
        5 => (Qzss, svid),
        6 => (Glonass, svid),
        7 => (Navic, svid),
        other => panic!("gnssid {other}"),
    };
    SatelliteId { constellation, number }
}

/// gpsd's sigid, which it tells as UBX numbers them; absent is 0. Of NMEA's Galileo 7, E1, it makes 4.
fn band(constellation: Constellation, seen: &Value) -> &'static str {
    match (constellation, seen["sigid"].as_u64().unwrap_or(0)) {
        (Gps | Glonass | Sbas, 0) => "L1",
        (Gps, 3) | (Glonass, 2) => "L2",
        (Galileo, 0 | 4) => "E1",
        (Galileo, 5) => "E5b",
        (Beidou, 0) => "B1I",
        (Beidou, 2) => "B2I",
        other => panic!("{other:?}"),
    }
}

#[test]
fn satellites() {
    let mut compared = BTreeMap::<&str, u32>::new();
    let mut used_compared = 0;
    for name in FILES {
        let Some(lines) = lines(name) else { return };
        // By satellite and band; without a signal id the band is none.
        let mut in_view = BTreeMap::<(SatelliteId, Option<&str>), GsvSatellite>::new();
        let mut group = Vec::<SatelliteId>::new();
        let mut used = BTreeMap::<Option<u8>, Vec<SatelliteId>>::new();
        for line in lines {
            match line {
                Line::Sentence(Body::Gsv(gsv)) => {
                    assert!(gsv.unknown.is_empty(), "{name}: {gsv:?}");
                    if gsv.sentence == 1 {
                        group.clear();
                    }
                    for seen in gsv.satellites {
                        group.push(seen.id);
                        in_view.insert((seen.id, gsv.band), seen);
                    }
                }
                Line::Sentence(Body::Gsa(gsa)) => {
                    assert!(gsa.unknown.is_empty(), "{name}: {gsa:?}");
                    used.insert(gsa.system_id, gsa.satellites);
                }
                Line::Json(sky) if sky["class"] == "SKY" => {
                    let Some(list) = sky["satellites"].as_array() else { continue };
                    if list.iter().any(|seen| !seen["qual"].is_null()) {
                        // By UBX, where the F9R tells the same.
                        continue;
                    }
                    for seen in list {
                        let id = satellite(seen);
                        let theirs = (
                            seen["el"].as_f64(),
                            seen["az"].as_f64(),
                            seen["ss"].as_f64().filter(|ss| *ss > 0.0),
                        );
                        let found = [Some(band(id.constellation, seen)), None]
                            .into_iter()
                            .filter_map(|band| in_view.get(&(id, band)))
                            .any(|ours| (ours.elevation_deg, ours.azimuth_deg, ours.cn0_dbhz) == theirs);
                        assert!(found, "{name}: {id} {seen}");
                        *compared.entry(name).or_default() += 1;
                        if name.contains("ublox") {
                            // Of a satellite in use gpsd calls the signals used that are received at all.
                            let in_use = used.values().flatten().any(|used| *used == id);
                            let ours = in_use && theirs.2.is_some();
                            assert_eq!(seen["used"].as_bool(), Some(ours), "{name}: {id}");
                            used_compared += 1;
                        }
                    }
                    let theirs: BTreeSet<_> = list.iter().map(satellite).collect();
                    for id in &group {
                        assert!(theirs.contains(id), "{name}: gpsd lacks {id}");
                    }
                }
                _ => {}
            }
        }
    }
    assert!(compared.len() >= 5, "{compared:?}");
    assert!(compared.values().sum::<u32>() > 15_000, "{compared:?}");
    assert!(used_compared > 10_000, "{used_compared}");
}

fn time_of_day(time: TimeOfDay) -> String {
    format!("{:02}:{:02}:{:06.3}", time.hour, time.minute, time.second)
}

/// What one sentence says of a time of day.
#[derive(Debug)]
struct Told {
    latitude_deg: f64,
    longitude_deg: f64,
    altitude_m: Option<f64>,
    date: Option<String>,
}

fn told(body: &Body) -> Option<(String, Told)> {
    let (time, latitude_deg, longitude_deg, altitude_m, date) = match body {
        Body::Gga(s) => (s.time, s.latitude_deg, s.longitude_deg, s.altitude_m, None),
        Body::Gns(s) => (s.time, s.latitude_deg, s.longitude_deg, s.altitude_m, None),
        Body::Gll(s) => (s.time, s.latitude_deg, s.longitude_deg, None, None),
        Body::Rmc(s) => (s.time, s.latitude_deg, s.longitude_deg, None, s.date),
        _ => return None,
    };
    let date = date.map(|date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day));
    let told = Told { latitude_deg: latitude_deg?, longitude_deg: longitude_deg?, altitude_m, date };
    Some((time_of_day(time?), told))
}

#[test]
fn positions_times_and_modes() {
    let mut positions = 0;
    let mut altitudes = 0;
    let mut dates = 0;
    let mut modes = 0;
    for name in FILES {
        let Some(lines) = lines(name) else { return };
        let mut at = BTreeMap::<String, Vec<Told>>::new();
        let mut gsa_fix = None;
        for line in lines {
            match line {
                Line::Sentence(body) => {
                    gsa_fix = match &body {
                        Body::Gsa(gsa) => Some(gsa.fix),
                        _ => None,
                    };
                    if let Some((time, told)) = told(&body) {
                        at.entry(time).or_default().push(told);
                    }
                }
                Line::Json(tpv) if tpv["class"] == "TPV" => {
                    let Some(time) = tpv["time"].as_str() else { continue };
                    let (date, time) = (&time[..10], &time[11..23]);
                    let Some(told) = at.get(time) else {
                        assert!(name.contains("f9r"), "{name}: gpsd alone has {time}");
                        continue;
                    };
                    let (latitude, longitude) = (tpv["lat"].as_f64().unwrap(), tpv["lon"].as_f64().unwrap());
                    // gpsd prints nine decimals.
                    let near = |told: &Told| {
                        (told.latitude_deg - latitude).abs() < 0.6e-9
                            && (told.longitude_deg - longitude).abs() < 0.6e-9
                    };
                    assert!(told.iter().any(near), "{name} {time}: {told:?} {tpv}");
                    positions += 1;
                    if let Some(altitude) = told.iter().find_map(|told| told.altitude_m) {
                        let theirs = tpv["altMSL"].as_f64().unwrap();
                        assert!((altitude - theirs).abs() < 0.6e-4, "{name} {time}: {altitude} {theirs}");
                        altitudes += 1;
                    }
                    // gpsd takes the old capture's week for one of the next rollover.
                    if let Some(ours) = told.iter().find_map(|told| told.date.as_deref())
                        && name != "gpsd/tcp-torture.log"
                    {
                        assert_eq!(ours, date, "{name}");
                        dates += 1;
                    }
                    if let Some(fix) = gsa_fix {
                        assert_eq!(tpv["mode"].as_u64(), Some(fix.into()), "{name} {time}");
                        modes += 1;
                    }
                }
                Line::Json(_) => {}
            }
        }
    }
    assert!(
        positions > 250 && altitudes > 200 && dates > 200 && modes > 20,
        "{positions} {altitudes} {dates} {modes}"
    );
}

#[test]
fn error_statistics() {
    let name = "gpsd/ublox-zed-f9r.log";
    let Some(lines) = lines(name) else { return };
    let mut last = None;
    let mut compared = 0;
    for line in lines {
        match line {
            Line::Sentence(Body::Gst(gst)) => last = Some(gst),
            Line::Json(theirs) if theirs["class"] == "GST" => {
                let gst = last.as_ref().expect("a GST makes a GST");
                for (key, ours) in [
                    ("rms", gst.range_rms_m),
                    ("major", gst.semi_major_m),
                    ("minor", gst.semi_minor_m),
                    ("orient", gst.orientation_deg),
                    ("lat", gst.latitude_error_m),
                    ("lon", gst.longitude_error_m),
                    ("alt", gst.altitude_error_m),
                ] {
                    assert_eq!(theirs[key].as_f64(), ours, "{key}");
                    compared += 1;
                }
            }
            _ => {}
        }
    }
    assert!(compared >= 7 * 29, "{compared}");
}
