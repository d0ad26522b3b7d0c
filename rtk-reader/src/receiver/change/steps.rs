//! A target in steps.

use std::collections::{BTreeMap, VecDeque};

use super::{
    super::{Item, KeyId, Layer, Layers, Request, Transaction, message::MAX_KEYS},
    Target,
};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// A VALSET or VALDEL that is to be acknowledged.
    Tell(Request),
    /// The speed of the port in use.
    Speed { to: u32, tries: u32 },
    /// What a layer must have.
    Check { layer: Layer, wanted: Vec<(KeyId, Option<u64>)> },
}

/// All that has to be told and read back, in order.
pub(super) fn steps(target: &Target, own_speed: Option<KeyId>) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let is_own = |key: &KeyId| Some(*key) == own_speed;
    let ram: Vec<Item> = target
        .ram
        .iter()
        .filter(|(key, _)| !is_own(key))
        .map(|(key, value)| Item { key: *key, value: *value })
        .collect();
    steps.extend(ram.chunks(MAX_KEYS).map(|items| set(Layers::RAM, items)));
    for (_, value) in target.ram.iter().filter(|(key, _)| is_own(key)) {
        steps.extend(u32::try_from(*value).ok().map(|to| Step::Speed { to, tries: 0 }));
    }
    let ram: BTreeMap<KeyId, Option<u64>> =
        target.ram.iter().map(|(key, value)| (*key, Some(*value))).collect();
    check(&mut steps, Layer::Ram, &ram);
    if target.bbr == target.flash {
        save(&mut steps, Layers::SAVED, &target.flash);
    } else {
        save(&mut steps, Layers::BBR, &target.bbr);
        save(&mut steps, Layers::FLASH, &target.flash);
    }
    check(&mut steps, Layer::Bbr, &target.bbr);
    check(&mut steps, Layer::Flash, &target.flash);
    steps
}

fn set(layers: Layers, items: &[Item]) -> Step {
    Step::Tell(Request::Set { layers, transaction: Transaction::None, items: items.to_vec() })
}

fn save(steps: &mut VecDeque<Step>, layers: Layers, saved: &BTreeMap<KeyId, Option<u64>>) {
    let items: Vec<Item> =
        saved.iter().filter_map(|(key, value)| Some(Item { key: *key, value: (*value)? })).collect();
    let gone: Vec<KeyId> = saved.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key).collect();
    steps.extend(items.chunks(MAX_KEYS).map(|items| set(layers, items)));
    steps.extend(gone.chunks(MAX_KEYS).map(|keys| {
        Step::Tell(Request::Delete { layers, transaction: Transaction::None, keys: keys.to_vec() })
    }));
}

/// Keys that must not be there are asked for one by one: a receiver may refuse a question in which one key of
/// several isn't there.
fn check(steps: &mut VecDeque<Step>, layer: Layer, wanted: &BTreeMap<KeyId, Option<u64>>) {
    let (there, gone): (Vec<_>, Vec<_>) =
        wanted.iter().map(|(key, value)| (*key, *value)).partition(|(_, value)| value.is_some());
    steps.extend(there.chunks(MAX_KEYS).map(|wanted| Step::Check { layer, wanted: wanted.to_vec() }));
    steps.extend(gone.into_iter().map(|one| Step::Check { layer, wanted: vec![one] }));
}
