//! `depot up`, as consoles and people see it.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::receiver::{Receiver, gga};
use crate::support::running::Up;
use crate::support::{capture, depot};

fn has_position(status: &Value) -> bool {
    status["connected"] == true && status["latitude"].is_number()
}

#[test]
fn it_says_where_it_listens_and_takes_its_leave() {
    let up = Up::new(&["--gnss", "scenario"]);
    assert!(up.ready_file.exists() && !up.address.ends_with(":0"), "{}", up.address);
    let mut console = up.console();
    console.next().expect("a snapshot");
    up.program.signal(Signal::SIGTERM);
    console.last();
    assert_eq!(console.close_code, Some(1001));
    let ready_file = up.ready_file.clone();
    let (status, said) = up.program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!ready_file.exists(), "a ready file says that it listens");
}

#[test]
fn what_it_answers() {
    let up = Up::new(&["--gnss", "scenario", "--allow-origin", "https://console.example"]);
    up.console().until(has_position);
    let status = up.json("/status");
    assert!(has_position(&status), "{status:#}");
    let health = up.json("/health");
    assert_eq!((&health["status"], &health["connected"]), (&json!("ok"), &json!(true)));
    assert_eq!(health["fix"], status["fixQuality"]);
    assert_eq!(up.http("GET", "/nothing", &[]).0, 404);

    let (status, head, _) = up.http("GET", "/status", &["Origin: https://console.example"]);
    assert_eq!(status, 200);
    assert!(head.contains("access-control-allow-origin: https://console.example"), "{head}");
    let preflight = ["Origin: https://console.example", "Access-Control-Request-Method: GET"];
    let (status, head, _) = up.http("OPTIONS", "/status", &preflight);
    assert_eq!(status, 200);
    assert!(head.contains("access-control-allow-origin: https://console.example"), "{head}");
    // A stranger's page may neither read nor listen.
    let (_, head, _) = up.http("GET", "/status", &["Origin: https://stranger.example"]);
    assert!(!head.contains("access-control-allow-origin"), "{head}");
    let upgrade = [
        "Origin: https://stranger.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let (status, _, body) = up.http("GET", "/ws", &upgrade);
    assert_eq!(status, 403);
    assert!(body.contains("pages from this origin may not use this service"), "{body}");
}

#[test]
fn a_console_is_told_of_a_real_base() {
    let Some(base) = capture("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let up = Up::new(&["--gnss", &base.display().to_string(), "--rate", "100"]);
    let mut console = up.console();
    let first = console.next().expect("a snapshot");
    let later = console.until(|status| {
        has_position(status)
            && status["mode"] == "base"
            && status["surveyIn"]["valid"] == true
            && status["rtcmMessages"].as_array().is_some_and(|types| types.len() > 4)
    });
    assert_ne!(first, later);
    assert!(later["station"]["ecefM"].is_array(), "{later:#}");
}

#[test]
fn a_capture_played_once_ends_with_its_last_state() {
    let folder = tempfile::tempdir().expect("a folder");
    // The console connects while standard input gives nothing yet.
    let mut command = depot();
    command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut up = Up::with(&mut command, &["--gnss", "-", "--once", "--rate", "max"]);
    let mut console = up.console();
    console.until(|status| status["connected"] == true);
    let mut stdin = up.program.stdin();
    for second in 0..500 {
        stdin.write_all(&gga(second)).expect("it reads");
    }
    let last = rtk_reader::frame::encode::nmea(
        "GNGGA,120000.00,4600.00000,N,00700.00000,E,5,09,0.7,500.0,M,48.0,M,,",
    );
    stdin.write_all(&last.expect("a sentence")).expect("it reads");
    drop(stdin);
    let status = console.last();
    assert_eq!(
        (&status["latitude"], &status["fixQuality"]),
        (&json!(46.0), &json!("rtk_float")),
        "{status:#}"
    );
    assert_eq!(console.close_code, Some(1001));
    let (status, said) = up.program.end();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_host_that_goes_away_and_comes_back() {
    let host = TcpListener::bind("127.0.0.1:0").expect("a port");
    let source = format!("tcp://{}", host.local_addr().expect("bound"));
    let up = Up::new(&["--gnss", &source]);
    let mut console = up.console();
    for _ in 0..2 {
        let (mut connection, _) = host.accept().expect("it connects");
        connection.write_all(&gga(1)).expect("it reads");
        console.until(has_position);
        drop(connection);
        let gone = console.until(|status| status["connected"] == false);
        assert_eq!(gone["latitude"], Value::Null, "{gone:#}");
    }
}

#[test]
fn an_unplugged_receiver_is_told_at_once_and_found_again_under_another_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("usb-u-blox");
    let mut receiver = Receiver::fixed(None);
    symlink(&receiver.path, &link).expect("a link");
    let mut up = Up::new(&["--gnss", &link.display().to_string()]);
    let mut console = up.console();
    for _ in 0..2 {
        console.until(has_position);
        // In this order: the number of a closed pseudo-terminal is given to whoever asks next.
        std::fs::remove_file(&link).expect("it is there");
        let clock = kit::clock::Clock::start();
        let unplugged_at = clock.now();
        drop(receiver);
        let gone = console.until(|status| status["connected"] == false);
        let after = clock.now().saturating_sub(unplugged_at);
        assert!(after < Duration::from_secs(1), "told after {after:?}");
        assert_eq!((&gone["latitude"], &gone["fixQuality"]), (&Value::Null, &json!("no_fix")), "{gone:#}");
        up.program.hear("was unplugged");
        receiver = Receiver::fixed(None);
        symlink(&receiver.path, &link).expect("a link");
    }
    let back = console.until(has_position);
    assert_eq!(back["errors"]["disconnects"], 2, "{back:#}");
}

#[test]
fn a_silent_receiver_has_no_fix() {
    // A second of sentences, and then none; it stays plugged in.
    let receiver = Receiver::new(None, |n| (n < 100).then(|| gga(n)));
    let up = Up::new(&["--gnss", &receiver.name()]);
    let mut console = up.console();
    let fixed = console.until(has_position);
    let silent = console
        .until(|status| status["fixQuality"] == "no_fix" && status["lastUpdate"] != fixed["lastUpdate"]);
    assert_eq!((&silent["connected"], &silent["latitude"]), (&json!(true), &Value::Null), "{silent:#}");
    assert_eq!(silent["errors"]["silences"], 1, "{silent:#}");
}

#[test]
fn a_demonstration_needs_no_receiver_and_replays_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = depot()
        .current_dir(folder.path())
        .args(["demo", "--for", "1s", "--gps-status-port", "0", "--rate", "50"])
        .output()
        .expect("depot runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" 0 differences"), "{said}");
    assert!(folder.path().join("depot-data/demo.mcap").exists());
}

#[test]
fn the_line_speed_is_found_and_told() {
    let receiver = Receiver::new(Some(38_400), |n| Some(gga(n).repeat(8)));
    let up = Up::new(&["--gnss", &receiver.name()]);
    let status = up.console().until(has_position);
    assert_eq!(status["line"]["baud"], 38_400, "{status:#}");
}
