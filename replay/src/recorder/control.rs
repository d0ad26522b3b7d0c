//! What an operator may ask of a running recorder.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::{Dumped, RecordError, Summary};

/// What waits to be done; beyond it a request is refused.
pub const QUEUE_COMMANDS: usize = 16;
/// How long an answer is waited for: a ring is written meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

pub enum Command {
    Start(SyncSender<Result<PathBuf, ControlError>>),
    Stop(SyncSender<Result<(PathBuf, Summary), ControlError>>),
    Dump(&'static str, SyncSender<Result<Dumped, ControlError>>),
    /// Nobody waits for it, and it isn't done every time.
    Alarm,
    State(SyncSender<Result<State, ControlError>>),
}

/// A handle to a running recorder. Doesn't keep it running.
#[derive(Clone, Debug)]
pub struct Control(pub(super) SyncSender<Command>);

/// Why it can't be done.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It records already.
    #[error("a recording is under way, into {}; stop it first", file.display())]
    Recording {
        /// The file.
        file: PathBuf,
    },
    /// It doesn't record.
    #[error("no recording is under way; start one first")]
    NotRecording,
    /// It has no ring.
    #[error("there is no ring to write; start the depot with --ring")]
    NoRing,
    /// The ring is being written.
    #[error("the ring is being written just now; try again")]
    Dumping,
    /// The file can't be made or written.
    #[error("cannot write to {}: {source}; make room, or choose another folder", folder.display())]
    Write {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The recording had broken off.
    #[error(transparent)]
    Ended(#[from] RecordError),
    /// The recorder has ended or is too busy.
    #[error("the recorder doesn't answer; is the depot stopping?")]
    Gone,
}

/// What a recorder does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The file (of a series the first part) and what is in it.
    pub recording: Option<(PathBuf, Summary)>,
    /// The file's writing has failed, or it is full.
    pub broken: bool,
    /// Events and bytes in the ring.
    pub ring: Option<(usize, usize)>,
    /// Events that didn't reach the recorder, since the process began.
    pub lost: u64,
}

impl Control {
    /// Starts to record into a new file in the recorder's folder, named by the time. It begins in mid-life.
    /// Blocks.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn start(&self) -> Result<PathBuf, ControlError> {
        self.ask(Command::Start)
    }

    /// Ends the recording in order, whoever began it. Blocks.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn stop(&self) -> Result<(PathBuf, Summary), ControlError> {
        self.ask(Command::Stop)
    }

    /// Writes the ring into a new file. Blocks.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn dump(&self, trigger: &'static str) -> Result<Dumped, ControlError> {
        self.ask(|answer| Command::Dump(trigger, answer))
    }

    /// Something went wrong: the ring is written, unless that was done for the same reason a moment ago. Never
    /// waits.
    pub fn alarm(&self) {
        // A queue that is full holds an alarm, or whoever filled it has an eye on the depot.
        let (Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) =
            self.0.try_send(Command::Alarm);
    }

    /// What it does. Blocks.
    ///
    /// # Errors
    /// [`ControlError::Gone`].
    pub fn state(&self) -> Result<State, ControlError> {
        self.ask(Command::State)
    }

    fn ask<T>(
        &self,
        command: impl FnOnce(SyncSender<Result<T, ControlError>>) -> Command,
    ) -> Result<T, ControlError> {
        let (answer, answered) = sync_channel(1);
        self.0.try_send(command(answer)).map_err(|_| ControlError::Gone)?;
        match answered.recv_timeout(ANSWER_TIMEOUT) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(ControlError::Gone),
        }
    }
}
