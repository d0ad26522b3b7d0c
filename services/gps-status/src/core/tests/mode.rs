use wire::gps_status::Mode;

use super::{Bench, build::*, s};

#[test]
fn a_base_says_so_in_many_ways() {
    for says in [
        svin(true, false),
        svin(false, true),
        nav_pvt(5, 0),
        gga(7),
        arp(),
        correction(1077),
        correction(1004),
    ] {
        assert_eq!(Bench::open().say(says.clone()).mode, Mode::Base, "{says:?}");
    }
}

#[test]
fn a_rover_says_so_in_many_ways() {
    for says in
        [gga(4), gga(5), nav_pvt(3, 1), nav_pvt(3, 2), rxm_rtcm(2), rxm_rtcm(0), gga_of_station(2, 41)]
    {
        assert_eq!(Bench::open().say(says.clone()).mode, Mode::Rover, "{says:?}");
    }
}

#[test]
fn what_proves_nothing_leaves_it_unknown() {
    let mut bench = Bench::open();
    let says = [gga(0), gga(1), gga(2), gga_of_station(2, 136), nav_pvt(3, 0), svin(false, false)];
    for says in
        says.into_iter().chain([rxm_rtcm(1), correction(4072), correction(1230), rmc(true, Some('D'))])
    {
        assert_eq!(bench.say(says.clone()).mode, Mode::Unknown, "{says:?}");
    }
}

#[test]
fn a_base_with_an_ordinary_gga_stays_a_base() {
    let mut bench = Bench::open();
    bench.say(svin(false, true));
    assert_eq!(bench.say(gga_of_station(2, 41)).mode, Mode::Base);
    assert_eq!(bench.say(gga(1)).mode, Mode::Base);
}

#[test]
fn corrections_in_a_rovers_stream_dont_make_it_a_base() {
    let mut bench = Bench::open();
    assert_eq!(bench.say(arp()).mode, Mode::Base);
    assert_eq!(bench.say(gga(5)).mode, Mode::Rover);
    assert_eq!(bench.say(correction(1077)).mode, Mode::Rover);
}

#[test]
fn a_receiver_that_stops_being_one_is_believed() {
    let mut bench = Bench::open();
    bench.say(svin(true, false));
    assert_eq!(bench.say(svin(false, false)).mode, Mode::Unknown, "it takes it back");
    bench.say(nav_pvt(5, 0));
    assert_eq!(bench.say(nav_pvt(3, 0)).mode, Mode::Unknown, "a measured fix");
    bench.say(gga(4));
    bench.say(gga(1));
    assert_eq!(bench.pass(s(29)).mode, Mode::Rover, "a rover that loses its corrections stays one");
    assert_eq!(bench.pass(s(1)).mode, Mode::Unknown);
}
