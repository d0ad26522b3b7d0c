//! The receiver's bytes in a recording of ours (MCAP), for playing them again.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use mcap::{
    McapError,
    records::{Record, op},
    sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions},
};
use serde::Deserialize;

use super::super::error::Damage;

/// The end of the topic the receiver's events are on; what stands before it is the service.
const TOPIC_END: &str = "/in/stream";

/// The longest record or chunk read; a longer one is taken for damage.
const MAX_RECORD_BYTES: usize = 64 * 1024 * 1024;

/// Bytes asked of the file at a time, at most.
const READ_BYTES: usize = 1024 * 1024;

/// Reads a recording chunk by chunk; a damaged chunk is skipped and counted.
pub(super) struct Recording<R> {
    file: R,
    reader: LinearReader,
    position: u64,
    channels: BTreeSet<u16>,
    damage: Damage,
    messages: u64,
    ended: bool,
}

/// One message of the topic; only what is played is read of it.
#[derive(Deserialize)]
struct Message {
    event: StreamEvent,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum StreamEvent {
    Bytes {
        received_at_ns: u64,
        bytes: String,
    },
    #[serde(other)]
    Other,
}

impl<R: Read> Recording<R> {
    pub(super) fn new(file: R) -> Self {
        let options =
            LinearReaderOptions::default().with_emit_chunks(true).with_record_length_limit(MAX_RECORD_BYTES);
        Self {
            file,
            reader: LinearReader::new_with_options(options),
            position: 0,
            channels: BTreeSet::new(),
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

    /// Reads one record of the file, a chunk as a rule: calls `out` with the receive time and bytes of each
    /// message of the receiver in it. Says whether there is more.
    pub(super) fn read_some(&mut self, out: &mut impl FnMut(Duration, Vec<u8>)) -> io::Result<bool> {
        while !self.ended {
            let (opcode, data) = match self.reader.next_event() {
                None => break,
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let buffer = self.reader.insert(wanted.clamp(1, READ_BYTES));
                    let read = read_retrying(&mut self.file, buffer)?;
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
            return Ok(true);
        }
        self.ended = true;
        Ok(false)
    }

    /// A chunk is all right or skipped: read by a reader of its own that checks the CRC before it yields.
    fn chunk(&mut self, data: &[u8], out: &mut impl FnMut(Duration, Vec<u8>)) {
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

    fn record(&mut self, opcode: u8, data: &[u8], out: &mut impl FnMut(Duration, Vec<u8>)) {
        if !matches!(opcode, op::CHANNEL | op::MESSAGE) {
            return;
        }
        match mcap::parse_record(opcode, data) {
            Ok(Record::Channel(channel)) => {
                if channel.topic.ends_with(TOPIC_END) && channel.message_encoding == "json" {
                    self.channels.insert(channel.id);
                }
            }
            Ok(Record::Message { header, data }) => {
                self.messages += 1;
                if self.channels.contains(&header.channel_id) {
                    self.message(&data, out);
                }
            }
            Ok(_) => {}
            Err(_) => self.damage.messages_lost += 1,
        }
    }

    fn message(&mut self, data: &[u8], out: &mut impl FnMut(Duration, Vec<u8>)) {
        let event = serde_json::from_slice(data).map(|message: Message| message.event);
        match event {
            Ok(StreamEvent::Bytes { received_at_ns, bytes }) => match STANDARD.decode(bytes) {
                Ok(bytes) => {
                    self.damage.messages_read += 1;
                    out(Duration::from_nanos(received_at_ns), bytes);
                }
                Err(_) => self.damage.messages_lost += 1,
            },
            Ok(StreamEvent::Other) => self.damage.messages_read += 1,
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
