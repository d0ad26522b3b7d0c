use proptest::prelude::*;

use super::{
    super::{Body, bit_writer::BitWriter, decode as decode_message},
    *,
};

/// The raw fields of a satellite and of a cell, as the standard lists them.
#[derive(Clone, Debug)]
struct RawSatellite {
    place: u32,
    milliseconds: i64,
    extended: i64,
    fraction: i64,
    rate: i64,
}

#[derive(Clone, Debug)]
struct RawCell {
    range: i64,
    phase: i64,
    lock: i64,
    half_cycle: i64,
    cn0: i64,
    rate: i64,
}

const SATELLITE: RawSatellite =
    RawSatellite { place: 1, milliseconds: 70, extended: 8, fraction: 512, rate: -100 };
const CELL: RawCell = RawCell { range: 5, phase: -7, lock: 9, half_cycle: 1, cn0: 40, rate: 1234 };

/// A message of the given satellites, signal places and cells (row by row, absent ones none).
fn message(number: i64, satellites: &[RawSatellite], places: &[u32], cells: &[Option<RawCell>]) -> BitWriter {
    let level = number % 10;
    let (range, phase, lock, cn0) = if level < 6 { (15, 22, 4, 6) } else { (20, 24, 10, 10) };
    let rates = level == 5 || level == 7;
    let satellite_mask = satellites.iter().fold(0u64, |mask, s| mask | 1 << (64 - s.place));
    let signal_mask = places.iter().fold(0i64, |mask, place| mask | 1 << (32 - place));
    let mut writer = BitWriter::default().put(number, 12).put(2003, 12);
    // 30 bits of epoch; for GLONASS day 3 and 27 bits.
    writer = writer.put(if number / 10 == 108 { 3 << 27 | 1_000 } else { 1_000 }, 30);
    writer = writer.put(1, 1).put(5, 3).put(0, 7).put(2, 2).put(1, 2).put(1, 1).put(6, 3);
    writer = writer.put(satellite_mask.cast_signed(), 64).put(signal_mask, 32);
    writer = cells.iter().fold(writer, |w, cell| w.put(cell.is_some().into(), 1));
    let mut column = |width: u32, field: fn(&RawSatellite) -> i64| {
        writer = satellites.iter().fold(writer.clone(), |w, s| w.put(field(s), width));
    };
    column(8, |s| s.milliseconds);
    if rates {
        column(4, |s| s.extended);
    }
    column(10, |s| s.fraction);
    if rates {
        column(14, |s| s.rate);
    }
    let mut column = |width: u32, field: fn(&RawCell) -> i64| {
        writer = cells.iter().flatten().fold(writer.clone(), |w, c| w.put(field(c), width));
    };
    column(range, |c| c.range);
    column(phase, |c| c.phase);
    column(lock, |c| c.lock);
    column(1, |c| c.half_cycle);
    column(cn0, |c| c.cn0);
    if rates {
        column(15, |c| c.rate);
    }
    writer
}

fn msm(writer: &BitWriter) -> Msm {
    match decode_message(&writer.bytes()).body {
        Body::Msm(msm) => msm,
        other => panic!("{other:?}"),
    }
}

fn one(number: i64, cell: RawCell) -> MsmSignal {
    msm(&message(number, &[SATELLITE], &[2], &[Some(cell)])).signals.remove(0)
}

#[test]
fn levels_differ_in_resolution_and_rates() {
    let rough_m = (70.0 + 0.5) * LIGHT_M_PER_MS;
    for (number, range_exponent, phase_exponent, cn0_dbhz, has_rate) in [
        (1074, -24, -29, 40.0, false),
        (1075, -24, -29, 40.0, true),
        (1076, -29, -31, 2.5, false),
        (1077, -29, -31, 2.5, true),
    ] {
        let signal = one(number, CELL);
        let metres = |fine: f64, exponent: i32| rough_m + fine * 2f64.powi(exponent) * LIGHT_M_PER_MS;
        assert!((signal.pseudorange_m.unwrap() - metres(5.0, range_exponent)).abs() < 1e-8, "{number}");
        assert!((signal.phaserange_m.unwrap() - metres(-7.0, phase_exponent)).abs() < 1e-8, "{number}");
        assert_eq!(signal.cn0_dbhz, Some(cn0_dbhz));
        assert_eq!(signal.phaserange_rate_mps, has_rate.then_some(-99.8766));
        assert_eq!((signal.lock_indicator, signal.half_cycle), (9, true));
        assert_eq!((signal.code, signal.band, signal.signal), (Some("1C"), Some("L1"), 2));
    }
}

