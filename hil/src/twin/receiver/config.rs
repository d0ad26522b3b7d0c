//! The configuration: items in layers.
//!
//! RAM is in force. At a start it is made anew of the defaults, what flash has over them, and what BBR has over both
//! (UBX-22008968, "Configuration layers").

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rtk_reader::receiver::message::MAX_KEYS;
use rtk_reader::receiver::{Item, KeyId, Layer, Layers, Request, Transaction};

use super::limits;

/// A transaction longer than this is refused and dropped.
pub const TRANSACTION_ITEMS: usize = 1_024;

type Values = BTreeMap<KeyId, u64>;

/// As it leaves the factory.
static FACTORY: LazyLock<Values> = LazyLock::new(|| parse(include_str!("factory.txt")));

/// A receiver's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    ram: Values,
    bbr: Values,
    flash: Values,
    open: Option<Open>,
    changes: u64,
}

/// A transaction that has begun.
#[derive(Clone, Debug)]
struct Open {
    layers: Layers,
    changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Set(Item),
    Delete(KeyId),
}

/// It was refused, and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiver refuses it")]
pub struct Refused;

/// Whether a ZED-F9P has the item and takes the value.
#[must_use]
pub fn takes(item: Item) -> bool {
    FACTORY.contains_key(&item.key) && limits::allows(item)
}

impl Config {
    /// With some items saved in flash; those it doesn't know are left out.
    #[must_use]
    pub fn new(saved: &[Item]) -> Self {
        let mut config =
            Self { ram: Values::new(), bbr: Values::new(), flash: Values::new(), open: None, changes: 0 };
        let known = saved.iter().filter(|item| takes(**item));
        config.flash.extend(known.map(|item| (item.key, item.value)));
        config.start();
        config
    }

    /// What is in force; 0 for an item that the receiver doesn't have.
    #[must_use]
    pub fn get(&self, key: KeyId) -> u64 {
        self.ram.get(&key).copied().unwrap_or(0)
    }

    /// The same, for flags.
    #[must_use]
    pub fn is_on(&self, key: KeyId) -> bool {
        self.get(key) != 0
    }

    /// How often somebody has changed it, over a port.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// RAM is made anew; an open transaction is forgotten.
    pub fn start(&mut self) {
        self.open = None;
        self.ram.clone_from(&FACTORY);
        self.ram.extend(&self.flash);
        self.ram.extend(&self.bbr);
    }

    /// BBR has lost its power.
    pub fn lose_bbr(&mut self) {
        self.bbr.clear();
    }

    /// What a CFG-VALGET asks for, in the order of the keys.
    ///
    /// # Errors
    /// For a key that the receiver doesn't have, or when the layer has none of what is asked for.
    pub fn read(&self, layer: Layer, position: u16, keys: &[KeyId]) -> Result<Vec<Item>, Refused> {
        let values = match layer {
            Layer::Ram => &self.ram,
            Layer::Bbr => &self.bbr,
            Layer::Flash => &self.flash,
            Layer::Default => &FACTORY,
        };
        let asked = |id: KeyId| keys.iter().any(|key| key.asks_for(id));
        let known = |key: &KeyId| FACTORY.keys().any(|id| key.asks_for(*id));
        if keys.is_empty() || keys.len() > MAX_KEYS || !keys.iter().all(known) {
            return Err(Refused);
        }
        let found = values.iter().filter(|(key, _)| asked(**key));
        let items = found.map(|(key, value)| Item { key: *key, value: *value });
        let page: Vec<Item> = items.skip(usize::from(position)).take(MAX_KEYS).collect();
        if page.is_empty() { Err(Refused) } else { Ok(page) }
    }

