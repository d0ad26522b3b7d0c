//! `depot gnss …`: work with a receiver or a capture of one.

pub mod cast;
pub mod configure;
pub mod decode;
pub mod feed;
pub mod input;
pub mod ports;
pub mod record;
pub mod summary;

use std::io::{self, Write};

use crate::error::Error;

/// Writes to standard output. A reader that has gone (`depot … | head`) is no failure.
pub fn print(text: &str) -> Result<(), Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Error::file("write", "standard output")),
    }
}
