//! Changing what a receiver has set: all of it, in RAM and in what outlives a start, or nothing.
//!
//! 1. RAM is set, and read back. The speed of the port in use comes last: its own speed follows, and what is
//!    asked next shows whether both have the same.
//! 2. BBR and flash are set, and read back.
//! 3. If a step fails (a NAK, no answer, another value read back), every key goes back to what it was in each layer
//!    (deleted, where there was none), which is read back, too, and done again if it isn't so.
//!
//! Each question is put a bounded number of times, each wait has its end; [`Report`] says what came of it.

mod report;
mod steps;

use std::collections::{BTreeMap, VecDeque};

use super::{
    KeyId, Layer, Port, Request, Snapshot,
    link::{Conversation, Do, Link, Reply, TRIES, answer_time},
    message::Item,
};
use crate::{Timestamp, frame::Frame};

pub use report::{Doing, Failure, Outcome, Report};
use steps::{Step, steps};

/// How often it is tried to put everything back; then the report says what isn't as it was.
pub const UNDO_ROUNDS: u32 = 3;

/// Steps without an answer in a row after which a receiver that is being put back counts as gone.
const SILENT_STEPS: u32 = 4;

/// Tries at both speeds to change the port's own.
const SPEED_TRIES: u32 = 6;

/// What a receiver is to have set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// In force.
    pub ram: BTreeMap<KeyId, u64>,
    /// Kept on the back-up battery; none: not there.
    pub bbr: BTreeMap<KeyId, Option<u64>>,
    /// Kept; none: not there.
    pub flash: BTreeMap<KeyId, Option<u64>>,
}

impl Target {
    /// The same values in all layers.
    #[must_use]
    pub fn everywhere(items: &[Item]) -> Self {
        let saved: BTreeMap<_, _> = items.iter().map(|item| (item.key, Some(item.value))).collect();
        Self {
            ram: items.iter().map(|item| (item.key, item.value)).collect(),
            bbr: saved.clone(),
            flash: saved,
        }
    }

    /// What a snapshot has for the keys of this target: how to undo it.
    #[must_use]
    pub fn as_before(&self, before: &Snapshot) -> Self {
        let was = |layer: &super::reading::Values, keys: &BTreeMap<KeyId, Option<u64>>| {
            keys.keys().map(|key| (*key, layer.get(key).copied())).collect()
        };
        Self {
            ram: self.ram.keys().filter_map(|key| Some((*key, *before.ram.get(key)?))).collect(),
            bbr: was(&before.bbr, &self.bbr),
            flash: was(&before.flash, &self.flash),
        }
    }

    /// What makes a receiver that is as `now` one that is as `then`, in all its layers.
    #[must_use]
    pub fn back_to(then: &Snapshot, now: &Snapshot) -> Self {
        let differs = |key: &KeyId, value: &u64| now.ram.get(key).is_some_and(|found| found != value);
        let saved = |then: &super::reading::Values, now: &super::reading::Values| {
            let mut target: BTreeMap<KeyId, Option<u64>> = BTreeMap::new();
            target.extend(now.keys().filter(|key| !then.contains_key(key)).map(|key| (*key, None)));
            target.extend(
                then.iter()
                    .filter(|(key, value)| now.get(key) != Some(value))
                    .map(|(key, value)| (*key, Some(*value))),
            );
            target
        };
        Self {
            ram: then.ram.iter().filter(|(k, v)| differs(k, v)).map(|(k, v)| (*k, *v)).collect(),
            bbr: saved(&then.bbr, &now.bbr),
            flash: saved(&then.flash, &now.flash),
        }
    }

    /// There is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ram.is_empty() && self.bbr.is_empty() && self.flash.is_empty()
    }
}

/// A change on its way.
#[derive(Debug)]
pub struct Change {
    link: Link,
    own: Option<OwnSpeed>,
    target: Target,
    back: Target,
    stage: Stage,
    queue: VecDeque<Step>,
    failure: Option<Failure>,
    /// In the undoing of it: what was found not to be as before in this round.
    wrong: Vec<(Layer, KeyId)>,
    silent: u32,
    report: Option<Report>,
}

