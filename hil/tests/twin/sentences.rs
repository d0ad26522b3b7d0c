//! What it is told and asked by in sentences, and by CFG-TMODE3.

use fixtures::geodesy::{minus, norm};
use hil::twin::receiver::Effect;
use rtk_reader::frame::encode;
use rtk_reader::receiver::{Layer, Layers, Port};

use crate::support::{Bench, acknowledged, count, last, names};

fn sentence(body: &str) -> Vec<u8> {
    encode::nmea(body).expect("a sentence")
}

#[test]
fn a_sentence_that_is_asked_for_comes_at_once() {
    let mut bench = Bench::up();
    bench.seconds(5);
    for (poll, comes) in [("EIGNQ,GST", "GNGST"), ("EIGPQ,DTM", "GNDTM"), ("EIGNQ,GBS", "GNGBS")] {
        assert_eq!(names(&bench.tell(&sentence(poll))), [comes], "{poll}");
    }
    let errors = bench.tell(&sentence("EIGNQ,GBS"));
    let text = String::from_utf8(last(&errors, "GNGBS").bytes.clone()).expect("ASCII");
    assert_eq!(text.matches(',').count(), 10, "{text}");
    for silent in ["EIGNQ,XYZ", "EIGNQ", "PUBX,00", "GNGGA,1", "PQQ,GGA", "ÄÖGNQ,GGA"] {
        assert_eq!(bench.tell(&sentence_of_any_bytes(silent)), [], "{silent}");
    }
    let mut damaged = sentence("EIGNQ,GST");
    damaged[3] ^= 1;
    assert_eq!(bench.tell(&damaged), []);
}

/// Whatever stands in it, with the right checksum.
fn sentence_of_any_bytes(body: &str) -> Vec<u8> {
    let checksum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{checksum:02X}\r\n").into_bytes()
}

/// The examples that stand all over the internet: GLL off, GSV every third epoch; and what is no such message.
#[test]
fn pubx_40_sets_how_often_a_sentence_comes() {
    let mut bench = Bench::up();
    bench.seconds(3);
    for told in ["PUBX,40,GLL,0,0,0,0,0,0", "PUBX,40,GSV,0,0,0,3,0,0"] {
        assert_eq!(bench.tell(&sentence(told)), [], "{told} has no answer");
    }
    bench.seconds(1);
    let sent = bench.seconds(9);
    assert_eq!((count(&sent, "GNGLL"), count(&sent, "GNGGA")), (0, 9));
    assert!(count(&sent, "GPGSV") > 0);
    assert_eq!(bench.get_named(Layer::Ram, "CFG-MSGOUT-NMEA_ID_GSV_USB"), Some(3));
    for told in ["PUBX,40,GGA,0,0,0,0", "PUBX,40,XYZ,0,0,0,0,0,0", "PUBX,40,GGA,0,0,0,256,0,0", "PUBX,40"] {
        assert_eq!(bench.tell(&sentence(told)), [], "{told}");
    }
    assert_eq!(bench.get_named(Layer::Ram, "CFG-MSGOUT-NMEA_ID_GGA_USB"), Some(1));
}

#[test]
fn pubx_41_sets_a_ports_speed_and_protocols() {
    let mut bench = Bench::up();
    bench.effects.clear();
    bench.tell(&sentence("PUBX,41,1,0007,0003,115200,0"));
    assert_eq!(bench.get_named(Layer::Ram, "CFG-UART1-BAUDRATE"), Some(115_200));
    assert_eq!(bench.get_named(Layer::Ram, "CFG-UART1OUTPROT-RTCM3X"), Some(0));
    for told in ["PUBX,41,1,0007,0003,12345,0", "PUBX,41,9,0007,0003,9600,0", "PUBX,41,1,xyz,0003,9600,0"] {
        bench.tell(&sentence(told));
        assert_eq!(bench.get_named(Layer::Ram, "CFG-UART1-BAUDRATE"), Some(115_200), "{told}");
    }
}

/// The line follows, as it does after CFG-VALSET.
#[test]
fn a_speed_told_in_a_sentence_is_the_lines() {
    let mut bench = Bench::new(hil::twin::Character::quick(), Port::Uart1);
    bench.seconds(1);
    let mut effects = Vec::new();
    let told = sentence("PUBX,41,1,0007,0003,230400,0");
    bench.receiver.receive(bench.now, Port::Uart1, &told, &mut effects);
    assert_eq!(effects, [Effect::Baud { port: Port::Uart1, baud: 230_400 }]);
}

#[test]
fn cfg_tmode3_means_the_items_of_a_base() {
    let mut bench = Bench::up();
    bench.seconds(3);
    assert!(bench.set(Layers::RAM, &[("CFG-MSGOUT-RTCM_3X_TYPE1005_USB", 1)]));
    // Fixed, as latitude, longitude and height: 47 deg + 99e-9, 8.5 deg - 1e-9, 500 m + 0.5 mm.
    let mut payload = vec![0, 0, 2, 1];
    payload.extend([470_000_000_i32, 85_000_000, 50_000].into_iter().flat_map(i32::to_le_bytes));
    payload.extend([99, -1_i8 as u8, 5, 0]);
    payload.extend([100_u32, 60, 20_000].into_iter().flat_map(u32::to_le_bytes));
    payload.resize(40, 0);
    assert!(acknowledged(&bench.tell(&encode::ubx(6, 0x71, &payload).expect("a frame"))));
    assert_eq!(bench.get_named(Layer::Ram, "CFG-TMODE-MODE"), Some(2));
    assert_eq!(bench.get_named(Layer::Ram, "CFG-TMODE-LON_HP"), Some(0xFF));
    assert_eq!(bench.get_named(Layer::Ram, "CFG-TMODE-SVIN_MIN_DUR"), Some(60));
    let polled = bench.poll(6, 0x71);
    assert_eq!(polled[0].payload, payload);
    bench.seconds(2);
    let epoch = bench.receiver.epoch().expect("an epoch");
    let told = fixtures::geodesy::Geodetic {
        latitude_deg: 47.000_000_099,
        longitude_deg: 8.499_999_999,
        height_m: 500.000_5,
    };
    let reference = epoch.reference.expect("a reference point");
    assert!(norm(minus(reference, told.to_ecef())) < 1e-4, "{reference:?}");

    // A high-precision part out of range, a mode that there isn't, a length that isn't its own.
    for (at, value) in [(16, 100), (2, 3)] {
        let mut bad = payload.clone();
        bad[at] = value;
        assert!(!acknowledged(&bench.tell(&encode::ubx(6, 0x71, &bad).expect("a frame"))), "{at}");
    }
    assert!(!acknowledged(&bench.tell(&encode::ubx(6, 0x71, &payload[..39]).expect("a frame"))));
    assert_eq!(bench.poll(6, 0x71)[0].payload, payload);
}
