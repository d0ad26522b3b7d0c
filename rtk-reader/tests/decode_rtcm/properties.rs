//! Whatever the bytes: a value, no panic, and never fields that weren't there.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rtk_reader::decode::rtcm::{Body, MAX_CELLS, Message, decode};

use crate::captures;

/// Every number we decode.
fn known() -> impl Strategy<Value = u16> {
    let msm = (107u16..=113, 4u16..=7).prop_map(|(system, level)| system * 10 + level);
    let others = prop::sample::select(vec![1005, 1006, 1007, 1008, 1019, 1020, 1033, 1042, 1045, 1046, 1230]);
    prop_oneof![msm, others]
}

/// A payload that says it is a certain message.
fn numbered(number: u16, mut payload: Vec<u8>) -> Vec<u8> {
    if let [first, second, ..] = payload.as_mut_slice() {
        *first = (number >> 4) as u8;
        *second = (number << 4) as u8 | *second & 0x0F;
    }
    payload
}

/// What must hold of any message: it can be written down, and it is no larger than the format allows.
fn check(message: &Message) {
    let json = serde_json::to_string(message).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
    if let Body::Msm(msm) = &message.body {
        assert!(msm.signals.len() <= MAX_CELLS as usize);
        assert!(msm.satellites.len() <= 64);
    }
}

proptest! {
    #[test]
    fn any_payload_is_a_value(number in known(), payload in prop::collection::vec(any::<u8>(), 0..=1023)) {
        check(&decode(&payload));
        check(&decode(&numbered(number, payload)));
    }

    /// Random masks claim far too many cells; sparse ones reach the signals.
    #[test]
    fn any_sparse_msm_is_a_value(
        number in known(), payload in prop::collection::vec(prop_oneof![9 => Just(0u8), 1 => any::<u8>()], 22..=300),
    ) {
        check(&decode(&numbered(number, payload)));
    }
}

/// The longest payload of each message number in the captures.
fn one_of_each() -> Option<BTreeMap<Option<u16>, Vec<u8>>> {
    let folder = captures::folder()?;
    let mut longest = BTreeMap::<_, Vec<u8>>::new();
    for name in captures::WITH_RTCM {
        for frame in captures::frames_of(&folder.join(name)) {
            let payload = captures::payload(&frame);
            let kept = longest.entry(decode(payload).number).or_default();
            if payload.len() > kept.len() {
                *kept = payload.to_vec();
            }
        }
    }
    Some(longest)
}

/// A message cut off anywhere within its fields is malformed, and says so with both lengths.
#[test]
fn a_real_message_cut_off_is_malformed() {
    let Some(payloads) = one_of_each() else { return };
    let mut cut = 0;
    for (number, payload) in payloads.iter().filter(|(_, payload)| is_decoded(payload)) {
        assert!(!matches!(decode(payload).body, Body::Malformed { .. }), "{number:?}");
        // The last byte may be padding: one capture's MSM carries several bytes of it.
        let whole =
            (2..=payload.len()).rev().find(|&n| matches!(decode(&payload[..n]).body, Body::Malformed { .. }));
        let whole = whole.map_or(0, |shorter| shorter + 1);
        assert_eq!(decode(&payload[..whole]), decode(payload), "{number:?} at {whole}");
        for length in 2..whole {
            let found = decode(&payload[..length]);
            assert!(matches!(found.body, Body::Malformed { .. }), "{number:?} cut to {length}: {found:?}");
            check(&found);
            cut += 1;
        }
    }
    assert!(cut > 1_000, "only {cut}");
}

/// Of every real message: the text written straight out is serde's.
#[test]
fn written_json_is_serdes() {
    let Some(payloads) = one_of_each() else { return };
    let mut written = Vec::new();
    for payload in payloads.values() {
        let message = rtk_reader::decode::Message::Rtcm(decode(payload));
        let expected = serde_json::to_string(&message).unwrap();
        written.clear();
        written.push(b'{');
        message.write_json_fields(&mut written);
        assert_eq!(str::from_utf8(&written).unwrap(), expected);
    }
    assert!(!written.is_empty());
}

/// One bit flipped, each in turn.
#[test]
fn a_real_message_with_a_flipped_bit_is_a_value() {
    let Some(payloads) = one_of_each() else { return };
    let mut flipped = 0;
    for payload in payloads.values().filter(|payload| is_decoded(payload)) {
        // All of the header and masks; of the rest, where only values change, every seventh.
        for bit in (0..payload.len() * 8).filter(|bit| *bit < 240 || bit % 7 == 0) {
            let mut damaged = payload.clone();
            damaged[bit / 8] ^= 0x80 >> (bit % 8);
            check(&decode(&damaged));
            flipped += 1;
        }
    }
    assert!(flipped > 1_000, "only {flipped}");
}

fn is_decoded(payload: &[u8]) -> bool {
    !matches!(decode(payload).body, Body::Unknown { .. })
}
