//! Accepting what today's machines do.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use kit::machine::Input;
use kit::tap::{Body, SessionEvent, Write};
use replay::player::{Options, replay};
use replay::report::Outcome;
use replay::review::{self, Reviewed};
use replay::session::{Recorded, Session};
use replay::update::{self, UpdateError};

use crate::toy::{Fault, Shell, epoch, factory, record, recorded, session};

fn events(session: &Session) -> Vec<Recorded> {
    session.events().unwrap().map(Result::unwrap).collect()
}

/// What people and receivers did.
fn inputs(session: &Session) -> Vec<(std::time::Duration, Input)> {
    let input = |event: Recorded| match event.body {
        Body::In(Input::Timer) => None,
        Body::In(input) => Some((event.at, input)),
        _ => None,
    };
    events(session).into_iter().filter_map(input).collect()
}

fn rewritten(original: &Session, fault: Fault) -> Session {
    let mut bytes = Vec::new();
    update::rewrite(original, &*factory(fault), &mut bytes, false).unwrap();
    session(bytes)
}

#[test]
fn what_differs_is_accepted_and_inputs_stay() {
    let original = session(recorded(4));
    for fault in [
        Fault::None,
        Fault::Count,
        Fault::Mute,
        Fault::Twice,
        Fault::Swap,
        Fault::Later,
        Fault::Eager,
        Fault::State,
    ] {
        let updated = rewritten(&original, fault);
        let report = replay(&updated, &*factory(fault), Options::default()).unwrap();
        assert_eq!(report.outcome(), Outcome::Same, "{fault:?} {report}");
        assert_eq!(inputs(&updated), inputs(&original), "{fault:?}");
        assert_eq!(updated.about().version, env!("CARGO_PKG_VERSION"));
        assert_eq!(updated.about().notes, original.about().notes);
        // And back again.
        let back = rewritten(&updated, Fault::None);
        let outputs = |session: &Session| {
            let kept = |event: Recorded| match event.body {
                Body::Out(output) => Some((event.at, output)),
                _ => None,
            };
            events(session).into_iter().filter_map(kept).collect::<Vec<_>>()
        };
        // A wake-up later than the machine asks for is taken for that of a busy shell.
        if fault != Fault::Later {
            assert_eq!(outputs(&back), outputs(&original), "{fault:?}");
        }
    }
}

#[test]
fn what_was_written_to_a_socket_follows_its_output() {
    let (bytes, _) = record(|tap| {
        let mut shell = Shell::start(tap, "toy", epoch());
        // Events 3 and 4 are the greeting and the snapshot.
        shell.input(1, crate::toy::open(1));
        shell.session(SessionEvent::Sent { conn: 1, frames: vec![3, 4], batch: false });
        let write = |frames| Write { conns: vec![(1, 1)], frames, batch: false };
        let writes = vec![write(vec![(3, 4)]), write(vec![(0, u64::MAX), (9, 1)]), write(vec![(8, 9)])];
        shell.session(SessionEvent::Written { within_ns: 5, writes });
        shell.end();
    });
    let updated = rewritten(&session(bytes), Fault::Swap);
    let told: Vec<SessionEvent> = events(&updated)
        .into_iter()
        .filter_map(|event| match event.body {
            Body::Session(event @ (SessionEvent::Sent { .. } | SessionEvent::Written { .. })) => Some(event),
            _ => None,
        })
        .collect();
    let swapped = Write { conns: vec![(1, 1)], frames: vec![(4, 4), (3, 3)], batch: false };
    assert_eq!(
        told,
        [
            SessionEvent::Sent { conn: 1, frames: vec![4, 3], batch: false },
            SessionEvent::Written { within_ns: 5, writes: vec![swapped.clone(), swapped] },
        ]
    );
}

