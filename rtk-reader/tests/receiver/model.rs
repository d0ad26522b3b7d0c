//! A simple receiver with layers, a line with a speed, and faults that are told in advance.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rtk_reader::frame::{Framer, encode};
use rtk_reader::receiver::{Answer, Conversation, Do, Item, KeyId, Layer, Layers, Request, Snapshot, Values};

/// What goes wrong with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives.
    LostOnTheWay,
    /// It is done, and the answer never arrives.
    AnswerLost,
    /// It is done, and the answer comes when it was asked again.
    AnswerLate,
    /// ACK-NAK, and nothing is done.
    Refused,
    /// A value that is read is another one.
    ReadsWrong,
    /// From now on the receiver is dead.
    Dies,
}

pub struct Model {
    pub layers: Snapshot,
    /// Of the line that the test talks over.
    pub baud: u32,
    baud_key: KeyId,
    /// A question in which a key isn't in the layer is refused as a whole.
    pub strict: bool,
    /// VALSET to flash is refused, always.
    pub flash_locked: bool,
    faults: BTreeMap<usize, Fault>,
    questions: usize,
    dead: bool,
    late: VecDeque<Vec<u8>>,
    in_framer: Framer,
}

impl Model {
    pub fn new(layers: Snapshot, baud_key: KeyId, faults: BTreeMap<usize, Fault>) -> Self {
        let baud = u32::try_from(layers.ram[&baud_key]).unwrap();
        Self {
            layers,
            baud,
            baud_key,
            strict: false,
            flash_locked: false,
            faults,
            questions: 0,
            dead: false,
            late: VecDeque::new(),
            in_framer: Framer::new(),
        }
    }

    /// Bytes written at a speed; the answer as bytes.
    pub fn written(&mut self, bytes: &[u8], at_baud: u32) -> Vec<u8> {
        let mut out = encode::rtcm(&[0x3E, 0xD0, 1, 2, 3]).unwrap();
        if at_baud != self.baud || self.dead {
            return if self.dead { Vec::new() } else { vec![0xF5; 20] };
        }
        let mut requests = Vec::new();
        let mut framer = std::mem::take(&mut self.in_framer);
        framer.push(Duration::ZERO, bytes, &mut |frame| requests.push(Request::read(&frame).unwrap()));
        self.in_framer = framer;
        for request in requests {
            out.extend(self.late.pop_front().unwrap_or_default());
            out.extend(encode::ubx(0x01, 0x61, &[0; 4]).unwrap());
            out.extend(self.answer(&request));
        }
        out
    }

    fn answer(&mut self, request: &Request) -> Vec<u8> {
        let fault = self.faults.get(&self.questions).copied();
        self.questions += 1;
        let (class, id) = request.message();
        let nak = Answer::Ack { acknowledged: false, class, id }.frame().unwrap();
        match fault {
            Some(Fault::LostOnTheWay) => return Vec::new(),
            Some(Fault::Refused) => return nak,
            Some(Fault::Dies) => {
                self.dead = true;
                return Vec::new();
            }
            Some(Fault::AnswerLost | Fault::AnswerLate | Fault::ReadsWrong) | None => {}
        }
        let answer = self.obey(request, fault == Some(Fault::ReadsWrong)).unwrap_or(nak);
        match fault {
            Some(Fault::AnswerLost) => Vec::new(),
            Some(Fault::AnswerLate) => {
                self.late.push_back(answer);
                Vec::new()
            }
            _ => answer,
        }
    }

    /// None: refused.
    fn obey(&mut self, request: &Request, reads_wrong: bool) -> Option<Vec<u8>> {
        let (class, id) = request.message();
        let ack = Answer::Ack { acknowledged: true, class, id }.frame().unwrap();
        match request {
            Request::Set { layers, items, .. } => {
                let known = items.iter().all(|item| self.layers.ram.contains_key(&item.key));
                if !known || (self.flash_locked && layers.has(Layer::Flash)) {
                    return None;
                }
                for item in items {
                    self.each(*layers, |layer| {
                        layer.insert(item.key, item.value);
                    });
                }
                self.baud = u32::try_from(self.layers.ram[&self.baud_key]).unwrap();
                Some(ack)
            }
            Request::Delete { layers, keys, .. } => {
                for key in keys {
                    self.each(*layers, |layer| {
                        layer.remove(key);
                    });
                }
                Some(ack)
            }
            Request::Get { layer, position, keys } => {
                let values = self.layers.layer(*layer);
                let mut items: Vec<Item> = values
                    .iter()
                    .filter(|(key, _)| keys.iter().any(|asked| asked.asks_for(**key)))
                    .map(|(key, value)| Item { key: *key, value: *value })
                    .collect();
                let missing = keys.iter().any(|key| !key.is_wildcard() && !values.contains_key(key));
                items.drain(..usize::from(*position).min(items.len()));
                items.truncate(64);
                if items.is_empty() || (self.strict && missing) {
                    return None;
                }
                if reads_wrong {
                    items[0].value ^= 1;
                }
                let values = Answer::Values { layer: *layer, position: *position, items };
                Some([values.frame().unwrap(), ack].concat())
            }
            Request::Poll { class: 0x0A, id: 0x04 } => {
                let text = |text: &str, width: usize| format!("{text:\0<width$}");
                let extensions = [
                    format!("FWVER={}", self.layers.firmware),
                    format!("PROTVER={}", self.layers.protocol),
                    format!("MOD={}", self.layers.model),
                ];
                let mut payload = text("EXT CORE 1.00 (0fa0ae)", 30) + &text("00190000", 10);
                payload.extend(extensions.iter().map(|extension| text(extension, 30)));
                encode::ubx(0x0A, 0x04, payload.as_bytes())
            }
            Request::Poll { .. } | Request::Reset { .. } => None,
        }
    }

    fn each(&mut self, layers: Layers, mut change: impl FnMut(&mut Values)) {
        if layers.has(Layer::Ram) {
            change(&mut self.layers.ram);
        }
        if layers.has(Layer::Bbr) {
            change(&mut self.layers.bbr);
        }
        if layers.has(Layer::Flash) {
            change(&mut self.layers.flash);
        }
    }
}

/// Runs a machine against the model to its end; the time it took.
pub fn run(machine: &mut impl Conversation, model: &mut Model, baud: u32) -> Duration {
    let (mut now, mut own_baud, mut framer) = (Duration::ZERO, baud, Framer::new());
    for _ in 0..100_000 {
        while let Some(action) = machine.take() {
            match action {
                Do::Speed(to) => own_baud = to,
                Do::Write(bytes) => {
                    let spoken_at = model.baud;
                    let answer = model.written(&bytes, own_baud);
                    now += Duration::from_millis(2);
                    // Said before a change of speed took effect, or not understood at all.
                    if spoken_at == own_baud {
                        framer.push(now, &answer, &mut |frame| machine.heard(now, &frame));
                    }
                }
            }
        }
        if machine.is_done() {
            return now;
        }
        now = now.max(machine.next_timeout().expect("a machine that isn't done waits for something"));
        machine.timeout(now);
    }
    panic!("it never ends");
}
