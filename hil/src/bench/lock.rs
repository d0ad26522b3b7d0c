//! One bench has a receiver. Touches files.
//!
//! The operating system's lock decides, so it ends however its holder ends. It is not the port's own: that one goes
//! to the depot under test and back, and the bench holds the receiver all the while.

use std::path::{Path, PathBuf};

use rtk_reader::Timestamp;
use rtk_reader::source::{PortLock, SourceError};

use super::BenchError;

/// The receiver is this bench's until this is dropped.
#[derive(Debug)]
pub struct BenchLock {
    _lock: PortLock,
}

impl BenchLock {
    /// Takes the receiver on a port, whatever name the port is given by.
    ///
    /// # Errors
    /// [`BenchError::Held`], which says by whom and since when; or a port or directory that can't be used.
    pub fn take(dirs: &[PathBuf], port: &Path, now: Timestamp) -> Result<Self, BenchError> {
        let device =
            std::fs::canonicalize(port).map_err(|_| SourceError::NoSuchPort { path: port.to_owned() })?;
        match PortLock::take(dirs, &name(&device), "depot hil", now) {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err(SourceError::Held { holder, .. }) => Err(BenchError::Held { port: port.to_owned(), holder }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Another name than the device's own.
fn name(device: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from("/bench");
    name.push(device);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_457_370_123);

    #[test]
    fn the_second_is_told_who_and_since_when_by_whatever_name_it_asks() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().to_owned()];
        let port = dir.path().join("ttyACM0");
        std::fs::write(&port, "").unwrap();
        let link = dir.path().join("by-id");
        std::os::unix::fs::symlink(&port, &link).unwrap();
        let first = BenchLock::take(&dirs, &link, NOW).unwrap();
        let told = BenchLock::take(&dirs, &port, NOW).unwrap_err().to_string();
        let expected = format!(
            "another bench has {}: depot hil (process {}) since 2026-11-23T18:09:30Z; wait for its end, or stop it",
            port.display(),
            std::process::id()
        );
        assert_eq!(told, expected);
        // The port itself is free for the depot under test.
        PortLock::take(&dirs, &port, "depot", NOW).unwrap();
        drop(first);
        BenchLock::take(&dirs, &port, NOW).unwrap();
        let gone = BenchLock::take(&dirs, Path::new("/no/such/port"), NOW).unwrap_err();
        assert!(matches!(gone, BenchError::Source(SourceError::NoSuchPort { .. })), "{gone}");
    }
}
