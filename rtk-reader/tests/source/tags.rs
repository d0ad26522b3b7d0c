//! RTKLIB's time tags: read what `str2str` wrote, and write what it reads.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use rtk_reader::source::{Capture, TagWriter};

use super::common::{capture, gga, skip};

#[test]
fn a_file_of_str2str_is_paced_by_its_tags() {
    let Some(path) = capture("str2str-tag/rec_1hz_400B.rtcm3") else { return };
    let mut capture = Capture::open(&path).unwrap();
    let mut chunks = Vec::new();
    while capture.read_some(&mut chunks).unwrap() {}
    let marks: Vec<_> = chunks.iter().map(|chunk| (chunk.offset.as_millis(), chunk.bytes().len())).collect();
    // Its first record marks no byte; the second has two of the feeder's pieces.
    assert_eq!(marks[..4], [(302, 800), (403, 400), (610, 400), (803, 400)]);
    assert_eq!(marks.last(), Some(&(7815, 400)));
    assert_eq!(marks.iter().map(|(_, length)| length).sum::<usize>(), 16_000);
}

#[test]
fn tags_of_another_file_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.nmea");
    std::fs::write(&path, (0..10).flat_map(gga).collect::<Vec<_>>()).unwrap();
    let mut tags = TagWriter::new(Vec::new(), Duration::from_secs(1)).unwrap();
    tags.mark(Duration::from_secs(2), 1 << 20).unwrap();
    std::fs::write(dir.path().join("base.nmea.tag"), tags.into_inner()).unwrap();
    let told = Warnings::default();
    let mut chunks = Vec::new();
    let mut capture = tracing::subscriber::with_default(told.clone(), || Capture::open(&path).unwrap());
    while capture.read_some(&mut chunks).unwrap() {}
    assert_eq!(chunks.last().unwrap().offset, Duration::from_secs(9));
    // Opened to look at and to play, and told once.
    assert_eq!(told.count(), 1);
}

/// Counts what is told.
#[derive(Clone, Default)]
struct Warnings(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Warnings {
    fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_capture_that_was_cut_off_keeps_its_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.nmea");
    let stream: Vec<u8> = (0..10).flat_map(gga).collect();
    let mut tags = TagWriter::new(Vec::new(), Duration::ZERO).unwrap();
    for epoch in 1..=10 {
        tags.mark(Duration::from_millis(300) * epoch, stream.len() as u64 * u64::from(epoch) / 10).unwrap();
    }
    std::fs::write(dir.path().join("base.nmea.tag"), tags.into_inner()).unwrap();
    std::fs::write(&path, &stream[..stream.len() / 2 + 5]).unwrap();
    let mut chunks = Vec::new();
    let mut capture = Capture::open(&path).unwrap();
    while capture.read_some(&mut chunks).unwrap() {}
    let marks: Vec<_> = chunks.iter().map(|chunk| (chunk.offset.as_millis(), chunk.bytes().len())).collect();
    let epoch = stream.len() / 10;
    assert_eq!(marks, [(300, epoch), (600, epoch), (900, epoch), (1200, epoch), (1500, epoch), (1800, 5)]);
}

#[test]
fn what_stands_behind_the_last_mark_comes_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.nmea");
    let stream: Vec<u8> = (0..10).flat_map(gga).collect();
    std::fs::write(&path, &stream).unwrap();
    let mut tags = TagWriter::new(Vec::new(), Duration::ZERO).unwrap();
    tags.mark(Duration::from_secs(2), 100).unwrap();
    tags.mark(Duration::from_secs(200), 300).unwrap();
    std::fs::write(dir.path().join("base.nmea.tag"), tags.into_inner()).unwrap();
    let mut chunks = Vec::new();
    let mut capture = Capture::open(&path).unwrap();
    while capture.read_some(&mut chunks).unwrap() {}
    let marks: Vec<_> = chunks.iter().map(|chunk| (chunk.offset.as_secs(), chunk.bytes().len())).collect();
    // 198 seconds of silence are played as one.
    assert_eq!(marks, [(2, 100), (3, 200), (3, stream.len() - 300)]);
}

#[test]
fn str2str_plays_what_we_tagged() {
    let Ok(version) = Command::new("str2str").arg("-h").stderr(Stdio::piped()).output() else {
        return skip("no str2str (Debian package rtklib)");
    };
    drop(version);
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("base.nmea"), dir.path().join("copy.nmea"));
    let stream: Vec<u8> = (0..20).flat_map(gga).collect();
    std::fs::write(&path, &stream).unwrap();
    let start = Duration::from_millis(1_795_452_586_500);
    let mut tags = TagWriter::new(Vec::new(), start).unwrap();
    for epoch in 1..=20u32 {
        let end = stream.len() as u64 * u64::from(epoch) / 20;
        tags.mark(start + Duration::from_millis(100) * epoch, end).unwrap();
    }
    std::fs::write(dir.path().join("base.nmea.tag"), tags.into_inner()).unwrap();
    let mut str2str = Command::new("str2str")
        .arg("-in")
        .arg(format!("file://{}::T::x5", path.display()))
        .arg("-out")
        .arg(format!("file://{}", copy.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let clock = super::common::clock();
    let end = clock() + super::common::PATIENCE;
    let mut lengths = Vec::new();
    let copied = loop {
        let copied = std::fs::read(&copy).unwrap_or_default();
        if lengths.last() != Some(&copied.len()) {
            lengths.push(copied.len());
        }
        if copied.len() >= stream.len() || clock() > end {
            break copied;
        }
        std::thread::yield_now();
    };
    str2str.kill().unwrap();
    str2str.wait().unwrap();
    assert_eq!(String::from_utf8_lossy(&copied), String::from_utf8_lossy(&stream));
    // Without tags it copies all at once.
    assert!(lengths.len() > 3, "not paced by the tags: {lengths:?}");
}
