//! From verified records to events in their order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use kit::machine::Timestamp;
use kit::tap::Body;

use super::chunks::{Chunks, Record, Stop};
use super::series::Part;
use super::{Damage, Entries, Problem, Recorded};
use crate::format::{self, FIRST_SEQ, Kind, REORDER_EVENTS};
use crate::records;

/// A session's events in the order of their numbers; after a [`Problem`] nothing more.
pub struct Events {
    chunks: Chunks,
    decoder: Decoder,
    order: Order,
    yielded: u64,
    ended: bool,
    /// The file in hand, if there are several.
    part: Option<String>,
    /// Those that follow.
    more: Arc<[Part]>,
    next_part: usize,
    /// Of files read before.
    read_before: u64,
    /// Events before this are in a part before, and its first own one continues it.
    first_event: u64,
    last_seq: u64,
}

impl Events {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Self {
            chunks: Chunks::new(input),
            decoder: Decoder::default(),
            order: Order { expected: FIRST_SEQ, waiting: BTreeMap::new() },
            yielded: 0,
            ended: false,
            part: None,
            more: Arc::default(),
            next_part: 0,
            read_before: 0,
            first_event: 0,
            last_seq: 0,
        }
    }

    /// With other files behind this one.
    pub(super) fn followed_by(self, name: Option<String>, more: Arc<[Part]>) -> Self {
        Self { part: name, more, ..self }
    }

    /// How far the file has been read.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.read_before.saturating_add(self.chunks.read_bytes())
    }

    pub(super) fn metadata(&mut self) -> Result<Option<Entries>, Problem> {
        self.chunks.metadata().map_err(|stop| self.problem(stop))
    }

    fn problem(&self, stop: Stop) -> Problem {
        let (events, offset) = (self.yielded, self.chunks.offset(&stop));
        let problem = match stop {
            Stop::Cut => Problem::Truncated { events, offset },
            Stop::Damaged(damage) => Problem::Damaged { events, offset, damage },
        };
        match &self.part {
            Some(part) => Problem::InPart { part: part.clone(), problem: Box::new(problem) },
            None => problem,
        }
    }

    /// Goes on with the next file; false if there is none.
    fn turn(&mut self) -> Result<bool, Problem> {
        let Some(part) = self.more.get(self.next_part).cloned() else { return Ok(false) };
        if let Some(part) = part.missing {
            return Err(Problem::NoPart { events: self.yielded, part });
        }
        self.read_before = self.read_bytes();
        self.part = Some(part.path.display().to_string());
        let file = File::open(&part.path).map_err(|error| self.problem(Stop::Damaged(error.into())))?;
        self.chunks = Chunks::new(Box::new(file));
        self.decoder = Decoder::default();
        self.order = Order { expected: FIRST_SEQ, waiting: BTreeMap::new() };
        self.first_event = part.first_event;
        self.next_part = self.next_part.saturating_add(1);
        Ok(true)
    }

    /// Whether an event is a part's own, and continues what was read before.
    fn is_own(&mut self, event: &Recorded) -> Result<bool, Problem> {
        if event.seq < self.first_event {
            return Ok(false);
        }
        let expected = self.last_seq.saturating_add(1);
        // Within a file the order has seen to that.
        let continues = event.seq == expected || self.next_part == 0 || matches!(event.body, Body::Gap(_));
        if !continues || event.seq < expected {
            let (offset, found) = (self.chunks.offset(&Stop::Cut), event.seq);
            let damage = if found < expected {
                Damage::Repeated { expected, found }
            } else {
                Damage::Missing { expected, found }
            };
            let problem = Problem::Damaged { events: self.yielded, offset, damage };
            let part = self.part.clone().unwrap_or_default();
            return Err(Problem::InPart { part, problem: Box::new(problem) });
        }
        self.last_seq = event.seq;
        Ok(true)
    }

    /// The next event whose turn it is, as long as the file is good.
    fn advance(&mut self) -> Result<Option<Recorded>, Stop> {
        loop {
            if let Some(event) = self.order.next() {
                return Ok(Some(event));
            }
            let mut decoded = None;
            let decoder = &mut self.decoder;
            let more = self.chunks.next(|record| {
                decoded = decoder.take(record)?;
                Ok(())
            })?;
            if let Some(event) = decoded {
                let in_turn = self.order.put(event).map_err(Stop::Damaged)?;
                if in_turn.is_some() {
                    return Ok(in_turn);
                }
            } else if !more {
                return self.order.missing().map_or(Ok(None), |damage| Err(Stop::Damaged(damage)));
            }
        }
    }
}

impl Iterator for Events {
    type Item = Result<Recorded, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let next = match self.advance() {
                Ok(Some(event)) => self.is_own(&event).map(|own| own.then_some(event)),
                Ok(None) => match self.turn() {
                    Ok(true) => Ok(None),
                    Ok(false) => {
                        self.ended = true;
                        return None;
                    }
                    Err(problem) => Err(problem),
                },
                Err(stop) => Err(self.problem(stop)),
            };
            match next {
                Ok(Some(event)) => {
                    self.yielded = self.yielded.saturating_add(1);
                    return Some(Ok(event));
                }
                Ok(None) => {}
                Err(problem) => {
                    self.ended = true;
                    return Some(Err(problem));
                }
            }
        }
        None
    }
}