#[test]
fn a_panic_a_gap_and_a_cut_are_not_accepted() {
    let original = session(recorded(4));
    let panicked = update::rewrite(&original, &*factory(Fault::Panic), Vec::new(), true).unwrap_err();
    assert!(panicked.to_string().contains("toy panicked at event "), "{panicked}");
    let bytes = recorded(40);
    let cut = session(bytes[..bytes.len() - 200].to_vec());
    let refused = update::rewrite(&cut, &*factory(Fault::None), Vec::new(), false).unwrap_err();
    assert!(matches!(refused, UpdateError::Lossy { .. }), "{refused}");
    assert!(refused.to_string().ends_with("--force keeps what can"), "{refused}");
    let mut kept = Vec::new();
    update::rewrite(&cut, &*factory(Fault::None), &mut kept, true).unwrap();
    assert!(!events(&session(kept)).is_empty());

    let mut gap = Vec::new();
    let mut writer = replay::writer::SessionWriter::new(&mut gap, original.about()).unwrap();
    for event in events(&original).into_iter().take(20) {
        writer.write(event.seq, event.at, &event.service, &event.body).unwrap();
    }
    writer.write(27, epoch(), "depot", &Body::Gap(7)).unwrap();
    writer.write(28, epoch(), "toy", &Body::In(Input::Timer)).unwrap();
    writer.finish().unwrap();
    let refused =
        update::rewrite(&session(gap.clone()), &*factory(Fault::None), Vec::new(), false).unwrap_err();
    assert!(refused.to_string().contains("it has a gap of 7 events at event 27"), "{refused}");
    let mut kept = Vec::new();
    update::rewrite(&session(gap), &*factory(Fault::None), &mut kept, true).unwrap();
    let seqs: Vec<u64> = events(&session(kept)).iter().map(|event| event.seq).collect();
    assert_eq!(seqs.last_chunk(), Some(&[20, 27, 28]));
}

#[test]
fn a_session_that_cannot_be_updated_is_as_it_was() {
    let (folder, path) = kept();
    let before = std::fs::read(&path).unwrap();
    let random = update::accept(&path, &*factory(Fault::Random), false).unwrap_err();
    assert!(matches!(random, UpdateError::NotRepeatable { .. }), "{random}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "and nothing lies beside it");
    update::accept(&path, &*factory(Fault::Count), false).unwrap();
    let report = replay(&Session::open(&path).unwrap(), &*factory(Fault::Count), Options::default()).unwrap();
    assert_eq!(report.outcome(), Outcome::Same);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn kept() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.mcap");
    std::fs::write(&path, recorded(4)).unwrap();
    (folder, path)
}

fn reviewed(path: &Path, fault: Fault, answers: &str) -> (Reviewed, String) {
    let mut talk = Vec::new();
    let mut answers = Cursor::new(answers.to_owned());
    let reviewed = review::run(&[path.to_owned()], &*factory(fault), &mut answers, &mut talk).unwrap();
    (reviewed, String::from_utf8(talk).unwrap())
}

#[test]
fn a_review_accepts_rejects_and_skips() {
    let (_folder, path) = kept();
    let before = std::fs::read(&path).unwrap();
    let proposed = update::propose(&path, &*factory(Fault::Mute), false).unwrap();
    assert_eq!(proposed.file_name().unwrap(), "toy.mcap.new");
    let there = || (std::fs::read(&path).unwrap() == before, proposed.exists());

    let (done, talk) = reviewed(&path, Fault::Mute, "x\nm\ns\n");
    assert_eq!((done.skipped, there()), (1, (true, true)), "{talk}");
    assert!(talk.contains("toy.mcap: 8 differences (8 missing)\n"), "{talk}");
    assert!(talk.contains("and 5 more") && talk.contains("and 2 more"), "{talk}");
    assert!(talk.contains("one of a, r, s, m and q"), "{talk}");
    assert_eq!(talk.matches("an output is missing: +").count(), 6, "{talk}");
    // The end of the answers is no decision.
    let (done, _) = reviewed(&path, Fault::Mute, "");
    assert_eq!((done.skipped, there()), (1, (true, true)));
    // What was proposed for one program is not accepted with another.
    let (done, talk) = reviewed(&path, Fault::Count, "a\n");
    assert_eq!((done.stale, there()), (1, (true, true)), "{talk}");
    assert!(talk.contains("changed since this was proposed"), "{talk}");
    let (done, _) = reviewed(&path, Fault::Mute, "r\n");
    assert_eq!((done.rejected, there()), (1, (true, false)));
    update::propose(&path, &*factory(Fault::Mute), false).unwrap();
    let (done, _) = reviewed(&path, Fault::Mute, "a\n");
    assert_eq!((done.accepted, there()), (1, (false, false)));
    let report = replay(&Session::open(&path).unwrap(), &*factory(Fault::Mute), Options::default()).unwrap();
    assert_eq!(report.outcome(), Outcome::Same);
}
