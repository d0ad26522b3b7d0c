//! Where a base is, as people write it.

/// WGS 84 equatorial radius, metres (NGA.STND.0036, table 3.1).
const EQUATORIAL_RADIUS_M: f64 = 6_378_137.0;
/// WGS 84 flattening (same table).
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Heights that are on Earth, metres.
const HEIGHTS_M: std::ops::RangeInclusive<f64> = -1_000.0..=10_000.0;

/// Why a text is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no place: write LATITUDE,LONGITUDE,HEIGHT in degrees and metres over the ellipsoid, as 47.285233,8.565265,502.1"
)]
pub struct PlaceError {
    /// As given.
    found: String,
}

/// Latitude and longitude in degrees, height over the WGS 84 ellipsoid in metres, to ECEF in metres.
///
/// # Errors
/// Not three numbers of a place on Earth.
pub fn parse_ecef(text: &str) -> Result<[f64; 3], PlaceError> {
    let error = || PlaceError { found: text.to_owned() };
    let numbers: Vec<f64> =
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| error())?;
    match numbers.as_slice() {
        &[latitude, longitude, height]
            if (-90.0..=90.0).contains(&latitude)
                && (-180.0..=360.0).contains(&longitude)
                && HEIGHTS_M.contains(&height) =>
        {
            Ok(ecef_m(latitude, longitude, height))
        }
        _ => Err(error()),
    }
}

fn ecef_m(latitude_deg: f64, longitude_deg: f64, height_m: f64) -> [f64; 3] {
    let (sin_lat, cos_lat) = latitude_deg.to_radians().sin_cos();
    let (sin_lon, cos_lon) = longitude_deg.to_radians().sin_cos();
    let eccentricity2 = FLATTENING * (2.0 - FLATTENING);
    let radius_m = EQUATORIAL_RADIUS_M / (1.0 - eccentricity2 * sin_lat * sin_lat).sqrt();
    let from_axis_m = (radius_m + height_m) * cos_lat;
    [from_axis_m * cos_lon, from_axis_m * sin_lon, (radius_m * (1.0 - eccentricity2) + height_m) * sin_lat]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::rtcm::geodetic;

    #[test]
    fn there_and_back() {
        for (text, place) in
            [("-45.877567, 170.500111,3.25", (-45.877_567, 170.500_111, 3.25)), ("0,0,0", (0.0, 0.0, 0.0))]
        {
            let found = geodetic(parse_ecef(text).expect("a place"));
            assert!((found.latitude_deg - place.0).abs() < 1e-10, "{found:?}");
            assert!((found.longitude_deg - place.1).abs() < 1e-10, "{found:?}");
            assert!((found.height_m - place.2).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn no_places() {
        for bad in [
            "",
            "1,2",
            "1,2,3,4",
            "91,0,0",
            "0,361,0",
            "0,0,50000",
            "a,b,c",
            "NaN,0,0",
            "4278000,635600,4672300",
        ] {
            assert!(parse_ecef(bad).is_err(), "{bad}");
        }
    }
}
