//! Signals.

use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after a second signal: 128 and the number of SIGINT, as a shell would say.
const EXIT_AT_ONCE: i32 = 130;

/// A token that is cancelled by Ctrl-C or SIGTERM. A second one ends the process at once.
///
/// # Errors
/// When the system won't let signals be caught.
pub fn on_signals() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping; once more ends at once");
        told.cancel();
        either(&mut interrupt, &mut terminate).await;
        process::exit(EXIT_AT_ONCE);
    });
    Ok(stop)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
