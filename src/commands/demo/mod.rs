//! `depot demo`: brings the depot up on a made-up receiver and with simulated rovers, records, and replays what
//! it recorded.

mod fleet;
pub mod http;
mod rover;

use std::io::ErrorKind;
use std::process::ExitCode;

use super::{block_on, gnss::print, replay, up};
use crate::cli::Demo;
use crate::error::Error;
use crate::service::Service;

/// Ends on Ctrl-C or after `--for`.
pub fn run(args: Demo) -> Result<ExitCode, Error> {
    let mut settings = args.up;
    if settings.recording.rotate_bytes.is_some() || settings.recording.rotate_every.is_some() {
        let text = "--rotate-bytes and --rotate-every are for `depot up`: a demo replays its recording as one file\n";
        return Err(clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, text).into());
    }
    let named = settings.record.clone();
    let file = named.clone().unwrap_or_else(|| settings.data.join("demo.mcap"));
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    if named.is_none() {
        // Ours: nobody asked to keep it, so it isn't moved aside.
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::file("remove", &file)(error));
            }
            _ => {}
        }
    }
    settings.record = Some(file.clone());
    let (rovers, seed) = (usize::from(args.rovers), settings.seed);
    let guests: up::Guests =
        Box::new(move |addresses, clock, stop| Box::pin(fleet::run(rovers, addresses, clock, seed, stop)));
    let code = block_on(up::run_with(settings, &Service::ALL, args.for_, Some(guests)))?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    print("Replaying what was recorded:\n")?;
    replay::one(&file).map(ExitCode::from)
}
