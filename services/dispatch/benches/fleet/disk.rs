//! What the disk gives: the limit of every commit.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;

const FOR: Duration = Duration::from_secs(1);

/// Syncs a second of a file that grows by a page each, and commits a second of one row through SQLite alone,
/// with the settings the store has.
pub fn measure() -> String {
    let folder = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
    let mut file = File::create(folder.path().join("syncs")).unwrap();
    let (syncs, slowest) = rate(|| {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    });
    let commits = sqlite(&folder.path().join("commits.db"));
    format!(
        "{syncs:.0} syncs of 4 KiB a second, the slowest {:.0} ms; {commits:.0} commits of one row a second \
         through SQLite",
        slowest.as_secs_f64() * 1e3
    )
}

fn sqlite(path: &Path) -> f64 {
    let database = Connection::open(path).unwrap();
    for (name, value) in [("locking_mode", "EXCLUSIVE"), ("journal_mode", "WAL"), ("synchronous", "FULL")] {
        database.pragma_update(None, name, value).unwrap();
    }
    database
        .execute_batch("CREATE TABLE t (no INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 0)")
        .unwrap();
    let commit = || {
        database.prepare_cached("UPDATE t SET n = n + 1 WHERE no = 1").unwrap().execute([]).unwrap();
    };
    rate(commit).0
}

/// How often a second, and the longest it took.
#[expect(clippy::disallowed_methods, reason = "measures")]
fn rate(mut work: impl FnMut()) -> (f64, Duration) {
    let (start, mut count, mut slowest) = (Instant::now(), 0.0, Duration::ZERO);
    while start.elapsed() < FOR {
        let before = start.elapsed();
        work();
        slowest = slowest.max(start.elapsed() - before);
        count += 1.0;
    }
    (count / start.elapsed().as_secs_f64(), slowest)
}
