//! What dispatch costs: `cargo bench -p dispatch --bench fleet [-- ROVERS CONSOLES MESSAGES_PER_S SECONDS]`.
//!
//! The service runs in a process of its own over a SQLite file, so that its CPU time and memory are its alone;
//! rovers and consoles run here.
//!
//! - Progress to console: every rover reports waypoint after waypoint, every console reads every message. In the
//!   end what each console was told last of each task is compared with `GET /tasks`.
//! - Beside it, in the same run, the same with a commit for each change instead of one for all that wait, and
//!   what the disk gives: syncs a second, and commits of one row a second through SQLite alone.
//! - Start to task frame: from sending `POST /missions/{id}/start` until the rover has its task.
//! - Idle connections: resident memory that each of many costs.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its report, and fails by panicking"
)]

mod client;
mod disk;
mod idle;
mod load;
mod service;
mod start;

use std::env;

use tokio::runtime::Runtime;

use self::service::{Commits, Service};

const ROVERS: usize = 100;
const CONSOLES: usize = 100;
const MESSAGES_PER_S: usize = 2000;
const SECONDS: usize = 20;
/// Starts that are timed.
const STARTS: usize = 1000;
/// Idle connections of each kind.
const IDLE: usize = 5000;
/// What goes on beside the starts that are timed under load.
const BESIDE: load::Load = load::Load { rovers: 50, consoles: 20, messages_per_s: 500, seconds: 10 };

fn main() {
    let args: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = Runtime::new().unwrap();
    if args.first().is_some_and(|arg| arg == "as-service") {
        return runtime.block_on(service::run(&args[1], &args[2]));
    }
    if !env::args().any(|arg| arg == "--bench") {
        return println!("measures only when asked to: cargo bench -p dispatch --bench fleet");
    }
    kit::limits::make_room_for(2 * IDLE);
    let number = |at: usize, usual: usize| args.get(at).map_or(usual, |arg: &String| arg.parse().unwrap());
    let load = load::Load {
        rovers: number(0, ROVERS),
        consoles: number(1, CONSOLES),
        messages_per_s: number(2, MESSAGES_PER_S),
        seconds: number(3, SECONDS),
    };
    println!("disk: {}", disk::measure());
    println!(
        "\nprogress → console: {} rovers, {} consoles, {} messages/s, {} s",
        load.rovers, load.consoles, load.messages_per_s, load.seconds
    );
    runtime.block_on(async {
        for (commits, name) in [(Commits::Grouped, "as it is"), (Commits::Single, "a commit for each change")]
        {
            let service = Service::start(commits).await;
            println!("  {name:<26} {}", load::run(&service, &load).await);
        }
        println!("\nstart → task frame at the rover, {STARTS} one after the other");
        let service = Service::start(Commits::Grouped).await;
        println!("  {:<26} {}", "alone", start::run(&service, STARTS).await);
        let service = Service::start(Commits::Grouped).await;
        let (starts, beside) = tokio::join!(start::run(&service, STARTS), load::run(&service, &BESIDE));
        println!(
            "  {:<26} {starts}\n    beside: {beside}",
            format!("{} messages/s beside", BESIDE.messages_per_s)
        );
        println!("\nidle connections, {IDLE}");
        for (path, name) in [("/ws/console", "consoles"), ("/ws", "rovers")] {
            let service = Service::start(Commits::Grouped).await;
            println!("  {name:<26} {}", idle::run(&service, path, IDLE).await);
        }
    });
}
