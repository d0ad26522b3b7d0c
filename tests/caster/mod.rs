//! The NTRIP caster in the program: beside the services, alone, fed from elsewhere, with users, and recorded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use rtk_reader::frame::{Frame, Framer, Protocol};
use serde_json::Value;

use crate::support::running::{PATIENCE, Running, Up};
use crate::support::{depot, stderr, stdout, until};

/// A base that has its position soon, and then serves for long.
const BASE: &str = "scenario:duration=3600,survey=5";
/// Twenty times as fast as it is.
const QUICK: [&str; 2] = ["--rate", "20"];

fn address(ready_file: &Path, name: &str) -> String {
    assert!(until(|| ready_file.exists()), "it never listened");
    let text = std::fs::read_to_string(ready_file).expect("it is there");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let url = all[name].as_str().unwrap_or_else(|| panic!("{name} in {text}"));
    url.split_once("://").expect("a URL").1.to_owned()
}

/// A client that has sent this.
fn ask(address: &str, request: &str) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    socket.write_all(request.as_bytes()).expect("it reads");
    BufReader::new(socket)
}

fn line(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    client.read_line(&mut line).expect("an answer");
    line
}

/// The numbers of the next messages.
fn messages(client: &mut BufReader<TcpStream>, many: usize) -> Vec<u16> {
    let (mut framer, mut numbers) = (Framer::new(), Vec::new());
    while numbers.len() < many {
        let bytes = client.fill_buf().expect("it goes on").to_vec();
        assert!(!bytes.is_empty(), "it ended after {numbers:?}");
        client.consume(bytes.len());
        framer.push(Duration::ZERO, &bytes, &mut |frame: Frame<'_>| {
            assert_eq!(frame.protocol, Protocol::Rtcm);
            numbers.push(u16::from_be_bytes([frame.payload()[0], frame.payload()[1]]) >> 4);
        });
        assert_eq!(framer.counts().unframed_bytes, 0, "frames and nothing else");
    }
    numbers
}

#[test]
fn it_runs_beside_the_services_and_what_it_told_is_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("cast.mcap");
    let recording = recording.to_str().expect("text");
    let up = Up::new(&[&["--gnss", BASE, "--record", recording][..], &QUICK].concat());
    let mut console = up.console();
    let before = console.until(|status| status["clients"].is_number());
    assert_eq!(before["clients"], 0);
    let ntrip = address(&up.ready_file, "ntrip");
    let gga = String::from_utf8(crate::support::receiver::gga(10)).expect("ASCII");
    let mut client = ask(&ntrip, &format!("GET /ROVER HTTP/1.0\r\nUser-Agent: NTRIP test\r\n\r\n{gga}"));
    assert_eq!(line(&mut client), "ICY 200 OK\r\n");
    let numbers = messages(&mut client, 20);
    assert!(numbers.contains(&1005) && numbers.contains(&1077), "{numbers:?}");
    let told = console.until(|status| status["clients"] == 1 && status["corrections"]["serving"] == true);
    assert!(told["corrections"]["reason"].is_null(), "{told:#}");
    let rover = &told["ntripClients"][0];
    assert_eq!((rover["mountpoint"].as_str(), rover["fixQuality"].as_u64()), (Some("ROVER"), Some(4)));
    let table: Vec<String> =
        ask(&ntrip, "GET / HTTP/1.0\r\n\r\n").lines().map(|line| line.expect("text")).collect();
    assert!(
        table.iter().any(|line| line.starts_with("STR;ROVER;") && line.contains("1077(1)")),
        "{table:#?}"
    );
    up.program.signal(Signal::SIGTERM);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("an end in order");
    let (status, said) = up.program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    let replayed = depot().args(["replay", recording]).output().expect("depot runs");
    assert!(replayed.status.success(), "{}{}", stdout(&replayed), stderr(&replayed));
    let events = depot().args(["session", "cat", recording]).output().expect("depot runs");
    assert!(stdout(&events).contains("in caster"), "the report is an input");
}

