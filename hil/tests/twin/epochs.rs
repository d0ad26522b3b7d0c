//! What comes out by itself.

use std::time::Duration;

use fixtures::geodesy::{Geodetic, minus, norm};
use fixtures::scenario::{FixKind, Mode};
use hil::twin::Character;
use rtk_reader::frame::MessageId;
use rtk_reader::receiver::{Layers, Port, Request};

use crate::support::{Bench, Sent, count, last, names};

const SURVEY: Mode = Mode::SurveyIn { duration_s: 10, accuracy_m: 5.0 };

fn base(mode: Mode) -> Bench {
    Bench::new(Character::quick().as_base(Port::Usb, mode), Port::Usb)
}

/// Seconds until the first fix.
fn first_fix_s(bench: &mut Bench) -> u64 {
    let fixed = |bench: &Bench| bench.receiver.epoch().is_some_and(|e| e.solution.kind != FixKind::None);
    (1..100)
        .find(|_| {
            bench.seconds(1);
            fixed(bench)
        })
        .expect("a fix")
}

#[test]
fn from_the_factory_it_says_six_sentences() {
    let mut bench = Bench::up();
    bench.seconds(5);
    let mut kinds = names(&bench.seconds(1));
    kinds.dedup();
    let at = |name: &str| kinds.iter().position(|kind| kind.ends_with(name)).expect(name);
    assert!(at("RMC") < at("VTG") && at("VTG") < at("GGA") && at("GGA") < at("GSA"), "{kinds:?}");
    assert!(at("GSA") < at("GSV") && at("GSV") < at("GLL"), "{kinds:?}");
    assert!(kinds.iter().all(|kind| !kind.contains('-') && kind.parse::<u16>().is_err()), "{kinds:?}");
}

#[test]
fn rates_are_kept() {
    let mut bench = base(Mode::Rover);
    bench.seconds(5);
    assert!(bench.set(
        Layers::RAM,
        &[
            ("CFG-RATE-MEAS", 200),
            ("CFG-MSGOUT-UBX_NAV_PVT_USB", 1),
            ("CFG-MSGOUT-UBX_NAV_SAT_USB", 5),
            ("CFG-MSGOUT-NMEA_ID_GGA_USB", 10),
            ("CFG-MSGOUT-NMEA_ID_GSV_USB", 0),
            ("CFG-MSGOUT-RTCM_3X_TYPE1230_USB", 25),
            ("CFG-MSGOUT-UBX_NAV_PVT_UART1", 1),
        ]
    ));
    bench.seconds(2);
    let sent = bench.seconds(20);
    let counts =
        ["NAV-PVT", "NAV-SAT", "GNGGA", "GPGSV", "1230", "1077", "1005"].map(|name| count(&sent, name));
    assert_eq!(counts, [100, 20, 10, 0, 4, 100, 0]);
}

#[test]
fn before_the_first_fix_it_has_no_position_and_no_corrections() {
    let mut bench = base(SURVEY);
    let sent = bench.run(Duration::from_millis(1_200));
    let text = String::from_utf8(last(&sent, "GNGGA").bytes.clone()).expect("ASCII");
    assert!(text.contains(",,,,,0,00,99.99"), "{text}");
    assert_eq!(last(&sent, "NAV-PVT").payload[20], 0, "no fix");
    assert!(sent.iter().all(|sent| !matches!(sent.id, MessageId::Rtcm(_))), "{:?}", names(&sent));
}

#[test]
fn starts_take_their_time() {
    let character = Character {
        cold_first_fix: Duration::from_secs(24),
        warm_first_fix: Duration::from_secs(12),
        hot_first_fix: Duration::from_secs(2),
        ..Character::quick()
    };
    let mut bench = Bench::new(character, Port::Usb);
    let cold = first_fix_s(&mut bench);
    let mut again = |forget| {
        bench.ask(&Request::Reset { forget, mode: 1 });
        first_fix_s(&mut bench)
    };
    let (hot, warm, cold_again) = (again(0), again(1), again(0xFFFF));
    assert!((17..=34).contains(&cold) && (17..=34).contains(&cold_again), "{cold} {cold_again}");
    assert!((8..=17).contains(&warm), "{warm}");
    assert!((1..=5).contains(&hot), "{hot}");
    // GNSS alone can be stopped, and started.
    bench.ask(&Request::Reset { forget: 0, mode: 8 });
    bench.seconds(2);
    assert_eq!(bench.receiver.epoch().expect("an epoch").solution.kind, FixKind::None);
    bench.ask(&Request::Reset { forget: 0, mode: 9 });
    assert!(first_fix_s(&mut bench) <= 5);
}

#[test]
fn a_survey_in_grows_converges_and_ends_with_a_1005() {
    let mut bench = base(SURVEY);
    let sent = bench.seconds(30);
    let surveys: Vec<&Sent> = sent.iter().filter(|sent| sent.id.to_string() == "NAV-SVIN").collect();
    let u32_at =
        |sent: &Sent, at: usize| u32::from_le_bytes(sent.payload[at..at + 4].try_into().expect("four"));
    let accuracies: Vec<u32> = surveys.iter().map(|sent| u32_at(sent, 28)).collect();
    assert!(accuracies.windows(2).all(|pair| pair[1] <= pair[0]), "{accuracies:?}");
    let valid = surveys.iter().position(|sent| sent.payload[36] == 1).expect("valid");
    assert!(surveys[..valid].iter().all(|sent| sent.payload[37] == 1), "active until then");
    assert!(u32_at(surveys[valid], 8) >= 10, "seconds");
    assert!(accuracies[valid] <= 50_000);
    let first = |name: &str| sent.iter().position(|sent| sent.id.to_string() == name).expect(name);
    assert!(first("1077") < first("1005"), "observations come first");
    let valid_epoch = surveys.len() - valid;
    assert_eq!(count(&sent, "1005"), valid_epoch, "one with every epoch from then on");
    assert_eq!(last(&sent, "NAV-PVT").payload[20], 5, "time only");
}

