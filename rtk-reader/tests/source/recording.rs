//! Recordings of ours, played again.

use std::{collections::BTreeMap, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rtk_reader::source::{Capture, ErrorKind, Event, Options, Rate, SourceError, Spec};

use super::common::{self, bytes_of, gga, span};

const CHUNKS: u64 = 10;
const EPOCHS_PER_CHUNK: u64 = 20;

/// What the recorder writes: the receiver's events among other topics, a chunk every few messages.
fn record(path: &Path) -> Vec<u8> {
    let mut writer = mcap::WriteOptions::new()
        .chunk_size(None)
        .emit_message_indexes(false)
        .create(std::io::BufWriter::new(std::fs::File::create(path).unwrap()))
        .unwrap();
    let channel = |writer: &mut mcap::Writer<_>, topic, encoding| {
        writer.add_channel(0, topic, encoding, &BTreeMap::new()).unwrap()
    };
    let stream = channel(&mut writer, "/gps-status/in/stream", "json");
    let http = channel(&mut writer, "/gps-status/in/http", "json");
    let other = channel(&mut writer, "/other/in/stream", "cbor");
    let write = |writer: &mut mcap::Writer<_>, channel_id, at: u64, data: &str| {
        let header = mcap::records::MessageHeader { channel_id, sequence: 0, log_time: at, publish_time: at };
        writer.write_to_known_channel(&header, data.as_bytes()).unwrap();
    };
    let opened = r#"{"kind":"stream","event":{"event":"opened","device":"x","baud":null}}"#;
    write(&mut writer, stream, 0, opened);
    let mut all = Vec::new();
    for chunk in 0..CHUNKS {
        for epoch in 0..EPOCHS_PER_CHUNK {
            let at = 1_800_000_000_000_000_000 + (chunk * EPOCHS_PER_CHUNK + epoch) * 500_000_000;
            let bytes = gga(chunk * EPOCHS_PER_CHUNK + epoch);
            let data = format!(
                r#"{{"kind":"stream","event":{{"event":"bytes","received_at_ns":{at},"bytes":"{}"}}}}"#,
                STANDARD.encode(&bytes)
            );
            write(&mut writer, stream, at, &data);
            write(&mut writer, http, at, r#"{"kind":"http"}"#);
            write(&mut writer, other, at, "stream");
            all.extend(bytes);
        }
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    all
}

async fn play(path: &Path) -> (Vec<Event>, Result<(), SourceError>) {
    let options = Options { rate: Rate::Max, once: true, ..common::options(path.parent().unwrap()) };
    common::start(Spec::Path(path.to_owned()), options).all().await
}

#[tokio::test]
async fn a_recording_plays_with_its_receive_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.mcap");
    let all = record(&path);
    let (events, result) = play(&path).await;
    result.unwrap();
    assert_eq!(bytes_of(&events), all);
    assert_eq!(span(&events), Duration::from_millis((CHUNKS * EPOCHS_PER_CHUNK - 1) * 500));
    assert_eq!(events.last(), Some(&Event::Ended));
}

#[tokio::test]
async fn a_truncated_recording_plays_as_far_as_it_goes_and_tells() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.mcap");
    let all = record(&path);
    let file = std::fs::read(&path).unwrap();
    // At a third, some whole chunks are there; what was read is their front.
    std::fs::write(&path, &file[..file.len() / 3]).unwrap();
    let (events, result) = play(&path).await;
    let played = bytes_of(&events);
    let chunk = all.len() / CHUNKS as usize;
    assert!(
        all.starts_with(&played) && played.len() >= chunk && played.len().is_multiple_of(chunk),
        "{}",
        played.len()
    );
    assert_eq!(events.last(), Some(&Event::Ended));
    match result.expect_err("truncated") {
        error @ SourceError::Damaged { .. } => {
            assert_eq!(error.kind(), ErrorKind::Damaged);
            let SourceError::Damaged { damage, .. } = error else { unreachable!() };
            // The opening is a message too.
            assert_eq!(damage.messages_read, 1 + (played.len() / gga(0).len()) as u64);
            assert_eq!(damage.broken_off_at, Some((file.len() / 3) as u64));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_flipped_bit_costs_its_chunk_and_never_gives_wrong_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.mcap");
    let all = record(&path);
    let file = std::fs::read(&path).unwrap();
    let sentences: Vec<_> = all.split_inclusive(|&b| b == b'\n').collect();
    let mut lost_chunks = 0;
    // Places all over the data section; the summary behind it is not read.
    for at in (200..file.len() / 2).step_by(211) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let Ok(mut capture) = Capture::open(&path) else { continue };
        let mut chunks = Vec::new();
        while capture.read_some(&mut chunks).unwrap() {}
        for chunk in chunks {
            assert!(sentences.contains(&&chunk.bytes[..]), "wrong bytes after a flip at {at}");
        }
        lost_chunks += capture.damage().map_or(0, |damage| damage.chunks_lost);
    }
    assert!(lost_chunks > 0, "no flip hit a chunk");
}

#[tokio::test]
async fn a_recording_of_something_else_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.mcap");
    let mut writer =
        mcap::Writer::new(std::io::BufWriter::new(std::fs::File::create(&path).unwrap())).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let (events, result) = play(&path).await;
    assert_eq!(events, []);
    let error = result.expect_err("nothing to play");
    assert!(matches!(error, SourceError::NoStream { messages: 0, .. }), "{error}");
}
