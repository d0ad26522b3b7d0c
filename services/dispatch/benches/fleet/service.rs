//! The service, in a process of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use dispatch::{
    Config,
    config::GATHER_MS,
    core::ledger::Change,
    routes,
    store::{
        CheckError, CommitError, OpenError, Store,
        keeper::{self, Pace},
        sqlite::Sqlite,
    },
};
use kit::{
    clock::Clock,
    origin::Origins,
    runner::RunnerLimits,
    serve::{ServeLimits, serve},
    session::SessionLimits,
    tap::Tap,
    web::Web,
};
use tempfile::TempDir;
use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_util::sync::CancellationToken;

/// How changes are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// All that wait at once.
    Grouped,
    /// Each by itself.
    Single,
}

/// One under way; it ends when this is dropped.
pub struct Service {
    /// Where it listens.
    pub address: String,
    child: Child,
    _folder: TempDir,
}

impl Service {
    pub async fn start(commits: Commits) -> Self {
        // Beside the program, not in /tmp: that may be memory, which syncs in no time.
        let folder = tempfile::tempdir_in(env::current_exe().unwrap().parent().unwrap()).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["as-service", folder.path().to_str().unwrap(), &format!("{commits:?}")]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(|| BufReader::new(stdout).lines().next().unwrap().unwrap());
        Self { address: line.await.unwrap(), child, _folder: folder }
    }

    /// User and system time so far (proc_pid_stat(5), fields 14 and 15, in hundredths).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// Resident memory (proc_pid_status(5)).
    pub fn resident_bytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Its end of standard input is its sign to stop; then it has nothing to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the process: serves until standard input ends.
pub async fn run(folder: &str, commits: &str) {
    let sqlite = Sqlite::new(&std::path::Path::new(folder).join("dispatch.db"));
    let store: Box<dyn Store> =
        if commits == "Single" { Box::new(Single { sqlite, commits: 0 }) } else { Box::new(sqlite) };
    let (keeper, desk) = keeper::start(store, Pace::default()).unwrap();
    let (clock, stop) = (Clock::start(), CancellationToken::new());
    let (tap, limits) = (Tap::off(), RunnerLimits::default());
    let parts = routes::Parts { version: "0", seed: 1, tap: &tap, clock, limits, stop: stop.clone() };
    // To see what gathering does: DEPOT_BENCH_GATHER_MS=0.
    let gather_ms = env::var("DEPOT_BENCH_GATHER_MS").ok().and_then(|ms| ms.parse().ok());
    let config = Config { gather_ms: gather_ms.unwrap_or(GATHER_MS), ..Config::default() };
    let (handle, _) = routes::start(&config, parts, Box::new(keeper));
    let teller = handle.clone();
    let _ = desk.tell(move |event| teller.store_blocking(event));
    while handle.http("GET", "/readyz", "", String::new()).await.0 != 200 {}
    let router = routes::router(&Web::new(handle, Origins::default(), SessionLimits::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, router, stop, ServeLimits::default()));
    let _ = tokio::io::stdin().read(&mut [0]).await;
}

/// Commits each change by itself.
struct Single {
    sqlite: Sqlite,
    commits: u64,
}

impl Store for Single {
    fn open(&mut self) -> Result<Vec<Change>, OpenError> {
        self.sqlite.open()
    }

    fn commit(&mut self, _batch: u64, changes: &[Change]) -> Result<(), CommitError> {
        changes.iter().try_for_each(|change| {
            self.commits += 1;
            self.sqlite.commit(self.commits, std::slice::from_ref(change))
        })
    }

    fn check(&mut self) -> Result<(), CheckError> {
        self.sqlite.check()
    }

    fn resume(&mut self) -> Result<u64, CheckError> {
        self.sqlite.resume()
    }

    fn can_wait(&self) -> bool {
        self.sqlite.can_wait()
    }
}