/// The line that the conversation goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OwnSpeed {
    key: KeyId,
    baud: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Forward,
    /// Which round.
    Undo(u32),
}

impl Change {
    /// Begins. `before` is what the receiver has set now, `line` the port of the receiver that we are on and its
    /// speed, if it has one.
    #[must_use]
    pub fn new(now: Timestamp, target: Target, before: &Snapshot, line: Option<(Port, u32)>) -> Self {
        let own = line.and_then(|(port, baud)| Some(OwnSpeed { key: port.baud_key()?, baud }));
        let back = target.as_before(before);
        let queue = steps(&target, own.map(|own| own.key));
        let mut change = Self {
            link: Link::new(answer_time(own.map(|own| own.baud))),
            own,
            target,
            back,
            stage: Stage::Forward,
            queue,
            failure: None,
            wrong: Vec::new(),
            silent: 0,
            report: None,
        };
        change.go(now);
        change
    }

    /// The end, once it has come.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }
}

impl Conversation for Change {
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
        self.end(Outcome::PortLost);
    }

    /// Undoes what was done so far.
    fn stop(&mut self, now: Timestamp) {
        if self.stage == Stage::Forward && self.report.is_none() {
            self.fail(now, Failure::Stopped);
        }
    }

    fn is_done(&self) -> bool {
        self.report.is_some()
    }
}

impl Change {
    /// Puts the question of the step in front.
    fn go(&mut self, now: Timestamp) {
        if self.report.is_some() {
            return;
        }
        while let Some(step) = self.queue.front_mut() {
            match step {
                Step::Tell(request) => return self.link.ask(now, request.clone(), TRIES),
                Step::Check { layer, wanted } => {
                    let keys = wanted.iter().map(|(key, _)| *key).collect();
                    return self.link.ask(now, Request::Get { layer: *layer, position: 0, keys }, TRIES);
                }
                Step::Speed { to, tries } => {
                    let (to, tries, Some(own)) = (*to, *tries, self.own) else {
                        self.queue.pop_front();
                        continue;
                    };
                    return self.try_speed(now, own, to, tries);
                }
            }
        }
        self.end_of_stage(now);
    }

    /// Tells the new speed at the old one, and in turn asks for it at the new one: the ACK may have been lost.
    fn try_speed(&mut self, now: Timestamp, own: OwnSpeed, to: u32, tries: u32) {
        let item = Item { key: own.key, value: u64::from(to) };
        let asks = tries % 2 == 1;
        if to != own.baud {
            // Each try begins at the old speed and goes to the new one, or the other way round.
            match (tries, asks) {
                (0, _) => {}
                (_, true) => self.link.set_speed(to),
                (_, false) => self.link.set_speed(own.baud),
            }
        }
        let request = if asks {
            Request::Get { layer: Layer::Ram, position: 0, keys: vec![own.key] }
        } else {
            Request::Set {
                layers: super::Layers::RAM,
                transaction: super::Transaction::None,
                items: vec![item],
            }
        };
        self.link.ask(now, request, 1);
    }

    fn replied(&mut self, now: Timestamp, reply: Reply) {
        if self.report.is_some() {
            return;
        }
        self.silent = if reply == Reply::Silence { self.silent + 1 } else { 0 };
        let Some(step) = self.queue.pop_front() else { return };
        match self.judge(step, reply) {
            Verdict::Next => self.go(now),
            Verdict::Again(step) => {
                self.queue.push_front(step);
                self.go(now);
            }
            Verdict::Failed(failure) => self.fail(now, failure),
        }
    }

    fn judge(&mut self, step: Step, reply: Reply) -> Verdict {
        match step {
            Step::Tell(request) => match reply {
                Reply::Acknowledged => Verdict::Next,
                Reply::Silence => Verdict::Failed(Failure::NoAnswer(Doing::of(&request))),
                _ => Verdict::Failed(Failure::Refused(Doing::of(&request))),
            },
            Step::Check { layer, wanted } => self.check(layer, &wanted, reply),
            Step::Speed { to, tries } => self.judge_speed(to, tries, reply),
        }
    }

