//! Finds the whole chunks of a file that may be damaged anywhere.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use mcap::records::op;

use crate::format::{self, Kind, MAX_RECORD_BYTES};
use crate::records;
use crate::session::Recorded;

/// An opcode and a length.
const HEAD_BYTES: u64 = 9;
/// In a chunk's record before the name of its compression: head, two times, a length, a checksum.
const BEFORE_NAME_BYTES: u64 = HEAD_BYTES + 8 + 8 + 8 + 4;
/// The name of the compression we write, with its length.
const NAME: &[u8] = b"\x04\0\0\0zstd";
/// Read at once in search of the next chunk.
const WINDOW_BYTES: usize = 1024 * 1024;

/// What stands at a place in the file.
pub enum Found {
    /// A whole chunk's events, and the messages in it that are none.
    Chunk { events: Vec<Recorded>, unread: u64 },
    /// Bytes that are no record, or a chunk that isn't what was written.
    Damage { offset: u64, bytes: u64 },
    /// A record that carries no event.
    Other,
    /// The file's orderly end: the closing magic.
    End,
    /// The file's end, in the middle of something.
    Cut { offset: u64 },
}

/// Walks through a file and past every damage.
pub struct Scan<R> {
    file: R,
    length: u64,
    offset: u64,
    channels: BTreeMap<u16, Option<(Arc<str>, Kind)>>,
    last_seq: u64,
    nearest: fn(u64, u32) -> u64,
}

