//! What corrections cost: `cargo bench --bench caster [-- CLIENTS SECONDS]`.
//!
//! One base of 4.4 kB an epoch, once a second, all at once; clients of revision 1; from the moment the base writes an
//! epoch to the moment its last byte is with a client. `depot gnss cast` with so many clients, and with as many as
//! RTKLIB's `str2str -out ntripc` bears (32), beside it. Each is a process of its own, so that CPU time is the
//! contestant's alone; they take their turns several times, and the middle of the turns is told. Without str2str
//! (Debian rtklib) its row is skipped.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench prints its report, fails by panicking, and reads the clock"
)]

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs};

use fixtures::Scenario;
use nix::unistd::{SysconfVar, sysconf};
use rtk_reader::frame::{Frame, Framer, Protocol, encode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{sleep, sleep_until, timeout};

const CLIENTS: usize = 1000;
const SECONDS: usize = 10;
const TURNS: usize = 3;
/// What RTKLIB's caster bears (`MAXCLI` of its stream.c).
const STR2STR_CLIENTS: usize = 32;
const EPOCH_BYTES: usize = 4400;
const PATIENCE: Duration = Duration::from_secs(60);
const REQUEST: &str =
    "GET /ROVER HTTP/1.0\r\nUser-Agent: NTRIP bench\r\nAuthorization: Basic cm92ZXI6c2VjcmV0\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Contestant {
    Depot,
    Str2str,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    cpu_s_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    most_ms: f64,
}

fn main() {
    if !env::args().any(|arg| arg == "--bench") {
        return println!("measures only when asked to: cargo bench --bench caster");
    }
    let mut args = env::args().skip(1).filter(|arg| !arg.starts_with("--")).map(|arg| arg.parse().unwrap());
    let (clients, seconds) = (args.next().unwrap_or(CLIENTS), args.next().unwrap_or(SECONDS));
    kit::limits::make_room_for(clients);
    let mut rows = vec![(Contestant::Depot, clients), (Contestant::Depot, STR2STR_CLIENTS)];
    match Command::new("str2str").arg("-h").output() {
        Ok(_) => rows.push((Contestant::Str2str, STR2STR_CLIENTS)),
        Err(error) => println!("skipped: str2str (Debian rtklib) doesn't run: {error}"),
    }
    let epoch = epoch();
    println!("{} bytes a second to each client, {seconds} s, the middle of {TURNS} turns", epoch.len());
    let runtime = Runtime::new().unwrap();
    let mut turns = vec![Vec::new(); rows.len()];
    for _ in 0..TURNS {
        for ((contestant, clients), turns) in rows.iter().zip(&mut turns) {
            turns.push(runtime.block_on(measure(*contestant, *clients, seconds, &epoch)));
        }
    }
    println!("{:<22} {:>12} {:>9} {:>9} {:>9}", "", "CPU s per s", "p50 ms", "p99 ms", "most ms");
    for ((contestant, clients), turns) in rows.iter().zip(&turns) {
        let of = |figure: fn(&Row) -> f64| {
            let mut figures: Vec<f64> = turns.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let name = format!("{contestant:?}, {clients} clients").to_lowercase();
        let (cpu, p50, p99, most) =
            (of(|row| row.cpu_s_per_s), of(|row| row.p50_ms), of(|row| row.p99_ms), of(|row| row.most_ms));
        println!("{name:<22} {cpu:>12.4} {p50:>9.2} {p99:>9.2} {most:>9.2}");
    }
}

/// An epoch of a base that has its position, filled up to its length.
fn epoch() -> Vec<u8> {
    let base = Scenario::parse("scenario:duration=60,survey=5").unwrap().bytes();
    let mut epoch = Vec::new();
    Framer::new().push(Duration::ZERO, &base, &mut |frame: Frame<'_>| {
        let is_arp = frame.payload().starts_with(&[0x3E, 0xD0]);
        // From the first 1005 on, as much as fits with a last frame behind it.
        let fits = epoch.len() + frame.bytes.len() + 8 <= EPOCH_BYTES;
        if frame.protocol == Protocol::Rtcm && fits && (is_arp || !epoch.is_empty()) {
            epoch.extend_from_slice(frame.bytes);
        }
    });
    while epoch.len() < EPOCH_BYTES {
        let room = (EPOCH_BYTES - epoch.len()).saturating_sub(6).clamp(2, 1000);
        let mut payload = vec![0xFE, 0x80];
        payload.resize(room, 0);
        epoch.extend(encode::rtcm(&payload).unwrap());
    }
    epoch
}

