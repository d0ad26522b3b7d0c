//! What can't be used is told in one sentence, with an exit code of its own, and leaves nothing behind.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::support::receiver::Receiver;
use crate::support::running::{Up, entries};
use crate::support::{OF_TESTS, depot, skip, stderr};

/// A folder a program is run in.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn with(name: &str, bytes: &[u8]) -> Self {
        let folder = Self::new();
        fs::write(folder.path().join(name), bytes).expect("written");
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// `EXIT CODE: what it says`, with `volatile` parts masked; checks that it is one line, no panic, and that
    /// the folder is as it was.
    fn refused(&self, args: &[&str], volatile: &[(&str, &str)]) -> String {
        self.refused_by(&mut depot(), args, volatile)
    }

    fn refused_by(&self, command: &mut Command, args: &[&str], volatile: &[(&str, &str)]) -> String {
        let before = entries(self.path());
        let output = command
            .current_dir(self.path())
            .args(["--log", "error"])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("depot runs");
        let mut text = stderr(&output).trim_end().to_owned();
        assert_eq!(text.lines().count(), 1, "one sentence: {text}");
        assert!(!text.contains("panicked") && !text.contains("backtrace"), "{text}");
        assert!(output.stdout.is_empty(), "nothing is printed as if all were well");
        assert_eq!(entries(self.path()), before, "nothing is left behind");
        for (part, mask) in volatile {
            text = text.replace(part, mask);
        }
        format!("{}: {text}", output.status.code().expect("an exit code"))
    }
}

/// `depot up` that records, with a ready file: nothing of either may stay.
fn up<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let always = ["up", "--gps-status-port", "0", "--record", "new.mcap", "--ready-file", "ready.json"];
    always.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn no_such_port() {
    let said = Folder::new().refused(&up(&["--gnss", "/dev/ttyNOPE0"]), &[]);
    assert_snapshot!(said, @"4: depot: no such port or file: /dev/ttyNOPE0; `depot gnss ports` lists what is plugged in");
}

#[test]
fn no_receiver() {
    let said = Folder::new().refused(&up(&[]), &[]);
    if !said.starts_with("4: depot: no u-blox receiver on USB") {
        return skip("a receiver is plugged in");
    }
    assert!(said.ends_with(": plug it in, or name its port"), "{said}");
}

#[test]
fn a_device_that_is_no_port() {
    let said = Folder::new().refused(&up(&["--gnss", "/dev/null"]), &[]);
    assert_snapshot!(said, @"4: depot: /dev/null is a device of the system's own, not a serial port or a capture; `depot gnss ports` lists what is plugged in");
    let said = Folder::new().refused(&up(&["--gnss", "/dev"]), &[]);
    assert_snapshot!(said, @"4: depot: /dev is a directory, not a serial port or a capture; `depot gnss ports` lists what is plugged in");
}

#[test]
fn no_permission() {
    let receiver = Receiver::fixed(None);
    let mut permissions = fs::metadata(&receiver.path).expect("a device").permissions();
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let mut command = depot();
    permissions.set_mode(0o000);
    if is_root {
        // As somebody else, and of a group that may.
        permissions.set_mode(0o660);
        std::os::unix::fs::chown(&receiver.path, Some(0), Some(20)).expect("root may");
        let binary = command.get_program().to_owned();
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(binary).envs(OF_TESTS);
        if !command.output().is_ok_and(|output| stderr(&output).contains("Usage")) {
            return skip("root may open everything, and nobody may not run depot here");
        }
    }
    fs::set_permissions(&receiver.path, permissions).expect("its owner may");
    let said = Folder::new().refused_by(
        &mut command,
        &["up", "--gps-status-port", "0", "--gnss", &receiver.name()],
        &[(&receiver.name(), "PORT")],
    );
    if is_root {
        assert_snapshot!(said, @"5: depot: no permission to open PORT: join the group `dialout` with `sudo usermod -aG dialout $USER`, then log out and in again");
    } else {
        assert_snapshot!(said, @"5: depot: no permission to open PORT: ask its owner for read and write access");
    }
}

