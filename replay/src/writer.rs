//! Writes a session file, an event at a time; see [`crate::format`].

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use kit::machine::Timestamp;
use kit::tap::Body;
use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{Compression, McapError, McapResult, WriteOptions, Writer};

use crate::format::{self, Kind, MAX_MESSAGE_BYTES};

/// Chunks are finished by time; this only bounds what a burst makes one grow to, before compression.
const CHUNK_BYTES: u64 = 1024 * 1024;
/// The fastest: a recorder must keep up with its service, and repetition compresses at any level.
const COMPRESSION_LEVEL: u32 = 1;

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// For people: host, command line, whatever helps to know what this is.
    pub notes: BTreeMap<String, String>,
}

/// A session file in the making. Without [`finish`](Self::finish) it is one that was cut off.
pub struct SessionWriter<W: Write> {
    mcap: Writer<NoSeek<BufWriter<Counted<W>>>>,
    channels: BTreeMap<String, BTreeMap<Kind, u16>>,
    json: Vec<u8>,
}

/// Why an event wasn't written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Its body is too long, or JSON can't hold it; the file is as good as before.
    #[error("an event of {bytes} bytes is longer than {MAX_MESSAGE_BYTES}, or no JSON")]
    Unfit {
        /// As far as it was encoded.
        bytes: usize,
    },
    /// The file can't be written any more.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<W: Write> SessionWriter<W> {
    /// Writes what stands before any event, and flushes it.
    ///
    /// # Errors
    /// It can't be written.
    pub fn new(writer: W, about: &About) -> io::Result<Self> {
        let options = WriteOptions::new()
            .profile(format::PROFILE)
            .library(format!("depot {}", about.version))
            .compression(Some(Compression::Zstd))
            .compression_level(COMPRESSION_LEVEL)
            .compression_threads(0)
            .chunk_size(Some(CHUNK_BYTES))
            // A chunk is put together in memory and written whole: a kill leaves no half-made header.
            .disable_seeking(true)
            .emit_message_indexes(false);
        let buffer = BufWriter::new(Counted { inner: writer, bytes: 0 });
        let mut mcap = options.create(NoSeek::new(buffer)).map_err(io_error)?;
        let mut metadata = about.notes.clone();
        metadata.insert(format::KEY_FORMAT_VERSION.to_owned(), format::FORMAT_VERSION.to_string());
        metadata.insert(format::KEY_VERSION.to_owned(), about.version.clone());
        let record = Metadata { name: format::METADATA_NAME.to_owned(), metadata };
        mcap.write_metadata(&record).and_then(|()| mcap.flush()).map_err(io_error)?;
        Ok(Self { mcap, channels: BTreeMap::new(), json: Vec::new() })
    }

    /// Writes an event. Numbers have no hole but where a [`Body::Gap`] stands for it.
    ///
    /// # Errors
    /// After [`WriteError::Io`] nothing more can be written.
    pub fn write(&mut self, seq: u64, at: Timestamp, service: &str, body: &Body) -> Result<(), WriteError> {
        self.json.clear();
        let encoded = format::encode(body, &mut self.json);
        if encoded.is_err() || self.json.len() > MAX_MESSAGE_BYTES {
            return Err(WriteError::Unfit { bytes: self.json.len() });
        }
        let at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "the format keeps the low 32 bits")]
        let sequence = seq as u32;
        let channel_id = self.channel(service, Kind::of(body)).map_err(io_error)?;
        let header = MessageHeader { channel_id, sequence, log_time: at_ns, publish_time: at_ns };
        self.mcap.write_to_known_channel(&header, &self.json).map_err(io_error)?;
        Ok(())
    }

    /// After this, a kill of the process loses nothing that was written before.
    ///
    /// # Errors
    /// It can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.mcap.flush().map_err(io_error)
    }

    /// Writes what stands after all events; returns the file's length in bytes.
    ///
    /// # Errors
    /// It can't be written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.mcap.finish().map_err(io_error)?;
        let mut buffer = self.mcap.into_inner().into_inner();
        buffer.flush()?;
        Ok(buffer.get_ref().bytes)
    }

    fn channel(&mut self, service: &str, kind: Kind) -> McapResult<u16> {
        if let Some(id) = self.channels.get(service).and_then(|kinds| kinds.get(&kind)) {
            return Ok(*id);
        }
        let schema = kind.schema().to_string();
        let schema_id = self.mcap.add_schema(&kind.schema_name(), "jsonschema", schema.as_bytes())?;
        let id = self.mcap.add_channel(schema_id, &kind.topic(service), "json", &BTreeMap::new())?;
        self.channels.entry(service.to_owned()).or_default().insert(kind, id);
        Ok(id)
    }
}

/// What a person can do something about is the system's error.
fn io_error(error: McapError) -> io::Error {
    match error {
        McapError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// Counts what was written.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buf)?;
        self.bytes = self.bytes.saturating_add(written as u64);
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
