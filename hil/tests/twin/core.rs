//! Configuration: layers, refusals, what outlives what.

use std::time::Duration;

use hil::twin::receiver::Effect;
use hil::twin::{Character, StartKind};
use proptest::prelude::*;
use rtk_reader::frame::encode;
use rtk_reader::receiver::{Item, KeyId, Layer, Layers, Port, Request, Transaction};

use crate::support::{Bench, acknowledged, count, item, key, names, values};

const ALL: Layers = Layers(7);
const RATE: &str = "CFG-RATE-MEAS";

#[test]
fn a_value_is_where_it_was_put_and_nowhere_else() {
    let mut bench = Bench::up();
    assert!(bench.set(Layers::RAM, &[(RATE, 200)]));
    let in_layers = |bench: &mut Bench| {
        [Layer::Ram, Layer::Bbr, Layer::Flash, Layer::Default].map(|layer| bench.get_named(layer, RATE))
    };
    assert_eq!(in_layers(&mut bench), [Some(200), None, None, Some(1_000)]);
    assert!(bench.set(Layers::FLASH, &[(RATE, 250)]));
    assert_eq!(in_layers(&mut bench), [Some(200), None, Some(250), Some(1_000)]);
    assert!(bench.set(ALL, &[(RATE, 500)]));
    assert_eq!(in_layers(&mut bench), [Some(500), Some(500), Some(500), Some(1_000)]);
    let delete = Request::Delete {
        layers: Layers::SAVED,
        transaction: Transaction::None,
        keys: vec![KeyId::all_of(key(RATE).group())],
    };
    assert!(acknowledged(&bench.ask(&delete)));
    assert_eq!(in_layers(&mut bench), [Some(500), None, None, Some(1_000)]);
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut bench = Bench::up();
    let unknown = Item { key: KeyId(0x2099_0001), value: 1 };
    let bad = [
        vec![item(RATE, 200), unknown],
        vec![item(RATE, 200), item("CFG-TMODE-MODE", 3)],
        vec![item(RATE, 24)],
        vec![item(RATE, 200), item("CFG-UART1-BAUDRATE", 38_401)],
        vec![item(RATE, 200), item("CFG-TMODE-ECEF_X_HP", 100)],
    ];
    for items in bad {
        let request = Request::Set { layers: ALL, transaction: Transaction::None, items };
        assert!(!acknowledged(&bench.ask(&request)), "{request:?}");
    }
    for layers in [0, 8, 0x17] {
        assert!(!bench.set(Layers(layers), &[(RATE, 200)]), "{layers}");
    }
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(1_000));
    assert_eq!(bench.get_named(Layer::Flash, RATE), None);

    // Cut off within a value, an unknown version, an unknown layer.
    let cut = encode::ubx(6, 0x8A, &[0, 1, 0, 0, 1, 0, 0x21, 0x30, 200]).expect("a frame");
    let version = encode::ubx(6, 0x8A, &[2, 1, 0, 0]).expect("a frame");
    let layer = encode::ubx(6, 0x8B, &[0, 3, 0, 0, 1, 0, 0x21, 0x30]).expect("a frame");
    for frame in [cut, version, layer] {
        assert!(!acknowledged(&bench.tell(&frame)), "{frame:02X?}");
    }
    // More than 64.
    let keys = (0..65).map(|_| key(RATE)).collect::<Vec<_>>();
    let payload: Vec<u8> =
        [0, 0, 0, 0].into_iter().chain(keys.iter().flat_map(|k| k.0.to_le_bytes())).collect();
    assert!(!acknowledged(&bench.tell(&encode::ubx(6, 0x8B, &payload).expect("a frame"))));
    assert_eq!(bench.get(Layer::Ram, &keys[..64]), Some(vec![1_000]));
}

