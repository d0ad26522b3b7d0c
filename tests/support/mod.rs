//! What the tests share.

#![expect(clippy::print_stderr, reason = "a skip must be seen")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program, with nothing of the caller's environment that it would read as a setting.
pub fn depot() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_depot"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEPOT_") {
            command.env_remove(name);
        }
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
