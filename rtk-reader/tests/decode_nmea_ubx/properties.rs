//! Hostile bytes: nothing panics, everything serialises, lists stay within their bounds.

use proptest::prelude::*;
use rtk_reader::decode::{Message, nmea, ubx};

/// Sentences of captures, each with fields of every kind.
const SENTENCES: [&str; 12] = [
    "GNGGA,231408.00,4503.94632,N,00739.54368,E,5,12,0.82,257.4,M,47.2,M,0.0,0041",
    "GNRMC,014500.00,A,4404.1306024,N,12118.8446777,W,0.013,,231221,,,D,V",
    "GNGSA,A,3,82,66,81,,,,,,,,,,1.05,0.64,0.83,2",
    "GPGSV,4,1,15,05,34,267,45,07,31,067,43,08,05,037,23,09,13,135,39,1",
    "GBGSV,1,1,04,09,22,048,13,20,15,298,09,25,43,063,08,32,69,319,11,B",
    "GNGNS,090802.00,5327.03976,N,00214.41006,W,AANN,04,4.39,23.0,48.5,,,V",
    "GNGST,231408.00,32,0.19,0.12,97,0.049,0.078,0.088",
    "GNVTG,,T,,M,0.013,N,0.024,K,D",
    "GNGLL,4552.65403,S,17030.00668,E,003956.00,A,A",
    "GNZDA,003956.00,12,04,2019,00,00",
    "GNGBS,003956.00,2.3,3.5,4.0,82,0.1,-21.4,3.8,2,1",
    "GNTXT,01,01,00,txbuf alloc",
];

/// What we decode, and one that we don't.
const MESSAGES: [(u8, u8); 14] = [
    (0x01, 0x03),
    (0x01, 0x07),
    (0x01, 0x14),
    (0x01, 0x35),
    (0x01, 0x3B),
    (0x01, 0x43),
    (0x02, 0x32),
    (0x05, 0x00),
    (0x05, 0x01),
    (0x06, 0x8B),
    (0x0A, 0x04),
    (0x0A, 0x36),
    (0x0A, 0x38),
    (0x27, 0x03),
];

fn check_nmea(payload: &[u8]) {
    let sentence = nmea::decode(payload);
    match &sentence.body {
        nmea::Body::Gsv(gsv) => assert!(gsv.satellites.len() + gsv.unknown.len() <= 4),
        nmea::Body::Gsa(gsa) => assert!(gsa.satellites.len() + gsa.unknown.len() <= 12),
        nmea::Body::Gga(gga) => {
            assert!(gga.latitude_deg.is_none_or(|degrees| degrees.abs() <= 90.0));
            assert!(gga.longitude_deg.is_none_or(|degrees| degrees.abs() <= 180.0));
        }
        _ => {}
    }
    check_json(&Message::Nmea(sentence));
}

/// The text written is serde_json's.
fn check_json(message: &Message) {
    let mut written = b"{".to_vec();
    message.write_json_fields(&mut written);
    assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(message).unwrap());
}

fn check_ubx(class: u8, id: u8, payload: &[u8]) {
    let packet = ubx::decode(class, id, payload);
    match &packet {
        ubx::Packet::NavSat(sat) => assert!(sat.satellites.len() <= 255),
        ubx::Packet::NavSig(sig) => assert!(sig.signals.len() <= 255),
        ubx::Packet::MonVer(version) => assert!(version.extensions.len() <= 64),
        ubx::Packet::CfgValget(valget) => assert!(valget.items.len() <= 64),
        _ => {}
    }
    check_json(&Message::Ubx(packet));
}

proptest! {
    #[test]
    fn nmea_of_any_bytes(payload in prop::collection::vec(any::<u8>(), 0..600)) {
        check_nmea(&payload);
    }

    #[test]
    fn nmea_of_any_fields(which in 0..SENTENCES.len(), data in "[-+.,0-9A-Za-z ]{0,120}") {
        let address = &SENTENCES[which][..5];
        check_nmea(format!("{address},{data}").as_bytes());
    }

    #[test]
    fn nmea_of_mutated_sentences(
        which in 0..SENTENCES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3, any::<u8>()), 1..6),
    ) {
        let mut sentence = SENTENCES[which].as_bytes().to_vec();
        for (at, kind, byte) in changes {
            let at = at.index(sentence.len() + 1);
            match kind {
                0 => sentence.insert(at, byte),
                1 if at < sentence.len() => sentence[at] = byte % 0x80,
                _ => sentence.truncate(at),
            }
        }
        check_nmea(&sentence);
    }

    #[test]
    fn ubx_of_any_bytes(which in 0..MESSAGES.len(), payload in prop::collection::vec(any::<u8>(), 0..600)) {
        let (class, id) = MESSAGES[which];
        check_ubx(class, id, &payload);
    }

    /// With the count of blocks right, so that the blocks are read.
    #[test]
    fn ubx_of_any_blocks(count in 0_u8..=255, bytes in prop::collection::vec(any::<u8>(), 4088)) {
        for (class, id, at, header, size) in [
            (0x01, 0x35, 5, 8, 12),
            (0x01, 0x43, 5, 8, 16),
            (0x0A, 0x36, 1, 8, 40),
            (0x0A, 0x38, 1, 4, 24),
            (0x0A, 0x38, 1, 4, 20),
        ] {
            let length = (header + usize::from(count) * size).min(bytes.len());
            let mut payload = bytes[..length].to_vec();
            payload[at] = count;
            check_ubx(class, id, &payload);
        }
        check_ubx(0x01, 0x07, &bytes[..92]);
        check_ubx(0x01, 0x14, &bytes[..36]);
        check_ubx(0x0A, 0x04, &bytes[..40 + 30 * usize::from(count % 100)]);
    }
}
