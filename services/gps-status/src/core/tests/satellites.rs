use super::{Bench, build::*, ms};

/// `number:bands used`, one per satellite.
fn sky(status: &wire::gps_status::GpsStatus) -> String {
    let satellite = |seen: &wire::gps_status::Satellite| {
        let bands: Vec<_> = seen.signals.iter().map(|s| format!("{}={}", s.band, s.cn0_dbhz)).collect();
        let used = seen.used.map_or("?", |used| if used { "used" } else { "unused" });
        format!("{}:{} {used}", seen.number, bands.join(","))
    };
    status.satellites_in_view.iter().map(satellite).collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_group_replaces_the_last_one_when_it_is_complete() {
    let mut bench = Bench::open();
    bench.say(gsv((1, 2), (1, "L1"), &[(5, 45.0), (7, 43.0)]));
    assert_eq!(sky(&bench.status()), "", "not complete yet");
    assert_eq!(sky(&bench.say(gsv((2, 2), (1, "L1"), &[(9, 39.0)]))), "5:L1=45 ? | 7:L1=43 ? | 9:L1=39 ?");
    bench.say(gsv((1, 1), (6, "L2"), &[(5, 38.0)]));
    assert_eq!(sky(&bench.status()), "5:L1=45,L2=38 ? | 7:L1=43 ? | 9:L1=39 ?");
    bench.say(gsv((1, 2), (1, "L1"), &[(7, 44.0)]));
    bench.say(gsv((1, 2), (1, "L1"), &[(7, 46.0)]));
    bench.say(gsv((3, 3), (1, "L1"), &[(8, 46.0)]));
    assert_eq!(sky(&bench.status()), "5:L1=45,L2=38 ? | 7:L1=43 ? | 9:L1=39 ?", "a sentence was lost");
    bench.say(gsv((1, 1), (1, "L1"), &[(7, 44.0)]));
    assert_eq!(sky(&bench.status()), "5:L2=38 ? | 7:L1=44 ?");
}

#[test]
fn gsa_tells_what_is_used() {
    let mut bench = Bench::open();
    bench.say(gsv((1, 1), (1, "L1"), &[(5, 45.0), (7, 43.0), (9, 40.0)]));
    assert_eq!(sky(&bench.say(gsa(Some(1), &[5]))), "5:L1=45 used | 7:L1=43 unused | 9:L1=40 unused");
    bench.pass(ms(50));
    assert_eq!(
        sky(&bench.say(gsa(Some(1), &[7]))),
        "5:L1=45 used | 7:L1=43 used | 9:L1=40 unused",
        "more than twelve"
    );
    bench.say(gga(1));
    assert_eq!(
        sky(&bench.say(gsa(None, &[9]))),
        "5:L1=45 unused | 7:L1=43 unused | 9:L1=40 used",
        "next epoch"
    );
}

#[test]
fn ubx_is_finer_than_nmea() {
    let mut bench = Bench::open();
    bench.say(gsv((1, 1), (1, "L1"), &[(5, 45.0), (7, 43.0)]));
    bench.say(gsa(Some(1), &[5]));
    let status = bench.say(nav_sat(&[(5, 47, false), (8, 30, true), (9, 0, false)]));
    assert_eq!(sky(&status), "5:L1=45 unused | 7:L1=43 unused | 8:L1=30 used | 9: unused");
    assert_eq!(status.satellites_in_view[0].elevation_deg, Some(60.0));
    assert_eq!(status.satellites_in_view[0].azimuth_deg, Some(267.0));
    let status = bench.say(nav_sig(&[(8, "L1", 31), (8, "L1", 33), (8, "L2", 29), (8, "L5", 0)]));
    assert_eq!(sky(&status), "5:L1=45 unused | 7:L1=43 unused | 8:L1=33,L2=29 used | 9: unused");
}

#[test]
fn a_satellite_not_told_for_five_seconds_is_gone() {
    let mut bench = Bench::open();
    let say_both = |bench: &mut Bench, both: bool| {
        bench.say(gsv((1, 1), (1, "L1"), if both { &[(5, 45.0)] } else { &[] }));
        if both {
            bench.say(nav_sat(&[(8, 30, true)]));
        }
    };
    say_both(&mut bench, true);
    for _ in 0..4 {
        bench.pass(ms(1_000));
        say_both(&mut bench, false);
    }
    assert_eq!(sky(&bench.pass(ms(999))), "8:L1=30 used");
    assert_eq!(sky(&bench.pass(ms(1))), "");
}

#[test]
fn a_slow_source_holds_for_two_of_its_intervals() {
    let mut bench = Bench::open();
    for _ in 0..2 {
        bench.say(nav_sat(&[(8, 30, true)]));
        for _ in 0..10 {
            bench.pass(ms(1_000));
            bench.say(gga(1));
        }
    }
    assert_eq!(sky(&bench.status()), "8:L1=30 used");
    for _ in 0..10 {
        bench.pass(ms(1_000));
        bench.say(gga(1));
    }
    assert_eq!(sky(&bench.status()), "");
}

#[test]
fn the_sky_is_bounded() {
    let mut bench = Bench::open();
    let many: Vec<_> = (0..255).map(|number| (number, 40, true)).collect();
    let status = bench.say(nav_sat(&many));
    assert_eq!(status.satellites_in_view.len(), super::super::satellites::SATELLITES);
    let bands = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"];
    let signals: Vec<_> = bands.iter().map(|&band| (1, band, 40)).collect();
    let status = bench.say(nav_sig(&signals));
    assert_eq!(status.satellites_in_view[1].signals.len(), super::super::satellites::SIGNALS);
    for signal in 0..255 {
        bench.say(gsv((1, 1), (signal, "L1"), &[(5, 45.0)]));
    }
    for sentence in 1..=255 {
        bench.say(gsv((sentence, 255), (1, "L1"), &[(5, 45.0); 4]));
    }
    assert!(bench.status().satellites_in_view.len() <= super::super::satellites::SATELLITES);
}
