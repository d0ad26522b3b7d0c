//! What can go otherwise than it went.

use std::time::Duration;

use kit::machine::{Input, StoreEvent, StreamEvent};
use proptest::prelude::*;
use proptest::sample::Index;

use super::life::{Act, Life, Step};

/// Mutations of one session.
const MAX_MUTATIONS: usize = 12;
/// How late something may come, milliseconds.
const MAX_DELAY_MS: u64 = 20_000;
/// Inputs that are lost or come again together.
const MAX_RUN: usize = 8;

#[derive(Clone, Debug)]
pub enum Mutation {
    Drop { at: Index, run: usize },
    Duplicate { at: Index },
    Delay { at: Index, ms: u64 },
    Reorder { one: Index, other: Index },
    Cut { at: Index, conn: usize },
    Lag { at: Index, conn: usize },
    Truncate { at: Index, to: Index },
    Restart { at: Index, keep: bool },
    CommitsFail { at: Index, count: usize },
    Away { at: Index, ms: u64 },
}

pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let at = any::<Index>;
    let one = prop_oneof![
        3 => (at(), 1..=MAX_RUN).prop_map(|(at, run)| Mutation::Drop { at, run }),
        3 => at().prop_map(|at| Mutation::Duplicate { at }),
        3 => (at(), 0..=MAX_DELAY_MS).prop_map(|(at, ms)| Mutation::Delay { at, ms }),
        3 => (at(), at()).prop_map(|(one, other)| Mutation::Reorder { one, other }),
        2 => (at(), 0..8_usize).prop_map(|(at, conn)| Mutation::Cut { at, conn }),
        2 => (at(), 0..8_usize).prop_map(|(at, conn)| Mutation::Lag { at, conn }),
        2 => (at(), at()).prop_map(|(at, to)| Mutation::Truncate { at, to }),
        1 => (at(), any::<bool>()).prop_map(|(at, keep)| Mutation::Restart { at, keep }),
        2 => (at(), 1..4_usize).prop_map(|(at, count)| Mutation::CommitsFail { at, count }),
        1 => (at(), 0..=MAX_DELAY_MS).prop_map(|(at, ms)| Mutation::Away { at, ms }),
    ];
    prop::collection::vec(one, 1..=MAX_MUTATIONS)
}

/// The life with all of them, one after the other.
pub fn mutate(life: &Life, mutations: &[Mutation]) -> Life {
    let mut life = life.clone();
    for mutation in mutations {
        if life.steps.is_empty() {
            break;
        }
        apply(&mut life.steps, mutation);
        life.steps.sort_by_key(|step| step.at);
    }
    life
}

fn apply(steps: &mut Vec<Step>, mutation: &Mutation) {
    let len = steps.len();
    let mut insert = |at: &Index, act: Act| {
        let n = at.index(len);
        let at = steps[n].at;
        steps.insert(n, Step { at, act });
    };
    match mutation {
        Mutation::Cut { at, conn } => insert(at, Act::Cut(*conn)),
        Mutation::Lag { at, conn } => insert(at, Act::Lags(*conn)),
        Mutation::Restart { at, keep } => insert(at, Act::Restart { keep: *keep }),
        Mutation::CommitsFail { at, count } => insert(at, Act::CommitsFail(*count)),
        Mutation::Drop { at, run } => {
            let from = at.index(len);
            drop(steps.drain(from..len.min(from + run)));
        }
        Mutation::Duplicate { at } => {
            let step = steps[at.index(len)].clone();
            steps.insert(at.index(len), step);
        }
        Mutation::Delay { at, ms } => steps[at.index(len)].at += Duration::from_millis(*ms),
        Mutation::Reorder { one, other } => {
            let (one, other) = (one.index(len), other.index(len));
            let (at, of) = (steps[one].at, steps[other].at);
            steps.swap(one, other);
            (steps[one].at, steps[other].at) = (at, of);
        }
        Mutation::Truncate { at, to } => truncate(steps, at.index(len), to),
        Mutation::Away { at, ms } => {
            let n = at.index(len);
            let away = steps[n].at;
            let store = |event| Act::Input(Input::Store { event });
            let reason = "the connection was lost".to_owned();
            let back = away + Duration::from_millis(*ms);
            steps.insert(n, Step { at: away, act: store(StoreEvent::Away { reason }) });
            steps.push(Step { at: back, act: store(StoreEvent::Back) });
        }
    }
}

/// The next piece of the receiver's bytes from there on, or text, is cut off.
fn truncate(steps: &mut [Step], from: usize, to: &Index) {
    for step in steps.iter_mut().skip(from) {
        match &mut step.act {
            Act::Input(Input::Stream { event: StreamEvent::Bytes { bytes, .. } }) if !bytes.is_empty() => {
                return bytes.truncate(to.index(bytes.len()));
            }
            Act::Input(Input::Text { text, .. }) if !text.is_empty() => {
                let kept: String = text.chars().take(to.index(text.chars().count())).collect();
                *text = kept.into();
                return;
            }
            _ => {}
        }
    }
}