/// Ten surveys of one receiver end at ten places, a metre around the true one.
#[test]
fn surveys_scatter() {
    let mut bench = base(SURVEY);
    let mut means = Vec::new();
    for _ in 0..10 {
        bench.seconds(25);
        let survey = bench.receiver.epoch().expect("an epoch").survey;
        assert!(survey.valid);
        means.push(survey.mean_ecef_m);
        assert!(bench.set(Layers::RAM, &[("CFG-TMODE-MODE", 0)]));
        assert!(bench.set(Layers::RAM, &[("CFG-TMODE-MODE", 1)]));
    }
    let truth = Character::quick().place.to_ecef();
    let errors: Vec<f64> = means.iter().map(|mean| norm(minus(*mean, truth))).collect();
    assert!(errors.iter().all(|error| (0.001..3.0).contains(error)), "{errors:?}");
    assert!(means.windows(2).all(|pair| norm(minus(pair[0], pair[1])) > 0.001), "{means:?}");
}

#[test]
fn a_fixed_base_says_where_it_was_told_to_be_to_a_tenth_of_a_millimetre() {
    let place = Geodetic { latitude_deg: -33.865_143_21, longitude_deg: -151.209_901_23, height_m: 58.123_4 };
    let ecef_m = place.to_ecef().map(|metres| (metres * 1e4).round() / 1e4);
    let mut bench = base(Mode::Fixed { ecef_m, accuracy_m: 0.01 });
    let sent = bench.seconds(5);
    let decoded = rtk_reader::decode::rtcm::decode(&last(&sent, "1005").payload);
    let arp = format!("{decoded:?}");
    for metres in ecef_m {
        assert!(arp.contains(&metres.to_string()), "{metres} in {arp}");
    }
    assert_eq!(last(&sent, "NAV-PVT").payload[20], 5);
    // Told as latitude, longitude and height it is the same place.
    let raw = |value: f64, bytes: u32| (value as i64 as u64) & (u64::MAX >> (64 - 8 * bytes));
    let (lat, lon) = ((place.latitude_deg * 1e9).round(), (place.longitude_deg * 1e9).round());
    let height = (place.height_m * 1e4).round();
    assert!(bench.set(
        Layers::RAM,
        &[
            ("CFG-TMODE-POS_TYPE", 1),
            ("CFG-TMODE-LAT", raw((lat / 100.0).trunc(), 4)),
            ("CFG-TMODE-LAT_HP", raw(lat % 100.0, 1)),
            ("CFG-TMODE-LON", raw((lon / 100.0).trunc(), 4)),
            ("CFG-TMODE-LON_HP", raw(lon % 100.0, 1)),
            ("CFG-TMODE-HEIGHT", raw((height / 100.0).trunc(), 4)),
            ("CFG-TMODE-HEIGHT_HP", raw(height % 100.0, 1)),
        ]
    ));
    bench.seconds(2);
    let reference = bench.receiver.epoch().expect("an epoch").reference.expect("a reference");
    assert!(norm(minus(reference, place.to_ecef())) < 2e-4, "{reference:?}");
}

#[test]
fn without_an_antenna_it_hears_nothing_and_says_why() {
    let mut bench = base(SURVEY);
    bench.seconds(20);
    bench.receiver.set_antenna(false);
    let sent = bench.seconds(2);
    assert_eq!(last(&sent, "NAV-PVT").payload[20], 0, "no fix");
    assert_eq!(bench.poll(0x0A, 0x38)[0].payload[6], 4, "open");
    let satellites = &last(&sent, "NAV-SAT").payload;
    assert!(satellites[8..].chunks(12).all(|satellite| satellite[2] == 0), "no C/N0");
    bench.receiver.set_antenna(true);
    let sent = bench.seconds(10);
    assert_ne!(last(&sent, "NAV-PVT").payload[20], 0);
    assert_eq!(bench.poll(0x0A, 0x38)[0].payload[6], 2, "ok");
}

#[test]
fn the_last_msm_of_an_epoch_says_so() {
    let mut bench = base(Mode::Rover);
    bench.seconds(10);
    let more: Vec<bool> = bench
        .seconds(1)
        .iter()
        .filter(|sent| matches!(sent.id, MessageId::Rtcm(Some(1071..=1127))))
        .map(|sent| sent.payload[6] & 0x02 != 0)
        .collect();
    assert_eq!(more, [true, true, true, false]);
}

/// A host that was away for an hour finds one epoch, not thousands.
#[test]
fn missed_epochs_are_missed() {
    let mut bench = base(SURVEY);
    bench.seconds(5);
    bench.now += Duration::from_secs(3_600);
    bench.receiver.handle_timeout(bench.now, &mut bench.effects);
    let sent = bench.run(Duration::ZERO);
    assert_eq!(count(&sent, "NAV-PVT"), 1);
    assert!(bench.receiver.next_timeout().expect("another") > bench.now);
}

#[test]
fn the_same_seed_says_the_same() {
    let run = |seed| {
        let character = Character { seed, ..Character::quick() };
        Bench::new(character.as_base(Port::Usb, SURVEY), Port::Usb).seconds(20)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
