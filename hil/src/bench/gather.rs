//! What an observation gives to the pictures. Pure.

use fixtures::geodesy::Geodetic;

use super::map::KnownPoint;
use super::observation::{Observation, enu_m, mean_place};
use super::record::{MAX_POINTS, Series, SkyPoint};
use super::stats::thinned;

/// Takes sky, C/N0, positions and RTCM times from an observation.
pub fn gather(observation: &Observation, known: Option<KnownPoint>, series: &mut Series) {
    series.sky = sky(observation);
    series.cn0_dbhz = observation
        .cn0()
        .iter()
        .map(|(band, values)| ((*band).to_owned(), thinned(values, MAX_POINTS)))
        .collect();
    let (from, name) = match known {
        Some(point) => (Some(place(point)), "the known point"),
        None => (mean_place(observation.places()), "their mean"),
    };
    if let Some(from) = from {
        let places: Vec<_> = enu_m(observation.places(), from).iter().map(|[e, n, _]| [*e, *n]).collect();
        series.positions_m = thinned(&places, MAX_POINTS);
        name.clone_into(&mut series.positions_from);
    }
    series.rtcm_s = observation
        .rtcm_times()
        .iter()
        .map(|(number, times)| (*number, thinned(times, MAX_POINTS)))
        .collect();
}

/// A known point as a place.
#[must_use]
pub fn place(point: KnownPoint) -> Geodetic {
    let KnownPoint { latitude_deg, longitude_deg, height_m } = point;
    Geodetic { latitude_deg, longitude_deg, height_m }
}

fn sky(observation: &Observation) -> Vec<SkyPoint> {
    let satellites = observation.sky().into_iter().flat_map(|sky| &sky.satellites);
    satellites
        .filter_map(|satellite| {
            Some(SkyPoint {
                name: satellite.id?.to_string(),
                elevation_deg: f64::from(satellite.elevation_deg?),
                azimuth_deg: f64::from(satellite.azimuth_deg?),
                cn0_dbhz: f64::from(satellite.cn0_dbhz),
                used: satellite.used,
            })
        })
        .collect()
}
