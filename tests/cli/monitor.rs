//! `depot gnss monitor`: lines for a program, a page for a terminal, and the terminal as it was before.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::support::running::{PATIENCE, Running, Up};
use crate::support::{depot, stderr, stdout, until};

/// A made-up base that is surveyed in after five seconds, twenty times as fast as a real one.
const BASE: [&str; 3] = ["scenario:survey=5", "--rate", "20"];

/// So many reads of a page that is drawn four times a second take minutes.
const READS: usize = 2_000;

/// What a terminal shows after all this: text where the cursor was put (ECMA-48 CUP); no colours.
fn rows(sent: &str) -> Vec<String> {
    let (mut grid, mut row, mut column) = (vec![vec![' '; 110]; 30], 0usize, 0usize);
    let mut chars = sent.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            if let Some(cell) = grid.get_mut(row).and_then(|row| row.get_mut(column)) {
                *cell = c;
            }
            column += 1;
            continue;
        }
        let mut text = String::new();
        let letter = chars.by_ref().skip(1).find(|c| {
            text.push(*c);
            c.is_ascii_alphabetic()
        });
        if letter != Some('H') {
            continue;
        }
        let text = text.trim_end_matches('H');
        if let Some((Ok(to_row), Ok(to_column))) = text.split_once(';').map(|(r, c)| (r.parse(), c.parse())) {
            (row, column) = (usize::saturating_sub(to_row, 1), usize::saturating_sub(to_column, 1));
        }
    }
    grid.into_iter().map(String::from_iter).collect()
}

/// The program on a terminal of its own.
struct OnTerminal {
    child: Child,
    master: File,
    slave: File,
    before: Termios,
    sent: Vec<u8>,
}

impl OnTerminal {
    fn start(folder: &Path, args: &[&str]) -> Self {
        let size = Winsize { ws_row: 30, ws_col: 110, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).expect("a pseudo-terminal");
        let (master, slave) = (File::from(pair.master), File::from(pair.slave));
        let before = tcgetattr(&slave).expect("its settings");
        let end = || Stdio::from(slave.try_clone().expect("another handle"));
        let mut command = depot();
        command.current_dir(folder).env("TERM", "xterm").args(["gnss", "monitor"]).args(args);
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("depot runs");
        Self { child, master, slave, before, sent: Vec::new() }
    }

    /// Reads until the terminal shows this.
    fn until_shown(&mut self, text: &str) {
        self.read_until(text, |sent| rows(sent).iter().any(|row| row.contains(text)));
    }

    /// Reads until this was sent, as it is.
    fn until_sent(&mut self, text: &str) {
        self.read_until(text, |sent| sent.contains(text));
    }

    /// Only the page's own ticks can keep this waiting, and so they are counted.
    fn read_until(&mut self, text: &str, done: impl Fn(&str) -> bool) {
        let mut buffer = [0; 4096];
        for _ in 0..READS {
            if done(&String::from_utf8_lossy(&self.sent)) {
                return;
            }
            let mut there = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            let patience = PollTimeout::try_from(PATIENCE).expect("short");
            if poll(&mut there, patience).expect("a poll") == 0 {
                break;
            }
            let read = self.master.read(&mut buffer).expect("the terminal is there");
            self.sent.extend_from_slice(&buffer[..read]);
        }
        panic!("it never showed {text:?}, but {:#?}", rows(&String::from_utf8_lossy(&self.sent)));
    }

    fn press(&mut self, key: &str) {
        self.master.write_all(key.as_bytes()).expect("the terminal is there");
    }

