//! Recorded clients against live services, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test may")]

pub mod stage;

use std::time::Duration;

use replay::report::{DifferenceKind, Outcome, Report};
use replay::session::Session;
use replay::volatile::Rules;
use replay::window::Window;
use replay::wire::{self, Order, Rate, Url, WireError};
use serde_json::{Value, json};

use stage::Live;

/// Plays a session while the services run on.
async fn play_part(
    session: &Session,
    targets: &[(&str, Url)],
    rate: Rate,
    window: Window,
) -> Result<Report, WireError> {
    let targets = targets.iter().map(|(service, url)| ((*service).to_owned(), url.clone())).collect();
    let order = Order { targets, rate, answer_within: Duration::from_secs(2) };
    let session = session.clone();
    tokio::task::spawn_blocking(move || {
        wire::replay(&session, &order, Some(&Rules::defaults()), &window, 100)
    })
    .await
    .unwrap()
}

async fn play(session: &Session, service: &str, url: Url, rate: Rate) -> Report {
    play_part(session, &[(service, url)], rate, Window::default()).await.unwrap()
}

/// A console, two rovers, a zone, a mission that is driven to its end, one that is cancelled, a rover that is
/// lost; and requests that are refused.
async fn day(dispatch: &Live) {
    let console = dispatch.open("/ws/console", "").await;
    let [one, two] = [dispatch.open("/ws", "").await, dispatch.open("/ws", "").await];
    dispatch.say(one, &json!({"type": "register", "rover_id": "bvr-01", "task_id": null})).await;
    dispatch.say(two, &json!({"type": "register", "rover_id": "bvr-02"})).await;
    dispatch.say(two, &json!({"type": "dance"})).await;
    let zone =
        json!({"name": "yard", "waypoints": [{"x": 0.0, "y": 0.0}, {"x": 4.0, "y": 1.5, "theta": 1.57}]});
    let (status, made) = dispatch.ask("POST", "/zones", Some(&zone)).await;
    assert_eq!(status, 201, "{made}");
    let zone_id = &made["id"];
    let mission = |name: &str, rover: &str| json!({"name": name, "zoneId": zone_id, "roverId": rover});
    let (status, first) = dispatch.ask("POST", "/missions", Some(&mission("round", "bvr-01"))).await;
    assert_eq!(status, 201, "{first}");
    let (_, second) = dispatch.ask("POST", "/missions", Some(&mission("back", "bvr-02"))).await;
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let (status, task) = dispatch.ask("POST", &format!("/missions/{}/start", id(&first)), None).await;
    assert_eq!(status, 201, "{task}");
    let (_, other) = dispatch.ask("POST", &format!("/missions/{}/start", id(&second)), None).await;
    for (waypoint, progress) in [(0, 0.0), (1, 50.0)] {
        let report =
            json!({"type": "progress", "task_id": task["id"], "progress": progress, "waypoint": waypoint});
        dispatch.say(one, &report).await;
    }
    dispatch.ask("PUT", &format!("/zones/{}", id(&made)), Some(&json!({"name": "court"}))).await;
    dispatch.say(one, &json!({"type": "complete", "task_id": task["id"], "laps": 1})).await;
    let (status, cancelled) = dispatch.ask("POST", &format!("/tasks/{}/cancel", id(&other)), None).await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    dispatch.ask("GET", "/tasks?status=done", None).await;
    dispatch.ask("GET", &format!("/tasks/{}", id(&task)), None).await;
    dispatch.ask("GET", "/zones/67e55044-10b1-426f-9247-bb680e5fe0c8", None).await;
    dispatch.ask("POST", "/missions", Some(&json!({"name": "nowhere"}))).await;
    dispatch.handle.closed(two, None).await.unwrap();
    let late = dispatch.open("/ws/console", "").await;
    dispatch.ask("DELETE", &format!("/missions/{}", id(&second)), None).await;
    dispatch.handle.closed(late, Some(1000)).await.unwrap();
    dispatch.ask("GET", "/missions", None).await;
    dispatch.handle.closed(console, Some(1000)).await.unwrap();
}

pub async fn recorded_day() -> Session {
    let live = stage::dispatch(1).await;
    day(&live).await;
    live.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_dispatch_with_other_ids_does_the_same() {
    let session = recorded_day().await;
    for (seed, rate) in [(2, Rate::Lockstep), (3, Rate::Asap), (4, Rate::Times(20.0))] {
        let live = stage::dispatch(seed).await;
        let report = play(&session, dispatch::SERVICE, live.url(), rate).await;
        live.end().await;
        assert_eq!(
            (report.differences, report.outcome()),
            (0, Outcome::Same),
            "{rate:?}: {report}\n{:#?}",
            report.list
        );
        assert!((report.inputs, report.outputs) == (26, 39), "{} {}", report.inputs, report.outputs);
        assert!(report.notes.is_empty(), "{:?}", report.notes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_does_otherwise_is_told_with_its_place() {
    let session = recorded_day().await;
    let live = stage::dispatch(5).await;
    // It isn't as new as it should be.
    live.ask("POST", "/zones", Some(&json!({"name": "stray", "waypoints": [{"x": 0.0, "y": 0.0}]}))).await;
    let stray = live.open("/ws", "").await;
    live.say(stray, &json!({"type": "register", "rover_id": "bvr-09"})).await;
    live.ask("GET", "/health", None).await;
    let report = play(&session, dispatch::SERVICE, live.url(), Rate::Lockstep).await;
    live.end().await;
    assert_eq!(report.outcome(), Outcome::Differs);
    // Both consoles are told of the rover on connecting, and of nothing else.
    assert_eq!(report.kinds.get(&DifferenceKind::Extra), Some(&2), "{:#?}", report.list);
    assert_eq!(report.differences, 2, "{:#?}", report.list);
    let first = report.first.unwrap();
    assert!(first.mismatch.found.unwrap().contains("bvr-09"));
}
