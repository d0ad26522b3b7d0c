//! What the system allows a process.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files that a depot has open beside its connections, at most about so many: listeners, the receiver, a
/// recording, the runtime's own.
const OWN_FILES: u64 = 64;

/// How many files, and so connections, a process may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// In force.
    pub soft: u64,
    /// What it may be raised to.
    pub hard: u64,
}

impl OpenFiles {
    /// Whether so many connections can be open beside all else.
    #[must_use]
    pub fn are_enough_for(self, connections: usize) -> bool {
        let connections = u64::try_from(connections).unwrap_or(u64::MAX);
        self.soft >= connections.saturating_add(OWN_FILES)
    }
}

/// Makes use of all the open files this process may have; what is in force then.
///
/// Where the system won't (macOS, if the hard limit is none), the limit stays as it was.
///
/// # Errors
/// When the limit can't be read.
pub fn raise_open_files() -> io::Result<OpenFiles> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::debug!(%error, soft, hard, "can't raise the limit of open files");
    }
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(OpenFiles { soft, hard })
}

/// [`raise_open_files`], and a warning in the log if that isn't enough for so many connections.
pub fn make_room_for(connections: usize) {
    match raise_open_files() {
        Ok(files) if files.are_enough_for(connections) => {}
        Ok(OpenFiles { soft, .. }) => tracing::warn!(
            open_files = soft,
            connections,
            "the system allows too few open files for all connections; raise `ulimit -Hn` or allow fewer"
        ),
        Err(error) => tracing::warn!(%error, "can't find out how many files may be open"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_may_be_had_is_had() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        // Lowered first: there is something to raise, and still enough for the tests beside this one.
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(512), hard).unwrap();
        let files = raise_open_files().unwrap();
        assert_eq!((files.soft, files.hard), (hard, hard));
        assert_eq!(raise_open_files().unwrap(), files, "again changes nothing");
    }

    #[test]
    fn a_depot_needs_files_beside_its_connections() {
        let files = OpenFiles { soft: 1024, hard: 4096 };
        assert!(files.are_enough_for(960));
        assert!(!files.are_enough_for(961) && !files.are_enough_for(usize::MAX));
    }
}
