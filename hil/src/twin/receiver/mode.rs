//! CFG-TMODE: what kind of base it is.

use fixtures::geodesy::{Geodetic, norm};
use fixtures::scenario::Mode;
use rtk_reader::receiver::KeyId;

use super::config::Config;

/// A fixed position nearer to the centre of the Earth than this is none: a receiver has no fix with it.
const LEAST_RADIUS_M: f64 = 6_300_000.0;

/// As it is configured.
#[must_use]
pub fn of(config: &Config) -> Mode {
    let get = |key| config.get(KeyId(key));
    match get(0x2003_0001) {
        1 => Mode::SurveyIn {
            duration_s: get(0x4003_0010) as u32,
            accuracy_m: get(0x4003_0011) as f64 * 0.0001,
        },
        2 => fixed(config).unwrap_or(Mode::Rover),
        _ => Mode::Rover,
    }
}

/// The position with its high-precision parts, ECEF (type 0) or latitude, longitude and height.
fn fixed(config: &Config) -> Option<Mode> {
    let whole = |key| i64::from(config.get(KeyId(key)) as u32 as i32);
    let rest = |key| i64::from(config.get(KeyId(key)) as u8 as i8);
    let value = |key, rest_key| (whole(key) * 100 + rest(rest_key)) as f64;
    let ecef_m = if config.get(KeyId(0x2003_0002)) == 0 {
        [
            value(0x4003_0003, 0x2003_0006) * 1e-4,
            value(0x4003_0004, 0x2003_0007) * 1e-4,
            value(0x4003_0005, 0x2003_0008) * 1e-4,
        ]
    } else {
        Geodetic {
            latitude_deg: value(0x4003_0009, 0x2003_000C) * 1e-9,
            longitude_deg: value(0x4003_000A, 0x2003_000D) * 1e-9,
            height_m: value(0x4003_000B, 0x2003_000E) * 1e-4,
        }
        .to_ecef()
    };
    let accuracy_m = config.get(KeyId(0x4003_000F)) as f64 * 1e-4;
    (norm(ecef_m) > LEAST_RADIUS_M).then_some(Mode::Fixed { ecef_m, accuracy_m })
}
