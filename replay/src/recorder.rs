//! A thread that empties a tap into a session file.
//!
//! It never slows or breaks what it records: the tap doesn't wait for it, and a write that fails is told once
//! to the log and once more by [`Recorder::finish`], while the service goes on.
//!
//! A recording in parts goes on in another part when there is room again, which is tried every ten seconds; the
//! part's notes say how many events are missing before it.
//!
//! So it is with a file that has grown to [`crate::writer::MAX_SESSION_BYTES`]: it is ended in order and told of in
//! the same two places, while the service goes on unrecorded.
//!
//! What the recorder took from the queue longer than 250 ms ago survives a kill -9: every [`FLUSH_INTERVAL`]
//! the chunk is finished and handed to the system. (Not a power cut: it doesn't wait for the disk.) A recorder
//! that keeps up takes an event the moment it happens. One that doesn't is behind by what waits in the queue,
//! and a kill costs that too: [`kit::tap::QUEUE_EVENTS`] events and [`kit::tap::QUEUE_BYTES`] at most; what would be more
//! is lost, and a gap says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use kit::clock::Clock;
use kit::tap::{Events, Tap};

pub use crate::writer::About;
use crate::writer::SessionWriter;

mod control;
mod hub;
mod parts;
mod ring;
mod sink;
mod starts;
pub use control::{Control, ControlError, State};
pub use ring::{Dumped, RING_BYTES, RingLimits};

use hub::Hub;
use parts::Sync;
use ring::Ring;
use sink::{Rotation, Sink};

/// The note of a recording that begins in mid-life: what its services did before it is not in it.
pub const NOTE_MIDLIFE: &str = "begins_in_mid_life";

/// No event waits longer in memory; shorter than the 250 ms promised by the time a busy machine may need to
/// wake a thread and compress a chunk.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(150);
/// Earlier files of one name that are kept (`NAME-1.mcap`, `NAME-2.mcap`…); with so many there,
/// [`Recorder::create`] fails rather than overwrite one.
pub const MAX_KEPT_FILES: u32 = 999;
/// How long [`Recorder::finish`] waits for the last tap to be dropped; then it ends the recording anyway.
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

type Spawned = (Arc<AtomicBool>, Receiver<Result<Summary, RecordError>>, Control);

/// A recording in progress.
#[derive(Debug)]
pub struct Recorder {
    file: Option<PathBuf>,
    moved: Option<PathBuf>,
    stop: Arc<AtomicBool>,
    ended: Receiver<Result<Summary, RecordError>>,
}

/// What a recorder is to do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Record into this file from the beginning.
    pub file: Option<PathBuf>,
    /// In parts.
    pub rotate: Rotate,
    /// Keep the last minutes in memory.
    pub ring: Option<RingLimits>,
    /// Where the ring and an operator's recordings are written; the file's folder if there is one.
    pub folder: PathBuf,
    /// Have the system put the file on the disk that often.
    pub sync: Option<Duration>,
}

/// When a recording goes on in another file. The parts of `base.mcap` are `base.0001.mcap` and so on; each can
/// be read by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotate {
    /// When it has so many bytes; less than a chunk (1 MiB before compression) more.
    pub bytes: Option<u64>,
    /// When it is so old. Only an event ends a part: in a service in which nothing happens nothing rotates.
    pub every: Option<Duration>,
    /// So many parts are kept, the others are removed.
    pub keep: Option<u64>,
}

impl Rotate {
    /// Whether there are parts at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.bytes.is_some() || self.every.is_some()
    }
}

/// What a recording holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events written, without gaps.
    pub events: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Events lost because the disk was too slow, or an event too long; a gap in the file stands for them.
    pub lost: u64,
}

