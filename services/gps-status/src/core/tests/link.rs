//! Opened, silent, closed, ended; and when consoles are told.

use wire::gps_status::{FixQuality, Mode};

use super::{Bench, Observation, START, build::*, ms, s};
use rtk_reader::frame::Counts;

/// A base that has told everything.
fn told() -> Bench {
    let mut bench = Bench::open();
    for says in [gga(2), nav_pvt(5, 0), svin(false, true), arp(), mon_ver(), mon_rf(2)] {
        bench.say(says);
    }
    bench.say(nav_sat(&[(5, 45, true)]));
    bench
}

#[test]
fn the_whole_status_of_a_base() {
    let mut bench = told();
    bench.tell(Observation::Bytes(5_760));
    let counts = Counts {
        bad_nmea: 1,
        nmea_without_checksum: 2,
        bad_ubx: 4,
        bad_rtcm: 8,
        false_starts: 3,
        oversize: 5,
        unframed_bytes: 77,
        unframed_runs: 9,
        ..Counts::default()
    };
    bench.tell(Observation::Framing(counts));
    bench.pass(s(1));
    bench.say(arp());
    insta::assert_json_snapshot!(bench.status());
}

#[test]
fn silence_is_no_fix_and_no_stale_position() {
    let mut bench = told();
    let before = bench.status();
    assert_eq!(bench.pass(ms(2_999)), before);
    let status = bench.pass(ms(1));
    assert!(status.connected);
    assert_eq!((status.fix_quality, status.satellites), (FixQuality::NoFix, 0));
    assert_eq!((status.latitude, status.longitude, status.altitude, status.hdop), (None, None, None, None));
    assert_eq!((status.errors.silences, status.last_update), (1, before.last_update));
    assert_eq!(status.mode, Mode::Base, "it may be one still");
    assert_eq!(bench.published.last().map(|(_, told)| told.latitude), Some(before.latitude));
    bench.pass(ms(50));
    assert_eq!(bench.published.last().map(|(_, told)| told.latitude), Some(None), "consoles know");
    let status = bench.pass(s(60));
    assert_eq!((status.errors.silences, status.mode), (1, Mode::Unknown), "counted once");
    bench.say(gga(1));
    assert_eq!(bench.pass(s(3)).errors.silences, 2);
}

#[test]
fn noise_is_silence() {
    let mut bench = told();
    for step in 1..=30 {
        bench.pass(ms(100));
        bench.tell(Observation::Bytes(100));
        bench.tell(Observation::Framing(Counts { unframed_bytes: step * 100, ..Counts::default() }));
    }
    let status = bench.status();
    assert_eq!((status.connected, status.fix_quality, status.latitude), (true, FixQuality::NoFix, None));
    assert_eq!((status.errors.silences, status.errors.noise_bytes), (1, 3_000));
}

#[test]
fn a_receiver_that_never_spoke_is_silent_too() {
    let mut bench = Bench::open();
    assert_eq!(bench.pass(s(3)).errors.silences, 1);
}

#[test]
fn unplugged_is_not_connected_and_counters_survive() {
    let mut bench = told();
    bench.tell(Observation::Closed);
    bench.tell(Observation::Closed);
    let status = bench.status();
    assert!(!status.connected);
    assert_eq!((status.fix_quality, status.satellites, status.latitude), (FixQuality::NoFix, 0, None));
    assert_eq!((status.satellites_in_view.len(), status.antennas.len()), (0, 0));
    assert_eq!((status.survey_in, status.line, status.mode), (None, None, Mode::Unknown));
    assert_eq!((status.errors.disconnects, status.rtcm_messages[0].count), (1, 1));
    assert!(status.receiver.is_some() && status.station.is_some(), "which receiver it was");
    bench.pass(s(9));
    assert_eq!(bench.core.next_timeout(), None, "nothing is waited for");

    bench.tell(Observation::Opened { device: "/dev/ttyACM0".to_owned(), baud: None });
    assert!(bench.status().receiver.is_some(), "the same");
    bench.tell(Observation::Opened { device: "/dev/ttyACM1".to_owned(), baud: None });
    let status = bench.status();
    assert_eq!((status.receiver, status.station), (None, None), "another");
    assert_eq!(status.errors.disconnects, 2, "opened twice: an end was missed");
    assert_eq!(bench.say(arp()).rtcm_messages[0].interval_ms, None, "the time away is no interval");
}

