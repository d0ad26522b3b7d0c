//! PostgreSQL: leaders, heirs, and what is between them and the server.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use dispatch::{
    core::ledger::{Change, Ledger},
    store::{
        Store,
        keeper::Pace,
        postgres::{CHECK_WITHIN, Postgres},
    },
};
use kit::machine::StoreEvent;

use crate::{
    conformance::day,
    kept::{Kept, QUICK},
    proxy::{Mode, Proxy},
    server::{Database, Server, shared},
};

/// Issue and promise: a second dispatch takes over in this time.
const TAKEOVER_WITHIN: Duration = Duration::from_secs(5);
const URL: &str = "DEPOT_TEST_STORE_URL";

fn through(proxy: &Proxy, database: &Database) -> Box<dyn Store> {
    let url = format!("postgres://depot@127.0.0.1:{}/{}", proxy.port, database.name);
    Box::new(Postgres::new(&url).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn when_the_first_is_cut_off_the_second_takes_over_and_the_first_stands_by() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let proxy = Proxy::start(server.port);
    let changes = day().store;
    let mut first = Kept::start(through(&proxy, &database), QUICK);
    first.opened();
    let second = Kept::start(database.store(), Pace::default());
    assert!(second.lost().contains("stands by"));
    first.commit(1, &changes[..20]);
    assert!(first.committed(1));
    let cut = now();
    proxy.sever();
    assert_eq!(second.opened(), Ledger::from_changes(&changes[..20]));
    assert!(cut.elapsed() < TAKEOVER_WITHIN, "{:?}", cut.elapsed());
    first.away();
    proxy.set(Mode::Pass);
    // Either it comes back in time to see that another leads, or it had given up: both are a loss.
    first.lost();
    let mut reason = String::new();
    while !reason.contains("stands by") {
        reason = first.lost();
    }
    second.end();
    assert_eq!(first.opened(), Ledger::from_changes(&changes[..20]), "and back again");
    first.end();
}

/// kill -9 of a process that commits as fast as it can: whatever it has told of is there.
#[test]
fn when_the_first_is_killed_the_second_takes_over_with_all_that_was_told() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let mut leader = Command::new(env::current_exe().unwrap())
        .args(["--exact", "faults::leads_until_it_is_killed", "--ignored", "--nocapture"])
        .env(URL, database.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(leader.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = lines.filter_map(|line| line.strip_prefix("kept ")?.parse::<usize>().ok());
    assert_eq!(told.next(), Some(1));
    let second = Kept::start(database.store(), Pace::default());
    assert!(second.lost().contains("stands by"));
    let mut last = told.find(|kept| *kept >= 20).unwrap();
    leader.kill().unwrap();
    let killed = now();
    leader.wait().unwrap();
    last = told.last().unwrap_or(last);
    let StoreEvent::Opened { changes } = second.next() else { panic!("not Opened") };
    assert!(killed.elapsed() < TAKEOVER_WITHIN, "{:?}", killed.elapsed());
    let count = crate::kept::opened(&changes).oldest_answer().map_or(0, |(.., count)| count);
    assert!(count == last || count == last + 1, "{last} told, {count} kept");
    second.end();
}

#[test]
#[ignore = "the victim of when_the_first_is_killed_…"]
fn leads_until_it_is_killed() {
    let Ok(url) = env::var(URL) else { return };
    let mut store = Postgres::new(&url).unwrap();
    store.open().unwrap();
    println!();
    for batch in 1..1_000_000 {
        store.commit(batch, &[answer(batch)]).unwrap();
        println!("kept {batch}");
    }
}

fn answer(no: u64) -> Change {
    Change::Answer(
        dispatch::core::ledger::KeptAnswer {
            key: no.to_string(),
            request: String::new(),
            status: 201,
            body: "x".repeat(100),
            at_ms: 0,
        }
        .into(),
    )
}

#[test]
fn a_commit_whose_answer_is_lost_is_looked_up() {
    let Some(server) = shared() else { return };
    for (mode, kept) in [(Mode::CutAfterCommit, true), (Mode::CutBeforeCommit, false)] {
        let database = server.database();
        let proxy = Proxy::start(server.port);
        let mut first = Kept::start(through(&proxy, &database), QUICK);
        first.opened();
        first.commit(1, &[answer(1)]);
        assert!(first.committed(1));
        proxy.set(mode);
        first.commit(2, &[answer(2)]);
        first.away();
        assert_eq!(first.committed(2), kept, "{mode:?}");
        first.back();
        let next = if kept { 3 } else { 2 };
        first.commit(3, &[answer(next)]);
        assert!(first.committed(3));
        first.end();
        let rows = database.run("SELECT string_agg(key, ',' ORDER BY key) FROM dispatch.answers");
        assert_eq!(rows.as_deref(), Some(if kept { "1,2,3" } else { "1,2" }));
        assert_eq!(database.run("SELECT term FROM dispatch.keeper").as_deref(), Some("1"), "no new term");
    }
}

/// The fate of a commit that can't be looked up is in what is opened next.
#[test]
fn a_commit_nobody_can_look_up_is_not_told_of() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let proxy = Proxy::start(server.port);
    let mut first = Kept::start(through(&proxy, &database), QUICK);
    first.opened();
    proxy.set(Mode::CutAfterCommit);
    first.commit(1, &[answer(1)]);
    first.away();
    // Told of already, or not at all; then the connection is gone for longer than anyone waits.
    proxy.sever();
    let next = first.next();
    let mut events = vec![next];
    while !matches!(events.last(), Some(StoreEvent::Lost { .. })) {
        events.push(first.next());
    }
    proxy.set(Mode::Pass);
    let opened = first.opened();
    assert!(opened.answer("1").is_some());
    first.end();
}

#[test]
fn a_connection_that_is_ended_is_made_again_in_the_same_term() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let mut first = Kept::start(database.store(), QUICK);
    first.opened();
    first.commit(1, &[answer(1)]);
    assert!(first.committed(1));
    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'depot dispatch' AND datname = current_database()");
    first.away();
    first.back();
    first.commit(2, &[answer(2)]);
    assert!(first.committed(2));
    first.end();
    assert_eq!(database.run("SELECT term FROM dispatch.keeper").as_deref(), Some("1"));
}

