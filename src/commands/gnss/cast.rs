//! `depot gnss cast SOURCE`: the NTRIP caster alone; and `depot gnss hash`: a password's hash for its users.

use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;
use std::time::Duration;

use kit::clock::Clock;
use rtk_reader::caster::core::{HashError, hash as hash_of};
use rtk_reader::source::Event;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::print;
use crate::caster;
use crate::cli::{Cast, Hash};
use crate::error::Error;
use crate::ready::ReadyFile;
use crate::source::{self, Gnss};

/// Casts until Ctrl-C, the end of a capture played once, or `--for`.
pub async fn run(args: Cast) -> Result<ExitCode, Error> {
    let gnss = Gnss::parse(&args.gnss)?;
    if matches!(gnss, Gnss::Feed) {
        return Err(usage("a feed comes to `depot up --gnss feed`, which casts it"));
    }
    let Some(listening) =
        caster::listen(&args.caster, args.host, Duration::from_secs(args.shutdown_s)).await?
    else {
        return Err(usage("--no-ntrip leaves nothing to do here"));
    };
    kit::limits::make_room_for(listening.connections());
    let mut ready = args.ready_file.as_deref().map(ReadyFile::claim).transpose()?;
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let clock = Clock::start();
    let addresses = listening.addresses.clone();
    // It ends by itself when the source does, so that clients get what is left.
    let running = listening.start(clock, stop.clone());
    if let Some(ready) = &mut ready {
        ready.write_urls(&addresses)?;
    }
    let (sender, mut events) = mpsc::channel(rtk_reader::source::QUEUE_EVENTS);
    let reading = source::run(gnss, &args.source, clock, sender, stop.clone());
    let handing_on = async {
        while let Some(event) = events.recv().await {
            tell(&event);
            if running.events.send(event).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let read = tokio::select! {
        result = async { tokio::try_join!(reading, handing_on).map(|_| ()) } => result,
        () = stop.cancelled() => Ok(()),
        () = crate::commands::after(args.for_) => Ok(()),
    };
    drop(ready);
    caster::ended(running).await?;
    read?;
    Ok(ExitCode::SUCCESS)
}

fn tell(event: &Event) {
    match event {
        Event::Opened { device, baud } => info!(device, baud, "the receiver is open"),
        Event::Closed { reason } => warn!(reason, "the receiver is gone"),
        Event::Ended => info!("the capture has come to its end"),
        Event::Bytes { .. } => {}
    }
}

fn usage(text: &str) -> Error {
    clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, format!("{text}\n")).into()
}

/// More of standard input isn't read: a password is shorter.
const LINE_BYTES: u64 = 4096;

/// Reads a password from standard input and prints its hash.
pub fn hash(args: &Hash) -> Result<ExitCode, Error> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        info!("type the password and Enter; it is shown as you type");
    }
    let mut line = String::new();
    stdin.lock().take(LINE_BYTES).read_line(&mut line).map_err(Error::file("read", "standard input"))?;
    let password = line.trim_end_matches(['\r', '\n']);
    let hash = hash_of(password, caster::random()?).map_err(|error: HashError| usage(&error.to_string()))?;
    let text = match &args.user {
        Some(user) => {
            let name = toml::Value::from(user.as_str());
            format!("[[user]]\nname = {name}\nhash = \"{hash}\"\n")
        }
        None => format!("{hash}\n"),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
