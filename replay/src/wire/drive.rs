//! Who speaks when, and waits for what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::wire::feed::FeedFrame;
use kit::clock::Clock;
use kit::machine::{Output, Timestamp};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{Arrival, Arrived, Asked, Command, Wire};
use super::script::{Action, Line, LineOf, Script, Step};
use super::track::{Found, Track};
use super::{Order, Rate, WireError};
use crate::volatile::Rules;

/// What came and isn't taken yet; then sockets wait.
const ARRIVALS: usize = 1_024;
/// What one client is still to do; then all wait for it.
const COMMANDS: usize = 64;
/// Waits in vain, one after the other, without a word from any service: then the play ends.
const MAX_SILENCES: u32 = 3;
/// What a person should know; more isn't told.
const MAX_NOTES: usize = 20;
/// When everything has come, something that wasn't recorded may still: so long nothing did.
const QUIET: Duration = Duration::from_millis(200);
/// The longest that is waited for quiet.
const MAX_QUIET: Duration = Duration::from_secs(2);
/// Where a receiver's bytes are taken.
const FEED_PATH: &str = "/feed";

/// What came of it.
pub struct Played<'s> {
    pub track: Track<'s>,
    /// Inputs that were sent.
    pub sent: u64,
    pub notes: Vec<String>,
    /// Why an answer didn't come.
    pub why: BTreeMap<LineOf, String>,
    /// Services that weren't played.
    pub skipped: BTreeSet<usize>,
    /// What comes while clients leave at the end isn't compared any more.
    over: bool,
    /// The input before which it ended, if it did.
    pub broke_off: Option<u64>,
    pub elapsed: Duration,
}

struct Driver<'s> {
    script: &'s Script,
    order: &'s Order,
    clock: Clock,
    began: Timestamp,
    played: Played<'s>,
    conns: BTreeMap<LineOf, Conn>,
    arrivals: Receiver<Arrival>,
    sender: Sender<Arrival>,
    tasks: JoinSet<()>,
    token: u64,
    silences: u32,
}

struct Conn {
    commands: Sender<Command>,
    open: bool,
    ended: bool,
    /// It said something, and nothing proves that the service has taken it.
    unsure: bool,
    passed: u64,
}

/// Plays a script to its end.
pub async fn play<'s>(
    script: &'s Script,
    order: &'s Order,
    rules: &'s Rules,
) -> Result<Played<'s>, WireError> {
    for service in &script.services {
        reach(service, order).await?;
    }
    let clock = Clock::start();
    let (sender, arrivals) = channel(ARRIVALS);
    let played = Played {
        track: Track::new(script, rules),
        sent: 0,
        notes: Vec::new(),
        why: BTreeMap::new(),
        skipped: BTreeSet::new(),
        over: false,
        broke_off: None,
        elapsed: Duration::ZERO,
    };
    let mut driver = Driver {
        script,
        order,
        clock,
        began: clock.now(),
        played,
        conns: BTreeMap::new(),
        arrivals,
        sender,
        tasks: JoinSet::new(),
        token: 0,
        silences: 0,
    };
    driver.open_feeds().await;
    driver.began = clock.now();
    for step in &script.steps {
        if driver.silences >= MAX_SILENCES {
            driver.played.broke_off = Some(step.seq);
            driver.note(format!(
                "nothing was heard {MAX_SILENCES} times for {:?}: the play ended before event {}",
                order.answer_within, step.seq
            ));
            break;
        }
        if !driver.played.skipped.contains(&step.line.0) {
            driver.step(step).await;
        }
    }
    driver.end().await;
    let mut played = driver.played;
    played.elapsed = clock.now().saturating_sub(driver.began);
    Ok(played)
}

/// Whether somebody listens, before anything is said to anybody.
async fn reach(service: &str, order: &Order) -> Result<(), WireError> {
    let Some(url) = order.targets.get(service) else { return Ok(()) };
    let failed = |source| WireError::Unreachable {
        service: service.to_owned(),
        authority: url.authority().to_owned(),
        source,
    };
    match timeout(order.answer_within, TcpStream::connect(url.authority())).await {
        Ok(connected) => connected.map(drop).map_err(failed),
        Err(_) => Err(failed(std::io::ErrorKind::TimedOut.into())),
    }
}

