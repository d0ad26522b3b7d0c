//! The files of a recording in parts: `NAME.0001.mcap`, `NAME.0002.mcap`…

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::sink::{Begin, Part};
use super::{CreateError, MAX_KEPT_FILES, NOTE_MIDLIFE, Rotate};
use crate::tools::series::{NOTE_FIRST_EVENT, NOTE_PART, NOTE_SERIES};
use crate::writer::{About, SessionWriter, WriteError};

/// Where a recorder writes. A box, since tests write elsewhere.
pub type Out = Box<dyn io::Write + Send>;

/// The name of a part.
pub fn name(path: &Path, part: u64) -> PathBuf {
    let (stem, extension) = split(path);
    path.with_file_name(format!("{stem}.{part:04}{extension}"))
}

fn split(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    (stem, extension)
}

/// Moves all parts of an earlier series of this name to another name; the first of them under its new one.
pub fn move_aside(path: &Path) -> Result<Option<PathBuf>, CreateError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let open_error = |source| CreateError::Open { path: path.to_owned(), source };
    let (stem, extension) = split(path);
    let mut earlier = Vec::new();
    for entry in fs::read_dir(folder).map_err(open_error)? {
        let entry = entry.map_err(open_error)?.file_name().to_string_lossy().into_owned();
        let part = entry.strip_prefix(&format!("{stem}.")).and_then(|rest| rest.strip_suffix(&extension));
        if let Some(part) = part.filter(|part| part.len() >= 4).and_then(|part| part.parse::<u64>().ok()) {
            earlier.push(part);
        }
    }
    earlier.sort_unstable();
    if earlier.is_empty() {
        return Ok(None);
    }
    let kept = (1..=MAX_KEPT_FILES)
        .map(|n| path.with_file_name(format!("{stem}-{n}{extension}")))
        .find(|kept| earlier.iter().all(|part| fs::symlink_metadata(name(kept, *part)).is_err()))
        .ok_or_else(|| CreateError::TooManyKept { path: path.to_owned() })?;
    for part in &earlier {
        let (from, to) = (name(path, *part), name(&kept, *part));
        fs::rename(&from, &to).map_err(|source| CreateError::MoveAside {
            path: from.clone(),
            to: to.clone(),
            source,
        })?;
    }
    Ok(earlier.first().map(|part| name(&kept, *part)))
}

/// The note of a part before which events are missing: so many, since the disk was full.
pub const NOTE_MISSED: &str = "missed";

/// Makes a part, and removes the one that is one too many.
pub fn next(
    path: &Path,
    about: &About,
    rotate: Rotate,
    part: Part,
    begin: Begin<Out>,
    sync: &Sync,
) -> Result<SessionWriter<Out>, WriteError> {
    let place = name(path, part.number);
    let file = File::create_new(&place)?;
    let made = made(file, path, about, part, begin, sync);
    if made.is_err() {
        sync.none();
        let _ = fs::remove_file(&place);
    } else if let Some(old) =
        rotate.keep.and_then(|keep| part.number.checked_sub(keep)).filter(|old| *old > 0)
    {
        // One that somebody has moved away is as good as removed.
        let _ = fs::remove_file(name(path, old));
    }
    made
}

fn made(
    file: File,
    path: &Path,
    about: &About,
    Part { number: part, first_seq, missed }: Part,
    begin: Begin<Out>,
    sync: &Sync,
) -> Result<SessionWriter<Out>, WriteError> {
    let mut about = about.clone();
    about.notes.insert(NOTE_PART.to_owned(), part.to_string());
    if part > 1 {
        let before = name(path, part - 1).file_name().unwrap_or_default().to_string_lossy().into_owned();
        about.notes.insert("continues".to_owned(), before);
        about.notes.insert(NOTE_FIRST_EVENT.to_owned(), first_seq.to_string());
        about.notes.insert(NOTE_MIDLIFE.to_owned(), "yes".to_owned());
    }
    if missed > 0 {
        about.notes.insert(NOTE_MISSED.to_owned(), missed.to_string());
    }
    sync.of(&file);
    let mut writer = SessionWriter::new(Box::new(file) as Out, &about)?;
    begin(&mut writer)?;
    Ok(writer)
}

/// What all parts have in common.
pub fn series(path: &Path, about: &About, began_ns: u128) -> About {
    let mut about = about.clone();
    let (stem, _) = split(path);
    about.notes.insert(NOTE_SERIES.to_owned(), format!("{stem} {began_ns}"));
    about
}

/// Asks the system now and then to put a file on the disk, in a thread that may wait for it.
#[derive(Clone)]
pub struct Sync {
    file: Arc<Mutex<Option<File>>>,
    /// The thread ends when it is dropped.
    _stop: Option<SyncSender<()>>,
}

impl Sync {
    pub fn start(every: Option<Duration>) -> io::Result<Self> {
        let file = Arc::new(Mutex::new(None::<File>));
        let Some(every) = every else { return Ok(Self { file, _stop: None }) };
        let (stop, stopped) = sync_channel::<()>(0);
        let shared = file.clone();
        std::thread::Builder::new().name("recorder-sync".to_owned()).spawn(move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let file = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(file) = file else { continue };
                if let Err(error) = file.sync_data() {
                    tracing::error!(%error, "the recording may not be on the disk");
                }
                // Unless there is another part by now.
                shared.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(file);
            }
        })?;
        Ok(Self { file, _stop: Some(stop) })
    }

    /// From now on this one.
    pub fn of(&self, file: &File) {
        if self._stop.is_some() {
            *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file.try_clone().ok();
        }
    }

    /// None.
    pub fn none(&self) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