    fn judge_speed(&mut self, to: u32, tries: u32, reply: Reply) -> Verdict {
        let Some(own) = self.own else { return Verdict::Next };
        let asked = tries % 2 == 1;
        let fits = match &reply {
            Reply::Acknowledged => !asked,
            Reply::Values(items) => items.first().is_some_and(|item| item.value == u64::from(to)),
            _ => false,
        };
        if fits {
            if !asked && to != own.baud {
                self.link.set_speed(to);
            }
            self.own = Some(OwnSpeed { baud: to, ..own });
            self.link.set_answer_time(answer_time(Some(to)));
            return Verdict::Next;
        }
        let refused = reply == Reply::Refused && !asked;
        if !refused && tries + 1 < SPEED_TRIES {
            return Verdict::Again(Step::Speed { to, tries: tries + 1 });
        }
        if asked && to != own.baud {
            self.link.set_speed(own.baud);
        }
        let doing = Doing::Speed(to);
        Verdict::Failed(if refused { Failure::Refused(doing) } else { Failure::NoAnswer(doing) })
    }

    fn check(&mut self, layer: Layer, wanted: &[(KeyId, Option<u64>)], reply: Reply) -> Verdict {
        let found: BTreeMap<KeyId, u64> = match reply {
            Reply::Values(items) => items.iter().map(|item| (item.key, item.value)).collect(),
            // What a receiver answers when there is none of the keys in the layer.
            Reply::Refused => BTreeMap::new(),
            _ => return Verdict::Failed(Failure::NoAnswer(Doing::ReadingBack(layer))),
        };
        let mut wrong = wanted.iter().filter(|(key, value)| found.get(key) != value.as_ref());
        let Some(&(key, wanted)) = wrong.clone().next() else { return Verdict::Next };
        if self.stage == Stage::Forward {
            return Verdict::Failed(Failure::Differs { layer, key, wanted, found: found.get(&key).copied() });
        }
        self.wrong.extend(wrong.by_ref().map(|(key, _)| (layer, *key)));
        Verdict::Next
    }

    fn fail(&mut self, now: Timestamp, failure: Failure) {
        match self.stage {
            Stage::Forward => {
                self.failure = Some(failure);
                self.silent = 0;
                self.undo(now, 1);
            }
            // What matters is what is read back at the end of the round.
            Stage::Undo(_) => match failure {
                Failure::NoAnswer(_) if self.silent >= SILENT_STEPS => self.end(Outcome::Silent),
                _ => {
                    self.wrong.extend(match failure {
                        Failure::NoAnswer(Doing::ReadingBack(layer)) => {
                            self.keys_of(layer).into_iter().map(|key| (layer, key)).collect()
                        }
                        _ => Vec::new(),
                    });
                    self.go(now);
                }
            },
        }
    }

    fn keys_of(&self, layer: Layer) -> Vec<KeyId> {
        match layer {
            Layer::Ram => self.back.ram.keys().copied().collect(),
            Layer::Bbr => self.back.bbr.keys().copied().collect(),
            Layer::Flash => self.back.flash.keys().copied().collect(),
            Layer::Default => Vec::new(),
        }
    }

    fn undo(&mut self, now: Timestamp, round: u32) {
        self.stage = Stage::Undo(round);
        self.wrong.clear();
        self.queue = steps(&self.back, self.own.map(|own| own.key));
        self.go(now);
    }

    fn end_of_stage(&mut self, now: Timestamp) {
        match self.stage {
            Stage::Forward => self.end(Outcome::Done),
            Stage::Undo(_) if self.wrong.is_empty() => self.end(Outcome::Undone),
            Stage::Undo(round) if round < UNDO_ROUNDS => self.undo(now, round + 1),
            Stage::Undo(_) => {
                let mut wrong = std::mem::take(&mut self.wrong);
                wrong.sort_unstable();
                wrong.dedup();
                self.end(Outcome::NotUndone { wrong });
            }
        }
    }

    fn end(&mut self, outcome: Outcome) {
        let keys = self.target.ram.len().max(self.target.bbr.len()).max(self.target.flash.len());
        let failure = self.failure.take();
        self.report.get_or_insert(Report { outcome, failure, keys, baud: self.own.map(|own| own.baud) });
    }
}

enum Verdict {
    Next,
    Again(Step),
    Failed(Failure),
}
