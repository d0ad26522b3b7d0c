//! A proxy in this process, recording into memory, and upstreams that do as they are told.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::clock::Clock;
use kit::proxied::ProxyEvent;
use kit::tap::Body;
use replay::proxy::{Listener, Options, serve};
use replay::recorder::{About, RecordError, Recorder, Summary};
use replay::session::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Something that happens, or the test has failed.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("in time")
}

/// Where a recording goes; fails when it has become so long.
#[derive(Clone, Default)]
pub struct File {
    bytes: Arc<Mutex<Vec<u8>>>,
    fails_after: Option<usize>,
}

impl File {
    pub fn failing_after(bytes: usize) -> Self {
        Self { fails_after: Some(bytes), ..Self::default() }
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.bytes.lock().expect("one writer");
        if self.fails_after.is_some_and(|limit| all.len() + bytes.len() > limit) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A proxy that runs.
pub struct Proxy {
    /// Where clients connect, in the order of the upstreams.
    pub addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    recorder: Recorder,
    file: File,
}

impl Proxy {
    pub async fn start(upstreams: &[(&'static str, String)], options: Options) -> Self {
        Self::recording(upstreams, options, File::default()).await
    }

    pub async fn to(upstream: SocketAddr) -> Self {
        Self::start(&[("up", format!("http://{upstream}"))], Options::default()).await
    }

    pub async fn recording(upstreams: &[(&'static str, String)], options: Options, file: File) -> Self {
        let clock = Clock::start();
        let (recorder, tap) = Recorder::to_writer(file.clone(), &About::default(), clock).expect("memory");
        let mut listeners = Vec::new();
        for (name, target) in upstreams {
            let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            listeners.push(Listener { name, socket, target: target.parse().expect("a URL") });
        }
        let addresses = listeners.iter().map(|one| one.socket.local_addr().expect("bound")).collect();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listeners, options, tap, clock, stop.clone()));
        Self { addresses, stop, serving, recorder, file }
    }

    pub async fn client(&self) -> TcpStream {
        soon(TcpStream::connect(self.addresses[0])).await.expect("it listens")
    }

    /// Stops; what was recorded, with the name it was recorded under.
    pub async fn end(self) -> Vec<(String, ProxyEvent)> {
        let (file, result) = self.stop().await;
        result.expect("memory takes all");
        let bytes = file.bytes.lock().expect("the recorder is done").clone();
        events(&bytes)
    }

    pub async fn stop(self) -> (File, Result<Summary, RecordError>) {
        self.stop.cancel();
        soon(self.serving).await.expect("it doesn't panic");
        let result = tokio::task::spawn_blocking(|| self.recorder.finish()).await.expect("it doesn't panic");
        (self.file, result)
    }
}

/// All events of a proxy's recording.
pub fn events(bytes: &[u8]) -> Vec<(String, ProxyEvent)> {
    let session = Session::from_bytes(bytes).expect("a session");
    let events = session.events().expect("memory").map(|event| event.expect("a sound file"));
    let proxied = events.map(|event| match event.body {
        Body::Proxy(proxied) => (event.service.to_string(), proxied),
        other => panic!("{other:?}"),
    });
    proxied.collect()
}

/// Only what one connection's events are, without their addresses, for a snapshot.
pub fn told(events: &[(String, ProxyEvent)], conn: u64) -> String {
    let line = |event: &ProxyEvent| match event {
        ProxyEvent::Accepted { .. } => "accepted".to_owned(),
        ProxyEvent::Connected { .. } => "connected".to_owned(),
        ProxyEvent::Failed { stage, .. } => format!("failed {stage:?}"),
        ProxyEvent::Request { method, target, .. } => format!("{method} {target}"),
        ProxyEvent::Response { status, by_proxy, .. } => {
            format!("{status}{}", if *by_proxy { " by proxy" } else { "" })
        }
        ProxyEvent::Ended { from: Some(from), how, .. } => format!("{from:?} {how:?}"),
        ProxyEvent::Ended { how, .. } => format!("proxy {how:?}"),
        ProxyEvent::Frame { from, opcode, fin, close: Some(close), .. } => {
            format!("{from:?} frame {opcode} {fin} close {} {}", close.code, close.reason)
        }
        ProxyEvent::Frame { from, opcode, fin, payload, .. } => {
            format!("{from:?} frame {opcode} {fin} {payload:?}")
        }
        ProxyEvent::Body { from, payload, .. } => format!("{from:?} body {payload:?}"),
        ProxyEvent::BodyEnd { from, complete, .. } => format!("{from:?} body end {complete}"),
        ProxyEvent::Raw { from, payload, .. } => format!("{from:?} raw {payload:?}"),
        ProxyEvent::Violation { from, .. } => format!("{from:?} violation"),
        ProxyEvent::Closed { client_bytes, upstream_bytes, .. } => {
            format!("closed {client_bytes} {upstream_bytes}")
        }
        ProxyEvent::Listening { .. } => String::new(),
    };
    let of_conn = events.iter().map(|(_, event)| event).filter(|event| event.conn() == Some(conn));
    of_conn.map(|event| line(event) + "\n").collect()
}

/// A service whose connections are handled so, one after the other.
pub async fn upstream<F, W>(mut handle: F) -> SocketAddr
where
    F: FnMut(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(handle(socket));
        }
    });
    address
}

/// A head: all up to its blank line, a byte at a time.
pub async fn head(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(soon(socket.read_u8()).await.expect("a whole head"));
    }
    String::from_utf8(bytes).expect("text")
}

pub async fn send(socket: &mut TcpStream, text: &str) {
    soon(socket.write_all(text.as_bytes())).await.expect("it is read");
}

/// All until the end.
pub async fn rest(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    soon(socket.read_to_end(&mut bytes)).await.expect("an end in order");
    String::from_utf8(bytes).expect("text")
}
