//! Real captures and peers, visibly skipped where they are missing.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rtk_reader::frame::{Frame, Framer, Protocol};

/// The captures with RTCM 3 frames in them.
pub const WITH_RTCM: [&str; 13] = [
    "gpsd/rtcm3-1.log",
    "gpsd/rtcm3.2.log",
    "gpsd/rtcm3.bndm.log",
    "gpsd/ublox-f9p-rtcm.log",
    "gpsd/ublox-zed-f9r.log",
    "gpsd/ublox-zed-f9t-rtcm3.log",
    "pygnssutils/ntrip_chunked.bin",
    "pygnssutils/ntrip_encode_chunked.bin",
    "pygnssutils/ntrip_encode_none.bin",
    "pygnssutils/pygpsdata-rtcm3.log",
    "pyrtcm/pygpsdata-NTRIP-4076.log",
    "pyrtcm/pygpsdata-RTCM3.log",
    "pyubx2/pygpsdata-MIXED-RTCM3.log",
];

/// The folder of captures beside the repository, or none, said aloud.
pub fn folder() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss"));
    if folder.is_dir() {
        return Some(folder.to_path_buf());
    }
    skip(&format!("no captures at {}", folder.display()));
    None
}

/// Says that a peer is missing, or fails where all are required.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|v| v.is_empty()), "{reason}");
    eprintln!("skipped: {reason}");
}

/// The RTCM 3 frames of a file.
pub fn frames_of(file: &Path) -> Vec<Vec<u8>> {
    frames(&fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

/// What stands between a frame's header and its CRC.
pub fn payload(frame: &[u8]) -> &[u8] {
    &frame[3..frame.len() - 3]
}

/// The RTCM 3 frames of a stream.
pub fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut keep = |frame: Frame<'_>| {
        if frame.protocol == Protocol::Rtcm {
            frames.push(frame.bytes.to_vec());
        }
    };
    let mut framer = Framer::new();
    framer.push(Duration::ZERO, bytes, &mut keep);
    framer.finish(&mut keep);
    frames
}