    /// It ends well, and the terminal is as it was.
    fn gives_back(mut self) {
        // Leaves the other screen.
        self.until_sent("\x1b[?1049l");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
        assert_eq!(tcgetattr(&self.slave).expect("its settings"), self.before);
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_page_comes_takes_keys_and_gives_the_terminal_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut monitor = OnTerminal::start(folder.path(), &BASE);
    monitor.until_sent("\x1b[?1049h");
    monitor.until_shown("q quit");
    assert_ne!(tcgetattr(&monitor.slave).expect("its settings"), monitor.before, "keys come one by one");
    monitor.until_shown("makes corrections");
    monitor.press("?");
    monitor.until_shown("says whether corrections go out");
    monitor.press("s");
    monitor.until_shown("the newest last");
    monitor.press("r");
    monitor.until_shown("recording base-");
    let captures = || {
        let files = std::fs::read_dir(folder.path()).expect("listed").flatten();
        files.filter(|file| file.path().extension().is_some_and(|extension| extension == "ubx"))
    };
    let has_bytes = || captures().any(|file| file.metadata().is_ok_and(|metadata| metadata.len() > 0));
    assert!(until(has_bytes), "nothing is recorded");
    monitor.press("r");
    monitor.until_shown(" into base-");
    monitor.press("q");
    monitor.gives_back();
    let kept = captures().next().expect("a capture").path();
    let mut tags = kept.clone().into_os_string();
    tags.push(".tag");
    assert!(Path::new(&tags).is_file(), "{}", kept.display());
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut monitor = OnTerminal::start(folder.path(), &BASE);
    monitor.until_shown("q quit");
    kill(Pid::from_raw(monitor.child.id().cast_signed()), Signal::SIGTERM).expect("it runs");
    monitor.gives_back();
}

#[test]
fn a_capture_read_at_once_has_a_verdict_in_lines() {
    let args =
        ["--log", "off", "gnss", "monitor", "scenario:duration=60,survey=20", "--rate", "max", "--once"];
    let output = depot().args(args).stdin(Stdio::null()).output().expect("depot runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines = stdout(&output);
    assert!(lines.contains("Z The receiver makes corrections, since "), "{lines}");
    assert!(lines.lines().last().is_some_and(|line| line.contains("The capture is over")), "{lines}");
}

#[test]
fn a_depot_is_asked_and_missed_when_it_is_gone() {
    let up = Up::new(&["--gnss", "scenario:survey=5", "--rate", "20"]);
    let url = format!("http://{}", up.address);
    let mut command = depot();
    command
        .args(["--log", "off", "gnss", "monitor", "--url", &url])
        .stdout(Stdio::piped())
        .stdin(Stdio::null());
    let mut child = command.spawn().expect("depot runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let seen = lines.by_ref().find(|line| line.contains("Serving corrections"));
    let seen = seen.expect("corrections are made");
    assert!(seen.contains("and nobody is connected"), "{seen}");
    let running: Running = up.program;
    running.signal(Signal::SIGKILL);
    assert!(lines.any(|line| line.contains("No depot answers")), "it is gone");
    // With nobody to read its lines it ends by itself; nothing is said for a while, so it is ended.
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_depot_records_when_its_operator_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("base.mcap");
    let record = ["--record", file.to_str().expect("a name"), "--operator-port", "0"];
    let mut up = Up::new(&[&["--gnss", "scenario:survey=5", "--rate", "20"][..], &record].concat());
    let said = up.program.hear("the operator's port listens");
    let port = said.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()).expect("its address");
    let (url, operator) = (format!("http://{}", up.address), format!("127.0.0.1:{port}"));
    let mut monitor = OnTerminal::start(folder.path(), &["--url", &url, "--operator", &operator]);
    monitor.until_shown("Serving corrections");
    monitor.press("r");
    monitor.until_shown("the depot has recorded ");
    monitor.press("s");
    monitor.until_shown("A depot tells its status, not its bytes");
    monitor.press("q");
    monitor.gives_back();
    let mut monitor = OnTerminal::start(folder.path(), &["--url", &url]);
    monitor.until_shown("Serving corrections");
    monitor.press("r");
    monitor.until_shown("start it with --operator-port");
    monitor.press("q");
    monitor.gives_back();
}

#[test]
fn what_cannot_be_watched_is_told_in_a_sentence() {
    for (args, says) in [
        (["--url", "depot.local"], "it looks like http://depot.local:4880"),
        (["feed", "--once"], "ask that one with --url"),
        (["no-such-port", "--once"], "no such port or file"),
    ] {
        let output =
            depot().args(["--log", "off", "gnss", "monitor"]).args(args).output().expect("depot runs");
        assert!(matches!(output.status.code(), Some(2 | 4)), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
}
