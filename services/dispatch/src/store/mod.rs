//! Where changes are kept: all of a commit or nothing, and on the disk when it is told.

pub mod sqlite;
pub mod writer;

use crate::core::ledger::Change;

/// A place that keeps changes.
pub trait Store: Send {
    /// Everything it holds, as changes that make the same ledger from nothing.
    ///
    /// # Errors
    /// It can't be read, or holds what this program doesn't understand.
    fn load(&mut self) -> Result<Vec<Change>, StoreError>;

    /// Keeps all of `changes`, in order, or nothing. When it returns well they survive a power cut.
    ///
    /// # Errors
    /// Nothing was kept.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError>;
}

/// Why a store can't be used, or didn't keep a commit.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It was written by a newer program.
    #[error(
        "the database {path} has version {found} and this depot knows versions up to {known}; use the newer \
         depot that wrote it, or another file"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// Another process has it.
    #[error("the database {path} is in use by another process; stop that one, or use another file")]
    InUse {
        /// The file.
        path: String,
    },
    /// It can't be opened.
    #[error("can't open the database {path}; check that its folder exists and may be written to")]
    Open {
        /// The file.
        path: String,
        /// As the database words it.
        #[source]
        cause: rusqlite::Error,
    },
    /// A change doesn't fit what is kept: the row it moves is gone, or has another status or rover.
    #[error("the database refused to change {what} {id}, which is not as expected")]
    Guard {
        /// `task`…
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A row can't be understood.
    #[error("the database holds a {what} that can't be read; restore it from a backup")]
    Row {
        /// `task`…
        what: &'static str,
        /// As the parser words it.
        #[source]
        cause: serde_json::Error,
    },
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
    /// The thread that writes is gone.
    #[error("the database is closed")]
    Closed,
}
