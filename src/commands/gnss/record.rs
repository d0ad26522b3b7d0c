//! `depot gnss record FILE`: a receiver's raw bytes, with RTKLIB time tags beside them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use kit::clock::Clock;
use rtk_reader::source::{Event, QUEUE_EVENTS, TagWriter};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::cli::Record;
use crate::error::Error;
use crate::source::{self, Gnss};

/// Bytes reach the file at least this often.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// Records until Ctrl-C, the end of a capture played once, or `--for`.
pub async fn run(args: Record) -> Result<ExitCode, Error> {
    let gnss = Gnss::parse(&args.gnss)?;
    let clock = Clock::start();
    let mut files = Files::create(&args.file, clock)?;
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let (sender, mut events) = mpsc::channel(QUEUE_EVENTS);
    let reading = source::run(gnss, &args.source, clock, sender, stop.clone());
    let writing = async {
        let mut tick = tokio::time::interval(FLUSH_EVERY);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => files.take(event)?,
                    None => return Ok(()),
                },
                _ = tick.tick() => files.flush()?,
            }
        }
    };
    let read = tokio::select! {
        result = async { tokio::try_join!(reading, writing).map(|_| ()) } => result,
        () = stop.cancelled() => Ok(()),
        () = crate::commands::after(args.for_) => Ok(()),
    };
    let bytes = files.bytes;
    if bytes == 0 {
        files.discard();
        read?;
        info!("nothing came, so nothing was kept");
        return Ok(ExitCode::SUCCESS);
    }
    files.flush()?;
    read?;
    info!(bytes, file = %args.file.display(), "recorded");
    Ok(ExitCode::SUCCESS)
}

/// The capture and its tags.
pub(super) struct Files {
    paths: [PathBuf; 2],
    raw: BufWriter<File>,
    tags: TagWriter<BufWriter<File>>,
    bytes: u64,
}

impl Files {
    /// Neither may exist: a capture is never overwritten.
    pub(super) fn create(path: &Path, clock: Clock) -> Result<Self, Error> {
        let tag_path = PathBuf::from(format!("{}.tag", path.display()));
        let raw = File::create_new(path).map_err(Error::file("create", path))?;
        let tags = File::create_new(&tag_path)
            .and_then(|file| TagWriter::new(BufWriter::new(file), clock.now()))
            .map_err(Error::file("create", &tag_path));
        let tags = match tags {
            Ok(tags) => tags,
            Err(error) => {
                let _ = std::fs::remove_file(path);
                return Err(error);
            }
        };
        Ok(Self { paths: [path.to_owned(), tag_path], raw: BufWriter::new(raw), tags, bytes: 0 })
    }

    pub(super) fn take(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Opened { device, baud } => info!(device, baud, "recording"),
            Event::Bytes { received_at, bytes } => {
                self.raw.write_all(&bytes).map_err(Error::file("write", &self.paths[0]))?;
                self.bytes += bytes.len() as u64;
                self.tags.mark(received_at, self.bytes).map_err(Error::file("write", &self.paths[1]))?;
            }
            Event::Closed { reason } => warn!(reason, "the receiver is gone; waiting for it"),
            Event::Ended => {}
        }
        Ok(())
    }

    /// How many have come.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes first: a tag must not point behind the end of its file.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.raw.flush().map_err(Error::file("write", &self.paths[0]))?;
        self.tags.flush().map_err(Error::file("write", &self.paths[1]))
    }

    /// Nothing came: nothing is left behind.
    pub(super) fn discard(self) {
        for path in &self.paths {
            let _ = std::fs::remove_file(path);
        }
    }
}
