//! Recordings of ours, played again.

use std::{collections::BTreeMap, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rtk_reader::source::{Capture, ErrorKind, Event, Options, Rate, SourceError, Spec};

use super::common::{self, bytes_of, gga, span};

const CHUNKS: u64 = 10;
const EPOCHS_PER_CHUNK: u64 = 20;
const START_NS: u64 = 1_800_000_000_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

type Writer = mcap::Writer<std::io::BufWriter<std::fs::File>>;

/// A file like the recorder's: chunks as the test flushes them.
fn create(path: &Path) -> Writer {
    mcap::WriteOptions::new()
        .chunk_size(None)
        .emit_message_indexes(false)
        .create(std::io::BufWriter::new(std::fs::File::create(path).unwrap()))
        .unwrap()
}

fn channel(writer: &mut Writer, topic: &str, encoding: &str) -> u16 {
    writer.add_channel(0, topic, encoding, &BTreeMap::new()).unwrap()
}

fn write(writer: &mut Writer, channel_id: u16, at: u64, data: &str) {
    let header = mcap::records::MessageHeader { channel_id, sequence: 0, log_time: at, publish_time: at };
    writer.write_to_known_channel(&header, data.as_bytes()).unwrap();
}

/// The body of a message of `in/stream`.
fn stream_event(event: &str) -> String {
    format!(r#"{{"kind":"stream","event":{event}}}"#)
}

fn received(at: u64, bytes: &[u8]) -> String {
    let bytes = STANDARD.encode(bytes);
    stream_event(&format!(r#"{{"event":"bytes","received_at_ns":{at},"bytes":"{bytes}"}}"#))
}

/// What the recorder writes: the receiver's events among other topics, a chunk every few messages.
fn record(path: &Path) -> Vec<u8> {
    let mut writer = create(path);
    let stream = channel(&mut writer, "/gps-status/in/stream", "json");
    let http = channel(&mut writer, "/gps-status/in/http", "json");
    let other = channel(&mut writer, "/other/in/stream", "cbor");
    write(&mut writer, stream, 0, &stream_event(r#"{"event":"opened","device":"x","baud":null}"#));
    let mut all = Vec::new();
    for chunk in 0..CHUNKS {
        for epoch in 0..EPOCHS_PER_CHUNK {
            let at = START_NS + (chunk * EPOCHS_PER_CHUNK + epoch) * 500_000_000;
            let bytes = gga(chunk * EPOCHS_PER_CHUNK + epoch);
            write(&mut writer, stream, at, &received(at, &bytes));
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
        for chunk in chunks.iter().filter(|chunk| !chunk.bytes().is_empty()) {
            assert!(sentences.contains(&chunk.bytes()), "wrong bytes after a flip at {at}");
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

/// Without the times: `O` with the line speed, `C` with the reason, and the bytes between as text.
fn told(events: &[Event]) -> String {
    let mut told = String::new();
    for event in events {
        match event {
            Event::Opened { baud, .. } => told.push_str(&format!("O {baud:?}\n")),
            Event::Closed { reason } => told.push_str(&format!("C {reason}\n")),
            Event::Bytes { bytes, .. } => told.push_str(&String::from_utf8_lossy(bytes)),
            Event::Ended => told.push_str("ended\n"),
        }
    }
    told
}

#[tokio::test]
async fn unplugged_and_back_happens_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.mcap");
    let mut writer = create(&path);
    let stream = channel(&mut writer, "/gps-status/in/stream", "json");
    let mut tell = |second: u64, message: &str| {
        write(&mut writer, stream, START_NS + second * SECOND_NS, message);
    };
    let at = |second: u64| START_NS + second * SECOND_NS;
    let opened = stream_event(r#"{"event":"opened","device":"/dev/ttyS1","baud":38400}"#);
    tell(0, &opened);
    tell(0, &received(at(0), &gga(0)));
    tell(1, &received(at(1), &gga(1)));
    tell(3, &stream_event(r#"{"event":"closed","reason":"/dev/ttyS1 was unplugged"}"#));
    tell(9, &opened);
    tell(10, &received(at(10), &gga(10)));
    writer.finish().unwrap();

    let mut chunks = Vec::new();
    let mut capture = Capture::open(&path).unwrap();
    while capture.read_some(&mut chunks).unwrap() {}
    let offsets: Vec<_> = chunks.iter().map(|chunk| chunk.offset.as_secs()).collect();
    assert_eq!(offsets, [0, 0, 1, 3, 9, 10]);

    let (events, result) = play(&path).await;
    result.unwrap();
    let line = |second| String::from_utf8(gga(second)).unwrap();
    // First it is a file; then it is the line that was recorded.
    let expected = format!(
        "O None\nO Some(38400)\n{}{}C /dev/ttyS1 was unplugged\nO Some(38400)\n{}ended\n",
        line(0),
        line(1),
        line(10)
    );
    assert_eq!(told(&events), expected);
    assert_eq!(span(&events), Duration::from_secs(10));
}

#[tokio::test]
async fn what_was_fed_plays_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fed.mcap");
    let mut writer = create(&path);
    let sockets = channel(&mut writer, "/gps-status/in/ws", "json");
    let mut tell = |message: serde_json::Value| {
        write(&mut writer, sockets, START_NS, &message.to_string());
    };
    let text = |conn: u64, frame: serde_json::Value| serde_json::json!({ "kind": "text", "conn": conn, "text": frame.to_string() });
    tell(serde_json::json!({ "kind": "open", "conn": 1, "path": "/ws", "query": "" }));
    tell(serde_json::json!({ "kind": "open", "conn": 2, "path": "/feed", "query": "" }));
    tell(text(2, serde_json::json!({ "type": "opened", "device": "x", "baud": null })));
    for second in 0..20 {
        let at = 5 + second * SECOND_NS;
        let bytes = STANDARD.encode(gga(second));
        let frame = serde_json::json!({ "type": "bytes", "receivedAtNs": at, "bytes": bytes });
        // A console that says the same is no feeder.
        tell(text(1, frame.clone()));
        tell(text(2, frame));
    }
    tell(serde_json::json!({ "kind": "closed", "conn": 2, "code": null }));
    writer.finish().unwrap();
    let (events, result) = play(&path).await;
    result.unwrap();
    assert_eq!(bytes_of(&events), (0..20).flat_map(gga).collect::<Vec<_>>());
    assert_eq!(span(&events), Duration::from_secs(19));
    assert!(told(&events).ends_with("C the feed was lost\nended\n"));
}

#[tokio::test]
async fn a_recording_of_a_newer_format_is_not_guessed_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.mcap");
    for (format_version, plays) in
        [("1", true), ("2", true), ("3", true), ("4", false), ("4294967296", false)]
    {
        let mut writer = create(&path);
        let about = [("format_version", format_version), ("version", "9.1.0\x1b[2J")];
        let metadata = about.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let record = mcap::records::Metadata { name: "depot".to_owned(), metadata };
        writer.write_metadata(&record).unwrap();
        let stream = channel(&mut writer, "/gps-status/in/stream", "json");
        write(&mut writer, stream, START_NS, &received(START_NS, &gga(0)));
        writer.finish().unwrap();
        let (events, result) = play(&path).await;
        if plays {
            result.unwrap();
            assert_eq!(bytes_of(&events), gga(0));
            continue;
        }
        assert_eq!(events, []);
        let error = result.expect_err("newer");
        assert_eq!(error.kind(), ErrorKind::NewerFormat);
        let expected = format!(
            "{} is a recording of format {format_version}, written by depot 9.1.0[2J, and this program knows formats \
             up to 3: play it with a newer depot",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
    }
}
