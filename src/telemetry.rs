//! Logs: to standard error, filtered by `--log` as `tracing` filters are written.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. A filter that can't be read counts as `info`, and is said so.
pub fn start(filter: &str) {
    let parsed = EnvFilter::try_new(filter);
    let bad = parsed.is_err();
    tracing_subscriber::fmt()
        .with_env_filter(parsed.unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    if bad {
        tracing::warn!(filter, "--log is not a filter such as info or gps_status=debug; info is used");
    }
}
