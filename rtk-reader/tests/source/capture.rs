//! Captures of real receivers, paced by the times in them.

use std::{path::Path, time::Duration};

use proptest::{strategy::Strategy, test_runner::FileFailurePersistence};
use rtk_reader::source::{Capture, Chunk, ErrorKind, Pacer, SourceError};

use super::common::{capture, gga};

fn chunks(path: &Path) -> Vec<Chunk> {
    let mut capture = Capture::open(path).expect("a capture");
    let mut chunks = Vec::new();
    while capture.read_some(&mut chunks).expect("readable") {}
    assert_eq!(capture.damage(), None);
    chunks
}

/// What a pacer gives out, in pieces of `size` bytes: per byte, when.
fn paced(stream: &[u8], size: usize) -> (Vec<u8>, Vec<Duration>) {
    let (mut bytes, mut times) = (Vec::new(), Vec::new());
    let mut pacer = Pacer::new();
    let mut out = |at: Duration, chunk: &[u8]| {
        assert!(!chunk.is_empty() && chunk.len() <= 4096);
        bytes.extend_from_slice(chunk);
        times.extend(chunk.iter().map(|_| at));
    };
    for piece in stream.chunks(size) {
        pacer.push(piece, &mut out);
    }
    pacer.finish(&mut out);
    (bytes, times)
}

#[test]
fn every_capture_comes_whole_and_in_order() {
    let Some(counts) = capture("COUNTS.json") else { return };
    let counts: serde_json::Value = serde_json::from_slice(&std::fs::read(counts).unwrap()).unwrap();
    let mut spans = String::new();
    for (name, count) in counts.as_object().unwrap() {
        let Some(path) = capture(name) else { return };
        let framed =
            ["nmea", "ubx", "rtcm"].iter().any(|p| count[p].as_object().is_some_and(|o| !o.is_empty()));
        if !framed {
            let error = Capture::open(&path).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::NotGnss, "{name}: {error}");
            continue;
        }
        let chunks = chunks(&path);
        assert!(chunks.is_sorted_by_key(|chunk| chunk.offset), "{name}");
        assert_eq!(
            chunks.iter().flat_map(Chunk::bytes).copied().collect::<Vec<_>>(),
            std::fs::read(&path).unwrap(),
            "{name}"
        );
        let last = chunks.last().unwrap().offset.as_secs_f64();
        spans.push_str(&format!("{name} {last:.2}\n"));
    }
    eprintln!("{spans}");
    // As long as their recording took: 158 epochs, 1 Hz.
    assert!(spans.contains("pygnssutils/pygpsdata-rtcm3.log 157.00\n"), "{spans}");
}

#[test]
fn an_epoch_comes_at_once_and_the_next_a_second_later() {
    let Some(path) = capture("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let mut offsets: Vec<_> = chunks(&path).iter().map(|chunk| chunk.offset.as_millis()).collect();
    offsets.dedup();
    assert_eq!(offsets, (0..158).map(|second| second * 1000).collect::<Vec<_>>());
}

#[test]
fn the_size_of_reads_changes_nothing() {
    let Some(path) = capture("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let stream = std::fs::read(path).unwrap();
    let whole = paced(&stream, stream.len());
    assert_eq!(whole.0, stream);
    for size in [1, 7, 64, 4096] {
        assert!(paced(&stream, size) == whole, "pieces of {size}");
    }
}

#[test]
fn a_stream_without_times_runs_at_the_nominal_rate() {
    // 23,040 bytes are two seconds at 115,200 Bd.
    let line = super::common::nmea("GNTXT,01,01,02,nothing to tell");
    let stream: Vec<u8> = line.iter().copied().cycle().take(23_040).collect();
    let (bytes, times) = paced(&stream, 1000);
    assert_eq!(bytes, stream);
    assert!(
        times.last().unwrap().abs_diff(Duration::from_secs(2)) < Duration::from_millis(1),
        "{:?}",
        times.last()
    );
}

#[test]
fn garbage_between_epochs_does_not_come_in_a_rush() {
    let mut stream = gga(0);
    stream.extend(std::iter::repeat_n(0, 200_000));
    stream.extend(gga(1));
    let (bytes, times) = paced(&stream, 4096);
    assert_eq!(bytes, stream);
    let last = times.last().unwrap().as_secs();
    assert!((10..20).contains(&last), "{last} s");
}

#[test]
fn two_recordings_in_one_file_follow_each_other() {
    let one: Vec<u8> = (100..110).flat_map(gga).collect();
    let (bytes, times) = paced(&one.repeat(3), 64);
    assert_eq!(bytes, one.repeat(3));
    assert_eq!(times.last(), Some(&Duration::from_secs(29)));
}

#[test]
fn what_is_no_gnss_stream_is_told_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("letter.txt");
    std::fs::write(&path, "Dear base,\n".repeat(200_000)).unwrap();
    let error = Capture::open(&path).expect_err("a letter");
    assert!(
        matches!(error, SourceError::NotGnss { bytes, .. } if (1 << 20..2_200_000).contains(&bytes)),
        "{error}"
    );
    std::fs::write(&path, "").unwrap();
    let error = Capture::open(&path).expect_err("an empty file");
    assert!(error.to_string().contains("letter.txt is not a GNSS stream: 0 bytes came, and none"), "{error}");
    let error = Capture::open(&dir.path().join("none")).expect_err("no file");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Default::default()
    })]

    #[test]
    fn no_byte_is_lost_or_turned_around(
        stream in proptest::collection::vec(proptest::prop_oneof![
            proptest::collection::vec(proptest::num::u8::ANY, 1..300),
            (0u64..100_000).prop_map(gga),
            proptest::strategy::Just(vec![0xB5, 0x62, 1, 7, 0xFF, 0xFF]),
            proptest::strategy::Just(vec![0xD3, 0, 200]),
        ], 0..60),
        size in 1usize..5000,
    ) {
        let stream = stream.concat();
        let (bytes, times) = paced(&stream, size);
        proptest::prop_assert_eq!(bytes, stream);
        proptest::prop_assert!(times.is_sorted());
    }
}
