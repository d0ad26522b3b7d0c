//! PostgreSQL's server.

use dispatch::{
    core::ledger::Change,
    store::{CommitError, OpenError, Store, StoreError, keeper, postgres::Postgres},
};

use crate::{
    conformance::{any_history_is_kept, conforms, day},
    server::shared,
};

#[test]
fn postgres_conforms() {
    let Some(server) = shared() else { return };
    let (one, other) = (server.database(), server.database());
    conforms(&|| one.store(), &|| other.store());
}

#[test]
fn any_history_is_kept_by_postgres() {
    let Some(server) = shared() else { return };
    any_history_is_kept(8, &|| server.database().store());
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let Some(server) = shared() else { return };
    let database = server.database();
    database.store().open().unwrap();
    database.run("UPDATE dispatch.keeper SET version = 99");
    let error = database.store().open().unwrap_err();
    assert!(matches!(error, OpenError::Fatal(StoreError::Newer { found: 99, known: 1, .. })), "{error}");
    let text = error.to_string().replace(&server.port.to_string(), "PORT").replace(&database.name, "NAME");
    insta::assert_snapshot!(text, @"the database NAME on 127.0.0.1:PORT has version 99 and this depot knows versions up to 1; use the newer depot that wrote it, or another database");
    let term = database.run("SELECT term FROM dispatch.keeper");
    assert_eq!(term.as_deref(), Some("1"), "nobody began a term");
    assert!(matches!(
        keeper::start(database.store(), keeper::Pace::default()),
        Err(StoreError::Newer { found: 99, .. })
    ));
}

#[test]
fn a_database_that_cannot_be_is_told_at_the_start() {
    let Some(server) = shared() else { return };
    let nowhere = || Box::new(Postgres::new(&server.url("no_such_database")).unwrap());
    assert!(matches!(nowhere().open(), Err(OpenError::Fatal(StoreError::Connect { .. }))));
    assert!(matches!(keeper::start(nowhere(), keeper::Pace::default()), Err(StoreError::Connect { .. })));
    let ascii = server.make("ENCODING SQL_ASCII");
    let mut store = Postgres::new(&server.url(&ascii)).unwrap();
    let error = store.open().unwrap_err();
    assert!(matches!(&error, OpenError::Fatal(StoreError::Encoding { found, .. }) if found == "SQL_ASCII"));
    let broken = server.database();
    broken.store().open().unwrap();
    broken.run("INSERT INTO dispatch.zones (no, id, body) VALUES (1, 'x', '{')");
    let error = broken.store().open().unwrap_err();
    assert!(matches!(error, OpenError::Fatal(StoreError::Row { what: "zone", .. })), "{error}");
}

#[test]
fn one_leads_and_a_second_stands_by() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let mut first = database.store();
    first.open().unwrap();
    let mut second = database.store();
    assert!(matches!(second.open(), Err(OpenError::Held(StoreError::StandBy { .. }))));
    first.commit(1, &day().store[..1]).unwrap();
    drop(first);
    assert_eq!(second.open().unwrap().len(), 1, "what the first has kept");
}

/// Whatever became of its lock: one of an earlier term can't write.
#[test]
fn a_commit_of_an_earlier_term_is_refused() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let changes = day().store;
    let mut zombie = database.store();
    zombie.open().unwrap();
    zombie.commit(1, &changes[..1]).unwrap();
    database.run("UPDATE dispatch.keeper SET term = term + 1, batch = 0");
    let error = zombie.commit(2, &changes[1..3]).unwrap_err();
    assert!(matches!(error, CommitError::Lost(StoreError::TakenOver { .. })), "{error}");
    let mut heir = database.store();
    let held = heir.open().unwrap();
    assert!(matches!(held.as_slice(), [Change::Zone(_)]), "{held:?}");
    // Opened anew it is one like any other.
    assert!(matches!(zombie.open(), Err(OpenError::Held(_))));
}
