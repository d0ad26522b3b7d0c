//! An MCAP file in the making (<https://mcap.dev/spec>): header, metadata, chunks, summary.
//!
//! The mcap crate's writer remembers every chunk until the end, about 130 bytes for each, and a recorder makes
//! some seven a second: 75 MB a day. This one remembers the first [`MAX_INDEXED_CHUNKS`].

use std::collections::BTreeMap;
use std::io::{self, Write};

use mcap::records::op;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// Chunks are finished by time; this only bounds what a burst makes one grow to, before compression.
const CHUNK_BYTES: usize = 1024 * 1024;
/// The fastest: a recorder must keep up with its service, and repetition compresses at any level.
const COMPRESSION_LEVEL: i32 = 1;
const COMPRESSION: &str = "zstd";
/// Chunks whose place the summary tells (five hours of a recorder's, 6 MB). A file with more has no chunk
/// index at all, since a partial one would hide the rest: readers then go through it from the front.
pub const MAX_INDEXED_CHUNKS: usize = 128 * 1024;
/// What each takes in the summary.
const INDEX_RECORD_BYTES: usize = 9 + 8 * 4 + 4 + 8 + (4 + COMPRESSION.len()) + 8 * 2;
/// More than what surrounds a chunk, and the records at the end of which there is one, take.
const FRAME_BYTES: usize = 4 * 1024;

/// Writes the file. Without [`finish`](Self::finish) it is one that was cut off.
pub struct Container<W: Write> {
    inner: W,
    /// Bytes written, and the checksum over them.
    written_bytes: u64,
    data_crc: crc32fast::Hasher,
    zstd: Compressor<'static>,
    /// The records of the chunk in the making.
    chunk: Vec<u8>,
    chunk_times: Option<Times>,
    packed: Vec<u8>,
    zipped: Vec<u8>,
    summary: Summary,
}

/// What is told once more at the end.
#[derive(Default)]
struct Summary {
    schemas: Records,
    channels: Records,
    metadata: Records,
    /// Channel to messages.
    messages: BTreeMap<u16, u64>,
    times: Option<Times>,
    chunks: u32,
    /// The first of them.
    index: Vec<Chunk>,
}

/// Records of one kind, as they stand in the file.
#[derive(Default)]
struct Records {
    count: u16,
    bytes: Vec<u8>,
}

/// Where a chunk stands.
struct Chunk {
    times: Times,
    offset: u64,
    length: u64,
    zipped_bytes: u64,
    bytes: u64,
}

/// First and last, nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Default)]
struct Times {
    start_ns: u64,
    end_ns: u64,
}

impl Times {
    fn with(earlier: Option<Self>, at_ns: u64) -> Self {
        let Self { start_ns, end_ns } = earlier.unwrap_or(Self { start_ns: at_ns, end_ns: at_ns });
        Self { start_ns: start_ns.min(at_ns), end_ns: end_ns.max(at_ns) }
    }
}

impl<W: Write> Container<W> {
    /// Writes what stands before any chunk.
    pub fn new(
        inner: W,
        profile: &str,
        library: &str,
        name: &str,
        metadata: &BTreeMap<String, String>,
    ) -> io::Result<Self> {
        let mut container = Self {
            inner,
            written_bytes: 0,
            data_crc: crc32fast::Hasher::new(),
            zstd: Compressor::new(COMPRESSION_LEVEL)?,
            chunk: Vec::new(),
            chunk_times: None,
            packed: Vec::new(),
            zipped: Vec::new(),
            summary: Summary::default(),
        };
        let mut start = mcap::MAGIC.to_vec();
        record(&mut start, op::HEADER, |fields| fields.text(profile).text(library));
        let offset = start.len() as u64;
        record(&mut start, op::METADATA, |fields| fields.text(name).map(metadata));
        let length = start.len() as u64 - offset;
        let index = &mut container.summary.metadata;
        index.count = 1;
        record(&mut index.bytes, op::METADATA_INDEX, |fields| fields.u64(offset).u64(length).text(name));
        container.write(&start)?;
        container.inner.flush()?;
        Ok(container)
    }

    /// Announces a JSON schema; returns its id. None: there are too many.
    pub fn schema(&mut self, name: &str, data: &str) -> Option<u16> {
        let schemas = &mut self.summary.schemas;
        // Zero means "none" to MCAP.
        let id = schemas.count.checked_add(1)?;
        schemas.count = id;
        let from = schemas.bytes.len();
        record(&mut schemas.bytes, op::SCHEMA, |fields| {
            fields.u16(id).text(name).text("jsonschema").text(data)
        });
        self.chunk.extend(schemas.bytes.iter().skip(from));
        Some(id)
    }

