//! Rovers that report, and consoles that hear of it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use kit::{clock::Clock, machine::Timestamp};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, interval_at, sleep},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Http, Socket, quantiles},
    service::Service,
};

/// In a lap. A report's number is its lap and its waypoint in one.
const WAYPOINTS: u64 = 10;
/// After the last report, how long consoles may take to have heard of it.
const GRACE: Duration = Duration::from_secs(2);

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub rovers: usize,
    pub consoles: usize,
    pub messages_per_s: usize,
    pub seconds: usize,
}

/// What came of it.
pub struct Report {
    sent: usize,
    told: usize,
    delays: Vec<Duration>,
    cpu: f64,
    closed: usize,
    wrong: usize,
    unsaid: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, told, delays, cpu, closed, wrong, unsaid } = self;
        let (delays, indent) = (quantiles(delays.clone()), " ".repeat(29));
        write!(
            f,
            "{delays}, {cpu:.3} CPU s/s\n{indent}{sent} reports, {told} told; rovers closed {closed}, "
        )?;
        write!(f, "last reports not in GET /tasks {unsaid}, consoles with another last state {wrong}")
    }
}

/// When each report of each rover was sent, nanoseconds.
type Sent = Arc<Vec<Vec<AtomicU64>>>;

pub async fn run(service: &Service, load: &Load) -> Report {
    let (address, clock, stop) = (service.address.as_str(), Clock::start(), CancellationToken::new());
    let mut http = Http::connect(address).await;
    let zone = http.zone(WAYPOINTS as usize).await;
    let mut rovers = Vec::new();
    for number in 0..load.rovers {
        let name = format!("bvr-{number:03}");
        let mut socket = Socket::rover(address, &name).await;
        let mission = http.mission(&zone, &name, true).await;
        http.post(&format!("/missions/{mission}/start"), &Value::Null).await;
        rovers.push((socket.task().await, socket));
    }
    let tasks: Arc<BTreeMap<String, usize>> =
        Arc::new(rovers.iter().enumerate().map(|(n, (id, _))| (id.clone(), n)).collect());
    let period = Duration::from_secs_f64(load.rovers as f64 / load.messages_per_s as f64);
    let reports = (load.seconds as f64 / period.as_secs_f64()) as usize;
    let sent: Sent =
        Arc::new((0..load.rovers).map(|_| (0..reports).map(|_| AtomicU64::new(0)).collect()).collect());

    let mut consoles = Vec::new();
    for _ in 0..load.consoles {
        let socket = Socket::connect(address, "/ws/console").await;
        let (tasks, sent) = (Arc::clone(&tasks), Arc::clone(&sent));
        consoles.push(tokio::spawn(listen(socket, clock, tasks, sent, stop.clone())));
    }
    sleep(Duration::from_millis(500)).await;

    let cpu = service.cpu_seconds();
    let start = Instant::from_std(clock.instant(clock.now()));
    let mut reporting: Vec<JoinHandle<(String, usize, Socket)>> = Vec::new();
    for (number, (task, socket)) in rovers.into_iter().enumerate() {
        let first = start + period.mul_f64(number as f64 / load.rovers as f64);
        reporting.push(tokio::spawn(report(socket, task, first, period, clock, Arc::clone(&sent), number)));
    }
    let mut rovers = Vec::new();
    for rover in reporting {
        rovers.push(rover.await.unwrap());
    }
    let took = (Instant::from_std(clock.instant(clock.now())) - start).as_secs_f64();
    let cpu = (service.cpu_seconds() - cpu) / took;
    sleep(GRACE).await;
    // The first connection was closed meanwhile: it asked for nothing.
    let truth = Http::connect(address).await.get("/tasks?status=active&limit=1000").await;
    stop.cancel();
    let truth: BTreeMap<&str, &Value> =
        truth.as_array().unwrap().iter().map(|task| (task["id"].as_str().unwrap(), task)).collect();

    let closed = rovers.iter().filter(|(_, count, _)| *count < reports).count();
    let last = |task: &Value| task["lap"].as_u64().unwrap() * WAYPOINTS + task["waypoint"].as_u64().unwrap();
    let unsaid = rovers.iter().filter(|(id, count, _)| last(truth[id.as_str()]) + 1 != *count as u64).count();
    let (mut delays, mut wrong, mut told) = (Vec::new(), 0, usize::MAX);
    for console in consoles {
        let (heard, view) = console.await.unwrap();
        told = told.min(heard.len());
        delays.extend(heard);
        let same = tasks.iter().all(|(id, number)| {
            let frame: Option<Value> =
                view[*number].as_ref().and_then(|text| serde_json::from_str(text).ok());
            frame.is_some_and(|frame| frame["task"] == *truth[id.as_str()])
        });
        wrong += usize::from(!same);
    }
    let sent = rovers.iter().map(|(_, count, _)| count).sum();
    Report { sent, told, delays, cpu, closed, wrong, unsaid }
}

/// Reports as often as there is room for in `sent`, or until it is closed; how often it did.
async fn report(
    mut socket: Socket,
    task: String,
    first: Instant,
    period: Duration,
    clock: Clock,
    sent: Sent,
    rover: usize,
) -> (String, usize, Socket) {
    let mut ticks = interval_at(first, period);
    let count = AtomicUsize::new(0);
    for (number, at) in sent[rover].iter().enumerate() {
        tokio::select! {
            biased;
            _ = ticks.tick() => {}
            () = async { while socket.next().await.is_some() {} } => break,
        }
        let (lap, waypoint) = (number as u64 / WAYPOINTS, number as u64 % WAYPOINTS);
        let percent = waypoint * 100 / WAYPOINTS;
        let frame = json!({ "type": "progress", "task_id": task, "progress": percent, "waypoint": waypoint, "lap": lap });
        at.store(u64::try_from(clock.now().as_nanos()).unwrap(), Ordering::Relaxed);
        if !socket.send(&frame).await {
            break;
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    (task, count.into_inner(), socket)
}

/// How late each report came, and the last frame of each task.
async fn listen(
    mut socket: Socket,
    clock: Clock,
    tasks: Arc<BTreeMap<String, usize>>,
    sent: Sent,
    stop: CancellationToken,
) -> (Vec<Duration>, Vec<Option<Utf8Bytes>>) {
    let (mut delays, mut view) = (Vec::new(), vec![None; tasks.len()]);
    loop {
        let text = tokio::select! {
            text = socket.next() => text,
            () = stop.cancelled() => return (delays, view),
        };
        let Some(text) = text else { return (delays, view) };
        let now = clock.now();
        let Some(rover) = text_of(&text, r#""id":""#, '"').and_then(|id| tasks.get(id)) else { continue };
        let number = |name: &str| text_of(&text, name, ',').and_then(|digits| digits.parse::<u64>().ok());
        if let (Some(lap), Some(waypoint), true) =
            (number(r#""lap":"#), number(r#""waypoint":"#), text.contains(r#""status":"active""#))
        {
            let at = sent[*rover].get((lap * WAYPOINTS + waypoint) as usize);
            let at = at.map_or(0, |at| at.load(Ordering::Relaxed));
            if at > 0 {
                delays.push(now.saturating_sub(Timestamp::from_nanos(at)));
            }
        }
        view[*rover] = Some(text);
    }
}

/// What stands between `before` and `end`.
fn text_of<'a>(text: &'a str, before: &str, end: char) -> Option<&'a str> {
    text.split_once(before)?.1.split(end).next()
}