    /// Does what a CFG-VALSET or CFG-VALDEL says, now or with its transaction.
    ///
    /// # Errors
    /// When any part of it can't be done; then nothing is, and an open transaction is dropped.
    pub fn change(&mut self, request: &Request) -> Result<(), Refused> {
        let open = self.open.take();
        let (layers, transaction, changes) = match request {
            Request::Set { layers, transaction, items } => {
                let changes: Vec<_> = items.iter().copied().map(Change::Set).collect();
                (*layers, *transaction, checked(changes, *layers, Layers(7))?)
            }
            Request::Delete { layers, transaction, keys } => {
                let changes: Vec<_> = keys.iter().copied().map(Change::Delete).collect();
                (*layers, *transaction, checked(changes, *layers, Layers::SAVED)?)
            }
            _ => return Err(Refused),
        };
        let mut whole = match (transaction, open) {
            (Transaction::None | Transaction::Start, _) => Open { layers, changes: Vec::new() },
            (Transaction::Ongoing | Transaction::Apply, Some(open)) if open.layers == layers => open,
            _ => return Err(Refused),
        };
        whole.changes.extend(changes);
        if whole.changes.len() > TRANSACTION_ITEMS {
            return Err(Refused);
        }
        self.changes += 1;
        if matches!(transaction, Transaction::None | Transaction::Apply) {
            whole.changes.into_iter().for_each(|change| self.apply(layers, change));
        } else {
            self.open = Some(whole);
        }
        Ok(())
    }

    fn apply(&mut self, layers: Layers, change: Change) {
        let all = [(Layer::Ram, &mut self.ram), (Layer::Bbr, &mut self.bbr), (Layer::Flash, &mut self.flash)];
        for (_, values) in all.into_iter().filter(|(layer, _)| layers.has(*layer)) {
            match change {
                Change::Set(item) => {
                    values.insert(item.key, item.value);
                }
                Change::Delete(key) => values.retain(|id, _| !key.asks_for(*id)),
            }
        }
    }

    /// All that is in force and differs from the defaults goes to BBR and flash, as the old CFG-CFG does it.
    pub fn save_all(&mut self) {
        let changed = self.ram.iter().filter(|(key, value)| FACTORY.get(key) != Some(value));
        let changed: Values = changed.map(|(key, value)| (*key, *value)).collect();
        self.bbr.clone_from(&changed);
        self.flash = changed;
    }

    /// Nothing is saved any more.
    pub fn clear_all(&mut self) {
        self.bbr.clear();
        self.flash.clear();
    }
}

/// Every change, if each can be done and some layer is meant.
fn checked(changes: Vec<Change>, layers: Layers, possible: Layers) -> Result<Vec<Change>, Refused> {
    let can = |change: &Change| match change {
        Change::Set(item) => takes(*item),
        Change::Delete(key) => FACTORY.keys().any(|id| key.asks_for(*id)),
    };
    let meant = layers.0 & possible.0 != 0 && layers.0 & !possible.0 == 0;
    if meant && changes.len() <= MAX_KEYS && changes.iter().all(can) { Ok(changes) } else { Err(Refused) }
}

/// Reads `factory.txt`, whose first lines say how it is written.
fn parse(text: &str) -> Values {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let mut values = Values::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((group, items)) = line.split_once(':') else { continue };
        for item in items.split_whitespace() {
            let (range, value) = item.split_once('=').unwrap_or((item, "0"));
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (Some(group), Some(value), Some(from), Some(to)) =
                (number(group), number(value), number(from), number(to))
            else {
                continue;
            };
            let key = |item: u64| KeyId((group << 16 | item) as u32);
            values.extend((from..=to).map(|item| (key(item), value)));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factory_has_all_its_items() {
        assert_eq!(FACTORY.len(), 1_475);
        assert!(FACTORY.keys().all(|key| key.value_bytes().is_some()));
        assert_eq!(FACTORY.get(&KeyId(0x4052_0001)), Some(&38_400));
        assert_eq!(FACTORY.get(&KeyId(0x3021_0001)), Some(&1_000));
    }

    #[test]
    fn the_keys_that_have_names_are_there_with_their_defaults() {
        for key in rtk_reader::receiver::keys::all() {
            let value = FACTORY.get(&key.id);
            assert!(value.is_some(), "{}", key.name);
            assert!(key.default.is_none() || value == key.default.as_ref(), "{}: {value:?}", key.name);
        }
    }
}
