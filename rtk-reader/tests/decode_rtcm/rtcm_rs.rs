//! The crate rtcm-rs 0.11 as a second opinion on every message it accepts, field by field, by its names.

use std::collections::BTreeMap;

use rtcm_rs::MessageFrame;
use rtk_reader::decode::rtcm::{Body, decode};
use serde_json::{Map, Value};

use crate::captures;

/// Metres a millisecond of range is.
const LIGHT_M_PER_MS: f64 = 299_792.458;

/// Messages compared, by number.
type Compared = BTreeMap<u16, usize>;

#[test]
fn agrees_with_rtcm_rs() {
    let Some(folder) = captures::folder() else { return };
    let mut compared = Compared::new();
    let mut refused = Compared::new();
    for name in captures::WITH_RTCM {
        for frame in captures::frames_of(&folder.join(name)) {
            let ours = decode(captures::payload(&frame));
            let Some(number) = ours.number else { continue };
            let Some((name_of_theirs, theirs)) = said_by_rtcm_rs(&frame) else {
                *refused.entry(number).or_default() += 1;
                continue;
            };
            if name_of_theirs != "MsgNotSupported" {
                compare(&format!("{name}: {number}"), number, &serde_json::to_value(&ours).unwrap(), theirs);
                *compared.entry(number).or_default() += 1;
            }
        }
    }
    assert_eq!(refused, Compared::new(), "of these the other says nothing");
    for number in [
        1005, 1006, 1007, 1008, 1019, 1020, 1033, 1042, 1045, 1046, 1075, 1077, 1085, 1087, 1095, 1097, 1107,
        1117, 1125, 1127,
    ] {
        assert!(compared.contains_key(&number), "none compared of {number}: {compared:?}");
    }
}

/// Why it is the peer and not the decoder: what it loses and we keep.
#[test]
fn what_rtcm_rs_loses() {
    let bit = |payload: &mut [u8], bit: usize| payload[bit / 8] |= 0x80 >> (bit % 8);
    let mut no_satellites = [0; 22];
    no_satellites[..2].copy_from_slice(&[0x43, 0x50]);
    // GPS satellite 1 with a signal at place 1, which is nobody's.
    let mut unknown_signal = [0; 40];
    unknown_signal[..2].copy_from_slice(&[0x43, 0x50]);
    for at in [73, 137, 169] {
        bit(&mut unknown_signal, at);
    }
    let mut long_string = [b'A'; 40];
    long_string[..4].copy_from_slice(&[0x3E, 0xF0, 0x00, 32]);
    for payload in [no_satellites.as_slice(), &unknown_signal, &long_string] {
        assert_eq!(said_by_rtcm_rs(&framed(payload)), None);
        let ours = decode(payload).body;
        assert!(!matches!(ours, Body::Malformed { .. } | Body::Unknown { .. }), "{ours:?}");
    }

    // Two of four biases, both 0: the mask is 1010 after three reserved bits.
    let biases = [0x4C, 0xE0, 0x00, 0x8A, 0, 0, 0, 0];
    let (_, theirs) = said_by_rtcm_rs(&framed(&biases)).unwrap();
    assert_eq!(theirs["glo_code_phase_biases"].as_array().unwrap().len(), 1);
    let Body::GlonassBiases(ours) = decode(&biases).body else { panic!("no biases") };
    assert_eq!(ours.biases_m, [Some(0.0), None, Some(0.0), None]);
}

/// What it calls a message and the fields it gives; none if it calls it empty or corrupt.
fn said_by_rtcm_rs(frame: &[u8]) -> Option<(String, Map<String, Value>)> {
    let message = MessageFrame::new(frame).unwrap().get_message();
    let Value::Object(tagged) = serde_json::to_value(&message).unwrap() else { return None };
    let (name, fields) = tagged.into_iter().next()?;
    Some((name, fields.as_object().cloned().unwrap_or_default()))
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xD3, (payload.len() >> 8) as u8, payload.len() as u8];
    frame.extend(payload);
    let crc = crc::Crc::<u32>::new(&crc::CRC_24_LTE_A).checksum(&frame);
    frame.extend(&crc.to_be_bytes()[1..]);
    frame
}

