//! `depot demo`: brings the depot up on a made-up receiver, records, and replays what it recorded.

use std::process::ExitCode;

use super::{block_on, gnss::print, replay, up};
use crate::cli::Demo;
use crate::error::Error;
use crate::service::Service;

/// Ends on Ctrl-C or after `--for`.
pub fn run(args: Demo) -> Result<ExitCode, Error> {
    let mut settings = args.up;
    let file = match settings.record.clone() {
        Some(file) => file,
        None => settings.data.join("demo.mcap"),
    };
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    settings.record = Some(file.clone());
    let code = block_on(up::run(settings, &Service::ALL, args.for_))?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    print("Replaying what was recorded:\n")?;
    replay::one(&file).map(ExitCode::from)
}
