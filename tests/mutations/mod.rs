//! Real sessions in which things go otherwise than they went: inputs are lost, come twice, late or in another order,
//! sockets are cut, bytes are missing, a service is killed, commits fail. Nothing need be as recorded then, but what
//! always holds must hold ([`judge`]), and every console must end with what a fresh one is given.
//!
//! A failure names its seed (proptest keeps it in `mutations.proptest-regressions`), and leaves the mutated session
//! and a shrunk one under `target/tmp/mutations`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::machine::{Input, Machine, Output, Timestamp};
use kit::tap::{Body, Start};
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};
use replay::format::FIRST_SEQ;
use replay::machines::{self, BuildError, Factory};
use replay::session::Session;
use replay::shrink::{Budget, Fed, shrink_by};
use replay::writer::{About, SessionWriter};
use serde_json::Value;

mod drive;
mod fold;
mod judge;
mod ledger;
mod life;
mod mutate;

use drive::{Trace, drive};
use judge::judge;
use life::{Life, lives};
use mutate::{Mutation, mutate, mutations};

/// Mutated inputs of each service of each session, about: a long session is mutated less often.
const INPUTS: usize = 6_000;
/// Times each is mutated.
const CASES: std::ops::RangeInclusive<usize> = 3..=64;
/// What a search for fewer mutations may take, in tries and milliseconds.
const MAX_SHRINKS: u32 = 1_000;
const MAX_SHRINK_MS: u32 = 1_000;
/// What a search for a smaller session may take.
const SHRINK_BUDGET: Budget = Budget::Time(Duration::from_secs(3));
/// From base and rover receivers, RTCM, UBX and NMEA.
const CAPTURES: [&str; 3] =
    ["gpsd/ublox-zed-f9p-rtk.log", "gpsd/ublox-zed-f9t-rtcm3.log", "pygnssutils/pygpsdata-rtcm3.log"];
/// So much of each.
const CAPTURE_BYTES: usize = 12_000;
/// A wrong machine shows early.
const WRONG_STEPS: usize = 300;

/// A test for each service and session would be many that say the same; a failure names both.
fn mutated(only: &str) {
    let mut seen = 0;
    for path in crate::sessions::kept() {
        // One of each format does: what is in them is the same.
        if path.parent() != Some(&crate::sessions::folder()) {
            continue;
        }
        let session = Session::open(&path).expect("a session");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        for (n, life) in lives(&session).iter().enumerate().filter(|(_, life)| life.service == only) {
            seen += 1;
            let name = format!("{name}-{only}-{n}");
            if let Err(failure) = check(&name, life, &machines::build, true) {
                panic!("{failure}");
            }
        }
    }
    assert!(seen > 0, "no session of {only} is kept");
}

#[test]
fn gps_status_holds_under_mutation() {
    mutated(gps_status::SERVICE);
}

#[test]
fn discovery_holds_under_mutation() {
    mutated(discovery::SERVICE);
}

#[test]
fn dispatch_holds_under_mutation() {
    mutated(dispatch::SERVICE);
}

/// What real receivers said, on a line of 115,200 baud, with a console that listens.
#[test]
fn gps_status_holds_under_mutation_of_captures() {
    for name in CAPTURES {
        let Some(path) = crate::support::capture(name) else { return };
        let mut bytes = std::fs::read(path).expect("it can be read");
        bytes.truncate(CAPTURE_BYTES);
        let life = life::of_capture(&bytes);
        let name = format!("capture-{}", name.replace(['/', '.'], "-"));
        if let Err(failure) = check(&name, &life, &machines::build, true) {
            panic!("{failure}");
        }
    }
}

/// Sessions as they are, before anything is mutated; else every mutation would fail for the wrong reason.
#[test]
fn unmutated_sessions_hold() {
    for path in crate::sessions::kept() {
        let session = Session::open(&path).expect("a session");
        for life in lives(&session) {
            let traces = drive(&life, &machines::build);
            assert_eq!(verdict(&traces).err().map(|(_, problem)| problem), None, "{}", path.display());
        }
    }
}

