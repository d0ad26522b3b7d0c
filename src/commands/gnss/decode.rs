//! `depot gnss decode FILE`: every message as a JSON line.

use std::io::{self, Write};
use std::process::ExitCode;

use rtk_reader::decode::decode;
use rtk_reader::frame::{Frame, Framer};

use super::input::{name, read_all};
use crate::cli::Decode;
use crate::error::Error;

/// Lines are written when they are so many bytes: few calls, and the buffer stays in the processor's cache.
const WRITE_BYTES: usize = 64 * 1024;

/// Decodes a capture to standard output.
pub fn run(args: &Decode) -> Result<ExitCode, Error> {
    let mut lines = Lines::new(io::stdout().lock());
    let mut framer = Framer::new();
    let input = read_all(&args.file, |bytes| {
        framer.push(Default::default(), bytes, &mut |frame| lines.add(&frame));
        Ok(lines.failed.is_none())
    })?;
    framer.finish(&mut |frame| lines.add(&frame));
    match lines.finish() {
        // A reader that has gone is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        result => result.map_err(Error::file("write", "standard output"))?,
    }
    let counts = framer.counts();
    if counts.frames() == 0 {
        return Err(Error::NotGnss { path: name(&args.file), bytes: input.bytes });
    }
    if counts.unframed_bytes > 0 {
        let (bytes, runs, bad_checksums) =
            (counts.unframed_bytes, counts.unframed_runs, counts.bad_checksums());
        tracing::warn!(bytes, runs, bad_checksums, "some of the input is in no good frame");
    }
    input.damage.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// JSON lines on their way out.
struct Lines<W> {
    out: W,
    waiting: Vec<u8>,
    /// The first failure to write: it ends the work.
    failed: Option<io::Error>,
}

impl<W: Write> Lines<W> {
    fn new(out: W) -> Self {
        Self { out, waiting: Vec::with_capacity(2 * WRITE_BYTES), failed: None }
    }

    /// The message's object, with the position of the frame's first byte in the input in front.
    fn add(&mut self, frame: &Frame<'_>) {
        if self.failed.is_some() {
            return;
        }
        self.waiting.extend_from_slice(b"{\"offset\":");
        self.waiting.extend_from_slice(frame.offset.to_string().as_bytes());
        self.waiting.push(b',');
        decode(frame).write_json_fields(&mut self.waiting);
        self.waiting.push(b'\n');
        if self.waiting.len() >= WRITE_BYTES {
            self.write();
        }
    }

    fn write(&mut self) {
        self.failed = self.out.write_all(&self.waiting).err();
        self.waiting.clear();
    }

    fn finish(mut self) -> io::Result<()> {
        if self.failed.is_none() {
            self.write();
        }
        self.failed.map_or_else(|| self.out.flush(), Err)
    }
}