#[test]
fn it_casts_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = folder.path().join("ready.json");
    let mut command = depot();
    command.stdout(Stdio::null()).args(["gnss", "cast", BASE, "--raw-port", "0", "--ready-file"]).arg(&ready);
    let program = Running::start(command.args(QUICK));
    let mut raw = TcpStream::connect(address(&ready, "raw")).expect("it listens");
    let request = "GET /ROVER HTTP/1.1\r\nNtrip-Version: Ntrip/2.0\r\n\r\n";
    let mut client = ask(&address(&ready, "ntrip"), request);
    assert_eq!(line(&mut client), "HTTP/1.1 200 OK\r\n");
    raw.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let mut first = [0; 1000];
    raw.read_exact(&mut first).expect("bytes");
    assert!(first.contains(&b'$'), "NMEA is among them");
    program.signal(Signal::SIGTERM);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("an end in order");
    assert!(rest.ends_with(b"0\r\n\r\n"), "the last chunk");
    let (status, said) = program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!ready.exists());
}

#[test]
fn a_fed_depot_casts_what_it_is_fed() {
    let up = Up::new(&["--gnss", "feed"]);
    let mut client = ask(&address(&up.ready_file, "ntrip"), "GET /ROVER HTTP/1.0\r\n\r\n");
    assert_eq!(line(&mut client), "ICY 200 OK\r\n");
    let to = format!("http://{}", up.address);
    let mut command = depot();
    command.stdout(Stdio::null()).args(["gnss", "feed", "--to", &to, "--gnss", BASE]).args(QUICK);
    let feeder = Running::start(&mut command);
    assert!(messages(&mut client, 20).contains(&1077));
    let mut console = up.console();
    console.until(|status| status["corrections"]["serving"] == true);
    drop(feeder);
    console.until(|status| status["corrections"]["reason"] == "receiver_gone");
}

#[test]
fn users_and_their_hashes() {
    let folder = tempfile::tempdir().expect("a folder");
    let hash = |user: &str, password: &str| {
        let mut command = depot();
        let mut hashing = command
            .args(["gnss", "hash", user])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("depot runs");
        hashing.stdin.take().expect("piped").write_all(password.as_bytes()).expect("it reads");
        let output = hashing.wait_with_output().expect("it ends");
        assert!(output.status.success());
        stdout(&output)
    };
    let users = folder.path().join("users.toml");
    let text = hash("rover", "s3cret\n") + &hash("other", "s3cret\n");
    assert!(!text.contains("s3cret") && text.matches("$argon2id$").count() == 2, "{text}");
    std::fs::write(&users, text).expect("a file");
    let path = users.to_str().expect("text");
    let up =
        Up::new(&["--gnss", BASE, "--ntrip-users", path, "--mountpoint", "ROVER", "--mountpoint", "A=1005"]);
    let ntrip = address(&up.ready_file, "ntrip");
    assert_eq!(line(&mut ask(&ntrip, "GET /A HTTP/1.0\r\n\r\n")), "HTTP/1.0 401 Unauthorized\r\n");
    // rover:s3cret
    let asked = "GET /A HTTP/1.0\r\nAuthorization: Basic cm92ZXI6czNjcmV0\r\n\r\n";
    assert_eq!(line(&mut ask(&ntrip, asked)), "ICY 200 OK\r\n");
}

#[test]
fn settings_that_cant_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users.toml");
    std::fs::write(&users, "[[user]]\nname = \"a\"\nhash = \"secret\"\n").expect("a file");
    let users = users.to_str().expect("text");
    for (args, text) in [
        (["--mountpoint", "A B"], "is no name of a mountpoint"),
        (["--mountpoint", "A,A"], "the mountpoint A is there twice"),
        (["--base-position", "1,2"], "write LATITUDE,LONGITUDE,HEIGHT"),
        (["--push", "http://x"], "write ntrip://user:password@host:2101/MOUNTPOINT"),
        (["--ntrip-users", users], "make one with depot gnss hash"),
    ] {
        let output = depot().args(["gnss", "cast", "scenario"]).args(args).output().expect("depot runs");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(text), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("\"secret\""), "a hash is not for the screen");
    }
}
