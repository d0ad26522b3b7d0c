//! Configuration messages, there and back.

use proptest::prelude::*;
use rtk_reader::frame::{Framer, encode};
use rtk_reader::receiver::message::{MAX_KEYS, RequestError};
use rtk_reader::receiver::{Answer, Item, KeyId, Layer, Layers, Request, Transaction};

/// Both readings of a frame.
fn readings(bytes: &[u8]) -> (Result<Request, RequestError>, Option<Answer>) {
    let mut framer = Framer::new();
    let mut found = None;
    let mut take = |frame: rtk_reader::frame::Frame<'_>| {
        assert!(found.replace((Request::read(&frame), Answer::read(&frame))).is_none());
    };
    framer.push(std::time::Duration::ZERO, bytes, &mut take);
    framer.finish(&mut take);
    found.expect("a good frame")
}

#[test]
fn a_valset_as_the_interface_description_lays_it_out() {
    let items = vec![
        Item { key: KeyId(0x2003_0001), value: 2 },
        Item { key: KeyId(0x3021_0001), value: 1000 },
        Item { key: KeyId(0x4052_0001), value: 460_800 },
        Item { key: KeyId(0x2003_000C), value: 0xFFFF_FFFF_FFFF_FF9D },
    ];
    let set = |transaction| Request::Set { layers: Layers::SAVED, transaction, items: items.clone() };
    let payload = |version: u8, transaction: u8| {
        let mut payload = vec![version, 6, transaction, 0];
        payload.extend([0x01, 0x00, 0x03, 0x20, 2]);
        payload.extend([0x01, 0x00, 0x21, 0x30, 0xE8, 0x03]);
        payload.extend([0x01, 0x00, 0x52, 0x40, 0x00, 0x08, 0x07, 0x00]);
        payload.extend([0x0C, 0x00, 0x03, 0x20, 0x9D]);
        encode::ubx(0x06, 0x8A, &payload).unwrap()
    };
    assert_eq!(set(Transaction::None).frame().unwrap(), payload(0, 0));
    assert_eq!(set(Transaction::Apply).frame().unwrap(), payload(1, 3));
}

#[test]
fn what_is_no_request_says_why() {
    let read = |id, payload: &[u8]| Request::read_payload(0x06, id, payload).unwrap_err().to_string();
    assert_eq!(read(0x8A, &[0, 1, 0]), "expected a payload of 4 bytes or more, found 3");
    assert_eq!(read(0x8A, &[2, 1, 0, 0]), "version can't be 2");
    assert_eq!(read(0x8A, &[1, 1, 4, 0]), "transaction can't be 4");
    assert_eq!(read(0x8B, &[0, 3, 0, 0]), "layer can't be 3");
    assert_eq!(read(0x8B, &[1, 0, 0, 0]), "version can't be 1");
    assert_eq!(read(0x8A, &[0, 1, 0, 0, 1, 0, 3]), "expected a payload of 4 bytes or more, found 3");
    assert_eq!(
        read(0x8A, &[0, 1, 0, 0, 1, 0, 0x21, 0x30, 1]),
        "expected a payload of 2 bytes or more, found 1"
    );
    assert_eq!(
        read(0x8A, &[0, 1, 0, 0, 0, 0, 0xFF, 0x0F]),
        "expected a key that says the size of its value, found 0x0fff0000"
    );
    assert_eq!(read(0x00, &[1]), "06-00 is not a request that configures");
    let many = vec![Item { key: KeyId(0x1000_0001), value: 1 }; MAX_KEYS + 1];
    let many = Request::Set { layers: Layers::RAM, transaction: Transaction::None, items: many };
    assert_eq!(many.frame(), Err(RequestError::TooManyKeys(65)));
    let mut payload = vec![0, 0, 0, 0];
    payload.extend([1, 0, 0, 0x10].repeat(65));
    assert_eq!(read(0x8B, &payload), "expected at most 64 keys, found 65");
}

fn key() -> impl Strategy<Value = KeyId> {
    (1u32..=5, 0u32..0x1000, any::<u16>())
        .prop_map(|(size, group, item)| KeyId(size << 28 | group << 16 | u32::from(item)))
}

fn item() -> impl Strategy<Value = Item> {
    (key(), any::<u64>()).prop_map(|(key, value)| {
        let bits = 8 * key.value_bytes().unwrap();
        Item { key, value: value & (u64::MAX >> (64 - bits)) }
    })
}

fn layer() -> impl Strategy<Value = Layer> {
    prop_oneof![Just(Layer::Ram), Just(Layer::Bbr), Just(Layer::Flash), Just(Layer::Default)]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    prop_oneof![
        Just(Transaction::None),
        Just(Transaction::Start),
        Just(Transaction::Ongoing),
        Just(Transaction::Apply)
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let items = proptest::collection::vec(item(), 0..=MAX_KEYS);
    let keys = || proptest::collection::vec(key(), 0..=MAX_KEYS);
    prop_oneof![
        (any::<u8>(), transaction(), items).prop_map(|(layers, transaction, items)| Request::Set {
            layers: Layers(layers),
            transaction,
            items
        }),
        (layer(), any::<u16>(), keys()).prop_map(|(layer, position, keys)| Request::Get {
            layer,
            position,
            keys
        }),
        (any::<u8>(), transaction(), keys()).prop_map(|(layers, transaction, keys)| Request::Delete {
            layers: Layers(layers),
            transaction,
            keys
        }),
        (any::<u16>(), any::<u8>()).prop_map(|(forget, mode)| Request::Reset { forget, mode }),
        (any::<u8>(), any::<u8>()).prop_map(|(class, id)| Request::Poll { class, id }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let items = proptest::collection::vec(item(), 0..=MAX_KEYS);
    prop_oneof![
        (any::<bool>(), any::<u8>(), any::<u8>()).prop_map(|(acknowledged, class, id)| Answer::Ack {
            acknowledged,
            class,
            id
        }),
        (layer(), any::<u16>(), items).prop_map(|(layer, position, items)| Answer::Values {
            layer,
            position,
            items
        }),
    ]
}

proptest! {
    #[test]
    fn a_request_arrives_as_it_was_sent(request in request()) {
        let (read, _) = readings(&request.frame().unwrap());
        prop_assert_eq!(read, Ok(request));
    }

    #[test]
    fn an_answer_arrives_as_it_was_sent(answer in answer()) {
        let (_, read) = readings(&answer.frame().unwrap());
        prop_assert_eq!(read, Some(answer));
    }

    #[test]
    fn any_payload_is_read_without_a_panic(
        class in prop_oneof![Just(5u8), Just(6), any::<u8>()],
        id in prop_oneof![Just(0x8Au8), Just(0x8B), Just(0x8C), Just(0x04), any::<u8>()],
        payload in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let (request, _) = readings(&encode::ubx(class, id, &payload).unwrap());
        if let Ok(request) = request {
            // What is taken can be sent again.
            prop_assert!(request.frame().is_ok());
        }
    }
}