#[test]
fn all_items_come_page_by_page_in_the_order_of_their_keys() {
    let mut bench = Bench::up();
    let mut all = Vec::new();
    for page in 0.. {
        let request = Request::Get { layer: Layer::Ram, position: page * 64, keys: vec![KeyId::ALL] };
        let Some(items) = values(&bench.ask(&request)) else { break };
        assert!(items.len() <= 64);
        all.extend(items);
    }
    assert_eq!(all.len(), 1_475);
    assert!(all.windows(2).all(|pair| pair[0].key < pair[1].key));
    let uart1 = bench.get(Layer::Ram, &[KeyId(0x0052_FFFF)]).expect("a group");
    assert_eq!(uart1.len(), 9, "three flags, five choices, a speed");
    assert_eq!(bench.get(Layer::Ram, &[KeyId(0x00AF_FFFF)]), None, "no such group");
}

#[test]
fn a_transaction_takes_effect_as_a_whole() {
    let mut bench = Bench::up();
    let set = |transaction, name, value| Request::Set {
        layers: Layers::RAM,
        transaction,
        items: vec![item(name, value)],
    };
    assert!(acknowledged(&bench.ask(&set(Transaction::Start, RATE, 200))));
    assert!(acknowledged(&bench.ask(&set(Transaction::Ongoing, "CFG-RATE-NAV", 2))));
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(1_000), "not yet");
    assert!(acknowledged(&bench.ask(&set(Transaction::Apply, "CFG-RTCM-DF003_OUT", 7))));
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(200));
    assert_eq!(bench.get_named(Layer::Ram, "CFG-RTCM-DF003_OUT"), Some(7));

    // One that fails is dropped, and can't be applied any more.
    assert!(acknowledged(&bench.ask(&set(Transaction::Start, RATE, 300))));
    assert!(!acknowledged(&bench.ask(&set(Transaction::Ongoing, "CFG-RATE-NAV", 0))));
    assert!(!acknowledged(&bench.ask(&set(Transaction::Apply, "CFG-RATE-NAV", 1))));
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(200));
    // So is one that a message without a transaction comes between.
    assert!(acknowledged(&bench.ask(&set(Transaction::Start, RATE, 300))));
    assert!(acknowledged(&bench.ask(&set(Transaction::None, "CFG-RATE-NAV", 1))));
    assert!(!acknowledged(&bench.ask(&set(Transaction::Apply, "CFG-RATE-NAV", 1))));
}

#[test]
fn a_power_cycle_makes_ram_of_what_is_saved() {
    for (backup_battery, after) in [(true, [100, 2, 9_600]), (false, [250, 2, 38_400])] {
        let character = Character { backup_battery, ..Character::quick() };
        let mut bench = Bench::new(character, Port::Usb);
        bench.seconds(1);
        assert!(bench.set(Layers::FLASH, &[(RATE, 250), ("CFG-RATE-NAV", 2)]));
        assert!(bench.set(Layers::BBR, &[(RATE, 100), ("CFG-UART2-BAUDRATE", 9_600)]));
        assert!(bench.set(Layers::RAM, &[(RATE, 50), ("CFG-TMODE-MODE", 1)]));
        bench.receiver.power_off();
        assert_eq!(bench.seconds(2), []);
        assert_eq!(bench.poll(0x0A, 0x04), [], "it is off");
        bench.receiver.power_on(bench.now, &mut bench.effects);
        assert_eq!(bench.poll(0x0A, 0x04), [], "it boots");
        bench.seconds(1);
        let names = [RATE, "CFG-RATE-NAV", "CFG-UART2-BAUDRATE"];
        assert_eq!(names.map(|name| bench.get_named(Layer::Ram, name)), after.map(Some));
        assert_eq!(bench.get_named(Layer::Ram, "CFG-TMODE-MODE"), Some(0));
        assert_eq!(bench.get_named(Layer::Bbr, RATE), backup_battery.then_some(100));
    }
}

