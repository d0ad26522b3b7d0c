//! A depot that runs, and a console that watches it, both real.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::StreamExt;
use kit::clock::Clock;
use kit::machine::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use wire::gps_status::{GpsStatus, GpsStatusFrame};

use crate::support::depot;

/// A test that waits longer for a frame has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// `depot up`, killed when dropped.
pub struct Running {
    child: Child,
    log: Option<JoinHandle<String>>,
    /// Where its consoles connect.
    pub consoles: String,
}

impl Running {
    /// Started in `folder`, on any free port; returns when it listens.
    pub fn up(folder: &Path, args: &[&str]) -> Self {
        let mut command = depot();
        command.current_dir(folder).args(["up", "--gps-status-port", "0"]).args(args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("depot starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let consoles = listening(&mut lines);
        let log = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = lines.read_to_string(&mut rest);
            rest
        });
        Self { child, log: Some(log), consoles }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it is our child");
    }

    /// Waits for its end: the exit code (none after a signal) and what it logged since it listened.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("it is our child");
        let log = self.log.take().expect("it is taken once").join().expect("reading a pipe doesn't panic");
        (status.code(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until it says where consoles connect.
fn listening(lines: &mut BufReader<ChildStderr>) -> String {
    let mut log = String::new();
    for line in lines.by_ref().lines().map_while(Result::ok) {
        if let Some((_, url)) = line.split_once("consoles=") {
            return url.split_whitespace().next().expect("an address").to_owned();
        }
        log += &line;
        log += "\n";
    }
    panic!("depot ended before it listened:\n{log}");
}

/// A console and all it was told.
pub struct Console {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    clock: Clock,
    /// Each frame and when it came.
    pub frames: Vec<(Timestamp, String)>,
}

impl Console {
    /// Connects.
    pub async fn connect(url: &str, clock: Clock) -> Self {
        let (socket, _) = timeout(PATIENCE, connect_async(url)).await.expect("in time").expect("accepted");
        Self { socket, clock, frames: Vec::new() }
    }

    /// Reads until it has been told something.
    pub async fn until(&mut self, mut told: impl FnMut(usize, &GpsStatus) -> bool) {
        loop {
            let text = match self.next().await {
                Message::Text(text) => text,
                Message::Ping(_) | Message::Pong(_) => continue,
                other => panic!("{other:?} while waiting for a status"),
            };
            let frame: GpsStatusFrame = serde_json::from_str(&text).expect("the wire's own frame");
            self.frames.push((self.clock.now(), text.to_string()));
            if told(self.frames.len(), &frame.data) {
                return;
            }
        }
    }

    /// Reads until it is told to go, and takes its leave; the close code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.next().await {
                Message::Text(text) => self.frames.push((self.clock.now(), text.to_string())),
                Message::Close(frame) => {
                    // The library answers the close as it is read on; then the server hangs up.
                    let end = timeout(PATIENCE, self.socket.next()).await.expect("in time");
                    assert!(end.is_none_or(|end| end.is_err()), "something after a close frame");
                    return frame.map_or(1005, |frame| frame.code.into());
                }
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Message {
        let message = timeout(PATIENCE, self.socket.next()).await.expect("in time");
        message.expect("not without a close frame").expect("a sound connection")
    }
}
