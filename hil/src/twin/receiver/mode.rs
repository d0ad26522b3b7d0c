//! CFG-TMODE: what kind of base it is.

use fixtures::geodesy::{Geodetic, norm};
use fixtures::scenario::Mode;
use rtk_reader::receiver::{Item, KeyId};

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

/// The items that make a receiver this; fixed in ECEF, to 0.1 mm.
#[must_use]
pub fn items(mode: Mode) -> Vec<Item> {
    let tenths_mm = |metres: f64| (metres * 1e4).round() as i64;
    let items = match mode {
        Mode::Rover => vec![(0x2003_0001, 0)],
        Mode::SurveyIn { duration_s, accuracy_m } => {
            vec![(0x2003_0001, 1), (0x4003_0010, i64::from(duration_s)), (0x4003_0011, tenths_mm(accuracy_m))]
        }
        Mode::Fixed { ecef_m: [x, y, z], accuracy_m } => {
            let [x, y, z] = [x, y, z].map(tenths_mm);
            vec![
                (0x2003_0001, 2),
                (0x2003_0002, 0),
                (0x4003_0003, x / 100),
                (0x4003_0004, y / 100),
                (0x4003_0005, z / 100),
                (0x2003_0006, x % 100),
                (0x2003_0007, y % 100),
                (0x2003_0008, z % 100),
                (0x4003_000F, tenths_mm(accuracy_m)),
            ]
        }
    };
    let item = |(key, value): (u32, i64)| {
        let key = KeyId(key);
        let mask = u64::MAX >> (64 - 8 * key.value_bytes().unwrap_or(8));
        Item { key, value: value as u64 & mask }
    };
    items.into_iter().map(item).collect()
}
