//! 1230: GLONASS code-phase biases.

use serde::Serialize;

use super::{Error, bits::Bits};

/// Outside the range of DF423 to DF426, ±655.34 m, and so no bias: the value by which RTCM's signed fields say
/// "not available".
const NOT_AVAILABLE: i64 = -0x8000;

/// 1230: how far the station's GLONASS code is from its phase; a rover with another receiver needs it.
///
/// RTCM 10403.3, message type 1230.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GlonassBiases {
    /// DF003
    pub station_id: u16,
    /// DF421: the biases are applied.
    pub aligned: bool,
    /// Metres: L1 C/A, L1 P, L2 C/A, L2 P; none where masked out (DF422) or said to be unknown.
    pub biases_m: [Option<f64>; 4],
}

pub(super) fn decode(mut bits: Bits<'_>) -> Result<GlonassBiases, Error> {
    let station_id = bits.u16(12);
    let aligned = bits.flag();
    bits.skip(3);
    let mask = [bits.flag(), bits.flag(), bits.flag(), bits.flag()];
    let biases_m = mask.map(|present| {
        let raw = present.then(|| bits.signed(16)).filter(|&raw| raw != NOT_AVAILABLE);
        raw.map(|raw| raw as f64 / 50.0)
    });
    bits.end()?;
    Ok(GlonassBiases { station_id, aligned, biases_m })
}