/// A cut cable says nothing, and the server still believes in the old connection when a new one comes.
#[test]
fn a_connection_that_goes_silent_is_noticed_and_its_lock_won_back() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let proxy = Proxy::start(server.port);
    let mut first = Kept::start(through(&proxy, &database), Pace::default());
    first.opened();
    first.commit(1, &[answer(1)]);
    assert!(first.committed(1));
    let silent = now();
    proxy.strand();
    first.away();
    assert!(silent.elapsed() < CHECK_WITHIN + Duration::from_secs(3), "{:?}", silent.elapsed());
    first.back();
    first.commit(2, &[answer(2)]);
    assert!(first.committed(2));
    first.end();
    assert_eq!(database.run("SELECT term FROM dispatch.keeper").as_deref(), Some("1"));
}

/// As PostgreSQL words it when its disk is full. The connection and its lock stay: nobody steps down.
#[test]
fn a_full_disk_is_away_until_it_has_room() {
    let Some(server) = shared() else { return };
    let database = server.database();
    let mut first = Kept::start(database.store(), QUICK);
    first.opened();
    database.run(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$; \
         CREATE TRIGGER full_disk BEFORE UPDATE ON dispatch.keeper FOR EACH ROW EXECUTE FUNCTION full_disk()",
    );
    first.commit(1, &[answer(1)]);
    assert!(!first.committed(1));
    first.away();
    first.commit(2, &[answer(2)]);
    assert!(!first.committed(2));
    first.silent_for(QUICK.step_down_after * 2);
    database.run("DROP TRIGGER full_disk ON dispatch.keeper");
    first.back();
    first.commit(3, &[answer(3)]);
    assert!(first.committed(3));
    first.end();
}

#[test]
fn a_server_that_restarts_is_away_and_then_back() {
    let Some(server) = Server::start() else { return };
    let server: &'static Server = Box::leak(Box::new(server));
    let database = server.database();
    let pace = Pace { step_down_after: Duration::from_secs(120), ..QUICK };
    let mut first = Kept::start(database.store(), pace);
    first.opened();
    first.commit(1, &[answer(1)]);
    assert!(first.committed(1));
    for (batch, how) in [(2, "fast"), (3, "immediate")] {
        server.down(how);
        first.away();
        first.commit(batch * 10, &[answer(0)]);
        assert!(!first.committed(batch * 10));
        assert!(server.up());
        first.back();
        first.commit(batch, &[answer(batch)]);
        assert!(first.committed(batch));
    }
    first.end();

    // Down when we start: it comes up later, and holds what it held.
    server.down("immediate");
    let late = Kept::start(database.store(), QUICK);
    assert!(late.lost().contains("can't connect"));
    late.silent_for(Duration::from_millis(200));
    assert!(server.up());
    let mut event = late.next();
    while let StoreEvent::Lost { .. } = event {
        // "starting up", said by the server.
        event = late.next();
    }
    let StoreEvent::Opened { changes } = event else { panic!("{event:?}") };
    let ledger = crate::kept::opened(&changes);
    assert!(["1", "2", "3"].iter().all(|key| ledger.answer(key).is_some()) && ledger.answer("0").is_none());
    late.end();
}
