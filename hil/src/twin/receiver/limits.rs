//! Which values an item can have (UBX-22008968, "Configuration reference"); what isn't named can have any that its
//! size holds.

use rtk_reader::receiver::{Item, KeyId};

/// What UARTs can do.
pub const BAUD_RATES: [u64; 8] = [9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600];
/// The shortest time between two measurements.
pub const MEASUREMENT_MS: u64 = 25;

/// Whether the receiver takes it.
#[must_use]
pub fn allows(Item { key: KeyId(key), value }: Item) -> bool {
    if key >> 28 == 1 {
        return value <= 1;
    }
    match key {
        // CFG-TMODE: MODE, POS_TYPE; the high-precision parts are −99 to 99 of a hundred.
        0x2003_0001 => value <= 2,
        0x2003_0002 => value <= 1,
        0x2003_0006..=0x2003_0008 | 0x2003_000C..=0x2003_000E => (value as u8 as i8).unsigned_abs() <= 99,
        0x4003_0009 => (value as u32 as i32).unsigned_abs() <= 900_000_000,
        0x4003_000A => (value as u32 as i32).unsigned_abs() <= 1_800_000_000,
        // CFG-RATE: MEAS, NAV, TIMEREF.
        0x3021_0001 => value >= MEASUREMENT_MS,
        0x3021_0002 => (1..=127).contains(&value),
        0x2021_0003 => value <= 4,
        // CFG-UART1-BAUDRATE, CFG-UART2-BAUDRATE.
        0x4052_0001 | 0x4053_0001 => BAUD_RATES.contains(&value),
        // CFG-NAVSPG: FIXMODE, DYNMODEL.
        0x2011_0011 => (1..=3).contains(&value),
        0x2011_0021 => value <= 12 && value != 1,
        // CFG-RTCM: DF003_OUT, DF003_IN.
        0x3009_0001 | 0x3009_0008 => value <= 4_095,
        _ => true,
    }
}
