//! Signals.

use std::{fs, io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after a second signal: 128 and the number of SIGINT, as a shell would say.
const EXIT_AT_ONCE: i32 = 130;
/// Where Linux says which signals a process was started to ignore. Elsewhere it isn't known.
const OWN_STATUS: &str = "/proc/self/status";
/// SIGHUP in a mask of signals: number 1 is the lowest bit.
const HANGUP_BIT: u64 = 1;

/// A token that is cancelled by Ctrl-C, SIGTERM or SIGHUP (its terminal closed). A second Ctrl-C or SIGTERM
/// ends the process at once; a second SIGHUP doesn't, as a closing terminal often sends two.
///
/// On Linux a process that was started to ignore SIGHUP (`nohup`) goes on ignoring it.
///
/// # Errors
/// When the system won't let signals be caught.
pub fn on_signals() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let ignored = fs::read_to_string(OWN_STATUS).is_ok_and(|status| ignores_hangup(&status));
    let mut hangup = if ignored { None } else { Some(signal(SignalKind::hangup())?) };
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = either(&mut interrupt, &mut terminate) => {}
            () = next(&mut hangup) => {}
        }
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

async fn next(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// Reads the line `SigIgn`, a mask in hexadecimal (proc_pid_status(5)).
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & HANGUP_BIT != 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::{sys::signal::Signal, unistd::Pid};

    use super::*;

    #[tokio::test]
    async fn a_closed_terminal_stops_in_order_however_often_it_says_so() {
        if fs::read_to_string(OWN_STATUS).is_ok_and(|status| ignores_hangup(&status)) {
            let reason = "the tests were started to ignore SIGHUP";
            assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|set| set.is_empty()), "{reason}");
            eprintln!("skipped: {reason}");
            return;
        }
        let stop = on_signals().unwrap();
        for _ in 0..2 {
            nix::sys::signal::kill(Pid::this(), Signal::SIGHUP).unwrap();
            tokio::time::timeout(Duration::from_secs(20), stop.cancelled()).await.unwrap();
        }
        let mut also = signal(SignalKind::hangup()).unwrap();
        nix::sys::signal::kill(Pid::this(), Signal::SIGHUP).unwrap();
        also.recv().await;
        tokio::task::yield_now().await;
        assert!(stop.is_cancelled(), "and the process is still there");
    }

    #[test]
    fn whoever_was_started_with_nohup_goes_on() {
        assert!(ignores_hangup("Name:\tdepot\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"));
        for other in ["", "SigIgn:", "SigIgn: x", "SigIgn:\t10000000000000001"] {
            assert!(!ignores_hangup(other), "{other}");
        }
    }
}
