//! What the tests share.

#![expect(clippy::print_stderr, reason = "a skip must be seen")]

#[cfg(unix)]
pub mod browser;
/// A u-blox with layers and faults, the one the machines that set receivers up are tested with.
#[cfg(unix)]
#[path = "../../rtk-reader/tests/receiver/model.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "its other half drives it without a line; a test's helper")]
pub mod model;
#[cfg(unix)]
pub mod receiver;
#[cfg(unix)]
pub mod running;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Held while a program is started, and while something is opened that it must not inherit.
#[cfg(unix)]
pub static SPAWNING: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What would otherwise be shared.
pub const OF_TESTS: [(&str, &str); 3] =
    [("DEPOT_DISCOVERY_PORT", "0"), ("DEPOT_DISPATCH_PORT", "0"), ("DEPOT_DATABASE", "sqlite::memory:")];

/// The program, with nothing of the caller's environment that it would read as a setting.
pub fn depot() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_depot"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEPOT_") {
            command.env_remove(name);
        }
    }
    // Tests run side by side, and few are about these: those name another port or file, or this one again.
    for (name, value) in OF_TESTS {
        command.env(name, value);
    }
    command
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Says visibly that a test did not run, or fails where a missing peer is a failure.
pub fn skip(reason: &str) {
    let required = std::env::var_os("DEPOT_REQUIRE_PEERS").is_some_and(|value| !value.is_empty());
    assert!(!required, "DEPOT_REQUIRE_PEERS is set, and {reason}");
    eprintln!("skipped: {reason}");
}

/// A real capture of ../shared/gnss; a visible skip where the folder isn't there.
pub fn capture(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared/gnss").join(name);
    if path.exists() {
        return Some(path);
    }
    skip(&format!("{} is not there", path.display()));
    None
}

/// Looks again and again whether something has come about in another program, for a bounded time.
#[expect(clippy::disallowed_methods, reason = "nobody tells when another program has written a file")]
pub fn until(done: impl Fn() -> bool) -> bool {
    for _ in 0..3000 {
        if done() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    false
}
