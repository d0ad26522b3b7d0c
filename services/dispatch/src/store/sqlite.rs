//! SQLite: one file in the data directory, made on first start.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use rusqlite::{
    Connection, ErrorCode, Row, ToSql, Transaction, TransactionBehavior, params_from_iter,
    types::{Null, ToSqlOutput},
};

use super::{
    CheckError, CommitError, OpenError, Store, StoreError,
    row::{Columns, Statement, Table, Unreadable, Value, Written},
};
use crate::core::ledger::Change;

/// What brings a file from one version to the next; `user_version` counts those it has had.
const MIGRATIONS: &[&str] = &[include_str!("sqlite/0001_first.sql")];
/// How long a process that is just ending may take to let go of the file.
const LET_GO: Duration = Duration::from_millis(500);
/// Prepared statements that are kept; there are fewer.
const PREPARED: usize = 32;
/// Bytes that are written to see whether the disk has room again.
const PROBE_BYTES: u32 = 64 * 1024;

/// [`Statement::ALL`] with SQLite's numbered parameters.
static STATEMENTS: LazyLock<[String; Statement::ALL.len()]> =
    LazyLock::new(|| Statement::ALL.map(|statement| statement.sql().replace('$', "?")));

/// The file, which no other process can use once it is open.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    name: String,
    /// Made when the file is.
    folder: Option<PathBuf>,
    connection: Option<Connection>,
}

impl Sqlite {
    /// The store in this file. Nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), name: path.display().to_string(), folder: None, connection: None }
    }

    /// The store in a file of this folder, which is made when it isn't there.
    #[must_use]
    pub fn in_folder(folder: &Path, file: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..Self::new(&folder.join(file)) }
    }

    fn failed(&self, cause: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { name: self.name.clone(), cause }
    }

    fn open_error(&self, cause: rusqlite::Error) -> OpenError {
        let name = self.name.clone();
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                OpenError::Held(StoreError::InUse { name })
            }
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => OpenError::Away(self.failed(cause)),
            _ => OpenError::Fatal(StoreError::Open { name, cause }),
        }
    }

    fn migrate(&self, connection: &mut Connection) -> Result<(), OpenError> {
        let wrong = |cause| self.open_error(cause);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrong)?;
        let found: i64 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrong)?;
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(OpenError::Fatal(StoreError::Newer { name: self.name.clone(), found, known }));
        }
        let had = usize::try_from(found).unwrap_or(0);
        for migration in MIGRATIONS.iter().skip(had) {
            transaction.execute_batch(migration).map_err(wrong)?;
        }
        transaction.pragma_update(None, "user_version", known).map_err(wrong)?;
        transaction.execute("UPDATE keeper SET batch = 0", []).map_err(wrong)?;
        transaction.commit().map_err(wrong)
    }

    fn load(&self, connection: &Connection) -> Result<Vec<Change>, OpenError> {
        let wrong = |cause| self.open_error(cause);
        let mut changes = Vec::new();
        for table in Table::ALL {
            let mut statement = connection.prepare(table.sql()).map_err(wrong)?;
            let mut rows = statement.query([]).map_err(wrong)?;
            while let Some(row) = rows.next().map_err(wrong)? {
                changes.push(table.read(row).map_err(OpenError::Fatal)?);
            }
        }
        Ok(changes)
    }

    fn transaction(&mut self) -> Result<Transaction<'_>, StoreError> {
        let name = &self.name;
        let connection = self.connection.as_mut().ok_or_else(|| StoreError::Closed { name: name.clone() })?;
        connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|cause| StoreError::Sqlite { name: name.clone(), cause })
    }

    fn probe(&mut self) -> Result<u64, rusqlite::Error> {
        let Some(connection) = &mut self.connection else { return Err(rusqlite::Error::InvalidQuery) };
        connection.execute("UPDATE keeper SET probe = hex(zeroblob(?1 / 2))", [PROBE_BYTES])?;
        connection.query_row("UPDATE keeper SET probe = NULL RETURNING batch", [], |row| row.get(0))
    }
}

impl Store for Sqlite {
    fn open(&mut self) -> Result<Vec<Change>, OpenError> {
        // The lock of the old one would be in the way.
        self.connection = None;
        if let Some(folder) = &self.folder {
            fs::create_dir_all(folder).map_err(|cause| {
                OpenError::Fatal(StoreError::Folder { name: folder.display().to_string(), cause })
            })?;
        }
        let mut connection = Connection::open(&self.path).map_err(|cause| self.open_error(cause))?;
        prepare(&connection).map_err(|cause| self.open_error(cause))?;
        self.migrate(&mut connection)?;
        let changes = self.load(&connection)?;
        self.connection = Some(connection);
        Ok(changes)
    }

