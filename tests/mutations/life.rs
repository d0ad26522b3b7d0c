//! What a machine was fed in a kept session, from a start to the next.

use kit::machine::{Input, StoreEvent, StreamEvent, Timestamp};
use kit::tap::{Body, Start};
use replay::session::Session;
use serde_json::Value;

/// RFC 6455 section 7.4.1: going away. The service stopped, and wouldn't have if the session had gone on.
const GOING_AWAY: u16 = 1001;

/// 2026-03-01T08:00:00Z.
const CAPTURED_AT: Timestamp = Timestamp::from_secs(1_772_352_000);
/// What a line of 115,200 baud brings in a tenth of a second.
const PIECE_BYTES: usize = 1_152;
const PIECE_TIME: Timestamp = Timestamp::from_millis(100);

/// One start of one service, and what came from outside.
#[derive(Clone, Debug)]
pub struct Life {
    pub service: String,
    pub start: Start,
    pub start_at: Timestamp,
    /// What the store held when it was opened; the step that opens it holds nothing.
    pub kept: Vec<Value>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub at: Timestamp,
    pub act: Act,
}

/// What happens to a machine.
#[derive(Clone, Debug)]
pub enum Act {
    Input(Input),
    /// One of the open connections dies, and its peer connects again.
    Cut(usize),
    /// One of the open connections takes nothing for a while, then all anew.
    Lags(usize),
    /// kill -9 and a new start; a commit under way is kept or not. All peers connect again.
    Restart {
        keep: bool,
    },
    /// So many commits fail from here on.
    CommitsFail(usize),
}

/// Every life in a session. What follows from the machine's own outputs (wake-ups, pongs, the fate of commits) is
/// left out: a mutated machine wants others.
pub fn lives(session: &Session) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    for event in session.events().expect("it was opened before").map(|event| event.expect("undamaged")) {
        let life = lives.iter_mut().rev().find(|life| *life.service == *event.service);
        let event_at = event.at;
        match (event.body, life) {
            (Body::Start(start), _) => lives.push(Life {
                service: event.service.to_string(),
                start,
                start_at: event.at,
                kept: Vec::new(),
                steps: Vec::new(),
            }),
            (Body::In(Input::Store { event: StoreEvent::Loading { changes } }), Some(life)) => {
                life.kept.extend(read(&changes));
            }
            (Body::In(Input::Store { event: StoreEvent::Opened { changes } }), Some(life)) => {
                life.kept.extend(read(&changes));
                let event = StoreEvent::Opened { changes: "[]".to_owned() };
                life.steps.push(Step { at: event_at, act: Act::Input(Input::Store { event }) });
            }
            (Body::In(input), Some(life)) if comes_from_outside(&input) => {
                life.steps.push(Step { at: event.at, act: Act::Input(input) });
            }
            _ => {}
        }
    }
    lives
}

/// A receiver's bytes, a tenth of a second at a time, and a console.
pub fn of_capture(bytes: &[u8]) -> Life {
    let config = serde_json::to_value(gps_status::Config::default()).expect("a configuration is JSON");
    let start = Start { version: String::new(), seed: 1, config, state: Value::Null };
    let input = |n: u32, input| Step { at: CAPTURED_AT + PIECE_TIME * n, act: Act::Input(input) };
    let device = "/dev/captured".to_owned();
    let opened = StreamEvent::Opened { device, baud: Some(115_200) };
    let mut steps = vec![
        input(0, Input::Open { conn: 1, path: "/ws".to_owned(), query: String::new() }),
        input(0, Input::Stream { event: opened }),
    ];
    for (n, piece) in (1..).zip(bytes.chunks(PIECE_BYTES)) {
        let received_at = CAPTURED_AT + PIECE_TIME * n;
        let received_at_ns = u64::try_from(received_at.as_nanos()).expect("before 2554");
        let event = StreamEvent::Bytes { received_at_ns, bytes: piece.to_vec() };
        steps.push(input(n, Input::Stream { event }));
    }
    let (service, kept) = (gps_status::SERVICE.to_owned(), Vec::new());
    Life { service, start, start_at: CAPTURED_AT, kept, steps }
}

fn read(changes: &str) -> Vec<Value> {
    serde_json::from_str(changes).expect("the store's word is a JSON array")
}

fn comes_from_outside(input: &Input) -> bool {
    !matches!(
        input,
        Input::Timer
            | Input::Pong { .. }
            | Input::Stopping
            | Input::Closed { code: Some(GOING_AWAY), .. }
            | Input::Store { event: StoreEvent::Committed { .. } }
    )
}
