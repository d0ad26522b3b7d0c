//! What a thousand consoles cost: `cargo bench -p kit --bench consoles [-- CONSOLES SECONDS]`.
//!
//! The clients run in a process of their own, so that the figures are the service's: messages per second of
//! its CPU time, the time from publication to a client's hands, and memory per idle connection. The other
//! side of the comparison is the usual shell: a broadcast channel, one serialisation per client, one flush
//! per message.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its report, and fails by panicking"
)]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::any,
};
use futures_util::StreamExt;
use kit::{
    clock::Clock,
    machine::{Input, Machine, Output, StreamEvent, Timestamp},
    origin::Origins,
    runner::{Handle, Runner, RunnerLimits, StartParts},
    serve::serve,
    session::SessionLimits,
    tap::Tap,
    web::Web,
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::broadcast,
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::protocol::{Message as ClientMessage, WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

const CONSOLES: usize = 1000;
const SECONDS: u64 = 10;
/// A change ten times a second, as gps-status allows at most.
const TICK: Duration = Duration::from_millis(100);
/// About what a status with forty satellites takes.
const MESSAGE_BYTES: usize = 2048;

fn main() {
    let mut args: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = Runtime::new().unwrap();
    if args.first().is_some_and(|arg| arg == "clients") {
        return runtime.block_on(clients(&args[1], args[2].parse().unwrap()));
    }
    if !env::args().any(|arg| arg == "--bench") {
        return println!("measures only when asked to: cargo bench -p kit --bench consoles");
    }
    args.resize(2, String::new());
    let consoles = args[0].parse().unwrap_or(CONSOLES);
    let seconds = args[1].parse().unwrap_or(SECONDS);
    println!("{consoles} consoles, {seconds} s each, messages of {MESSAGE_BYTES} bytes");
    println!("{:<34} {:>9} {:>9} {:>12} {:>10}", "", "p50 ms", "p99 ms", "msg/CPU s", "idle B/conn");
    for burst in [1, 10] {
        for shell in [Shell::Kit { gather_bytes: 8192 }, Shell::Kit { gather_bytes: 0 }, Shell::Usual] {
            let report = runtime.block_on(measure(shell, consoles, seconds, burst));
            println!("{:<34} {report}", format!("{shell:?}, {burst} per tick"));
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Shell {
    Kit { gather_bytes: usize },
    Usual,
}

async fn measure(shell: Shell, consoles: usize, seconds: u64, burst: u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let (clock, stop) = (Clock::start(), CancellationToken::new());
    let (usual, _) = broadcast::channel(1024);
    let mut handle = None;
    match shell {
        Shell::Kit { gather_bytes } => handle = Some(kit_shell(listener, clock, gather_bytes, &stop)),
        Shell::Usual => usual_shell(listener, &usual),
    }
    let before = resident_bytes();
    let (mut child, mut lines) = start_clients(&addr, consoles);
    // This thread runs no task: it may block.
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let idle = resident_bytes().saturating_sub(before) / consoles as u64;

    let cpu = cpu_seconds();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..seconds * 10 {
        ticks.tick().await;
        match &handle {
            Some(handle) => {
                let event = StreamEvent::Bytes { received_at_ns: 0, bytes: vec![0; burst.into()] };
                handle.stream(event).await.unwrap();
            }
            None => (0..burst).for_each(|_| drop(usual.send(clock.now()))),
        }
    }
    drop(child.stdin.take());
    let report: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let cpu = cpu_seconds() - cpu;
    stop.cancel();
    child.wait().unwrap();
    let messages = report["messages"].as_f64().unwrap();
    let (p50, p99) = (report["p50_ms"].as_f64().unwrap(), report["p99_ms"].as_f64().unwrap());
    format!(
        "{p50:>9.2} {p99:>9.2} {:>12.0} {idle:>10}   ({messages} messages, {cpu:.2} s CPU)",
        messages / cpu
    )
}

/// Publishes a message with the time in it for each byte of its stream.
struct Beacon;

fn message(now: Timestamp) -> String {
    json!({ "sent_ns": u64::try_from(now.as_nanos()).unwrap(), "pad": "x".repeat(MESSAGE_BYTES) }).to_string()
}

impl Machine for Beacon {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        if let Input::Stream { event: StreamEvent::Bytes { bytes, .. } } = input {
            let publish = |_| Output::Publish { path: "/ws".into(), text: message(now).into(), key: None };
            out.extend(bytes.iter().map(publish));
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

fn kit_shell(listener: TcpListener, clock: Clock, gather_bytes: usize, stop: &CancellationToken) -> Handle {
    let start = StartParts { version: String::new(), seed: 0, config: Value::Null };
    let limits = RunnerLimits::default();
    let (handle, _) = Runner::spawn(Box::new(Beacon), start, Tap::off(), clock, limits, stop.clone());
    let limits = SessionLimits { gather_bytes, ..SessionLimits::default() };
    let web = Web::new(handle.clone(), Origins::default(), limits);
    let router = web.finish(Router::new().route("/ws", web.ws_route("/ws")));
    tokio::spawn(serve(listener, router, stop.clone(), limits.close_wait));
    handle
}

fn usual_shell(listener: TcpListener, states: &broadcast::Sender<Timestamp>) {
    let states = states.clone();
    let route = any(move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| usual_session(socket, states.subscribe()))
    });
    let router = Router::new().route("/ws", route);
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
}

async fn usual_session(mut socket: WebSocket, mut states: broadcast::Receiver<Timestamp>) {
    loop {
        tokio::select! {
            state = states.recv() => {
                let Ok(state) = state else { return };
                if socket.send(Message::text(message(state))).await.is_err() {
                    return;
                }
            }
            heard = socket.recv() => if !matches!(heard, Some(Ok(_))) { return },
        }
    }
}

fn start_clients(addr: &str, count: usize) -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["clients", addr, &count.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// Connects, says `ready`, reads until standard input ends and a moment longer, and reports.
async fn clients(addr: &str, count: usize) {
    let (clock, stop) = (Clock::start(), CancellationToken::new());
    let mut tasks = Vec::new();
    for _ in 0..count {
        let tcp = TcpStream::connect(addr).await.unwrap();
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let url = format!("ws://{addr}/ws");
        let mut ws = client_async_with_config(url, tcp, Some(config)).await.unwrap().0;
        let stop = stop.clone();
        tasks.push(tokio::spawn(async move {
            let mut delays_ns = Vec::new();
            loop {
                let message = tokio::select! {
                    message = ws.next() => message,
                    () = stop.cancelled() => return delays_ns,
                };
                if let Some(Ok(ClientMessage::Text(text))) = message {
                    let sent =
                        text.split(|c: char| !c.is_ascii_digit()).find(|part| part.len() > 10).unwrap();
                    let now_ns = u64::try_from(clock.now().as_nanos()).unwrap();
                    delays_ns.push(now_ns.saturating_sub(sent.parse().unwrap()));
                }
            }
        }));
    }
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop)).await.unwrap();
    tokio::time::sleep(TICK * 5).await;
    stop.cancel();
    let mut delays_ns = Vec::new();
    for task in tasks {
        delays_ns.extend(task.await.unwrap());
    }
    delays_ns.sort_unstable();
    let at = |share: f64| delays_ns[(delays_ns.len() as f64 * share) as usize] as f64 / 1e6;
    println!("{}", json!({ "messages": delays_ns.len(), "p50_ms": at(0.5), "p99_ms": at(0.99) }));
}

/// User and system time of this process so far (proc_pid_stat(5), fields 14 and 15, in hundredths).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Resident memory of this process (proc_pid_status(5)).
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
