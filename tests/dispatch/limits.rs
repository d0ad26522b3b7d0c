//! What the program bears of its peers is as configured.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use nix::sys::signal::Signal;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::serving::Dispatch;
use crate::support::running::PATIENCE;
use crate::support::until;

const LIMITS: &[&str] = &[
    "--max-body-bytes",
    "2048",
    "--body-timeout-s",
    "1",
    "--header-timeout-s",
    "1",
    "--max-frame-bytes",
    "2000",
    "--idle-timeout-s",
    "2",
];

/// The opcode of a close frame, final (RFC 6455 section 5.2).
const CLOSE: u8 = 0x88;

fn says(address: &str, request: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(address).expect("it listens");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    tcp.write_all(request.as_bytes()).expect("it reads");
    tcp
}

fn answer(mut tcp: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).expect("it ends, though we don't");
    answer
}

#[test]
fn every_limit_is_the_configured_one() {
    let dispatch = Dispatch::on("sqlite::memory:", Path::new("."), LIMITS);

    let zone = |bytes: usize| format!("{{\"name\":\"{:>1$}\"}}", "Yard", bytes - 11);
    assert_eq!(zone(100).len(), 100);
    assert_eq!(dispatch.ask_with("POST", "/zones", &[], &zone(2049)).status, 413);
    assert_eq!(dispatch.ask_with("POST", "/zones", &[], &zone(2048)).status, 400, "a name of that length");
    let half = "POST /zones HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    let late = answer(says(&dispatch.address, half));
    assert!(late.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&late));
    assert_eq!(answer(says(&dispatch.address, "GET /zones HT")), b"", "headers that don't come");

    let mut socket = dispatch.open("/ws");
    socket.send(Message::text(" ".repeat(2000)));
    assert_eq!(socket.next().expect("an answer")["type"], "error", "exactly the limit is taken");
    socket.send(Message::text(" ".repeat(2001)));
    assert_eq!(socket.end(), Some(1009));

    let upgrade = "GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let silent = answer(says(&dispatch.address, upgrade));
    let end = silent.windows(4).position(|at| at[0] == CLOSE && at[2..] == 1008_u16.to_be_bytes());
    assert!(end.is_some(), "no close frame in {}", String::from_utf8_lossy(&silent));
}

#[test]
fn a_chunked_body_of_60_mb_gets_413_without_being_read_whole() {
    const CHUNK: usize = 60_000;
    let dispatch = Dispatch::new();
    let head = "POST /zones HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let tcp = says(&dispatch.address, head);
    let mut sender = tcp.try_clone().expect("a second handle");
    let sending = thread::spawn(move || {
        let chunk = format!("{CHUNK:x}\r\n{}\r\n", " ".repeat(CHUNK));
        (0..1000).take_while(|_| sender.write_all(chunk.as_bytes()).is_ok()).count() * CHUNK
    });
    let mut answer = Vec::new();
    // What comes after the answer may be a reset: it was told, and goes on.
    let _ = (&tcp).read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let sent = sending.join().expect("it sends");
    assert!(sent < 60_000_000, "{sent} bytes were taken");
    assert_eq!(dispatch.ask("GET", "/health", &Value::Null).status, 200);
}

#[test]
fn what_is_refused_is_logged_once_a_second_with_how_many_were_left_out() {
    const TIMES: usize = 150;
    let dispatch = Dispatch::new();
    let sockets = RefCell::new((0, dispatch.open("/ws")));
    // More than a second: `until` waits a little between two.
    let refused_often = || {
        assert_eq!(dispatch.ask_with("POST", "/zones", &[], "{").status, 400);
        let no_http = answer(says(&dispatch.address, "what is this\r\n\r\n"));
        assert!(no_http.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&no_http));
        let (times, socket) = &mut *sockets.borrow_mut();
        socket.send(Message::text("{"));
        assert_eq!(socket.next().expect("an answer")["type"], "error");
        *times += 1;
        *times == TIMES
    };
    assert!(until(refused_often));
    dispatch.program.signal(Signal::SIGTERM);
    drop(sockets);
    let (_, said) = dispatch.program.end();
    for kind in ["refused a request method=", "refused a request that is no HTTP", "refused a frame conn="] {
        let lines = said.lines().filter(|line| line.contains(kind));
        let left_out =
            lines.filter_map(|line| line.split("left_out=").nth(1)?.split(' ').next()?.parse().ok());
        let left_out: Vec<usize> = left_out.collect();
        assert!(left_out[0] == 0 && left_out[1] > 0, "{kind}: {left_out:?} in {said}");
        assert!(left_out.len() + left_out.iter().sum::<usize>() <= TIMES, "{kind}: {left_out:?} in {said}");
    }
}
