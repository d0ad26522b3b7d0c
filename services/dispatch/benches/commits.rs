//! What a commit costs: `cargo bench -p dispatch --bench commits [-- SECONDS]`.
//!
//! Progress of 512 tasks, one update after the other, each guarded and on the disk when it counts: committed one by
//! one, and as the core does it, all that waits together. SQLite's file is in the target folder; PostgreSQL is a
//! server of its own (fsync on) in the system's temporary folder, reached over loopback. Both are measured as the
//! keeper uses them, but for the JSON between it and the machine.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench prints its report, and fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

#[path = "../tests/store/server.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod server;

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use dispatch::{
    core::{
        BATCH_CHANGES,
        ledger::Change,
        route::{Position, Route},
        task::TaskRow,
    },
    store::{Store, sqlite::Sqlite},
};
use uuid::Uuid;
use wire::dispatch::{Task, TaskStatus, Waypoint};

fn main() {
    // `cargo bench` adds `--bench`.
    let seconds = env::args().find_map(|word| word.parse().ok()).unwrap_or(3);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    measure("SQLite", &mut Sqlite::new(&folder.path().join("bench.db")), seconds);
    if let Some(server) = server::shared() {
        measure("PostgreSQL", server.database().store().as_mut(), seconds);
    }
}

fn measure(name: &str, store: &mut dyn Store, seconds: u64) {
    store.open().unwrap();
    let mut batch = 1;
    let mut rows: Vec<TaskRow> = (0..BATCH_CHANGES as u64).map(task).collect();
    let made: Vec<Change> = rows.iter().map(|row| Change::NewTask(Arc::new(row.clone()))).collect();
    store.commit(batch, &made).unwrap();
    let mut rates = Vec::new();
    for size in [1, 32, BATCH_CHANGES] {
        let begun = Instant::now();
        let mut times = Vec::new();
        while begun.elapsed() < Duration::from_secs(seconds) {
            for chunk in rows.chunks_mut(size) {
                let changes: Vec<Change> = chunk.iter_mut().map(progress).collect();
                batch += 1;
                let at = Instant::now();
                store.commit(batch, &changes).unwrap();
                times.push(at.elapsed());
            }
        }
        let updates = times.len() * size;
        let rate = updates as f64 / begun.elapsed().as_secs_f64();
        times.sort_unstable();
        let part = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!(
            "{name}: {size:3} updates a commit: {rate:7.0} updates/s, commit p50 {:.2} ms, p99 {:.2} ms",
            part(50),
            part(99)
        );
        rates.push(rate);
    }
    println!("{name}: together {:.1} times one by one", rates[rates.len() - 1] / rates[0]);
}

/// Of a rover of its own, on a route of a hundred waypoints.
fn task(no: u64) -> TaskRow {
    let waypoint = |n| Waypoint { x: f64::from(n), y: 0.0, theta: None };
    let task = Task {
        id: Uuid::from_u128(no.into()),
        mission_id: Uuid::nil(),
        rover_id: format!("rover-{no}"),
        status: TaskStatus::Active,
        progress: 0,
        waypoint: 0,
        lap: 0,
        error: None,
        created_at: "2026-03-01T00:00:00Z".to_owned(),
        started_at: Some("2026-03-01T00:00:00Z".to_owned()),
        ended_at: None,
    };
    TaskRow {
        no: no + 1,
        task,
        zone_id: Uuid::nil(),
        route: Arc::new(Route { waypoints: (0..100).map(waypoint).collect(), looped: true }),
        proven: Some(Position::default()),
        sent: None,
        cancel_owed: false,
        ended_ms: None,
    }
}

fn progress(row: &mut TaskRow) -> Change {
    row.task.waypoint = (row.task.waypoint + 1) % 100;
    row.task.lap += u32::from(row.task.waypoint == 0);
    row.task.progress = u8::try_from(row.task.waypoint).unwrap();
    Change::Task { from: TaskStatus::Active, row: Arc::new(row.clone()) }
}
