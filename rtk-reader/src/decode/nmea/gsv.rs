//! GSV: satellites in view, four to a sentence.
//!
//! ```text
//!         1 2 3  4  5  6   7  8  9  10  11             16 17 18 19 20
//! $GPGSV,4,1,15,05,34,267,45,07,31,067,43,08,05,037,23,09,13,135,39,1*68
//! ```
//!
//! The field after the last whole satellite, the signal id, came with NMEA 4.10.

use serde::Serialize;

use super::{Fields, Reason, numbering};
use crate::decode::SatelliteId;

/// Satellites in view: one sentence of a group.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gsv {
    /// Sentences in the group.
    pub sentences: u8,
    /// This one's number, from 1.
    pub sentence: u8,
    /// Satellites in view of this talker (and signal).
    pub in_view: u8,
    /// At most four.
    pub satellites: Vec<GsvSatellite>,
    /// Numbers in the sentence that no numbering scheme gives to a satellite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<u16>,
    /// NMEA 4.11 signal id (hex digit), of the talker's system.
    pub signal_id: Option<u8>,
    /// Band of the signal id, `L1`, `E5b`…; none without a known id.
    pub band: Option<&'static str>,
}

/// One satellite of a GSV.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GsvSatellite {
    /// Which.
    pub id: SatelliteId,
    /// Degrees.
    pub elevation_deg: Option<f64>,
    /// Degrees from north.
    pub azimuth_deg: Option<f64>,
    /// dB-Hz; none when not tracked (sent empty, or as 0).
    pub cn0_dbhz: Option<f64>,
}

/// Satellites of a sentence.
const SLOTS: usize = 4;
/// Fields of a satellite: number, elevation, azimuth, C/N0.
const FIELDS: usize = 4;

impl Gsv {
    pub(super) fn read(talker: &str, data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 3)?;
        let (sentences, sentence) = (f.required_integer()?, f.required_integer()?);
        let in_view = f.integer()?.unwrap_or(0);
        let left = f.left();
        let (count, with_signal_id) = match (left / FIELDS, left % FIELDS) {
            (count @ 0..=SLOTS, 0) => (count, false),
            (count @ 0..=SLOTS, 1) => (count, true),
            // Some receivers leave the C/N0 of the last one out instead of empty.
            (count @ 0..SLOTS, 3) => (count + 1, false),
            _ => return Err(Reason::List { expected: "up to four satellites and a signal id", found: left }),
        };
        let system = numbering::system_of_talker(talker);
        let mut satellites = Vec::with_capacity(count);
        let mut unknown = Vec::new();
        for _ in 0..count {
            let number = f.integer()?;
            let (elevation_deg, azimuth_deg, cn0_dbhz) = (f.number()?, f.number()?, f.number()?);
            let Some(number) = number else { continue };
            match numbering::satellite(system, number) {
                Some(id) => satellites.push(GsvSatellite {
                    id,
                    elevation_deg,
                    azimuth_deg,
                    cn0_dbhz: cn0_dbhz.filter(|cn0| *cn0 > 0.0),
                }),
                None => unknown.push(number),
            }
        }
        let signal_id = if with_signal_id { f.hex_digit()? } else { None };
        let band = signal_id.and_then(|id| numbering::band(system?, id));
        Ok(Self { sentences, sentence, in_view, satellites, unknown, signal_id, band })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Body,
        tests::{body, reason},
    };
    use super::*;
    use crate::decode::Constellation::Galileo;

    fn gsv(sentence: &str) -> Gsv {
        match body(sentence) {
            Body::Gsv(gsv) => gsv,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads() {
        let galileo = |number| SatelliteId { constellation: Galileo, number };
        let read = body("GAGSV,2,2,06,07,70,149,46,20,,,38,7");
        let expected = Gsv {
            sentences: 2,
            sentence: 2,
            in_view: 6,
            satellites: vec![
                GsvSatellite {
                    id: galileo(7),
                    elevation_deg: Some(70.0),
                    azimuth_deg: Some(149.0),
                    cn0_dbhz: Some(46.0),
                },
                GsvSatellite {
                    id: galileo(20),
                    elevation_deg: None,
                    azimuth_deg: None,
                    cn0_dbhz: Some(38.0),
                },
            ],
            unknown: vec![],
            signal_id: Some(7),
            band: Some("E1"),
        };
        assert_eq!(read, Body::Gsv(expected));
    }

    #[test]
    fn bands_by_talker_and_signal() {
        let cases = [
            ("GPGSV,1,1,01,19,12,169,14,5", "G19", Some("L2")),
            ("GPGSV,1,1,01,41,27,115,,0", "S28", None),
            ("GPGSV,1,1,01,41,27,115,41,1", "S28", Some("L1")),
            ("GLGSV,1,1,01,85,26,294,18,3", "R21", Some("L2")),
            ("GBGSV,1,1,01,20,15,298,09,B", "C20", Some("B2I")),
            ("GBGSV,1,1,01,08,49,229,,", "C08", None),
            ("GQGSV,1,1,01,06,,,25,1", "J06", Some("L1")),
            ("QZGSV,1,1,01,193,,,25,8", "J01", Some("L5")),
            ("GIGSV,1,1,01,02,,,25,1", "I02", Some("L5")),
        ];
        for (sentence, id, band) in cases {
            let gsv = gsv(sentence);
            assert_eq!(gsv.satellites[0].id.to_string(), id, "{sentence}");
            assert_eq!(gsv.band, band, "{sentence}");
        }
    }

    #[test]
    fn reads_what_receivers_make_of_it() {
        assert_eq!(gsv("GQGSV,1,1,00,0").satellites, []);
        assert_eq!(gsv("GPGSV,3,3,10,01,18,090,33,08,09,039,15").satellites.len(), 2);
        let cut = gsv("GLGSV,3,3,09,88,07,028");
        assert_eq!((cut.satellites.len(), cut.satellites[0].cn0_dbhz, cut.signal_id), (1, None, None));
        assert_eq!(gsv("GPGSV,3,3,11,22,42,067,42,,,,").satellites.len(), 1);
        assert_eq!(gsv("GPGSV,1,1,01,36,33,148,00").satellites[0].cn0_dbhz, None);
        assert_eq!(gsv("GPGSV,1,1,01,999,33,148,00").unknown, [999]);
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GPGSV,1,1,02,05,34,267,45,07,31"),
            "expected up to four satellites and a signal id, found 6 fields behind the header"
        );
        assert_eq!(
            reason("GPGSV,x,1,01,05,34,267,45"),
            "field 1: expected a whole number in range, found \"x\""
        );
        assert_eq!(reason("GPGSV,1"), "expected at least 3 fields, found 1");
    }
}
