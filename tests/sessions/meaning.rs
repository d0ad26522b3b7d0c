//! What a session says, in lines a person can judge: the bits are compared elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use kit::machine::{Input, Output, StreamEvent, Timestamp};
use kit::tap::Body;
use replay::format::Kind;
use replay::report::Report;
use replay::session::{Recorded, Session};
use serde_json::{Value, json};
use wire::gps_status::{GpsStatus, GpsStatusFrame};

/// A session in some lines.
pub fn of(session: &Session, report: &Report) -> String {
    let events: Vec<Recorded> =
        session.events().expect("it was read before").map(|event| event.expect("undamaged")).collect();
    let start = events.first().expect("an event").at;
    let mut text = String::new();
    // Writing to a String can't fail.
    for (key, note) in &session.about().notes {
        let _ = writeln!(text, "{key}: {note}");
    }
    let seconds = report.recorded.as_secs_f64();
    let (inputs, outputs) = (report.inputs, report.outputs);
    let _ = writeln!(text, "{inputs} inputs, {outputs} outputs, {seconds:.1} s\n\nevents");
    let mut counts = BTreeMap::new();
    events.iter().for_each(|event| *counts.entry(Kind::of(&event.body).name()).or_insert(0) += 1);
    for (kind, count) in counts {
        let _ = writeln!(text, "  {kind:<12} {count}");
    }
    let _ = writeln!(text, "\ntime line");
    let mut told = Told::default();
    for event in &events {
        for line in told.lines(&event.body) {
            let _ = writeln!(text, "  +{:06.2} s  {line}", (event.at - start).as_secs_f64());
        }
    }
    let at_end = at_end(&events, start);
    let pretty = serde_json::to_string_pretty(&at_end).expect("a status is JSON");
    let _ = write!(text, "\nat the end\n{pretty}");
    text
}

/// What consoles were told last, as far as the time line shows it.
#[derive(Default)]
struct Told(BTreeMap<&'static str, String>);

impl Told {
    fn lines(&mut self, body: &Body) -> Vec<String> {
        match body {
            Body::In(input) => input_line(input).into_iter().collect(),
            Body::Out(Output::Publish { path, text, .. }) => {
                assert_eq!(path, "/ws");
                let frame: GpsStatusFrame = serde_json::from_str(text).expect("the wire's own frame");
                self.changes(&frame.data)
            }
            Body::Out(Output::Send { conn, text, .. }) => {
                let kind = serde_json::from_str::<Value>(text).expect("JSON")["type"].clone();
                let kind = kind.as_str().expect("a type");
                vec![if kind == "error" {
                    format!("told {conn}: {text}")
                } else {
                    format!("told {conn}: {kind}")
                }]
            }
            Body::Out(Output::Close { conn, code, reason }) => {
                vec![format!("closes {conn}: {code} {reason}")]
            }
            Body::Out(Output::Http { status, body, .. }) => {
                vec![format!("answered {status} {}", if body.len() > 100 { "with a status" } else { body })]
            }
            _ => Vec::new(),
        }
    }

    fn changes(&mut self, status: &GpsStatus) -> Vec<String> {
        let survey = status.survey_in.as_ref().map_or("none", |survey| match (survey.active, survey.valid) {
            (true, _) => "active",
            (false, true) => "valid",
            (false, false) => "idle",
        });
        let rtcm = status.rtcm_messages.iter().map(|message| message.number.to_string());
        let now = [
            ("connected", status.connected.to_string()),
            ("mode", word(&status.mode)),
            ("fix", word(&status.fix_quality)),
            ("position", if status.latitude.is_some() { "known" } else { "none" }.to_owned()),
            ("survey-in", survey.to_owned()),
            ("RTCM", rtcm.collect::<Vec<_>>().join(" ")),
            ("station", status.station.as_ref().map_or("none".to_owned(), |station| station.id.to_string())),
            ("receiver", status.receiver.as_ref().map_or("none".to_owned(), |r| format!("{:?}", r.model))),
            ("silences", status.errors.silences.to_string()),
            ("disconnects", status.errors.disconnects.to_string()),
        ];
        let news = now.into_iter().filter(|(what, value)| self.0.get(what) != Some(value));
        let news: Vec<_> = news.collect();
        self.0.extend(news.iter().cloned());
        news.into_iter().map(|(what, value)| format!("    {what}: {value}")).collect()
    }
}

fn input_line(input: &Input) -> Option<String> {
    Some(match input {
        Input::Http { method, path, query, .. } => format!("{method} {path} {query}"),
        Input::Open { conn, path, query } => format!("{conn} opens {path} {query}"),
        Input::Text { conn, text } => format!("{conn} says {text}"),
        Input::Lagged { conn } => format!("{conn} had lagged"),
        Input::Closed { conn, code } => format!("{conn} is gone, code {code:?}"),
        Input::Stream { event: StreamEvent::Opened { baud, .. } } => {
            format!("receiver opened, {baud:?} baud")
        }
        Input::Stream { event: StreamEvent::Closed { .. } } => "receiver closed".to_owned(),
        Input::Stream { event: StreamEvent::Ended } => "receiver's bytes ended".to_owned(),
        Input::Clock { offset_ms } => format!("system clock off by {offset_ms} ms"),
        Input::Stopping => "stopping".to_owned(),
        Input::Pong { conn, token } => format!("{conn} has taken all before {token}"),
        Input::Store { event } => format!("store {event:?}"),
        Input::Stream { event: StreamEvent::Bytes { .. } } | Input::Timer => return None,
    })
}

/// The last state. Times are checked to lie within the session, on the system's clock as the machine was told
/// it is, and then masked; satellites are counted.
fn at_end(events: &[Recorded], start: Timestamp) -> Value {
    let end = events.last().expect("an event");
    let Body::End(state) = &end.body else { panic!("the session doesn't end in order: {:?}", end.body) };
    let offset_ms = events.iter().rev().find_map(|event| match &event.body {
        Body::In(Input::Clock { offset_ms }) => Some(*offset_ms),
        _ => None,
    });
    let offset =
        Duration::from_millis(offset_ms.unwrap_or_default().try_into().expect("clocks step forward"));
    let mask = |value: &mut Value| {
        let at = Duration::from_millis(value.as_u64().expect("Unix milliseconds"));
        // A type that hasn't come since the step of the clock was last seen on the old time.
        assert!((start..=end.at + offset).contains(&at), "{at:?} is not in the session");
        *value = json!("[a time in the session]");
    };
    let mut state = state.clone();
    mask(&mut state["lastUpdate"]);
    for message in state["rtcmMessages"].as_array_mut().expect("a list") {
        mask(&mut message["lastSeen"]);
    }
    let mut satellites: BTreeMap<String, u64> = BTreeMap::new();
    for satellite in state["satellitesInView"].as_array().expect("a list") {
        let signals = satellite["signals"].as_array().expect("a list").iter();
        assert!(
            signals.map(|signal| signal["cn0Dbhz"].as_f64()).all(|cn0| cn0.is_some_and(|cn0| cn0 < 60.0))
        );
        let constellation = satellite["constellation"].as_str().expect("a name").to_owned();
        *satellites.entry(constellation).or_default() += 1;
    }
    state["satellitesInView"] = json!(satellites);
    state
}

/// As the wire writes it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).expect("a word")
}
