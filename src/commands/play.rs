//! `depot play SESSION`: stands in for the services, so that a console can be shown a recording.

#[cfg(unix)]
mod keys;

use std::net::SocketAddr;
use std::process::ExitCode;

use kit::origin::Origins;
use replay::play::{Options, Show};
use replay::session::Session;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::cli::Play;
use crate::error::Error;
use crate::ready::ReadyFile;

/// A recording that isn't played to its end: see [`crate::error::EXIT_CODES`].
const DAMAGED: u8 = 3;

/// Plays until the end of the recording, or Ctrl-C.
pub async fn run(args: Play) -> Result<ExitCode, Error> {
    let origins = Origins::new(&args.allow_origin)?;
    let session = Session::open_named(&args.session).map_err(replay::player::ReplayError::from)?;
    let show = tokio::task::block_in_place(|| Show::open(session))?;
    let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
    for service in show.services() {
        let (listener, address) = listen(service, &args).await?;
        listeners.push((service, listener));
        addresses.push((service, address));
    }
    let mut ready = args.ready_file.as_deref().map(ReadyFile::claim).transpose()?;
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    for name in &show.left_out {
        warn!("{name} is in the recording, too, and nothing stands in for it");
    }
    if let Some(damage) = &show.damage {
        warn!("{damage}");
    }
    let options =
        Options { rate: args.rate, looped: args.r#loop, from: args.from, paused: args.paused, origins };
    let playing = show.start(listeners, options, &stop);
    for (service, address) in &addresses {
        info!(http = %format!("http://{address}"), "{service} is stood in for; GET /play says where the recording is");
    }
    if let Some(ready) = &mut ready {
        ready.write(&addresses)?;
    }
    #[cfg(unix)]
    let _keys = keys::Keys::listen(playing.controls.clone(), stop.clone());
    playing.ended().await.map_err(|source| Error::Service { service: "play", source })?;
    Ok(if show.damage.is_some() { ExitCode::from(DAMAGED) } else { ExitCode::SUCCESS })
}

async fn listen(service: &'static str, args: &Play) -> Result<(TcpListener, SocketAddr), Error> {
    let (port, usual, flag) = match service {
        gps_status::SERVICE => (args.gps_status_port, gps_status::PORT, "gps-status-port"),
        discovery::SERVICE => (args.discovery_port, discovery::PORT, "discovery-port"),
        _ => (args.dispatch_port, dispatch::PORT, "dispatch-port"),
    };
    let port = port.unwrap_or_else(|| usual.saturating_add(args.port_offset));
    let address = SocketAddr::new(args.listen, port);
    let failed = |source| Error::Listen { address: address.to_string(), service, flag, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(Error::Start)?;
    Ok((listener, address))
}
