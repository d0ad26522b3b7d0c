//! Reading all that a receiver has set.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    KeyId, Layer, Request,
    link::{Conversation, Do, Link, Reply, TRIES},
    message::MAX_KEYS,
};
use crate::{
    Timestamp,
    decode::ubx::{MonVer, NavSvin, Packet},
    frame::Frame,
};

/// Pages of a layer; what a receiver has beyond (it has about 24) isn't read, and the reading says so.
pub const MAX_PAGES: u32 = 64;

/// How often a page is asked for: it is long, and on a line that loses bytes one in a few arrives.
const PAGE_TRIES: u32 = 2 * TRIES;

/// The first protocol version with configuration keys: generation 9.
const FIRST_PROTOCOL: (u32, u32) = (27, 0);

/// Values by key.
pub type Values = BTreeMap<KeyId, u64>;

/// What a receiver is and has set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// `ZED-F9P`; empty if it doesn't say.
    pub model: String,
    /// `HPG 1.32`
    pub firmware: String,
    /// `27.31`
    pub protocol: String,
    /// In force: all keys the receiver knows.
    pub ram: Values,
    /// Kept on the back-up battery; only what was set.
    pub bbr: Values,
    /// Kept; only what was set.
    pub flash: Values,
    /// The firmware's; empty if they weren't read.
    pub default: Values,
    /// Survey-in, if it was asked for.
    pub survey_in: Option<NavSvin>,
}

impl Snapshot {
    /// The values of a layer.
    #[must_use]
    pub fn layer(&self, layer: Layer) -> &Values {
        match layer {
            Layer::Ram => &self.ram,
            Layer::Bbr => &self.bbr,
            Layer::Flash => &self.flash,
            Layer::Default => &self.default,
        }
    }

    fn layer_mut(&mut self, layer: Layer) -> &mut Values {
        match layer {
            Layer::Ram => &mut self.ram,
            Layer::Bbr => &mut self.bbr,
            Layer::Flash => &mut self.flash,
            Layer::Default => &mut self.default,
        }
    }
}

/// Why a receiver could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not even MON-VER.
    #[error(
        "no u-blox answers: is it a u-blox, is the line to its receive pin connected, and does the port take UBX?"
    )]
    NoAnswer,
    /// It answered before.
    #[error("the receiver stopped answering while its configuration was read; nothing was changed")]
    StoppedAnswering,
    /// It has no configuration keys.
    #[error(
        "{model} with protocol {protocol} is older than u-blox generation 9 (protocol 27.00) and has no configuration keys: set it up with u-center"
    )]
    TooOld {
        /// As it says.
        model: String,
        /// As it says.
        protocol: String,
    },
    /// The receiver doesn't read out what it must.
    #[error("the receiver refuses to tell {what}; nothing was changed")]
    Refused {
        /// `its configuration`, `its survey-in`.
        what: &'static str,
    },
    /// More keys than any receiver has.
    #[error("the receiver's configuration has no end: over {} keys; nothing was changed", MAX_PAGES as usize * MAX_KEYS)]
    Endless,
    /// Somebody wanted it to.
    #[error("stopped while the receiver's configuration was read; nothing was changed")]
    Stopped,
    /// The port is gone.
    #[error("the port was lost while the receiver's configuration was read; nothing was changed")]
    PortLost,
}

/// Reads who a receiver is, its layers, and if wanted its survey-in.
#[derive(Debug)]
pub struct Reading {
    link: Link,
    step: Step,
    rest: VecDeque<Step>,
    pages: u32,
    snapshot: Snapshot,
    result: Option<Result<Snapshot, ReadError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Version,
    Layer(Layer),
    SurveyIn,
}

impl Reading {
    /// Begins; [`take`](Conversation::take) what is to be done then, and after every other call.
    #[must_use]
    pub fn new(now: Timestamp, answer_time: Duration, layers: &[Layer], survey_in: bool) -> Self {
        let mut rest: VecDeque<Step> = layers.iter().copied().map(Step::Layer).collect();
        rest.extend(survey_in.then_some(Step::SurveyIn));
        let (snapshot, link) = (Snapshot::default(), Link::distinct(answer_time));
        let mut reading = Self { link, step: Step::Version, rest, pages: 0, snapshot, result: None };
        reading.ask(now);
        reading
    }

    /// The end, once it has come.
    #[must_use]
    pub fn result(&self) -> Option<&Result<Snapshot, ReadError>> {
        self.result.as_ref()
    }
}

