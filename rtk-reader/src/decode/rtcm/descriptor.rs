//! 1007, 1008 and 1033: which antenna and receiver the station has.

use serde::Serialize;

use super::{Error, bits::Bits};

/// 1007, 1008, 1033.
///
/// RTCM 10403.3, message types 1007, 1008 and 1033. Strings are ISO 8859-1 there. The standard lets them be 31 characters; a
/// longer one, which the length field can say, is read all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    /// DF003
    pub station_id: u16,
    /// DF030: by the IGS list of names.
    pub antenna: String,
    /// DF031: 0 as in the IGS model, others by the service.
    pub antenna_setup_id: u8,
    /// DF033; 1008 and 1033
    pub antenna_serial: Option<String>,
    /// DF228; 1033
    pub receiver: Option<String>,
    /// DF230; 1033
    pub firmware: Option<String>,
    /// DF232; 1033
    pub receiver_serial: Option<String>,
}

pub(super) fn decode(number: u16, mut bits: Bits<'_>) -> Result<Descriptor, Error> {
    let with_antenna_serial = number != 1007;
    let with_receiver = number == 1033;
    let descriptor = Descriptor {
        station_id: bits.u16(12),
        antenna: text(&mut bits),
        antenna_setup_id: bits.u8(8),
        antenna_serial: with_antenna_serial.then(|| text(&mut bits)),
        receiver: with_receiver.then(|| text(&mut bits)),
        firmware: with_receiver.then(|| text(&mut bits)),
        receiver_serial: with_receiver.then(|| text(&mut bits)),
    };
    bits.end()?;
    Ok(descriptor)
}

/// A length in bytes, then the characters; bounded by the length's eight bits.
fn text(bits: &mut Bits<'_>) -> String {
    let length = bits.u8(8);
    (0..length).map(|_| char::from(bits.u8(8))).collect()
}
