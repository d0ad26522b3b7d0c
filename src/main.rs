//! `depot`: the base of a fleet of sidewalk rovers, and the harness that keeps it honest.
//!
//! This package parses arguments and wires the crates together, nothing else.

mod caster;
mod cli;
mod closing;
mod commands;
mod error;
mod operator;
mod ready;
mod service;
mod settings;
mod source;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = settings::load(std::env::args_os()).and_then(|loaded| {
        // The last log line is written before the error that ends the program.
        let _logs = telemetry::start(&loaded.cli.log);
        commands::run(loaded)
    });
    result.unwrap_or_else(|error| error.tell())
}
