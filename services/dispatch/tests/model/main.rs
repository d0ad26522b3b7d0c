//! Rules 1 to 7 under any interleaving of requests, frames, disconnects, restarts and failed commits: whatever
//! happens, the core and the model of [`reference`] answer, tell and keep the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod reference;
mod sut;

use dispatch::core::Command;
use proptest::{prelude::*, test_runner::FileFailurePersistence};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use reference::{Fired, Model, Report, Request, Status, Told};
use sut::Sut;
use wire::dispatch::{FiringOutcome, FromRover, Patch, TaskStatus};

const ROVERS: usize = 3;

/// What becomes of the first commit that requests make; the store works again after it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Kept,
    Failed,
    /// kill -9 while it is under way.
    Killed {
        kept: bool,
    },
}

/// What becomes of a rover's report.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Comes,
    /// Lost with the socket.
    Lost,
    /// It comes, and the first commit of it fails.
    Failed,
}

#[derive(Clone, Debug)]
enum Step {
    /// At once: those after the first that changes something wait for its commit.
    Ask(Vec<Request>, Fate),
    Connect {
        rover: usize,
        says: bool,
    },
    Disconnect(usize),
    Reboot(usize),
    Drive(usize, Way),
    GiveUp(usize),
    /// Says again what it said so many waypoints before.
    Repeat(usize, u64),
    Pong(usize),
    /// A report about a task that isn't this rover's, or has ended.
    Nonsense {
        rover: usize,
        task: usize,
        how: u8,
    },
    /// The same from a socket that never registered.
    Stranger {
        task: usize,
    },
    /// Another rover's id on this rover's socket.
    Imposter(usize),
    Wait(u64),
    /// The clock on the wall goes on so many seconds later, or before.
    Clock(i64),
    Restart,
}

struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        let mut model = Model::new(ROVERS);
        for request in setup() {
            model.request(request);
        }
        Just(model).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let rover = 0..ROVERS;
        let task = 0..=model.tasks.len();
        // The last tasks are the interesting ones.
        let last = model.tasks.len().saturating_sub(4)..=model.tasks.len();
        let (zone, mission) = (0..=model.zones.len().min(6), 0..=model.missions.len().min(8));
        let request = prop_oneof![
            1 => (0..5u64).prop_map(|points| Request::NewZone { points }),
            1 => zone.clone().prop_map(Request::DeleteZone),
            1 => (zone, prop::option::of(rover.clone()), any::<bool>())
                .prop_map(|(zone, rover, looped)| Request::NewMission { zone, rover, looped, cron: false }),
            1 => (mission.clone(), any::<bool>()).prop_map(|(mission, on)| Request::Enable(mission, on)),
            1 => mission.clone().prop_map(Request::DeleteMission),
            9 => (mission.clone(), any::<bool>())
                .prop_map(|(mission, queue)| Request::Start { mission, queue }),
            2 => mission.prop_map(Request::Stop),
            2 => last.clone().prop_map(Request::Cancel),
        ];
        let fate = prop_oneof![
            6 => Just(Fate::Kept),
            1 => Just(Fate::Failed),
            1 => any::<bool>().prop_map(|kept| Fate::Killed { kept }),
        ];
        let way = prop_oneof![8 => Just(Way::Comes), 2 => Just(Way::Lost), 1 => Just(Way::Failed)];
        prop_oneof![
            6 => (prop::collection::vec(request, 1..4), fate).prop_map(|(ask, fate)| Step::Ask(ask, fate)),
            6 => (rover.clone(), any::<bool>()).prop_map(|(rover, says)| Step::Connect { rover, says }),
            2 => rover.clone().prop_map(Step::Disconnect),
            2 => rover.clone().prop_map(Step::Reboot),
            14 => (rover.clone(), way).prop_map(|(rover, way)| Step::Drive(rover, way)),
            1 => rover.clone().prop_map(Step::GiveUp),
            2 => (rover.clone(), 0..4u64).prop_map(|(rover, back)| Step::Repeat(rover, back)),
            8 => rover.clone().prop_map(Step::Pong),
            2 => (rover.clone(), task.clone(), 0..3u8)
                .prop_map(|(rover, task, how)| Step::Nonsense { rover, task, how }),
            1 => task.prop_map(|task| Step::Stranger { task }),
            1 => rover.prop_map(Step::Imposter),
            4 => prop_oneof![Just(1), Just(9), Just(10), Just(59), Just(60), Just(299), Just(300)]
                .prop_map(Step::Wait),
            1 => prop_oneof![Just(-7_200), -200..200i64, Just(7_200)].prop_map(Step::Clock),
            1 => Just(Step::Restart),
        ]
        .boxed()
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        match step {
            // Nobody knows the id of what isn't made.
            Step::Ask(requests, _) if requests.len() > 1 => requests.iter().all(|request| match request {
                Request::NewZone { .. } => true,
                Request::DeleteZone(zone) | Request::NewMission { zone, .. } => *zone < model.zones.len(),
                Request::Enable(mission, _)
                | Request::DeleteMission(mission)
                | Request::Stop(mission)
                | Request::Start { mission, .. } => *mission < model.missions.len(),
                Request::Cancel(task) => *task < model.tasks.len(),
            }),
            Step::Drive(rover, Way::Failed) => {
                let drives = model.rovers[*rover].drives.map(|(task, ..)| task);
                drives.is_some() && drives == model.held_by(*rover) && model.rovers[*rover].connected
            }
            Step::Nonsense { rover, task, .. } => {
                model.rovers[*rover].connected && model.held_by(*rover) != Some(*task)
            }
            Step::Imposter(rover) | Step::GiveUp(rover) | Step::Repeat(rover, _) => {
                model.rovers[*rover].connected
            }
            _ => true,
        }
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.told.clear();
        model.answers.clear();
        model.said.clear();
        match step {
            Step::Ask(requests, fate) => ask(&mut model, requests, *fate),
            Step::Connect { rover, says } => model.connect(*rover, *says),
            Step::Disconnect(rover) => model.disconnect(*rover),
            Step::Reboot(rover) => model.reboot(*rover),
            Step::Drive(rover, way) => {
                if let Some(report) = model.drive(*rover) {
                    match way {
                        _ if !model.rovers[*rover].connected => model.keep(*rover, report),
                        Way::Lost => model.disconnect(*rover),
                        Way::Comes => model.report(*rover, report),
                        Way::Failed => {
                            model.learn(*rover);
                            model.wait(1);
                            model.report(*rover, report);
                        }
                    }
                }
            }
            Step::GiveUp(rover) => {
                if let Some(report) = model.give_up(*rover) {
                    model.report(*rover, report);
                }
            }
            Step::Repeat(rover, back) => {
                if let Some(report) = model.repeat(*rover, *back) {
                    model.report(*rover, report);
                }
            }
            Step::Pong(rover) => model.pong(*rover),
            Step::Nonsense { rover, task, .. } => model.report(*rover, Report::Complete { task: *task }),
            Step::Stranger { .. } => {}
            Step::Imposter(rover) => model.told.push((*rover, Told::Error)),
            Step::Wait(seconds) => model.wait(*seconds),
            Step::Clock(seconds) => model.set_clock(model.offset + seconds),
            Step::Restart => model.restart(),
        }
        model.settle();
        model
    }
}

