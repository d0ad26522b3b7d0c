//! A base's position, exactly: no number on its way is a floating one.
//!
//! CFG-TMODE has a position in two parts. Latitude and longitude are whole 1e-7 degrees and a high-precision part of
//! 1e-9 degrees; height and ECEF are whole centimetres and a part of 0.1 mm. The parts are from −99 to 99 and are
//! added, so each has the sign of the whole: −0.000000123 degrees are −1 and −23.

use super::super::{Item, KeyId};

/// Of an antenna's reference point, WGS 84 or whatever frame the rovers are to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Latitude, longitude, height above the ellipsoid.
    Llh {
        /// 1e-9 degrees, north.
        lat_nanodeg: i64,
        /// 1e-9 degrees, east.
        lon_nanodeg: i64,
        /// 0.1 mm.
        height_tenth_mm: i64,
    },
    /// Earth-centred, earth-fixed.
    Ecef {
        /// X, Y, Z in 0.1 mm.
        tenth_mm: [i64; 3],
    },
}

/// Why a text isn't a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// Not three.
    #[error("expected three numbers with commas between, found {0}")]
    NotThree(usize),
    /// Not a decimal number.
    #[error("{0:?} is not a decimal number as 47.123456789")]
    NotANumber(String),
    /// Beyond its range.
    #[error("the {what} must be from {from} to {to} {unit}")]
    Range {
        /// `latitude`, `height`…
        what: &'static str,
        /// Least.
        from: i32,
        /// Most.
        to: i32,
        /// `deg`, `m`.
        unit: &'static str,
    },
    /// Not where people put antennas.
    #[error(
        "X, Y, Z are {0} km from the Earth's centre, and its surface is 6353 to 6388 km from there; check their order and unit (m)"
    )]
    NotOnEarth(i64),
}

/// Heights a base can have, metres.
const HEIGHTS_M: (i32, i32) = (-1000, 10_000);
/// Distances from the Earth's centre a base can have, 0.1 mm: the poles less 4 km, the equator and 10 km.
const RADII_KM: (i64, i64) = (6353, 6388);

impl Position {
    /// `LAT,LON,HEIGHT` in degrees and metres.
    ///
    /// # Errors
    /// [`PositionError`].
    pub fn parse_llh(text: &str) -> Result<Self, PositionError> {
        let [lat, lon, height] = three(text)?;
        let in_range = |value: i64, one: i64, what, (from, to): (i32, i32), unit| {
            let fits = (i64::from(from) * one..=i64::from(to) * one).contains(&value);
            if fits { Ok(value) } else { Err(PositionError::Range { what, from, to, unit }) }
        };
        const NANO: i64 = 1_000_000_000;
        Ok(Self::Llh {
            lat_nanodeg: in_range(decimal(lat, 9)?, NANO, "latitude", (-90, 90), "deg")?,
            lon_nanodeg: in_range(decimal(lon, 9)?, NANO, "longitude", (-180, 180), "deg")?,
            height_tenth_mm: in_range(decimal(height, 4)?, 10_000, "height", HEIGHTS_M, "m")?,
        })
    }

    /// `X,Y,Z` in metres.
    ///
    /// # Errors
    /// [`PositionError`].
    pub fn parse_ecef(text: &str) -> Result<Self, PositionError> {
        let [x, y, z] = three(text)?;
        let tenth_mm = [decimal(x, 4)?, decimal(y, 4)?, decimal(z, 4)?];
        let square: i128 = tenth_mm.iter().map(|&part| i128::from(part) * i128::from(part)).sum();
        let km = i64::try_from(square.isqrt() / 10_000_000).unwrap_or(i64::MAX);
        if (RADII_KM.0..=RADII_KM.1).contains(&km) {
            Ok(Self::Ecef { tenth_mm })
        } else {
            Err(PositionError::NotOnEarth(km))
        }
    }

