//! `depot replay FILE…`: proves that what was recorded can be done again.

use std::path::Path;
use std::process::ExitCode;

use replay::machines;
use replay::player::{self, Options, ReplayError};
use replay::session::Session;

use super::gnss::print;
use crate::cli::Replay;
use crate::error::Error;

/// Replays each file; the exit code is the first that isn't 0.
pub fn run(args: &Replay) -> Result<ExitCode, Error> {
    let mut code = 0;
    for file in &args.files {
        let this = one(file)?;
        code = if code == 0 { this } else { code };
    }
    Ok(ExitCode::from(code))
}

/// Replays one file, prints its report, and returns its exit code.
pub fn one(file: &Path) -> Result<u8, Error> {
    let session = Session::open(file).map_err(ReplayError::from)?;
    let report = player::replay(&session, &machines::build, Options::default())?;
    print(&format!("{report}\n"))?;
    Ok(report.outcome().exit_code())
}
