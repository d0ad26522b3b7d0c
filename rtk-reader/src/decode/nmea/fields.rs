//! The comma-separated fields of a sentence, read from left to right.
//!
//! An empty field is no value; a field behind the last one counts as empty (receivers of older versions of
//! the standard leave the newer fields out), so each sentence says how many it needs.

use std::str::FromStr;

use super::{Date, Reason, TimeOfDay};

/// A cursor over the fields.
pub(super) struct Fields<'a> {
    rest: Option<&'a str>,
    index: u8,
}

/// What could be one field: its text and its place, for the reason if it is wrong.
#[derive(Clone, Copy)]
struct Field<'a> {
    text: &'a str,
    index: u8,
}

impl<'a> Fields<'a> {
    /// Over what follows the address and its comma, if there are at least so many fields.
    pub(super) fn new(data: &'a str, at_least: usize) -> Result<Self, Reason> {
        let found = data.bytes().filter(|&b| b == b',').count() + 1;
        if found < at_least {
            return Err(Reason::TooFewFields { expected: at_least, found });
        }
        Ok(Self { rest: Some(data), index: 0 })
    }

    fn next(&mut self) -> Field<'a> {
        self.index = self.index.saturating_add(1);
        let text = match self.rest.take() {
            None => "",
            // Fields are a few bytes: this is half the time of `split_once`.
            Some(rest) => match rest.bytes().position(|b| b == b',') {
                Some(comma) => {
                    self.rest = rest.get(comma + 1..);
                    rest.get(..comma).unwrap_or_default()
                }
                None => rest,
            },
        };
        Field { text, index: self.index }
    }

    /// Leaves a field unread.
    pub(super) fn skip(&mut self) {
        self.next();
    }

    /// A field as it is.
    pub(super) fn text(&mut self) -> &'a str {
        self.next().text
    }

    /// All that is left, commas included.
    pub(super) fn remainder(&mut self) -> &'a str {
        self.rest.take().unwrap_or_default()
    }

    /// How many fields are left.
    pub(super) fn left(&self) -> usize {
        self.rest.map_or(0, |rest| rest.bytes().filter(|&b| b == b',').count() + 1)
    }

    /// A single letter.
    pub(super) fn letter(&mut self) -> Result<Option<char>, Reason> {
        let field = self.next();
        match field.text.as_bytes() {
            [] => Ok(None),
            [letter] => Ok(Some(char::from(*letter))),
            _ => Err(field.is_not("one letter")),
        }
    }

    /// A status: `A` valid (some old receivers send `D`, differential), `V` or nothing not.
    pub(super) fn validity(&mut self) -> Result<bool, Reason> {
        let field = self.next();
        match field.text {
            "A" | "D" => Ok(true),
            "V" | "" => Ok(false),
            _ => Err(field.is_not("A or V")),
        }
    }

    /// A decimal number: sign, digits, point; no exponent, no infinity.
    pub(super) fn number(&mut self) -> Result<Option<f64>, Reason> {
        self.next().parse(decimal, "a decimal number")
    }

    /// A decimal number and, in the next field, the letter of its unit, which nobody varies.
    pub(super) fn number_with_unit(&mut self) -> Result<Option<f64>, Reason> {
        let number = self.number();
        self.skip();
        number
    }

    /// The quality of a GGA, one digit; empty is 0.
    pub(super) fn quality(&mut self) -> Result<u8, Reason> {
        let quality = self.next().parse(|text| integer(text).filter(|q| *q <= 9), "a quality from 0 to 9")?;
        Ok(quality.unwrap_or(0))
    }

    /// A number of satellites; none if it is more than any receiver uses.
    pub(super) fn satellites(&mut self) -> Result<Option<u8>, Reason> {
        let field = self.next();
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then_some(());
        field.parse(digits, "a whole number")?;
        Ok(integer(field.text))
    }

    /// The reference station of the corrections; none if it can't be read: some write its name, and the fix is
    /// worth more than it.
    pub(super) fn station(&mut self) -> Option<u16> {
        integer(self.next().text)
    }

    /// A whole number without sign that `T` can hold.
    pub(super) fn integer<T: FromStr>(&mut self) -> Result<Option<T>, Reason> {
        self.next().parse(integer, "a whole number in range")
    }

    /// A whole number that must be there.
    pub(super) fn required_integer<T: FromStr>(&mut self) -> Result<T, Reason> {
        let field = self.next();
        integer(field.text).ok_or_else(|| field.is_not("a whole number in range"))
    }

    /// A hexadecimal digit: signal and system ids (NMEA 4.11).
    pub(super) fn hex_digit(&mut self) -> Result<Option<u8>, Reason> {
        self.next().parse(
            |text| match text.as_bytes() {
                [digit] => char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()),
                _ => None,
            },
            "one hexadecimal digit",
        )
    }

    /// `hhmmss.ss`
    pub(super) fn time(&mut self) -> Result<Option<TimeOfDay>, Reason> {
        self.next().parse(time, "a time hhmmss.ss")
    }

    /// `ddmmyy`; from 80 on the last century's (GPS began in 1980).
    pub(super) fn date(&mut self) -> Result<Option<Date>, Reason> {
        self.next().parse(date, "a date ddmmyy")
    }

    /// `ddmm.mm,N`: degrees, north positive.
    pub(super) fn latitude(&mut self) -> Result<Option<f64>, Reason> {
        self.angle(90.0, "N", "S", "a latitude ddmm.mm up to 90 degrees", "N or S")
    }

    /// `dddmm.mm,E`: degrees, east positive.
    pub(super) fn longitude(&mut self) -> Result<Option<f64>, Reason> {
        self.angle(180.0, "E", "W", "a longitude dddmm.mm up to 180 degrees", "E or W")
    }

    fn angle(
        &mut self,
        limit: f64,
        plus: &str,
        minus: &str,
        expected: &'static str,
        expected_side: &'static str,
    ) -> Result<Option<f64>, Reason> {
        let degrees = self.next().parse(|text| angle(text).filter(|degrees| *degrees <= limit), expected)?;
        let side = self.next();
        match degrees {
            None => Ok(None),
            Some(degrees) if side.text == plus => Ok(Some(degrees)),
            Some(degrees) if side.text == minus => Ok(Some(-degrees)),
            Some(_) => Err(side.is_not(expected_side)),
        }
    }
}