impl Conversation for Reading {
    fn take(&mut self) -> Option<Do> {
        self.link.take()
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.link.next_timeout()
    }

    fn heard(&mut self, now: Timestamp, frame: &Frame<'_>) {
        if let Some(reply) = self.link.heard(now, frame) {
            self.replied(now, reply);
        }
    }

    fn timeout(&mut self, now: Timestamp) {
        if let Some(reply) = self.link.timeout(now) {
            self.replied(now, reply);
        }
    }

    fn lost(&mut self) {
        self.result.get_or_insert(Err(ReadError::PortLost));
    }

    fn stop(&mut self, _: Timestamp) {
        self.result.get_or_insert(Err(ReadError::Stopped));
    }

    fn is_done(&self) -> bool {
        self.result.is_some()
    }
}

impl Reading {
    fn ask(&mut self, now: Timestamp) {
        let request = match self.step {
            Step::Version => Request::Poll { class: 0x0A, id: 0x04 },
            Step::SurveyIn => Request::Poll { class: 0x01, id: 0x3B },
            Step::Layer(layer) => {
                let read = self.snapshot.layer(layer).len();
                let position = u16::try_from(read).unwrap_or(u16::MAX);
                Request::Get { layer, position, keys: vec![KeyId::ALL] }
            }
        };
        let tries = if self.step == Step::Version { TRIES } else { PAGE_TRIES };
        self.link.ask(now, request, tries);
    }

    fn replied(&mut self, now: Timestamp, reply: Reply) {
        match self.take_in(reply) {
            Err(error) => self.result = Some(Err(error)),
            Ok(true) => self.ask(now),
            Ok(false) => match self.rest.pop_front() {
                Some(step) => {
                    (self.step, self.pages) = (step, 0);
                    self.ask(now);
                }
                None => self.result = Some(Ok(std::mem::take(&mut self.snapshot))),
            },
        }
    }

    /// Whether the step goes on.
    fn take_in(&mut self, reply: Reply) -> Result<bool, ReadError> {
        match (self.step, reply) {
            (Step::Version, Reply::Silence) => Err(ReadError::NoAnswer),
            (_, Reply::Silence) => Err(ReadError::StoppedAnswering),
            (Step::Version, Reply::Message(packet)) => match *packet {
                Packet::MonVer(version) => self.version(&version).map(|()| false),
                _ => Err(ReadError::Refused { what: "its version" }),
            },
            (Step::SurveyIn, Reply::Message(packet)) => match *packet {
                Packet::NavSvin(survey_in) => {
                    self.snapshot.survey_in = Some(survey_in);
                    Ok(false)
                }
                _ => Err(ReadError::Refused { what: "its survey-in" }),
            },
            (Step::Layer(layer), Reply::Values(items)) => {
                let (values, count) = (self.snapshot.layer_mut(layer), items.len());
                let before = values.len();
                values.extend(items.iter().map(|item| (item.key, item.value)));
                self.pages += 1;
                // A page that brings nothing new would be asked for again and again.
                if self.pages == MAX_PAGES || (count > 0 && values.len() == before) {
                    return Err(ReadError::Endless);
                }
                Ok(count >= MAX_KEYS)
            }
            // Behind the last page, or a layer in which nothing was ever set.
            (Step::Layer(layer), Reply::Refused) if layer != Layer::Ram || self.pages > 0 => Ok(false),
            (Step::SurveyIn, _) => Err(ReadError::Refused { what: "its survey-in" }),
            (Step::Version, _) => Err(ReadError::Refused { what: "its version" }),
            (Step::Layer(_), _) => Err(ReadError::Refused { what: "its configuration" }),
        }
    }

    fn version(&mut self, version: &MonVer) -> Result<(), ReadError> {
        let said = |key| version.extension(key).unwrap_or_default().trim().to_owned();
        let model = match said("MOD") {
            model if model.is_empty() => format!("a receiver with software {}", version.software),
            model => model,
        };
        let protocol = said("PROTVER");
        let mut parts = protocol.split('.').map(|part| part.parse::<u32>().ok());
        let number = (parts.next().flatten().unwrap_or_default(), parts.next().flatten().unwrap_or_default());
        if number < FIRST_PROTOCOL {
            return Err(ReadError::TooOld {
                model,
                protocol: if protocol.is_empty() { "unknown".to_owned() } else { protocol },
            });
        }
        (self.snapshot.model, self.snapshot.firmware, self.snapshot.protocol) =
            (model, said("FWVER"), protocol);
        Ok(())
    }
}
