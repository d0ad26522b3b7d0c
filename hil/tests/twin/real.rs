//! Told what a real ZED-F9P was told, the twin answers what that one answered: messages, lengths, order.

use std::path::PathBuf;
use std::time::Duration;

use fixtures::scenario::Mode;
use hil::twin::Character;
use rtk_reader::frame::{Framer, MessageId};
use rtk_reader::receiver::{Answer, KeyId, Layer, Port, Request, keys};

use crate::support::{Bench, answers, names, values};

#[expect(clippy::print_stderr, reason = "a skip must be seen")]
fn capture(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss")).join(name);
    if let Ok(bytes) = std::fs::read(&path) {
        return Some(bytes);
    }
    let required = std::env::var_os("DEPOT_REQUIRE_PEERS").is_some_and(|value| !value.is_empty());
    assert!(!required, "DEPOT_REQUIRE_PEERS is set, and {} is not there", path.display());
    eprintln!("skipped: {} is not there", path.display());
    None
}

struct Said {
    id: MessageId,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

fn frames(bytes: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    Framer::new().push(Duration::ZERO, bytes, &mut |frame| {
        said.push(Said { id: frame.id(), payload: frame.payload().to_vec(), bytes: frame.bytes.to_vec() });
    });
    said
}

/// u-center asks a receiver for all items, 64 by 64: the same keys on the same pages with values of the same sizes, and
/// an ACK behind each. Values differ where that receiver was configured.
#[test]
fn all_items_as_a_real_one_tells_them() {
    let Some(capture) = capture("pyubx2/ucenter-ZEDF9P-configdebug.log") else { return };
    let mut bench = Bench::up();
    let (mut pages, mut differing) = (0, 0);
    for said in
        frames(&capture).iter().filter(|said| said.bytes[2..4] == [0x06, 0x8B] && said.payload[0] == 1)
    {
        let mut real = None;
        Framer::new().push(Duration::ZERO, &said.bytes, &mut |frame| real = Answer::read(&frame));
        let Some(Answer::Values { layer, position, items }) = real else { panic!("{:?}", said.id) };
        assert_eq!(layer, Layer::Ram);
        // As u-center asks.
        let request = Request::Get { layer, position, keys: vec![KeyId(0x0FFF_0000)] };
        let ours = values(&bench.ask(&request)).expect("a page");
        // The real one's pages overlap by one item somewhere; ours are compared item by item.
        pages += 1;
        for item in &items {
            let value = bench.get(Layer::Ram, &[item.key]).expect("the item is there");
            // Messages were turned off there.
            if keys::rated(item.key).is_none() {
                differing += usize::from(value != [item.value]);
            }
        }
        assert!(ours.len() == items.len() || ours.len() + 1 == items.len(), "{} {}", ours.len(), items.len());
    }
    assert_eq!((pages, differing), (24, 0));
}

/// The polls of that session, and what came.
#[test]
fn polls_as_a_real_one_answers_them() {
    let Some(capture) = capture("pyubx2/ucenter-ZEDF9P-configdebug.log") else { return };
    let said = frames(&capture);
    let mut bench = Bench::up();
    bench.seconds(3);
    for (class, id) in [(0x0A, 0x04), (0x0A, 0x36), (0x01, 0x07), (0x01, 0x22), (0x01, 0x3B), (0x01, 0x3C)] {
        let real = said.iter().find(|said| said.bytes[2..4] == [class, id] && !said.payload.is_empty());
        let real = real.expect("it is in the capture");
        let ours = bench.poll(class, id);
        assert_eq!(ours.len(), 1, "{}", real.id);
        assert_eq!(ours[0].payload.len(), real.payload.len(), "{}", real.id);
        if (class, id) == (0x0A, 0x04) {
            assert_eq!(ours[0].bytes, real.bytes, "MON-VER, to the byte");
        }
    }
    // Which of CFG-MSG's messages it knows.
    for (message, known) in
        [([0x01, 0x07], true), ([0x01, 0x35], true), ([0x01, 0x30], false), ([0x0A, 0x26], false)]
    {
        let told = rtk_reader::frame::encode::ubx(6, 1, &[message[0], message[1], 1]).expect("a frame");
        let ours = answers(&bench.tell(&told));
        assert_eq!(ours, [Answer::Ack { acknowledged: known, class: 6, id: 1 }], "{message:02X?}");
    }
}

/// A base's epoch, in the order of a real base's. That one also sends 4072, u-blox's own and undisclosed, and GSA and GSV
/// of QZSS; all else is the same.
#[test]
fn an_epoch_as_a_real_base_sends_it() {
    let Some(capture) = capture("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let said = frames(&capture);
    let real: Vec<String> = said.iter().map(|said| said.id.to_string()).collect();
    let starts: Vec<usize> = (0..real.len()).filter(|i| real[*i] == "1005").collect();
    let kinds = |names: &[String]| {
        let mut kinds: Vec<String> =
            names.iter().filter(|name| !name.contains("4072") && *name != "GQGSV").cloned().collect();
        kinds.dedup();
        kinds
    };
    // NAV-SVIN came when it was asked for.
    let real = kinds(&real[starts[0]..starts[1]]);

    let mode = Mode::Fixed { ecef_m: Character::quick().place.to_ecef(), accuracy_m: 0.01 };
    let mut character = Character::quick().as_base(Port::Usb, mode);
    for name in ["CFG-MSGOUT-UBX_NAV_SAT_USB", "CFG-MSGOUT-UBX_NAV_SVIN_USB"] {
        character.saved.push(crate::support::item(name, 0));
    }
    let mut bench = Bench::new(character, Port::Usb);
    bench.seconds(30);
    let epoch = bench.seconds(1);
    assert_eq!(kinds(&names(&epoch)), real);
    // Messages of fixed length have that length.
    for name in ["1005", "NAV-PVT"] {
        let theirs = said.iter().find(|said| said.id.to_string() == name).expect(name);
        assert_eq!(crate::support::last(&epoch, name).payload.len(), theirs.payload.len(), "{name}");
    }
}
