use super::{bit_writer::BitWriter, *};

/// The worked example of a 1005 in RTCM 10403: station 2003, without header and CRC.
const EXAMPLE_1005: [u8; 19] = [
    0x3E, 0xD7, 0xD3, 0x02, 0x02, 0x98, 0x0E, 0xDE, 0xEF, 0x34, 0xB4, 0xBD, 0x62, 0xAC, 0x09, 0x41, 0x98,
    0x6F, 0x33,
];

fn message(number: i64) -> BitWriter {
    BitWriter::default().put(number, 12)
}

fn json(payload: &[u8]) -> String {
    serde_json::to_string(&decode(payload)).unwrap()
}

#[test]
fn the_example_of_the_standard() {
    let Message { number: Some(1005), body: Body::Station(station) } = decode(&EXAMPLE_1005) else {
        panic!("{}", json(&EXAMPLE_1005));
    };
    assert_eq!(station.station_id, 2003);
    assert_eq!(station.ecef_m, [1114104.5999, -4850729.7108, 3975521.4643]);
    assert_eq!((station.gps, station.glonass, station.galileo), (true, false, false));
    assert_eq!(station.antenna_height_m, None);
    assert!((station.latitude_deg - 38.80).abs() < 0.01, "{station:?}");
    assert!((station.longitude_deg - -77.06).abs() < 0.01, "{station:?}");
}

#[test]
fn a_station_with_an_antenna_height() {
    let payload = message(1006)
        .put(4095, 12)
        .put(14, 6)
        .put(0b0111, 4)
        .put(-1, 38)
        .put(0b10, 2)
        .put(-(1 << 37), 38)
        .put(2, 2)
        .put((1 << 37) - 1, 38)
        .put(65_535, 16);
    let Body::Station(station) = decode(&payload.bytes()).body else { panic!("{}", json(&payload.bytes())) };
    assert_eq!(station.station_id, 4095);
    assert_eq!(station.itrf_year, 14);
    assert!(!station.gps && station.glonass && station.galileo && station.virtual_station);
    assert_eq!(station.ecef_m, [-0.0001, -13743895.3472, 13743895.3471]);
    assert!(station.single_oscillator);
    assert_eq!(station.quarter_cycle, 2);
    assert_eq!(station.antenna_height_m, Some(6.5535));
}

