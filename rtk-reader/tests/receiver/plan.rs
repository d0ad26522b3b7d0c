//! What a base and a rover are told.

use proptest::prelude::*;
use rtk_reader::decode::ubx::NavSvin;
use rtk_reader::receiver::plan::{
    Base, Common, Msm, Place, Plan, Position, Rover, System, our_port, surveyed,
};
use rtk_reader::receiver::{KeyId, Output, Port, Snapshot, Values, keys, read_saved, write_saved};

/// A receiver from its maker.
fn receiver() -> Snapshot {
    let ram: Values = keys::all().map(|key| (key.id, key.default.unwrap_or_default())).collect();
    let (model, firmware, protocol) = ("ZED-F9P".into(), "HPG 1.32".into(), "27.31".into());
    Snapshot { model, firmware, protocol, flash: ram.clone(), ram, ..Snapshot::default() }
}

fn base(corrections: Port, ours: Port) -> Base {
    Base {
        place: Place::SurveyIn { duration_s: 300, accuracy_tenth_mm: 20_000 },
        msm: Msm::Msm4,
        systems: System::ALL.to_vec(),
        station_every: 5,
        common: Common { ours, corrections, epoch_ms: 1000, baud: None },
    }
}

fn told(plan: &Plan) -> Vec<String> {
    plan.items()
        .map(|item| {
            let key = item.key.key().expect("a plan's keys have names");
            format!("{} = {}", key.name, key.text(item.value))
        })
        .collect()
}