/// Machines that are wrong on purpose are found out, and what is left of their sessions is small.
#[test]
fn wrong_machines_are_found_out() {
    let wrongs: [(&str, &str, Wrong, &str); 4] = [
        ("base-survey-in", gps_status::SERVICE, Wrong::DropsLast, "knows"),
        ("mission-three-rovers", discovery::SERVICE, Wrong::DropsLast, ""),
        ("mission-three-rovers", dispatch::SERVICE, Wrong::TellsFirst, "before it is committed"),
        ("mission-three-rovers", dispatch::SERVICE, Wrong::AnswersTwice, "is answered twice"),
    ];
    for (session, service, wrong, problem) in wrongs {
        let path = crate::sessions::folder().join(format!("{session}.mcap"));
        let session = Session::open(&path).expect("a session");
        let lives = lives(&session);
        let mut life = lives.into_iter().find(|life| life.service == service).expect("it is in there");
        life.steps.truncate(WRONG_STEPS);
        let factory = move |service: &str, start: &Start| wrong.build(service, start);
        let name = format!("wrong-{service}-{wrong:?}");
        let failure = check(&name, &life, &factory, false).expect_err("it is wrong");
        assert!(failure.contains(problem), "{failure}");
        let shrunk = folder().join(format!("{name}.shrunk.mcap"));
        assert!(failure.contains(&shrunk.display().to_string()), "{failure}");
        let inputs = Session::open(&shrunk).expect("a session").events().expect("it can be read");
        let inputs =
            inputs.filter(|event| matches!(event.as_ref().map(|event| &event.body), Ok(Body::In(_))));
        let inputs = inputs.count();
        assert!(inputs < 40, "{name}: {inputs} inputs are left");
    }
}

/// Mutates a life again and again. The error says what was found, and where the sessions lie.
fn check(name: &str, life: &Life, factory: &Factory, keep: bool) -> Result<(), String> {
    let cases = INPUTS.checked_div(life.steps.len()).unwrap_or(0).clamp(*CASES.start(), *CASES.end());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mutations/mutations.proptest-regressions");
    let persistence = keep.then(|| Box::new(FileFailurePersistence::Direct(file)) as _);
    let cases = u32::try_from(cases).unwrap_or(u32::MAX);
    // Set, `PROPTEST_CASES` is what the default says, and is meant: a long search.
    let wanted = std::env::var_os("PROPTEST_CASES").map(|_| Config::default().cases);
    let mut runner = TestRunner::new(Config {
        cases: wanted.unwrap_or(cases),
        max_shrink_iters: MAX_SHRINKS,
        max_shrink_time: MAX_SHRINK_MS,
        failure_persistence: persistence,
        ..Config::default()
    });
    let result = runner.run(&mutations(), |mutations| {
        let traces = drive(&mutate(life, &mutations), factory);
        verdict(&traces).map_err(|(_, problem)| TestCaseError::fail(problem))
    });
    match result {
        Ok(()) => Ok(()),
        Err(TestError::Abort(reason)) => Err(format!("{name}: {reason}")),
        Err(TestError::Fail(_, mutations)) => Err(told(name, life, factory, &mutations)),
    }
}

/// The first of them that isn't right.
fn verdict(traces: &[Trace]) -> Result<(), (&Trace, String)> {
    traces.iter().try_for_each(|trace| {
        judge(&trace.service, &trace.fed, trace.panic.as_deref()).map_err(|problem| (trace, problem))
    })
}

