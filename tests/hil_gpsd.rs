//! gpsd opens the virtual receiver like any other: it finds out what it is, and tells its position and corrections.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::running::{Running, Up};
use crate::support::{SPAWNING, depot, skip};

const GPSD: &str = "/usr/sbin/gpsd";
/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is waited for comes within so many: some twenty seconds of two epochs a second.
const LINES: usize = 600;

/// `depot hil twin`, and the name it has printed.
struct Twin {
    program: Running,
    link: PathBuf,
    _folder: tempfile::TempDir,
}

impl Twin {
    fn new(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("receiver");
        let mut command = depot();
        command.args(["hil", "twin", "--first-fix-s", "2", "--port-link"]).arg(&link).args(args);
        let mut program = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::null()));
        program.hear("a ZED-F9P is at");
        Self { program, link, _folder: folder }
    }
}

struct Gpsd {
    child: Child,
    port: u16,
}

impl Drop for Gpsd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Gpsd {
    fn on(device: &std::path::Path, more: &[&str]) -> Option<Self> {
        if !std::path::Path::new(GPSD).exists() {
            skip("Debian's gpsd is not installed");
            return None;
        }
        // gpsd takes no port 0: one that is free now is free a moment later.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = Command::new(GPSD);
        command.args(["-N", "-n", "-S", &port.to_string()]).args(more).arg(device);
        let _spawning = SPAWNING.lock();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("gpsd starts");
        Some(Self { child, port })
    }

    /// What it tells until it has told what is wanted.
    fn until(&self, mut wanted: impl FnMut(&Value) -> bool) {
        let connect = || TcpStream::connect(("127.0.0.1", self.port)).ok();
        assert!(crate::support::until(|| connect().is_some()), "gpsd doesn't listen");
        let mut stream = connect().expect("gpsd listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        writeln!(stream, "?WATCH={{\"enable\":true,\"json\":true}}").expect("it takes a request");
        let mut told = Vec::new();
        for line in BufReader::new(stream.try_clone().expect("a handle")).lines().take(LINES) {
            let line = line.expect("gpsd goes on telling");
            let value: Value = serde_json::from_str(&line).expect("JSON");
            if wanted(&value) {
                return;
            }
            // It announces a driver at once, but what the receiver says it is only to whoever asks after that.
            if value["class"] == "TPV" {
                writeln!(stream, "?DEVICES;").expect("it takes a request");
            }
            told.push(line);
        }
        let last = told.get(told.len().saturating_sub(20)..);
        panic!(
            "gpsd told {} lines and not what was waited for, or has closed; at last {last:#?}",
            told.len()
        );
    }
}

#[test]
fn gpsd_locks_on_to_it() {
    let twin = Twin::new(&["--base-at", "47.285233,8.565265,500.25", "--set", "CFG-RATE-MEAS=500"]);
    let Some(gpsd) = Gpsd::on(&twin.link, &[]) else { return };
    let (mut position, mut corrections, mut reference) = (false, std::collections::BTreeMap::new(), false);
    let (mut used, mut device) = (0, Value::Null);
    gpsd.until(|told| {
        match told["class"].as_str() {
            Some("TPV") => {
                let near = |key: &str, value: f64, by: f64| {
                    told[key].as_f64().is_some_and(|told| (told - value).abs() < by)
                };
                position |= told["mode"] == 3
                    && near("lat", 47.285_233, 2e-8)
                    && near("lon", 8.565_265, 2e-8)
                    && near("altHAE", 500.25, 0.002);
            }
            Some("RTCM3") => {
                *corrections.entry(told["type"].as_u64().expect("a type")).or_insert(0) += 1;
                // ECEF of that place, computed apart from this project.
                let arp = [("x", 4_286_435.353_9), ("y", 645_604.596_5), ("z", 4_663_700.957_3)];
                let is_it = |(key, metres): (&str, f64)| {
                    told[key].as_f64().is_some_and(|told| (told - metres).abs() < 2e-4)
                };
                reference |= told["type"] == 1005 && arp.into_iter().all(is_it);
            }
            Some("SKY") => used = used.max(told["uSat"].as_u64().unwrap_or(0)),
            Some("DEVICES") => device = told["devices"][0].clone(),
            _ => {}
        }
        position
            && reference
            && used > 15
            && device["driver"] == "u-blox"
            && device["subtype1"].as_str().is_some_and(|says| says.contains("MOD=ZED-F9P"))
            && [1005, 1077, 1087, 1097, 1127, 1230].iter().all(|number| corrections.get(number) > Some(&3))
    });
    drop(gpsd);
    twin.program.signal(Signal::SIGTERM);
    let (status, said) = twin.program.end();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// gpsd doesn't hunt for the speed of a pseudo-terminal: it is told.
#[test]
fn gpsd_reads_a_uart_at_its_speed() {
    let twin = Twin::new(&["--port-kind", "uart1", "--baud", "115200"]);
    let Some(gpsd) = Gpsd::on(&twin.link, &["-s", "115200"]) else { return };
    gpsd.until(|told| told["class"] == "TPV" && told["mode"] == 3);
}

#[test]
fn depot_up_shows_it_as_a_base() {
    let mut twin = Twin::new(&["--survey", "3,10"]);
    let link = twin.link.display().to_string();
    let up = Up::new(&["--gnss", &link]);
    let mut console = up.console();
    let status = console.until(|status| status["mode"] == "base" && status["surveyIn"]["valid"] == true);
    assert_eq!(status["connected"], true);
    let status =
        console.until(|status| status["receiver"]["model"].is_string() || status["model"].is_string());
    assert!(status.to_string().contains("ZED-F9P"), "{status:#}");
    // Unplugged by a word, it is shown as gone; and back.
    let mut orders = twin.program.stdin();
    writeln!(orders, "unplug other-name").expect("it listens");
    console.until(|status| status["connected"] == false);
    writeln!(orders, "end unplug").expect("it listens");
    console.until(|status| status["connected"] == true);
}

#[test]
fn what_it_cannot_understand_it_says() {
    let mut twin = Twin::new(&["--set", "0x30210001=500"]);
    let mut orders = twin.program.stdin();
    writeln!(orders, "explode").expect("it listens");
    let said = twin.program.hear("is no order");
    assert!(said.contains("unplug"), "{said}");
    writeln!(orders, "slow 200").expect("it listens");
    twin.program.hear("slow is unsupported");
    for (flag, value, says) in [
        ("--set", "CFG-RATE-MEAS=1", "refuses"),
        ("--set", "CFG-NOTHING=1", "no key"),
        ("--baud", "12345", "a ZED-F9P has"),
        ("--base-at", "91,0,0", "latitude"),
    ] {
        let output = crate::support::output(depot().args(["hil", "twin", flag, value]));
        assert_eq!(output.status.code(), Some(2), "{flag} {value}");
        let said = crate::support::stderr(&output);
        assert!(said.contains(says), "{said}");
    }
}
