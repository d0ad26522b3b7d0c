//! Chunking never changes the result, and damage costs no frame but those it touches.

use proptest::prelude::*;
use proptest::sample::Index;
use rtk_reader::frame::Framer;

use super::streams::{Found, byte, frame, framed, framed_plainly, noise, stream};

/// What happens to a stream at a place.
#[derive(Clone, Debug)]
enum Damage {
    Flip(u8),
    Drop(usize),
    Insert(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (1..=255_u8).prop_map(Damage::Flip),
        (1..400_usize).prop_map(Damage::Drop),
        noise().prop_map(Damage::Insert),
    ]
}

/// The stream after the damage, and the frames it spared, where they then stand.
fn damaged(frames: &[Vec<u8>], hits: &[(Index, Damage)]) -> (Vec<u8>, Vec<Found>) {
    let (mut stream, mut spared) = (Vec::new(), Vec::new());
    // Each byte of the stream with the frame it is of; damage in descending order of place, so that a place
    // keeps its meaning.
    let mut bytes: Vec<(u8, usize)> =
        frames.iter().enumerate().flat_map(|(n, f)| f.iter().map(move |&b| (b, n))).collect();
    let mut whole = vec![true; frames.len()];
    let mut hits: Vec<_> = hits.iter().map(|(at, d)| (at.index(bytes.len()), d)).collect();
    hits.sort_by_key(|&(at, _)| std::cmp::Reverse(at));
    const NOISE: usize = usize::MAX;
    for (at, damage) in hits {
        let owner = bytes.get(at).map(|b| b.1);
        match damage {
            Damage::Flip(mask) => {
                let Some(byte) = bytes.get_mut(at) else { continue };
                byte.0 ^= mask;
                whole.get_mut(byte.1).into_iter().for_each(|w| *w = false);
            }
            Damage::Drop(count) => {
                let end = (at + count).min(bytes.len());
                for (_, n) in bytes.drain(at.min(end)..end) {
                    whole.get_mut(n).into_iter().for_each(|w| *w = false);
                }
            }
            Damage::Insert(noise) => {
                let inside = at > 0 && owner.is_some() && owner == bytes.get(at - 1).map(|b| b.1);
                if let (true, Some(w)) = (inside && !noise.is_empty(), owner.and_then(|n| whole.get_mut(n))) {
                    *w = false;
                }
                bytes.splice(at..at, noise.iter().map(|&b| (b, NOISE)));
            }
        }
    }
    let mut last = NOISE;
    for (byte, n) in bytes {
        if n != last && whole.get(n) == Some(&true) {
            spared.push((stream.len() as u64, frames[n].clone()));
        }
        last = n;
        stream.push(byte);
    }
    (stream, spared)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn chunks_never_change_the_result(
        bytes in stream(12),
        chunks in prop::collection::vec(prop_oneof![1..9_usize, 1..700_usize], 1..9),
    ) {
        let (mut whole, mut parts) = (Framer::new(), Framer::new());
        let found = framed(&mut whole, &bytes, &[usize::MAX]);
        prop_assert_eq!(&found, &framed_plainly(&bytes));
        prop_assert_eq!(&framed(&mut parts, &bytes, &chunks), &found);
        prop_assert_eq!(parts.counts(), whole.counts());
        let counts = whole.counts();
        prop_assert_eq!(counts.framed_bytes() + counts.unframed_bytes, bytes.len() as u64);
        prop_assert_eq!(counts.frames(), found.len() as u64);
        prop_assert!(counts.noise_bytes <= counts.unframed_bytes);
    }

    #[test]
    fn any_bytes_give_what_the_plain_rules_give(
        bytes in prop::collection::vec(byte(), 0..3000),
        chunk in 1..300_usize,
    ) {
        prop_assert_eq!(framed(&mut Framer::new(), &bytes, &[chunk]), framed_plainly(&bytes));
    }

    #[test]
    fn damage_costs_only_the_frames_it_touches(
        frames in prop::collection::vec(frame(), 1..16),
        hits in prop::collection::vec((any::<Index>(), damage()), 0..5),
        chunk in 1..900_usize,
    ) {
        let (stream, spared) = damaged(&frames, &hits);
        let found = framed(&mut Framer::new(), &stream, &[chunk]);
        for (offset, frame) in &spared {
            // The one thing that may hide a frame: bytes over it that happen to have a right checksum.
            let hidden = found.iter().any(|(o, f)| o < offset && o + f.len() as u64 > *offset);
            let there = found.binary_search_by_key(offset, |(o, _)| *o);
            prop_assert!(there.is_ok_and(|n| &found[n].1 == frame) || hidden, "{frame:02X?} at {offset}");
        }
    }
}

/// The fixed cases of the property above, where nothing is left to chance.
#[test]
fn a_frame_follows_every_kind_of_bad_neighbour() {
    use rtk_reader::frame::encode::{nmea, rtcm, ubx};
    let good = [
        nmea("GNGLL,,,,,,V,N").expect("short"),
        ubx(5, 1, &[6, 0x8A]).expect("short"),
        rtcm(&[0x3E, 0xD0, 0]).expect("short"),
    ];
    let bad: [&[u8]; 12] = [
        b"\xB5",
        b"\xB5\x62",
        b"\xB5\xB5",
        b"\xB5\x62\x01\x07\x02\0",
        b"\xB5\x62\x01\x07\xFF\xFF",
        b"\xD3",
        b"\xD3\0",
        b"\xD3\x03\xFF",
        b"\xD3\xD3",
        b"$",
        b"$GNGLL,,,",
        b"!\r",
    ];
    for frame in &good {
        for neighbour in bad {
            let stream = [neighbour, frame, frame].concat();
            for chunk in 1..=stream.len() {
                let found = framed(&mut Framer::new(), &stream, &[chunk]);
                assert_eq!(found.len(), 2, "{neighbour:02X?} before {frame:02X?} in chunks of {chunk}");
            }
        }
    }
}
