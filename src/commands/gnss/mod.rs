//! `depot gnss …`: work with a receiver or a capture of one.

pub mod decode;
pub mod feed;
pub mod ports;
pub mod record;
pub mod summary;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::error::Error;

/// Bytes read at once from a capture.
const READ_BYTES: usize = 64 * 1024;

/// Writes to standard output. A reader that has gone (`depot … | head`) is no failure.
pub fn print(text: &str) -> Result<(), Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Error::file("write", "standard output")),
    }
}

/// Reads a capture, or standard input for `-`, piece by piece, with a progress bar on a terminal; returns
/// its length. `take` says whether to go on.
fn read_all(path: &Path, mut take: impl FnMut(&[u8]) -> Result<bool, Error>) -> Result<u64, Error> {
    let (mut input, length): (Box<dyn Read>, Option<u64>) = if path == Path::new("-") {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(path).map_err(Error::file("read", path))?;
        let metadata = file.metadata().map_err(Error::file("read", path))?;
        (Box::new(file), metadata.is_file().then_some(metadata.len()))
    };
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
        if read == 0 || !take(&buffer[..read])? {
            bar.finish_and_clear();
            return Ok(total);
        }
    }
}

/// Hidden by indicatif when standard error is no terminal.
pub fn progress(length: Option<u64>) -> indicatif::ProgressBar {
    match length {
        Some(length) if length > 4 << 20 => {
            let style = indicatif::ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
            let bar = indicatif::ProgressBar::new(length);
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        }
        _ => indicatif::ProgressBar::hidden(),
    }
}