#[test]
fn a_field_not_available_takes_only_its_own_value_away() {
    let none = |cell: RawCell| {
        let s = one(1077, cell);
        [s.pseudorange_m, s.phaserange_m, s.cn0_dbhz, s.phaserange_rate_mps].map(|v| v.is_none())
    };
    assert_eq!(none(CELL), [false; 4]);
    assert_eq!(none(RawCell { range: -0x8_0000, ..CELL }), [true, false, false, false]);
    assert_eq!(none(RawCell { phase: -0x80_0000, ..CELL }), [false, true, false, false]);
    assert_eq!(none(RawCell { cn0: 0, ..CELL }), [false, false, true, false]);
    assert_eq!(none(RawCell { rate: -0x4000, ..CELL }), [false, false, false, true]);
    let coarse = one(1075, RawCell { range: -0x4000, phase: -0x20_0000, ..CELL });
    assert_eq!((coarse.pseudorange_m, coarse.phaserange_m), (None, None));
}

#[test]
fn a_rough_value_not_available_takes_all_that_build_on_it() {
    let with =
        |satellite: RawSatellite| msm(&message(1077, &[satellite], &[2], &[Some(CELL)])).signals.remove(0);
    let no_range = with(RawSatellite { milliseconds: 255, ..SATELLITE });
    assert_eq!((no_range.pseudorange_m, no_range.phaserange_m), (None, None));
    assert_eq!(no_range.phaserange_rate_mps, Some(-99.8766));
    let no_rate = with(RawSatellite { rate: -0x2000, ..SATELLITE });
    assert!(no_rate.pseudorange_m.is_some() && no_rate.phaserange_rate_mps.is_none());
}

