//! `depot gnss decode FILE`: every message as a JSON line.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use rtk_reader::decode::decode;
use rtk_reader::frame::{Frame, Framer};

use super::input::{name, read_all};
use crate::cli::Decode;
use crate::error::Error;

/// Decodes a capture to standard output.
pub fn run(args: &Decode) -> Result<ExitCode, Error> {
    let mut out = BufWriter::with_capacity(256 * 1024, io::stdout().lock());
    let mut framer = Framer::new();
    let mut json = Vec::new();
    // The first failure to write ends the work; a reader that has gone is no failure.
    let mut failed: Option<io::Error> = None;
    let mut sink = |frame: Frame<'_>, failed: &mut Option<io::Error>| {
        if failed.is_none() {
            *failed = write_line(&mut out, &frame, &mut json).err();
        }
    };
    let input = read_all(&args.file, |bytes| {
        framer.push(Default::default(), bytes, &mut |frame| sink(frame, &mut failed));
        Ok(failed.is_none())
    })?;
    framer.finish(&mut |frame| sink(frame, &mut failed));
    match failed.map_or_else(|| out.flush(), Err) {
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

/// The message's object, with the position of the frame's first byte in the input in front.
fn write_line(out: &mut impl Write, frame: &Frame<'_>, json: &mut Vec<u8>) -> io::Result<()> {
    json.clear();
    decode(frame).write_json(json);
    write!(out, "{{\"offset\":{},", frame.offset)?;
    out.write_all(json.get(1..).unwrap_or_default())?;
    out.write_all(b"\n")
}
