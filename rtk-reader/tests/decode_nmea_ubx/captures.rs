//! The captures beside the repository, and their frames.

use std::{fs, path::PathBuf, time::Duration};

use rtk_reader::{
    decode::{self, Message},
    frame::{Frame, Framer, Protocol},
};

/// The folder, or none with the reason on stderr; a panic where peers are required.
pub fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss"));
    if folder.is_dir() {
        return Some(folder);
    }
    let reason = format!("no captures at {}", folder.display());
    let required = std::env::var_os("DEPOT_REQUIRE_PEERS").is_some_and(|value| !value.is_empty());
    assert!(!required, "{reason}");
    eprintln!("skipped: {reason}");
    None
}

/// A capture's bytes.
pub fn read(name: &str) -> Option<Vec<u8>> {
    let path = folder()?.join(name);
    Some(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// gpsd's decode of a capture, line by line: sentences passed through and JSON.
pub fn gpsd_lines(name: &str) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(&read(&format!("{name}.chk"))?).into_owned();
    Some(text.lines().map(|line| line.trim_end().to_owned()).collect())
}

/// Names of all captures.
pub fn names() -> Option<Vec<String>> {
    let counts: serde_json::Value = serde_json::from_slice(&read("COUNTS.json")?).unwrap();
    Some(counts.as_object().unwrap().keys().cloned().collect())
}

/// The NMEA and UBX frames of a stream.
pub fn frames(bytes: &[u8]) -> Vec<(Protocol, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut keep = |frame: Frame<'_>| {
        if frame.protocol != Protocol::Rtcm {
            frames.push((frame.protocol, frame.bytes.to_vec()));
        }
    };
    let mut framer = Framer::new();
    framer.push(Duration::ZERO, bytes, &mut keep);
    framer.finish(&mut keep);
    frames
}

/// Frames decoded.
pub fn messages(bytes: &[u8]) -> Vec<Message> {
    frames(bytes).iter().map(|(protocol, bytes)| message(*protocol, bytes)).collect()
}

pub fn message(protocol: Protocol, bytes: &[u8]) -> Message {
    decode::decode(&Frame { protocol, bytes, received_at: Duration::ZERO, offset: 0 })
}
