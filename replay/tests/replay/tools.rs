//! What can be done with a session besides replaying it.

use std::fs;
use std::path::{Path, PathBuf};

use kit::machine::Timestamp;
use kit::tap::{Body, SessionEvent, Write};
use proptest::prelude::*;
use replay::player::{Options, replay};
use replay::report::{Lossy, Outcome};
use replay::session::{Recorded, Session};
use replay::tools::redact::{Rule, Rules, Stream, redact};
use replay::tools::series::Series;
use replay::tools::{Only, OutFile, Selection, ToolError, cat, cut, diff, har, info, jsonl, raw, recover};
use tempfile::TempDir;

use crate::toy::{self, Fault, factory};

/// A session in a folder of its own.
struct Stage(TempDir);

impl Stage {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.mcap"), bytes).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn series(&self) -> Series {
        Series::open(&[self.path("in.mcap")]).unwrap()
    }

    fn out(&self, name: &str) -> OutFile {
        OutFile::create(&self.path(name), false, &[]).unwrap()
    }
}

fn events(path: &Path) -> Vec<Recorded> {
    Session::open(path).unwrap().events().unwrap().map(Result::unwrap).collect()
}

fn text(path: &Path) -> String {
    events(path)
        .iter()
        .map(|event| format!("{} {:?} {} {:?}\n", event.seq, event.at, event.service, event.body))
        .collect()
}

fn outcome(path: &Path) -> Outcome {
    replay(&Session::open(path).unwrap(), &*factory(Fault::None), Options::default()).unwrap().outcome()
}

#[test]
fn json_lines_and_back_lose_nothing() {
    let stage = Stage::new(&toy::recorded(3));
    let (count, problem) = jsonl::export(&stage.series(), stage.out("it.jsonl")).unwrap();
    assert!(problem.is_none());
    let lines = fs::read(stage.path("it.jsonl")).unwrap();
    assert_eq!(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64, count + 1);
    jsonl::import("it.jsonl", &mut &*lines, stage.out("back.mcap")).unwrap();
    assert_eq!(text(&stage.path("back.mcap")), text(&stage.path("in.mcap")));
    let notes = |name| Session::open(&stage.path(name)).unwrap().about().clone();
    assert_eq!(notes("back.mcap"), notes("in.mcap"));
    // A line taken out: the rest is numbered anew, and is a session.
    let fewer: Vec<&[u8]> = lines
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !line.windows(11).any(|w| w == b"\"ping_sent\""))
        .collect();
    let written = jsonl::import("it.jsonl", &mut &*fewer.concat(), stage.out("fewer.mcap")).unwrap();
    assert_eq!(written.events, count - 3);
    assert_eq!(outcome(&stage.path("fewer.mcap")), Outcome::Same);
    let error = jsonl::import(
        "bad",
        &mut &b"{\"depot\":{\"version\":\"\",\"notes\":{}}}\n\n{}\n"[..],
        stage.out("bad.mcap"),
    )
    .unwrap_err();
    assert!(matches!(error, ToolError::Line { line: 3, .. }), "{error}");
    assert!(!stage.path("bad.mcap").exists());
}

#[test]
fn har_and_back_keep_what_har_can_hold() {
    let stage = Stage::new(&toy::recorded(2));
    let exported = har::export(&stage.series(), stage.out("it.har")).unwrap();
    // Two connections and four requests.
    assert_eq!((exported.entries, exported.left_out), (6, 0));
    let written = fs::read_to_string(stage.path("it.har")).unwrap();
    har::import("it.har", &written, stage.out("back.mcap")).unwrap();
    let back = Series::open(&[stage.path("back.mcap")]).unwrap();
    har::export(&back, stage.out("again.har")).unwrap();
    assert_eq!(fs::read_to_string(stage.path("again.har")).unwrap(), written);
    assert!(info::info(&back).unwrap().replay.starts_with("not at core level"));
    // As a browser writes it: without ours.
    let browser = r#"{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[
        {"startedDateTime":"2026-01-01T00:00:00.5Z","time":12,"request":{"method":"GET","url":"http://depot.local:4880/status?a=b"},
         "response":{"status":200,"content":{"text":"{}"}}},
        {"startedDateTime":"2026-01-01T00:00:01Z","time":1000,"request":{"method":"GET","url":"ws://depot.local:4880/ws"},
         "response":{"status":101},"_webSocketMessages":[{"type":"receive","time":1767225601.25,"opcode":1,"data":"hi"}]}]}}"#;
    har::import("browser.har", browser, stage.out("browser.mcap")).unwrap();
    let kinds: Vec<String> = events(&stage.path("browser.mcap"))
        .iter()
        .map(|event| replay::format::Kind::of(&event.body).topic(&event.service))
        .collect();
    assert_eq!(kinds, ["/depot/in/http", "/depot/out/http", "/depot/in/ws", "/depot/out/ws", "/depot/in/ws"]);
}

