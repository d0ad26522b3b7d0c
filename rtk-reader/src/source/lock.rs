//! One process owns a port: a lock file that says who.
//!
//! The operating system's lock on the file decides; what stands in it only names the holder, so that a file
//! left behind by a crash harms nobody. It is keyed by the device's canonical path, so that
//! `/dev/serial/by-id/…` and `/dev/ttyACM0` meet in one file.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::SourceError;
use crate::Timestamp;

/// A lock file holds one short JSON object; more than this is not ours and isn't read.
const HOLDER_BYTES: u64 = 4096;

/// Attempts to lock, microseconds apart; then the port is held.
const TRIES: usize = 100;

/// Who has a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The program's name; empty if it can't be told.
    pub program: String,
    /// Its process id; 0 if it can't be told.
    pub pid: u32,
    /// Since when, Unix milliseconds; none if it didn't say.
    pub since_unix_ms: Option<u64>,
}

impl Holder {
    /// Somebody.
    #[must_use]
    pub fn unknown() -> Self {
        Self { program: String::new(), pid: 0, since_unix_ms: None }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.program.as_str(), self.pid) {
            ("", 0) => return f.write_str("another process"),
            ("", pid) => write!(f, "process {pid}")?,
            (program, 0) => f.write_str(program)?,
            (program, pid) => write!(f, "{program} (process {pid})")?,
        }
        match self.since_unix_ms {
            Some(ms) => write!(f, " since {}", Utc(ms / 1000)),
            None => Ok(()),
        }
    }
}

/// The port is ours until this is dropped.
#[derive(Debug)]
pub struct PortLock {
    file: File,
}

impl PortLock {
    /// Takes the lock of a device in the first of `dirs` that can be used.
    ///
    /// # Errors
    /// [`SourceError::Held`] with the holder's name, or [`SourceError::Io`] if no directory can be used.
    pub fn take(dirs: &[PathBuf], device: &Path, program: &str, now: Timestamp) -> Result<Self, SourceError> {
        let (path, file) = open_in(dirs, device)?;
        match locked(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = named_in(&file).unwrap_or_else(Holder::unknown);
                return Err(SourceError::Held { path: device.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(SourceError::Io { doing: "lock", path, error }),
        }
        let lock = Self { file };
        let since_unix_ms = u64::try_from(now.as_millis()).ok();
        let holder = Holder { program: program.to_owned(), pid: std::process::id(), since_unix_ms };
        if let Err(error) = lock.name(Some(&holder)) {
            tracing::debug!(%error, path = %path.display(), "the lock file can't name its holder");
        }
        Ok(lock)
    }

    /// Writes who has the port, or nobody.
    fn name(&self, holder: Option<&Holder>) -> io::Result<()> {
        self.file.set_len(0)?;
        match holder {
            Some(holder) => {
                (&self.file).write_all(format!("{}\n", serde_json::to_string(holder)?).as_bytes())
            }
            None => Ok(()),
        }
    }
}

impl Drop for PortLock {
    fn drop(&mut self) {
        // The file stays: removing it could take away the name under which another has just locked it.
        let _ = self.name(None);
    }
}

/// Where lock files go: `/run/lock`, or a directory of the user's own.
#[must_use]
pub fn default_dirs() -> Vec<PathBuf> {
    let mut dirs = vec![PathBuf::from("/run/lock")];
    dirs.extend(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    dirs.push(std::env::temp_dir());
    dirs
}

/// Who has a device locked, without disturbing it.
#[must_use]
pub fn holder(dirs: &[PathBuf], device: &Path) -> Option<Holder> {
    dirs.iter().find_map(|dir| {
        let file = File::open(dir.join(file_name(device))).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(named_in(&file).unwrap_or_else(Holder::unknown)),
            _ => None,
        }
    })
}

/// Tries more than once: whoever lists the ports looks into the file under a lock of its own for a moment.
fn locked(file: &File) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            result => return result,
        }
    }
    file.try_lock()
}