#[test]
fn a_hardware_reset_forgets_ram_and_a_reset_of_gnss_does_not() {
    let mut bench = Bench::up();
    assert!(bench.set(Layers::RAM, &[(RATE, 200)]));
    assert_eq!(bench.ask(&Request::Reset { forget: 0, mode: 2 }), [], "it has no answer");
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(200));
    bench.receiver.receive(
        bench.now,
        bench.port,
        &Request::Reset { forget: 0xFFFF, mode: 0 }.frame().expect("a frame"),
        &mut bench.effects,
    );
    assert_eq!(bench.effects, [Effect::Restart]);
    let hello = bench.seconds(1);
    assert!(count(&hello, "GNTXT") >= 8, "{:?}", names(&hello));
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(1_000));
}

#[test]
fn a_new_speed_is_for_what_comes_after_the_answer() {
    let mut bench = Bench::new(Character::quick(), Port::Uart1);
    bench.run(Duration::from_millis(60));
    let items = vec![item("CFG-UART1-BAUDRATE", 115_200)];
    let request = Request::Set { layers: Layers::RAM, transaction: Transaction::None, items };
    bench.receiver.receive(bench.now, bench.port, &request.frame().expect("a frame"), &mut bench.effects);
    let [Effect::Send { frame, .. }, Effect::Baud { port: Port::Uart1, baud: 115_200 }] =
        bench.effects.as_slice()
    else {
        panic!("{:?}", bench.effects);
    };
    assert_eq!(frame[2..8], [5, 1, 2, 0, 6, 0x8A], "ACK-ACK of CFG-VALSET");
    assert_eq!(bench.receiver.baud(Port::Uart1), Some(115_200));
}

#[test]
fn ports_take_and_give_what_they_are_configured_to() {
    let mut bench = Bench::up();
    assert!(bench.set(Layers::RAM, &[("CFG-USBOUTPROT-NMEA", 0)]));
    assert_eq!(bench.seconds(2), []);
    assert!(bench.set(Layers::RAM, &[("CFG-USBOUTPROT-NMEA", 1)]));
    assert!(!bench.seconds(2).is_empty());
    assert_eq!(names(&bench.poll(0x0A, 0x38)), ["MON-RF"]);
    assert!(bench.set(Layers::RAM, &[("CFG-USBINPROT-UBX", 0)]));
    assert_eq!(bench.poll(0x0A, 0x38), [], "deaf");
}

#[test]
fn it_answers_what_it_is_asked() {
    let mut bench = Bench::up();
    bench.seconds(3);
    for (class, id, name, length) in [
        (0x0A, 0x04, "MON-VER", 220),
        (0x0A, 0x38, "MON-RF", 4 + 2 * 24),
        (0x0A, 0x36, "MON-COMMS", 8 + 5 * 40),
        (0x27, 0x03, "27-03", 9),
        (0x01, 0x03, "NAV-STATUS", 16),
        (0x01, 0x07, "NAV-PVT", 92),
        (0x01, 0x14, "NAV-HPPOSLLH", 36),
        (0x01, 0x22, "NAV-CLOCK", 20),
        (0x01, 0x3B, "NAV-SVIN", 40),
        (0x01, 0x3C, "NAV-RELPOSNED", 64),
    ] {
        let sent = bench.poll(class, id);
        assert_eq!(sent.len(), 1, "{name}: {:?}", names(&sent));
        assert_eq!(sent[0].payload.len(), length, "{name}");
        assert_eq!(sent[0].bytes[2..4], [class, id], "{name}");
    }
    assert_eq!(bench.poll(0x01, 0xEE), [], "what isn't of class CFG isn't refused aloud");
    assert!(!acknowledged(&bench.poll(0x06, 0xEE)));
}