#[test]
fn the_raw_stream_is_the_receivers_bytes() {
    let stage = Stage::new(&toy::recorded(4));
    let (bytes, _) = raw::export(&stage.series(), &Selection::default(), stage.out("raw")).unwrap();
    assert_eq!((bytes, fs::read(stage.path("raw")).unwrap()), (120, vec![b'$'; 120]));
}

#[test]
fn a_cut_from_the_start_replays_and_one_from_later_says_that_it_does_not() {
    let stage = Stage::new(&toy::recorded(4));
    let until = Selection { until: Some(Timestamp::from_millis(400)), ..Selection::default() };
    let first = cut::cut(&stage.series(), &until, stage.out("first.mcap")).unwrap();
    assert!(first.replayable && first.written.events > 10, "{first}");
    // Its services have no end.
    assert_eq!(outcome(&stage.path("first.mcap")), Outcome::Lossy);
    let from = Selection { from: Some(Timestamp::from_millis(400)), ..Selection::default() };
    let last = cut::cut(&stage.series(), &from, stage.out("last.mcap")).unwrap();
    assert!(!last.replayable && last.left_out > 10, "{last}");
    let report =
        replay(&Session::open(&stage.path("last.mcap")).unwrap(), &*factory(Fault::None), Options::default())
            .unwrap();
    assert!(matches!(report.lossy, Some(Lossy::MidLife { .. })), "{report}");
    assert_eq!((report.inputs, report.differences), (0, 0));
    let told = info::info(&Series::open(&[stage.path("last.mcap")]).unwrap()).unwrap();
    assert!(told.replay.starts_with("not at core level: it begins in mid-life"), "{told}");
    let only = Selection { only: Some(Only::Conn(None, 2)), ..Selection::default() };
    cut::cut(&stage.series(), &only, stage.out("two.mcap")).unwrap();
    let conns = |event: &Recorded| replay::tools::conn_of(&event.body).is_none_or(|conn| conn == 2);
    assert!(events(&stage.path("two.mcap")).iter().all(conns));
    let none = Selection { only: Some(Only::Service("nobody".to_owned())), ..Selection::default() };
    assert!(matches!(
        cut::cut(&stage.series(), &none, stage.out("none.mcap")),
        Err(ToolError::Nothing { .. })
    ));
    assert!(!stage.path("none.mcap").exists());
}

