//! `depot record` itself.

use std::path::Path;
use std::process::{Command, Stdio};

use kit::proxied::{End, ProxyEvent};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::proxy::stage::{events, head, send, soon, upstream};
use crate::support::running::Running;
use crate::support::{depot, skip, stderr, until};

/// Lists topics, and holds each message against its schema unless told `unvalidated`.
const SCRIPT: &str = r#"
import json, sys
from mcap.reader import make_reader
reader = make_reader(open(sys.argv[1], "rb"), validate_crcs=True)
summary = reader.get_summary()
print(*sorted(c.topic for c in summary.channels.values()))
validators = {}
if sys.argv[2] == "validated":
    import jsonschema
    for schema in summary.schemas.values():
        validators[schema.id] = jsonschema.Draft202012Validator(json.loads(schema.data))
kinds = []
for schema, channel, message in reader.iter_messages():
    body = json.loads(message.data)
    if validators:
        validators[schema.id].validate(body)
    kinds.append(body["kind"])
print(*kinds)
"#;

/// Records one WebSocket that is open when the program is stopped.
async fn record(folder: &Path) {
    let address = upstream(|mut socket| async move {
        head(&mut socket).await;
        send(
            &mut socket,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\u{1}\u{2}",
        )
        .await;
        let mut all = Vec::new();
        soon(socket.read_to_end(&mut all)).await.unwrap();
    })
    .await;
    let ready = folder.join("ready.json");
    let mut command = depot();
    command.current_dir(folder).stdout(Stdio::null());
    command.args(["record", "--listen", "127.0.0.1:0", "--to", &format!("ws://{address}"), "--name", "echo"]);
    command.args(["--out", "a.mcap", "--ready-file", "ready.json"]);
    let program = Running::start(&mut command);
    assert!(tokio::task::block_in_place(|| until(|| ready.exists())));
    let addresses: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let address = addresses["echo"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let mut client = soon(TcpStream::connect(&address)).await.unwrap();
    send(&mut client, "GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    head(&mut client).await;
    assert_eq!(soon(client.read_u16()).await.unwrap(), 0x0102);
    program.signal(Signal::SIGTERM);
    let mut all = Vec::new();
    soon(client.read_to_end(&mut all)).await.unwrap();
    let (status, log) = tokio::task::block_in_place(|| program.end());
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("recorded") && log.contains("lost=0"), "{log}");
    assert!(!ready.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_proxy_leaves_a_whole_file_that_others_read() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path()).await;
    let file = folder.path().join("a.mcap");
    let recorded = events(&std::fs::read(&file).unwrap());
    assert!(recorded.iter().all(|(name, _)| name == "echo"));
    let last: Vec<_> = recorded.iter().rev().take(2).map(|(_, event)| event).collect();
    assert!(
        matches!(
            last[..],
            [ProxyEvent::Closed { .. }, ProxyEvent::Ended { from: None, how: End::Stopped, .. }]
        ),
        "{last:?}"
    );

    let replayed = depot().args(["replay", &file.display().to_string()]).output().unwrap();
    assert_eq!(replayed.status.code(), Some(4), "nothing in it is ours");
    assert!(stderr(&replayed).contains("there is nothing to replay"), "{}", stderr(&replayed));

    let python = |args: &[&str]| Command::new("python3").args(args).output();
    if !python(&["-c", "import mcap"]).is_ok_and(|output| output.status.success()) {
        return skip("python3 with the package mcap is not installed");
    }
    let validated = python(&["-c", "import jsonschema"]).is_ok_and(|output| output.status.success());
    let mode = if validated { "validated" } else { "unvalidated" };
    let output = python(&["-c", SCRIPT, &file.display().to_string(), mode]).unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    /echo/proxy/conn /echo/proxy/http /echo/proxy/ws
    listening accepted connected request response frame ended closed
    ");
}

#[test]
fn what_cannot_be_proxied_is_said() {
    let said = |args: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let output = depot().current_dir(folder.path()).arg("record").args(args).output().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
        (output.status.code(), stderr(&output))
    };
    let listen = ["--listen", "127.0.0.1:0", "--out", "a.mcap"];
    let (code, text) = said(&[&listen[..], &["--to", "https://a", "--ca", "none.pem"]].concat());
    assert!(code == Some(2) && text.contains("--ca none.pem: "), "{text}");
    let (code, text) = said(&[&listen[..], &["--to", "http://a", "--ca", "none.pem"]].concat());
    assert!(code == Some(2) && text.contains("--ca is for"), "{text}");
    let (code, text) = said(&[&listen[..], &["--to", "http://a", "--to", "http://b"]].concat());
    assert!(code == Some(2) && text.contains("1 --listen, 2 --to and 0 --name were given"), "{text}");
    let twice = ["--to", "http://a", "--listen", "127.0.0.1:0", "--to", "http://a"];
    let (code, text) = said(&[&listen[..], &twice].concat());
    assert!(code == Some(2) && text.contains("two listeners are called a:80"), "{text}");
}