fn told(name: &str, life: &Life, factory: &Factory, mutations: &[Mutation]) -> String {
    let traces = drive(&mutate(life, mutations), factory);
    let Err((trace, problem)) = verdict(&traces) else {
        return format!("{name}: {mutations:?} fails, and then not: a machine isn't deterministic");
    };
    let seed = life.start.seed;
    let whole = folder().join(format!("{name}.mcap"));
    let bytes = session(trace);
    std::fs::create_dir_all(folder()).expect("a folder under target can be made");
    std::fs::write(&whole, &bytes).expect("a file under target can be written");
    let fails =
        |trial: &replay::shrink::Trial| judge(&trace.service, &trial.fed, trial.panic.as_deref()).is_err();
    let shrunk = Session::from_bytes(bytes).map_err(replay::shrink::ShrinkError::from);
    let shrunk =
        shrunk.and_then(|session| shrink_by(&session, &trace.service, factory, SHRINK_BUDGET, &fails));
    let shrunk = match shrunk {
        Ok(shrunk) => {
            let path = folder().join(format!("{name}.shrunk.mcap"));
            std::fs::write(&path, &shrunk.bytes).expect("a file under target can be written");
            format!("{} inputs are left in {}", shrunk.inputs, path.display())
        }
        Err(error) => format!("no smaller session: {error}"),
    };
    format!(
        "{name}, seed {seed}, with {mutations:?}\n{problem}\nthe whole is in {}; {shrunk}",
        whole.display()
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations")
}

/// A trace as a session.
fn session(trace: &Trace) -> Vec<u8> {
    let mut bytes = Vec::new();
    let about = About { version: env!("CARGO_PKG_VERSION").to_owned(), ..About::default() };
    let mut writer = SessionWriter::new(&mut bytes, &about).expect("memory takes everything");
    let mut seq = FIRST_SEQ;
    let mut put = |at: Timestamp, body: Body| {
        writer.write(seq, at, &trace.service, &body).expect("memory takes everything");
        seq += 1;
    };
    put(trace.start_at, Body::Start(trace.start.clone()));
    for Fed { at, input, outputs } in &trace.fed {
        put(*at, Body::In(input.clone()));
        outputs.iter().for_each(|output| put(*at, Body::Out(output.clone())));
    }
    writer.finish().expect("memory takes everything");
    bytes
}

/// What a machine may do wrong.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// From its fifth publication on nothing is published.
    DropsLast,
    /// What follows from a commit is told with it.
    TellsFirst,
    AnswersTwice,
}

struct WrongMachine {
    machine: Box<dyn Machine>,
    wrong: Wrong,
    published: usize,
}

impl Wrong {
    fn build(self, service: &str, start: &Start) -> Result<Box<dyn Machine>, BuildError> {
        let machine = machines::build(service, start)?;
        Ok(Box::new(WrongMachine { machine, wrong: self, published: 0 }))
    }
}

impl WrongMachine {
    fn spoil(&mut self, out: &mut Vec<Output>) {
        match self.wrong {
            Wrong::DropsLast => out.retain(|output| {
                self.published += usize::from(matches!(output, Output::Publish { .. }));
                self.published < 5 || !matches!(output, Output::Publish { .. })
            }),
            Wrong::TellsFirst => {
                let rows = out.iter().filter_map(|output| match output {
                    Output::Commit { changes, .. } => serde_json::from_str::<Value>(changes).ok(),
                    _ => None,
                });
                let task = rows.into_iter().find_map(|changes| {
                    changes.as_array()?.iter().find_map(|change| change.get("row")?.get("task").cloned())
                });
                if let Some(task) = task {
                    let text =
                        serde_json::json!({ "type": "task_update", "seq": 1, "task": task }).to_string();
                    out.push(Output::Publish {
                        path: "/ws/console".to_owned(),
                        text: text.into(),
                        key: None,
                    });
                }
            }
            Wrong::AnswersTwice => {
                let again: Vec<Output> =
                    out.iter().filter(|output| matches!(output, Output::Http { .. })).cloned().collect();
                out.extend(again);
            }
        }
    }
}

impl Machine for WrongMachine {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        self.machine.handle(now, input, out);
        self.spoil(out);
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.machine.next_timeout()
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.machine.handle_timeout(now, out);
        self.spoil(out);
    }

    fn state(&self) -> Value {
        self.machine.state()
    }
}
