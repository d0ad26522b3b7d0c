//! A console in a real browser.

use serde_json::Value;

use super::program::SESSION;
use crate::support::running::{Running, Up};
use crate::support::{browser, depot, root, until};

/// Tells what becomes of a WebSocket, and of the first message on it.
fn console(address: &str) -> String {
    format!(
        r#"<!doctype html><script>
const tell = told => fetch('/told', {{ method: 'POST', body: JSON.stringify(told) }});
const socket = new WebSocket('ws://{address}/ws');
let opened = false;
socket.onopen = () => opened = true;
socket.onmessage = event => tell({{ opened, origin: location.hostname, message: JSON.parse(event.data) }});
socket.onclose = event => tell({{ opened, code: event.code }});
</script>"#
    )
}

fn told(host: &str, address: &str) -> Option<Value> {
    let told = browser::told(host, &console(address))?;
    Some(serde_json::from_str(&told).expect("JSON"))
}

#[test]
fn a_console_in_a_browser_is_told_the_state_and_a_stranger_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let mut command = depot();
    command.current_dir(root()).args([
        "play",
        SESSION,
        "--paused",
        "--from",
        "20s",
        "--gps-status-port",
        "0",
    ]);
    let _playing = Running::start(command.arg("--ready-file").arg(&ready));
    assert!(until(|| ready.exists()));
    let services: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let played = services["gps-status"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let up = Up::new(&["--gnss", "feed"]);
    for (address, connected) in [(&played, true), (&up.address, false)] {
        let Some(heard) = told("localhost", address) else { return };
        assert_eq!(heard["message"]["type"], "gps_status", "{heard}");
        assert_eq!(heard["message"]["data"]["connected"], connected, "{heard}");
        // A page of somebody else's may not listen, whatever it is called.
        let Some(heard) = told("console.example", address) else { return };
        assert_eq!((&heard["opened"], &heard["code"]), (&false.into(), &1006.into()), "{heard}");
    }
}
