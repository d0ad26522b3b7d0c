//! The captures beside the repository, and their frames.

use std::{fs, path::PathBuf, time::Duration};

use rtk_reader::{
    decode::{self, Message},
    frame::{Frame, Protocol},
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

/// The good NMEA and UBX frames of a stream.
pub fn frames(bytes: &[u8]) -> Vec<(Protocol, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let found = match rest[0] {
            b'$' | b'!' => nmea(rest).map(|length| (Protocol::Nmea, length)),
            0xB5 => ubx(rest).map(|length| (Protocol::Ubx, length)),
            _ => None,
        };
        at += match found {
            Some((protocol, length)) => {
                frames.push((protocol, rest[..length].to_vec()));
                length
            }
            None => 1,
        };
    }
    frames
}

/// Frames decoded.
pub fn messages(bytes: &[u8]) -> Vec<Message> {
    frames(bytes).iter().map(|(protocol, bytes)| message(*protocol, bytes)).collect()
}

pub fn message(protocol: Protocol, bytes: &[u8]) -> Message {
    decode::decode(&Frame { protocol, bytes, received_at: Duration::ZERO, offset: 0 })
}

fn nmea(rest: &[u8]) -> Option<usize> {
    let end = rest.iter().take(512).position(|&b| b == b'\n')?;
    let line = rest[1..end].strip_suffix(b"\r").unwrap_or(&rest[1..end]);
    let (body, checksum) = line.split_at_checked(line.len().checked_sub(3)?)?;
    let checksum = u8::from_str_radix(std::str::from_utf8(checksum.strip_prefix(b"*")?).ok()?, 16).ok()?;
    let printable = body.iter().all(|b| matches!(b, b' '..=b'~'));
    (printable && body.iter().fold(0, |sum, b| sum ^ b) == checksum).then_some(end + 1)
}

fn ubx(rest: &[u8]) -> Option<usize> {
    let [0xB5, 0x62, _, _, low, high, ..] = rest else { return None };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let frame = rest.get(..length + 8)?;
    let (a, b) = frame[2..length + 6].iter().fold((0_u8, 0_u8), |(a, b), byte| {
        let a = a.wrapping_add(*byte);
        (a, b.wrapping_add(a))
    });
    (frame[length + 6..] == [a, b]).then_some(length + 8)
}