impl Driver<'_> {
    /// Those services that have a receiver are played only if they take its bytes.
    async fn open_feeds(&mut self) {
        let feeds: BTreeSet<LineOf> =
            self.script.steps.iter().map(|step| step.line).filter(|(_, line)| *line == Line::Feed).collect();
        for line in feeds {
            self.open(line, FEED_PATH.to_owned(), String::new()).await;
            self.pass(line).await;
            // A pong may overtake the close of a service that wants no feed.
            let soon = self.clock.now().saturating_add(QUIET);
            self.until(soon, |driver| driver.conns.get(&line).is_none_or(|conn| conn.ended)).await;
            if self.conns.get(&line).is_none_or(|conn| conn.ended || !conn.open) {
                self.played.skipped.insert(line.0);
            }
        }
    }

    async fn step(&mut self, step: &Step) {
        if let Rate::Times(times) = self.order.rate {
            let since = step.at.saturating_sub(self.script.first_at).div_f64(times);
            self.until(self.began.saturating_add(since), |_| false).await;
        }
        self.causes(step).await;
        self.played.sent += 1;
        let line = step.line;
        match &step.action {
            Action::Http { method, path, query, body, key } => {
                let names = &self.played.track.names;
                let asked = Asked {
                    method: method.clone(),
                    path: names.translate(path),
                    query: names.translate_query(query),
                    body: names.translate(body),
                    key: key.clone(),
                };
                if let Some(wire) = self.wire(line) {
                    self.tasks.spawn(wire.ask(asked));
                }
            }
            Action::Open { path, query } => {
                let query = self.played.track.names.translate_query(query);
                self.open(line, path.clone(), query).await;
            }
            Action::Text(text) => {
                let text = self.played.track.names.translate(text);
                self.say(line, Command::Text(text)).await;
            }
            Action::Feed(frame) => {
                let text = serde_json::to_string(&self.today(frame)).unwrap_or_default();
                self.say(line, Command::Text(text)).await;
            }
            Action::Close(code) => self.close(step.seq, line, *code).await,
        }
    }

    /// Waits for what an input is a consequence of.
    async fn causes(&mut self, step: &Step) {
        let (seq, lockstep) = (step.seq, self.order.rate == Rate::Lockstep);
        let awaited = |line: Line| lockstep || matches!(line, Line::Request(_));
        let owes = |track: &Track| if lockstep { track.owes(seq) } else { track.owes_answers(seq) };
        if !self.patiently(|driver| !owes(&driver.played.track)).await {
            self.played.track.give_up(seq, |(_, line)| awaited(line));
        }
        let unsure = |(line, conn): (&LineOf, &Conn)| (conn.unsure && *line != step.line).then_some(*line);
        let others: Vec<LineOf> = self.conns.iter().filter_map(unsure).collect();
        for line in others {
            self.pass(line).await;
        }
        let said = match &step.action {
            Action::Http { path, query, body, .. } => format!("{path} {query} {body}"),
            Action::Open { query, .. } => query.clone(),
            Action::Text(text) => text.to_string(),
            Action::Close(_) | Action::Feed(_) => return,
        };
        self.patiently(|driver| !driver.played.track.lacks(&said, seq)).await;
    }

    async fn open(&mut self, line: LineOf, path: String, query: String) {
        let Some(wire) = self.wire(line) else { return };
        let (commands, queue) = channel(COMMANDS);
        self.conns.insert(line, Conn { commands, open: false, ended: false, unsure: true, passed: 0 });
        self.tasks.spawn(wire.converse(path, query, queue));
        self.patiently(|driver| driver.conns.get(&line).is_none_or(|conn| conn.open || conn.ended)).await;
    }

    async fn say(&mut self, line: LineOf, command: Command) {
        let deadline = self.deadline();
        let Some(conn) = self.conns.get_mut(&line).filter(|conn| !conn.ended) else { return };
        conn.unsure = true;
        let commands = conn.commands.clone();
        let room = commands.reserve();
        tokio::pin!(room);
        loop {
            tokio::select! {
                room = &mut room => {
                    if let Ok(room) = room {
                        room.send(command);
                    }
                    return;
                }
                arrival = self.arrivals.recv() => {
                    if let Some(arrival) = arrival {
                        arrived(&mut self.conns, &mut self.played, &mut self.silences, arrival);
                    }
                }
                () = tokio::time::sleep_until(deadline) => return self.silences += 1,
            }
        }
    }

    /// Waits until the service has taken everything that a client said.
    async fn pass(&mut self, line: LineOf) {
        self.token += 1;
        let token = self.token;
        self.say(line, Command::Barrier(token)).await;
        self.patiently(|driver| {
            driver.conns.get(&line).is_none_or(|conn| conn.ended || conn.passed >= token)
        })
        .await;
        // Once is enough, heard or not.
        self.conns.entry(line).and_modify(|conn| conn.unsure = false);
    }

    /// What a client was told before it left, it is told before it leaves.
    async fn close(&mut self, seq: u64, line: LineOf, code: Option<u16>) {
        if !self.patiently(|driver| !driver.played.track.owes_to(seq, line)).await {
            self.played.track.give_up(seq, |of| of == line);
        }
        self.played.track.give_up_state(line);
        self.say(line, Command::Close(code)).await;
        self.patiently(|driver| driver.conns.get(&line).is_none_or(|conn| conn.ended)).await;
        self.conns.remove(&line);
    }

    /// Waits for the rest, and for quiet.
    async fn end(&mut self) {
        if self.silences < MAX_SILENCES {
            let skipped = self.played.skipped.clone();
            let rest = move |driver: &Self| {
                !driver.played.track.owes_any(|(service, _)| !skipped.contains(&service))
            };
            if !self.patiently(rest).await {
                self.played.track.give_up(u64::MAX, |_| true);
            }
            let end = self.clock.now().saturating_add(MAX_QUIET);
            while self.clock.now() < end {
                let quiet = Instant::from_std(self.clock.instant(self.clock.now().saturating_add(QUIET)));
                match timeout_at(quiet, self.arrivals.recv()).await {
                    Ok(Some(arrival)) => {
                        arrived(&mut self.conns, &mut self.played, &mut self.silences, arrival);
                    }
                    Ok(None) | Err(_) => break,
                }
            }
        }
        self.played.over = true;
        let open: Vec<LineOf> =
            self.conns.iter().filter(|(_, conn)| !conn.ended).map(|(line, _)| *line).collect();
        for line in &open {
            self.say(*line, Command::Close(Some(1000))).await;
        }
        if self.silences < MAX_SILENCES {
            self.patiently(|driver| driver.conns.values().all(|conn| conn.ended)).await;
        }
        self.tasks.shutdown().await;
    }

    /// Waits until something is so, as long as an answer may take; whether it is.
    async fn patiently(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.clock.now().saturating_add(self.order.answer_within);
        let done = self.until(until, done).await;
        self.silences += u32::from(!done);
        done
    }

    async fn until(&mut self, at: Timestamp, done: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::from_std(self.clock.instant(at));
        loop {
            if done(self) {
                return true;
            }
            match timeout_at(deadline, self.arrivals.recv()).await {
                Ok(Some(arrival)) => arrived(&mut self.conns, &mut self.played, &mut self.silences, arrival),
                Ok(None) | Err(_) => return done(self),
            }
        }
    }

    fn deadline(&self) -> Instant {
        Instant::from_std(self.clock.instant(self.clock.now().saturating_add(self.order.answer_within)))
    }

    fn wire(&self, line: LineOf) -> Option<Wire> {
        let service = self.script.services.get(line.0)?;
        let authority = self.order.targets.get(&**service)?.authority().to_owned();
        let (clock, within, arrivals) = (self.clock, self.order.answer_within, self.sender.clone());
        Some(Wire { line, authority, clock, within, arrivals })
    }

    /// The bytes' own times keep their distances, and end when the play does.
    fn today(&self, frame: &FeedFrame) -> FeedFrame {
        let FeedFrame::Bytes { received_at_ns, bytes } = frame else { return frame.clone() };
        let recorded = self.script.last_at.saturating_sub(self.script.first_at);
        let lasts = match self.order.rate {
            Rate::Times(times) => recorded.div_f64(times),
            Rate::Asap | Rate::Lockstep => Duration::ZERO,
        };
        let end = self.began.saturating_add(lasts).as_nanos();
        let before = self.script.last_at.as_nanos().saturating_sub(u128::from(*received_at_ns));
        let received_at_ns = u64::try_from(end.saturating_sub(before)).unwrap_or(u64::MAX);
        FeedFrame::Bytes { received_at_ns, bytes: bytes.clone() }
    }

    fn note(&mut self, text: String) {
        note(&mut self.played, text);
    }
}