/// Every field of theirs against ours.
fn compare(what: &str, number: u16, ours: &Value, mut theirs: Map<String, Value>) {
    if let (Some(hour), Some(minute)) = (theirs.remove("tk_h"), theirs.remove("tk_min")) {
        let second = theirs["tk_s"].as_f64().unwrap();
        let whole = hour.as_f64().unwrap() * 3600.0 + minute.as_f64().unwrap() * 60.0 + second;
        theirs.insert("tk_s".into(), whole.into());
    }
    for (key, theirs) in theirs {
        if key == "data_segment" {
            compare_msm(what, ours, &theirs);
            continue;
        }
        if key.starts_with("reserved") || key == "glo_code_phase_biases" {
            // It doesn't pass over the reserved bits before the biases of 1230; see gpsd.rs.
            continue;
        }
        let pointer = pointer(number, &key).unwrap_or_else(|| panic!("{what}: we have no {key}"));
        let value = ours.pointer(&pointer).unwrap_or_else(|| panic!("{what}: no {pointer} in {ours}"));
        assert!(
            same(value, &converted(&key, theirs.clone())),
            "{what}: {key}: ours {value}, theirs {theirs}"
        );
    }
}

/// Where our value of a field stands.
fn pointer(number: u16, key: &str) -> Option<String> {
    let of_fields = |name: &str| Some(format!("/fields/{name}"));
    let of_clock = |name: &str| Some(format!("/fields/clock/{name}"));
    let of_orbit = |name: &str| Some(format!("/fields/orbit/{name}"));
    let top = |name: &str| Some(format!("/{name}"));
    match key {
        "reference_station_id" => top("station_id"),
        "gps_flag" => top("gps"),
        "glonass_flag" => top("glonass"),
        "galileo_flag" => top("galileo"),
        "reference_station_ind" => top("virtual_station"),
        "single_receiver_osc_ind" => top("single_oscillator"),
        "quarter_cycle_ind" => top("quarter_cycle"),
        "antenna_ref_point_ecef_x_m" => top("ecef_m/0"),
        "antenna_ref_point_ecef_y_m" => top("ecef_m/1"),
        "antenna_ref_point_ecef_z_m" => top("ecef_m/2"),
        "antenna_height_m" | "antenna_setup_id" => top(key),
        "antenna_descriptor_str" => top("antenna"),
        "antenna_serial_number_str" => top("antenna_serial"),
        "receiver_type_descriptor_str" => top("receiver"),
        "receiver_firmware_version_str" => top("firmware"),
        "receiver_serial_number_str" => top("receiver_serial"),
        "glo_code_phase_bias_ind" => top("aligned"),

        "gps_epoch_time_ms" | "glo_epoch_time_ms" | "gal_epoch_time_ms" | "bds_epoch_time_ms"
        | "sbas_epoch_time_ms" | "qzss_epoch_time_ms" => top("epoch_ms"),
        "glo_day_of_week" => top("glonass_day"),
        "msm_multiple_message_flag" => top("multiple"),
        "issue_of_data_station" => top("iods"),
        "clock_steering_ind" => top("clock_steering"),
        "external_clock_ind" => top("external_clock"),
        "gnss_smoothing_type_ind" => top("smoothing"),
        "gnss_smoothing_interval_index" => top("smoothing_interval"),

        "gps_satellite_id" | "glo_satellite_id" | "bds_satellite_id" | "gal_satellite_id" => top("satellite"),
        "gps_week_number" | "bds_week_number" | "gal_week_number" => top("week"),
        "iode" | "aode" | "iodnav" => top("issue"),
        "toe_s" => top("reference_time_s"),
        "tb_min" => top("reference_time_s"),
        "ura_index" | "iodc" | "aodc" | "tgd_s" | "tgd1_s" | "tgd2_s" => of_fields(key),
        "code_on_l2_ind" => of_fields("code_on_l2"),
        "idot_sc_s" => of_fields("idot_semicircles_per_s"),
        "sisa_e1_e5a_index" | "sisa_e1_e5b_index" => of_fields("sisa_index"),
        "sv_health_ind" => of_fields("health"),
        "sv_health_flag" => of_fields("unhealthy"),
        "l2_p_data_flag" => of_fields("l2_p_data_off"),
        "fit_interval_ind" => of_fields("long_fit_interval"),
        "bgd_e1_e5a_s" => of_fields("bgd_e5a_s"),
        "bgd_e1_e5b_s" => of_fields("bgd_e5b_s"),
        "e5a_sig_health_ind" => of_fields("e5a_health"),
        "e5b_sig_health_ind" => of_fields("e5b_health"),
        "e1_b_sig_health_ind" => of_fields("e1b_health"),
        "e5a_data_validity_flag" => of_fields("e5a_data_invalid"),
        "e5b_data_validity_flag" => of_fields("e5b_data_invalid"),
        "e1_b_data_validity_flag" => of_fields("e1b_data_invalid"),

        "toc_s" => of_clock("toc_s"),
        "af2_s_s2" | "a2_s_s2" => of_clock("af2_s_per_s2"),
        "af1_s_s" | "a1_s_s" => of_clock("af1_s_per_s"),
        "af0_s" | "a0_s" => of_clock("af0_s"),
        "crs_m" | "crc_m" | "cuc_rad" | "cus_rad" | "cic_rad" | "cis_rad" | "eccentricity"
        | "sqrt_a_sqrt_m" => of_orbit(key),
        "delta_n_sc_s" => of_orbit("delta_n_semicircles_per_s"),
        "m0_sc" | "omega0_sc" | "i0_sc" | "omega_sc" => of_orbit(&key.replace("_sc", "_semicircles")),
        "omegadot_sc_s" => of_orbit("omega_dot_semicircles_per_s"),
        _ if number == 1020 => glonass_pointer(key),
        _ => None,
    }
}