#[test]
fn old_messages_mean_items() {
    let mut bench = Bench::up();
    let mut tell = |id: u8, payload: &[u8]| bench.tell(&encode::ubx(6, id, payload).expect("a frame"));
    // CFG-MSG: NAV-PVT on this port; one that there is not; CFG-RATE; CFG-PRT asked.
    assert!(acknowledged(&tell(0x01, &[1, 7, 1])));
    assert!(!acknowledged(&tell(0x01, &[0x0C, 0x49, 1])), "as a real one: ucenter-ZEDF9P-configdebug.log");
    assert!(acknowledged(&tell(0x08, &[200, 0, 1, 0, 1, 0])));
    let port = tell(0x00, &[1]);
    assert_eq!(names(&port), ["06-00", "ACK-ACK"]);
    assert_eq!(port[0].payload.len(), 20);
    assert_eq!(
        port[0].payload[8..16],
        [0x00, 0x96, 0, 0, 0x23, 0, 0x23, 0],
        "38,400 Bd, UBX, NMEA and RTCM 3"
    );
    assert_eq!(bench.get_named(Layer::Ram, "CFG-MSGOUT-UBX_NAV_PVT_USB"), Some(1));
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(200));
    // CFG-CFG: save, and clear.
    let mut tell = |id: u8, payload: &[u8]| bench.tell(&encode::ubx(6, id, payload).expect("a frame"));
    assert!(acknowledged(&tell(0x09, &[0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0])));
    assert_eq!(bench.get_named(Layer::Flash, RATE), Some(200));
    let mut tell = |id: u8, payload: &[u8]| bench.tell(&encode::ubx(6, id, payload).expect("a frame"));
    assert!(acknowledged(&tell(0x09, &[0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0])));
    assert_eq!(bench.get_named(Layer::Flash, RATE), None);
    assert_eq!(bench.get_named(Layer::Ram, RATE), Some(1_000));
}

#[test]
fn figures_are_those_of_the_character() {
    let character =
        Character { unique_id: [9, 8, 7, 6, 5], firmware: "HPG 1.51".into(), ..Character::quick() };
    assert_eq!(character.first_fix(StartKind::Hot), Duration::from_millis(400));
    let mut bench = Bench::new(character, Port::Usb);
    bench.seconds(1);
    assert_eq!(bench.poll(0x27, 0x03)[0].payload[4..], [9, 8, 7, 6, 5]);
    let version = String::from_utf8_lossy(&bench.poll(0x0A, 0x04)[0].payload).into_owned();
    assert!(version.contains("FWVER=HPG 1.51") && version.contains("MOD=ZED-F9P"), "{version}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever it is told, it doesn't panic, and says nothing but whole frames (`Bench` looks).
    #[test]
    fn any_bytes_are_borne(pieces in prop::collection::vec(piece(), 1..40)) {
        let mut bench = Bench::up();
        for piece in pieces {
            bench.tell(&piece);
            bench.run(Duration::from_millis(70));
        }
    }
}

/// Noise, frames of any content, and requests that mean something.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let payload = || prop::collection::vec(any::<u8>(), 0..64);
    let frame = |class, id, payload: Vec<u8>| encode::ubx(class, id, &payload).unwrap_or_default();
    let known = prop::sample::select(rtk_reader::receiver::keys::all().collect::<Vec<_>>());
    prop_oneof![
        payload(),
        (any::<u8>(), any::<u8>(), payload()).prop_map(move |(class, id, payload)| frame(class, id, payload)),
        (0..=0x8C_u8, payload()).prop_map(move |(id, payload)| frame(6, id, payload)),
        (prop::sample::select(vec![1, 2, 0x0A]), any::<u8>()).prop_map(move |(class, id)| frame(
            class,
            id,
            vec![]
        )),
        (known, 0..8_u8, prop_oneof![any::<u64>(), 0..40_u64]).prop_map(|(key, layers, value)| {
            let items = vec![Item { key: key.id, value }];
            let request = Request::Set { layers: Layers(layers), transaction: Transaction::None, items };
            request.frame().unwrap_or_default()
        }),
        (any::<u16>(), 0..10_u8)
            .prop_map(|(forget, mode)| { Request::Reset { forget, mode }.frame().unwrap_or_default() }),
    ]
}
