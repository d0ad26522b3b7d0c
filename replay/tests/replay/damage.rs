use kit::tap::Body;
use proptest::prelude::*;
use replay::format;
use replay::player::{Options, replay};
use replay::report::Outcome;
use replay::session::{OpenError, Problem, Session};
use replay::writer::{About, SessionWriter};

use crate::toy::{self, Fault, factory};

/// A session in several chunks.
fn chunked(rounds: u64, chunk_events: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = SessionWriter::new(&mut bytes, &toy::about()).unwrap();
    for (n, event) in toy::events(rounds).iter().enumerate() {
        writer.write(event.seq, event.at, event.service, &event.body).unwrap();
        if n.is_multiple_of(chunk_events) {
            writer.flush().unwrap();
        }
    }
    writer.finish().unwrap();
    bytes
}

/// Every byte of what isn't in a chunk and of each chunk's header; of the rest, one in so many.
fn interesting(whole: &[u8]) -> impl Iterator<Item = usize> {
    const CHUNK_HEADER: std::ops::Range<usize> = 0..53;
    const ONE_IN: usize = 61;
    let mut dull = vec![false; whole.len()];
    let mut at = mcap::MAGIC.len();
    while let Some((&opcode, length)) = whole[at..].split_first().filter(|(_, rest)| rest.len() > 8) {
        let length = u64::from_le_bytes(length[..8].try_into().unwrap()) as usize + 9;
        match opcode {
            mcap::records::op::CHUNK => dull[at..at + length][CHUNK_HEADER.end..].fill(true),
            mcap::records::op::SCHEMA => dull[at..at + length].fill(true),
            _ => {}
        }
        at += length;
    }
    dull.into_iter().enumerate().filter(|(n, dull)| !dull || n % ONE_IN == 0).map(|(n, _)| n)
}

/// What can be read, as text, and whether all was said to be well.
fn read(bytes: &[u8]) -> (Vec<String>, Result<(), String>) {
    let mut events = Vec::new();
    let session = match Session::from_bytes(bytes) {
        Ok(session) => session,
        Err(error) => return (events, Err(error.to_string())),
    };
    for event in session.events().unwrap() {
        match event {
            Ok(event) => events.push(line(event.seq, event.at, &event.service, &event.body)),
            Err(problem) => return (events, Err(problem.to_string())),
        }
    }
    (events, Ok(()))
}

fn line(seq: u64, at: kit::machine::Timestamp, service: &str, body: &Body) -> String {
    let mut json = Vec::new();
    format::encode(body, &mut json).unwrap();
    format!("{seq} {at:?} {service} {}", String::from_utf8(json).unwrap())
}

fn outcome(bytes: &[u8]) -> u8 {
    match Session::from_bytes(bytes) {
        Ok(session) => {
            let report = replay(&session, &*factory(Fault::None), Options { twice: false }).unwrap();
            assert_eq!(report.differences, 0, "{report}");
            report.outcome().exit_code()
        }
        Err(error) => replay::player::ReplayError::from(error).exit_code(),
    }
}

#[test]
fn a_file_cut_anywhere_gives_its_whole_beginning() {
    let whole = chunked(2, 8);
    let (all, said) = read(&whole);
    assert_eq!(said, Ok(()));
    let mut longest = 0;
    for length in interesting(&whole) {
        let (events, said) = read(&whole[..length]);
        assert_eq!(events[..], all[..events.len()], "cut at {length}");
        assert!(events.len() >= longest, "cut at {length}");
        longest = events.len();
        let said = said.unwrap_err();
        assert!(said.contains(&format!("cut off at byte {length}, after {longest} events")), "{said}");
        if length.is_multiple_of(20) {
            assert_eq!(outcome(&whole[..length]), 3, "cut at {length}");
        }
    }
    assert_eq!(longest, all.len());
    assert_eq!(outcome(&whole), 0);
}

#[test]
fn no_flipped_bit_is_believed() {
    let whole = chunked(1, 8);
    let all = read(&whole).0;
    for byte in interesting(&whole) {
        // Another bit for each byte; the property below tries the others.
        check_flip(&whole, &all, byte, (byte * 5 % 8) as u32);
    }
}

