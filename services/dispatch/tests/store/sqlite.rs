//! SQLite's file.

use std::{cell::Cell, path::Path};

use dispatch::store::{OpenError, Store, StoreError, keeper, sqlite::Sqlite};
use tempfile::tempdir;

use crate::conformance::{any_history_is_kept, conforms};

fn at(path: &Path) -> Box<dyn Store> {
    Box::new(Sqlite::new(path))
}

#[test]
fn sqlite_conforms() {
    let folder = tempdir().unwrap();
    conforms(&|| at(&folder.path().join("one.db")), &|| at(&folder.path().join("other.db")));
}

#[test]
fn any_history_is_kept_by_sqlite() {
    let folder = tempdir().unwrap();
    let count = Cell::new(0);
    any_history_is_kept(24, &|| {
        count.set(count.get() + 1);
        at(&folder.path().join(format!("{}.db", count.get())))
    });
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    at(&path).open().unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    let error = at(&path).open().unwrap_err();
    assert!(matches!(error, OpenError::Fatal(StoreError::Newer { found: 99, .. })), "{error}");
    let text = error.to_string().replace(&path.display().to_string(), "FILE");
    insta::assert_snapshot!(text, @"the database FILE has version 99 and this depot knows versions up to 1; use the newer depot that wrote it, or another database");
    let file = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn one_process_at_a_time_and_the_second_is_told_at_its_start() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    let mut first = at(&path);
    first.open().unwrap();
    assert!(matches!(at(&path).open(), Err(OpenError::Held(StoreError::InUse { .. }))));
    let started = keeper::start(at(&path), keeper::Pace::default());
    assert!(matches!(started, Err(StoreError::InUse { .. })));
    drop(first);
    at(&path).open().unwrap();
}

#[test]
fn a_file_that_cannot_be_is_told() {
    let folder = tempdir().unwrap();
    let nowhere = folder.path().join("no/such/folder.db");
    assert!(matches!(at(&nowhere).open(), Err(OpenError::Fatal(StoreError::Open { .. }))));
    let noise = folder.path().join("noise.db");
    std::fs::write(&noise, "this is no database, it is a sentence".repeat(100)).unwrap();
    assert!(matches!(at(&noise).open(), Err(OpenError::Fatal(StoreError::Open { .. }))));
}

#[test]
fn a_row_that_cannot_be_read_is_told() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    at(&path).open().unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute("INSERT INTO zones (no, id, body) VALUES (1, 'x', '{')", []).unwrap();
    drop(file);
    let error = at(&path).open().unwrap_err();
    assert!(matches!(error, OpenError::Fatal(StoreError::Row { what: "zone", .. })), "{error}");
}
