//! Messages as the decoder makes them, of a base near Tel Aviv (the values of a real capture).

use rtk_reader::decode::{
    Constellation, Message, SatelliteId,
    nmea::{self, Body, Gga, Gsv, GsvSatellite, Sentence},
    rtcm,
    ubx::{self, NavPvt, NavSvin, Packet},
};

pub fn nmea(body: Body) -> Message {
    Message::Nmea(Sentence { talker: "GN".into(), body })
}

pub fn gga(quality: u8) -> Message {
    nmea(Body::Gga(Gga {
        latitude_deg: (quality > 0).then_some(32.065_832_5),
        longitude_deg: (quality > 0).then_some(34.773_819),
        quality,
        satellites_used: Some(if quality > 0 { 12 } else { 0 }),
        hdop: Some(0.8),
        altitude_m: (quality > 0).then_some(54.6),
        ..Gga::default()
    }))
}

pub fn gga_of_station(quality: u8, station_id: u16) -> Message {
    nmea(Body::Gga(Gga { quality, station_id: Some(station_id), ..Gga::default() }))
}

pub fn rmc(valid: bool, mode: Option<char>) -> Message {
    nmea(Body::Rmc(nmea::Rmc {
        valid,
        mode,
        latitude_deg: Some(-33.5),
        longitude_deg: Some(-70.25),
        ..nmea::Rmc::default()
    }))
}

pub fn pvt(fix_type: u8, carrier_solution: u8) -> NavPvt {
    NavPvt {
        itow_ms: 204_134_000,
        year: 2022,
        month: 2,
        day: 8,
        hour: 8,
        minute: 41,
        second: 56,
        second_fraction_ns: 0,
        date_valid: true,
        time_valid: true,
        fix_type,
        fix_ok: fix_type > 0,
        differential: false,
        carrier_solution,
        satellites_used: 31,
        longitude_deg: 34.773_819_0,
        latitude_deg: 32.065_832_5,
        height_m: 72.134,
        altitude_m: 54.642,
        horizontal_accuracy_m: 0.01,
        vertical_accuracy_m: 0.02,
        ground_speed_mps: 0.0,
        pdop: 1.2,
    }
}

pub fn nav_pvt(fix_type: u8, carrier_solution: u8) -> Message {
    Message::Ubx(Packet::NavPvt(pvt(fix_type, carrier_solution)))
}

pub fn hpposllh(invalid: bool) -> Message {
    Message::Ubx(Packet::NavHpposllh(ubx::NavHpposllh {
        itow_ms: 0,
        invalid,
        longitude_deg: 34.773_819_012,
        latitude_deg: 32.065_832_512,
        height_m: 72.134_5,
        altitude_m: 54.642_5,
        horizontal_accuracy_m: 0.01,
        vertical_accuracy_m: 0.01,
    }))
}

pub fn svin(active: bool, valid: bool) -> Message {
    Message::Ubx(Packet::NavSvin(NavSvin {
        itow_ms: 204_138_000,
        duration_s: 30,
        mean_ecef_m: [4_444_030.801_2, 3_085_671.234_5, 3_366_658.266_1],
        mean_accuracy_m: 0.838_3,
        observations: 31,
        valid,
        active,
    }))
}

pub fn rxm_rtcm(used: u8) -> Message {
    let rxm = ubx::RxmRtcm { crc_failed: false, used, subtype: 0, station_id: 0, number: 1077 };
    Message::Ubx(Packet::RxmRtcm(rxm))
}

pub fn correction(number: u16) -> Message {
    Message::Rtcm(rtcm::Message { number: Some(number), body: rtcm::Body::Unknown { length: 19 } })
}

pub fn arp() -> Message {
    let station = rtcm::Station {
        station_id: 0,
        itrf_year: 0,
        gps: true,
        glonass: true,
        galileo: true,
        virtual_station: false,
        single_oscillator: true,
        quarter_cycle: 0,
        ecef_m: [4_444_030.801_2, 3_085_671.234_5, 3_366_658.266_1],
        latitude_deg: 32.065_832_5,
        longitude_deg: 34.773_819,
        height_m: 72.134,
        antenna_height_m: None,
    };
    Message::Rtcm(rtcm::Message { number: Some(1005), body: rtcm::Body::Station(station) })
}

pub fn mon_ver() -> Message {
    Message::Ubx(Packet::MonVer(ubx::MonVer {
        software: "EXT CORE 1.00 (f10c36)".to_owned(),
        hardware: "00190000".to_owned(),
        extensions: ["ROM BASE 0x118B2060", "FWVER=HPG 1.32", "PROTVER=27.31", "MOD=ZED-F9P"]
            .map(str::to_owned)
            .to_vec(),
    }))
}

pub fn mon_rf(antenna_status: u8) -> Message {
    let block = ubx::MonRfBlock {
        block_id: 0,
        jamming_state: 1,
        antenna_status,
        antenna_power: 1,
        noise_per_ms: 80,
        agc_count: 5_000,
        jamming_indicator: 9,
    };
    Message::Ubx(Packet::MonRf(ubx::MonRf { blocks: vec![block] }))
}

pub fn gps(number: u16) -> SatelliteId {
    SatelliteId { constellation: Constellation::Gps, number }
}

/// One GPS GSV of a group: its place, the signal, and (number, C/N0).
pub fn gsv((sentence, sentences): (u8, u8), signal: (u8, &'static str), seen: &[(u16, f64)]) -> Message {
    let satellite = |&(number, cn0_dbhz): &(u16, f64)| GsvSatellite {
        id: gps(number),
        elevation_deg: Some(34.0),
        azimuth_deg: Some(267.0),
        cn0_dbhz: Some(cn0_dbhz),
    };
    let body = Body::Gsv(Gsv {
        sentences,
        sentence,
        in_view: 9,
        satellites: seen.iter().map(satellite).collect(),
        signal_id: Some(signal.0),
        band: Some(signal.1),
        ..Gsv::default()
    });
    Message::Nmea(Sentence { talker: "GP".into(), body })
}

pub fn gsa(system_id: Option<u8>, used: &[u16]) -> Message {
    nmea(Body::Gsa(nmea::Gsa {
        fix: 3,
        satellites: used.iter().map(|&number| gps(number)).collect(),
        hdop: Some(1.5),
        system_id,
        ..nmea::Gsa::default()
    }))
}

pub fn nav_sat(seen: &[(u16, u8, bool)]) -> Message {
    let satellite = |&(number, cn0_dbhz, used): &(u16, u8, bool)| ubx::NavSatSatellite {
        id: Some(gps(number)),
        gnss_id: 0,
        sv_id: 0,
        cn0_dbhz,
        elevation_deg: Some(60),
        azimuth_deg: None,
        residual_m: 0.0,
        quality: 7,
        used,
        health: 1,
    };
    let satellites = seen.iter().map(satellite).collect();
    Message::Ubx(Packet::NavSat(ubx::NavSat { itow_ms: 0, satellites }))
}

pub fn nav_sig(seen: &[(u16, &'static str, u8)]) -> Message {
    let signal = |&(number, band, cn0_dbhz): &(u16, &'static str, u8)| ubx::NavSigSignal {
        id: Some(gps(number)),
        gnss_id: 0,
        sv_id: 0,
        sig_id: 0,
        band: Some(band),
        cn0_dbhz,
        residual_m: 0.0,
        quality: 7,
        used: true,
    };
    let signals = seen.iter().map(signal).collect();
    Message::Ubx(Packet::NavSig(ubx::NavSig { itow_ms: 0, signals }))
}
