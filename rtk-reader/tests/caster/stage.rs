//! A caster, a receiver that says what a test wants, and clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rtk_reader::caster::{Config, Report, Running, start};
use rtk_reader::frame::{Framer, Protocol, encode};
use rtk_reader::source::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Where the base is, ECEF, metres.
pub const HERE_M: [f64; 3] = [4_278_000.0, 635_600.0, 4_672_300.0];
/// When a test begins.
const START_MS: u64 = 1_800_000_000_000;

pub struct Stage {
    pub address: SocketAddr,
    pub raw: SocketAddr,
    pub running: Running,
    pub stop: CancellationToken,
    /// Milliseconds since the Unix epoch; a test moves it.
    pub clock_ms: Arc<AtomicU64>,
}

impl Stage {
    /// Without a receiver yet.
    pub async fn silent(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let raw = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, raw_address) =
            (listener.local_addr().expect("bound"), raw.local_addr().expect("bound"));
        let clock_ms = Arc::new(AtomicU64::new(START_MS));
        let clock = clock_ms.clone();
        let now = Arc::new(move || Duration::from_millis(clock.load(Ordering::Relaxed)));
        let stop = CancellationToken::new();
        let running = start(config, listener, Some(raw), now, stop.clone());
        Self { address, raw: raw_address, running, stop, clock_ms }
    }

    /// With a receiver that has told its position.
    pub async fn new(config: Config) -> Self {
        let stage = Self::silent(config).await;
        stage.open().await;
        stage.say(&arp(HERE_M)).await;
        stage.until(|report| report.corrections.serving).await;
        stage
    }

    pub async fn open(&self) {
        let event = Event::Opened { device: "test".into(), baud: None };
        self.running.events.send(event).await.expect("it runs");
    }

    pub async fn close(&self) {
        self.running.events.send(Event::Closed { reason: "test".into() }).await.expect("it runs");
    }

    pub async fn say(&self, bytes: &[u8]) {
        let received_at = Duration::from_millis(self.clock_ms.load(Ordering::Relaxed));
        let event = Event::Bytes { received_at, bytes: bytes.to_vec() };
        self.running.events.send(event).await.expect("it runs");
    }

    /// Waits for a report like this.
    pub async fn until(&self, wanted: impl Fn(&Report) -> bool) -> Report {
        let mut reports = self.running.reports.clone();
        let found = timeout(PATIENCE, reports.wait_for(|report| wanted(report))).await;
        if let Ok(report) = found {
            return report.expect("it runs").clone();
        }
        panic!("it never came to that: {:#?}", *self.running.reports.borrow())
    }

    /// Clients get what is left.
    pub async fn end(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.running.done).await.expect("it ends").expect("no panic");
    }

    /// A client that has sent this.
    pub async fn ask(&self, request: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.expect("it listens");
        socket.write_all(request.as_bytes()).await.expect("it reads");
        socket
    }

    /// All that a request is answered.
    pub async fn answer(&self, request: &str) -> String {
        let answer = rest(&mut self.ask(request).await).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

pub fn rev1(mountpoint: &str) -> String {
    format!("GET /{mountpoint} HTTP/1.0\r\nUser-Agent: NTRIP test/1\r\n\r\n")
}

pub fn rev2(mountpoint: &str) -> String {
    format!("GET /{mountpoint} HTTP/1.1\r\nHost: test\r\nntrip-version: NTRIP/2.0\r\n\r\n")
}

/// Until the peer closes.
pub async fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset counts as the end: what came before it is there.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("it ends");
    bytes
}

/// So many bytes.
pub async fn read(socket: &mut TcpStream, many: usize) -> Vec<u8> {
    let mut bytes = vec![0; many];
    let read = timeout(PATIENCE, socket.read_exact(&mut bytes)).await.expect("they come");
    read.expect("they all come");
    bytes
}

/// Behind a head that ends like this.
pub fn behind<'a>(answer: &'a [u8], end: &str) -> &'a [u8] {
    let at = answer.windows(end.len()).position(|window| window == end.as_bytes());
    &answer[at.unwrap_or_else(|| panic!("no {end:?} in {}", String::from_utf8_lossy(answer))) + end.len()..]
}

/// The chunks' content; every chunk whole.
pub fn unchunked(mut chunked: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !chunked.is_empty() {
        let line = chunked.iter().position(|&byte| byte == b'\r').expect("a chunk's length");
        let length = std::str::from_utf8(&chunked[..line]).expect("digits");
        let length = usize::from_str_radix(length, 16).expect("digits");
        let (chunk, after) = chunked[line + 2..].split_at(length);
        bytes.extend_from_slice(chunk);
        chunked = after.strip_prefix(b"\r\n").expect("a chunk's end");
    }
    bytes
}

/// Message numbers of these bytes; nothing else may be there.
pub fn numbers(bytes: &[u8]) -> Vec<u16> {
    let (mut numbers, mut length) = (Vec::new(), 0);
    let mut framer = Framer::new();
    framer.push(Duration::ZERO, bytes, &mut |frame: rtk_reader::frame::Frame<'_>| {
        assert_eq!(frame.protocol, Protocol::Rtcm);
        numbers.push(u16::from_be_bytes([frame.payload()[0], frame.payload()[1]]) >> 4);
        length += frame.bytes.len();
    });
    assert_eq!(length, bytes.len(), "whole frames and nothing else");
    numbers
}

/// A frame of a message that means nothing here; each `n` has another.
pub fn frame(number: u16, n: u32, length: usize) -> Vec<u8> {
    let mut payload = vec![(number >> 4) as u8, (number << 4) as u8];
    payload.extend(n.to_be_bytes());
    payload.resize(length.max(6), 0x5A);
    encode::rtcm(&payload).expect("it fits")
}

/// A 1005 (RTCM 10403.3, table 3.5-6).
pub fn arp(ecef_m: [f64; 3]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: i64, width: u32| bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    let [x, y, z] = ecef_m.map(|metres| (metres * 1e4).round() as i64);
    for (value, width) in
        [(1005, 12), (1, 12), (0, 6), (0b1110, 4), (x, 38), (0, 2), (y, 38), (0, 2), (z, 38)]
    {
        put(value, width);
    }
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
    encode::rtcm(&bits.chunks(8).map(byte).collect::<Vec<u8>>()).expect("it fits")
}
