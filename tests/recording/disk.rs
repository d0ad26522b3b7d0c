//! A disk that takes no more, while a depot records in parts or keeps a ring.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use replay::session::Session;
use replay::tools::info;
use replay::tools::series::Series;
use serde_json::{Value, json};

use crate::support::depot;
use crate::support::running::Up;

/// `ulimit` without root: files end there as on a full disk. In blocks of 512 bytes.
const BLOCKS: u32 = 200;

/// The program, for which a file may not grow beyond [`BLOCKS`], and which is not killed for trying.
fn on_a_small_disk(folder: &Path) -> Command {
    let program = depot();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\"")]);
    shell.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(folder).stdout(Stdio::null());
    shell
}

#[test]
fn a_full_disk_ends_a_recording_in_parts_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    // Larger than what a file may have, so that none is ever whole.
    let args = ["--gnss", "scenario:seed=5", "--rate", "100", "--record", "base.mcap"];
    let parts = ["--rotate-bytes", "1000000", "--ring", "1m", "--operator-port", "0"];
    let mut up = Up::with(&mut on_a_small_disk(folder.path()), &[args.as_slice(), &parts].concat());
    let operator = up.program.hear("the operator's port listens");
    let (_, operator) = operator.split_once("http://").expect("its address");
    let operator = operator.split('/').next().expect("an address").to_owned();
    up.program.hear("the recording has stopped; the service goes on");
    // An error in the log: so the ring is written, as far as the disk takes it.
    up.program.hear("the ring");
    let (_, told) = ask(&operator, "GET /recording", "");
    assert_eq!(told["recording"]["broken"], true, "{told}");
    assert_eq!(up.json("/health")["status"], "ok");
    up.program.signal(Signal::SIGTERM);
    let (status, said) = up.program.end();
    assert!(!status.success(), "a recording that broke off is no success");
    assert_eq!(said.matches("the recording has stopped; the service goes on").count(), 1, "{said}");
    assert!(said.contains("were not recorded") && said.contains("make room and record again"), "{said}");
    let part = folder.path().join("base.0001.mcap");
    let told = info::info(&Series::open(&[part]).expect("a session")).expect("it can be read");
    assert!(told.events > 10 && told.damage.is_some_and(|damage| damage.contains("cut off")));
}

#[test]
fn an_error_in_the_log_writes_the_ring() {
    let folder = tempfile::tempdir().expect("a folder");
    let args =
        ["--gnss", "scenario:seed=5,duration=5", "--database", "sqlite:fleet.db", "--dispatch-port", "0"];
    let mut up = Up::with(
        &mut on_a_small_disk(folder.path()),
        &[args.as_slice(), &["--ring", "1m", "--data", "kept"]].concat(),
    );
    let ready: Value =
        serde_json::from_slice(&std::fs::read(&up.ready_file).expect("it is ready")).expect("JSON");
    let dispatch = ready["dispatch"].as_str().expect("an address").replace("http://", "");
    let waypoints: Vec<Value> = (0..500).map(|x| json!({ "x": x, "y": 0.123_456_789 })).collect();
    let zone = json!({ "name": "Yard", "waypoints": waypoints }).to_string();
    // The store is waited for: nobody is told of this for some time.
    let _waiting: Vec<TcpStream> = (0..20).map(|_| asks(&dispatch, "POST /zones", &zone)).collect();
    let written = up.program.hear("the ring was written");
    assert!(written.contains("trigger=\"an error in the log\""), "{written}");
    let ring = std::fs::read_dir(folder.path().join("kept"))
        .expect("--data")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "mcap"));
    let session = Session::open(&ring.expect("a ring")).expect("a session");
    assert_eq!(session.about().notes["trigger"], "an error in the log");
    let failed = session.events().expect("it can be read").map(|event| event.expect("undamaged"));
    assert!(failed.count() > 20);
}

/// One request: the status and the body.
fn ask(address: &str, request: &str, body: &str) -> (u16, Value) {
    let mut socket = asks(address, request, body);
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).unwrap_or_default())
}

/// The same, its answer still to be read.
fn asks(address: &str, request: &str, body: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let head = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    socket.write_all(format!("{head}{length}{body}").as_bytes()).expect("it reads");
    socket
}
