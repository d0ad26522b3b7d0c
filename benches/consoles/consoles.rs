//! The consoles: a process that connects them all, reads, and says how late everything came.

use std::{
    collections::BTreeMap,
    env,
    io::{Write, stdin},
    process::{Command, Stdio},
    time::Duration,
};

use futures_util::StreamExt;
use kit::{clock::Clock, machine::Timestamp};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpStream, task::JoinHandle, time::sleep};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::protocol::{Message, WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

use crate::process::{Child, Lines};

/// Stands before an epoch's number in every message: a status counts the epochs in its last MSM's count.
pub const MARK: &str = r#""type":1127,"count":"#;
/// After the last epoch: what is on its way arrives.
const GRACE: Duration = Duration::from_millis(500);

/// What the consoles saw.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub messages: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Epochs that a console was told nothing of, neither alone nor with a later one.
    pub missed: usize,
}

/// The process, seen from the bench.
pub struct Consoles {
    child: Child,
    lines: Lines,
}

impl Consoles {
    pub fn start(address: &str, count: usize) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["as-consoles", address, &count.to_string()]).stdin(Stdio::piped());
        let (child, lines) = Child::spawn(command);
        Self { child, lines }
    }

    pub async fn wait_for(&mut self, word: &str) {
        assert_eq!(self.lines.next().await, word);
    }

    /// After `half`.
    pub fn go_on(&mut self) {
        writeln!(self.child.stdin(), "on").unwrap();
    }

    /// An epoch was sent.
    pub fn sent(&mut self, number: u64, at: Timestamp) {
        writeln!(self.child.stdin(), "{number} {}", at.as_nanos()).unwrap();
    }

    pub async fn finish(mut self) -> Report {
        self.child.close_stdin();
        serde_json::from_str(&self.lines.next().await).unwrap()
    }
}

type Console = JoinHandle<Vec<(u64, Timestamp)>>;

/// In the process: connects half, and the other half when told to; reads until standard input ends.
pub async fn run(address: &str, count: usize) {
    let (clock, stop) = (Clock::start(), CancellationToken::new());
    let mut consoles = Vec::new();
    for words in ["half", "all"] {
        let until = if words == "half" { count / 2 } else { count };
        while consoles.len() < until {
            let ws = connect(address).await;
            consoles.push(tokio::spawn(read(ws, clock, stop.clone())));
        }
        sleep(GRACE).await;
        println!("{words}");
        if words == "half" {
            stdin().read_line(&mut String::new()).unwrap();
        }
    }
    let sent = tokio::task::spawn_blocking(sent_epochs).await.unwrap();
    sleep(GRACE).await;
    stop.cancel();
    println!("{}", serde_json::to_string(&report(consoles, &sent).await).unwrap());
}

fn sent_epochs() -> BTreeMap<u64, Timestamp> {
    let parse = |line: String| {
        let (number, at) = line.split_once(' ').unwrap();
        (number.parse().unwrap(), Timestamp::from_nanos(at.parse().unwrap()))
    };
    stdin().lines().map(|line| parse(line.unwrap())).collect()
}

async fn connect(address: &str) -> WebSocketStream<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let url = format!("ws://{address}/ws");
    client_async_with_config(url, tcp, Some(config)).await.unwrap().0
}

/// The epoch of each message, and when it came.
async fn read(
    mut ws: WebSocketStream<TcpStream>,
    clock: Clock,
    stop: CancellationToken,
) -> Vec<(u64, Timestamp)> {
    let mut seen = Vec::new();
    loop {
        let message = tokio::select! {
            message = ws.next() => message,
            () = stop.cancelled() => return seen,
        };
        match message {
            Some(Ok(Message::Text(text))) => seen.push((epoch_of(&text), clock.now())),
            Some(Ok(_)) => {}
            _ => return seen,
        }
    }
}

fn epoch_of(text: &str) -> u64 {
    let Some((_, rest)) = text.split_once(MARK) else { return 0 };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().unwrap_or(0)
}

/// A message tells of every epoch up to its own that hadn't been told of.
async fn report(consoles: Vec<Console>, sent: &BTreeMap<u64, Timestamp>) -> Report {
    let (Some((&first, _)), Some((&last, _))) = (sent.first_key_value(), sent.last_key_value()) else {
        panic!("no epoch was sent");
    };
    let (mut messages, mut missed, mut delays) = (0, 0, Vec::new());
    for console in consoles {
        let mut told = first - 1;
        for (epoch, at) in console.await.unwrap() {
            if epoch >= first {
                messages += 1;
                // The last of several with one number: all of the epoch has come.
                let from = if epoch == told { epoch } else { told + 1 };
                delays.extend(sent.range(from..=epoch).map(|(_, sent)| at.saturating_sub(*sent)));
                told = told.max(epoch);
            }
        }
        missed += usize::try_from(last - told).unwrap();
    }
    delays.sort_unstable();
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    Report { messages, p50_ms: at(50), p99_ms: at(99), missed }
}
