//! Whole files, and what a capture must say before there can be one.

use insta::assert_snapshot;
use rtk_reader::decode::{
    Constellation, Message, SatelliteId,
    rtcm::{
        self, Body, Clock, Ephemeris, EphemerisFields, GlonassEphemeris, GpsEphemeris, Msm, MsmSignal, Orbit,
    },
    ubx,
};
use rtk_reader::frame::encode;
use rtk_reader::rinex::{GpsTime, Source};

use super::{convert, date, labels, messages};

/// gnssId, svId, sigId, freqId, lock time, C/N0, trkStat.
type Tracked = ([u8; 4], u16, u8, u8);

fn rawx(time_of_week_s: f64, week: u16, tracked: &[Tracked]) -> Message {
    let mut payload = time_of_week_s.to_le_bytes().to_vec();
    payload.extend(week.to_le_bytes());
    payload.extend([18, tracked.len() as u8, 1, 1, 0, 0]);
    for (i, (ids, lock_ms, cn0_dbhz, tracking)) in (0u8..).zip(tracked) {
        payload.extend((20_000_000.125 + f64::from(i)).to_le_bytes());
        payload.extend((105_000_000.5 + f64::from(i)).to_le_bytes());
        payload.extend((-1234.5f32).to_le_bytes());
        payload.extend(ids);
        payload.extend(lock_ms.to_le_bytes());
        payload.extend([*cn0_dbhz, 1, 2, 3, *tracking, 0]);
    }
    Message::Ubx(ubx::decode(0x02, 0x15, &payload))
}

fn msm(constellation: Constellation, station_id: u16, epoch_ms: u32, lock_indicator: u16) -> Message {
    let satellite = SatelliteId { constellation, number: 7 };
    let signal = MsmSignal {
        satellite,
        code: Some("1C"),
        signal: 2,
        band: None,
        cn0_dbhz: Some(45.25),
        pseudorange_m: Some(21_000_000.0),
        phaserange_m: Some(21_000_000.5),
        phaserange_rate_mps: Some(-100.0),
        lock_indicator,
        half_cycle: false,
    };
    let body = Body::Msm(Msm {
        constellation,
        level: 7,
        station_id,
        epoch_ms,
        glonass_day: (constellation == Constellation::Glonass).then_some(7),
        multiple: false,
        iods: 0,
        clock_steering: 0,
        external_clock: 0,
        smoothing: false,
        smoothing_interval: 0,
        satellites: vec![satellite],
        glonass_channels: Vec::new(),
        signals: vec![signal],
    });
    Message::Rtcm(rtcm::Message { number: None, body })
}