/// A line and a loop, for anyone and for one.
fn setup() -> Vec<Request> {
    let mission = |zone, rover, looped| Request::NewMission { zone, rover, looped, cron: false };
    vec![
        Request::NewZone { points: 4 },
        Request::NewZone { points: 1 },
        mission(0, None, false),
        mission(0, Some(0), true),
        mission(1, Some(1), false),
        mission(0, Some(0), false),
        // One only: the model doesn't say which of two fires first.
        Request::NewMission { zone: 0, rover: None, looped: false, cron: true },
    ]
}

fn ask(model: &mut Model, requests: &[Request], fate: Fate) {
    let mut first = true;
    for request in requests {
        let before = model.clone();
        let status = model.request(*request);
        let commits = status < 400 && std::mem::take(&mut first);
        match fate {
            Fate::Killed { kept } if commits => {
                if kept {
                    model.assign();
                } else {
                    *model = before;
                }
                break;
            }
            Fate::Failed if commits => {
                *model = before;
                model.answers.push(503);
                model.wait(1);
            }
            _ => {
                model.answers.push(status);
                if commits {
                    model.settle();
                }
            }
        }
    }
    if matches!(fate, Fate::Killed { .. }) {
        model.restart();
    }
}

struct Rules;

impl StateMachineTest for Rules {
    type SystemUnderTest = Sut;
    type Reference = Reference;

    fn init_test(_: &Model) -> Sut {
        let mut sut = Sut::new(ROVERS);
        for request in setup() {
            sut.ask(request);
        }
        sut.answers.clear();
        sut.resume();
        sut
    }

    fn apply(mut sut: Sut, model: &Model, step: Step) -> Sut {
        sut.told.clear();
        sut.answers.clear();
        sut.strangers_told = 0;
        let strangers_told = usize::from(matches!(step, Step::Stranger { .. }));
        sut.writes.clear();
        sut.take(step, model);
        sut.ask_again();
        let mut expected: Vec<_> =
            model.told.iter().map(|(rover, told)| (*rover, at_wire(model, *told))).collect();
        expected.sort_unstable();
        sut.told.sort_unstable();
        assert_eq!(sut.told, expected, "what rovers were told (left: by the core)");
        assert_eq!(
            sut.answers.values().map(|answer| answer.status).collect::<Vec<_>>(),
            model.answers,
            "what was answered"
        );
        assert_eq!(sut.strangers_told, strangers_told, "strangers are told that they are");
        sut.resume();
        sut
    }

