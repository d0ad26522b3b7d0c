//! Pushing to an outside caster: the first mountpoint's frames, as long as there are any.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use super::core::{Answer, Backoff, PushTarget, Rev, State, last_chunk};
use super::hub::Hub;
use super::outlet::{self, WriteError};

/// To be connected, and then to be answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// A stream that lasted so long was a good one: the next attempt after it comes soon.
const LASTED: Duration = Duration::from_secs(30);

/// Why a push ended.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("it can't be reached: {0}")]
    Unreachable(io::Error),
    #[error("it doesn't answer")]
    Silent,
    #[error("it refused: {0}")]
    Refused(String),
    #[error("it closed the connection")]
    Closed,
    #[error("it takes too little")]
    Slow,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stalled => Self::Slow,
            WriteError::Gone(error) => Self::Broken(error),
        }
    }
}

/// Pushes until the caster stops.
pub async fn run(hub: Arc<Hub>, index: usize, target: PushTarget) {
    let seed =
        u64::from_le_bytes(std::array::from_fn(|n| hub.config.key.get(n).copied().unwrap_or_default()));
    let mut backoff = Backoff::new(seed.wrapping_add(index as u64));
    let mut learn = hub.config.limits.learn;
    loop {
        // A caster that is sent nothing hangs up; there is no sense in asking before there is something.
        let mut states = hub.states();
        tokio::select! {
            _ = states.wait_for(|(state, _)| *state == State::Serving) => {}
            () = hub.closing.cancelled() => return,
        }
        tokio::select! {
            () = sleep(std::mem::take(&mut learn)) => {}
            () = hub.closing.cancelled() => return,
        }
        let began = (hub.now)();
        let failure = match push(&hub, index, &target).await {
            Ok(()) => return,
            Err(failure) => failure,
        };
        if (hub.now)().saturating_sub(began) >= LASTED {
            backoff.reset();
        }
        let wait = backoff.wait();
        tracing::warn!(caster = %target, "the push failed: {failure}; trying again in {:.1} s", wait.as_secs_f64());
        hub.pushed(index, false, Some(failure.to_string()));
        tokio::select! {
            () = sleep(wait) => {}
            () = hub.closing.cancelled() => return,
        }
    }
}

/// One connection; ends in order when the caster stops.
async fn push(hub: &Arc<Hub>, index: usize, target: &PushTarget) -> Result<(), Failure> {
    let connecting = TcpStream::connect((target.host.as_str(), target.port));
    let socket = match timeout(PATIENCE, connecting).await {
        Ok(connected) => connected.map_err(Failure::Unreachable)?,
        Err(_) => return Err(Failure::Silent),
    };
    outlet::set_up(&socket).map_err(Failure::Broken)?;
    let stall = hub.config.limits.stall;
    outlet::write(&socket, target.request(&hub.str_fields()).as_bytes(), stall).await?;
    timeout(PATIENCE, accepted(&socket)).await.map_err(|_| Failure::Silent)??;
    let Some(mut frames) = hub.stream(0) else { return Ok(()) };
    tracing::info!(caster = %target, "pushing corrections");
    hub.pushed(index, true, None);
    loop {
        tokio::select! {
            burst = frames.recv() => {
                let burst = match burst {
                    Ok(burst) => burst,
                    Err(RecvError::Lagged(_)) => return Err(Failure::Slow),
                    Err(RecvError::Closed) => {
                        if target.rev == Rev::Two {
                            outlet::write(&socket, last_chunk(), stall).await?;
                        }
                        outlet::end(socket);
                        return Ok(());
                    }
                };
                let bytes = if target.rev == Rev::Two { burst.chunked } else { burst.plain };
                outlet::write(&socket, &bytes, stall).await?;
                hub.pushed_bytes(index, bytes.len());
            }
            read = read(&socket) => {
                // What it says besides is for nobody.
                read?;
            }
        }
    }
}

/// Waits for an answer that takes the stream.
async fn accepted(socket: &TcpStream) -> Result<(), Failure> {
    let mut said = Vec::new();
    loop {
        said.extend(read(socket).await?);
        match Answer::read(&said) {
            Answer::Accepted => return Ok(()),
            Answer::Refused(words) => return Err(Failure::Refused(words)),
            Answer::Waiting => {}
        }
    }
}

async fn read(socket: &TcpStream) -> Result<Vec<u8>, Failure> {
    loop {
        socket.readable().await.map_err(Failure::Broken)?;
        let mut bytes = [0; Answer::MOST_BYTES];
        match socket.try_read(&mut bytes) {
            Ok(0) => return Err(Failure::Closed),
            Ok(read) => return Ok(bytes.get(..read).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Failure::Broken(error)),
        }
    }
}
