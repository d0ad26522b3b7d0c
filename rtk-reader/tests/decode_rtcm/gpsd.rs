//! gpsd's decode of the captures: the `.chk` files of its own tests (a newer gpsd, which decodes MSM headers)
//! and the program `gpsdecode` where it is installed.

use std::{collections::BTreeMap, fs::File, path::Path, process::Command};

use rtk_reader::decode::{
    Constellation,
    rtcm::{Body, Msm, Station, decode},
};
use serde_json::{Value, json};

use crate::captures;

/// Fields compared, by message number.
type Compared = BTreeMap<u64, usize>;

#[test]
fn agrees_with_the_chk_files() {
    let Some(folder) = captures::folder() else { return };
    let mut compared = Compared::new();
    for name in captures::WITH_RTCM {
        let chk = folder.join(format!("{name}.chk"));
        if let Ok(text) = std::fs::read_to_string(&chk) {
            walk(name, &captures::frames_of(&folder.join(name)), &text, &mut compared);
        }
    }
    for number in [1005, 1006, 1007, 1008, 1033, 1075, 1077, 1085, 1087, 1095, 1097, 1107, 1125, 1127, 1230] {
        assert!(compared.get(&number).is_some_and(|&n| n > 0), "nothing compared of {number}: {compared:?}");
    }
}

#[test]
fn agrees_with_gpsdecode() {
    let Some(folder) = captures::folder() else { return };
    let mut compared = Compared::new();
    // In that one HTTP's chunk sizes cut frames, and gpsdecode 3.22 prints 105 where 20 have a right CRC.
    for name in captures::WITH_RTCM.into_iter().filter(|name| *name != "pygnssutils/ntrip_chunked.bin") {
        let Some(text) = gpsdecode(&folder.join(name)) else { return };
        walk(name, &captures::frames_of(&folder.join(name)), &text, &mut compared);
    }
    for number in [1005, 1006, 1007, 1008, 1033, 1230] {
        assert!(compared.get(&number).is_some_and(|&n| n > 0), "nothing compared of {number}: {compared:?}");
    }
}

fn gpsdecode(file: &Path) -> Option<String> {
    let input = File::open(file).unwrap();
    match Command::new("gpsdecode").arg("-j").stdin(input).output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            captures::skip(&format!("gpsdecode (Debian gpsd-clients) doesn't run: {error}"));
            None
        }
    }
}

/// Takes gpsd's objects and our frames side by side; none may be left over on either side.
///
/// gpsd repeats its last RTCM object when a packet of another protocol follows that it reports nothing of.
fn walk(name: &str, frames: &[Vec<u8>], text: &str, compared: &mut Compared) {
    let objects = text.lines().filter(|line| line.starts_with('{')).map(parse);
    let mut frames = frames.iter().map(|frame| captures::payload(frame)).peekable();
    let mut last = Value::Null;
    for object in objects.filter(|object| object["class"] == "RTCM3") {
        let is_next = frames.peek().is_some_and(|payload| {
            object["type"] == decode(payload).number.unwrap_or_default() && object["length"] == payload.len()
        });
        if is_next {
            let payload = frames.next().expect("peeked");
            *compared.entry(object["type"].as_u64().unwrap()).or_default() += compare(name, &object, payload);
        } else {
            assert_eq!(object, last, "{name}: gpsd has a message more than we");
        }
        last = object;
    }
    assert_eq!(frames.next(), None, "{name}: we have a message more than gpsd");
}

/// An object of gpsd's; only number and length of its 1013, which isn't JSON.
fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| {
        let (head, _) = line.split_once(",\"station_id\"").unwrap_or_default();
        assert!(head.contains("\"type\":1013"), "{error} in {line}");
        serde_json::from_str(&format!("{head}}}")).unwrap()
    })
}