    fn teardown(sut: Sut, _: Model) {
        sut.check_ledger();
    }

    fn check_invariants(sut: &Sut, model: &Model) {
        let kept: Vec<_> = sut.core.kept().tasks.oldest().collect();
        assert_eq!(kept.len(), model.tasks.len());
        for (n, (row, expected)) in kept.iter().zip(&model.tasks).enumerate() {
            let (task, rover) = (&row.task, expected.rover.map(sut::name).unwrap_or_default());
            assert_eq!((status(task.status), &task.rover_id), (expected.status, &rover), "task {n}");
            assert!(task.progress <= 100);
            if expected.open() && expected.heard > 0 {
                let (lap, waypoint) =
                    ((expected.heard - 1) / expected.points, (expected.heard - 1) % expected.points);
                assert_eq!((u64::from(task.lap), u64::from(task.waypoint)), (lap, waypoint), "task {n}");
            }
        }
        for (row, expected) in sut.kept_missions().zip(model.missions.iter().filter(|mission| !mission.gone))
        {
            let outcome = |outcome| match outcome {
                FiringOutcome::Started => Fired::Started,
                FiringOutcome::Skipped => Fired::Skipped,
                FiringOutcome::Missed => Fired::Missed,
            };
            let fired =
                row.last_firing.as_ref().map(|fired| (sut::seconds(&fired.at), outcome(fired.outcome)));
            assert_eq!((row.enabled, fired), (expected.enabled, expected.fired));
        }
        for rover in 0..ROVERS {
            let held =
                kept.iter().filter(|row| row.task.status.is_held() && row.task.rover_id == sut::name(rover));
            assert!(held.count() <= 1, "one rover, one open task");
        }
        assert_eq!(sut.listener, sut.guest, "a console that comes back knows what one that stayed knows");
        sut.check_consoles(model);
    }
}

impl Sut {
    fn take(&mut self, step: Step, model: &Model) {
        self.hang_up();
        match step {
            Step::Ask(requests, fate) => {
                self.commits = None;
                for request in requests {
                    self.ask(request);
                }
                self.commits = Some(true);
                match fate {
                    Fate::Kept => self.settle_commit(true),
                    Fate::Killed { kept } => self.restart(kept),
                    Fate::Failed => {
                        self.settle_commit(false);
                        self.wait(u64::from(model.answers.contains(&503)));
                    }
                }
            }
            Step::Connect { rover, says } => {
                self.connect(rover, says, model.claims);
                self.say(rover, model);
            }
            Step::Disconnect(rover) | Step::Reboot(rover) | Step::Drive(rover, Way::Lost) => {
                if !model.rovers[rover].connected {
                    self.disconnect(rover);
                }
            }
            Step::Drive(rover, Way::Failed) => {
                self.commits = Some(false);
                self.say(rover, model);
                self.commits = Some(true);
                self.wait(1);
            }
            Step::Drive(rover, Way::Comes) | Step::GiveUp(rover) | Step::Repeat(rover, _) => {
                self.say(rover, model);
            }
            Step::Pong(rover) => self.pong(rover),
            Step::Nonsense { rover, task, how } => {
                let conn = self.conns[rover].unwrap();
                let report = match how {
                    0 => Report::Progress { task, start: 0, n: 1_000 },
                    1 => Report::Complete { task },
                    _ => Report::Failed { task },
                };
                self.report(conn, report);
            }
            Step::Stranger { task } => {
                let conn = self.open();
                self.report(conn, Report::Complete { task });
                self.give(Command::RoverClosed(conn));
            }
            Step::Imposter(rover) => {
                let other = sut::name((rover + 1) % ROVERS);
                let register = FromRover::Register { rover_id: other, task_id: Patch::Absent };
                self.give(Command::RoverSaid(self.conns[rover].unwrap(), register));
            }
            Step::Wait(seconds) => self.wait(seconds),
            Step::Clock(_) => self.set_clock(model.offset),
            Step::Restart => self.restart(false),
        }
    }

    fn say(&mut self, rover: usize, model: &Model) {
        for report in &model.said {
            if let Some(conn) = self.conns[rover] {
                self.report(conn, *report);
            }
        }
    }
}

/// Of a loop, the wire doesn't say which lap it starts in.
fn at_wire(model: &Model, told: Told) -> Told {
    match told {
        Told::Task { task, start } => Told::Task { task, start: start % model.tasks[task].points },
        other => other,
    }
}

fn status(status: TaskStatus) -> Status {
    match status {
        TaskStatus::Pending => Status::Pending,
        TaskStatus::Assigned => Status::Assigned,
        TaskStatus::Active => Status::Active,
        TaskStatus::Done => Status::Done,
        TaskStatus::Failed => Status::Failed,
        TaskStatus::Cancelled => Status::Cancelled,
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_core_does_what_the_model_says(sequential 1..60 => Rules);
}