async fn measure(contestant: Contestant, clients: usize, seconds: usize, epoch: &[u8]) -> Row {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Running::start(contestant, &listener.local_addr().unwrap().to_string()).await;
    let (mut base, _) = timeout(PATIENCE, listener.accept()).await.expect("it reads its base").unwrap();
    base.set_nodelay(true).unwrap();
    // The base's position, before anybody is there.
    base.write_all(epoch).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let written = Arc::new(Mutex::new(Vec::<Instant>::new()));
    let taken = Arc::new(Mutex::new(Vec::<f64>::with_capacity(clients * seconds)));
    let mut readers = Vec::new();
    for _ in 0..clients {
        let mut socket = BufReader::new(TcpStream::connect(&running.address).await.unwrap());
        socket.get_mut().write_all(REQUEST.as_bytes()).await.unwrap();
        let mut head = String::new();
        timeout(PATIENCE, socket.read_line(&mut head)).await.expect("an answer").unwrap();
        assert_eq!(head, "ICY 200 OK\r\n");
        readers.push(tokio::spawn(read(socket, written.clone(), taken.clone(), epoch.len())));
    }
    sleep(Duration::from_secs(1)).await;
    let (before, began) = (running.cpu_seconds(), Instant::now());
    for second in 1..=seconds {
        written.lock().unwrap().push(Instant::now());
        base.write_all(epoch).await.unwrap();
        sleep_until((began + Duration::from_secs(second as u64)).into()).await;
    }
    let cpu_s_per_s = (running.cpu_seconds() - before) / began.elapsed().as_secs_f64();
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    let mut taken = taken.lock().unwrap().clone();
    assert_eq!(taken.len(), clients * seconds, "every epoch came to every client");
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    Row { cpu_s_per_s, p50_ms: at(0.5), p99_ms: at(0.99), most_ms: at(1.0) }
}

async fn read(
    mut socket: BufReader<TcpStream>,
    written: Arc<Mutex<Vec<Instant>>>,
    taken: Arc<Mutex<Vec<f64>>>,
    epoch_bytes: usize,
) {
    let (mut bytes, mut epochs, mut buffer) = (0, 0, vec![0; 8192]);
    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
        bytes += read;
        while bytes >= (epochs + 1) * epoch_bytes {
            let since = written.lock().unwrap()[epochs].elapsed();
            taken.lock().unwrap().push(since.as_secs_f64() * 1e3);
            epochs += 1;
        }
    }
}

/// A contestant; ended when dropped.
struct Running {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Running {
    async fn start(contestant: Contestant, base: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready.json");
        let mut command = match contestant {
            Contestant::Depot => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_depot"));
                let ours = env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DEPOT_"));
                for (name, _) in ours {
                    command.env_remove(name);
                }
                command.args(["gnss", "cast", &format!("tcp://{base}"), "--ntrip-port", "0", "--ready-file"]);
                command.arg(&ready);
                command
            }
            Contestant::Str2str => Command::new("str2str"),
        };
        let mut address = String::new();
        if contestant == Contestant::Str2str {
            // It takes no port 0.
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            address = free.local_addr().unwrap().to_string();
            let out = format!("ntripc://rover:secret@:{}/ROVER", free.local_addr().unwrap().port());
            command.args(["-in", &format!("tcpcli://{base}"), "-out", &out]);
        }
        command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let listens = async {
            loop {
                if contestant == Contestant::Str2str {
                    if TcpStream::connect(&address).await.is_ok() {
                        return;
                    }
                } else if let Ok(text) = fs::read_to_string(&ready) {
                    let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
                    address = addresses["ntrip"].as_str().unwrap().replace("ntrip://", "");
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, listens).await.expect("it listens");
        Self { child, address, _folder: folder }
    }

    /// User and system time so far (proc_pid_stat(5), fields 14 and 15).
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |field: usize| fields[field - 3].parse::<f64>().unwrap();
        (ticks(14) + ticks(15)) / sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
