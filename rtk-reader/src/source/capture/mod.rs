//! Captures: files of a receiver's bytes, with their times.

mod events;
mod line;
mod recording;
mod tag;

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
    time::Duration,
};

pub use tag::TagWriter;

use events::Event;
use line::Line;
use recording::{KNOWN_FORMAT, Recording, Stop};
use tag::TagReader;

use super::{
    CHUNK_BYTES, SourceError,
    error::{Damage, Remedy},
    pacer::{NOMINAL_BYTES_PER_S, Pacer},
};
use crate::frame::Framer;

/// A file without a good frame in its first MiB is not a GNSS stream.
pub const PROBE_BYTES: u64 = 1024 * 1024;

/// Bytes read of a file at a time.
const READ_BYTES: usize = 64 * 1024;

/// What a recording of ours begins with, as every MCAP file does; any other capture is the receiver's bytes.
pub const RECORDING_MAGIC: &[u8] = mcap::MAGIC;

/// A piece of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// When it came, from the start of the capture. Never less than that of the chunk before; a pause over
    /// [`MAX_GAP`](super::MAX_GAP) is [`GAP_PLAYED`](super::GAP_PLAYED) long.
    pub offset: Duration,
    /// What came.
    pub content: Content,
}

/// What came at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// At most [`CHUNK_BYTES`], never empty.
    Bytes(Vec<u8>),
    /// In a recording: the receiver was there, at this line speed if it had one.
    Opened {
        /// Bits per second.
        baud: Option<u32>,
    },
    /// In a recording: the receiver was gone.
    Closed {
        /// One sentence for a person.
        reason: String,
    },
}

impl Chunk {
    /// Its bytes; none of what isn't bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Opened { .. } | Content::Closed { .. } => &[],
        }
    }

    fn of(offset: Duration, bytes: &[u8]) -> Self {
        Self { offset, content: Content::Bytes(bytes.to_vec()) }
    }
}

/// An open capture, read piece by piece from front to end.
#[derive(Debug)]
pub struct Capture {
    path: PathBuf,
    form: Form,
}

enum Form {
    /// Paced by the time in it.
    Raw { file: File, pacer: Box<Pacer>, buffer: Vec<u8> },
    /// Paced by `FILE.tag`.
    Tagged(Box<Tagged>),
    /// A recording of ours, paced by its receive times.
    Recorded { recording: Box<Recording<File>>, line: Line },
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Raw { .. } => "Raw",
            Self::Tagged(_) => "Tagged",
            Self::Recorded { .. } => "Recorded",
        })
    }
}

impl Capture {
    /// Opens a capture, whatever its form, and looks whether there is a receiver's stream in it.
    ///
    /// # Errors
    /// No such file, no permission, not a GNSS stream.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let mut capture = Self::open_as(path, Tell::Aloud)?;
        capture.check()?;
        // Read to look at; from the front again to play.
        Self::open_unchecked(path)
    }

    /// Opens what has been looked at before, and says nothing of it again.
    pub(super) fn open_unchecked(path: &Path) -> Result<Self, SourceError> {
        Self::open_as(path, Tell::Nothing)
    }

    fn open_as(path: &Path, tell: Tell) -> Result<Self, SourceError> {
        let failed = |error| open_error(path, error);
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::new();
        file.by_ref().take(RECORDING_MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let form = if magic == RECORDING_MAGIC {
            Form::Recorded { recording: Box::new(Recording::new(file)), line: Line::default() }
        } else {
            match tags_of(path, &file, tell).map_err(failed)? {
                Some(tags) => {
                    let file = BufReader::with_capacity(READ_BYTES, file);
                    let line = Line::starting_at(Duration::ZERO);
                    Form::Tagged(Box::new(Tagged { file, tags, line, position: 0, mark: None }))
                }
                None => Form::Raw { file, pacer: Box::default(), buffer: vec![0; READ_BYTES] },
            }
        };
        Ok(Self { path: path.to_owned(), form })
    }

    /// Reads on and appends what was read; says whether there is more.
    ///
    /// # Errors
    /// The file can't be read any further.
    pub fn read_some(&mut self, chunks: &mut Vec<Chunk>) -> Result<bool, SourceError> {
        let failed = |error| SourceError::Io { doing: "read", path: self.path.clone(), error };
        match &mut self.form {
            Form::Raw { file, pacer, buffer } => read_raw(file, pacer, buffer, chunks).map_err(failed),
            Form::Tagged(tagged) => tagged.read_some(chunks).map_err(failed),
            Form::Recorded { recording, line } => {
                let mut take = |logged, event| recorded(line, logged, event, chunks);
                recording.read_some(&mut take).map_err(|stop| match stop {
                    Stop::Io(error) => failed(error),
                    Stop::Newer { found, version } => {
                        let path = self.path.clone();
                        SourceError::NewerFormat { path, found, known: KNOWN_FORMAT, version }
                    }
                })
            }
        }
    }

    /// What a recording has lost as far as it was read; none for other captures, which can't tell.
    #[must_use]
    pub fn damage(&self) -> Option<&Damage> {
        match &self.form {
            Form::Recorded { recording, .. } => Some(recording.damage()).filter(|damage| !damage.is_none()),
            _ => None,
        }
    }

    /// Looks for one good frame.
    fn check(&mut self) -> Result<(), SourceError> {
        let (mut framer, mut found, mut bytes) = (Framer::new(), false, 0);
        let mut chunks = Vec::new();
        loop {
            let more = self.read_some(&mut chunks)?;
            for chunk in chunks.drain(..) {
                bytes += chunk.bytes().len() as u64;
                framer.push(Duration::ZERO, chunk.bytes(), &mut |_| found = true);
            }
            if !more {
                framer.finish(&mut |_| found = true);
            }
            if found {
                return Ok(());
            }
            if !more || bytes >= PROBE_BYTES {
                break;
            }
        }
        match &self.form {
            Form::Recorded { recording, .. } if bytes == 0 => {
                let damage = recording.damage().clone();
                if damage.is_none() {
                    Err(SourceError::NoStream { path: self.path.clone(), messages: recording.messages() })
                } else {
                    Err(SourceError::Damaged { path: self.path.clone(), damage })
                }
            }
            _ => Err(SourceError::NotGnss { origin: self.path.display().to_string(), bytes, bauds: 0 }),
        }
    }
}

