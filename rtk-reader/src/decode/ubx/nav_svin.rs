//! NAV-SVIN (01 3B): survey-in, which the `ublox` crate lacks.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 0 | version, 0 | |
//! | 4 | iTOW | ms |
//! | 8 | dur | s |
//! | 12, 16, 20 | meanX, meanY, meanZ | cm |
//! | 24, 25, 26 | meanXHP, meanYHP, meanZHP | 0.1 mm |
//! | 28 | meanAcc | 0.1 mm |
//! | 32 | obs | |
//! | 36 | valid | |
//! | 37 | active | |

use serde::Serialize;

use super::{Bytes, Reason};

/// Survey-in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSvin {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// Seconds of observation.
    pub duration_s: u32,
    /// Mean position ECEF, metres: centimetres plus the high-precision parts of 0.1 mm.
    pub mean_ecef_m: [f64; 3],
    /// 3D, metres (sent in 0.1 mm).
    pub mean_accuracy_m: f64,
    /// Positions used.
    pub observations: u32,
    /// Result in use.
    pub valid: bool,
    /// In progress.
    pub active: bool,
}

/// Bytes of the payload.
const LENGTH: usize = 40;

impl NavSvin {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let mut b = Bytes::exactly(payload, LENGTH)?;
        b.skip(4);
        let (itow_ms, duration_s) = (b.u32(), b.u32());
        let cm = [b.i32(), b.i32(), b.i32()];
        let tenth_mm = [b.i8(), b.i8(), b.i8()];
        b.skip(1);
        let mut mean_ecef_m = [0.0; 3];
        for ((mean, cm), tenth_mm) in mean_ecef_m.iter_mut().zip(cm).zip(tenth_mm) {
            // Whole tenths of a millimetre first: below 2^53 and so exact.
            *mean = (f64::from(cm) * 100.0 + f64::from(tenth_mm)) / 1e4;
        }
        Ok(Self {
            itow_ms,
            duration_s,
            mean_ecef_m,
            mean_accuracy_m: f64::from(b.u32()) / 1e4,
            observations: b.u32(),
            valid: b.u8() != 0,
            active: b.u8() != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    const SVIN: &str = "0000000010e62a0c1e000000880d7d1a535c6412e21c11141d31d800bf2000001f00000001000000";

    #[test]
    fn reads() {
        let expected = NavSvin {
            itow_ms: 204_138_000,
            duration_s: 30,
            mean_ecef_m: [4_444_030.802_9, 3_085_671.234_9, 3_366_658.256],
            mean_accuracy_m: 0.838_3,
            observations: 31,
            valid: true,
            active: false,
        };
        assert_eq!(packet(0x01, 0x3B, SVIN), Packet::NavSvin(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x01, 0x3B, &SVIN[..78]), "expected a payload of 40 bytes, found 39");
    }
}