    /// Announces a channel of JSON messages; returns its id. None: there are too many.
    pub fn channel(&mut self, schema_id: u16, topic: &str) -> Option<u16> {
        let channels = &mut self.summary.channels;
        let id = channels.count;
        channels.count = id.checked_add(1)?;
        let from = channels.bytes.len();
        record(&mut channels.bytes, op::CHANNEL, |fields| {
            fields.u16(id).u16(schema_id).text(topic).text("json").map(&BTreeMap::new())
        });
        self.chunk.extend(channels.bytes.iter().skip(from));
        Some(id)
    }

    /// Writes a message on an announced channel.
    pub fn message(&mut self, channel_id: u16, sequence: u32, at_ns: u64, data: &[u8]) -> io::Result<()> {
        record(&mut self.chunk, op::MESSAGE, |fields| {
            fields.u16(channel_id).u32(sequence).u64(at_ns).u64(at_ns).raw(data)
        });
        self.chunk_times = Some(Times::with(self.chunk_times, at_ns));
        self.summary.times = Some(Times::with(self.summary.times, at_ns));
        let count = self.summary.messages.entry(channel_id).or_default();
        *count = count.saturating_add(1);
        if self.chunk.len() >= CHUNK_BYTES { self.end_chunk() } else { Ok(()) }
    }

