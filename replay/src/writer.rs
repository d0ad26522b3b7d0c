//! Writes a session file, an event at a time; see [`crate::format`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use kit::machine::Timestamp;
use kit::tap::Body;

use crate::format::{self, Kind, MAX_MESSAGE_BYTES};

mod container;
use container::Container;

/// The longest file. [`SessionWriter::write`] refuses what would make it longer, and the file is then to be
/// finished: whole, but without its services' ends.
pub const MAX_SESSION_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// More than a message takes besides its body, the first of its kind with the schema it brings.
const MESSAGE_ROOM_BYTES: u64 = 64 * 1024;

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// What helps a person to know what this is and to make it again: the source, each setting in force under
    /// its flag's name. Not what is secret. The keys `version` and `format_version` are taken.
    pub notes: BTreeMap<String, String>,
}

/// A session file in the making. Without [`finish`](Self::finish) it is one that was cut off.
pub struct SessionWriter<W: Write> {
    file: Container<W>,
    max_bytes: u64,
    schemas: BTreeMap<Kind, u16>,
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
    /// The file is as long as it may be, and as good as before.
    #[error("the file has reached {max_bytes} bytes")]
    Full {
        /// What it may be.
        max_bytes: u64,
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
        let mut metadata = about.notes.clone();
        metadata.insert(format::KEY_FORMAT_VERSION.to_owned(), format::FORMAT_VERSION.to_string());
        metadata.insert(format::KEY_VERSION.to_owned(), about.version.clone());
        let library = format!("depot {}", about.version);
        let file = Container::new(writer, format::PROFILE, &library, format::METADATA_NAME, &metadata)?;
        let (schemas, channels) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { file, max_bytes: MAX_SESSION_BYTES, schemas, channels, json: Vec::new() })
    }

    /// Lowers [`MAX_SESSION_BYTES`] for this file.
    #[must_use]
    pub fn at_most(self, max_bytes: u64) -> Self {
        Self { max_bytes: max_bytes.min(MAX_SESSION_BYTES), ..self }
    }

    /// Writes an event. Numbers have no hole but where a [`Body::Gap`] stands for it.
    ///
    /// # Errors
    /// After [`WriteError::Io`] nothing more can be written.
    pub fn write(&mut self, seq: u64, at: Timestamp, service: &str, body: &Body) -> Result<(), WriteError> {
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        let result = match format::encode(body, &mut json) {
            Ok(()) => self.write_json(seq, at, service, Kind::of(body), &json),
            Err(_) => Err(WriteError::Unfit { bytes: json.len() }),
        };
        self.json = json;
        result
    }

    /// [`write`](Self::write) for a body that [`format::encode`] has made JSON.
    ///
    /// # Errors
    /// As there.
    pub fn write_json(
        &mut self,
        seq: u64,
        at: Timestamp,
        service: &str,
        kind: Kind,
        json: &[u8],
    ) -> Result<(), WriteError> {
        if json.len() > MAX_MESSAGE_BYTES {
            return Err(WriteError::Unfit { bytes: json.len() });
        }
        let message_bytes = MESSAGE_ROOM_BYTES.saturating_add(json.len() as u64);
        if self.file.finished_bytes().saturating_add(message_bytes) > self.max_bytes {
            return Err(WriteError::Full { max_bytes: self.max_bytes });
        }
        let at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "the format keeps the low 32 bits")]
        let sequence = seq as u32;
        let channel_id = self.channel(service, kind)?;
        self.file.message(channel_id, sequence, at_ns, json)?;
        Ok(())
    }

    /// After this, a kill of the process loses nothing that was written before.
    ///
    /// # Errors
    /// It can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// The file's length if it is finished now; it may get shorter.
    #[must_use]
    pub fn finished_bytes(&self) -> u64 {
        self.file.finished_bytes()
    }

    /// Writes what stands after all events; returns the file's length in bytes.
    ///
    /// # Errors
    /// It can't be written.
    pub fn finish(self) -> io::Result<u64> {
        self.finish_into().map(|(_, bytes)| bytes)
    }

    /// [`finish`](Self::finish), and gives back what was written to.
    ///
    /// # Errors
    /// It can't be written.
    pub fn finish_into(self) -> io::Result<(W, u64)> {
        self.file.finish()
    }

    fn channel(&mut self, service: &str, kind: Kind) -> io::Result<u16> {
        if let Some(id) = self.channels.get(service).and_then(|kinds| kinds.get(&kind)) {
            return Ok(*id);
        }
        let too_many = || io::Error::other("more channels than an MCAP file can have");
        let schema_id = match self.schemas.get(&kind) {
            Some(id) => *id,
            None => {
                let announced = self.file.schema(&kind.schema_name(), &kind.schema().to_string());
                announced.ok_or_else(too_many)?
            }
        };
        self.schemas.insert(kind, schema_id);
        let id = self.file.channel(schema_id, &kind.topic(service)).ok_or_else(too_many)?;
        self.channels.entry(service.to_owned()).or_default().insert(kind, id);
        Ok(id)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kit::machine::Input;

    /// Bytes that don't compress.
    pub fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 32) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    /// A file of so many chunks, a message in each.
    fn file(chunks: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = SessionWriter::new(&mut bytes, &About::default()).unwrap();
        for seq in 1..=chunks as u64 {
            let at = Timestamp::from_millis(1_790_000_000_000 + 150 * seq);
            writer.write(seq, at, "toy", &Body::In(Input::Timer)).unwrap();
            writer.flush().unwrap();
        }
        let told = writer.file.finished_bytes();
        let written = writer.finish().unwrap();
        assert_eq!(written, bytes.len() as u64);
        assert!(written <= told, "{written} > {told}");
        bytes
    }

    #[test]
    fn another_reader_finds_chunks_and_statistics() {
        let bytes = file(20);
        let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
        let stats = summary.stats.as_ref().unwrap();
        assert_eq!((stats.message_count, stats.chunk_count, stats.channel_count), (20, 20, 1));
        assert_eq!((stats.schema_count, stats.metadata_count), (1, 1));
        assert_eq!(stats.message_end_time - stats.message_start_time, 19 * 150_000_000);
        assert_eq!(summary.chunk_indexes.len(), 20);
        for index in &summary.chunk_indexes {
            let messages = summary.stream_chunk(&bytes, index).unwrap();
            assert_eq!(messages.map(Result::unwrap).count(), 1);
        }
        let messages = mcap::MessageStream::new(&bytes).unwrap().map(Result::unwrap);
        assert_eq!(messages.filter(|message| message.channel.topic == "/toy/in/timer").count(), 20);
    }
}
