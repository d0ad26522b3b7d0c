//! 1019, 1020, 1042, 1045, 1046: broadcast ephemerides.
//!
//! Angles stay in semicircles, as the satellites and the standard have them: every field is then its integer
//! times a power of two, exact in an `f64`, and goes back to the same bits. Times π it is radians. The
//! harmonic corrections of Kepler orbits are sent in radians.

mod beidou;
mod galileo;
mod glonass;
mod gps;
mod kepler;

use serde::Serialize;

use crate::decode::SatelliteId;

pub use beidou::BeidouEphemeris;
pub(super) use beidou::decode as beidou;
pub use galileo::{GalileoFnavEphemeris, GalileoInavEphemeris};
pub(super) use galileo::{fnav as galileo_fnav, inav as galileo_inav};
pub use glonass::GlonassEphemeris;
pub(super) use glonass::decode as glonass;
pub use gps::GpsEphemeris;
pub(super) use gps::decode as gps;
pub use kepler::{Clock, Orbit};

/// 1019, 1020, 1042, 1045, 1046: what a base's operator asks for; the whole set under `fields`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ephemeris {
    /// Whose.
    pub satellite: SatelliteId,
    /// Week as sent (GPS: modulo 1024, DF076); none for GLONASS.
    pub week: Option<u16>,
    /// IODE, IODnav, AODE; none for GLONASS (`tb` is its key).
    pub issue: Option<u16>,
    /// Reference time of the ephemeris, seconds of the week; GLONASS: tb, seconds of the Moscow day.
    pub reference_time_s: u32,
    /// Usable according to its own health bits.
    pub healthy: bool,
    /// All the rest.
    pub fields: EphemerisFields,
}

/// The fields of each message that [`Ephemeris`] hasn't. Boxed: the rare large ones among small values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EphemerisFields {
    /// 1019
    Gps(Box<GpsEphemeris>),
    /// 1020
    Glonass(Box<GlonassEphemeris>),
    /// 1042
    Beidou(Box<BeidouEphemeris>),
    /// 1045
    GalileoFnav(Box<GalileoFnavEphemeris>),
    /// 1046
    GalileoInav(Box<GalileoInavEphemeris>),
}
