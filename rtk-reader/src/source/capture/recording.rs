//! The receiver's bytes in a recording of ours (MCAP), for playing them again.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    time::Duration,
};

use mcap::{
    McapError,
    records::{Metadata, Record, op},
    sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

use super::{
    super::error::Damage,
    events::{Channel, Event},
};

/// The newest format of a recording that is understood here; `depot`'s own metadata record says which one a
/// file has. Files without it are taken for what their topics say.
pub(super) const KNOWN_FORMAT: u64 = 3;
const METADATA_NAME: &str = "depot";
const KEY_FORMAT_VERSION: &str = "format_version";
const KEY_VERSION: &str = "version";

/// Characters kept of the version of the program that wrote a file, for people.
const VERSION_CHARS: usize = 32;

/// The longest record or chunk read; a longer one is taken for damage.
const MAX_RECORD_BYTES: usize = 64 * 1024 * 1024;

/// Bytes asked of the file at a time, at most.
const READ_BYTES: usize = 1024 * 1024;

/// Reads a recording chunk by chunk; a damaged chunk is skipped and counted.
pub(super) struct Recording<R> {
    file: R,
    reader: LinearReader,
    position: u64,
    channels: BTreeMap<u16, Channel>,
    /// The service reads its own receiver: whoever would feed it is refused.
    has_stream: bool,
    newer: Option<(u64, String)>,
    damage: Damage,
    messages: u64,
    ended: bool,
}

/// Why reading stops.
#[derive(Debug)]
pub(super) enum Stop {
    Io(io::Error),
    /// The file's format is newer than [`KNOWN_FORMAT`].
    Newer {
        found: u64,
        /// Of the program that wrote it.
        version: String,
    },
}

impl<R: Read> Recording<R> {
    pub(super) fn new(file: R) -> Self {
        let options =
            LinearReaderOptions::default().with_emit_chunks(true).with_record_length_limit(MAX_RECORD_BYTES);
        Self {
            file,
            reader: LinearReader::new_with_options(options),
            position: 0,
            channels: BTreeMap::new(),
            has_stream: false,
            newer: None,
            damage: Damage::default(),
            messages: 0,
            ended: false,
        }
    }

    /// What is lost, so far.
    pub(super) fn damage(&self) -> &Damage {
        &self.damage
    }

    /// Messages seen, of whatever topic.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Reads one record of the file, a chunk as a rule: calls `out` with each event of the receiver in it and
    /// when that was recorded. Says whether there is more.
    pub(super) fn read_some(&mut self, out: &mut impl FnMut(Duration, Event)) -> Result<bool, Stop> {
        while !self.ended {
            let (opcode, data) = match self.reader.next_event() {
                None => break,
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let buffer = self.reader.insert(wanted.clamp(1, READ_BYTES));
                    let read = read_retrying(&mut self.file, buffer).map_err(Stop::Io)?;
                    self.reader.notify_read(read);
                    self.position += read as u64;
                    continue;
                }
                Some(Ok(LinearReadEvent::Record { opcode, data })) => (opcode, data.to_vec()),
                // Whatever breaks outside of a chunk, the reader has lost its place.
                Some(Err(_)) => {
                    self.damage.broken_off_at = Some(self.position);
                    break;
                }
            };
            match opcode {
                // Behind it stands only the summary, of which we need nothing.
                op::DATA_END => break,
                op::CHUNK => self.chunk(&data, out),
                _ => self.record(opcode, &data, out),
            }
            if let Some((found, version)) = self.newer.take() {
                self.ended = true;
                return Err(Stop::Newer { found, version });
            }
            return Ok(true);
        }
        self.ended = true;
        Ok(false)
    }

    /// A chunk is all right or skipped: read by a reader of its own that checks the CRC before it yields.
    fn chunk(&mut self, data: &[u8], out: &mut impl FnMut(Duration, Event)) {
        let options = LinearReaderOptions::default()
            .with_skip_start_magic(true)
            .with_skip_end_magic(true)
            .with_prevalidate_chunk_crcs(true)
            .with_record_length_limit(MAX_RECORD_BYTES);
        let mut reader = LinearReader::new_with_options(options);
        let length = (data.len() as u64).to_le_bytes();
        let mut rest = [&[op::CHUNK][..], &length, data].concat();
        let mut rest = io::Cursor::new(&mut rest);
        loop {
            let record = match reader.next_event() {
                None => return,
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let read = rest.read(reader.insert(wanted.clamp(1, READ_BYTES))).unwrap_or_default();
                    reader.notify_read(read);
                    continue;
                }
                Some(Ok(LinearReadEvent::Record { opcode, data })) => Ok((opcode, data.to_vec())),
                Some(Err(error)) => Err(error),
            };
            match record {
                Ok((opcode, data)) => self.record(opcode, &data, out),
                Err(error) => return self.lose_chunk(&error),
            }
        }
    }

    fn lose_chunk(&mut self, error: &McapError) {
        tracing::debug!(%error, "a chunk of the recording is lost");
        self.damage.chunks_lost += 1;
    }

    fn record(&mut self, opcode: u8, data: &[u8], out: &mut impl FnMut(Duration, Event)) {
        if !matches!(opcode, op::CHANNEL | op::MESSAGE | op::METADATA) {
            return;
        }
        match mcap::parse_record(opcode, data) {
            Ok(Record::Channel(channel)) if channel.message_encoding == "json" => {
                // Written again in front of each chunk that uses it.
                if let Some(told) = Channel::of(&channel.topic) {
                    self.channels.entry(channel.id).or_insert(told);
                }
            }
            Ok(Record::Message { header, data }) => {
                self.messages += 1;
                self.message(header.channel_id, Duration::from_nanos(header.log_time), &data, out);
            }
            Ok(Record::Metadata(metadata)) if metadata.name == METADATA_NAME => self.about(&metadata),
            Ok(_) => {}
            Err(_) => self.damage.messages_lost += 1,
        }
    }

    fn about(&mut self, about: &Metadata) {
        let entry = |key| about.metadata.get(key).map(String::as_str).unwrap_or_default();
        match entry(KEY_FORMAT_VERSION).parse() {
            Ok(found) if found > KNOWN_FORMAT => {
                let version = entry(KEY_VERSION).chars().filter(|c| !c.is_control());
                self.newer = Some((found, version.take(VERSION_CHARS).collect()));
            }
            _ => {}
        }
    }

    fn message(&mut self, id: u16, logged: Duration, data: &[u8], out: &mut impl FnMut(Duration, Event)) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        match channel.read(data) {
            Ok(None) => {}
            Ok(Some(event)) => {
                self.has_stream |= matches!(channel, Channel::Stream);
                if matches!(channel, Channel::Stream) || !self.has_stream {
                    self.damage.messages_read += 1;
                    out(logged, event);
                }
            }
            Err(_) => self.damage.messages_lost += 1,
        }
    }
}

fn read_retrying(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
