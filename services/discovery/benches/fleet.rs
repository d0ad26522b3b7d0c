//! What a fleet costs: `cargo bench -p discovery --bench fleet [-- ROVERS CONSOLES SECONDS]`.
//!
//! Every rover beats every 2 s, spread over the interval or all in one moment. Rovers and consoles run in a
//! process of their own, so that the CPU time is the service's. Measured: CPU seconds per second, the time
//! from sending a beat until a console reads it (in a few consoles; a beat's battery voltage is its time),
//! and the longest any console heard nothing.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its report, and fails by panicking"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use discovery::{Config, routes};
use futures_util::StreamExt;
use kit::{
    clock::Clock,
    origin::Origins,
    runner::RunnerLimits,
    serve::{ServeLimits, serve},
    session::SessionLimits,
    tap::Tap,
    web::Web,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    time::{Instant, interval_at},
};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::protocol::{Message, WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

const ROVERS: usize = 1000;
const CONSOLES: usize = 500;
const SECONDS: u64 = 20;
const BEAT: Duration = Duration::from_secs(2);
/// Consoles that look into every frame.
const READERS: usize = 5;

fn main() {
    let mut args: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = Runtime::new().unwrap();
    if args.first().is_some_and(|arg| arg == "clients") {
        return runtime.block_on(clients(&args[1], &args[2..]));
    }
    if !env::args().any(|arg| arg == "--bench") {
        return println!("measures only when asked to: cargo bench -p discovery --bench fleet");
    }
    args.resize(3, String::new());
    let rovers = args[0].parse().unwrap_or(ROVERS);
    let consoles = args[1].parse().unwrap_or(CONSOLES);
    let seconds = args[2].parse().unwrap_or(SECONDS);
    println!("{rovers} rovers at 0.5 Hz, {consoles} consoles, {seconds} s each");
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>10} {:>9}",
        "", "p50 ms", "p99 ms", "max ms", "silent ms", "CPU s/s"
    );
    for query in ["?delta=1", ""] {
        for in_phase in [false, true] {
            let report = runtime.block_on(measure(rovers, consoles, seconds, query, in_phase));
            let phase = if in_phase { "in phase" } else { "spread" };
            println!("{:<24} {report}", format!("/ws{query}, {phase}"));
        }
    }
}

async fn measure(rovers: usize, consoles: usize, seconds: u64, query: &str, in_phase: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let (clock, stop, limits) = (Clock::start(), CancellationToken::new(), RunnerLimits::default());
    let (handle, _) = routes::start(&Config::default(), "0", 1, &Tap::off(), clock, limits, stop.clone());
    let web = Web::new(handle, Origins::default(), SessionLimits::default());
    let router = routes::router(&web, PathBuf::from("nowhere"));
    tokio::spawn(serve(listener, router, stop.clone(), ServeLimits::default()));

    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["clients", &addr, &rovers.to_string(), &consoles.to_string(), &seconds.to_string()]);
    command.args([format!("/ws{query}"), in_phase.to_string()]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // This thread runs no task: it may block.
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let cpu = cpu_seconds();
    let report: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let cpu = (cpu_seconds() - cpu) / seconds as f64;
    stop.cancel();
    child.wait().unwrap();
    let ms = |key: &str| report[key].as_f64().unwrap();
    let (p50, p99, max, silent) = (ms("p50_ms"), ms("p99_ms"), ms("max_ms"), ms("silent_ms"));
    format!("{p50:>8.1} {p99:>8.1} {max:>8.1} {silent:>10.0} {cpu:>9.3}   ({} beats read)", report["beats"])
}

