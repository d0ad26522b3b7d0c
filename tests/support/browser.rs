//! A real browser, Debian's `chromium`, without a window.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{SPAWNING, skip};

/// Longer than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who the browser itself speaks with, whatever page it shows.
const ITS_MAKERS: [&str; 2] = [".google.com", ".googleapis.com"];

/// The browser, ready to be given pages; a visible skip where it isn't installed.
fn chromium(profile: &Path) -> Option<Command> {
    let mut command = Command::new("chromium");
    if !matches!(Command::new("chromium").arg("--version").output(), Ok(output) if output.status.success()) {
        skip("chromium is not installed");
        return None;
    }
    // No sandbox: containers give it none, and its pages are ours.
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-default-apps"])
        .args(["--disable-dev-shm-usage", "--window-size=1280,1000", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.display()));
    Some(command)
}

/// What became of a page.
pub struct Shown {
    /// Its document, after its scripts have run.
    pub dom: String,
    /// What was written to its console.
    pub console: Vec<String>,
    /// What it asked the network for.
    pub requests: Vec<String>,
}

/// Shows a file.
pub fn show(page: &Path) -> Option<Shown> {
    let profile = tempfile::tempdir().expect("a folder");
    let log = profile.path().join("net.json");
    let output = {
        let mut command = chromium(profile.path())?;
        command.arg(format!("--log-net-log={}", log.display())).arg("--dump-dom");
        command.arg(format!("file://{}", page.canonicalize().expect("it is there").display()));
        command.output().expect("it runs")
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "chromium failed: {said}");
    let console = said.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    let log = std::fs::read_to_string(&log).expect("it logs");
    let log: Value = serde_json::from_str(&log).expect("JSON");
    let events = log["events"].as_array().expect("events").iter();
    let urls = events.filter_map(|event| event["params"]["url"].as_str());
    let asked = urls.filter(|url| {
        let host = url.split('/').nth(2).unwrap_or_default();
        !url.starts_with("file:") && !ITS_MAKERS.iter().any(|maker| host.ends_with(maker))
    });
    let requests = asked.map(str::to_owned).collect();
    Some(Shown { dom: String::from_utf8_lossy(&output.stdout).into_owned(), console, requests })
}

/// Shows a page that comes from `http://{host}` (the browser takes every name for this machine), and waits for what
/// its script posts to `/told`.
pub fn told(host: &str, page: &str) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let profile = tempfile::tempdir().expect("a folder");
    let mut command = chromium(profile.path())?;
    command.arg("--host-resolver-rules=MAP * 127.0.0.1").arg(format!("http://{host}:{port}/"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = {
        let _spawning = SPAWNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Browser(command.spawn().expect("it runs"))
    };
    for stream in listener.incoming() {
        let stream = stream.expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        if let Some(told) = serve(stream, page) {
            drop(child);
            return Some(told);
        }
    }
    None
}

/// Answers one request; what was told, if that was it.
fn serve(stream: TcpStream, page: &str) -> Option<String> {
    let mut reader = BufReader::new(&stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    // It may have gone.
    let _ = (&stream).write_all(answer.as_bytes());
    first.starts_with("POST /told").then(|| String::from_utf8(body).expect("text"))
}

struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