#[test]
fn what_several_were_written_is_each_ones() {
    let (bytes, _) = toy::record(|tap| {
        let mut shell = toy::Shell::start(tap, "toy", toy::epoch());
        for conn in 1..=3 {
            shell.input(1, toy::open(conn));
        }
        let write = |conns, frames| Write { conns, frames, batch: false };
        let writes = vec![write(vec![(1, 2)], vec![(3, 4)]), write(vec![(1, 1), (3, 3)], vec![(6, 7)])];
        shell.session(SessionEvent::Written { within_ns: 12_300_000, writes });
        shell.end();
    });
    let stage = Stage::new(&bytes);
    let cat = |only: Option<Only>| {
        let (mut out, selection) = (Vec::new(), Selection { only, ..Selection::default() });
        cat::cat(&stage.series(), &selection, cat::Form::Line, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once("session  within ")).map(|(_, it)| it);
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(cat(None), @"12.3 ms connections 1-2 were written events 3-4; connections 1, 3 were written events 6-7");
    let only = |conn| Some(Only::Conn(None, conn));
    insta::assert_snapshot!(cat(only(3)), @"12.3 ms connection 3 was written events 6-7");
    insta::assert_snapshot!(cat(only(4)), @"");
}

#[test]
fn a_diff_names_the_first_place() {
    let stage = Stage::new(&toy::recorded(3));
    assert!(diff::diff(&stage.series(), &stage.series()).unwrap().is_same());
    let lines = {
        jsonl::export(&stage.series(), stage.out("it.jsonl")).unwrap();
        fs::read_to_string(stage.path("it.jsonl")).unwrap()
    };
    let other = lines.replacen("\\\"count\\\":2", "\\\"count\\\":5", 1);
    assert_ne!(lines, other);
    jsonl::import("it", &mut other.as_bytes(), stage.out("other.mcap")).unwrap();
    let found = diff::diff(&stage.series(), &Series::open(&[stage.path("other.mcap")]).unwrap()).unwrap();
    assert_eq!(
        (found.different, found.first[0].topic.as_str(), found.first[0].path.as_deref()),
        (1, "/toy/out/ws", Some("$.count")),
        "{found}"
    );
}

#[test]
fn redacted_values_are_gone_and_alike() {
    let stage = Stage::new(&toy::recorded(3));
    let rules = |stream| Rules { members: vec![Rule::path("$.echo").unwrap()], addresses: true, stream };
    let refused = redact(&stage.series(), &rules(Stream::Refuse), stage.out("no.mcap")).unwrap_err();
    assert!(matches!(refused, ToolError::Stream { .. }) && !stage.path("no.mcap").exists(), "{refused}");
    let done = redact(&stage.series(), &rules(Stream::Drop), stage.out("it.mcap")).unwrap();
    assert_eq!(done.dropped_bytes, 90);
    let text = text(&stage.path("it.mcap"));
    assert!(
        !text.contains("127.0.0.1") && !text.contains("\"echo\\\":\\\"text") && text.contains("192.0.2.1"),
        "{text}"
    );
    assert!(text.contains("echo-1") && text.contains("Gap(1)"), "{text}");
}

#[test]
fn nothing_is_overwritten_by_accident() {
    let stage = Stage::new(&toy::recorded(1));
    let input = stage.path("in.mcap");
    let inputs = [input.clone()];
    assert!(matches!(OutFile::create(&input, true, &inputs), Err(ToolError::Input { .. })));
    fs::write(stage.path("there"), "x").unwrap();
    assert!(matches!(OutFile::create(&stage.path("there"), false, &inputs), Err(ToolError::Exists { .. })));
    // Given up: what was there is there, and nothing else.
    drop(OutFile::create(&stage.path("there"), true, &inputs).unwrap());
    assert_eq!(fs::read_to_string(stage.path("there")).unwrap(), "x");
    assert_eq!(fs::read_dir(stage.0.path()).unwrap().count(), 2);
    OutFile::create(&stage.path("there"), true, &inputs).unwrap().finish().unwrap();
    assert_eq!(fs::read_to_string(stage.path("there")).unwrap(), "");
}

/// A session in chunks of so many events.
fn chunked(chunk_events: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = replay::writer::SessionWriter::new(&mut bytes, &toy::about()).unwrap();
    for (n, event) in toy::events(12).iter().enumerate() {
        writer.write(event.seq, event.at, event.service, &event.body).unwrap();
        if n % chunk_events == chunk_events - 1 {
            writer.flush().unwrap();
        }
    }
    writer.finish().unwrap();
    bytes
}

fn recovered(bytes: &[u8]) -> Option<(recover::Recovery, Vec<Recorded>)> {
    let stage = Stage::new(bytes);
    let recovery = recover::recover(&stage.path("in.mcap"), stage.out("out.mcap")).ok()?;
    Some((recovery, events(&stage.path("out.mcap"))))
}

#[test]
fn a_whole_session_is_recovered_whole() {
    let bytes = chunked(20);
    let (recovery, found) = recovered(&bytes).unwrap();
    assert!(recovery.is_whole(), "{recovery}");
    assert_eq!(found.len(), toy::events(12).len());
}

#[test]
fn what_stands_behind_a_damage_is_recovered() {
    let bytes = chunked(20);
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 3] ^= 0x55;
    let (recovery, found) = recovered(&damaged).unwrap();
    assert_eq!((recovery.holes.len(), recovery.lost_events, recovery.cut_at), (1, 20, None), "{recovery}");
    assert!(recovery.lost_bytes > 0 && recovery.damaged.len() == 1, "{recovery}");
    let gaps: Vec<u64> = found
        .iter()
        .filter_map(|event| match event.body {
            Body::Gap(lost) => Some(lost),
            _ => None,
        })
        .collect();
    assert_eq!(gaps, [20]);
    assert_eq!(found.len(), toy::events(12).len() - 20 + 1);
    let hole = &recovery.holes[0];
    assert!(hole.from.is_some() && hole.duration_s > 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What is saved was recorded just so, nothing is saved twice, and what isn't there is counted.
    #[test]
    fn recovery_believes_nothing_that_was_not_written(at in 0.0..1.0_f64, flip in 1_u8.., cut in any::<bool>(), more in 0.0..1.0_f64) {
        let original = chunked(15);
        let all = toy::events(12);
        let mut bytes = original.clone();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
        let place = |at: f64| (at * original.len() as f64) as usize;
        bytes[place(at)] ^= flip;
        if cut {
            bytes.truncate(place(more));
        }
        if let Some((recovery, found)) = recovered(&bytes) {
            let saved: Vec<&Recorded> = found.iter().filter(|event| !matches!(event.body, Body::Gap(_))).collect();
            for event in &saved {
                let was = &all[usize::try_from(event.seq).unwrap() - 1];
                prop_assert_eq!(format!("{:?} {:?}", was.at, was.body), format!("{:?} {:?}", event.at, event.body));
            }
            let last = saved.last().map_or(0, |event| event.seq);
            prop_assert_eq!(saved.len() as u64 + recovery.lost_events, last);
            prop_assert!(recovery.cut_at.is_some() || last == all.len() as u64 || recovery.lost_bytes > 0);
        }
    }
}
