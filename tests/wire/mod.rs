//! Recorded clients against live services, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test may")]

pub mod stage;

use std::time::Duration;

use kit::machine::StreamEvent;
use replay::report::{DifferenceKind, Outcome, Report};
use replay::session::Session;
use replay::volatile::Rules;
use replay::window::Window;
use replay::wire::{self, Order, Rate, Url, WireError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use stage::{Fault, Live};

/// Plays a session while the services run on.
async fn play_part(
    session: &Session,
    targets: &[(&str, Url)],
    rate: Rate,
    window: Window,
) -> Result<Report, WireError> {
    play_within(session, targets, rate, window, Duration::from_secs(2)).await
}

async fn play_within(
    session: &Session,
    targets: &[(&str, Url)],
    rate: Rate,
    window: Window,
    answer_within: Duration,
) -> Result<Report, WireError> {
    let targets = targets.iter().map(|(service, url)| ((*service).to_owned(), url.clone())).collect();
    let order = Order { targets, rate, answer_within };
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
    // As a rover's library does. A number beyond all pings answers those before it.
    dispatch.handle.pong(one, 1_000).await.unwrap();
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
async fn what_comes_after_it_was_waited_for_is_late_and_nothing_else() {
    let session = recorded_day().await;
    let live = stage::faulty_dispatch(6, Fault::Slow).await;
    let (targets, within) = ([(dispatch::SERVICE, live.url())], Duration::from_millis(300));
    let report = play_within(&session, &targets, Rate::Lockstep, Window::default(), within).await.unwrap();
    live.end().await;
    assert_eq!(
        report.kinds.into_iter().collect::<Vec<_>>(),
        [(DifferenceKind::Late, 1)],
        "{:#?}",
        report.list
    );
    let first = report.first.unwrap();
    assert_eq!((first.kind, &*first.service), (DifferenceKind::Late, dispatch::SERVICE));
    assert!(first.peer.is_some(), "{first}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_told_by_its_sort_and_place() {
    use DifferenceKind::{Different, Extra, Inconsistent, Missing};
    let session = recorded_day().await;
    for (fault, kind, path, count) in [
        (Fault::Progress, Different, "$.task.progress", 1),
        (Fault::Silent, Missing, "$", 1),
        (Fault::Id, Inconsistent, "$.id", 1),
        (Fault::Mute, Missing, "$", 1),
        (Fault::Status, Different, "status", 1),
        (Fault::Twice, Extra, "$", 3),
    ] {
        let live = stage::faulty_dispatch(6, fault).await;
        let report = play(&session, dispatch::SERVICE, live.url(), Rate::Lockstep).await;
        live.end().await;
        let told = format!("{fault:?}: {report}\n{:#?}", report.list);
        assert_eq!(report.kinds.get(&kind), Some(&count), "{told}");
        assert_eq!((report.differences, report.outcome()), (count, Outcome::Differs), "{told}");
        let first = report.first.unwrap();
        assert_eq!(first.mismatch.path, path, "{told}");
        if fault == Fault::Mute {
            assert_eq!(first.mismatch.found.as_deref(), Some("no answer within 2s"));
            assert!(report.notes.iter().any(|note| note.starts_with("request ")), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_or_hangs_is_told_in_a_sentence() {
    let session = recorded_day().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url: Url = format!("http://{address}").parse().unwrap();
    // The kernel takes connections, and nobody else does.
    let (targets, within) = ([(dispatch::SERVICE, url)], Duration::from_millis(300));
    let report = play_within(&session, &targets, Rate::Asap, Window::default(), within).await.unwrap();
    assert_eq!((report.outcome().exit_code(), report.inputs < 10), (100, true), "{report}");
    assert!(report.lossy.is_some_and(|lossy| lossy.to_string().contains("fell silent")));
    assert!(
        report.notes.iter().any(|note| note == "connection 1: no answer within 300ms"),
        "{:?}",
        report.notes
    );
    drop(listener);
    let none = play_part(&session, &targets, Rate::Asap, Window::default()).await;
    let told = none.unwrap_err().to_string();
    assert!(told.starts_with(&format!("dispatch can't be reached at http://{address}: ")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_alone_is_told_what_it_is_the_cause_of() {
    let session = recorded_day().await;
    let live = stage::dispatch(7).await;
    let only = |only: &str| Window { only: Some(only.parse().unwrap()), ..Window::default() };
    let targets = [(dispatch::SERVICE, live.url())];
    let report = play_part(&session, &targets, Rate::Lockstep, only("dispatch/3")).await.unwrap();
    // It registers, says what nobody understands, and leaves.
    assert_eq!(
        (report.differences, report.inputs, report.outputs),
        (0, 4, 1),
        "{report}\n{:#?}",
        report.list
    );
    let nobody = play_part(&session, &targets, Rate::Lockstep, only("gps-status")).await;
    assert!(matches!(nobody, Err(WireError::Nothing { .. })));
    // Up to a moment nothing has been asked yet.
    let until = Window { until: Some("0".parse().unwrap()), ..Window::default() };
    assert!(play_part(&session, &targets, Rate::Lockstep, until).await.is_err());
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receivers_bytes_go_through_the_feed_or_the_service_is_skipped() {
    let recorded = stage::gps_status(gps_status::Source::Local).await;
    let console = recorded.open("/ws", "").await;
    let stream = |event| recorded.handle.stream(event);
    stream(StreamEvent::Opened { device: "base".to_owned(), baud: Some(115_200) }).await.unwrap();
    let gga = "$GNGGA,121314.00,5130.0000,N,00007.5000,W,1,12,0.80,40.0,M,46.0,M,,*";
    let sum = gga.bytes().skip(1).take_while(|byte| *byte != b'*').fold(0, |sum, byte| sum ^ byte);
    let bytes = format!("{gga}{sum:02X}\r\n").into_bytes();
    let received_at_ns = u64::try_from(recorded.handle.clock().now().as_nanos()).unwrap();
    stream(StreamEvent::Bytes { received_at_ns, bytes }).await.unwrap();
    while recorded.ask("GET", "/status", None).await.1["fixQuality"] != "gps" {
        tokio::task::yield_now().await;
    }
    recorded.handle.closed(console, Some(1000)).await.unwrap();
    let session = recorded.end().await;

    let feed = stage::gps_status(gps_status::Source::Feed).await;
    let report = play(&session, gps_status::SERVICE, feed.url(), Rate::Lockstep).await;
    feed.end().await;
    assert_eq!(report.differences, 0, "{report}\n{:#?}", report.list);
    let local = stage::gps_status(gps_status::Source::Local).await;
    let report = play(&session, gps_status::SERVICE, local.url(), Rate::Lockstep).await;
    local.end().await;
    assert_eq!((report.differences, report.inputs, report.outcome().exit_code()), (0, 0, 3));
    assert!(report.lossy.unwrap().to_string().starts_with("gps-status was skipped:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_whole_states_the_last_counts() {
    let recorded = stage::discovery().await;
    let console = recorded.open("/ws", "").await;
    for n in 1..=9 {
        let rover =
            json!({"id": format!("bvr-0{n}"), "name": "a rover", "address": format!("10.0.0.{n}:4850")});
        assert_eq!(recorded.ask("POST", "/register", Some(&rover)).await.0, 200);
    }
    let beat = json!({"battery_voltage": 23.5, "mode": 2});
    recorded.ask("POST", "/heartbeat/bvr-03", Some(&beat)).await;
    assert_eq!(recorded.ask("POST", "/heartbeat/bvr 77", Some(&beat)).await.0, 404);
    recorded.ask("GET", "/rovers", None).await;
    // What it holds back to tell it once, it tells at the latest when it stops.
    recorded.handle.closed(console, Some(1000)).await.unwrap();
    let session = recorded.end().await;
    for rate in [Rate::Lockstep, Rate::Asap] {
        let live = stage::discovery().await;
        let report = play(&session, discovery::SERVICE, live.url(), rate).await;
        live.end().await;
        assert_eq!((report.differences, report.inputs), (0, 14), "{report}\n{:#?}", report.list);
    }
    let live = stage::discovery().await;
    let stray = json!({"id": "stray", "name": "a rover", "address": "10.0.0.7:4850"});
    live.ask("POST", "/register", Some(&stray)).await;
    let report = play(&session, discovery::SERVICE, live.url(), Rate::Lockstep).await;
    live.end().await;
    // The list that was asked for, and the console's last state.
    assert!((1..=2).contains(&report.differences), "{report}\n{:#?}", report.list);
    assert!(report.list.iter().all(|difference| difference.kind == DifferenceKind::Different));
}