    /// Finishes the chunk in the making and hands all to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.end_chunk()?;
        self.inner.flush()
    }

    /// Writes what stands after all chunks; returns what was written to, and the file's length in bytes.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.end_chunk()?;
        let mut end = Vec::new();
        let data_crc = self.data_crc.clone().finalize();
        record(&mut end, op::DATA_END, |fields| fields.u32(data_crc));
        let summary_start = self.written_bytes.saturating_add(end.len() as u64);
        let mut summary = self.summary.records();
        // The checksum is over part of the footer, too.
        record(&mut summary, op::FOOTER, |fields| fields.u64(summary_start).u64(0).u32(0));
        summary.truncate(summary.len().saturating_sub(4));
        let summary_crc = crc32fast::hash(&summary);
        end.append(&mut summary);
        end.extend(summary_crc.to_le_bytes());
        end.extend(mcap::MAGIC);
        self.write(&end)?;
        self.inner.flush()?;
        Ok((self.inner, self.written_bytes))
    }

    /// How long the file is if it is finished now; it may get shorter.
    pub fn finished_bytes(&self) -> u64 {
        let summary = &self.summary;
        let told =
            [&summary.schemas, &summary.channels, &summary.metadata].map(|records| records.bytes.len());
        let index = summary.index.len().saturating_add(1).saturating_mul(INDEX_RECORD_BYTES);
        let counts = summary.messages.len().saturating_mul(10);
        let more = [compress_bound(self.chunk.len()), index, counts, FRAME_BYTES];
        told.into_iter().chain(more).fold(self.written_bytes, |sum, bytes| sum.saturating_add(bytes as u64))
    }

    /// A chunk is put together in memory and written whole.
    fn end_chunk(&mut self) -> io::Result<()> {
        let Some(times) = self.chunk_times.take() else { return Ok(()) };
        self.zipped.clear();
        self.zipped.reserve(compress_bound(self.chunk.len()));
        self.zstd.compress_to_buffer(&self.chunk, &mut self.zipped)?;
        let (bytes, crc) = (self.chunk.len() as u64, crc32fast::hash(&self.chunk));
        self.packed.clear();
        record(&mut self.packed, op::CHUNK, |fields| {
            let fields = fields.u64(times.start_ns).u64(times.end_ns).u64(bytes).u32(crc).text(COMPRESSION);
            fields.u64(self.zipped.len() as u64).raw(&self.zipped)
        });
        let (offset, length) = (self.written_bytes, self.packed.len() as u64);
        self.summary.chunk(Chunk { times, offset, length, zipped_bytes: self.zipped.len() as u64, bytes });
        let packed = std::mem::take(&mut self.packed);
        self.write(&packed)?;
        self.packed = packed;
        self.chunk.clear();
        // One long message doesn't hold on to its room.
        for buffer in [&mut self.chunk, &mut self.packed, &mut self.zipped] {
            buffer.shrink_to(2 * CHUNK_BYTES);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_all(bytes)?;
        self.data_crc.update(bytes);
        self.written_bytes = self.written_bytes.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

impl Summary {
    fn chunk(&mut self, chunk: Chunk) {
        self.chunks = self.chunks.saturating_add(1);
        if self.index.len() < MAX_INDEXED_CHUNKS {
            self.index.push(chunk);
        }
    }

    fn records(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(&self.schemas.bytes);
        out.extend(&self.channels.bytes);
        let Times { start_ns, end_ns } = self.times.unwrap_or_default();
        let all = self.messages.values().fold(0_u64, |all, count| all.saturating_add(*count));
        record(&mut out, op::STATISTICS, |fields| {
            let fields = fields.u64(all).u16(self.schemas.count).u32(self.channels.count.into());
            let fields = fields.u32(0).u32(self.metadata.count.into()).u32(self.chunks);
            let fields = fields.u64(start_ns).u64(end_ns).length(self.messages.len().saturating_mul(2 + 8));
            self.messages.iter().fold(fields, |fields, (id, count)| fields.u16(*id).u64(*count))
        });
        if self.chunks as usize == self.index.len() {
            for Chunk { times, offset, length, zipped_bytes, bytes } in &self.index {
                record(&mut out, op::CHUNK_INDEX, |fields| {
                    let fields = fields.u64(times.start_ns).u64(times.end_ns).u64(*offset).u64(*length);
                    // There is no message index.
                    let fields = fields.length(0).u64(0);
                    fields.text(COMPRESSION).u64(*zipped_bytes).u64(*bytes)
                });
            }
        }
        out.extend(&self.metadata.bytes);
        out
    }
}

/// Appends a record whose fields `fill` writes.
fn record(out: &mut Vec<u8>, opcode: u8, fill: impl for<'a> FnOnce(Fields<'a>) -> Fields<'a>) {
    out.push(opcode);
    let length_at = out.len();
    out.extend([0; 8]);
    let from = out.len();
    fill(Fields(out));
    let length = (out.len() - from) as u64;
    if let Some(place) = out.get_mut(length_at..from) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Appends fields.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn raw(self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn u16(self, value: u16) -> Self {
        self.raw(&value.to_le_bytes())
    }
    fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }
    fn u64(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }
    /// Nothing of ours comes near 4 GiB.
    fn length(self, bytes: usize) -> Self {
        self.u32(u32::try_from(bytes).unwrap_or(u32::MAX))
    }
    fn text(self, text: &str) -> Self {
        self.length(text.len()).raw(text.as_bytes())
    }
    fn map(self, map: &BTreeMap<String, String>) -> Self {
        let bytes: usize = map.iter().map(|(key, value)| 4 + key.len() + 4 + value.len()).sum();
        map.iter().fold(self.length(bytes), |fields, (key, value)| fields.text(key).text(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `remembered` chunks before its own three.
    fn file(remembered: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut file = Container::new(&mut bytes, "p", "l", "n", &BTreeMap::new()).unwrap();
        for _ in 0..remembered {
            let chunk = Chunk { times: Times::default(), offset: 0, length: 0, zipped_bytes: 0, bytes: 0 };
            file.summary.chunk(chunk);
        }
        let schema = file.schema("a", "{}").unwrap();
        let channel = file.channel(schema, "/a").unwrap();
        for n in 1..=3 {
            file.message(channel, n, n.into(), b"{}").unwrap();
            file.flush().unwrap();
        }
        assert!(file.summary.index.len() <= MAX_INDEXED_CHUNKS);
        file.finish().unwrap();
        bytes
    }

    #[test]
    fn the_index_is_bounded_and_the_file_is_not() {
        let indexes = |bytes: &[u8]| mcap::Summary::read(bytes).unwrap().unwrap().chunk_indexes.len();
        let longest_indexed = file(MAX_INDEXED_CHUNKS - 3);
        let (indexed, not_indexed) = (file(0), file(MAX_INDEXED_CHUNKS - 2));
        assert_eq!(indexes(&longest_indexed), MAX_INDEXED_CHUNKS);
        assert_eq!((indexes(&indexed), indexes(&not_indexed)), (3, 0));
        assert_eq!(indexed.len() - not_indexed.len(), 3 * INDEX_RECORD_BYTES);
        let stats = |bytes: &[u8]| mcap::Summary::read(bytes).unwrap().unwrap().stats.unwrap();
        assert_eq!(stats(&not_indexed).chunk_count as usize, MAX_INDEXED_CHUNKS + 1);
        let read = |bytes: &[u8]| mcap::MessageStream::new(bytes).unwrap().map(Result::unwrap).count();
        assert_eq!((read(&indexed), read(&not_indexed)), (3, 3));
    }

    #[test]
    fn a_long_chunk_is_finished_and_its_room_given_back() {
        let mut bytes = Vec::new();
        let mut file = Container::new(&mut bytes, "p", "l", "n", &BTreeMap::new()).unwrap();
        let schema = file.schema("a", "{}").unwrap();
        let channel = file.channel(schema, "/a").unwrap();
        file.message(channel, 1, 5, &vec![b' '; 12 * CHUNK_BYTES]).unwrap();
        assert_eq!((file.summary.chunks, file.chunk.len()), (1, 0));
        for buffer in [&file.chunk, &file.packed, &file.zipped] {
            assert!(buffer.capacity() <= 2 * CHUNK_BYTES, "{}", buffer.capacity());
        }
    }
}