fn arrived(
    conns: &mut BTreeMap<LineOf, Conn>,
    played: &mut Played,
    silences: &mut u32,
    Arrival { line, at, what }: Arrival,
) {
    let conn = conns.get_mut(&line);
    match what {
        Arrived::Opened => {
            *silences = 0;
            conn.into_iter().for_each(|conn| conn.open = true);
        }
        Arrived::Passed(token) => {
            *silences = 0;
            conn.into_iter().for_each(|conn| conn.passed = conn.passed.max(token));
        }
        Arrived::Told(output) if line.1 == Line::Feed => match output {
            Output::Close { reason, .. } => {
                conn.into_iter().for_each(|conn| conn.ended = true);
                played.skipped.insert(line.0);
                note(played, format!("the feed was closed: {reason}"));
            }
            Output::Send { text, .. } => note(played, format!("the feed was answered {text}")),
            _ => {}
        },
        Arrived::Told(_) if played.over => {}
        Arrived::Told(output) => {
            *silences = 0;
            played.track.take(line, Found { at, output });
        }
        Arrived::Ended(why) => {
            conn.into_iter().for_each(|conn| conn.ended = true);
            if let Some(why) = why.filter(|_| !played.over) {
                note(played, format!("{}: {why}", named(line.1)));
                played.why.insert(line, why);
            }
            played.track.give_up(u64::MAX, |of| of == line);
            played.track.give_up_state(line);
        }
    }
}

fn named(line: Line) -> String {
    match line {
        Line::Request(id) => format!("request {id}"),
        Line::Conn(conn) => format!("connection {conn}"),
        Line::Feed => "the feed".to_owned(),
    }
}

fn note(played: &mut Played, text: String) {
    if played.notes.len() < MAX_NOTES {
        played.notes.push(text);
    }
}
