//! The NTRIP caster in this program: its settings, its listeners, its users.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kit::clock::Clock;
use kit::runner::Handle;
use rtk_reader::caster::core::{Identity, Mountpoint, MountpointError, User, Users, UsersError};
use rtk_reader::caster::{self, Config, Limits, Report};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::CasterArgs;
use crate::error::Error;

/// Its name in logs and in the ready file.
pub const NTRIP: &str = "ntrip";
/// The raw stream's.
pub const RAW: &str = "raw";

/// Settings of the caster that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CasterError {
    /// Mountpoints that don't go together.
    #[error(transparent)]
    Mountpoints(#[from] MountpointError),
    /// The file of users is not TOML, or not of users.
    #[error("the users in {path} can't be read: {message}; a user is [[user]] with a name and a hash")]
    Syntax {
        /// Which file.
        path: String,
        /// The parser's words.
        message: String,
    },
    /// Its users can't be used.
    #[error("the users in {path} can't be used: {source}")]
    Users {
        /// Which file.
        path: String,
        /// Why.
        source: UsersError,
    },
    /// Too many outside casters.
    #[error("{found} casters to push to, at most {} are borne: name fewer", caster::core::MAX_PUSHES)]
    Pushes {
        /// How many.
        found: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    #[serde(default)]
    user: Vec<User>,
}

/// A caster that listens and isn't served yet.
pub struct Listening {
    config: Config,
    ntrip: TcpListener,
    raw: Option<TcpListener>,
    /// Names and URLs.
    pub addresses: Vec<(&'static str, String)>,
}

/// Binds the ports; none if no caster is wanted.
pub async fn listen(args: &CasterArgs, host: IpAddr, shutdown: Duration) -> Result<Option<Listening>, Error> {
    if args.no_ntrip {
        return Ok(None);
    }
    let mut config = config(args, shutdown)?;
    let (ntrip, address) = bind(host, args.ntrip_port, NTRIP, "ntrip-port").await?;
    config.identity.port = address.port();
    if config.identity.host.is_empty() {
        config.identity.host = address.ip().to_string();
    }
    let mut addresses = vec![(NTRIP, format!("ntrip://{address}"))];
    let raw = match args.raw_port {
        Some(port) => {
            let (raw, address) = bind(host, port, RAW, "raw-port").await?;
            addresses.push((RAW, format!("tcp://{address}")));
            Some(raw)
        }
        None => None,
    };
    Ok(Some(Listening { config, ntrip, raw, addresses }))
}

impl Listening {
    /// Connections it bears.
    pub fn connections(&self) -> usize {
        self.config.limits.clients.saturating_add(self.config.limits.raw_clients)
    }

    /// Serves.
    pub fn start(self, clock: Clock, stop: CancellationToken) -> caster::Running {
        let names = self.config.mountpoints.iter().map(|mountpoint| mountpoint.name.as_str());
        let mountpoints = names.collect::<Vec<_>>().join(" ");
        for (name, url) in &self.addresses {
            match *name {
                NTRIP => info!(url, mountpoints, "the NTRIP caster listens"),
                _ => info!(url, "the receiver's raw stream is served"),
            }
        }
        if self.config.users.is_open() {
            info!("corrections are served without a password: name users with --ntrip-users to ask for one");
        }
        caster::start(self.config, self.ntrip, self.raw, Arc::new(move || clock.now()), stop)
    }
}

async fn bind(
    host: IpAddr,
    port: u16,
    service: &'static str,
    flag: &'static str,
) -> Result<(TcpListener, SocketAddr), Error> {
    let address = SocketAddr::new(host, port);
    let failed = |source| Error::Listen { address: address.to_string(), service, flag, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(Error::Start)?;
    Ok((listener, address))
}

fn config(args: &CasterArgs, shutdown: Duration) -> Result<Config, Error> {
    let mountpoints: Vec<Mountpoint> = args.mountpoint.iter().flat_map(|list| list.0.clone()).collect();
    Mountpoint::check(&mountpoints).map_err(CasterError::from)?;
    if args.push.len() > caster::core::MAX_PUSHES {
        return Err(CasterError::Pushes { found: args.push.len() }.into());
    }
    let users = args.ntrip_users.as_deref().map(users).transpose()?.unwrap_or_default();
    let identity = Identity {
        host: args.ntrip_host.clone(),
        // Known when it is bound.
        port: 0,
        name: args.ntrip_name.clone(),
        operator: args.ntrip_operator.clone(),
        country: args.ntrip_country.clone(),
        authenticates: !users.is_open(),
    };
    let limits = Limits {
        clients: args.ntrip_max_clients,
        per_address: args.ntrip_max_per_address,
        shutdown,
        ..Limits::default()
    };
    Ok(Config {
        identity,
        mountpoints,
        users,
        base_ecef_m: args.base_position,
        arp_limit_m: args.base_moved_m,
        pushes: args.push.clone(),
        limits,
        key: random()?,
    })
}

fn users(path: &Path) -> Result<Users, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
    let shown = path.display().to_string();
    let file: UsersFile = toml::from_str(&text).map_err(|error| CasterError::Syntax {
        path: shown.clone(),
        // Its place in the file would show a line, and with it perhaps a hash.
        message: error.message().to_owned(),
    })?;
    Ok(Users::new(file.user).map_err(|source| CasterError::Users { path: shown, source })?)
}

/// Of the system.
pub fn random() -> Result<[u8; 16], Error> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::file("read", path))?;
    Ok(bytes)
}

/// Its end, after the stop. A panic is an error.
pub async fn ended(running: caster::Running) -> Result<(), Error> {
    drop(running.events);
    running.done.await.map_err(|source| Error::Service { service: NTRIP, source })
}

/// Tells gps-status what the caster tells, from the start until one of them ends.
pub async fn tell(handle: Handle, mut reports: watch::Receiver<Report>) {
    loop {
        // A struct of plain values always can be written.
        let report = serde_json::to_string(&*reports.borrow_and_update()).unwrap_or_default();
        if handle.caster(report).await.is_err() || reports.changed().await.is_err() {
            return;
        }
    }
}

/// Says once that the caster is behind: the feed doesn't wait for it.
pub fn behind() {
    warn!("the caster is behind the feed: bytes were left out, and with them corrections");
}
