//! What consoles are told, in one numbered sequence.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use kit::machine::ConnId;
use uuid::Uuid;
use wire::dispatch::{ConsoleFrame, ToConsole};

use super::{Effect, ledger::Ledger};

/// Changes that a console can catch up on with `?since=`; one that is further behind is given the whole state.
pub const RING: usize = 4096;
/// Bytes of them that are kept; beyond it the oldest are forgotten.
pub const RING_BYTES: usize = 32 << 20;
/// Sequence numbers between one millisecond's epoch and the next: a number of an earlier run is always below
/// those of a later one, so that it can't be taken for one of them.
const SEQ_PER_MS: u64 = 1_000;

/// The sequence.
#[derive(Debug)]
pub struct Consoles {
    epoch: u64,
    seq: u64,
    /// What was told last, oldest first, the last being `seq`.
    ring: VecDeque<(Key, Arc<str>)>,
    ring_bytes: usize,
    /// As consoles know them: connected, and with what task.
    rovers: BTreeMap<String, Option<Uuid>>,
}

impl Consoles {
    /// A sequence that starts at this Unix time, milliseconds.
    #[must_use]
    pub const fn new(epoch: u64) -> Self {
        Self {
            epoch,
            seq: epoch.saturating_mul(SEQ_PER_MS),
            ring: VecDeque::new(),
            ring_bytes: 0,
            rovers: BTreeMap::new(),
        }
    }

    /// A change that has been committed, or a fact.
    pub fn tell(&mut self, message: ToConsole, out: &mut Vec<Effect>) {
        self.seq = self.seq.saturating_add(1);
        let key = key(&message);
        let text = frame(message, self.seq);
        self.ring_bytes = self.ring_bytes.saturating_add(text.len());
        self.ring.push_back((key, Arc::clone(&text)));
        while self.ring.len() > RING || self.ring_bytes > RING_BYTES {
            let Some((_, oldest)) = self.ring.pop_front() else { break };
            self.ring_bytes = self.ring_bytes.saturating_sub(oldest.len());
        }
        out.push(Effect::Publish { text, key });
    }

    /// Tells of a rover if consoles don't know it so. A rover without socket and task is told once more and
    /// then forgotten.
    pub fn tell_rover(&mut self, rover: &str, connected: bool, task: Option<Uuid>, out: &mut Vec<Effect>) {
        let now = connected.then_some(task);
        if self.rovers.get(rover) == now.as_ref() {
            return;
        }
        match now {
            Some(task) => drop(self.rovers.insert(rover.to_owned(), task)),
            None => drop(self.rovers.remove(rover)),
        }
        self.tell(ToConsole::RoverUpdate { rover_id: rover.to_owned(), connected, task_id: task }, out);
    }

    /// What a console is given on connecting: what it missed since `since`, if that is still known, or the
    /// whole state.
    pub fn welcome(&self, conn: ConnId, since: Option<u64>, ledger: &Ledger, out: &mut Vec<Effect>) {
        let missed =
            since.and_then(|since| self.seq.checked_sub(since)).and_then(|n| usize::try_from(n).ok());
        match missed {
            Some(missed) if missed <= self.ring.len() => {
                let first = self.ring.len() - missed;
                let texts = self.ring.iter().skip(first).cloned();
                out.extend(texts.map(|(key, text)| Effect::ToConsole { conn, text, key }));
            }
            _ => self.whole(conn, ledger, out),
        }
    }

    /// What a console is given that missed something: the last word on whatever changed lately, so that what it
    /// knows and is no more doesn't stay with it, and then the whole state. All but the end has no number.
    pub fn lagged(&self, conn: ConnId, ledger: &Ledger, out: &mut Vec<Effect>) {
        let mut said = BTreeSet::new();
        let mut last: Vec<_> = self.ring.iter().rev().filter(|(key, _)| said.insert(*key)).collect();
        last.reverse();
        out.extend(last.into_iter().map(|(key, text)| Effect::ToConsole {
            conn,
            text: unnumbered(text),
            key: *key,
        }));
        self.whole(conn, ledger, out);
    }

    /// The whole state: the connected rovers, the open tasks, and where in the sequence this is. Only the last
    /// frame has that number: who got a part and asks `?since=` what it was told last is given all again.
    pub fn whole(&self, conn: ConnId, ledger: &Ledger, out: &mut Vec<Effect>) {
        let rovers = self.rovers.iter().map(|(rover, task_id)| ToConsole::RoverUpdate {
            rover_id: rover.clone(),
            connected: true,
            task_id: *task_id,
        });
        let tasks = ledger.open_tasks().map(|row| ToConsole::TaskUpdate { task: row.task.clone() });
        let end = ToConsole::Snapshot { epoch: self.epoch };
        let rows = rovers.chain(tasks).map(|message| (message, 0));
        for (message, seq) in rows.chain([(end, self.seq)]) {
            out.push(Effect::ToConsole { conn, key: key(&message), text: frame(message, seq) });
        }
    }
}

fn frame(message: ToConsole, seq: u64) -> Arc<str> {
    // Serialising these types can't fail; an empty text would be told apart at once.
    serde_json::to_string(&ConsoleFrame { message, seq }).unwrap_or_default().into()
}

/// The same frame as a row of a whole state: its number would make a console that is cut off before the end
/// believe that it has all before.
fn unnumbered(text: &Arc<str>) -> Arc<str> {
    const SEQ: &str = "\"seq\":";
    match text.rfind(SEQ) {
        Some(at) => format!("{}{SEQ}0}}", text.get(..at).unwrap_or_default()).into(),
        None => Arc::clone(text),
    }
}

/// What a frame is about: of one key, the newest frame says all. None for one that nothing can stand for.
pub type Key = Option<u64>;

fn key(message: &ToConsole) -> Key {
    let (table, id): (u8, &[u8]) = match message {
        ToConsole::ZoneUpdate { zone } => (1, zone.id.as_bytes()),
        ToConsole::ZoneDeleted { zone_id } => (1, zone_id.as_bytes()),
        ToConsole::MissionUpdate { mission } => (2, mission.id.as_bytes()),
        ToConsole::MissionDeleted { mission_id } => (2, mission_id.as_bytes()),
        ToConsole::TaskUpdate { task } => (3, task.id.as_bytes()),
        ToConsole::RoverUpdate { rover_id, .. } => (4, rover_id.as_bytes()),
        ToConsole::Snapshot { .. } => return None,
    };
    // FNV-1a (Fowler, Noll, Vo): the same on every machine and in every version, as a recording wants it.
    let bytes = [table].into_iter().chain(id.iter().copied());
    Some(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    }))
}