/// Opens the lock file without `O_CREAT` first: in a sticky directory Linux refuses to "create" a file that
/// exists and is another user's (`fs.protected_regular`).
fn open_in(dirs: &[PathBuf], device: &Path) -> Result<(PathBuf, File), SourceError> {
    let name = file_name(device);
    let mut failed = (PathBuf::from(&name), io::Error::from(io::ErrorKind::NotFound));
    for dir in dirs {
        let path = dir.join(&name);
        let opened =
            OpenOptions::new().read(true).write(true).open(&path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => create(&path),
                // Another user's file: locking needs no more than to read it.
                io::ErrorKind::PermissionDenied => File::open(&path),
                _ => Err(error),
            });
        match opened {
            Ok(file) => return Ok((path, file)),
            Err(error) => failed = (path, error),
        }
    }
    Err(SourceError::Io { doing: "open the lock file", path: failed.0, error: failed.1 })
}

fn create(path: &Path) -> io::Result<File> {
    match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
        Ok(file) => {
            share(&file);
            Ok(file)
        }
        // Another process was quicker; its file is as good.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path).or_else(|_| File::open(path))
        }
        Err(error) => Err(error),
    }
}

/// Whoever may open the port may write its holder's name, whatever the umask.
fn share(file: &File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = file;
}

fn named_in(file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.take(HOLDER_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// `depot-dev-ttyACM0.lock`; two devices never share one.
fn file_name(device: &Path) -> String {
    let mut name = String::from("depot");
    for &byte in device.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' => name.push('-'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name.push_str(".lock");
    name
}

/// Unix seconds as `2026-11-23T18:09:30Z`.
struct Utc(u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut days, second) = (self.0 / 86_400, self.0 % 86_400);
        let leap =
            |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let mut year = 1970 + days / 146_097 * 400;
        days %= 146_097;
        while days >= 365 + u64::from(leap(year)) {
            days -= 365 + u64::from(leap(year));
            year += 1;
        }
        let mut month = 1;
        for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_457_370_123);

    #[test]
    fn the_second_is_told_who_came_first_and_gets_it_when_the_first_goes() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [PathBuf::from("/no/such/dir"), dir.path().to_owned()];
        let device = Path::new("/dev/ttyACM0");
        let first = PortLock::take(&dirs, device, "depot", NOW).unwrap();
        let expected = Holder {
            program: "depot".into(),
            pid: std::process::id(),
            since_unix_ms: Some(1_795_457_370_123),
        };
        assert_eq!(holder(&dirs, device), Some(expected.clone()));
        match PortLock::take(&dirs, device, "other", NOW) {
            Err(SourceError::Held { holder, .. }) => assert_eq!(holder, expected),
            other => panic!("expected Held, got {other:?}"),
        }
        PortLock::take(&dirs, Path::new("/dev/ttyACM1"), "other", NOW).unwrap();
        drop(first);
        assert_eq!(holder(&dirs, device), None);
        PortLock::take(&dirs, device, "other", NOW).unwrap();
    }

    #[test]
    fn what_a_crash_left_behind_harms_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let device = Path::new("/dev/ttyACM0");
        for stale in ["", "garbage", r#"{"program":"depot","pid":1,"since_unix_ms":1}"#] {
            std::fs::write(dir.path().join(file_name(device)), stale).unwrap();
            PortLock::take(&[dir.path().to_owned()], device, "depot", NOW).unwrap();
        }
    }

    #[test]
    fn no_directory_is_an_error() {
        let taken = PortLock::take(&["/no/such/dir".into()], Path::new("/dev/x"), "depot", NOW);
        assert!(matches!(taken, Err(SourceError::Io { .. })), "{taken:?}");
    }

    #[test]
    fn names_differ_where_paths_do() {
        assert_eq!(file_name(Path::new("/dev/ttyACM0")), "depot-dev-ttyACM0.lock");
        assert_ne!(file_name(Path::new("/dev/a-b")), file_name(Path::new("/dev/a/b")));
    }

    #[test]
    fn a_holder_reads_as_a_sentence() {
        let holder = Holder { program: "depot".into(), pid: 812, since_unix_ms: Some(1_709_208_000_000) };
        assert_eq!(holder.to_string(), "depot (process 812) since 2024-02-29T12:00:00Z");
        assert_eq!(Holder::unknown().to_string(), "another process");
        assert_eq!(Utc(4_102_444_799).to_string(), "2099-12-31T23:59:59Z");
        assert_eq!(Utc(951_782_400).to_string(), "2000-02-29T00:00:00Z");
    }
}
