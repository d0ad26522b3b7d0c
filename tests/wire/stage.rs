//! Live services in this process, on ports of their own, and what they record.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use axum::Router;
use dispatch::store::{connect, keeper};
use kit::clock::Clock;
use kit::machine::ConnId;
use kit::origin::Origins;
use kit::runner::{Handle, Peer, RunnerLimits};
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
    RunnerLimits { shutdown: Duration::from_secs(1), ..RunnerLimits::default() }
}

/// A dispatch with nothing in its database.
pub async fn dispatch(seed: u64) -> Live {
    let ground = Ground::new();
    let store = connect("sqlite::memory:", Path::new(".")).unwrap();
    let (link, desk) = keeper::start(store, keeper::Pace::default()).unwrap();
    let parts = dispatch::routes::Parts {
        version: "0.0.0",
        seed,
        tap: &ground.tap,
        clock: ground.clock,
        limits: limits(),
        stop: ground.stop.clone(),
    };
    let (handle, runner) = dispatch::routes::start(&dispatch::Config::default(), parts, Box::new(link));
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
