//! The service on a host of the simulation: dispatch's own machine, runner, sessions and routes, with a made-up
//! network below and a made-up disk behind.

use std::{net::Ipv4Addr, time::Duration};

use dispatch::{
    Config,
    routes::{Parts, router, start},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use kit::{
    clock::Clock,
    machine::StoreEvent,
    origin::Origins,
    outbox::OutboxLimits,
    runner::{Handle, Keeper, RunnerLimits},
    session::SessionLimits,
    tap::Tap,
    web::Web,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use turmoil::net::TcpListener;

use crate::stage::{Dice, START, Shared};

pub const PORT: u16 = 4890;

/// A tenth of the contract's, so that a simulation of minutes sees them all.
pub const CONFIG: Config = Config {
    gather_ms: dispatch::config::GATHER_MS,
    delivery_within_ms: 2_000,
    resume_after_ms: 6_000,
    rover_lost_after_ms: 60_000,
    keep_tasks_for_ms: 86_400_000,
};
/// A console that doesn't read overruns it soon.
const OUTBOX_FRAMES: usize = 16;

/// Serves until its host crashes.
pub async fn run(stage: Shared, seed: u64) -> turmoil::Result {
    let clock = Clock::simulated(START + turmoil::sim_elapsed().unwrap_or_default());
    stage.note("dispatch", "starts");
    let (jobs, queue) = unbounded_channel();
    let outbox = OutboxLimits { frames: OUTBOX_FRAMES, ..OutboxLimits::default() };
    let limits = RunnerLimits { outbox, ..RunnerLimits::default() };
    let tap = Tap::off();
    let parts = Parts { version: "0", seed, tap: &tap, clock, limits, stop: CancellationToken::new() };
    let (handle, _machine) = start(&CONFIG, parts, Box::new(Jobs(jobs)));
    let dice = Dice::new(seed ^ u64::try_from(clock.now().as_millis())?);
    tokio::spawn(keep(stage, queue, handle.clone(), dice));

    let sessions = SessionLimits {
        ping_every: Duration::from_secs(3),
        idle_after: Duration::from_secs(8),
        ..SessionLimits::default()
    };
    let router = router(&Web::new(handle, Origins::new::<&str>(&[])?, sessions));
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        let service = TowerToHyperService::new(router.clone());
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(10))
            .serve_connection(TokioIo::new(tcp), service)
            .with_upgrades();
        // A connection that breaks is the simulation's own doing.
        tokio::spawn(async move { drop(serving.await) });
    }
}

struct Jobs(UnboundedSender<(u64, String)>);

impl Keeper for Jobs {
    fn commit(&mut self, batch: u64, changes: String) {
        // Nobody takes it only at the simulation's end.
        let _ = self.0.send((batch, changes));
    }
}

/// The store's thread, made a task: keeps commits on the disk, each a moment after it came, which is longer than the
/// network takes; told too early would be told before it is there.
async fn keep(stage: Shared, mut queue: UnboundedReceiver<(u64, String)>, handle: Handle, mut dice: Dice) {
    sleep(dice.ms(5, 300)).await;
    let changes = stage.lock().disk.changes();
    let _ = handle.store(StoreEvent::Opened { changes }).await;
    while let Some((batch, changes)) = queue.recv().await {
        sleep(dice.ms(25, 60)).await;
        let fate = if stage.lock().disk.trouble { dice.roll(40) } else { u64::MAX };
        let kept = fate != 0;
        if kept && fate != 1 {
            stage.note("disk", &changes);
            stage.lock().disk.keep(&changes);
            // On the disk, and nobody knows: a crash here is the worst one.
            sleep(dice.ms(1, 20)).await;
        } else {
            stage.lock().failures += 1;
        }
        let told = match fate {
            // Lost with the commit under way: kept or not.
            1 | 2 => {
                stage.note("disk", "lost");
                let _ = handle.store(StoreEvent::Lost { reason: "another dispatch has it".to_owned() }).await;
                sleep(dice.ms(100, 1500)).await;
                while queue.try_recv().is_ok() {}
                let changes = stage.lock().disk.changes();
                handle.store(StoreEvent::Opened { changes }).await
            }
            _ => {
                let error = (!kept).then(|| "no space left".to_owned());
                handle.store(StoreEvent::Committed { batch, error }).await
            }
        };
        if told.is_err() {
            return;
        }
    }
}
