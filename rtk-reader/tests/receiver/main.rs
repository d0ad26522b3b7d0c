//! A receiver set up, against a real one's exchanges and a model of one.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test's helpers may, as the test itself may")]

mod capture;
mod change;
mod keys;
mod message;
mod model;
mod plan;

use std::path::PathBuf;

/// The real captures; none, told once and visibly, where they aren't.
fn captures() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/gnss"));
    if folder.is_dir() {
        return Some(folder);
    }
    let reason = format!("no captures at {}", folder.display());
    assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|value| value.is_empty()), "{reason}");
    eprintln!("skipped: {reason}");
    None
}
