//! What `decode` and `summary` read: a capture as it is, or the receiver's bytes out of a recording.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use rtk_reader::source::{Capture, RECORDING_MAGIC, SourceError};

use crate::error::Error;

/// Bytes read at once from a capture.
const READ_BYTES: usize = 64 * 1024;
/// A shorter file is read before a progress bar could be seen.
const PROGRESS_BYTES: u64 = 4 << 20;

/// An input's name, for people.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// What came of reading.
pub struct Input {
    /// The receiver's bytes, how many.
    pub bytes: u64,
    /// What a damaged recording has lost; told when what could be read has been used.
    pub damage: Option<Error>,
}

/// Reads a capture, a recording, or standard input for `-`, piece by piece, with a progress bar on a
/// terminal. `take` says whether to go on.
pub fn read_all(path: &Path, mut take: impl FnMut(&[u8]) -> Result<bool, Error>) -> Result<Input, Error> {
    if path == Path::new("-") {
        let bytes = read_raw(io::stdin().lock(), path, None, &mut take)?;
        return Ok(Input { bytes, damage: None });
    }
    let (file, is_recording, length) = open(path).map_err(Error::file("read", path))?;
    if is_recording {
        return read_recording(path, &mut take);
    }
    Ok(Input { bytes: read_raw(file, path, length, &mut take)?, damage: None })
}

/// The file, whether it is a recording, and its length if it has one.
fn open(path: &Path) -> io::Result<(File, bool, Option<u64>)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok((file, false, None));
    }
    let mut magic = Vec::new();
    file.by_ref().take(RECORDING_MAGIC.len() as u64).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok((file, magic == RECORDING_MAGIC, Some(metadata.len())))
}

fn read_raw(
    mut input: impl Read,
    path: &Path,
    length: Option<u64>,
    take: &mut impl FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<u64, Error> {
    let bar = progress(length);
    let mut buffer = vec![0; READ_BYTES];
    let mut total = 0;
    loop {
        let read = match input.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::file("read", path)(error)),
        };
        total += read as u64;
        bar.set_position(total);
        if read == 0 || !take(buffer.get(..read).unwrap_or_default())? {
            bar.finish_and_clear();
            return Ok(total);
        }
    }
}

fn read_recording(path: &Path, take: &mut impl FnMut(&[u8]) -> Result<bool, Error>) -> Result<Input, Error> {
    let mut capture = Capture::open(path)?;
    let (mut chunks, mut bytes) = (Vec::new(), 0);
    loop {
        let more = capture.read_some(&mut chunks)?;
        for chunk in chunks.drain(..) {
            bytes += chunk.bytes().len() as u64;
            if !take(chunk.bytes())? {
                return Ok(Input { bytes, damage: None });
            }
        }
        if !more {
            break;
        }
    }
    let damage = capture.damage().cloned();
    let damage = damage.map(|damage| SourceError::Damaged { path: path.to_owned(), damage }.into());
    Ok(Input { bytes, damage })
}

/// Hidden by indicatif when standard error is no terminal.
pub fn progress(length: Option<u64>) -> indicatif::ProgressBar {
    let Some(length) = length.filter(|&length| length > PROGRESS_BYTES) else {
        return indicatif::ProgressBar::hidden();
    };
    let bar = indicatif::ProgressBar::new(length);
    match indicatif::ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
