//! Many sessions, several at a time, told in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::machines::Factory;
use crate::player::{self, Options, Plan, ReplayError};
use crate::report::{Outcome, Report, counted};
use crate::select::Selected;
use crate::volatile::{self, Rule, Rules, RulesError};
use crate::window::Window;
use crate::wire::{self, WireError};

/// Sessions replayed at once; more are not faster.
pub const MAX_JOBS: usize = 256;

/// How to replay them.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// Each.
    pub options: Options,
    /// At most so many at once.
    pub jobs: usize,
    /// Begin no other after one that isn't as recorded.
    pub fail_fast: bool,
    /// Which values are volatile.
    pub masks: Masks,
    /// Differences of a session that are told with all that belongs to them.
    pub tell: usize,
    /// What part of each is compared.
    pub window: &'a Window,
    /// Live services to play the sessions' clients against, in the place of machines. Then the built-in rules
    /// hold, too, unless nothing is to be masked.
    pub wire: Option<&'a wire::Order>,
    /// Told now and then how many bytes of all files have been read.
    pub watch: &'a (dyn Fn(u64) + Sync),
}

/// Which values are volatile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Masks {
    /// None: everything is compared to the bit.
    Exact,
    /// What the files of rules say.
    #[default]
    Rules,
    /// That, and the built-in rules.
    RulesAndDefaults,
}

/// One session's result.
pub struct Done {
    /// Which.
    pub selected: Selected,
    /// What became of it.
    pub result: Result<Report, FailError>,
}

/// Why one couldn't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum FailError {
    /// The session.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Its rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// Its clients couldn't be played.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// All of them together.
#[derive(Debug, Default)]
pub struct Summary {
    /// As recorded.
    pub same: u64,
    /// Not.
    pub differ: u64,
    /// As recorded, as far as they can be read.
    pub lossy: u64,
    /// Not twice the same.
    pub not_deterministic: u64,
    /// Not replayed.
    pub failed: u64,
    /// Not begun, after the first that isn't as recorded.
    pub not_begun: u64,
    /// Inputs fed.
    pub inputs: u64,
    /// Outputs that came.
    pub outputs: u64,
    /// Differences.
    pub differences: u64,
    /// Of all sessions.
    pub recorded: Duration,
    /// From the first to the last of them.
    pub elapsed: Duration,
    /// Rules that never selected a value, each a sentence; none if not all sessions were replayed.
    pub unused_rules: Vec<String>,
}

