//! A real PostgreSQL server of Debian's package, in a folder of its own.
//!
//! A shell script, run as a user that isn't root, makes the folder and starts and stops the server as it is
//! told. It reads until its input ends, however this process ends; then it stops the server and removes the
//! folder.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use dispatch::store::{Store, postgres::Postgres};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
dir=$(mktemp -d) && cd "$dir" || exit 1
initdb -D data -U depot -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || { cat log; exit 1; }
echo ready
while read -r word how; do
  case $word in
    start) pg_ctl -D data -l log -s -w -o "-k $dir -c listen_addresses=127.0.0.1 -p $how" start ;;
    stop) pg_ctl -D data -s -w -m "$how" stop ;;
  esac >/dev/null && echo done || echo failed
done
pg_ctl -D data -s -w -m immediate stop >/dev/null
cd / && rm -rf "$dir"
"#;
/// Ports that are tried: another process may take one between our looking and the server's.
const PORTS: u32 = 10;

pub struct Server {
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    // Its end is not waited for: it comes with the end of its input.
    _script: Child,
    pub port: u16,
}

static SHARED: OnceLock<Option<Server>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The one server of this process; none, visibly, where PostgreSQL isn't installed.
pub fn shared() -> Option<&'static Server> {
    SHARED.get_or_init(Server::start).as_ref()
}

impl Server {
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let reason = "PostgreSQL's programs (initdb, pg_ctl) are not installed";
            assert!(env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|v| v.is_empty()), "{reason}");
            eprintln!("skipped: {reason}");
            return None;
        };
        let path = format!("{}:{}", programs.display(), env::var("PATH").unwrap_or_default());
        let mut script = shell()
            .env("PATH", path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let (stdin, stdout) = (script.stdin.take().unwrap(), BufReader::new(script.stdout.take().unwrap()));
        let mut server = Self { talk: Mutex::new((stdin, stdout)), _script: script, port: 0 };
        let ready = server.answer();
        assert_eq!(ready, "ready", "a database cluster is made");
        let started = (0..PORTS).any(|_| {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            server.up()
        });
        assert!(started, "the server starts");
        Some(server)
    }

    /// Starts it again, where it was.
    pub fn up(&self) -> bool {
        self.tell(&format!("start {}", self.port))
    }

    /// `fast`, or as a crash, `immediate`.
    pub fn down(&self, how: &str) {
        assert!(self.tell(&format!("stop {how}")), "the server stops");
    }

    /// A new, empty database.
    pub fn database(&'static self) -> Database {
        Database { server: self, name: self.make("ENCODING UTF8") }
    }

    pub fn make(&self, how: &str) -> String {
        let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name} {how} TEMPLATE template0"));
        name
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://depot@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the owner. The first column of the first row, if there is one.
    pub fn run(&self, database: &str, sql: &str) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&self.url(database), tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            let messages = client.simple_query(sql).await.unwrap();
            drop(client);
            driver.await.unwrap().unwrap();
            messages.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
        })
    }

    fn tell(&self, line: &str) -> bool {
        writeln!(self.talk.lock().unwrap().0, "{line}").unwrap();
        self.answer() == "done"
    }

    fn answer(&self) -> String {
        let mut line = String::new();
        self.talk.lock().unwrap().1.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// A database of the shared server, for one test.
pub struct Database {
    pub server: &'static Server,
    pub name: String,
}

impl Database {
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    pub fn store(&self) -> Box<dyn Store> {
        Box::new(Postgres::new(&self.url()).unwrap())
    }

    pub fn run(&self, sql: &str) -> Option<String> {
        self.server.run(&self.name, sql)
    }
}

/// The script, as a user that PostgreSQL runs for.
fn shell() -> Command {
    let root = fs::metadata("/proc/self").is_ok_and(|us| std::os::unix::fs::MetadataExt::uid(&us) == 0);
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    command.args(["-c", SCRIPT]);
    command
}

/// The folder of PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    debian.reverse();
    // A link in PATH may be to one program alone; Debian's folder has them all.
    debian
        .into_iter()
        .chain(env::split_paths(&path))
        .find(|folder| ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file()))
}
