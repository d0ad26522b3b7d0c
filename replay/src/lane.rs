//! One service in a replay: its machine, and the comparison of what it does with what it did.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kit::machine::{Input, Machine, Output, Timestamp};
use serde_json::Value;
use sha2::Digest;

use crate::compare::{self, Item, Pair};
use crate::diff::{self, Mismatch};
use crate::finding::{DifferenceKind, Finding, Tally, Whole};
use crate::frame::{self, Peer};
use crate::tardy::{Tardy, Verdict};
use crate::volatile::{Breach, Moment};

/// Outputs of one input that are kept for the comparison once one has differed, of the recorded and of those
/// that came; the rest counts as missing, and as extra.
const MAX_UNMATCHED: usize = 4_096;
/// Requests that are remembered, to know what an answer answers; that of an older one is just `http`.
const MAX_REQUESTS: usize = 4_096;

pub struct Lane {
    service: Arc<str>,
    machine: Box<dyn Machine>,
    /// After a panic nothing is fed or compared.
    dead: bool,
    at: Timestamp,
    /// When it was woken last.
    woken_at: Option<Timestamp>,
    /// The event after the last one taken.
    next_seq: u64,
    /// Outputs of the last input.
    produced: Vec<Output>,
    /// So many of them were recorded just so.
    matched: usize,
    /// What was recorded from the first that differs.
    unmatched: Vec<(u64, Output)>,
    /// What may still come, or has come before its time.
    tardy: Tardy,
    /// `POST /zones`, by its id; only while there are rules.
    requests: BTreeMap<u64, String>,
    /// What the one connection hears that is compared, if only one is.
    hears: Option<String>,
}

impl Lane {
    pub fn start(
        service: Arc<str>,
        machine: Box<dyn Machine>,
        at: Timestamp,
        seq: u64,
        state: &Value,
        tally: &mut Tally,
    ) -> Self {
        let next_seq = seq.saturating_add(1);
        let mut lane = Self {
            service,
            machine,
            dead: false,
            at,
            woken_at: None,
            next_seq,
            produced: Vec::new(),
            matched: 0,
            unmatched: Vec::new(),
            tardy: Tardy::default(),
            requests: BTreeMap::new(),
            hears: None,
        };
        lane.compare_state(DifferenceKind::StartState, state, tally);
        lane
    }

