//! Earth-centred coordinates to latitude, longitude and height.

use serde::Serialize;

/// WGS 84 equatorial radius, metres (NGA.STND.0036, table 3.1).
const EQUATORIAL_RADIUS_M: f64 = 6_378_137.0;
/// WGS 84 flattening (same table).
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Steps of the latitude. Near the ground the first is right to 1 nm; the rest serve the orbits of satellites
/// and points deep in the Earth.
const STEPS: usize = 4;

/// A point on or over the WGS 84 ellipsoid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Geodetic {
    /// Degrees, north positive, −90 to 90.
    pub latitude_deg: f64,
    /// Degrees, east positive, −180 to 180; 0 at the poles.
    pub longitude_deg: f64,
    /// Metres above the ellipsoid.
    pub height_m: f64,
}

/// Where an earth-centred, earth-fixed position (x, y, z in metres) is.
///
/// After Bowring (1976), "Transformation from spatial to geographical coordinates", iterated. Right to a
/// micrometre from 5,000 km below the ground to beyond the satellites; within 43 km of the Earth's centre,
/// where a latitude means nothing, it is some latitude, and the centre itself (what a base sends that
/// was given no position) is 0°, 0°, minus the radius.
#[must_use]
pub fn geodetic(ecef_m: [f64; 3]) -> Geodetic {
    let [x, y, z] = ecef_m;
    let polar_radius_m = EQUATORIAL_RADIUS_M * (1.0 - FLATTENING);
    let eccentricity2 = FLATTENING * (2.0 - FLATTENING);
    let second_eccentricity2 = eccentricity2 / (1.0 - eccentricity2);

    let axis_distance_m = x.hypot(y);
    let (mut sin, mut cos) = unit(z, axis_distance_m * (1.0 - FLATTENING));
    for _ in 0..STEPS {
        let (sin_reduced, cos_reduced) = (sin, cos);
        // Beyond the axis there is the other meridian, never a latitude over 90°.
        let rise = z + second_eccentricity2 * polar_radius_m * sin_reduced.powi(3);
        let run = (axis_distance_m - eccentricity2 * EQUATORIAL_RADIUS_M * cos_reduced.powi(3)).max(0.0);
        (sin, cos) = unit(rise * (1.0 - FLATTENING), run);
    }
    // From the reduced latitude back to the geodetic one.
    let (sin, cos) = unit(sin, cos * (1.0 - FLATTENING));
    // Unlike the quotient by the cosine, this holds at the poles.
    let height_m =
        axis_distance_m * cos + z * sin - EQUATORIAL_RADIUS_M * (1.0 - eccentricity2 * sin * sin).sqrt();
    Geodetic { latitude_deg: sin.atan2(cos).to_degrees(), longitude_deg: y.atan2(x).to_degrees(), height_m }
}

/// Sine and cosine of the angle of a rise over a run; 0° where there is neither.
fn unit(rise: f64, run: f64) -> (f64, f64) {
    let length = rise.hypot(run);
    if length > 0.0 { (rise / length, run / length) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_near(ecef_m: [f64; 3], latitude_deg: f64, longitude_deg: f64, height_m: f64) {
        let found = geodetic(ecef_m);
        // 1e-11° is a micrometre on the ground.
        assert!((found.latitude_deg - latitude_deg).abs() < 1e-11, "{found:?}");
        assert!((found.longitude_deg - longitude_deg).abs() < 1e-11, "{found:?}");
        assert!((found.height_m - height_m).abs() < 1e-6, "{found:?}");
    }

    /// The textbook formula the other way.
    fn ecef(latitude_deg: f64, longitude_deg: f64, height_m: f64) -> [f64; 3] {
        let (sin_lat, cos_lat) = latitude_deg.to_radians().sin_cos();
        let (sin_lon, cos_lon) = longitude_deg.to_radians().sin_cos();
        let e2 = FLATTENING * (2.0 - FLATTENING);
        let n = EQUATORIAL_RADIUS_M / (1.0 - e2 * sin_lat * sin_lat).sqrt();
        let r = (n + height_m) * cos_lat;
        [r * cos_lon, r * sin_lon, (n * (1.0 - e2) + height_m) * sin_lat]
    }

    #[test]
    fn poles_and_equator() {
        assert_near([0.0, 0.0, 6_356_752.314_245_179], 90.0, 0.0, 0.0);
        assert_near([0.0, 0.0, -6_356_852.314_245_179], -90.0, 0.0, 100.0);
        assert_near([6_378_137.0, 0.0, 0.0], 0.0, 0.0, 0.0);
        assert_near([0.0, 6_378_137.0, 0.0], 0.0, 90.0, 0.0);
        assert_near([0.0, -6_378_037.0, 0.0], 0.0, -90.0, -100.0);
        assert_near([-6_378_137.0, 0.0, 0.0], 0.0, 180.0, 0.0);
    }

    /// The worked example of EPSG Guidance Note 7-2 (method 9602): 53°48'33.820"N 2°07'46.380"E, 73.0 m, given
    /// to the millimetre.
    #[test]
    fn the_worked_example_of_epsg() {
        let found = geodetic([3_771_793.968, 140_253.342, 5_124_304.349]);
        assert!((found.latitude_deg - (53.0 + 48.0 / 60.0 + 33.820 / 3600.0)).abs() < 2e-8, "{found:?}");
        assert!((found.longitude_deg - (2.0 + 7.0 / 60.0 + 46.380 / 3600.0)).abs() < 2e-8, "{found:?}");
        assert!((found.height_m - 73.0).abs() < 2e-3, "{found:?}");
    }

    #[test]
    fn the_centre_is_somewhere() {
        assert_near([0.0; 3], 0.0, 0.0, -EQUATORIAL_RADIUS_M);
    }

    proptest! {
        #[test]
        fn inverts_the_textbook_formula(
            latitude in -90.0f64..=90.0, longitude in -179.9f64..=179.9, height in -5_000_000.0f64..30_000_000.0,
        ) {
            let found = geodetic(ecef(latitude, longitude, height));
            prop_assert!((found.latitude_deg - latitude).abs() < 1e-10, "{:?}", found);
            prop_assert!((found.height_m - height).abs() < 1e-6, "{:?}", found);
            if latitude.abs() < 89.999 {
                prop_assert!((found.longitude_deg - longitude).abs() < 1e-9, "{:?}", found);
            }
        }

        /// Whatever a message can carry (38 bits of 0.1 mm) is a latitude, a longitude and a height.
        #[test]
        fn never_leaves_the_ranges(x in -1.4e7f64..1.4e7, y in -1.4e7f64..1.4e7, z in -1.4e7f64..1.4e7,
                                   scale in prop::sample::select(vec![0.0, 1e-12, 1e-4, 1e-2, 1.0])) {
            let found = geodetic([x * scale, y * scale, z * scale]);
            prop_assert!((-90.0..=90.0).contains(&found.latitude_deg), "{:?}", found);
            prop_assert!((-180.0..=180.0).contains(&found.longitude_deg), "{:?}", found);
            prop_assert!(found.height_m.is_finite(), "{:?}", found);
        }
    }
}
