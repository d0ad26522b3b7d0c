//! Live services in this process, on ports of their own, and what they record.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use axum::Router;
use dispatch::store::{connect, keeper};
use kit::clock::Clock;
use kit::machine::{ConnId, Input, Machine, Output, Timestamp};
use kit::origin::Origins;
use kit::runner::{Handle, Peer, Runner, RunnerLimits, StartParts};
use kit::serve::{ServeLimits, serve};
use kit::session::SessionLimits;
use kit::tap::{Events, Tap};
use kit::web::Web;
use replay::session::Session;
use replay::writer::{About, SessionWriter};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A service that runs.
pub struct Live {
    pub address: SocketAddr,
    pub handle: Handle,
    events: Events,
    stop: CancellationToken,
    runner: JoinHandle<Value>,
    server: JoinHandle<()>,
    store: Option<thread::JoinHandle<()>>,
}

/// What a service is made of, besides its own.
struct Ground {
    tap: Tap,
    events: Events,
    clock: Clock,
    stop: CancellationToken,
}

impl Ground {
    fn new() -> Self {
        let (tap, events) = Tap::on();
        Self { tap, events, clock: Clock::start(), stop: CancellationToken::new() }
    }

    async fn serve(
        self,
        (handle, runner): (Handle, JoinHandle<Value>),
        router: impl FnOnce(&Web) -> Router,
    ) -> Live {
        let web = Web::new(handle.clone(), Origins::new::<&str>(&[]).unwrap(), SessionLimits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = ServeLimits { shutdown: Duration::from_secs(1), ..ServeLimits::default() };
        let server = tokio::spawn(serve(listener, router(&web), self.stop.clone(), limits));
        drop(self.tap);
        Live { address, handle, events: self.events, stop: self.stop, runner, server, store: None }
    }
}

fn limits() -> RunnerLimits {
    RunnerLimits { shutdown: Duration::from_millis(200), ..RunnerLimits::default() }
}

/// How a dispatch is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Half of the way is told as a little more.
    Progress,
    /// Consoles aren't told that a zone has changed.
    Silent,
    /// A task that is asked for has another id.
    Id,
    /// A list of missions that doesn't come.
    Mute,
    /// What isn't there is told otherwise.
    Status,
    /// Consoles are told of a rover twice.
    Twice,
    /// Consoles are told that a zone has changed when a rover says something next.
    Slow,
}

struct Faulty {
    machine: Box<dyn Machine>,
    fault: Fault,
    asked: String,
    /// What comes later.
    held: Vec<Output>,
}