#[test]
fn a_base_on_usb() {
    let lines = told(&base(Port::Usb, Port::Usb).plan());
    insta::assert_snapshot!(lines.join("\n"), @r"
    CFG-USB-ENABLED = on
    CFG-USBINPROT-UBX = on
    CFG-USBOUTPROT-UBX = on
    CFG-USBOUTPROT-NMEA = off
    CFG-USBOUTPROT-RTCM3X = on
    CFG-TMODE-MODE = survey-in
    CFG-NAVSPG-DYNMODEL = stationary
    CFG-MSGOUT-UBX_NAV_PVT_USB = 1
    CFG-MSGOUT-UBX_NAV_SAT_USB = 1
    CFG-MSGOUT-UBX_NAV_SVIN_USB = 1
    CFG-MSGOUT-RTCM_3X_TYPE1005_USB = 5
    CFG-MSGOUT-RTCM_3X_TYPE1077_USB = 0
    CFG-MSGOUT-RTCM_3X_TYPE1087_USB = 0
    CFG-MSGOUT-RTCM_3X_TYPE1127_USB = 0
    CFG-MSGOUT-RTCM_3X_TYPE4072_0_USB = 0
    CFG-MSGOUT-RTCM_3X_TYPE1230_USB = 5
    CFG-MSGOUT-RTCM_3X_TYPE1097_USB = 0
    CFG-MSGOUT-UBX_NAV_SIG_USB = 5
    CFG-MSGOUT-UBX_MON_RF_USB = 5
    CFG-MSGOUT-RTCM_3X_TYPE1074_USB = 1
    CFG-MSGOUT-RTCM_3X_TYPE1084_USB = 1
    CFG-MSGOUT-RTCM_3X_TYPE1094_USB = 1
    CFG-MSGOUT-RTCM_3X_TYPE1124_USB = 1
    CFG-MSGOUT-RTCM_3X_TYPE4072_1_USB = 0
    CFG-RATE-MEAS = 1000 ms
    CFG-RATE-NAV = 1
    CFG-TMODE-SVIN_MIN_DUR = 300 s
    CFG-TMODE-SVIN_ACC_LIMIT = 2000 mm
    ");
}

#[test]
fn a_base_with_a_radio_on_uart2_and_the_depot_on_usb() {
    let mut wanted = base(Port::Uart2, Port::Usb);
    wanted.common.baud = Some(115_200);
    wanted.systems = vec![System::Gps, System::Galileo];
    wanted.msm = Msm::Msm7;
    let lines = told(&wanted.plan());
    let has = |line: &str| assert!(lines.iter().any(|l| l == line), "{line} in {lines:#?}");
    has("CFG-UART2-BAUDRATE = 115200 Bd");
    has("CFG-UART2OUTPROT-RTCM3X = on");
    has("CFG-UART2OUTPROT-UBX = off");
    has("CFG-USBOUTPROT-UBX = on");
    has("CFG-MSGOUT-RTCM_3X_TYPE1077_UART2 = 1");
    has("CFG-MSGOUT-RTCM_3X_TYPE1074_UART2 = 0");
    has("CFG-MSGOUT-RTCM_3X_TYPE1087_UART2 = 0");
    has("CFG-MSGOUT-RTCM_3X_TYPE1230_UART2 = 0");
    has("CFG-MSGOUT-UBX_NAV_SVIN_USB = 1");
    assert!(!lines.iter().any(|line| line.contains("RTCM_3X") && line.contains("USB")), "{lines:#?}");
}

#[test]
fn a_rover() {
    let common = Common { ours: Port::Uart1, corrections: Port::Uart2, epoch_ms: 200, baud: None };
    let lines = told(&Rover { dynamics: 3, nmea: true, common }.plan());
    for line in [
        "CFG-TMODE-MODE = disabled",
        "CFG-NAVSPG-DYNMODEL = pedestrian",
        "CFG-NAVHPG-DGNSSMODE = RTK fixed",
        "CFG-RATE-MEAS = 200 ms",
        "CFG-UART2INPROT-RTCM3X = on",
        "CFG-UART1OUTPROT-NMEA = on",
        "CFG-MSGOUT-NMEA_ID_GGA_UART1 = 1",
        "CFG-MSGOUT-UBX_RXM_RTCM_UART1 = 1",
    ] {
        assert!(lines.iter().any(|l| l == line), "{line} in {lines:#?}");
    }
}

#[test]
fn a_position_has_parts_of_its_own_sign() {
    let of = |position: Position| -> Vec<i64> {
        let number = |item: &rtk_reader::receiver::Item| item.key.key().unwrap().number(item.value) as i64;
        position.items().iter().map(number).collect()
    };
    let south = Position::parse_llh("-0.000000123, 179.9999999994, -1.23456").unwrap();
    assert_eq!(of(south), [1, -1, -23, 1_799_999_999, 99, -123, -46]);
    let ecef = Position::parse_ecef("4444030.8029,-3085671.2349,3366658.25600").unwrap();
    assert_eq!(of(ecef), [0, 444_403_080, 29, -308_567_123, -49, 336_665_825, 60]);
    assert_eq!(south.to_string(), "-0.000000123 deg, 179.999999999 deg, -1.2346 m");
}

#[test]
fn what_is_no_position_says_why() {
    let llh = |text| Position::parse_llh(text).unwrap_err().to_string();
    let ecef = |text| Position::parse_ecef(text).unwrap_err().to_string();
    assert_eq!(llh("47.1,8.5"), "expected three numbers with commas between, found 2");
    assert_eq!(llh("47.1,8.5,x"), "\"x\" is not a decimal number as 47.123456789");
    assert_eq!(llh("1e3,8.5,1"), "\"1e3\" is not a decimal number as 47.123456789");
    assert_eq!(llh("90.000000001,8.5,1"), "the latitude must be from -90 to 90 deg");
    assert_eq!(llh("47,8,10001"), "the height must be from -1000 to 10000 m");
    assert!(ecef("4444.0308,3085.6712,3366.6582").starts_with("X, Y, Z are 6 km from the Earth's centre"));
    assert!(ecef("999999999,999999999,999999999").starts_with("X, Y, Z are 1732050 km"));
}

proptest! {
    #[test]
    fn a_position_is_read_back_to_the_tenth_of_a_millimetre(
        lat in -90_000_000_000i64..=90_000_000_000,
        lon in -180_000_000_000i64..=180_000_000_000,
        height in -10_000_000i64..=100_000_000,
    ) {
        let position = Position::Llh { lat_nanodeg: lat, lon_nanodeg: lon, height_tenth_mm: height };
        let values: Values = position.items().into_iter().map(|item| (item.key, item.value)).collect();
        prop_assert_eq!(Position::of_values(&values), Some(position));
        let text = position.to_string().replace(" deg", "").replace(" m", "");
        prop_assert_eq!(Position::parse_llh(&text), Ok(position));
        for item in position.items() {
            let key = item.key.key().unwrap();
            if key.name.to_string().ends_with("_HP") {
                prop_assert!(key.number(item.value).abs() <= 99.0);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "[-+0-9., e]{0,60}") {
        let _ = (Position::parse_llh(&text), Position::parse_ecef(&text));
    }

    #[test]
    fn no_file_panics(text in "\\PC{0,200}") {
        prop_assert!(read_saved(&text).is_err());
    }
}

#[test]
fn a_finished_survey_in_is_kept_to_the_tenth_of_a_millimetre() {
    let found = NavSvin {
        itow_ms: 204_138_000,
        duration_s: 30,
        mean_ecef_m: [4_444_030.802_9, -3_085_671.234_9, 3_366_658.256],
        mean_accuracy_m: 0.838_3,
        observations: 31,
        valid: true,
        active: false,
    };
    let with = |survey_in| Snapshot { survey_in, ..receiver() };
    let position = Position::Ecef { tenth_mm: [44_440_308_029, -30_856_712_349, 33_666_582_560] };
    assert_eq!(surveyed(&with(Some(found.clone()))), Ok(Place::Fixed { position, accuracy_tenth_mm: 8383 }));
    let running = NavSvin { valid: false, active: true, ..found.clone() };
    assert_eq!(
        surveyed(&with(Some(running))).unwrap_err().to_string(),
        "there is no surveyed position to keep: its survey-in is still running, 30 s so far and good to 0.838 m; \
         wait for its end"
    );
    assert!(surveyed(&with(None)).unwrap_err().to_string().contains("no survey-in is running or done"));
    let mut fixed = with(Some(found));
    fixed.ram.insert(KeyId(0x2003_0001), 2);
    assert!(surveyed(&fixed).unwrap_err().to_string().contains("has a fixed position already"));
}

#[test]
fn the_load_of_a_line_has_figures_and_says_what_to_choose() {
    let mut wanted = base(Port::Uart1, Port::Uart1);
    wanted.msm = Msm::Msm7;
    let load = wanted.plan().load(Port::Uart1, 40, &receiver().ram).unwrap();
    assert_eq!(
        load.to_string(),
        "UART1 at 38400 Bd carries 3840 bytes a second and would have 2024 with 40 satellites, 53 %: that is enough"
    );
    wanted.common.baud = Some(9600);
    let load = wanted.plan().load(Port::Uart1, 40, &receiver().ram).unwrap();
    assert_eq!(
        load.to_string(),
        "UART1 at 9600 Bd carries 960 bytes a second and would have 2024 with 40 satellites, 211 %: choose \
         --set-baud 38400, MSM4 instead of MSM7, or a longer --epoch"
    );
    assert_eq!((load.baud, load.percent(), load.enough()), (9600, 211, Some(38_400)));
    assert_eq!(wanted.plan().load(Port::Usb, 40, &receiver().ram), None, "there is no line");
    // A receiver from its maker: six sentences, no UBX.
    let load = Plan::default().load(Port::Uart1, 40, &receiver().ram).unwrap();
    assert!((1500..2500).contains(&load.bytes_per_s), "{load}");
}

#[test]
fn what_a_receiver_does_not_know_is_left_out_or_told() {
    let mut other = receiver();
    other.ram.remove(&keys::rate(Output::Rtcm(4072, 0), Port::Usb).unwrap());
    let plan = base(Port::Usb, Port::Usb).plan();
    assert_eq!(plan.for_receiver(&other).unwrap().len() + 1, plan.items().count());
    other.ram.remove(&KeyId(0x2003_0001));
    assert_eq!(
        plan.for_receiver(&other).unwrap_err().to_string(),
        "ZED-F9P with HPG 1.32 has no 0x20030001 CFG-TMODE-MODE: it can't be set up as that; choose another \
         receiver or firmware"
    );
}

#[test]
fn the_port_we_are_on() {
    let from_its_maker = receiver();
    assert_eq!(our_port(&from_its_maker, true, None), Ok(Port::Usb));
    assert_eq!(our_port(&from_its_maker, false, Some(38_400)), Ok(Port::Uart1), "UART2 lets no UBX out");
    assert!(our_port(&from_its_maker, false, Some(9600)).is_err());
    let mut both = receiver();
    both.ram.insert(KeyId(0x1076_0001), 1);
    assert!(our_port(&both, false, Some(38_400)).is_err());
}

#[test]
fn a_saved_configuration_is_read_back() {
    let mut snapshot = receiver();
    snapshot.ram.insert(KeyId(0x5065_0099), u64::MAX);
    snapshot.bbr.insert(KeyId(0x2003_0001), 2);
    let text = write_saved(&snapshot);
    assert!(text.contains("\"CFG-TMODE-MODE\": 2") && text.contains("\"0x50650099\": 18446744073709551615"));
    assert_eq!(read_saved(&text).unwrap(), snapshot);
    let bad = |from: &str, to: &str| read_saved(&text.replace(from, to)).unwrap_err().to_string();
    assert_eq!(bad("CFG-TMODE-MODE", "CFG-TMODE-MOOD"), "\"CFG-TMODE-MOOD\" is not a configuration key");
    assert_eq!(
        bad("\"CFG-TMODE-MODE\": 2", "\"CFG-TMODE-MODE\": 256"),
        "0x20030001 CFG-TMODE-MODE can't be 256: it has 1 bytes"
    );
    assert!(bad("configuration 1", "configuration 2").starts_with("expected the format"));
    assert!(bad("{", "[").starts_with("it is not a configuration that"));
}