impl<R: Read + Seek> Scan<R> {
    /// `nearest` finds a number by its low 32 bits.
    pub fn new(mut file: R, nearest: fn(u64, u32) -> u64) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let channels = BTreeMap::new();
        let mut scan =
            Self { file, length, offset: mcap::MAGIC.len() as u64, channels, last_seq: 0, nearest };
        scan.channels_of_summary()?;
        Ok(scan)
    }

    /// Of the file, bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn next(&mut self) -> io::Result<Found> {
        let offset = self.offset;
        let left = self.length.saturating_sub(offset);
        if left == 0 {
            return Ok(Found::Cut { offset });
        }
        if left == mcap::MAGIC.len() as u64 && *self.read(offset, left)? == *mcap::MAGIC {
            self.offset = self.length;
            return Ok(Found::End);
        }
        let Some((opcode, length)) = self.head(offset)? else {
            return self.past_damage(offset);
        };
        self.offset = offset + HEAD_BYTES + length;
        if opcode != op::CHUNK {
            return Ok(Found::Other);
        }
        let data = self.read(offset + HEAD_BYTES, length)?;
        match open(&data) {
            Some(records) => Ok(self.chunk(&records)),
            // Its length may be what is wrong: look for the next within it, too.
            None => self.past_damage(offset),
        }
    }

    /// The record that begins here, if it may be one and is whole.
    fn head(&mut self, offset: u64) -> io::Result<Option<(u8, u64)>> {
        if self.length.saturating_sub(offset) < HEAD_BYTES {
            return Ok(None);
        }
        let head = self.read(offset, HEAD_BYTES)?;
        let Some((&opcode, length)) = head.split_first() else { return Ok(None) };
        let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
        let known = (op::HEADER..=op::DATA_END).contains(&opcode);
        let whole = length <= MAX_RECORD_BYTES as u64 && length <= self.length - offset - HEAD_BYTES;
        Ok((known && whole).then_some((opcode, length)))
    }

    /// To the next chunk that may be whole.
    fn past_damage(&mut self, from: u64) -> io::Result<Found> {
        let mut at = from + 1 + BEFORE_NAME_BYTES;
        while at < self.length {
            let window = self.read(at, (WINDOW_BYTES as u64).min(self.length - at))?;
            if let Some(found) = window.windows(NAME.len()).position(|bytes| bytes == NAME) {
                let start = at + found as u64 - BEFORE_NAME_BYTES;
                if matches!(self.head(start)?, Some((op::CHUNK, _))) {
                    self.offset = start;
                    return Ok(Found::Damage { offset: from, bytes: start - from });
                }
                at += found as u64 + 1;
            } else if window.len() < WINDOW_BYTES {
                break;
            } else {
                at += (window.len() - NAME.len()) as u64;
            }
        }
        self.offset = self.length;
        Ok(Found::Cut { offset: from })
    }

    fn chunk(&mut self, records: &[u8]) -> Found {
        let (mut events, mut unread) = (Vec::new(), 0);
        for (opcode, data) in Walk(records) {
            match opcode {
                op::CHANNEL => self.channel(data),
                op::MESSAGE => match records::message(data).map(|message| self.message(&message)) {
                    Some(Some(Some(event))) => events.push(event),
                    // Not ours.
                    Some(Some(None)) => {}
                    Some(None) | None => unread += 1,
                },
                _ => {}
            }
        }
        Found::Chunk { events, unread }
    }

    fn channel(&mut self, data: &[u8]) {
        if let Some(channel) = records::channel(data) {
            let ours = Kind::parse(channel.topic).filter(|_| channel.encoding == "json");
            let ours = ours.map(|(service, kind)| (Arc::from(service), kind));
            self.channels.insert(channel.id, ours);
        }
    }

    /// None: it should be an event and isn't; some none: it is none of ours.
    fn message(&mut self, message: &records::Message) -> Option<Option<Recorded>> {
        let Some((service, kind)) = self.channels.get(&message.channel_id)? else { return Some(None) };
        let seq = (self.nearest)(self.last_seq, message.sequence);
        let body = format::decode(*kind, message.data).ok()?;
        self.last_seq = seq;
        let at = kit::machine::Timestamp::from_nanos(message.log_time_ns);
        Some(Some(Recorded { seq, at, service: service.clone(), body }))
    }

    /// The channels as told once more at a whole file's end: the chunk that announces one may be the one that
    /// is damaged.
    fn channels_of_summary(&mut self) -> io::Result<()> {
        // Footer: head, summary's start, offsets' start, checksum; then the magic.
        let footer_bytes = HEAD_BYTES + 20 + mcap::MAGIC.len() as u64;
        let Some(at) = self.length.checked_sub(footer_bytes) else { return Ok(()) };
        let footer = self.read(at, footer_bytes)?;
        let Some((op::FOOTER, start)) = footer.first().zip(footer.get(9..17)).map(|(op, at)| (*op, at))
        else {
            return Ok(());
        };
        let start = u64::from_le_bytes(start.try_into().unwrap_or_default());
        let Some(bytes) =
            at.checked_sub(start).filter(|bytes| start > 0 && *bytes <= MAX_RECORD_BYTES as u64)
        else {
            return Ok(());
        };
        let summary = self.read(start, bytes)?;
        for (opcode, data) in Walk(&summary) {
            if opcode == op::CHANNEL {
                self.channel(data);
            }
        }
        Ok(())
    }

    fn read(&mut self, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(offset))?;
        let mut data = Vec::new();
        (&mut self.file).take(bytes).read_to_end(&mut data)?;
        if data.len() as u64 == bytes { Ok(data) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A chunk's records, if its checksum is right.
fn open(data: &[u8]) -> Option<Vec<u8>> {
    let chunk = records::chunk(data).filter(|chunk| chunk.compression == "zstd")?;
    let bytes = usize::try_from(chunk.uncompressed_bytes).ok().filter(|bytes| *bytes <= MAX_RECORD_BYTES)?;
    let records = zstd::bulk::decompress(chunk.records, bytes).ok()?;
    (records.len() == bytes && chunk.crc != 0 && crc32fast::hash(&records) == chunk.crc).then_some(records)
}

/// Records one after the other.
struct Walk<'a>(&'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&opcode, rest) = self.0.split_first()?;
        let (length, rest) = rest.split_at_checked(8)?;
        let length = u64::from_le_bytes(length.try_into().ok()?);
        let (data, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some((opcode, data))
    }
}
