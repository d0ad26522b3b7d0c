//! Memory is bounded, nothing panics, and no byte stops the reader.

use proptest::prelude::*;
use rtk_reader::Timestamp;
use rtk_reader::frame::{FRAMER_BYTES, Framer, LOOK_AFTER, UBX_FRAME_BYTES, encode};

#[test]
fn all_memory_is_under_72_kib() {
    const { assert!(FRAMER_BYTES < 72 * 1024) };
}

/// Bytes that keep the framer busy: long claims within long claims.
const PATTERNS: [&[u8]; 7] = [
    b"\xB5\x62\0\0\xFF\xFF",
    b"\xB5\x62\0\0\xFF\x7F",
    b"\xB5\x62\xB5\x62\xB5\x62",
    b"\xD3\x03",
    b"\xD3\x03\xFF",
    b"$",
    b"!\xB5\x62$\xD3",
];

#[test]
fn hostile_bytes_are_counted_and_the_frame_behind_them_is_found() {
    let good = encode::rtcm(&[0x3E, 0xD0, 0]).expect("short");
    for pattern in PATTERNS {
        let mut bytes: Vec<u8> = pattern.iter().copied().cycle().take(70_000).collect();
        bytes.extend(&good);
        for chunk in [1, 4096, usize::MAX] {
            let (mut framer, mut found) = (Framer::new(), 0);
            for part in bytes.chunks(chunk) {
                framer.push(Timestamp::ZERO, part, &mut |f| found += usize::from(f.bytes == good));
                assert!(framer.pending_bytes() < UBX_FRAME_BYTES);
            }
            framer.finish(&mut |f| found += usize::from(f.bytes == good));
            assert_eq!(found, 1, "after {pattern:02X?} in chunks of {chunk}");
            assert_eq!(framer.counts().framed_bytes() + framer.counts().unframed_bytes, bytes.len() as u64);
        }
    }
}

#[test]
fn the_longest_frame_of_all_is_taken_in_any_chunks() {
    let frame = encode::ubx(1, 2, &[0xD3; encode::UBX_PAYLOAD_BYTES]).expect("it fits");
    assert_eq!(frame.len(), UBX_FRAME_BYTES);
    let stream = [frame.as_slice(), b"\xB5", &frame, &frame].concat();
    for chunk in [1, 1000, 4096, 65_536, usize::MAX] {
        let (mut framer, mut found) = (Framer::new(), Vec::new());
        for part in stream.chunks(chunk) {
            framer.push(Timestamp::ZERO, part, &mut |f| found.push((f.offset, f.bytes == frame)));
        }
        let len = UBX_FRAME_BYTES as u64;
        assert_eq!(found, [(0, true), (len + 1, true), (2 * len + 1, true)], "in chunks of {chunk}");
    }
}

#[test]
fn a_stream_goes_on_after_an_interruption() {
    let good = encode::nmea("GNGLL,,,,,,V,N").expect("short");
    let mut framer = Framer::new();
    let mut found = Vec::new();
    let mut sink = |f: rtk_reader::frame::Frame<'_>| found.push(f.offset);
    framer.push(Timestamp::ZERO, b"\xB5\x62\x01", &mut sink);
    framer.finish(&mut sink);
    framer.finish(&mut sink);
    assert_eq!(framer.next_timeout(), None);
    framer.push(Timestamp::ZERO, b"\x07", &mut sink);
    framer.push(Timestamp::ZERO, &good, &mut sink);
    assert_eq!(found, [4]);
    let counts = framer.counts();
    assert_eq!((counts.false_starts, counts.unframed_bytes, counts.unframed_runs), (1, 4, 2));
    assert_eq!(counts.noise_bytes, 1);
}

/// One call on a framer.
#[derive(Clone, Debug)]
enum Call {
    Push(Timestamp, Vec<u8>),
    TimeOut(Timestamp),
    Finish,
}

fn call() -> impl Strategy<Value = Call> {
    let time = || {
        prop_oneof![
            8 => (0..2000_u64).prop_map(Timestamp::from_millis),
            1 => Just(Timestamp::MAX),
            1 => Just(Timestamp::ZERO),
        ]
    };
    prop_oneof![
        8 => (time(), super::streams::stream(3)).prop_map(|(t, b)| Call::Push(t, b)),
        2 => (time(), prop::sample::select(&PATTERNS[..]), 0..30_000_usize)
            .prop_map(|(t, p, n)| Call::Push(t, p.iter().copied().cycle().take(n).collect())),
        4 => time().prop_map(Call::TimeOut),
        1 => Just(Call::Finish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is called in whatever order, with time running as it likes: nothing panics, frames are told in
    /// order, every byte is counted once.
    #[test]
    fn any_calls(calls in prop::collection::vec(call(), 0..30)) {
        let mut framer = Framer::new();
        let (mut end, mut framed, mut pushed) = (0, 0, 0);
        for call in calls {
            let mut sink = |f: rtk_reader::frame::Frame<'_>| {
                assert!(f.offset >= end, "in stream order");
                end = f.offset + f.bytes.len() as u64;
                framed += f.bytes.len() as u64;
            };
            match call {
                Call::Push(now, bytes) => {
                    pushed += bytes.len() as u64;
                    framer.push(now, &bytes, &mut sink);
                }
                Call::TimeOut(now) => framer.handle_timeout(now, &mut sink),
                Call::Finish => framer.finish(&mut sink),
            }
            prop_assert_eq!(framer.next_timeout().is_some(), framer.pending_bytes() > 0);
            prop_assert!(framer.pending_bytes() < UBX_FRAME_BYTES);
            let counts = framer.counts();
            prop_assert_eq!(counts.framed_bytes(), framed);
            prop_assert_eq!(framed + counts.unframed_bytes + framer.pending_bytes() as u64, pushed);
        }
        prop_assert!(framer.next_timeout().is_none_or(|at| at >= LOOK_AFTER));
    }
}
