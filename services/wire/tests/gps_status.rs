//! The JSON of gps-status as consoles and feeders in the field know it: what is written, letter by letter,
//! and that what was written yesterday is still read.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use wire::{
    feed::FeedFrame,
    frame::ErrorFrame,
    gps_status::{
        Antenna, Errors, FixQuality, GpsStatus, GpsStatusFrame, Health, Line, Mode, Receiver, RtcmMessage,
        Satellite, Signal, Station, SurveyIn,
    },
};

/// As written; read again, it is the same.
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    text
}

fn base() -> GpsStatus {
    GpsStatus {
        connected: true,
        mode: Mode::Base,
        fix_quality: FixQuality::Dgps,
        satellites: 31,
        latitude: Some(32.065_832_5),
        longitude: Some(34.773_819),
        altitude: Some(54.642),
        hdop: Some(0.6),
        survey_in: Some(SurveyIn {
            active: false,
            valid: true,
            duration: 30,
            accuracy: 0.8383,
            observations: 31,
        }),
        rtcm_messages: vec![RtcmMessage {
            number: 1005,
            count: 158,
            last_seen: 1_644_309_873_021,
            interval_ms: Some(1_000.0),
            jitter_ms: Some(0.4),
        }],
        clients: Some(2),
        last_update: 1_644_309_873_088,
        satellites_in_view: vec![Satellite {
            constellation: "gps".into(),
            number: 5,
            elevation_deg: Some(34.0),
            azimuth_deg: Some(267.0),
            used: Some(true),
            signals: vec![Signal { band: "L1".into(), cn0_dbhz: 45.0 }],
        }],
        station: Some(Station {
            id: 0,
            ecef_m: [4_444_030.802_8, 3_085_671.234_9, 3_366_658.256],
            latitude: 32.065_832_5,
            longitude: 34.773_819,
            ellipsoidal_height_m: 72.134,
            antenna_height_m: None,
        }),
        receiver: Some(Receiver {
            model: Some("ZED-F9P".to_owned()),
            firmware: Some("HPG 1.32".to_owned()),
            protocol: Some("27.31".to_owned()),
            software: "EXT CORE 1.00 (f10c36)".to_owned(),
            hardware: "00190000".to_owned(),
        }),
        antennas: vec![Antenna { block: 0, state: "ok".into(), power: "on".into(), jamming: 9 }],
        errors: Errors { bad_checksum: 1, noise_bytes: 77, ..Errors::default() },
        line: Some(Line {
            device: "/dev/serial/by-id/usb-u-blox_AG_C099".to_owned(),
            baud: Some(38_400),
            bytes_per_second: 2_909.1,
            load: Some(0.7576),
        }),
        caster: None,
    }
}

#[test]
fn a_base() {
    there_and_back(&base());
    insta::assert_json_snapshot!(base());
}

#[test]
fn the_frame_of_a_console() {
    let frame = GpsStatusFrame { data: GpsStatus::default() };
    insta::assert_snapshot!(there_and_back(&frame), @r#"{"type":"gps_status","data":{"connected":false,"mode":"unknown","fixQuality":"no_fix","satellites":0,"latitude":null,"longitude":null,"altitude":null,"hdop":null,"surveyIn":null,"rtcmMessages":[],"clients":null,"lastUpdate":0,"satellitesInView":[],"station":null,"receiver":null,"antennas":[],"errors":{"badChecksum":0,"falseStart":0,"oversize":0,"noiseBytes":0,"undecodable":0,"disconnects":0,"silences":0,"otherRtcm":0},"line":null}}"#);
}

#[test]
fn health() {
    let health = Health { status: "ok".to_owned(), connected: true, fix: FixQuality::RtkFixed };
    insta::assert_snapshot!(there_and_back(&health), @r#"{"status":"ok","connected":true,"fix":"rtk_fixed"}"#);
}

#[test]
fn every_fix_quality_and_mode() {
    let qualities = [
        FixQuality::NoFix,
        FixQuality::Gps,
        FixQuality::Dgps,
        FixQuality::Pps,
        FixQuality::RtkFixed,
        FixQuality::RtkFloat,
        FixQuality::Estimated,
        FixQuality::Manual,
        FixQuality::Simulation,
    ];
    insta::assert_snapshot!(qualities.map(|quality| there_and_back(&quality)).join(" "), @r#""no_fix" "gps" "dgps" "pps" "rtk_fixed" "rtk_float" "estimated" "manual" "simulation""#);
    let modes = [Mode::Base, Mode::Rover, Mode::Unknown];
    insta::assert_snapshot!(modes.map(|mode| there_and_back(&mode)).join(" "), @r#""base" "rover" "unknown""#);
}

#[test]
fn a_status_of_the_contract_without_our_additions_is_read() {
    let contract = json!({
        "connected": true, "mode": "rover", "fixQuality": "rtk_float", "satellites": 9,
        "latitude": 45.0, "longitude": 7.0, "altitude": null, "hdop": null,
        "surveyIn": {"active": true, "valid": false, "duration": 60, "accuracy": 2.5},
        "rtcmMessages": [{"type": 1005, "count": 3, "lastSeen": 1_644_309_873_021_u64}],
        "clients": null, "lastUpdate": 1_644_309_873_088_u64, "ofTomorrow": {},
    });
    let status: GpsStatus = serde_json::from_value(contract).unwrap();
    assert_eq!((status.mode, status.fix_quality), (Mode::Rover, FixQuality::RtkFloat));
    assert_eq!(status.rtcm_messages[0].number, 1005);
    assert_eq!((status.errors, status.line), (Errors::default(), None));
}

#[test]
fn the_frames_of_a_feed() {
    let opened = FeedFrame::Opened { device: "/dev/ttyACM0".to_owned(), baud: Some(38_400) };
    let bytes = FeedFrame::Bytes { received_at_ns: 1_644_309_873_021_000_000, bytes: "JEdOR0dB".to_owned() };
    let closed = FeedFrame::Closed { reason: "unplugged".to_owned() };
    insta::assert_snapshot!([opened, bytes, closed].map(|frame| there_and_back(&frame)).join(" "), @r#"{"type":"opened","device":"/dev/ttyACM0","baud":38400} {"type":"bytes","receivedAtNs":1644309873021000000,"bytes":"JEdOR0dB"} {"type":"closed","reason":"unplugged"}"#);
}

#[test]
fn the_frame_for_what_cant_be_understood() {
    let frame = ErrorFrame { message: "this is not JSON".to_owned() };
    insta::assert_snapshot!(there_and_back(&frame), @r#"{"type":"error","message":"this is not JSON"}"#);
}
