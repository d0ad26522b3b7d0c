//! `depot gnss monitor [SOURCE | --url URL]`: whether corrections go out, or which link is broken, on one page.

mod local;
mod page;
mod remote;
mod screen;
mod seen;
mod verdict;

#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::Timestamp;
use rtk_reader::source::{Event, QUEUE_EVENTS};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::local::Local;
use self::page::{Page, View};
use self::screen::{Key, Screen};
use self::seen::Seen;
use self::verdict::Verdict;
use super::record::Files;
use crate::cli::Monitor;
use crate::error::Error;
use crate::source::{self, Gnss};

/// The page is drawn so often, and bytes reach a recording.
const TICK: Duration = Duration::from_millis(250);
/// Between two lines of the same verdict, where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// News that wait; a depot tells at most ten a second.
const QUEUE_NEWS: usize = 16;

/// What the monitor can't do.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The URL can't be used.
    #[error("--url {url} is no address of a gps-status; it looks like http://depot.local:4880")]
    Url {
        /// As given.
        url: String,
    },
    /// There is nothing to read here.
    #[error("a feed comes to a running depot; ask that one with --url http://127.0.0.1:4880")]
    Feed,
}

/// Whether the page will be drawn: then nothing else may be written to the terminal.
pub fn has_page() -> bool {
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

/// Watches until `q`, Ctrl-C, or the end of a capture played once where there is no terminal.
pub async fn run(args: Monitor) -> Result<ExitCode, Error> {
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let clock = Clock::start();
    let (events, mut told_events) = mpsc::channel(QUEUE_EVENTS);
    let (news, mut told_news) = mpsc::channel(QUEUE_NEWS);
    let origin = args.url.clone().unwrap_or_else(|| args.gnss.clone());
    // One of the two channels is never used; its sender is kept so that it stays silent.
    let _unused: Box<dyn std::any::Any> = match &args.url {
        Some(url) => {
            tokio::spawn(remote::listen(remote::websocket_url(url)?, news));
            Box::new(events.clone())
        }
        None => Box::new(news),
    };
    let reading = read(&args, clock, events, stop.clone())?;
    tokio::pin!(reading);

    let screen = if has_page() { Some(Screen::open().map_err(Error::Start)?) } else { None };
    let mut watch = Watch::new(&args, origin, clock, screen);
    let mut tick = tokio::time::interval(TICK);
    let mut read_to_end = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            key = watch.key() => match key {
                Some(Key::Quit) | None => break,
                Some(key) => watch.press(key).await,
            },
            result = &mut reading, if !read_to_end => {
                result?;
                read_to_end = true;
            }
            Some(event) = told_events.recv() => watch.take(event)?,
            Some(news) = told_news.recv() => watch.seen.take(clock.now(), news),
            _ = tick.tick() => {
                watch.show()?;
                if watch.gone || read_to_end && told_events.is_empty() && watch.screen.is_none() {
                    break;
                }
            }
        }
    }
    // The reader lets the port go.
    stop.cancel();
    drop(watch.screen.take());
    watch.stop_recording()?;
    Ok(ExitCode::SUCCESS)
}

