//! `depot record`: a proxy in front of services that aren't ours.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kit::clock::Clock;
use replay::proxy::mask::Masks;
use replay::proxy::tls::Tls;
use replay::proxy::{self, Listener, Options, Target};
use replay::recorder::{About, Recorder};
use tokio::net::TcpListener;
use tracing::info;

use super::after;
use crate::cli::RecordProxy;
use crate::error::Error;
use crate::ready::ReadyFile;

/// Files of a connection: its two sockets.
const FILES_PER_CONNECTION: usize = 2;

/// Records until Ctrl-C or `--for`.
pub async fn run(args: RecordProxy) -> Result<ExitCode, Error> {
    let connections = usize::try_from(args.limit_connections).unwrap_or(usize::MAX);
    kit::limits::make_room_for(connections.saturating_mul(FILES_PER_CONNECTION));
    let tls = tls(&args)?;
    let listeners = listeners(&args).await?;
    let addresses: Vec<(&'static str, SocketAddr)> =
        listeners.iter().filter_map(|one| Some((one.name, one.socket.local_addr().ok()?))).collect();
    let mut ready = args.ready_file.as_deref().map(ReadyFile::claim).transpose()?;
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let clock = Clock::start();
    let about = About { version: env!("CARGO_PKG_VERSION").to_owned(), notes: notes(&args, &listeners) };
    let (recorder, tap) = Recorder::create(&args.out, &about, clock)?;
    if let Some(earlier) = recorder.moved_aside() {
        info!(earlier = %earlier.display(), "an earlier recording of that name was moved aside");
    }
    for (listener, (_, address)) in listeners.iter().zip(&addresses) {
        info!(name = listener.name, %address, to = %listener.target, "listening");
    }
    if let Err(error) = ready.as_mut().map_or(Ok(()), |ready| ready.write(&addresses)) {
        drop(tap);
        tokio::task::block_in_place(|| recorder.discard());
        return Err(error);
    }
    let options = Options {
        masks: Arc::new(if args.no_mask { Masks::off() } else { Masks::new(&args.unmask) }),
        keep_extensions: args.keep_extensions,
        max_connections: connections,
        connect_timeout: Duration::from_secs(args.limit_connect_s),
        tls,
        answer_timeout: Duration::from_secs(args.limit_answer_s),
        shutdown: Duration::from_secs(args.shutdown_s),
    };
    let serving = proxy::serve(listeners, options, tap, clock, stop.clone());
    let timer = async {
        after(args.for_).await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serving => {}
        () = timer => {}
    }
    drop(ready);
    // It waits for its thread.
    let summary = tokio::task::block_in_place(|| recorder.finish())?;
    let (events, bytes, lost) = (summary.events, summary.bytes, summary.lost);
    info!(file = %args.out.display(), events, bytes, lost, "recorded");
    Ok(ExitCode::SUCCESS)
}

/// Whom services behind TLS must be, if there are any.
fn tls(args: &RecordProxy) -> Result<Option<Tls>, Error> {
    match (args.to.iter().any(|target| target.tls), args.ca.is_empty()) {
        (true, _) => Ok(Some(Tls::trusting(&args.ca)?)),
        (false, true) => Ok(None),
        (false, false) => Err(Error::NoTls),
    }
}

/// Each `--listen` with the `--to` and `--name` of the same place.
async fn listeners(args: &RecordProxy) -> Result<Vec<Listener>, Error> {
    let (listen, to, name) = (args.listen.len(), args.to.len(), args.name.len());
    if listen != to || (name != 0 && name != listen) {
        return Err(Error::Pairs { listen, to, name });
    }
    let mut names = BTreeSet::new();
    let mut listeners = Vec::with_capacity(listen);
    for (place, (address, target)) in args.listen.iter().zip(&args.to).enumerate() {
        let name = args.name.get(place).cloned().unwrap_or_else(|| target.authority());
        if !names.insert(name.clone()) {
            return Err(Error::SameName { name });
        }
        let socket = TcpListener::bind(address).await;
        let socket = socket.map_err(|source| Error::ListenProxy { address: *address, source })?;
        // As many as the command line has, for the life of the process.
        listeners.push(Listener { name: name.leak(), socket, target: target.clone() });
    }
    Ok(listeners)
}

/// What the file says of how it was made.
fn notes(args: &RecordProxy, listeners: &[Listener]) -> std::collections::BTreeMap<String, String> {
    let shown = |one: &Listener| format!("{}={}", one.name, Target::to_string(&one.target));
    let to = listeners.iter().map(shown).collect::<Vec<_>>().join(" ");
    let masked = match (args.no_mask, args.unmask.is_empty()) {
        (true, _) => "nothing".to_owned(),
        (false, true) => "all known secrets".to_owned(),
        (false, false) => format!("all known secrets but {}", args.unmask.join(", ")),
    };
    [("source", "proxy".to_owned()), ("to", to), ("masked", masked)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .chain((!args.ca.is_empty()).then(|| {
            let files = args.ca.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
            ("ca".to_owned(), files.join(", "))
        }))
        .chain(args.keep_extensions.then(|| ("keep-extensions".to_owned(), "true".to_owned())))
        .collect()
}
