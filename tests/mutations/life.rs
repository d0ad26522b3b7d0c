//! What a machine was fed in a kept session, from a start to the next.

use kit::machine::{Input, StoreEvent, Timestamp};
use kit::tap::{Body, Start};
use replay::session::Session;
use serde_json::Value;

/// RFC 6455 section 7.4.1: going away. The service stopped, and wouldn't have if the session had gone on.
const GOING_AWAY: u16 = 1001;

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
