//! Logs: to standard error, filtered by `--log` as `tracing` filters are written.
//!
//! Whoever reads them may stop doing so (a full pipe, Ctrl-S in a terminal) and must not stop the depot: lines
//! wait for a thread of their own, and those over [`QUEUE_LINES`] are lost.

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait to be written; beyond it new ones are lost.
const QUEUE_LINES: usize = 8192;

/// Starts logging; what waits is written when the guard is dropped. A filter that can't be read counts as
/// `info`, and is said so.
pub fn start(filter: &str) -> WorkerGuard {
    let parsed = EnvFilter::try_new(filter);
    let bad = parsed.is_err();
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(QUEUE_LINES).lossy(true).finish(std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(parsed.unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    if bad {
        tracing::warn!(filter, "--log is not a filter such as info or gps_status=debug; info is used");
    }
    guard
}
