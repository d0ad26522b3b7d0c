//! RINEX's columns.

use std::fmt::Write as _;

use super::time::{Civil, GpsTime};

/// A header line: 60 columns of content, and what it is. Longer content is cut.
pub(super) fn header_line(out: &mut String, content: &str, label: &str) {
    // Writing to a String can't fail, here and below.
    let _ = writeln!(out, "{content:<60.60}{label:<20}");
}

/// What an A-format may hold: printable ASCII, cut to a width.
pub(super) fn plain(text: &str, width: usize) -> String {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.trim().chars().map(plain).take(width).collect()
}

/// `PGM / RUN BY / DATE`, which begins every file.
pub(super) fn made_by(out: &mut String, program: &str, at: GpsTime) {
    let Civil { year, month, day, hour, minute, second, .. } = at.utc();
    let date = format!("{year:04}{month:02}{day:02} {hour:02}{minute:02}{second:02} UTC");
    header_line(out, &format!("{:<20.20}{:<20}{date}", plain(program, 20), ""), "PGM / RUN BY / DATE");
}

/// D19.12, `-1.234567890123D-04`: what isn't finite is zero.
pub(super) fn scientific(out: &mut String, value: f64) {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.12E}");
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "{mantissa:>15}D{sign}{:02}", exponent.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_nineteen_columns() {
        for (value, expected) in [
            (0.0, " 0.000000000000D+00"),
            (-1.337_499_260_001e8, "-1.337499260001D+08"),
            (2.176_407_724_62e-4, " 2.176407724620D-04"),
            (9.999e-13, " 9.999000000000D-13"),
            (f64::NAN, " 0.000000000000D+00"),
        ] {
            let mut out = String::new();
            scientific(&mut out, value);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_header_line_is_eighty_columns_whatever_it_holds() {
        for text in ["", "depot", &"x".repeat(100)] {
            let mut out = String::new();
            header_line(&mut out, text, "COMMENT");
            assert_eq!(out.len(), 81);
        }
        assert_eq!(plain(" a\u{e9}\nb\u{7f} ", 9), "a??b?");
    }
}
