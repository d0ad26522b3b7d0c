//! What the stream held.

use super::Protocol;
use super::candidate::Cause;

/// What the stream held, so far. Every byte that isn't pending is counted once: in a good frame of its
/// protocol or in `unframed_bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Good NMEA sentences.
    pub nmea_frames: u64,
    /// Bytes in them, line ends included.
    pub nmea_bytes: u64,
    /// Good UBX frames.
    pub ubx_frames: u64,
    /// Bytes in them.
    pub ubx_bytes: u64,
    /// Good RTCM 3 frames.
    pub rtcm_frames: u64,
    /// Bytes in them.
    pub rtcm_bytes: u64,
    /// NMEA lines whose checksum is wrong.
    pub bad_nmea: u64,
    /// NMEA lines without a checksum.
    pub nmea_without_checksum: u64,
    /// UBX candidates of full length whose checksum is wrong.
    pub bad_ubx: u64,
    /// RTCM 3 candidates of full length whose CRC is wrong.
    pub bad_rtcm: u64,
    /// Candidates given up before their end: cut off by the end of the stream, or stalled while good frames
    /// stood behind their start.
    pub false_starts: u64,
    /// NMEA lines over 512 bytes.
    pub oversize: u64,
    /// Bytes in no good frame.
    pub unframed_bytes: u64,
    /// Runs of such bytes.
    pub unframed_runs: u64,
    /// Those of the unframed bytes that aren't in one of the failed candidates above either: garbage, text.
    pub noise_bytes: u64,
}

impl Counts {
    /// Good frames of all protocols.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.nmea_frames + self.ubx_frames + self.rtcm_frames
    }

    /// Bytes in good frames of all protocols.
    #[must_use]
    pub fn framed_bytes(&self) -> u64 {
        self.nmea_bytes + self.ubx_bytes + self.rtcm_bytes
    }

    /// Candidates that came to their end and failed there by their checksum.
    #[must_use]
    pub fn bad_checksums(&self) -> u64 {
        self.bad_nmea + self.bad_ubx + self.bad_rtcm
    }

    pub(super) fn count_frame(&mut self, protocol: Protocol, bytes: u64) {
        let (frames, in_frames) = match protocol {
            Protocol::Nmea => (&mut self.nmea_frames, &mut self.nmea_bytes),
            Protocol::Ubx => (&mut self.ubx_frames, &mut self.ubx_bytes),
            Protocol::Rtcm => (&mut self.rtcm_frames, &mut self.rtcm_bytes),
        };
        *frames += 1;
        *in_frames += bytes;
    }

    pub(super) fn count_failure(&mut self, cause: Cause) {
        let counter = match cause {
            Cause::BadChecksum(Protocol::Nmea) => &mut self.bad_nmea,
            Cause::BadChecksum(Protocol::Ubx) => &mut self.bad_ubx,
            Cause::BadChecksum(Protocol::Rtcm) => &mut self.bad_rtcm,
            Cause::NoChecksum => &mut self.nmea_without_checksum,
            Cause::Oversize => &mut self.oversize,
            Cause::FalseStart => &mut self.false_starts,
        };
        *counter += 1;
    }
}
