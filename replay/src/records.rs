//! The few MCAP records a session is made of, read from bytes that may be anything.
//!
//! <https://mcap.dev/spec>: little-endian; a string is its length in 32 bits and UTF-8. Read here rather than
//! with the mcap crate's parser, which reserves whatever length a damaged byte claims.

use std::collections::BTreeMap;

/// Op 0x04.
pub struct Channel<'a> {
    pub id: u16,
    pub topic: &'a str,
    pub encoding: &'a str,
}

/// Op 0x05.
pub struct Message<'a> {
    pub channel_id: u16,
    pub sequence: u32,
    pub log_time_ns: u64,
    pub data: &'a [u8],
}

/// Op 0x06.
pub struct Chunk<'a> {
    pub uncompressed_bytes: u64,
    pub crc: u32,
    pub compression: &'a str,
    pub records: &'a [u8],
}

/// Op 0x0C.
pub struct Metadata<'a> {
    pub name: &'a str,
    pub entries: BTreeMap<String, String>,
}

pub fn channel(data: &[u8]) -> Option<Channel<'_>> {
    let mut at = Cursor(data);
    let id = at.u16()?;
    let _schema_id = at.u16()?;
    Some(Channel { id, topic: at.string()?, encoding: at.string()? })
}

pub fn message(data: &[u8]) -> Option<Message<'_>> {
    let mut at = Cursor(data);
    let (channel_id, sequence, log_time_ns, _publish_time_ns) = (at.u16()?, at.u32()?, at.u64()?, at.u64()?);
    Some(Message { channel_id, sequence, log_time_ns, data: at.0 })
}

pub fn chunk(data: &[u8]) -> Option<Chunk<'_>> {
    let mut at = Cursor(data);
    let (_start_ns, _end_ns) = (at.u64()?, at.u64()?);
    let (uncompressed_bytes, crc, compression) = (at.u64()?, at.u32()?, at.string()?);
    let records_bytes = usize::try_from(at.u64()?).ok()?;
    let records = at.take(records_bytes)?;
    at.0.is_empty().then_some(Chunk { uncompressed_bytes, crc, compression, records })
}

/// The next record of a chunk: its opcode, its data, and what follows.
pub fn next(records: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let mut at = Cursor(records);
    let [opcode] = at.array()?;
    let bytes = usize::try_from(at.u64()?).ok()?;
    Some((opcode, at.take(bytes)?, at.0))
}

pub fn metadata(data: &[u8]) -> Option<Metadata<'_>> {
    let mut at = Cursor(data);
    let name = at.string()?;
    let map_bytes = usize::try_from(at.u32()?).ok()?;
    let mut map = Cursor(at.take(map_bytes)?);
    let mut entries = BTreeMap::new();
    while !map.0.is_empty() {
        entries.insert(map.string()?.to_owned(), map.string()?.to_owned());
    }
    Some(Metadata { name, entries })
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    fn string(&mut self) -> Option<&'a str> {
        let bytes = usize::try_from(self.u32()?).ok()?;
        std::str::from_utf8(self.take(bytes)?).ok()
    }
}
