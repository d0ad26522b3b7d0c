//! From a file's bytes to records whose checksum was right.

use std::io::{ErrorKind, Read};

use mcap::McapError;
use mcap::records::op;
use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};

use super::{Damage, Entries};
use crate::format::{MAX_RECORD_BYTES, METADATA_NAME};
use crate::records;

/// The smallest and largest read from the file.
const READ_BYTES: (usize, usize) = (64 * 1024, 1024 * 1024);

/// Why there is no next record.
pub enum Stop {
    /// The file ended early.
    Cut,
    /// It isn't what was written.
    Damaged(Damage),
}

/// One record of a verified chunk.
pub enum Record<'a> {
    Channel(records::Channel<'a>),
    Message(records::Message<'a>),
}

/// Walks through a file's chunks.
pub struct Chunks {
    input: Box<dyn Read + Send>,
    outer: LinearReader,
    /// The verified chunk in hand.
    chunk: Option<LinearReader>,
    /// Of the record in hand, from the file's start.
    record_offset: u64,
    next_offset: u64,
    read_bytes: u64,
    metadata: Option<Entries>,
    data_ended: bool,
}

impl Chunks {
    pub fn new(input: Box<dyn Read + Send>) -> Self {
        let options = LinearReaderOptions::default()
            .with_emit_chunks(true)
            .with_validate_data_section_crc(true)
            .with_validate_summary_section_crc(true)
            .with_check_finishes_after_end_magic(true)
            .with_record_length_limit(MAX_RECORD_BYTES);
        Self {
            input,
            outer: LinearReader::new_with_options(options),
            chunk: None,
            record_offset: 0,
            next_offset: mcap::MAGIC.len() as u64,
            read_bytes: 0,
            metadata: None,
            data_ended: false,
        }
    }

    /// Where a [`Stop`] happened.
    pub fn offset(&self, stop: &Stop) -> u64 {
        match stop {
            Stop::Cut => self.read_bytes,
            Stop::Damaged(_) => self.record_offset,
        }
    }

    /// Read from the file so far.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// What stands before the first chunk; none if there is a chunk or the end.
    pub fn metadata(&mut self) -> Result<Option<Entries>, Stop> {
        while self.metadata.is_none() && self.chunk.is_none() && self.advance()? {}
        Ok(self.metadata.take())
    }

    /// Calls `take` with the next record; false at the file's orderly end.
    pub fn next(&mut self, take: impl FnOnce(Record) -> Result<(), Damage>) -> Result<bool, Stop> {
        loop {
            let Some(chunk) = &mut self.chunk else {
                if self.advance()? {
                    continue;
                }
                return Ok(false);
            };
            match chunk.next_event() {
                None => self.chunk = None,
                Some(Ok(LinearReadEvent::ReadRequest(bytes))) => {
                    // All of it was handed in: a request at a record's border is the end, any other an error.
                    chunk.insert(bytes.min(1));
                    chunk.notify_read(0);
                }
                Some(Ok(LinearReadEvent::Record { opcode, data })) => {
                    let malformed = || Stop::Damaged(Damage::Record { opcode });
                    let record = match opcode {
                        op::CHANNEL => Record::Channel(records::channel(data).ok_or_else(malformed)?),
                        op::MESSAGE => Record::Message(records::message(data).ok_or_else(malformed)?),
                        _ => continue,
                    };
                    take(record).map_err(Stop::Damaged)?;
                    return Ok(true);
                }
                Some(Err(error)) => return Err(Stop::Damaged(error.into())),
            }
        }
    }

    /// To the next chunk or metadata record; false at the file's orderly end.
    fn advance(&mut self) -> Result<bool, Stop> {
        loop {
            match self.outer.next_event() {
                None => return Ok(false),
                Some(Err(McapError::UnexpectedEof)) => return Err(Stop::Cut),
                Some(Err(error)) => {
                    self.record_offset = self.next_offset;
                    return Err(Stop::Damaged(error.into()));
                }
                Some(Ok(LinearReadEvent::ReadRequest(bytes))) => {
                    let buffer = self.outer.insert(bytes.clamp(READ_BYTES.0, READ_BYTES.1));
                    let read = loop {
                        match self.input.read(buffer) {
                            Err(error) if error.kind() == ErrorKind::Interrupted => {}
                            read => break read,
                        }
                    };
                    let read = read.map_err(|error| Stop::Damaged(error.into()))?;
                    self.outer.notify_read(read);
                    self.read_bytes = self.read_bytes.saturating_add(read as u64);
                }
                Some(Ok(LinearReadEvent::Record { opcode, data })) => {
                    self.record_offset = self.next_offset;
                    self.next_offset = self.next_offset.saturating_add(9).saturating_add(data.len() as u64);
                    match opcode {
                        op::DATA_END => self.data_ended = true,
                        op::CHUNK if self.data_ended => return Err(Stop::Damaged(Damage::Unprotected)),
                        op::CHUNK => {
                            self.chunk = Some(open_chunk(data).map_err(Stop::Damaged)?);
                            return Ok(true);
                        }
                        op::MESSAGE => return Err(Stop::Damaged(Damage::Unprotected)),
                        op::METADATA => {
                            let record =
                                records::metadata(data).ok_or(Stop::Damaged(Damage::Record { opcode }))?;
                            if record.name == METADATA_NAME {
                                self.metadata = Some(record.entries);
                                return Ok(true);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// A reader for one chunk that verifies its checksum before it yields a record.
fn open_chunk(data: &[u8]) -> Result<LinearReader, Damage> {
    let header = records::chunk_header(data).ok_or(Damage::Record { opcode: op::CHUNK })?;
    // Zero means "not computed" to MCAP.
    if header.crc == 0 && header.uncompressed_bytes > 0 {
        return Err(Damage::Unprotected);
    }
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(true)
        .with_prevalidate_chunk_crcs(true)
        .with_record_length_limit(MAX_RECORD_BYTES);
    let mut reader = LinearReader::new_with_options(options);
    let length = (data.len() as u64).to_le_bytes();
    let whole: [&[u8]; 3] = [&[op::CHUNK], &length, data];
    for part in whole.into_iter().filter(|part| !part.is_empty()) {
        reader.insert(part.len()).copy_from_slice(part);
        reader.notify_read(part.len());
    }
    Ok(reader)
}