#[test]
fn descriptors() {
    let antenna = message(1007).put(7, 12).put_text(b"ADVNULLANTENNA").put(3, 8);
    insta::assert_snapshot!(json(&antenna.bytes()), @r#"{"number":1007,"type":"descriptor","station_id":7,"antenna":"ADVNULLANTENNA","antenna_setup_id":3,"antenna_serial":null,"receiver":null,"firmware":null,"receiver_serial":null}"#);
    let serial = message(1008).put(7, 12).put_text(b"").put(0, 8).put_text(b"S/N \"1\"");
    insta::assert_snapshot!(json(&serial.bytes()), @r#"{"number":1008,"type":"descriptor","station_id":7,"antenna":"","antenna_setup_id":0,"antenna_serial":"S/N \"1\"","receiver":null,"firmware":null,"receiver_serial":null}"#);
    // Latin-1, and longer than the standard's 31 characters.
    let receiver = message(1033)
        .put(7, 12)
        .put_text(b"")
        .put(0, 8)
        .put_text(b"")
        .put_text(b"Empf\xE4nger")
        .put_text(&[b'4'; 40])
        .put_text(b"12");
    insta::assert_snapshot!(json(&receiver.bytes()), @r#"{"number":1033,"type":"descriptor","station_id":7,"antenna":"","antenna_setup_id":0,"antenna_serial":"","receiver":"Empfänger","firmware":"4444444444444444444444444444444444444444","receiver_serial":"12"}"#);
}

#[test]
fn a_string_that_claims_more_than_there_is() {
    let payload = message(1007).put(7, 12).put(200, 8).put(0x41, 8).put(0, 8).bytes();
    let expected_bits = 12 + 12 + 8 + 200 * 8 + 8;
    assert_eq!(
        decode(&payload).body,
        Body::Malformed { reason: Error::Short { expected_bits, found_bits: 48 } }
    );
}

#[test]
fn biases_present_masked_out_and_unknown() {
    let payload = message(1230).put(9, 12).put(1, 1).put(0, 3).put(0b1101, 4).put(-50, 16).put(-0x8000, 16);
    let payload = payload.put(0x7FFF, 16);
    insta::assert_snapshot!(json(&payload.bytes()), @r#"{"number":1230,"type":"glonass_biases","station_id":9,"aligned":true,"biases_m":[-1.0,null,null,655.34]}"#);
}

/// A GLONASS ephemeris, the one message with sign-magnitude fields, at the ends of their ranges.
#[test]
fn glonass_sign_magnitude() {
    let end = |width: u32| (1i64 << (width - 1)) - 1;
    let axis = |writer: BitWriter, sign: i64| {
        writer
            .put_sign_magnitude(sign * end(24), 24)
            .put_sign_magnitude(-sign * end(27), 27)
            .put_sign_magnitude(sign * 3, 5)
    };
    let head = message(1020).put(24, 6).put(0, 5).put(0b11, 2).put(2, 2).put(23 << 7 | 59 << 1 | 1, 12);
    let position = axis(axis(axis(head.put(0b01, 2).put(95, 7), 1), -1), 1);
    let payload = position
        .put(1, 1)
        .put_sign_magnitude(-1, 11)
        .put(3, 2)
        .put(1, 1)
        .put_sign_magnitude(-end(22), 22)
        .put_sign_magnitude(-end(5), 5)
        .put(31, 5)
        .put(1, 1)
        .put(15, 4)
        .put(1461, 11)
        .put(1, 2)
        .put(1, 1)
        .put(1461, 11)
        .put_sign_magnitude(-end(32), 32)
        .put(31, 5)
        .put_sign_magnitude(end(22), 22)
        .put(0b1000_0000, 8);
    assert_eq!(payload.bytes().len(), 45);
    let Body::Ephemeris(ephemeris) = decode(&payload.bytes()).body else {
        panic!("{}", json(&payload.bytes()))
    };
    // GLONASS-M says with ln that it isn't good.
    assert!(!ephemeris.healthy);
    insta::assert_json_snapshot!(ephemeris, @r#"
    {
      "satellite": "R24",
      "week": null,
      "issue": null,
      "reference_time_s": 85500,
      "healthy": false,
      "fields": {
        "frequency_channel": -7,
        "almanac_healthy": true,
        "almanac_health_available": true,
        "p1": 2,
        "tk_s": 86370,
        "bn_unhealthy": false,
        "p2": true,
        "position_km": [
          -32767.99951171875,
          32767.99951171875,
          -32767.99951171875
        ],
        "velocity_km_per_s": [
          7.999999046325684,
          -7.999999046325684,
          7.999999046325684
        ],
        "acceleration_km_per_s2": [
          0.0000000027939677238464355,
          -0.0000000027939677238464355,
          0.0000000027939677238464355
        ],
        "p3": true,
        "gamma_n": -0.0000000000009094947017729282,
        "m_p": 3,
        "m_ln_third_unhealthy": true,
        "tau_n_s": -0.0019531240686774254,
        "m_delta_tau_n_s": -0.000000013969838619232178,
        "en_days": 31,
        "m_p4": true,
        "m_ft": 15,
        "m_nt_days": 1461,
        "m_satellite_type": 1,
        "additional_data_available": true,
        "na_days": 1461,
        "tau_c_s": -0.9999999995343387,
        "m_n4": 31,
        "m_tau_gps_s": 0.0019531240686774254,
        "m_ln_fifth_unhealthy": true
      }
    }
    "#);
}

#[test]
fn unknown_messages_and_short_frames_are_values() {
    insta::assert_snapshot!(json(&[]), @r#"{"number":null,"type":"unknown","length":0}"#);
    insta::assert_snapshot!(json(&[0x3E]), @r#"{"number":null,"type":"unknown","length":1}"#);
    insta::assert_snapshot!(json(&[0xFE, 0x80, 1, 2, 3]), @r#"{"number":4072,"type":"unknown","length":5}"#);
    insta::assert_snapshot!(json(&EXAMPLE_1005[..18]), @r#"{"number":1005,"type":"malformed","reason":"the message needs 152 bits and has 144: its sender cuts it off, look for another firmware there"}"#);
}

/// A later version of a message may append fields.
#[test]
fn a_longer_payload_is_fine() {
    let longer = [EXAMPLE_1005.as_slice(), &[0xFF; 3]].concat();
    assert_eq!(decode(&longer), decode(&EXAMPLE_1005));
}
