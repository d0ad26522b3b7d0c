//! Child processes: started, measured, stopped.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, SysconfVar, sysconf},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{receiver, shells::Kind};

/// A child that hasn't said its word by then has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child that doesn't outlive us.
pub struct Child(process::Child);

impl Child {
    pub fn spawn(mut command: Command) -> (Self, Lines) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        (Self(child), Lines::of(stdout))
    }

    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.0.stdin.as_mut().unwrap()
    }

    pub fn close_stdin(&mut self) {
        self.0.stdin.take();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already gone if all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a child prints.
pub struct Lines(mpsc::UnboundedReceiver<String>);

impl Lines {
    fn of(stdout: ChildStdout) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self(lines)
    }

    pub async fn next(&mut self) -> String {
        timeout(PATIENCE, self.0.recv()).await.expect("the child says nothing").expect("the child has ended")
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub enum Contestant {
    /// The program, as users run it.
    Depot { record: bool },
    /// A shell in a process of this bench.
    Shell(Kind),
}

/// One under way.
pub struct Running {
    /// Where consoles connect.
    pub address: String,
    child: Child,
    folder: TempDir,
}

impl Contestant {
    pub fn input(self) -> receiver::Kind {
        match self {
            Self::Depot { .. } | Self::Shell(Kind::Usual) => receiver::Kind::Base,
            Self::Shell(Kind::KitFleet | Kind::UsualFleet) => receiver::Kind::Beat,
        }
    }

    pub async fn start(self, receiver: &str) -> Running {
        let folder = tempfile::tempdir().unwrap();
        match self {
            Self::Depot { record } => depot(receiver, record, folder).await,
            Self::Shell(kind) => {
                let mut command = Command::new(env::current_exe().unwrap());
                command.args(["as-shell", &kind.to_string(), receiver]);
                let (child, mut lines) = Child::spawn(command);
                Running { address: lines.next().await, child, folder }
            }
        }
    }
}

async fn depot(receiver: &str, record: bool, folder: TempDir) -> Running {
    let ready = folder.path().join("ready.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_depot"));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DEPOT_")) {
        command.env_remove(name);
    }
    command.args([
        "up",
        "--gnss",
        &format!("tcp://{receiver}"),
        "--gps-status-port",
        "0",
        "--ntrip-port",
        "0",
        "--ready-file",
    ]);
    command.arg(&ready).current_dir(&folder).stderr(fs::File::create(folder.path().join("log")).unwrap());
    if record {
        command.args(["--record", "bench.mcap"]);
    }
    let child = Child::spawn(command).0;
    let address = timeout(PATIENCE, async {
        loop {
            if let Ok(text) = fs::read_to_string(&ready) {
                let addresses: Value = serde_json::from_str(&text).unwrap();
                return addresses["gps-status"].as_str().unwrap().replace("http://", "");
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    Running { address: address.await.expect("depot is not ready"), child, folder }
}

impl Running {
    /// User and system time so far (proc_pid_stat(5), fields 14 and 15).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |field: usize| fields[field - 3].parse::<f64>().unwrap();
        (ticks(14) + ticks(15)) / sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64
    }

    /// Resident memory (proc_pid_status(5)).
    pub fn resident_bytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
    }

    /// How many events its recorder lost, if it recorded.
    pub async fn stop(mut self) -> Option<u64> {
        kill(Pid::from_raw(self.child.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let ended = timeout(PATIENCE, async {
            while self.child.0.try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        });
        ended.await.expect("the contestant doesn't end");
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.split_once("lost=").map(|(_, lost)| lost.trim().parse().unwrap())
    }
}
