//! From a file's bytes to records whose checksum was right.

use std::io::{ErrorKind, Read};

use mcap::McapError;
use mcap::records::op;
use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};
use zstd::bulk::Decompressor;

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
    /// The verified chunk in hand, if there is one.
    chunk: Unpacked,
    in_chunk: bool,
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
            chunk: Unpacked::default(),
            in_chunk: false,
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
        while self.metadata.is_none() && !self.in_chunk && self.advance()? {}
        Ok(self.metadata.take())
    }

    /// Calls `take` with the next record; false at the file's orderly end.
    pub fn next(&mut self, take: impl FnOnce(Record) -> Result<(), Damage>) -> Result<bool, Stop> {
        loop {
            if !self.in_chunk {
                if self.advance()? {
                    continue;
                }
                return Ok(false);
            }
            let Some((opcode, data)) = self.chunk.next().map_err(Stop::Damaged)? else {
                self.in_chunk = false;
                continue;
            };
            let malformed = || Stop::Damaged(Damage::Record { opcode });
            let record = match opcode {
                op::CHANNEL => Record::Channel(records::channel(data).ok_or_else(malformed)?),
                op::MESSAGE => Record::Message(records::message(data).ok_or_else(malformed)?),
                _ => continue,
            };
            take(record).map_err(Stop::Damaged)?;
            return Ok(true);
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
                            self.chunk.open(data).map_err(Stop::Damaged)?;
                            self.in_chunk = true;
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

/// The verified records of a chunk.
#[derive(Default)]
struct Unpacked {
    /// Made for the first chunk: a recorder makes seven a second, and each would cost as much as its content.
    zstd: Option<Decompressor<'static>>,
    records: Vec<u8>,
    /// How many bytes of them have been read.
    read: usize,
}

impl Unpacked {
    /// Verifies the checksum before a record is looked at.
    fn open(&mut self, data: &[u8]) -> Result<(), Damage> {
        let chunk = records::chunk(data).ok_or(Damage::Record { opcode: op::CHUNK })?;
        // Zero means "not computed" to MCAP.
        if chunk.crc == 0 && chunk.uncompressed_bytes > 0 {
            return Err(Damage::Unprotected);
        }
        let bytes = usize::try_from(chunk.uncompressed_bytes).ok().filter(|bytes| *bytes <= MAX_RECORD_BYTES);
        let bytes = bytes.ok_or(McapError::ChunkTooLarge(chunk.uncompressed_bytes))?;
        self.records.clear();
        self.read = 0;
        match chunk.compression {
            "" => self.records.extend_from_slice(chunk.records),
            "zstd" => {
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    none => none.insert(Decompressor::new()?),
                };
                self.records.reserve(bytes);
                zstd.decompress_to_buffer(chunk.records, &mut self.records)
                    .map_err(|error| McapError::DecompressionError(error.to_string()))?;
            }
            other => return Err(McapError::UnsupportedCompression(other.to_owned()).into()),
        }
        if self.records.len() != bytes {
            let (header, available) = (chunk.uncompressed_bytes, self.records.len() as u64);
            return Err(McapError::BadChunkLength { header, available }.into());
        }
        let calculated = crc32fast::hash(&self.records);
        if calculated != chunk.crc {
            return Err(McapError::BadChunkCrc { saved: chunk.crc, calculated }.into());
        }
        Ok(())
    }

    /// The next record; none after the last.
    fn next(&mut self) -> Result<Option<(u8, &[u8])>, Damage> {
        let rest = self.records.get(self.read..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let (opcode, data, after) = records::next(rest).ok_or(McapError::UnexpectedEoc)?;
        self.read = self.records.len() - after.len();
        Ok(Some((opcode, data)))
    }
}
