//! Every frame of every capture is decoded to what its address says.

use std::collections::BTreeMap;

use rtk_reader::decode::{
    Message,
    nmea::Body,
    ubx::{self, Packet},
};

use crate::captures;

#[test]
fn as_many_as_the_independent_scan_found() {
    let Some(counts) = captures::read("COUNTS.json") else { return };
    let counts: serde_json::Value = serde_json::from_slice(&counts).unwrap();
    let mut compared = 0;
    for (name, expected) in counts.as_object().unwrap() {
        let bytes = captures::read(name).unwrap();
        let mut nmea = BTreeMap::<String, u64>::new();
        let mut ubx = BTreeMap::<String, u64>::new();
        for message in captures::messages(&bytes) {
            match message {
                Message::Nmea(sentence) => {
                    *nmea.entry(address(&sentence.talker, &sentence.body)).or_default() += 1;
                }
                Message::Ubx(packet) => *ubx.entry(packet_name(&packet)).or_default() += 1,
                Message::Rtcm(_) => unreachable!("they are left out"),
            }
        }
        let expected = |protocol: &str| -> BTreeMap<String, u64> {
            serde_json::from_value(expected[protocol].clone()).unwrap()
        };
        assert_eq!(nmea, expected("nmea"), "{name}");
        assert_eq!(ubx, expected("ubx"), "{name}");
        compared += nmea.values().sum::<u64>() + ubx.values().sum::<u64>();
    }
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn no_real_frame_is_malformed() {
    let Some(names) = captures::names() else { return };
    let mut decoded = 0;
    for name in names {
        for message in captures::messages(&captures::read(&name).unwrap()) {
            match message {
                // gpsd's test harness marks its write boundaries with bars, here inside of a sentence.
                Message::Nmea(sentence) if name == "gpsd/tcp-torture.log" && sentence.talker == "GP" => {
                    if let Body::Malformed { address, reason } = sentence.body {
                        assert_eq!(address, "GPGGA");
                        assert_eq!(
                            reason.to_string(),
                            "field 1: expected a time hhmmss.ss, found \"|19322|1.00\""
                        );
                    }
                }
                Message::Nmea(sentence) => {
                    assert!(!matches!(sentence.body, Body::Malformed { .. }), "{name}: {sentence:?}");
                    decoded += u32::from(!matches!(sentence.body, Body::Unknown { .. }));
                }
                Message::Ubx(packet) => {
                    assert!(!matches!(packet, Packet::Malformed { .. }), "{name}: {packet:?}");
                    decoded += u32::from(!matches!(packet, Packet::Unknown { .. }));
                }
                Message::Rtcm(_) => unreachable!("they are left out"),
            }
        }
    }
    assert!(decoded > 8_000, "{decoded}");
}

fn address(talker: &str, body: &Body) -> String {
    let code = match body {
        Body::Unknown { address } | Body::Malformed { address, .. } => return address.to_string(),
        Body::Gga(_) => "GGA",
        Body::Rmc(_) => "RMC",
        Body::Gsa(_) => "GSA",
        Body::Gsv(_) => "GSV",
        Body::Gns(_) => "GNS",
        Body::Gst(_) => "GST",
        Body::Vtg(_) => "VTG",
        Body::Gll(_) => "GLL",
        Body::Zda(_) => "ZDA",
        Body::Gbs(_) => "GBS",
        Body::Txt(_) => "TXT",
    };
    format!("{talker}{code}")
}

fn packet_name(packet: &Packet) -> String {
    match packet {
        Packet::Unknown { name, .. } | Packet::Malformed { name, .. } => name.to_string(),
        Packet::NavPvt(_) => "NAV-PVT".to_owned(),
        Packet::NavSvin(_) => "NAV-SVIN".to_owned(),
        Packet::NavSat(_) => "NAV-SAT".to_owned(),
        Packet::NavSig(_) => "NAV-SIG".to_owned(),
        Packet::NavStatus(_) => "NAV-STATUS".to_owned(),
        Packet::NavHpposllh(_) => "NAV-HPPOSLLH".to_owned(),
        Packet::MonVer(_) => "MON-VER".to_owned(),
        Packet::MonRf(_) => "MON-RF".to_owned(),
        Packet::MonComms(_) => "MON-COMMS".to_owned(),
        Packet::RxmRawx(_) => "RXM-RAWX".to_owned(),
        Packet::RxmSfrbx(_) => "RXM-SFRBX".to_owned(),
        Packet::RxmRtcm(_) => "RXM-RTCM".to_owned(),
        Packet::Ack(ubx::Ack { acknowledged: true, .. }) => "ACK-ACK".to_owned(),
        Packet::Ack(_) => "ACK-NAK".to_owned(),
        Packet::CfgValget(_) => "CFG-VALGET".to_owned(),
    }
}
