//! Where the satellites stand.

use super::super::record::SkyPoint;
use super::WIDTH;
use super::svg::{Anchor, Svg};

/// Satellites drawn; NAV-SAT has at most 255.
const MAX_SATELLITES: usize = 255;
const HEIGHT: f64 = 420.0;
const RADIUS: f64 = 180.0;

/// North is up, the zenith in the middle, the horizon the outer circle. A larger dot is a stronger signal; a ring isn't
/// used.
#[must_use]
pub fn sky(points: &[SkyPoint]) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, "sky plot");
    let centre = (WIDTH / 2.0, HEIGHT / 2.0);
    for elevation in [0.0, 30.0, 60.0] {
        svg.circle("grid none", centre, RADIUS * (90.0 - elevation) / 90.0, "");
    }
    svg.line("grid", (centre.0 - RADIUS, centre.1), (centre.0 + RADIUS, centre.1));
    svg.line("grid", (centre.0, centre.1 - RADIUS), (centre.0, centre.1 + RADIUS));
    for (name, dx, dy) in [("N", 0.0, -1.0), ("E", 1.0, 0.0), ("S", 0.0, 1.0), ("W", -1.0, 0.0)] {
        let away = RADIUS + 14.0;
        svg.text((centre.0 + dx * away, centre.1 + dy * away + 4.0), Anchor::Middle, name);
    }
    for point in points.iter().filter(|point| point.elevation_deg >= 0.0).take(MAX_SATELLITES) {
        let away = RADIUS * (90.0 - point.elevation_deg.min(90.0)) / 90.0;
        let (sin, cos) = point.azimuth_deg.to_radians().sin_cos();
        let at = (centre.0 + away * sin, centre.1 - away * cos);
        let class = format!("sat {}{}", system(&point.name), if point.used { "" } else { " none" });
        let title = format!(
            "{}: {:.0}° high, azimuth {:.0}°, {:.0} dB-Hz{}",
            point.name,
            point.elevation_deg,
            point.azimuth_deg,
            point.cn0_dbhz,
            if point.used { "" } else { ", not used" }
        );
        svg.circle(&class, at, 3.0 + point.cn0_dbhz.clamp(0.0, 60.0) / 10.0, &title);
        svg.text((at.0 + 9.0, at.1 + 4.0), Anchor::Start, &point.name);
    }
    svg.end()
}

/// The class of a satellite's system, by RINEX's letter.
fn system(name: &str) -> &'static str {
    match name.as_bytes().first() {
        Some(b'G') => "gps",
        Some(b'R') => "glonass",
        Some(b'E') => "galileo",
        Some(b'C') => "beidou",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_satellite_stands_where_it_is() {
        let point = |name: &str, elevation_deg, azimuth_deg, used| SkyPoint {
            name: name.into(),
            elevation_deg,
            azimuth_deg,
            cn0_dbhz: 40.0,
            used,
        };
        let svg = sky(&[
            point("G05", 90.0, 0.0, true),
            point("R<7>", 0.0, 90.0, false),
            point("below", -5.0, 0.0, true),
        ]);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let dots: Vec<_> = document
            .descendants()
            .filter(|node| node.attribute("class").is_some_and(|class| class.starts_with("sat")))
            .map(|node| ["class", "cx", "cy"].map(|name| node.attribute(name).unwrap()))
            .collect();
        assert_eq!(dots, [["sat gps", "320", "210"], ["sat glonass none", "500", "210"]]);
        assert!(svg.contains("R&lt;7&gt;"));
    }
}
