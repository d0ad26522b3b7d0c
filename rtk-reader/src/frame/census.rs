//! Frames by message: what `depot gnss summary` prints.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Counts, Frame, MessageId, Protocol};

/// Different NMEA addresses that are told apart. Hostile sentences can make up any number of them; those
/// that come when so many are known are counted together as [`OTHER_ADDRESSES`]. (UBX and RTCM have no more
/// ids than 65,536 and 4,097.)
const NMEA_ADDRESSES: usize = 1024;

/// Where sentences over the bound are counted.
const OTHER_ADDRESSES: &[u8] = b"(other)";

/// Good frames counted by message.
#[derive(Clone, Debug, Default)]
pub struct Census {
    frames: BTreeMap<MessageId, u64>,
    addresses: usize,
}

impl Census {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a frame.
    pub fn add(&mut self, frame: &Frame<'_>) {
        let mut id = frame.id();
        if frame.protocol == Protocol::Nmea && !self.frames.contains_key(&id) {
            if self.addresses < NMEA_ADDRESSES {
                self.addresses += 1;
            } else {
                id = MessageId::nmea(OTHER_ADDRESSES);
            }
        }
        *self.frames.entry(id).or_default() += 1;
    }

    /// How many of each message, in order of protocol and id.
    pub fn frames(&self) -> impl Iterator<Item = (MessageId, u64)> {
        self.frames.iter().map(|(id, n)| (*id, *n))
    }

    /// With what the framer counted, all that is to be told of a stream.
    #[must_use]
    pub fn summary(&self, counts: &Counts) -> Summary {
        let mut summary = Summary {
            bytes: some([
                ("nmea", counts.nmea_bytes),
                ("rtcm", counts.rtcm_bytes),
                ("ubx", counts.ubx_bytes),
            ]),
            failed_candidates: some([
                ("nmea", counts.bad_nmea),
                ("nmea-nocs", counts.nmea_without_checksum),
                ("rtcm?", counts.bad_rtcm),
                ("ubx", counts.bad_ubx),
            ]),
            unframed_bytes: counts.unframed_bytes,
            unframed_runs: counts.unframed_runs,
            ..Summary::default()
        };
        for (id, n) in self.frames() {
            let messages = match id {
                MessageId::Nmea(_) => &mut summary.nmea,
                MessageId::Ubx(..) => &mut summary.ubx,
                MessageId::Rtcm(_) => &mut summary.rtcm,
            };
            messages.insert(id.to_string(), n);
        }
        summary
    }
}

fn some<const N: usize>(counts: [(&'static str, u64); N]) -> BTreeMap<&'static str, u64> {
    counts.into_iter().filter(|&(_, n)| n > 0).collect()
}

/// What a stream held. What isn't in it isn't listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Bytes in good frames, by protocol.
    pub bytes: BTreeMap<&'static str, u64>,
    /// Candidates of full length that failed: `nmea`, `ubx` and `rtcm?` by their checksum, `nmea-nocs` for
    /// having none.
    pub failed_candidates: BTreeMap<&'static str, u64>,
    /// Good sentences by address.
    pub nmea: BTreeMap<String, u64>,
    /// Good RTCM 3 frames by message number; -1 for those shorter than one.
    pub rtcm: BTreeMap<String, u64>,
    /// Good UBX frames by name, or class and id in hexadecimal.
    pub ubx: BTreeMap<String, u64>,
    /// Bytes in no good frame.
    pub unframed_bytes: u64,
    /// Runs of such bytes.
    pub unframed_runs: u64,
}

#[cfg(test)]
mod tests {
    use super::super::{Framer, encode};
    use super::*;
    use crate::Timestamp;

    #[test]
    fn long_addresses_are_told_apart() {
        let mut census = Census::new();
        let mut framer = Framer::new();
        for address in ["PQTMGEOFENCESTATUSCHANGEDA", "PQTMGEOFENCESTATUSCHANGEDB"] {
            let sentence = encode::nmea(&format!("{address},1")).expect("printable");
            framer.push(Timestamp::ZERO, &sentence, &mut |frame| census.add(&frame));
        }
        let summary = census.summary(framer.counts());
        assert_eq!(summary.nmea["PQTMGEOFENCESTATUSCHANGEDA"], 1);
        assert_eq!(summary.nmea["PQTMGEOFENCESTATUSCHANGEDB"], 1);
    }

    #[test]
    fn made_up_addresses_are_bounded() {
        let mut census = Census::new();
        let mut framer = Framer::new();
        for n in 0..2 * NMEA_ADDRESSES {
            let sentence = encode::nmea(&format!("P{n},1")).expect("printable");
            framer.push(Timestamp::ZERO, &sentence, &mut |frame| census.add(&frame));
        }
        let summary = census.summary(framer.counts());
        assert_eq!(summary.nmea.len(), NMEA_ADDRESSES + 1);
        assert_eq!(summary.nmea["(other)"], NMEA_ADDRESSES as u64);
        assert_eq!(summary.nmea["P0"], 1);
    }
}
