use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;

use super::Json;

/// Something of every shape.
#[derive(Debug, Serialize)]
struct All<'a> {
    integers: (u8, i8, u16, i16, u32, i32, u64, i64),
    floats: Vec<f64>,
    small: f32,
    text: &'a str,
    letter: char,
    yes: bool,
    unit: (),
    nothing: Option<u8>,
    empty: [u8; 0],
    variants: [Variant; 4],
    map: BTreeMap<&'a str, Option<f64>>,
}

#[derive(Debug, Serialize)]
enum Variant {
    Unit,
    Newtype(u8),
    Tuple(u8, bool),
    Struct { field: &'static str },
}

fn written(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    value.serialize(Json::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// Decimals of a few places, those half a place beside, and any bits.
fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        (any::<i64>(), 0..8).prop_map(|(digits, places)| (digits >> 14) as f64 / 10_f64.powi(places)),
        (-2_000_000..2_000_000, 0..7).prop_map(|(digits, places)| f64::from(digits) / 10_f64.powi(places)),
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1e-4,
            1e-5,
            999_999_999.999_9,
            1e9,
            1e16,
            f64::NAN,
            f64::INFINITY
        ]),
    ]
}

proptest! {
    #[test]
    fn is_what_serde_json_writes(
        integers: (u8, i8, u16, i16, u32, i32, u64, i64),
        floats in prop::collection::vec(floats(), 0..20),
        small: f32, text: String, letter: char, yes: bool,
    ) {
        let map = [(text.as_str(), floats.first().copied()), ("", None)].into();
        let variants =
            [Variant::Unit, Variant::Newtype(1), Variant::Tuple(2, yes), Variant::Struct { field: "\n" }];
        let all = All {
            integers, floats, small, text: &text, letter, yes, unit: (), nothing: None, empty: [], variants, map,
        };
        prop_assert_eq!(written(&all), serde_json::to_string(&all).unwrap());
    }

    #[test]
    fn integers_of_every_length(bits: u64, shift in 0..64_u32) {
        let value = bits >> shift;
        prop_assert_eq!(written(&value), value.to_string());
    }
}
