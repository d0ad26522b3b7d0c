//! Frames around payloads, with the right length and checksum: what the framer takes apart.

use super::checksum::{crc24q, nmea_checksum, ubx_checksum};

/// The longest UBX payload: its length has 16 bits.
pub const UBX_PAYLOAD_BYTES: usize = 65_535;
/// The longest RTCM 3 payload: its length has 10 bits.
pub const RTCM_PAYLOAD_BYTES: usize = 1023;

/// A UBX frame; none if the payload is over [`UBX_PAYLOAD_BYTES`].
#[must_use]
pub fn ubx(class: u8, id: u8, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(payload.len()).ok()?.to_le_bytes();
    let mut frame = vec![0xB5, 0x62, class, id];
    frame.extend(length);
    frame.extend(payload);
    let sums = ubx_checksum(frame.get(2..)?);
    frame.extend(sums);
    Some(frame)
}

/// An RTCM 3 frame; none if the payload is over [`RTCM_PAYLOAD_BYTES`].
#[must_use]
pub fn rtcm(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() > RTCM_PAYLOAD_BYTES {
        return None;
    }
    let [high, low] = u16::try_from(payload.len()).ok()?.to_be_bytes();
    let mut frame = vec![0xD3, high, low];
    frame.extend(payload);
    let [_, crc @ ..] = crc24q(&frame).to_be_bytes();
    frame.extend(crc);
    Some(frame)
}

/// An NMEA sentence from what stands between `$` and `*`; none if that isn't printable ASCII or the line is
/// longer than the framer takes.
#[must_use]
pub fn nmea(body: &str) -> Option<Vec<u8>> {
    let sentence = format!("${body}*{:02X}\r\n", nmea_checksum(body.as_bytes()));
    let printable = body.bytes().all(|b| (0x20..=0x7E).contains(&b));
    (printable && sentence.len() <= super::NMEA_LINE_BYTES).then(|| sentence.into_bytes())
}
