//! The recorder's thread: takes events from the tap, writes each once as JSON, and hands it to the file and the
//! ring; between, does what an operator asks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::Timestamp;
use kit::tap::{Event, Events, Losses, QUEUE_EVENTS};

use super::control::{Command, ControlError, State};
use super::parts::{Out, Sync};
use super::ring::{Dumped, Ring, Snapshot, free};
use super::sink::Sink;
use super::starts::{Encoded, Starts};
use super::{FLUSH_INTERVAL, NOTE_MIDLIFE, RecordError, Summary};
use crate::format::{self, FIRST_SEQ, Kind};
use crate::report::utc;
use crate::writer::{About, SessionWriter};

/// Events taken from the queue before the clock is read again.
const BATCH_EVENTS: usize = 4_096;
/// While events come, so long is waited for more before they are taken: whoever hands one in need not wake the
/// thread. At 100,000 a second 1,000 gather, of the 16,384 for which there is room.
const GATHER: Duration = Duration::from_millis(10);
/// An alarm so soon after another writes no ring: errors come in swarms.
const ALARM_EVERY: Duration = Duration::from_secs(60);

pub struct Hub {
    pub clock: Clock,
    pub about: About,
    pub losses: Losses,
    pub sync: Sync,
    /// Where rings and an operator's recordings go.
    pub folder: PathBuf,
    pub ring: Option<Ring>,
    /// A recording, and its file.
    pub sink: Option<(Sink<Out>, PathBuf)>,
    pub starts: Starts,
    pub next_seq: u64,
    pub json: Vec<u8>,
    /// What an ended recording came to.
    pub done: Summary,
    /// Says that a ring has been written.
    pub dumping: Option<Receiver<()>>,
    pub alarm_at: Option<Timestamp>,
}

