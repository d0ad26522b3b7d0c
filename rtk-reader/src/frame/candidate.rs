//! What stands at a place in the stream.

use memchr::memchr;

use super::Protocol;
use super::checksum::{crc24q, printable_checksum};
use super::sums::PrefixSums;

/// The longest NMEA line, from `$` to LF, both included. NMEA 0183 allows 82 characters; receivers send
/// longer ones. A longer line is no sentence: it is counted as oversize, and looked through for others.
pub const NMEA_LINE_BYTES: usize = 512;

/// The longest UBX frame: sync, class, id, length, 65,535 bytes of payload and two of checksum.
pub const UBX_FRAME_BYTES: usize = UBX_AROUND_BYTES + 65_535;

const UBX_AROUND_BYTES: usize = 8;
const RTCM_AROUND_BYTES: usize = 6;

/// What the bytes from a place on are. More bytes never change a verdict other than `Pending`; the framer
/// gives the same frames for every chunking because of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A good frame of so many bytes.
    Frame(Protocol, usize),
    /// A candidate of so many bytes that failed.
    Failed(Cause, usize),
    /// No candidate.
    Noise,
    /// Not to be told yet.
    Pending(Need),
}

/// Why a candidate is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    BadChecksum(Protocol),
    /// An NMEA line without `*hh`.
    NoChecksum,
    /// An NMEA line over [`NMEA_LINE_BYTES`].
    Oversize,
    /// Given up before its end came.
    FalseStart,
}

/// What a pending candidate waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// So many bytes in all, from its first.
    Total(usize),
    /// A line feed, or [`NMEA_LINE_BYTES`].
    Line,
}

/// How many bytes come before the first that can start a candidate; all, if none can.
pub(super) fn bytes_before_start(bytes: &[u8]) -> usize {
    let starts = |b: &u8| matches!(b, b'$' | b'!' | 0xB5 | 0xD3);
    // Whole blocks first, without a branch inside, which compilers turn into vector instructions.
    let (blocks, _) = bytes.as_chunks::<32>();
    let clean = blocks.iter().take_while(|block| !block.iter().fold(false, |any, b| any | starts(b))).count();
    let rest = bytes.get(clean * 32..).unwrap_or_default();
    clean * 32 + rest.iter().position(starts).unwrap_or(rest.len())
}

/// Judges the candidate at the first of `bytes`, which stands at `offset` in the stream.
#[inline]
pub(super) fn examine(offset: u64, bytes: &[u8], sums: &mut PrefixSums) -> Verdict {
    match bytes.first() {
        Some(b'$' | b'!') => nmea(bytes),
        Some(0xD3) => rtcm(bytes),
        Some(0xB5) => ubx(offset, bytes, sums),
        _ => Verdict::Noise,
    }
}

/// `$` or `!`, printable ASCII, `*` and two hexadecimal digits, CR LF or LF.
fn nmea(bytes: &[u8]) -> Verdict {
    let within = bytes.get(..NMEA_LINE_BYTES).unwrap_or(bytes);
    let Some(end) = memchr(b'\n', within) else {
        return nmea_without_end(within);
    };
    let content = within.get(1..end).unwrap_or_default();
    let content = content.strip_suffix(b"\r").unwrap_or(content);
    let Some(sum) = printable_checksum(content) else {
        return Verdict::Noise;
    };
    let len = end + 1;
    let Some(&[b'*', high, low]) = content.last_chunk() else {
        return Verdict::Failed(Cause::NoChecksum, len);
    };
    // `sum` has the three in it too.
    if hex(high, low).is_some_and(|told| told == sum ^ b'*' ^ high ^ low) {
        Verdict::Frame(Protocol::Nmea, len)
    } else {
        Verdict::Failed(Cause::BadChecksum(Protocol::Nmea), len)
    }
}

