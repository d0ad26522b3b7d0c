//! Satellite numbers, system ids and signal ids: NMEA 0183 version 4.11, and what receivers made of older
//! versions (u-blox F9 interface description UBX-22008968, appendix "Satellite numbering", strict and
//! extended).

use crate::decode::{
    Constellation::{self, Beidou, Galileo, Glonass, Gps, Navic, Qzss, Sbas},
    SatelliteId,
};

/// The system a talker speaks of; none for `GN`, which mixes them, and for those we don't know.
pub(super) fn system_of_talker(talker: &str) -> Option<Constellation> {
    Some(match talker {
        "GP" => Gps,
        "GL" => Glonass,
        "GA" => Galileo,
        "GB" | "BD" => Beidou,
        "GQ" | "QZ" | "PQ" => Qzss,
        "GI" => Navic,
        _ => return None,
    })
}

/// GNSS system ids of GSA and GBS.
pub(super) fn system_of_id(id: u8) -> Option<Constellation> {
    Some(match id {
        1 => Gps,
        2 => Glonass,
        3 => Galileo,
        4 => Beidou,
        5 => Qzss,
        6 => Navic,
        _ => return None,
    })
}

/// The satellite a number means in a sentence about `system`, or about any when it is none.
///
/// 201 and 202 are QZSS 9 and 10 for u-blox and BeiDou 1 and 2 for others: without a system they are taken
/// for BeiDou.
pub(super) fn satellite(system: Option<Constellation>, number: u16) -> Option<SatelliteId> {
    let (constellation, first) = match (system, number) {
        (Some(Galileo), 1..=36) | (_, 301..=336) => (Galileo, if number > 300 { 301 } else { 1 }),
        (Some(Beidou), 1..=63) => (Beidou, 1),
        (Some(Beidou), 201..=263) | (None, 201..=263) => (Beidou, 201),
        (_, 401..=463) => (Beidou, 401),
        (Some(Qzss), 1..=10) => (Qzss, 1),
        (Some(Gps | Qzss), 193..=202) | (None, 193..=200) => (Qzss, 193),
        (Some(Navic), 1..=15) => (Navic, 1),
        (Some(Glonass), 1..=32) => (Glonass, 1),
        (Some(Gps | Glonass) | None, 65..=99) => (Glonass, 65),
        (Some(Gps) | None, 1..=32) => (Gps, 1),
        // SBAS: PRN − 87, or the PRN itself (u-blox from 152 on); S20 is PRN 120.
        (Some(Gps | Glonass) | None, 33..=64) => (Sbas, 33 - 19),
        (Some(Gps) | None, 120..=158) => (Sbas, 101),
        _ => return None,
    };
    Some(SatelliteId { constellation, number: number - first + 1 })
}

/// The band of a signal id, as named in [`crate::decode`].
pub(super) fn band(system: Constellation, signal_id: u8) -> Option<&'static str> {
    Some(match (system, signal_id) {
        // SBAS satellites come under the GPS talker with GPS signal ids.
        (Gps | Sbas, 1..=3 | 9) => "L1",
        (Gps, 4..=6) => "L2",
        (Gps | Sbas, 7 | 8) => "L5",
        (Glonass, 1 | 2) => "L1",
        (Glonass, 3 | 4) => "L2",
        (Galileo, 1) => "E5a",
        (Galileo, 2) => "E5b",
        (Galileo, 3) => "E5",
        (Galileo, 4 | 5) => "E6",
        (Galileo, 6 | 7) => "E1",
        (Beidou, 1 | 2) => "B1I",
        (Beidou, 3 | 4) => "B1C",
        (Beidou, 5) => "B2a",
        (Beidou, 6) => "B2b",
        (Beidou, 7) => "B2",
        (Beidou, 8..=0xA) => "B3I",
        (Beidou, 0xB | 0xC) => "B2I",
        (Qzss, 1..=4) => "L1",
        (Qzss, 5 | 6) => "L2",
        (Qzss, 7 | 8) => "L5",
        (Qzss, 9 | 0xA) => "L6",
        (Navic, 1 | 3) => "L5",
        (Navic, 2 | 4) => "S",
        (Navic, 5) => "L1",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(system: Option<Constellation>, number: u16) -> String {
        satellite(system, number).map_or_else(|| "none".to_owned(), |id| id.to_string())
    }

    #[test]
    fn every_scheme() {
        let cases = [
            (Some(Gps), 1, "G01"),
            (Some(Gps), 32, "G32"),
            (Some(Gps), 33, "S20"),
            (Some(Gps), 64, "S51"),
            (Some(Gps), 65, "R01"),
            (Some(Gps), 96, "R32"),
            (Some(Gps), 120, "S20"),
            (Some(Gps), 158, "S58"),
            (Some(Gps), 193, "J01"),
            (Some(Gps), 202, "J10"),
            (Some(Gps), 301, "E01"),
            (Some(Gps), 463, "C63"),
            (Some(Glonass), 65, "R01"),
            (Some(Glonass), 8, "R08"),
            (Some(Galileo), 36, "E36"),
            (Some(Galileo), 336, "E36"),
            (Some(Beidou), 63, "C63"),
            (Some(Beidou), 201, "C01"),
            (Some(Beidou), 437, "C37"),
            (Some(Qzss), 10, "J10"),
            (Some(Qzss), 193, "J01"),
            (Some(Navic), 14, "I14"),
            (None, 200, "J08"),
            (None, 201, "C01"),
            (None, 0, "none"),
            (None, 100, "none"),
            (Some(Galileo), 37, "none"),
            (None, u16::MAX, "none"),
        ];
        for (system, number, expected) in cases {
            assert_eq!(name(system, number), expected, "{system:?} {number}");
        }
    }
}
