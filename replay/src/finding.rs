//! What a run counts and finds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kit::machine::Timestamp;
use serde::Serialize;
use sha2::Sha256;

use crate::diff::Mismatch;
use crate::frame::Peer;
use crate::volatile::Checker;
use crate::window::Only;

/// In what way a replay is not what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The machine doesn't start as the recorded one did.
    StartState,
    /// Another output than the recorded one.
    Different,
    /// The same output but for a volatile value that isn't what its rule says.
    Inconsistent,
    /// A recorded output that didn't come.
    Missing,
    /// An output that wasn't recorded.
    Extra,
    /// Two outputs in the other order.
    Reordered,
    /// A recorded output that came after a later input.
    Late,
    /// A recorded output that came after an earlier input.
    Early,
    /// A recorded wake-up the machine didn't ask for, or one it asked for that wasn't recorded.
    WakeUp,
    /// All outputs the same, the state at the end not.
    EndState,
    /// The machine panicked.
    Panicked,
}

impl DifferenceKind {
    /// In a word or two, for counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StartState => "start state",
            Self::Different => "different",
            Self::Inconsistent => "inconsistent",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Reordered => "reordered",
            Self::Late => "late",
            Self::Early => "early",
            Self::WakeUp => "wake-up",
            Self::EndState => "end state",
            Self::Panicked => "panicked",
        }
    }

    /// In a sentence's first half.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::StartState => "the state at the start differs",
            Self::Different => "an output differs",
            Self::Inconsistent => "a volatile value is not consistent",
            Self::Missing => "an output is missing",
            Self::Extra => "an output that was not recorded",
            Self::Reordered => "two outputs come in the other order",
            Self::Late => "an output comes late",
            Self::Early => "an output comes early",
            Self::WakeUp => "the machine wants to be woken at another time",
            Self::EndState => "the state at the end differs",
            Self::Panicked => "the machine panicked",
        }
    }
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
    pub whole: Option<Whole>,
}

/// Both outputs or states, not only the place where they part; of each 20,000 characters at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// None if there was none.
    pub recorded: Option<String>,
    /// None if none came.
    pub found: Option<String>,
}

/// What a run counts.
#[derive(Default)]
pub struct Tally<'r> {
    pub inputs: u64,
    pub outputs: u64,
    pub differences: u64,
    pub kinds: BTreeMap<DifferenceKind, u64>,
    /// By where they stand in the recording; so many as were asked for, at least the first.
    pub list: Vec<Finding>,
    /// How many are to be kept.
    pub keep: usize,
    pub digest: Sha256,
    pub checker: Option<Checker<'r>>,
    /// Differences before it are passed over.
    pub from: Option<Timestamp>,
    /// So are those of anybody else.
    pub only: Option<Only>,
}

impl Tally<'_> {
    /// Whether a difference is to be told; `hears` is the path that the one connection that matters hears.
    pub fn sees(&self, at: Timestamp, service: &str, peer: Option<&Peer>, hears: Option<&str>) -> bool {
        let told = self.from.is_none_or(|from| at >= from);
        told && self.only.as_ref().is_none_or(|only| {
            only.is_of(service)
                && only.conn.is_none_or(|conn| match peer {
                    Some(Peer::Conn(of)) => *of == conn,
                    Some(Peer::Path(path)) => hears == Some(path),
                    _ => false,
                })
        })
    }

    /// The first in the recording.
    pub fn first(&self) -> Option<&Finding> {
        self.list.first()
    }

    pub fn used_rules(&self) -> BTreeSet<usize> {
        self.checker.as_ref().map(|checker| checker.used().clone()).unwrap_or_default()
    }

    pub fn count(&mut self, kind: DifferenceKind) {
        self.differences = self.differences.saturating_add(1);
        let kind = self.kinds.entry(kind).or_default();
        *kind = kind.saturating_add(1);
    }

    /// Counts a difference, and says whether it will be kept.
    pub fn wants(&mut self, kind: DifferenceKind, before_seq: u64) -> bool {
        self.count(kind);
        self.list.len() < self.keep.max(1)
            || self.list.last().is_some_and(|last| before_seq < last.before_seq)
    }

    /// Another service's, or one that was held back, may have been seen before and stand later.
    pub fn keep(&mut self, finding: Finding) {
        let at = self.list.partition_point(|earlier| earlier.before_seq <= finding.before_seq);
        self.list.insert(at, finding);
        self.list.truncate(self.keep.max(1));
    }
}
