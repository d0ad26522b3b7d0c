//! `depot up` and `depot serve`: reads the receiver, runs services, records.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use gps_status::routes;
use kit::clock::Clock;
use kit::origin::Origins;
use kit::runner::Handle;
use kit::tap::Tap;
use replay::recorder::{About, Recorder};
use rtk_reader::source::QUEUE_EVENTS;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{after, gnss::print};
use crate::cli::Up;
use crate::error::Error;
use crate::ready::ReadyFile;
use crate::service::{Running, Service, Shared};
use crate::source::{self, Gnss};

/// Runs these services until Ctrl-C, the end of a capture played once, or `limit`.
pub async fn run(args: Up, services: &[Service], limit: Option<Duration>) -> Result<ExitCode, Error> {
    let gnss = Gnss::parse(&args.gnss)?;
    let origins = Origins::new(&args.allow_origin)?;
    let ready = args.ready_file.as_deref().map(ReadyFile::claim).transpose()?;
    let mut listening = Vec::new();
    for service in services {
        listening.push((*service, service.listen(&args).await?));
    }
    let signal = kit::shutdown::on_signals().map_err(Error::Start)?;
    // The services stop a little later than the rest: they are asked for their last state first.
    let stop = CancellationToken::new();
    let clock = Clock::start();
    let (recorder, tap) = match args.record.as_deref() {
        Some(file) => {
            let (recorder, tap) = record(file, &args, clock)?;
            (Some(recorder), tap)
        }
        None => (None, Tap::off()),
    };

    let shared =
        Shared { args: &args, feed: matches!(gnss, Gnss::Feed), origins, tap, clock, stop: stop.clone() };
    let running: Vec<Running> = listening
        .into_iter()
        .map(|(service, listener)| shared.start(service, listener))
        .collect::<Result<_, _>>()?;
    // The recording ends when nobody can add to it.
    drop(shared);
    if let Some(ready) = &ready {
        ready.write(&running.iter().map(|service| (service.name(), service.address)).collect::<Vec<_>>())?;
    }
    let receiver = running.iter().find(|running| running.service == Service::GpsStatus);
    let read = tokio::select! {
        result = read(gnss, &args, clock, receiver.map(|running| &running.handle), &signal) => result,
        () = signal.cancelled() => Ok(()),
        () = after(limit) => Ok(()),
    };
    let mut closing = String::new();
    for service in &running {
        closing.push_str(&service.closing().await);
    }
    drop(ready);
    stop.cancel();
    for service in running {
        service.ended().await;
    }
    if let (Some(recorder), Some(file)) = (recorder, args.record.as_deref()) {
        // It waits for its thread.
        tokio::task::block_in_place(|| keep(recorder, file, nothing_came(&read)))?;
    }
    read?;
    print(&closing)?;
    Ok(ExitCode::SUCCESS)
}

/// Carries the receiver's bytes to gps-status until they end; without gps-status, nothing for ever.
async fn read(
    gnss: Gnss,
    args: &Up,
    clock: Clock,
    handle: Option<&Handle>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let Some(handle) = handle else { return std::future::pending().await };
    let (sender, mut events) = mpsc::channel(QUEUE_EVENTS);
    let reading = source::run(gnss, &args.source, clock, sender, stop.clone());
    let (read, _) = tokio::join!(reading, routes::pump(handle, &mut events));
    read
}

fn record(file: &Path, args: &Up, clock: Clock) -> Result<(Recorder, Tap), Error> {
    let notes = [("source".to_string(), args.gnss.clone())].into();
    let about = About { version: env!("CARGO_PKG_VERSION").to_string(), notes };
    let (recorder, tap) = Recorder::create(file, &about, clock)?;
    if let Some(earlier) = recorder.moved_aside() {
        info!(earlier = %earlier.display(), "an earlier recording of that name was moved aside");
    }
    Ok((recorder, tap))
}

fn keep(recorder: Recorder, file: &Path, nothing_came: bool) -> Result<(), Error> {
    if nothing_came {
        recorder.discard();
        return Ok(());
    }
    let summary = recorder.finish()?;
    info!(file = %file.display(), events = summary.events, bytes = summary.bytes, lost = summary.lost, "recorded");
    Ok(())
}

/// The source never opened: what was recorded is of no use.
fn nothing_came(read: &Result<(), Error>) -> bool {
    matches!(read, Err(Error::Source(error)) if error.kind() != rtk_reader::source::ErrorKind::Damaged)
}