fn glonass_pointer(key: &str) -> Option<String> {
    let axis = |name: &str| {
        let (index, rest) = match name.split_at_checked(1)? {
            ("x", rest) => (0, rest),
            ("y", rest) => (1, rest),
            ("z", rest) => (2, rest),
            _ => return None,
        };
        let field = match rest {
            "n_km" => "position_km",
            "n_first_deriv_km_s" => "velocity_km_per_s",
            "n_second_deriv_km_s2" => "acceleration_km_per_s2",
            _ => return None,
        };
        Some(format!("{field}/{index}"))
    };
    let name = match key {
        "glo_satellite_freq_chan_number" => "frequency_channel",
        "glo_alm_health_flag" => "almanac_healthy",
        "glo_alm_health_avail_flag" => "almanac_health_available",
        "p1_ind" => "p1",
        "tk_s" => "tk_s",
        "glo_eph_health_flag" => "bn_unhealthy",
        "p2_flag" => "p2",
        "p3_flag" => "p3",
        "gamma_n" => "gamma_n",
        "glo_m_p_ind" => "m_p",
        "glo_m_3str_ln_flag" => "m_ln_third_unhealthy",
        "tau_n_s" => "tau_n_s",
        "glo_m_delta_tau_n_s" => "m_delta_tau_n_s",
        "en_d" => "en_days",
        "glo_m_p4_flag" => "m_p4",
        "glo_m_ft_ind" => "m_ft",
        "glo_m_nt_d" => "m_nt_days",
        "glo_m_m_ind" => "m_satellite_type",
        "additional_data_flag" => "additional_data_available",
        "na_d" => "na_days",
        "tau_c_s" => "tau_c_s",
        "glo_m_n4_year" => "m_n4",
        "glo_m_tau_gps_s" => "m_tau_gps_s",
        "glo_m_5str_ln_flag" => "m_ln_fifth_unhealthy",
        _ => return axis(key).map(|name| format!("/fields/{name}")),
    };
    Some(format!("/fields/{name}"))
}

/// Their value in our unit.
fn converted(key: &str, theirs: Value) -> Value {
    match key {
        // A product with 0.0001 where ours is a quotient: the last bit differs.
        _ if key.starts_with("antenna_") && theirs.is_f64() => {
            Value::from((theirs.as_f64().unwrap() * 10_000.0).round() / 10_000.0)
        }
        "tb_min" => Value::from(theirs.as_f64().unwrap() * 60.0),
        "glo_m_n4_year" => Value::from((theirs.as_f64().unwrap() - 1992.0) / 4.0),
        _ => theirs,
    }
}

