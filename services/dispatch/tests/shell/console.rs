//! Consoles: one that keeps up, one that stops reading now and then, one that goes and comes back with `?since=`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;
use wire::dispatch::{ConsoleFrame, ToConsole};

use crate::{
    net::{PATIENCE, ask, connect},
    stage::{Dice, Seen, Shared},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    KeepsUp,
    StopsReading,
    ComesBack,
}

const SILENCE: Duration = Duration::from_secs(8);

pub async fn run(stage: Shared, name: &'static str, habit: Habit, seed: u64) -> turmoil::Result {
    let mut dice = Dice::new(seed);
    let mut seen = Seen::default();
    loop {
        let since = (habit == Habit::ComesBack && seen.seq > 0).then_some(seen.seq);
        let path = since.map_or("/ws/console".to_owned(), |since| format!("/ws/console?since={since}"));
        if let Some(mut socket) = connect(&path).await {
            stage.note(name, &format!("connected {path}"));
            let leaves = turmoil::elapsed() + dice.ms(3_000, 9_000);
            let mut stops = turmoil::elapsed() + dice.ms(2_000, 6_000);
            seen.begin();
            loop {
                if habit == Habit::ComesBack && turmoil::elapsed() >= leaves {
                    let _ = timeout(PATIENCE, socket.close(None)).await;
                    break;
                }
                if habit == Habit::StopsReading && turmoil::elapsed() >= stops {
                    sleep(dice.ms(3_000, 6_000)).await;
                    stops = turmoil::elapsed() + dice.ms(4_000, 9_000);
                }
                let Ok(Some(Ok(frame))) = timeout(SILENCE, socket.next()).await else { break };
                match frame {
                    Message::Text(text) => {
                        stage.note(name, &format!("< {text}"));
                        let ConsoleFrame { message, seq } = serde_json::from_str(&text)?;
                        judge(&stage, &message);
                        let snapshot = matches!(message, ToConsole::Snapshot { .. });
                        let before = seen.seq;
                        assert!(seen.take(message, seq), "{name} missed something: {seq} after {before}");
                        // Which doesn't tell of zones and missions.
                        if snapshot && !fetch(&mut seen).await {
                            break;
                        }
                    }
                    Message::Ping(_) => drop(timeout(PATIENCE, socket.flush()).await),
                    Message::Close(_) => break,
                    _ => {}
                }
                stage.lock().consoles.insert(name, seen.clone());
            }
            stage.note(name, "disconnected");
        }
        sleep(dice.ms(200, 2_000)).await;
    }
}

/// What a console is told has been committed.
fn judge(stage: &Shared, message: &ToConsole) {
    let stage = stage.lock();
    let committed = match message {
        ToConsole::TaskUpdate { task } => stage.disk.has_had(task),
        ToConsole::ZoneUpdate { zone } => stage.disk.has_had(zone),
        ToConsole::MissionUpdate { mission } => stage.disk.has_had(mission),
        ToConsole::ZoneDeleted { zone_id } => stage.disk.ledger.zones.get(*zone_id).is_none(),
        ToConsole::MissionDeleted { mission_id } => stage.disk.ledger.missions.get(*mission_id).is_none(),
        ToConsole::RoverUpdate { task_id, .. } => {
            task_id.is_none_or(|task| stage.disk.ledger.tasks.get(task).is_some())
        }
        ToConsole::Snapshot { .. } => true,
    };
    assert!(committed, "told before it was committed: {message:?}");
}

/// Zones and missions, as the console's page loads them.
async fn fetch(seen: &mut Seen) -> bool {
    for (path, into) in [("/zones", &mut seen.zones), ("/missions", &mut seen.missions)] {
        let Some((200, body)) = ask("GET", path, "", &Value::Null).await else { return false };
        let all: Vec<Value> = serde_json::from_str(&body).expect("a list");
        *into = all.into_iter().map(|row| (id(&row), row)).collect();
    }
    true
}

pub fn id(row: &Value) -> Uuid {
    row["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}
