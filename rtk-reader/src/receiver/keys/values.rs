//! Names of the values of enumerations (E1), as the interface description's "Configuration reference" lists them.

use super::KeyId;

type Names = &'static [(u64, &'static str)];

const ENUMERATIONS: &[(u32, Names)] = &[
    (0x2003_0001, &[(0, "disabled"), (1, "survey-in"), (2, "fixed")]),
    (0x2003_0002, &[(0, "ECEF"), (1, "LLH")]),
    (0x2021_0003, &[(0, "UTC"), (1, "GPS"), (2, "GLONASS"), (3, "BeiDou"), (4, "Galileo")]),
    (0x2011_0011, &[(1, "2D only"), (2, "3D only"), (3, "auto 2D/3D")]),
    (
        0x2011_0021,
        &[
            (0, "portable"),
            (2, "stationary"),
            (3, "pedestrian"),
            (4, "automotive"),
            (5, "sea"),
            (6, "airborne <1 g"),
            (7, "airborne <2 g"),
            (8, "airborne <4 g"),
            (9, "wrist"),
            (10, "bike"),
            (11, "lawn mower"),
            (12, "e-scooter"),
        ],
    ),
    (0x2014_0011, &[(2, "RTK float"), (3, "RTK fixed")]),
    (0x2009_0009, &[(0, "disabled"), (1, "relaxed"), (2, "strict")]),
    (0x2052_0002, STOP_BITS),
    (0x2053_0002, STOP_BITS),
    (0x2052_0003, DATA_BITS),
    (0x2053_0003, DATA_BITS),
    (0x2052_0004, PARITY),
    (0x2053_0004, PARITY),
    (
        0x2093_0001,
        &[(21, "NMEA 2.1"), (23, "NMEA 2.3"), (40, "NMEA 4.0"), (41, "NMEA 4.10"), (42, "NMEA 4.11")],
    ),
    (0x2041_0010, &[(0, "unknown"), (1, "passive"), (2, "active")]),
];

const STOP_BITS: Names = &[(0, "0.5"), (1, "1"), (2, "1.5"), (3, "2")];
const DATA_BITS: Names = &[(0, "8"), (1, "7")];
const PARITY: Names = &[(0, "none"), (1, "odd"), (2, "even")];

/// The name of an enumeration's value.
#[must_use]
pub fn value_name(key: KeyId, raw: u64) -> Option<&'static str> {
    let (_, names) = ENUMERATIONS.iter().find(|(id, _)| *id == key.0)?;
    names.iter().find(|(value, _)| *value == raw).map(|(_, name)| *name)
}
