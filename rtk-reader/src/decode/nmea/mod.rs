//! NMEA 0183 (to 4.11) sentences, one to a file.
//!
//! The fields are read by our own small reader. The `nmea` crate (0.8) reads ZDA's date and zone, and the
//! tests hold our reading against its `parse_str` on every sentence of the captures it reads. In the others
//! it loses what a base station's status needs:
//!
//! | sentence | what `nmea` 0.8 makes of it |
//! |---|---|
//! | GGA | altitude and HDOP as `f32`; drops age and station of the corrections; an empty quality is an error |
//! | RMC | speed as `f32`; drops the navigational status `C`, `U` |
//! | GSA | drops system ids 5 and 6; satellites not mapped to systems |
//! | GSV | no signal id; one wrong field, and all satellites are lost in silence |
//! | GNS, GBS | refuses what u-blox receivers send |
//! | VTG | loses the speed in km/h and the mode |
//! | GLL | refuses the form without a mode (before 2.3); takes `45inf` for a latitude |
//! | GST | `f32`; takes `nan` and `inf` for numbers |
//! | TXT | refuses more than 64 characters |
//! | all | refuse second 60 and more than 102 bytes |

mod ascii;
mod fields;
mod gbs;
mod gga;
mod gll;
mod gns;
mod gsa;
mod gst;
mod gsv;
mod numbering;
mod reason;
mod rmc;
mod time;
mod txt;
mod vtg;
mod zda;

use serde::Serialize;

use fields::Fields;

pub use ascii::Ascii;
pub use gbs::Gbs;
pub use gga::Gga;
pub use gll::Gll;
pub use gns::Gns;
pub use gsa::Gsa;
pub use gst::Gst;
pub use gsv::{Gsv, GsvSatellite};
pub use reason::Reason;
pub use rmc::Rmc;
pub use time::{Date, TimeOfDay};
pub use txt::Txt;
pub use vtg::Vtg;
pub use zda::Zda;

/// A decoded sentence with its talker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sentence {
    /// `GN`, `GP`…; empty for a proprietary sentence.
    pub talker: Ascii<2>,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What a sentence says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "each is its sentence; the fields are documented there")]
pub enum Body {
    Gga(Gga),
    Rmc(Rmc),
    Gsa(Gsa),
    Gsv(Gsv),
    Gns(Gns),
    Gst(Gst),
    Vtg(Vtg),
    Gll(Gll),
    Zda(Zda),
    Gbs(Gbs),
    Txt(Txt),
    /// A sentence we don't decode.
    #[serde(rename = "unknown")]
    Unknown {
        address: Ascii<8>,
    },
    /// A sentence we do, whose fields contradict its format.
    #[serde(rename = "malformed")]
    Malformed {
        address: Ascii<8>,
        reason: Reason,
    },
}

/// Decodes what stands between `$` and `*`.
#[must_use]
pub fn decode(payload: &[u8]) -> Sentence {
    let text = match std::str::from_utf8(payload) {
        Ok(text) if text.is_ascii() => text,
        _ => return not_ascii(payload),
    };
    let (address, data) = text.split_once(',').unwrap_or((text, ""));
    // Addresses of two characters for the talker and three for the sentence; P begins the proprietary ones.
    let (talker, code) = match address.split_at_checked(2) {
        Some((talker, code)) if code.len() == 3 && !talker.starts_with('P') => (talker, code),
        // Quectel's talker for QZSS. What else begins so is its commands, `PQTXT` among them.
        Some(("PQ", code @ ("GSV" | "GSA"))) => ("PQ", code),
        _ => ("", ""),
    };
    let body = match code {
        "GGA" => Gga::read(data).map(Body::Gga),
        "RMC" => Rmc::read(data).map(Body::Rmc),
        "GSA" => Gsa::read(talker, data).map(Body::Gsa),
        "GSV" => Gsv::read(talker, data).map(Body::Gsv),
        "GNS" => Gns::read(data).map(Body::Gns),
        "GST" => Gst::read(data).map(Body::Gst),
        "VTG" => Vtg::read(data).map(Body::Vtg),
        "GLL" => Gll::read(data).map(Body::Gll),
        "ZDA" => Zda::read(data).map(Body::Zda),
        "GBS" => Gbs::read(data).map(Body::Gbs),
        "TXT" => Txt::read(data).map(Body::Txt),
        _ => Ok(Body::Unknown { address: address.into() }),
    };
    let body = body.unwrap_or_else(|reason| Body::Malformed { address: address.into(), reason });
    Sentence { talker: talker.into(), body }
}

fn not_ascii(payload: &[u8]) -> Sentence {
    let found = payload.iter().copied().find(|b| !b.is_ascii()).unwrap_or_default();
    let address: String =
        payload.iter().take(8).take_while(|&&b| b != b',').map(|&b| char::from(b)).collect();
    let body = Body::Malformed { address: address.as_str().into(), reason: Reason::NotAscii { found } };
    Sentence { talker: Ascii::default(), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn body(sentence: &str) -> Body {
        decode(sentence.as_bytes()).body
    }

    pub(super) fn reason(sentence: &str) -> String {
        match body(sentence) {
            Body::Malformed { reason, .. } => reason.to_string(),
            other => panic!("not malformed: {other:?}"),
        }
    }

    #[test]
    fn talkers_and_addresses() {
        assert_eq!(decode(b"GNGGA,,,,,,0,00,99.99,,,,,,").talker, "GN");
        let proprietary = decode(b"PUBX,00,081350.00");
        assert_eq!(proprietary.talker, "");
        assert_eq!(proprietary.body, Body::Unknown { address: "PUBX".into() });
        let command = decode(b"PQTXT,W,0,1");
        assert_eq!((command.talker, command.body), ("".into(), Body::Unknown { address: "PQTXT".into() }));
        let quectel = decode(b"PQGSV,1,1,01,02,45,120,38,1");
        assert!(matches!(quectel.body, Body::Gsv(_)) && quectel.talker == "PQ", "{quectel:?}");
        let other = decode(b"AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0");
        assert_eq!((other.talker, other.body), ("AI".into(), Body::Unknown { address: "AIVDM".into() }));
        assert_eq!(decode(b"").body, Body::Unknown { address: Ascii::default() });
    }

    #[test]
    fn bytes_beyond_ascii_are_malformed() {
        let Body::Malformed { address, reason } = decode(b"GNTXT,01,01,02,\xB5").body else {
            panic!("not malformed")
        };
        assert_eq!((address, reason), ("GNTXT".into(), Reason::NotAscii { found: 0xB5 }));
    }

    #[test]
    fn json() {
        let json = |sentence: &str| serde_json::to_string(&decode(sentence.as_bytes())).unwrap();
        insta::assert_snapshot!(json("GNVTG,,T,,M,0.013,N,0.024,K,D"), @r#"{"talker":"GN","type":"VTG","course_deg":null,"course_magnetic_deg":null,"speed_knots":0.013,"speed_kmh":0.024,"mode":"D"}"#);
        insta::assert_snapshot!(json("PUBX,00"), @r#"{"talker":"","type":"unknown","address":"PUBX"}"#);
        insta::assert_snapshot!(json("GNVTG,,T,,M,fast,N,0.024,K,D"), @r#"{"talker":"GN","type":"malformed","address":"GNVTG","reason":"field 5: expected a decimal number, found \"fast\""}"#);
    }
}
