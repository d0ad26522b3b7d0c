//! `depot`: the base of a fleet of sidewalk rovers, and the harness that keeps it honest.
//!
//! This package parses arguments and wires the crates together, nothing else.

mod cli;
mod closing;
mod commands;
mod error;
mod ready;
mod service;
mod settings;
mod source;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    match settings::load(std::env::args_os()) {
        Ok(loaded) => {
            telemetry::start(&loaded.cli.log);
            match commands::run(loaded) {
                Ok(code) => code,
                Err(error) => error.tell(),
            }
        }
        Err(error) => error.tell(),
    }
}