    /// The time of the last event.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    pub fn input(&mut self, at: Timestamp, seq: u64, input: Input, tally: &mut Tally) {
        self.settle(true, tally);
        self.step(at, seq);
        if self.dead {
            return;
        }
        tally.inputs = tally.inputs.saturating_add(1);
        self.remember(&input, tally);
        self.listen(&input, tally);
        let peer = frame::input_peer(&input);
        let woken = matches!(input, Input::Timer);
        let (machine, produced) = (&mut self.machine, &mut self.produced);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let due = machine.next_timeout();
            match input {
                Input::Timer => machine.handle_timeout(at, produced),
                input => machine.handle(at, input, produced),
            }
            due
        }));
        tally.outputs = tally.outputs.saturating_add(self.produced.len() as u64);
        tally.digest.update(seq.to_le_bytes());
        self.produced.iter().for_each(|output| frame::digest(&mut tally.digest, output));
        match outcome {
            Ok(due) => self.check_wake_up(woken, due, tally),
            Err(panic) => self.panicked(&*panic, peer, tally),
        }
    }

    pub fn output(&mut self, at: Timestamp, seq: u64, output: &Output, tally: &mut Tally) {
        self.step(at, seq);
        if let Output::Join { conn, path } = output
            && tally.only.as_ref().is_some_and(|only| only.conn == Some(*conn))
        {
            self.hears = Some(path.clone());
        }
        if self.unmatched.is_empty() && self.comes_next(seq, output, tally) {
            self.matched += 1;
        } else if self.dead || self.unmatched.len() >= MAX_UNMATCHED {
            if self.is_seen(at, Some(output), tally) {
                tally.count(DifferenceKind::Missing);
            }
        } else {
            self.unmatched.push((seq, output.clone()));
        }
    }

    pub fn end(&mut self, at: Timestamp, seq: u64, state: &Value, tally: &mut Tally) {
        self.settle(true, tally);
        self.give_up(tally);
        self.step(at, seq);
        self.compare_state(DifferenceKind::EndState, state, tally);
    }

    /// Compares what the last input brought. If the recording was cut there, outputs it lacks are no
    /// difference.
    pub fn settle(&mut self, complete: bool, tally: &mut Tally) {
        let recorded = std::mem::take(&mut self.unmatched);
        let mut produced = std::mem::take(&mut self.produced);
        let made = produced.get(self.matched..).unwrap_or_default();
        self.matched = 0;
        if !self.dead && !(recorded.is_empty() && (made.is_empty() || !complete)) {
            self.align(&recorded, made, complete, tally);
        }
        self.unmatched = reuse(recorded);
        produced.clear();
        self.produced = produced;
        if !complete {
            self.give_up(tally);
        }
    }

    /// Whether the next output is the recorded one. One that is the same but for an inconsistent volatile value
    /// is the one that was meant, and a difference.
    fn comes_next(&mut self, seq: u64, recorded: &Output, tally: &mut Tally) -> bool {
        let Some(found) = self.produced.get(self.matched) else { return false };
        let found = if tally.checker.is_none() {
            return found == recorded;
        } else {
            found.clone()
        };
        if found != *recorded && self.content(recorded, tally) != self.content(&found, tally) {
            return false;
        }
        self.check(seq, recorded, &found, tally);
        true
    }

    /// Volatile values of two outputs that are one.
    fn check(&mut self, seq: u64, recorded: &Output, found: &Output, tally: &mut Tally) {
        if let Some(Breach::Inconsistent(mismatch)) = self.breach(recorded, found, tally) {
            let kind = DifferenceKind::Inconsistent;
            self.tell(kind, seq, Some(recorded), Some(found), Some(mismatch), tally);
        }
        if let Output::Http { id, .. } = found {
            self.requests.remove(id);
        }
    }

    fn breach(&self, recorded: &Output, found: &Output, tally: &mut Tally) -> Option<Breach> {
        let checker = tally.checker.as_mut()?;
        let (expected_text, found_text) = (frame::output_text(recorded)?, frame::output_text(found)?);
        let message = self.message(recorded);
        let peer = frame::output_peer(recorded).to_string();
        let moment = Moment {
            service: &self.service,
            message: &message,
            peer: &peer,
            recorded_at: self.at,
            found_at: self.at,
        };
        checker.texts(moment, expected_text, found_text)
    }

    fn align(&mut self, recorded: &[(u64, Output)], made: &[Output], complete: bool, tally: &mut Tally) {
        let seq = |n: usize| recorded.get(n).map_or(self.next_seq, |(seq, _)| *seq);
        let item = |output| Item {
            stream: frame::output_peer(output).to_string(),
            kind: self.message(output),
            content: self.content(output, tally),
        };
        let kept = made.get(..MAX_UNMATCHED.min(made.len())).unwrap_or_default();
        let mine: Vec<Item> = recorded.iter().map(|(_, output)| item(output)).collect();
        let theirs: Vec<Item> = kept.iter().map(item).collect();
        let pairs = compare::align(&mine, &theirs);
        let next_seq = self.next_seq;
        // Every connection got what it should in its order, and yet it isn't the same to the bit.
        let across = pairs
            .iter()
            .all(|pair| matches!(pair, Pair::Same { .. }))
            .then(|| pairs.iter().position(|pair| pair.recorded() != pair.found()))
            .flatten();
        let across = across.and_then(|n| pairs.get(n)).copied();
        let seqs: Vec<u64> = (0..recorded.len()).map(seq).collect();
        for pair in pairs {
            let expected = pair.recorded().and_then(|n| recorded.get(n)).map(|(_, output)| output);
            let found = pair.found().and_then(|n| kept.get(n));
            let seq = pair.recorded().and_then(|n| seqs.get(n)).copied().unwrap_or(next_seq);
            match (pair, expected, found) {
                (Pair::Same { .. }, Some(expected), Some(found)) => {
                    if across == Some(pair) {
                        self.tell(DifferenceKind::Reordered, seq, Some(expected), made.first(), None, tally);
                    }
                    self.check(seq, expected, found, tally);
                }
                (Pair::Reordered { .. }, Some(expected), Some(found)) => {
                    let instead =
                        pair.recorded().and_then(|n| kept.get(n)).filter(|other| *other != expected);
                    self.tell(
                        DifferenceKind::Reordered,
                        seq,
                        Some(expected),
                        instead.or(Some(found)),
                        None,
                        tally,
                    );
                    self.check(seq, expected, found, tally);
                }
                (Pair::Different { .. }, Some(expected), Some(found)) => {
                    let place = self.breach(expected, found, tally).map(Breach::mismatch);
                    self.tell(DifferenceKind::Different, seq, Some(expected), Some(found), place, tally);
                }
                // Whom it was for, and whether that matters, is known now and not when it is given up.
                (Pair::Missing { .. }, Some(output), _) | (Pair::Extra { .. }, _, Some(output))
                    if tally.only.is_some()
                        && !self.is_seen(tally.from.unwrap_or(self.at), Some(output), tally) => {}
                (Pair::Missing { .. }, Some(expected), _) => {
                    let content =
                        mine.get(pair.recorded().unwrap_or_default()).map(|item| item.content.clone());
                    let owed =
                        self.tardy.missing(content.unwrap_or_default(), self.at, seq, expected.clone());
                    self.tardily(owed, tally);
                }
                (Pair::Extra { .. }, _, Some(found)) if complete => {
                    let content =
                        theirs.get(pair.found().unwrap_or_default()).map(|item| item.content.clone());
                    let ahead =
                        self.tardy.extra(content.unwrap_or_default(), self.at, next_seq, found.clone());
                    self.tardily(ahead, tally);
                }
                _ => {}
            }
        }
        for output in made.iter().skip(MAX_UNMATCHED).filter(|_| complete) {
            if self.is_seen(self.at, Some(output), tally) {
                tally.count(DifferenceKind::Extra);
            }
        }
    }

    /// Tells what is certain now about messages that stand in another place.
    fn tardily(&mut self, verdicts: Vec<Verdict>, tally: &mut Tally) {
        for verdict in verdicts {
            let Verdict { kind, at, seq, recorded, found, by } = verdict;
            let (recorded, found) = (recorded.as_ref(), found.as_ref());
            let mismatch = by.map(|(late_at, found_seq)| Mismatch {
                path: "when".to_owned(),
                expected: Some(format!("{} (event {seq})", crate::report::utc(at))),
                found: Some(format!("{} (before event {found_seq})", crate::report::utc(late_at))),
            });
            if tally.from.is_none_or(|from| at >= from) {
                self.tell_at(kind, at, seq, recorded, found, mismatch, tally);
            }
            if let (Some(recorded), Some(found)) = (recorded, found) {
                self.check(seq, recorded, found, tally);
            }
        }
    }

    /// What hasn't come by now is missing.
    fn give_up(&mut self, tally: &mut Tally) {
        let verdicts = self.tardy.give_up();
        self.tardily(verdicts, tally);
    }

    /// The live shell wakes a machine when it asks for it, not before; and before any input that is later.
    fn check_wake_up(&mut self, woken: bool, due: Option<Timestamp>, tally: &mut Tally) {
        let early = woken && due.is_none_or(|due| due > self.at);
        let passed = !woken && self.woken_at != Some(self.at) && due.is_some_and(|due| due < self.at);
        if woken {
            self.woken_at = Some(self.at);
        }
        if early || passed {
            let expected = if woken { "a wake-up now" } else { "none before this" };
            let found = due.map_or_else(|| "none".to_owned(), crate::report::utc);
            let path = "the next wake-up".to_owned();
            let mismatch = Mismatch { path, expected: Some(expected.to_owned()), found: Some(found) };
            self.tell(DifferenceKind::WakeUp, self.next_seq, None, None, Some(mismatch), tally);
        }
    }

    fn tell(
        &self,
        kind: DifferenceKind,
        before_seq: u64,
        expected: Option<&Output>,
        found: Option<&Output>,
        mismatch: Option<Mismatch>,
        tally: &mut Tally,
    ) {
        if self.is_seen(self.at, expected.or(found), tally) {
            self.tell_at(kind, self.at, before_seq, expected, found, mismatch, tally);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that a finding is made of")]
    fn tell_at(
        &self,
        kind: DifferenceKind,
        at: Timestamp,
        before_seq: u64,
        expected: Option<&Output>,
        found: Option<&Output>,
        mismatch: Option<Mismatch>,
        tally: &mut Tally,
    ) {
        if !tally.wants(kind, before_seq) {
            return;
        }
        let short = |output: Option<&Output>| output.map(|output| diff::short(&frame::output(output)));
        let place = match (kind, expected, found) {
            (DifferenceKind::Different, Some(expected), Some(found)) => diff::outputs(expected, found),
            _ => None,
        };
        let all = || Mismatch { path: "$".to_owned(), expected: short(expected), found: short(found) };
        let whole = (expected.is_some() || found.is_some())
            .then(|| Whole { recorded: expected.map(frame::whole), found: found.map(frame::whole) });
        tally.keep(Finding {
            kind,
            service: self.service.clone(),
            at,
            before_seq,
            peer: expected.or(found).map(frame::output_peer),
            mismatch: mismatch.or(place).unwrap_or_else(all),
            whole,
        });
    }

    fn compare_state(&mut self, kind: DifferenceKind, expected: &Value, tally: &mut Tally) {
        if self.dead {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| self.machine.state())) {
            Ok(state) => {
                tally.digest.update(state.to_string());
                let breach = match &mut tally.checker {
                    Some(checker) => {
                        let (recorded_at, found_at) = (self.at, self.at);
                        let peer = if kind == DifferenceKind::StartState { "start" } else { "end" };
                        let service = &*self.service;
                        let moment = Moment { service, message: "state", peer, recorded_at, found_at };
                        checker.values(moment, expected, &state)
                    }
                    None => diff::values(expected, &state).map(Breach::Different),
                };
                if let Some(breach) = breach {
                    let kind = match breach {
                        Breach::Different(_) => kind,
                        Breach::Inconsistent(_) => DifferenceKind::Inconsistent,
                    };
                    if self.is_seen(self.at, None, tally) && tally.wants(kind, self.next_seq) {
                        let [recorded, found] =
                            [expected, &state].map(|state| Some(frame::bounded(&state.to_string())));
                        let whole = Some(Whole { recorded, found });
                        tally.keep(self.finding(kind, None, breach.mismatch(), whole));
                    }
                }
            }
            Err(panic) => self.panicked(&*panic, None, tally),
        }
    }

    fn panicked(&mut self, panic: &(dyn Any + Send), peer: Option<Peer>, tally: &mut Tally) {
        let found = Some(said(panic));
        let mismatch = Mismatch { path: "$".to_owned(), expected: None, found };
        if tally.wants(DifferenceKind::Panicked, self.next_seq) {
            tally.keep(self.finding(DifferenceKind::Panicked, peer, mismatch, None));
        }
        self.give_up(tally);
        self.dead = true;
    }

    fn finding(
        &self,
        kind: DifferenceKind,
        peer: Option<Peer>,
        mismatch: Mismatch,
        whole: Option<Whole>,
    ) -> Finding {
        let (service, at, before_seq) = (self.service.clone(), self.at, self.next_seq);
        Finding { kind, service, at, before_seq, peer, mismatch, whole }
    }

    /// An output's kind, as rules name it.
    fn message(&self, output: &Output) -> String {
        match output {
            Output::Http { id, .. } => self.requests.get(id).cloned().unwrap_or_else(|| "http".to_owned()),
            output => frame::message(output),
        }
    }

    /// An output's content; volatile values masked.
    fn content(&self, output: &Output, tally: &Tally) -> String {
        let masked = tally
            .checker
            .as_ref()
            .zip(frame::output_text(output))
            .and_then(|(checker, text)| checker.masked(&self.service, &self.message(output), text));
        match masked {
            Some(text) => frame::with_text(output, text),
            None => frame::with_text(output, frame::output_text(output).unwrap_or_default().to_owned()),
        }
    }

    fn remember(&mut self, input: &Input, tally: &Tally) {
        if let Input::Http { id, method, path, .. } = input
            && tally.checker.is_some()
        {
            self.requests.insert(*id, format!("{method} {path}"));
            if self.requests.len() > MAX_REQUESTS {
                self.requests.pop_first();
            }
        }
    }

    fn is_seen(&self, at: Timestamp, output: Option<&Output>, tally: &Tally) -> bool {
        tally.sees(at, &self.service, output.map(frame::output_peer).as_ref(), self.hears.as_deref())
    }

    fn listen(&mut self, input: &Input, tally: &Tally) {
        let Some(only) = tally.only.as_ref().and_then(|only| only.conn) else { return };
        match input {
            Input::Open { conn, path, .. } if *conn == only => self.hears = Some(path.clone()),
            Input::Closed { conn, .. } if *conn == only => self.hears = None,
            _ => {}
        }
    }

    fn step(&mut self, at: Timestamp, seq: u64) {
        self.at = at;
        self.next_seq = seq.saturating_add(1);
        if self.tardy.is_waiting() {
            self.tardy.pass(at);
        }
    }
}

/// The same allocation, empty.
fn reuse<T>(mut list: Vec<T>) -> Vec<T> {
    list.clear();
    list
}

/// A panic's text.
pub fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    diff::short(&text.unwrap_or_else(|| "the machine panicked".to_owned()))
}