#[test]
fn a_port_held_by_another_depot() {
    let receiver = Receiver::fixed(None);
    let mut first = Up::new(&["--gnss", &receiver.name()]);
    first.program.hear("the receiver is open");
    let said = Folder::new().refused(&up(&["--gnss", &receiver.name()]), &[(&receiver.name(), "PORT")]);
    let (who, since) = said.split_once(" since ").expect("since when");
    let (pid, rest) = since.split_once("; ").expect("what to do");
    assert_eq!(pid.len(), "2026-11-23T18:09:30Z".len(), "{pid}");
    assert_eq!(who, format!("7: depot: PORT is in use by depot (process {})", first.program.id()));
    assert_eq!(rest, "stop it first: two readers of a port steal each other's bytes");
    // The first one noticed nothing.
    first.console().until(|status| status["connected"] == true && status["latitude"].is_number());
}

#[test]
fn a_port_held_by_another_program() {
    let receiver = Receiver::fixed(None);
    let mut other = Command::new("cat")
        .stdin(File::open(&receiver.path).expect("it is there"))
        .stdout(Stdio::null())
        .spawn()
        .expect("cat runs");
    let volatile = [(receiver.name(), "PORT"), (other.id().to_string(), "PID")];
    let volatile = [(volatile[0].0.as_str(), "PORT"), (volatile[1].0.as_str(), "PID")];
    let said = Folder::new().refused(&up(&["--gnss", &receiver.name()]), &volatile);
    other.kill().expect("it runs");
    other.wait().expect("it ends");
    assert_snapshot!(said, @"7: depot: PORT is in use by cat (process PID); stop it first: two readers of a port steal each other's bytes");
}

#[test]
fn the_wrong_baud_rate() {
    let receiver = Receiver::new(Some(38_400), |n| Some(crate::support::receiver::gga(n).repeat(8)));
    let said = Folder::new()
        .refused(&up(&["--gnss", &receiver.name(), "--baud", "115200"]), &[(&receiver.name(), "PORT")]);
    assert_snapshot!(said, @"8: depot: PORT does not talk at 115200 Bd but at 38400 Bd: use --baud 38400, or leave --baud out");
}

#[test]
fn not_a_gnss_stream() {
    let picture: Vec<u8> = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
        .iter()
        .copied()
        .chain((0..5000u32).map(|n| (n * n / 7) as u8))
        .collect();
    let folder = Folder::with("picture.png", &picture);
    let said = folder.refused(&up(&["--gnss", "picture.png", "--once", "--rate", "max"]), &[]);
    assert_snapshot!(said, @"9: depot: picture.png is not a GNSS stream: 5016 bytes came, and none is in a good NMEA, UBX or RTCM 3 frame; check what is connected");
    for command in ["decode", "summary"] {
        let said = folder.refused(&["gnss", command, "picture.png"], &[]);
        assert_eq!(
            said,
            "9: depot: picture.png is not a GNSS stream: no NMEA, UBX or RTCM 3 frame in its 5016 bytes"
        );
    }
    let empty = Folder::with("empty.ubx", b"");
    assert_snapshot!(empty.refused(&up(&["--gnss", "empty.ubx"]), &[]), @"9: depot: empty.ubx is not a GNSS stream: 0 bytes came, and none is in a good NMEA, UBX or RTCM 3 frame; check what is connected");
    assert_snapshot!(empty.refused(&["gnss", "summary", "empty.ubx"], &[]), @"9: depot: empty.ubx is not a GNSS stream: no NMEA, UBX or RTCM 3 frame in its 0 bytes");
    assert_snapshot!(empty.refused(&["gnss", "decode", "-"], &[]), @"9: depot: standard input is not a GNSS stream: no NMEA, UBX or RTCM 3 frame in its 0 bytes");
}

#[test]
fn what_is_no_recording() {
    let folder = Folder::with("nothing.mcap", b"\x89MCAP0\r\n");
    assert_snapshot!(folder.refused(&up(&["--gnss", "nothing.mcap"]), &[]), @"3: depot: nothing.mcap is damaged: 0 messages of the receiver were read, the file breaks off at byte 8; what could be read was used");
    assert_snapshot!(folder.refused(&["gnss", "summary", "nothing.mcap"], &[]), @"3: depot: nothing.mcap is damaged: 0 messages of the receiver were read, the file breaks off at byte 8; what could be read was used");
    assert_snapshot!(folder.refused(&["replay", "nowhere.mcap"], &[]), @"4: depot: cannot read nowhere.mcap: No such file or directory (os error 2); check the path and its permissions");
}

