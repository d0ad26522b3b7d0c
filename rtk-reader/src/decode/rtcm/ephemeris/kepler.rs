//! What GPS, Galileo and BeiDou ephemerides share: a clock polynomial and a Kepler orbit with corrections, in
//! the same order everywhere, in widths and scales of each system's own.

use serde::Serialize;

use super::super::bits::Bits;

/// The satellite clock's polynomial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clock {
    /// toc, seconds of the week.
    pub toc_s: u32,
    /// af2, a2
    pub af2_s_per_s2: f64,
    /// af1, a1
    pub af1_s_per_s: f64,
    /// af0, a0
    pub af0_s: f64,
}

/// A Kepler orbit with its corrections; the names are those of IS-GPS-200, 20.3.3.4.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each is its symbol in the interface control document, with its unit")]
pub struct Orbit {
    pub crs_m: f64,
    pub delta_n_semicircles_per_s: f64,
    pub m0_semicircles: f64,
    pub cuc_rad: f64,
    pub eccentricity: f64,
    pub cus_rad: f64,
    pub sqrt_a_sqrt_m: f64,
    /// Seconds of the week.
    pub toe_s: u32,
    pub cic_rad: f64,
    pub omega0_semicircles: f64,
    pub cis_rad: f64,
    pub i0_semicircles: f64,
    pub crc_m: f64,
    pub omega_semicircles: f64,
    pub omega_dot_semicircles_per_s: f64,
}

/// A signed field: its bits, and its resolution as a power of two.
pub(super) type Scaled = (u32, i32);
/// A time: its bits, and its resolution in seconds.
pub(super) type Time = (u32, u32);

impl Clock {
    pub(super) fn read(bits: &mut Bits<'_>, toc: Time, af2: Scaled, af1: Scaled, af0: Scaled) -> Self {
        Self {
            toc_s: time_s(bits, toc),
            af2_s_per_s2: scaled(bits, af2),
            af1_s_per_s: scaled(bits, af1),
            af0_s: scaled(bits, af0),
        }
    }
}

impl Orbit {
    /// `radius` is the format of crs and crc, `angle` that of cuc, cus, cic and cis.
    pub(super) fn read(bits: &mut Bits<'_>, toe: Time, radius: Scaled, angle: Scaled) -> Self {
        const SEMICIRCLES: Scaled = (32, -31);
        Self {
            crs_m: scaled(bits, radius),
            delta_n_semicircles_per_s: scaled(bits, (16, -43)),
            m0_semicircles: scaled(bits, SEMICIRCLES),
            cuc_rad: scaled(bits, angle),
            eccentricity: bits.unsigned(32) as f64 * two_to(-33),
            cus_rad: scaled(bits, angle),
            sqrt_a_sqrt_m: bits.unsigned(32) as f64 * two_to(-19),
            toe_s: time_s(bits, toe),
            cic_rad: scaled(bits, angle),
            omega0_semicircles: scaled(bits, SEMICIRCLES),
            cis_rad: scaled(bits, angle),
            i0_semicircles: scaled(bits, SEMICIRCLES),
            crc_m: scaled(bits, radius),
            omega_semicircles: scaled(bits, SEMICIRCLES),
            omega_dot_semicircles_per_s: scaled(bits, (24, -43)),
        }
    }
}

pub(super) fn scaled(bits: &mut Bits<'_>, (width, exponent): Scaled) -> f64 {
    bits.signed(width) as f64 * two_to(exponent)
}

/// Exactly 2 to the exponent, on every platform; the exponents here are far from an `f64`'s limits.
pub(super) const fn two_to(exponent: i32) -> f64 {
    f64::from_bits(((f64::MAX_EXP - 1 + exponent) as u64) << (f64::MANTISSA_DIGITS - 1))
}

fn time_s(bits: &mut Bits<'_>, (width, resolution_s): Time) -> u32 {
    bits.u32(width) * resolution_s
}
