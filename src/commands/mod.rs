//! One command, one file.

mod config;
mod demo;
pub mod gnss;
mod hil;
mod play;
mod record;
mod replay;
pub mod session;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::{Command, Gnss, Hil, Serve};
use crate::error::Error;
use crate::service::Service;
use crate::settings::Loaded;

/// Runs what the command line says.
pub fn run(loaded: Loaded) -> Result<ExitCode, Error> {
    match loaded.cli.command {
        Command::Up(args) => block_on(up::run(args, &Service::ALL, None)),
        Command::Serve(Serve::GpsStatus(args)) => block_on(up::run(args, &[Service::GpsStatus], None)),
        Command::Serve(Serve::Discovery(args)) => block_on(up::run(args, &[Service::Discovery], None)),
        Command::Serve(Serve::Dispatch(args)) => block_on(up::run(args, &[Service::Dispatch], None)),
        Command::Demo(args) => demo::run(args),
        Command::Record(args) => block_on(record::run(args)),
        Command::Replay(args) => replay::run(&args),
        Command::Play(args) => block_on(play::run(args)),
        Command::Session(what) => session::run(&what),
        Command::Gnss(Gnss::Ports(args)) => gnss::ports::run(&args),
        Command::Gnss(Gnss::Decode(args)) => gnss::decode::run(&args),
        Command::Gnss(Gnss::Summary(args)) => gnss::summary::run(&args),
        Command::Gnss(Gnss::Record(args)) => block_on(gnss::record::run(args)),
        Command::Gnss(Gnss::Feed(args)) => block_on(gnss::feed::run(args)),
        Command::Gnss(Gnss::Cast(args)) => block_on(gnss::cast::run(args)),
        Command::Gnss(Gnss::Hash(args)) => gnss::cast::hash(&args),
        Command::Gnss(Gnss::Configure(what)) => block_on(gnss::configure::run(what)),
        #[cfg(unix)]
        Command::Hil(Hil::Twin(args)) => block_on(hil::twin::run(*args)),
        Command::Config(_) => config::run(&loaded.origins),
    }
}

/// Runs a command that serves or waits.
fn block_on(work: impl Future<Output = Result<ExitCode, Error>>) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Start)?;
    let result = runtime.block_on(work);
    // A blocking read of standard input or of a silent port must not hold the exit.
    runtime.shutdown_background();
    result
}

/// Ends after a time; without one, never.
async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}
