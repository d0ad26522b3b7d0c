//! 1005 and 1006: where the station's antenna reference point is.

use serde::Serialize;

use super::{Error, bits::Bits, geodetic};

/// 1005, 1006: the antenna reference point (ARP).
///
/// RTCM 10403.3, message types 1005 and 1006. The standard's own example, station 2003, is a test below.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Station {
    /// DF003
    pub station_id: u16,
    /// DF021: year of the ITRF realisation; reserved, most stations send 0.
    pub itrf_year: u8,
    /// DF022: the station serves GPS.
    pub gps: bool,
    /// DF023: the station serves GLONASS.
    pub glonass: bool,
    /// DF024: the station serves Galileo.
    pub galileo: bool,
    /// DF141: a computed station, none that stands there.
    pub virtual_station: bool,
    /// DF142: all observations of a time are taken at the same instant of one oscillator.
    pub single_oscillator: bool,
    /// DF364: 0 not said, 1 quarter cycles corrected, 2 not corrected.
    pub quarter_cycle: u8,
    /// DF025 to DF027, metres, 0.1 mm resolution.
    pub ecef_m: [f64; 3],
    /// WGS 84, degrees, north positive.
    pub latitude_deg: f64,
    /// WGS 84, degrees, east positive.
    pub longitude_deg: f64,
    /// Metres above the ellipsoid.
    pub height_m: f64,
    /// DF028: of the ARP over the marker, metres; 1006 only.
    pub antenna_height_m: Option<f64>,
}

pub(super) fn decode(mut bits: Bits<'_>, with_height: bool) -> Result<Station, Error> {
    let station_id = bits.u16(12);
    let itrf_year = bits.u8(6);
    let gps = bits.flag();
    let glonass = bits.flag();
    let galileo = bits.flag();
    let virtual_station = bits.flag();
    let x = coordinate_m(&mut bits);
    let single_oscillator = bits.flag();
    bits.skip(1);
    let y = coordinate_m(&mut bits);
    let quarter_cycle = bits.u8(2);
    let z = coordinate_m(&mut bits);
    let antenna_height_m = with_height.then(|| tenth_millimetres_m(bits.unsigned(16).cast_signed()));
    bits.end()?;

    let ecef_m = [x, y, z];
    let position = geodetic(ecef_m);
    Ok(Station {
        station_id,
        itrf_year,
        gps,
        glonass,
        galileo,
        virtual_station,
        single_oscillator,
        quarter_cycle,
        ecef_m,
        latitude_deg: position.latitude_deg,
        longitude_deg: position.longitude_deg,
        height_m: position.height_m,
        antenna_height_m,
    })
}

fn coordinate_m(bits: &mut Bits<'_>) -> f64 {
    tenth_millimetres_m(bits.signed(38))
}

/// A quotient, not a product with 0.0001: it is the double nearest to the decimal that was sent.
fn tenth_millimetres_m(value: i64) -> f64 {
    value as f64 / 10_000.0
}
