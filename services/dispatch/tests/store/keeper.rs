//! What the keeper's thread makes of a store's troubles.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use dispatch::{
    core::ledger::{Change, KeptAnswer},
    store::{
        CheckError, CommitError, OpenError, Store, StoreError,
        keeper::{Pace, start},
        sqlite::Sqlite,
    },
};
use kit::{
    clock::Clock,
    machine::{Input, Machine, Output, StoreEvent, Timestamp},
    runner::{Gone, Keeper, Runner, RunnerLimits, StartParts},
    tap::Tap,
};
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use crate::{
    conformance::day,
    kept::{Kept, QUICK},
};

/// Does as the test says, and well when it says nothing.
#[derive(Clone, Default)]
struct Scripted {
    opens: Arc<Mutex<VecDeque<OpenError>>>,
    commits: Arc<Mutex<VecDeque<CommitError>>>,
    checks: Arc<Mutex<VecDeque<CheckError>>>,
    resumes: Arc<Mutex<VecDeque<Result<u64, CheckError>>>>,
    kept: Arc<Mutex<Vec<u64>>>,
    holds: Vec<Change>,
    no_wait: bool,
}

fn why() -> StoreError {
    StoreError::Closed { name: "test".to_owned() }
}

impl Store for Scripted {
    fn open(&mut self) -> Result<Vec<Change>, OpenError> {
        self.opens.lock().unwrap().pop_front().map_or(Ok(self.holds.clone()), Err)
    }

    fn commit(&mut self, batch: u64, _changes: &[Change]) -> Result<(), CommitError> {
        if let Some(error) = self.commits.lock().unwrap().pop_front() {
            return Err(error);
        }
        self.kept.lock().unwrap().push(batch);
        Ok(())
    }

    fn check(&mut self) -> Result<(), CheckError> {
        self.checks.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    fn resume(&mut self) -> Result<u64, CheckError> {
        let next = self.resumes.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(self.kept.lock().unwrap().last().copied().unwrap_or(0)))
    }

    fn can_wait(&self) -> bool {
        !self.no_wait
    }
}

fn queue<T>(items: impl IntoIterator<Item = T>) -> Arc<Mutex<VecDeque<T>>> {
    Arc::new(Mutex::new(items.into_iter().collect()))
}

#[test]
fn every_commit_is_told_of_and_the_last_is_finished_before_the_end() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    let world = day();
    let mut kept = Kept::start(Box::new(Sqlite::new(&path)), Pace::default());
    assert_eq!(kept.opened(), dispatch::core::ledger::Ledger::default());
    let mut batch = 0;
    for changes in world.store.chunks(50) {
        batch += 1;
        kept.commit(batch, changes);
        assert!(kept.committed(batch));
    }
    kept.commit(batch + 1, &world.store);
    assert!(!kept.committed(batch + 1), "the same again is refused");
    kept.link.commit(batch + 2, "no JSON".to_owned());
    assert!(!kept.committed(batch + 2));
    kept.commit(batch + 3, &[Change::AnswerGone { key: "key".to_owned() }]);
    assert_eq!(kept.end(), [StoreEvent::Committed { batch: batch + 3, error: None }]);

    let kept = Kept::start(Box::new(Sqlite::new(&path)), Pace::default());
    let ledger = kept.opened();
    assert!(ledger.answer("key").is_none() && ledger.tasks == world.core.kept().tasks);
    assert_eq!(kept.end(), []);
}