fn nmea_without_end(within: &[u8]) -> Verdict {
    let full = within.len() == NMEA_LINE_BYTES;
    let content = within.get(1..).unwrap_or_default();
    let content = if full { content } else { content.strip_suffix(b"\r").unwrap_or(content) };
    match printable_checksum(content) {
        None => Verdict::Noise,
        Some(_) if full => Verdict::Failed(Cause::Oversize, NMEA_LINE_BYTES),
        Some(_) => Verdict::Pending(Need::Line),
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'A'..=b'F' => Some(b - b'A' + 10),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    Some(digit(high)? << 4 | digit(low)?)
}

/// D3, six zero bits, ten bits of length, payload, CRC-24Q (RTCM 10403.3, section 4.2).
fn rtcm(bytes: &[u8]) -> Verdict {
    let length = match *bytes {
        [_, high, ..] if high & 0xFC != 0 => return Verdict::Noise,
        [_, high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
        _ => return Verdict::Pending(Need::Total(3)),
    };
    let total = length + RTCM_AROUND_BYTES;
    match bytes.get(..total) {
        None => Verdict::Pending(Need::Total(total)),
        Some(frame) if crc24q(frame) == 0 => Verdict::Frame(Protocol::Rtcm, total),
        Some(_) => Verdict::Failed(Cause::BadChecksum(Protocol::Rtcm), total),
    }
}

/// B5 62, class, id, little-endian length, payload, CK_A and CK_B over all but the sync (u-blox F9 interface
/// description UBX-22008968, section 3.2).
fn ubx(offset: u64, bytes: &[u8], sums: &mut PrefixSums) -> Verdict {
    let length = match *bytes {
        [_, sync, ..] if sync != 0x62 => return Verdict::Noise,
        [_, _, _, _, low, high, ..] => usize::from(u16::from_le_bytes([low, high])),
        _ => return Verdict::Pending(Need::Total(6)),
    };
    let total = length + UBX_AROUND_BYTES;
    let Some(([_, _, summed @ ..], [a, b])) = bytes.get(..total).and_then(|frame| frame.split_last_chunk())
    else {
        return Verdict::Pending(Need::Total(total));
    };
    let sum = sums.over(offset.wrapping_add(2), summed);
    if (sum.a, sum.b) == (*a, *b) {
        Verdict::Frame(Protocol::Ubx, total)
    } else {
        Verdict::Failed(Cause::BadChecksum(Protocol::Ubx), total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: &[u8]) -> Verdict {
        examine(0, bytes, &mut PrefixSums::new())
    }

    #[test]
    fn lines() {
        let good = |len| Verdict::Frame(Protocol::Nmea, len);
        let bad = |cause, len| Verdict::Failed(cause, len);
        assert_eq!(verdict(b"$GNGLL,,,,,,V,N*7A\r\n$"), good(20));
        assert_eq!(verdict(b"$GNGLL,,,,,,V,N*7a\n"), good(19));
        assert_eq!(verdict(b"!GNGLL,,,,,,V,N*7A\r\n"), good(20));
        assert_eq!(verdict(b"$GNGLL,,,,,,V,N*7B\r\n"), bad(Cause::BadChecksum(Protocol::Nmea), 20));
        assert_eq!(verdict(b"$GNGLL,,,,,,V,N*7g\r\n"), bad(Cause::BadChecksum(Protocol::Nmea), 20));
        assert_eq!(verdict(b"$GNGLL,,,,,,V,N\r\n"), bad(Cause::NoChecksum, 17));
        assert_eq!(verdict(b"$\n"), bad(Cause::NoChecksum, 2));
        assert_eq!(verdict(b"$GNGLL,\x80,,,,,V,N*7A\r\n"), Verdict::Noise);
        assert_eq!(verdict(b"$GNGLL,,,,,,V,N*7A\r\r\n"), Verdict::Noise);
        assert_eq!(verdict(b"$GNGLL,\x80"), Verdict::Noise);
        assert_eq!(verdict(b"$GNGLL,,\rV"), Verdict::Noise);
        assert_eq!(verdict(b"$GNGLL,,,,,,V,N*7A\r"), Verdict::Pending(Need::Line));
    }

    #[test]
    fn a_line_ends_within_512_bytes() {
        let mut line = vec![b'$'; 511];
        assert_eq!(verdict(&line), Verdict::Pending(Need::Line));
        line.push(b'\n');
        assert_eq!(verdict(&line), Verdict::Failed(Cause::NoChecksum, 512));
        line.insert(0, b'$');
        assert_eq!(verdict(&line), Verdict::Failed(Cause::Oversize, 512));
    }

    #[test]
    fn headers_are_judged_as_soon_as_they_can_be() {
        assert_eq!(verdict(b"\xB5"), Verdict::Pending(Need::Total(6)));
        assert_eq!(verdict(b"\xB5\x61"), Verdict::Noise);
        assert_eq!(verdict(b"\xB5\x62\x01\x07\xFF\xFF"), Verdict::Pending(Need::Total(UBX_FRAME_BYTES)));
        assert_eq!(verdict(b"\xB5\x62\x0A\x04\0\0\x0E\x34"), Verdict::Frame(Protocol::Ubx, 8));
        assert_eq!(verdict(b"\xD3\x04"), Verdict::Noise);
        assert_eq!(verdict(b"\xD3\x03\xFF"), Verdict::Pending(Need::Total(1029)));
        assert_eq!(verdict(b"\xD3\0\0\x47\xEA\x4B"), Verdict::Frame(Protocol::Rtcm, 6));
        assert_eq!(verdict(b"\xD3\0\0\x47\xEA\x4A"), Verdict::Failed(Cause::BadChecksum(Protocol::Rtcm), 6));
    }

    #[test]
    fn starts_are_found_wherever_they_stand() {
        for len in 0..100 {
            let mut bytes = vec![b'x'; len];
            assert_eq!(bytes_before_start(&bytes), len);
            for at in 0..len {
                bytes[at] = b"$!\xB5\xD3"[at % 4];
                assert_eq!(bytes_before_start(&bytes), at);
                bytes[at] = b'x';
            }
        }
    }
}