impl Field<'_> {
    fn parse<T>(
        self,
        read: impl FnOnce(&str) -> Option<T>,
        expected: &'static str,
    ) -> Result<Option<T>, Reason> {
        if self.text.is_empty() {
            return Ok(None);
        }
        read(self.text).map(Some).ok_or_else(|| self.is_not(expected))
    }

    fn is_not(self, expected: &'static str) -> Reason {
        Reason::Field { index: self.index, expected, found: self.text.into() }
    }
}

fn integer<T: FromStr>(text: &str) -> Option<T> {
    // `FromStr` would take a plus sign.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Powers of ten that an `f64` holds exactly and a `u64` mantissa can need.
const POWERS_OF_TEN: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Up to 15 digits: the mantissa and the power of ten are exact, so their quotient is the nearest `f64`, as
/// `str::parse` would give, in a fraction of its time.
fn decimal(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut mantissa = 0_u64;
    let mut count = 0_usize;
    let mut decimals = None;
    for b in digits.bytes() {
        match b {
            b'0'..=b'9' => {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(b - b'0'));
                count += 1;
                decimals = decimals.map(|decimals: usize| decimals + 1);
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return None,
        }
    }
    let magnitude = match count {
        0 => return None,
        1..=15 => {
            #[expect(clippy::cast_precision_loss, reason = "15 digits fit the 53 bits")]
            let whole = mantissa as i64 as f64;
            match decimals {
                None | Some(0) => whole,
                Some(decimals) => whole / POWERS_OF_TEN.get(decimals).copied()?,
            }
        }
        _ => digits.parse().ok().filter(|number: &f64| number.is_finite())?,
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// `dddmm.mm` to degrees.
fn angle(text: &str) -> Option<f64> {
    let point = text.bytes().position(|b| b == b'.').unwrap_or(text.len());
    let (degrees, minutes) = text.split_at_checked(point.checked_sub(2)?)?;
    let degrees: u8 = integer(degrees)?;
    let minutes = unsigned(minutes).filter(|minutes| *minutes < 60.0)?;
    Some(f64::from(degrees) + minutes / 60.0)
}

fn time(text: &str) -> Option<TimeOfDay> {
    let (hour, rest) = text.split_at_checked(2)?;
    let (minute, second) = rest.split_at_checked(2)?;
    // Two digits before the point; 60 is a leap second.
    let whole = second.split_once('.').map_or(second, |(whole, _)| whole);
    let time = TimeOfDay { hour: integer(hour)?, minute: integer(minute)?, second: unsigned(second)? };
    (whole.len() == 2 && time.hour < 24 && time.minute < 60 && time.second < 61.0).then_some(time)
}

fn date(text: &str) -> Option<Date> {
    let (day, rest) = text.split_at_checked(2)?;
    let (month, year) = rest.split_at_checked(2)?;
    let year = integer::<u16>(year).filter(|_| year.len() == 2)?;
    let century = if year >= 80 { 1900 } else { 2000 };
    let date = Date { year: century + year, month: integer(month)?, day: integer(day)? };
    date.is_possible().then_some(date)
}

fn unsigned(text: &str) -> Option<f64> {
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| decimal(text))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals() {
        assert_eq!(decimal("-30.40"), Some(-30.4));
        assert_eq!(decimal("+7"), Some(7.0));
        assert_eq!(decimal(".5"), Some(0.5));
        assert_eq!(decimal("12345678901234567890.5"), Some(12_345_678_901_234_567_890.5));
        for wrong in ["", ".", "-", "1.2.3", "1e5", "nan", "inf", "--1", "1-"] {
            assert_eq!(decimal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn angles_and_times_and_dates() {
        assert_eq!(angle("4552.65403"), Some(45.0 + 52.65403 / 60.0));
        for wrong in ["", "2", "4560.0", "-4404.1", "44.1", "4-1.0", "99999.0"] {
            assert_eq!(angle(wrong), None, "{wrong}");
        }
        assert_eq!(time("235960.5"), Some(TimeOfDay { hour: 23, minute: 59, second: 60.5 }));
        for wrong in ["", "2359", "240000", "236000", "235961", "2359.00", "2359+1.0", "0039561.0"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        assert_eq!(date("231221"), Some(Date { year: 2021, month: 12, day: 23 }));
        assert_eq!(date("191194"), Some(Date { year: 1994, month: 11, day: 19 }));
        for wrong in ["", "2312", "231321", "321221", "2312210", "23122x"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn decimal_is_the_nearest_f64(text in "-?[0-9]{1,18}(\\.[0-9]{0,18})?") {
            prop_assert_eq!(decimal(&text), text.parse().ok());
        }
    }
}