#[test]
fn what_names_no_source() {
    let folder = Folder::new();
    assert_snapshot!(folder.refused(&up(&["--gnss", "http://base.local"]), &[]), @"2: depot: `http://` is not a source: use tcp://host:port, a device, a capture file, `auto` or `-`");
    assert_snapshot!(folder.refused(&up(&["--gnss", "tcp://base.local"]), &[]), @"2: depot: `tcp://base.local` names no host and port: write tcp://host:port, for example tcp://192.168.1.20:2102");
    assert_snapshot!(folder.refused(&up(&["--gnss", ""]), &[]), @"2: depot: no source given: name a device, `auto`, a capture file, tcp://host:port or `-`");
    assert_snapshot!(folder.refused(&up(&["--gnss", "scenario:rate=x"]), &[]), @r#"2: depot: the scenario's rate is "x"; it must be 1 to 10, in epochs per second"#);
    let said = folder.refused(&up(&["--gnss", "scenario:sed=2"]), &[]);
    assert!(said.starts_with("2: depot: a scenario has no \"sed\"; it has seed, rate,"), "{said}");
    assert_snapshot!(folder.refused(&["gnss", "feed", "--to", "depot.local", "--gnss", "scenario"], &[]), @"2: depot: --to depot.local is no address of a gps-status; it looks like http://depot.local:4880");
    assert_snapshot!(folder.refused(&up(&["--gnss", "scenario", "--allow-origin", "console"]), &[]), @r#"2: depot: an allowed origin looks like https://console.example or http://10.0.0.5:8080, not "console""#);
}

#[test]
fn an_unknown_key() {
    let folder = Folder::with("depot.toml", b"gnss = 'scenario'\nbuad = 9600\n");
    let said = folder.refused(&up(&["--config", "depot.toml"]), &[]);
    let (sentence, keys) = said.split_once("the keys are ").expect("the keys");
    assert_snapshot!(sentence, @"2: depot: the configuration depot.toml has an unknown key buad; ");
    let keys: Vec<&str> = keys.split(", ").collect();
    assert!(["baud", "database", "gnss", "rate"].iter().all(|key| keys.contains(key)), "{keys:?}");
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let args = ["up", "--gnss", "scenario", "--record", "new.mcap", "--gps-status-port", &port];
    let said = Folder::new().refused(&args, &[(&port, "PORT")]);
    assert_snapshot!(said, @"1: depot: could not listen on 127.0.0.1:PORT for gps-status: Address already in use (os error 98); name another with --gps-status-port, 0 for any free one");
}

#[test]
fn what_cannot_be_written() {
    let folder = Folder::new();
    let base = ["up", "--gps-status-port", "0", "--gnss", "scenario"];
    let with = |more: &[&'static str]| [base.as_slice(), more].concat();
    assert_snapshot!(folder.refused(&with(&["--record", "nowhere/x.mcap"]), &[]), @"1: depot: cannot create the recording nowhere/x.mcap: No such file or directory (os error 2); choose a folder that exists and can be written");
    assert_snapshot!(folder.refused(&with(&["--ready-file", "nowhere/r", "--record", "x.mcap"]), &[]), @"1: depot: could not create nowhere/r: No such file or directory (os error 2); choose a folder that exists and can be written");
    assert_snapshot!(folder.refused(&["gnss", "record", "nowhere/x", "--gnss", "scenario"], &[]), @"1: depot: could not create nowhere/x: No such file or directory (os error 2); choose a folder that exists and can be written");
}

#[test]
fn a_capture_that_is_there_is_not_overwritten() {
    for (there, said) in [
        (
            "base.ubx",
            "1: depot: could not create base.ubx: File exists (os error 17); choose another name, or move it away first",
        ),
        (
            "base.ubx.tag",
            "1: depot: could not create base.ubx.tag: File exists (os error 17); choose another name, or move it away first",
        ),
    ] {
        let folder = Folder::with(there, b"precious");
        assert_eq!(folder.refused(&["gnss", "record", "base.ubx", "--gnss", "scenario"], &[]), said);
        assert_eq!(fs::read(folder.path().join(there)).expect("still there"), b"precious");
    }
    let folder = Folder::new();
    let said = folder.refused(&["gnss", "record", "base.ubx", "--gnss", "/dev/ttyNOPE0"], &[]);
    assert!(said.starts_with("4: depot: no such port or file"), "{said}");
}
