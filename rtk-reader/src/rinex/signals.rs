//! Carriers of observation codes.

use crate::decode::Constellation::{self, Beidou, Galileo, Glonass, Gps, Navic, Qzss, Sbas};

/// How far light goes in a second, metres.
pub(super) const LIGHT_MPS: f64 = 299_792_458.0;

/// The carrier of a RINEX 3 observation code (without its first letter), Hz; none for GLONASS without its
/// frequency channel and for a band the system hasn't.
///
/// RINEX 3.04, tables 4 to 10; the digit is the band.
pub(super) fn carrier_hz(constellation: Constellation, code: &str, channel: Option<i8>) -> Option<f64> {
    let mhz = match (constellation, code.as_bytes().first()?) {
        (Gps | Galileo | Qzss | Sbas | Beidou, b'1') => 1575.42,
        (Gps | Qzss, b'2') => 1227.60,
        (Gps | Galileo | Qzss | Sbas | Beidou | Navic, b'5') => 1176.45,
        (Galileo | Qzss, b'6') => 1278.75,
        (Galileo | Beidou, b'7') => 1207.14,
        (Galileo | Beidou, b'8') => 1191.795,
        (Beidou, b'2') => 1561.098,
        (Beidou, b'6') => 1268.52,
        (Navic, b'9') => 2492.028,
        (Glonass, b'1') => 1602.0 + f64::from(channel?) * 0.5625,
        (Glonass, b'2') => 1246.0 + f64::from(channel?) * 0.4375,
        _ => return None,
    };
    Some(mhz * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers() {
        assert_eq!(carrier_hz(Gps, "1C", None), Some(1_575_420_000.0));
        assert_eq!(carrier_hz(Beidou, "2I", None), Some(1_561_098_000.0));
        assert_eq!(carrier_hz(Glonass, "2C", Some(-7)), Some(1_242_937_500.0));
        assert_eq!(carrier_hz(Glonass, "2C", None), None);
        assert_eq!(carrier_hz(Gps, "7I", None), None);
    }
}