/// Each part can be recorded, and together they are everything.
#[test]
fn a_large_store_is_told_in_parts() {
    let answer = |n: usize| KeptAnswer {
        key: format!("key {n}"),
        request: String::new(),
        status: 201,
        body: "x".repeat(400_000),
        at_ms: 0,
    };
    let whole: Vec<Change> = (0..7).map(|n| Change::Answer(answer(n).into())).collect();
    let store = Scripted { holds: whole.clone(), ..Scripted::default() };
    let (_link, desk) = start(Box::new(store), QUICK).unwrap();
    let (tell, told) = channel();
    let _thread = desk.tell(move |event| tell.send(event).map_err(|_| Gone));
    let mut parts = Vec::new();
    loop {
        let (StoreEvent::Loading { changes } | StoreEvent::Opened { changes }) = told.recv().unwrap() else {
            panic!("neither loading nor opened");
        };
        assert!(changes.len() < 2 << 20, "{} bytes in one part", changes.len());
        parts.push(serde_json::from_str::<Vec<Change>>(&changes).unwrap());
        if parts.iter().map(Vec::len).sum::<usize>() == whole.len() {
            break;
        }
    }
    assert_eq!((parts.len(), parts.concat()), (4, whole));
}

#[test]
fn what_cannot_be_waited_for_is_an_error_at_the_start() {
    let fatal = Scripted { opens: queue([OpenError::Fatal(why())]), ..Scripted::default() };
    assert!(start(Box::new(fatal), QUICK).is_err());
    let opens = queue([OpenError::Held(why())]);
    assert!(start(Box::new(Scripted { opens, no_wait: true, ..Scripted::default() }), QUICK).is_err());
}

#[test]
fn a_store_held_elsewhere_is_waited_for_and_each_reason_told_once() {
    let away = || OpenError::Away(StoreError::Url);
    let opens = queue([OpenError::Held(why()), OpenError::Held(why()), away(), away(), away()]);
    let kept = Kept::start(Box::new(Scripted { opens, ..Scripted::default() }), QUICK);
    assert_eq!(kept.lost(), why().to_string());
    assert_eq!(kept.lost(), StoreError::Url.to_string());
    kept.opened();
    kept.end();
}

#[test]
fn trouble_is_told_commits_fail_meanwhile_and_it_is_got_back() {
    let store = Scripted {
        commits: queue([CommitError::Refused(why()), CommitError::Away(why())]),
        resumes: queue((0..50).map(|_| Err(CheckError::Away(why())))),
        ..Scripted::default()
    };
    let kept_by_store = Arc::clone(&store.kept);
    let mut kept = Kept::start(Box::new(store), QUICK);
    kept.opened();
    kept.commit(1, &[]);
    assert!(!kept.committed(1), "refused: no more than that");
    kept.commit(2, &[]);
    assert!(!kept.committed(2));
    assert_eq!(kept.away(), why().to_string());
    kept.commit(3, &[]);
    assert!(!kept.committed(3));
    // Longer than a store without a connection is kept: nobody else can have it.
    kept.back();
    kept.commit(4, &[]);
    assert!(kept.committed(4));
    assert_eq!(*kept_by_store.lock().unwrap(), [4]);
    kept.end();
}

#[test]
fn an_unknown_fate_is_looked_up() {
    for (last, known) in [(7, true), (6, false)] {
        let store = Scripted {
            commits: queue([CommitError::Unknown(why())]),
            resumes: queue([Err(CheckError::Cut(why())), Ok(last)]),
            ..Scripted::default()
        };
        let mut kept = Kept::start(Box::new(store), QUICK);
        kept.opened();
        kept.commit(7, &[]);
        kept.away();
        assert_eq!(kept.committed(7), known);
        kept.back();
        kept.end();
    }
}

#[test]
fn without_a_connection_it_steps_down_and_begins_anew() {
    let store = Scripted {
        commits: queue([CommitError::Unknown(why())]),
        resumes: queue((0..1_000).map(|_| Err(CheckError::Cut(why())))),
        ..Scripted::default()
    };
    let mut kept = Kept::start(Box::new(store), QUICK);
    kept.opened();
    kept.commit(1, &[]);
    kept.away();
    // Its commit's fate is in what is opened then.
    kept.lost();
    kept.opened();
    kept.end();
}

