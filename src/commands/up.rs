//! `depot up`: reads the receiver, runs the services, records.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::{BoxFuture, select_all};
use gps_status::routes;
use kit::clock::Clock;
use kit::origin::Origins;
use kit::runner::Handle;
use kit::tap::Tap;
use replay::recorder::{About, Control, Plan, Recorder, RingLimits, Rotate};
use rtk_reader::source::{Event, QUEUE_EVENTS};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{after, gnss::print};
use crate::caster;
use crate::cli::Up;
use crate::error::Error;
use crate::operator;
use crate::ready::ReadyFile;
use crate::service::{Running, Service, Shared};
use crate::source::{self, Gnss};

/// Who uses the services from this process, once they listen at these addresses, until the stop.
pub type Guests = Box<
    dyn FnOnce(Vec<(&'static str, SocketAddr)>, Clock, CancellationToken) -> BoxFuture<'static, ()> + Send,
>;

/// Runs these services until Ctrl-C, the end of a capture played once, or `limit`.
pub async fn run(args: Up, services: &[Service], limit: Option<Duration>) -> Result<ExitCode, Error> {
    run_with(args, services, limit, None).await
}

/// The same, with guests.
pub async fn run_with(
    args: Up,
    services: &[Service],
    limit: Option<Duration>,
    guests: Option<Guests>,
) -> Result<ExitCode, Error> {
    let gnss = Gnss::parse(&args.gnss)?;
    let origins = Origins::new(&args.allow_origin)?;
    let mut listening = Vec::new();
    for service in services {
        listening.push((*service, service.listen(&args).await?));
    }
    let reads = services.contains(&Service::GpsStatus);
    let casting = match reads {
        true => caster::listen(&args.caster, args.host, Duration::from_secs(args.shutdown_s)).await?,
        false => None,
    };
    let connections = args.limits.max_connections.saturating_mul(services.len());
    let casts = casting.as_ref().map_or(0, caster::Listening::connections);
    kit::limits::make_room_for(connections.saturating_add(casts));
    let mut ready = args.ready_file.as_deref().map(ReadyFile::claim).transpose()?;
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let clock = Clock::start();
    let operator = match args.recording.operator_port {
        Some(port) => Some(operator::listen(port).await?),
        None => None,
    };
    let (recorder, tap) = match record(&args, clock)? {
        Some((recorder, control, tap)) => {
            if args.recording.ring.is_some() {
                operator::write_ring_when_told(&control, &stop)?;
            }
            if let Some(operator) = operator {
                operator.serve(control, stop.clone());
            }
            (Some(recorder), tap)
        }
        None => (None, Tap::off()),
    };

    let cast_addresses = casting.as_ref().map(|casting| casting.addresses.clone()).unwrap_or_default();
    let casting = casting.map(|casting| casting.start(clock, stop.clone()));
    let shared = Shared {
        args: &args,
        feed: matches!(gnss, Gnss::Feed),
        caster: casting.as_ref().map(|casting| casting.events.clone()),
        origins,
        tap,
        clock,
        stop: stop.clone(),
    };
    let mut running: Vec<Running> = Vec::new();
    let mut started = Ok(());
    for (which, at) in listening {
        match shared.start(which, at) {
            Ok(service) => running.push(service),
            Err(error) => started = Err(error),
        }
    }
    // The recording ends when nobody can add to it.
    drop(shared);
    let addresses: Vec<_> = running.iter().map(|service| (service.name(), service.address)).collect();
    let visit = guests
        .filter(|_| started.is_ok())
        .map(|guests| tokio::spawn(guests(addresses.clone(), clock, stop.clone())));
    if let (Some(casting), Some(handle)) = (&casting, receiver(&running)) {
        tokio::spawn(caster::tell(handle.clone(), casting.reports.clone()));
    }
    let urls: Vec<_> = addresses.iter().map(|(name, at)| (*name, format!("http://{at}"))).collect();
    let urls = [urls, cast_addresses].concat();
    let ready_told = started.and_then(|()| ready.as_mut().map_or(Ok(()), |ready| ready.write_urls(&urls)));
    let to_caster = casting.as_ref().map(|casting| casting.events.clone());
    let done = match ready_told {
        Ok(()) => tokio::select! {
            result = read(gnss, &args, clock, receiver(&running), to_caster, &stop) => result,
            () = stop.cancelled() => Ok(()),
            () = after(limit) => Ok(()),
            // It says why when it is waited for.
            _ = select_all(running.iter().map(|service| Box::pin(service.handle.gone()))) => Ok(()),
        },
        Err(error) => Err(error),
    };
    drop(ready);
    stop.cancel();
    if let Some(visit) = visit {
        // Guests that panicked have left, too.
        let _ = visit.await;
    }
    let cast = match casting {
        Some(casting) => caster::ended(casting).await,
        None => Ok(()),
    };
    let mut closing: Result<String, Error> = Ok(String::new());
    for service in running {
        let text = service.ended().await;
        closing = closing.and_then(|before| Ok(before + &text?));
    }
    if let Some(recorder) = recorder {
        // It waits for its thread.
        tokio::task::block_in_place(|| keep(recorder, args.record.as_deref(), never_began(&done)))?;
    }
    done?;
    cast?;
    print(&closing?)?;
    Ok(ExitCode::SUCCESS)
}

/// Who is told what the receiver says.
fn receiver(running: &[Running]) -> Option<&Handle> {
    running.iter().find(|running| running.service == Service::GpsStatus).map(|running| &running.handle)
}

/// Carries the receiver's bytes to gps-status and the caster until they end; without gps-status, nothing for ever.
async fn read(
    gnss: Gnss,
    args: &Up,
    clock: Clock,
    handle: Option<&Handle>,
    caster: Option<mpsc::Sender<Event>>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let Some(handle) = handle else { return std::future::pending().await };
    let (sender, read) = mpsc::channel(QUEUE_EVENTS);
    let reading = source::run(gnss, &args.source, clock, sender, stop.clone());
    let (to_status, mut events) = mpsc::channel(QUEUE_EVENTS);
    let (read, (), _) = tokio::join!(
        reading,
        fan_out(read, [Some(to_status), caster].into_iter().flatten().collect()),
        routes::pump(handle, &mut events)
    );
    read
}

/// Whoever is behind holds the source up: neither waits for its own clients.
async fn fan_out(mut events: mpsc::Receiver<Event>, takers: Vec<mpsc::Sender<Event>>) {
    while let Some(event) = events.recv().await {
        for taker in &takers {
            // One that has ended takes no more.
            let _ = taker.send(event.clone()).await;
        }
    }
}

/// Starts the recorder, if anything is to be recorded or somebody may ask for it.
fn record(args: &Up, clock: Clock) -> Result<Option<(Recorder, Control, Tap)>, Error> {
    let asked = &args.recording;
    if args.record.is_none() && asked.ring.is_none() && asked.operator_port.is_none() {
        return Ok(None);
    }
    let notes = [("source".to_string(), args.gnss.clone())].into();
    let about = About { version: env!("CARGO_PKG_VERSION").to_string(), notes };
    let plan = Plan {
        file: args.record.clone(),
        rotate: Rotate { bytes: asked.rotate_bytes, every: asked.rotate_every, keep: asked.rotate_keep },
        ring: asked.ring.map(|span| RingLimits { span, bytes: asked.ring_bytes }),
        folder: args.data.clone(),
        sync: asked.record_sync,
    };
    let (recorder, control, tap) = Recorder::start(&plan, &about, clock)?;
    if let Some(earlier) = recorder.moved_aside() {
        info!(earlier = %earlier.display(), "an earlier recording of that name was moved aside");
    }
    Ok(Some((recorder, control, tap)))
}

fn keep(recorder: Recorder, file: Option<&Path>, never_began: bool) -> Result<(), Error> {
    if never_began {
        recorder.discard();
        return Ok(());
    }
    let summary = recorder.finish()?;
    if let Some(file) = file {
        info!(file = %file.display(), events = summary.events, bytes = summary.bytes, lost = summary.lost, "recorded");
    }
    Ok(())
}

/// The source never opened, or nobody was told that we listen: what was recorded is of no use.
fn never_began(done: &Result<(), Error>) -> bool {
    match done {
        Err(Error::Source(error)) => error.is_from_the_start(),
        done => done.is_err(),
    }
}