/// Every field gpsd prints of a message we decode; how many.
fn compare(name: &str, object: &Value, payload: &[u8]) -> usize {
    let ours = match decode(payload).body {
        Body::Station(station) => as_gpsd_prints_stations(&station),
        Body::Descriptor(descriptor) => json!({
            "station_id": descriptor.station_id,
            "desc": descriptor.antenna,
            "setup_id": descriptor.antenna_setup_id,
            "serial": descriptor.antenna_serial,
            "receiver": descriptor.receiver,
            // gpsd cuts the firmware at the length of the receiver's name.
            "firmware": descriptor.firmware.map(|firmware| {
                let length = descriptor.receiver.as_ref().map_or(0, |receiver| receiver.chars().count());
                firmware.chars().take(length).collect::<String>()
            }),
        }),
        Body::Msm(msm) => as_gpsd_prints_msm(&msm),
        Body::GlonassBiases(biases) => json!({
            "station_id": biases.station_id,
            "ind": u8::from(biases.aligned),
            // gpsd (to 3.25 at least) doesn't pass over the three reserved bits before the mask (DF422); so
            // does rtcm-rs. With them the payload's length fits the mask in every capture: 12 bytes for four
            // biases, 8 for two, 4 for none. What gpsd takes for the L1 C/A bias stands at bit 29.
            "l1_ca": u32::from_be_bytes(payload.get(3..7).map_or([0; 4], |b| b.try_into().unwrap())) << 5 >> 16,
        }),
        Body::Malformed { reason } => panic!("{name}: {object} is malformed: {reason}"),
        // gpsd prints the bytes of ephemerides; rtcm-rs is asked for what they say.
        Body::Ephemeris(_) | Body::Unknown { .. } => Value::Null,
    };
    let mut fields = 0;
    for (key, theirs) in object.as_object().unwrap() {
        match key.as_str() {
            "class" | "device" | "type" | "length" => {}
            "data" => {
                let bytes = theirs.as_array().unwrap().iter().map(|b| hex(b.as_str().unwrap()));
                assert!(bytes.eq(payload.iter().copied()), "{name}: {object}");
                fields += 1;
            }
            _ if ours.is_null() => {}
            _ => {
                assert!(same(&ours[key], theirs), "{name}: {key}: ours {}, gpsd {object}", ours[key]);
                fields += 1;
            }
        }
    }
    fields
}

fn hex(byte: &str) -> u8 {
    u8::from_str_radix(byte.trim_start_matches("0x"), 16).unwrap()
}

/// gpsd prints some numbers as strings, and metres with four decimals.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) if b.is_f64() => {
            (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 0.000_051
        }
        (Value::Number(a), Value::String(b)) => a.to_string() == *b,
        _ => ours == theirs,
    }
}

fn as_gpsd_prints_stations(station: &Station) -> Value {
    let systems = [(station.gps, "GPS"), (station.glonass, "GLONASS"), (station.galileo, "GALILEO")];
    json!({
        "station_id": station.station_id,
        "system": systems.iter().filter(|(serves, _)| *serves).map(|(_, name)| name).collect::<Vec<_>>(),
        "refstation": station.virtual_station,
        "sro": station.single_oscillator,
        "x": station.ecef_m[0],
        "y": station.ecef_m[1],
        "z": station.ecef_m[2],
        "h": station.antenna_height_m,
    })
}

/// Our values put back into the masks they came from.
fn as_gpsd_prints_msm(msm: &Msm) -> Value {
    let first = if msm.constellation == Constellation::Sbas { 20 } else { 1 };
    let place = |number: u16| u32::from(number - first + 1);
    let satellite_mask = msm.satellites.iter().fold(0u64, |mask, s| mask | 1 << (64 - place(s.number)));
    let signal_mask = msm.signals.iter().fold(0u32, |mask, s| mask | 1 << (32 - u32::from(s.signal)));
    let mut cell_mask = 0u64;
    for satellite in &msm.satellites {
        for signal in (1..=32).filter(|signal| signal_mask & 1 << (32 - signal) != 0) {
            let present =
                msm.signals.iter().any(|s| s.satellite == *satellite && u32::from(s.signal) == signal);
            cell_mask = cell_mask << 1 | u64::from(present);
        }
    }
    let satellites = msm.satellites.len();
    json!({
        "station_id": msm.station_id,
        "gnssid": match msm.constellation {
            Constellation::Gps => 0,
            Constellation::Sbas => 1,
            Constellation::Galileo => 2,
            Constellation::Beidou => 3,
            Constellation::Qzss => 5,
            Constellation::Glonass => 6,
            Constellation::Navic => 7,
        },
        "subtype": format!("MSM{}", msm.level),
        // gpsd doesn't part GLONASS's day from its milliseconds.
        "tow": u32::from(msm.glonass_day.unwrap_or_default()) << 27 | msm.epoch_ms,
        "sync": u8::from(msm.multiple),
        "IODS": msm.iods,
        "steering": msm.clock_steering,
        "extclk": msm.external_clock,
        "smoothing": u8::from(msm.smoothing),
        "interval": msm.smoothing_interval,
        "MaskSat": satellite_mask,
        "MaskSig": signal_mask,
        "MaskCell": cell_mask,
        "NSat": satellites,
        "NSig": signal_mask.count_ones(),
        "NCell": satellites as u32 * signal_mask.count_ones(),
    })
}
