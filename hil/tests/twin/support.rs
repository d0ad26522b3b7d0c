//! A receiver in a test's hands: time is a number.

use std::time::Duration;

use hil::twin::Character;
use hil::twin::receiver::{Effect, Receiver};
use rtk_reader::frame::{Framer, MessageId, encode};
use rtk_reader::receiver::{Answer, Item, KeyId, Layer, Layers, Port, Request, Transaction, keys};

/// A receiver, plugged in by one port, with its own time.
pub struct Bench {
    pub receiver: Receiver,
    pub port: Port,
    pub now: Duration,
    pub effects: Vec<Effect>,
}

/// A frame that came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub id: MessageId,
    pub payload: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl Bench {
    pub fn new(character: Character, port: Port) -> Self {
        let receiver = Receiver::new(character, &[port], Duration::ZERO);
        Self { receiver, port, now: Duration::ZERO, effects: Vec::new() }
    }

    /// One that has booted, and has said so.
    pub fn up() -> Self {
        let mut bench = Self::new(Character::quick(), Port::Usb);
        bench.run(Duration::from_millis(60));
        bench
    }

    /// Time passes; what came out meanwhile.
    pub fn run(&mut self, time: Duration) -> Vec<Sent> {
        let end = self.now + time;
        while let Some(at) = self.receiver.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.receiver.handle_timeout(self.now, &mut self.effects);
        }
        self.now = end;
        self.sent()
    }

    pub fn seconds(&mut self, seconds: u64) -> Vec<Sent> {
        self.run(Duration::from_secs(seconds))
    }

    /// What comes out at once.
    pub fn tell(&mut self, bytes: &[u8]) -> Vec<Sent> {
        self.receiver.receive(self.now, self.port, bytes, &mut self.effects);
        self.sent()
    }

    pub fn ask(&mut self, request: &Request) -> Vec<Sent> {
        self.tell(&request.frame().expect("a request"))
    }

    pub fn poll(&mut self, class: u8, id: u8) -> Vec<Sent> {
        self.tell(&encode::ubx(class, id, &[]).expect("a poll"))
    }

    /// Whether it was acknowledged.
    pub fn set(&mut self, layers: Layers, items: &[(&str, u64)]) -> bool {
        let items = items.iter().map(|(name, value)| item(name, *value)).collect();
        let sent = self.ask(&Request::Set { layers, transaction: Transaction::None, items });
        acknowledged(&sent)
    }

    /// The values in a layer; none if refused.
    pub fn get(&mut self, layer: Layer, keys: &[KeyId]) -> Option<Vec<u64>> {
        let sent = self.ask(&Request::Get { layer, position: 0, keys: keys.to_vec() });
        values(&sent).map(|items| items.into_iter().map(|item| item.value).collect())
    }

    pub fn get_named(&mut self, layer: Layer, name: &str) -> Option<u64> {
        self.get(layer, &[key(name)])?.first().copied()
    }

    fn sent(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        for effect in self.effects.drain(..) {
            if let Effect::Send { frame, .. } = effect {
                let before = sent.len();
                let mut framer = Framer::new();
                framer.push(Duration::ZERO, &frame, &mut |f| {
                    let (id, payload, bytes) = (f.id(), f.payload().to_vec(), f.bytes.to_vec());
                    sent.push(Sent { id, payload, bytes });
                });
                assert_eq!(sent.len(), before + 1, "one effect, one good frame: {frame:02X?}");
                assert_eq!(sent[before].bytes, frame);
            }
        }
        sent
    }
}

pub fn key(name: &str) -> KeyId {
    keys::by_name(name).unwrap_or_else(|| panic!("{name} is a key")).id
}

pub fn item(name: &str, value: u64) -> Item {
    Item { key: key(name), value }
}

pub fn answers(sent: &[Sent]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for sent in sent {
        Framer::new().push(Duration::ZERO, &sent.bytes, &mut |frame| answers.extend(Answer::read(&frame)));
    }
    answers
}

/// Exactly one ACK came, whatever else.
pub fn acknowledged(sent: &[Sent]) -> bool {
    let acks: Vec<bool> = answers(sent)
        .into_iter()
        .filter_map(|answer| match answer {
            Answer::Ack { acknowledged, .. } => Some(acknowledged),
            Answer::Values { .. } => None,
        })
        .collect();
    assert_eq!(acks.len(), 1, "{sent:?}");
    acks[0]
}

/// Values and then an ACK, or a NAK alone.
pub fn values(sent: &[Sent]) -> Option<Vec<Item>> {
    match answers(sent).as_slice() {
        [Answer::Values { items, .. }, Answer::Ack { acknowledged: true, class: 6, id: 0x8B }] => {
            Some(items.clone())
        }
        [Answer::Ack { acknowledged: false, class: 6, id: 0x8B }] => None,
        other => panic!("{other:?}"),
    }
}

pub fn names(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|sent| sent.id.to_string()).collect()
}

pub fn count(sent: &[Sent], name: &str) -> usize {
    sent.iter().filter(|sent| sent.id.to_string() == name).count()
}

pub fn last<'a>(sent: &'a [Sent], name: &str) -> &'a Sent {
    sent.iter().rfind(|sent| sent.id.to_string() == name).unwrap_or_else(|| panic!("a {name} came"))
}
