//! Where changes are kept: all of a commit or nothing, and on the disk when it is told.
//!
//! A [`Store`] is one database, held by one process at a time. The [`keeper`] drives it on a thread of its
//! own and says what becomes of it as [`kit::machine::StoreEvent`]s.

mod error;
pub mod keeper;
pub mod postgres;
mod row;
pub mod sqlite;

use std::path::Path;

pub use self::error::{CheckError, CommitError, OpenError, StoreError};
use self::{postgres::Postgres, sqlite::Sqlite};
use crate::core::ledger::Change;

/// A place that keeps changes.
pub trait Store: Send {
    /// Takes it for this process alone, brings it to this program's version, and returns everything it holds:
    /// changes that make the same ledger from nothing. Called again, it lets go of what it had and begins anew.
    ///
    /// # Errors
    /// Somebody else has it, it can't be reached, or this program can't use it.
    fn open(&mut self) -> Result<Vec<Change>, OpenError>;

    /// Keeps all of `changes`, in order, or nothing. When it returns well they survive a power cut. Of all
    /// batches since [`open`](Self::open), each has a larger number than the one before.
    ///
    /// # Errors
    /// Nothing was kept; or, [`CommitError::Unknown`], nobody knows.
    fn commit(&mut self, batch: u64, changes: &[Change]) -> Result<(), CommitError>;

    /// Whether it is still there and still ours. Cheap: called about once a second when nothing else is.
    ///
    /// # Errors
    /// It isn't.
    fn check(&mut self) -> Result<(), CheckError>;

    /// After any trouble: makes it usable again, if nobody else had it meanwhile, and proves it by writing.
    /// Returns the number of the last batch it has kept since [`open`](Self::open), 0 for none.
    ///
    /// # Errors
    /// It isn't usable yet, or not ours any more.
    fn resume(&mut self) -> Result<u64, CheckError>;

    /// Whether it can be waited for: another process can hold it or its server be away, and a service started
    /// now will have it later.
    fn can_wait(&self) -> bool;
}

/// The store at a URL: `sqlite:PATH`, a relative path being in `data_dir` (made when it is opened),
/// `sqlite::memory:`, or `postgres://…`. Nothing is opened yet.
///
/// # Errors
/// The URL isn't one of these. What it holds is not repeated: it may hold a password.
pub fn connect(url: &str, data_dir: &Path) -> Result<Box<dyn Store>, StoreError> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        // `sqlite:///var/lib/x` and `sqlite:/var/lib/x` are both in use.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(StoreError::Url);
        }
        let path = Path::new(path);
        // SQLite's own name for a database that is gone with the process.
        let outside = path.is_absolute() || path == Path::new(":memory:");
        let store = if outside { Sqlite::new(path) } else { Sqlite::in_folder(data_dir, path) };
        return Ok(Box::new(store));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Box::new(Postgres::new(url)?));
    }
    Err(StoreError::Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_is_made_only_for_a_file_in_it() {
        let place = tempfile::tempdir().expect("a folder");
        let (data, beside) = (place.path().join("data"), place.path().join("beside.db"));
        let mut outside =
            connect(&format!("sqlite:{}", beside.display()), &data).expect("a URL that is understood");
        outside.open().expect("it opens");
        assert!(beside.exists() && !data.exists());
        let mut inside = connect("sqlite:dispatch.db", &data).expect("a URL that is understood");
        assert!(!data.exists(), "nothing is opened yet");
        inside.open().expect("it opens");
        assert!(data.join("dispatch.db").exists());
        let mut nowhere = connect("sqlite:x.db", &beside).expect("a URL that is understood");
        let told = nowhere.open().expect_err("a file is no folder").to_string();
        assert!(
            told.starts_with("can't make the folder") && told.ends_with("say where with --data"),
            "{told}"
        );
    }

    #[test]
    fn a_url_is_understood_or_refused_without_its_password() {
        let folder = Path::new("data");
        for good in [
            "sqlite:dispatch.db",
            "sqlite:///var/lib/depot/dispatch.db",
            "postgres://depot:secret@db.example:5433/fleet",
            "postgresql://db.example/fleet?sslmode=disable",
            "postgres:///fleet?host=/run/postgresql",
        ] {
            assert!(connect(good, folder).is_ok(), "{good}");
        }
        for bad in [
            "dispatch.db",
            "sqlite:",
            "mysql://depot:secret@db/fleet",
            "postgres://depot:secret@db:port/fleet",
            "postgres://depot:secret@db/fleet?secret=secret",
            "postgres://depot:secret@db/fleet?sslmode=require",
            "postgres://depot:secret@db/fleet?sslmode=verify-full",
            "postgres://depot:secret@/fleet",
        ] {
            let Err(error) = connect(bad, folder) else { panic!("{bad} was taken") };
            let told = format!("{error} {error:?} {}", error.chain());
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
