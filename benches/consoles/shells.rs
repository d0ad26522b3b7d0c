//! Shells to compare with: processes that read a receiver over TCP and tell consoles.

use std::{fmt, io, str::FromStr, sync::Arc};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use gps_status::{Config, machine};
use kit::{
    clock::Clock,
    machine::{Input, Machine, Output, StreamEvent, Timestamp},
    origin::Origins,
    runner::{NoKeeper, Runner, RunnerLimits, StartParts},
    serve::{ServeLimits, serve},
    session::SessionLimits,
    tap::Tap,
    web::Web,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::broadcast,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use wire::gps_status::GpsStatusFrame;

use crate::consoles::MARK;

/// Small messages of a fleet, at each beat.
pub const FLEET_MESSAGES: u64 = 10;
/// States that wait for a console of the usual shell; a slower one misses some.
const BROADCAST_STATES: usize = 1024;

/// Which shell around what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A broadcast channel, one serialisation per console, one flush per message; around gps-status.
    Usual,
    /// The depot's own shell, around a fleet.
    KitFleet,
    /// The usual shell, around a fleet.
    UsualFleet,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = [Self::Usual, Self::KitFleet, Self::UsualFleet];
        kinds.into_iter().find(|kind| kind.to_string() == text).ok_or_else(|| text.to_owned())
    }
}

/// In the process: prints the address and serves until it is killed.
pub async fn run(kind: Kind, receiver: &str) {
    let receiver = TcpStream::connect(receiver).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let ended = match kind {
        Kind::Usual => usual(Box::new(machine(&Config::default())), receiver, listener).await,
        Kind::UsualFleet => usual(Box::new(Fleet::default()), receiver, listener).await,
        Kind::KitFleet => kit_shell(Box::new(Fleet::default()), receiver, listener).await,
    };
    ended.unwrap();
}

/// Tells of ten rovers at each byte.
#[derive(Debug, Default)]
struct Fleet {
    epochs: u64,
}

impl Machine for Fleet {
    fn handle(&mut self, _: Timestamp, input: Input, out: &mut Vec<Output>) {
        if let Input::Stream { event: StreamEvent::Bytes { bytes, .. } } = input {
            for _ in bytes {
                self.epochs += 1;
                out.extend((0..FLEET_MESSAGES).map(|rover| rover_update(rover, self.epochs)));
            }
        }
    }
    fn next_timeout(&self) -> Option<Timestamp> {
        None
    }
    fn handle_timeout(&mut self, _: Timestamp, _: &mut Vec<Output>) {}
    fn state(&self) -> Value {
        Value::Null
    }
}

fn rover_update(rover: u64, epoch: u64) -> Output {
    let text = format!(r#"{{"type":"rover_update","rover_id":"bvr-{rover:02}","beat":{{{MARK}{epoch}}}}}"#);
    Output::Publish { path: "/ws".into(), text: text.into(), key: None }
}

/// What the usual shell's sessions share and serialise, each for itself.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum State {
    Status(Box<GpsStatusFrame>),
    Rover(RoverUpdate),
}

#[derive(Serialize, Deserialize)]
struct RoverUpdate {
    r#type: String,
    rover_id: String,
    beat: Beat,
}

#[derive(Serialize, Deserialize)]
struct Beat {
    r#type: u16,
    count: u64,
}

async fn kit_shell(
    machine: Box<dyn Machine>,
    mut receiver: TcpStream,
    listener: TcpListener,
) -> io::Result<()> {
    let start = StartParts { version: String::new(), seed: 0, config: Value::Null };
    let (clock, stop) = (Clock::start(), CancellationToken::new());
    let limits = RunnerLimits::default();
    let (handle, _) =
        Runner::spawn(machine, Box::new(NoKeeper), start, Tap::off(), clock, limits, stop.clone());
    let web = Web::new(handle.clone(), Origins::default(), SessionLimits::default());
    let router = web.finish(Router::new().route("/ws", web.ws_route("/ws")));
    tokio::spawn(serve(listener, router, stop, ServeLimits::default()));
    loop {
        let event = bytes(&mut receiver, clock).await?;
        handle.stream(event).await.map_err(io::Error::other)?;
    }
}

async fn usual(
    mut machine: Box<dyn Machine>,
    mut receiver: TcpStream,
    listener: TcpListener,
) -> io::Result<()> {
    let (states, _) = broadcast::channel(BROADCAST_STATES);
    let route = any({
        let states = states.clone();
        move |upgrade: WebSocketUpgrade| async move {
            upgrade.on_upgrade(move |socket| usual_session(socket, states.subscribe()))
        }
    });
    let router = Router::new().route("/ws", route);
    tokio::spawn(async { axum::serve(listener, router).await });
    let clock = Clock::start();
    let mut out = Vec::new();
    let opened = StreamEvent::Opened { device: "bench".into(), baud: None };
    machine.handle(clock.now(), Input::Stream { event: opened }, &mut out);
    loop {
        let wake = machine.next_timeout().map(|at| Instant::from_std(clock.instant(at)));
        let sleep = async {
            match wake {
                Some(wake) => sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = bytes(&mut receiver, clock) => {
                machine.handle(clock.now(), Input::Stream { event: event? }, &mut out);
            }
            () = sleep => machine.handle_timeout(clock.now(), &mut out),
        }
        for output in out.drain(..) {
            if let Output::Publish { text, .. } = output {
                let state: State = serde_json::from_str(&text)?;
                // Nobody listens yet.
                let _ = states.send(Arc::new(state));
            }
        }
    }
}

async fn bytes(receiver: &mut TcpStream, clock: Clock) -> io::Result<StreamEvent> {
    let mut bytes = vec![0; 16 << 10];
    let length = receiver.read(&mut bytes).await?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(length);
    let received_at_ns = u64::try_from(clock.now().as_nanos()).unwrap_or(u64::MAX);
    Ok(StreamEvent::Bytes { received_at_ns, bytes })
}

async fn usual_session(mut socket: WebSocket, mut states: broadcast::Receiver<Arc<State>>) {
    let hello = json!({ "type": "hello" }).to_string();
    if socket.send(Message::text(hello)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            state = states.recv() => {
                let Ok(state) = state else { return };
                let Ok(text) = serde_json::to_string(&*state) else { return };
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            heard = socket.recv() => if !matches!(heard, Some(Ok(_))) { return },
        }
    }
}