/// Registers the rovers, connects the consoles, says `ready`, beats and reads, and reports.
async fn clients(addr: &str, args: &[String]) {
    let number = |at: usize| args[at].parse::<usize>().unwrap();
    let (rovers, consoles, seconds) = (number(0), number(1), number(2) as u64);
    let (path, in_phase) = (args[3].clone(), args[4] == "true");
    let (clock, stop) = (Clock::start(), CancellationToken::new());
    let since = clock.now();
    let mut sockets = Vec::new();
    for rover in 0..rovers {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        let name = format!("bvr-{rover:04}");
        let body = json!({ "id": name, "name": name, "address": format!("{name}.local:4850") }).to_string();
        post(&mut tcp, "/register", &body).await;
        sockets.push(tcp);
    }
    let mut readers = Vec::new();
    for console in 0..consoles {
        let tcp = TcpStream::connect(addr).await.unwrap();
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let url = format!("ws://{addr}{path}");
        let mut ws = client_async_with_config(url, tcp, Some(config)).await.unwrap().0;
        let stop = stop.clone();
        readers.push(tokio::spawn(async move {
            let (mut delays_ms, mut newest, mut silent, mut last) =
                (Vec::new(), BTreeMap::new(), Duration::ZERO, clock.now());
            loop {
                let message = tokio::select! {
                    message = ws.next() => message,
                    () = stop.cancelled() => return (delays_ms, silent.max(clock.now() - last)),
                };
                let Some(Ok(Message::Text(text))) = message else { continue };
                let now = clock.now();
                silent = silent.max(now - last);
                last = now;
                if console < READERS {
                    let now_ms = (now - since).as_secs_f64() * 1e3;
                    beats(&text, &mut newest, |sent_ms| delays_ms.push(now_ms - sent_ms));
                }
            }
        }));
    }
    println!("ready");
    let start = Instant::from_std(clock.instant(clock.now())) + Duration::from_millis(100);
    let mut beating = Vec::new();
    for (rover, mut tcp) in sockets.into_iter().enumerate() {
        let share = if in_phase { 0.0 } else { rover as f64 / rovers as f64 };
        let mut ticks = interval_at(start + BEAT.mul_f64(share), BEAT);
        let stop = stop.clone();
        beating.push(tokio::spawn(async move {
            let path = format!("/heartbeat/bvr-{rover:04}");
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = stop.cancelled() => return,
                }
                let now_ms = (clock.now() - since).as_secs_f64() * 1e3;
                post(&mut tcp, &path, &json!({ "battery_voltage": now_ms, "mode": 1 }).to_string()).await;
            }
        }));
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.cancel();
    let (mut delays_ms, mut silent) = (Vec::new(), Duration::ZERO);
    for reader in readers {
        let (delays, longest) = reader.await.unwrap();
        delays_ms.extend(delays);
        silent = silent.max(longest);
    }
    delays_ms.sort_by(f64::total_cmp);
    let at = |share: f64| delays_ms[((delays_ms.len() - 1) as f64 * share) as usize];
    let report = json!({ "beats": delays_ms.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
        "silent_ms": silent.as_secs_f64() * 1e3 });
    println!("{report}");
}

/// Tells every beat in a frame that is newer than its rover's `newest`.
fn beats(text: &str, newest: &mut BTreeMap<String, f64>, mut tell: impl FnMut(f64)) {
    for rover in text.split(r#"{"id":""#).skip(1) {
        let id = rover.split('"').next().unwrap();
        let Some(volts) = rover.split(r#""batteryVoltage":"#).nth(1) else { continue };
        let sent_ms: f64 = volts.split([',', '}']).next().unwrap().parse().unwrap();
        // Nobody has told yet.
        if sent_ms > 0.0 && newest.get(id).is_none_or(|newest| *newest < sent_ms) {
            newest.insert(id.to_owned(), sent_ms);
            tell(sent_ms);
        }
    }
}

async fn post(tcp: &mut TcpStream, path: &str, body: &str) {
    let length = body.len();
    let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 512]);
    while !answer.ends_with(br#"{"ok":true}"#) {
        let read = tcp.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..read]);
    }
}

/// User and system time of this process so far (proc_pid_stat(5), fields 14 and 15, in hundredths).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