    /// CFG-TMODE's keys of it, with the one that says which kind it is.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        let (kind, parts) = match *self {
            Self::Ecef { tenth_mm: [x, y, z] } => (
                0,
                [(0x4003_0003, 0x2003_0006, x), (0x4003_0004, 0x2003_0007, y), (0x4003_0005, 0x2003_0008, z)],
            ),
            Self::Llh { lat_nanodeg, lon_nanodeg, height_tenth_mm } => (
                1,
                [
                    (0x4003_0009, 0x2003_000C, lat_nanodeg),
                    (0x4003_000A, 0x2003_000D, lon_nanodeg),
                    (0x4003_000B, 0x2003_000E, height_tenth_mm),
                ],
            ),
        };
        let mut items = vec![Item { key: KeyId(0x2003_0002), value: kind }];
        for (coarse, fine, value) in parts {
            // Both have the sign of the whole: division goes towards zero.
            items.push(Item { key: KeyId(coarse), value: (value / 100).cast_unsigned() & 0xFFFF_FFFF });
            items.push(Item { key: KeyId(fine), value: (value % 100).cast_unsigned() & 0xFF });
        }
        items
    }

    /// The position that a receiver's values are, whichever kind they say.
    #[must_use]
    pub fn of_values(values: &super::super::Values) -> Option<Self> {
        let number = |id: u32| {
            let key = KeyId(id).key()?;
            // Integers of at most 32 bits: exact.
            #[expect(clippy::cast_possible_truncation, reason = "an integer of at most 32 bits")]
            Some(key.number(*values.get(&key.id)?) as i64)
        };
        let whole = |coarse, fine| Some(number(coarse)? * 100 + number(fine)?);
        match number(0x2003_0002)? {
            0 => Some(Self::Ecef {
                tenth_mm: [
                    whole(0x4003_0003, 0x2003_0006)?,
                    whole(0x4003_0004, 0x2003_0007)?,
                    whole(0x4003_0005, 0x2003_0008)?,
                ],
            }),
            1 => Some(Self::Llh {
                lat_nanodeg: whole(0x4003_0009, 0x2003_000C)?,
                lon_nanodeg: whole(0x4003_000A, 0x2003_000D)?,
                height_tenth_mm: whole(0x4003_000B, 0x2003_000E)?,
            }),
            _ => None,
        }
    }
}

/// As it is given: `47.123456789,8.500000000,500.1234`.
impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimal = |value: i64, digits: u32| {
            let one = 10u64.pow(digits);
            let (sign, value) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
            format!("{sign}{}.{:0width$}", value / one, value % one, width = digits as usize)
        };
        match *self {
            Self::Llh { lat_nanodeg, lon_nanodeg, height_tenth_mm } => write!(
                f,
                "{} deg, {} deg, {} m",
                decimal(lat_nanodeg, 9),
                decimal(lon_nanodeg, 9),
                decimal(height_tenth_mm, 4)
            ),
            Self::Ecef { tenth_mm: [x, y, z] } => {
                write!(f, "ECEF {}, {}, {} m", decimal(x, 4), decimal(y, 4), decimal(z, 4))
            }
        }
    }
}

fn three(text: &str) -> Result<[&str; 3], PositionError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    parts.try_into().map_err(|parts: Vec<&str>| PositionError::NotThree(parts.len()))
}

/// A decimal number in units of its so many-th digit, rounded half away from zero.
fn decimal(text: &str, digits: usize) -> Result<i64, PositionError> {
    let not = || PositionError::NotANumber(text.to_owned());
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
    let long = whole.len() > 9 || fraction.len() > 30;
    if (whole.is_empty() && fraction.is_empty()) || long || !all_digits(whole) || !all_digits(fraction) {
        return Err(not());
    }
    let mut value: i64 = 0;
    for digit in whole.bytes().chain(fraction.bytes().chain(std::iter::repeat(b'0')).take(digits)) {
        // At most 9 + 9 digits.
        value = value * 10 + i64::from(digit - b'0');
    }
    value += i64::from(fraction.as_bytes().get(digits).is_some_and(|&digit| digit >= b'5'));
    Ok(if negative { -value } else { value })
}
