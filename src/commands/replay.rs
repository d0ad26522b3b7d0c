//! `depot replay FILE…`: proves that what was recorded can be done again.

use std::path::Path;
use std::process::ExitCode;

use replay::machines;
use replay::player::{self, Options, ReplayError};
use replay::session::Session;

use super::gnss::{print, progress};
use crate::cli::Replay;
use crate::error::Error;

/// Replays each file, whatever became of the others; the exit code is the first that isn't 0.
pub fn run(args: &Replay) -> Result<ExitCode, Error> {
    let mut code = 0;
    for file in &args.files {
        if args.files.len() > 1 {
            print(&format!("{}: ", file.display()))?;
        }
        let this = match one(file) {
            Err(error) if args.files.len() > 1 => {
                print("not replayed\n")?;
                error.tell();
                error.code()
            }
            result => result?,
        };
        code = if code == 0 { this } else { code };
    }
    Ok(ExitCode::from(code))
}

/// Replays one file, prints its report, and returns its exit code.
pub fn one(file: &Path) -> Result<u8, Error> {
    let session = Session::open(file).map_err(ReplayError::from)?;
    let bar = progress(std::fs::metadata(file).ok().map(|metadata| metadata.len()));
    let watch = |read_bytes| bar.set_position(read_bytes);
    let report = player::replay_watched(&session, &machines::build, Options::default(), &watch);
    bar.finish_and_clear();
    let report = report?;
    print(&format!("{report}\n"))?;
    Ok(report.outcome().exit_code())
}
