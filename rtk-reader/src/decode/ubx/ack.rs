//! ACK-ACK (05 01) and ACK-NAK (05 00): a configuration message was taken or not.
//!
//! | offset | field |
//! |---|---|
//! | 0 | clsID |
//! | 1 | msgID |

use serde::Serialize;
use ublox::{
    UbxProtocol,
    proto27::{PacketRef, Proto27},
};

use super::Reason;

/// ACK-ACK or ACK-NAK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ack {
    /// ACK-ACK.
    pub acknowledged: bool,
    /// Of the message it answers.
    pub class: u8,
    /// Of the message it answers.
    pub id: u8,
}

/// Bytes of the payload.
const LENGTH: usize = 2;

impl Ack {
    pub(super) fn read(message_id: u8, payload: &[u8]) -> Result<Self, Reason> {
        match Proto27::match_packet(0x05, message_id, payload) {
            Ok(PacketRef::AckAck(p)) => Ok(Self { acknowledged: true, class: p.class(), id: p.msg_id() }),
            Ok(PacketRef::AckNak(p)) => Ok(Self { acknowledged: false, class: p.class(), id: p.msg_id() }),
            _ => Err(Reason::Length { expected: LENGTH, found: payload.len() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    #[test]
    fn reads() {
        let ack = |acknowledged| Packet::Ack(Ack { acknowledged, class: 0x06, id: 0x8B });
        assert_eq!(packet(0x05, 0x01, "068b"), ack(true));
        assert_eq!(packet(0x05, 0x00, "068b"), ack(false));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x05, 0x01, "06"), "expected a payload of 2 bytes, found 1");
    }
}