/// Why no recording could be started. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The file can't be made.
    #[error("cannot create the recording {}: {source}; choose a folder that exists and can be written", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder is in its place.
    #[error("cannot record to {}: it is a folder; name a file in it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file that is there already can't be moved aside.
    #[error("cannot move the earlier recording {} to {}: {source}; move it yourself or record to another name", path.display(), to.display())]
    MoveAside {
        /// The file.
        path: PathBuf,
        /// Its new name.
        to: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There are [`MAX_KEPT_FILES`] earlier files.
    #[error("{} earlier recordings named like {} are kept; move some away", MAX_KEPT_FILES, path.display())]
    TooManyKept {
        /// The file.
        path: PathBuf,
    },
    /// The first bytes can't be written.
    #[error("cannot write the recording: {source}; make room or record elsewhere")]
    Write {
        /// Why.
        source: io::Error,
    },
    /// The system has no thread left.
    #[error("cannot start the recorder's thread: {source}")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// Why a recording ended early.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A write failed; the file holds what was flushed before.
    #[error("the recording stopped after {} events, {unwritten} were not recorded: {source}; make room and record again", kept.events)]
    Write {
        /// What was written (of it, what was flushed can be read).
        kept: Summary,
        /// Events that came afterwards.
        unwritten: u64,
        /// Why.
        source: io::Error,
    },
    /// It reached [`crate::writer::MAX_SESSION_BYTES`]; the file is whole, the service went on.
    #[error("the recording ended when it had {max_bytes} bytes: it holds {} events, {unwritten} later ones were not recorded; record again, for a shorter time", kept.events)]
    Full {
        /// What was written.
        kept: Summary,
        /// Events that came afterwards.
        unwritten: u64,
        /// What a file may have.
        max_bytes: u64,
    },
    /// The thread didn't end in [`FINISH_TIMEOUT`].
    #[error("the recorder is still busy writing after {} s; the file may lack its end, all flushed before can be read", waited.as_secs())]
    Busy {
        /// How long it was waited for.
        waited: Duration,
    },
}

impl Recorder {
    /// Starts to record into `path`; returns the tap to hand to the services.
    ///
    /// A file of that name is first moved aside, see [`moved_aside`](Self::moved_aside).
    ///
    /// # Errors
    /// See [`CreateError`]; then nothing was changed.
    pub fn create(path: &Path, about: &About, clock: Clock) -> Result<(Self, Tap), CreateError> {
        let plan = Plan { file: Some(path.to_owned()), ..Plan::default() };
        Self::start(&plan, about, clock).map(|(recorder, _, tap)| (recorder, tap))
    }

    /// Starts what `plan` says; returns the tap to hand to the services, and a handle for an operator.
    ///
    /// # Errors
    /// See [`CreateError`]; then nothing was changed, but that parts of an earlier recording have another name.
    pub fn start(plan: &Plan, about: &About, clock: Clock) -> Result<(Self, Control, Tap), CreateError> {
        let sync = Sync::start(plan.sync).map_err(|source| CreateError::Thread { source })?;
        let (tap, events) = Tap::on();
        let losses = tap.losses();
        let (mut file, mut moved) = (None, None);
        let mut begin = || -> Result<_, CreateError> {
            let Some(path) = &plan.file else { return Ok(None) };
            let write_error = |source| CreateError::Write { source };
            if plan.rotate.is_on() {
                moved = parts::move_aside(path)?;
                let (path, rotate, sync) = (path.clone(), plan.rotate, sync.clone());
                let about = parts::series(&path, about, clock.now().as_nanos());
                let first = parts::name(&path, 1);
                let next =
                    move |part, begin: sink::Begin<_>| parts::next(&path, &about, rotate, part, begin, &sync);
                let part = sink::Part { number: 1, first_seq: crate::format::FIRST_SEQ, missed: 0 };
                let open_error =
                    |error| CreateError::Open { path: first.clone(), source: ring::other(error) };
                let writer = next(part, &|_| Ok(())).map_err(open_error)?;
                file = Some(first.clone());
                let Rotate { bytes, every, .. } = rotate;
                let rotation = Rotation { bytes, every, next: Box::new(next), part: 1 };
                return Ok(Some((Sink::new(writer, losses.clone()).rotating(rotation), first)));
            }
            let place = Place::make(path)?;
            (file, moved) = (place.created, place.moved);
            sync.of(&place.file);
            let writer =
                SessionWriter::new(Box::new(place.file) as parts::Out, about).map_err(write_error)?;
            Ok(Some((Sink::new(writer, losses.clone()), path.clone())))
        };
        let begun = begin();
        let folder = plan.file.as_deref().map_or_else(|| plan.folder.clone(), hub::folder_of);
        let started =
            begun.and_then(|sink| Self::spawn(sink, plan, folder, about, clock, sync, (&tap, events)));
        match started {
            Ok((stop, ended, control)) => Ok((Self { file, moved, stop, ended }, control, tap)),
            Err(error) => {
                if let Some(path) = plan.file.as_deref().filter(|_| !plan.rotate.is_on()) {
                    undo(path, file.as_deref(), moved.as_deref());
                }
                Err(error)
            }
        }
    }

