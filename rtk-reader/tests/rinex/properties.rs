//! Whatever is decoded, the files keep to their columns, and nothing panics.

use proptest::prelude::*;
use rtk_reader::decode::{Message, rtcm, ubx};
use rtk_reader::rinex::GpsTime;

use super::convert;

/// Payloads of the messages that are used, with bits of any kind.
fn payload() -> impl Strategy<Value = Message> {
    let numbers = prop_oneof![
        (107u16..=113, 4u16..=7).prop_map(|(tens, level)| tens * 10 + level),
        prop::sample::select(vec![1005u16, 1006, 1007, 1008, 1019, 1020, 1033, 1042, 1045, 1046]),
    ];
    let rtcm = (numbers, prop::collection::vec(any::<u8>(), 60..200), any::<bool>()).prop_map(
        |(number, mut bytes, sparse)| {
            bytes[0] = (number >> 4) as u8;
            bytes[1] = (number << 4) as u8 | bytes[1] & 0x0F;
            // Few satellites and signals: a mask of any bits is nearly always too large.
            if sparse {
                for byte in &mut bytes[9..21] {
                    *byte &= byte.rotate_left(3) & 0x55;
                }
            }
            Message::Rtcm(rtcm::decode(&bytes))
        },
    );
    let rawx = (1u8..5, prop::collection::vec(any::<u8>(), 16 + 4 * 32)).prop_map(|(count, mut bytes)| {
        bytes.truncate(16 + 32 * usize::from(count));
        bytes[11] = count;
        let seconds = f64::from(bytes[0]) * 1000.0;
        bytes[0..8].copy_from_slice(&seconds.to_le_bytes());
        for measurement in bytes[16..].chunks_mut(32) {
            (measurement[20], measurement[22]) = (measurement[20] % 8, measurement[22] % 4);
        }
        Message::Ubx(ubx::decode(0x02, 0x15, &bytes))
    });
    prop_oneof![3 => rtcm, 1 => rawx]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn files_keep_to_their_columns(messages in prop::collection::vec(payload(), 0..12), week in 0i64..4000) {
        let converted = convert(&messages, GpsTime::of_week(week, 0.0));
        for text in [&converted.observations, &converted.navigation] {
            let (mut in_header, mut columns) = (true, 0);
            for line in text.lines() {
                prop_assert!(line.is_ascii(), "{line}");
                if in_header {
                    prop_assert_eq!(line.len(), 80, "{}", line);
                    columns = columns.max(if line.contains("OBS TYPES") { line[3..6].trim().parse().unwrap_or(0) } else { 0 });
                    in_header = !line.contains("END OF HEADER");
                } else if text == &converted.navigation {
                    prop_assert!(line.len() <= 80, "{}", line);
                } else if !line.starts_with('>') {
                    prop_assert!(line.len() <= 3 + 16 * columns, "{}", line);
                }
            }
        }
    }
}