/// A machine that hasn't heard yet that the store is lost may hand over one more.
#[test]
fn a_commit_from_before_a_loss_is_not_carried_out_after_it() {
    let store = Scripted { checks: queue([CheckError::Lost(why())]), ..Scripted::default() };
    let kept_by_store = Arc::clone(&store.kept);
    let (link, desk) = start(Box::new(store), QUICK).unwrap();
    let (tell, heard) = channel();
    let link = Arc::new(Mutex::new(link));
    let machine = Arc::downgrade(&link);
    let thread = desk.tell(move |event| {
        if matches!(event, StoreEvent::Lost { .. }) {
            machine.upgrade().unwrap().lock().unwrap().commit(1, "[]".to_owned());
        }
        tell.send(event).map_err(|_| Gone)
    });
    let next = || heard.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(matches!(next(), StoreEvent::Opened { .. }));
    assert!(matches!(next(), StoreEvent::Lost { .. }));
    assert!(matches!(next(), StoreEvent::Opened { .. }));
    link.lock().unwrap().commit(2, "[]".to_owned());
    assert_eq!(next(), StoreEvent::Committed { batch: 2, error: None });
    drop(link);
    thread.join().unwrap();
    assert_eq!(*kept_by_store.lock().unwrap(), [2]);
}

/// Commits once when its store is opened, and once more when it hears that it is lost, as one that had just
/// decided to would.
struct Eager {
    told: Sender<StoreEvent>,
    batch: u64,
}

impl Machine for Eager {
    fn handle(&mut self, _now: Timestamp, input: Input, out: &mut Vec<Output>) {
        let Input::Store { event } = input else { return };
        if matches!(event, StoreEvent::Opened { .. } | StoreEvent::Lost { .. }) {
            self.batch += 1;
            out.push(Output::Commit { batch: self.batch, changes: "[]".to_owned() });
        }
        // The test may have ended.
        let _ = self.told.send(event);
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        None
    }

    fn handle_timeout(&mut self, _now: Timestamp, _out: &mut Vec<Output>) {}

    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// The same with kit's runner between them, and that both end together.
#[tokio::test]
async fn a_runner_and_a_keeper_agree_on_what_was_before() {
    let checks = (0..20).map(|_| CheckError::Lost(why()));
    let store = Scripted { checks: queue(checks), ..Scripted::default() };
    let kept_by_store = Arc::clone(&store.kept);
    let (link, desk) = start(Box::new(store), Pace { check: Duration::from_millis(5), ..QUICK }).unwrap();
    let (told, heard) = channel();
    let (stop, limits) = (CancellationToken::new(), RunnerLimits::default());
    let parts = StartParts { version: String::new(), seed: 0, config: serde_json::Value::Null };
    let machine = Box::new(Eager { told, batch: 0 });
    let (handle, runner) =
        Runner::spawn(machine, Box::new(link), parts, Tap::off(), Clock::start(), limits, stop.clone());
    let thread = desk.tell(move |event| handle.store_blocking(event));
    let kept = tokio::task::spawn_blocking(move || {
        let events = std::iter::from_fn(|| heard.recv_timeout(Duration::from_secs(20)).ok());
        let committed = events.filter_map(|event| match event {
            StoreEvent::Committed { batch, error: None } => Some(batch),
            StoreEvent::Committed { .. } => panic!("{event:?}"),
            _ => None,
        });
        committed.take(21).collect::<Vec<u64>>()
    });
    let kept = kept.await.unwrap();
    stop.cancel();
    runner.await.unwrap();
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    assert_eq!(kept, (1..=41).step_by(2).collect::<Vec<u64>>(), "every second one was from before a loss");
    assert_eq!(*kept_by_store.lock().unwrap(), kept);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn it_ends_at_once_while_it_waits() {
    let pace = Pace { retry: Duration::from_secs(600), ..QUICK };
    let held = Scripted { opens: queue([OpenError::Held(why())]), ..Scripted::default() };
    let cut = Scripted {
        checks: queue([CheckError::Cut(why())]),
        resumes: queue([Err(CheckError::Cut(why()))]),
        ..Scripted::default()
    };
    for store in [held, cut] {
        let kept = Kept::start(Box::new(store), pace);
        while !matches!(kept.next(), StoreEvent::Lost { .. } | StoreEvent::Away { .. }) {}
        let asked = Instant::now();
        kept.end();
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
}