#[test]
fn a_receivers_own_measurements() {
    let epochs = [
        rawx(604_799.006, 2360, &[([0, 5, 0, 0], 64_500, 49, 7), ([6, 5, 2, 8], 900, 38, 3)]),
        // In the next week: GLONASS lost its lock between, GPS has no phase.
        rawx(
            0.006,
            2361,
            &[([0, 5, 0, 0], 64_500, 49, 1), ([6, 5, 2, 8], 200, 38, 3), ([9, 1, 0, 0], 0, 0, 0)],
        ),
    ];
    let converted = convert(&epochs, date(&epochs).expect("RXM-RAWX says the week"));
    assert_eq!(converted.contents.source(), Some(Source::Rawx));
    assert_eq!(converted.left_out.unknown_signals, 1);
    let name = converted.contents.observation_name(&labels());
    assert_eq!(name.as_deref(), Some("BERN00CHE_R_20250952359_01M_01S_MO.rnx"));
    assert_snapshot!(converted.observations, @r#"
         3.04           OBSERVATION DATA    M: MIXED            RINEX VERSION / TYPE
    depot                                   20260105 120000 UTC PGM / RUN BY / DATE 
    from UBX RXM-RAWX                                           COMMENT             
    the position of the antenna is not known                    COMMENT             
    BERN00CHE                                                   MARKER NAME         
    NON_GEODETIC                                                MARKER TYPE         
                                                                OBSERVER / AGENCY   
                                                                REC # / TYPE / VERS 
                                                                ANT # / TYPE        
            0.0000        0.0000        0.0000                  APPROX POSITION XYZ 
            0.0000        0.0000        0.0000                  ANTENNA: DELTA H/E/N
    G    4 C1C L1C D1C S1C                                      SYS / # / OBS TYPES 
    R    4 C2C L2C D2C S2C                                      SYS / # / OBS TYPES 
    DBHZ                                                        SIGNAL STRENGTH UNIT
         1.000                                                  INTERVAL            
      2025     4     5    23    59   59.0060000     GPS         TIME OF FIRST OBS   
      2025     4     6     0     0    0.0060000     GPS         TIME OF LAST OBS    
    G L1C  0.00000                                              SYS / PHASE SHIFT   
    R L2C  0.00000                                              SYS / PHASE SHIFT   
      1 R05  1                                                  GLONASS SLOT / FRQ #
     C1C          C1P          C2C          C2P                 GLONASS COD/PHS/BIS 
        18                                                      LEAP SECONDS        
                                                                END OF HEADER       
    > 2025 04 05 23 59 59.0060000  0  2
    G05  20000000.125   105000000.500 8     -1234.500          49.000
    R05  20000001.125   105000001.50026     -1234.500          38.000
    > 2025 04 06 00 00  0.0060000  0  2
    G05  20000000.125                       -1234.500          49.000
    R05  20000001.125   105000001.50036     -1234.500          38.000
    "#);
}

#[test]
fn ephemerides() {
    let clock = Clock { toc_s: 604_784, af2_s_per_s2: 0.0, af1_s_per_s: -1.0e-11, af0_s: 2.5e-4 };
    let orbit = Orbit {
        crs_m: -73.6,
        delta_n_semicircles_per_s: 1.4e-9,
        m0_semicircles: -0.5,
        cuc_rad: -3.9e-6,
        eccentricity: 0.0047,
        cus_rad: 1.1e-5,
        sqrt_a_sqrt_m: 5153.7,
        toe_s: 0,
        cic_rad: 2.4e-8,
        omega0_semicircles: 0.875,
        cis_rad: -5.2e-8,
        i0_semicircles: 0.3,
        crc_m: 159.0,
        omega_semicircles: 0.02,
        omega_dot_semicircles_per_s: -2.5e-9,
    };
    let gps = GpsEphemeris {
        ura_index: 1,
        code_on_l2: 1,
        idot_semicircles_per_s: -7.4e-11,
        iodc: 430,
        clock,
        orbit,
        tgd_s: -9.3e-9,
        health: 0,
        l2_p_data_off: false,
        long_fit_interval: false,
    };
    let glonass = GlonassEphemeris {
        frequency_channel: -4,
        almanac_healthy: true,
        almanac_health_available: true,
        p1: 1,
        tk_s: 9_000,
        bn_unhealthy: false,
        p2: false,
        position_km: [3260.5, -25_095.25, 3022.0],
        velocity_km_per_s: [0.25, 0.5, -3.5],
        acceleration_km_per_s2: [0.0, 1.0e-9, -1.0e-9],
        p3: false,
        gamma_n: 1.8e-12,
        m_p: 0,
        m_ln_third_unhealthy: true,
        tau_n_s: -1.2e-4,
        m_delta_tau_n_s: 0.0,
        en_days: 1,
        m_p4: false,
        m_ft: 2,
        m_nt_days: 463,
        m_satellite_type: 1,
        additional_data_available: false,
        na_days: 0,
        tau_c_s: 0.0,
        m_n4: 8,
        m_tau_gps_s: 0.0,
        m_ln_fifth_unhealthy: false,
    };
    let of = |constellation, week, issue, reference_time_s, fields| {
        let satellite = SatelliteId { constellation, number: 6 };
        let ephemeris = Ephemeris { satellite, week, issue, reference_time_s, healthy: true, fields };
        Message::Rtcm(rtcm::Message { number: None, body: Body::Ephemeris(ephemeris) })
    };
    let both = [
        of(Constellation::Gps, Some(2361 % 1024), Some(174), 0, EphemerisFields::Gps(Box::new(gps))),
        // 02:45 in Moscow.
        of(Constellation::Glonass, None, None, 9_900, EphemerisFields::Glonass(Box::new(glonass))),
    ];
    // GPS's week is one of many.
    assert_eq!(date(&both), None);
    let twice = [both.clone(), both].concat();
    let converted = convert(&twice, GpsTime::of_week(2360, 604_790.0));
    assert_eq!(converted.contents.ephemerides(), 2, "each once");
    let name = converted.contents.navigation_name(&labels());
    assert_eq!(name.as_deref(), Some("BERN00CHE_S_20250952345_01M_MN.rnx"));
    assert_snapshot!(converted.navigation, @r#"
         3.04           N: GNSS NAV DATA    M: MIXED            RINEX VERSION / TYPE
    depot                                   20260105 120000 UTC PGM / RUN BY / DATE 
        18                                                      LEAP SECONDS        
                                                                END OF HEADER       
    R06 2025 04 05 23 45 00 1.200000000000D-04 1.800000000000D-12 6.030000000000D+05
         3.260500000000D+03 2.500000000000D-01 0.000000000000D+00 1.000000000000D+00
        -2.509525000000D+04 5.000000000000D-01 1.000000000000D-09-4.000000000000D+00
         3.022000000000D+03-3.500000000000D+00-1.000000000000D-09 1.000000000000D+00
    G06 2025 04 05 23 59 44 2.500000000000D-04-1.000000000000D-11 0.000000000000D+00
         1.740000000000D+02-7.360000000000D+01 4.398229715026D-09-1.570796326795D+00
        -3.900000000000D-06 4.700000000000D-03 1.100000000000D-05 5.153700000000D+03
         0.000000000000D+00 2.400000000000D-08 2.748893571891D+00-5.200000000000D-08
         9.424777960769D-01 1.590000000000D+02 6.283185307180D-02-7.853981633974D-09
        -2.324778563656D-10 1.000000000000D+00 2.361000000000D+03 0.000000000000D+00
         2.800000000000D+00 0.000000000000D+00-9.300000000000D-09 4.300000000000D+02
        -1.000000000000D+01 4.000000000000D+00
    "#);
}

/// The same instant in three times: GPS, BeiDou 14 s behind, GLONASS three hours and the leap seconds off.
#[test]
fn systems_of_an_instant_share_an_epoch() {
    use Constellation::{Beidou, Glonass, Gps};
    let gps_ms = 515_666_000;
    let moscow_ms = (gps_ms - 18_000 + 3 * 3_600_000) % 86_400_000;
    let epoch =
        [msm(Gps, 3, gps_ms, 704), msm(Glonass, 3, moscow_ms, 704), msm(Beidou, 3, gps_ms - 14_000, 704)];
    let converted = convert(&epoch, GpsTime::of_week(2361, 400_000.0));
    assert_eq!(converted.contents.epochs(), 1);
    assert!(
        converted.observations.contains("\n> 2025 04 11 23 14 26.0000000  0  3\n"),
        "{}",
        converted.observations
    );
    // The frequency channel of the GLONASS satellite isn't known, and so not its wavelength.
    assert_eq!(converted.left_out.no_channel, 1);
    let line = converted.observations.lines().find(|line| line.starts_with("R07")).expect("its line");
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["R07", "21000000.000", "45.250"]);
}

#[test]
fn what_belongs_in_no_epoch_is_counted() {
    let stream = [
        msm(Constellation::Gps, 3, 1_000, 704),
        msm(Constellation::Gps, 4, 1_000, 704),
        msm(Constellation::Gps, 3, 604_800_000, 704),
        // It locked anew.
        msm(Constellation::Gps, 3, 2_000, 10),
        msm(Constellation::Gps, 3, 1_000, 704),
    ];
    let converted = convert(&stream, GpsTime::of_week(2361, 0.0));
    assert_eq!(converted.contents.epochs(), 2);
    let left_out = converted.left_out;
    assert_eq!((left_out.other_station, left_out.no_time, left_out.late), (1, 1, 1));
    let phases: Vec<&str> = converted
        .observations
        .lines()
        .filter(|line| line.starts_with("G07"))
        .map(|line| &line[19..35])
        .collect();
    assert_eq!(phases, [" 110355747.468 7", " 110355747.46817"]);
}

#[test]
fn the_date_is_what_somebody_says() {
    let nmea = |body: &str| messages(&encode::nmea(body).expect("a sentence"));
    let rmc = |valid| nmea(&format!("GNRMC,231408.00,{valid},4404.13,N,12118.84,W,0.013,,110425,,,D"));
    let zda = nmea("GPZDA,120000.00,12,04,2025,00,00");
    assert_eq!(date(&rmc('A')), GpsTime::of_utc((2025, 4, 11), 83_648.0));
    assert_eq!(date(&rmc('V')), None);
    assert_eq!(date(&zda), GpsTime::of_utc((2025, 4, 12), 43_200.0));
    // The clock may guess; a fix knows.
    assert_eq!(date(&[zda, rmc('A')].concat()), GpsTime::of_utc((2025, 4, 11), 83_648.0));
    assert_eq!(date(&[msm(Constellation::Gps, 3, 1_000, 0)]), None);
}
