//! u-center reading all 1,475 keys of a ZED-F9P with HPG 1.32.

use std::collections::BTreeMap;

use rtk_reader::frame::Framer;
use rtk_reader::receiver::{Answer, Item, KeyId, Layer, Request, keys};

const FILE: &str = "pyubx2/ucenter-ZEDF9P-configdebug.log";

/// A frame and both readings of it.
type Both = (Vec<u8>, Option<Request>, Option<Answer>);

/// Every frame of the capture.
fn exchange() -> Option<Vec<Both>> {
    let bytes = std::fs::read(crate::captures()?.join(FILE)).unwrap();
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    let mut take = |frame: rtk_reader::frame::Frame<'_>| {
        frames.push((frame.bytes.to_vec(), Request::read(&frame).ok(), Answer::read(&frame)));
    };
    framer.push(std::time::Duration::ZERO, &bytes, &mut take);
    framer.finish(&mut take);
    Some(frames)
}

/// The RAM of the receiver in the capture.
fn ram() -> Option<BTreeMap<KeyId, u64>> {
    let mut ram = BTreeMap::new();
    for (_, _, answer) in exchange()? {
        if let Some(Answer::Values { items, .. }) = answer {
            ram.extend(items.iter().map(|item| (item.key, item.value)));
        }
    }
    Some(ram)
}

#[test]
fn what_is_read_is_written_alike() {
    let Some(frames) = exchange() else { return };
    let (mut asked, mut answered, mut acknowledged) = (0, 0, 0);
    for (bytes, request, answer) in frames {
        match &answer {
            Some(Answer::Values { layer: Layer::Ram, items, .. }) => {
                answered += items.len();
                assert_eq!(answer.unwrap().frame().unwrap(), bytes);
                continue;
            }
            Some(Answer::Ack { .. }) => {
                acknowledged += 1;
                assert_eq!(answer.unwrap().frame().unwrap(), bytes);
                continue;
            }
            Some(other) => panic!("a layer nobody asked for: {other:?}"),
            None => {}
        }
        if let Some(request) = request {
            assert_eq!(request.frame().unwrap(), bytes);
            if let Request::Get { layer, position, keys } = request {
                assert_eq!((layer, position, keys), (Layer::Ram, 64 * asked, vec![KeyId::ALL]));
                asked += 1;
            }
        }
    }
    assert_eq!((asked, answered, acknowledged > 24), (24, 1475, true));
}

#[test]
fn the_receiver_has_every_key_named_here_and_the_sizes_agree() {
    let Some(ram) = ram() else { return };
    assert_eq!(ram.len(), 1475);
    let missing: Vec<String> =
        keys::all().filter(|key| !ram.contains_key(&key.id)).map(|key| key.name.to_string()).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// This receiver's messages were all switched off; whatever else has a default here, it has it.
#[test]
fn defaults_are_those_of_the_capture_where_nobody_changes_them() {
    let Some(ram) = ram() else { return };
    for key in keys::all().filter(|key| keys::rated(key.id).is_none()) {
        let Some(default) = key.default else { continue };
        assert_eq!(ram.get(&key.id), Some(&default), "{}", key.name);
    }
    let unknown = ram.keys().filter(|key| key.key().is_none()).count();
    assert!(unknown < 1100, "{unknown} keys without a name");
}

#[test]
fn wildcards_ask_for_groups() {
    let Some(ram) = ram() else { return };
    let count = |wildcard: KeyId| ram.keys().filter(|&&key| wildcard.asks_for(key)).count();
    assert_eq!((count(KeyId::ALL), count(KeyId(0x0FFF_FFFF))), (1475, 1475));
    assert_eq!(count(KeyId::all_of(0x003)), 17, "CFG-TMODE");
    assert_eq!(count(KeyId(0x2003_FFFF)), 17, "the size of a wildcard doesn't count");
    assert_eq!(count(KeyId(0x2003_0001)), 1);
}

#[test]
fn items_come_in_the_order_of_their_ids() {
    let Some(frames) = exchange() else { return };
    let mut last = KeyId(0);
    for (_, _, answer) in frames {
        let Some(Answer::Values { items, .. }) = answer else { continue };
        for Item { key, .. } in items {
            assert!(key > last, "{key} behind {last}");
            last = key;
        }
    }
}