/// Whether tags that can't be used are told of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tell {
    Aloud,
    Nothing,
}

/// `FILE.tag`, if it is there and belongs to the file.
fn tags_of(path: &Path, file: &File, tell: Tell) -> io::Result<Option<TagReader>> {
    let mut tag_path = path.as_os_str().to_owned();
    tag_path.push(".tag");
    let tags = match File::open(&tag_path) {
        Ok(tags) => tags,
        Err(error) => {
            if tell == Tell::Aloud && error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, path = %Path::new(&tag_path).display(), "can't open the time tags; pacing by the times in the stream");
            }
            return Ok(None);
        }
    };
    let (tag_bytes, file_bytes) = (tags.metadata()?.len(), file.metadata()?.len());
    let tags = TagReader::open(BufReader::new(tags), tag_bytes, file_bytes)?;
    if tags.is_none() && tell == Tell::Aloud {
        tracing::warn!(path = %Path::new(&tag_path).display(), "not the time tags of the file beside it; pacing by the times in the stream");
    }
    Ok(tags)
}

fn read_raw(
    file: &mut File,
    pacer: &mut Pacer,
    buffer: &mut [u8],
    chunks: &mut Vec<Chunk>,
) -> io::Result<bool> {
    let mut out = |offset, bytes: &[u8]| chunks.push(Chunk::of(offset, bytes));
    let read = match file.read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
        read => read?,
    };
    if read == 0 {
        pacer.finish(&mut out);
        return Ok(false);
    }
    pacer.push(buffer.get(..read).unwrap_or_default(), &mut out);
    Ok(true)
}

/// A file and its tags.
struct Tagged {
    file: BufReader<File>,
    tags: TagReader,
    line: Line,
    position: u64,
    /// What is being read: bytes before `.0` came at offset `.1`.
    mark: Option<(u64, Duration)>,
}

impl Tagged {
    /// At most a piece of a mark at a time; what stands behind the last mark comes at the nominal rate.
    fn read_some(&mut self, chunks: &mut Vec<Chunk>) -> io::Result<bool> {
        if self.mark.is_none_or(|(end, _)| end <= self.position) {
            self.mark = self.tags.next_mark()?.map(|mark| (mark.end, self.line.at(mark.offset)));
        }
        let wanted = self.mark.map_or(CHUNK_BYTES as u64, |(end, _)| end.saturating_sub(self.position));
        let mut bytes = Vec::new();
        self.file.by_ref().take(wanted.min(READ_BYTES as u64)).read_to_end(&mut bytes)?;
        self.position += bytes.len() as u64;
        let offset = match self.mark {
            Some((_, offset)) => offset,
            None => {
                self.line.pass(Duration::from_micros(bytes.len() as u64 * 1_000_000 / NOMINAL_BYTES_PER_S))
            }
        };
        split(offset, &bytes, chunks);
        // A mark may stand where the one before does.
        Ok(!bytes.is_empty() || wanted == 0)
    }
}

fn split(offset: Duration, bytes: &[u8], chunks: &mut Vec<Chunk>) {
    chunks.extend(bytes.chunks(CHUNK_BYTES).map(|bytes| Chunk::of(offset, bytes)));
}

fn recorded(line: &mut Line, logged: Duration, event: Event, chunks: &mut Vec<Chunk>) {
    let content = match event {
        Event::Bytes { received_at, bytes } => {
            return split(line.recorded(received_at, logged), &bytes, chunks);
        }
        Event::Opened { baud } => Content::Opened { baud },
        Event::Closed { reason } => Content::Closed { reason },
    };
    chunks.push(Chunk { offset: line.event(logged), content });
}

pub(super) fn open_error(path: &Path, error: io::Error) -> SourceError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::NoSuchPort { path },
        io::ErrorKind::PermissionDenied => SourceError::PermissionDenied { path, remedy: Remedy::AskOwner },
        _ => SourceError::Io { doing: "open", path, error },
    }
}
