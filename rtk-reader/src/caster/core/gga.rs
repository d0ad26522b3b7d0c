//! Where a client says it is: GGA sentences among whatever it sends.

use crate::Timestamp;
use crate::decode::nmea::{self, Body, Gga};
use crate::frame::checksum::nmea_checksum;

/// The longest sentence that is read; a longer one is passed over. (NMEA 0183 has 82, receivers up to 100.)
pub const GGA_LINE_BYTES: usize = 128;

/// What a client last said of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoverPosition {
    /// Degrees, north positive; none without a fix.
    pub latitude_deg: Option<f64>,
    /// Degrees, east positive; none without a fix.
    pub longitude_deg: Option<f64>,
    /// GGA field 6: 0 none, 4 fixed, 5 float.
    pub quality: u8,
    /// Of the corrections it uses, seconds.
    pub correction_age_s: Option<f64>,
    /// When the sentence came.
    pub at: Timestamp,
}

impl RoverPosition {
    fn new(gga: &Gga, at: Timestamp) -> Self {
        Self {
            latitude_deg: gga.latitude_deg,
            longitude_deg: gga.longitude_deg,
            quality: gga.quality,
            correction_age_s: gga.correction_age_s,
            at,
        }
    }
}

/// Picks sentences out of a client's bytes. Small: there is one for each client.
#[derive(Debug, Default)]
pub struct GgaReader {
    /// From `$` on; at most [`GGA_LINE_BYTES`].
    line: Vec<u8>,
}

impl GgaReader {
    /// The newest position these bytes complete, if they do.
    pub fn push(&mut self, now: Timestamp, bytes: &[u8]) -> Option<RoverPosition> {
        let mut newest = None;
        for &byte in bytes {
            match byte {
                b'$' => {
                    self.line.clear();
                    self.line.push(byte);
                }
                b'\r' | b'\n' => {
                    if let Some(gga) = sentence(&self.line) {
                        newest = Some(RoverPosition::new(&gga, now));
                    }
                    // Given back: most clients never send another.
                    self.line = Vec::new();
                }
                _ if self.line.is_empty() => {}
                _ if self.line.len() < GGA_LINE_BYTES => self.line.push(byte),
                _ => self.line = Vec::new(),
            }
        }
        newest
    }
}

/// A GGA whose checksum is right.
fn sentence(line: &[u8]) -> Option<Gga> {
    let star = line.iter().rposition(|&byte| byte == b'*')?;
    let payload = line.get(1..star)?;
    let sum = std::str::from_utf8(line.get(star.saturating_add(1)..)?).ok()?;
    if sum.len() != 2 || u8::from_str_radix(sum, 16).ok()? != nmea_checksum(payload) {
        return None;
    }
    match nmea::decode(payload).body {
        Body::Gga(gga) => Some(gga),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::encode;

    const AT: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn gga(quality: u8) -> Vec<u8> {
        let body =
            format!("GNGGA,231408.00,4503.94632,N,00739.54368,E,{quality},12,0.82,257.4,M,47.2,M,1.4,0041");
        encode::nmea(&body).expect("a sentence")
    }

    #[test]
    fn the_newest_counts() {
        let mut reader = GgaReader::default();
        let bytes = [b"GET ".to_vec(), gga(5), b"$GPRMC,*00\r\n\xD3\x00".to_vec(), gga(4)].concat();
        let found = reader.push(AT, &bytes).expect("a position");
        assert_eq!((found.quality, found.correction_age_s, found.at), (4, Some(1.4), AT));
        assert!((found.latitude_deg.expect("a fix") - 45.065_772).abs() < 1e-5);
        assert_eq!(reader.push(AT, b"\r\n"), None);
    }

    #[test]
    fn a_wrong_checksum_tells_nothing() {
        let mut bytes = gga(4);
        bytes[20] ^= 1;
        assert_eq!(GgaReader::default().push(AT, &bytes), None);
    }

    #[test]
    fn what_has_no_end_takes_no_room() {
        let mut reader = GgaReader::default();
        assert_eq!(reader.push(AT, &[b'$'].repeat(9000)), None);
        assert_eq!(reader.push(AT, &[&b"$"[..], &[b'x'; 9000]].concat()), None);
        assert!(reader.line.capacity() <= 2 * GGA_LINE_BYTES);
        assert!(reader.push(AT, &gga(1)).is_some());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_borne(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 0usize..600) {
            let mut reader = GgaReader::default();
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            reader.push(AT, first);
            reader.push(AT, second);
            reader.push(AT, b"\n");
            prop_assert!(reader.push(AT, &gga(1)).is_some());
        }
    }
}
