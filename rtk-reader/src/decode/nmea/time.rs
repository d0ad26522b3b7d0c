//! Time of day and date, as sentences carry them: apart.

use serde::Serialize;

/// Time of day, UTC.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct TimeOfDay {
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 60.999
    pub second: f64,
}

/// Calendar date, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Date {
    /// Four digits.
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
}

impl Date {
    /// Month and day exist in some year.
    pub(super) fn is_possible(self) -> bool {
        (1..=12).contains(&self.month) && (1..=31).contains(&self.day)
    }
}