/// Knows the channels and the numbers so far.
#[derive(Default)]
struct Decoder {
    /// None: not ours, skipped.
    channels: BTreeMap<u16, Option<(Arc<str>, Kind)>>,
    last_seq: u64,
}

impl Decoder {
    fn take(&mut self, record: Record) -> Result<Option<Recorded>, Damage> {
        match record {
            Record::Channel(channel) => {
                let ours = Kind::parse(channel.topic).filter(|_| channel.encoding == "json");
                let ours = ours.map(|(service, kind)| (Arc::from(service), kind));
                self.channels.insert(channel.id, ours);
                Ok(None)
            }
            Record::Message(message) => self.message(&message),
        }
    }

    fn message(&mut self, message: &records::Message) -> Result<Option<Recorded>, Damage> {
        let channel_id = message.channel_id;
        let Some(channel) = self.channels.get(&channel_id) else {
            return Err(Damage::Channel { channel_id });
        };
        let Some((service, kind)) = channel else { return Ok(None) };
        let seq = nearest(self.last_seq, message.sequence);
        self.last_seq = seq;
        match format::decode(*kind, message.data) {
            Ok(body) => {
                let at = Timestamp::from_nanos(message.log_time_ns);
                Ok(Some(Recorded { seq, at, service: service.clone(), body }))
            }
            Err(source) => Err(Damage::Message { topic: kind.topic(service), seq, source }),
        }
    }
}

/// The number with these low 32 bits that is nearest to the last one.
pub(crate) fn nearest(last: u64, low: u32) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
    let ahead = low.wrapping_sub(last as u32);
    let behind = ahead.wrapping_neg();
    if ahead <= behind || u64::from(behind) > last {
        last.saturating_add(ahead.into())
    } else {
        last.saturating_sub(behind.into())
    }
}

/// Puts events in the order of their numbers.
struct Order {
    expected: u64,
    /// Those that came before their turn; at most [`REORDER_EVENTS`].
    waiting: BTreeMap<u64, Recorded>,
}

impl Order {
    /// Takes an event; gives it back if it is its turn.
    fn put(&mut self, event: Recorded) -> Result<Option<Recorded>, Damage> {
        let found = event.seq;
        if found < self.expected || self.waiting.contains_key(&found) {
            return Err(Damage::Repeated { expected: self.expected, found });
        }
        if found == self.expected {
            self.expected = found.saturating_add(1);
            return Ok(Some(event));
        }
        self.waiting.insert(found, event);
        if self.waiting.len() > REORDER_EVENTS {
            return self.missing().map_or(Ok(None), Err);
        }
        Ok(None)
    }

    /// One that waited and whose turn it is now.
    fn next(&mut self) -> Option<Recorded> {
        let first = self.waiting.first_entry()?;
        // A gap stands for all the numbers missing before it.
        if *first.key() != self.expected && !matches!(first.get().body, Body::Gap(_)) {
            return None;
        }
        let event = first.remove();
        self.expected = event.seq.saturating_add(1);
        Some(event)
    }

    /// What is missing, if something still waits.
    fn missing(&self) -> Option<Damage> {
        let found = *self.waiting.first_key_value()?.0;
        Some(Damage::Missing { expected: self.expected, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_on_beyond_32_bits() {
        let wrap = 1 << 32;
        for (last, low, expected) in [
            (0, 1, 1),
            (5, 4, 4),
            (5, 9, 9),
            (wrap - 1, 0, wrap),
            (wrap + 3, 4, wrap + 4),
            (wrap, u32::MAX, wrap - 1),
            (2, u32::MAX, wrap - 1),
        ] {
            assert_eq!(nearest(last, low), expected, "{last} {low}");
        }
    }

    #[test]
    fn a_hole_is_damage_unless_a_gap_says_so() {
        let event = |seq, body| Recorded { seq, at: Timestamp::ZERO, service: Arc::from("a"), body };
        let plain = |seq| event(seq, Body::In(kit::machine::Input::Timer));
        let mut order = Order { expected: 1, waiting: BTreeMap::new() };
        assert_eq!(order.put(plain(1)).unwrap().map(|e| e.seq), Some(1));
        assert!(order.put(plain(3)).unwrap().is_none());
        assert!(order.next().is_none());
        assert_eq!(order.put(plain(2)).unwrap().map(|e| e.seq), Some(2));
        assert_eq!(order.next().map(|e| e.seq), Some(3));
        assert!(order.put(event(9, Body::Gap(6))).unwrap().is_none());
        assert_eq!(order.next().map(|e| e.seq), Some(9));
        assert!(matches!(order.put(plain(9)), Err(Damage::Repeated { expected: 10, found: 9 })));
        assert!(order.put(plain(12)).unwrap().is_none());
        assert!(matches!(order.missing(), Some(Damage::Missing { expected: 10, found: 12 })));
    }
}
