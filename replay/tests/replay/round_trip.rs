use kit::machine::{Input, Output, StoreEvent};
use kit::proxied::{Payload, ProxyEvent, Side};
use kit::tap::{Body, Tap};
use replay::format;
use replay::player::{Options, replay};
use replay::report::Outcome;
use replay::writer::SessionWriter;

use crate::toy::{self, Fault, Shell, epoch, factory, record, recorded, session};

#[test]
fn what_was_recorded_is_read_back() {
    let events = toy::events(3);
    let (bytes, summary) = record(|tap| {
        let mut shell = Shell::start(tap, "toy", epoch());
        shell.live(3);
        shell.end();
    });
    assert_eq!((summary.events, summary.lost), (events.len() as u64, 0));
    assert_eq!(summary.bytes, bytes.len() as u64);
    let session = session(bytes);
    assert_eq!(*session.about(), toy::about());
    let read: Vec<_> = session.events().unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), events.len());
    for (read, event) in read.iter().zip(&events) {
        assert_eq!((read.seq, read.at, &*read.service), (event.seq, event.at, event.service));
        assert_eq!(json(&read.body), json(&event.body));
    }
}

#[test]
fn settings_are_told_as_they_were() {
    let settings =
        [("source", "scenario:seed=3,rate=1"), ("rate", "max"), ("record", "a \"b\"/ü.mcap"), ("host", "")];
    let notes = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let about = replay::recorder::About { version: "0.0.9".to_owned(), notes };
    let mut bytes = Vec::new();
    SessionWriter::new(&mut bytes, &about).unwrap().finish().unwrap();
    assert_eq!(*session(bytes).about(), about);
}

#[test]
fn the_same_machine_makes_no_difference() {
    let report = replay(&session(recorded(4)), &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(report.outcome(), Outcome::Same);
    let timers = 4;
    assert_eq!(report.inputs, 4 * 9 + timers);
    assert_eq!(report.outputs, 4 * (2 + 1 + 2 + 1) + timers);
    assert_eq!(report.digests.len(), 2);
    assert_eq!(report.recorded.as_millis(), 4 * 181);
    let text = report.to_string();
    assert!(text.starts_with("40 inputs, 28 outputs, 0.7 s in "), "{text}");
    assert!(text.ends_with(", 0 differences"), "{text}");
}

#[test]
fn a_digest_is_the_outputs_and_nothing_else() {
    let once = |bytes| {
        let report = replay(&session(bytes), &*factory(Fault::None), Options { twice: false }).unwrap();
        report.digests.concat()
    };
    let whole = recorded(2);
    assert_eq!(once(whole.clone()), once(whole.clone()));
    assert_ne!(once(whole), once(recorded(3)));
}

#[test]
fn services_are_replayed_side_by_side() {
    let (bytes, _) = record(|tap| {
        let (mut one, mut two) = (Shell::start(tap, "toy-1", epoch()), Shell::start(tap, "toy-2", epoch()));
        for _ in 0..3 {
            one.live(1);
            two.live(2);
        }
        one.end();
        two.live(1);
        // A service may start again in one recording.
        let mut again = Shell::start(tap, "toy-1", two.now);
        again.live(1);
        again.end();
        two.end();
    });
    let report = replay(&session(bytes.clone()), &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(report.to_string().split(", ").last(), Some("0 differences"), "{report}");
    let only_two = |service: &str, start: &kit::tap::Start| {
        let fault = if service == "toy-2" { Fault::Count } else { Fault::None };
        factory(fault)(service, start)
    };
    let report = replay(&session(bytes), &only_two, Options::default()).unwrap();
    assert_eq!((report.outcome(), report.differences), (Outcome::Differs, 1));
    assert_eq!(report.first.unwrap().service, "toy-2");
}

#[test]
fn threads_that_raced_for_the_queue_are_put_in_order() {
    let mut events = toy::events(3);
    for pair in events.chunks_exact_mut(3) {
        pair.reverse();
    }
    let mut bytes = Vec::new();
    let mut writer = SessionWriter::new(&mut bytes, &toy::about()).unwrap();
    for (n, event) in events.iter().enumerate() {
        writer.write(event.seq, event.at, event.service, &event.body).unwrap();
        if n % 5 == 0 {
            writer.flush().unwrap();
        }
    }
    writer.finish().unwrap();
    let session = session(bytes);
    let seqs: Vec<u64> = session.events().unwrap().map(|event| event.unwrap().seq).collect();
    assert_eq!(seqs, (1..=events.len() as u64).collect::<Vec<_>>());
    let report = replay(&session, &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(report.outcome(), Outcome::Same);
}

#[test]
fn every_kind_of_event_survives_the_file() {
    let (bytes, _) = record(|tap: &Tap| {
        let mut shell = Shell::start(tap, "toy", epoch());
        shell.live(1);
        let event = StoreEvent::Committed { batch: 1, error: Some("no space left".to_owned()) };
        shell.input(1, Input::Store { event });
        shell.input(1, Input::Pong { conn: 1, token: 7 });
        shell.input(1, Input::Caster { report: r#"{"clients":1}"#.to_owned() });
        let toy = tap.of("toy");
        toy.record(epoch(), Body::Out(Output::Ping { conn: 1, token: 7 }));
        toy.record(epoch(), Body::Out(Output::Commit { batch: 1, changes: "[]".to_owned() }));
        let (conn, from) = (1, Side::Client);
        let payload = Payload::text(b"hello".to_vec());
        let proxied = [
            ProxyEvent::Raw { conn, from, payload: payload.clone() },
            ProxyEvent::Body { conn, id: 1, from, payload: payload.clone() },
            ProxyEvent::Frame {
                conn,
                from,
                opcode: 1,
                fin: true,
                rsv: 0,
                masked: true,
                length: 5,
                offset: 0,
                payload,
                close: None,
                fault: None,
            },
        ];
        for event in proxied {
            tap.of("somebody").record(epoch(), Body::Proxy(event));
        }
        shell.input(1, Input::Stopping);
        shell.end();
        tap.record(epoch(), Body::Gap(3));
    });
    let mut kinds: Vec<format::Kind> =
        session(bytes).events().unwrap().map(|event| format::Kind::of(&event.unwrap().body)).collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, format::Kind::ALL);
}

fn json(body: &Body) -> String {
    let mut json = Vec::new();
    format::encode(body, &mut json).unwrap();
    String::from_utf8(json).unwrap()
}
