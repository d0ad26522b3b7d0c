//! GSA: satellites used and dilution of precision.
//!
//! ```text
//!         1 2 3                      14          15   16   17   18
//! $GNGSA,A,3,82,66,81, , , , , , , , , ,1.05,0.64,0.83,2*0C
//! ```
//!
//! Field 18, the system id, came with NMEA 4.10; without it the talker or the number itself tells the system.

use serde::Serialize;

use super::{Fields, Reason, numbering};
use crate::decode::SatelliteId;

/// Satellites used and dilution of precision.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gsa {
    /// `M` or `A`.
    pub selection: Option<char>,
    /// 1 none, 2 2D, 3 3D; 1 if empty.
    pub fix: u8,
    /// Satellites used; at most twelve.
    pub satellites: Vec<SatelliteId>,
    /// Numbers in the sentence that no numbering scheme gives to a satellite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<u16>,
    /// Position dilution of precision.
    pub pdop: Option<f64>,
    /// Horizontal.
    pub hdop: Option<f64>,
    /// Vertical.
    pub vdop: Option<f64>,
    /// NMEA 4.11 GNSS system id: 1 GPS, 2 GLONASS, 3 Galileo, 4 BeiDou, 5 QZSS, 6 NavIC.
    pub system_id: Option<u8>,
}

const NO_FIX: u8 = 1;

/// Places for satellites in a sentence.
const SLOTS: usize = 12;

impl Gsa {
    pub(super) fn read(talker: &str, data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 5 + SLOTS)?;
        let selection = f.letter()?;
        let fix = f.integer()?.unwrap_or(NO_FIX);
        let mut numbers = [None; SLOTS];
        for number in &mut numbers {
            *number = f.integer()?;
        }
        let (pdop, hdop, vdop) = (f.number()?, f.number()?, f.number()?);
        let system_id = f.hex_digit()?;
        let system =
            system_id.and_then(numbering::system_of_id).or_else(|| numbering::system_of_talker(talker));
        let mut satellites = Vec::with_capacity(numbers.iter().flatten().count());
        let mut unknown = Vec::new();
        for number in numbers.into_iter().flatten() {
            match numbering::satellite(system, number) {
                Some(id) => satellites.push(id),
                None => unknown.push(number),
            }
        }
        Ok(Self { selection, fix, satellites, unknown, pdop, hdop, vdop, system_id })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Body,
        tests::{body, reason},
    };
    use super::*;
    use crate::decode::Constellation::Glonass;

    fn used(sentence: &str) -> Vec<String> {
        match body(sentence) {
            Body::Gsa(gsa) => gsa.satellites.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads() {
        let read = body("GNGSA,A,3,82,66,81,,,,,,,,,,1.05,0.64,0.83,2");
        let expected = Gsa {
            selection: Some('A'),
            fix: 3,
            satellites: [18, 2, 17].map(|number| SatelliteId { constellation: Glonass, number }).to_vec(),
            unknown: vec![],
            pdop: Some(1.05),
            hdop: Some(0.64),
            vdop: Some(0.83),
            system_id: Some(2),
        };
        assert_eq!(read, Body::Gsa(expected));
    }

    #[test]
    fn system_id_before_talker_before_number() {
        assert_eq!(used("GNGSA,A,3,23,34,,,,,,,,,,,0.98,0.49,0.84,4"), ["C23", "C34"]);
        assert_eq!(used("GNGSA,A,3,21,51,,,,,,,,,,,0.98,0.49,0.84,1"), ["G21", "S38"]);
        assert_eq!(used("GNGSA,A,3,02,194,,,,,,,,,,,0.98,0.49,0.84,5"), ["J02", "J02"]);
        assert_eq!(used("PQGSA,A,3,02,194,,,,,,,,,,,0.98,0.49,0.84"), ["J02", "J02"]);
        assert_eq!(used("GNGSA,A,3,04,,,,,,,,,,,,0.98,0.49,0.84,6"), ["I04"]);
        assert_eq!(used("BDGSA,A,3,09,213,,,,,,,,,,,1.7,1.0,1.4"), ["C09", "C13"]);
        assert_eq!(used("GNGSA,A,3,01,65,301,401,,,,,,,,,1.7,1.0,1.4"), ["G01", "R01", "E01", "C01"]);
    }

    #[test]
    fn keeps_numbers_of_no_satellite() {
        let Body::Gsa(gsa) = body("GNGSA,A,3,21,999,,,,,,,,,,,0.98,0.49,0.84,1") else { panic!("not a GSA") };
        assert_eq!((gsa.satellites.len(), gsa.unknown), (1, vec![999]));
    }

    #[test]
    fn an_empty_fix_is_none() {
        let Body::Gsa(gsa) = body("GNGSA,A,,,,,,,,,,,,,,99.99,99.99,99.99,1") else { panic!("not a GSA") };
        assert_eq!((gsa.fix, gsa.hdop), (NO_FIX, Some(99.99)));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNGSA,A,3,1x,,,,,,,,,,,,0.98,0.49,0.84,1"),
            "field 3: expected a whole number in range, found \"1x\""
        );
        assert_eq!(reason("GNGSA,A,3,01,02"), "expected at least 17 fields, found 4");
    }
}
