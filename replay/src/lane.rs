//! One service in a replay: its machine, and the comparison of what it does with what it did.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kit::machine::{Input, Machine, Output, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::diff::{self, Mismatch};
use crate::frame::{self, Peer};

/// Recorded outputs of one input that are kept for the comparison once one has differed; the rest of them
/// counts as missing.
const MAX_UNMATCHED: usize = 4_096;

/// In what way a replay is not what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The machine doesn't start as the recorded one did.
    StartState,
    /// Another output than the recorded one.
    Different,
    /// A recorded output that didn't come.
    Missing,
    /// An output that wasn't recorded.
    Extra,
    /// Two outputs in the other order.
    Reordered,
    /// A recorded wake-up the machine didn't ask for, or one it asked for that wasn't recorded.
    WakeUp,
    /// All outputs the same, the state at the end not.
    EndState,
    /// The machine panicked.
    Panicked,
}

/// A difference, where the comparison saw it.
#[derive(Debug)]
pub struct Finding {
    pub kind: DifferenceKind,
    pub service: Arc<str>,
    pub at: Timestamp,
    /// Events before this number led to it.
    pub before_seq: u64,
    pub peer: Option<Peer>,
    pub mismatch: Mismatch,
}

/// What a run counts.
#[derive(Default)]
pub struct Tally {
    pub inputs: u64,
    pub outputs: u64,
    pub differences: u64,
    pub first: Option<Finding>,
    pub digest: Sha256,
}

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
        self.produced.iter().for_each(|output| digest(&mut tally.digest, output));
        match outcome {
            Ok(due) => self.check_wake_up(woken, due, tally),
            Err(panic) => self.panicked(&*panic, peer, tally),
        }
    }

    pub fn output(&mut self, at: Timestamp, seq: u64, output: Output, tally: &mut Tally) {
        self.step(at, seq);
        if self.unmatched.is_empty() && self.produced.get(self.matched) == Some(&output) {
            self.matched += 1;
        } else if self.dead || self.unmatched.len() >= MAX_UNMATCHED {
            tally.differences = tally.differences.saturating_add(1);
        } else {
            self.unmatched.push((seq, output));
        }
    }

    pub fn end(&mut self, at: Timestamp, seq: u64, state: &Value, tally: &mut Tally) {
        self.settle(true, tally);
        self.step(at, seq);
        self.compare_state(DifferenceKind::EndState, state, tally);
    }

    /// Compares what the last input brought. If the recording was cut there, outputs it lacks are no
    /// difference.
    pub fn settle(&mut self, complete: bool, tally: &mut Tally) {
        let recorded = std::mem::take(&mut self.unmatched);
        let produced = std::mem::take(&mut self.produced);
        let made = produced.get(self.matched..).unwrap_or_default();
        self.matched = 0;
        if !self.dead {
            self.align(&recorded, made, complete, tally);
        }
        self.unmatched = reuse(recorded);
        self.produced = reuse(produced);
    }

    fn align(&self, recorded: &[(u64, Output)], made: &[Output], complete: bool, tally: &mut Tally) {
        let (mut r, mut m) = (0, 0);
        loop {
            let (next_recorded, next_made) = (recorded.get(r + 1).map(|(_, output)| output), made.get(m + 1));
            match (recorded.get(r), made.get(m)) {
                (Some((_, expected)), Some(found)) if expected == found => (r, m) = (r + 1, m + 1),
                (Some((seq, expected)), Some(found)) => {
                    let made_later = complete && next_made == Some(expected);
                    let recorded_later = complete && next_recorded == Some(found);
                    let kind = match (made_later, recorded_later) {
                        (true, true) => DifferenceKind::Reordered,
                        (true, false) => DifferenceKind::Extra,
                        (false, true) => DifferenceKind::Missing,
                        (false, false) => DifferenceKind::Different,
                    };
                    (r, m) = match kind {
                        DifferenceKind::Reordered => (r + 2, m + 2),
                        DifferenceKind::Extra => (r, m + 1),
                        DifferenceKind::Missing => (r + 1, m),
                        _ => (r + 1, m + 1),
                    };
                    self.found(kind, *seq, Some(expected), Some(found), tally);
                }
                (Some((seq, expected)), None) => {
                    self.found(DifferenceKind::Missing, *seq, Some(expected), None, tally);
                    r += 1;
                }
                (None, Some(found)) if complete => {
                    self.found(DifferenceKind::Extra, self.next_seq, None, Some(found), tally);
                    m += 1;
                }
                (None, _) => return,
            }
        }
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
            self.tell(DifferenceKind::WakeUp, self.next_seq, None, mismatch, tally);
        }
    }

    fn found(
        &self,
        kind: DifferenceKind,
        before_seq: u64,
        expected: Option<&Output>,
        found: Option<&Output>,
        tally: &mut Tally,
    ) {
        let whole = |output: Option<&Output>| output.map(|output| diff::short(&frame::output(output)));
        let all = |expected, found| Mismatch { path: "$".to_owned(), expected, found };
        let (peer, mismatch) = match (kind, expected, found) {
            (DifferenceKind::Missing, expected, _) => (expected, all(whole(expected), None)),
            (DifferenceKind::Extra, _, found) => (found, all(None, whole(found))),
            (DifferenceKind::Different, Some(expected), Some(found)) => {
                let mismatch = diff::outputs(expected, found);
                (Some(expected), mismatch.unwrap_or_else(|| all(whole(Some(expected)), whole(Some(found)))))
            }
            _ => (expected, all(whole(expected), whole(found))),
        };
        self.tell(kind, before_seq, peer.map(frame::output_peer), mismatch, tally);
    }

    fn tell(
        &self,
        kind: DifferenceKind,
        before_seq: u64,
        peer: Option<Peer>,
        mismatch: Mismatch,
        tally: &mut Tally,
    ) {
        tally.differences = tally.differences.saturating_add(1);
        // Another service's may have been seen before and stand later.
        if tally.first.as_ref().is_none_or(|first| before_seq < first.before_seq) {
            let (service, at) = (self.service.clone(), self.at);
            tally.first = Some(Finding { kind, service, at, before_seq, peer, mismatch });
        }
    }

    fn compare_state(&mut self, kind: DifferenceKind, expected: &Value, tally: &mut Tally) {
        if self.dead {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| self.machine.state())) {
            Ok(state) => {
                tally.digest.update(state.to_string());
                if let Some(mismatch) = diff::values(expected, &state) {
                    self.tell(kind, self.next_seq, None, mismatch, tally);
                }
            }
            Err(panic) => self.panicked(&*panic, None, tally),
        }
    }

    fn panicked(&mut self, panic: &(dyn Any + Send), peer: Option<Peer>, tally: &mut Tally) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let found = Some(diff::short(&text.unwrap_or_else(|| "the machine panicked".to_owned())));
        let mismatch = Mismatch { path: "$".to_owned(), expected: None, found };
        self.tell(DifferenceKind::Panicked, self.next_seq, peer, mismatch, tally);
        self.dead = true;
    }

    fn step(&mut self, at: Timestamp, seq: u64) {
        self.at = at;
        self.next_seq = seq.saturating_add(1);
    }
}

/// The same allocation, empty.
fn reuse<T>(mut list: Vec<T>) -> Vec<T> {
    list.clear();
    list
}

/// Every field of an output, each with its length where that varies: no two outputs hash alike.
fn digest(hash: &mut Sha256, output: &Output) {
    let mut text = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    let numbers = match output {
        Output::Http { id, status, body, link } => {
            text(body);
            text(link.as_deref().unwrap_or_default());
            [1, *id, u64::from(*status), link.is_some().into()]
        }
        Output::Send { conn, text: sent, key } => {
            text(sent);
            [2, *conn, key.is_some().into(), key.unwrap_or_default()]
        }
        Output::Publish { path, text: sent, key } => {
            text(path);
            text(sent);
            [3, 0, key.is_some().into(), key.unwrap_or_default()]
        }
        Output::Close { conn, code, reason } => {
            text(reason);
            [4, *conn, u64::from(*code), 0]
        }
        Output::Join { conn, path } => {
            text(path);
            [5, *conn, 0, 0]
        }
        Output::Ping { conn, token } => [6, *conn, *token, 0],
        Output::Commit { batch, changes } => {
            text(changes);
            [7, *batch, 0, 0]
        }
    };
    numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
}
