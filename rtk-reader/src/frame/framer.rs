//! The framer. (Interface; the body is to be written.)

use super::Frame;
use crate::Timestamp;

/// What the stream held, so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Good frames and their bytes.
    pub nmea_frames: u64,
    /// Bytes in good NMEA frames.
    pub nmea_bytes: u64,
    /// Good UBX frames.
    pub ubx_frames: u64,
    /// Bytes in good UBX frames.
    pub ubx_bytes: u64,
    /// Good RTCM 3 frames.
    pub rtcm_frames: u64,
    /// Bytes in good RTCM 3 frames.
    pub rtcm_bytes: u64,
    /// Candidates of full length whose checksum was wrong, by protocol.
    pub bad_nmea: u64,
    /// NMEA lines without a checksum.
    pub nmea_without_checksum: u64,
    /// UBX candidates whose checksum was wrong.
    pub bad_ubx: u64,
    /// RTCM candidates whose CRC was wrong.
    pub bad_rtcm: u64,
    /// Candidates given up before their end: cut off, or stalled while good frames waited behind them.
    pub false_starts: u64,
    /// Candidates longer than their protocol allows (an NMEA line over 512 bytes).
    pub oversize: u64,
    /// Bytes in no good frame.
    pub unframed_bytes: u64,
    /// Runs of such bytes.
    pub unframed_runs: u64,
}

/// Bytes in, checked frames out.
#[derive(Debug, Default)]
pub struct Framer {
    counts: Counts,
}

impl Framer {
    /// At the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes received at `now` and calls `sink` for every frame they complete, in stream order.
    pub fn push(&mut self, now: Timestamp, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        let _ = (now, bytes, sink);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called: a candidate is pending.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// Gives up a pending candidate behind which good frames wait.
    pub fn handle_timeout(&mut self, now: Timestamp, sink: &mut impl FnMut(Frame<'_>)) {
        let _ = (now, sink);
    }

    /// The stream has ended (or was interrupted): what is pending is given up, what stood behind it is told.
    pub fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        let _ = sink;
    }

    /// What the stream held, so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
