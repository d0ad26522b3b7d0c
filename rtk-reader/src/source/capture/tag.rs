//! RTKLIB's time tags: `FILE.tag` beside `FILE` says when each of its pieces was received.
//!
//! Layout (RTKLIB 2.4.3, `stream.c`, and files `str2str` wrote), little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 60 | `TIMETAG RTKLIB 2.4.3`, zero-padded |
//! | 4 | the writer's millisecond tick at the start |
//! | 4 + 8 | time at the start, in GPS time: Unix-like whole seconds, and the fraction as a double |
//! | 4 + 4 (or 8) … | ticks since the start in ms, and the file's length when that piece had been written |

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use crate::Timestamp;

const MAGIC: &[u8] = b"TIMETAG RTKLIB";
const HEADER_BYTES: usize = 76;
const VERSION: &[u8] = b"TIMETAG RTKLIB 2.4.3";

/// GPS time ahead of UTC since 2017-01-01 (IERS bulletin C 52 and those after it).
const LEAP_SECONDS: u64 = 18;

/// Records looked at to tell which of the two layouts a file has.
const PROBED_RECORDS: usize = 64;

/// Where a piece of the file ends, and when it had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Since the first mark's file was opened for writing.
    pub(super) offset: Duration,
    /// Bytes of the file.
    pub(super) end: u64,
}

/// Reads marks one by one. A damaged one costs its own piece of the time line, not the rest.
pub(super) struct TagReader {
    tags: Box<dyn Read + Send>,
    wide: bool,
    file_bytes: u64,
    tick: u32,
    last: Mark,
    /// The record behind the last mark's; none at the end.
    next: Option<(u32, u64)>,
}