impl Hub {
    /// Until every tap is dropped or someone says stop.
    pub fn run(
        mut self,
        events: &Events,
        commands: &Receiver<Command>,
        stop: &AtomicBool,
    ) -> Result<Summary, RecordError> {
        let mut flush_at: Option<Duration> = None;
        let ended_by_taps = loop {
            let now = self.clock.now();
            if flush_at.is_some_and(|due| due <= now) {
                self.take_written(events);
                self.flush();
                flush_at = None;
            }
            if stop.load(Ordering::Relaxed) {
                break false;
            }
            let mut taken = 0;
            for event in events.try_iter().take(BATCH_EVENTS) {
                self.take(&event);
                taken += 1;
            }
            if taken < BATCH_EVENTS {
                taken += self.take_written(events);
            }
            if taken > 0 {
                let due = *flush_at.get_or_insert(now.saturating_add(FLUSH_INTERVAL));
                let gather = if taken < BATCH_EVENTS { GATHER } else { Duration::ZERO };
                match commands.recv_timeout(gather.min(due.saturating_sub(now))) {
                    Ok(command) => self.command(command),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
                }
                continue;
            }
            match commands.try_recv() {
                Ok(command) => self.command(command),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
            let wait = flush_at.map_or(FLUSH_INTERVAL, |due| due.saturating_sub(now));
            match events.recv_timeout(wait) {
                Ok(event) => {
                    self.take(&event);
                    flush_at.get_or_insert(now.saturating_add(FLUSH_INTERVAL));
                }
                // What was written meanwhile has waited long enough.
                Err(RecvTimeoutError::Timeout) => {
                    if self.take_written(events) > 0 {
                        self.flush();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        if !ended_by_taps {
            events.try_iter().take(QUEUE_EVENTS).for_each(|event| self.take(&event));
        }
        self.take_written(events);
        self.sync.none();
        match self.sink.take() {
            Some((sink, _)) => sink.finish(),
            None => Ok(self.done),
        }
    }

    /// What sessions have written that no event told yet.
    fn take_written(&mut self, events: &Events) -> usize {
        events.written(self.clock.now()).map(|event| self.take(&event)).count()
    }

    fn take(&mut self, event: &Event) {
        let kind = Kind::of(&event.body);
        self.next_seq = self.next_seq.max(event.seq.saturating_add(1));
        if self.sink.is_none() && self.ring.is_none() && kind != Kind::Start {
            return;
        }
        self.json.clear();
        let fits = format::encode(&event.body, &mut self.json).is_ok();
        let json = fits.then_some(self.json.as_slice());
        let event = Encoded { seq: event.seq, at: event.at, service: event.service, kind, json };
        self.starts.take(&event);
        if let Some((sink, _)) = &mut self.sink {
            sink.take(&event, &self.starts);
        }
        if let Some(ring) = &mut self.ring {
            ring.take(&event);
        }
    }

    fn flush(&mut self) {
        if let Some((sink, _)) = &mut self.sink {
            sink.flush();
        }
    }

    fn command(&mut self, command: Command) {
        // Whoever asked may have left.
        match command {
            Command::Start(answer) => drop(answer.send(self.start())),
            Command::Stop(answer) => drop(answer.send(self.stop())),
            Command::Dump(trigger, answer) => match self.snapshot(trigger) {
                Ok(snapshot) => self.dump(snapshot, trigger, Some(answer)),
                Err(error) => drop(answer.send(Err(error))),
            },
            Command::Alarm => {
                let now = self.clock.now();
                if self.alarm_at.is_some_and(|at| now < at.saturating_add(ALARM_EVERY)) {
                    return;
                }
                if let Ok(snapshot) = self.snapshot("an error in the log") {
                    self.alarm_at = Some(now);
                    self.dump(snapshot, "an error in the log", None);
                }
            }
            Command::State(answer) => drop(answer.send(Ok(self.state()))),
        }
    }

    fn state(&self) -> State {
        let progress = self.sink.as_ref().map(|(sink, file)| (sink.progress(), file.clone()));
        State {
            broken: progress.as_ref().is_some_and(|((good, _), _)| !good),
            recording: progress.map(|((_, summary), file)| (file, summary)),
            ring: self.ring.as_ref().map(Ring::size),
            lost: self.losses.count(),
        }
    }

    fn start(&mut self) -> Result<PathBuf, ControlError> {
        if let Some((_, file)) = &self.sink {
            return Err(ControlError::Recording { file: file.clone() });
        }
        let failed = |source| ControlError::Write { folder: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let now = self.clock.now();
        let path = free(&self.folder.join(format!("recording-{}.mcap", stamp(now)))).map_err(failed)?;
        let file = File::create_new(&path).map_err(failed)?;
        self.sync.of(&file);
        let mut about = self.about.clone();
        about.notes.insert("trigger".to_owned(), "an operator".to_owned());
        if self.next_seq > FIRST_SEQ {
            about.notes.insert(NOTE_MIDLIFE.to_owned(), "yes".to_owned());
        }
        let writer = SessionWriter::new(Box::new(file) as Out, &about).map_err(failed)?;
        let sink = Sink::new(writer, self.losses.clone()).from(self.next_seq, now, &self.starts);
        self.sink = Some((sink, path.clone()));
        tracing::info!(file = %path.display(), "a recording has begun");
        Ok(path)
    }

    fn stop(&mut self) -> Result<(PathBuf, Summary), ControlError> {
        let (sink, path) = self.sink.take().ok_or(ControlError::NotRecording)?;
        self.sync.none();
        let summary = sink.finish()?;
        self.done = summary;
        tracing::info!(file = %path.display(), events = summary.events, bytes = summary.bytes, lost = summary.lost, "recorded");
        Ok((path, summary))
    }

    fn snapshot(&mut self, trigger: &str) -> Result<Snapshot, ControlError> {
        if let Some(dumping) = &self.dumping
            && dumping.try_recv() == Err(TryRecvError::Empty)
        {
            return Err(ControlError::Dumping);
        }
        let ring = self.ring.as_ref().ok_or(ControlError::NoRing)?;
        Ok(ring.now(&self.starts, &self.about, trigger))
    }

    /// In a thread of its own: the disk may be slow, and the file being recorded mustn't miss an event for it.
    fn dump(
        &mut self,
        snapshot: Snapshot,
        trigger: &'static str,
        answer: Option<SyncSender<Result<Dumped, ControlError>>>,
    ) {
        let folder = self.folder.clone();
        let path = folder.join(format!("ring-{}.mcap", stamp(self.clock.now())));
        let (end, ended) = sync_channel::<()>(0);
        let write = move || {
            // Dropped at the end, which is what says so.
            let _end = end;
            let written = fs::create_dir_all(&folder).and_then(|()| snapshot.write(&path));
            let told = match written {
                Ok(dumped) => {
                    tracing::info!(file = %dumped.file.display(), trigger, events = dumped.events, bytes = dumped.bytes, "the ring was written");
                    Ok(dumped)
                }
                Err(source) => {
                    tracing::warn!(error = %source, folder = %folder.display(), trigger, "the ring couldn't be written");
                    Err(ControlError::Write { folder, source })
                }
            };
            if let Some(answer) = answer {
                // Whoever asked may have left.
                let _ = answer.send(told);
            }
        };
        match std::thread::Builder::new().name("recorder-ring".to_owned()).spawn(write) {
            Ok(_) => self.dumping = Some(ended),
            Err(error) => tracing::warn!(%error, trigger, "the ring couldn't be written"),
        }
    }
}

/// `20260105T120000Z`.
fn stamp(at: Timestamp) -> String {
    let time = utc(at);
    let seconds = time.split('.').next().unwrap_or_default();
    seconds.chars().filter(char::is_ascii_alphanumeric).chain(['Z']).collect()
}

/// The folder a file is in.
pub fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}
