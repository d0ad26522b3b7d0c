//! Streams made of good frames, and a plain framer to compare with.

use proptest::prelude::*;
use rtk_reader::Timestamp;
use rtk_reader::frame::checksum::{crc24q, nmea_checksum, ubx_checksum};
use rtk_reader::frame::{Framer, NMEA_LINE_BYTES, encode};

/// Where a frame stands, and its bytes.
pub type Found = (u64, Vec<u8>);

/// Any good frame, of the sizes receivers send and now and then a long one.
pub fn frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = |max| prop::collection::vec(byte(), 0..max);
    prop_oneof![
        8 => "[A-Z]{5}(,[0-9A-Z.]{0,9}){0,14}".prop_map(|body| encode::nmea(&body).expect("short")),
        4 => (any::<u8>(), any::<u8>(), payload(120)).prop_map(|(c, i, p)| encode::ubx(c, i, &p).expect("short")),
        4 => payload(300).prop_map(|p| encode::rtcm(&p).expect("short")),
        1 => payload(3000).prop_map(|p| encode::ubx(1, 0x35, &p).expect("short")),
        1 => payload(1024).prop_map(|p| encode::rtcm(&p).expect("short")),
    ]
}

/// Bytes that look like starts of frames more often than chance would have it.
pub fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![6 => any::<u8>(), 4 => prop::sample::select(&b"\xB5\x62\xD3\x00\x03$!*\r\nA0"[..])]
}

/// What stands between frames: nothing, noise, text, starts of frames that don't go on.
pub fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(Vec::new()),
        2 => prop::collection::vec(byte(), 0..40),
        1 => "[ -~]{0,600}".prop_map(String::into_bytes),
        1 => any::<[u8; 4]>().prop_map(|[c, i, l, h]| vec![0xB5, 0x62, c, i, l, h]),
        1 => any::<[u8; 2]>().prop_map(|[h, l]| vec![0xD3, h & 3, l]),
        1 => (frame(), any::<prop::sample::Index>()).prop_map(|(mut f, cut)| { f.truncate(cut.index(f.len())); f }),
    ]
}

/// Frames with noise between.
pub fn stream(frames: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((noise(), frame()), 0..frames)
        .prop_map(|parts| parts.into_iter().flat_map(|(noise, frame)| [noise, frame].concat()).collect())
}

/// Frames of a stream that comes at one time in the given chunks, over and over.
pub fn framed(framer: &mut Framer, bytes: &[u8], chunks: &[usize]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rest = bytes;
    for &chunk in chunks.iter().cycle() {
        let (now, later) = rest.split_at(chunk.clamp(1, rest.len().max(1)).min(rest.len()));
        framer.push(Timestamp::ZERO, now, &mut |f| found.push((f.offset, f.bytes.to_vec())));
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    framer.finish(&mut |f| found.push((f.offset, f.bytes.to_vec())));
    found
}

/// The rules of the stream said as plainly as can be: what `framed` must find.
pub fn framed_plainly(bytes: &[u8]) -> Vec<Found> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match frame_at(&bytes[at..]) {
            Some(len) => {
                found.push((at as u64, bytes[at..at + len].to_vec()));
                at += len;
            }
            None => at += 1,
        }
    }
    found
}

fn frame_at(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [b'$' | b'!', ..] => {
            let end = bytes.iter().take(NMEA_LINE_BYTES).position(|&b| b == b'\n')?;
            let line = &bytes[1..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (body, told) = line.split_at(line.len().checked_sub(3)?);
            let printable = line.iter().all(|b| (0x20..0x7F).contains(b));
            let right =
                format!("*{:02X}", nmea_checksum(body)).eq_ignore_ascii_case(&String::from_utf8_lossy(told));
            (printable && right).then_some(end + 1)
        }
        [0xB5, 0x62, _, _, low, high, ..] => {
            let sums = 6 + usize::from(u16::from_le_bytes([low, high]));
            (bytes.get(sums..sums + 2)? == ubx_checksum(&bytes[2..sums])).then_some(sums + 2)
        }
        [0xD3, high @ 0..=3, low, ..] => {
            let total = usize::from(u16::from_be_bytes([high, low])) + 6;
            (crc24q(bytes.get(..total)?) == 0).then_some(total)
        }
        _ => None,
    }
}