impl Faulty {
    fn spoil(&mut self, output: Output, out: &mut Vec<Output>) {
        match (self.fault, output) {
            (Fault::Progress, Output::Publish { path, text, key }) => {
                let text = text.replace(r#""progress":50"#, r#""progress":51"#).into();
                out.push(Output::Publish { path, text, key });
            }
            (Fault::Silent, Output::Publish { text, .. })
                if text.contains(r#""type":"zone_update""#) && text.contains("court") => {}
            (Fault::Slow, output @ Output::Publish { .. }) if matches!(&output, Output::Publish { text, .. } if text.contains(r#""type":"zone_update""#) && text.contains("court")) =>
            {
                self.held.push(output);
            }
            (Fault::Id, Output::Http { id, status, body, link }) if self.asked.starts_with("GET /tasks/") => {
                let made_up = r#"{"id":"67e55044-10b1-426f-9247-bb680e5fe0c8""#;
                let body = format!("{made_up}{}", body.get(44..).unwrap());
                out.push(Output::Http { id, status, body, link });
            }
            (Fault::Mute, Output::Http { .. }) if self.asked == "GET /missions" => {}
            (Fault::Status, Output::Http { id, status: 404, body, link }) => {
                out.push(Output::Http { id, status: 410, body, link });
            }
            (Fault::Twice, Output::Publish { path, text, key })
                if text.contains("bvr-02\",\"connected\":true") =>
            {
                out.push(Output::Publish { path: path.clone(), text: text.clone(), key });
                out.push(Output::Publish { path, text, key });
            }
            (_, output) => out.push(output),
        }
    }
}

impl Machine for Faulty {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        if let Input::Http { method, path, .. } = &input {
            self.asked = format!("{method} {path}");
        }
        if matches!(input, Input::Text { .. }) {
            out.append(&mut self.held);
        }
        let mut made = Vec::new();
        self.machine.handle(now, input, &mut made);
        made.into_iter().for_each(|output| self.spoil(output, out));
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.machine.next_timeout()
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let mut made = Vec::new();
        self.machine.handle_timeout(now, &mut made);
        made.into_iter().for_each(|output| self.spoil(output, out));
    }

    fn state(&self) -> Value {
        self.machine.state()
    }
}

/// A dispatch with nothing in its database.
pub async fn dispatch(seed: u64) -> Live {
    faulty_dispatch(seed, Fault::None).await
}

/// One that isn't what it was.
pub async fn faulty_dispatch(seed: u64, fault: Fault) -> Live {
    let ground = Ground::new();
    let store = connect("sqlite::memory:", Path::new(".")).unwrap();
    let (link, desk) = keeper::start(store, keeper::Pace::default()).unwrap();
    let config = dispatch::Config::default();
    let machine = Box::new(dispatch::machine(&config, seed));
    let machine = Faulty { machine, fault, asked: String::new(), held: Vec::new() };
    let start =
        StartParts { version: "0.0.0".to_owned(), seed, config: serde_json::to_value(&config).unwrap() };
    let (handle, runner) = Runner::spawn(
        Box::new(machine),
        Box::new(link),
        start,
        ground.tap.of(dispatch::SERVICE),
        ground.clock,
        limits(),
        ground.stop.clone(),
    );
    let teller = handle.clone();
    let (told, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let store = desk.tell(move |event| {
        let taken = teller.store_blocking(event);
        let _ = told.send(());
        taken
    });
    opened.recv().await.unwrap();
    let mut live = ground.serve((handle, runner), dispatch::routes::router).await;
    live.store = Some(store);
    live
}

/// A gps-status whose receiver is elsewhere, or nowhere.
pub async fn gps_status(source: gps_status::Source) -> Live {
    let ground = Ground::new();
    let config = gps_status::Config { source };
    let started = gps_status::routes::start(
        &config,
        "0.0.0",
        1,
        &ground.tap,
        ground.clock,
        limits(),
        ground.stop.clone(),
    );
    ground.serve(started, gps_status::routes::router).await
}

/// A discovery that knows nobody.
pub async fn discovery() -> Live {
    let ground = Ground::new();
    let started = discovery::routes::start(
        &discovery::Config::default(),
        "0.0.0",
        1,
        &ground.tap,
        ground.clock,
        limits(),
        ground.stop.clone(),
    );
    ground.serve(started, |web| discovery::routes::router(web, PathBuf::new())).await
}

impl Live {
    /// As `--url` has it.
    pub fn url(&self) -> replay::wire::Url {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// A client without a socket: recorded like any.
    pub async fn open(&self, path: &str, query: &str) -> ConnId {
        let peer = Peer { addr: "test".to_owned(), origin: None };
        self.handle.open(peer, path.to_owned(), query.to_owned()).await.unwrap().conn
    }

    pub async fn say(&self, conn: ConnId, frame: &Value) {
        self.handle.text(conn, frame.to_string().into()).await.unwrap();
    }

    /// The status and the body.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (status, body) = self.handle.http(method, path, query, body).await;
        (status.as_u16(), serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// Stops it; what happened.
    pub async fn end(self) -> Session {
        self.stop.cancel();
        drop(self.handle);
        let _ = self.runner.await;
        let _ = self.server.await;
        if let Some(store) = self.store {
            tokio::task::spawn_blocking(move || store.join()).await.unwrap().unwrap();
        }
        let mut bytes = Vec::new();
        let about = About { version: "0.0.0".to_owned(), ..About::default() };
        let mut writer = SessionWriter::new(&mut bytes, &about).unwrap();
        for event in self.events.iter() {
            writer.write(event.seq, event.at, event.service, &event.body).unwrap();
        }
        writer.finish().unwrap();
        Session::from_bytes(bytes).unwrap()
    }
}
