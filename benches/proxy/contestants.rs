//! What is measured, each in a process of its own, with the echo service behind it in another.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use futures_util::{SinkExt, StreamExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// A child that isn't ready by then has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at one.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What stands before the echo service.
#[derive(Clone, Debug)]
pub enum Contestant {
    /// Nothing.
    Nothing,
    /// Two copies.
    Tee,
    /// The program, as users run it.
    Depot,
    /// The program at this path.
    Mitmdump(PathBuf),
}

/// One under way.
pub struct Running {
    /// Where clients connect.
    pub address: String,
    proxy: Option<Process>,
    _echo: Process,
    folder: TempDir,
}

/// Doesn't outlive us.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone if all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Contestant {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Tee => "TCP tee",
            Self::Depot => "depot record",
            Self::Mitmdump(_) => "mitmdump",
        }
    }

    pub async fn start(&self) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let (echo, service) = own(&["as-echo"]);
        let (proxy, address) = match self {
            Self::Nothing => (None, service),
            Self::Tee => {
                let (tee, address) = own(&["as-tee", &service]);
                (Some(tee), address)
            }
            Self::Depot => {
                let (depot, address) = depot(&service, folder.path()).await;
                (Some(depot), address)
            }
            Self::Mitmdump(program) => {
                let (mitmdump, address) = start_mitmdump(program, &service, folder.path()).await;
                (Some(mitmdump), address)
            }
        };
        Running { address, proxy, _echo: echo, folder }
    }
}

/// A part of this bench, and the address it prints.
fn own(args: &[&str]) -> (Process, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Process(child), line.trim().to_owned())
}

async fn depot(service: &str, folder: &Path) -> (Process, String) {
    let ready = folder.join("ready.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_depot"));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DEPOT_")) {
        command.env_remove(name);
    }
    command.args(["record", "--listen", "127.0.0.1:0", "--to", &format!("ws://{service}"), "--name", "echo"]);
    command.args(["--out", "bench.mcap", "--ready-file", "ready.json"]).current_dir(folder);
    let child = Process(command.stderr(fs::File::create(folder.join("log")).unwrap()).spawn().unwrap());
    let address = timeout(PATIENCE, async {
        loop {
            if let Ok(text) = fs::read_to_string(&ready) {
                let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
                return addresses["echo"].as_str().unwrap().replace("http://", "");
            }
            sleep(LOOK_EVERY).await;
        }
    });
    (child, address.await.expect("depot is not ready"))
}

async fn start_mitmdump(program: &Path, service: &str, folder: &Path) -> (Process, String) {
    // It can't be asked for any free port and to say which.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new(program);
    command.args(["--quiet", "--mode", &format!("reverse:http://{service}"), "--listen-host", "127.0.0.1"]);
    command.args(["--listen-port", &port.to_string(), "--save-stream-file", "flows", "--set", "confdir=."]);
    let log = fs::File::create(folder.join("log")).unwrap();
    let child = command.current_dir(folder).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let child = Process(child);
    let listens = async {
        while TcpStream::connect(&address).await.is_err() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(PATIENCE, listens).await.expect("mitmdump is not ready");
    (child, address)
}

/// The program, installed if it isn't; or why not.
pub fn mitmdump() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mitmproxy");
    let program = folder.join("bin/mitmdump");
    if program.exists() {
        return Ok(program);
    }
    let run = |command: &mut Command| match command.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?} can't be run: {error}")),
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "mitmproxy"]))?;
    Ok(program)
}

impl Running {
    /// User and system time so far (proc_pid_stat(5), fields 14 and 15).
    pub fn cpu_seconds(&self) -> f64 {
        let Some(proxy) = &self.proxy else { return 0.0 };
        let stat = fs::read_to_string(format!("/proc/{}/stat", proxy.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |field: usize| fields[field - 3].parse::<f64>().unwrap();
        (ticks(14) + ticks(15)) / sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64
    }

    /// How many events a recorder lost, if it says so.
    pub async fn stop(mut self) -> Option<u64> {
        let proxy = self.proxy.as_mut()?;
        kill(Pid::from_raw(proxy.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let ended = timeout(PATIENCE, async {
            while proxy.0.try_wait().unwrap().is_none() {
                sleep(LOOK_EVERY).await;
            }
        });
        ended.await.expect("the contestant doesn't end");
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.split_once("lost=").and_then(|(_, lost)| lost.split_whitespace().next()?.parse().ok())
    }
}

#[expect(clippy::print_stdout, reason = "where it listens")]
async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    listener
}

/// Sends each message back.
pub async fn echo() {
    let listener = listen().await;
    while let Ok((tcp, _)) = listener.accept().await {
        tokio::spawn(async move {
            tcp.set_nodelay(true).unwrap();
            let Ok(mut socket) = tokio_tungstenite::accept_async(tcp).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if !message.is_close() && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Two copies, and no idea of what.
pub async fn tee(upstream: &str) {
    let listener = listen().await;
    while let Ok((mut client, _)) = listener.accept().await {
        let upstream = upstream.to_owned();
        tokio::spawn(async move {
            let mut upstream = TcpStream::connect(upstream).await.unwrap();
            client.set_nodelay(true).unwrap();
            upstream.set_nodelay(true).unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
        });
    }
}
