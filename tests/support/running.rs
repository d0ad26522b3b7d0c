//! A `depot` that runs, and what a console or a person sees of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, stream::MaybeTlsStream};

use super::depot;

/// Longer than anything here takes on a busy machine; what comes later never comes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A status that is waited for is among so many: a minute of ten a second.
const UNTIL_STATUSES: usize = 600;

/// A program that runs; killed when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    /// Lines of `said` that [`hear`](Self::hear) has been through.
    heard: usize,
}

impl Running {
    /// Starts it; what it says on standard error is kept, what it prints is dropped unless the caller took it.
    pub fn start(command: &mut Command) -> Self {
        let spawning = super::SPAWNING.lock();
        let mut child = command.stderr(Stdio::piped()).spawn().expect("depot runs");
        drop(spawning);
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines, said: Vec::new(), heard: 0 }
    }

    /// Waits until it says something with `text` in it, after what was heard before.
    pub fn hear(&mut self, text: &str) -> String {
        loop {
            while let Some(line) = self.said.get(self.heard) {
                self.heard += 1;
                if line.contains(text) {
                    return line.clone();
                }
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(error) => panic!("it never said {text:?} ({error}), but {:#?}", self.said),
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("it runs");
    }

    /// Where its standard input is written to.
    pub fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("piped")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its end, and all that it said.
    pub fn end(mut self) -> (ExitStatus, String) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it doesn't end; it said {:#?}", self.said),
            }
        }
        (self.child.wait().expect("it ends"), self.said.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `depot up` on a port of its own that listens.
pub struct Up {
    pub program: Running,
    /// `127.0.0.1:PORT` of gps-status.
    pub address: String,
    pub ready_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Up {
    pub fn new(args: &[&str]) -> Self {
        Self::with(depot().stdout(Stdio::null()), args)
    }

    /// The command may have its environment, folder or standard input set.
    pub fn with(command: &mut Command, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ready_file = folder.path().join("ready.json");
        let program = Running::start(
            command
                .arg("up")
                .args(if args.contains(&"--gps-status-port") {
                    [].as_slice()
                } else {
                    &["--gps-status-port", "0"]
                })
                .arg("--ready-file")
                .arg(&ready_file)
                .args(args),
        );
        let mut up = Self { program, address: String::new(), ready_file, _folder: folder };
        up.address = up.service("gps-status");
        up
    }

    /// Waits for the ready file, and takes a service's address from it.
    fn service(&mut self, name: &str) -> String {
        let text = loop {
            if let Ok(text) = std::fs::read_to_string(&self.ready_file) {
                break text;
            }
            // Something is said just before or just after the file is there; then it is looked for again.
            match self.program.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => self.program.said.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("it ended: {:#?}", self.program.said),
            }
        };
        let services: Value = serde_json::from_str(&text).expect("JSON");
        let url = services[name].as_str().unwrap_or_else(|| panic!("{name} in {text}"));
        url.strip_prefix("http://").expect("an address").to_owned()
    }

    /// An HTTP answer: status, headers and body.
    pub fn http(&self, method: &str, path: &str, headers: &[&str]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head.to_lowercase(), body.to_owned())
    }

    /// The JSON of a path.
    pub fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.http("GET", path, &[]);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    pub fn console(&self) -> Console {
        let (socket, _) = tungstenite::connect(format!("ws://{}/ws", self.address)).expect("a console");
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        }
        Console { socket, close_code: None }
    }
}

/// A console in a browser.
pub struct Console {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    /// What the service closed with.
    pub close_code: Option<u16>,
}

impl Console {
    /// The next status; none at the end.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    assert_eq!(frame["type"], "gps_status");
                    return Some(frame["data"].clone());
                }
                Ok(Message::Close(frame)) => self.close_code = frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => return None,
                Err(error) => panic!("the console's connection broke: {error}"),
            }
        }
    }

    /// The first status that is as wanted.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for status in std::iter::from_fn(|| self.next()).take(UNTIL_STATUSES) {
            if wanted(&status) {
                return status;
            }
            last = status;
        }
        panic!("it never came to that; the last status was {last:#}");
    }

    /// The last status before the service closed.
    pub fn last(&mut self) -> Value {
        let mut last = Value::Null;
        while let Some(status) = self.next() {
            last = status;
        }
        last
    }
}

/// Names of what is in a folder.
pub fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
