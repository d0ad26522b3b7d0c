//! The depot under test: a `depot up` of its own, watched from outside. Touches processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::BenchError;
use super::clock::Clock;

/// A depot listens within so long, whatever else the machine does.
const STARTING: Duration = Duration::from_secs(30);
/// It ends within so long after it was asked to; then it is killed, which is an error.
const ENDING: Duration = Duration::from_secs(20);
/// How often it is looked whether it has come to something.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The most of a log that is looked through.
const MAX_LOG_BYTES: u64 = 16 << 20;

/// Held while a program is started: a pseudo-terminal that is just being opened must not be inherited.
pub static SPAWNING: Mutex<()> = Mutex::new(());

/// A `depot up` that runs; killed when dropped.
#[derive(Debug)]
pub struct Depot {
    child: Child,
    urls: BTreeMap<String, String>,
    log: PathBuf,
    clock: Clock,
}

impl Depot {
    /// Starts one on a port, with further arguments. Its session and log go into the folder, numbered.
    ///
    /// # Errors
    /// A program that can't be started, ends, or doesn't listen in time.
    pub async fn start(
        program: &Path,
        folder: &Path,
        number: u32,
        port: &Path,
        more: &[String],
        clock: Clock,
    ) -> Result<Self, BenchError> {
        let (mut child, log) = spawn(program, folder, number, port, more)?;
        let ready = ready_file(folder, number);
        let until = clock.now() + STARTING;
        let failed =
            |what: &str, log: &Path| Err(BenchError::Depot { what: what.to_owned(), log: log.to_owned() });
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready)
                && let Ok(urls) = serde_json::from_str(&text)
            {
                return Ok(Self { child, urls, log, clock });
            }
            match child.try_wait() {
                Ok(None) if clock.now() < until => tokio::time::sleep(LOOK_EVERY).await,
                Ok(None) => {
                    end_now(&mut child);
                    return failed("didn't listen in time", &log);
                }
                Ok(Some(status)) => {
                    let said = last_line(&log);
                    return failed(&format!("ended with {status} before it listened, saying {said:?}"), &log);
                }
                Err(error) => return failed(&format!("can't be watched: {error}"), &log),
            }
        }
    }

    /// Runs one until it ends by itself.
    ///
    /// # Errors
    /// A program that can't be started, or doesn't end within `limit`.
    pub async fn until_it_ends(
        program: &Path,
        folder: &Path,
        number: u32,
        port: &Path,
        more: &[String],
        limit: Duration,
        clock: Clock,
    ) -> Result<(ExitStatus, String), BenchError> {
        let (mut child, log) = spawn(program, folder, number, port, more)?;
        match wait(&mut child, limit, clock).await {
            Some(status) => Ok((status, last_line(&log))),
            None => {
                end_now(&mut child);
                let what = format!("was to end by itself within {} s and didn't", limit.as_secs());
                Err(BenchError::Depot { what, log })
            }
        }
    }

    /// Where a service or the caster is: `http://127.0.0.1:4880`.
    ///
    /// # Errors
    /// A depot that doesn't run it.
    pub fn url(&self, service: &str) -> Result<&str, BenchError> {
        self.urls.get(service).map(String::as_str).ok_or_else(|| BenchError::Depot {
            what: format!("doesn't run {service}"),
            log: self.log.clone(),
        })
    }

    /// Memory in KiB and open descriptors; none where the system doesn't tell.
    #[must_use]
    pub fn footprint(&self) -> Option<(f64, f64)> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(process.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        let files = std::fs::read_dir(process.join("fd")).ok()?.count();
        Some((kib, files as f64))
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    /// A depot that had ended before, ends with a failure, or doesn't end.
    pub async fn stop(mut self) -> Result<(), BenchError> {
        let failed = |what: String, log: &Path| Err(BenchError::Depot { what, log: log.to_owned() });
        if let Ok(Some(status)) = self.child.try_wait() {
            return failed(format!("had ended with {status}, saying {:?}", last_line(&self.log)), &self.log);
        }
        let pid = i32::try_from(self.child.id()).unwrap_or_default();
        // One that has ended meanwhile is waited for all the same.
        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        match wait(&mut self.child, ENDING, self.clock).await {
            Some(status) if status.success() => Ok(()),
            Some(status) => {
                failed(format!("ended with {status}, saying {:?}", last_line(&self.log)), &self.log)
            }
            None => failed(format!("didn't end within {} s", ENDING.as_secs()), &self.log),
        }
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        end_now(&mut self.child);
    }
}

/// Replays a session twice, as anyone would; whether it is the same.
///
/// # Errors
/// A program that can't be started or doesn't end.
pub async fn replays(
    program: &Path,
    session: &Path,
    limit: Duration,
    clock: Clock,
) -> Result<bool, BenchError> {
    let mut command = Command::new(program);
    command.arg("replay").arg(session).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = start(&mut command).map_err(BenchError::file("start", program))?;
    match wait(&mut child, limit, clock).await {
        Some(status) => Ok(status.success()),
        None => {
            end_now(&mut child);
            let what = format!("needed longer than {} s to replay its session", limit.as_secs());
            Err(BenchError::Depot { what, log: session.to_owned() })
        }
    }
}

/// `session.mcap`, `session.0001.mcap` …
#[must_use]
pub fn session_file(folder: &Path, number: u32) -> PathBuf {
    folder.join(numbered("session", number, "mcap"))
}

fn numbered(name: &str, number: u32, extension: &str) -> String {
    match number {
        0 => format!("{name}.{extension}"),
        n => format!("{name}.{n:04}.{extension}"),
    }
}

fn ready_file(folder: &Path, number: u32) -> PathBuf {
    folder.join(numbered("ready", number, "json"))
}

fn spawn(
    program: &Path,
    folder: &Path,
    number: u32,
    port: &Path,
    more: &[String],
) -> Result<(Child, PathBuf), BenchError> {
    let log = folder.join(numbered("depot", number, "log"));
    let stderr = File::create(&log).map_err(BenchError::file("create", &log))?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEPOT_") {
            command.env_remove(name);
        }
    }
    // A depot's corrections aren't to meet those of another.
    command.env("DEPOT_NTRIP_PORT", "0");
    command.args(["up", "--gps-status-port", "0", "--discovery-port", "0", "--dispatch-port", "0"]);
    command.args(["--database", "sqlite::memory:", "--data"]).arg(folder.join("depot-data"));
    command.arg("--gnss").arg(port).arg("--record").arg(session_file(folder, number));
    command.arg("--ready-file").arg(ready_file(folder, number)).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let child = start(&mut command).map_err(BenchError::file("start", program))?;
    Ok((child, log))
}

fn start(command: &mut Command) -> std::io::Result<Child> {
    let _spawning = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

async fn wait(child: &mut Child, limit: Duration, clock: Clock) -> Option<ExitStatus> {
    let until = clock.now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if clock.now() < until => tokio::time::sleep(LOOK_EVERY).await,
            Ok(None) | Err(_) => return None,
        }
    }
}

fn end_now(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// What it said last.
fn last_line(log: &Path) -> String {
    let text = super::evidence::read_text(log, MAX_LOG_BYTES).unwrap_or_default();
    text.lines().next_back().unwrap_or_default().to_owned()
}