/// The port's reader; where a depot is asked, nothing that never ends.
fn read(
    args: &Monitor,
    clock: Clock,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<impl Future<Output = Result<(), Error>>, Error> {
    let gnss = match &args.url {
        Some(_) => None,
        None => Some(Gnss::parse(&args.gnss)?),
    };
    if matches!(gnss, Some(Gnss::Feed)) {
        return Err(MonitorError::Feed.into());
    }
    let source = args.source.clone();
    Ok(async move {
        match gnss {
            Some(gnss) => source::run(gnss, &source, clock, events, stop).await,
            None => std::future::pending().await,
        }
    })
}

/// The monitor at work.
struct Watch {
    clock: Clock,
    origin: String,
    operator: Option<std::net::SocketAddr>,
    /// None where a depot is asked.
    local: Option<Local>,
    seen: Seen,
    verdict: Option<Verdict>,
    view: View,
    notice: String,
    recording: Option<Recording>,
    screen: Option<Screen>,
    /// Where there is no terminal: when the last line was printed.
    printed_at: Option<Timestamp>,
    /// Nobody reads the lines any more.
    gone: bool,
}

struct Recording {
    files: Files,
    path: PathBuf,
    since: Timestamp,
}

impl Watch {
    fn new(args: &Monitor, origin: String, clock: Clock, screen: Option<Screen>) -> Self {
        let depot = args.url.is_some();
        Self {
            clock,
            origin,
            operator: args.operator,
            local: (!depot).then(Local::new),
            seen: Seen::of(depot),
            verdict: None,
            view: View::default(),
            notice: String::new(),
            recording: None,
            screen,
            printed_at: None,
            gone: false,
        }
    }

    /// The next key; without a screen, none ever.
    async fn key(&mut self) -> Option<Key> {
        match &mut self.screen {
            Some(screen) => screen.key().await,
            None => std::future::pending().await,
        }
    }

    async fn press(&mut self, key: Key) {
        let toggled = |view: View, now: View| if now == view { View::Status } else { view };
        match key {
            Key::Raw => self.view = toggled(View::Raw, self.view),
            Key::Help => self.view = toggled(View::Help, self.view),
            Key::Record => self.notice = self.record().await,
            Key::Quit | Key::Resized => {}
        }
        // A disk or a terminal that fails is told at the next tick.
        let _ = self.show();
    }

    /// Begins to record, or stops; what came of it.
    async fn record(&mut self) -> String {
        if self.local.is_none() {
            return remote::record(self.operator).await;
        }
        if self.recording.is_some() {
            return self.stop_recording().unwrap_or_else(|error| error.to_string());
        }
        let since = self.clock.now();
        let path = PathBuf::from(format!("base-{}.ubx", stamp(since)));
        match Files::create(&path, self.clock) {
            Ok(files) => {
                self.recording = Some(Recording { files, path, since });
                String::new()
            }
            Err(error) => error.to_string(),
        }
    }

    /// Closes the files; without a byte there are none. What came of it.
    fn stop_recording(&mut self) -> Result<String, Error> {
        let Some(Recording { mut files, path, .. }) = self.recording.take() else { return Ok(String::new()) };
        if files.bytes() == 0 {
            files.discard();
            return Ok("nothing came, so nothing was kept".to_owned());
        }
        files.flush()?;
        Ok(format!("recorded {} bytes into {}", files.bytes(), path.display()))
    }

    fn take(&mut self, event: Event) -> Result<(), Error> {
        let now = self.clock.now();
        if let (Some(recording), Event::Bytes { .. }) = (&mut self.recording, &event)
            && let Err(error) = recording.files.take(event.clone())
        {
            self.recording = None;
            self.notice = error.to_string();
        }
        if event == Event::Ended {
            // Of a capture that is played at once nothing else would be seen but its end.
            self.seen.settle();
            self.show()?;
        }
        if let Some(news) = self.local.as_mut().and_then(|local| local.take(now, event)) {
            self.seen.take(now, news);
        }
        Ok(())
    }

    /// Draws the page, or prints a line if there is something to say.
    fn show(&mut self) -> Result<(), Error> {
        let now = self.clock.now();
        for news in self.local.as_mut().map(|local| local.news(now)).unwrap_or_default() {
            self.seen.take(now, news);
        }
        let verdict = Verdict::of(&self.seen, now, self.verdict.as_ref());
        let changed = self.verdict.as_ref().is_none_or(|before| before.since != verdict.since);
        if let Some(Recording { files, path, since }) = &mut self.recording {
            files.flush()?;
            self.notice = page::recording(*since, files.bytes(), &path.display().to_string(), now);
        }
        let none = std::collections::VecDeque::new();
        let page = Page {
            verdict: &verdict,
            seen: &self.seen,
            now,
            origin: &self.origin,
            view: self.view,
            raw: self.local.as_ref().map_or(&none, Local::raw),
            notice: &self.notice,
        };
        if let Some(screen) = &mut self.screen {
            screen.draw(&page).map_err(Error::file("write", "the terminal"))?;
        } else if changed || self.printed_at.is_none_or(|at| now.saturating_sub(at) >= LINE_EVERY) {
            self.printed_at = Some(now);
            self.gone |= !print_line(&line(&verdict, &self.seen, now))?;
        }
        self.verdict = Some(verdict);
        Ok(())
    }
}

/// Whether somebody reads it.
fn print_line(line: &str) -> Result<bool, Error> {
    match std::io::stdout().lock().write_all(line.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true).map_err(Error::file("write", "standard output")),
    }
}

/// The verdict with its time, and a few numbers.
fn line(verdict: &Verdict, seen: &Seen, now: Timestamp) -> String {
    let counts = seen.status.as_ref().map_or_else(String::new, |status| {
        let clients = status.clients.map_or_else(String::new, |count| format!(", {count} clients"));
        format!(" [{} satellites, {} RTCM types{clients}]", status.satellites, status.rtcm_messages.len())
    });
    format!("{} {}{counts}\n", utc(now), verdict.sentence(now))
}

fn utc(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// As a file's name may have it.
fn stamp(at: Timestamp) -> String {
    utc(at).chars().filter(char::is_ascii_alphanumeric).collect()
}