/// Replays all; `each` is told of each as soon as all before it have been told.
pub fn run(sessions: &[Selected], factory: &Factory, order: &Order, each: &mut dyn FnMut(Done)) -> Summary {
    let clock = kit::clock::Clock::start();
    let started = clock.now();
    let (next, stop, read) = (AtomicUsize::new(0), AtomicBool::new(false), AtomicU64::new(0));
    let jobs = order.jobs.clamp(1, MAX_JOBS).min(sessions.len().max(1));
    let mut summary = Summary::default();
    let mut used = Used::default();
    std::thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs {
            let (sender, next, stop, read) = (sender.clone(), &next, &stop, &read);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(selected) = sessions.get(n) else { return };
                    let (done, rules) = one(selected, factory, order, jobs == 1, read);
                    if order.fail_fast && exit_code(&done.result) != 0 {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if sender.send((n, done, rules)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // While a slow one is replayed, those after it wait: reports are bounded, and files few.
        let (mut waiting, mut told) = (BTreeMap::new(), 0);
        for (n, done, rules) in results {
            waiting.insert(n, (done, rules));
            while let Some((done, rules)) = waiting.remove(&told) {
                told += 1;
                summary.add(&done);
                used.add(&done, rules);
                each(done);
            }
        }
        for (done, rules) in waiting.into_values() {
            summary.add(&done);
            used.add(&done, rules);
            each(done);
        }
    });
    summary.elapsed = clock.now().saturating_sub(started);
    summary.not_begun = (sessions.len() as u64).saturating_sub(summary.sessions());
    if summary.not_begun == 0 && summary.failed == 0 {
        summary.unused_rules = used.never();
    }
    summary
}

/// The rules of one session.
type Found = Option<(PathBuf, Rules)>;

fn one(
    selected: &Selected,
    factory: &Factory,
    order: &Order,
    alone: bool,
    read: &AtomicU64,
) -> (Done, Found) {
    let so_far = AtomicU64::new(0);
    let watch = |bytes: u64| {
        let before = so_far.swap(bytes, Ordering::Relaxed);
        let more = bytes.saturating_sub(before);
        (order.watch)(read.fetch_add(more, Ordering::Relaxed).saturating_add(more));
    };
    let rules = match rules(selected, order.masks) {
        Ok(rules) => rules,
        Err(error) => return (Done { selected: selected.clone(), result: Err(error.into()) }, None),
    };
    let masks = match (order.masks, order.wire) {
        (Masks::Rules, Some(_)) => Masks::RulesAndDefaults,
        (masks, _) => masks,
    };
    let all = match (&rules, masks) {
        (Some((_, rules)), Masks::RulesAndDefaults) => Some(rules.clone().and(Rules::defaults())),
        (Some((_, rules)), _) => Some(rules.clone()),
        (None, Masks::RulesAndDefaults) => Some(Rules::defaults()),
        (None, _) => None,
    };
    let opened = selected.open().map_err(|error| FailError::from(ReplayError::from(error)));
    let result = opened.and_then(|session| {
        if let Some(live) = order.wire {
            return Ok(wire::replay(&session, live, all.as_ref(), order.window, order.tell)?);
        }
        let plan = Plan {
            options: order.options,
            rules: all.as_ref(),
            tell: order.tell,
            side_by_side: alone,
            window: order.window,
            watch: &watch,
        };
        Ok(player::replay_planned(&session, factory, &plan)?)
    });
    (Done { selected: selected.clone(), result }, rules)
}

/// The file of rules for a session, if there is one.
///
/// # Errors
/// It can't be used.
pub fn rules(selected: &Selected, masks: Masks) -> Result<Found, RulesError> {
    let file = match masks {
        Masks::Exact => None,
        Masks::Rules | Masks::RulesAndDefaults => volatile::find(&selected.path, &selected.top),
    };
    file.map(|file| Rules::read(&file).map(|rules| (file, rules))).transpose()
}

/// Which rules of which file have selected a value.
#[derive(Default)]
struct Used(BTreeMap<PathBuf, (Rules, BTreeSet<usize>)>);

impl Used {
    fn add(&mut self, done: &Done, rules: Found) {
        let Some((file, rules)) = rules else { return };
        let (_, used) = self.0.entry(file).or_insert_with(|| (rules, BTreeSet::new()));
        used.extend(done.result.iter().flat_map(|report| report.used_rules.iter().copied()));
    }

    fn never(&self) -> Vec<String> {
        let sentence = |file: &Path, rule: &Rule| {
            let line = rule.line.map(|line| format!("{}, line {line}: ", file.display()))?;
            Some(format!("{line}the rule {rule} never selected a value; correct it or take it out"))
        };
        let never = self.0.iter().flat_map(|(file, (rules, used))| {
            rules
                .iter()
                .enumerate()
                .filter(|(n, _)| !used.contains(n))
                .map(move |(_, rule)| sentence(file, rule))
        });
        never.flatten().collect()
    }
}

/// The exit code of one.
pub fn exit_code(result: &Result<Report, FailError>) -> u8 {
    match result {
        Ok(report) => report.outcome().exit_code(),
        Err(FailError::Replay(error)) => error.exit_code(),
        Err(FailError::Rules(_)) => crate::report::USAGE,
        Err(FailError::Wire(error)) => error.exit_code(),
    }
}

impl Summary {
    /// Sessions that were begun.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        [self.same, self.differ, self.lossy, self.not_deterministic, self.failed]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    fn add(&mut self, done: &Done) {
        let Ok(report) = &done.result else {
            self.failed = self.failed.saturating_add(1);
            return;
        };
        let count = match report.outcome() {
            Outcome::Same => &mut self.same,
            Outcome::Differs => &mut self.differ,
            Outcome::Lossy => &mut self.lossy,
            Outcome::NotDeterministic => &mut self.not_deterministic,
        };
        *count = count.saturating_add(1);
        self.inputs = self.inputs.saturating_add(report.inputs);
        self.outputs = self.outputs.saturating_add(report.outputs);
        self.differences = self.differences.saturating_add(report.differences);
        self.recorded = self.recorded.saturating_add(report.recorded);
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} as recorded", counted(self.sessions(), "session"), self.same)?;
        let rest = [
            (self.differ, "not as recorded"),
            (self.not_deterministic, "not deterministic"),
            (self.lossy, "in part"),
            (self.failed, "not replayed"),
            (self.not_begun, "not begun"),
        ];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        write!(
            f,
            "; {}, {}, {:.1} s in {}",
            counted(self.inputs, "input"),
            counted(self.outputs, "output"),
            self.recorded.as_secs_f64(),
            crate::report::took(self.elapsed)
        )
    }
}

/// Which of several exit codes is told: that machines aren't deterministic (then nothing else is proved), a
/// difference, a failure of the tool, a wrong file of rules, then files that can't be replayed, then damage.
pub const WORST_FIRST: [u8; 9] = [6, 100, 1, 2, 5, 10, 9, 4, 3];

/// The one exit code for several.
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: &u8| WORST_FIRST.iter().position(|worse| worse == code).unwrap_or(WORST_FIRST.len());
    codes.into_iter().min_by_key(rank).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_is_told() {
        assert_eq!(worst([]), 0);
        assert_eq!(worst([0, 0]), 0);
        assert_eq!(worst([0, 3, 0]), 3);
        assert_eq!(worst([3, 100, 4]), 100);
        assert_eq!(worst([100, 6]), 6);
        assert_eq!(worst([4, 9, 10]), 10);
    }
}
