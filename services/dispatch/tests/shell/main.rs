//! The service's shell over a network and a time that are made up: partitions, delays, crashes and failing commits,
//! all drawn from a seed. What must hold is asserted where it is seen, by the rovers, the consoles and the operator.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests fail by panicking"
)]

mod console;
mod net;
mod operator;
mod rover;
mod service;
mod stage;

use std::time::Duration;

use console::Habit;
use operator::Operator;
use rover::Rover;
use stage::{Dice, Shared};
use tokio::time::sleep;
use wire::dispatch::TaskStatus;

const ROVERS: [&str; 4] = ["bvr-01", "bvr-02", "bvr-03", "bvr-04"];
/// Every other one says what it holds.
const SAYS: [bool; 4] = [true, false, true, false];
const CONSOLES: [(&str, Habit); 3] =
    [("console-1", Habit::KeepsUp), ("console-2", Habit::StopsReading), ("console-3", Habit::ComesBack)];
const TICK: Duration = Duration::from_millis(5);
/// Until then things go wrong.
const TROUBLE: Duration = Duration::from_secs(60);
/// Nothing here takes longer.
const END: Duration = Duration::from_secs(300);

/// Runs a simulation to its end; returns its transcript.
fn simulate(seed: u64) -> Vec<String> {
    let stage = Shared::default();
    stage.lock().disk.trouble = true;
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(END)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(15))
        .tcp_capacity(32)
        .build();
    let served = stage.clone();
    sim.host("dispatch", move || service::run(served.clone(), seed));
    for (n, (name, says)) in ROVERS.into_iter().zip(SAYS).enumerate() {
        let stage = stage.clone();
        let seed = seed.wrapping_mul(31).wrapping_add(n as u64);
        sim.host(name, move || Rover::new(stage.clone(), name, says, seed).run());
    }
    for (name, habit) in CONSOLES {
        let stage = stage.clone();
        sim.host(name, move || console::run(stage.clone(), name, habit, seed));
    }
    let mut operator = Operator { stage: stage.clone(), dice: Dice::new(!seed), asked: 0 };
    sim.client("operator", async move {
        let missions = operator.prepare(&ROVERS).await;
        while turmoil::sim_elapsed().unwrap_or_default() < TROUBLE {
            operator.act(&missions).await;
            let pause = operator.dice.ms(50, 800);
            sleep(pause).await;
        }
        // The rest of the trouble passes, and rovers that are only half connected find out.
        sleep(Duration::from_secs(20)).await;
        operator.wind_up(&missions).await;
        sleep(Duration::from_secs(20)).await;
        operator.compare(&ROVERS).await;
        Ok(())
    });
    let mut faults =
        Faults { dice: Dice::new(seed ^ 0xfa17), next: Duration::from_secs(3), mending: Vec::new() };
    while !sim.step().unwrap_or_else(|error| panic!("seed {seed}: {error}")) {
        faults.run(&mut sim, &stage);
    }

    let stage = stage.lock();
    for row in stage.disk.ledger.tasks.oldest() {
        let driven = stage.driven.get(&row.id()).copied().unwrap_or(0);
        if row.task.status == TaskStatus::Done {
            assert!(driven > u64::from(row.task.waypoint), "{driven} waypoints driven of {:?}", row.task);
        }
    }
    stage.transcript.clone()
}

/// What goes wrong, and when it is mended.
struct Faults {
    dice: Dice,
    next: Duration,
    mending: Vec<(Duration, Fault)>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Partition(&'static str),
    Hold(&'static str),
    Down(&'static str),
}

impl Faults {
    fn run(&mut self, sim: &mut turmoil::Sim<'_>, stage: &Shared) {
        let now = sim.elapsed();
        let due = self.mending.extract_if(.., |(at, _)| *at <= now || now >= TROUBLE);
        for (_, fault) in due.collect::<Vec<_>>() {
            stage.note("sim", &format!("mends {fault:?}"));
            match fault {
                Fault::Partition(host) => sim.repair(host, "dispatch"),
                Fault::Hold(host) => sim.release(host, "dispatch"),
                Fault::Down(host) => sim.bounce(host),
            }
        }
        if now >= TROUBLE {
            stage.lock().disk.trouble = false;
        } else if now >= self.next {
            self.next = now + self.dice.ms(500, 3_000);
            self.fault(sim, stage);
        }
    }

    fn fault(&mut self, sim: &mut turmoil::Sim<'_>, stage: &Shared) {
        let rover = ROVERS[self.dice.roll(4) as usize];
        let console = CONSOLES[self.dice.roll(3) as usize].0;
        let (fault, lasts) = match self.dice.roll(10) {
            0..=2 => (Fault::Partition(rover), self.dice.ms(200, 12_000)),
            3 => (Fault::Partition(console), self.dice.ms(200, 12_000)),
            4 => (Fault::Hold(rover), self.dice.ms(200, 4_000)),
            5 => (Fault::Hold(console), self.dice.ms(200, 4_000)),
            6 => (Fault::Hold("operator"), self.dice.ms(200, 2_000)),
            7..=8 => (Fault::Down(rover), self.dice.ms(100, 4_000)),
            _ => (Fault::Down("dispatch"), self.dice.ms(100, 3_000)),
        };
        let (Fault::Partition(host) | Fault::Hold(host) | Fault::Down(host)) = fault;
        let busy = self.mending.iter().any(|(_, other)| {
            let (Fault::Partition(other) | Fault::Hold(other) | Fault::Down(other)) = other;
            *other == host
        });
        if busy {
            return;
        }
        stage.note("sim", &format!("{fault:?} for {lasts:?}"));
        match fault {
            Fault::Partition(host) => sim.partition(host, "dispatch"),
            Fault::Hold(host) => sim.hold(host, "dispatch"),
            Fault::Down(host) => sim.crash(host),
        }
        self.mending.push((sim.elapsed() + lasts, fault));
    }
}

#[test]
fn one_seed_is_one_transcript() {
    let (first, second) = (simulate(1), simulate(1));
    let differs = first.iter().zip(&second).position(|(first, second)| first != second);
    if let Some(at) = differs {
        panic!("line {at} differs:\n{}\n{}", first[at], second[at]);
    }
    assert_eq!(first.len(), second.len());
    let has = |what: &str| first.iter().filter(|line| line.contains(what)).count();
    assert!(
        has("Down(\"dispatch\")") > 0 && has("\"status\":\"done\"") > 0 && has("< 503") > 0,
        "{}",
        first.len()
    );
}

#[test]
fn the_rules_hold_whatever_goes_wrong() {
    for seed in 2..5 {
        simulate(seed);
    }
}
