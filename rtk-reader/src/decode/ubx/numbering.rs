//! GNSS, satellite and signal identifiers (UBX-22008968, 1.5.2 to 1.5.4).

use crate::decode::{
    Constellation::{self, Beidou, Galileo, Glonass, Gps, Navic, Qzss, Sbas},
    SatelliteId,
};

fn system(gnss_id: u8) -> Option<Constellation> {
    Some(match gnss_id {
        0 => Gps,
        1 => Sbas,
        2 => Galileo,
        3 => Beidou,
        5 => Qzss,
        6 => Glonass,
        7 => Navic,
        _ => return None,
    })
}

/// The satellite; none for a system we don't know and for a satellite the receiver doesn't (GLONASS 255).
pub(super) fn satellite(gnss_id: u8, sv_id: u8) -> Option<SatelliteId> {
    let constellation = system(gnss_id)?;
    let number = match constellation {
        Sbas => sv_id.checked_sub(100)?,
        _ => sv_id,
    };
    (1..255).contains(&number).then(|| SatelliteId { constellation, number: number.into() })
}

/// The band of a signal, as named in [`crate::decode`].
pub(super) fn band(gnss_id: u8, sig_id: u8) -> Option<&'static str> {
    Some(match (system(gnss_id)?, sig_id) {
        (Gps, 0) | (Sbas, 0) | (Qzss, 0 | 1 | 12) | (Glonass, 0) => "L1",
        (Gps, 3 | 4) | (Qzss, 4 | 5) | (Glonass, 2) => "L2",
        (Gps, 6 | 7) | (Qzss, 8 | 9) | (Navic, 0) => "L5",
        (Galileo, 0 | 1) => "E1",
        (Galileo, 3 | 4) => "E5a",
        (Galileo, 5 | 6) => "E5b",
        (Galileo, 8..=10) => "E6",
        (Beidou, 0 | 1) => "B1I",
        (Beidou, 2 | 3) => "B2I",
        (Beidou, 4 | 10) => "B3I",
        (Beidou, 5 | 6) => "B1C",
        (Beidou, 7 | 8) => "B2a",
        _ => return None,
    })
}

/// The RINEX 3 observation code of a signal without its first letter. What u-blox calls CL and CM of L2C is `2L`
/// and `2S`; both kinds of B1I and B2I data (D1 and D2) have one code.
pub(super) fn code(gnss_id: u8, sig_id: u8) -> Option<&'static str> {
    Some(match (system(gnss_id)?, sig_id) {
        (Gps | Sbas | Qzss | Glonass | Galileo, 0) => "1C",
        (Galileo, 1) => "1B",
        (Qzss, 1) => "1Z",
        (Gps, 3) | (Qzss, 5) => "2L",
        (Gps, 4) | (Qzss, 4) => "2S",
        (Glonass, 2) => "2C",
        (Gps, 6) | (Qzss, 8) | (Galileo, 3) => "5I",
        (Gps, 7) | (Qzss, 9) | (Galileo, 4) => "5Q",
        (Galileo, 5) => "7I",
        (Galileo, 6) => "7Q",
        (Galileo, 8) => "6B",
        (Galileo, 9) => "6C",
        (Galileo, 10) => "6A",
        (Beidou, 0 | 1) => "2I",
        (Beidou, 2 | 3) => "7I",
        (Beidou, 4 | 10) => "6I",
        (Beidou, 5) => "1P",
        (Beidou, 6) => "1D",
        (Beidou, 7) => "5P",
        (Beidou, 8) => "5D",
        (Navic, 0) => "5A",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = |gnss_id, sv_id| satellite(gnss_id, sv_id).map(|id| id.to_string());
        assert_eq!(name(0, 5).as_deref(), Some("G05"));
        assert_eq!(name(1, 131).as_deref(), Some("S31"));
        assert_eq!(name(5, 2).as_deref(), Some("J02"));
        assert_eq!((name(6, 255), name(4, 1), name(1, 99), name(0, 0)), (None, None, None, None));
        assert_eq!((band(2, 6), band(3, 2), band(6, 2)), (Some("E5b"), Some("B2I"), Some("L2")));
        assert_eq!((band(4, 0), band(0, 200)), (None, None));
    }
}
