//! What one receiver has that another of its kind has not.

use std::time::Duration;

use fixtures::geodesy::Geodetic;
use fixtures::scenario::Mode;
use fixtures::time::Instant;
use rtk_reader::receiver::{Item, Output, Port, keys};

use super::mode;

/// A receiver's figures. By default those of a ZED-F9P with HPG 1.32 on a roof in Bern, as it leaves the factory.
#[derive(Clone, Debug, PartialEq)]
pub struct Character {
    /// Of all that is drawn.
    pub seed: u64,
    /// The chip's number, SEC-UNIQID.
    pub unique_id: [u8; 5],
    /// MON-VER's software and hardware version.
    pub software: String,
    /// As above.
    pub hardware: String,
    /// MON-VER's FWVER.
    pub firmware: String,
    /// MON-VER's PROTVER.
    pub protocol: String,
    /// MON-VER's MOD.
    pub module: String,
    /// Where the antenna truly is.
    pub place: Geodetic,
    /// Geoid above the ellipsoid there, metres.
    pub geoid_separation_m: f64,
    /// The time when the receiver gets power for the first time.
    pub start: Instant,
    /// From the start until it answers.
    pub boot: Duration,
    /// To the first fix, when nothing is known.
    pub cold_first_fix: Duration,
    /// When time, place and almanac are known.
    pub warm_first_fix: Duration,
    /// When ephemerides are, too.
    pub hot_first_fix: Duration,
    /// What it finds when it gets power for the first time.
    pub first_start: StartKind,
    /// Keeps BBR, time and ephemerides without power.
    pub backup_battery: bool,
    /// How far positions stray, 1 as they usually do: what a survey-in has to average out.
    pub wander: f64,
    /// What somebody has saved in its flash.
    pub saved: Vec<Item>,
}

/// How much a receiver knows at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// Nothing.
    Cold,
    /// Time, place, almanac.
    Warm,
    /// Ephemerides, too.
    Hot,
}

impl Default for Character {
    fn default() -> Self {
        Self {
            seed: 1,
            unique_id: [0x64, 0x7C, 0x9E, 0x42, 0x01],
            software: "EXT CORE 1.00 (0fa0ae)".into(),
            hardware: "00190000".into(),
            firmware: "HPG 1.32".into(),
            protocol: "27.31".into(),
            module: "ZED-F9P".into(),
            place: Geodetic { latitude_deg: 46.948_09, longitude_deg: 7.447_44, height_m: 590.0 },
            geoid_separation_m: 49.6,
            start: Instant::parse("2026-01-05T12:00:00Z").unwrap_or(fixtures::time::EARLIEST),
            boot: Duration::from_millis(800),
            // The data sheet's typical values (UBX-17051259, "Performance"): 24 s, 20 s, 2 s.
            cold_first_fix: Duration::from_secs(24),
            warm_first_fix: Duration::from_secs(20),
            hot_first_fix: Duration::from_secs(2),
            first_start: StartKind::Cold,
            backup_battery: true,
            wander: 1.0,
            saved: Vec::new(),
        }
    }
}

impl Character {
    /// In a hurry, for tests: it boots in 50 ms and has its first fix after 1.5 s cold, 0.4 s hot.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            boot: Duration::from_millis(50),
            cold_first_fix: Duration::from_millis(1_500),
            warm_first_fix: Duration::from_millis(1_000),
            hot_first_fix: Duration::from_millis(400),
            ..Self::default()
        }
    }

    /// Somebody has made a base of it: RTCM (1005, MSM7 of all systems, 1230), NAV-PVT, NAV-SVIN and NAV-SAT go out of
    /// the port with every epoch, and so do the NMEA sentences that do so from the factory.
    #[must_use]
    pub fn as_base(mut self, port: Port, mode: Mode) -> Self {
        let rtcm = [1005, 1077, 1087, 1097, 1127, 1230].map(|number| Output::Rtcm(number, 0));
        let ubx = [0x07, 0x3B, 0x35].map(|id| Output::Ubx(0x01, id));
        let rates = rtcm.into_iter().chain(ubx).filter_map(|output| keys::rate(output, port));
        self.saved.extend(rates.map(|key| Item { key, value: 1 }));
        self.saved.extend(mode::items(mode));
        self
    }

    /// The time to the first fix after a start.
    #[must_use]
    pub fn first_fix(&self, kind: StartKind) -> Duration {
        match kind {
            StartKind::Cold => self.cold_first_fix,
            StartKind::Warm => self.warm_first_fix,
            StartKind::Hot => self.hot_first_fix,
        }
    }
}
