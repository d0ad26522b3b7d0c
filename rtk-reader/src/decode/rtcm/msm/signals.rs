//! What the bits of an MSM's satellite and signal masks stand for.

use crate::decode::{Constellation, SatelliteId};

/// A signal: RINEX 3 observation code without its first letter, and the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signal {
    pub(super) code: &'static str,
    pub(super) band: &'static str,
}

/// The satellite at a place (1 to 64) of the mask DF394.
///
/// The mask counts as RINEX does, but for SBAS, where 1 is PRN 120. QZSS 1 is PRN 193, J01.
pub(super) fn satellite(constellation: Constellation, place: u32) -> SatelliteId {
    let first = if constellation == Constellation::Sbas { 20 } else { 1 };
    SatelliteId { constellation, number: place as u16 - 1 + first }
}

/// The signal at a place (1 to 32) of the mask DF395; none where the standard has none.
///
/// RTCM 10403.3, tables 3.5-91 (GPS), -96, -99, -102, -105 and -108 (BeiDou); BeiDou's B1C, B2a and B2b as receivers
/// send them since RINEX 3.04 named them (RTKLIB, demo5 branch, reads them alike).
pub(super) fn signal(constellation: Constellation, place: u32) -> Option<Signal> {
    let (code, band) = match constellation {
        Constellation::Gps => gps(place),
        Constellation::Glonass => glonass(place),
        Constellation::Galileo => galileo(place),
        Constellation::Sbas => sbas(place),
        Constellation::Qzss => qzss(place),
        Constellation::Beidou => beidou(place),
        Constellation::Navic => navic(place),
    }?;
    Some(Signal { code, band })
}

type CodeAndBand = Option<(&'static str, &'static str)>;

fn gps(place: u32) -> CodeAndBand {
    Some(match place {
        2 => ("1C", "L1"),
        3 => ("1P", "L1"),
        4 => ("1W", "L1"),
        8 => ("2C", "L2"),
        9 => ("2P", "L2"),
        10 => ("2W", "L2"),
        15 => ("2S", "L2"),
        16 => ("2L", "L2"),
        17 => ("2X", "L2"),
        22 => ("5I", "L5"),
        23 => ("5Q", "L5"),
        24 => ("5X", "L5"),
        30 => ("1S", "L1"),
        31 => ("1L", "L1"),
        32 => ("1X", "L1"),
        _ => return None,
    })
}

fn glonass(place: u32) -> CodeAndBand {
    Some(match place {
        2 => ("1C", "L1"),
        3 => ("1P", "L1"),
        8 => ("2C", "L2"),
        9 => ("2P", "L2"),
        _ => return None,
    })
}

fn galileo(place: u32) -> CodeAndBand {
    Some(match place {
        2 => ("1C", "E1"),
        3 => ("1A", "E1"),
        4 => ("1B", "E1"),
        5 => ("1X", "E1"),
        6 => ("1Z", "E1"),
        8 => ("6C", "E6"),
        9 => ("6A", "E6"),
        10 => ("6B", "E6"),
        11 => ("6X", "E6"),
        12 => ("6Z", "E6"),
        14 => ("7I", "E5b"),
        15 => ("7Q", "E5b"),
        16 => ("7X", "E5b"),
        18 => ("8I", "E5"),
        19 => ("8Q", "E5"),
        20 => ("8X", "E5"),
        22 => ("5I", "E5a"),
        23 => ("5Q", "E5a"),
        24 => ("5X", "E5a"),
        _ => return None,
    })
}

fn sbas(place: u32) -> CodeAndBand {
    Some(match place {
        2 => ("1C", "L1"),
        22 => ("5I", "L5"),
        23 => ("5Q", "L5"),
        24 => ("5X", "L5"),
        _ => return None,
    })
}

fn qzss(place: u32) -> CodeAndBand {
    Some(match place {
        2 => ("1C", "L1"),
        9 => ("6S", "L6"),
        10 => ("6L", "L6"),
        11 => ("6X", "L6"),
        15 => ("2S", "L2"),
        16 => ("2L", "L2"),
        17 => ("2X", "L2"),
        22 => ("5I", "L5"),
        23 => ("5Q", "L5"),
        24 => ("5X", "L5"),
        30 => ("1S", "L1"),
        31 => ("1L", "L1"),
        32 => ("1X", "L1"),
        _ => return None,
    })
}

fn beidou(place: u32) -> CodeAndBand {
    Some(match place {
        2 => ("2I", "B1I"),
        3 => ("2Q", "B1I"),
        4 => ("2X", "B1I"),
        8 => ("6I", "B3I"),
        9 => ("6Q", "B3I"),
        10 => ("6X", "B3I"),
        14 => ("7I", "B2I"),
        15 => ("7Q", "B2I"),
        16 => ("7X", "B2I"),
        22 => ("5D", "B2a"),
        23 => ("5P", "B2a"),
        24 => ("5X", "B2a"),
        25 => ("7D", "B2b"),
        30 => ("1D", "B1C"),
        31 => ("1P", "B1C"),
        32 => ("1X", "B1C"),
        _ => return None,
    })
}

fn navic(place: u32) -> CodeAndBand {
    Some(match place {
        8 => ("9A", "S"),
        22 => ("5A", "L5"),
        _ => return None,
    })
}
