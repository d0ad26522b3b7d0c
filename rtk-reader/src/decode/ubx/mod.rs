//! UBX packets, after the u-blox F9 HPG 1.32 interface description (UBX-22008968), one message to a file.
//!
//! The `ublox` crate's packet types (protocol 27) read NAV-PVT, -SAT, -SIG, -STATUS, -HPPOSLLH, RXM-RTCM and
//! ACK; their raw values are scaled here, by division, so that a position prints with the digits it was sent
//! with. What the crate lacks or gets wrong is read here: NAV-SVIN (lacking), MON-VER (refuses texts that
//! fill their place), MON-COMMS (other port ids than receivers send), CFG-VALGET (unknown keys end it,
//! unexpected values panic), MON-RF (its states are enums that don't give their number back). Lengths and
//! counts of blocks are checked here before the crate sees a payload.

mod ack;
mod bytes;
mod cfg_valget;
mod mon_comms;
mod mon_rf;
mod mon_ver;
mod nav_hpposllh;
mod nav_pvt;
mod nav_sat;
mod nav_sig;
mod nav_status;
mod nav_svin;
mod numbering;
mod reason;
mod rxm_rtcm;

use serde::{Serialize, Serializer};

use crate::frame::MessageId;

use bytes::Bytes;

pub use ack::Ack;
pub(crate) use cfg_valget::value_bytes as cfg_value_bytes;
pub use cfg_valget::{CfgItem, CfgValget};
pub use mon_comms::{MonComms, MonCommsPort};
pub use mon_rf::{MonRf, MonRfBlock};
pub use mon_ver::MonVer;
pub use nav_hpposllh::NavHpposllh;
pub use nav_pvt::NavPvt;
pub use nav_sat::{NavSat, NavSatSatellite};
pub use nav_sig::{NavSig, NavSigSignal};
pub use nav_status::NavStatus;
pub use nav_svin::NavSvin;
pub use reason::Reason;
pub use rxm_rtcm::RxmRtcm;

/// A decoded packet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
#[expect(missing_docs, reason = "each is its message; the fields are documented there")]
pub enum Packet {
    #[serde(rename = "NAV-PVT")]
    NavPvt(NavPvt),
    #[serde(rename = "NAV-SVIN")]
    NavSvin(NavSvin),
    #[serde(rename = "NAV-SAT")]
    NavSat(NavSat),
    #[serde(rename = "NAV-SIG")]
    NavSig(NavSig),
    #[serde(rename = "NAV-STATUS")]
    NavStatus(NavStatus),
    #[serde(rename = "NAV-HPPOSLLH")]
    NavHpposllh(NavHpposllh),
    #[serde(rename = "MON-VER")]
    MonVer(MonVer),
    #[serde(rename = "MON-RF")]
    MonRf(MonRf),
    #[serde(rename = "MON-COMMS")]
    MonComms(MonComms),
    #[serde(rename = "RXM-RTCM")]
    RxmRtcm(RxmRtcm),
    #[serde(rename = "ACK")]
    Ack(Ack),
    #[serde(rename = "CFG-VALGET")]
    CfgValget(CfgValget),
    /// A message we don't decode, or a poll (an empty payload).
    #[serde(rename = "unknown")]
    Unknown {
        #[serde(serialize_with = "as_text")]
        name: MessageId,
        class: u8,
        id: u8,
        length: usize,
    },
    /// A message we do, whose payload contradicts its format.
    #[serde(rename = "malformed")]
    Malformed {
        #[serde(serialize_with = "as_text")]
        name: MessageId,
        class: u8,
        id: u8,
        reason: Reason,
    },
}

/// Decodes a payload.
#[must_use]
pub fn decode(class: u8, id: u8, payload: &[u8]) -> Packet {
    let name = MessageId::Ubx(class, id);
    let unknown = Packet::Unknown { name, class, id, length: payload.len() };
    if payload.is_empty() {
        return unknown;
    }
    let read = match (class, id) {
        (0x01, 0x03) => NavStatus::read(payload).map(Packet::NavStatus),
        (0x01, 0x07) => NavPvt::read(payload).map(Packet::NavPvt),
        (0x01, 0x14) => NavHpposllh::read(payload).map(Packet::NavHpposllh),
        (0x01, 0x35) => NavSat::read(payload).map(Packet::NavSat),
        (0x01, 0x3B) => NavSvin::read(payload).map(Packet::NavSvin),
        (0x01, 0x43) => NavSig::read(payload).map(Packet::NavSig),
        (0x02, 0x32) => RxmRtcm::read(payload).map(Packet::RxmRtcm),
        (0x05, 0x00 | 0x01) => Ack::read(id, payload).map(Packet::Ack),
        (0x06, 0x8B) => CfgValget::read(payload).map(Packet::CfgValget),
        (0x0A, 0x04) => MonVer::read(payload).map(Packet::MonVer),
        (0x0A, 0x36) => MonComms::read(payload).map(Packet::MonComms),
        (0x0A, 0x38) => MonRf::read(payload).map(Packet::MonRf),
        _ => Ok(unknown),
    };
    read.unwrap_or_else(|reason| Packet::Malformed { name, class, id, reason })
}

fn as_text<S: Serializer>(name: &MessageId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

#[cfg(test)]
mod testing {
    use super::{Packet, decode};

    /// Decodes a payload in hexadecimal; blanks are for the eye.
    pub(super) fn packet(class: u8, id: u8, hex: &str) -> Packet {
        let digits: Vec<u8> =
            hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| u8::try_from(digit).unwrap()).collect();
        let payload: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        decode(class, id, &payload)
    }

    pub(super) fn reason(class: u8, id: u8, hex: &str) -> String {
        match packet(class, id, hex) {
            Packet::Malformed { reason, .. } => reason.to_string(),
            other => panic!("not malformed: {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::packet, *};

    #[test]
    fn what_is_not_known_and_what_asks_is_unknown() {
        let unknown =
            |class, id, length| Packet::Unknown { name: MessageId::Ubx(class, id), class, id, length };
        assert_eq!(packet(0x01, 0x99, "0000"), unknown(0x01, 0x99, 2));
        assert_eq!(packet(0x0A, 0x04, ""), unknown(0x0A, 0x04, 0));
    }

    #[test]
    fn json() {
        let json = |class, id, hex| serde_json::to_string(&packet(class, id, hex)).unwrap();
        insta::assert_snapshot!(json(0x05, 0x01, "068b"), @r#"{"type":"ACK","acknowledged":true,"class":6,"id":139}"#);
        insta::assert_snapshot!(json(0x01, 0x61, "00000000"), @r#"{"type":"unknown","name":"NAV-EOE","class":1,"id":97,"length":4}"#);
        insta::assert_snapshot!(json(0x05, 0x01, "06"), @r#"{"type":"malformed","name":"ACK-ACK","class":5,"id":1,"reason":"expected a payload of 2 bytes, found 1"}"#);
    }
}