fn check_flip(whole: &[u8], all: &[String], byte: usize, bit: u32) {
    let mut damaged = whole.to_vec();
    damaged[byte] ^= 1 << bit;
    let (events, said) = read(&damaged);
    assert!(said.is_err(), "bit {bit} of byte {byte} was believed");
    assert_eq!(events[..], all[..events.len()], "bit {bit} of byte {byte}");
    if byte.is_multiple_of(101) {
        assert!([1, 3, 9, 10].contains(&outcome(&damaged)), "bit {bit} of byte {byte}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_is_believed(at in 0.0..1.0, bit in 0..8_u32, rounds in 1..3_u64, chunk in 1..20_usize) {
        let whole = chunked(rounds, chunk);
        let all = read(&whole).0;
        check_flip(&whole, &all, (at * whole.len() as f64) as usize, bit);
    }

    #[test]
    fn bytes_overwritten_removed_or_inserted_are_noticed(
        at in 0.0..1.0,
        with in proptest::collection::vec(any::<u8>(), 0..40),
        removed in 0..40_usize,
    ) {
        let whole = chunked(1, 6);
        let all = read(&whole).0;
        let at = (at * whole.len() as f64) as usize;
        let mut damaged = whole.clone();
        damaged.splice(at..(at + removed).min(whole.len()), with);
        let (events, said) = read(&damaged);
        prop_assert!(said.is_err() || damaged == whole);
        prop_assert_eq!(&events[..], &all[..events.len()]);
    }

    #[test]
    fn no_bytes_panic(tail in proptest::collection::vec(any::<u8>(), 0..2000), keep in 0.0..1.0) {
        let whole = chunked(1, 6);
        let mut bytes = whole[..(keep * whole.len() as f64) as usize].to_vec();
        bytes.extend(tail);
        let (events, _) = read(&bytes);
        prop_assert_eq!(&events[..], &read(&whole).0[..events.len()]);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let whole = chunked(2, 8);
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 1;
    let session = Session::from_bytes(flipped).unwrap();
    let report = replay(&session, &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(report.outcome(), Outcome::Lossy);
    let text = report.to_string();
    assert!(text.starts_with("the recording is damaged at byte "), "{text}");
    assert!(text.ends_with("get an undamaged copy."), "{text}");
}

#[test]
fn a_chunk_that_vanishes_is_missed() {
    let whole = chunked(4, 8);
    let chunks: Vec<usize> = whole
        .windows(4)
        .enumerate()
        .filter(|(_, bytes)| bytes == b"zstd")
        .map(|(at, _)| at - (4 + 4 + 8 + 8 + 8 + 8 + 1))
        .filter(|at| whole[*at] == mcap::records::op::CHUNK)
        .collect();
    // The first holds the start alone, each other eight events.
    for (n, chunk) in chunks.into_iter().enumerate().skip(5) {
        let mut damaged = whole.clone();
        // An opcode that a reader may skip.
        damaged[chunk] = mcap::records::op::MESSAGE_INDEX;
        let session = Session::from_bytes(damaged).unwrap();
        let problems: Vec<Problem> = session.events().unwrap().filter_map(Result::err).collect();
        let before = 1 + 8 * (n as u64 - 1);
        assert!(
            matches!(problems[..], [Problem::Damaged { events, .. }] if events == before),
            "{problems:?}"
        );
    }
}

#[test]
fn another_file_is_refused_in_a_sentence() {
    let refused = |bytes: &[u8]| {
        let error = Session::from_bytes(bytes).unwrap_err();
        (error.to_string(), replay::player::ReplayError::from(error).exit_code())
    };
    let (text, code) = refused(b"$GNGGA,,,,,,0,00,99.99,,,,,,*56\r\n");
    assert!(text.contains("is not an MCAP file (it begins with 24 47 4e 47 47 41 2c 2c);"), "{text}");
    assert_eq!(code, 9);
    assert_eq!(refused(b"").1, 3);
    let mut foreign = Vec::new();
    mcap::Writer::new(io_cursor(&mut foreign)).unwrap().finish().unwrap();
    let (text, code) = refused(&foreign);
    assert!(text.contains("no session: it lacks the metadata record `depot`"), "{text}");
    assert_eq!(code, 9);
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let mut newer = Vec::new();
    let about = About { version: "9.0.0".to_owned(), ..About::default() };
    SessionWriter::new(&mut newer, &about).unwrap().finish().unwrap();
    // "format_version", then the length of the value, then the value.
    let key = newer.windows(14).position(|bytes| bytes == b"format_version").unwrap();
    assert_eq!(newer[key + 18], b'3');
    newer[key + 18] = b'4';
    let error = Session::from_bytes(newer).unwrap_err();
    assert!(matches!(&error, OpenError::Newer { found, .. } if found == "4"));
    assert_eq!(
        error.to_string(),
        "the session is of session format 4, this program reads up to 3; update depot (the file was written by 9.0.0)"
    );
    assert_eq!(replay::player::ReplayError::from(error).exit_code(), 10);
}

fn io_cursor(bytes: &mut Vec<u8>) -> std::io::Cursor<&mut Vec<u8>> {
    std::io::Cursor::new(bytes)
}