fn compare_msm(what: &str, ours: &Value, theirs: &Value) {
    let satellites = theirs["satellite_data"].as_array().unwrap();
    let numbers = ours["satellites"].as_array().unwrap();
    assert_eq!(satellites.len(), numbers.len(), "{what}");
    let first = if ours["constellation"] == "sbas" { 20 } else { 1 };
    for (i, (satellite, number)) in satellites.iter().zip(numbers).enumerate() {
        assert_eq!(satellite["satellite_id"].as_u64().unwrap() - 1 + first, number_of(number), "{what}");
        if let Some(channel) = satellite.get("glonass_satellite_frequency_channel_number") {
            assert_eq!(ours["glonass_channels"][i], *channel, "{what}");
        }
    }
    let signals = theirs["signal_data"].as_array().unwrap();
    let cells = ours["signals"].as_array().unwrap();
    assert_eq!(signals.len(), cells.len(), "{what}");
    for (signal, cell) in signals.iter().zip(cells) {
        let id = &signal["satellite_id"];
        let satellite = satellites.iter().find(|s| s["satellite_id"] == *id).unwrap();
        assert_eq!(id.as_u64().unwrap() - 1 + first, number_of(&cell["satellite"]), "{what}");
        let code = format!("{}{}", signal["signal_id"][0], signal["signal_id"][1].as_str().unwrap());
        assert_eq!(cell["code"], code, "{what}");
        compare_cell(&format!("{what}: {id} {code}"), cell, satellite, signal);
    }
}

fn compare_cell(what: &str, ours: &Value, satellite: &Value, signal: &Value) {
    // The names of the finer levels have `_ext`.
    let field = |name: &str, unit: &str| {
        signal.get(format!("{name}_{unit}")).or_else(|| signal.get(format!("{name}_ext_{unit}"))).unwrap()
    };
    let rough_ms = satellite["gnss_satellite_rough_range_integer_ms"]
        .as_f64()
        .map(|ms| ms + satellite["gnss_satellite_rough_range_mod1ms_ms"].as_f64().unwrap());
    let range_m = |fine: &Value| Some((rough_ms? + fine.as_f64()?) * LIGHT_M_PER_MS);
    let rate_mps = |fine: Option<&Value>| {
        Some(satellite["gnss_satellite_rough_phaserange_rates_m_s"].as_f64()? + fine?.as_f64()?)
    };
    let near = |key: &str, theirs: Option<f64>| match (ours[key].as_f64(), theirs) {
        // Our JSON is rounded to 0.1 mm.
        (Some(a), Some(b)) => assert!((a - b).abs() < 5.001e-5, "{what}: {key}: ours {a}, theirs {b}"),
        (a, b) => assert_eq!(a, b, "{what}: {key}"),
    };
    near("pseudorange_m", range_m(field("gnss_signal_fine_pseudorange", "ms")));
    near("phaserange_m", range_m(field("gnss_signal_fine_phaserange", "ms")));
    near("phaserange_rate_mps", rate_mps(signal.get("gnss_signal_fine_phaserange_rate_m_s")));
    near("cn0_dbhz", field("gnss_signal_cnr", "dbhz").as_f64());
    assert_eq!(ours["lock_indicator"], *field("gnss_phaserange_lock_time", "ind"), "{what}");
    assert!(same(&ours["half_cycle"], &signal["half_cycle_ambiguity_ind"]), "{what}");
}

/// The number in a satellite's name.
fn number_of(satellite: &Value) -> u64 {
    satellite.as_str().and_then(|name| name.get(1..)?.parse().ok()).unwrap()
}

/// Equal, our flags being theirs of 0 and 1, and a value they keep as an `f32` being ours rounded to one.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::String(_), Value::Number(number)) => number.as_u64() == Some(number_of(ours)),
        (Value::Bool(flag), _) => theirs.as_u64() == Some((*flag).into()),
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            let is_single = f64::from(b as f32) == b;
            a == b || is_single && (a - b).abs() <= f64::from(f32::EPSILON) * a.abs()
        }
        // Their null is a value that stands for none: IODS 0.
        (Value::Number(a), Value::Null) => a.as_u64() == Some(0),
        _ => ours == theirs,
    }
}
