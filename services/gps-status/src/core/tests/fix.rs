use wire::gps_status::FixQuality;

use super::{Bench, build::*, ms, s};

#[test]
fn every_gga_quality_has_its_name() {
    let mut bench = Bench::open();
    let names: Vec<_> = (0..=9).map(|quality| bench.say(gga(quality)).fix_quality).collect();
    insta::assert_compact_json_snapshot!(names, @r#"["no_fix", "gps", "dgps", "pps", "rtk_fixed", "rtk_float", "estimated", "manual", "simulation", "dgps"]"#);
}

#[test]
fn ubx_alone_is_told_in_the_same_words() {
    let mut bench = Bench::open();
    let mut told = |fix_type, carrier| bench.say(nav_pvt(fix_type, carrier)).fix_quality;
    assert_eq!(told(0, 0), FixQuality::NoFix);
    assert_eq!(told(1, 0), FixQuality::Estimated);
    assert_eq!(told(2, 0), FixQuality::Gps);
    assert_eq!(told(3, 1), FixQuality::RtkFloat);
    assert_eq!(told(4, 2), FixQuality::RtkFixed);
    assert_eq!(told(5, 0), FixQuality::Manual, "a time-only fix has a given position");
    assert_eq!(told(9, 0), FixQuality::NoFix);
    let mut differential = pvt(3, 0);
    differential.differential = true;
    let mut say =
        |pvt| bench.say(rtk_reader::decode::Message::Ubx(rtk_reader::decode::ubx::Packet::NavPvt(pvt)));
    assert_eq!(say(differential.clone()).fix_quality, FixQuality::Dgps);
    differential.fix_ok = false;
    let status = say(differential);
    assert_eq!((status.fix_quality, status.latitude), (FixQuality::NoFix, None));
}

#[test]
fn gga_decides_the_quality_and_the_finest_message_the_position() {
    let mut bench = Bench::open();
    let status = bench.say(gga(2));
    assert_eq!((status.altitude, status.satellites, status.hdop), (Some(54.6), 12, Some(0.8)));
    let status = bench.say(nav_pvt(5, 0));
    assert_eq!((status.fix_quality, status.altitude), (FixQuality::Dgps, Some(54.642)));
    assert_eq!(status.satellites, 31, "strict NMEA stops at 12");
    let status = bench.say(hpposllh(false));
    assert_eq!((status.latitude, status.altitude), (Some(32.065_832_512), Some(54.642_5)));
    let status = bench.say(hpposllh(true));
    assert_eq!(status.altitude, Some(54.642), "an invalid one says nothing");
    let status = bench.say(gga(0));
    assert_eq!(
        (status.fix_quality, status.latitude, status.longitude, status.altitude, status.hdop),
        (FixQuality::NoFix, None, None, None, None)
    );
}

#[test]
fn each_message_holds_three_seconds() {
    let mut bench = Bench::open();
    bench.say(gga(4));
    bench.pass(ms(2_000));
    bench.say(nav_pvt(3, 1));
    assert_eq!(bench.pass(ms(999)).fix_quality, FixQuality::RtkFixed);
    let status = bench.pass(ms(1));
    assert_eq!((status.fix_quality, status.hdop), (FixQuality::RtkFloat, None));
    bench.pass(ms(1_000));
    bench.say(correction(1005));
    let status = bench.pass(ms(1_000));
    assert_eq!((status.fix_quality, status.latitude, status.satellites), (FixQuality::NoFix, None, 0));
    assert_eq!(status.errors.silences, 0, "corrections were heard");
}

#[test]
fn the_recommended_minimum_is_enough() {
    let mut bench = Bench::open();
    let status = bench.say(rmc(true, None));
    assert_eq!((status.fix_quality, status.latitude), (FixQuality::Gps, Some(-33.5)));
    assert_eq!(bench.say(rmc(true, Some('R'))).fix_quality, FixQuality::RtkFixed);
    let status = bench.say(rmc(false, Some('N')));
    assert_eq!((status.fix_quality, status.latitude), (FixQuality::NoFix, None));
    bench.pass(s(1));
    assert_eq!(bench.say(gga(1)).altitude, Some(54.6));
}

#[test]
fn gns_is_as_good_as_its_best_system() {
    use rtk_reader::decode::nmea::{Body, Gns};
    let mut bench = Bench::open();
    let gns = |modes: &str| {
        let position = (Some(45.0), Some(7.0));
        nmea(Body::Gns(Gns {
            modes: modes.into(),
            latitude_deg: position.0,
            longitude_deg: position.1,
            hdop: Some(0.7),
            satellites_used: Some(20),
            ..Gns::default()
        }))
    };
    let status = bench.say(gns("ANNR"));
    assert_eq!((status.fix_quality, status.satellites), (FixQuality::RtkFixed, 20));
    assert_eq!(bench.say(gns("NNNN")).fix_quality, FixQuality::NoFix);
    assert_eq!(bench.say(gns("")).fix_quality, FixQuality::NoFix);
    assert_eq!(bench.say(gns("FAAA")).fix_quality, FixQuality::RtkFloat);
}

#[test]
fn a_position_off_the_globe_is_none() {
    use rtk_reader::decode::nmea::{Body, Gga};
    let mut bench = Bench::open();
    for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
        let status = bench.say(nmea(Body::Gga(Gga {
            quality: 1,
            latitude_deg: Some(latitude),
            longitude_deg: Some(longitude),
            hdop: Some(f64::NAN),
            ..Gga::default()
        })));
        assert_eq!((status.fix_quality, status.latitude), (FixQuality::Gps, None));
        assert_eq!((status.longitude, status.hdop), (None, None));
    }
}