#[test]
fn what_comes_after_the_end_says_nothing_of_the_present() {
    let mut bench = told();
    bench.tell(Observation::Closed);
    let status = bench.say(gga(4));
    assert_eq!((status.connected, status.latitude, status.mode), (false, None, Mode::Unknown));
}

#[test]
fn a_capture_that_ended_is_shown_like_a_receiver_that_falls_silent() {
    let mut bench = told();
    bench.tell(Observation::Ended);
    assert_eq!(bench.published.last().map(|(at, _)| *at), Some(START), "its end is told at once");
    assert!(bench.status().connected);
    let status = bench.pass(s(3));
    assert_eq!((status.connected, status.latitude, status.line), (false, None, None));
    assert_eq!((status.errors.silences, status.errors.disconnects), (0, 0));
    assert!(status.survey_in.is_some());
    let mut bench = Bench::open();
    bench.pass(s(5));
    bench.tell(Observation::Ended);
    assert!(!bench.status().connected, "it was silent already");
}

#[test]
fn consoles_are_told_within_50_ms_and_at_most_ten_times_a_second() {
    let mut bench = Bench::open();
    bench.pass(s(2));
    bench.published.clear();
    let first = bench.now;
    for _ in 0..1_000 {
        bench.say(gga(1));
        bench.pass(ms(1));
    }
    let last = bench.now;
    bench.pass(ms(500));
    let at: Vec<_> = bench.published.iter().map(|(at, _)| *at).collect();
    assert_eq!(at.first(), Some(&(first + ms(40))));
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= ms(100)), "{at:?}");
    assert_eq!(at.len(), 11);
    assert!(at.last().is_some_and(|&at| at >= last - ms(1) && at <= last + ms(100)));
    assert_eq!(bench.published.last().map(|(_, told)| told.clone()), Some(bench.status()));
}

#[test]
fn a_rate_that_changes_alone_is_told_once_a_second() {
    let mut bench = Bench::open();
    bench.pass(s(5));
    bench.published.clear();
    for _ in 0..310 {
        bench.tell(Observation::Bytes(7));
        bench.pass(ms(10));
    }
    assert_eq!(bench.published.len(), 3);
    bench.pass(s(20));
    bench.published.clear();
    bench.pass(s(1_000));
    assert_eq!(bench.published, [], "nothing changes, nothing is told");
}

#[test]
fn times_are_the_system_clocks() {
    let mut bench = Bench::open();
    bench.tell(Observation::ClockOffset(-5_000));
    let status = bench.say(arp());
    assert_eq!(status.last_update, 1_699_999_995_000);
    assert_eq!(status.rtcm_messages[0].last_seen, 1_699_999_995_000);
    bench.tell(Observation::ClockOffset(i64::MIN));
    assert_eq!(bench.say(arp()).last_update, 0);
}

#[test]
fn what_could_not_be_decoded_is_counted() {
    use rtk_reader::decode::{Message, nmea, rtcm, ubx};
    let mut bench = Bench::open();
    bench.say(Message::Nmea(nmea::decode(b"GNGGA,now,here,N")));
    bench.say(Message::Ubx(ubx::decode(0x01, 0x07, &[0; 3])));
    let status = bench.say(Message::Rtcm(rtcm::decode(&[0x43, 0x50])));
    assert_eq!((status.errors.undecodable, status.rtcm_messages[0].number), (3, 1077));
    bench.say(Message::Nmea(nmea::decode(b"PUBX,40,GLL,0")));
    assert_eq!(bench.status().errors.undecodable, 3, "unknown is no error");
}