    /// Starts to record into anything that can be written.
    ///
    /// # Errors
    /// [`CreateError::Write`] and [`CreateError::Thread`].
    pub fn to_writer<W: Write + Send + 'static>(
        writer: W,
        about: &About,
        clock: Clock,
    ) -> Result<(Self, Tap), CreateError> {
        let (tap, events) = Tap::on();
        let writer = SessionWriter::new(Box::new(writer) as parts::Out, about)
            .map_err(|source| CreateError::Write { source })?;
        let sink = Some((Sink::new(writer, tap.losses()), PathBuf::new()));
        let sync = Sync::start(None).map_err(|source| CreateError::Thread { source })?;
        let (stop, ended, _) =
            Self::spawn(sink, &Plan::default(), PathBuf::new(), about, clock, sync, (&tap, events))?;
        Ok((Self { file: None, moved: None, stop, ended }, tap))
    }

    fn spawn(
        sink: Option<(Sink<parts::Out>, PathBuf)>,
        plan: &Plan,
        folder: PathBuf,
        about: &About,
        clock: Clock,
        sync: Sync,
        (tap, events): (&Tap, Events),
    ) -> Result<Spawned, CreateError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (end, ended) = sync_channel(1);
        let (commands, asked) = sync_channel(control::QUEUE_COMMANDS);
        let hub = Hub {
            clock,
            about: about.clone(),
            losses: tap.losses(),
            sync,
            folder,
            ring: plan.ring.map(Ring::new),
            sink,
            starts: Default::default(),
            next_seq: crate::format::FIRST_SEQ,
            json: Vec::new(),
            done: Summary::default(),
            dumping: None,
            alarm_at: None,
        };
        let stopped = stop.clone();
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                // No one waits for it any more: the log has been told.
                let _ = end.send(hub.run(&events, &asked, &stopped));
            })
            .map_err(|source| CreateError::Thread { source })?;
        Ok((stop, ended, Control(commands)))
    }

    /// Where the file went that had the name before.
    #[must_use]
    pub fn moved_aside(&self) -> Option<&Path> {
        self.moved.as_deref()
    }

    /// Ends the recording: waits until every clone of the tap is dropped and all is written. Blocks, for
    /// [`FINISH_TIMEOUT`] twice at most.
    ///
    /// # Errors
    /// The recording had stopped before, or couldn't be ended.
    pub fn finish(self) -> Result<Summary, RecordError> {
        if let Ok(end) = self.ended.recv_timeout(FINISH_TIMEOUT) {
            return end;
        }
        self.stop.store(true, Ordering::Relaxed);
        match self.ended.recv_timeout(FINISH_TIMEOUT) {
            Ok(end) => end,
            Err(_) => Err(RecordError::Busy { waited: FINISH_TIMEOUT.saturating_mul(2) }),
        }
    }

    /// Gives the recording up: its file is removed, and one that was moved aside gets its name back.
    pub fn discard(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.ended.recv_timeout(FINISH_TIMEOUT);
        if let Some(file) = &self.file {
            undo(file, Some(file), self.moved.as_deref());
        }
    }
}

/// Where the recording goes.
struct Place {
    file: File,
    /// Ours to remove if it comes to nothing: not a device.
    created: Option<PathBuf>,
    moved: Option<PathBuf>,
}

impl Place {
    fn make(path: &Path) -> Result<Self, CreateError> {
        let open_error = |source| CreateError::Open { path: path.to_owned(), source };
        let moved = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(open_error(error)),
            Ok(there) if there.is_dir() => return Err(CreateError::Folder { path: path.to_owned() }),
            Ok(there) if there.is_file() => Some(move_aside(path)?),
            Ok(_) => {
                let file = OpenOptions::new().write(true).open(path).map_err(open_error)?;
                return Ok(Self { file, created: None, moved: None });
            }
        };
        match File::create_new(path) {
            Ok(file) => Ok(Self { file, created: Some(path.to_owned()), moved }),
            Err(source) => {
                undo(path, None, moved.as_deref());
                Err(open_error(source))
            }
        }
    }
}

fn move_aside(path: &Path) -> Result<PathBuf, CreateError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let to = (1..=MAX_KEPT_FILES)
        .map(|n| path.with_file_name(format!("{stem}-{n}{extension}")))
        .find(|to| fs::symlink_metadata(to).is_err())
        .ok_or_else(|| CreateError::TooManyKept { path: path.to_owned() })?;
    match fs::rename(path, &to) {
        Ok(()) => Ok(to),
        Err(source) => Err(CreateError::MoveAside { path: path.to_owned(), to, source }),
    }
}

/// As it was before. What fails here is told by what failed first.
fn undo(path: &Path, created: Option<&Path>, moved: Option<&Path>) {
    if let Some(created) = created {
        let _ = fs::remove_file(created);
    }
    if let Some(moved) = moved {
        let _ = fs::rename(moved, path);
    }
}