impl TagReader {
    /// Reads the header. `file_bytes` is the length of the file the tags belong to, `tag_bytes` theirs.
    /// Nothing is returned if these aren't tags of that file.
    pub(super) fn open(
        mut tags: impl Read + Send + 'static,
        tag_bytes: u64,
        file_bytes: u64,
    ) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        tags.by_ref().take((HEADER_BYTES + PROBED_RECORDS * 12) as u64).read_to_end(&mut head)?;
        if !head.starts_with(MAGIC) || head.len() < HEADER_BYTES {
            return Ok(None);
        }
        let records = head.split_off(HEADER_BYTES);
        let size = tag_bytes.saturating_sub(HEADER_BYTES as u64);
        let fits = |wide: bool| {
            let step: u64 = if wide { 12 } else { 8 };
            (plausible(&records, wide, file_bytes), size.is_multiple_of(step))
        };
        let wide = match (fits(false), fits(true)) {
            ((true, true), _) => false,
            (_, (true, true)) => true,
            // Cut off within a record.
            ((true, _), _) => false,
            (_, (true, _)) => true,
            _ => return Ok(None),
        };
        let last = Mark { offset: Duration::ZERO, end: 0 };
        let tags = Box::new(io::Cursor::new(records).chain(tags));
        let mut reader = Self { tags, wide, file_bytes, tick: 0, last, next: None };
        reader.next = reader.record()?;
        Ok(Some(reader))
    }

    /// The next mark, never before the last one in time or place, nor behind the end of the file; none at the
    /// end of the tags.
    pub(super) fn next_mark(&mut self) -> io::Result<Option<Mark>> {
        let Some((tick, end)) = self.next.take() else { return Ok(None) };
        self.next = self.record()?;
        // It wraps after 49.7 days. One that goes back, or the one before it, is damaged: no time passes, and
        // those that follow count from here.
        let passed = tick.wrapping_sub(self.tick);
        if passed <= u32::MAX / 2 {
            self.last.offset += Duration::from_millis(u64::from(passed));
        }
        self.tick = tick;
        // One that the next does not reach is damaged; its bytes come with the next.
        let end = self.position(end);
        if self.next.is_none_or(|(_, next)| self.position(next) >= end) {
            self.last.end = end.clamp(self.last.end, self.file_bytes.max(self.last.end));
        }
        Ok(Some(self.last))
    }

    /// Where a record's mark is in the file: a short position wraps after 4 GiB.
    fn position(&self, end: u64) -> u64 {
        if self.wide {
            return end;
        }
        let short = self.last.end & u64::from(u32::MAX);
        let carry = if end < short && short - end > u64::from(u32::MAX / 2) { 1 << 32 } else { 0 };
        self.last.end - short + end + carry
    }

    fn record(&mut self) -> io::Result<Option<(u32, u64)>> {
        let mut record = [0; 12];
        let Some(record) = record.get_mut(..if self.wide { 12 } else { 8 }) else { return Ok(None) };
        match self.tags.read_exact(record) {
            Ok(()) => Ok(Some(fields(record))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Ticks and positions that only grow, the first of them within the file (a file that was cut off has fewer
/// bytes than its tags say). A layout misread has zeros among its ticks, or ticks in its long positions.
fn plausible(records: &[u8], wide: bool, file_bytes: u64) -> bool {
    let (mut last, mut within, length) = ((0, 0), true, if wide { 12 } else { 8 });
    let any = records.is_empty() || records.len() >= length;
    any && records.chunks_exact(length).all(|record| {
        let (tick, end) = fields(record);
        within &= last.1 > 0 || end <= file_bytes;
        within &= end <= file_bytes.max(u64::from(u32::MAX));
        let grows = tick >= last.0 && end >= last.1;
        last = (tick, end);
        grows && within
    })
}

fn fields(record: &[u8]) -> (u32, u64) {
    let Some((tick, end)) = record.split_first_chunk::<4>() else { return (0, 0) };
    let end = end.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
    (u32::from_le_bytes(*tick), end)
}

/// Writes the tags of a file while it is written, for RTKLIB (`str2str -in file://FILE::T`) and for us.
#[derive(Debug)]
pub struct TagWriter<W> {
    tags: W,
    start: Timestamp,
}

impl<W: Write> TagWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut tags: W, start: Timestamp) -> io::Result<Self> {
        let mut header = [0; 60];
        for (to, from) in header.iter_mut().zip(VERSION) {
            *to = *from;
        }
        tags.write_all(&header)?;
        tags.write_all(&low_u32(start.as_millis() as u64).to_le_bytes())?;
        tags.write_all(&low_u32(start.as_secs() + LEAP_SECONDS).to_le_bytes())?;
        tags.write_all(&(f64::from(start.subsec_nanos()) / 1e9).to_le_bytes())?;
        Ok(Self { tags, start })
    }

    /// The file was `file_bytes` long when what had come until `received_at` was in it. Beyond 4 GiB the
    /// position wraps, as RTKLIB's does.
    ///
    /// # Errors
    /// What the writer says.
    pub fn mark(&mut self, received_at: Timestamp, file_bytes: u64) -> io::Result<()> {
        let tick = received_at.saturating_sub(self.start).as_millis() as u64;
        self.tags.write_all(&low_u32(tick).to_le_bytes())?;
        self.tags.write_all(&low_u32(file_bytes).to_le_bytes())
    }

    /// Hands the writer back.
    pub fn into_inner(self) -> W {
        self.tags
    }

    /// Flushes the writer.
    ///
    /// # Errors
    /// What the writer says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.tags.flush()
    }
}

/// The low half: the format's fields wrap.
fn low_u32(value: u64) -> u32 {
    (value & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Duration::from_millis(1_795_452_586_500);

    fn marks(tags: &[u8], file_bytes: u64) -> Option<Vec<(u128, u64)>> {
        let mut reader =
            TagReader::open(io::Cursor::new(tags.to_vec()), tags.len() as u64, file_bytes).unwrap()?;
        let mut marks = Vec::new();
        while let Some(mark) = reader.next_mark().unwrap() {
            marks.push((mark.offset.as_millis(), mark.end));
        }
        Some(marks)
    }

    fn written(marks: &[(u64, u64)]) -> Vec<u8> {
        let mut writer = TagWriter::new(Vec::new(), START).unwrap();
        for &(ms, end) in marks {
            writer.mark(START + Duration::from_millis(ms), end).unwrap();
        }
        writer.tags
    }

    /// The same with eight-byte positions.
    fn widened(narrow: &[u8]) -> Vec<u8> {
        let (header, records) = narrow.split_at(HEADER_BYTES);
        let wide = records.chunks(8).flat_map(|record| [record, &[0; 4]].concat());
        header.iter().copied().chain(wide).collect()
    }

    #[test]
    fn what_is_written_is_read_in_both_widths() {
        // Three narrow records are as long as two wide ones.
        for count in 0..9 {
            let expected: Vec<_> = (0..count).map(|n| (n * 200, n * 400)).collect();
            let narrow = written(&expected);
            let expected: Vec<_> = expected.iter().map(|&(ms, end)| (u128::from(ms), end)).collect();
            assert_eq!(marks(&narrow, 10_000), Some(expected.clone()), "{count} narrow");
            assert_eq!(marks(&widened(&narrow), 10_000), Some(expected), "{count} wide");
        }
    }

    #[test]
    fn the_header_is_rtklibs() {
        let tags = written(&[]);
        assert_eq!(tags.len(), HEADER_BYTES);
        assert!(tags.starts_with(b"TIMETAG RTKLIB 2.4.3\0"));
        assert_eq!(tags[64..68], 1_795_452_604u32.to_le_bytes());
        assert_eq!(tags[68..76], 0.5f64.to_le_bytes());
    }

    #[test]
    fn ticks_and_positions_wrap() {
        // Past 2^32 in both, twice.
        let expected: Vec<_> = (0..300).map(|n| (n * 40_000_000, n * 40_000_001)).collect();
        let tags = written(&expected);
        let expected: Vec<_> = expected.into_iter().map(|(ms, end)| (u128::from(ms), end)).collect();
        assert_eq!(marks(&tags, 1 << 40), Some(expected));
    }

    #[test]
    fn what_isnt_this_files_is_not_used() {
        assert_eq!(marks(b"", 100), None);
        assert_eq!(marks(b"TIMETAG RTKLIB", 100), None);
        assert_eq!(marks(&written(&[(0, 0), (100, 500), (200, 600)]), 300), None);
        assert_eq!(marks(&written(&[(100, 100), (0, 200), (300, 250)]), 300), None);
        assert_eq!(marks(&written(&[(0, 200), (100, 100), (300, 250)]), 300), None);
        assert_eq!(marks(&[0; 200], 300), None);
        let mut cut = written(&[(0, 100), (200, 300)]);
        cut.pop();
        assert_eq!(marks(&cut, 300), Some(vec![(0, 100)]));
    }

    #[test]
    fn the_tags_of_a_file_that_was_cut_off_hold_as_far_as_it_goes() {
        let tags = written(&[(0, 100), (200, 200), (400, 300), (600, 400)]);
        let expected = Some(vec![(0, 100), (200, 200), (400, 250), (600, 250)]);
        assert_eq!(marks(&tags, 250), expected);
        assert_eq!(marks(&widened(&tags), 250), expected);
    }

    #[test]
    fn a_damaged_mark_costs_no_more_than_itself() {
        // Behind the records that are probed, so that nothing refuses it.
        let count = 2 * PROBED_RECORDS as u64;
        let good: Vec<_> = (1..=count).map(|n| (n * 200, n * 400)).collect();
        let at = PROBED_RECORDS * 3 / 2 + 10;
        let damaged = [(1, 42_400), (2_000_000_000, 42_400), (21_200, 0), (21_200, 4_000_000_000)];
        for bad in damaged {
            let mut records = good.clone();
            records[at - 1] = bad;
            let narrow = written(&records);
            for tags in [widened(&narrow), narrow] {
                let read = marks(&tags, count * 400).unwrap();
                assert!(read.is_sorted(), "{bad:?}");
                // Marks stay as far apart as they were, but for what the damaged one adds or takes.
                let steps: Vec<_> = read.windows(2).map(|w| (w[1].0 - w[0].0, w[1].1 - w[0].1)).collect();
                let odd = steps.iter().filter(|&&step| step != (200, 400)).count();
                assert!(odd <= 3, "{bad:?}: {steps:?}");
                assert_eq!(read.last().unwrap().1, count * 400, "{bad:?}");
            }
        }
    }
}