    fn commit(&mut self, batch: u64, changes: &[Change]) -> Result<(), CommitError> {
        let name = self.name.clone();
        // A transaction that is dropped is rolled back.
        let transaction = self.transaction().map_err(CommitError::Away)?;
        let failed = |cause: rusqlite::Error| {
            let constraint = cause.sqlite_error_code() == Some(ErrorCode::ConstraintViolation);
            let error = StoreError::Sqlite { name: name.clone(), cause };
            if constraint { CommitError::Refused(error) } else { CommitError::Away(error) }
        };
        for change in changes {
            let written = Written::new(change).map_err(CommitError::Refused)?;
            let sql = STATEMENTS.get(written.statement as usize).map_or("", String::as_str);
            let mut statement = transaction.prepare_cached(sql).map_err(failed)?;
            let rows = statement.execute(params_from_iter(&written.values)).map_err(failed)?;
            written.changed(rows as u64).map_err(CommitError::Refused)?;
        }
        let sql = "UPDATE keeper SET batch = ?1";
        transaction.prepare_cached(sql).and_then(|mut done| done.execute([batch])).map_err(failed)?;
        transaction.commit().map_err(|cause| match cause.sqlite_error_code() {
            // What the disk said of the last write may not be what is on it.
            Some(ErrorCode::SystemIoFailure) => {
                CommitError::Unknown(StoreError::Sqlite { name: name.clone(), cause })
            }
            _ => failed(cause),
        })
    }

    /// The lock lasts as long as the file is open.
    fn check(&mut self) -> Result<(), CheckError> {
        match self.connection {
            Some(_) => Ok(()),
            None => Err(CheckError::Cut(StoreError::Closed { name: self.name.clone() })),
        }
    }

    fn resume(&mut self) -> Result<u64, CheckError> {
        self.check()?;
        self.probe().map_err(|cause| CheckError::Away(self.failed(cause)))
    }

    fn can_wait(&self) -> bool {
        false
    }
}

/// Exclusive: a second process would answer from a state that is no longer true.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(LET_GO)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Null => Null.to_sql().map(|_| ToSqlOutput::from(Null)),
            Self::Int(value) => Ok(ToSqlOutput::from(*value)),
            Self::Bool(value) => Ok(ToSqlOutput::from(*value)),
            Self::Text(text) => Ok(ToSqlOutput::from(text.as_str())),
        }
    }
}

impl Columns for Row<'_> {
    fn int(&self, column: usize) -> Result<Option<i64>, Unreadable> {
        Ok(self.get(column)?)
    }

    fn bool(&self, column: usize) -> Result<bool, Unreadable> {
        Ok(self.get(column)?)
    }

    fn text(&self, column: usize) -> Result<Option<String>, Unreadable> {
        Ok(self.get(column)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ledger::KeptAnswer;

    fn answer(key: &str, bytes: usize) -> Change {
        let (key, request, body) = (key.to_owned(), String::new(), "x".repeat(bytes));
        Change::Answer(KeptAnswer { key, request, status: 201, body, at_ms: 0 }.into())
    }

    /// SQLite's own limit gives the very error that a full disk does.
    #[test]
    fn a_full_disk_keeps_nothing_and_is_noticed_when_it_has_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Sqlite::new(&folder.path().join("full.db"));
        store.open().unwrap();
        let limit = |store: &Sqlite, pages: u32| {
            store.connection.as_ref().unwrap().pragma_update(None, "max_page_count", pages).unwrap();
        };
        store.commit(1, &[answer("before", 1_000)]).unwrap();
        limit(&store, 1);
        let error = store.commit(2, &[answer("small", 1), answer("large", 1_000_000)]).unwrap_err();
        assert!(matches!(error, CommitError::Away(_)), "{error:?}");
        assert!(matches!(store.resume(), Err(CheckError::Away(_))), "a probe that fits nowhere");
        limit(&store, 1_000_000);
        assert_eq!(store.resume().unwrap(), 1, "the last that was kept");
        store.commit(3, &[answer("after", 1_000_000)]).unwrap();
        let held = store.open().unwrap();
        let keys: Vec<&str> = held
            .iter()
            .filter_map(|change| if let Change::Answer(row) = change { Some(row.key.as_str()) } else { None })
            .collect();
        assert_eq!(keys, ["after", "before"]);
    }
}
