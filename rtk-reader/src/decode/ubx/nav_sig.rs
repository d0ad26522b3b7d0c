//! NAV-SIG (01 43): signals.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 0 | iTOW | ms |
//! | 5 | numSigs | |
//! | 8 + 16n | gnssId, svId, sigId, freqId | |
//! | 12 + 16n | prRes | 0.1 m |
//! | 14 + 16n | cno | dB-Hz |
//! | 15 + 16n | qualityInd | |
//! | 18 + 16n | sigFlags: bit 3 prUsed, bit 4 crUsed, bit 5 doUsed | |

use serde::Serialize;
use ublox::{
    UbxProtocol,
    proto27::{PacketRef, Proto27},
};

use super::{Reason, numbering};
use crate::decode::SatelliteId;

/// Signals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSig {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// At most 255.
    pub signals: Vec<NavSigSignal>,
}

/// One signal of NAV-SIG.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSigSignal {
    /// Which satellite; none for an unknown gnssId.
    pub id: Option<SatelliteId>,
    /// As sent.
    pub gnss_id: u8,
    /// As sent.
    pub sv_id: u8,
    /// As sent.
    pub sig_id: u8,
    /// `L1`, `L2`, `E5b`…; none if unknown.
    pub band: Option<&'static str>,
    /// dB-Hz.
    pub cn0_dbhz: u8,
    /// Pseudorange residual, metres.
    pub residual_m: f64,
    /// 0 none … 7 code and carrier locked.
    pub quality: u8,
    /// Its pseudorange, carrier range or Doppler is used in the solution.
    pub used: bool,
}

/// Bytes before the signals, and of each.
const LAYOUT: (usize, usize) = (8, 16);

impl NavSig {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        Reason::check_blocks(payload, LAYOUT, payload.get(5).copied())?;
        let Ok(PacketRef::NavSig(p)) = Proto27::match_packet(0x01, 0x43, payload) else {
            return Err(Reason::Length { expected: LAYOUT.0, found: payload.len() });
        };
        let signals = p.sigs().map(|sig| NavSigSignal {
            id: numbering::satellite(sig.gnss_id(), sig.sv_id()),
            gnss_id: sig.gnss_id(),
            sv_id: sig.sv_id(),
            sig_id: sig.sig_id(),
            band: numbering::band(sig.gnss_id(), sig.sig_id()),
            cn0_dbhz: sig.cno(),
            residual_m: f64::from(sig.pr_res()) / 10.0,
            quality: sig.quality_ind(),
            used: sig.flags_raw() & 0b11_1000 != 0,
        });
        Ok(Self { itow_ms: p.itow(), signals: signals.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    /// Two signals of a capture: G05's L1 and G04's L2.
    const SIG: &str =
        concat!("3874bc1e00020000", "00050000f2ff2a070400f90001000000", "00040400000000010000010000000000");

    #[test]
    fn reads() {
        let gps = |number| Some(SatelliteId { constellation: crate::decode::Constellation::Gps, number });
        let used = NavSigSignal {
            id: gps(5),
            gnss_id: 0,
            sv_id: 5,
            sig_id: 0,
            band: Some("L1"),
            cn0_dbhz: 42,
            residual_m: -1.4,
            quality: 7,
            used: true,
        };
        let searched = NavSigSignal {
            id: gps(4),
            gnss_id: 0,
            sv_id: 4,
            sig_id: 4,
            band: Some("L2"),
            cn0_dbhz: 0,
            residual_m: 0.0,
            quality: 1,
            used: false,
        };
        let expected = NavSig { itow_ms: 515_667_000, signals: vec![used, searched] };
        assert_eq!(packet(0x01, 0x43, SIG), Packet::NavSig(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x01, 0x43, &SIG[..40]), "expected 2 blocks of 16 bytes, found 12 bytes");
    }
}