#[test]
fn the_header() {
    let header = msm(&message(1127, &[], &[], &[]));
    insta::assert_json_snapshot!(header, @r#"
    {
      "constellation": "beidou",
      "level": 7,
      "station_id": 2003,
      "epoch_ms": 1000,
      "glonass_day": null,
      "multiple": true,
      "iods": 5,
      "clock_steering": 2,
      "external_clock": 1,
      "smoothing": true,
      "smoothing_interval": 6,
      "satellites": [],
      "signals": []
    }
    "#);
}

#[test]
fn glonass_has_a_day_and_channels() {
    let satellites = [
        RawSatellite { place: 1, extended: 0, ..SATELLITE },
        RawSatellite { place: 24, extended: 13, ..SATELLITE },
        RawSatellite { place: 30, extended: 15, ..SATELLITE },
    ];
    let msm = msm(&message(1085, &satellites, &[2], &[None, None, None]));
    assert_eq!((msm.glonass_day, msm.epoch_ms), (Some(3), 1_000));
    assert_eq!(msm.glonass_channels, [Some(-7), Some(6), None]);
    assert_eq!(msm.satellites.iter().map(|s| s.number).collect::<Vec<_>>(), [1, 24, 30]);
}

#[test]
fn satellites_are_numbered_as_rinex_does() {
    let ends = [RawSatellite { place: 1, ..SATELLITE }, RawSatellite { place: 64, ..SATELLITE }];
    let numbers = |number: i64| {
        let msm = msm(&message(number, &ends, &[], &[]));
        (msm.constellation, msm.satellites.iter().map(|s| s.number).collect::<Vec<_>>())
    };
    assert_eq!(numbers(1074), (Constellation::Gps, vec![1, 64]));
    assert_eq!(numbers(1104), (Constellation::Sbas, vec![20, 83]));
    assert_eq!(numbers(1114), (Constellation::Qzss, vec![1, 64]));
    assert_eq!(numbers(1134), (Constellation::Navic, vec![1, 64]));
}

/// One unknown signal is a cell without a name among its known neighbours.
#[test]
fn an_unknown_signal_costs_nobody_else() {
    let cells = [Some(CELL), Some(RawCell { cn0: 31, ..CELL }), None];
    let msm = msm(&message(1094, &[SATELLITE], &[2, 7, 15], &cells));
    let seen = msm.signals.iter().map(|s| (s.signal, s.code, s.band, s.cn0_dbhz)).collect::<Vec<_>>();
    assert_eq!(seen, [(2, Some("1C"), Some("E1"), Some(40.0)), (7, None, None, Some(31.0))]);
}

#[test]
fn sixty_four_cells_are_the_most() {
    let satellites = (1..=16).map(|place| RawSatellite { place, ..SATELLITE }).collect::<Vec<_>>();
    let most = message(1077, &satellites, &[2, 3, 4, 8], &vec![Some(CELL); 64]);
    assert_eq!(msm(&most).signals.len(), 64);
    let more = message(1077, &satellites, &[2, 3, 4, 8, 9], &vec![Some(CELL); 80]);
    let reason = Error::Cells { satellites: 16, signals: 5 };
    assert_eq!(decode_message(&more.bytes()).body, Body::Malformed { reason });
}

#[test]
fn a_message_cut_off_says_how_much_is_missing() {
    let bytes = message(1077, &[SATELLITE], &[2], &[Some(CELL)]).bytes();
    let expected_bits = 169 + 1 + 36 + 80;
    let reason = Error::Short { expected_bits, found_bits: 280 };
    assert_eq!(decode_message(&bytes[..35]).body, Body::Malformed { reason });
    let reason = Error::Short { expected_bits: 169, found_bits: 160 };
    assert_eq!(decode_message(&bytes[..20]).body, Body::Malformed { reason });
}

#[test]
fn only_levels_4_to_7_are_ours() {
    assert_eq!(kind(1073), None);
    assert_eq!(kind(1074), Some((Constellation::Gps, 4)));
    assert_eq!(kind(1078), None);
    assert_eq!(kind(1107), Some((Constellation::Sbas, 7)));
    assert_eq!(kind(1137), Some((Constellation::Navic, 7)));
    assert_eq!(kind(1147), None);
}

prop_compose! {
    fn cell()(range: i16, phase: i32, lock: u8, half_cycle: bool, cn0: u8, rate: i16) -> RawCell {
        RawCell {
            range: i64::from(range / 2), phase: i64::from(phase >> 11), lock: i64::from(lock % 16),
            half_cycle: half_cycle.into(), cn0: i64::from(cn0 % 64), rate: i64::from(rate / 2),
        }
    }
}

proptest! {
    /// Whatever the shape, each cell comes out with its satellite, its signal and its own values.
    #[test]
    fn cells_keep_their_places(
        number in prop::sample::select(vec![1074, 1085, 1096, 1107, 1114, 1125, 1136]),
        satellites in prop::collection::btree_set(1u32..=64, 0..=8),
        places in prop::collection::btree_set(1u32..=32, 0..=8),
        cells in prop::collection::vec(prop::option::of(cell()), 64),
    ) {
        let satellites = satellites.iter().map(|&place| RawSatellite { place, ..SATELLITE }).collect::<Vec<_>>();
        let places = places.into_iter().collect::<Vec<_>>();
        let cells = &cells[..satellites.len() * places.len()];
        let msm = msm(&message(number, &satellites, &places, cells));
        prop_assert_eq!(msm.satellites.len(), satellites.len());
        let expected = cells.iter().enumerate().filter_map(|(i, cell)| Some((i, cell.as_ref()?)));
        prop_assert_eq!(msm.signals.len(), expected.clone().count());
        for (signal, (i, cell)) in msm.signals.iter().zip(expected) {
            prop_assert_eq!(signal.satellite, msm.satellites[i / places.len()]);
            prop_assert_eq!(u32::from(signal.signal), places[i % places.len()]);
            prop_assert_eq!(i64::from(signal.lock_indicator), cell.lock);
            prop_assert_eq!(signal.half_cycle, cell.half_cycle == 1);
            let scale = if msm.level < 6 { 1.0 } else { 16.0 };
            prop_assert_eq!(signal.cn0_dbhz.unwrap_or(0.0) * scale, cell.cn0 as f64);
        }
    }

    /// Whatever the cells hold, the text is `serde_json`'s.
    #[test]
    fn written_json_is_serdes(
        number in prop::sample::select(vec![1074, 1087, 1095, 1106, 1137]),
        rate in -0x2000i64..0x2000, milliseconds in 1i64..=255,
        cells in prop::collection::vec(prop::option::of(cell()), 6),
    ) {
        let satellites = [
            RawSatellite { place: 3, rate, milliseconds, ..SATELLITE }, RawSatellite { place: 64, ..SATELLITE },
        ];
        let payload = message(number, &satellites, &[2, 7, 22], &cells).bytes();
        let message = crate::decode::Message::Rtcm(decode_message(&payload));
        let expected = serde_json::to_string(&message).unwrap();
        let mut written = b"{".to_vec();
        message.write_json_fields(&mut written);
        prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
